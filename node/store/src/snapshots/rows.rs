//! What a chunk is made of: rows, each kind, key and value, one behind the other, in the order of kind and key.

use super::CHUNK_BYTES_MAX;
use parity_scale_codec::{Decode, Encode};

/// The kind of a row that is a leaf of a balance tree: token and holder -> holding.
pub const HOLDING: u8 = 0;
/// The kind of a row that is a record.
pub const RECORD: u8 = 1;
/// The kind of a row that is a version of a MiMei: MiMei and number -> what its block said of it. In snapshots of version 2 alone.
pub const VERSION: u8 = 2;
/// The length of every row of the first kind: kind, 40 bytes of key and 72 of value with their lengths.
pub const HOLDING_BYTES: u128 = 1 + (1 + 40) + (2 + 72);
/// The shortest row of another kind: kind and two lengths.
pub const RECORD_BYTES_MIN: u128 = 1 + 1 + 1;
/// The longest: 256 bytes of key, 65,536 of value.
pub const RECORD_BYTES_MAX: u128 = 1 + (2 + 256) + (4 + 65_536);

/// From this length on a chunk ends where the rows say so.
const CHUNK_BYTES_MIN: usize = CHUNK_BYTES_MAX / 4;
/// One row in so many may end a chunk.
const ROWS_A_CUT: u16 = 2048;

/// Cuts rows into chunks. Where a cut falls depends on the keys near it alone, so that a row more or less in one chunk leaves the others
/// as they are, and the next snapshot can share them.
#[derive(Default)]
pub struct Cutter(Vec<u8>);

impl Cutter {
    /// Adds a row; gives the chunk that is full.
    pub fn push(&mut self, kind: u8, key: &[u8], value: &[u8]) -> Option<Vec<u8>> {
        let row = (kind, key, value).encode();
        let is_full = self.0.len() + row.len() > CHUNK_BYTES_MAX;
        let full = is_full.then(|| std::mem::take(&mut self.0));
        self.0.extend_from_slice(&row);
        if full.is_none() && self.0.len() >= CHUNK_BYTES_MIN && may_end_with(key) {
            return self.last();
        }
        full
    }

    /// The rows that are left.
    pub fn last(&mut self) -> Option<Vec<u8>> {
        (!self.0.is_empty()).then(|| std::mem::take(&mut self.0))
    }
}

fn may_end_with(key: &[u8]) -> bool {
    let [a, b, ..] = *blake3::hash(key).as_bytes();
    u16::from_le_bytes([a, b]) % ROWS_A_CUT == 0
}

/// A row as it was written.
pub type Row = (u8, Vec<u8>, Vec<u8>);

/// The rows of a chunk.
pub struct Rows<'a>(pub &'a [u8]);

impl Iterator for Rows<'_> {
    type Item = Result<Row, &'static str>;

    fn next(&mut self) -> Option<Self::Item> {
        let before = self.0.len();
        if before == 0 {
            return None;
        }
        let row = match Row::decode(&mut self.0) {
            Ok(row) => row,
            Err(_) => {
                self.0 = &[];
                return Some(Err("it ends within a row"));
            }
        };
        // A length has one short form, and each longer one takes more bytes.
        let is_canonical = row.encoded_size() == before - self.0.len();
        Some(if is_canonical { Ok(row) } else { Err("a length is not written in the short form") })
    }
}
