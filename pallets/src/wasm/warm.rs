//! Which code every node has at hand (WASM-15). A node keeps compiled modules in memory, as many as there is room for; to enter one that has to be
//! read from disk takes up to a thousand times as long. Gas must not depend on what a node happens to have, so the chain says what is warm: the codes
//! that were entered cold last, of so many bytes together. Who enters another one pays for it, and makes it warm.
//!
//! All are in one line: each has a place, the bytes of all that were made warm before it. What is further back than [`WARM_BYTES_MAX`] is cold
//! again, however often it was entered meanwhile: that is one price an hour, say, for who is in use, and no record to write at each entry.

use super::{Code, keys};
use leither_state::{Fault, Overlay};
use leither_vm::WARM_BYTES_MAX;

/// What it costs to enter code that is cold, a byte of its compiled form.
const COLD_BYTE_GAS: u64 = 120;

/// What entering this code costs beside an instance.
pub fn price(state: &Overlay, code: &Code) -> Result<u64, Fault> {
    let Some(place) = keys::WARM.get(state, &code.checksum)? else { return Ok(cold(code)) };
    let behind = keys::WARMED.get(state)?.unwrap_or(0).saturating_sub(place);
    Ok(if behind <= WARM_BYTES_MAX { 0 } else { cold(code) })
}

fn cold(code: &Code) -> u64 {
    u64::from(code.compiled).saturating_mul(COLD_BYTE_GAS)
}

/// It was paid for.
pub fn warm(state: &mut Overlay, code: &Code) -> Result<(), Fault> {
    let before = keys::WARMED.get(state)?.unwrap_or(0);
    keys::WARM.put(state, &code.checksum, &before);
    keys::WARMED.put(state, &before.saturating_add(code.compiled.into()));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use leither_harness::Memory;
    use leither_types::{AccountId, Amount, Hash};
    use std::sync::Arc;

    fn code(n: u8, compiled: u32) -> Code {
        Code {
            checksum: Hash([n; 32]),
            owner: AccountId::default(),
            bytes: 1,
            compiled,
            pieces: 1,
            entries: 0,
            migrate_version: None,
            deposit: Amount::ZERO,
        }
    }

    #[test]
    fn wasm_15_code_is_warm_until_as_much_as_a_node_keeps_was_made_warm_behind_it() {
        let mut state = Overlay::new(Arc::new(Memory::default()));
        let (first, most) = (code(1, 7), u32::try_from(WARM_BYTES_MAX).unwrap());
        assert_eq!(price(&state, &first).unwrap(), 7 * COLD_BYTE_GAS);
        warm(&mut state, &first).unwrap();
        assert_eq!(price(&state, &first).unwrap(), 0);
        warm(&mut state, &code(2, most - 7)).unwrap();
        assert_eq!(price(&state, &first).unwrap(), 0, "together they are what a node keeps");
        warm(&mut state, &code(3, 1)).unwrap();
        assert_eq!(price(&state, &first).unwrap(), 7 * COLD_BYTE_GAS, "a byte more, and the first one is cold");
        assert_eq!(price(&state, &code(2, most - 7)).unwrap(), 0);
        warm(&mut state, &first).unwrap();
        assert_eq!(price(&state, &first).unwrap(), 0, "it has a new place");
    }
}
