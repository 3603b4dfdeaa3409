//! `leither mimei add`: files -> blocks in the node -> the newest version; or a tree that the node has, as it is.

use super::backup::Next;
use super::closing::{Before, Said, may_follow};
use super::place::{Tree, unread};
use super::{Named, closing, created, id, private, view, view_if_made};
use crate::bar::{Bar, Far, Pace, size};
use crate::commands::Session;
use crate::content::client::Socket;
use crate::content::profile_of;
use crate::exit::{Done, Exit, Failure};
use crate::wallet::{Sent, TxFlags, Wallet};
use clap::Args;
use leither_kit::Cid;
use leither_kit::node::Node;
use leither_kit::source::{Source, SourceError};
use leither_kit::walk::{WalkError, load};
use leither_storage::content::{self, Added, Profile, Progress};
use leither_storage::seal::Seal;
use leither_types::MimeiId;
use serde_json::{Value, json};
use std::cell::Cell;
use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Stores a file or directory in the node of this machine and records it as the newest version.
#[derive(Args, Debug)]
pub struct Add {
    /// A file or a directory.
    #[arg(required_unless_present = "cid")]
    path: Option<PathBuf>,
    /// A tree that the node of this machine has, in the place of files: by `storage fetch` or `storage import`, for instance.
    #[arg(long, conflicts_with_all = ["path", "profile", "only_hash", "reader"])]
    cid: Option<Cid>,
    /// Which MiMei; a new one where it is not given.
    #[arg(long)]
    mimei: Option<String>,
    /// The newest version that the change is based on; the chain's where it is not given.
    #[arg(long, requires = "mimei")]
    base: Option<u64>,
    /// How content is cut and hashed: unixfs-v1-2025 or unixfs-v0-2015; as the newest version where it is not given, and a first one as unixfs-v1-2025.
    #[arg(long)]
    profile: Option<String>,
    /// Only computes the content id and records it: the node keeps nothing of it, and serves nothing.
    #[arg(long)]
    only_hash: bool,
    /// Closed before it leaves this command: names and contents can be read by --from and the readers alone.
    #[arg(long)]
    private: bool,
    /// Who reads it, too: an account or name; may be given several times. Those of the newest version stay.
    #[arg(long, requires = "private")]
    reader: Vec<String>,
    /// For everybody to read, though the newest version is private.
    #[arg(long, conflicts_with = "private")]
    public: bool,
    /// What the id follows from.
    #[command(flatten)]
    named: Named,
    /// How it is signed and sent.
    #[command(flatten)]
    tx: TxFlags,
}

/// What is to become a version.
struct Made {
    mimei: MimeiId,
    cid: Cid,
    profile: Profile,
    /// The newest version when it was looked at (PRIVATE-8): it is to be the newest still.
    seen: Option<Option<u64>>,
}

/// What is to become the first version of a new MiMei.
struct First {
    cid: Cid,
    profile: Profile,
    /// Its type, where nobody gave another.
    kind: &'static str,
    seen: Option<Option<u64>>,
}

/// Says how far an add is.
struct Telling {
    bar: Bar,
    total: u64,
}

impl Telling {
    fn tell(&self, progress: &Progress, blocks: u64) {
        let Progress { bytes, entries } = *progress;
        let far = Far { bytes, entries, blocks, of: Some((bytes, self.total)), grows: false };
        self.bar.tell(far, format_args!("{} of {}, {entries} entries", size(bytes), size(self.total)));
    }
}

/// Only computes the id.
fn hashed(path: &Path, profile: Profile, seal: Option<&Seal>, telling: &Telling) -> Done<Added> {
    let blocks = Cell::new(0u64);
    let mut count = |_: &Cid, _: Vec<u8>| {
        blocks.set(blocks.get().saturating_add(1));
        Ok(())
    };
    let mut tell = |progress: &Progress| telling.tell(progress, blocks.get());
    Ok(match seal {
        None => content::add(path, profile, &mut count, &mut tell),
        Some(seal) => content::add_sealed(path, profile, seal, &mut count, &mut tell),
    }?)
}

/// A MiMei goes on as it began, unless another profile is asked for: what did not change keeps its blocks.
fn chosen(given: Option<Profile>, newest: Option<Profile>) -> Profile {
    given.or(newest).unwrap_or_default()
}

/// Bytes of files below a path, for the bar alone: what cannot be read is passed over, the add itself says so.
fn size_of(path: &Path) -> u64 {
    let (mut sum, mut waiting) = (0u64, vec![path.to_path_buf()]);
    while let Some(path) = waiting.pop() {
        let Ok(meta) = path.symlink_metadata() else { continue };
        if meta.is_dir() {
            waiting.extend(std::fs::read_dir(&path).into_iter().flatten().flatten().map(|entry| entry.path()));
        } else if meta.is_file() {
            sum = sum.saturating_add(meta.len());
        }
    }
    sum
}

/// The type of a MiMei that begins with these files.
fn kind_of_files(path: &Path) -> &'static str {
    if path.is_dir() { "dir" } else { "file" }
}

/// Whether it may be of the type that was given.
fn fits(given: Option<&str>, kind: &str, what: &dyn Display) -> Done {
    match (given, kind) {
        (Some("file"), "dir") => Err(Failure::usage(format!("{what} is a directory: leave `--type file` out, or name a file"))),
        _ => Ok(()),
    }
}

/// HOLD-13: the same of a tree. What a node has it has with all below it (STORAGE-2).
async fn kind_of_tree(source: &dyn Source, tree: &Tree) -> Done<&'static str> {
    let cid = tree.cid;
    let found = load(source, &cid).await.map_err(|error| match error {
        WalkError::Source(SourceError::NotFound(_)) => Failure::new(
            Exit::Refused,
            format!("{cid} is not on this node: `leither storage fetch {cid}` brings it from the network, `leither storage import FILE` from a CAR"),
        ),
        other => unread(tree, other),
    })?;
    match &found.node {
        Node::Directory(_) | Node::Shard(_) => Ok("dir"),
        Node::File(_) | Node::Raw(_) => Ok("file"),
        _ => Err(Failure::new(Exit::Refused, format!("{cid} is {}: a version is a file or a directory (UnixFS)", found.what()))),
    }
}

impl Add {
    pub(super) async fn run(self, session: &Session, wallet: &Wallet) -> Done {
        match (self.cid, &self.path) {
            (Some(cid), _) => self.tree(session, wallet, cid).await,
            (None, Some(path)) => self.files(session, wallet, path).await,
            (None, None) => Err(Failure::usage("say what to add: a file, a directory, or --cid and a tree that is here")),
        }
    }

    /// Which MiMei it is for, as far as that is known before it is made.
    async fn known(&self, wallet: &Wallet, kind: &str) -> Done<Option<MimeiId>> {
        match &self.mimei {
            Some(text) => id(text).map(Some),
            None => Ok(self.named.id(&wallet.account(&self.tx.from).await?, kind)),
        }
    }

    /// HOLD-13: a tree that is here becomes the next version as it is.
    async fn tree(&self, session: &Session, wallet: &Wallet, cid: Cid) -> Done {
        let socket = Arc::new(session.socket(wallet).await?);
        let tree = Tree { cid, name: format!("the tree {cid}") };
        let kind = kind_of_tree(&*socket, &tree).await?;
        fits(self.named.kind.as_deref(), kind, &tree.name)?;
        let view = match self.known(wallet, kind).await? {
            None => None,
            Some(id) if self.mimei.is_some() => Some(view(wallet, id).await?),
            Some(id) => view_if_made(wallet, id).await?,
        };
        let seen = view.as_ref().map(|view| view.head.as_ref().map(|head| head.version.0));
        let before = match &view {
            Some(view) => closing::before(socket.clone(), wallet, view).await?,
            None => Before::Nothing,
        };
        let said = match (self.private, self.public) {
            (true, _) => Some(Said::Private),
            (false, true) => Some(Said::Public),
            (false, false) => None,
        };
        let head = closing::head_of(socket.clone(), &tree).await?;
        may_follow(&before, head.as_ref(), said)?;
        if let (Before::Nothing | Before::Open, Some(head)) = (&before, &head) {
            closing::reads(head, &private::public_key(wallet, &self.tx.from).await?)?;
        }
        closing::follows_on(self.base, seen, self.public)?;
        let profile = profile_of(&cid);
        let more = json!({ "cid": cid.to_string(), "profile": profile.name() });
        // What is only tried keeps nothing.
        let socket = (!self.tx.dry_run).then_some(&*socket);
        self.send(wallet, socket, First { cid, profile, kind, seen }, more).await
    }

    async fn files(&self, session: &Session, wallet: &Wallet, path: &Path) -> Done {
        let kind = kind_of_files(path);
        fits(self.named.kind.as_deref(), kind, &path.display())?;
        let given: Option<Profile> = self.profile.as_deref().map(str::parse::<Profile>).transpose()?;
        // What is only tried stores nothing.
        let socket = if self.only_hash || self.tx.dry_run { None } else { Some(session.socket(wallet).await?) };
        let known = self.known(wallet, kind).await?;
        let wanted = closing::Wanted {
            private: self.private,
            public: self.public,
            readers: &self.reader,
            from: &self.tx.from,
            mimei: known,
            is_there: self.mimei.is_some(),
        };
        let closing::Closing { seal, seen, profile } = closing::seal_for(session, wallet, &wanted).await?;
        closing::follows_on(self.base, seen, self.public)?;
        let profile = chosen(given, profile);
        let closed = seal.as_ref().map(private::shown);
        let telling = Telling { bar: Bar::new(wallet.printer, Pace::Steps), total: size_of(path) };
        let (added, stored) = match &socket {
            None => {
                let added = hashed(path, profile, seal.as_ref(), &telling);
                telling.bar.over();
                (added?, None)
            }
            Some(socket) => {
                let tell = move |progress: &Progress, blocks| telling.tell(progress, blocks);
                let (added, stored) = socket.add(path, profile, seal, tell).await?;
                (added, Some(stored))
            }
        };
        let more = json!({
            "cid": added.cid.to_string(),
            "profile": profile.name(),
            "size": added.size.to_string(),
            "files": added.files.to_string(),
            "blocks": added.blocks.to_string(),
            "stored": stored.map(|stored| json!({ "blocks": stored.blocks, "bytes": stored.bytes })),
            "private": closed,
        });
        self.send(wallet, socket.as_ref(), First { cid: added.cid, profile, kind, seen }, more).await
    }

    async fn send(&self, wallet: &Wallet, socket: Option<&Socket>, first: First, more: Value) -> Done {
        let Some(text) = &self.mimei else { return self.first_version(wallet, socket, first, more).await };
        let First { cid, profile, seen, .. } = first;
        let (sent, more) = self.next_version(wallet, socket, Made { mimei: id(text)?, cid, profile, seen }, more).await?;
        wallet.print_sent(&sent, &more)
    }

    /// Sends it, and says what is to be printed beside.
    async fn next_version(&self, wallet: &Wallet, socket: Option<&Socket>, made: Made, mut more: Value) -> Done<(Sent, Value)> {
        let Made { mimei, cid, profile, seen } = made;
        let base = match (self.base, seen) {
            (Some(number), _) => Some(number),
            (None, Some(seen)) => seen,
            (None, None) => view(wallet, mimei).await?.head.map(|head| head.version.0),
        };
        let next = Next { mimei, base, cid, profile: profile.name(), is_cur: false };
        more["mimei"] = mimei.to_string().into();
        more["version"] = next.number().to_string().into();
        Ok((next.send(wallet, socket, &self.tx).await?, more))
    }

    /// The id of a MiMei with mark `{{auto}}` follows from its transaction, so it is made first.
    async fn first_version(&self, wallet: &Wallet, socket: Option<&Socket>, first: First, more: Value) -> Done {
        let First { cid, profile, kind, seen } = first;
        let call = self.named.call(kind)?;
        let made = wallet.send(&TxFlags { no_wait: false, ..self.tx.clone() }, vec![call]).await?;
        if self.tx.dry_run {
            return wallet.print_sent(&made, &more);
        }
        let mimei = created(&made);
        let Some(text) = mimei.get("mimei").and_then(Value::as_str) else { return wallet.print_sent(&made, &more) };
        match self.next_version(wallet, socket, Made { mimei: id(text)?, cid, profile, seen }, more).await {
            Ok((sent, more)) => wallet.print_sent(&sent, &more),
            // It is there, without a version: the next try must find it and not make another.
            Err(failure) => {
                let sentence = format!("{}. The MiMei was made: go on with --mimei {text}", failure.sentence);
                let unknown = Some(Failure::new(failure.exit, sentence));
                wallet.print_sent(&Sent { unknown, ..made }, &mimei)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use leither_kit::source::Fixed;

    #[test]
    fn a_mimei_goes_on_with_the_profile_of_its_newest_version_unless_another_is_given() {
        let text = tempfile::NamedTempFile::new().unwrap();
        for profile in Profile::ALL {
            let cid = content::add(text.path(), profile, &mut |_, _| Ok(()), &mut |_| ()).unwrap().cid;
            let newest = Some(crate::content::profile_of(&cid));
            assert_eq!(chosen(None, newest), profile, "by the id of a version");
            assert_eq!(Profile::ALL.map(|given| chosen(Some(given), newest)), Profile::ALL);
        }
        assert_eq!(chosen(None, None), Profile::V1_2025, "a first version");
    }

    #[tokio::test]
    async fn hold_13_a_tree_that_is_here_and_a_file_or_a_directory_may_become_a_version() {
        let dir = tempfile::tempdir().unwrap();
        let (text, map) = (dir.path().join("text"), dir.path().join("map"));
        std::fs::write(&text, "text").unwrap();
        // As dag-cbor: a map without entries.
        std::fs::write(&map, [0xa0]).unwrap();
        let mut here = Fixed::new();
        let mut add = |path: &Path, profile: Profile| {
            let mut sink = |cid: &Cid, block: Vec<u8>| {
                here.put(cid, block.into()).unwrap();
                Ok(())
            };
            content::add(path, profile, &mut sink, &mut |_| ()).unwrap().cid
        };
        let tree = add(dir.path(), Profile::V1_2025);
        let (raw, file) = (add(&text, Profile::V1_2025), add(&text, Profile::V0_2015));
        let data = Cid::new_v1(0x71, *add(&map, Profile::V1_2025).hash());
        std::fs::write(&text, "another").unwrap();
        let absent = content::add(&text, Profile::V1_2025, &mut |_, _| Ok(()), &mut |_| ()).unwrap().cid;
        let kind = async |cid: Cid| kind_of_tree(&here, &Tree { cid, name: "it".into() }).await.map_err(|no| no.sentence);
        assert_eq!((kind(tree).await, kind(raw).await, kind(file).await), (Ok("dir"), Ok("file"), Ok("file")));
        assert!(kind(data).await.unwrap_err().contains("a version is a file or a directory"));
        assert!(kind(absent).await.unwrap_err().contains(&format!("leither storage fetch {absent}")));
    }

    #[test]
    fn a_directory_is_not_added_as_a_file() {
        assert!(fits(Some("file"), "dir", &"it").unwrap_err().sentence.contains("it is a directory"));
        for (given, kind) in [(Some("file"), "file"), (Some("db"), "dir"), (Some("dir"), "file"), (None, "dir")] {
            assert!(fits(given, kind, &"it").is_ok(), "{given:?} {kind}");
        }
    }

    #[test]
    fn the_size_of_a_directory_is_that_of_its_files() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("a")).unwrap();
        std::fs::write(dir.path().join("a/b"), [0; 100]).unwrap();
        std::fs::write(dir.path().join("c"), [0; 23]).unwrap();
        assert_eq!(size_of(dir.path()), 123);
        assert_eq!(size_of(&dir.path().join("absent")), 0);
    }
}
