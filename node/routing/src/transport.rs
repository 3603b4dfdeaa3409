//! QUIC and TCP, and circuits through a relay.

use crate::StartError;
use libp2p::core::muxing::StreamMuxerBox;
use libp2p::core::transport::Boxed;
use libp2p::core::upgrade::Version;
use libp2p::futures::future::Either;
use libp2p::{PeerId, Transport, identity, noise, quic, relay, tcp, yamux};
use std::time::Duration;

/// A connection that is not ready by then is none.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// What a peer may send on one QUIC connection before we have read it, in all and on one stream.
const UNREAD_BYTES_MAX: u32 = 16 << 20;
const UNREAD_BYTES_A_STREAM_MAX: u32 = 4 << 20;
/// Streams that a peer may have open on one QUIC connection.
const STREAMS_MAX: u32 = 256;

/// The transports: a circuit where the address names one, else QUIC or TCP.
pub(crate) fn build(
    key: &identity::Keypair,
    circuits: relay::client::Transport,
) -> Result<Boxed<(PeerId, StreamMuxerBox)>, StartError> {
    let noise = || noise::Config::new(key).map_err(|e| StartError::Build(e.to_string()));
    let tcp = tcp::tokio::Transport::new(tcp::Config::default().nodelay(true))
        .upgrade(Version::V1Lazy)
        .authenticate(noise()?)
        .multiplex(multiplexer())
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
        .multiplex(multiplexer())
        .timeout(HANDSHAKE)
        .map(|(peer, muxer), _| (peer, StreamMuxerBox::new(muxer)));
    let all = circuits.or_transport(direct).map(|either, _| match either {
        Either::Left(connection) | Either::Right(connection) => connection,
    });
    Ok(all.boxed())
}

/// As it comes: every setter of this configuration would choose an older yamux, which a single frame can bring down (CVE-2026-32314).
fn multiplexer() -> yamux::Config {
    yamux::Config::default()
}
