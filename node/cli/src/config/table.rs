use super::{Config, ConfigError, DhtMode, LogFormat, SyncMode, VARIABLE_PREFIX, parse_size, show_size};
use multiaddr::{Multiaddr, Protocol};
use std::net::SocketAddr;
use toml::Value;

const PEERS_MAX: usize = 256;
const NAMES_MAX: usize = 64;
const TEXT_MAX: usize = 255;
const TRACE_MEMORY_MAX: u64 = 16 << 30;
/// More no home router carries.
const SWARM_CONNECTIONS_MAX: i64 = 4_096;
/// Fewer find nobody.
const SWARM_CONNECTIONS_MIN: i64 = 8;
/// Addresses under which a node is reached.
const EXTERNAL_MAX: usize = 8;
/// The longest host of the gateway: a label of an id still fits before it.
const GATEWAY_HOST_MAX: usize = 190;
const STORAGE_QUOTA_MIN: u64 = 1 << 20;
const STORAGE_QUOTA_MAX: u64 = 1 << 50;
const STORAGE_CACHE_MIN: u64 = 1 << 20;
const STORAGE_CACHE_MAX: u64 = 16 << 30;

/// One key of the settings.
pub struct Row {
    /// As it stands in the file: `key`, or `section.key`.
    pub key: &'static str,
    /// What it decides.
    pub about: &'static str,
    /// In what it is measured, or which form it has.
    pub unit: &'static str,
    /// Whether it is a list: variables and flags separate its items by commas.
    list: bool,
    /// The value as TOML.
    show: fn(&Config) -> Value,
    /// Takes the value over, or says what is wrong with it.
    set: fn(&mut Config, &Value) -> Result<(), String>,
}

/// Every key there is, in the order of the file; keys without a section first.
pub const TABLE: &[Row] = &[
    Row {
        key: "moniker",
        about: "What people call this node. It decides nothing.",
        unit: "text of at most 64 characters",
        list: false,
        show: |c| Value::from(c.moniker.as_str()),
        set: |c, v| {
            let name = text(v)?;
            if name.is_empty() || name.chars().count() > 64 || name.chars().any(char::is_control) {
                return Err("must be 1 to 64 printable characters".into());
            }
            c.moniker = name.into();
            Ok(())
        },
    },
    Row {
        key: "gateway.listen",
        about: "Where the gateway serves apps and content to browsers.",
        unit: ADDRESS,
        list: false,
        show: |c| address_value(&c.gateway.listen),
        set: |c, v| address(v).map(|a| c.gateway.listen = a),
    },
    Row {
        key: "gateway.hosts",
        about: "Hosts below which each site has an origin of its own: `localhost` stands for <mimei>.mm.localhost and <cid>.ipfs.localhost.",
        unit: "list of host names, without port",
        list: true,
        show: |c| texts_value(&c.gateway.hosts),
        set: |c, v| {
            let hosts: Vec<String> = texts(v, NAMES_MAX)?.into_iter().map(|h| h.to_ascii_lowercase()).collect();
            let fits = |host: &String| {
                !host.is_empty()
                    && host.len() <= GATEWAY_HOST_MAX
                    && host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.'))
            };
            if let Some(bad) = hosts.iter().find(|host| !fits(host)) {
                return Err(format!("has `{bad}`, which is no host name (no scheme, no port, no wildcard)"));
            }
            c.gateway.hosts = hosts;
            Ok(())
        },
    },
    Row {
        key: "gateway.max_connections",
        about: "Connections to the gateway at once; further ones are turned away.",
        unit: "count, 1 to 65535",
        list: false,
        show: |c| Value::from(i64::from(c.gateway.max_connections)),
        set: |c, v| number(v, 1, 65_535).map(|n| c.gateway.max_connections = n as u32),
    },
    Row {
        key: "swarm.listen",
        about: "Where the content swarm listens (blocks of files, who has them), TCP and QUIC. auto: where p2p.listen does, at port 4806.",
        unit: "auto, or address:port",
        list: false,
        show: |c| c.swarm.listen.as_ref().map_or_else(|| Value::from("auto"), address_value),
        set: |c, v| {
            c.swarm.listen = match text(v)? {
                "auto" => None,
                _ => Some(address(v)?),
            };
            Ok(())
        },
    },
    Row {
        key: "swarm.peers",
        about: "Nodes that the content swarm dials at the start. Nodes of this chain find one another without.",
        unit: PEERS,
        list: true,
        show: |c| peers_value(&c.swarm.peers),
        set: |c, v| peers(v).map(|p| c.swarm.peers = p),
    },
    Row {
        key: "swarm.external",
        about: "Addresses under which others reach the content swarm, where it cannot see them itself: a port that a router passes on.",
        unit: "list of at most 8 multiaddresses: /ip4/…/tcp/…",
        list: true,
        show: |c| peers_value(&c.swarm.external),
        set: |c, v| external(v).map(|p| c.swarm.external = p),
    },
    Row {
        key: "swarm.dht",
        about: "The content swarm's part in the table of who has what: server answers others, client only asks, auto answers unless it turns out that nobody reaches this node.",
        unit: "auto, server or client",
        list: false,
        show: |c| {
            Value::from(match c.swarm.dht {
                DhtMode::Auto => "auto",
                DhtMode::Server => "server",
                DhtMode::Client => "client",
            })
        },
        set: |c, v| {
            c.swarm.dht = match text(v)? {
                "auto" => DhtMode::Auto,
                "server" => DhtMode::Server,
                "client" => DhtMode::Client,
                other => return Err(format!("is `{other}`, expected auto, server or client")),
            };
            Ok(())
        },
    },
    Row {
        key: "swarm.ipfs",
        about: "Whether the content swarm also asks the table of all IPFS nodes. It never answers there.",
        unit: TRUTH,
        list: false,
        show: |c| Value::from(c.swarm.ipfs),
        set: |c, v| truth(v).map(|t| c.swarm.ipfs = t),
    },
    Row {
        key: "swarm.relays",
        about: "Nodes that relay to this one where nobody reaches it.",
        unit: PEERS,
        list: true,
        show: |c| peers_value(&c.swarm.relays),
        set: |c, v| peers(v).map(|p| c.swarm.relays = p),
    },
    Row {
        key: "swarm.relay",
        about: "Whether the content swarm relays for others, within bounds.",
        unit: TRUTH,
        list: false,
        show: |c| Value::from(c.swarm.relay),
        set: |c, v| truth(v).map(|t| c.swarm.relay = t),
    },
    Row {
        key: "swarm.connections",
        about: "Connections of the content swarm at once.",
        unit: "count, 8 to 4096",
        list: false,
        show: |c| Value::from(i64::from(c.swarm.connections)),
        set: |c, v| number(v, SWARM_CONNECTIONS_MIN, SWARM_CONNECTIONS_MAX).map(|n| c.swarm.connections = n as u32),
    },
    Row {
        key: "p2p.listen",
        about: "Where the data swarm listens (transactions, blocks, snapshots), TCP and QUIC.",
        unit: ADDRESS,
        list: false,
        show: |c| address_value(&c.p2p.listen),
        set: |c, v| address(v).map(|a| c.p2p.listen = a),
    },
    Row {
        key: "p2p.peers",
        about: "Nodes that the data swarm dials at the start.",
        unit: PEERS,
        list: true,
        show: |c| peers_value(&c.p2p.peers),
        set: |c, v| peers(v).map(|p| c.p2p.peers = p),
    },
    Row {
        key: "rpc.listen",
        about: "Where JSON-RPC listens, HTTP and WebSocket on one port.",
        unit: ADDRESS,
        list: false,
        show: |c| address_value(&c.rpc.listen),
        set: |c, v| address(v).map(|a| c.rpc.listen = a),
    },
    Row {
        key: "rpc.allowed_hosts",
        about: "Host headers that are answered: without this a web page could reach the port by rebinding its name.",
        unit: "list of host names, without port",
        list: true,
        show: |c| texts_value(&c.rpc.allowed_hosts),
        set: |c, v| {
            let hosts = texts(v, NAMES_MAX)?;
            if let Some(bad) = hosts.iter().find(|h| h.is_empty() || h.contains(['/', ' ', '@', '*']) || has_port(h)) {
                return Err(format!("has `{bad}`, which is no host name (no scheme, no port, no wildcard)"));
            }
            c.rpc.allowed_hosts = hosts.into_iter().map(|h| h.to_ascii_lowercase()).collect();
            Ok(())
        },
    },
    Row {
        key: "rpc.allowed_origins",
        about: "Web pages that may call JSON-RPC from a browser, by Origin header. Programs send none and need not be named.",
        unit: "list of origins, like https://wallet.example",
        list: true,
        show: |c| texts_value(&c.rpc.allowed_origins),
        set: |c, v| {
            let origins = texts(v, NAMES_MAX)?;
            let bad = origins.iter().find(|o| !is_origin(o));
            if let Some(bad) = bad {
                return Err(format!("has `{bad}`, which is no origin: write scheme://host[:port] without a path"));
            }
            c.rpc.allowed_origins = origins;
            Ok(())
        },
    },
    Row {
        key: "rpc.max_connections",
        about: "Connections to JSON-RPC at once; further ones are turned away.",
        unit: "count, 1 to 65535",
        list: false,
        show: |c| Value::from(i64::from(c.rpc.max_connections)),
        set: |c, v| number(v, 1, 65_535).map(|n| c.rpc.max_connections = n as u32),
    },
    Row {
        key: "metrics.listen",
        about: "Where /metrics, /health and /ready are.",
        unit: ADDRESS,
        list: false,
        show: |c| address_value(&c.metrics_listen),
        set: |c, v| address(v).map(|a| c.metrics_listen = a),
    },
    Row {
        key: "consensus.listen",
        about: "Where the consensus engine listens, for validators alone.",
        unit: ADDRESS,
        list: false,
        show: |c| address_value(&c.consensus.listen),
        set: |c, v| address(v).map(|a| c.consensus.listen = a),
    },
    Row {
        key: "consensus.persistent_peers",
        about: "The other validators: the engine stays connected to them and to nobody else.",
        unit: PEERS,
        list: true,
        show: |c| peers_value(&c.consensus.persistent_peers),
        set: |c, v| peers(v).map(|p| c.consensus.persistent_peers = p),
    },
    Row {
        key: "log.level",
        about: "From which level on the node logs, overall and by module: info, or info,leither_net=debug.",
        unit: "off, error, warn, info, debug or trace",
        list: false,
        show: |c| Value::from(c.log.level.as_str()),
        set: |c, v| {
            let levels = text(v)?;
            let bad = levels.split(',').find(|part| !is_directive(part));
            if let Some(bad) = bad {
                return Err(format!("has `{bad}`: write a level (off, error, warn, info, debug, trace) or module=level"));
            }
            c.log.level = levels.into();
            Ok(())
        },
    },
    Row {
        key: "log.format",
        about: "The form of the log: text for people, json with one object a line for programs.",
        unit: "text or json",
        list: false,
        show: |c| Value::from(if c.log.format == LogFormat::Json { "json" } else { "text" }),
        set: |c, v| {
            c.log.format = match text(v)? {
                "text" => LogFormat::Text,
                "json" => LogFormat::Json,
                other => return Err(format!("is `{other}`, expected text or json")),
            };
            Ok(())
        },
    },
    Row {
        key: "disk.cap",
        about: "The most that everything under the home directory may take: old blocks go, and when nothing more can go the node stops.",
        unit: "bytes, or a number with KiB, MiB, GiB, TiB; at least 1GiB",
        list: false,
        show: |c| Value::from(show_size(c.disk_cap)),
        set: |c, v| {
            let size = match v {
                Value::Integer(bytes) => u64::try_from(*bytes).ok(),
                other => parse_size(text(other)?),
            };
            c.disk_cap = size.ok_or("is no size: write a number of bytes, or one with a unit like 50GiB")?;
            Ok(())
        },
    },
    Row {
        key: "storage.quota",
        about: "How many bytes of content may be kept here, trash included; what the database adds to each block (some 100 bytes) is not counted. It counts towards disk.cap: content never takes more than eight tenths of that together with all else.",
        unit: "bytes, or a number with KiB, MiB, GiB, TiB; at least 1MiB",
        list: false,
        show: |c| Value::from(show_size(c.storage.quota)),
        set: |c, v| {
            let size = size(v)?.filter(|size| (STORAGE_QUOTA_MIN..=STORAGE_QUOTA_MAX).contains(size));
            c.storage.quota =
                size.ok_or("is no size from 1MiB to 1024TiB: write a number of bytes, or one with a unit like 25GiB")?;
            Ok(())
        },
    },
    Row {
        key: "storage.cache",
        about: "How much memory content that was read may take.",
        unit: "bytes, or a number with KiB, MiB, GiB; 1MiB to 16GiB",
        list: false,
        show: |c| Value::from(show_size(c.storage.cache)),
        set: |c, v| {
            let size = size(v)?.filter(|size| (STORAGE_CACHE_MIN..=STORAGE_CACHE_MAX).contains(size));
            c.storage.cache =
                size.ok_or("is no size from 1MiB to 16GiB: write a number of bytes, or one with a unit like 32MiB")?;
            Ok(())
        },
    },
    Row {
        key: "sync.mode",
        about: "How a node that is new gets the chain: every block, or a snapshot of the state that certificates lead to.",
        unit: "auto, blocks or snapshot",
        list: false,
        show: |c| {
            Value::from(match c.sync {
                SyncMode::Auto => "auto",
                SyncMode::Blocks => "blocks",
                SyncMode::Snapshot => "snapshot",
            })
        },
        set: |c, v| {
            c.sync = match text(v)? {
                "auto" => SyncMode::Auto,
                "blocks" => SyncMode::Blocks,
                "snapshot" => SyncMode::Snapshot,
                other => return Err(format!("is `{other}`, expected auto, blocks or snapshot")),
            };
            Ok(())
        },
    },
    Row {
        key: "snapshots.every_epochs",
        about: "A snapshot of the state is written every so many epochs, and served to who joins; 0: never.",
        unit: "count, 0 to 10000",
        list: false,
        show: |c| Value::from(i64::from(c.snapshots.every_epochs)),
        set: |c, v| number(v, 0, 10_000).map(|n| c.snapshots.every_epochs = n as u32),
    },
    Row {
        key: "snapshots.keep",
        about: "So many snapshots are kept, the newest.",
        unit: "count, 1 to 100",
        list: false,
        show: |c| Value::from(i64::from(c.snapshots.keep)),
        set: |c, v| number(v, 1, 100).map(|n| c.snapshots.keep = n as u32),
    },
    Row {
        key: "trace.memory",
        about: "How much memory the states of the newest blocks may take, so that `leither tx trace` can do their transactions again; 0: none.",
        unit: "bytes, or a number with KiB, MiB, GiB; at most 16GiB",
        list: false,
        show: |c| Value::from(show_size(c.trace_memory)),
        set: |c, v| {
            let size = match v {
                Value::Integer(bytes) => u64::try_from(*bytes).ok(),
                other => parse_size(text(other)?),
            };
            let size = size.filter(|size| *size <= TRACE_MEMORY_MAX);
            c.trace_memory = size.ok_or("is no size up to 16GiB: write a number of bytes, or one with a unit like 64MiB")?;
            Ok(())
        },
    },
];

const ADDRESS: &str = "address:port";
const TRUTH: &str = "true or false";
const PEERS: &str = "list of multiaddresses that end in the peer's id: /ip4/…/tcp/…/p2p/…";

impl Row {
    /// The variable of the same meaning.
    pub fn variable(&self) -> String {
        format!("{VARIABLE_PREFIX}{}", self.key.replace('.', "_").to_ascii_uppercase())
    }

    pub(super) fn section(&self) -> &'static str {
        self.key.split_once('.').map_or("", |(section, _)| section)
    }

    pub(super) fn apply(&self, config: &mut Config, value: &Value, origin: String) -> Result<(), ConfigError> {
        (self.set)(config, value).map_err(|what| ConfigError::Value { origin, key: self.key, what })
    }

    /// From a variable or a flag: the same parser, after giving the text the kind that the key has.
    pub(super) fn apply_text(&self, config: &mut Config, given: &str, origin: String) -> Result<(), ConfigError> {
        let value = if self.list {
            let items = given.split(',').map(str::trim).filter(|item| !item.is_empty());
            Value::Array(items.map(Value::from).collect())
        } else {
            match ((self.show)(config), given.parse::<i64>(), given.parse::<bool>()) {
                (Value::Integer(_), Ok(number), _) => Value::from(number),
                (Value::Boolean(_), _, Ok(truth)) => Value::from(truth),
                _ => Value::from(given),
            }
        };
        self.apply(config, &value, origin)
    }
}

/// HOME-6: the file, section by section.
pub(super) fn file_text(config: &Config) -> String {
    let standard = Config::default();
    let mut out = String::from(
        "# Settings of a Leither node. A flag goes before a variable, a variable before this file, this file before the default.\n\
         # An unknown key is an error. What consensus depends on is not here: it stands in the chain's own state.\n",
    );
    let mut section = "";
    for row in TABLE {
        if row.section() != section {
            section = row.section();
            out.push_str(&format!("\n[{section}]\n"));
        } else {
            out.push('\n');
        }
        let name = row.key.rsplit_once('.').map_or(row.key, |(_, name)| name);
        out.push_str(&format!(
            "# {}\n# Unit: {}. Default: {}. Variable: {}\n",
            row.about,
            row.unit,
            (row.show)(&standard),
            row.variable()
        ));
        out.push_str(&format!("{name} = {}\n", (row.show)(config)));
    }
    out
}

fn text(value: &Value) -> Result<&str, String> {
    let text = value.as_str().ok_or_else(|| format!("must be a text, not {}", kind(value)))?;
    if text.len() > TEXT_MAX { Err(format!("is longer than {TEXT_MAX} bytes")) } else { Ok(text) }
}

fn texts(value: &Value, max: usize) -> Result<Vec<String>, String> {
    let items = value.as_array().ok_or_else(|| format!("must be a list, not {}", kind(value)))?;
    if items.len() > max {
        return Err(format!("has {} items, at most {max} are allowed", items.len()));
    }
    items.iter().map(|item| text(item).map(String::from)).collect()
}

fn texts_value(items: &[String]) -> Value {
    Value::Array(items.iter().map(|item| Value::from(item.as_str())).collect())
}

/// Bytes, or a text with a unit; nothing where it is no size.
fn size(value: &Value) -> Result<Option<u64>, String> {
    Ok(match value {
        Value::Integer(bytes) => u64::try_from(*bytes).ok(),
        other => parse_size(text(other)?),
    })
}

fn number(value: &Value, low: i64, high: i64) -> Result<i64, String> {
    let number = value.as_integer().ok_or_else(|| format!("must be a whole number, not {}", kind(value)))?;
    if (low..=high).contains(&number) { Ok(number) } else { Err(format!("is {number}, expected {low} to {high}")) }
}

fn truth(value: &Value) -> Result<bool, String> {
    value.as_bool().ok_or_else(|| format!("must be true or false, not {}", kind(value)))
}

fn address(value: &Value) -> Result<SocketAddr, String> {
    let text = text(value)?;
    text.parse()
        .map_err(|_| format!("is `{text}`, expected an address and a port, like 127.0.0.1:4802 or [::1]:4802"))
}

fn address_value(address: &SocketAddr) -> Value {
    Value::from(address.to_string())
}

fn peers(value: &Value) -> Result<Vec<Multiaddr>, String> {
    let read = |text: String| {
        let address: Multiaddr = text.parse().map_err(|e| format!("has `{text}`, which is no multiaddress ({e})"))?;
        match address.iter().last() {
            // HOME-7
            Some(Protocol::P2p(_)) => Ok(address),
            _ => Err(format!("has `{text}`, which does not end in /p2p/ and the peer's id: without it anybody could answer")),
        }
    };
    texts(value, PEERS_MAX)?.into_iter().map(read).collect()
}

/// Addresses of this node itself; a name behind them may be left out.
fn external(value: &Value) -> Result<Vec<Multiaddr>, String> {
    let read = |text: String| text.parse::<Multiaddr>().map_err(|e| format!("has `{text}`, which is no multiaddress ({e})"));
    texts(value, EXTERNAL_MAX)?.into_iter().map(read).collect()
}

fn peers_value(peers: &[Multiaddr]) -> Value {
    Value::Array(peers.iter().map(|peer| Value::from(peer.to_string())).collect())
}

/// `host:8080`, but not `[::1]`.
fn has_port(host: &str) -> bool {
    if host.starts_with('[') { !host.ends_with(']') } else { host.contains(':') }
}

fn is_origin(text: &str) -> bool {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    host.is_some_and(|h| !h.is_empty() && !h.contains(['/', ' ', '@', '*', '?', '#']))
}

fn is_directive(part: &str) -> bool {
    let (module, level) = part.split_once('=').unwrap_or(("", part));
    let named = module.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == ':');
    named && matches!(level, "off" | "error" | "warn" | "info" | "debug" | "trace") && (part == level || !module.is_empty())
}

const fn kind(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "a text",
        Value::Integer(_) | Value::Float(_) => "a number",
        Value::Boolean(_) => "true or false",
        Value::Datetime(_) => "a date",
        Value::Array(_) => "a list",
        Value::Table(_) => "a section",
    }
}
