//! QUIC and TCP, and circuits through a relay.

use crate::StartError;
use crate::floor::Floor;
use crate::muxer::Yamux;
use libp2p::core::muxing::StreamMuxerBox;
use libp2p::core::transport::{Boxed, DialOpts, ListenerId, TransportError, TransportEvent};
use libp2p::core::upgrade::Version;
use libp2p::futures::future::Either;
use libp2p::{Multiaddr, PeerId, Transport, identity, noise, quic, relay, tcp};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

/// A connection that is not ready by then is none. Who asks by AutoNAT whether it is reached gives up after 10 s: where nobody answers, that
/// is found out before (ROUTE-11).
const HANDSHAKE: Duration = Duration::from_secs(6);
/// What a peer may send on one QUIC connection before we have read it, in all and on one stream.
const UNREAD_BYTES_MAX: u32 = 16 << 20;
const UNREAD_BYTES_A_STREAM_MAX: u32 = 4 << 20;
/// Streams that a peer may have open on one QUIC connection.
const STREAMS_MAX: u32 = 256;

/// The transports: a circuit where the address names one, else QUIC or TCP. What is too near for who told it is not dialled.
pub(crate) fn build(
    key: &identity::Keypair,
    circuits: relay::client::Transport,
    floor: Floor,
) -> Result<Boxed<(PeerId, StreamMuxerBox)>, StartError> {
    let noise = || noise::Config::new(key).map_err(|e| StartError::Build(e.to_string()));
    let tcp = tcp::tokio::Transport::new(tcp::Config::default().nodelay(true))
        .upgrade(Version::V1Lazy)
        .authenticate(noise()?)
        .multiplex(Yamux)
        .timeout(HANDSHAKE)
        .map(|(peer, muxer), _| (peer, StreamMuxerBox::new(muxer)));
    let mut config = quic::Config::new(key);
    config.handshake_timeout = HANDSHAKE;
    config.max_concurrent_stream_limit = STREAMS_MAX;
    config.max_connection_data = UNREAD_BYTES_MAX;
    config.max_stream_data = UNREAD_BYTES_A_STREAM_MAX;
    let quic = quic::tokio::Transport::new(config).map(|(peer, muxer), _| (peer, StreamMuxerBox::new(muxer)));
    let direct = quic.or_transport(tcp).map(|either, _| match either {
        Either::Left(connection) | Either::Right(connection) => connection,
    });
    let circuits = circuits
        .upgrade(Version::V1Lazy)
        .authenticate(noise()?)
        .multiplex(Yamux)
        .timeout(HANDSHAKE)
        .map(|(peer, muxer), _| (peer, StreamMuxerBox::new(muxer)));
    let all = circuits.or_transport(direct).map(|either, _| match either {
        Either::Left(connection) | Either::Right(connection) => connection,
    });
    Ok(Fenced { inner: all, floor }.boxed())
}

/// ROUTE-3: behaviours of libp2p dial what a peer asks them to (AutoNAT's server, hole punching); here is the one door that all of them pass.
struct Fenced<T> {
    inner: T,
    floor: Floor,
}

impl<T: Transport + Unpin> Transport for Fenced<T> {
    type Output = T::Output;
    type Error = T::Error;
    type ListenerUpgrade = T::ListenerUpgrade;
    type Dial = T::Dial;

    fn listen_on(&mut self, id: ListenerId, address: Multiaddr) -> Result<(), TransportError<T::Error>> {
        self.inner.listen_on(id, address)
    }

    fn remove_listener(&mut self, id: ListenerId) -> bool {
        self.inner.remove_listener(id)
    }

    fn dial(&mut self, address: Multiaddr, how: DialOpts) -> Result<T::Dial, TransportError<T::Error>> {
        if !self.floor.lets(&address) {
            tracing::debug!(%address, "nearer than the peer that told it; not dialled");
            return Err(TransportError::MultiaddrNotSupported(address));
        }
        self.inner.dial(address, how)
    }

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<TransportEvent<T::ListenerUpgrade, T::Error>> {
        Pin::new(&mut self.inner).poll(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::Scope;
    use libp2p::core::Endpoint;
    use libp2p::core::transport::PortUse;

    /// ROUTE-3: by AutoNAT and by hole punching a peer names addresses that are then dialled.
    #[tokio::test]
    async fn route_3_no_peer_has_a_port_dialled_that_is_nearer_than_the_peer() {
        let (key, floor, peer) = (identity::Keypair::generate_ed25519(), Floor::default(), PeerId::random());
        let (circuits, _behaviour) = relay::client::new(key.public().to_peer_id());
        let mut transport = build(&key, circuits, floor.clone()).unwrap();
        let how = DialOpts { role: Endpoint::Dialer, port_use: PortUse::New };
        let mut dials = |address: &str| {
            let address: Multiaddr = format!("{address}/p2p/{peer}").parse().unwrap();
            transport.dial(address, how).is_ok()
        };
        let all = ["/ip4/127.0.0.1/tcp/22", "/ip4/127.0.0.1/udp/53/quic-v1", "/ip4/10.0.0.1/tcp/80", "/ip4/203.0.113.7/tcp/80"];
        floor.reached(peer, Scope::Public);
        assert_eq!(all.map(&mut dials), [false, false, false, true]);
        floor.gone(&peer);
        assert_eq!(all.map(&mut dials), [true; 4], "what the owner names is dialled wherever it is");
    }
}
