//! QUIC and TCP, each connection bounded by NET-16.

use crate::StartError;
use crate::meter::{Metered, Meters};
use crate::muxer::{Bounded, STREAMS_MAX};
use libp2p::core::ConnectedPoint;
use libp2p::core::muxing::StreamMuxerBox;
use libp2p::core::transport::Boxed;
use libp2p::core::upgrade::Version;
use libp2p::futures::future::Either;
use libp2p::{PeerId, Transport, identity, noise, quic, tcp, yamux};
use std::time::Duration;

/// What a peer may send on one QUIC connection before we have read it, in all and on one stream.
const UNREAD_BYTES_MAX: u32 = 768 * 1024;
const UNREAD_BYTES_A_STREAM_MAX: u32 = 512 * 1024;
/// A connection that is not ready by then is none.
const HANDSHAKE: Duration = Duration::from_secs(5);

/// The transports, QUIC beside TCP.
pub(crate) fn build(key: &identity::Keypair) -> Result<Boxed<(PeerId, StreamMuxerBox)>, StartError> {
    let meters = Meters::default();
    let of_tcp = meters.clone();
    let noise = noise::Config::new(key).map_err(|e| StartError::Build(e.to_string()))?;
    let tcp = tcp::tokio::Transport::new(tcp::Config::default().nodelay(true))
        // Whom we dial, the user has named.
        .map(move |stream, point: ConnectedPoint| Metered::new(stream, point.is_listener().then(|| of_tcp.connection())))
        .upgrade(Version::V1Lazy)
        .authenticate(noise)
        .multiplex(multiplexer())
        .timeout(HANDSHAKE)
        .map(|(peer, muxer), _| (peer, StreamMuxerBox::new(Bounded::new(muxer, None))));
    let mut config = quic::Config::new(key);
    config.handshake_timeout = HANDSHAKE;
    config.max_concurrent_stream_limit = STREAMS_MAX as u32;
    config.max_connection_data = UNREAD_BYTES_MAX;
    config.max_stream_data = UNREAD_BYTES_A_STREAM_MAX;
    let quic = quic::tokio::Transport::new(config).map(move |(peer, muxer), point: ConnectedPoint| {
        let meter = point.is_listener().then(|| meters.connection());
        (peer, StreamMuxerBox::new(Bounded::new(muxer, meter)))
    });
    let both = quic.or_transport(tcp).map(|either, _| match either {
        Either::Left(connection) | Either::Right(connection) => connection,
    });
    Ok(both.boxed())
}

/// As it comes: every setter of this configuration would choose an older yamux, which a single frame can bring down (CVE-2026-32314), and
/// which is in the build only because this configuration can.
fn multiplexer() -> yamux::Config {
    yamux::Config::default()
}
