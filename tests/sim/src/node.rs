//! One simulated node: the engine's state machine, fed with timers and messages; its effects are performed by [`Hands`].

use crate::app::{App, Load, Stopped};
use crate::entry;
use crate::hands::Hands;
use crate::plan::Bug;
use crate::villains::Means;
use crate::wire::Message;
use arc_malachitebft_core_consensus as core;
use arc_malachitebft_core_types as bft;
use arc_malachitebft_metrics::Metrics;
use bft::{Timeout, TimeoutKind, ValueOrigin, ValueResponse};
use core::{Error, Input, LivenessMsg, PeerId, SignedConsensusMsg};
use leither_consensus::Leither;
use leither_types::{Hash, Height, ValidatorId, VoteKind};

/// What a node wants of the world.
#[derive(Debug)]
pub enum Output {
    /// Send to all others.
    Broadcast(Message),
    /// Send to one.
    Send(usize, Message),
    /// Call [`Node::timer`] after so many ms.
    Wake(u64, Timeout, u64),
    /// Call [`Node::start_height`] after so many ms.
    Next(u64),
    /// A signature was made and is about to be said.
    Signed(Signed),
    /// A round began.
    Round(Height, u32),
    /// This height was committed.
    Committed {
        /// Which.
        height: Height,
    },
    /// What the engine knows of two-faced validators when a height is over.
    Evidence {
        /// Which height.
        height: Height,
        /// Of whom.
        accused: Vec<Accused>,
    },
    /// Something was written to disk durably: what follows waits for it.
    Flush,
}

/// What an evidence says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accused {
    /// Who signed twice.
    pub who: ValidatorId,
    /// In which height.
    pub height: Height,
    /// In which round.
    pub round: u32,
    /// 0 proposal, 1 prevote, 2 precommit.
    pub step: u8,
    /// Whether both signatures are the accused's, and on different things.
    pub proven: bool,
}

/// What makes a node other than the rest.
#[derive(Clone, Copy, Debug, Default)]
pub struct Temper {
    /// A planted mistake.
    pub bug: Option<Bug>,
    /// A villain that forgets.
    pub forgets: bool,
    /// How wrong its clock is.
    pub skew_ms: i64,
}

/// What a signature says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signed {
    /// A prevote or precommit.
    Vote {
        /// Which.
        kind: VoteKind,
        /// Of which height.
        height: Height,
        /// In which round.
        round: u32,
        /// For which block, if for any.
        block: Option<Hash>,
    },
    /// A proposal.
    Proposal {
        /// Of which height.
        height: Height,
        /// In which round.
        round: u32,
        /// Which block.
        block: Hash,
    },
}

/// A node that runs.
pub struct Node {
    state: core::State<Leither>,
    metrics: Metrics,
    hands: Hands,
}

/// The wire name of a simulated node, as the engine wants it: an identity multihash.
fn peer(n: usize) -> Option<PeerId> {
    let n = (n as u32).to_be_bytes();
    PeerId::from_bytes(&[0, 4, n[0], n[1], n[2], n[3]]).ok()
}

impl Node {
    /// Ready to start.
    pub fn new(app: App, temper: Temper) -> Result<Self, Stopped> {
        let hands = Hands::new(app, temper)?;
        Ok(Self { state: hands.fresh_state(), metrics: Metrics::new(), hands })
    }

    /// The chain's half.
    pub fn app(&self) -> &App {
        &self.hands.app
    }

    /// What survives: for a node that crashes.
    pub fn into_app(self) -> App {
        self.hands.app
    }

    /// The height that it works on.
    pub fn height(&self) -> Height {
        self.state.height().0
    }

    /// The height and round that it works on.
    pub fn place(&self) -> (Height, u32) {
        (self.state.height().0, self.state.round().as_u32().unwrap_or_default())
    }

    /// Why it has stopped, if it has.
    pub fn stopped(&self) -> Option<&Stopped> {
        self.hands.stopped.as_ref().filter(|_| self.hands.struck.is_none())
    }

    /// Lets power fail just before the n-th write to disk from now on.
    pub fn strike(&mut self, after: u64) {
        self.hands.fuse = Some(after.max(1));
    }

    /// Whether power has failed.
    pub fn is_struck(&self) -> bool {
        self.hands.struck.is_some()
    }

    /// How much it keeps because others told it.
    pub fn load(&self) -> Load {
        Load { queued: self.state.input_queue.size(), ..self.hands.app.load() }
    }

    /// What a villain says where an honest node would say `message`; of an honest node, that.
    pub fn say(&mut self, others: &[usize], to: usize, message: &Message) -> Vec<Message> {
        let Some(mut villain) = self.hands.app.villain.take() else { return vec![message.clone()] };
        let said = villain.send(&self.means(others), to, message);
        self.hands.app.villain = Some(villain);
        said
    }

    /// What a villain says unasked.
    pub fn tick(&mut self, others: &[usize]) -> Vec<(usize, Message)> {
        let Some(mut villain) = self.hands.app.villain.take() else { return Vec::new() };
        let said = villain.tick(&self.means(others));
        self.hands.app.villain = Some(villain);
        said
    }

    fn means<'a>(&'a self, others: &'a [usize]) -> Means<'a> {
        let app = &self.hands.app;
        Means { signer: &app.signer, me: app.me, app, others, height: self.height() }
    }

    /// Begins the next height, or goes on with it after a crash.
    pub fn start_height(&mut self, now: u64) -> Vec<Output> {
        self.hands.now = now;
        if self.hands.app.choose_key() {
            // The engine votes by one key as long as it lives; with another one it is begun anew, as in the real node.
            self.state = self.hands.fresh_state();
        }
        let height = self.hands.app.next_height();
        let entries = self.hands.app.disk.wal.begin(height);
        self.process(self.hands.start(height));
        if !entries.is_empty() {
            self.replay(&entries);
        }
        self.drain();
        self.hands.catch_up();
        self.outputs()
    }

    fn replay(&mut self, entries: &[Vec<u8>]) {
        let mut inputs = Vec::with_capacity(entries.len());
        for bytes in entries {
            match entry::decode(bytes) {
                Ok(input) => inputs.push(input),
                Err(error) => return self.hands.stop(format!("the write-ahead log is damaged: {error}")),
            }
        }
        self.hands.replaying = true;
        self.state.index_wal_entries(inputs.iter());
        for input in inputs {
            self.process(input);
        }
        self.state.reset_entries_index();
        self.hands.replaying = false;
    }

    /// A timer has run out; one that was cancelled meanwhile is nothing.
    pub fn timer(&mut self, now: u64, timeout: Timeout, id: u64) -> Vec<Output> {
        let Some(at) = self.hands.timers.iter().position(|timer| *timer == (timeout, id)) else { return Vec::new() };
        self.hands.timers.remove(at);
        let temper = self.hands.temper;
        if (temper.forgets || temper.bug == Some(Bug::ForgetsItsVotes)) && timeout.kind == TimeoutKind::Precommit {
            self.state = self.hands.fresh_state();
            self.hands.app.disk.wal.lose();
            return self.start_height(now);
        }
        self.feed(now, Input::TimeoutElapsed(timeout))
    }

    /// A message has come.
    pub fn receive(&mut self, now: u64, from: usize, message: Message) -> Vec<Output> {
        self.hands.now = now;
        let input = match message {
            Message::Consensus(SignedConsensusMsg::Vote(vote)) | Message::Liveness(LivenessMsg::Vote(vote)) => Input::Vote(vote),
            Message::Consensus(SignedConsensusMsg::Proposal(proposal)) => Input::Proposal(proposal),
            Message::Liveness(LivenessMsg::PolkaCertificate(polka)) => Input::PolkaCertificate(polka),
            Message::Liveness(LivenessMsg::SkipRoundCertificate(skip)) => Input::RoundCertificate(skip),
            Message::Parts(parts) => {
                let found = self.hands.app.receive(parts, self.hands.clock());
                match self.hands.sure(found).flatten() {
                    Some(value) => Input::ProposedValue(value, ValueOrigin::Consensus),
                    None => return self.outputs(),
                }
            }
            Message::Tx(bytes) => {
                self.hands.admit(bytes, false);
                return self.outputs();
            }
            Message::Status(tip) => {
                self.hands.tips.insert(from, tip);
                self.hands.catch_up();
                return self.outputs();
            }
            Message::Ask(height) => {
                self.hands.answer(from, height);
                return self.outputs();
            }
            Message::Answer(block, certificate) => match peer(from) {
                Some(peer) => Input::SyncValueResponse(ValueResponse::new(peer, block.into(), certificate)),
                None => return self.outputs(),
            },
            Message::Junk(_) => return Vec::new(),
        };
        self.feed(now, input)
    }

    /// submit: a client hands in a transaction. Says whether the node has it now.
    pub fn submit(&mut self, now: u64, bytes: Vec<u8>) -> (bool, Vec<Output>) {
        self.hands.now = now;
        let taken = self.hands.admit(bytes, true);
        (taken, self.outputs())
    }

    /// Says how far it is, now and then.
    pub fn status(&self) -> Message {
        Message::Status(self.hands.app.disk.height())
    }

    fn feed(&mut self, now: u64, input: Input<Leither>) -> Vec<Output> {
        self.hands.now = now;
        self.hands.inputs.push_back(input);
        self.drain();
        self.outputs()
    }

    fn drain(&mut self) {
        while let Some(input) = self.hands.inputs.pop_front() {
            self.process(input);
        }
    }

    fn process(&mut self, input: Input<Leither>) {
        if self.hands.stopped.is_some() || self.hands.struck.is_some() {
            return;
        }
        let hands = &mut self.hands;
        let done: Result<(), Error<Leither>> = core::process!(
            input: input,
            state: &mut self.state,
            metrics: &self.metrics,
            with: effect => hands.perform(effect)
        );
        // Whoever loses power in the middle of an effect leaves the engine without its answer: no fault of the engine.
        if let (Err(error), None) = (done, hands.struck) {
            hands.stop(format!("the engine's state machine failed: {error}"));
        }
    }

    fn outputs(&mut self) -> Vec<Output> {
        if let Some(made) = self.hands.struck {
            self.hands.outputs.truncate(made);
        }
        std::mem::take(&mut self.hands.outputs)
    }
}
