//! `leither stream …`: money that is paid over time, or becomes free over time.

use super::Session;
use super::account::PageFlags;
use super::org::as_organization;
use crate::exit::{Done, Failure};
use crate::times::{self, When};
use crate::wallet::{TxFlags, Wallet, now_ms};
use clap::{Args, Subcommand};
use leither_pallets::Call;
use leither_pallets::streams::{Call as StreamCall, Terms};
use leither_rpc_api::{GetStream, ListStreams, methods};
use serde_json::{Value, json};

/// Streams: money that is paid over time, or becomes free over time.
#[derive(Subcommand, Debug)]
pub enum Stream {
    /// Locks money that is paid over time.
    Open(Open),
    /// Pays the payee what is due; anybody may cause it.
    Draw {
        /// Its number.
        stream: u64,
        /// How it is signed and sent.
        #[command(flatten)]
        tx: TxFlags,
    },
    /// Ends it: what is due is paid, the rest is free again.
    Cancel {
        /// Its number.
        stream: u64,
        /// As this organization's treasury, by vote (with --propose).
        #[arg(long, value_name = "ORG")]
        treasury: Option<String>,
        /// How it is signed and sent.
        #[command(flatten)]
        tx: TxFlags,
    },
    /// Who pays whom how much by when, and what is due now.
    Show {
        /// Its number.
        stream: u64,
    },
    /// Those that pay an account.
    List {
        /// Whose.
        account: String,
        /// Those that it has opened instead.
        #[arg(long)]
        opened: bool,
        /// Which part of the list.
        #[command(flatten)]
        page: PageFlags,
    },
}

/// Locks money that is paid over time.
#[derive(Args, Debug)]
pub struct Open {
    /// To whom; to oneself (with --fixed) it becomes free over time.
    to: String,
    /// How much in all: 100mei.
    amount: String,
    /// From when on it is earned: now, a day as 2027-01-31 (UTC), or ms since 1970.
    #[arg(long, value_name = "TIME", default_value = "now", value_parser = times::when)]
    start: When,
    /// Nothing is due before so long after the start; then all that was earned by then.
    #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = times::duration)]
    cliff: u64,
    /// All of it is due so long after the start: 30s, 2m, 8h, 365d; at most 3653d.
    #[arg(long = "for", value_name = "DURATION", value_parser = times::duration)]
    lasting: u64,
    /// It is earned by whole steps so long: 1s at least.
    #[arg(long = "every", value_name = "DURATION", default_value = "1s", value_parser = times::duration)]
    step: u64,
    /// Who opens it cannot end it.
    #[arg(long)]
    fixed: bool,
    /// Pays from this organization's treasury, by vote (with --propose).
    #[arg(long, value_name = "ORG")]
    treasury: Option<String>,
    /// How it is signed and sent.
    #[command(flatten)]
    tx: TxFlags,
}

/// A call of one's own, or of an organization's treasury by vote.
async fn calls(wallet: &Wallet, treasury: Option<&str>, tx: &TxFlags, call: StreamCall) -> Done<Vec<Call>> {
    let call = Call::Streams(call);
    match treasury {
        Some(_) if tx.propose.is_none() => Err(Failure::usage("--treasury needs --propose TITLE: an organization pays by vote")),
        Some(org) => as_organization(tx, wallet.org_id(org).await?, call),
        None if tx.propose.is_some() => Err(Failure::usage("--propose needs --treasury ORG: whose money it is")),
        None => Ok(vec![call]),
    }
}

impl Stream {
    pub(super) async fn run(self, session: &Session) -> Done {
        let wallet = session.wallet().await?;
        match self {
            Stream::Open(open) => open.run(&wallet).await,
            Stream::Draw { stream, tx } => {
                let calls = calls(&wallet, None, &tx, StreamCall::Draw { stream }).await?;
                wallet.send_and_print(&tx, calls, &json!({})).await
            }
            Stream::Cancel { stream, treasury, tx } => {
                let calls = calls(&wallet, treasury.as_deref(), &tx, StreamCall::Cancel { stream }).await?;
                wallet.send_and_print(&tx, calls, &json!({})).await
            }
            Stream::Show { stream } => {
                let view = wallet.client.call(&methods::STREAM_GET, GetStream { stream: stream.into() }).await?;
                session.printer.answer(&view);
                Ok(())
            }
            Stream::List { account, opened, page } => {
                let (after, limit) = page.ask()?;
                let who = Some(wallet.account(&account).await?.into());
                let (payee, opener) = if opened { (None, who) } else { (who, None) };
                let ask = ListStreams { payee, opener, after, limit };
                session.printer.answer(&wallet.client.call(&methods::STREAM_LIST, ask).await?);
                Ok(())
            }
        }
    }
}

impl Open {
    async fn run(self, wallet: &Wallet) -> Done {
        let to = wallet.account(&self.to).await?;
        let (token, amount) = wallet.amount(&self.amount).await?;
        let start = match self.start {
            // Its block is later than the newest one.
            When::Now => now_ms()?.max(wallet.info.time.0),
            When::At(ms) => ms,
        };
        let after = |ms: u64| start.checked_add(ms).ok_or_else(|| Failure::usage("the stream lasts too long: at most 3653d"));
        let (cliff, end) = (after(self.cliff)?, after(self.lasting)?);
        let terms = Terms { to, token, amount, start, cliff, end, step_ms: self.step, is_fixed: self.fixed };
        let calls = calls(wallet, self.treasury.as_deref(), &self.tx, StreamCall::Open(terms)).await?;
        for call in &calls {
            // What no form allows is told before anything is signed.
            call.check().map_err(|why| Failure::usage(why.to_string()))?;
        }
        let sent = wallet.send(&self.tx, calls).await?;
        let mut events = sent.receipt.iter().flat_map(|receipt| &receipt.events);
        let number = events.find(|event| event.pallet == "streams" && event.event == "opened");
        let number = number.and_then(|event| event.args.get("stream").cloned());
        let more = number.map_or_else(|| json!({}), |number: Value| json!({ "stream": number }));
        wallet.print_sent(&sent, &more)
    }
}
