//! The blocks that an edit sees: those of the store, and before them those that it made itself.

use super::dag::{Link, link_sizes};
use crate::config::EDIT_BYTES_MAX;
use crate::content::Profile;
use crate::error::{Result, StorageError};
use crate::store::{ContentStore, Key, Session};
use bytes::Bytes;
use cid::Cid;
use leither_kit::block::inline;
use leither_kit::node::{Node, codec, decode};
use std::collections::HashMap;

pub struct Tree {
    pub profile: Profile,
    /// Made and in memory alone.
    made: HashMap<Key, (Cid, Bytes)>,
    made_bytes: usize,
    /// Takes what is made.
    pub session: Session,
    #[cfg(test)]
    pub counts: Counts,
}

/// What a test counts.
#[cfg(test)]
#[derive(Default)]
pub struct Counts {
    /// Blocks that were looked at, made or stored.
    pub read: std::sync::atomic::AtomicU64,
    /// Blocks that were made and handed to the session.
    pub written: std::sync::atomic::AtomicU64,
}

impl Tree {
    pub fn new(store: &ContentStore, profile: Profile) -> Self {
        Self {
            profile,
            made: HashMap::new(),
            made_bytes: 0,
            session: store.session(),
            #[cfg(test)]
            counts: Counts::default(),
        }
    }

    pub fn store(&self) -> &ContentStore {
        self.session.store()
    }

    /// Bytes of blocks that are in memory alone.
    #[cfg(test)]
    pub fn made_bytes(&self) -> usize {
        self.made_bytes
    }

    pub fn block(&self, cid: &Cid) -> Result<Bytes> {
        let Some(key) = Key::of(cid)? else { return Ok(inline(cid).unwrap_or_default()) };
        #[cfg(test)]
        self.counts.read.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        if let Some((_, bytes)) = self.made.get(&key) {
            return Ok(bytes.clone());
        }
        if let Some(bytes) = self.session.waiting(&key) {
            return Ok(Bytes::copy_from_slice(bytes));
        }
        self.store().get(cid)?.ok_or(StorageError::NoBlock(*cid))
    }

    pub fn node(&self, cid: &Cid) -> Result<(Node, Bytes)> {
        let bytes = self.block(cid)?;
        let node = decode(cid, &bytes).map_err(|source| StorageError::Node { cid: *cid, source })?;
        Ok((node, bytes))
    }

    /// A block that was made just now, with what its links say to be below it.
    pub fn put(&mut self, (cid, block): (Cid, Vec<u8>), below: u64) -> Result<Link> {
        let dag_size = below.saturating_add(block.len() as u64);
        if let Some(key) = Key::of(&cid)? {
            let len = block.len();
            if self.made.insert(key, (cid, Bytes::from(block))).is_none() {
                self.made_bytes = self.made_bytes.saturating_add(len);
            }
        }
        if self.made_bytes > EDIT_BYTES_MAX {
            self.spill_leaves()?;
        }
        Ok(Link { cid, dag_size })
    }

    /// What a link to a tree says of its size.
    pub fn link_to(&self, cid: &Cid) -> Result<Link> {
        let bytes = self.block(cid)?;
        let below = if cid.codec() == codec::DAG_PB { link_sizes(&bytes) } else { Vec::new() };
        let dag_size = below.into_iter().fold(bytes.len() as u64, u64::saturating_add);
        Ok(Link { cid: *cid, dag_size })
    }

    /// CUR-8: leaves need nothing below them, so that they can go to disk before anybody links to them.
    fn spill_leaves(&mut self) -> Result<()> {
        let is_leaf = |cid: &Cid, bytes: &[u8]| cid.codec() == codec::RAW || link_sizes(bytes).is_empty();
        let (leaves, nodes) = std::mem::take(&mut self.made).into_iter().partition(|(_, (cid, bytes))| is_leaf(cid, bytes));
        self.made = nodes;
        self.made_bytes = self.made.values().map(|(_, bytes)| bytes.len()).sum();
        let leaves: HashMap<Key, (Cid, Bytes)> = leaves;
        leaves.into_values().try_for_each(|(cid, bytes)| self.session.put_made(&cid, bytes.into()))
    }

    /// CUR-8: memory stays bounded.
    pub fn settle(&mut self, root: &Cid) -> Result<()> {
        // Leaves alone would have made room; these are nodes.
        if self.made_bytes > EDIT_BYTES_MAX / 2 { self.hand_over(root) } else { Ok(()) }
    }

    /// Hands what was made and `root` needs to the session, children first, and forgets the rest: an edit's steps in between are nobody's.
    pub fn hand_over(&mut self, root: &Cid) -> Result<()> {
        // A block, and whether its children were asked for.
        let mut waiting = vec![(*root, false)];
        while let Some((cid, asked)) = waiting.pop() {
            let Some(key) = Key::of(&cid)? else { continue };
            if asked {
                // It stays readable: from the session's window, and then from the store.
                if let Some((cid, bytes)) = self.made.remove(&key) {
                    #[cfg(test)]
                    self.counts.written.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    self.session.put_made(&cid, bytes.into())?;
                }
                continue;
            }
            let Some((cid, bytes)) = self.made.get(&key) else { continue };
            let node = decode(cid, bytes).map_err(|source| StorageError::Node { cid: *cid, source })?;
            waiting.push((*cid, true));
            waiting.extend(node.links().map(|link| (*link, false)));
        }
        self.made.clear();
        self.made_bytes = 0;
        Ok(())
    }
}
