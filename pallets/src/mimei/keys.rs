use super::types::{Head, Rights};
use leither_state::Map;
use leither_types::{AccountId, MimeiId};

/// The one head of a MiMei.
pub const HEAD: Map<MimeiId, Head> = Map::new(b"mh");
/// MIMEI-9: what single accounts may, whatever their groups may: (MiMei, the head's generation when it was granted, account). One of another
/// generation says nothing.
pub const GRANT: Map<(MimeiId, u32, AccountId), Rights> = Map::new(b"mg");
/// How often one MiMei refers to another: (from, to).
pub const REFERENCE: Map<(MimeiId, MimeiId), u32> = Map::new(b"mr");
/// An author's MiMeis.
pub const BY_AUTHOR: Map<(AccountId, MimeiId), ()> = Map::new(b"ma");
