//! `leither mimei add`: files -> blocks in the node -> the newest version.

use super::backup::Next;
use super::{Named, closing, created, id, private, view};
use crate::bar::{Bar, Far, Pace, size};
use crate::commands::Session;
use crate::content::client::Socket;
use crate::exit::{Done, Failure};
use crate::wallet::{Sent, TxFlags, Wallet};
use clap::Args;
use leither_kit::Cid;
use leither_storage::content::{self, Added, Profile, Progress};
use leither_storage::seal::Seal;
use leither_types::MimeiId;
use serde_json::{Value, json};
use std::cell::Cell;
use std::path::{Path, PathBuf};

/// Stores a file or directory in the node of this machine and records it as the newest version.
#[derive(Args, Debug)]
pub struct Add {
    /// A file or a directory.
    path: PathBuf,
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

impl Add {
    pub(super) async fn run(self, session: &Session, wallet: &Wallet) -> Done {
        if self.named.kind.as_deref() == Some("file") && self.path.is_dir() {
            let path = self.path.display();
            return Err(Failure::usage(format!("{path} is a directory: leave `--type file` out, or name a file")));
        }
        let given: Option<Profile> = self.profile.as_deref().map(str::parse::<Profile>).transpose()?;
        // What is only tried stores nothing.
        let socket = if self.only_hash || self.tx.dry_run { None } else { Some(session.socket(wallet).await?) };
        let known = match &self.mimei {
            Some(text) => Some(id(text)?),
            None => self.named.id(&wallet.account(&self.tx.from).await?, self.kind()),
        };
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
        let telling = Telling { bar: Bar::new(wallet.printer, Pace::Steps), total: size_of(&self.path) };
        let (added, stored) = match &socket {
            None => {
                let added = hashed(&self.path, profile, seal.as_ref(), &telling);
                telling.bar.over();
                (added?, None)
            }
            Some(socket) => {
                let tell = move |progress: &Progress, blocks| telling.tell(progress, blocks);
                let (added, stored) = socket.add(&self.path, profile, seal, tell).await?;
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
        match &self.mimei {
            Some(text) => {
                let made = Made { mimei: id(text)?, cid: added.cid, profile, seen };
                let (sent, more) = self.next_version(wallet, socket.as_ref(), made, more).await?;
                wallet.print_sent(&sent, &more)
            }
            None => self.first_version(wallet, socket.as_ref(), added.cid, profile, seen, more).await,
        }
    }

    fn kind(&self) -> &'static str {
        if self.path.is_dir() { "dir" } else { "file" }
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
    async fn first_version(
        &self,
        wallet: &Wallet,
        socket: Option<&Socket>,
        cid: Cid,
        profile: Profile,
        seen: Option<Option<u64>>,
        more: Value,
    ) -> Done {
        let call = self.named.call(self.kind())?;
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
