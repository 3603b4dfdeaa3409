//! The readable form of calls, events and errors, for RPC and wallets: text is made here and above, never stored.

use crate::{Call, Error, Event};
use leither_types::{CallBytes, codec};

/// A call as its enum; a wallet shows it before signing.
pub fn describe_call(bytes: &CallBytes) -> Option<Call> {
    Call::read(bytes).ok()
}

/// An event of a receipt.
pub fn describe_event(bytes: &[u8]) -> Option<Event> {
    codec::decode_trusted(bytes).ok()
}

/// An error of a receipt.
pub fn describe_error(bytes: &[u8]) -> Option<Error> {
    codec::decode_trusted(bytes).ok()
}

/// Which part of the rules a record belongs to, by the first letter of its key.
pub fn record_kind(key: &[u8]) -> &'static str {
    match key.first() {
        Some(b'l') => "lineage",
        Some(b'm') => "mimei",
        Some(b'o') => "orgs",
        Some(b'p') => "params",
        Some(b's') => "staking",
        Some(b't') => "tokens",
        Some(b'w') => "wasm",
        _ => "unknown",
    }
}
