//! `leither mimei get`: files out of the node, each block checked here.

use super::closing;
use super::network::moved;
use super::place::{self, Spot, Tree, Which, find, unless_moved, unread};
use super::private;
use crate::bar::{Bar, Far, size};
use crate::commands::Session;
use crate::content::client::{Afar, Socket};
use crate::exit::{Done, Exit, Failure};
use crate::wallet::Wallet;
use clap::Args;
use leither_kit::Cid;
use leither_kit::node::Node;
use leither_kit::source::{Source, SourceError};
use leither_kit::walk::{Cursor, FileWalk, Loaded, WalkError, list, load};
use leither_storage::cur::leads_out;
use serde_json::json;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Entries of a directory that are asked for at once.
pub(super) const PAGE: usize = 1000;
/// Directories nest no deeper.
pub(super) const DEPTH_MAX: usize = 256;

/// Writes a version's files, or one of them, to this machine.
#[derive(Args, Debug)]
pub struct Get {
    /// MIMEI[@VERSION][/path]: a number, cur, last, release, or the content id of a tree; without one what is released or, where nothing is, the newest.
    /// Or CID[/path], /ipfs/CID[/path]: any tree.
    place: Spot,
    /// Where to: a name that nothing has yet, or - for the standard output (of one file). The last name of the path where it is not given.
    out: Option<PathBuf>,
    /// Whose key opens private content; the first of yours that does where it is not given.
    #[arg(long)]
    from: Option<String>,
}

struct Writer<'a> {
    socket: Arc<Socket>,
    tree: &'a Tree,
    bar: Bar,
    /// What is to be written, as far as the tree's first block says.
    total: Option<u64>,
    files: u64,
    blocks: u64,
    bytes: u64,
}

/// How much a file or directory has, for the bar alone: of a directory what its writer says, nothing of one that is spread over many blocks.
pub(super) fn total(found: &Loaded) -> Option<u64> {
    match &found.node {
        Node::Directory(directory) => {
            Some(directory.entries.iter().fold(0, |sum: u64, entry| sum.saturating_add(entry.dag_size)))
        }
        node => node.file_size(),
    }
}

/// Says how far the writing is.
pub(super) fn tell(bar: &Bar, total: Option<u64>, files: u64, blocks: u64, bytes: u64) {
    let far = Far { bytes, entries: files, blocks, of: total.map(|total| (bytes, total)), grows: false };
    match total {
        Some(total) => bar.tell(far, format_args!("{} of {}, {files} files", size(bytes), size(total))),
        None => bar.tell(far, format_args!("{}, {files} files", size(bytes))),
    }
}

impl Get {
    pub(super) async fn run(self, session: &Session) -> Done {
        let wallet = session.wallet().await?;
        let socket = Arc::new(session.socket(&wallet).await?);
        let spot = self.place.clone();
        let tree = match &spot {
            Spot::Mimei(place) => place::tree(&wallet, &socket, place).await?,
            Spot::Tree { cid, .. } => Tree { cid: *cid, name: format!("the tree {cid}") },
        };
        let done = self.read(session, &wallet, socket.clone(), &tree).await;
        match &spot {
            Spot::Mimei(place) => unless_moved(&socket, place, &tree, done).await,
            Spot::Tree { .. } => done,
        }
    }

    async fn read(self, session: &Session, wallet: &Wallet, socket: Arc<Socket>, tree: &Tree) -> Done {
        let is_here = socket.has_whole(&tree.cid).await;
        // A working copy is here or nowhere: what it was before a change is not looked for elsewhere.
        let is_cur = matches!(&self.place, Spot::Mimei(place) if place.which == Which::Cur);
        let source: Arc<dyn Source> = match (is_cur, is_here) {
            (true, false) => return Err(unread(tree, WalkError::Source(SourceError::NotFound(tree.cid)))),
            (true, true) => socket.clone(),
            (false, _) => Arc::new(Afar(socket.clone())),
        };
        if let Some(head) = closing::head_of(source, tree).await? {
            // Who could not read it fetches nothing.
            let seal = private::unlock(wallet, &head, self.from.as_deref()).await?;
            if !is_here {
                // Its paths say nothing to who has no key, so it is fetched whole.
                self.fetch(session, &socket, &tree.cid).await?;
            }
            let wanted = private::Get { place: &self.place, out: self.out, head: &head, seal: &seal };
            return private::get(session, socket, tree, wanted).await;
        }
        let found = if is_here {
            find(&*socket, tree, self.place.path()).await?.target
        } else {
            self.reach(session, &socket, tree).await?
        };
        let bar = Bar::of_file(session.printer, self.out.as_deref());
        let mut writer = Writer { socket, tree, bar, total: total(&found), files: 0, blocks: 0, bytes: 0 };
        if self.out.as_deref() == Some(Path::new("-")) {
            if session.printer.json {
                return Err(Failure::usage("a file on the standard output is no JSON: leave --json out, or name a file"));
            }
            let printer = session.printer;
            return writer.file(found, &mut |bytes| printer.bytes(bytes)).await;
        }
        let out = self.out.unwrap_or_else(|| PathBuf::from(self.place.name()));
        let cid = found.cid;
        writer.whole(found, &out).await?;
        writer.bar.over();
        session.printer.answer(&json!({
            "mimei": self.place.mimei().map(|id| id.to_string()),
            "tree": tree.name,
            "cid": cid.to_string(),
            "out": out.display().to_string(),
            "files": writer.files.to_string(),
            "bytes": writer.bytes.to_string(),
        }));
        Ok(())
    }
}

impl Get {
    /// What is to be written of a tree that is not here: it is fetched, and no more of the tree than that.
    async fn reach(&self, session: &Session, socket: &Arc<Socket>, tree: &Tree) -> Done<Loaded> {
        let found = find(&Afar(socket.clone()), tree, self.place.path()).await?.target;
        self.fetch(session, socket, &found.cid).await?;
        Ok(found)
    }

    async fn fetch(&self, session: &Session, socket: &Arc<Socket>, cid: &Cid) -> Done {
        let of = self.place.mimei().map(|id| format!("&mimei={id}")).unwrap_or_default();
        moved(session, socket, &format!("/fetch?cid={cid}{of}")).await?;
        Ok(())
    }
}

pub(super) fn disk(path: &Path) -> impl Fn(std::io::Error) -> Failure + '_ {
    move |error| {
        let exit = match error.kind() {
            std::io::ErrorKind::AlreadyExists | std::io::ErrorKind::NotFound | std::io::ErrorKind::PermissionDenied => {
                Exit::Usage
            }
            _ => Exit::Fault,
        };
        Failure::new(exit, format!("cannot write {}: {error}; nothing of it is left", path.display()))
    }
}

pub(super) fn taken(out: &Path) -> Failure {
    Failure::usage(format!("{} is there already, and nothing is overwritten: choose another name", out.display()))
}

impl Writer<'_> {
    /// Written beside and given its name once it is whole, so that nothing half is ever left under it.
    async fn whole(&mut self, found: Loaded, out: &Path) -> Done {
        if out.symlink_metadata().is_ok() {
            return Err(taken(out));
        }
        let beside = out.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let dir = tempfile::Builder::new().prefix(".leither-get-").tempdir_in(beside).map_err(|e| disk(out)(e))?;
        let spare = dir.path().join("out");
        match found.node {
            Node::Directory(_) | Node::Shard(_) => {
                self.directories(found, &spare).await?;
                // A directory that came meanwhile and is empty would be replaced, one with files would not.
                if out.symlink_metadata().is_ok() {
                    return Err(taken(out));
                }
                std::fs::rename(&spare, out).map_err(|e| disk(out)(e))
            }
            _ => {
                self.one_file(found, &spare).await?;
                std::fs::hard_link(&spare, out).map_err(|e| match e.kind() {
                    std::io::ErrorKind::AlreadyExists => taken(out),
                    _ => disk(out)(e),
                })
            }
        }
    }

    async fn directories(&mut self, root: Loaded, out: &Path) -> Done {
        let mut waiting = vec![(root, out.to_path_buf(), 0usize)];
        while let Some((directory, path, depth)) = waiting.pop() {
            if depth > DEPTH_MAX {
                return Err(self.odd("directories nest deeper than 256"));
            }
            std::fs::create_dir(&path).map_err(|e| disk(&path)(e))?;
            let mut cursor = Cursor::default();
            loop {
                let page = list(&*self.socket, &directory, &cursor, PAGE).await.map_err(|e| unread(self.tree, e))?;
                for entry in page.entries {
                    if !is_name(&entry.name) {
                        return Err(self.odd(&format!("an entry is called {:?}, which no file may be", entry.name)));
                    }
                    let to = path.join(&entry.name);
                    let found = load(&*self.socket, &entry.cid).await.map_err(|e| unread(self.tree, e))?;
                    match &found.node {
                        Node::Directory(_) | Node::Shard(_) => waiting.push((found, to, depth.saturating_add(1))),
                        Node::Symlink(target) => {
                            if target.is_empty() || target.contains('\0') || leads_out(target, depth) {
                                return Err(self.odd(&format!(
                                    "the link {:?} leads out of the tree, or climbs after a name, to {target:?}",
                                    entry.name
                                )));
                            }
                            std::os::unix::fs::symlink(target, &to).map_err(|e| disk(&to)(e))?;
                        }
                        _ => self.one_file(found, &to).await?,
                    }
                }
                match page.next {
                    Some(next) => cursor = next,
                    None => break,
                }
            }
        }
        Ok(())
    }

    fn odd(&self, what: &str) -> Failure {
        Failure::new(Exit::Refused, format!("{} is not written: {what}; read single files of it with `get … -`", self.tree.name))
    }

    async fn one_file(&mut self, found: Loaded, path: &Path) -> Done {
        // New and nobody's: a link that a bad tree has made is not followed.
        let file = std::fs::OpenOptions::new().write(true).create_new(true).open(path).map_err(|e| disk(path)(e))?;
        let mut file = std::io::BufWriter::with_capacity(1 << 20, file);
        self.file(found, &mut |bytes| file.write_all(bytes)).await?;
        file.flush().map_err(|e| disk(path)(e))
    }

    async fn file(&mut self, found: Loaded, write: &mut dyn FnMut(&[u8]) -> std::io::Result<()>) -> Done {
        let mut walk = FileWalk::new(self.socket.clone(), found, 0..u64::MAX).map_err(|e| unread(self.tree, e))?;
        while let Some(block) = walk.next().await.map_err(|e| unread(self.tree, e))? {
            write(&block.content)
                .map_err(|e| Failure::fault(format!("cannot write the file: {e}; make room, and get it again")))?;
            self.blocks = self.blocks.saturating_add(1);
            self.bytes = self.bytes.saturating_add(block.content.len() as u64);
            tell(&self.bar, self.total, self.files, self.blocks, self.bytes);
        }
        self.files = self.files.saturating_add(1);
        Ok(())
    }
}

pub(super) fn is_name(name: &str) -> bool {
    !matches!(name, "" | "." | "..") && !name.contains(['/', '\0'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_lead_elsewhere_are_not_written() {
        for wrong in ["", ".", "..", "a/b", "/etc", "a\0"] {
            assert!(!is_name(wrong), "{wrong:?}");
        }
        assert!(is_name("a b") && is_name("…") && is_name(".hidden"));
    }
}
