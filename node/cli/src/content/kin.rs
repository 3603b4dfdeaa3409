//! What is remembered of blocks that came: of which tree they are, and which parts of a file follow one another.

use super::cache::hash_of;
use leither_kit::Cid;
use leither_kit::node::{Node, decode};
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

/// Links that are remembered; beyond that those of the blocks that came first are forgotten.
const LINKS_MAX: usize = 16_384;

#[derive(Clone)]
struct Link {
    root: Cid,
    /// All parts of the file, and which this is.
    part: Option<(Arc<[Cid]>, usize)>,
}

/// Links by the hash of what they lead to.
#[derive(Default)]
pub(super) struct Kin {
    links: HashMap<Vec<u8>, Link>,
    order: VecDeque<Vec<u8>>,
}

impl Kin {
    /// A block came.
    pub fn learn(&mut self, cid: &Cid, data: &[u8]) {
        let Ok(node) = decode(cid, data) else { return };
        let root = self.root(cid).unwrap_or(*cid);
        let (mut seen, mut new) = (HashSet::new(), Vec::new());
        for (at, child) in node.links().take(LINKS_MAX).enumerate() {
            let key = hash_of(child);
            if !self.links.contains_key(&key) && seen.insert(key.clone()) {
                new.push((at, key));
            }
        }
        // The list of all parts stays as long as one of them does: one that says the same part again and again is not worth it.
        let parts: Option<Arc<[Cid]>> = match &node {
            Node::File(file) if file.parts.len().min(LINKS_MAX) <= new.len().saturating_mul(2) => {
                Some(file.parts.iter().take(LINKS_MAX).map(|part| part.cid).collect())
            }
            _ => None,
        };
        for (at, key) in new {
            if self.order.len() >= LINKS_MAX
                && let Some(oldest) = self.order.pop_front()
            {
                self.links.remove(&oldest);
            }
            self.order.push_back(key.clone());
            self.links.insert(key, Link { root, part: parts.clone().map(|parts| (parts, at)) });
        }
    }

    /// The tree that a block is of, if another block of it led there.
    pub fn root(&self, cid: &Cid) -> Option<Cid> {
        self.links.get(&hash_of(cid)).map(|link| link.root)
    }

    /// FAR-3: the parts of its file that come next.
    pub fn behind(&self, cid: &Cid, count: usize) -> Vec<Cid> {
        let part = self.links.get(&hash_of(cid)).and_then(|link| link.part.as_ref());
        let behind = part.map(|(parts, at)| parts.iter().skip(at.saturating_add(1)).take(count).copied());
        behind.into_iter().flatten().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::fakes::FakeNet;
    use super::*;
    use leither_kit::multihash::Multihash;
    use leither_storage::content::Profile;

    fn leaf(n: u32) -> Cid {
        let mut digest = [0; 32];
        digest[..4].copy_from_slice(&n.to_be_bytes());
        Cid::new_v1(0x55, Multihash::wrap(0x12, &digest).unwrap())
    }

    /// A node of dag-cbor: a list of links.
    fn node(name: u32, links: &[Cid]) -> (Cid, Vec<u8>) {
        let mut bytes = match links.len() {
            len @ 0..24 => vec![0x80 | len as u8],
            len => [&[0x99u8][..], &(len as u16).to_be_bytes()].concat(),
        };
        for link in links {
            let id = link.to_bytes();
            bytes.extend([0xd8, 42, 0x58, id.len() as u8 + 1, 0]);
            bytes.extend(id);
        }
        (Cid::new_v1(0x71, *leaf(name).hash()), bytes)
    }

    #[test]
    fn a_block_is_of_the_tree_that_led_to_it_and_only_so_many_are_remembered() {
        let mut kin = Kin::default();
        let (low, low_bytes) = node(1, &[leaf(10), leaf(11)]);
        let (top, top_bytes) = node(2, &[low, leaf(12)]);
        kin.learn(&top, &top_bytes);
        kin.learn(&low, &low_bytes);
        assert_eq!((kin.root(&leaf(11)), kin.root(&low), kin.root(&top)), (Some(top), Some(top), None));
        assert!(kin.behind(&leaf(10), 16).is_empty(), "no parts of a file");
        kin.learn(&leaf(10), b"no node");
        for n in 0..20u32 {
            let links: Vec<Cid> = (0..1000).map(|k| leaf(1000 * (n + 1) + k)).collect();
            let (cid, bytes) = node(100_000 + n, &links);
            kin.learn(&cid, &bytes);
        }
        assert_eq!((kin.links.len(), kin.order.len()), (LINKS_MAX, LINKS_MAX));
        assert_eq!(kin.root(&leaf(11)), None, "those that came first are forgotten");
        assert!(kin.root(&leaf(20_999)).is_some());
    }

    #[test]
    fn far_3_the_list_of_a_files_parts_is_remembered_where_they_differ() {
        let dir = tempfile::tempdir().unwrap();
        let film: Vec<u8> = (0..10u32 << 16).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
        for (bytes, behind) in [(film, 9), (vec![0; 10 << 18], 0)] {
            let (path, net, mut kin) = (dir.path().join("file"), FakeNet::default(), Kin::default());
            std::fs::write(&path, bytes).unwrap();
            let (root, _) = net.have(&path, Profile::V0_2015);
            let block = net.lose(&root).unwrap();
            kin.learn(&root, &block);
            let parts: Vec<Cid> = decode(&root, &block).unwrap().links().copied().collect();
            assert_eq!((parts.len(), kin.root(&parts[0])), (10, Some(root)));
            assert_eq!(kin.behind(&parts[0], 16), parts[parts.len() - behind..]);
        }
    }
}
