use super::dir::Packed;
use super::{
    Added, ContentError, DEPTH_MAX, ENTRIES_MAX, Profile, Progress, Sink, Watch, error::io, file::Stamp, private::refuse_head,
};
use crate::cur::leads_out;
use crate::seal::{Id, Seal};
use cid::Cid;
use rust_unixfs::{Metadata, symlink::symlink_block};
use std::fs;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

/// What is known of an encoded entry.
#[derive(Clone, Copy)]
pub(super) struct Node {
    pub cid: Cid,
    /// Bytes of all blocks below, this one included.
    pub dag_size: u64,
}

/// A named entry of a directory.
pub(super) struct Entry {
    pub name: Box<str>,
    pub node: Packed,
}

impl Entry {
    pub(super) fn new(path: &Path, name: impl Into<Box<str>>, node: Node) -> Result<Self, ContentError> {
        let wrong = || ContentError::Encode { path: path.into(), what: format!("{} is no id of this profile", node.cid) };
        Ok(Self { name: name.into(), node: Packed::new(node).ok_or_else(wrong)? })
    }
}

/// The id of what is not sealed.
pub(super) const OPEN: Id = [0; 32];

/// One walk over a tree, depth first: an entry is encoded before the directory that holds it.
pub(super) struct Walk<'a, 'b> {
    pub profile: Profile,
    pub added: Added,
    /// The buffer of one chunk, used again for every file.
    pub chunk: Vec<u8>,
    /// What it is closed with, where it is private.
    pub seal: Option<&'a Seal>,
    sink: &'a mut Sink<'b>,
    watch: &'a mut Watch<'b>,
    entries: u64,
}

impl<'a, 'b> Walk<'a, 'b> {
    pub(super) fn new(profile: Profile, seal: Option<&'a Seal>, sink: &'a mut Sink<'b>, watch: &'a mut Watch<'b>) -> Self {
        let added = Added { cid: Cid::default(), size: 0, dag_size: 0, blocks: 0, files: 0, links: 0, dirs: 0 };
        Self { profile, added, chunk: Vec::new(), seal, sink, watch, entries: 0 }
    }

    pub(super) fn root(mut self, path: &Path) -> Result<Added, ContentError> {
        // Followed, then walked under its real name: what is below must not be followed.
        let real = fs::canonicalize(path).map_err(io("find", path))?;
        let node = match self.seal {
            // A link or a file of its own would have no head.
            Some(seal) if !real.is_dir() => self.sealed_alone(&real, seal)?,
            _ => self.entry(&real, 0)?.0,
        };
        Ok(Added { cid: node.cid, dag_size: node.dag_size, ..self.added })
    }

    /// The entry, and by what id it is known where it is sealed.
    pub(super) fn entry(&mut self, path: &Path, depth: usize) -> Result<(Node, Id), ContentError> {
        let kind = fs::symlink_metadata(path).map_err(io("examine", path))?.file_type();
        // CONTENT-4
        let special = |kind| Err(ContentError::Special { path: path.into(), kind });
        let done = match () {
            () if kind.is_file() => self.file(path),
            () if kind.is_dir() => self.walk_directory(path, depth),
            () if kind.is_symlink() => self.link(path, depth),
            () if kind.is_fifo() => special("pipe"),
            () if kind.is_socket() => special("socket"),
            () if kind.is_block_device() || kind.is_char_device() => special("device"),
            () => special("special file"),
        }?;
        self.entries += 1;
        self.tell();
        Ok(done)
    }

    fn walk_directory(&mut self, path: &Path, depth: usize) -> Result<(Node, Id), ContentError> {
        if depth >= DEPTH_MAX {
            return Err(ContentError::TooMuch { path: path.into(), what: "lies deeper than 256 directories" });
        }
        if depth == 0 && self.seal.is_none() {
            refuse_head(path)?;
        }
        let stamp = || fs::symlink_metadata(path).map(|meta| Stamp::of(&meta)).map_err(io("examine", path));
        let before = stamp()?;
        let mut names = Vec::new();
        for found in fs::read_dir(path).map_err(io("list", path))? {
            let found = found.map_err(io("list", path))?;
            let name = found.file_name().into_string().map_err(|_| ContentError::Name { path: found.path() })?;
            if names.len() >= ENTRIES_MAX {
                return Err(ContentError::TooMuch { path: path.into(), what: "has more than 2097152 entries" });
            }
            names.push(name.into_boxed_str());
        }
        // CONTENT-2. By bytes, as IPFS tools do; the file system's order is chance.
        names.sort_unstable();
        let mut entries = Vec::with_capacity(names.len());
        for name in names {
            let (node, id) = self.entry(&path.join(&*name), depth + 1)?;
            entries.push((Entry::new(path, name, node)?, id));
        }
        // CONTENT-5
        if stamp()? != before {
            return Err(ContentError::Changed { path: path.into() });
        }
        let (entries, id) = match self.seal {
            Some(seal) => self.sealed_entries(path, entries, seal, depth == 0)?,
            None => (entries.into_iter().map(|(entry, _)| entry).collect(), OPEN),
        };
        Ok((self.directory(path, &entries)?, id))
    }

    fn link(&mut self, path: &Path, depth: usize) -> Result<(Node, Id), ContentError> {
        let target = fs::read_link(path).map_err(io("read the link", path))?;
        let text = target.to_str().ok_or_else(|| ContentError::Name { path: path.into() })?;
        // CONTENT-3. Its own name is the last step: it lies in a directory `depth - 1` steps below the root.
        if leads_out(text, depth.saturating_sub(1)) {
            return Err(ContentError::Escape { path: path.into(), target });
        }
        let (text, id) = match self.seal {
            Some(seal) => seal.key().seal_link(text).map_err(|source| ContentError::Seal { path: path.into(), source })?,
            None => (text.to_string(), OPEN),
        };
        let (cid, block) =
            symlink_block(&text, &Metadata::default(), self.profile.version(), multihash_codetable::Code::Sha2_256);
        let dag_size = block.len() as u64;
        self.put(&cid, block)?;
        self.added.links += 1;
        Ok((Node { cid, dag_size }, id))
    }

    /// Passes a block on and makes it the latest of `node`, whose size it adds to.
    pub(super) fn emit(&mut self, node: &mut Option<Node>, cid: Cid, block: Vec<u8>) -> Result<(), ContentError> {
        let below = node.map_or(0, |n| n.dag_size);
        *node = Some(Node { cid, dag_size: below.saturating_add(block.len() as u64) });
        self.put(&cid, block)
    }

    pub(super) fn put(&mut self, cid: &Cid, block: Vec<u8>) -> Result<(), ContentError> {
        self.added.blocks += 1;
        (self.sink)(cid, block).map_err(ContentError::Sink)
    }

    pub(super) fn tell(&mut self) {
        (self.watch)(&Progress { bytes: self.added.size, entries: self.entries });
    }
}
