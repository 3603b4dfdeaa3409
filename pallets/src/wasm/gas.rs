//! What the dispatch of messages costs beside the engine's own prices, in gas (`contracts/vm`, prices).

use leither_types::{TokenId, Weight};

/// 1 ns of the reference machine, which is a unit of weight.
pub const GAS_PER_WEIGHT: u64 = 500;
/// Of one call: half of what a standard block weighs.
pub const GAS_MAX: u64 = 150_000_000_000;
/// A record that is written.
pub const RECORD_GAS: u64 = 30_000_000;
/// A message, wherever it goes.
pub const MESSAGE_GAS: u64 = 20_000_000;
/// A payment of an organization's units: dividends of both sides are settled.
pub const PAYMENT_GAS: u64 = 30_000_000;
/// One of the native token: two leaves change.
pub const NATIVE_PAYMENT_GAS: u64 = 10_000_000;
/// A byte of a message or an answer: it is read as JSON.
pub const JSON_BYTE_GAS: u64 = 5_000;
/// An event, an attribute, a byte of either.
pub const EVENT_GAS: u64 = 2_800_000;
pub const ATTRIBUTE_GAS: u64 = 1_400_000;
pub const EVENT_BYTE_GAS: u64 = 20_000;
/// A question, wherever it goes.
pub const QUERY_GAS: u64 = 20_000_000;
/// A holding or a record that a question reads.
pub const LOOKUP_GAS: u64 = 15_000_000;
/// A removed key that an iterator passes.
pub const PASSED_GAS: u64 = 1_000_000;

/// Takes so much of what is left; where there is less, all of it is gone.
pub fn spend(left: &mut u64, gas: u64) -> bool {
    let rest = left.checked_sub(gas);
    *left = rest.unwrap_or(0);
    rest.is_some()
}

/// One payment of a token.
pub fn payment(token: &TokenId) -> u64 {
    if *token == TokenId::NATIVE { NATIVE_PAYMENT_GAS } else { PAYMENT_GAS }
}

/// What so much gas weighs.
pub fn weight_of_gas(gas: u64) -> Weight {
    gas.div_ceil(GAS_PER_WEIGHT)
}
