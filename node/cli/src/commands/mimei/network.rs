//! `leither mimei publish`, `provide`, `findprovs`, `sync`, and what `show` says of the network.

use super::id;
use crate::commands::Session;
use crate::content::api::{
    self, Followed, Moved, NetworkView, ProvidedItem, ProvidedList, Provider, Providers, Published, escape,
};
use crate::content::client::Socket;
use crate::exit::{Done, Exit, Failure};
use crate::print::Printer;
use crate::times::duration;
use clap::Args;
use leither_rpc_api::MimeiView;
use serde_json::{Value, json};

/// Announces the newest version, so that others find it here.
#[derive(Args, Debug)]
pub struct Publish {
    /// Which.
    mimei: String,
    /// How long it is announced, again and again.
    #[arg(long, default_value = "168h", value_parser = duration)]
    lifetime: u64,
}

/// Keeps the newest version here from now on, and announces it.
#[derive(Args, Debug)]
pub struct Provide {
    /// Which; may be left out with --status.
    #[arg(required_unless_present = "status")]
    mimei: Option<String>,
    /// No more. What is here stays.
    #[arg(long, conflicts_with = "status")]
    stop: bool,
    /// What is provided, and how its announcing goes.
    #[arg(long)]
    status: bool,
}

/// Who provides a MiMei, and which version each of them holds.
#[derive(Args, Debug)]
pub struct Findprovs {
    /// A MiMei or a content id.
    what: String,
}

/// Fetches the newest version once, and keeps it.
#[derive(Args, Debug)]
pub struct Fetch {
    /// Which.
    mimei: String,
}

/// How far something is, in words and for scripts.
pub fn step(printer: Printer) -> impl Fn(&api::Progress) {
    move |progress: &api::Progress| {
        let number = |text: &str| text.parse::<u64>().unwrap_or_default();
        let (blocks, bytes) = (number(&progress.blocks), number(&progress.bytes));
        let text = format!("{blocks} blocks, {} MiB, {} missing", bytes >> 20, progress.missing);
        printer.step(&text, blocks, bytes);
    }
}

async fn moved(session: &Session, socket: &Socket, call: &str) -> Done<Moved> {
    let moved = socket.events(call, step(session.printer)).await;
    session.printer.progress_over();
    Ok(moved?)
}

fn told(moved: &Moved) -> Value {
    json!({
        "mimei": moved.mimei,
        "version": moved.version,
        "cid": moved.cid,
        "transferred": { "blocks": moved.blocks, "bytes": moved.bytes },
        "here": moved.here,
    })
}

impl Publish {
    pub(super) async fn run(self, session: &Session) -> Done {
        let wallet = session.wallet().await?;
        let socket = session.socket(&wallet).await?;
        let call = format!("/mimei/{}/publish?lifetime_ms={}", id(&self.mimei)?, self.lifetime);
        session.printer.answer(&socket.post::<Published>(&call).await?);
        Ok(())
    }
}

impl Provide {
    pub(super) async fn run(self, session: &Session) -> Done {
        let wallet = session.wallet().await?;
        let socket = session.socket(&wallet).await?;
        let mimei = self.mimei.as_deref().map(id).transpose()?;
        if self.status {
            let items = match mimei {
                Some(id) => socket.get::<ProvidedList>(&format!("/provided?mimei={id}")).await?.items,
                None => provided(&socket).await?,
            };
            session.printer.answer(&json!({ "items": items }));
            return Ok(());
        }
        let Some(mimei) = mimei else { return Err(Failure::usage("name a MiMei")) };
        let call = format!("/mimei/{mimei}/follow");
        if self.stop {
            let ended: Followed = socket.delete_for(&call).await?;
            if !ended.was {
                return Err(Failure::new(
                    Exit::Refused,
                    format!("{mimei} was not provided; see `leither mimei provide --status`"),
                ));
            }
            session.printer.answer(&json!({ "mimei": ended.mimei, "provided": false }));
            return Ok(());
        }
        let mut answer = told(&moved(session, &socket, &call).await?);
        answer["provided"] = true.into();
        session.printer.answer(&answer);
        Ok(())
    }
}

/// Page by page.
async fn provided(socket: &Socket) -> Done<Vec<ProvidedItem>> {
    let (mut items, mut after) = (Vec::new(), None::<String>);
    loop {
        let ask = after.map(|after| format!("?after={}", escape(&after))).unwrap_or_default();
        let page: ProvidedList = socket.get(&format!("/provided{ask}")).await?;
        items.extend(page.items);
        after = page.next;
        if after.is_none() {
            return Ok(items);
        }
    }
}

impl Findprovs {
    pub(super) async fn run(self, session: &Session) -> Done {
        let wallet = session.wallet().await?;
        let socket = session.socket(&wallet).await?;
        session.printer.answer(&socket.get::<Providers>(&format!("/providers?of={}", escape(&self.what))).await?);
        Ok(())
    }
}

impl Fetch {
    pub(super) async fn run(self, session: &Session) -> Done {
        let wallet = session.wallet().await?;
        let socket = session.socket(&wallet).await?;
        let moved = moved(session, &socket, &format!("/mimei/{}/sync", id(&self.mimei)?)).await?;
        session.printer.answer(&told(&moved));
        Ok(())
    }
}

/// NETWORK-1: what others say that they hold. What contradicts the chain is named.
pub fn seen(view: &MimeiView, network: &NetworkView) -> Done<Value> {
    let mut value = serde_json::to_value(network).map_err(Failure::fault)?;
    let head = view.head.as_ref().map(|head| (head.version.0, head.cid.as_str()));
    if let Some(conflict) = network.newest.as_ref().and_then(|newest| contradiction(head, newest)) {
        value["conflict"] = conflict.into();
    }
    Ok(value)
}

/// How what a provider says it holds and what the chain has cannot both be.
fn contradiction(head: Option<(u64, &str)>, newest: &Provider) -> Option<String> {
    let said = newest.version.as_ref()?.parse::<u64>().ok()?;
    let (peer, cid) = (&newest.peer, newest.cid.as_deref().unwrap_or_default());
    match head {
        None => Some(format!("{peer} says it holds version {said}, and the chain has none")),
        Some((number, _)) if said > number => Some(format!(
            "{peer} says it holds version {said} ({cid}), and the newest on chain is {number}: the chain counts, or this node is behind it"
        )),
        Some((number, ours)) if said == number && cid != ours => {
            Some(format!("{peer} says that version {said} is {cid}, and on chain it is {ours}: the chain counts"))
        }
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn network_1_a_version_that_the_chain_has_not_got_is_named_as_a_conflict() {
        let held = |version: &str, cid: &str| Provider {
            peer: "12D3".into(),
            addresses: vec![],
            version: Some(version.into()),
            cid: Some(cid.into()),
        };
        for (head, said, conflict) in [
            (Some((3, "a")), ("3", "a"), false),
            (Some((3, "a")), ("2", "x"), false),
            (Some((3, "a")), ("4", "b"), true),
            (Some((3, "a")), ("3", "b"), true),
            (None, ("0", "b"), true),
            (Some((3, "a")), ("junk", "b"), false),
        ] {
            assert_eq!(contradiction(head, &held(said.0, said.1)).is_some(), conflict, "{head:?} {said:?}");
        }
        assert!(contradiction(None, &Provider { version: None, ..held("1", "a") }).is_none(), "it holds none");
    }
}
