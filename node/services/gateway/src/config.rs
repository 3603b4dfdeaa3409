//! What a node's owner may set.

use std::time::Duration;

/// Settings, checked as a whole by [`Config::check`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// GW-2: hosts below which each root has an origin of its own, lower case, without port: `localhost` stands for `<cid>.ipfs.localhost`.
    pub hosts: Vec<String>,
    /// GW-13: connections at once; who comes later hears 503. One address has a quarter of them.
    pub connections_max: usize,
    /// GW-13: blocks that are looked at, at once, over all answers.
    pub blocks_max: usize,
    /// GW-13: bytes of blocks that stay in memory, those that were asked for lately; 0 for none.
    pub cache_bytes: usize,
    /// GW-13: CARs at once: each remembers what it has given.
    pub cars_max: usize,
    /// GW-15: blocks that are not here and do not come, which one address may ask for at once; one more each second.
    pub misses_max: u32,
    /// GW-13: how long a reader may take for [`PROGRESS_BYTES`], and a request for its headers.
    pub patience: Duration,
    /// How long one block is waited for.
    pub block_wait: Duration,
    /// GW-10: entries on a page of a directory.
    pub page_entries: usize,
    /// GW-8: how long an answer for a version that may move is kept by others.
    pub head_age: Duration,
}

/// GW-13: what a reader has to take within the patience.
pub const PROGRESS_BYTES: usize = 16 * 1024;

impl Default for Config {
    fn default() -> Self {
        Self {
            hosts: vec!["localhost".into()],
            connections_max: 1024,
            blocks_max: 32,
            cache_bytes: 32 << 20,
            cars_max: 16,
            misses_max: 64,
            patience: Duration::from_secs(20),
            block_wait: Duration::from_secs(30),
            page_entries: 1000,
            head_age: Duration::from_secs(1),
        }
    }
}

/// A setting that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the gateway's setting {key} is refused: {why}")]
pub struct ConfigError {
    /// Which.
    pub key: &'static str,
    /// Why.
    pub why: &'static str,
}

impl Config {
    /// Whether a gateway can run so.
    pub fn check(&self) -> Result<(), ConfigError> {
        let refuse = |key, why| Err(ConfigError { key, why });
        let label = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'.');
        if self.hosts.iter().any(|host| host.is_empty() || host.len() > 190 || !host.bytes().all(label)) {
            return refuse("hosts", "a host is a name in lower case, without scheme, port and path");
        }
        if !(1..=65_536).contains(&self.connections_max) {
            return refuse("connections_max", "from 1 to 65536");
        }
        if !(1..=4096).contains(&self.blocks_max) {
            return refuse("blocks_max", "from 1 to 4096; each may be 2 MiB");
        }
        if !(1..=256).contains(&self.cars_max) {
            return refuse("cars_max", "from 1 to 256");
        }
        // A CAR may hold one block while it waits for the next; with as many CARs as places they would wait for each other.
        if self.blocks_max <= self.cars_max {
            return refuse("blocks_max", "more than cars_max");
        }
        if self.misses_max == 0 {
            return refuse("misses_max", "at least 1");
        }
        if self.patience.is_zero() || self.block_wait.is_zero() {
            return refuse("patience, block_wait", "more than nothing");
        }
        if !(1..=10_000).contains(&self.page_entries) {
            return refuse("page_entries", "from 1 to 10000");
        }
        Ok(())
    }
}
