//! What performs the effects that the engine's state machine asks for, as `node/engine` performs them, but on a made-up clock and wire.

// What an effect is answered with is often nothing, and the engine takes it as a value.
#![allow(clippy::unit_arg)]

use crate::app::{App, Stopped};
use crate::checks::Checks;
use crate::client::GENESIS_MS;
use crate::entry;
use crate::node::{Accused, Output, Signed, Temper};
use crate::plan::Bug;
use crate::wire::Message;
use arc_malachitebft_core_consensus as core;
use arc_malachitebft_core_types as bft;
use arc_malachitebft_signing::VerifierExt;
use bft::{LinearTimeouts, SignedMessage, Timeout, TimeoutKind, ValueOrigin, ValuePayload, ValueResponse};
use core::{ConsensusMsg, Effect, Input, LivenessMsg, LocallyProposedValue, Resumable, Resume, SignedConsensusMsg};
use leither_consensus::wire::WireCommit;
use leither_consensus::{Address, BlockHeight, Leither, Part, Proposal, Value, Vote, round_of, timeouts};
use leither_pallets::params;
use leither_types::{Evidence, Height, Millis, VoteKind};
use parity_scale_codec::Encode;
use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// Heights ahead of which the engine keeps messages, and how many of each.
pub(crate) const QUEUE: (usize, usize) = (10, 500);
/// A request for a decided block is made again after so many ms.
const ASK_AGAIN_MS: u64 = 1_000;

/// Where a node falls silent that has that mistake.
const SILENT_FROM: Height = 10;
/// The engine takes in votes for a decided block for a while, which it measures on the real clock: for ever, as far as it knows. The made-up
/// clock ends it.
const LATE_MAX: Duration = Duration::from_secs(30 * 24 * 3_600);

/// A request for the block of the height under way.
struct Asked {
    at: u64,
    peer: usize,
    /// How far that peer had said to be.
    tip: Height,
}

/// Everything of a node but the state machine.
pub(crate) struct Hands {
    verifier: Checks,
    pub app: App,
    timeouts: LinearTimeouts,
    pulse_ms: u64,
    pub now: u64,
    pub timers: Vec<(Timeout, u64)>,
    /// Timers started so far; tells a cancelled one from its successor.
    started: u64,
    /// Inputs that effects gave rise to, in order.
    pub inputs: VecDeque<Input<Leither>>,
    pub outputs: Vec<Output>,
    /// How far the others are.
    pub tips: BTreeMap<usize, Height>,
    asked: Option<Asked>,
    /// The height under way was decided here, and late votes for it are taken in.
    waited: bool,
    /// Whom, or the next one after that, it asks first.
    first_asked: usize,
    pub replaying: bool,
    pub stopped: Option<Stopped>,
    pub temper: Temper,
    /// Writes to disk until power is lost.
    pub fuse: Option<u64>,
    /// Power was lost; outputs from the given one on were never made.
    pub struck: Option<usize>,
}

/// EVIDENCE-3: what the engine saw, in the chain's form, one proof an offender and kind; as in `node/engine`.
fn proofs(seen: &core::MisbehaviorEvidence<Leither>) -> Vec<Evidence> {
    let vote = |signed: &SignedMessage<Leither, Vote>| (signed.message.to_chain(), signed.signature);
    let proposal = |signed: &SignedMessage<Leither, Proposal>| (signed.message.to_chain(), signed.signature);
    let votes = seen.votes.iter().filter_map(|(_, pairs)| pairs.first());
    let proposals = seen.proposals.iter().filter_map(|(_, pairs)| pairs.first());
    let votes = votes.map(|(one, other)| Evidence::votes(vote(one), vote(other)));
    votes.chain(proposals.map(|(one, other)| Evidence::proposals(proposal(one), proposal(other)))).collect()
}

/// Polls a future that has nothing to wait for: all of our verifiers answer at once.
fn answer<F: Future>(future: F) -> Option<F::Output> {
    match std::pin::pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    }
}

impl Hands {
    /// At rest.
    pub fn new(app: App, temper: Temper) -> Result<Self, Stopped> {
        let rules = params::views::params(&*app.disk.state()).map_err(|e| e.to_string())?;
        Ok(Self {
            verifier: app.checks().clone(),
            app,
            timeouts: timeouts(&rules),
            pulse_ms: rules.pulse_min_ms,
            now: 0,
            timers: Vec::new(),
            started: 0,
            inputs: VecDeque::new(),
            outputs: Vec::new(),
            tips: BTreeMap::new(),
            asked: None,
            waited: false,
            first_asked: 0,
            replaying: false,
            stopped: None,
            temper,
            fuse: None,
            struck: None,
        })
    }

    /// A state machine that has seen nothing.
    pub fn fresh_state(&self) -> core::State<Leither> {
        let params = core::Params {
            address: Address(self.app.me),
            threshold_params: Default::default(),
            value_payload: ValuePayload::ProposalAndParts,
            enabled: true,
        };
        let height = BlockHeight(self.app.next_height());
        core::State::new(Leither, height, self.app.validators.clone(), params, QUEUE.0, QUEUE.1)
    }

    /// The input that begins a height.
    pub fn start(&self, height: Height) -> Input<Leither> {
        Input::StartHeight(BlockHeight(height), self.app.validators.clone(), false, Some(LATE_MAX), Default::default())
    }

    /// The clock that this node stamps blocks with.
    pub fn clock(&self) -> Millis {
        (GENESIS_MS + self.now).saturating_add_signed(self.temper.skew_ms)
    }

    /// Something is about to be written to disk: the moment at which a strike falls. From there on nothing is done any more.
    fn write(&mut self) -> Result<(), Stopped> {
        if let Some(left) = &mut self.fuse {
            *left = left.saturating_sub(1);
            if *left == 0 {
                self.struck.get_or_insert(self.outputs.len());
            }
        }
        match self.struck {
            Some(_) => Err("power was lost".into()),
            None => Ok(()),
        }
    }

    /// Stops the node; the first reason stands.
    pub fn stop(&mut self, why: Stopped) {
        self.stopped.get_or_insert(why);
    }

    /// The answer, or the node stops.
    pub fn sure<T>(&mut self, answer: Result<T, Stopped>) -> Option<T> {
        answer.map_err(|why| self.stop(why)).ok()
    }

    /// Takes a transaction in, and tells the others if it came from a client.
    pub fn admit(&mut self, bytes: Vec<u8>, own: bool) -> bool {
        let answer = self.app.admit(&bytes, self.clock());
        let (taken, news) = self.sure(answer).unwrap_or_default();
        if own && news {
            self.outputs.push(Output::Broadcast(Message::Tx(bytes)));
        }
        taken
    }

    /// Asks for the height under way if another node has decided it.
    pub fn catch_up(&mut self) {
        let height = self.app.next_height();
        // Who has answered, else the next in turn: who says that it is far ahead and sends nothing must not be all that is ever asked.
        let ahead = |(peer, tip): (&usize, &Height)| (*tip >= height).then_some((*peer, *tip));
        let next = self.tips.range(self.first_asked..).find_map(ahead);
        let behind = next.or_else(|| self.tips.iter().find_map(ahead));
        let waiting = self.asked.as_ref().is_some_and(|asked| self.now < asked.at + ASK_AGAIN_MS);
        if let Some((peer, tip)) = behind.filter(|_| !waiting) {
            self.first_asked = peer + 1;
            // Who does not answer is not asked again before it has said how far it is.
            self.tips.remove(&peer);
            self.asked = Some(Asked { at: self.now, peer, tip });
            self.outputs.push(Output::Send(peer, Message::Ask(height)));
        }
    }

    /// Sends a decided block to who asks for it.
    pub fn answer(&mut self, to: usize, height: Height) {
        if let Some(decided) = self.app.disk.decided(height) {
            let certificate = WireCommit(decided.certificate.clone()).into_engine();
            self.outputs.push(Output::Send(to, Message::Answer(decided.block.encode(), certificate)));
        }
    }

    fn publish(&mut self, message: Message) -> Result<(), Stopped> {
        if self.temper.bug == Some(Bug::FallsSilent) && self.app.next_height() >= SILENT_FROM {
            return Ok(());
        }
        // What is said must still be known after a crash, or it is said otherwise next time.
        self.flush()?;
        // A signature counts from here on: one that power took away before it was said binds nobody.
        match &message {
            Message::Consensus(SignedConsensusMsg::Vote(vote)) => {
                let leither_types::Vote { kind, height, round, block, .. } = vote.message.to_chain();
                self.outputs.push(Output::Signed(Signed::Vote { kind, height, round, block }));
            }
            Message::Consensus(SignedConsensusMsg::Proposal(proposal)) => {
                let Proposal { height, round, value, .. } = &proposal.message;
                self.outputs.push(Output::Signed(Signed::Proposal { height: height.0, round: *round, block: value.0 }));
            }
            _ => {}
        }
        self.outputs.push(Output::Broadcast(message));
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Stopped> {
        if !self.replaying {
            self.write()?;
            if self.temper.bug != Some(Bug::LosesFsync) {
                self.app.disk.wal.flush();
            }
            self.outputs.push(Output::Flush);
        }
        Ok(())
    }

    /// Performs an effect. An error stops the node.
    pub fn perform(&mut self, effect: Effect<Leither>) -> Result<Resume<Leither>, Stopped> {
        use Effect as E;
        Ok(match effect {
            E::CancelAllTimeouts(r) => r.resume_with(self.timers.clear()),
            E::CancelTimeout(timeout, r) => r.resume_with(self.timers.retain(|timer| timer.0 != timeout)),
            E::ScheduleTimeout(timeout, r) => r.resume_with(self.schedule(timeout)),
            E::StartRound(height, round, _, _, r) => r.resume_with(self.start_round(height.0, round_of(round))?),
            E::PublishConsensusMsg(msg, r) => r.resume_with(self.publish(Message::Consensus(msg))?),
            E::PublishLivenessMsg(msg, r) => r.resume_with(self.publish(Message::Liveness(msg))?),
            E::RepublishVote(vote, r) => r.resume_with(self.publish(Message::Liveness(LivenessMsg::Vote(vote)))?),
            E::RepublishRoundCertificate(skip, r) => {
                r.resume_with(self.publish(Message::Liveness(LivenessMsg::SkipRoundCertificate(skip)))?)
            }
            E::GetValue(height, round, _, r) => r.resume_with(self.propose(height.0, round_of(round))?),
            E::RestreamProposal(height, round, pol_round, _, id, r) => {
                let parts = self.app.restream(height.0, round_of(round), pol_round.as_u32(), id);
                r.resume_with(self.send_parts(parts))
            }
            E::CertVerifiedSyncValue(value, proposer, r) => r.resume_with(self.synced(value, proposer)),
            E::CertRejectedSyncValue(_, _, _, r) => r.resume_with(self.asked = None),
            E::Decide(certificate, _, r) => r.resume_with(self.decide(&certificate)?),
            E::Finalize(certificate, _, evidence, r) => r.resume_with(self.finalize(&certificate, evidence)),
            E::SignVote(vote, r) => r.resume_with(self.sign_vote(vote)),
            E::SignProposal(proposal, r) => r.resume_with(self.sign_proposal(proposal)),
            E::VerifySignature(msg, key, r) => r.resume_with(match &msg.message {
                ConsensusMsg::Vote(vote) => self.verifier.verify(&key, &vote.sign_bytes(self.app.signer.chain()), &msg.signature),
                ConsensusMsg::Proposal(p) => self.verifier.verify(&key, &p.sign_bytes(self.app.signer.chain()), &msg.signature),
            }),
            E::VerifyCommitCertificate(certificate, set, thresholds, r) => {
                r.resume_with(self.checked(self.verifier.verify_commit_certificate(&Leither, &certificate, &set, thresholds))?)
            }
            E::VerifyExtendedCommitCertificate(certificate, set, thresholds, policy, r) => r.resume_with(
                self.checked(self.verifier.verify_extended_commit_certificate(&Leither, &certificate, &set, thresholds, policy))?,
            ),
            E::VerifyPolkaCertificate(polka, set, thresholds, r) => {
                r.resume_with(self.checked(self.verifier.verify_polka_certificate(&Leither, &polka, &set, thresholds))?)
            }
            E::VerifyRoundCertificate(skip, set, thresholds, r) => {
                r.resume_with(self.checked(self.verifier.verify_round_certificate(&Leither, &skip, &set, thresholds))?)
            }
            E::WalAppend(height, input, r) => r.resume_with(self.append(height.0, &input)?),
            // This chain has no vote extensions: neither is ever asked for.
            E::ExtendVote(_, _, _, _, r) => r.resume_with(None),
            E::VerifyVoteExtension(_, _, _, _, _, _, r) => r.resume_with(Err(core::VoteExtensionError::InvalidVoteExtension)),
        })
    }

    fn checked<F: Future>(&self, verdict: F) -> Result<F::Output, Stopped> {
        answer(verdict).ok_or_else(|| "a verifier that waits".into())
    }

    fn append(&mut self, height: Height, input: &Input<Leither>) -> Result<(), Stopped> {
        if !self.replaying {
            self.write()?;
            match entry::encode(input) {
                Ok(bytes) => self.app.disk.wal.append(height, bytes),
                Err(error) => self.stop(format!("no form for the write-ahead log: {error}")),
            }
        }
        Ok(())
    }

    fn schedule(&mut self, mut timeout: Timeout) {
        // Late votes are waited for as long as the next height must wait for anyway.
        if let TimeoutKind::FinalizeHeight(late) = &mut timeout.kind {
            *late = Duration::from_millis(self.pulse_ms);
            self.waited = true;
        }
        self.started += 1;
        self.timers.retain(|timer| timer.0 != timeout);
        self.timers.push((timeout, self.started));
        let ms = u64::try_from(self.timeouts.duration_for(timeout).as_millis()).unwrap_or(u64::MAX);
        self.outputs.push(Output::Wake(ms, timeout, self.started));
    }

    fn start_round(&mut self, height: Height, round: u32) -> Result<(), Stopped> {
        self.flush()?;
        self.app.round = (height, round);
        self.outputs.push(Output::Round(height, round));
        let held = self.app.held(height, round, self.clock());
        let held = self.sure(held).unwrap_or_default();
        self.inputs.extend(held.into_iter().map(|value| Input::ProposedValue(value, ValueOrigin::Consensus)));
        Ok(())
    }

    fn propose(&mut self, height: Height, round: u32) -> Result<(), Stopped> {
        self.write()?;
        let proposed = self.app.propose(height, round, self.clock());
        let Some((id, parts)) = self.sure(proposed) else { return Ok(()) };
        self.outputs.push(Output::Flush);
        self.outputs.push(Output::Broadcast(Message::Parts(parts)));
        let value = LocallyProposedValue::new(BlockHeight(height), bft::Round::new(round), Value(id));
        self.inputs.push_back(Input::Propose(value));
        Ok(())
    }

    fn send_parts(&mut self, parts: Result<Vec<Part>, Stopped>) {
        let parts = self.sure(parts).unwrap_or_default();
        if !parts.is_empty() {
            self.outputs.push(Output::Broadcast(Message::Parts(parts)));
        }
    }

    fn synced(&mut self, value: ValueResponse<Leither>, proposer: Address) {
        let round = round_of(value.certificate.round);
        let found = self.app.synced(&value.value_bytes, round, proposer.0);
        match self.sure(found).flatten().filter(|found| found.value.0 == value.certificate.value_id) {
            Some(found) => self.inputs.push_back(Input::ProposedValue(found, ValueOrigin::Sync)),
            None => self.asked = None,
        }
    }

    fn decide(&mut self, certificate: &bft::CommitCertificate<Leither>) -> Result<(), Stopped> {
        self.flush()?;
        self.write()?;
        let done = self.app.commit(certificate);
        self.waited = false;
        // Whoever was asked for this block may be asked for the next one at once, and need not say again how far it is: one that makes blocks
        // alone is faster than that.
        if let Some(Asked { peer, tip, .. }) = self.asked.take() {
            self.tips.entry(peer).or_insert(tip);
            self.first_asked = peer;
        }
        if self.sure(done).is_some() {
            self.outputs.push(Output::Committed { height: certificate.height.0 });
            self.outputs.push(Output::Flush);
        }
        // The commit is on disk; what follows it may not come to be.
        self.write()
    }

    fn finalize(&mut self, decided: &bft::CommitCertificate<Leither>, evidence: core::MisbehaviorEvidence<Leither>) {
        proofs(&evidence).into_iter().for_each(|proof| self.app.accuse(proof));
        let accused = self.accused(evidence);
        self.outputs.push(Output::Evidence { height: decided.height.0, accused });
        if let Ok(wider) = leither_consensus::certificate(decided) {
            self.app.widen(wider);
        }
        let behind = self.tips.values().any(|tip| *tip >= self.app.next_height());
        self.outputs.push(Output::Next(if behind || self.waited { 0 } else { self.pulse_ms }));
    }

    /// Evidence in plain words, its signatures checked.
    fn accused(&self, evidence: core::MisbehaviorEvidence<Leither>) -> Vec<Accused> {
        let chain = self.app.signer.chain();
        let key = |who: &Address| self.app.voted.seat(&who.0).map(|seat| *seat.key());
        let mut accused = Vec::new();
        for (who, pairs) in evidence.votes {
            for pair in &pairs {
                let (one, two) = (pair.0.message.to_chain(), pair.1.message.to_chain());
                let signed = |vote: &leither_types::Vote, by| {
                    vote.validator == who.0
                        && key(&who).is_some_and(|key| self.verifier.verify(&key, &vote.sign_bytes(chain), by))
                };
                let place = (one.height, one.round, one.kind) == (two.height, two.round, two.kind);
                let proven = place && one != two && signed(&one, &pair.0.signature) && signed(&two, &pair.1.signature);
                let step = if one.kind == VoteKind::Prevote { 1 } else { 2 };
                accused.push(Accused { who: who.0, height: one.height, round: one.round, step, proven });
            }
        }
        for (who, pairs) in evidence.proposals {
            for (one, two) in &pairs {
                let signed = |p: &SignedMessage<Leither, Proposal>| {
                    p.message.proposer == who
                        && key(&who).is_some_and(|key| self.verifier.verify(&key, &p.message.sign_bytes(chain), &p.signature))
                };
                let place = (one.message.height, one.message.round) == (two.message.height, two.message.round);
                let proven = place && one.message != two.message && signed(one) && signed(two);
                let (height, round) = (one.message.height.0, one.message.round);
                accused.push(Accused { who: who.0, height, round, step: 0, proven });
            }
        }
        accused
    }

    fn sign_vote(&self, mut vote: Vote) -> SignedMessage<Leither, Vote> {
        if self.temper.bug == Some(Bug::SkipsItsLock) && vote.kind == VoteKind::Prevote {
            let block = self.app.blocks_of(vote.height.0, vote.round).first().copied();
            vote.value = block.map_or(vote.value, bft::NilOrVal::Val);
        }
        let signature = self.app.signer.vote(&vote);
        self.verifier.made(&self.app.signer.public(), &vote.sign_bytes(self.app.signer.chain()), &signature);
        SignedMessage::new(vote, signature)
    }

    fn sign_proposal(&self, proposal: Proposal) -> SignedMessage<Leither, Proposal> {
        let signature = self.app.signer.proposal(&proposal);
        self.verifier.made(&self.app.signer.public(), &proposal.sign_bytes(self.app.signer.chain()), &signature);
        SignedMessage::new(proposal, signature)
    }
}
