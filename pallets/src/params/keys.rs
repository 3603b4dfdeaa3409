use leither_state::Item;
use leither_types::{Amount, Params};

pub const PARAMS: Item<Params> = Item::new(b"pp");
pub const BASE_FEE: Item<Amount> = Item::new(b"pf");
