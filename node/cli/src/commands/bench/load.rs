//! Pre-signed transfers, sent at fixed times: a slow answer delays no later request (no coordinated omission).

use super::Kept;
use super::Transfers;
use super::fleet::{Fleet, key};
use crate::exit::{Done, Failure};
use crate::print::Printer;
use crate::wallet::now_ms;
use leither_pallets::{Call, tokens};
use leither_rpc_api::{BatchItem, Bytes, Client, ClientError, RawTx, RawTxBatch, RawTxs, methods};
use leither_types::{AccountId, Amount, Hash, List, SecretKey, TX_VERSION, Text, TokenId, Tx};
use parity_scale_codec::Encode;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::Instant;

/// A transaction ready to be sent.
#[derive(Clone)]
pub struct Ready {
    /// Its id.
    pub id: Hash,
    /// Its bytes.
    pub raw: Bytes,
}

/// The k-th transfer: accounts pay in turn, each its next neighbour, so that no account waits for another.
fn transfer(k: usize, keys: &[SecretKey], ids: &[AccountId], chain: Hash, until: u64, kept: Option<Kept>) -> Option<Ready> {
    let from = k % keys.len();
    let to = (from + 1) % keys.len();
    let to = *ids.get(to)?;
    let call = match kept {
        Some(Kept::Cw20(token)) => token.call(&to)?,
        Some(Kept::Reward(reward)) => reward.call()?,
        None => {
            Call::Tokens(tokens::Call::Transfer { token: TokenId::NATIVE, to, amount: Amount::new(1_000), memo: Text::default() })
        }
    };
    // Each has a thousand mei, and sixteen wait at most: a load beyond half of what blocks hold makes the price rise by the block.
    let max_fee = Amount::new(if kept.is_some() { 50_000_000_000 } else { 1_000_000 });
    one(keys.get(from)?, chain, (k / keys.len()) as u64, until, max_fee, &call)
}

/// A transaction of one call.
pub fn one(key: &SecretKey, chain: Hash, nonce: u64, until: u64, max_fee: Amount, call: &Call) -> Option<Ready> {
    let mut tx = Tx {
        version: TX_VERSION,
        chain,
        signers: List::new(vec![AccountId::of_key(&key.public())])?,
        payer: None,
        nonce,
        valid_until: until,
        max_fee,
        weight_limit: 0,
        calls: List::new(vec![call.write()?])?,
    };
    tx.weight_limit = leither_executor::weight(&tx)?;
    let signed = tx.sign(&[key])?;
    Some(Ready { id: signed.id(), raw: Bytes(signed.encode()) })
}

/// Signs `total` transfers on all cores.
pub fn sign(fleet: &Fleet, accounts: usize, total: usize, kept: Option<Kept>) -> Done<Arc<Vec<Ready>>> {
    let keys: Vec<SecretKey> = (0..accounts).map(key).collect();
    let ids: Vec<AccountId> = keys.iter().map(|key| AccountId::of_key(&key.public())).collect();
    let until = now_ms()?.saturating_add(6 * 3600 * 1000);
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let part = total.div_ceil(cores).max(1);
    let (keys, ids, chain) = (&keys, &ids, fleet.chain);
    let parts: Vec<Option<Vec<Ready>>> = thread::scope(|scope| {
        let spawn = |n: usize| {
            let range = (n * part).min(total)..((n + 1) * part).min(total);
            scope.spawn(move || range.map(|k| transfer(k, keys, ids, chain, until, kept)).collect())
        };
        let workers: Vec<_> = (0..cores).map(spawn).collect();
        workers.into_iter().map(|worker| worker.join().unwrap_or(None)).collect()
    });
    let all: Option<Vec<Vec<Ready>>> = parts.into_iter().collect();
    let all = all.ok_or_else(|| Failure::fault("a transfer could not be made"))?;
    Ok(Arc::new(all.into_iter().flatten().collect()))
}

/// What was sent, and what the nodes said.
pub struct Sent {
    /// When sending began.
    pub start: Instant,
    /// Between two batches.
    pub interval: Duration,
    /// Transactions in a batch.
    pub batch: usize,
    /// The transactions in order.
    pub txs: Arc<Vec<Ready>>,
    /// Per transaction: whether a node accepted it.
    pub taken: Vec<bool>,
    reasons: BTreeMap<String, usize>,
}

impl Sent {
    /// When the k-th should have been sent.
    pub fn intended(&self, k: usize) -> Instant {
        self.start + self.interval * (k / self.batch) as u32
    }
    /// How many the nodes took.
    pub fn accepted(&self) -> usize {
        self.taken.iter().filter(|taken| **taken).count()
    }
    /// How many they did not.
    pub fn refused(&self) -> usize {
        self.taken.len() - self.accepted()
    }
    /// Why not, and how often.
    pub fn reasons(&self) -> &BTreeMap<String, usize> {
        &self.reasons
    }
}

type Answers = Arc<Mutex<(Vec<bool>, BTreeMap<String, usize>)>>;

/// Sends everything at its time; each account's transactions go to one node, so that they arrive in order.
pub async fn send(fleet: &Fleet, plan: &Transfers, txs: &Arc<Vec<Ready>>, printer: Printer) -> Done<Sent> {
    let interval = Duration::from_nanos(1_000_000_000u64.saturating_mul(plan.batch as u64) / plan.rate.max(1));
    let answers: Answers = Arc::new(Mutex::new((vec![false; txs.len()], BTreeMap::new())));
    let urls = fleet.urls();
    let mut queues = Vec::new();
    let mut workers = Vec::new();
    for url in &urls {
        let client = Arc::new(Client::connect(url).await?);
        let (queue, work) = mpsc::unbounded_channel();
        workers.push(tokio::spawn(node_worker(client, work, txs.clone(), answers.clone(), plan.connections)));
        queues.push(queue);
    }
    let start = Instant::now() + Duration::from_millis(200);
    let batches = txs.len().div_ceil(plan.batch);
    for n in 0..batches {
        tokio::time::sleep_until(start + interval * n as u32).await;
        let range = n * plan.batch..((n + 1) * plan.batch).min(txs.len());
        // Batches of one account's round go to one node; which one changes with the account, not with the round.
        let at = range.start % plan.accounts / plan.batch.max(1) % urls.len();
        if let Some(queue) = queues.get(at) {
            let _gone = queue.send(range);
        }
        if n % 64 == 0 {
            printer.progress(&format!("sent {} of {}", n * plan.batch, txs.len()));
        }
    }
    drop(queues);
    for worker in workers {
        worker.await.map_err(Failure::fault)?;
    }
    let (taken, reasons) = std::mem::take(&mut *answers.lock().unwrap_or_else(PoisonError::into_inner));
    Ok(Sent { start, interval, batch: plan.batch, txs: txs.clone(), taken, reasons })
}

async fn node_worker(
    client: Arc<Client>,
    mut work: mpsc::UnboundedReceiver<std::ops::Range<usize>>,
    txs: Arc<Vec<Ready>>,
    answers: Answers,
    connections: usize,
) {
    let permits = Arc::new(Semaphore::new(connections));
    while let Some(range) = work.recv().await {
        let Ok(permit) = permits.clone().acquire_owned().await else { return };
        let (client, txs, answers) = (client.clone(), txs.clone(), answers.clone());
        tokio::spawn(async move {
            request(&client, &txs, range, &answers).await;
            drop(permit);
        });
    }
    // All permits back: every request was answered.
    let _all = permits.acquire_many(connections as u32).await;
}

async fn request(client: &Client, txs: &[Ready], range: std::ops::Range<usize>, answers: &Answers) {
    let Some(part) = txs.get(range.clone()) else { return };
    let results: Vec<Result<(), String>> = match part {
        [one] => vec![client.call(&methods::TX_SUBMIT, RawTx { raw: one.raw.clone() }).await.map(drop).map_err(|e| reason(&e))],
        many => {
            let Some(raws) = RawTxs::new(many.iter().map(|tx| tx.raw.clone()).collect()) else { return };
            match client.call(&methods::TX_SUBMIT_BATCH, RawTxBatch { raws }).await {
                Ok(items) => items.iter().map(item).collect(),
                Err(e) => vec![Err(reason(&e)); many.len()],
            }
        }
    };
    let mut answers = answers.lock().unwrap_or_else(PoisonError::into_inner);
    for (k, result) in range.zip(results) {
        match result {
            Ok(()) => {
                if let Some(slot) = answers.0.get_mut(k) {
                    *slot = true;
                }
            }
            Err(why) => *answers.1.entry(why).or_default() += 1,
        }
    }
}

fn item(item: &BatchItem) -> Result<(), String> {
    match item {
        BatchItem::Taken(_) => Ok(()),
        BatchItem::Refused { error } => {
            Err(error.data.get("reason").and_then(|r| r.as_str()).unwrap_or(&error.message).to_string())
        }
    }
}

fn reason(error: &ClientError) -> String {
    match error {
        ClientError::Refused { reason, .. } => reason.clone(),
        other => other.to_string(),
    }
}
