use leither_types::{AccountId, SecretKey, Text, tagged};

/// Who is funded at genesis.
pub const NAMES: [&str; 10] = ["alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi", "ivan", "judy"];

/// Everybody's key follows from the name; any name has one, funded or not.
pub fn key(name: &str) -> SecretKey {
    SecretKey::from_seed(&tagged("leither/harness-key/v1", &[name.as_bytes()]).0)
}

/// The account of that key.
pub fn account(name: &str) -> AccountId {
    AccountId::of_key(&key(name).public())
}

/// A bounded text; the test's own text fits.
pub fn text<const MAX: usize>(text: &str) -> Text<MAX> {
    Text::new(text).expect("the test's text is short enough")
}
