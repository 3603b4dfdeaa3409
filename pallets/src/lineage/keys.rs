use super::{PASTS_MAX, Past};
use leither_state::Item;
use leither_types::List;

/// The chains that this one goes on from, the oldest first.
pub const PASTS: Item<List<Past, PASTS_MAX>> = Item::new(b"lp");
