//! Private content: closed on its author's machine before it becomes blocks, and opened on its reader's. Rules and bytes: `spec/private.md`.
//!
//! ```text
//! tree key --derive--> keys for files, names, links, directories, the head
//! file       -> id = keyed hash of what is in it -> id, segments of 64 KiB under a key made of id      equal files, equal bytes
//! name       -> keyed hash of (id of what it names, name) -> that hash and the name, masked, in base32  content and name hang together
//! directory  -> id = keyed hash of its closed names                                                     nothing added, nothing left out
//! root       -> `.leither-private`: id of the root, and the tree key wrapped for each reader
//! ```
//! | module | holds |
//! |---|---|
//! | `key` | the tree key, what is derived from it, and how a reader gets it |
//! | `file` | files: read twice, sizes, segments |
//! | `name` | names, links, directories |
//! | `head` | `.leither-private` |
//!
//! Pure over bytes: no disk, no clock, and chance is handed in. Absent on purpose: hiding how many files there are, who reads, and when.

mod file;
mod head;
mod key;
mod name;
#[cfg(test)]
mod tests;

pub use file::{Known, Opening, SEGMENT_BYTES, Sealing, padded};
pub use head::{HEAD_BYTES_MAX, HEAD_NAME, Head, READERS_MAX, Seal};
pub use key::TreeKey;
pub use name::{Name, SealedName};

/// What something is known by among those who have the tree key: a keyed hash of all that is in it.
pub type Id = [u8; 32];

/// Why something was not closed or not opened. Each says what to do next.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// PRIVATE-1 to PRIVATE-4
    #[error("{0} was changed after it was sealed, or moved from another place; get it from another node, or ask its author")]
    Altered(&'static str),
    /// Not of a form that anything has.
    #[error("{0} is not of the form of sealed content; it was damaged, or written by another program")]
    Form(&'static str),
    /// A later version of the format.
    #[error("the content was sealed by a newer leither (format {0}); install the newer one")]
    Newer(u8),
    /// PRIVATE-5
    #[error("none of your keys is among the {0} readers of this content; ask its owner for `leither mimei readers … add`")]
    NotReader(usize),
    /// PRIVATE-5
    #[error(
        "the tree key that was wrapped for this reader is another one than the content was sealed with; ask its owner to seal it anew"
    )]
    WrongKey,
    /// A key that nothing can be wrapped for.
    #[error("the key {0} is no point that a secret can be shared with; use another account")]
    WeakReader(leither_types::PublicKey),
    /// PRIVATE-5
    #[error("private content has at most {READERS_MAX} readers; let some of them share an account")]
    TooManyReaders,
    /// Beyond a bound.
    #[error("{0}; shorten it")]
    TooLong(&'static str),
    /// What is written to.
    #[error("cannot write what was opened: {0}")]
    Out(std::io::Error),
}
