//! `leither mimei publish`, `provide`, `findprovs`, `sync`, and what `show` says of the network.

use super::id;
use super::list::{self, Verb};
use crate::bar::{Bar, Far, Pace, size};
use crate::commands::Session;
use crate::content::api::{
    self, Followed, Moved, NetworkView, Peers, ProvidedItem, ProvidedList, Providers, Providing, Published, escape,
};
use crate::content::client::Socket;
use crate::exit::{Done, Exit, Failure};
use crate::times::duration;
use clap::Args;
use serde_json::{Value, json};
use std::path::PathBuf;

/// Announces the newest version, so that others find it here.
#[derive(Args, Debug)]
pub struct Publish {
    /// Which; several are announced in the background.
    #[arg(required_unless_present = "list")]
    mimei: Vec<String>,
    /// Those that this file names, one a line (- reads the standard input); blank lines and those that begin with # name none.
    #[arg(long, value_name = "FILE")]
    list: Option<PathBuf>,
    /// How long it is announced, again and again.
    #[arg(long, default_value = "168h", value_parser = duration)]
    lifetime: u64,
}

/// Keeps the newest version here from now on, and announces it.
#[derive(Args, Debug)]
pub struct Provide {
    /// Which; several are fetched and announced in the background. May be left out with --status.
    #[arg(required_unless_present_any = ["list", "status", "summary"])]
    mimei: Vec<String>,
    /// Those that this file names, one a line (- reads the standard input); blank lines and those that begin with # name none.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["status", "summary"])]
    list: Option<PathBuf>,
    /// No more. What is here stays.
    #[arg(long, conflicts_with_all = ["status", "summary"])]
    stop: bool,
    /// What is provided, and how its announcing goes.
    #[arg(long)]
    status: bool,
    /// How many keys are announced (of each MiMei its own and its tree's), and how many are to be announced now.
    #[arg(long, conflicts_with_all = ["status", "mimei"])]
    summary: bool,
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

/// Has the node fetch, and shows how far that is.
pub async fn moved(session: &Session, socket: &Socket, call: &str) -> Done<Moved> {
    let bar = Bar::new(session.printer, Pace::Each);
    let moved = socket.events(call, |progress| step(&bar, progress)).await;
    bar.over();
    Ok(moved?)
}

/// Of a tree is known what the blocks that came link to.
fn step(bar: &Bar, progress: &api::Progress) {
    let number = |text: &str| text.parse::<u64>().unwrap_or_default();
    let (blocks, bytes, missing) = (number(&progress.blocks), number(&progress.bytes), number(&progress.missing));
    let of = Some((blocks, blocks.saturating_add(missing)));
    let far = Far { bytes, entries: 0, blocks, of, grows: true };
    bar.tell(far, format_args!("{blocks} blocks, {}, {missing} known to be missing", size(bytes)));
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
        let mimei = match (self.mimei.as_slice(), &self.list) {
            ([mimei], None) => id(mimei)?,
            _ => return list::run(session, &socket, self.mimei, self.list.as_deref(), Verb::Publish(self.lifetime)).await,
        };
        let said: Published = socket.post(&format!("/mimei/{mimei}/publish?lifetime_ms={}", self.lifetime)).await?;
        session.printer.answer(&said);
        if let Some(sentence) = later(&said) {
            session.printer.say(&sentence);
        }
        Ok(())
    }
}

/// What to look at where nobody is found.
pub const ALONE: &str = "Look whether the node has peers of its chain (`leither status`) and whether others reach it (`leither swarm reach`: swarm.listen); \
                     `leither swarm connect ADDRESS` tells it of one.";

/// What it means that nobody keeps yet what was published, and what to do next.
fn later(said: &Published) -> Option<String> {
    let sentence = match (&said.why, said.told.as_str()) {
        (Some(why), _) => format!("Others were not told at once: {why}. They are told when its turn comes."),
        (None, "0") => format!("Nobody was told yet, since this node knows no other: it is announced once one is found. {ALONE}"),
        (None, told) => {
            format!("None of the {told} nodes that were told says that it keeps it: they are told again, at first in a minute.")
        }
    };
    said.pending.then_some(sentence)
}

impl Provide {
    pub(super) async fn run(self, session: &Session) -> Done {
        let wallet = session.wallet().await?;
        let socket = session.socket(&wallet).await?;
        if self.summary {
            session.printer.answer(&socket.get::<Providing>("/provided/summary").await?);
            return Ok(());
        }
        if self.status {
            let mut items = Vec::new();
            for mimei in &self.mimei {
                items.extend(socket.get::<ProvidedList>(&format!("/provided?mimei={}", id(mimei)?)).await?.items);
            }
            if self.mimei.is_empty() {
                items = provided(&socket).await?;
            }
            session.printer.answer(&json!({ "items": items }));
            if !items.is_empty() && socket.get::<Peers>("/swarm/peers").await?.items.is_empty() {
                session.printer.say(&format!("Nobody is connected for content, so that nobody is told. {ALONE}"));
            }
            return Ok(());
        }
        let mimei = match (self.mimei.as_slice(), &self.list) {
            ([mimei], None) => id(mimei)?,
            _ => {
                let verb = if self.stop { Verb::Stop } else { Verb::Provide };
                return list::run(session, &socket, self.mimei, self.list.as_deref(), verb).await;
            }
        };
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

/// NETWORK-1: what others say that they hold. Where some say what the chain does not, a sentence says so.
pub fn seen(network: &NetworkView) -> Done<Value> {
    let mut value = serde_json::to_value(network).map_err(Failure::fault)?;
    if let Some(note) = note(network) {
        value["note"] = note.into();
    }
    Ok(value)
}

fn note(network: &NetworkView) -> Option<String> {
    let beyond = (network.beyond != "0").then(|| {
        format!(
            "{} of them say that they hold a version that the chain has not got: they are wrong, or this node is behind the chain",
            network.beyond
        )
    });
    let contradicting = (network.contradicting != "0")
        .then(|| format!("{} of them say that a version is another tree than on chain: the chain counts", network.contradicting));
    let notes: Vec<String> = beyond.into_iter().chain(contradicting).collect();
    (!notes.is_empty()).then(|| notes.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hold_9_who_publishes_where_nobody_is_known_is_told_what_that_means() {
        let none = || api::Confirmed { asked: "0".into(), confirmed: vec![] };
        let said = |told: &str, pending: bool, why: Option<&str>| Published {
            mimei: "lthmm1".into(),
            version: "0".into(),
            cid: "bafy".into(),
            until_ms: "9".into(),
            of_mimei: none(),
            of_tree: none(),
            told: told.into(),
            pending,
            why: why.map(String::from),
        };
        assert!(later(&said("0", true, None)).unwrap().contains("swarm.listen") && later(&said("3", false, None)).is_none());
        assert!(later(&said("3", true, None)).unwrap().contains("None of the 3"));
        assert!(later(&said("0", true, Some("too much is under way"))).unwrap().contains("too much is under way"));
    }

    #[test]
    fn network_1_what_the_chain_does_not_say_is_a_note_and_no_conflict() {
        let view = |beyond: &str, contradicting: &str| NetworkView {
            beyond: beyond.into(),
            contradicting: contradicting.into(),
            ..NetworkView::default()
        };
        for (beyond, contradicting, noted) in [("0", "0", false), ("1", "0", true), ("0", "2", true), ("3", "2", true)] {
            let value = seen(&view(beyond, contradicting)).unwrap();
            assert!(value.get("conflict").is_none() && value["beyond"] == beyond);
            let note = value.get("note").and_then(Value::as_str);
            assert_eq!(note.is_some(), noted, "{value}");
            assert!(note.is_none_or(|note| [beyond, contradicting].iter().all(|count| *count == "0" || note.contains(*count))));
        }
    }
}
