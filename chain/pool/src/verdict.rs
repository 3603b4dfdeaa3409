use leither_types::{Amount, TxId};

/// What the pool says to a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Verdict {
    /// It is in.
    Admitted,
    /// It is in, and this one of the same account and nonce is out.
    Replaced(TxId),
    /// It was in already.
    Known,
    /// A committed transaction has this nonce.
    NonceUsed {
        /// The first free one.
        next: u64,
    },
    /// The nonce lies beyond the window.
    NonceTooFar {
        /// The window's first nonce.
        next: u64,
    },
    /// One of this account and nonce is in; another takes its place from this fee on.
    FeeTooLow {
        /// Nothing where no fee is high enough.
        needs: Option<Amount>,
    },
    /// No room, and those inside may stay.
    Full,
    /// Longer than a transaction may be.
    TooLong,
    /// Signed by nobody.
    NoSigner,
}

impl Verdict {
    /// Whether the transaction is in the pool now.
    pub fn is_in(&self) -> bool {
        matches!(self, Self::Admitted | Self::Replaced(_) | Self::Known)
    }

    /// Its name, which does not change: in metrics and as the reason in an RPC error.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Admitted => "admitted",
            Self::Replaced(_) => "replaced",
            Self::Known => "known",
            Self::NonceUsed { .. } => "nonce_used",
            Self::NonceTooFar { .. } => "nonce_too_far",
            Self::FeeTooLow { .. } => "fee_too_low",
            Self::Full => "pool_full",
            Self::TooLong => "too_long",
            Self::NoSigner => "no_signer",
        }
    }
}
