//! Load on a local net: transfers among accounts that only send load, a few a second, each account by one node at a time.
//!
//! A node that falls away, a full pool or a chain that stands still cost a pause of the accounts concerned; then their nonces are asked anew.

use super::ground::{LOAD_ACCOUNTS, load_key};
use crate::exit::{Done, Failure};
use crate::wallet::now_ms;
use leither_pallets::{Call, tokens};
use leither_rpc_api::{BatchItem, Bytes, Client, GetAccount, RawTxBatch, RawTxs, methods};
use leither_types::{AccountId, Amount, Hash, List, SecretKey, TX_VERSION, Text, TokenId, Tx};
use parity_scale_codec::Encode;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

/// Between two handfuls. With one transaction of each account in a handful at most, this and the accounts bound the rate.
const TICK: Duration = Duration::from_millis(100);
const TICKS_A_SECOND: u32 = 10;
/// A node that answers no batch in this time is frozen, or as good as.
const ANSWER_MAX: Duration = Duration::from_secs(3);
/// An account whose transaction was not taken waits so long.
const REST: Duration = Duration::from_secs(1);
const VALID_FOR_MS: u64 = 10 * 60 * 1_000;
const MAX_FEE: u128 = 1_000_000_000;
const AMOUNT: u128 = 1_000;

/// The load: how much of it, and at which nodes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Order {
    /// Transfers a second.
    pub rate: u32,
    /// The nodes that take them, by their addresses.
    pub nodes: Vec<String>,
}

/// How many there were.
#[derive(Debug, Default)]
pub struct Counts {
    /// That a node took.
    pub accepted: AtomicU64,
    /// That a node refused, or did not answer.
    pub refused: AtomicU64,
}

/// The load of a net. It ends with this value.
pub struct Load {
    order: watch::Sender<Order>,
    counts: Arc<Counts>,
    task: JoinHandle<()>,
}

impl Drop for Load {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Load {
    /// None yet.
    pub fn start(chain: Hash) -> Done<Self> {
        let (order, orders) = watch::channel(Order::default());
        let counts = Arc::<Counts>::default();
        let sender = Sender::new(chain, counts.clone())?;
        Ok(Self { order, counts, task: tokio::spawn(sender.run(orders)) })
    }

    /// From now on so much.
    pub fn order(&self, order: Order) {
        self.order.send_if_modified(|now| {
            let changed = *now != order;
            *now = order;
            changed
        });
    }

    /// Accepted and refused so far.
    pub fn counts(&self) -> (u64, u64) {
        (self.counts.accepted.load(Ordering::Relaxed), self.counts.refused.load(Ordering::Relaxed))
    }
}

struct Account {
    key: SecretKey,
    id: AccountId,
    /// Nothing: to be asked.
    nonce: Option<u64>,
    /// A question or a transaction of it is under way.
    busy: bool,
    rests_until: Option<Instant>,
    /// By which node it sent last.
    node: Option<String>,
}

/// What became of an account's turn.
enum Turn {
    /// The nonce to use.
    Nonce(u64),
    /// The transaction was taken.
    Taken,
    /// It was not, or nobody knows.
    Failed,
}

struct Sender {
    chain: Hash,
    accounts: Vec<Account>,
    next: usize,
    /// Tenths of transactions that are due.
    due: u32,
    clients: BTreeMap<String, Arc<Client>>,
    counts: Arc<Counts>,
}

impl Sender {
    fn new(chain: Hash, counts: Arc<Counts>) -> Done<Self> {
        let mut accounts = Vec::new();
        for n in 0..LOAD_ACCOUNTS {
            let key = load_key(n).ok_or_else(|| Failure::fault("the public words give no key"))?;
            let id = AccountId::of_key(&key.public());
            accounts.push(Account { key, id, nonce: None, busy: false, rests_until: None, node: None });
        }
        Ok(Self { chain, accounts, next: 0, due: 0, clients: BTreeMap::new(), counts })
    }

    async fn run(mut self, orders: watch::Receiver<Order>) {
        let (turns, mut done) = mpsc::unbounded_channel();
        let mut ticks = interval(TICK);
        // What was missed while this machine was busy is not sent in a heap.
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                Some((at, turn)) = done.recv() => self.turned(at, turn),
                _ = ticks.tick() => {
                    let order = orders.borrow().clone();
                    self.tick(&order, &turns).await;
                }
            }
        }
    }

    fn turned(&mut self, at: usize, turn: Turn) {
        let Some(account) = self.accounts.get_mut(at) else { return };
        account.busy = false;
        match turn {
            Turn::Nonce(nonce) => account.nonce = Some(nonce),
            Turn::Taken => {
                account.nonce = account.nonce.and_then(|nonce| nonce.checked_add(1));
                self.counts.accepted.fetch_add(1, Ordering::Relaxed);
            }
            Turn::Failed => {
                account.nonce = None;
                account.rests_until = Some(Instant::now() + REST);
                self.counts.refused.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Sends what is due: one transaction of each account whose turn it is, a batch a node.
    async fn tick(&mut self, order: &Order, turns: &mpsc::UnboundedSender<(usize, Turn)>) {
        if order.rate == 0 || order.nodes.is_empty() {
            self.due = 0;
            return;
        }
        // What could not be sent in time is dropped but for one second's worth.
        let most = order.rate.saturating_mul(TICKS_A_SECOND);
        self.due = self.due.saturating_add(order.rate).min(most);
        let mut batches: BTreeMap<String, Vec<(usize, Bytes)>> = BTreeMap::new();
        for _ in 0..self.accounts.len() {
            if self.due < TICKS_A_SECOND {
                break;
            }
            let at = self.next;
            self.next = (self.next + 1) % self.accounts.len();
            let Some(node) = order.nodes.get(at % order.nodes.len()) else { continue };
            let Some(account) = self.accounts.get_mut(at) else { continue };
            if account.busy || account.rests_until.is_some_and(|until| Instant::now() < until) {
                continue;
            }
            if account.node.as_ref() != Some(node) {
                // The other node may have lost what this one never heard of.
                account.nonce = None;
                account.node = Some(node.clone());
            }
            account.busy = true;
            let nonce = account.nonce;
            match nonce {
                None => self.ask(at, node, turns).await,
                Some(nonce) => match self.sign(at, nonce) {
                    Some(raw) => {
                        self.due -= TICKS_A_SECOND;
                        batches.entry(node.clone()).or_default().push((at, raw));
                    }
                    None => self.turned(at, Turn::Failed),
                },
            }
        }
        for (node, batch) in batches {
            self.submit(&node, batch, turns).await;
        }
    }

    async fn client(&mut self, node: &str) -> Option<Arc<Client>> {
        if !self.clients.contains_key(node) {
            let client = Client::connect(node).await.ok()?;
            self.clients.insert(node.into(), Arc::new(client));
        }
        self.clients.get(node).cloned()
    }

    async fn ask(&mut self, at: usize, node: &str, turns: &mpsc::UnboundedSender<(usize, Turn)>) {
        let (client, turns) = (self.client(node).await, turns.clone());
        let id = self.accounts.get(at).map(|account| account.id).unwrap_or_default();
        tokio::spawn(async move {
            let nonce = match client {
                Some(client) => {
                    timeout(ANSWER_MAX, client.call(&methods::ACCOUNT_GET, GetAccount { account: id.into() })).await.ok()
                }
                None => None,
            };
            let turn = nonce.and_then(Result::ok).map_or(Turn::Failed, |view| Turn::Nonce(view.next_nonce.0));
            let _over = turns.send((at, turn));
        });
    }

    async fn submit(&mut self, node: &str, batch: Vec<(usize, Bytes)>, turns: &mpsc::UnboundedSender<(usize, Turn)>) {
        let (client, turns) = (self.client(node).await, turns.clone());
        tokio::spawn(async move {
            let (places, raws): (Vec<usize>, Vec<Bytes>) = batch.into_iter().unzip();
            let answer = match (client, RawTxs::new(raws)) {
                (Some(client), Some(raws)) => {
                    let call = client.call(&methods::TX_SUBMIT_BATCH, RawTxBatch { raws });
                    timeout(ANSWER_MAX, call).await.ok().and_then(Result::ok)
                }
                _ => None,
            };
            let items = answer.unwrap_or_default();
            for (n, at) in places.into_iter().enumerate() {
                let taken = matches!(items.get(n), Some(BatchItem::Taken(_)));
                let _over = turns.send((at, if taken { Turn::Taken } else { Turn::Failed }));
            }
        });
    }

    /// The account's next transfer, to its neighbour.
    fn sign(&self, at: usize, nonce: u64) -> Option<Bytes> {
        let from = self.accounts.get(at)?;
        let to = self.accounts.get((at + 1) % self.accounts.len())?.id;
        let call = tokens::Call::Transfer { token: TokenId::NATIVE, to, amount: Amount::new(AMOUNT), memo: Text::default() };
        let mut tx = Tx {
            version: TX_VERSION,
            chain: self.chain,
            signers: List::new(vec![from.id])?,
            payer: None,
            nonce,
            valid_until: now_ms().ok()?.saturating_add(VALID_FOR_MS),
            max_fee: Amount::new(MAX_FEE),
            weight_limit: 0,
            calls: List::new(vec![Call::Tokens(call).write()?])?,
        };
        tx.weight_limit = leither_executor::weight(&tx)?;
        Some(Bytes(tx.sign(&[&from.key])?.encode()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use leither_types::SignedTx;
    use parity_scale_codec::Decode;

    fn sender() -> Sender {
        Sender::new(Hash([3; 32]), Arc::default()).unwrap()
    }

    // LOCALNET-11
    #[test]
    fn each_transfer_is_signed_for_this_chain_with_its_account_s_next_nonce() {
        let mut sender = sender();
        sender.turned(7, Turn::Nonce(4));
        let nonce = sender.accounts[7].nonce.unwrap();
        let raw = sender.sign(7, nonce).unwrap();
        let signed = SignedTx::decode(&mut &raw.0[..]).unwrap();
        assert_eq!((signed.tx.nonce, signed.tx.chain, signed.tx.signers[0]), (4, Hash([3; 32]), sender.accounts[7].id));
        sender.turned(7, Turn::Taken);
        assert_eq!(sender.accounts[7].nonce, Some(5));
        sender.turned(7, Turn::Failed);
        assert_eq!(sender.accounts[7].nonce, None, "what was refused is asked for again");
        assert!(sender.accounts[7].rests_until.unwrap() > Instant::now());
        let (accepted, refused) = (&sender.counts.accepted, &sender.counts.refused);
        assert_eq!((accepted.load(Ordering::Relaxed), refused.load(Ordering::Relaxed)), (1, 1));
    }

    // LOCALNET-11
    #[tokio::test]
    async fn a_tick_sends_a_tenth_of_the_rate_and_heaps_up_no_more_than_a_second_s_worth() {
        let mut sender = sender();
        let (turns, mut done) = mpsc::unbounded_channel();
        for account in &mut sender.accounts {
            account.node = Some("nowhere".into());
            account.nonce = Some(0);
        }
        let order = Order { rate: 50, nodes: vec!["nowhere".into()] };
        sender.tick(&order, &turns).await;
        assert_eq!(sender.accounts.iter().filter(|account| account.busy).count(), 5);
        let (at, turn) = done.recv().await.unwrap();
        assert!(matches!(turn, Turn::Failed), "no node, no transaction");
        sender.turned(at, turn);
        assert!(!sender.accounts[at].busy);
        sender.due = u32::MAX - 10;
        for account in &mut sender.accounts {
            account.busy = false;
        }
        sender.tick(&order, &turns).await;
        assert_eq!(sender.accounts.iter().filter(|account| account.busy).count(), 50);
        sender.tick(&Order { rate: 0, ..order }, &turns).await;
        assert_eq!(sender.due, 0);
    }
}
