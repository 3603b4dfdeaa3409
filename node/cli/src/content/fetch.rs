//! A whole tree out of the network into the store.
//!
//! ```text
//! root -> want -> block -> Assembly (a thread that may wait) -> what it links to and is not here -> a stack, first link on top -> want ...
//!                                    children first, checked -> store          nothing left: kept under a root, on disk
//! ```
//! What is here is not asked for, with all below it: so a version that differs in one file brings that file and the directories above it.

use super::cache::hash_of;
use super::wants::Wants;
use hyper::body::Bytes;
use leither_kit::Cid;
use leither_kit::node::{Node, Slot, codec, decode};
use leither_routing::Came;
use leither_storage::add::Assembly;
use leither_storage::config::{LOOSE_BYTES_MAX, LOOSE_LINKS_MAX};
use leither_storage::content::Profile;
use leither_storage::{ContentStore, Kept, Root, StorageError};
use std::collections::HashMap;
use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout_at};

/// FETCH-2: blocks that are wanted at once ...
const FLYING_MAX: usize = 256;
/// ... and what they have together, by what is known of them.
const FLYING_BYTES_MAX: u64 = 16 << 20;
/// Of which so many have links: what they link to waits in memory.
const NODES_MAX: usize = 32;
/// Blocks that go to the disk at once.
const BATCH_MAX: usize = 64;
/// Their bytes.
const BATCH_BYTES_MAX: usize = 4 << 20;
/// What a block is taken to have of which nothing is known.
const GUESS_BYTES: u64 = 64 << 10;
/// The longest leaf that tools of today make.
const LEAF_BYTES_MAX: u64 = 1 << 20;

/// FETCH-3: without any block for so long it is given up.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// What is to be fetched.
#[derive(Clone, Debug)]
pub(super) struct Order {
    /// Its root.
    pub cid: Cid,
    /// As what it is kept.
    pub root: Root,
    /// How its files are cut.
    pub profile: Profile,
    /// How long nothing may come.
    pub patience: Duration,
}

/// How far it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Far {
    /// Blocks that came.
    pub blocks: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Blocks that are known to be missing.
    pub missing: u64,
}

/// What was fetched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Fetched {
    /// Blocks that came.
    pub blocks: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Links to what was here already, with all below it.
    pub here: u64,
}

/// Why it did not come.
#[derive(Debug, thiserror::Error)]
pub(super) enum FetchError {
    /// FETCH-3
    #[error(
        "no block of it came for {seconds} s; {missing} is missing, and maybe more: look by `leither mimei findprovs` who has it, connect to one of them by \
         `leither swarm connect`, and try again"
    )]
    Stuck {
        /// For how long.
        seconds: u64,
        /// One of those that are missing.
        missing: Cid,
    },
    /// HOLD-6
    #[error("hardly anything of it came for {seconds} s, and other MiMeis wait for their turn; it is tried again after a pause")]
    Slow {
        /// For how long.
        seconds: u64,
    },
    /// Nobody to ask.
    #[error(
        "{0} is not here, and nobody is connected in the content swarm: connect to somebody who has it by `leither swarm connect`, or add it from the files again"
    )]
    Alone(Cid),
    /// The swarm says no.
    #[error("the content swarm gives nothing: {0}")]
    Swarm(String),
    /// The store says no: a full quota, a tree that was made to do harm.
    #[error(transparent)]
    Store(#[from] StorageError),
    /// The machine's.
    #[error("fetching failed: {0}")]
    Machine(String),
}

/// A block that is to be wanted.
struct Job {
    cid: Cid,
    /// What it has, as far as known.
    weight: u64,
    /// It may have links.
    is_node: bool,
}

impl Job {
    fn new(cid: Cid, size: Option<u64>) -> Self {
        let is_leaf = cid.codec() == codec::RAW || size.is_some_and(|size| size <= LEAF_BYTES_MAX);
        let weight = if is_leaf { size.unwrap_or(GUESS_BYTES).min(2 * LEAF_BYTES_MAX) } else { GUESS_BYTES };
        Self { cid, weight, is_node: !is_leaf }
    }
}

/// The tree under construction. Dropped, it leaves what it brought to the next try (FETCH-4), on a thread that may wait.
struct Building(Option<Assembly>);

impl Drop for Building {
    fn drop(&mut self) {
        if let (Some(assembly), Ok(handle)) = (self.0.take(), tokio::runtime::Handle::try_current()) {
            handle.spawn_blocking(move || leave(assembly));
        }
    }
}

/// FETCH-4: what came whole stays in the trash for its day.
fn leave(assembly: Assembly) {
    let left = crate::wallet::now_ms().map_err(|failure| failure.sentence);
    let left = left.and_then(|now| assembly.leave(now).map_err(|error| error.to_string()));
    if let Err(error) = left {
        tracing::warn!(error, "what a fetch brought before it ended is not left to the next try");
    }
}

/// What is on its way.
#[derive(Default)]
struct Flying {
    /// By hash: what each counts for, and whether it may have links.
    open: HashMap<Vec<u8>, (Cid, u64, bool)>,
    bytes: u64,
    nodes: usize,
    /// About the longest of the leaves that came last: what a tree says of itself may be a lie.
    recent: u64,
}

impl Flying {
    fn weight(&self, job: &Job) -> u64 {
        if job.is_node { job.weight } else { job.weight.max(self.recent) }
    }

    /// FETCH-2: whether there is room for it beside the others. There always is for one.
    fn has_room(&self, job: &Job, nodes_max: usize) -> bool {
        let fits = self.open.len() < FLYING_MAX && self.bytes.saturating_add(self.weight(job)) <= FLYING_BYTES_MAX;
        self.open.is_empty() || (fits && (!job.is_node || self.nodes < nodes_max))
    }

    fn starts(&mut self, job: &Job) {
        let weight = self.weight(job);
        if self.open.insert(hash_of(&job.cid), (job.cid, weight, job.is_node)).is_none() {
            self.bytes = self.bytes.saturating_add(weight);
            self.nodes = self.nodes.saturating_add(usize::from(job.is_node));
        }
    }

    /// It came. Whether it was on its way.
    fn lands(&mut self, cid: &Cid, len: usize) -> bool {
        let Some((_, weight, is_node)) = self.open.remove(&hash_of(cid)) else { return false };
        self.bytes = self.bytes.saturating_sub(weight);
        self.nodes = self.nodes.saturating_sub(usize::from(is_node));
        if !is_node {
            let faded = self.recent.saturating_sub(self.recent / 16);
            self.recent = faded.max(len as u64).min(2 * LEAF_BYTES_MAX);
        }
        true
    }
}

/// FETCH-1: fetches a tree and keeps it. If it fails, or is dropped, nothing of it is kept; what came whole the next try finds in the trash (FETCH-4).
pub(super) async fn fetch(
    store: &ContentStore,
    wants: &mut dyn Wants,
    order: &Order,
    tell: &watch::Sender<Far>,
) -> Result<Fetched, FetchError> {
    let (root, opened) = (order.cid, store.clone());
    let begin = move || {
        let mut session = opened.session();
        let is_here = session.hold(&root)?;
        Ok::<_, StorageError>((is_here, Assembly::new(session)))
    };
    let (is_here, assembly) = spawn_blocking(begin).await.map_err(|e| FetchError::Machine(e.to_string()))??;
    let mut building = Building(Some(assembly));
    let (mut flying, mut far, mut here) = (Flying::default(), Far::default(), u64::from(is_here));
    let mut stack = if is_here { Vec::new() } else { vec![Job::new(root, None)] };
    let mut crowded = false;
    let mut heard = Instant::now();
    loop {
        let nodes_max = if crowded { 1 } else { NODES_MAX };
        let mut more = Vec::new();
        while let Some(job) = stack.pop_if(|job| flying.has_room(job, nodes_max)) {
            flying.starts(&job);
            more.push(job.cid);
        }
        far.missing = stack.len().saturating_add(flying.open.len()) as u64;
        tell.send_replace(far);
        if !more.is_empty() {
            wants.want(more).await.map_err(|error| FetchError::Swarm(error.to_string()))?;
        }
        let Some((waited, ..)) = flying.open.values().next() else { break };
        let stuck = FetchError::Stuck { seconds: order.patience.as_secs(), missing: *waited };
        let Ok(batch) = timeout_at(heard + order.patience, batch(wants, &mut flying)).await else {
            return Err(stuck);
        };
        let batch = batch?;
        heard = Instant::now();
        for (_, bytes) in &batch {
            far.blocks = far.blocks.saturating_add(1);
            far.bytes = far.bytes.saturating_add(bytes.len() as u64);
        }
        let put = spawn_blocking(move || put(building, batch)).await.map_err(|e| FetchError::Machine(e.to_string()))?;
        let (back, jobs) = put?;
        building = back;
        let Some(assembly) = &building.0 else { break };
        let (bytes, links) = assembly.waits();
        crowded = bytes > LOOSE_BYTES_MAX / 4 || links > LOOSE_LINKS_MAX / 4;
        here = here.max(assembly.here());
        stack.extend(jobs);
    }
    let kept = Kept { cid: root, profile: order.profile, generation: 0 };
    let (as_what, assembly) = (order.root.clone(), building.0.take());
    let finish = move || -> Result<(), FetchError> {
        let now = crate::wallet::now_ms().map_err(|failure| FetchError::Machine(failure.sentence))?;
        // Of a pin of what was added the time of that is its generation (HOLD-7).
        let kept = Kept { generation: if matches!(as_what, Root::Pin(_)) { now } else { 0 }, ..kept };
        let assembly = assembly.ok_or_else(|| FetchError::Machine("the tree under construction is gone".into()))?;
        assembly.finish(&as_what, kept, now)?;
        Ok(())
    };
    spawn_blocking(finish).await.map_err(|e| FetchError::Machine(e.to_string()))??;
    Ok(Fetched { blocks: far.blocks, bytes: far.bytes, here })
}

/// The next block that was wanted, and those that are there with it.
async fn batch(wants: &mut dyn Wants, flying: &mut Flying) -> Result<Vec<(Cid, Bytes)>, FetchError> {
    let (mut found, mut bytes) = (Vec::new(), 0usize);
    loop {
        let came = match found.is_empty() {
            true => wants.next().await,
            // What has come by now, and no more.
            false => match now_or_not(wants.next()).await {
                Some(came) => came,
                None => return Ok(found),
            },
        };
        match came {
            None if found.is_empty() => return Err(FetchError::Swarm("it has stopped".into())),
            None => return Ok(found),
            // It stays wanted, and those who have it are looked for.
            Some(Came::Missing { .. }) => {}
            Some(Came::Block { cid, data, .. }) if flying.lands(&cid, data.len()) => {
                bytes = bytes.saturating_add(data.len());
                found.push((cid, data));
                if found.len() >= BATCH_MAX || bytes >= BATCH_BYTES_MAX {
                    return Ok(found);
                }
            }
            Some(Came::Block { .. }) => {}
        }
    }
}

/// What a future gives at once; nothing where it would have to be waited for.
pub(super) async fn now_or_not<T>(future: impl Future<Output = T>) -> Option<T> {
    tokio::pin!(future);
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(found) => Poll::Ready(Some(found)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

/// Puts blocks to the others, whoever has stopped to wait for it. What the store refuses (it is full, or the tree was made to do harm) must not stay
/// for a day: then all of it is taken out again.
fn put(mut building: Building, batch: Vec<(Cid, Bytes)>) -> Result<(Building, Vec<Job>), StorageError> {
    let Some(mut assembly) = building.0.take() else { return Ok((building, Vec::new())) };
    let jobs = take(&mut assembly, batch)?;
    building.0 = Some(assembly);
    Ok((building, jobs))
}

/// Gives what the blocks link to and is missing, the first link of the first block last.
fn take(assembly: &mut Assembly, batch: Vec<(Cid, Bytes)>) -> Result<Vec<Job>, StorageError> {
    let mut jobs = Vec::new();
    for (cid, data) in batch.into_iter().rev() {
        let sizes = sizes(&cid, &data);
        // What waits is a copy: it may be a piece of a message that would stay as a whole.
        let data = if cid.codec() == codec::RAW { data } else { Bytes::copy_from_slice(&data) };
        let missing = assembly.take_checked(&cid, data)?;
        jobs.extend(missing.into_iter().rev().map(|cid| Job::new(cid, sizes.get(&hash_of(&cid)).copied())));
    }
    Ok(jobs)
}

/// What a block says of the sizes of those that it links to.
fn sizes(cid: &Cid, data: &[u8]) -> HashMap<Vec<u8>, u64> {
    if cid.codec() != codec::DAG_PB {
        return HashMap::new();
    }
    match decode(cid, data) {
        Ok(Node::File(file)) => file.parts.iter().map(|part| (hash_of(&part.cid), part.size)).collect(),
        Ok(Node::Directory(directory)) => directory.entries.iter().map(|entry| (hash_of(&entry.cid), entry.dag_size)).collect(),
        Ok(Node::Shard(shard)) => shard
            .slots
            .iter()
            .filter_map(|(_, slot)| match slot {
                Slot::Entry(entry) => Some((hash_of(&entry.cid), entry.dag_size)),
                Slot::Shard(_) => None,
            })
            .collect(),
        // What cannot be read the store refuses by name.
        _ => HashMap::new(),
    }
}

#[cfg(test)]
mod tests;
