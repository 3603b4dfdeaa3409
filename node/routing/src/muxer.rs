//! Streams over one TCP connection or circuit: yamux, with windows that every implementation can live with (ROUTE-14).
//!
//! `libp2p-yamux` has no way to bound the windows of the yamux that it uses by default, and the one that it can bound is brought down by a single
//! frame (CVE-2026-32314). So yamux is driven here.

use libp2p::core::muxing::{StreamMuxer, StreamMuxerEvent};
use libp2p::core::upgrade::{InboundConnectionUpgrade, OutboundConnectionUpgrade, UpgradeInfo};
use libp2p::futures::future::{Ready, ready};
use libp2p::futures::{AsyncRead, AsyncWrite};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::iter;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use yamux::{Config, Connection, ConnectionError, Mode};

/// Streams of one connection.
const STREAMS_MAX: usize = 256;
/// What each may receive that was not read yet (yamux's specification).
const WINDOW_BYTES: usize = 256 << 10;
/// By so much all of a connection may grow together, so that no window is larger than 1 MiB. Some peers (js-libp2p) send as much in one frame as the
/// window holds, and yamux breaks a connection off whose frame is larger than that.
const GROWTH_BYTES_MAX: usize = 768 << 10;
/// Streams of the peer's that wait to be taken up; those beyond are reset.
const WAITING_MAX: usize = STREAMS_MAX;

/// Makes a connection one of many streams.
#[derive(Clone, Copy, Debug)]
pub struct Yamux;

fn config() -> Config {
    let mut config = Config::default();
    config.set_max_num_streams(STREAMS_MAX);
    config.set_max_connection_receive_window(Some(STREAMS_MAX * WINDOW_BYTES + GROWTH_BYTES_MAX));
    config
}

impl UpgradeInfo for Yamux {
    type Info = &'static str;
    type InfoIter = iter::Once<Self::Info>;

    fn protocol_info(&self) -> Self::InfoIter {
        iter::once("/yamux/1.0.0")
    }
}

impl<C: AsyncRead + AsyncWrite + Unpin + 'static> InboundConnectionUpgrade<C> for Yamux {
    type Output = Muxer<C>;
    type Error = Infallible;
    type Future = Ready<Result<Muxer<C>, Infallible>>;

    fn upgrade_inbound(self, connection: C, _: Self::Info) -> Self::Future {
        ready(Ok(Muxer::new(connection, Mode::Server)))
    }
}

impl<C: AsyncRead + AsyncWrite + Unpin + 'static> OutboundConnectionUpgrade<C> for Yamux {
    type Output = Muxer<C>;
    type Error = Infallible;
    type Future = Ready<Result<Muxer<C>, Infallible>>;

    fn upgrade_outbound(self, connection: C, _: Self::Info) -> Self::Future {
        ready(Ok(Muxer::new(connection, Mode::Client)))
    }
}

/// A connection and its streams.
#[derive(Debug)]
pub struct Muxer<C> {
    connection: Connection<C>,
    /// Streams that came while the connection was driven for others.
    waiting: VecDeque<yamux::Stream>,
    taker: Option<Waker>,
}

impl<C: AsyncRead + AsyncWrite + Unpin> Muxer<C> {
    fn new(connection: C, mode: Mode) -> Self {
        Self { connection: Connection::new(connection, config(), mode), waiting: VecDeque::new(), taker: None }
    }

    /// Reads and writes for all streams, until a new one has come.
    fn drive(&mut self, cx: &mut Context<'_>) -> Poll<Result<yamux::Stream, ConnectionError>> {
        self.connection.poll_next_inbound(cx).map(|next| next.unwrap_or(Err(ConnectionError::Closed)))
    }
}

impl<C: AsyncRead + AsyncWrite + Unpin> StreamMuxer for Muxer<C> {
    type Substream = yamux::Stream;
    type Error = ConnectionError;

    fn poll_inbound(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<yamux::Stream, ConnectionError>> {
        if let Some(stream) = self.waiting.pop_front() {
            return Poll::Ready(Ok(stream));
        }
        let driven = self.drive(cx);
        if driven.is_pending() {
            self.taker = Some(cx.waker().clone());
        }
        driven
    }

    fn poll_outbound(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<yamux::Stream, ConnectionError>> {
        self.connection.poll_new_outbound(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), ConnectionError>> {
        self.connection.poll_close(cx)
    }

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<StreamMuxerEvent, ConnectionError>> {
        match self.drive(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Ready(Ok(stream)) => {
                if self.waiting.len() < WAITING_MAX {
                    self.waiting.push_back(stream);
                }
                if let Some(taker) = self.taker.take() {
                    taker.wake();
                }
                // Others on this thread come first.
                cx.waker().wake_by_ref();
                Poll::Pending
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use libp2p::futures::{AsyncReadExt, AsyncWriteExt};
    use libp2p::tcp::tokio::TcpStream;
    use std::future::poll_fn;
    use std::time::Duration;

    const DATA: u8 = 0;
    const WINDOW: u8 = 1;
    const PING: u8 = 2;
    const GO_AWAY: u8 = 3;
    const SYN: u16 = 1;
    const ACK: u16 = 2;
    const BYTES: usize = 24 << 20;

    fn head(kind: u8, flags: u16, stream: u32, length: usize) -> [u8; 12] {
        let mut head = [0; 12];
        head[1] = kind;
        head[2..4].copy_from_slice(&flags.to_be_bytes());
        head[4..8].copy_from_slice(&stream.to_be_bytes());
        head[8..].copy_from_slice(&u32::try_from(length).unwrap().to_be_bytes());
        head
    }

    /// A peer that fills each window with one frame, as js-libp2p does, from far away. Gives its largest frame.
    async fn fills(mut io: TcpStream) -> usize {
        let (mut window, mut sent, mut largest) = (WINDOW_BYTES, 0, 0);
        while sent < BYTES {
            let len = window.min(BYTES - sent);
            if len > 0 {
                io.write_all(&head(DATA, if sent == 0 { SYN } else { 0 }, 1, len)).await.unwrap();
                io.write_all(&vec![7; len]).await.unwrap();
                (window, sent, largest) = (window - len, sent + len, largest.max(len));
            }
            let mut heard = [0; 12];
            if io.read_exact(&mut heard).await.is_err() {
                return largest;
            }
            let length = u32::from_be_bytes(heard[8..].try_into().unwrap()) as usize;
            match heard[1] {
                WINDOW => window += length,
                PING => {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    io.write_all(&head(PING, ACK, 0, length)).await.unwrap();
                }
                other => panic!("a frame of kind {other}"),
            }
        }
        largest
    }

    /// A peer that opens more streams than may be. It ends once it is told to go.
    async fn floods(mut io: TcpStream) {
        for n in 0..=STREAMS_MAX {
            io.write_all(&head(WINDOW, SYN, u32::try_from(2 * n + 1).unwrap(), 0)).await.unwrap();
        }
        let mut heard = [0; 12];
        while heard[1] != GO_AWAY {
            io.read_exact(&mut heard).await.unwrap();
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn route_14_who_opens_streams_without_end_is_told_to_go_and_no_more_of_them_wait() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut peer =
            tokio::spawn(async move { floods(TcpStream(tokio::net::TcpStream::connect(address).await.unwrap())).await });
        let io = TcpStream(listener.accept().await.unwrap().0);
        let mut muxer = Yamux.upgrade_inbound(io, "/yamux/1.0.0").await.unwrap();
        tokio::select! {
            // The peer ends it, once it is told.
            _ = poll_fn(|cx| Pin::new(&mut muxer).poll(cx)) => (&mut peer).await.unwrap(),
            told = &mut peer => told.unwrap(),
        }
        assert_eq!(muxer.waiting.len(), STREAMS_MAX);
        for _ in 0..STREAMS_MAX {
            poll_fn(|cx| Pin::new(&mut muxer).poll_inbound(cx)).await.unwrap();
        }
        assert!(muxer.waiting.is_empty(), "those that came are taken up all the same");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn route_14_no_window_is_larger_than_the_largest_frame() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let peer = tokio::spawn(async move { fills(TcpStream(tokio::net::TcpStream::connect(address).await.unwrap())).await });
        let io = TcpStream(listener.accept().await.unwrap().0);
        let mut muxer = Yamux.upgrade_inbound(io, "/yamux/1.0.0").await.unwrap();
        let mut stream = poll_fn(|cx| Pin::new(&mut muxer).poll_inbound(cx)).await.unwrap();
        let driver = tokio::spawn(async move {
            loop {
                poll_fn(|cx| Pin::new(&mut muxer).poll(cx)).await.unwrap();
            }
        });
        let (mut count, mut bytes) = (0, vec![0; 64 << 10]);
        while count < BYTES {
            count += match stream.read(&mut bytes).await.unwrap() {
                0 => panic!("the connection broke off after {count} bytes"),
                read => read,
            };
        }
        driver.abort();
        let largest = peer.await.unwrap();
        assert!(largest > WINDOW_BYTES, "windows grow for who is far away: {largest}");
        assert!(largest <= 1 << 20, "{largest}");
    }
}
