use crate::columns::{HANDOVERS, RECORDS, column, height_key};
use crate::{Store, storage};
use leither_state::{Fault, LeafProof, PROOF_HANDOVERS_MAX, Question, StateProof};
use leither_types::{Handover, Height, List, codec::decode_trusted};
use rocksdb::{Direction, IteratorMode};

/// Why a node has no proof to give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unproven {
    /// There is no block yet: nobody has signed the state of height 0.
    NoBlock,
    /// More changes of the set lie between the start and the head than a proof leads over.
    TooMany {
        /// A start from this height, or from a later one, will do.
        from: Height,
    },
    /// Not a block below the head that this database has: old headers go with their blocks, those of changes of the set stay.
    NoStart(Height),
}

impl Store {
    /// STORE-7: the answer to `question` at the head, absence included, with its proof up to the genesis hash; nothing where there is no
    /// such proof ([`Store::prove_from`] says why).
    pub fn prove(&self, question: &Question) -> Result<Option<StateProof>, Fault> {
        Ok(self.prove_from(question, None)?.ok())
    }

    /// STORE-7: the same, where the proof begins at the block of height `from`, which whoever asked trusts.
    pub fn prove_from(&self, question: &Question, from: Option<Height>) -> Result<Result<StateProof, Unproven>, Fault> {
        self.inner.check()?;
        // The turn keeps commits out: leaf, header and certificate are of one height.
        let _turn = self.inner.turn()?;
        let head = self.inner.books()?.head.clone();
        let Some(header) = head.header.clone() else { return Ok(Err(Unproven::NoBlock)) };
        let handovers = match self.way(from, header.height)? {
            Ok(way) => way,
            Err(why) => return Ok(Err(why)),
        };
        let value = match question {
            Question::Record(key) => self.inner.db.get_cf(column(&self.inner.db, RECORDS)?, &**key).map_err(storage)?,
            Question::Holding { .. } => None,
        };
        let mut books = self.inner.books_mut()?;
        let ledger = books.committed()?;
        let leaf = match question {
            Question::Holding { token, id } => LeafProof::Holding(ledger.prove_holding(token, id)),
            Question::Record(key) => LeafProof::Record(ledger.prove_record(key, value)),
        };
        let genesis = self.genesis().clone();
        let validators = handovers.last().map_or_else(|| genesis.validators.clone(), |last| last.set.clone());
        let certificate = head.certificate.clone();
        Ok(Ok(StateProof { leaf, header, certificate, validators, genesis, handovers }))
    }

    /// What leads from genesis, or from the block of height `from`, to the one of height `to`.
    fn way(&self, from: Option<Height>, to: Height) -> Result<Result<List<Handover, PROOF_HANDOVERS_MAX>, Unproven>, Fault> {
        let mut way = Vec::new();
        if let Some(from) = from {
            let Some(start) = self.start(from).map(|start| start.filter(|_| from < to))? else {
                return Ok(Err(Unproven::NoStart(from)));
            };
            way.push(start);
        }
        let after = self.handovers(from.unwrap_or(0), PROOF_HANDOVERS_MAX + 1)?;
        way.extend(after.into_iter().filter(|handover| handover.header.height < to));
        if let Some(way) = List::new(way) {
            return Ok(Ok(way));
        }
        // With the start, so many fit exactly.
        let last = self.handovers_below(to, PROOF_HANDOVERS_MAX)?;
        Ok(Err(Unproven::TooMany { from: last.last().map_or(0, |handover| handover.header.height) }))
    }

    /// The block of this height, as a proof from it begins; nothing where it is not kept.
    fn start(&self, height: Height) -> Result<Option<Handover>, Fault> {
        // The last change up to this height says who votes after it.
        let last = self.handovers_below(height.saturating_add(1), 1)?.pop();
        let (header, set) = match last {
            Some(Handover { header, set, .. }) if header.height == height => (Some(header), set),
            Some(Handover { set, .. }) => (self.header(height)?, set),
            None => (self.header(height)?, self.genesis().validators.clone()),
        };
        let Some(header) = header else { return Ok(None) };
        if header.next_validators != set.hash() {
            return Err(Fault::Corrupt(format!("who votes after height {height} is not among the handovers")));
        }
        Ok(Some(Handover::unsigned(header, set)))
    }

    /// At most `max` handovers of heights below `below`, the last one first.
    fn handovers_below(&self, below: Height, max: usize) -> Result<Vec<Handover>, Fault> {
        let Some(last) = below.checked_sub(1) else { return Ok(Vec::new()) };
        let start = height_key(last);
        let rows = self.inner.db.iterator_cf(column(&self.inner.db, HANDOVERS)?, IteratorMode::From(&start, Direction::Reverse));
        let read = |row: Result<(Box<[u8]>, Box<[u8]>), rocksdb::Error>| {
            let (_, value) = row.map_err(storage)?;
            decode_trusted(&value).map_err(|e| Fault::Corrupt(format!("a handover below height {below}: {e}")))
        };
        rows.take(max).map(read).collect()
    }
}
