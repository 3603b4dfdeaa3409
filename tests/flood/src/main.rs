//! A villain for tests: floods one node on loopback by one of several kinds, with up to twenty identities, for a bounded time, and says
//! in JSON what it sent and what became of it.
//!
//! ```text
//! leither-flood --to /ip4/127.0.0.1/udp/4801/quic-v1/p2p/12D3… --chain 0x… --kind exchange-many --identities 20 --seconds 10
//! ```
//! It dials nothing but loopback, and it comes from an address of its own there (127.0.0.2), as a stranger would.
#![forbid(unsafe_code)]

mod forms;
mod kinds;
mod villain;

use anyhow::{Context, bail, ensure};
use clap::Parser;
use kinds::Kind;
use leither_types::{Hash, ValidatorId};
use libp2p::multiaddr::Protocol;
use libp2p::{Multiaddr, PeerId};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// More would be another test.
const IDENTITIES_MAX: usize = 20;
const SECONDS_MAX: u64 = 600;

#[derive(Parser)]
#[command(about = "Floods one node on loopback, for tests")]
struct Args {
    /// Whom: an address on loopback that ends in /p2p/ and the node's peer id.
    #[arg(long)]
    to: Multiaddr,
    /// The chain's id.
    #[arg(long)]
    chain: Hash,
    /// How.
    #[arg(long, value_enum)]
    kind: Kind,
    /// As how many peers at once, 1 to 20.
    #[arg(long, default_value_t = 1)]
    identities: usize,
    /// For how long.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// From which address on loopback.
    #[arg(long, default_value_t = Ipv4Addr::new(127, 0, 0, 2))]
    from: Ipv4Addr,
    /// As which validator its votes are given out, 40 hex digits; nothing: as one that nobody knows.
    #[arg(long)]
    claim: Option<String>,
    /// The height of the chain; what is sent is of heights beyond it.
    #[arg(long, default_value_t = 1)]
    height: u64,
}

/// What all identities together did and saw.
#[derive(Default)]
pub(crate) struct Tally {
    counts: Mutex<BTreeMap<&'static str, u64>>,
    words: Mutex<BTreeMap<String, u64>>,
    pub bytes: AtomicU64,
}

impl Tally {
    /// Counts an event.
    pub fn add(&self, what: &'static str) {
        *self.counts.lock().unwrap_or_else(PoisonError::into_inner).entry(what).or_default() += 1;
    }

    /// Counts a reason that was told; the first few are kept.
    pub fn word(&self, why: String) {
        let mut words = self.words.lock().unwrap_or_else(PoisonError::into_inner);
        if words.len() < 12 || words.contains_key(&why) {
            *words.entry(why).or_default() += 1;
        }
    }
}

/// What every identity is told.
pub(crate) struct Plan {
    pub to: Multiaddr,
    pub peer: PeerId,
    pub chain: Hash,
    pub kind: Kind,
    pub from: Ipv4Addr,
    pub claim: Option<ValidatorId>,
    pub height: u64,
    pub until: Instant,
    pub tally: Arc<Tally>,
}

fn plan(args: Args) -> anyhow::Result<(Plan, usize)> {
    let first = args.to.iter().next();
    let ip: IpAddr = match first {
        Some(Protocol::Ip4(ip)) => ip.into(),
        Some(Protocol::Ip6(ip)) => ip.into(),
        _ => bail!("--to must begin with /ip4 or /ip6"),
    };
    ensure!(ip.is_loopback() && args.from.is_loopback(), "this is for loopback alone: choose addresses in 127.0.0.0/8");
    let Some(Protocol::P2p(peer)) = args.to.iter().last() else { bail!("--to must end in /p2p/ and the node's peer id") };
    ensure!((1..=IDENTITIES_MAX).contains(&args.identities), "--identities is 1 to {IDENTITIES_MAX}");
    ensure!((1..=SECONDS_MAX).contains(&args.seconds), "--seconds is 1 to {SECONDS_MAX}");
    let claim = args.claim.map(|text| forms::validator(&text).context("--claim is 40 hex digits")).transpose()?;
    let until = Instant::now() + Duration::from_secs(args.seconds);
    let tally = Arc::new(Tally::default());
    let Args { to, chain, kind, from, height, .. } = args;
    Ok((Plan { to, peer, chain, kind, from, claim, height, until, tally }, args.identities))
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> anyhow::Result<()> {
    let (plan, identities) = plan(Args::parse())?;
    let plan = Arc::new(plan);
    let tasks: Vec<_> = (0..identities).map(|n| tokio::spawn(villain::run(plan.clone(), n))).collect();
    for task in tasks {
        task.await??;
    }
    let counts = plan.tally.counts.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let words = plan.tally.words.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let bytes = plan.tally.bytes.load(Ordering::Relaxed);
    println!(
        "{}",
        serde_json::json!({ "kind": plan.kind.to_string(), "identities": identities, "bytes": bytes, "counts": counts, "words": words })
    );
    Ok(())
}
