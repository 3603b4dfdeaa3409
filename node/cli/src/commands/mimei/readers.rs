//! `leither mimei readers …`: who reads private content.

use super::backup::{Next, hold};
use super::closing;
use super::private::{self, public_key, random};
use super::standing::{Standing, local, standing};
use super::{id, view};
use crate::commands::Session;
use crate::exit::{Done, Exit, Failure};
use crate::wallet::{TxFlags, Wallet};
use clap::Subcommand;
use leither_rpc_api::MimeiView;
use leither_storage::seal::{HEAD_NAME, Head, Seal};
use leither_types::{AccountId, PublicKey};
use serde_json::json;
use std::sync::Arc;

/// Who reads private content.
#[derive(Subcommand, Debug)]
pub enum Readers {
    /// Who reads the newest version.
    List {
        /// Of which.
        mimei: String,
    },
    /// Lets them read this and later versions, and all that was closed with the same key: a version more, of which only the head is new.
    Add {
        /// Of which.
        mimei: String,
        /// Accounts or names.
        #[arg(required = true)]
        readers: Vec<String>,
        /// How it is signed and sent.
        #[command(flatten)]
        tx: TxFlags,
    },
    /// Later versions are closed with another key, which they do not get. What they could read they can read still.
    Remove {
        /// Of which.
        mimei: String,
        /// Accounts or names.
        #[arg(required = true)]
        readers: Vec<String>,
        /// How it is signed and sent.
        #[command(flatten)]
        tx: TxFlags,
    },
}

fn refused(sentence: impl std::fmt::Display) -> Failure {
    Failure::new(Exit::Refused, sentence)
}

impl Readers {
    pub(super) async fn run(self, session: &Session, wallet: &Wallet) -> Done {
        match self {
            Readers::List { mimei } => {
                let view = view(wallet, id(&mimei)?).await?;
                let head = head(session, wallet, &view).await?;
                let readers: Vec<_> = head.readers().map(|key| shown(&key)).collect();
                let version = view.head.as_ref().map(|head| head.version);
                let more = json!({ "mimei": mimei, "version": version, "readers": readers, "rotates": head.rotates() });
                wallet.printer.answer(&more);
                Ok(())
            }
            Readers::Add { mimei, readers, tx } => {
                let mut keys = Vec::new();
                for reader in &readers {
                    keys.push((public_key(wallet, reader).await?, random()?));
                }
                let add = move |seal: &mut Seal| -> Done<bool> {
                    let mut changed = false;
                    for (key, ephemeral) in &keys {
                        changed |= seal.add(*key, ephemeral)?;
                    }
                    Ok(changed)
                };
                change(session, wallet, &mimei, &tx, add).await
            }
            Readers::Remove { mimei, readers, tx } => {
                let own = public_key(wallet, &tx.from).await?;
                let mut keys = Vec::new();
                for reader in &readers {
                    keys.push(public_key(wallet, reader).await?);
                }
                if keys.contains(&own) {
                    return Err(Failure::usage("who takes readers out stays one: let another reader take you out"));
                }
                change(session, wallet, &mimei, &tx, move |seal| {
                    Ok(keys.iter().fold(false, |changed, key| seal.remove(key) | changed))
                })
                .await
            }
        }
    }
}

fn shown(key: &PublicKey) -> serde_json::Value {
    json!({ "account": AccountId::of_key(key).to_string(), "key": key.to_string() })
}

async fn head(session: &Session, wallet: &Wallet, view: &MimeiView) -> Done<Head> {
    let socket = Arc::new(session.socket(wallet).await?);
    let none = || refused(format!("the newest version of {} is not private: everybody reads it", view.mimei.0));
    closing::newest(socket, wallet, view).await?.ok_or_else(none)
}

/// PRIVATE-8: a version of the same content with another head, by way of the working copy.
async fn change(
    session: &Session,
    wallet: &Wallet,
    mimei: &str,
    tx: &TxFlags,
    change: impl FnOnce(&mut Seal) -> Done<bool>,
) -> Done {
    let mimei = id(mimei)?;
    let view = view(wallet, mimei).await?;
    let head = head(session, wallet, &view).await?;
    let mut seal = head.unlock(&wallet.signer(&tx.from).await?)?;
    let is_changed = change(&mut seal)?;
    let newest = super::newest(&view)?;
    let closed = private::shown(&seal);
    if !is_changed || tx.dry_run {
        wallet.printer.answer(
            &json!({ "mimei": mimei.to_string(), "version": newest.to_string(), "changed": is_changed, "private": closed }),
        );
        return Ok(());
    }
    let socket = session.socket(wallet).await?;
    hold(wallet, &socket, &view, newest).await?;
    // By what was read last, and that generation alone is replaced: a change may come at any time.
    let local = local(wallet, &socket, &view).await?;
    if matches!(standing(&local, &view), Standing::Ahead | Standing::Conflict) {
        let sentence =
            format!("the working copy of {mimei} has changes: `leither mimei restore {mimei} --discard` first takes them out");
        return Err(refused(sentence));
    }
    let generation = local.cur.map(|cur| cur.generation);
    let restored = socket.restore(&mimei, Some(newest), generation.as_deref(), Some(newest)).await?;
    let bytes = std::io::Cursor::new(seal.head(head.root()));
    // Nothing but the head is to be new in the next version.
    let write = [("op", "write"), ("path", HEAD_NAME), ("generation", restored.generation.as_str())];
    let cur = socket.edit(&mimei, &write, Some(Box::new(bytes))).await?;
    let cid = cur.cid.parse().map_err(Failure::fault)?;
    let next = Next { mimei, base: Some(newest), cid, profile: &cur.profile, is_cur: true };
    let more = json!({
        "mimei": mimei.to_string(), "version": next.number().to_string(), "cid": cur.cid, "changed": true, "private": closed,
    });
    let sent = next.send(wallet, Some(&socket), tx).await;
    let is_refused = match &sent {
        Ok(sent) => !sent.is_sent() || sent.receipt.as_ref().is_some_and(|receipt| !receipt.done),
        Err(failure) => failure.exit != Exit::Unreachable,
    };
    if is_refused {
        // As it was, so that nobody backs up by chance what was refused.
        socket.restore(&mimei, Some(newest), Some(&cur.generation), Some(newest)).await?;
    }
    wallet.print_sent(&sent?, &more)
}
