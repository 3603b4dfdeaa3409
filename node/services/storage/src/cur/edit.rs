//! A working copy that is changed.

use super::dag::{self, Link};
use super::tree::Tree;
use super::view::{Item, Kind, Page, kind, list, read, resolve, stat};
use super::{dir, file, move_cur, path};
use crate::config::GRACE_MS;
use crate::error::{Result, StorageError};
use crate::seal::{HEAD_BYTES_MAX, HEAD_NAME, Head};
use crate::store::{ContentStore, Kept, Root};
use cid::Cid;
use leither_types::MimeiId;

/// Superseded blocks that a commit takes out itself.
const SUPERSEDED_MAX: usize = 256;

/// Changes of one working copy, in memory until [`Edit::commit`]. Each of them is done whole or, with an error, not at all.
pub struct Edit {
    tree: Tree,
    mimei: MimeiId,
    base: Kept,
    root: Cid,
    /// PRIVATE-9: what it started from is private content; so it stays, and what is open stays open.
    is_private: bool,
    /// Something was taken away that its owner may want back.
    removes: bool,
}

impl Edit {
    pub(super) fn new(store: &ContentStore, mimei: MimeiId, base: Kept) -> Result<Self> {
        let tree = Tree::new(store, base.profile);
        let mut edit = Self { tree, mimei, base, root: base.cid, is_private: false, removes: false };
        edit.hold_base()?;
        edit.is_private = edit.has_head()?;
        Ok(edit)
    }

    /// CUR-7: what this edit started from stays for as long as it lasts, even if another one's commit supersedes it.
    fn hold_base(&mut self) -> Result<()> {
        let cid = self.base.cid;
        if self.tree.session.hold(&cid)? { Ok(()) } else { Err(StorageError::NoBlock(cid)) }
    }

    /// What it started from.
    pub fn base(&self) -> &Kept {
        &self.base
    }

    /// The tree as it is by now.
    pub fn root(&self) -> &Cid {
        &self.root
    }

    /// Blocks read and written since this was asked last.
    #[cfg(test)]
    pub(super) fn counted(&self) -> (u64, u64) {
        let take = |count: &std::sync::atomic::AtomicU64| count.swap(0, std::sync::atomic::Ordering::Relaxed);
        (take(&self.tree.counts.read), take(&self.tree.counts.written))
    }

    #[cfg(test)]
    pub(super) fn made_bytes(&self) -> usize {
        self.tree.made_bytes()
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

    /// CUR-3: writes at a place of a file, which is made where it is missing, and grows where it is too short: with zeros, if need be.
    pub fn write_at(&mut self, path: &str, at: u64, bytes: &[u8]) -> Result<()> {
        self.on_file(path, |former| file::Change::write(former, at, bytes))
    }

    /// CUR-3: writes at the end of a file, which is made where it is missing.
    pub fn append(&mut self, path: &str, bytes: &[u8]) -> Result<()> {
        self.on_file(path, |former| file::Change::write(former, former, bytes))
    }

    /// CUR-3: makes a file that long; what it gains is zero.
    pub fn truncate(&mut self, path: &str, size: u64) -> Result<()> {
        self.removes = true;
        self.on_file(path, |_| file::Change::resize(size))
    }

    fn on_file<'b>(&mut self, at: &str, change: impl FnOnce(u64) -> Result<file::Change<'b>>) -> Result<()> {
        self.at(at, |tree, former, _| {
            let size = match former {
                None => None,
                Some(link) => match kind(tree, &link.cid)? {
                    Kind::File(size) => Some(size),
                    _ => return Err(StorageError::Kind { path: at.into(), wanted: "file" }),
                },
            };
            let change = change(size.unwrap_or(0))?;
            Ok(Some(file::change(tree, former.map(|link| link.cid).as_ref(), change)?.link))
        })
    }

    /// Makes an empty directory.
    pub fn mkdir(&mut self, path: &str) -> Result<()> {
        self.make(path, |tree, _| {
            let made = dag::directory(tree.profile, &[]);
            tree.put(made, 0)
        })
    }

    /// CUR-2: makes a symbolic link.
    pub fn symlink(&mut self, path: &str, target: &str) -> Result<()> {
        let escape = || StorageError::Escape { path: path.into(), target: target.chars().take(256).collect() };
        if target.len() > leither_kit::node::SYMLINK_BYTES_MAX {
            return Err(StorageError::TooMuch("the target of a link has at most 4096 bytes"));
        }
        self.make(path, |tree, level| {
            if target.is_empty() || target.contains('\0') || path::leads_out(target, level) {
                return Err(escape());
            }
            let made = dag::symlink(tree.profile, target);
            tree.put(made, 0)
        })
    }

    /// Puts a tree that is in the store at a path.
    pub fn link(&mut self, path: &str, cid: &Cid) -> Result<()> {
        self.make(path, |tree, level| linked(tree, path, cid, level))
    }

    /// Takes away a file, or a directory: one that has entries only with `all`.
    pub fn remove(&mut self, path: &str, all: bool) -> Result<()> {
        self.refuse_private(path)?;
        self.at(path, |tree, former, _| {
            let link = former.ok_or_else(|| StorageError::NoEntry(path.into()))?;
            if !all && dir::is_one(tree, &link.cid)? && !dir::list(tree, &link.cid, None, 1)?.is_empty() {
                return Err(StorageError::NotEmpty(path.into()));
            }
            Ok(None)
        })?;
        self.removes = true;
        Ok(())
    }

    /// CUR-4: gives a file or directory another path, at which nothing stands.
    pub fn rename(&mut self, from: &str, to: &str) -> Result<()> {
        self.refuse_private(from)?;
        let cid = resolve(&self.tree, &self.root, from)?;
        if from == to {
            return Ok(());
        }
        refuse_within(from, to)?;
        let before = self.root;
        let done = self.change(from, |_, _, _| Ok(None)).and_then(|()| {
            self.change(to, |tree, former, level| match former {
                Some(_) => Err(StorageError::Exists(to.into())),
                None => linked(tree, to, &cid, level).map(Some),
            })
        });
        if done.is_err() {
            self.root = before;
        }
        done.and_then(|()| self.tree.settle(&self.root))
    }

    /// CUR-4: gives a file or directory a second path, at which nothing stands: the same blocks, none of which is written again.
    pub fn copy(&mut self, from: &str, to: &str) -> Result<()> {
        self.refuse_private(from)?;
        let cid = resolve(&self.tree, &self.root, from)?;
        refuse_within(from, to)?;
        self.link(to, &cid)
    }

    /// PRIVATE-9: what would be written into private content would not be sealed.
    fn refuse_private(&self, path: &str) -> Result<()> {
        if self.is_private { Err(StorageError::Private(path.chars().take(256).collect())) } else { Ok(()) }
    }

    /// PRIVATE-10: whether the tree, as it is by now, is private content.
    fn has_head(&self) -> Result<bool> {
        if !dir::is_one(&self.tree, &self.root)? {
            return Ok(false);
        }
        let Some(link) = dir::lookup(&self.tree, &self.root, HEAD_NAME)? else { return Ok(false) };
        if !matches!(kind(&self.tree, &link.cid)?, Kind::File(_)) {
            return Ok(false);
        }
        let mut bytes = vec![0; HEAD_BYTES_MAX + 1];
        let len = file::read(&self.tree, &link.cid, 0, &mut bytes)?;
        Ok(Head::is_one(bytes.get(..len).unwrap_or_default()))
    }

    /// PRIVATE-9: by a change of the head alone readers come and go; nothing is opened or closed by it.
    fn refuse_other_kind(&self) -> Result<()> {
        if self.root == self.base.cid || self.has_head()? == self.is_private {
            return Ok(());
        }
        Err(StorageError::Head(match self.is_private {
            true => {
                "`.leither-private` would be no head any more, and nobody could open this private content; `leither mimei readers` changes who reads it"
            }
            false => {
                "this open content would be taken for private by that `.leither-private`, and nobody could open it; give the file another name"
            }
        }))
    }

    /// Makes something at a path at which nothing stands.
    fn make(&mut self, at: &str, make: impl FnOnce(&mut Tree, usize) -> Result<Link>) -> Result<()> {
        self.at(at, |tree, former, level| match former {
            Some(_) => Err(StorageError::Exists(at.into())),
            None => make(tree, level).map(Some),
        })
    }

    fn at(&mut self, path: &str, change: impl FnOnce(&mut Tree, Option<Link>, usize) -> Result<Option<Link>>) -> Result<()> {
        self.change(path, change)?;
        self.tree.settle(&self.root)
    }

    /// Changes what a path leads to, and all directories above. `change` is told what stands there and how many steps below the root its directory is.
    fn change(&mut self, path: &str, change: impl FnOnce(&mut Tree, Option<Link>, usize) -> Result<Option<Link>>) -> Result<()> {
        let names = path::names(path)?;
        // The head itself is: by that readers come and go.
        if names != [HEAD_NAME] {
            self.refuse_private(path)?;
        }
        let Some((last, above)) = names.split_last() else {
            // The tree itself, where it is a file.
            let root = self.tree.link_to(&self.root)?;
            let link = change(&mut self.tree, Some(root), 0)?;
            let is_tree = || StorageError::Path { path: path.into(), what: "is the tree itself; name something in it" };
            self.root = link.ok_or_else(is_tree)?.cid;
            return Ok(());
        };
        // The directories on the way.
        let mut way = vec![self.root];
        let mut here = self.root;
        for name in above {
            let link = dir::lookup(&self.tree, &here, name).map_err(|error| error.at(path))?;
            here = link.ok_or_else(|| StorageError::NoEntry(path.into()))?.cid;
            way.push(here);
        }
        let former = dir::lookup(&self.tree, &here, last).map_err(|error| error.at(path))?;
        let mut link = change(&mut self.tree, former, above.len())?;
        for (cid, name) in way.iter().zip(&names).rev() {
            link = Some(dir::update(&mut self.tree, cid, name, link)?);
        }
        if let Some(link) = link {
            self.root = link.cid;
        }
        Ok(())
    }

    /// CUR-7: moves the working copy, if nobody did so since this edit began; on disk once it returns, and the edit may go on. If somebody did, the
    /// error says so, the other's stands, and the tree of this edit can still be read, and kept ([`Self::keep_as`]). What was taken away can be
    /// taken back for a day after `now`; blocks that mere writes superseded go at once.
    pub fn commit(&mut self, now: u64) -> Result<Kept> {
        self.commit_and(now, || ())
    }

    /// As [`Self::commit`], with what others do between the move and what follows it.
    pub(super) fn commit_and(&mut self, now: u64, meanwhile: impl FnOnce()) -> Result<Kept> {
        self.refuse_other_kind()?;
        let due = if self.removes { now.saturating_add(GRACE_MS) } else { 0 };
        self.tree.hand_over(&self.root)?;
        let moved = move_cur(&mut self.tree.session, &self.mimei, self.base.generation, &self.root, self.base.profile, due)?;
        self.base = moved;
        self.removes = false;
        meanwhile();
        // The move is on disk: whoever was told of an error now would do the same again.
        if let Err(error) = self.hold_base() {
            tracing::warn!(%error, "a working copy was written, and its tree is not held for what comes next");
        }
        // What was superseded is a few blocks; the rest of a large one goes with the next purge.
        if let Err(error) = self.tree.store().purge(0, SUPERSEDED_MAX) {
            tracing::warn!(%error, "a working copy was written, and what it superseded is not cleared yet");
        }
        Ok(moved)
    }

    /// Keeps the tree of this edit under another root: the loser's side of a conflict, for instance.
    pub fn keep_as(&mut self, root: &Root, now: u64) -> Result<Kept> {
        self.tree.hand_over(&self.root)?;
        let kept = Kept { cid: self.root, profile: self.base.profile, generation: 0 };
        self.tree.session.finish_with(&self.root, |tx| tx.set_root(root, Some(kept), now.saturating_add(GRACE_MS)))?;
        // The base may be gone with that; the tree of this edit is what it goes on from, as if it were new.
        self.tree.session.hold(&kept.cid)?;
        Ok(kept)
    }
}

/// A directory does not come to lie in itself.
fn refuse_within(from: &str, to: &str) -> Result<()> {
    if from.is_empty() || to.strip_prefix(from).is_some_and(|rest| rest.starts_with('/')) {
        let what = "lies within what would be put there; choose another place";
        return Err(StorageError::Path { path: to.chars().take(256).collect(), what });
    }
    Ok(())
}

/// A link to a tree of the store, to be put at a path.
fn linked(tree: &Tree, path: &str, cid: &Cid, level: usize) -> Result<Link> {
    match kind(tree, cid)? {
        // CUR-2
        Kind::Symlink(target) if path::leads_out(&target, level) => Err(StorageError::Escape { path: path.into(), target }),
        Kind::Other => Err(StorageError::Kind { path: path.into(), wanted: "file, directory or link" }),
        _ => tree.link_to(cid),
    }
}
