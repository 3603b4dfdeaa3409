//! What a simulated node keeps when it crashes: the state, the blocks, the proposals it has looked at, and a write-ahead log.

use leither_executor::Parent;
use leither_harness::Memory;
use leither_pallets::genesis_state;
use leither_state::{Fault, Read, WriteSet};
use leither_types::{Block, Certificate, Evidence, Genesis, Hash, Height, Millis, Receipt, ValidatorId, tagged};
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
    /// What it saw of misbehaviour that no block has punished yet.
    pub evidence: Vec<Evidence>,
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
            evidence: Vec::new(),
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
                contracts: Default::default(),
            },
            None => Parent {
                chain: self.chain,
                height: 0,
                id: Hash::ZERO,
                time: self.genesis_time,
                certificate: Certificate::genesis(),
                state,
                contracts: Default::default(),
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

/// The engine's write-ahead log of one height. What is not flushed may be lost in a crash, from any byte on, or come back changed.
#[derive(Default)]
pub struct Wal {
    height: Height,
    flushed: usize,
    entries: Vec<Vec<u8>>,
}

/// Length and checksum before each entry.
const FRAME: usize = 8;

/// An entry as it lies in the file.
fn framed(entry: &[u8]) -> Vec<u8> {
    let len = u32::try_from(entry.len()).unwrap_or(u32::MAX);
    let mut bytes = len.to_le_bytes().to_vec();
    bytes.extend_from_slice(&checksum(entry));
    bytes.extend_from_slice(entry);
    bytes
}

fn checksum(entry: &[u8]) -> [u8; 4] {
    let Hash([a, b, c, d, ..]) = tagged("leither/sim-wal/v1", &[entry]);
    [a, b, c, d]
}

/// The entries of a file, up to the first that is cut off or not what was written.
fn read(mut file: &[u8]) -> Vec<Vec<u8>> {
    let mut entries = Vec::new();
    while let Some((frame, rest)) = file.split_at_checked(FRAME) {
        let len = frame.first_chunk::<4>().map_or(0, |len| u32::from_le_bytes(*len) as usize);
        let Some((entry, rest)) = rest.split_at_checked(len) else { break };
        if frame.get(4..) != Some(&checksum(entry)[..]) {
            break;
        }
        entries.push(entry.to_vec());
        file = rest;
    }
    entries
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

    /// Bytes that a crash may take or change.
    pub fn unflushed(&self) -> usize {
        self.entries.iter().skip(self.flushed).map(|entry| entry.len() + FRAME).sum()
    }

    /// What a crash does: of the bytes that were not flushed only the first `kept` are there, and bit `flip` of those is another. Says how
    /// many entries that costs; what is cut off or changed is known by its checksum, and is dropped with all that comes after it.
    pub fn tear(&mut self, kept: usize, flip: Option<usize>) -> usize {
        let tail = self.entries.split_off(self.flushed.min(self.entries.len()));
        let mut file: Vec<u8> = tail.iter().flat_map(|entry| framed(entry)).collect();
        file.truncate(kept);
        if let Some((byte, bit)) = flip.and_then(|flip| Some((file.get_mut(flip / 8)?, flip % 8))) {
            *byte ^= 1 << bit;
        }
        let left = read(&file);
        let lost = tail.len() - left.len().min(tail.len());
        self.entries.extend(left);
        self.flushed = self.entries.len();
        lost
    }

    /// Loses everything, flushed or not: what no disk may do.
    pub fn lose(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(entries: usize, flushed: usize) -> Wal {
        let mut wal = Wal::default();
        wal.begin(1);
        for n in 0..entries {
            wal.append(1, vec![n as u8; 10 + n]);
            if n + 1 == flushed {
                wal.flush();
            }
        }
        wal
    }

    #[test]
    fn whatever_a_crash_leaves_is_a_beginning_of_what_was_written_and_all_that_was_flushed() {
        let whole = written(4, 1);
        let bytes = whole.unflushed();
        assert_eq!(bytes, 11 + 12 + 13 + 3 * FRAME);
        for kept in 0..=bytes {
            for flip in std::iter::once(None).chain((0..bytes * 8).map(Some)) {
                let mut wal = written(4, 1);
                let lost = wal.tear(kept, flip);
                assert_eq!(wal.entries.len() + lost, 4);
                assert!(!wal.entries.is_empty() && whole.entries.starts_with(&wal.entries), "{kept} bytes, bit {flip:?}");
                let harmed = kept < bytes || flip.is_some();
                assert_eq!(lost > 0, harmed, "{kept} bytes, bit {flip:?}");
            }
        }
    }
}
