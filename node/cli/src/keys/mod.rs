//! Keys: 24 words, what is derived from them, and the files that hold them. Rules and formats: `spec/keys.md`.
//!
//! ```text
//! Words (BIP-39) -> 64-byte seed -> SLIP-0010 m/44'/7107688'/account'/role'/index' -> SecretKey
//! Keyring: <home>/keys/<name>.json         wallet keys, encrypted (or, for development, not)
//! plain:   validator/consensus_key.json    the consensus key, mode 0600
//!          config/node_key                 the node key, mode 0600
//! ```
//! The three keys are three: a node that is broken into gives away no tokens. Absent on purpose: hardware wallets and remote
//! signers; the double-sign guard, which lives beside the consensus key in node/engine.

mod bundle;
mod derive;
mod dev;
mod error;
mod keystore;
mod password;
mod plain;
mod ring;
#[cfg(test)]
mod tests;

pub use bundle::Bundle;
pub use derive::{COIN, KeyPath, Role, Words};
pub use dev::{DEV_NAMES, DEV_WORDS, dev_account, dev_key, dev_name};
pub use error::KeyError;
pub use keystore::ScryptCost;
pub use password::{PASSWORD_VARIABLE, Password, PasswordSource};
pub use plain::{Purpose, create_node_key, load_node_key, random_node_key, write_node_key};
pub use ring::{Backend, Entry, KEYS_MAX, Keyring, Listed, Lock, is_name};
