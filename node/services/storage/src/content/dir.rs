use super::walk::{Entry, Node, Walk};
use super::{ContentError, Profile};
use crate::cur::dag::{self, FANOUT, Link, SHARD_ABOVE};
use cid::Cid;
use cid::multihash::Multihash;
use leither_kit::block::hash;
use leither_kit::node::codec;
use std::path::Path;

/// Levels that a 64-bit hash has bytes for.
const LEVELS: u32 = 8;

/// A node in a third of the room: an adder's ids differ in codec and digest alone, and a million of them may wait.
#[derive(Clone, Copy)]
pub(super) struct Packed {
    digest: [u8; 32],
    is_raw: bool,
    dag_size: u64,
}

impl Packed {
    /// Nothing where the id is none that an adder makes.
    pub(super) fn new(node: Node) -> Option<Self> {
        let digest = node.cid.hash().digest().try_into().ok()?;
        let is_ours = node.cid.hash().code() == hash::SHA2_256 && matches!(node.cid.codec(), codec::RAW | codec::DAG_PB);
        is_ours.then_some(Self { digest, is_raw: node.cid.codec() == codec::RAW, dag_size: node.dag_size })
    }

    fn link(&self, profile: Profile) -> Link {
        // 32 bytes always fit.
        let hash = Multihash::wrap(hash::SHA2_256, &self.digest).unwrap_or_default();
        let kind = if self.is_raw { codec::RAW } else { codec::DAG_PB };
        let cid = match profile {
            Profile::V0_2015 => Cid::new_v0(hash).unwrap_or_else(|_| Cid::new_v1(kind, hash)),
            Profile::V1_2025 => Cid::new_v1(kind, hash),
        };
        Link { cid, dag_size: self.dag_size }
    }
}

/// Entries of one directory and the order in which a trie has them.
struct Trie<'a> {
    path: &'a Path,
    entries: &'a [Entry],
}

impl Walk<'_, '_> {
    /// Encodes a directory whose entries are encoded already and stand in the order of their names' bytes.
    pub(super) fn directory(&mut self, path: &Path, entries: &[Entry]) -> Result<Node, ContentError> {
        let profile = self.profile;
        let measure = |entry: &Entry| profile.measure(&entry.name, &entry.node.link(profile));
        let sum = entries.iter().map(measure).fold(profile.measure_of_none(), u64::saturating_add);
        self.added.dirs += 1;
        if sum <= SHARD_ABOVE {
            let links: Vec<_> = entries.iter().map(|entry| (&*entry.name, entry.node.link(profile))).collect();
            let below = links.iter().map(|(_, link)| link.dag_size).fold(0, u64::saturating_add);
            return self.made(dag::directory(profile, &links), below);
        }
        let mut order: Vec<(u64, u32)> = (0u32..).zip(entries).map(|(at, entry)| (dag::name_hash(&entry.name), at)).collect();
        order.sort_unstable();
        self.shard(&Trie { path, entries }, &order, 0)
    }

    /// One level of the trie: what is below a place is made before it. In memory are the places of the levels on the way.
    fn shard(&mut self, trie: &Trie<'_>, mut order: &[(u64, u32)], level: u32) -> Result<Node, ContentError> {
        if level >= LEVELS {
            return Err(ContentError::TooMuch { path: trie.path.into(), what: "has too many names with the same hash" });
        }
        let place = |(hash, _): &(u64, u32)| dag::place(*hash, level);
        let mut slots: Vec<(u8, &str, Link)> = Vec::with_capacity(FANOUT.min(order.len()));
        while let Some(first) = order.first() {
            let at = place(first);
            let (together, rest) = order.split_at(order.partition_point(|entry| place(entry) == at));
            order = rest;
            let only = match together {
                [(_, index)] => trie.entries.get(*index as usize),
                _ => None,
            };
            match only {
                Some(entry) => slots.push((at, &entry.name, entry.node.link(self.profile))),
                None => {
                    let below = self.shard(trie, together, level + 1)?;
                    slots.push((at, "", Link { cid: below.cid, dag_size: below.dag_size }));
                }
            }
        }
        let below = slots.iter().map(|(_, _, link)| link.dag_size).fold(0, u64::saturating_add);
        self.made(dag::shard(self.profile, &slots), below)
    }

    fn made(&mut self, (cid, block): (Cid, Vec<u8>), below: u64) -> Result<Node, ContentError> {
        let dag_size = below.saturating_add(block.len() as u64);
        self.put(&cid, block)?;
        Ok(Node { cid, dag_size })
    }
}
