//! The engine's scratch paper: proposals that are not decided, kept so that a restart in the middle of a height can go on with it.

use crate::columns::{UNDECIDED, column, proposal_key, read_undecided_key, round_key};
use crate::{Inner, Store, poisoned, storage};
use leither_failpoints::hit;
use leither_state::Fault;
use leither_types::{BLOCK_BYTES_MAX, Hash, Height};
use rocksdb::{DB, IteratorMode, WriteBatch, WriteOptions};
use std::collections::{BTreeMap, BTreeSet};

/// Proposals are kept for so many heights after the head.
pub const UNDECIDED_AHEAD_MAX: u64 = 16;
/// So many proposals of one height are kept, and sixteen times as many mentions of them in rounds.
pub const UNDECIDED_PER_HEIGHT_MAX: usize = 64;
/// All that is kept takes no more bytes than this.
pub const UNDECIDED_BYTES_MAX: usize = 128 * 1024 * 1024;
/// Stands for the round of a block that was decided elsewhere.
const SYNCED: u32 = u32::MAX;
/// One proposal's bytes: a block and what the engine says about it.
const PROPOSAL_BYTES_MAX: usize = BLOCK_BYTES_MAX + 64 * 1024;

/// A proposal, as the engine wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undecided {
    /// The block's id.
    pub id: Hash,
    /// The engine's bytes.
    pub bytes: Vec<u8>,
}

/// What is on the paper, by key.
#[derive(Default)]
pub(crate) struct Desk {
    heights: BTreeMap<Height, Sheet>,
}

/// What one height has. Each proposal stands in at least one round.
#[derive(Default)]
struct Sheet {
    proposals: BTreeMap<Hash, usize>,
    rounds: BTreeSet<(u32, Hash)>,
}

/// What has to go for something new.
#[derive(Default)]
struct Leaving {
    rounds: Vec<(u32, Hash)>,
    proposals: Vec<Hash>,
}

impl Sheet {
    /// What has to go for a mention of `id` in `round`, and for `len` bytes where it is new; nothing where no room can be made.
    fn make_room(&self, round: u32, id: &Hash, len: Option<usize>, mut room: usize) -> Option<Leaving> {
        let mut last: BTreeMap<Hash, u32> = BTreeMap::new();
        for (round, id) in &self.rounds {
            // They come in order, so the last one stands.
            last.insert(*id, *round);
        }
        let mut leaving = Leaving::default();
        let mut count = self.proposals.len();
        if round == SYNCED {
            for (_, other) in self.rounds.range((SYNCED, Hash::ZERO)..) {
                leaving.rounds.push((SYNCED, *other));
                if self.rounds.iter().filter(|(_, of)| of == other).count() == 1 {
                    room = room.saturating_add(self.forget(*other, &mut leaving));
                    count -= 1;
                }
            }
        }
        let mut oldest: Vec<(u32, Hash)> = last.into_iter().map(|(id, round)| (round, id)).collect();
        oldest.sort_unstable();
        let mut oldest = oldest.into_iter().filter(|(last, of)| *last != SYNCED && of != id);
        let mentions = self.rounds.len() >= 16 * UNDECIDED_PER_HEIGHT_MAX;
        while len.is_some_and(|len| count >= UNDECIDED_PER_HEIGHT_MAX || len > room) || (mentions && leaving.rounds.is_empty()) {
            let (_, other) = oldest.next()?;
            room = room.saturating_add(self.forget(other, &mut leaving));
            count -= 1;
        }
        Some(leaving)
    }

    fn forget(&self, id: Hash, leaving: &mut Leaving) -> usize {
        leaving.rounds.extend(self.rounds.iter().filter(|(_, of)| *of == id));
        leaving.proposals.push(id);
        self.proposals.get(&id).copied().unwrap_or_default()
    }
}

impl Desk {
    /// Reads the keys that a former run left.
    pub fn load(db: &DB) -> Result<Self, Fault> {
        let mut desk = Self::default();
        for row in db.iterator_cf(column(db, UNDECIDED)?, IteratorMode::Start) {
            let (key, value) = row.map_err(storage)?;
            let (height, round, id) = read_undecided_key(&key).ok_or_else(|| Fault::Corrupt("key of a proposal".into()))?;
            let sheet = desk.heights.entry(height).or_default();
            match round {
                None => drop(sheet.proposals.insert(id, value.len())),
                Some(round) => drop(sheet.rounds.insert((round, id))),
            }
        }
        Ok(desk)
    }

    fn bytes(&self) -> usize {
        self.heights.values().flat_map(|sheet| sheet.proposals.values()).sum()
    }

    /// The keys of all rows of heights up to `height`.
    pub fn keys_up_to(&self, height: Height) -> impl Iterator<Item = Vec<u8>> {
        self.heights.range(..=height).flat_map(|(height, sheet)| {
            let proposals = sheet.proposals.keys().map(|id| proposal_key(*height, id));
            proposals.chain(sheet.rounds.iter().map(|(round, id)| round_key(*height, *round, id)))
        })
    }

    /// Those rows are gone.
    pub fn forget_up_to(&mut self, height: Height) {
        self.heights.retain(|at, _| *at > height);
    }
}

/// For what has to be on disk when the call returns.
pub(crate) fn synced() -> WriteOptions {
    let mut options = WriteOptions::default();
    options.set_sync(true);
    options
}

impl Inner {
    fn proposal(&self, height: Height, id: &Hash) -> Result<Option<Undecided>, Fault> {
        let bytes = self.db.get_cf(column(&self.db, UNDECIDED)?, proposal_key(height, id)).map_err(storage)?;
        Ok(bytes.map(|bytes| Undecided { id: *id, bytes }))
    }
}

impl Store {
    /// STORE-10: keeps a proposal, durably. Where too much is kept already, those of this height that were not seen for the most rounds go.
    /// `false`: not kept, because it is of a height that is over or too far ahead, or there is no room beside other heights' proposals.
    /// The same id in another round, or again, takes no more room.
    pub fn put_undecided(&self, height: Height, round: u32, id: &Hash, bytes: &[u8]) -> Result<bool, Fault> {
        self.put(height, round, id, bytes)
    }

    /// STORE-10: keeps a block of another node's history, durably, in a place of its own: a height has one, and the next such block takes
    /// it. So whoever sends invented ones pushes out nothing else.
    pub fn put_synced(&self, height: Height, id: &Hash, bytes: &[u8]) -> Result<bool, Fault> {
        self.put(height, SYNCED, id, bytes)
    }

    fn put(&self, height: Height, round: u32, id: &Hash, bytes: &[u8]) -> Result<bool, Fault> {
        let head = self.head()?.height;
        let mut desk = self.inner.desk.lock().map_err(poisoned)?;
        let ahead = height.saturating_sub(head);
        if ahead == 0 || ahead > UNDECIDED_AHEAD_MAX || bytes.len() > PROPOSAL_BYTES_MAX {
            return Ok(false);
        }
        let used = desk.bytes();
        let sheet = desk.heights.entry(height).or_default();
        let is_new = !sheet.proposals.contains_key(id);
        if !is_new && sheet.rounds.contains(&(round, *id)) {
            return Ok(true);
        }
        let room = UNDECIDED_BYTES_MAX.saturating_sub(used);
        let Some(leaving) = sheet.make_room(round, id, is_new.then_some(bytes.len()), room) else { return Ok(false) };
        let column = column(&self.inner.db, UNDECIDED)?;
        let mut batch = WriteBatch::default();
        for (round, gone) in &leaving.rounds {
            batch.delete_cf(column, round_key(height, *round, gone));
        }
        for gone in &leaving.proposals {
            batch.delete_cf(column, proposal_key(height, gone));
        }
        if is_new {
            batch.put_cf(column, proposal_key(height, id), bytes);
        }
        batch.put_cf(column, round_key(height, round, id), []);
        hit("store/undecided/before");
        self.inner.db.write_opt(batch, &synced()).map_err(storage)?;
        hit("store/undecided/written");
        sheet.rounds.retain(|mention| !leaving.rounds.contains(mention));
        sheet.proposals.retain(|kept, _| !leaving.proposals.contains(kept));
        sheet.proposals.entry(*id).or_insert(bytes.len());
        sheet.rounds.insert((round, *id));
        Ok(true)
    }

    /// The proposals that were kept for this round.
    pub fn undecided(&self, height: Height, round: u32) -> Result<Vec<Undecided>, Fault> {
        self.inner.check()?;
        let desk = self.inner.desk.lock().map_err(poisoned)?;
        let Some(sheet) = desk.heights.get(&height) else { return Ok(Vec::new()) };
        let ids = sheet.rounds.range((round, Hash::ZERO)..=(round, Hash([0xff; 32])));
        ids.filter_map(|(_, id)| self.inner.proposal(height, id).transpose()).collect()
    }

    /// The kept proposal of this id.
    pub fn undecided_by_id(&self, height: Height, id: &Hash) -> Result<Option<Undecided>, Fault> {
        self.inner.check()?;
        self.inner.proposal(height, id)
    }

    /// Drops the proposals of all heights up to this one. A commit does so by itself for its own height.
    pub fn clear_undecided(&self, up_to: Height) -> Result<(), Fault> {
        self.inner.check()?;
        let mut desk = self.inner.desk.lock().map_err(poisoned)?;
        let column = column(&self.inner.db, UNDECIDED)?;
        let mut batch = WriteBatch::default();
        desk.keys_up_to(up_to).for_each(|key| batch.delete_cf(column, key));
        self.inner.db.write_opt(batch, &synced()).map_err(storage)?;
        desk.forget_up_to(up_to);
        Ok(())
    }
}
