use super::{KeyPath, Role, Words};
use leither_types::{AccountId, SecretKey};
use std::sync::OnceLock;

/// KEY-13. The words of every dev chain. They are public: whatever they own on another chain, anybody owns.
pub const DEV_WORDS: &str =
    "test test test test test test test test test test test test test test test test test test test test test test test ladder";

/// The ten accounts of a dev chain, by the index of their path.
pub const DEV_NAMES: [&str; 10] = ["alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi", "ivan", "judy"];

/// The secret key of a dev account; nothing where no dev account has this name.
pub fn dev_account(name: &str) -> Option<SecretKey> {
    let index = DEV_NAMES.iter().position(|n| *n == name)?;
    dev_key(Role::Wallet, u32::try_from(index).ok()?)
}

/// Any key of the public words: the wallets by [`dev_account`], consensus and node keys of dev nodes by their number.
pub fn dev_key(role: Role, index: u32) -> Option<SecretKey> {
    // The words cost 2048 rounds of hashing to turn into a seed, so they are parsed once; the key is derived at each call.
    static WORDS: OnceLock<Option<Words>> = OnceLock::new();
    let words = WORDS.get_or_init(|| Words::parse(DEV_WORDS).ok()).as_ref()?;
    Some(words.key("", KeyPath { account: 0, role, index }))
}

/// The dev account's name, where `account` is one: such accounts have no place on another chain.
pub fn dev_name(account: &AccountId) -> Option<&'static str> {
    static ACCOUNTS: OnceLock<Vec<(AccountId, &'static str)>> = OnceLock::new();
    let all = ACCOUNTS.get_or_init(|| {
        DEV_NAMES.iter().filter_map(|name| Some((AccountId::of_key(&dev_account(name)?.public()), *name))).collect()
    });
    all.iter().find(|(id, _)| id == account).map(|(_, name)| *name)
}
