//! What performs the effects that the engine's state machine asks for, as `node/engine` performs them, but on a made-up clock and wire.

// What an effect is answered with is often nothing, and the engine takes it as a value.
#![allow(clippy::unit_arg)]

use crate::app::{App, Stopped};
use crate::client::GENESIS_MS;
use crate::entry;
use crate::node::{Output, Signed};
use crate::plan::Bug;
use crate::wire::Message;
use arc_malachitebft_core_consensus as core;
use arc_malachitebft_core_types as bft;
use arc_malachitebft_signing::VerifierExt;
use bft::{LinearTimeouts, SignedMessage, Timeout, ValueOrigin, ValuePayload, ValueResponse};
use core::{ConsensusMsg, Effect, Input, LivenessMsg, LocallyProposedValue, Resumable, Resume};
use leither_consensus::wire::WireCommit;
use leither_consensus::{Address, BlockHeight, Leither, Part, Proposal, Signer, Value, Verifier, Vote, round_of, timeouts};
use leither_pallets::params;
use leither_types::{Height, Millis, ValidatorId};
use parity_scale_codec::Encode;
use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::task::{Context, Poll, Waker};

/// Heights ahead of which the engine keeps messages, and how many of each.
const QUEUE: (usize, usize) = (10, 500);
/// A request for a decided block is made again after so many ms.
const ASK_AGAIN_MS: u64 = 1_000;

/// Everything of a node but the state machine.
pub(crate) struct Hands {
    name: ValidatorId,
    signer: Signer,
    verifier: Verifier,
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
    asked: Option<(Height, u64)>,
    pub replaying: bool,
    pub stopped: Option<Stopped>,
    pub bug: Option<Bug>,
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
    pub fn new(signer: Signer, app: App, bug: Option<Bug>) -> Result<Self, Stopped> {
        let rules = params::views::params(&*app.disk.state()).map_err(|e| e.to_string())?;
        Ok(Self {
            name: ValidatorId::of_key(&signer.public()),
            verifier: Verifier::new(*signer.chain()),
            signer,
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
            replaying: false,
            stopped: None,
            bug,
        })
    }

    /// A state machine that has seen nothing.
    pub fn fresh_state(&self) -> core::State<Leither> {
        let params = core::Params {
            address: Address(self.name),
            threshold_params: Default::default(),
            value_payload: ValuePayload::ProposalAndParts,
            enabled: true,
        };
        let height = BlockHeight(self.app.next_height());
        core::State::new(Leither, height, self.app.validators.clone(), params, QUEUE.0, QUEUE.1)
    }

    /// The input that begins a height.
    pub fn start(&self, height: Height) -> Input<Leither> {
        Input::StartHeight(BlockHeight(height), self.app.validators.clone(), false, None, Default::default())
    }

    /// The clock that this node stamps blocks with.
    pub fn clock(&self) -> Millis {
        GENESIS_MS + self.now
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
        let behind = self.tips.iter().find(|(_, tip)| **tip >= height).map(|(peer, _)| *peer);
        let waiting = self.asked.is_some_and(|(of, at)| of == height && self.now < at + ASK_AGAIN_MS);
        if let Some(peer) = behind.filter(|_| !waiting) {
            self.asked = Some((height, self.now));
            // Who does not answer is not asked first again.
            self.tips.remove(&peer);
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

    fn publish(&mut self, message: Message) {
        // What is said must still be known after a crash, or it is said otherwise next time.
        self.flush();
        self.outputs.push(Output::Broadcast(message));
    }

    fn flush(&mut self) {
        if !self.replaying {
            self.app.disk.wal.flush();
        }
    }

    /// Performs an effect. An error stops the node.
    pub fn perform(&mut self, effect: Effect<Leither>) -> Result<Resume<Leither>, Stopped> {
        use Effect as E;
        Ok(match effect {
            E::CancelAllTimeouts(r) => r.resume_with(self.timers.clear()),
            E::CancelTimeout(timeout, r) => r.resume_with(self.timers.retain(|timer| timer.0 != timeout)),
            E::ScheduleTimeout(timeout, r) => r.resume_with(self.schedule(timeout)),
            E::StartRound(height, round, _, _, r) => r.resume_with(self.start_round(height.0, round_of(round))),
            E::PublishConsensusMsg(msg, r) => r.resume_with(self.publish(Message::Consensus(msg))),
            E::PublishLivenessMsg(msg, r) => r.resume_with(self.publish(Message::Liveness(msg))),
            E::RepublishVote(vote, r) => r.resume_with(self.publish(Message::Liveness(LivenessMsg::Vote(vote)))),
            E::RepublishRoundCertificate(skip, r) => {
                r.resume_with(self.publish(Message::Liveness(LivenessMsg::SkipRoundCertificate(skip))))
            }
            E::GetValue(height, round, _, r) => r.resume_with(self.propose(height.0, round_of(round))),
            E::RestreamProposal(height, round, pol_round, _, id, r) => {
                let parts = self.app.restream(height.0, round_of(round), pol_round.as_u32(), id);
                r.resume_with(self.send_parts(parts))
            }
            E::CertVerifiedSyncValue(value, proposer, r) => r.resume_with(self.synced(value, proposer)),
            E::CertRejectedSyncValue(_, _, _, r) => r.resume_with(self.asked = None),
            E::Decide(certificate, _, r) => r.resume_with(self.decide(&certificate)),
            E::Finalize(_, _, _, r) => r.resume_with(self.finalize()),
            E::SignVote(vote, r) => r.resume_with(self.sign_vote(vote)),
            E::SignProposal(proposal, r) => r.resume_with(self.sign_proposal(proposal)),
            E::VerifySignature(msg, key, r) => r.resume_with(match &msg.message {
                ConsensusMsg::Vote(vote) => self.verifier.vote(vote, &msg.signature, &key),
                ConsensusMsg::Proposal(proposal) => self.verifier.proposal(proposal, &msg.signature, &key),
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
            E::WalAppend(height, input, r) => r.resume_with(self.append(height.0, &input)),
            // This chain has no vote extensions: neither is ever asked for.
            E::ExtendVote(_, _, _, _, r) => r.resume_with(None),
            E::VerifyVoteExtension(_, _, _, _, _, _, r) => r.resume_with(Err(core::VoteExtensionError::InvalidVoteExtension)),
        })
    }

    fn checked<F: Future>(&self, verdict: F) -> Result<F::Output, Stopped> {
        answer(verdict).ok_or_else(|| "a verifier that waits".into())
    }

    fn append(&mut self, height: Height, input: &Input<Leither>) {
        if !self.replaying {
            match entry::encode(input) {
                Ok(bytes) => self.app.disk.wal.append(height, bytes),
                Err(error) => self.stop(format!("no form for the write-ahead log: {error}")),
            }
        }
    }

    fn schedule(&mut self, timeout: Timeout) {
        self.started += 1;
        self.timers.retain(|timer| timer.0 != timeout);
        self.timers.push((timeout, self.started));
        let ms = u64::try_from(self.timeouts.duration_for(timeout).as_millis()).unwrap_or(u64::MAX);
        self.outputs.push(Output::Wake(ms, timeout, self.started));
    }

    fn start_round(&mut self, height: Height, round: u32) {
        self.flush();
        self.outputs.push(Output::Round(height, round));
        let held = self.app.held(height, round, self.clock());
        let held = self.sure(held).unwrap_or_default();
        self.inputs.extend(held.into_iter().map(|value| Input::ProposedValue(value, ValueOrigin::Consensus)));
    }

    fn propose(&mut self, height: Height, round: u32) {
        let proposed = self.app.propose(height, round, self.clock());
        let Some((id, parts)) = self.sure(proposed) else { return };
        self.outputs.push(Output::Broadcast(Message::Parts(parts)));
        let value = LocallyProposedValue::new(BlockHeight(height), bft::Round::new(round), Value(id));
        self.inputs.push_back(Input::Propose(value));
    }

    fn send_parts(&mut self, parts: Result<Vec<Part>, Stopped>) {
        let parts = self.sure(parts).unwrap_or_default();
        if !parts.is_empty() {
            self.outputs.push(Output::Broadcast(Message::Parts(parts)));
        }
    }

    fn synced(&mut self, value: ValueResponse<Leither>, proposer: Address) {
        let round = round_of(value.certificate.round);
        let found = self.app.synced(&value.value_bytes, round, proposer.0, self.clock());
        match self.sure(found).flatten().filter(|found| found.value.0 == value.certificate.value_id) {
            Some(found) => self.inputs.push_back(Input::ProposedValue(found, ValueOrigin::Sync)),
            None => self.asked = None,
        }
    }

    fn decide(&mut self, certificate: &bft::CommitCertificate<Leither>) {
        self.flush();
        let done = self.app.commit(certificate);
        if self.sure(done).is_some() {
            self.outputs.push(Output::Committed(certificate.height.0));
        }
    }

    fn finalize(&mut self) {
        let behind = self.tips.values().any(|tip| *tip >= self.app.next_height());
        self.outputs.push(Output::Next(if behind { 0 } else { self.pulse_ms }));
    }

    fn sign_vote(&mut self, vote: Vote) -> SignedMessage<Leither, Vote> {
        let plain = vote.to_chain();
        self.outputs.push(Output::Signed(Signed::Vote {
            kind: plain.kind,
            height: plain.height,
            round: plain.round,
            block: plain.block,
        }));
        let signature = self.signer.vote(&vote);
        SignedMessage::new(vote, signature)
    }

    fn sign_proposal(&mut self, proposal: Proposal) -> SignedMessage<Leither, Proposal> {
        let Proposal { height, round, value, .. } = &proposal;
        self.outputs.push(Output::Signed(Signed::Proposal { height: height.0, round: *round, block: value.0 }));
        let signature = self.signer.proposal(&proposal);
        SignedMessage::new(proposal, signature)
    }
}
