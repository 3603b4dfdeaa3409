//! NET-2: a message is the SCALE form of a list of signed transactions. Each is encoded once, when it joins the batch.

use leither_types::{DecodeError, List, SignedTx, TX_BYTES_MAX, decode_within};
use parity_scale_codec::{Compact, Encode};

/// A message is no longer than this.
pub const BATCH_BYTES_MAX: usize = 256 * 1024;
/// A message holds no more transactions than this.
pub const BATCH_TXS_MAX: usize = 2_048;

/// The list's length takes at most four bytes.
const ITEMS_BYTES_MAX: usize = BATCH_BYTES_MAX - 4;

/// Transactions on their way out.
#[derive(Default)]
pub struct Batch {
    items: Vec<u8>,
    count: u32,
}

impl Batch {
    /// Adds a transaction; gives back the message that had to go first because both do not fit. What is too long for any message is
    /// left out.
    pub fn push(&mut self, tx: &SignedTx) -> Option<Vec<u8>> {
        let start = self.items.len();
        tx.encode_to(&mut self.items);
        let len = self.items.len() - start;
        if len > TX_BYTES_MAX {
            self.items.truncate(start);
            return None;
        }
        if self.items.len() <= ITEMS_BYTES_MAX && (self.count as usize) < BATCH_TXS_MAX {
            self.count += 1;
            return None;
        }
        let last = self.items.split_off(start);
        let full = self.take();
        self.items = last;
        self.count = 1;
        full
    }

    /// The message, if there is anything to say.
    pub fn take(&mut self) -> Option<Vec<u8>> {
        if self.is_empty() {
            return None;
        }
        let mut message = Compact(std::mem::take(&mut self.count)).encode();
        message.append(&mut self.items);
        Some(message)
    }

    /// Whether there is nothing to say.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }
}

/// Why a message is refused.
#[derive(Debug, thiserror::Error)]
pub enum BadMessage {
    /// No list of transactions.
    #[error(transparent)]
    Form(#[from] DecodeError),
    /// Nothing in it.
    #[error("an empty batch")]
    Empty,
    /// One transaction is longer than a transaction may be.
    #[error("a transaction of more than {TX_BYTES_MAX} bytes")]
    TxTooLong,
}

/// Reads a message.
pub fn read(message: &[u8]) -> Result<Vec<SignedTx>, BadMessage> {
    let txs = decode_within::<List<SignedTx, BATCH_TXS_MAX>>(message, BATCH_BYTES_MAX)?.into_vec();
    if txs.is_empty() {
        return Err(BadMessage::Empty);
    }
    // Only a message longer than one transaction may be can hold one that is too long.
    if message.len() > TX_BYTES_MAX && txs.iter().any(|tx| tx.encoded_size() > TX_BYTES_MAX) {
        return Err(BadMessage::TxTooLong);
    }
    Ok(txs)
}
