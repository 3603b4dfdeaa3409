use std::net::SocketAddr;
use std::time::Duration;

/// How fast one address may call: a bucket that holds `burst` units and is refilled with `per_second`. A plain call takes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Units a second in the long run.
    pub per_second: u32,
    /// Units at once after a pause.
    pub burst: u32,
}

/// The server's settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Where to listen.
    pub listen: SocketAddr,
    /// Names under which clients may address the server, beside this machine's own: `host` or `host:port`.
    pub hosts: Vec<String>,
    /// Web pages that may call, beside those that this very address serves: `http://localhost:4805`.
    pub origins: Vec<String>,
    /// Connections at one time.
    pub connections_max: usize,
    /// Connections at one time from one address other than this machine.
    pub connections_per_ip_max: usize,
    /// Subscriptions on one connection.
    pub subscriptions_max: u32,
    /// Calls in one JSON-RPC batch.
    pub batch_max: u32,
    /// Unanswered calls on one connection.
    pub calls_max: usize,
    /// A request's bytes.
    pub body_bytes_max: u32,
    /// An answer's bytes.
    pub response_bytes_max: u32,
    /// How long a query may take (`tx_wait` has its own time).
    pub query_timeout: Duration,
    /// How long a client may leave what was sent to it unread, its request unfinished or its connection idle.
    pub idle_timeout: Duration,
    /// How many pulses a subscriber may fall behind before pulses are left out.
    pub behind_max: u64,
    /// How fast one address may call; nothing: as it likes.
    pub rate: Option<Rate>,
    /// How fast this machine's own programs may call; nothing: as they like.
    pub rate_loopback: Option<Rate>,
}

/// Why settings cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A limit of nothing.
    #[error("the limit `{0}` of the RPC server is 0, so that nothing could be answered: set it to 1 or more")]
    Zero(&'static str),
    /// Not a host.
    #[error("`{0}` in rpc.allowed_hosts is no host: expected `name` or `name:port`")]
    Host(String),
    /// Not an origin.
    #[error("`{0}` in rpc.allowed_origins is no origin: expected `http://name:port` or `https://name` without a path")]
    Origin(String),
}

impl Config {
    /// RPC-5, RPC-6: the standard settings for this address.
    pub fn new(listen: SocketAddr) -> Self {
        Self {
            listen,
            hosts: Vec::new(),
            origins: Vec::new(),
            connections_max: 100,
            connections_per_ip_max: 32,
            subscriptions_max: 16,
            batch_max: 100,
            calls_max: 256,
            body_bytes_max: 2 * 1024 * 1024,
            response_bytes_max: 10 * 1024 * 1024,
            query_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(30),
            behind_max: 64,
            rate: Some(Rate { per_second: 1_000, burst: 5_000 }),
            rate_loopback: None,
        }
    }

    /// Whether the settings can work.
    pub fn check(&self) -> Result<(), ConfigError> {
        let limits = [
            ("connections_max", self.connections_max as u64),
            ("connections_per_ip_max", self.connections_per_ip_max as u64),
            ("batch_max", u64::from(self.batch_max)),
            ("calls_max", self.calls_max as u64),
            ("body_bytes_max", u64::from(self.body_bytes_max)),
            ("response_bytes_max", u64::from(self.response_bytes_max)),
            ("query_timeout", self.query_timeout.as_millis() as u64),
            ("idle_timeout", self.idle_timeout.as_millis() as u64),
            ("behind_max", self.behind_max),
        ];
        for (name, value) in limits {
            if value == 0 {
                return Err(ConfigError::Zero(name));
            }
        }
        for rate in [self.rate, self.rate_loopback].into_iter().flatten() {
            if rate.per_second == 0 || rate.burst == 0 {
                return Err(ConfigError::Zero("rate"));
            }
        }
        Ok(())
    }
}
