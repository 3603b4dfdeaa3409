use leither_types::{AccountId, Amount, Hash, PublicKey, tagged};
use parity_scale_codec::{Decode, DecodeWithMemTracking, Encode};

/// What one holder has of one token: the value of a leaf of a balance tree.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking)]
pub struct Holding {
    /// Free to be spent.
    pub free: Amount,
    /// Held back: deposits, pledges, units cast in an open vote.
    pub locked: Amount,
    /// Transactions so far. Counts on the native token's leaf alone, so that a transfer touches two leaves.
    pub nonce: u64,
    /// The full key of the account, bound at its first transaction (native leaf alone); all zeros before.
    pub key: PublicKey,
}

impl Holding {
    /// Everything the holder has; what the tree sums up. Nothing where it leaves 128 bits.
    pub fn total(&self) -> Option<Amount> {
        self.free.plus(self.locked)
    }

    /// Whether nothing is left that would need a leaf.
    pub fn is_vacant(&self) -> bool {
        *self == Self::default()
    }

    /// LEDGER-7: what the leaf commits to beside id and sum.
    pub fn commitment(&self, id: &AccountId) -> Hash {
        // The id is in the leaf as well; here it keeps equal holdings from having equal commitments.
        self.using_encoded(|bytes| tagged("leither/holding/v1", &[&id.0, bytes]))
    }
}
