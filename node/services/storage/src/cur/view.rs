//! A tree that is read.

use super::dag::Link;
use super::tree::Tree;
use super::{dir, file, path};
use crate::config::{PAGE_MAX, PAGE_TEXT_BYTES, READ_BYTES_MAX};
use crate::content::Profile;
use crate::error::{Result, StorageError};
use crate::store::ContentStore;
use cid::Cid;
use leither_kit::node::{Node, codec};

/// What a path leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A file of so many bytes.
    File(u64),
    /// A directory.
    Directory,
    /// A symbolic link, and its target.
    Symlink(String),
    /// Something that is neither.
    Other,
}

/// What is known of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Its tree.
    pub cid: Cid,
    /// Bytes of all blocks in it, each counted as often as it is linked; as its writer says.
    pub dag_size: u64,
    /// What it is.
    pub kind: Kind,
}

/// A page of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Names with their trees.
    pub entries: Vec<(String, Cid)>,
    /// What to ask for the next page with; nothing after the last one.
    pub after: Option<String>,
}

/// A page of a directory, with what each entry is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Names with their trees.
    pub entries: Vec<(String, Cid, Kind)>,
    /// What to ask for the next page with; nothing after the last one.
    pub after: Option<String>,
}

/// A tree that is read: a version, or a working copy as it was when it was looked up.
pub struct View {
    tree: Tree,
    root: Cid,
}

impl View {
    pub(super) fn new(store: &ContentStore, profile: Profile, root: Cid) -> Self {
        Self { tree: Tree::new(store, profile), root }
    }

    /// What the path leads to; the empty one to the tree itself.
    pub fn stat(&self, path: &str) -> Result<Item> {
        stat(&self.tree, &self.root, path)
    }

    /// CUR-3: fills `out` from byte `start` of a file on; says how many there were.
    pub fn read(&self, path: &str, start: u64, out: &mut [u8]) -> Result<usize> {
        read(&self.tree, &self.root, path, start, out)
    }

    /// CUR-6: at most 1000 entries of a directory after the name `after`.
    pub fn list(&self, path: &str, after: Option<&str>, limit: usize) -> Result<Page> {
        list(&self.tree, &self.root, path, after, limit)
    }

    /// CUR-6: the same, with what each entry is. A page ends early once its names and the targets of its links have 256 KiB.
    pub fn list_kinds(&self, path: &str, after: Option<&str>, limit: usize) -> Result<Listed> {
        let page = self.list(path, after, limit)?;
        let (mut entries, mut after, mut bytes) = (Vec::with_capacity(page.entries.len()), page.after, 0usize);
        let mut last = None;
        for (name, cid) in page.entries {
            if bytes >= PAGE_TEXT_BYTES {
                after = last;
                break;
            }
            let kind = listed_kind(&self.tree, &cid)?;
            let target = if let Kind::Symlink(target) = &kind { target.len() } else { 0 };
            bytes = bytes.saturating_add(name.len()).saturating_add(target);
            last = Some(name.clone());
            entries.push((name, cid, kind));
        }
        Ok(Listed { entries, after })
    }
}

/// Follows a path.
pub(super) fn resolve(tree: &Tree, root: &Cid, path: &str) -> Result<Cid> {
    let mut cid = *root;
    for name in path::names(path)? {
        let link: Option<Link> = dir::lookup(tree, &cid, name).map_err(|error| error.at(path))?;
        cid = link.ok_or_else(|| StorageError::NoEntry(path.into()))?.cid;
    }
    Ok(cid)
}

pub(super) fn kind(tree: &Tree, cid: &Cid) -> Result<Kind> {
    if !matches!(cid.codec(), codec::DAG_PB | codec::RAW) {
        return Ok(Kind::Other);
    }
    Ok(match tree.node(cid)?.0 {
        Node::Raw(size) => Kind::File(size),
        Node::File(file) => Kind::File(file.size),
        Node::Directory(_) | Node::Shard(_) => Kind::Directory,
        Node::Symlink(target) => Kind::Symlink(target),
        Node::Other(_) => Kind::Other,
    })
}

/// The same, of an entry among many: of a file of one leaf the row says the length, and its bytes are not read.
fn listed_kind(tree: &Tree, cid: &Cid) -> Result<Kind> {
    if cid.codec() == codec::RAW
        && let Some(size) = tree.store().size(cid)?
    {
        return Ok(Kind::File(size));
    }
    kind(tree, cid)
}

pub(super) fn stat(tree: &Tree, root: &Cid, path: &str) -> Result<Item> {
    let cid = resolve(tree, root, path)?;
    Ok(Item { cid, dag_size: tree.link_to(&cid)?.dag_size, kind: kind(tree, &cid)? })
}

pub(super) fn read(tree: &Tree, root: &Cid, path: &str, start: u64, out: &mut [u8]) -> Result<usize> {
    let cid = resolve(tree, root, path)?;
    if out.len() > READ_BYTES_MAX {
        return Err(StorageError::TooMuch("one read gives at most 16 MiB"));
    }
    match kind(tree, &cid)? {
        Kind::File(_) => file::read(tree, &cid, start, out),
        _ => Err(StorageError::Kind { path: path.into(), wanted: "file" }),
    }
}

pub(super) fn list(tree: &Tree, root: &Cid, path: &str, after: Option<&str>, limit: usize) -> Result<Page> {
    let cid = resolve(tree, root, path)?;
    if !dir::is_one(tree, &cid)? {
        return Err(StorageError::Kind { path: path.into(), wanted: "directory" });
    }
    let limit = limit.clamp(1, PAGE_MAX);
    // One more tells whether there is a next page.
    let mut found = dir::list(tree, &cid, after, limit.saturating_add(1))?;
    let more = found.len() > limit;
    found.truncate(limit);
    let after = found.last().filter(|_| more).map(|entry| entry.name.clone());
    Ok(Page { entries: found.into_iter().map(|entry| (entry.name, entry.link.cid)).collect(), after })
}
