use super::Error;
use leither_types::{AccountId, Amount, Height, Millis, TokenId, TxId};
use parity_scale_codec::{Decode, DecodeWithMemTracking, Encode};
use primitive_types::U256;
use serde::{Deserialize, Serialize};

const DAY_MS: Millis = 24 * 3_600 * 1_000;
/// From start to end: ten years.
pub const LENGTH_MS_MAX: Millis = 3_653 * DAY_MS;
/// How far the start may lie before or after the opening: a year.
pub const AWAY_MS_MAX: Millis = 366 * DAY_MS;
/// The shortest step.
pub const STEP_MS_MIN: Millis = 1_000;
/// Open streams for which one account has deposits.
pub const OPEN_MAX: u32 = 1_000;

/// What is paid to whom, and when; times are those of blocks, in ms since 1970.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, Serialize, Deserialize)]
pub struct Terms {
    /// The payee.
    pub to: AccountId,
    /// Which token.
    pub token: TokenId,
    /// Smallest units in all.
    pub amount: Amount,
    /// From when on it is earned.
    #[serde(with = "leither_types::json::decimal")]
    pub start: Millis,
    /// Nothing is due before; from then on all that was earned since the start.
    #[serde(with = "leither_types::json::decimal")]
    pub cliff: Millis,
    /// When all of it is due.
    #[serde(with = "leither_types::json::decimal")]
    pub end: Millis,
    /// It is earned by whole steps of so many ms.
    #[serde(with = "leither_types::json::decimal")]
    pub step_ms: Millis,
    /// Who opens it cannot end it.
    pub is_fixed: bool,
}

impl Terms {
    /// STREAM-1, as far as it can be said without a state.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let length = self.end.saturating_sub(self.start);
        if self.amount.is_zero() {
            return Err(Error::Nothing);
        }
        if length == 0 || length > LENGTH_MS_MAX || self.cliff < self.start || self.cliff > self.end {
            return Err(Error::Times);
        }
        if self.step_ms < STEP_MS_MIN || self.step_ms > length {
            return Err(Error::Step);
        }
        Ok(())
    }

    /// STREAM-2: what is due at a time, drawn or not.
    pub fn vested(&self, now: Millis) -> Amount {
        if now >= self.end {
            return self.amount;
        }
        if now < self.cliff || now < self.start {
            return Amount::ZERO;
        }
        let steps = now.saturating_sub(self.start).checked_div(self.step_ms).unwrap_or(0);
        let earning = steps.saturating_mul(self.step_ms);
        let length = self.end.saturating_sub(self.start);
        // The product has 192 bits at most; the part is below the amount, since the time is below the length.
        let product = U256::from(self.amount.0).checked_mul(U256::from(earning));
        let part = product.and_then(|product| product.checked_div(U256::from(length)));
        Amount::new(part.map_or(0, |part| part.low_u128()))
    }

    /// When the next step is over; nothing from the end on.
    pub fn next_step(&self, now: Millis) -> Option<Millis> {
        if now >= self.end {
            return None;
        }
        let steps = now.checked_sub(self.start).and_then(|passed| passed.checked_div(self.step_ms)).unwrap_or(0);
        let step = self.start.saturating_add(steps.saturating_add(1).saturating_mul(self.step_ms));
        Some(step.max(self.cliff).min(self.end))
    }
}

/// An open stream.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, Serialize)]
pub struct Stream {
    /// With whom it is locked.
    pub opener: AccountId,
    /// What was agreed.
    pub terms: Terms,
    /// What was paid of it.
    pub drawn: Amount,
    /// Whose deposit it is: the opener's, or for units issued by a contract the organization's.
    pub depositor: AccountId,
    /// Locked with the depositor.
    pub deposit: Amount,
    /// STREAM-7: the contract that opened it for its organization.
    pub contract: Option<AccountId>,
    /// Block of the opening.
    #[serde(with = "leither_types::json::decimal")]
    pub height: Height,
    /// The transaction that opened it.
    pub tx: TxId,
}

impl Stream {
    /// STREAM-3: what a draw would pay.
    pub fn due(&self, now: Millis) -> Amount {
        self.terms.vested(now).minus(self.drawn).unwrap_or(Amount::ZERO)
    }

    /// STREAM-5.
    pub fn is_own(&self) -> bool {
        self.opener == self.terms.to
    }
}

/// Whose streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Those that pay somebody.
    Payee,
    /// Those that somebody has opened.
    Opener,
}
