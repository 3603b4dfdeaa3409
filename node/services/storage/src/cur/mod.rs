//! Working copies: the tree of a MiMei that is written to, path by path.
//!
//! ```text
//! cur(mimei) -> edit() -> write, append, truncate, mkdir, remove, rename, link -> commit(): the root moves, if nobody moved it meanwhile
//! ```
//! A working copy is a root and a number that rises with each commit. An edit makes blocks in memory; a commit writes those that the new root
//! needs, and the new root, in one batch. Whatever the way there, the tree is the one that adding the same files would give.

pub(crate) mod dag;
mod dir;
mod edit;
mod file;
mod path;
#[cfg(test)]
mod tests;
mod tree;
mod view;

pub use edit::Edit;
pub use path::leads_out;
pub use view::{Item, Kind, Listed, Page, View};

use crate::content::Profile;
use crate::error::{Result, StorageError};
use crate::store::{Act, ContentStore, Kept, Root, Session};
use cid::Cid;
use leither_types::MimeiId;

impl ContentStore {
    /// The working copy of a MiMei.
    pub fn cur(&self, mimei: &MimeiId) -> Result<Option<Kept>> {
        self.root(&Root::Cur(*mimei))
    }

    /// Makes a working copy: of a tree that is here, or an empty directory.
    pub fn create_cur(&self, mimei: &MimeiId, profile: Profile, tree: Option<&Cid>) -> Result<Kept> {
        let root = Root::Cur(*mimei);
        let mut session = self.session();
        let cid = match tree {
            Some(cid) => *cid,
            None => {
                let (cid, block) = dag::directory(profile, &[]);
                session.put_made(&cid, block)?;
                cid
            }
        };
        let kept = Kept { cid, profile, generation: 0 };
        session.finish_with(&cid, |tx| match tx.root(&root)? {
            Some(_) => Err(StorageError::HasCur(*mimei)),
            None => tx.set_root(&root, Some(kept), 0),
        })?;
        Ok(kept)
    }

    /// CUR-7: sets the working copy to a tree that is here, if it is still of the generation that the caller saw. What it was goes to the trash for a day.
    pub fn set_cur(&self, mimei: &MimeiId, generation: u64, tree: &Cid, profile: Profile, now: u64) -> Result<Kept> {
        self.act(now, |act| act.set_cur(mimei, generation, tree, profile))
    }

    /// Begins to change the working copy.
    pub fn edit(&self, mimei: &MimeiId) -> Result<Edit> {
        loop {
            let base = self.cur(mimei)?.ok_or(StorageError::NoCur(*mimei))?;
            match Edit::new(self, *mimei, base) {
                // Superseded between the look and the hold.
                Err(StorageError::NoBlock(_)) if self.cur(mimei)? != Some(base) => {}
                edit => return edit,
            }
        }
    }

    /// A tree to be read. It must be kept by somebody meanwhile.
    pub fn view(&self, root: &Cid, profile: Profile) -> View {
        View::new(self, profile, *root)
    }
}

impl Act<'_> {
    /// CUR-7: as [`ContentStore::set_cur`].
    pub fn set_cur(&mut self, mimei: &MimeiId, generation: u64, tree: &Cid, profile: Profile) -> Result<Kept> {
        let root = Root::Cur(*mimei);
        let kept = next(self.root(&root)?, mimei, generation, tree, profile)?;
        self.keep(&root, kept)?;
        Ok(kept)
    }
}

/// What a working copy becomes, if it is still of the generation that the caller saw.
fn next(found: Option<Kept>, mimei: &MimeiId, base: u64, cid: &Cid, profile: Profile) -> Result<Kept> {
    let found = found.ok_or(StorageError::NoCur(*mimei))?.generation;
    match found == base {
        true => Ok(Kept { cid: *cid, profile, generation: base.saturating_add(1) }),
        false => Err(StorageError::CurMoved { mimei: *mimei, base, found }),
    }
}

/// The compare-and-set of a working copy, with the blocks of a session.
fn move_cur(session: &mut Session, mimei: &MimeiId, base: u64, cid: &Cid, profile: Profile, due: u64) -> Result<Kept> {
    let root = Root::Cur(*mimei);
    let mut moved = None;
    session.finish_with(cid, |tx| {
        let kept = next(tx.root(&root)?, mimei, base, cid, profile)?;
        moved = Some(kept);
        tx.set_root(&root, Some(kept), due)
    })?;
    moved.ok_or(StorageError::NoCur(*mimei))
}
