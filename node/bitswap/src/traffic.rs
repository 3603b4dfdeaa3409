//! BITSWAP-15: how many bytes of blocks went to and came from each peer.

use libp2p::PeerId;
use std::collections::{BTreeMap, HashMap};

/// Peers that are remembered; beyond that, who was heard of longest ago is forgotten.
pub const PEERS_MAX: usize = 4_096;

/// Counts since this peer was first heard of. They only grow, and outlast a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Bytes of blocks that were written to it.
    pub sent_bytes: u64,
    /// Blocks that were written to it.
    pub sent_blocks: u64,
    /// Bytes of blocks that were wanted and came from it.
    pub received_bytes: u64,
    /// Blocks that were wanted and came from it.
    pub received_blocks: u64,
    /// Bytes that it sent of blocks that had been asked of it and were there already.
    pub duplicate_bytes: u64,
    /// Bytes that it sent of blocks that nobody had asked of it.
    pub unasked_bytes: u64,
}

#[derive(Default)]
pub(crate) struct Book {
    peers: HashMap<PeerId, (u64, Traffic)>,
    /// By when they were last heard of.
    order: BTreeMap<u64, PeerId>,
    clock: u64,
}

impl Book {
    pub fn get(&self, peer: &PeerId) -> Option<Traffic> {
        self.peers.get(peer).map(|(_, traffic)| *traffic)
    }

    pub fn of(&mut self, peer: PeerId) -> &mut Traffic {
        self.clock = self.clock.saturating_add(1);
        if let Some((at, _)) = self.peers.get(&peer) {
            self.order.remove(at);
        } else if self.peers.len() >= PEERS_MAX
            && let Some((_, oldest)) = self.order.pop_first()
        {
            self.peers.remove(&oldest);
        }
        self.order.insert(self.clock, peer);
        let (at, traffic) = self.peers.entry(peer).or_default();
        *at = self.clock;
        traffic
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bitswap_15_who_was_heard_of_longest_ago_is_forgotten_first() {
        let mut book = Book::default();
        let first = PeerId::random();
        book.of(first).sent_bytes = 5;
        let second = PeerId::random();
        book.of(second).sent_bytes = 6;
        book.of(first).sent_bytes += 1;
        (0..PEERS_MAX - 1).for_each(|_| book.of(PeerId::random()).sent_blocks = 1);
        assert_eq!(book.get(&first).map(|traffic| traffic.sent_bytes), Some(6));
        assert_eq!(book.get(&second), None);
        assert_eq!((book.peers.len(), book.order.len()), (PEERS_MAX, PEERS_MAX));
    }
}
