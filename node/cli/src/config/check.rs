use super::Config;
use std::net::SocketAddr;

/// Less holds no chain for long.
const DISK_CAP_MIN: u64 = super::GIB;
/// No file system of today holds more.
const DISK_CAP_MAX: u64 = 1 << 60;

/// HOME-5: what must hold between values. Says the first thing that does not.
pub(super) fn check(config: &Config) -> Result<(), String> {
    let listens = [
        ("gateway.listen", config.gateway.listen),
        ("swarm.listen", config.swarm_listen()),
        ("p2p.listen", config.p2p.listen),
        ("rpc.listen", config.rpc.listen),
        ("metrics.listen", config.metrics_listen),
        ("consensus.listen", config.consensus.listen),
    ];
    for (at, (name, address)) in listens.iter().enumerate() {
        let clash = listens.iter().take(at).find(|(_, other)| same_port(address, other));
        if let Some((other, _)) = clash {
            return Err(format!("`{name}` and `{other}` both listen on port {}: give one of them another", address.port()));
        }
    }
    if !(DISK_CAP_MIN..=DISK_CAP_MAX).contains(&config.disk_cap) {
        let (low, high) = (super::show_size(DISK_CAP_MIN), super::show_size(DISK_CAP_MAX));
        return Err(format!("`disk.cap` is {}: choose between {low} and {high}", super::show_size(config.disk_cap)));
    }
    if config.rpc.allowed_hosts.is_empty() {
        return Err("`rpc.allowed_hosts` is empty, so that no request could pass: name at least `localhost`".into());
    }
    let only_loopback = config.rpc.allowed_hosts.iter().all(|host| matches!(host.as_str(), "localhost" | "127.0.0.1" | "[::1]"));
    if !config.rpc.listen.ip().is_loopback() && only_loopback {
        return Err("`rpc.listen` is reachable from other machines but `rpc.allowed_hosts` names only this one: add the name that they use".into());
    }
    Ok(())
}

/// Whether two listeners would meet on one port. Port 0 asks the machine for a free one and meets nobody.
fn same_port(a: &SocketAddr, b: &SocketAddr) -> bool {
    let meet = a.ip() == b.ip() || a.ip().is_unspecified() || b.ip().is_unspecified();
    a.port() != 0 && a.port() == b.port() && meet
}
