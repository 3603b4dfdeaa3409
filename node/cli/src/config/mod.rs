//! The node's settings: `config/node.toml`, variables and flags, read into one [`Config`] and checked whole before anything starts.
//!
//! ```text
//! default  <  config/node.toml  <  LEITHER_RPC_LISTEN=…  <  --set rpc.listen=…  ->  Config  ->  check
//! ```
//! One table (`table.rs`) holds every key with its meaning, unit, default, variable and parser; the commented file that `init` writes,
//! the errors and the parser all come from it. Absent on purpose: what consensus depends on, which stands in the chain's state.

mod check;
mod size;
mod table;
#[cfg(test)]
mod tests;

pub use size::{GIB, parse_size, show_size};
pub use table::{Row, TABLE};

use crate::files;
use multiaddr::Multiaddr;
use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

const FILE_BYTES_MAX: u64 = 1 << 20;
/// Where the content swarm listens, unless it is told.
const SWARM_PORT: u16 = 4806;
/// What every variable of ours begins with.
pub const VARIABLE_PREFIX: &str = "LEITHER_";
/// Variables of ours that are no settings of the node.
const OTHER_VARIABLES: [&str; 3] = [crate::home::HOME_VARIABLE, crate::keys::PASSWORD_VARIABLE, "LEITHER_NODE"];

/// The settings of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// What people call this node.
    pub moniker: String,
    /// The data swarm.
    pub p2p: P2p,
    /// JSON-RPC.
    pub rpc: Rpc,
    /// The gateway.
    pub gateway: Gateway,
    /// The content swarm.
    pub swarm: Swarm,
    /// Content.
    pub storage: Storage,
    /// The address of `/metrics`, `/health` and `/ready`.
    pub metrics_listen: SocketAddr,
    /// The consensus engine's swarm.
    pub consensus: Consensus,
    /// What the node says of itself.
    pub log: Log,
    /// The most bytes that everything under the home may take.
    pub disk_cap: u64,
    /// How a node that is new, or far behind, gets the chain.
    pub sync: SyncMode,
    /// Snapshots of the state.
    pub snapshots: Snapshots,
    /// How many bytes of memory the states of the newest blocks may take, for traces.
    pub trace_memory: u64,
}

/// How a node that is new gets the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyncMode {
    /// A snapshot where that is much shorter than all blocks, or where no peer has all blocks.
    Auto,
    /// Every block from the first.
    Blocks,
    /// A snapshot, also in the place of a database that has fallen too far behind.
    Snapshot,
}

/// Snapshots of the state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshots {
    /// One is written every so many epochs; 0: never.
    pub every_epochs: u32,
    /// So many are kept, the newest.
    pub keep: u32,
}

/// The data swarm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct P2p {
    /// Where it listens, TCP and QUIC.
    pub listen: SocketAddr,
    /// Whom it dials at the start.
    pub peers: Vec<Multiaddr>,
}

/// JSON-RPC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rpc {
    /// Where it listens, HTTP and WebSocket on one port.
    pub listen: SocketAddr,
    /// Accepted `Host` headers, without port.
    pub allowed_hosts: Vec<String>,
    /// Accepted `Origin` headers.
    pub allowed_origins: Vec<String>,
    /// Connections at once.
    pub max_connections: u32,
}

/// The gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gateway {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Below which hosts each root has an origin of its own.
    pub hosts: Vec<String>,
    /// Connections at once.
    pub max_connections: u32,
}

/// The content swarm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Swarm {
    /// Where it listens, TCP and QUIC; nothing: where [`Config::swarm_listen`] says.
    pub listen: Option<SocketAddr>,
    /// Whom it dials at the start, beside those that the chain's peers tell of.
    pub peers: Vec<Multiaddr>,
    /// Under which addresses others reach it, as its owner says.
    pub external: Vec<Multiaddr>,
    /// Its part in the table of who has what.
    pub dht: DhtMode,
    /// Whether it also asks the table of all IPFS nodes.
    pub ipfs: bool,
    /// Who relays for this node where nobody reaches it.
    pub relays: Vec<Multiaddr>,
    /// Whether this node relays for others.
    pub relay: bool,
    /// Connections at once.
    pub connections: u32,
}

/// A node's part in the table of who has what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DhtMode {
    /// It answers others, unless it turns out that nobody reaches it.
    Auto,
    /// It answers others.
    Server,
    /// It only asks.
    Client,
}

/// Content that this node keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Storage {
    /// Bytes of blocks that it may hold.
    pub quota: u64,
    /// Bytes of memory for blocks that were read.
    pub cache: u64,
}

/// The consensus engine's swarm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consensus {
    /// Where it listens.
    pub listen: SocketAddr,
    /// The validators that it stays connected to.
    pub persistent_peers: Vec<Multiaddr>,
}

/// What the node says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// From which level on, overall or a module: `info` or `info,leither_net=debug`.
    pub level: String,
    /// In which form.
    pub format: LogFormat,
}

/// The form of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl Default for Config {
    fn default() -> Self {
        let local = |port| SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
        Self {
            moniker: "leither".into(),
            p2p: P2p { listen: local(4801), peers: Vec::new() },
            rpc: Rpc {
                listen: local(4802),
                allowed_hosts: ["localhost", "127.0.0.1", "[::1]"].map(String::from).to_vec(),
                allowed_origins: Vec::new(),
                max_connections: 128,
            },
            gateway: Gateway { listen: local(4800), hosts: vec!["localhost".into()], max_connections: 1024 },
            swarm: Swarm {
                listen: None,
                peers: Vec::new(),
                external: Vec::new(),
                dht: DhtMode::Auto,
                ipfs: false,
                relays: Vec::new(),
                relay: true,
                connections: 96,
            },
            storage: Storage { quota: 25 * GIB, cache: 32 << 20 },
            metrics_listen: local(4803),
            consensus: Consensus { listen: local(4804), persistent_peers: Vec::new() },
            log: Log { level: "info".into(), format: LogFormat::Text },
            disk_cap: 50 * GIB,
            sync: SyncMode::Auto,
            snapshots: Snapshots { every_epochs: 1, keep: 2 },
            trace_memory: 64 << 20,
        }
    }
}

/// Why settings were refused. Nothing has been started then.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// Which file.
        path: PathBuf,
        /// What the machine said.
        source: std::io::Error,
    },
    /// The file is no TOML.
    #[error("{path} is not valid TOML: {what}")]
    Syntax {
        /// Which file.
        path: PathBuf,
        /// What the parser said.
        what: String,
    },
    /// There is no such key.
    #[error("{origin}: there is no key `{key}`; did you mean `{near}`?")]
    Unknown {
        /// Where it stood.
        origin: String,
        /// What was written.
        key: String,
        /// The nearest key there is.
        near: String,
    },
    /// The value does not fit its key.
    #[error("{origin}: `{key}` {what}")]
    Value {
        /// Where it stood.
        origin: String,
        /// Which key.
        key: &'static str,
        /// What is wrong with it.
        what: String,
    },
    /// A variable of ours is no text.
    #[error("variable {0} is not UTF-8: set it to plain text, or unset it")]
    NotText(String),
    /// Values that do not go together.
    #[error("the settings do not go together: {0}")]
    Relation(String),
}

impl Config {
    /// HOME-2: reads all sources, later over earlier: defaults, the file (absent: none), variables, flags as `(key, value)`.
    pub fn load(
        file: &Path,
        variables: &mut dyn Iterator<Item = (String, String)>,
        flags: &[(String, String)],
    ) -> Result<Self, ConfigError> {
        let mut config = Self::default();
        match files::read_within(file, FILE_BYTES_MAX) {
            Ok(bytes) => {
                let text = String::from_utf8(bytes)
                    .map_err(|_| ConfigError::Syntax { path: file.into(), what: "it is not UTF-8".into() })?;
                config.apply_file(&text, file)?;
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(source) => return Err(ConfigError::Read { path: file.into(), source }),
        }
        for (name, value) in variables.filter(|(name, _)| name.starts_with(VARIABLE_PREFIX)) {
            if OTHER_VARIABLES.contains(&name.as_str()) {
                continue;
            }
            let origin = format!("variable {name}");
            let row = TABLE.iter().find(|row| row.variable() == name).ok_or_else(|| {
                let near = nearest(&name, TABLE.iter().map(Row::variable));
                ConfigError::Unknown { origin: "environment".into(), key: name.clone(), near }
            })?;
            row.apply_text(&mut config, &value, origin)?;
        }
        for (key, value) in flags {
            find(key, "command line")?.apply_text(&mut config, value, "command line".into())?;
        }
        config.check()?;
        Ok(config)
    }

    /// Checks the relations between values; each value alone was checked when it was read.
    pub fn check(&self) -> Result<(), ConfigError> {
        check::check(self).map_err(ConfigError::Relation)
    }

    /// HOME-11: where the content swarm listens: unless it is told, where the data swarm is reached, at port 4806. Whoever opens the one to others
    /// means to be found, and nodes that find one another for the chain alone exchange no content.
    pub fn swarm_listen(&self) -> SocketAddr {
        self.swarm.listen.unwrap_or_else(|| SocketAddr::new(self.p2p.listen.ip(), SWARM_PORT))
    }

    /// The commented file that states these settings: every key, its meaning, unit, default and variable.
    pub fn file_text(&self) -> String {
        table::file_text(self)
    }

    fn apply_file(&mut self, text: &str, path: &Path) -> Result<(), ConfigError> {
        let syntax = |what: String| ConfigError::Syntax { path: path.into(), what };
        let table: toml::Table = text.parse().map_err(|e: toml::de::Error| syntax(said(text, &e)))?;
        let origin = path.display().to_string();
        for (name, value) in &table {
            match value {
                // A section. Its rows are `section.key`; anything deeper is a value of the wrong kind.
                toml::Value::Table(section) if !TABLE.iter().any(|row| row.key == *name) => {
                    if section.is_empty() && !TABLE.iter().any(|row| row.section() == *name) {
                        find(name, &origin)?;
                    }
                    for (key, value) in section {
                        find(&format!("{name}.{key}"), &origin)?.apply(self, value, origin.clone())?;
                    }
                }
                value => find(name, &origin)?.apply(self, value, origin.clone())?,
            }
        }
        Ok(())
    }
}

/// What the parser of TOML says of a file, in one line.
fn said(text: &str, error: &toml::de::Error) -> String {
    let what = error.message().lines().collect::<Vec<_>>().join(", ");
    match error.span().and_then(|span| text.get(..span.start)) {
        Some(before) => format!("line {}: {what}", before.split('\n').count()),
        None => what,
    }
}

/// The settings in an environment: its variables that begin with [`VARIABLE_PREFIX`], as text. What else is there need be none.
pub fn variables(environment: impl Iterator<Item = (OsString, OsString)>) -> Result<Vec<(String, String)>, ConfigError> {
    let ours = |name: &OsString| {
        let other = OTHER_VARIABLES.iter().any(|other| name == *other);
        name.as_encoded_bytes().starts_with(VARIABLE_PREFIX.as_bytes()) && !other
    };
    let text = |(name, value): (OsString, OsString)| {
        let shown = name.to_string_lossy().into_owned();
        name.into_string().and_then(|name| Ok((name, value.into_string()?))).map_err(|_| ConfigError::NotText(shown))
    };
    environment.filter(|(name, _)| ours(name)).map(text).collect()
}

/// HOME-3.
fn find(key: &str, origin: &str) -> Result<&'static Row, ConfigError> {
    TABLE.iter().find(|row| row.key == key).ok_or_else(|| {
        let key: String = key.chars().take(80).collect();
        let near = nearest(&key, TABLE.iter().map(|row| row.key.to_string()));
        ConfigError::Unknown { origin: origin.into(), key, near }
    })
}

fn nearest(word: &str, words: impl Iterator<Item = String>) -> String {
    words.min_by_key(|candidate| strsim::damerau_levenshtein(word, candidate)).unwrap_or_default()
}
