//! Who may address the server. Any web page that a person opens can send requests to this machine: either directly, and then the
//! browser names the page's `Origin`, or under a name of the page's own that was rebound to this address, and then `Host` is that name.

use crate::config::{Config, ConfigError};
use http::header::{HOST, HeaderMap, HeaderValue, ORIGIN};
use http::uri::Uri;
use std::net::SocketAddr;

const LOCAL: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

pub(crate) struct Guard {
    /// Names and the port that must stand with them; nothing: our own or none.
    hosts: Vec<(String, Option<u16>)>,
    origins: Vec<String>,
    port: u16,
}

impl Guard {
    /// `bound` is where the server really listens.
    pub(crate) fn new(config: &Config, bound: SocketAddr) -> Result<Self, ConfigError> {
        let port = bound.port();
        let mut hosts: Vec<_> = LOCAL.iter().map(|name| ((*name).to_owned(), Some(port))).collect();
        let mut origins: Vec<_> = LOCAL.iter().map(|name| format!("http://{name}:{port}")).collect();
        if !bound.ip().is_unspecified() {
            // Addressed by number, nothing can have been rebound.
            let name = SocketAddr::new(bound.ip(), 0).to_string();
            hosts.push((name.trim_end_matches(":0").to_owned(), Some(port)));
        }
        for host in &config.hosts {
            let (name, port) = split(host).ok_or_else(|| ConfigError::Host(host.clone()))?;
            hosts.push((name.to_ascii_lowercase(), port));
        }
        for origin in &config.origins {
            let bad = || ConfigError::Origin(origin.clone());
            let (scheme, host) = origin.split_once("://").ok_or_else(bad)?;
            split(host).filter(|_| matches!(scheme, "http" | "https")).ok_or_else(bad)?;
            origins.push(origin.to_ascii_lowercase());
        }
        Ok(Self { hosts, origins, port })
    }

    /// The origin to answer in CORS headers, if a page calls that may; a sentence for whoever may not.
    pub(crate) fn check(&self, headers: &HeaderMap, uri: &Uri) -> Result<Option<HeaderValue>, String> {
        // RPC-2
        let mut hosts = headers.get_all(HOST).iter();
        let host = hosts.next().and_then(|value| value.to_str().ok()).unwrap_or_default();
        let named_twice = hosts.next().is_some() || uri.authority().is_some_and(|a| !a.as_str().eq_ignore_ascii_case(host));
        if named_twice || !self.is_host(host) {
            let shown: String = host.chars().take(80).collect();
            return Err(format!(
                "This server is not known as `{shown}`: address it as 127.0.0.1:{}, or add the name to rpc.allowed_hosts in node.toml.\n",
                self.port
            ));
        }
        // RPC-3
        let mut origins = headers.get_all(ORIGIN).iter();
        let Some(origin) = origins.next() else { return Ok(None) };
        let allowed = origin.to_str().is_ok_and(|o| self.origins.iter().any(|known| known.eq_ignore_ascii_case(o)));
        if !allowed || origins.next().is_some() {
            let shown: String = String::from_utf8_lossy(origin.as_bytes()).chars().take(80).collect();
            return Err(format!(
                "Pages of `{shown}` may not call this node: add the origin to rpc.allowed_origins in node.toml if it is yours.\n"
            ));
        }
        Ok(Some(origin.clone()))
    }

    fn is_host(&self, host: &str) -> bool {
        let Some((name, port)) = split(host) else { return false };
        self.hosts.iter().any(|(known, known_port)| {
            known.eq_ignore_ascii_case(name)
                && match known_port {
                    Some(known_port) => port == Some(*known_port),
                    None => port.is_none_or(|port| port == self.port),
                }
        })
    }
}

/// `name`, `name:port`, `[v6]` or `[v6]:port`.
fn split(host: &str) -> Option<(&str, Option<u16>)> {
    let after_name = if host.starts_with('[') { host.find(']')? + 1 } else { host.find(':').unwrap_or(host.len()) };
    let (name, rest) = host.split_at_checked(after_name)?;
    let name_is_plain = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._[]:".contains(&b));
    let port = match rest.strip_prefix(':') {
        Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => Some(digits.parse().ok()?),
        Some(_) => return None,
        None if rest.is_empty() => None,
        None => return None,
    };
    name_is_plain.then_some((name, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard() -> Guard {
        let mut config = Config::new(([127, 0, 0, 1], 4802).into());
        config.hosts = vec!["rpc.example.org".into(), "lan.example.org:9000".into()];
        config.origins = vec!["http://localhost:4805".into()];
        Guard::new(&config, config.listen).unwrap()
    }

    fn verdict(host: &str, origin: Option<&str>) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, host.parse().unwrap());
        if let Some(origin) = origin {
            headers.insert(ORIGIN, origin.parse().unwrap());
        }
        guard().check(&headers, &Uri::from_static("/")).is_ok()
    }

    #[test]
    fn only_known_names_with_the_right_port_are_let_in() {
        for host in
            ["127.0.0.1:4802", "localhost:4802", "LOCALHOST:4802", "[::1]:4802", "rpc.example.org", "rpc.example.org:4802"]
        {
            assert!(verdict(host, None), "{host}");
        }
        assert!(verdict("lan.example.org:9000", None));
        let strangers =
            ["evil.example:4802", "127.0.0.1", "localhost:80", "localhost.evil.example:4802", "lan.example.org", "", ":4802"];
        for host in strangers {
            assert!(!verdict(host, None), "{host}");
        }
        assert!(!verdict("[::1", None) && !verdict("localhost:4802:4802", None) && !verdict("localhost:+4802", None));
    }

    #[test]
    fn a_page_gets_in_only_from_a_known_origin() {
        assert!(verdict("localhost:4802", Some("http://localhost:4805")));
        assert!(verdict("localhost:4802", Some("http://127.0.0.1:4802")));
        for origin in
            ["null", "http://evil.example", "http://localhost:4800", "https://localhost:4805", "http://localhost:48055", ""]
        {
            assert!(!verdict("localhost:4802", Some(origin)), "{origin}");
        }
    }

    #[test]
    fn a_second_host_and_another_authority_are_refused() {
        let mut headers = HeaderMap::new();
        headers.append(HOST, HeaderValue::from_static("localhost:4802"));
        assert!(guard().check(&headers, &Uri::from_static("http://evil.example:4802/")).is_err());
        headers.append(HOST, HeaderValue::from_static("evil.example"));
        assert!(guard().check(&headers, &Uri::from_static("/")).is_err());
    }

    #[test]
    fn settings_that_are_no_host_or_origin_are_refused() {
        let with = |hosts: &[&str], origins: &[&str]| {
            let mut config = Config::new(([127, 0, 0, 1], 4802).into());
            config.hosts = hosts.iter().map(|h| (*h).to_owned()).collect();
            config.origins = origins.iter().map(|o| (*o).to_owned()).collect();
            Guard::new(&config, config.listen).is_ok()
        };
        assert!(with(&["a.b"], &["https://a.b"]));
        assert!(
            !with(&["http://a.b"], &[])
                && !with(&["a b"], &[])
                && !with(&[], &["a.b"])
                && !with(&[], &["http://a.b/"])
                && !with(&[], &["*"])
        );
    }
}
