//! What a simulated node keeps when it crashes: the state, the blocks, the proposals it has looked at, and a write-ahead log.

use leither_executor::Parent;
use leither_harness::Memory;
use leither_pallets::genesis_state;
use leither_state::{Fault, Read, WriteSet};
use leither_types::{Block, Certificate, Genesis, Hash, Height, Millis, Receipt, ValidatorId};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

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

/// A node's disk.
pub struct Disk {
    chain: Hash,
    genesis_time: Millis,
    state: Arc<Memory>,
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
        Ok(Self {
            chain: genesis.chain(),
            genesis_time: genesis.head.time,
            state: Arc::new(Memory::of(&writes)),
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
    pub fn state(&self) -> Arc<Memory> {
        self.state.clone()
    }

    /// What the next block stands on.
    pub fn parent(&self) -> Parent {
        let state: Arc<dyn Read> = self.state.clone();
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
        Arc::make_mut(&mut self.state).commit(writes);
        self.blocks.insert(height, decided);
        self.undecided.retain(|(of, _), _| *of > height);
        self.heads.retain(|(of, ..)| *of > height);
        self.built.retain(|(of, _), _| *of > height);
        Ok(())
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
