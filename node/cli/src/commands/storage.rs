//! `leither storage …`: what content the node of this machine keeps.

use super::Session;
use super::mimei::network::{ALONE, moved};
use super::mimei::place::{Place, tree};
use crate::bar::{Bar, Far, Pace, size};
use crate::content::api::{Again, Announced, Checking, Compacted, Freed, Purged, Stat, Trash, Verified, escape};
use crate::content::client::{self, Socket};
use crate::exit::{Done, Exit, Failure};
use clap::Subcommand;
use leither_kit::Cid;
use serde_json::json;
use std::io::Write;
use std::path::{Path, PathBuf};
use tokio::io::AsyncRead;

/// What content the node of this machine keeps.
#[derive(Subcommand, Debug)]
pub enum Storage {
    /// How much there is, how much there may be, and what the database takes of the disk.
    Stat,
    /// Who keeps what: pins, working copies, versions.
    Pins,
    /// Counts again who needs each block, while the node goes on.
    Verify {
        /// Also hashes all bytes.
        #[arg(long)]
        hashes: bool,
    },
    /// No longer keeps a pin or a version; for a day `trash` lists it and `keep` takes it back. What may be the only copy is refused: a
    /// working copy, what waits to become a version, what lost a conflict, and every version but those that `provide` brought and that a newer one
    /// here has followed; so is a version that others are told of.
    Release {
        /// As `pins` shows it: pin/NAME, version/MIMEI/NUMBER or cur/MIMEI.
        root: String,
        /// Also what may be the only copy; of a working copy with what was changed in it and not backed up.
        #[arg(long)]
        discard: bool,
        /// Only says what it would free.
        #[arg(long)]
        dry_run: bool,
    },
    /// Writes a tree that is here to a file, as a CAR.
    Export {
        /// A content id, or MIMEI[@VERSION].
        what: String,
        /// Where to: a name that nothing has yet, or - for the standard output.
        file: PathBuf,
    },
    /// Takes in a CAR; what its first root names is kept.
    Import {
        /// The file, or - for the standard input.
        file: PathBuf,
        /// What it is kept as: car/NAME; its content id where it is not given.
        #[arg(long)]
        name: Option<String>,
    },
    /// What was let go of and can be taken back, the latest first, 100 trees at a time.
    Trash {
        /// Goes on where a page ended: what it gave as `next`.
        #[arg(long, value_name = "NEXT")]
        before: Option<String>,
    },
    /// Takes a tree back out of the trash: it has a pin again, and no purge takes it.
    Keep {
        /// Its content id, as `trash` shows it.
        cid: Cid,
        /// What it is kept as: keep/NAME; its content id where it is not given.
        #[arg(long, value_name = "NAME")]
        pin: Option<String>,
    },
    /// Has a tree of the network fetched, and keeps it; what is here is not fetched again.
    Fetch {
        /// Its content id.
        cid: Cid,
        /// What it is kept as: keep/NAME; its content id where it is not given.
        #[arg(long, value_name = "NAME")]
        pin: Option<String>,
    },
    /// Announces a tree that is here, and keeps it: others find it by its content id.
    Provide {
        /// Its content id.
        cid: Cid,
        /// No more; the tree goes to the trash, unless something else keeps it.
        #[arg(long)]
        stop: bool,
    },
    /// Takes out of the trash what is due.
    Purge {
        /// All of it, and gives the disk its room back at once.
        #[arg(long)]
        all: bool,
    },
    /// Gives the disk back what purged blocks took, and leaves the trash as it is. The node does so by itself where much is dead.
    Compact,
}

impl Storage {
    pub(super) async fn run(self, session: &Session) -> Done {
        let wallet = session.wallet().await?;
        let socket = session.socket(&wallet).await?;
        match self {
            Storage::Stat => session.printer.answer(&socket.get::<Stat>("/storage").await?),
            Storage::Pins => session.printer.answer(&json!({ "items": client::roots(&socket).await? })),
            Storage::Verify { hashes } => {
                let (printer, call) = (session.printer, format!("/storage/verify?hashes={hashes}"));
                let tell = |far: &Checking| printer.progress(&format!("{} of about {} looked at", far.done, far.of));
                let found = socket.lines::<Verified, Checking>(&call, tell).await;
                printer.progress_over();
                let found = found?;
                printer.answer(&found);
                if !found.wrong.is_empty() {
                    let sentence = "the content database is damaged: move it away and add or fetch the content again";
                    return Err(Failure::new(Exit::Fault, sentence));
                }
            }
            Storage::Release { root, discard, dry_run } => {
                let freed: Freed = socket.get(&format!("/storage/freed?root={}", escape(&root))).await?;
                if !dry_run {
                    socket.delete(&format!("/storage/roots?root={}&discard={discard}", escape(&root))).await?;
                }
                session.printer.answer(&json!({ "root": root, "released": !dry_run, "frees": freed }));
            }
            Storage::Export { what, file } => {
                let cid = match what.parse::<Place>() {
                    Ok(place) if place.path.is_empty() => tree(&wallet, &socket, &place).await?.cid,
                    Ok(_) => return Err(Failure::usage("a CAR holds a whole tree: leave the path out, or name its content id")),
                    Err(_) => what.parse::<Cid>().map_err(|_| {
                        Failure::usage(format!("`{}` is neither a content id nor MIMEI[@VERSION]", escape(&what)))
                    })?,
                };
                export(session, &socket, &cid, &file).await?;
            }
            Storage::Import { file, name } => {
                let input: Box<dyn AsyncRead + Send + Unpin> = if file == Path::new("-") {
                    Box::new(tokio::io::stdin())
                } else {
                    let opened = tokio::fs::File::open(&file).await;
                    Box::new(opened.map_err(|e| Failure::usage(format!("cannot read {}: {e}", file.display())))?)
                };
                session.printer.answer(&socket.import(name.as_deref(), input).await?);
            }
            Storage::Trash { before } => {
                let from = before.map(|before| format!("?before={}", escape(&before))).unwrap_or_default();
                session.printer.answer(&socket.get::<Trash>(&format!("/storage/trash{from}")).await?);
            }
            Storage::Keep { cid, pin } => {
                let name = pin.map(|name| format!("&name={}", escape(&name))).unwrap_or_default();
                session.printer.answer(&socket.post::<Again>(&format!("/storage/keep?cid={cid}{name}")).await?);
            }
            Storage::Fetch { cid, pin } => fetch(session, &socket, &cid, pin.as_deref()).await?,
            Storage::Provide { cid, stop: true } => {
                socket.delete(&format!("/storage/provide?cid={cid}")).await?;
                session.printer.answer(&json!({ "cid": cid.to_string(), "provided": false }));
            }
            Storage::Provide { cid, stop: false } => {
                let said = socket.post::<Announced>(&format!("/storage/provide?cid={cid}")).await?;
                session.printer.answer(&said);
                if said.pending && said.asked == "0" {
                    session.printer.say(&format!("Nobody was told yet: it is announced once somebody is found. {ALONE}"));
                }
            }
            Storage::Compact => {
                let printer = session.printer;
                printer.progress("the first step");
                let mib = |bytes: &str| bytes.parse::<u64>().unwrap_or_default() >> 20;
                let tell = |far: &Compacted| {
                    printer.progress(&format!("{} steps, from {} MiB to {} MiB", far.steps, mib(&far.before), mib(&far.after)));
                };
                let done = socket.lines::<Compacted, Compacted>("/storage/compact", tell).await;
                printer.progress_over();
                printer.answer(&done?);
            }
            Storage::Purge { all } => {
                session.printer.answer(&socket.post::<Purged>(&format!("/storage/purge?all={all}")).await?);
            }
        }
        Ok(())
    }
}

/// FETCH-5: a name that keeps another tree is refused before anything is fetched.
async fn fetch(session: &Session, socket: &Socket, cid: &Cid, pin: Option<&str>) -> Done {
    let name = pin.map(|name| format!("&name={}", escape(name))).unwrap_or_default();
    let keep = format!("/storage/keep?cid={cid}{name}");
    let (kept, came) = match socket.post::<Again>(&keep).await {
        Err(said) if said.reason == "absent" => {
            let came = moved(session, socket, &format!("/fetch?cid={cid}")).await?;
            // It stays here for as long as this connection does, and by this under its name.
            (socket.post::<Again>(&keep).await?, Some(came))
        }
        kept => (kept?, None),
    };
    let (blocks, bytes) = came.map_or_else(|| ("0".into(), "0".into()), |came| (came.blocks, came.bytes));
    session.printer.answer(&json!({
        "cid": kept.cid,
        "root": kept.root,
        "was_trash": kept.was_trash,
        "transferred": { "blocks": blocks, "bytes": bytes },
    }));
    Ok(())
}

/// Written beside and given its name once it is whole.
async fn export(session: &Session, socket: &Socket, cid: &Cid, file: &Path) -> Done {
    if file == Path::new("-") {
        if session.printer.json {
            return Err(Failure::usage("a CAR on the standard output is no JSON: leave --json out, or name a file"));
        }
        let printer = session.printer;
        socket.export(cid, &mut |bytes| printer.bytes(bytes)).await?;
        return Ok(());
    }
    let taken =
        || Failure::usage(format!("{} is there already, and nothing is overwritten: choose another name", file.display()));
    if file.symlink_metadata().is_ok() {
        return Err(taken());
    }
    let failed = |e: std::io::Error| Failure::fault(format!("cannot write {}: {e}; nothing of it is left", file.display()));
    let beside = file.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut spare = tempfile::Builder::new().prefix(".leither-car-").tempfile_in(beside).map_err(failed)?;
    let (bar, mut written) = (Bar::new(session.printer, Pace::Never), 0u64);
    let mut write = |bytes: &[u8]| {
        written = written.saturating_add(bytes.len() as u64);
        bar.tell(Far { bytes: written, ..Far::default() }, format_args!("{}", size(written)));
        spare.write_all(bytes)
    };
    let bytes = socket.export(cid, &mut write).await?;
    bar.over();
    spare.persist_noclobber(file).map_err(|e| match e.error.kind() {
        std::io::ErrorKind::AlreadyExists => taken(),
        _ => failed(e.error),
    })?;
    session
        .printer
        .answer(&json!({ "cid": cid.to_string(), "file": file.display().to_string(), "bytes": bytes.to_string() }));
    Ok(())
}
