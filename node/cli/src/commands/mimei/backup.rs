//! `leither mimei backup` and `restore`, and what `add` and they share.

use super::closing::{self, Said, may_follow};
use super::cur::absent;
use super::place::{self, Tree};
use super::standing::{Standing, conflict, local, replaceable, settled, standing};
use super::{id, network, newest, view};
use crate::commands::Session;
use crate::content::client::Socket;
use crate::content::profile_of;
use crate::exit::{Done, Exit, Failure};
use crate::wallet::{Sent, TxFlags, Wallet};
use clap::Args;
use leither_kit::Cid;
use leither_pallets::Call;
use leither_pallets::mimei::Call as MimeiCall;
use leither_rpc_api::MimeiView;
use leither_storage::content::content_id;
use leither_types::MimeiId;
use serde_json::json;
use std::sync::Arc;

/// Makes the working copy the newest version.
#[derive(Args, Debug)]
pub struct Backup {
    /// Which.
    mimei: String,
    /// The newest version, after a conflict: what is to stay of it is in the working copy by now, which goes on from it.
    #[arg(long)]
    base: Option<u64>,
    /// For everybody to read, though the newest version is private.
    #[arg(long)]
    public: bool,
    /// For its readers alone, though everybody reads the newest version.
    #[arg(long, conflicts_with = "public")]
    private: bool,
    /// How it is signed and sent.
    #[command(flatten)]
    tx: TxFlags,
}

/// Makes a version the working copy.
#[derive(Args, Debug)]
pub struct Restore {
    /// Which.
    mimei: String,
    /// Which version; the newest where it is not given.
    #[arg(long)]
    version: Option<u64>,
    /// Also where the working copy has changes that no version has. They can be had back for a day.
    #[arg(long)]
    discard: bool,
}

/// What is to become a version.
pub struct Next<'a> {
    /// Whose.
    pub mimei: MimeiId,
    /// The newest version that it moves the head from.
    pub base: Option<u64>,
    /// The content.
    pub cid: Cid,
    /// How it is cut.
    pub profile: &'a str,
    /// Whether it is the working copy's tree.
    pub is_cur: bool,
}

impl Next<'_> {
    /// Its number.
    pub fn number(&self) -> u64 {
        self.base.map_or(0, |n| n.saturating_add(1))
    }

    /// HOLD-1: kept while the chain decides; then a version, or given up. Without a socket only the head moves.
    pub async fn send(self, wallet: &Wallet, socket: Option<&Socket>, tx: &TxFlags) -> Done<Sent> {
        let content = content_id(&self.cid).ok_or_else(|| Failure::fault("the content id is too long to be recorded"))?;
        let (number, cid) = (self.number(), self.cid.to_string());
        let call = Call::Mimei(MimeiCall::Backup { mimei: self.mimei, base: self.base, content });
        let Some(socket) = socket else { return wallet.send(tx, vec![call]).await };
        socket.expect(&self.mimei, number, &cid, self.profile, self.is_cur).await?;
        let sent = match wallet.send(tx, vec![call]).await {
            Ok(sent) => sent,
            Err(failure) => {
                // It may have been sent, if nobody answered; then the node finds out.
                if failure.exit != Exit::Unreachable {
                    socket.give_up(&self.mimei, number, &cid, self.is_cur).await?;
                }
                return Err(failure);
            }
        };
        match sent.receipt.as_ref() {
            Some(receipt) if receipt.done && sent.is_sent() => match socket.record(&self.mimei, number, &cid, self.profile).await
            {
                Ok(_) => Ok(sent),
                Err(said) => Ok(Sent { unknown: Some(said.into()), ..sent }),
            },
            Some(_) => {
                socket.give_up(&self.mimei, number, &cid, self.is_cur).await?;
                Ok(sent)
            }
            None => Ok(sent),
        }
    }
}

/// Sees to it that the node keeps a version that the chain has. Gives what is missing for that, if its content is not here.
async fn held(wallet: &Wallet, socket: &Socket, view: &MimeiView, number: u64) -> Done<Option<Cid>> {
    let mimei = view.mimei.0;
    if socket.held(&mimei, number).await?.is_some() {
        return Ok(None);
    }
    let cid = place::version(wallet, socket, view, number).await?;
    match socket.record(&mimei, number, &cid.to_string(), profile_of(&cid).name()).await {
        Ok(_) => Ok(None),
        Err(said) if said.reason == "absent" => Ok(Some(cid)),
        Err(said) => Err(said.into()),
    }
}

/// The same, of content that has to be here.
pub async fn hold(wallet: &Wallet, socket: &Socket, view: &MimeiView, number: u64) -> Done {
    match held(wallet, socket, view, number).await? {
        None => Ok(()),
        Some(cid) => Err(absent(&view.mimei.0, number, &cid.to_string())),
    }
}

/// HOLD-4: the same, of content that is fetched if it is not here.
async fn fetch(session: &Session, wallet: &Wallet, socket: &Socket, view: &MimeiView, number: u64) -> Done {
    if let Some(cid) = held(wallet, socket, view, number).await? {
        // It stays here for as long as this connection does, and is then said to be the version.
        network::moved(session, socket, &format!("/fetch?cid={cid}&mimei={}", view.mimei.0)).await?;
        hold(wallet, socket, view, number).await?;
    }
    Ok(())
}

impl Backup {
    fn said(&self) -> Option<Said> {
        match (self.private, self.public) {
            (true, _) => Some(Said::Private),
            (false, true) => Some(Said::Public),
            (false, false) => None,
        }
    }

    pub(super) async fn run(self, session: &Session) -> Done {
        let wallet = session.wallet().await?;
        let socket = Arc::new(session.socket(&wallet).await?);
        let mimei = id(&self.mimei)?;
        let view = view(&wallet, mimei).await?;
        let local = local(&wallet, &socket, &view).await?;
        let refused = |sentence: String| Err(Failure::new(Exit::Refused, sentence));
        let Some(cur) = &local.cur else {
            return refused(format!(
                "there is no working copy of {mimei} here: change one with `leither mimei cur write {mimei}/…`"
            ));
        };
        match settled(standing(&local, &view), self.base, &view)? {
            Standing::Conflict => return refused(conflict(&mimei, &local, &view)),
            Standing::Behind => {
                return refused(format!(
                    "the working copy of {mimei} is older than the newest version and has no changes: `leither mimei restore {mimei}` brings it up"
                ));
            }
            Standing::Same => {
                let version = view.head.as_ref().map(|head| head.version);
                // Who made the same edit as another device goes on from its version.
                if let Some(version) = version {
                    socket.record(&mimei, version.0, &cur.cid, &cur.profile).await?;
                }
                wallet.printer.answer(&json!({ "mimei": self.mimei, "version": version, "cid": cur.cid, "changed": false }));
                return Ok(());
            }
            Standing::Ahead | Standing::None => {}
        }
        let cid = cur.cid.parse().map_err(Failure::fault)?;
        let tree = Tree { cid, name: format!("the working copy of {mimei}") };
        let head = closing::head_of(socket.clone(), &tree).await?;
        may_follow(&closing::before(socket.clone(), &wallet, &view).await?, head.as_ref(), self.said())?;
        let next = Next { mimei, base: view.head.as_ref().map(|head| head.version.0), cid, profile: &cur.profile, is_cur: true };
        let more = json!({ "mimei": self.mimei, "version": next.number().to_string(), "cid": cur.cid, "changed": true });
        let socket = (!self.tx.dry_run).then_some(&*socket);
        let sent = next.send(&wallet, socket, &self.tx).await?;
        wallet.print_sent(&sent, &more)
    }
}

impl Restore {
    pub(super) async fn run(self, session: &Session) -> Done {
        let wallet = session.wallet().await?;
        let socket = session.socket(&wallet).await?;
        let mimei = id(&self.mimei)?;
        let view = view(&wallet, mimei).await?;
        let seen = newest(&view)?;
        let before = local(&wallet, &socket, &view).await?;
        let number = self.version.unwrap_or(seen);
        replaceable(&before, &view, self.discard)?;
        fetch(session, &wallet, &socket, &view, number).await?;
        // Meanwhile it may have been changed, or have followed by itself.
        let local = local(&wallet, &socket, &view).await?;
        let generation = replaceable(&local, &view, self.discard)?;
        let cur = socket.restore(&mimei, Some(number), generation, Some(seen)).await?;
        let more = json!({ "mimei": self.mimei, "version": number.to_string(), "cid": cur.cid, "generation": cur.generation });
        session.printer.answer(&more);
        Ok(())
    }
}
