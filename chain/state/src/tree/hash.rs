//! The two preimages, and hashing many of them at once.
//!
//! Both are 128 bytes: two blake3 blocks, which any shorter form would cost as well, and the exact length at which the vector code of
//! blake3 gives plain blake3 hashes. `tests::many_at_once_is_plain_blake3` holds that against [`blake3::hash`].

use super::arena::{Pair, Side};
use super::{Key, Leaf};
use blake3::IncrementCounter;
use blake3::platform::Platform;

pub(super) type Preimage = [u8; 128];

const LEAF_TAG: u8 = 0x00;
const FORK_TAG: u8 = 0x01;

/// So many are hashed in one go: a multiple of the widest vector (16), few enough to stay in the first cache.
pub(super) const LANES: usize = 64;

/// LEDGER-1: 0x00, key, commitment, sum (little endian), zeros.
pub(super) fn leaf_preimage(to: &mut Preimage, key: &Key, commitment: &[u8; 32], sum: u128) {
    to[0] = LEAF_TAG;
    to[1..33].copy_from_slice(key);
    to[33..65].copy_from_slice(commitment);
    to[65..81].copy_from_slice(&sum.to_le_bytes());
    to[81..].fill(0);
}

/// LEDGER-2: 0x01, bit (u16 little endian), left hash, left sum, right hash, right sum, zeros.
pub(super) fn fork_preimage(to: &mut Preimage, bit: u8, pair: &Pair) {
    let [left, right] = &pair.0;
    to[0] = FORK_TAG;
    to[1..3].copy_from_slice(&u16::from(bit).to_le_bytes());
    to[3..35].copy_from_slice(&left.hash);
    to[35..51].copy_from_slice(&left.sum.to_le_bytes());
    to[51..83].copy_from_slice(&right.hash);
    to[83..99].copy_from_slice(&right.sum.to_le_bytes());
    to[99..].fill(0);
}

/// One leaf's side.
pub(super) fn leaf_side(leaf: &Leaf) -> Side {
    let mut preimage = [0; 128];
    leaf_preimage(&mut preimage, &leaf.key, &leaf.commitment.0, leaf.sum);
    Side { hash: *blake3::hash(&preimage).as_bytes(), sum: leaf.sum }
}

/// One fork's side; nothing where the sum leaves 128 bits, which only a forged proof's can.
pub(super) fn fork_side(bit: u8, pair: &Pair) -> Option<Side> {
    let mut preimage = [0; 128];
    fork_preimage(&mut preimage, bit, pair);
    Some(Side { hash: *blake3::hash(&preimage).as_bytes(), sum: pair.0[0].sum.checked_add(pair.0[1].sum)? })
}

/// Preimages to be hashed together, and their hashes.
pub(super) struct Lanes {
    pub preimages: [Preimage; LANES],
    hashes: [u8; LANES * 32],
    platform: Platform,
}

impl Lanes {
    pub fn new() -> Self {
        Self { preimages: [[0; 128]; LANES], hashes: [0; LANES * 32], platform: Platform::detect() }
    }

    /// Hashes the first `n` preimages.
    pub fn hash(&mut self, n: usize) {
        let mut inputs = [&self.preimages[0]; LANES];
        for (input, preimage) in inputs.iter_mut().zip(&self.preimages).take(n) {
            *input = preimage;
        }
        many(&self.platform, &inputs[..n], &mut self.hashes[..n * 32]);
    }

    /// The hash of the preimage of this lane.
    pub fn get(&self, lane: usize) -> [u8; 32] {
        let mut hash = [0; 32];
        hash.copy_from_slice(&self.hashes[lane * 32..lane * 32 + 32]);
        hash
    }
}

/// The initial chaining value (BLAKE3 paper, table 1).
const IV: [u32; 8] = [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];
const CHUNK_START: u8 = 1;
const CHUNK_END: u8 = 2;
const ROOT: u8 = 8;

/// Each input is one whole chunk that is the root as well: its chaining value is its hash.
fn many(platform: &Platform, inputs: &[&Preimage], out: &mut [u8]) {
    platform.hash_many(inputs, &IV, 0, IncrementCounter::No, 0, CHUNK_START, CHUNK_END | ROOT, out);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// On this machine's vectors, and on the portable code.
    #[test]
    fn many_at_once_is_plain_blake3() {
        let preimages: Vec<Preimage> = (0..LANES).map(|i| std::array::from_fn(|j| (i * 131 + j * 7) as u8)).collect();
        for n in 0..=LANES {
            let inputs: Vec<&Preimage> = preimages[..n].iter().collect();
            for platform in [Platform::detect(), Platform::Portable] {
                let mut out = vec![0; n * 32];
                many(&platform, &inputs, &mut out);
                for (preimage, hash) in preimages.iter().zip(out.chunks(32)) {
                    assert_eq!(hash, blake3::hash(preimage).as_bytes());
                }
            }
        }
    }
}
