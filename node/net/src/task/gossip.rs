use super::Task;
use crate::batch;
use crate::quota::{Allowance, Quota};
use crate::{Incoming, Verdict};
use libp2p::PeerId;
use libp2p::gossipsub::{Message, MessageAcceptance, MessageId, PublishError};
use std::time::Instant;
use tokio::sync::mpsc;

/// Batches that the caller has not answered; beyond that, new ones are ignored.
const UNANSWERED_MAX: usize = 512;

pub(super) type Verdicts = mpsc::UnboundedSender<(MessageId, PeerId, Verdict)>;

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

impl Task {
    /// NET-8: with nobody to hear it, a message is dropped.
    pub(super) fn publish(&mut self, message: Vec<u8>) {
        match self.swarm.behaviour_mut().gossip.publish(self.topic.clone(), message) {
            Ok(_) | Err(PublishError::NoPeersSubscribedToTopic | PublishError::Duplicate) => {}
            Err(error) => tracing::warn!(%error, "a batch of transactions was not gossiped"),
        }
    }

    pub(super) fn on_message(&mut self, peer: PeerId, id: MessageId, message: &Message, now: Instant) {
        let stranger = self.is_stranger(&peer);
        let quota = || if stranger { Quota::stranger(now) } else { Quota::new(now) };
        match self.quotas.entry(peer).or_insert_with(quota).take(message.data.len(), now) {
            // What the others among them have used up is not its fault.
            Allowance::Within if stranger && self.strangers.take(message.data.len(), now) != Allowance::Within => {
                return self.report(&id, &peer, MessageAcceptance::Ignore);
            }
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

    pub(super) fn on_verdict(&mut self, message: &MessageId, peer: &PeerId, verdict: Verdict) {
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
}
