use hyper::Uri;
use hyper::header::{HOST, HeaderMap, ORIGIN};
use hyper::http::uri::Authority;
use std::net::IpAddr;

/// WATCH-2: who may address the server. A web page reaches this machine under a name that it rebound to it; a number cannot be
/// rebound, and other names are known.
pub(super) struct Hosts {
    names: Vec<String>,
    port: u16,
}

impl Hosts {
    /// `names` as in `rpc.allowed_hosts`; `port` where the server really listens.
    pub(super) fn new(names: &[String], port: u16) -> Self {
        let names = std::iter::once("localhost").chain(names.iter().map(String::as_str));
        Self { names: names.map(str::to_ascii_lowercase).collect(), port }
    }

    /// A sentence for whoever may not.
    pub(super) fn check(&self, headers: &HeaderMap, uri: &Uri) -> Result<(), String> {
        let mut hosts = headers.get_all(HOST).iter();
        let host = hosts.next().and_then(|value| value.to_str().ok()).unwrap_or_default();
        let named_twice = hosts.next().is_some() || uri.authority().is_some_and(|a| !a.as_str().eq_ignore_ascii_case(host));
        if named_twice || !self.is_known(host) {
            let shown: String = host.chars().take(80).collect();
            return Err(format!(
                "This node is not known as `{shown}`: address it by number and port {}, or add the name to rpc.allowed_hosts in node.toml.\n",
                self.port
            ));
        }
        // Only a page of somewhere else sends one with a plain question, and none has business here.
        if headers.contains_key(ORIGIN) {
            return Err("Web pages may not read this: ask with a program, like curl or Prometheus.\n".into());
        }
        Ok(())
    }

    fn is_known(&self, host: &str) -> bool {
        let Some(authority) = host.parse::<Authority>().ok().filter(|_| !host.contains('@')) else { return false };
        let (name, port) = (authority.host(), authority.port_u16());
        if port.is_none() && name.len() != host.len() {
            return false;
        }
        let number = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(name);
        if number.parse::<IpAddr>().is_ok() {
            return true;
        }
        port.is_none_or(|port| port == self.port) && self.names.iter().any(|known| known.eq_ignore_ascii_case(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::HeaderValue;

    fn is_let_in(pairs: &[(&'static str, &'static str)], uri: &'static str) -> bool {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_static(value));
        }
        Hosts::new(&["Mill.example.org".into()], 4803).check(&headers, &Uri::from_static(uri)).is_ok()
    }

    /// WATCH-2.
    #[test]
    fn only_numbers_and_known_names_are_let_in() {
        let known =
            ["127.0.0.1:4803", "10.0.0.7:9000", "[::1]:4803", "[::1]", "localhost:4803", "LOCALHOST", "mill.example.org:4803"];
        for host in known {
            assert!(is_let_in(&[("host", host)], "/metrics"), "{host}");
        }
        let strangers = [
            "evil.example:4803",
            "localhost:80",
            "localhost.evil.example:4803",
            "127.0.0.1.evil.example:4803",
            "",
            ":4803",
            "localhost:",
            "localhost:port",
            "me@localhost:4803",
            "[::1",
            "mill.example.org:80",
        ];
        for host in strangers {
            assert!(!is_let_in(&[("host", host)], "/metrics"), "{host}");
        }
        assert!(!is_let_in(&[], "/metrics"));
    }

    /// WATCH-2.
    #[test]
    fn a_page_a_second_host_and_another_authority_are_refused() {
        assert!(!is_let_in(&[("host", "localhost:4803"), ("origin", "http://localhost:4803")], "/metrics"));
        assert!(!is_let_in(&[("host", "localhost:4803"), ("host", "evil.example")], "/metrics"));
        assert!(!is_let_in(&[("host", "localhost:4803")], "http://evil.example/metrics"));
        assert!(is_let_in(&[("host", "localhost:4803")], "http://localhost:4803/metrics"));
    }
}
