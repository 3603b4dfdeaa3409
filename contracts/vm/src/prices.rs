//! What the chain's side of a call costs, in gas; what an instruction costs stands in `instructions.rs`. 1 ns of the reference machine is 500 gas.

/// Rises with any change of a price here, of instructions or in the engine: modules of other prices are not used.
pub const PRICES_VERSION: u32 = 4;
/// What contracts call gas in `SubMsg.gas_limit`, in ours: authors wrote their limits for this.
pub const GAS_PER_SDK_GAS: u64 = 140_000;
/// Making an instance of the smallest module, whatever the caches hold: no call has less.
pub const INSTANCE_GAS: u64 = 30_000_000;
/// For each page of 64 KiB that it begins with, or asks for later: it may touch all of it, and the machine makes it of sixteen of its own.
pub(crate) const PAGE_GAS: u64 = 5_000_000;
/// Pages of an instance: what it touches is to fit the processor's caches.
pub(crate) const PAGES_MAX: u32 = 64;
/// For each export, global and segment.
const PER_PART: u64 = 60_000;
/// For each function, and each element of a table that is filled in.
const PER_FUNCTION: u64 = 4_000;

/// An instance of a module that begins with so many pages, parts and functions.
pub(crate) fn instance(pages: u32, parts: u64, functions: u64) -> u64 {
    let pages = u64::from(pages).saturating_mul(PAGE_GAS);
    let parts = parts.saturating_mul(PER_PART).saturating_add(functions.saturating_mul(PER_FUNCTION));
    INSTANCE_GAS.saturating_add(pages).saturating_add(parts)
}

const PER_READ: u64 = 15_000_000;
const PER_BYTE_READ: u64 = 1_500;
const PER_WRITE: u64 = 30_000_000;
const PER_BYTE_WRITTEN: u64 = 4_000;
/// Every node keeps it for ever: 200 of weight a byte.
const PER_BYTE_GROWN: u64 = 100_000;
const PER_REMOVAL: u64 = 20_000_000;
const PER_STEP: u64 = 15_000_000;
/// An iterator.
pub const SCAN_GAS: u64 = 5_000_000;
/// An address is read or written: bech32 and its checksum.
pub const ADDRESS_GAS: u64 = 1_000_000;

fn bytes(n: usize, each: u64) -> u64 {
    (n as u64).saturating_mul(each)
}

/// A value is read.
pub fn read(key: usize, value: usize) -> u64 {
    PER_READ.saturating_add(bytes(key.saturating_add(value), PER_BYTE_READ))
}

/// A value is written, by which the contract's data grows by so many bytes.
pub fn write(key: usize, value: usize, grown: usize) -> u64 {
    let written = bytes(key.saturating_add(value), PER_BYTE_WRITTEN);
    PER_WRITE.saturating_add(written).saturating_add(bytes(grown, PER_BYTE_GROWN))
}

/// A value is removed.
pub fn remove(key: usize) -> u64 {
    PER_REMOVAL.saturating_add(bytes(key, PER_BYTE_READ))
}

/// An iterator goes one on.
pub fn step(key: usize, value: usize) -> u64 {
    PER_STEP.saturating_add(bytes(key.saturating_add(value), PER_BYTE_READ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::instructions::{Price, by_bytes, of_kinds, price};
    use crate::meter::{LOCALS_FREE, PER_LOCAL};
    use wasmer::wasmparser::Operator as O;

    /// Modules of other prices lie in nodes' folders under their version: whoever changes a number here writes another version beside it.
    #[test]
    fn a_price_that_changes_takes_the_version_along() {
        let parts = [INSTANCE_GAS, PAGE_GAS, PER_PART, PER_FUNCTION, PER_LOCAL, u64::from(LOCALS_FREE)];
        let each = |operator: O<'_>| match price(&operator) {
            Some(Price { fixed, each: Some((gas, unit_log2)), .. }) => (fixed, gas, unit_log2),
            other => panic!("{operator:?}: {other:?}"),
        };
        let moved = [
            each(O::MemoryGrow { mem: 0 }),
            each(O::MemoryInit { data_index: 0, mem: 0 }),
            each(O::MemoryFill { mem: 0 }),
            each(O::MemoryCopy { dst_mem: 0, src_mem: 0 }),
            each(O::TableInit { elem_index: 0, table: 0 }),
            each(O::TableFill { table: 0 }),
            each(O::TableCopy { dst_table: 0, src_table: 0 }),
            each(O::TableGrow { table: 0 }),
        ];
        let told = ["aggregate_g1", "aggregate_g2", "pairing_equality", "hash_to_g1", "hash_to_g2"]
            .map(|name| by_bytes(&format!("bls12_381_{name}")).unwrap().gas);
        let signed = ["ed25519_verify", "ed25519_batch_verify"].map(|name| by_bytes(name).unwrap().gas);
        let found = (PRICES_VERSION, parts, of_kinds(), moved, told, signed);
        let pinned = (
            4,
            [30_000_000, 5_000_000, 60_000, 4_000, 115, 29],
            [115, 1_610, 5_000, 1_600, 2_500, 230, 5_000, 2_900, 1_900],
            [
                (2_300_000, 5_000_000, 0),
                (310_000, 32_768, 6),
                (2_900_000, 32_768, 6),
                (4_500_000, 50_176, 6),
                (70_000, 52_224, 5),
                (80_000, 45_056, 6),
                (70_000, 34_816, 5),
                (12_000_000, 3_471, 0),
            ],
            [583_333, 531_250, 3_958_333, 1_000, 1_000],
            [700, 700],
        );
        assert_eq!(found, pinned, "another price is another version");
    }
}
