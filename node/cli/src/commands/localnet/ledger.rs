//! Whether the nodes keep one book: every height that any node shows is compared with what the others show there.

use crate::exit::{Done, Failure};
use crate::wallet::now_ms;
use leither_rpc_api::{BlockRef, BlockTxLimit, Client, ClientError, GetBlock, GetHeader, Method, NoParams, NodeStatus, methods};
use leither_types::Hash;
use serde::{Serialize, de::DeserializeOwned};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

/// Between two looks at a node.
const LOOK: Duration = Duration::from_millis(500);
/// A node that does not answer in this time is frozen, or as good as.
const ANSWER_MAX: Duration = Duration::from_secs(2);
/// Blocks that are fetched in one look.
const BLOCKS_A_LOOK: u64 = 200;
/// Heights that are remembered: ten days of a pulse a second.
const HEIGHTS_MAX: usize = 1_000_000;
/// Over how many seconds transactions are counted.
const TPS_SECONDS: u64 = 10;
/// At the end, a node that runs has so long to answer, and to be read up to the common height.
const VERDICT_MAX: Duration = Duration::from_secs(60);

/// What a node last showed.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Whether the last question was answered.
    pub answers: bool,
    /// Its height; nothing before its first answer.
    pub height: Option<u64>,
    /// The round in which the last block that was read was decided.
    pub round: Option<u32>,
    /// Its peers.
    pub peers: Option<u32>,
    /// Compared up to here.
    checked: u64,
    recent: VecDeque<(u64, u32)>,
}

impl Seen {
    /// Transactions a second in its blocks of the last seconds.
    pub fn tps(&self, now_ms: u64) -> u64 {
        let from = now_ms.saturating_sub(TPS_SECONDS * 1_000);
        let count: u64 = self.recent.iter().filter(|(time, _)| *time >= from).map(|(_, txs)| u64::from(*txs)).sum();
        count / TPS_SECONDS
    }
}

/// A block as a node shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Shown {
    height: u64,
    id: Hash,
    root: Hash,
}

#[derive(Default)]
struct Inner {
    blocks: BTreeMap<u64, (Hash, Hash, usize)>,
    nodes: BTreeMap<usize, Seen>,
    quarrel: Option<String>,
}

/// What all nodes have shown.
#[derive(Default)]
pub struct Ledger(Mutex<Inner>);

/// How a run ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The lowest height of the nodes that run.
    pub height: u64,
    /// Whether all showed one block and one state at each height.
    pub agree: bool,
    /// Why not.
    pub why: Option<String>,
}

/// Why a question has no answer.
enum Silence {
    /// The node has no such block, or no longer.
    NoBlock,
    /// Anything else.
    Other(String),
}

async fn ask<P: Serialize, R: DeserializeOwned>(client: &Client, method: &Method<P, R>, params: P) -> Result<R, Silence> {
    match timeout(ANSWER_MAX, client.call(method, params)).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(ClientError::Refused { reason, .. })) if matches!(reason.as_str(), "unknown_block" | "pruned") => {
            Err(Silence::NoBlock)
        }
        Ok(Err(error)) => Err(Silence::Other(error.to_string())),
        Err(_) => Err(Silence::Other(format!("{} does not answer", client.url()))),
    }
}

impl Ledger {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a node last showed.
    pub fn seen(&self, node: usize) -> Seen {
        self.lock().nodes.get(&node).cloned().unwrap_or_default()
    }

    /// The first two blocks that do not agree.
    pub fn quarrel(&self) -> Option<String> {
        self.lock().quarrel.clone()
    }

    /// LOCALNET-10: a node that starts anew is believed nothing: all that it shows is compared again.
    pub fn started(&self, node: usize) {
        self.lock().nodes.insert(node, Seen::default());
    }

    fn silent(&self, node: usize) {
        self.lock().nodes.entry(node).or_default().answers = false;
    }

    fn status(&self, node: usize, status: &NodeStatus) {
        let mut inner = self.lock();
        let seen = inner.nodes.entry(node).or_default();
        seen.answers = true;
        seen.height = Some(status.height.0);
        seen.peers = Some(status.consensus_peers);
    }

    /// LOCALNET-10: whoever shows a height first is compared with by all who show it later.
    fn compare(&self, node: usize, shown: Shown) {
        let mut inner = self.lock();
        let first = *inner.blocks.entry(shown.height).or_insert((shown.id, shown.root, node));
        if (first.0, first.1) != (shown.id, shown.root) {
            let what = if first.0 == shown.id { "state" } else { "block" };
            let told = format!("node {node} has another {what} at height {} than node {}", shown.height, first.2);
            inner.quarrel.get_or_insert(told);
        }
        if inner.blocks.len() > HEIGHTS_MAX {
            inner.blocks.pop_first();
        }
        let seen = inner.nodes.entry(node).or_default();
        if seen.checked.checked_add(1) == Some(shown.height) {
            seen.checked = shown.height;
        }
    }

    fn counted(&self, node: usize, round: u32, time: u64, txs: u32, now_ms: u64) {
        let mut inner = self.lock();
        let seen = inner.nodes.entry(node).or_default();
        seen.round = Some(round);
        let from = now_ms.saturating_sub(TPS_SECONDS * 1_000);
        if time >= from {
            seen.recent.push_back((time, txs));
        }
        while seen.recent.front().is_some_and(|(time, _)| *time < from) {
            seen.recent.pop_front();
        }
    }

    /// What a node does not have below `lowest` cannot be compared.
    fn skip_to(&self, node: usize, lowest: u64) {
        let mut inner = self.lock();
        let seen = inner.nodes.entry(node).or_default();
        seen.checked = seen.checked.max(lowest.saturating_sub(1));
    }

    /// Looks at a node again and again, for as long as anybody waits for it.
    pub async fn watch(self: Arc<Self>, node: usize, url: String) {
        let Ok(client) = Client::connect(&url).await else { return };
        loop {
            if self.look(node, &client).await.is_err() {
                self.silent(node);
            }
            sleep(LOOK).await;
        }
    }

    /// Asks a node how it is, and reads blocks of it that were not compared yet. Gives its height.
    async fn look(&self, node: usize, client: &Client) -> Result<u64, Silence> {
        let status = ask(client, &methods::NODE_GET_STATUS, NoParams {}).await?;
        self.status(node, &status);
        let from = self.seen(node).checked.saturating_add(1);
        for height in from..=status.height.0.min(from.saturating_add(BLOCKS_A_LOOK - 1)) {
            let question = GetBlock { block: BlockRef::Height(height), from: None, limit: BlockTxLimit::new(1) };
            match ask(client, &methods::CHAIN_GET_BLOCK, question).await {
                Ok(block) => {
                    let now = now_ms().unwrap_or_default();
                    let header = &block.header;
                    self.counted(node, block.certificate.round, header.time.0, block.tx_count, now);
                    self.compare(node, Shown { height, id: header.id.0, root: header.state_root.0 });
                }
                Err(Silence::NoBlock) => {
                    let lowest = lowest(client, height, status.height.0).await?;
                    self.skip_to(node, lowest);
                    break;
                }
                Err(other) => return Err(other),
            }
        }
        Ok(status.height.0)
    }

    /// LOCALNET-10: compares all nodes that run up to their lowest common height, and what each shows there now.
    pub async fn verdict(&self, running: &[(usize, String)]) -> Done<Verdict> {
        let until = Instant::now() + VERDICT_MAX;
        let mut clients = Vec::new();
        let mut common = None;
        for (node, url) in running {
            let client = Client::connect(url).await?;
            match self.height_of(*node, &client, until).await {
                Some(height) => common = Some(common.map_or(height, |common: u64| common.min(height))),
                None => {
                    let highest = self.lock().blocks.last_key_value().map_or(0, |(height, _)| *height);
                    let why = Some(format!("node {node} runs and does not answer"));
                    return Ok(Verdict { height: common.unwrap_or(highest), agree: false, why });
                }
            }
            clients.push((*node, client));
        }
        let highest = self.lock().blocks.last_key_value().map_or(0, |(height, _)| *height);
        let height = common.unwrap_or(highest);
        for (node, client) in &clients {
            while self.seen(*node).checked < height {
                if Instant::now() > until || self.look(*node, client).await.is_err() {
                    let why = Some(format!("node {node} could not be read up to height {height}"));
                    return Ok(Verdict { height, agree: false, why });
                }
            }
            if height > 0 {
                match ask(client, &methods::CHAIN_GET_HEADER, GetHeader { block: BlockRef::Height(height) }).await {
                    Ok(found) => self.compare(*node, Shown { height, id: found.header.id.0, root: found.header.state_root.0 }),
                    Err(Silence::NoBlock) => {
                        return Err(Failure::fault(format!("node {node} has no block at its own height {height}")));
                    }
                    Err(Silence::Other(why)) => return Ok(Verdict { height, agree: false, why: Some(why) }),
                }
            }
        }
        let why = self.quarrel();
        Ok(Verdict { height, agree: why.is_none(), why })
    }

    /// A node that was only just started may need a moment.
    async fn height_of(&self, node: usize, client: &Client, until: Instant) -> Option<u64> {
        loop {
            if let Ok(height) = self.look(node, client).await {
                return Some(height);
            }
            if Instant::now() > until {
                return None;
            }
            sleep(LOOK / 2).await;
        }
    }
}

/// The lowest block above `missing` that a node has; it has `height`, and everything between.
async fn lowest(client: &Client, missing: u64, height: u64) -> Result<u64, Silence> {
    let (mut missing, mut there) = (missing, height);
    while missing.saturating_add(1) < there {
        let middle = missing + (there - missing) / 2;
        match ask(client, &methods::CHAIN_GET_HEADER, GetHeader { block: BlockRef::Height(middle) }).await {
            Ok(_) => there = middle,
            Err(Silence::NoBlock) => missing = middle,
            Err(other) => return Err(other),
        }
    }
    Ok(there)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(height: u64, id: u8, root: u8) -> Shown {
        Shown { height, id: Hash([id; 32]), root: Hash([root; 32]) }
    }

    // LOCALNET-10
    #[tokio::test]
    async fn two_blocks_or_two_states_at_one_height_are_a_quarrel_whoever_runs_at_the_end() {
        for (other, word) in [(shown(2, 9, 2), "another block at height 2"), (shown(2, 2, 9), "another state at height 2")] {
            let ledger = Ledger::default();
            for height in 1..=3 {
                ledger.compare(1, shown(height, height as u8, height as u8));
            }
            ledger.compare(2, shown(1, 1, 1));
            assert_eq!(ledger.verdict(&[]).await.unwrap(), Verdict { height: 3, agree: true, why: None });
            ledger.compare(2, other);
            ledger.compare(3, shown(2, 7, 7));
            let verdict = ledger.verdict(&[]).await.unwrap();
            let why = verdict.why.unwrap();
            assert!(!verdict.agree && why.contains(word) && why.contains("node 2") && why.contains("node 1"), "{why}");
        }
    }

    // LOCALNET-10
    #[test]
    fn a_node_that_starts_anew_is_compared_from_the_first_height_again() {
        let ledger = Ledger::default();
        for height in 1..=5 {
            ledger.compare(1, shown(height, 1, 1));
        }
        assert_eq!(ledger.seen(1).checked, 5);
        ledger.started(1);
        assert_eq!(ledger.seen(1).checked, 0);
        ledger.compare(1, shown(1, 1, 1));
        ledger.compare(1, shown(2, 8, 1));
        assert!(ledger.quarrel().unwrap().contains("height 2"));
    }

    // LOCALNET-10
    #[tokio::test]
    async fn a_node_that_runs_and_does_not_answer_is_no_agreement() {
        let ledger = Ledger::default();
        let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let client = Client::connect(&format!("http://{closed}")).await.unwrap();
        assert_eq!(ledger.height_of(1, &client, Instant::now()).await, None);
        ledger.silent(1);
        assert!(!ledger.seen(1).answers);
    }

    #[test]
    fn heights_without_a_gap_count_as_compared_and_a_snapshot_s_reader_begins_above_it() {
        let ledger = Ledger::default();
        ledger.compare(4, shown(7, 1, 1));
        assert_eq!(ledger.seen(4).checked, 0, "1 to 6 are missing");
        ledger.skip_to(4, 7);
        ledger.compare(4, shown(7, 1, 1));
        assert_eq!(ledger.seen(4).checked, 7);
        ledger.skip_to(4, 3);
        assert_eq!(ledger.seen(4).checked, 7, "never back");
    }

    #[test]
    fn only_blocks_of_the_last_seconds_count_for_the_rate() {
        let ledger = Ledger::default();
        ledger.counted(1, 0, 1_000, 900, 100_000);
        ledger.counted(1, 2, 95_000, 300, 100_000);
        ledger.counted(1, 1, 99_000, 200, 100_000);
        assert_eq!((ledger.seen(1).tps(100_000), ledger.seen(1).round), (50, Some(1)));
        ledger.counted(1, 0, 106_000, 0, 106_000);
        assert_eq!(ledger.seen(1).tps(106_000), 20);
        assert_eq!(ledger.seen(1).recent.len(), 2, "the rest is forgotten");
    }
}
