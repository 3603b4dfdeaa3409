use leither_state::Item;
use leither_types::ValidatorSet;

/// Who votes on the next block.
pub const SET: Item<ValidatorSet> = Item::new(b"sv");
