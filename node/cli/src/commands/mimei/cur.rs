//! `leither mimei cur …`: the working copy, file by file.

use super::place::{Place, Tree, Which, find, tree, unless_moved, unread};
use crate::commands::Session;
use crate::content::api::Local;
use crate::content::client::Socket;
use crate::exit::{Done, Exit, Failure};
use crate::wallet::Wallet;
use clap::Subcommand;
use leither_gateway::core::media;
use leither_kit::node::Node;
use leither_kit::walk::{FileWalk, Loaded};
use leither_types::MimeiId;
use serde_json::{Value, json};
use std::ops::Range;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::io::AsyncRead;

/// The working copy. What is changed in it is seen by nobody else until `backup`.
#[derive(Subcommand, Debug)]
pub enum Cur {
    /// Entries of a directory.
    Ls {
        /// MIMEI[/path]
        place: Place,
        /// A name to begin after: the last page's `next`. It need not be there. Names come in order in a small directory, by their hashes in a large one.
        #[arg(long, value_name = "NAME")]
        after: Option<String>,
        /// How many at most.
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=1000))]
        limit: u16,
    },
    /// A file's bytes.
    Cat {
        /// MIMEI/path
        place: Place,
        /// From which byte on; -5 counts from the end.
        #[arg(long, default_value_t = 0, allow_negative_numbers = true)]
        from: i64,
        /// How many; all where it is not given.
        #[arg(long)]
        len: Option<u64>,
        /// The last ones, so many.
        #[arg(long, conflicts_with_all = ["from", "len"])]
        last: Option<u64>,
    },
    /// What a path leads to: file, directory or link, its size, its media type, where a link leads.
    Stat {
        /// MIMEI[/path]
        place: Place,
    },
    /// Writes a file: all of it, or with --at from a byte on.
    Write {
        /// MIMEI/path
        place: Place,
        /// What to write; the standard input where it is not given.
        file: Option<PathBuf>,
        /// From which byte on, -5 counts from the end; what lies elsewhere stays.
        #[arg(long, allow_negative_numbers = true)]
        at: Option<i64>,
    },
    /// Writes at a file's end.
    Append {
        /// MIMEI/path
        place: Place,
        /// What to write; the standard input where it is not given.
        file: Option<PathBuf>,
    },
    /// Makes a file that is there that long.
    Truncate {
        /// MIMEI/path
        place: Place,
        /// Bytes.
        size: u64,
    },
    /// Makes a directory.
    Mkdir {
        /// MIMEI/path
        place: Place,
        /// Those above it as well, and is content where it is there.
        #[arg(long, short)]
        parents: bool,
    },
    /// Takes away a file or an empty directory.
    Rm {
        /// MIMEI/path
        place: Place,
        /// A directory with all that is in it.
        #[arg(long, short)]
        recursive: bool,
    },
    /// Gives a file or directory another path, at which nothing is.
    Mv {
        /// MIMEI/path
        place: Place,
        /// The other path in the same MiMei, without its id.
        to: String,
    },
    /// Gives a file or directory a second path, at which nothing is; no byte is written again.
    Cp {
        /// MIMEI/path
        place: Place,
        /// The second path in the same MiMei, without its id.
        to: String,
    },
    /// Makes a symbolic link.
    #[command(visible_alias = "symlink")]
    Ln {
        /// Where it leads, from the directory that it is in: b, ../c/d. It stays within the tree, and climbs at its front alone.
        target: String,
        /// MIMEI/path
        place: Place,
    },
}

impl Cur {
    pub(super) async fn run(self, session: &Session) -> Done {
        let wallet = session.wallet().await?;
        let socket = Arc::new(session.socket(&wallet).await?);
        let desk = Desk { session, wallet, socket };
        match self {
            Cur::Ls { place, after, limit } => desk.ls(place, after, limit.into()).await,
            Cur::Cat { place, from, len, last } => {
                let wanted = last.map_or(Wanted::From(from, len), Wanted::Last);
                desk.cat(place, wanted).await
            }
            Cur::Stat { place } => desk.stat(place).await,
            Cur::Write { place, file, at } => {
                let at = at.map(|at| at.to_string());
                let query = [("op", "write")].into_iter().chain(at.as_deref().map(|at| ("at", at)));
                desk.edit(place, query.collect(), Some(input(file).await?)).await
            }
            Cur::Append { place, file } => desk.edit(place, vec![("op", "append")], Some(input(file).await?)).await,
            Cur::Truncate { place, size } => desk.edit(place, vec![("op", "truncate"), ("size", &size.to_string())], None).await,
            Cur::Mkdir { place, parents } => {
                desk.edit(place, vec![("op", "mkdir"), ("parents", if parents { "true" } else { "false" })], None).await
            }
            Cur::Rm { place, recursive } => {
                desk.edit(place, vec![("op", "rm"), ("all", if recursive { "true" } else { "false" })], None).await
            }
            Cur::Mv { place, to } => desk.edit(place, vec![("op", "mv"), ("to", to.trim_matches('/'))], None).await,
            Cur::Cp { place, to } => desk.edit(place, vec![("op", "cp"), ("to", to.trim_matches('/'))], None).await,
            Cur::Ln { target, place } => desk.edit(place, vec![("op", "ln"), ("target", &target)], None).await,
        }
    }
}

async fn input(file: Option<PathBuf>) -> Done<Box<dyn AsyncRead + Send + Unpin>> {
    match file.filter(|path| path != std::path::Path::new("-")) {
        None => {
            let opened = std::io::stdin().as_fd().try_clone_to_owned();
            let stdin = opened.map_err(|e| Failure::fault(format!("cannot read the standard input: {e}")))?;
            Ok(Box::new(tokio::fs::File::from_std(stdin.into())))
        }
        Some(path) => {
            let opened = tokio::fs::File::open(&path).await;
            Ok(Box::new(opened.map_err(|e| Failure::usage(format!("cannot read {}: {e}", path.display())))?))
        }
    }
}

/// Which bytes of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    /// From a byte on, counted from the end where it is negative; so many, or all.
    From(i64, Option<u64>),
    /// The last ones.
    Last(u64),
}

impl Wanted {
    /// Of a file of `size` bytes. Before its start there are none.
    fn of(self, size: u64) -> Range<u64> {
        match self {
            Self::Last(count) => size.saturating_sub(count)..size,
            Self::From(from, len) => {
                let start = match u64::try_from(from) {
                    Ok(start) => start,
                    Err(_) => size.saturating_sub(from.unsigned_abs()),
                };
                start..len.map_or(u64::MAX, |len| start.saturating_add(len))
            }
        }
    }
}

/// READ-1: what a path leads to, by its first block.
fn described(path: &str, found: &Loaded) -> Value {
    let (kind, size, target) = match &found.node {
        Node::Raw(_) | Node::File(_) => ("file", found.node.file_size(), None),
        Node::Directory(_) | Node::Shard(_) => ("dir", None, None),
        Node::Symlink(target) => ("link", None, Some(target)),
        Node::Other(_) => ("other", None, None),
    };
    json!({
        "path": path,
        "type": kind,
        "size": size.map(|size| size.to_string()),
        "target": target,
        "cid": found.cid.to_string(),
    })
}

struct Desk<'a> {
    session: &'a Session,
    wallet: Wallet,
    socket: Arc<Socket>,
}

impl Desk<'_> {
    fn of_cur(place: Place) -> Done<Place> {
        match place.which {
            Which::Standard | Which::Cur => Ok(Place { which: Which::Cur, ..place }),
            _ => Err(Failure::usage("`cur` is the working copy: leave the @ out; `leither mimei get` reads versions")),
        }
    }

    async fn tree(&self, place: Place) -> Done<(Place, Tree)> {
        let place = Self::of_cur(place)?;
        let tree = tree(&self.wallet, &self.socket, &place).await?;
        Ok((place, tree))
    }

    async fn ls(&self, place: Place, after: Option<String>, limit: usize) -> Done {
        let place = Self::of_cur(place)?;
        self.session.printer.answer(&self.socket.entries(&place.mimei, &place.path, after.as_deref(), limit).await?);
        Ok(())
    }

    async fn stat(&self, place: Place) -> Done {
        let (place, tree) = self.tree(place).await?;
        let found = self.found(&place, &tree).await;
        self.session.printer.answer(&unless_moved(&self.socket, &place, &tree, found).await?);
        Ok(())
    }

    async fn found(&self, place: &Place, tree: &Tree) -> Done<Value> {
        let found = find(&*self.socket, tree, &place.path).await?.target;
        let mut shown = described(&place.path, &found);
        shown["media"] = self.media(place, tree, found).await?.into();
        Ok(shown)
    }

    /// READ-1: what a gateway says that a file is: by its name, else by its first bytes; nothing of what is no file.
    async fn media(&self, place: &Place, tree: &Tree, found: Loaded) -> Done<Option<&'static str>> {
        if found.node.file_size().is_none() {
            return Ok(None);
        }
        let by_name = place.path.rsplit('/').next().and_then(media::by_name);
        if by_name.is_some() {
            return Ok(by_name);
        }
        let range = 0..media::SNIFF_BYTES as u64;
        let mut walk = FileWalk::new(self.socket.clone(), found, range).map_err(|e| unread(tree, e))?;
        let mut start = Vec::new();
        while let Some(block) = walk.next().await.map_err(|e| unread(tree, e))? {
            start.extend_from_slice(&block.content);
        }
        Ok(Some(media::by_start(&start)))
    }

    async fn cat(&self, place: Place, wanted: Wanted) -> Done {
        if self.session.printer.json {
            return Err(Failure::usage("a file's bytes are no JSON: leave --json out"));
        }
        let (place, tree) = self.tree(place).await?;
        let done = self.bytes(&place, &tree, wanted).await;
        unless_moved(&self.socket, &place, &tree, done).await
    }

    async fn bytes(&self, place: &Place, tree: &Tree, wanted: Wanted) -> Done {
        let printer = self.session.printer;
        let found = find(&*self.socket, tree, &place.path).await?.target;
        // What is no file has no size, and the walk says so.
        let range = wanted.of(found.node.file_size().unwrap_or_default());
        let mut walk = FileWalk::new(self.socket.clone(), found, range).map_err(|e| unread(tree, e))?;
        while let Some(block) = walk.next().await.map_err(|e| unread(tree, e))? {
            printer.bytes(&block.content).map_err(|e| Failure::fault(format!("cannot write the file out: {e}")))?;
        }
        Ok(())
    }

    async fn edit(&self, place: Place, query: Vec<(&str, &str)>, input: Option<Box<dyn AsyncRead + Send + Unpin>>) -> Done {
        let place = Self::of_cur(place)?;
        begin(&self.wallet, &self.socket, &place.mimei).await?;
        let query: Vec<(&str, &str)> = query.into_iter().chain([("path", place.path.as_str())]).collect();
        let cur = self.socket.edit(&place.mimei, &query, input).await?;
        let mimei = place.mimei.to_string();
        self.session
            .printer
            .answer(&json!({ "mimei": mimei, "path": place.path, "cid": cur.cid, "generation": cur.generation }));
        Ok(())
    }
}

/// HOLD-4: a working copy to change: the one that is there, else the newest version's, else an empty directory.
async fn begin(wallet: &Wallet, socket: &Socket, mimei: &MimeiId) -> Done {
    let Local { cur: None, .. } = socket.local(mimei).await? else { return Ok(()) };
    let view = super::view(wallet, *mimei).await?;
    match view.head.as_ref().map(|head| head.version.0) {
        None => socket.restore(mimei, None, None, None).await?,
        Some(newest) => {
            super::backup::hold(wallet, socket, &view, newest).await?;
            socket.restore(mimei, Some(newest), None, Some(newest)).await?
        }
    };
    Ok(())
}

/// What is said where content of a version is not here.
pub(super) fn absent(mimei: &MimeiId, number: u64, cid: &str) -> Failure {
    let sentence = format!(
        "version {number} of {mimei} ({cid}) is not on this node: `leither mimei sync {mimei}` fetches the newest version, or add it from the files again"
    );
    Failure::new(Exit::Refused, sentence)
}

#[cfg(test)]
mod tests {
    use super::*;
    use leither_kit::Cid;
    use leither_storage::content::{self, Profile};
    use std::collections::HashMap;
    use std::path::Path;

    #[test]
    fn read_1_bytes_are_counted_from_the_start_or_from_the_end() {
        let of_ten = |from, len| Wanted::From(from, len).of(10);
        assert_eq!((of_ten(0, None), of_ten(3, Some(4))), (0..u64::MAX, 3..7));
        assert_eq!((of_ten(-3, None), of_ten(-3, Some(2)), of_ten(-11, Some(2))), (7..u64::MAX, 7..9, 0..2));
        assert_eq!((of_ten(i64::MIN, None), of_ten(i64::MAX, Some(u64::MAX)).end), (0..u64::MAX, u64::MAX));
        assert_eq!((Wanted::Last(3).of(10), Wanted::Last(0).of(10), Wanted::Last(11).of(10)), (7..10, 10..10, 0..10));
    }

    #[test]
    fn read_1_a_path_is_described_by_its_first_block_under_either_profile() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("a"), vec![7; 3 << 20]).unwrap();
        std::os::unix::fs::symlink("a", dir.path().join("l")).unwrap();
        for profile in Profile::ALL {
            let mut blocks = HashMap::new();
            let mut sink = |cid: &Cid, block: Vec<u8>| {
                blocks.insert(*cid, block);
                Ok(())
            };
            let mut add = |path: &Path| content::add(path, profile, &mut sink, &mut |_| ()).unwrap().cid;
            let (root, file) = (add(dir.path()), add(&dir.path().join("a")));
            let found = |cid: Cid| described("x", &Loaded::of(cid, blocks[&cid].clone().into()).unwrap());
            assert_eq!((found(root)["type"].as_str(), found(root)["size"].as_str()), (Some("dir"), None));
            assert_eq!((found(file)["type"].as_str(), found(file)["size"].as_str()), (Some("file"), Some("3145728")));
            let links = blocks.iter().filter_map(|(cid, block)| Loaded::of(*cid, block.clone().into()).ok());
            let link = links.map(|loaded| described("l", &loaded)).find(|shown| shown["type"] == "link").unwrap();
            assert_eq!(link["target"].as_str(), Some("a"));
            let mut keys: Vec<&str> = link.as_object().unwrap().keys().map(String::as_str).collect();
            keys.sort_unstable();
            assert_eq!(keys, ["cid", "path", "size", "target", "type"]);
        }
    }
}
