//! `leither storage …`: what content the node of this machine keeps.

use super::Session;
use crate::content::api::{Freed, Purged, Stat, Verified, escape};
use crate::content::client;
use crate::exit::{Done, Exit, Failure};
use clap::Subcommand;
use serde_json::json;

/// What content the node of this machine keeps.
#[derive(Subcommand, Debug)]
pub enum Storage {
    /// How much there is, and how much there may be.
    Stat,
    /// Who keeps what: pins, working copies, versions.
    Pins,
    /// Counts again who needs each block.
    Verify {
        /// Also hashes all bytes.
        #[arg(long)]
        hashes: bool,
    },
    /// No longer keeps a pin or a version; it can be taken back for a day.
    Release {
        /// As `pins` shows it: pin/NAME or version/MIMEI/NUMBER.
        root: String,
        /// Only says what it would free.
        #[arg(long)]
        dry_run: bool,
    },
    /// Takes out of the trash what is due.
    Purge {
        /// All of it, and gives the disk its room back at once.
        #[arg(long)]
        all: bool,
    },
}

impl Storage {
    pub(super) async fn run(self, session: &Session) -> Done {
        let wallet = session.wallet().await?;
        let socket = session.socket(&wallet).await?;
        match self {
            Storage::Stat => session.printer.answer(&socket.get::<Stat>("/storage").await?),
            Storage::Pins => session.printer.answer(&json!({ "items": client::roots(&socket).await? })),
            Storage::Verify { hashes } => {
                let found: Verified = socket.post(&format!("/storage/verify?hashes={hashes}")).await?;
                session.printer.answer(&found);
                if !found.wrong.is_empty() {
                    let sentence = "the content database is damaged: move it away and add or fetch the content again";
                    return Err(Failure::new(Exit::Fault, sentence));
                }
            }
            Storage::Release { root, dry_run } => {
                let freed: Freed = socket.get(&format!("/storage/freed?root={}", escape(&root))).await?;
                if !dry_run {
                    socket.delete(&format!("/storage/roots?root={}", escape(&root))).await?;
                }
                session.printer.answer(&json!({ "root": root, "released": !dry_run, "frees": freed }));
            }
            Storage::Purge { all } => {
                session.printer.answer(&socket.post::<Purged>(&format!("/storage/purge?all={all}")).await?);
            }
        }
        Ok(())
    }
}
