use crate::columns::{RECORDS, column};
use crate::{Head, Store, storage};
use leither_state::{Claim, Fault, RECORD_KEY_BYTES_MAX, StateProof};
use leither_types::{AccountId, Blob, TokenId};

impl Store {
    /// Proof of what `id` holds of `token` at the head, absence included; nothing before the first block, which nobody has signed.
    pub fn prove_holding(&self, token: &TokenId, id: &AccountId) -> Result<Option<StateProof>, Fault> {
        self.inner.check()?;
        // The turn keeps a commit out: leaf, root, header and certificate are of one height.
        let _turn = self.inner.turn()?;
        let mut books = self.inner.books_mut()?;
        let head = books.head.clone();
        let proof = books.committed()?.prove_holding(token, id);
        Ok(self.certified(&head, Claim::Holding { token: *token, id: *id, proof }))
    }

    /// Proof of the record of `key` at the head, absence included; nothing before the first block, or where the key is longer than
    /// any key may be.
    pub fn prove_record(&self, key: &[u8]) -> Result<Option<StateProof>, Fault> {
        self.inner.check()?;
        let Some(key) = key.get(..key.len().min(RECORD_KEY_BYTES_MAX + 1)).and_then(|key| Blob::new(key.to_vec())) else {
            return Ok(None);
        };
        let _turn = self.inner.turn()?;
        let value = self.inner.db.get_cf(column(&self.inner.db, RECORDS)?, &*key).map_err(storage)?;
        let mut books = self.inner.books_mut()?;
        let head = books.head.clone();
        let proof = books.committed()?.prove_record(&key, value);
        Ok(self.certified(&head, Claim::Record { key, proof }))
    }

    fn certified(&self, head: &Head, claim: Claim) -> Option<StateProof> {
        let genesis = self.genesis().clone();
        let (header, certificate) = (head.header.clone()?, head.certificate.clone());
        Some(StateProof { claim, header, certificate, validators: genesis.validators.clone(), genesis })
    }
}
