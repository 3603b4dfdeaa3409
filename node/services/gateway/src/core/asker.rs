//! Who asks, as far as an address says: what is counted for each.

use http::HeaderMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// What a proxy says of whom it asks for.
const FORWARDED_FOR: &str = "x-forwarded-for";

/// An address, or of version 6 the network that one household has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Asker(IpAddr);

impl Asker {
    /// By an address.
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                Self(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into())
            }
            address => Self(address),
        }
    }
}

/// Who is at the other end of a connection, as far as it is counted: not this machine, which is its owner's, or a proxy's that stands for many.
pub fn peer(address: IpAddr) -> Option<Asker> {
    let address = address.to_canonical();
    (!address.is_loopback()).then(|| Asker::of(address))
}

/// Who made a request. A proxy on this machine is believed, and nobody else: the last address that it names is whom it saw.
pub fn asker(address: IpAddr, headers: &HeaderMap) -> Option<Asker> {
    peer(address).or_else(|| {
        let line = headers.get_all(FORWARDED_FOR).iter().next_back()?.to_str().ok()?;
        let last = line.rsplit(',').next()?.trim();
        let named = last.parse::<IpAddr>().ok().or_else(|| last.parse::<SocketAddr>().ok().map(|socket| socket.ip()))?;
        peer(named)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gw_15_a_proxy_of_this_machine_is_believed_and_nobody_else() {
        let mut headers = HeaderMap::new();
        headers.insert(FORWARDED_FOR, "192.0.2.7".parse().unwrap());
        headers.append(FORWARDED_FOR, "192.0.2.8, 198.51.100.1:80".parse().unwrap());
        let stranger: IpAddr = "203.0.113.5".parse().unwrap();
        assert_eq!(asker(stranger, &headers), Some(Asker(stranger)));
        for here in ["127.0.0.1", "::1", "::ffff:127.0.0.1"] {
            assert_eq!(asker(here.parse().unwrap(), &headers), Some(Asker([198, 51, 100, 1].into())));
            assert_eq!(asker(here.parse().unwrap(), &HeaderMap::new()), None);
        }
        for odd in ["unknown", "", "127.0.0.1", "192.0.2.7, ::1"] {
            headers.insert(FORWARDED_FOR, odd.parse().unwrap());
            assert_eq!(asker([127, 0, 0, 1].into(), &headers), None, "{odd}");
        }
        assert_eq!(Asker::of("::ffff:192.0.2.7".parse().unwrap()), Asker([192, 0, 2, 7].into()));
        assert_eq!(Asker::of("2001:db8::1".parse().unwrap()), Asker::of("2001:db8::2:0:0:9".parse().unwrap()));
    }
}
