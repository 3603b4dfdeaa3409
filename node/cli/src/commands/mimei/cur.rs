//! `leither mimei cur …`: the working copy, file by file.

use super::place::{Place, Tree, Which, find, tree, unless_moved, unread};
use crate::commands::Session;
use crate::content::api::Local;
use crate::content::client::Socket;
use crate::exit::{Done, Exit, Failure};
use crate::wallet::Wallet;
use clap::Subcommand;
use leither_kit::node::Node;
use leither_kit::walk::{Cursor, FileWalk, Loaded, list, load};
use leither_types::MimeiId;
use serde_json::{Value, json};
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
        /// The last page's `next`.
        #[arg(long)]
        after: Option<String>,
        /// How many at most.
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=1000))]
        limit: u16,
    },
    /// A file's bytes.
    Cat {
        /// MIMEI/path
        place: Place,
        /// From which byte on.
        #[arg(long, default_value_t = 0)]
        from: u64,
        /// How many; all where it is not given.
        #[arg(long)]
        len: Option<u64>,
    },
    /// What a path leads to.
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
        /// From which byte on; what lies elsewhere stays.
        #[arg(long)]
        at: Option<u64>,
    },
    /// Writes at a file's end.
    Append {
        /// MIMEI/path
        place: Place,
        /// What to write; the standard input where it is not given.
        file: Option<PathBuf>,
    },
    /// Makes a file that long.
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
}

impl Cur {
    pub(super) async fn run(self, session: &Session) -> Done {
        let wallet = session.wallet().await?;
        let socket = Arc::new(session.socket(&wallet).await?);
        let desk = Desk { session, wallet, socket };
        match self {
            Cur::Ls { place, after, limit } => desk.ls(place, after, limit.into()).await,
            Cur::Cat { place, from, len } => desk.cat(place, from, len).await,
            Cur::Stat { place } => {
                let (place, tree) = desk.tree(place).await?;
                let found = find(&*desk.socket, &tree, &place.path).await;
                let found = unless_moved(&desk.socket, &place, &tree, found).await?.target;
                session.printer.answer(&described(&place.path, &found));
                Ok(())
            }
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

fn described(path: &str, found: &Loaded) -> Value {
    let (kind, size) = match &found.node {
        Node::Raw(_) | Node::File(_) => ("file", found.node.file_size()),
        Node::Directory(_) | Node::Shard(_) => ("dir", None),
        Node::Symlink(_) => ("link", None),
        Node::Other(_) => ("other", None),
    };
    json!({ "path": path, "type": kind, "size": size.map(|size| size.to_string()), "cid": found.cid.to_string() })
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
        let (place, tree) = self.tree(place).await?;
        let page = self.page(&place, &tree, after, limit).await;
        self.session.printer.answer(&unless_moved(&self.socket, &place, &tree, page).await?);
        Ok(())
    }

    async fn page(&self, place: &Place, tree: &Tree, after: Option<String>, limit: usize) -> Done<Value> {
        let found = find(&*self.socket, tree, &place.path).await?.target;
        let cursor: Cursor = after.map(|text| text.parse()).transpose().map_err(Failure::usage)?.unwrap_or_default();
        let page = list(&*self.socket, &found, &cursor, limit).await.map_err(|e| unread(tree, e))?;
        let mut items = Vec::new();
        for entry in page.entries {
            let below = load(&*self.socket, &entry.cid).await.map_err(|e| unread(tree, e))?;
            items.push(described(&entry.name, &below));
        }
        Ok(json!({ "items": items, "next": page.next.map(|next| next.to_string()) }))
    }

    async fn cat(&self, place: Place, from: u64, len: Option<u64>) -> Done {
        if self.session.printer.json {
            return Err(Failure::usage("a file's bytes are no JSON: leave --json out"));
        }
        let (place, tree) = self.tree(place).await?;
        let done = self.bytes(&place, &tree, from, len).await;
        unless_moved(&self.socket, &place, &tree, done).await
    }

    async fn bytes(&self, place: &Place, tree: &Tree, from: u64, len: Option<u64>) -> Done {
        let printer = self.session.printer;
        let found = find(&*self.socket, tree, &place.path).await?.target;
        let end = len.map_or(u64::MAX, |len| from.saturating_add(len));
        let mut walk = FileWalk::new(self.socket.clone(), found, from..end).map_err(|e| unread(tree, e))?;
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
