//! A peer that writes whatever it is given, and reads or does not read.

use crate::common::{build, key};
use libp2p::core::Endpoint;
use libp2p::core::transport::PortUse;
use libp2p::core::upgrade::{InboundUpgrade, OutboundUpgrade, UpgradeInfo};
use libp2p::futures::future::BoxFuture;
use libp2p::futures::{AsyncReadExt, AsyncWriteExt, FutureExt};
use libp2p::swarm::{
    ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, NotifyHandler, OneShotHandler, StreamUpgradeError,
    SubstreamProtocol, THandler, THandlerInEvent, THandlerOutEvent, ToSwarm,
};
use libp2p::{Multiaddr, PeerId, Stream, StreamProtocol, Swarm};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::task::{Context, Poll};

/// Writes these bytes on a stream of its own.
#[derive(Clone, Debug)]
pub struct Write {
    pub name: &'static str,
    pub bytes: Vec<u8>,
    /// Whether the stream is closed after them.
    pub close: bool,
}

/// What became of a stream.
#[derive(Debug)]
pub enum Came {
    /// All that came on it until its end.
    Read(Vec<u8>),
    /// It is held, and nobody reads it.
    Unread(#[allow(dead_code)] Stream),
    /// What was to be written was, or not.
    Wrote(#[allow(dead_code)] Option<Stream>),
}

#[derive(Clone, Debug)]
pub struct Accept {
    name: &'static str,
    reads: bool,
}

impl UpgradeInfo for Accept {
    type Info = StreamProtocol;
    type InfoIter = std::iter::Once<StreamProtocol>;

    fn protocol_info(&self) -> Self::InfoIter {
        std::iter::once(StreamProtocol::new(self.name))
    }
}

impl InboundUpgrade<Stream> for Accept {
    type Output = Came;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Came, Infallible>>;

    fn upgrade_inbound(self, mut stream: Stream, _: StreamProtocol) -> Self::Future {
        async move {
            if !self.reads {
                return Ok(Came::Unread(stream));
            }
            let mut bytes = Vec::new();
            let _ = stream.read_to_end(&mut bytes).await;
            Ok(Came::Read(bytes))
        }
        .boxed()
    }
}

impl UpgradeInfo for Write {
    type Info = StreamProtocol;
    type InfoIter = std::iter::Once<StreamProtocol>;

    fn protocol_info(&self) -> Self::InfoIter {
        std::iter::once(StreamProtocol::new(self.name))
    }
}

impl OutboundUpgrade<Stream> for Write {
    type Output = Came;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Came, Infallible>>;

    fn upgrade_outbound(self, mut stream: Stream, _: StreamProtocol) -> Self::Future {
        async move {
            let _ = stream.write_all(&self.bytes).await;
            let _ = stream.flush().await;
            if self.close {
                let _ = stream.close().await;
                return Ok(Came::Wrote(None));
            }
            Ok(Came::Wrote(Some(stream)))
        }
        .boxed()
    }
}

pub type Told = Result<Came, StreamUpgradeError<Infallible>>;

pub struct Raw {
    accept: Accept,
    out: VecDeque<ToSwarm<Told, Write>>,
    waker: Option<std::task::Waker>,
}

impl Raw {
    pub fn write(&mut self, peer_id: PeerId, write: Write) {
        self.out.push_back(ToSwarm::NotifyHandler { peer_id, handler: NotifyHandler::Any, event: write });
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

/// A swarm of one that accepts streams by `name`.
pub fn swarm(seed: u8, name: &'static str, reads: bool) -> Swarm<Raw> {
    build(key(seed), |_| Raw { accept: Accept { name, reads }, out: VecDeque::new(), waker: None })
}

impl NetworkBehaviour for Raw {
    type ConnectionHandler = OneShotHandler<Accept, Write, Came>;
    type ToSwarm = Told;

    fn handle_established_inbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(OneShotHandler::new(SubstreamProtocol::new(self.accept.clone(), ()), Default::default()))
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(OneShotHandler::new(SubstreamProtocol::new(self.accept.clone(), ()), Default::default()))
    }

    fn on_swarm_event(&mut self, _: FromSwarm<'_>) {}

    fn on_connection_handler_event(&mut self, _: PeerId, _: ConnectionId, event: THandlerOutEvent<Self>) {
        self.out.push_back(ToSwarm::GenerateEvent(event));
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<ToSwarm<Told, THandlerInEvent<Self>>> {
        match self.out.pop_front() {
            Some(out) => Poll::Ready(out),
            None => {
                self.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}
