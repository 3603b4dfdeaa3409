//! `leither bench …`: load from outside, measured and audited.
//!
//! ```text
//! fleet   genesis with N funded accounts, validators as processes of their own
//! load    pre-signed transfers, sent at fixed times whatever the answers are (open loop)
//! watch   chain_subscribe: when was which transaction final, counted from when it should have been sent
//! audit   each accepted transaction once in one block of every node, supply conserved, state roots equal
//! ```

mod audit;
mod cw20;
mod fleet;
mod founder;
mod load;
mod reward;
mod watch;

use super::Session;
use crate::exit::{Done, Exit, Failure};
use clap::{Args, Subcommand};
use fleet::Fleet;
use serde_json::json;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Load, measured from outside and audited.
#[derive(Subcommand, Debug)]
pub enum Bench {
    /// Standard transfers between existing accounts.
    Transfers(Transfers),
}

/// Standard transfers between existing accounts.
#[derive(Args, Clone, Debug)]
pub struct Transfers {
    /// Validators, each a process of its own on this machine.
    #[arg(long, default_value_t = 1)]
    validators: usize,
    /// Funded accounts; senders and receivers are drawn from them in turn.
    #[arg(long, default_value_t = 100_000)]
    accounts: usize,
    /// How long to send.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Transactions offered in a second.
    #[arg(long, default_value_t = 12_000)]
    rate: u64,
    /// Transactions in one request; 1 is plain JSON-RPC, one transaction a request.
    #[arg(long, default_value_t = 500)]
    batch: usize,
    /// Connections to each node.
    #[arg(long, default_value_t = 32)]
    connections: usize,
    /// Transfers of a token that this contract keeps (cw20_base.wasm), in the place of `mei`; at most 500 accounts.
    #[arg(long, value_name = "FILE")]
    cw20: Option<PathBuf>,
    /// Value events of an organization by the template content-reward, five payees each, in the place of transfers.
    #[arg(long, conflicts_with = "cw20")]
    content_reward: bool,
}

/// A contract that the load goes to.
#[derive(Clone, Copy)]
enum Kept {
    Cw20(cw20::Cw20),
    Reward(reward::Reward),
}

impl Bench {
    pub(super) async fn run(self, session: &Session) -> Done {
        match self {
            Bench::Transfers(transfers) => transfers.run(session).await,
        }
    }
}

impl Transfers {
    fn check(&self) -> Done {
        let fine = (1..=16).contains(&self.validators)
            && (2..=1_000_000).contains(&self.accounts)
            && (1..=3_600).contains(&self.seconds)
            && (1..=200_000).contains(&self.rate)
            && (1..=1_000).contains(&self.batch)
            && (1..=100).contains(&self.connections);
        let bounds = "1 to 16 validators, 2 to 10^6 accounts, 1 to 3600 s, a rate of 1 to 200000, batches of 1 to 1000, 1 to 100 connections";
        if self.cw20.is_some() && self.accounts > cw20::ACCOUNTS_MAX {
            return Err(Failure::usage(format!(
                "--cw20: at most {} accounts, since its first message names each",
                cw20::ACCOUNTS_MAX
            )));
        }
        if fine { Ok(()) } else { Err(Failure::usage(bounds)) }
    }

    async fn run(self, session: &Session) -> Done {
        self.check()?;
        let printer = session.printer;
        printer.progress(&format!("making a chain with {} accounts and {} validators", self.accounts, self.validators));
        // One more that sets a contract up, and whom it pays.
        let payees = if self.content_reward { reward::PAYEES } else { 0 };
        let funded = self.accounts + usize::from(self.cw20.is_some() || self.content_reward) + payees;
        let fleet = Fleet::start(self.validators, funded).await?;
        let kept = match &self.cw20 {
            Some(file) => Some(Kept::Cw20(cw20::set_up(&fleet, file, self.accounts).await?)),
            None if self.content_reward => Some(Kept::Reward(reward::set_up(&fleet, self.accounts).await?)),
            None => None,
        };
        printer.progress("signing");
        let total = usize::try_from(self.rate.saturating_mul(self.seconds)).map_err(Failure::usage)?;
        let signing = Instant::now();
        let txs = load::sign(&fleet, self.accounts, total, kept)?;
        let sign_us = signing.elapsed().as_micros() as f64 / total.max(1) as f64;

        let watch = watch::Watch::start(&fleet).await?;
        let before = fleet.cpu()?;
        let own_before = fleet::own_cpu()?;
        let sent = load::send(&fleet, &self, &txs, printer).await?;
        let seen = watch.finish(&sent, Duration::from_secs(30), printer).await?;
        let cpu = fleet.cpu()?.saturating_sub(before);
        let own = fleet::own_cpu()?.saturating_sub(own_before);
        printer.progress("auditing");
        let audit = audit::run(&fleet, &sent, &seen, funded).await;
        printer.progress_over();

        let committed = seen.latencies.len();
        let per_tx = |cpu: Duration| (cpu.as_micros() as f64 / committed.max(1) as f64 * 10.0).round() / 10.0;
        let line = json!({
            "tps": seen.tps().round(),
            "p50_final_s": seen.quantile(0.50),
            "p90_final_s": seen.quantile(0.90),
            "p99_final_s": seen.quantile(0.99),
            "max_final_s": seen.quantile(1.0),
            "cpu_us_per_tx": per_tx(cpu),
            "audit": match &audit { Ok(()) => "ok".to_string(), Err(why) => why.sentence.clone() },
            "offered_tps": self.rate,
            "offered": total,
            "accepted": sent.accepted(),
            "refused": sent.refused(),
            "refusals": sent.reasons(),
            "committed": committed,
            "blocks": seen.blocks,
            "validators": self.validators,
            "accounts": self.accounts,
            "batch": self.batch,
            "seconds": self.seconds,
            "generator_cpu_us_per_tx": per_tx(own),
            "sign_us_per_tx": (sign_us * 10.0).round() / 10.0,
            "rss_mb": fleet.rss_mb()?,
            "disk_bytes_per_tx": (fleet.disk_bytes()? as f64 / (committed.max(1) * self.validators) as f64).round(),
        });
        printer.answer(&line);
        fleet.stop().await;
        audit.map_err(|why| Failure::new(Exit::Fault, format!("the audit failed: {}", why.sentence)))
    }
}
