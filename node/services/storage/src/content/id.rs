//! Content ids as the chain records them. The fuzzer compiles this file, too.

use cid::Cid;
use leither_types::{Blob, ContentId};

/// The binary form that the chain records. None of ours is too long for it.
pub fn content_id(cid: &Cid) -> Option<ContentId> {
    Blob::new(cid.to_bytes()).map(ContentId)
}

/// CONTENT-8: the text form that IPFS tools read; nothing where the bytes are no content id.
pub fn cid_of(id: &ContentId) -> Option<Cid> {
    let cid = Cid::try_from(&id.0[..]).ok()?;
    // Trailing bytes or a padded length would be a second form of the same id.
    (cid.to_bytes() == id.0[..]).then_some(cid)
}
