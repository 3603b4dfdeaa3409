use crate::columns::{RECORDS, column};
use crate::{Store, storage};
use leither_state::{Fault, LeafProof, PROOF_HANDOVERS_MAX, Question, StateProof};
use leither_types::List;

impl Store {
    /// STORE-7: the answer to `question` at the head, absence included, with its proof up to the genesis hash. Nothing before the first
    /// block, since nobody has signed the state of height 0.
    pub fn prove(&self, question: &Question) -> Result<Option<StateProof>, Fault> {
        self.inner.check()?;
        // The turn keeps commits out: leaf, header and certificate are of one height.
        let _turn = self.inner.turn()?;
        let value = match question {
            Question::Record(key) => self.inner.db.get_cf(column(&self.inner.db, RECORDS)?, &**key).map_err(storage)?,
            Question::Holding { .. } => None,
        };
        let mut books = self.inner.books_mut()?;
        let head = books.head.clone();
        let Some(header) = head.header.clone() else { return Ok(None) };
        let ledger = books.committed()?;
        let leaf = match question {
            Question::Holding { token, id } => LeafProof::Holding(ledger.prove_holding(token, id)),
            Question::Record(key) => LeafProof::Record(ledger.prove_record(key, value)),
        };
        let genesis = self.genesis().clone();
        let mut handovers = self.handovers(0, PROOF_HANDOVERS_MAX + 1)?;
        handovers.retain(|handover| handover.header.height < header.height);
        let validators = handovers.last().map_or_else(|| genesis.validators.clone(), |last| last.set.clone());
        // So many changes of the set are for a snapshot to lead over.
        let Some(handovers) = List::new(handovers) else { return Ok(None) };
        let certificate = head.certificate.clone();
        Ok(Some(StateProof { leaf, header, certificate, validators, genesis, handovers }))
    }
}
