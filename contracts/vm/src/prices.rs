//! What the chain's side of a call costs, in gas; what an instruction costs stands in the engine. 1 ns of the reference machine is 500 gas.

/// Rises with any change of a price here or in the engine: modules of other prices are not used.
pub const PRICES_VERSION: u32 = 2;
/// What contracts call gas in `SubMsg.gas_limit`, in ours: authors wrote their limits for this.
pub const GAS_PER_SDK_GAS: u64 = 140_000;
/// Making an instance, whatever the caches hold.
pub const INSTANCE_GAS: u64 = 50_000_000;

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
