//! submit, admit: the one way of a transaction into the pool, whoever sent it (ENGINE-5).
//!
//! ```text
//! submit(bytes) --bounded queue--> worker threads: form -> known already? -> state -> signatures, in one batch -> pool -> gossip
//! gossip in     --the same queue-^                                                    and the data swarm hears what it was worth
//! ```
//! ENGINE-4: a signature is verified here once, off the consensus thread, and remembered by the hash of payload, keys and
//! signatures.

use crate::ahead::Ahead;
use crate::error::{AdmitError, NodeFault};
use crate::node::{Alarm, Node, Tip, now};
use leither_executor::{Unfit, Verified, Weights, admissible, check_form, check_tx};
use leither_net::{Incoming, Net};
use leither_pallets::BlockInfo;
use leither_pool::{Entry, Verdict};
use leither_state::{Fault, Overlay};
use leither_types::{Hash, SignedTx, TxId, sign};
use parity_scale_codec::Encode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};

/// Transactions that may wait to be looked at.
pub const WAITING_MAX: usize = 32_768;
/// Their bytes together.
const WAITING_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Jobs that may wait.
const JOBS_MAX: usize = 16_384;
/// Transactions that are looked at together: more make a signature no cheaper.
const BATCH: usize = 256;
/// Under load a worker waits so long for its batch to fill.
const FILL: Duration = Duration::from_millis(2);
/// So many transactions of a batch may be unfit, whose signatures are verified all the same before the batch goes on: those that a block more
/// or less makes unfit. Junk makes nobody work.
const UNFIT_MAX: usize = 32;
/// A commit may overtake a batch; then it waits so long for the new rules,
const PATIENCE: Duration = Duration::from_secs(5);
/// and looks for them so often.
const GLANCE: Duration = Duration::from_micros(200);

/// The way to other nodes' pools.
pub struct Gossip {
    /// The data swarm: what this node's own clients sent and the pool took goes out there.
    pub net: Arc<Net>,
    /// What other nodes sent.
    pub incoming: mpsc::Receiver<Incoming>,
}

/// Encoded transactions.
pub type Batch = Vec<Vec<u8>>;
type Answers = Vec<Result<TxId, AdmitError>>;

enum Job {
    Client(Batch, oneshot::Sender<Answers>),
    Gossip(Vec<SignedTx>, Incoming),
    /// Ends the worker that takes it.
    Stop,
}

impl Job {
    fn txs(&self) -> usize {
        match self {
            Job::Client(txs, _) => txs.len(),
            Job::Gossip(txs, _) => txs.len(),
            Job::Stop => 0,
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Job::Client(txs, _) => txs.iter().map(Vec::len).sum(),
            Job::Gossip(txs, _) => txs.iter().map(Encode::encoded_size).sum(),
            Job::Stop => 0,
        }
    }
}

/// The entrance; a clone is another handle to it.
#[derive(Clone)]
pub struct Ingress {
    jobs: mpsc::Sender<Job>,
    waiting: Arc<Waiting>,
    threads: Arc<Mutex<Vec<JoinHandle<()>>>>,
}

#[derive(Default)]
struct Waiting {
    txs: AtomicUsize,
    bytes: AtomicUsize,
}

impl Waiting {
    fn enter(&self, txs: usize, bytes: usize) -> Result<(), AdmitError> {
        let all = self.txs.fetch_add(txs, Ordering::Relaxed);
        let all_bytes = self.bytes.fetch_add(bytes, Ordering::Relaxed);
        // An empty queue takes a batch of any size that the caller was allowed to send.
        if all > 0 && (all.saturating_add(txs) > WAITING_MAX || all_bytes.saturating_add(bytes) > WAITING_BYTES_MAX) {
            self.leave(txs, bytes);
            return Err(AdmitError::Busy(all));
        }
        Ok(())
    }

    fn leave(&self, txs: usize, bytes: usize) {
        self.txs.fetch_sub(txs, Ordering::Relaxed);
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}

impl Ingress {
    /// Starts the workers. They end with [`Ingress::stop`], or when the last handle is dropped.
    pub fn start(node: Arc<Node>, net: Option<Arc<Net>>, workers: usize) -> std::io::Result<Self> {
        let (jobs, queue) = mpsc::channel(JOBS_MAX);
        let waiting = Arc::new(Waiting::default());
        let queue = Arc::new(Mutex::new(queue));
        let (ahead, compiling) = Ahead::start(node.clone())?;
        let mut threads = vec![compiling];
        for n in 0..workers.max(1) {
            let (node, ahead) = (node.clone(), ahead.clone());
            let worker = Worker { node, queue: queue.clone(), waiting: waiting.clone(), net: net.clone(), ahead };
            threads.push(thread::Builder::new().name(format!("admit-{n}")).spawn(move || worker.run())?);
        }
        Ok(Self { jobs, waiting, threads: Arc::new(Mutex::new(threads)) })
    }

    /// Ends the workers after what they have begun. Whoever comes later is told that the node is stopping.
    pub async fn stop(&self) {
        // The first one compiles, and ends with the last of those who admit.
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for _ in 1..threads.len() {
            // It can only fail where none is left to be stopped.
            let _ = self.jobs.send(Job::Stop).await;
        }
        let _ = tokio::task::spawn_blocking(|| threads.into_iter().for_each(|thread| drop(thread.join()))).await;
    }

    /// Takes one transaction from a client of this node.
    pub async fn submit(&self, tx: Vec<u8>) -> Result<TxId, AdmitError> {
        self.submit_many(vec![tx]).await?.into_iter().next().unwrap_or(Err(AdmitError::Stopping))
    }

    /// Takes many, in their order; one answer each.
    pub async fn submit_many(&self, txs: Batch) -> Result<Answers, AdmitError> {
        if txs.is_empty() {
            return Ok(Vec::new());
        }
        let (reply, answers) = oneshot::channel();
        self.enqueue(Job::Client(txs, reply))?;
        answers.await.map_err(|_| AdmitError::Stopping)
    }

    /// Takes what other nodes sent. What does not fit is dropped: its owner's node will propose it.
    pub fn gossiped(&self, mut incoming: Incoming) {
        let txs = std::mem::take(&mut incoming.txs);
        if let Err(refused) = self.enqueue(Job::Gossip(txs, incoming)) {
            tracing::debug!(%refused, "gossip dropped");
        }
    }

    fn enqueue(&self, job: Job) -> Result<(), AdmitError> {
        let (txs, bytes) = (job.txs(), job.bytes());
        self.waiting.enter(txs, bytes)?;
        self.jobs.try_send(job).map_err(|e| {
            self.waiting.leave(txs, bytes);
            match e {
                mpsc::error::TrySendError::Full(_) => AdmitError::Busy(self.waiting.txs.load(Ordering::Relaxed)),
                mpsc::error::TrySendError::Closed(_) => AdmitError::Stopping,
            }
        })
    }
}

/// What came of one transaction.
struct Looked {
    answer: Result<TxId, AdmitError>,
    /// The transaction, where it could not stand in a block as things are, so that nobody looked at its signatures.
    unsigned: Option<Claimed>,
}

impl Looked {
    /// What no honest node sends, whatever its height.
    fn is_dishonest(&self) -> bool {
        matches!(self.answer, Err(AdmitError::Form(_) | AdmitError::Unfit(Unfit::Form(_) | Unfit::Signature)))
    }
}

/// A transaction whose signatures are to be verified, with the hash under which that is remembered.
type Claimed = (Arc<SignedTx>, Hash);

struct Worker {
    node: Arc<Node>,
    queue: Arc<Mutex<mpsc::Receiver<Job>>>,
    waiting: Arc<Waiting>,
    net: Option<Arc<Net>>,
    ahead: Ahead,
}

/// A transaction on its way from bytes to the pool.
enum State {
    Answered(Result<TxId, AdmitError>),
    Read(Box<Entry>),
    /// Not by the state that this node has; its signatures were not looked at.
    Unfit(Box<Entry>, Unfit),
    /// With the account's next nonce.
    Fit(Box<Entry>, u64),
}

impl Worker {
    fn run(self) {
        let _alarm = Alarm(self.node.clone(), "a thread that admits transactions");
        let mut loaded = false;
        while let Some(mut jobs) = self.next(&mut loaded) {
            let sizes: Vec<(usize, usize)> = jobs.iter().map(|job| (job.txs(), job.bytes())).collect();
            // With each transaction stands whether a client of this node sent it.
            let mut states: Vec<(State, bool)> = Vec::new();
            for job in &mut jobs {
                match job {
                    Job::Client(txs, _) => states.extend(txs.drain(..).map(|bytes| (self.decode(&bytes), true))),
                    Job::Gossip(txs, _) => states.extend(txs.drain(..).map(|tx| (self.read(tx), false))),
                    Job::Stop => {}
                }
            }
            let mut answers = Vec::with_capacity(states.len());
            while !states.is_empty() {
                let rest = states.split_off(states.len().min(BATCH));
                answers.extend(self.admit(states));
                states = rest;
            }
            let mut answers = answers.into_iter();
            for (job, (txs, bytes)) in jobs.into_iter().zip(sizes) {
                self.waiting.leave(txs, bytes);
                let own: Vec<Looked> = answers.by_ref().take(txs).collect();
                match job {
                    // Who no longer waits for the answer does not get it.
                    Job::Client(_, reply) => drop(reply.send(own.into_iter().map(|looked| looked.answer).collect())),
                    Job::Gossip(_, incoming) => incoming.answer(self.worth(own)),
                    Job::Stop => return,
                }
            }
        }
    }

    /// What a batch of another node was worth. Only what no honest node sends is held against it. And only what this node would answer for
    /// goes on: the next one may be a block behind, where a transaction with a spoilt signature is not unfit, but dishonest.
    fn worth(&self, batch: Vec<Looked>) -> leither_net::Verdict {
        if batch.iter().any(Looked::is_dishonest) {
            return leither_net::Verdict::Reject;
        }
        let is_good = batch.iter().any(|looked| looked.answer.is_ok());
        let unsigned: Vec<Claimed> = batch.into_iter().filter_map(|looked| looked.unsigned).collect();
        if !is_good || unsigned.len() > UNFIT_MAX {
            leither_net::Verdict::Ignore
        } else if self.are_signed(&unsigned).into_iter().all(|signed| signed) {
            leither_net::Verdict::Accept
        } else {
            leither_net::Verdict::Reject
        }
    }

    /// The next jobs: all that wait, up to a batch.
    fn next(&self, loaded: &mut bool) -> Option<Vec<Job>> {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let first = queue.blocking_recv()?;
        let mut txs = first.txs();
        let mut jobs = vec![first];
        let until = Instant::now() + FILL;
        // A stop is for one worker, so nothing is taken after it.
        while txs < BATCH && !matches!(jobs.last(), Some(Job::Stop)) {
            match queue.try_recv() {
                Ok(job) => {
                    txs += job.txs();
                    jobs.push(job);
                }
                // A lone transaction on an idle node goes at once.
                Err(_) if *loaded && Instant::now() < until => thread::sleep(FILL / 8),
                Err(_) => break,
            }
        }
        *loaded = txs > 1;
        Some(jobs)
    }

    /// admit: state, signatures, pool, in that order; the form was looked at before. Signatures cost most, so only what could stand in a
    /// block has its own verified: who has no funds makes nobody work.
    fn admit(&self, states: Vec<(State, bool)>) -> Vec<Looked> {
        let (mut states, own): (Vec<State>, Vec<bool>) = states.into_iter().unzip();
        self.skip_known(&mut states);
        self.judge(&mut states);
        self.verify(&mut states);
        let mut fresh = Vec::new();
        let mut admitted = false;
        let mut pool = self.node.pool();
        let mut answers = Vec::with_capacity(states.len());
        for (state, own) in states.into_iter().zip(own) {
            let mut unsigned = None;
            let answer = match state {
                State::Answered(answer) => answer,
                State::Read(entry) => {
                    unsigned = Some((entry.tx, entry.full_hash));
                    Err(AdmitError::Busy(self.waiting.txs.load(Ordering::Relaxed)))
                }
                State::Unfit(entry, unfit) => {
                    unsigned = Some((entry.tx, entry.full_hash));
                    Err(unfit.into())
                }
                State::Fit(entry, next) => {
                    let (id, tx) = (entry.id, entry.tx.clone());
                    let verdict = pool.insert(*entry, next);
                    if matches!(verdict, Verdict::Admitted | Verdict::Replaced(_)) {
                        admitted = true;
                        self.ahead.show(&tx);
                        fresh.extend(own.then_some(tx));
                    }
                    if verdict.is_in() { Ok(id) } else { Err(AdmitError::Pool(verdict)) }
                }
            };
            answers.push(Looked { answer, unsigned });
        }
        drop(pool);
        if admitted {
            self.node.stir.notify_one();
        }
        if let Some(net) = &self.net {
            // Where the way out is blocked, the pool still holds them, and this node proposes them itself.
            let left = fresh.into_iter().filter(|tx| !net.publish(tx.clone())).count();
            if left > 0 {
                tracing::debug!(left, "the data swarm does not keep up: transactions stay with this node");
            }
        }
        answers
    }

    fn decode(&self, bytes: &[u8]) -> State {
        match check_form(bytes, &self.node.chain) {
            Ok((tx, weights)) => Self::entry(tx, weights),
            Err(form) => State::Answered(Err(form.into())),
        }
    }

    fn read(&self, tx: SignedTx) -> State {
        match check_tx(&tx, &self.node.chain) {
            Ok(weights) => Self::entry(tx, weights),
            Err(form) => State::Answered(Err(form.into())),
        }
    }

    fn entry(tx: SignedTx, weights: Weights) -> State {
        State::Read(Box::new(Entry { contracts: weights.contracts, ..Entry::new(Arc::new(tx), weights.all) }))
    }

    fn skip_known(&self, states: &mut [State]) {
        let pool = self.node.pool();
        for state in states {
            if let State::Read(entry) = state
                && pool.get(&entry.id).is_some_and(|known| known.full_hash == entry.full_hash)
            {
                *state = State::Answered(Ok(entry.id));
            }
        }
    }

    fn verify(&self, states: &mut [State]) {
        let claimed = |state: &State| match state {
            State::Fit(entry, _) => Some((entry.tx.clone(), entry.full_hash)),
            _ => None,
        };
        let signed = self.are_signed(&states.iter().filter_map(claimed).collect::<Vec<_>>());
        let fit = states.iter_mut().filter(|state| matches!(state, State::Fit(..)));
        for (state, signed) in fit.zip(signed) {
            if !signed {
                *state = State::Answered(Err(Unfit::Signature.into()));
            }
        }
    }

    /// Of each, whether all its signatures are good; what is not known yet is verified in one batch, and remembered.
    fn are_signed(&self, txs: &[Claimed]) -> Vec<bool> {
        let known: Vec<bool> = txs.iter().map(|(_, full_hash)| self.node.verified.is_verified(full_hash)).collect();
        let fresh: Vec<_> = txs.iter().zip(&known).filter(|(_, known)| !**known).map(|(tx, _)| tx).collect();
        let messages: Vec<_> = fresh.iter().map(|(tx, _)| tx.tx.sign_bytes()).collect();
        let claims: Vec<_> = fresh.iter().zip(&messages).flat_map(|((tx, _), message)| tx.claims(message)).collect();
        let mut verdicts = sign::verify_batch(&claims, rand::rngs::OsRng).into_iter();
        let mut good = Vec::with_capacity(fresh.len());
        let mut answers = Vec::with_capacity(txs.len());
        for ((tx, full_hash), known) in txs.iter().zip(known) {
            // One verdict a witness, and all of them are taken, whatever the first says.
            let signed = known || verdicts.by_ref().take(tx.witnesses.len()).filter(|fine| *fine).count() == tx.witnesses.len();
            if signed && !known {
                good.push(*full_hash);
            }
            answers.push(signed);
        }
        self.node.verified.remember(good);
        answers
    }

    /// Asks the committed state. A commit may come in between: then what is not judged yet is judged by the new state.
    fn judge(&self, states: &mut [State]) {
        let until = Instant::now() + PATIENCE;
        let mut tip = self.node.tip();
        loop {
            match self.judge_by(&tip, states) {
                Ok(()) => return,
                Err(Fault::Stale) => {
                    let old = tip.head.height;
                    // The store is ahead of the tip for as long as it takes to read the new rules.
                    while tip.head.height == old && Instant::now() < until {
                        thread::sleep(GLANCE);
                        tip = self.node.tip();
                    }
                    if tip.head.height == old {
                        return;
                    }
                }
                Err(fault) => return self.node.fail(NodeFault::State(fault)),
            }
        }
    }

    fn judge_by(&self, tip: &Tip, states: &mut [State]) -> Result<(), Fault> {
        let overlay = Overlay::new(tip.parent.state.clone());
        let block = BlockInfo { time: now().max(tip.head.time), ..tip.next.clone() };
        for state in states {
            let State::Read(entry) = &*state else { continue };
            let verdict = admissible(&overlay, &block, tip.base_fee, &entry.tx, entry.weight)?;
            *state = match (std::mem::replace(state, State::Answered(Err(AdmitError::Stopping))), verdict) {
                (State::Read(mut entry), Ok((next, can_pay))) => {
                    entry.can_pay = can_pay;
                    State::Fit(entry, next)
                }
                (State::Read(entry), Err(unfit)) => State::Unfit(entry, unfit),
                (other, _) => other,
            };
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ENGINE-5.
    #[test]
    fn a_full_queue_is_busy_until_it_empties() {
        let waiting = Waiting::default();
        assert_eq!(waiting.enter(WAITING_MAX, 1), Ok(()));
        assert_eq!(waiting.enter(1, 1), Err(AdmitError::Busy(WAITING_MAX)), "by number");
        waiting.leave(WAITING_MAX, 1);
        assert_eq!(waiting.enter(1, WAITING_BYTES_MAX), Ok(()));
        assert_eq!(waiting.enter(1, 1), Err(AdmitError::Busy(1)), "by bytes");
        waiting.leave(1, WAITING_BYTES_MAX);
        assert_eq!(waiting.enter(WAITING_MAX, WAITING_BYTES_MAX), Ok(()), "what was refused takes no place");
    }
}
