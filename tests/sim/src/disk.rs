//! What a simulated node keeps when it crashes: the state, the blocks, the proposals it has looked at, and a write-ahead log.
//!
//! Answers as `node/store` does: a snapshot is of one height, and stale once that is overtaken.

use leither_executor::Parent;
use leither_pallets::genesis_state;
use leither_state::{Fault, Holding, Ledger, Page, Read, WriteSet};
use leither_types::{AccountId, Amount, Block, Certificate, Genesis, Hash, Height, Millis, Receipt, TokenId, ValidatorId};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Leaves of the balance trees, as stored.
pub type Holdings = BTreeMap<(TokenId, AccountId), Holding>;

/// A decided block with all that was stored of it.
#[derive(Clone, Debug)]
pub struct Decided {
    /// The block.
    pub block: Block,
    /// Why it is final.
    pub certificate: Certificate,
    /// What its transactions did.
    pub receipts: Vec<Receipt>,
}

/// The state at one height.
struct Books {
    height: Height,
    holdings: Holdings,
    records: BTreeMap<Vec<u8>, Vec<u8>>,
    ledger: Ledger,
}

/// A node's disk.
pub struct Disk {
    chain: Hash,
    genesis_time: Millis,
    books: Arc<Mutex<Books>>,
    blocks: BTreeMap<Height, Decided>,
    /// Proposals by height and block id, encoded; those of decided heights are gone.
    pub undecided: BTreeMap<(Height, Hash), Vec<u8>>,
    /// How they were proposed: height, round, round of the polka, publisher, block.
    pub heads: BTreeSet<(Height, u32, Option<u32>, ValidatorId, Hash)>,
    /// What this node itself built, by height and round: it must propose the same again after a crash.
    pub built: BTreeMap<(Height, u32), Hash>,
    /// The engine's log.
    pub wal: Wal,
}

impl Disk {
    /// A new node's: height 0 and nothing else.
    pub fn new(genesis: &Genesis) -> Result<Self, Fault> {
        let writes = genesis_state(genesis).map_err(|e| Fault::Corrupt(e.to_string()))?;
        let mut books = Books { height: 0, holdings: BTreeMap::new(), records: BTreeMap::new(), ledger: Ledger::new() };
        books.apply(&writes)?;
        Ok(Self {
            chain: genesis.chain(),
            genesis_time: genesis.head.time,
            books: Arc::new(Mutex::new(books)),
            blocks: BTreeMap::new(),
            undecided: BTreeMap::new(),
            heads: BTreeSet::new(),
            built: BTreeMap::new(),
            wal: Wal::default(),
        })
    }

    /// The newest decided height.
    pub fn height(&self) -> Height {
        self.blocks.last_key_value().map_or(0, |(height, _)| *height)
    }

    /// What was decided at this height.
    pub fn decided(&self, height: Height) -> Option<&Decided> {
        self.blocks.get(&height)
    }

    /// The state after the newest height.
    pub fn snapshot(&self) -> Arc<dyn Read> {
        Arc::new(Snapshot { books: self.books.clone(), height: self.height() })
    }

    /// All leaves, for who recounts them.
    pub fn holdings(&self) -> Holdings {
        lock(&self.books).holdings.clone()
    }

    /// The root of what is stored.
    pub fn root(&self) -> Hash {
        lock(&self.books).ledger.root()
    }

    /// What the next block stands on.
    pub fn parent(&self) -> Parent {
        let state = self.snapshot();
        match self.blocks.last_key_value() {
            Some((height, head)) => Parent {
                chain: self.chain,
                height: *height,
                id: head.block.id(),
                time: head.block.header.time,
                certificate: head.certificate.clone(),
                state,
            },
            None => Parent {
                chain: self.chain,
                height: 0,
                id: Hash::ZERO,
                time: self.genesis_time,
                certificate: Certificate::genesis(),
                state,
            },
        }
    }

    /// Makes a block the head: state, block and receipts at once.
    pub fn commit(&mut self, decided: Decided, writes: &WriteSet) -> Result<(), Fault> {
        let height = decided.block.header.height;
        if height != self.height() + 1 {
            return Err(Fault::Corrupt(format!("height {height} does not follow {}", self.height())));
        }
        let mut books = lock(&self.books);
        books.apply(writes)?;
        books.height = height;
        drop(books);
        self.blocks.insert(height, decided);
        self.undecided.retain(|(of, _), _| *of > height);
        self.heads.retain(|(of, ..)| *of > height);
        self.built.retain(|(of, _), _| *of > height);
        Ok(())
    }
}

impl Books {
    fn apply(&mut self, writes: &WriteSet) -> Result<(), Fault> {
        self.ledger.apply(writes).map_err(|e| Fault::Corrupt(e.to_string()))?;
        for (key, holding) in &writes.holdings {
            match holding {
                Some(holding) => drop(self.holdings.insert(*key, *holding)),
                None => drop(self.holdings.remove(key)),
            }
        }
        for (key, value) in &writes.records {
            match value {
                Some(value) => drop(self.records.insert(key.clone(), value.clone())),
                None => drop(self.records.remove(key)),
            }
        }
        Ok(())
    }
}

fn lock(books: &Mutex<Books>) -> MutexGuard<'_, Books> {
    books.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Snapshot {
    books: Arc<Mutex<Books>>,
    height: Height,
}

impl Snapshot {
    fn books(&self) -> Result<MutexGuard<'_, Books>, Fault> {
        let books = lock(&self.books);
        if books.height == self.height { Ok(books) } else { Err(Fault::Stale) }
    }
}

impl Read for Snapshot {
    fn holding(&self, token: &TokenId, id: &AccountId) -> Result<Option<Holding>, Fault> {
        Ok(self.books()?.holdings.get(&(*token, *id)).copied())
    }

    fn record(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Fault> {
        Ok(self.books()?.records.get(key).cloned())
    }

    fn records(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<Page, Fault> {
        let books = self.books()?;
        let rows = books.records.range(after.unwrap_or(prefix).to_vec()..).take_while(|(key, _)| key.starts_with(prefix));
        let rows = rows.filter(|(key, _)| after.is_none_or(|after| key.as_slice() > after));
        Ok(rows.take(limit).map(|(key, value)| (key.clone(), value.clone())).collect())
    }

    fn root_after(&self, writes: &WriteSet) -> Result<Hash, Fault> {
        let wrong = |e: leither_state::LedgerError| Fault::Corrupt(e.to_string());
        let mut books = self.books()?;
        let undo = books.ledger.apply(writes).map_err(wrong)?;
        let root = books.ledger.root();
        books.ledger.undo(undo).map_err(wrong)?;
        Ok(root)
    }

    fn holders(&self, token: &TokenId, after: Option<&AccountId>, limit: usize) -> Result<Vec<(AccountId, Holding)>, Fault> {
        Ok(self.books()?.ledger.holders(token, after, limit))
    }

    fn supply(&self, token: &TokenId) -> Result<Amount, Fault> {
        Ok(self.books()?.ledger.supply(token))
    }
}

/// The engine's write-ahead log of one height. What is not flushed may be lost in a crash, from any entry on.
#[derive(Default)]
pub struct Wal {
    height: Height,
    flushed: usize,
    entries: Vec<Vec<u8>>,
}

impl Wal {
    /// Begins the log of a height, or goes on with it: says what it holds.
    pub fn begin(&mut self, height: Height) -> Vec<Vec<u8>> {
        if self.height != height {
            *self = Self { height, ..Self::default() };
        }
        self.entries.clone()
    }

    /// Writes an entry of the log's height; others are ignored, as the engine asks.
    pub fn append(&mut self, height: Height, entry: Vec<u8>) {
        if height == self.height {
            self.entries.push(entry);
        }
    }

    /// Makes sure that all entries outlive a crash.
    pub fn flush(&mut self) {
        self.flushed = self.entries.len();
    }

    /// Entries that a crash may take.
    pub fn unflushed(&self) -> usize {
        self.entries.len() - self.flushed
    }

    /// What a crash does: of the entries that were not flushed only the first `kept` are there, the torn one is dropped.
    pub fn tear(&mut self, kept: usize) {
        self.entries.truncate(self.flushed.saturating_add(kept));
        self.flushed = self.entries.len();
    }

    /// Loses everything, flushed or not: what no disk may do.
    pub fn lose(&mut self) {
        *self = Self::default();
    }
}
