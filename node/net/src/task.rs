use crate::batch::{self, Batch};
use crate::behaviour::{Behaviour, BehaviourEvent};
use crate::peers::{Bans, Target};
use crate::quota::{Allowance, Quota};
use crate::{Incoming, Verdict};
use leither_types::SignedTx;
use libp2p::futures::StreamExt;
use libp2p::gossipsub::{self, IdentTopic, Message, MessageAcceptance, MessageId, PublishError};
use libp2p::swarm::SwarmEvent;
use libp2p::{Multiaddr, PeerId, Swarm};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};

/// A batch goes out so long after its first transaction came.
const BATCH_DELAY: Duration = Duration::from_millis(30);
/// Batches that the caller has not answered; beyond that, new ones are ignored.
const UNANSWERED_MAX: usize = 512;

/// A question to the task.
pub(crate) enum Command {
    Peers(oneshot::Sender<Vec<PeerId>>),
    Listening(oneshot::Sender<Vec<Multiaddr>>),
}

type Verdicts = mpsc::UnboundedSender<(MessageId, PeerId, Verdict)>;

/// Brings a verdict back to the task, exactly once.
#[derive(Debug)]
pub(crate) struct Answer {
    message: MessageId,
    peer: PeerId,
    verdict: Verdict,
    // Bounded by UNANSWERED_MAX: each message that was handed out gives one verdict.
    verdicts: Verdicts,
}

impl Answer {
    pub fn give(mut self, verdict: Verdict) {
        self.verdict = verdict;
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        // A task that has ended needs no verdict.
        let _ = self.verdicts.send((self.message.clone(), self.peer, self.verdict));
    }
}

/// Owns the swarm.
pub(crate) struct Task {
    swarm: Swarm<Behaviour>,
    topic: IdentTopic,
    targets: Vec<Target>,
    bans: Bans,
    quotas: BTreeMap<PeerId, Quota>,
    batch: Batch,
    incoming: mpsc::Sender<Incoming>,
    verdicts: Verdicts,
    verdict_queue: mpsc::UnboundedReceiver<(MessageId, PeerId, Verdict)>,
    unanswered: usize,
}

impl Task {
    pub fn new(swarm: Swarm<Behaviour>, topic: IdentTopic, targets: Vec<Target>, incoming: mpsc::Sender<Incoming>) -> Self {
        let (verdicts, verdict_queue) = mpsc::unbounded_channel();
        let (bans, quotas, batch) = (Bans::default(), BTreeMap::new(), Batch::default());
        Self { swarm, topic, targets, bans, quotas, batch, incoming, verdicts, verdict_queue, unanswered: 0 }
    }

    /// Until all handles are gone.
    pub async fn run(mut self, mut commands: mpsc::Receiver<Command>, mut outgoing: mpsc::Receiver<Arc<SignedTx>>) {
        let mut tick = tokio::time::interval(Duration::from_millis(500));
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let flush = tokio::time::sleep(BATCH_DELAY);
        tokio::pin!(flush);
        loop {
            tokio::select! {
                event = self.swarm.select_next_some() => self.on_event(event),
                Some((message, peer, verdict)) = self.verdict_queue.recv() => self.on_verdict(&message, &peer, verdict),
                tx = outgoing.recv() => {
                    let Some(tx) = tx else { break };
                    if self.batch.is_empty() {
                        flush.as_mut().reset(tokio::time::Instant::now() + BATCH_DELAY);
                    }
                    if let Some(message) = self.batch.push(&tx) {
                        self.publish(message);
                    }
                }
                () = &mut flush, if !self.batch.is_empty() => {
                    if let Some(message) = self.batch.take() {
                        self.publish(message);
                    }
                }
                command = commands.recv() => match command {
                    // Who asked may have gone.
                    Some(Command::Peers(reply)) => drop(reply.send(self.swarm.connected_peers().copied().collect())),
                    Some(Command::Listening(reply)) => drop(reply.send(self.swarm.listeners().cloned().collect())),
                    None => break,
                },
                _ = tick.tick() => self.on_tick(Instant::now()),
            }
        }
    }

    /// NET-8: with nobody to hear it, a message is dropped.
    fn publish(&mut self, message: Vec<u8>) {
        match self.swarm.behaviour_mut().gossip.publish(self.topic.clone(), message) {
            Ok(_) | Err(PublishError::NoPeersSubscribedToTopic | PublishError::Duplicate) => {}
            Err(error) => tracing::warn!(%error, "a batch of transactions was not gossiped"),
        }
    }

    fn on_tick(&mut self, now: Instant) {
        for target in &mut self.targets {
            let Some(dial) = target.due(now) else { continue };
            let connection = dial.connection_id();
            if let Err(error) = self.swarm.dial(dial) {
                // Connected by the other side, being dialled, or banned.
                tracing::debug!(%error, "not dialled");
                target.ended(connection, now);
            }
        }
        for peer in self.bans.over(now) {
            self.swarm.behaviour_mut().banned.unblock_peer(peer);
        }
    }

    fn on_event(&mut self, event: SwarmEvent<BehaviourEvent>) {
        let now = Instant::now();
        match event {
            SwarmEvent::Behaviour(BehaviourEvent::Gossip(gossipsub::Event::Message {
                propagation_source,
                message_id,
                message,
            })) => {
                self.on_message(propagation_source, message_id, &message, now);
            }
            SwarmEvent::ConnectionEstablished { peer_id, connection_id, .. } => {
                self.targets.iter_mut().for_each(|target| target.connected(connection_id));
                tracing::info!(peer = %peer_id, "connected");
            }
            SwarmEvent::ConnectionClosed { peer_id, connection_id, num_established, .. } => {
                self.targets.iter_mut().for_each(|target| target.ended(connection_id, now));
                if num_established == 0 {
                    self.quotas.remove(&peer_id);
                    tracing::info!(peer = %peer_id, "disconnected");
                }
            }
            SwarmEvent::OutgoingConnectionError { connection_id, error, .. } => {
                self.targets.iter_mut().for_each(|target| target.ended(connection_id, now));
                tracing::debug!(%error, "not connected");
            }
            SwarmEvent::NewListenAddr { address, .. } => tracing::info!(%address, "listening"),
            SwarmEvent::ListenerError { error, .. } => tracing::warn!(%error, "a listener failed"),
            SwarmEvent::ListenerClosed { addresses, reason, .. } => tracing::warn!(?addresses, ?reason, "a listener closed"),
            _ => {}
        }
    }

    fn on_message(&mut self, peer: PeerId, id: MessageId, message: &Message, now: Instant) {
        match self.quotas.entry(peer).or_insert_with(|| Quota::new(now)).take(message.data.len(), now) {
            Allowance::Within => {}
            Allowance::Beyond => return self.report(&id, &peer, MessageAcceptance::Ignore),
            Allowance::Spent => {
                self.report(&id, &peer, MessageAcceptance::Ignore);
                return self.ban(peer, "it sends more than its quota", now);
            }
        }
        let txs = match batch::read(&message.data) {
            Ok(txs) => txs,
            Err(error) => {
                self.report(&id, &peer, MessageAcceptance::Reject);
                return self.ban(peer, &error.to_string(), now);
            }
        };
        if self.unanswered >= UNANSWERED_MAX {
            return self.report(&id, &peer, MessageAcceptance::Ignore);
        }
        // From here on the answer comes by itself, even if nobody takes the batch.
        self.unanswered += 1;
        let answer = Answer { message: id, peer, verdict: Verdict::Ignore, verdicts: self.verdicts.clone() };
        if self.incoming.try_send(Incoming { peer, txs, answer }).is_err() {
            tracing::debug!("a received batch was dropped: the node is busy");
        }
    }

    fn on_verdict(&mut self, message: &MessageId, peer: &PeerId, verdict: Verdict) {
        self.unanswered = self.unanswered.saturating_sub(1);
        match verdict {
            Verdict::Accept => self.report(message, peer, MessageAcceptance::Accept),
            Verdict::Ignore => self.report(message, peer, MessageAcceptance::Ignore),
            Verdict::Reject => {
                self.report(message, peer, MessageAcceptance::Reject);
                self.ban(*peer, "it sent an invalid transaction", Instant::now());
            }
        }
    }

    fn report(&mut self, message: &MessageId, peer: &PeerId, acceptance: MessageAcceptance) {
        // False where gossip has forgotten the message, because the answer came late: then it goes nowhere.
        self.swarm.behaviour_mut().gossip.report_message_validation_result(message, peer, acceptance);
    }

    fn ban(&mut self, peer: PeerId, why: &str, now: Instant) {
        tracing::warn!(%peer, why, "banned");
        let behaviour = self.swarm.behaviour_mut();
        behaviour.banned.block_peer(peer);
        if let Some(forgotten) = self.bans.add(peer, now) {
            behaviour.banned.unblock_peer(forgotten);
        }
    }
}
