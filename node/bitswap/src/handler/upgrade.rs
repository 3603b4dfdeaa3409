use crate::wire::Version;
use libp2p::core::upgrade::{InboundUpgrade, OutboundUpgrade, UpgradeInfo};
use libp2p::futures::future::{Ready, ready};
use libp2p::{Stream, StreamProtocol};
use std::convert::Infallible;

/// The names, what we like best first.
const PROTOCOLS: [(StreamProtocol, Version); 4] = [
    (StreamProtocol::new("/ipfs/bitswap/1.2.0"), Version::V120),
    (StreamProtocol::new("/ipfs/bitswap/1.1.0"), Version::V110),
    (StreamProtocol::new("/ipfs/bitswap/1.0.0"), Version::V100),
    (StreamProtocol::new("/ipfs/bitswap"), Version::V100),
];

/// BITSWAP-1: agrees on a version and hands the stream over.
#[derive(Clone, Copy, Debug)]
pub struct Upgrade;

fn version(name: &StreamProtocol) -> Version {
    PROTOCOLS.iter().find(|(known, _)| known == name).map_or(Version::V100, |(_, version)| *version)
}

impl UpgradeInfo for Upgrade {
    type Info = StreamProtocol;
    type InfoIter = std::array::IntoIter<StreamProtocol, 4>;

    fn protocol_info(&self) -> Self::InfoIter {
        PROTOCOLS.map(|(name, _)| name).into_iter()
    }
}

impl InboundUpgrade<Stream> for Upgrade {
    type Output = (Stream, Version);
    type Error = Infallible;
    type Future = Ready<Result<Self::Output, Infallible>>;

    fn upgrade_inbound(self, stream: Stream, name: StreamProtocol) -> Self::Future {
        ready(Ok((stream, version(&name))))
    }
}

impl OutboundUpgrade<Stream> for Upgrade {
    type Output = (Stream, Version);
    type Error = Infallible;
    type Future = Ready<Result<Self::Output, Infallible>>;

    fn upgrade_outbound(self, stream: Stream, name: StreamProtocol) -> Self::Future {
        ready(Ok((stream, version(&name))))
    }
}
