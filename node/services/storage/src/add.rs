//! Files of a disk, and CARs, into the store.

use crate::config::{EXPORT_SEEN_MAX, LOOSE_BYTES_MAX, LOOSE_LINKS_MAX};
use crate::content::{self, Added, ContentError, Profile, Watch};
use crate::error::{Result, StorageError};
use crate::store::{ContentStore, Kept, Key, Root, Session, Stored, links};
use bytes::Bytes;
use cid::Cid;
use leither_kit::car;
use std::collections::HashMap;
use std::io::{Read, Write};
use std::path::Path;

impl ContentStore {
    /// Adds a file or directory of the disk, and keeps it as `root`. If it fails, nothing of it is left.
    pub fn add(&self, path: &Path, profile: Profile, root: &Root, now: u64, watch: &mut Watch<'_>) -> Result<Added> {
        let mut session = self.session();
        let added = add_into(&mut session, path, profile, watch)?;
        session.finish(root, Kept { cid: added.cid, profile, generation: 0 }, now)?;
        Ok(added)
    }

    /// CAR-1: takes in a CAR, each block checked, and keeps its first root as `root`. If it fails, nothing of it is left.
    pub fn import(&self, input: impl Read, root: &Root, profile: Profile, now: u64) -> Result<Cid> {
        self.import_as(input, |_| (root.clone(), profile), now)
    }

    /// As [`Self::import`]; as what it is kept is said once its first root is known.
    pub fn import_as(&self, input: impl Read, root: impl FnOnce(&Cid) -> (Root, Profile), now: u64) -> Result<Cid> {
        let mut reader = car::Reader::new(input)?;
        let cid = *reader.roots().first().ok_or(StorageError::NoRoots)?;
        let (root, profile) = root(&cid);
        let mut assembly = Assembly::new(self.session());
        for block in &mut reader {
            let (cid, bytes) = block?;
            assembly.put_checked(&cid, bytes)?;
        }
        assembly.finish(&root, Kept { cid, profile, generation: 0 }, now)?;
        Ok(cid)
    }

    /// CAR-2: writes a tree as a CAR: depth first, in the order of the links, each block once (of the first 1,048,576).
    pub fn export(&self, root: &Cid, out: &mut dyn Write) -> Result<u64> {
        let failed = |e: std::io::Error| StorageError::Car(e.into());
        out.write_all(&car::header(&[*root])).map_err(failed)?;
        let mut seen = std::collections::HashSet::new();
        let mut waiting = vec![*root];
        let mut blocks = 0u64;
        while let Some(cid) = waiting.pop() {
            let key = Key::of(&cid)?;
            if key.is_some_and(|key| seen.contains(&key)) {
                continue;
            }
            if let Some(key) = key.filter(|_| seen.len() < EXPORT_SEEN_MAX) {
                seen.insert(key);
            }
            let bytes = self.get(&cid)?.ok_or(StorageError::NoBlock(cid))?;
            // What stands in an id needs no block.
            if key.is_some() {
                out.write_all(&car::section(&cid, &bytes)).map_err(failed)?;
                blocks = blocks.saturating_add(1);
            }
            let node = leither_kit::node::decode(&cid, &bytes).map_err(|source| StorageError::Node { cid, source })?;
            let start = waiting.len();
            waiting.extend(node.links());
            waiting.get_mut(start..).unwrap_or_default().reverse();
        }
        Ok(blocks)
    }
}

/// Adds a file or directory of the disk to a session.
pub fn add_into(session: &mut Session, path: &Path, profile: Profile, watch: &mut Watch<'_>) -> Result<Added> {
    // The sink speaks of io alone; what it was comes back here.
    let mut failure = None;
    let added = content::add(
        path,
        profile,
        &mut |cid, block| {
            session.put_made(cid, block).map_err(|error| {
                let text = std::io::Error::other(error.to_string());
                failure = Some(error);
                text
            })
        },
        watch,
    );
    match (added, failure) {
        (Err(ContentError::Sink(_)), Some(error)) => Err(error),
        (added, _) => Ok(added?),
    }
}

/// STORAGE-2: blocks that come parents first, put into a session children first. What waits for its children waits in memory: of a tree that is
/// sent depth first, that is the path from its root.
pub struct Assembly {
    session: Session,
    waiting: HashMap<Key, Parent>,
    /// A block that is not in the session yet, and those that wait for it.
    missing: HashMap<Key, (Cid, Vec<Key>)>,
    bytes: usize,
    links: usize,
    /// Links to what was here.
    here: u64,
}

struct Parent {
    cid: Cid,
    bytes: Bytes,
    /// How many of its children have not come.
    lacks: usize,
}

impl Assembly {
    /// Around a session.
    pub fn new(session: Session) -> Self {
        Self { session, waiting: HashMap::new(), missing: HashMap::new(), bytes: 0, links: 0, here: 0 }
    }

    /// Takes a block that somebody sent.
    pub fn put(&mut self, cid: &Cid, bytes: Bytes) -> Result<()> {
        self.take(cid, bytes).map(drop)
    }

    /// As [`Self::put`]; gives what the block links to that is not here and that nothing waited for before, in the order of its links.
    pub fn take(&mut self, cid: &Cid, bytes: Bytes) -> Result<Vec<Cid>> {
        leither_kit::block::verify(cid, &bytes)?;
        self.put_checked(cid, bytes)
    }

    /// As [`Self::take`], of a block whose hash somebody has just computed.
    pub fn take_checked(&mut self, cid: &Cid, bytes: Bytes) -> Result<Vec<Cid>> {
        self.put_checked(cid, bytes)
    }

    /// Bytes of blocks that wait for others, and links that they wait for: of [`LOOSE_BYTES_MAX`] and [`LOOSE_LINKS_MAX`].
    pub fn waits(&self) -> (usize, usize) {
        (self.bytes, self.links)
    }

    /// Links to what was here already, with all below it.
    pub fn here(&self) -> u64 {
        self.here
    }

    /// Blocks that others wait for and that have not come, in no order.
    pub fn missing(&self, limit: usize) -> Vec<Cid> {
        self.lacking().take(limit).copied().collect()
    }

    fn lacking(&self) -> impl Iterator<Item = &Cid> {
        self.missing.iter().filter(|(key, _)| !self.waiting.contains_key(key)).map(|(_, (cid, _))| cid)
    }

    fn put_checked(&mut self, cid: &Cid, bytes: Bytes) -> Result<Vec<Cid>> {
        let Some(key) = Key::of(cid)? else { return Ok(Vec::new()) };
        if self.waiting.contains_key(&key) {
            return Ok(Vec::new());
        }
        let (mut lacks, mut new) = (HashMap::new(), Vec::new());
        for (key, child) in links(cid, &bytes)? {
            if lacks.contains_key(&key) {
                continue;
            }
            // If it is here it is held, so that it stays until this one is.
            if self.session.hold(&child)? {
                self.here = self.here.saturating_add(1);
                continue;
            }
            if !self.missing.contains_key(&key) {
                new.push(child);
            }
            lacks.insert(key, child);
        }
        if lacks.is_empty() {
            self.session.put_made(cid, bytes.into())?;
            self.came(key)?;
            return Ok(new);
        }
        self.bytes = self.bytes.saturating_add(bytes.len());
        self.links = self.links.saturating_add(lacks.len());
        if self.bytes > LOOSE_BYTES_MAX {
            return Err(StorageError::Loose("more than 64 MiB"));
        }
        if self.links > LOOSE_LINKS_MAX {
            return Err(StorageError::Loose("more than 262144 links"));
        }
        self.waiting.insert(key, Parent { cid: *cid, bytes, lacks: lacks.len() });
        for (child, cid) in lacks {
            self.missing.entry(child).or_insert_with(|| (cid, Vec::new())).1.push(key);
        }
        Ok(new)
    }

    /// Those that waited for a block go on, and those that waited for them.
    fn came(&mut self, key: Key) -> Result<()> {
        let mut came = vec![key];
        while let Some(key) = came.pop() {
            for parent in self.missing.remove(&key).map(|(_, parents)| parents).unwrap_or_default() {
                self.links = self.links.saturating_sub(1);
                let Some(waits) = self.waiting.get_mut(&parent) else { continue };
                waits.lacks = waits.lacks.saturating_sub(1);
                if waits.lacks == 0
                    && let Some(Parent { cid, bytes, .. }) = self.waiting.remove(&parent)
                {
                    self.bytes = self.bytes.saturating_sub(bytes.len());
                    self.session.put_made(&cid, bytes.into())?;
                    came.push(parent);
                }
            }
        }
        Ok(())
    }

    /// The end: everything came, or the error names a block that did not.
    pub fn finish(self, root: &Root, kept: Kept, now: u64) -> Result<Stored> {
        if let Some(missing) = self.lacking().next() {
            return Err(StorageError::Missing(*missing));
        }
        self.session.finish(root, kept, now)
    }

    /// STORAGE-5: ends without a root. What came whole is found by the next try for a day after `now`; what waits for others is gone.
    pub fn leave(self, now: u64) -> Result<()> {
        self.session.leave(now)
    }
}
