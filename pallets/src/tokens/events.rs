use leither_types::{AccountId, Amount, TokenId};
use parity_scale_codec::{Decode, DecodeWithMemTracking, Encode};
use serde::Serialize;

/// What happened to balances. From these and the receipts' fees, every balance can be recomputed.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// Free units changed hands.
    #[codec(index = 0)]
    Transferred {
        /// Which token.
        token: TokenId,
        /// Whose units they were.
        from: AccountId,
        /// Whose they are.
        to: AccountId,
        /// How many.
        amount: Amount,
    },
    /// Units came to be.
    #[codec(index = 1)]
    Issued {
        /// Which token.
        token: TokenId,
        /// To whom.
        to: AccountId,
        /// How many.
        amount: Amount,
    },
    /// Units ceased to be.
    #[codec(index = 2)]
    Burned {
        /// Which token.
        token: TokenId,
        /// Whose.
        from: AccountId,
        /// How many.
        amount: Amount,
    },
    /// A dividend was taken or pushed: income units went from the organization's pot to the holder.
    #[codec(index = 3)]
    Claimed {
        /// The token that earned it.
        token: TokenId,
        /// Who holds that token.
        holder: AccountId,
        /// In what it is paid.
        income: TokenId,
        /// How much.
        amount: Amount,
    },
    /// Income went into the pot and moved the index.
    #[codec(index = 4)]
    Shared {
        /// The token whose holders share it.
        token: TokenId,
        /// In what it is paid.
        income: TokenId,
        /// What the holders got together.
        amount: Amount,
        /// Units that share it.
        units: Amount,
    },
}

impl From<Event> for crate::Event {
    fn from(event: Event) -> Self {
        Self::Tokens(event)
    }
}
