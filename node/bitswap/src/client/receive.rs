//! What peers answer.

use super::want::Status;
use super::{Client, Key};
use crate::Event;
use crate::traffic::Traffic;
use crate::wire::{Block, Junk, Presence};
use libp2p::PeerId;
use std::time::{Duration, Instant};

/// Blocks that nobody asked for, until their sender is cut off (BITSWAP-11).
pub const STRIKES_MAX: u32 = 4;
/// So long who was cut off for them is asked nothing.
const DISTRUST: Duration = Duration::from_secs(600);

impl Client {
    /// BITSWAP-10: who has a block, and who has not.
    pub fn presences(&mut self, id: PeerId, presences: &[Presence], now: Instant) {
        for presence in presences {
            let key: Key = *presence.cid.hash();
            // Who was not asked has nothing to say.
            let Some(status) = self.wants.get(&key).and_then(|want| want.status(&id)) else { continue };
            let next = match (presence.have, status) {
                // Its block is on the way.
                (true, Status::BlockAsked { .. }) => continue,
                (true, _) => Status::Has,
                (false, Status::Shy { .. }) => continue,
                (false, _) => Status::Lacks,
            };
            self.change(key, id, Some(next));
            if presence.have {
                self.unpark(key, now);
            }
            self.step(key, now);
        }
        self.move_up(now);
    }

    /// Blocks, whose ids were computed from their bytes.
    pub fn blocks(&mut self, id: PeerId, blocks: Vec<Block>, traffic: &mut Traffic, now: Instant) {
        for block in blocks {
            let key: Key = *block.cid.hash();
            let size = block.data.len();
            let bytes = size as u64;
            if self.peers.get(&id).is_some_and(|peer| peer.distrusted.is_some_and(|until| until > now)) {
                // It is being cut off; nothing more of it is looked at.
                traffic.unasked_bytes = traffic.unasked_bytes.saturating_add(bytes);
            } else if let Some(want) = self.wants.get(&key) {
                traffic.received_bytes = traffic.received_bytes.saturating_add(bytes);
                traffic.received_blocks = traffic.received_blocks.saturating_add(1);
                // A moving mean, in whole bytes.
                self.average = (self.average.saturating_mul(15).saturating_add(size) / 16).max(1);
                let status = want.status(&id);
                if let Some(peer) = self.peers.get_mut(&id) {
                    peer.last_block = Some(now);
                    if let Some(Status::BlockAsked { since, depth, .. }) = status {
                        peer.measured(now.saturating_duration_since(since), depth);
                    }
                }
                self.deliver(key, id, block);
            } else if self.peers.get(&id).is_some_and(|peer| peer.was_asked(&key)) {
                traffic.duplicate_bytes = traffic.duplicate_bytes.saturating_add(bytes);
            } else {
                traffic.unasked_bytes = traffic.unasked_bytes.saturating_add(bytes);
                self.unasked(id, block, now);
            }
        }
        self.move_up(now);
    }

    fn deliver(&mut self, key: Key, id: PeerId, block: Block) {
        let Some(want) = self.take_out(key, Some(id)) else { return };
        for (session, cid) in want.holders {
            if let Some(of) = self.sessions.get_mut(&session) {
                of.open = of.open.saturating_sub(1);
            }
            self.events.push_back(Event::Block { session, cid, data: block.data.clone(), peer: Some(id) });
        }
    }

    /// BITSWAP-11: what wrong bytes look like. The want that it was asked for longest ago goes to another peer.
    fn unasked(&mut self, id: PeerId, block: Block, now: Instant) {
        self.events.push_back(Event::Junk { peer: id, why: Junk::Unasked { cid: Box::new(block.cid) } });
        let oldest = self
            .wants
            .iter()
            .filter_map(|(key, want)| match want.status(&id) {
                Some(Status::BlockAsked { since, .. }) => Some((since, std::cmp::Reverse(want.priority), *key)),
                _ => None,
            })
            .min_by_key(|(since, priority, _)| (*since, *priority));
        let Some(peer) = self.peers.get_mut(&id) else { return };
        peer.strikes = peer.strikes.saturating_add(1);
        if peer.strikes >= STRIKES_MAX {
            peer.strikes = 0;
            peer.distrusted = Some(now + DISTRUST);
            self.close.push(id);
        }
        if let Some((_, _, key)) = oldest {
            self.failed(key, id, now);
        }
    }
}
