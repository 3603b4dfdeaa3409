use super::Villain;
use leither_types::{AccountId, SignedTx};
use std::sync::Arc;

/// Leaves its victim's transactions out of every block that it proposes; else it keeps the rules, so nobody can prove it.
pub struct Censor {
    /// Whom it picks on.
    pub victim: AccountId,
}

impl Villain for Censor {
    fn choose(&mut self, candidates: Vec<Arc<SignedTx>>) -> Vec<Arc<SignedTx>> {
        candidates.into_iter().filter(|tx| !tx.tx.signers.contains(&self.victim)).collect()
    }
}
