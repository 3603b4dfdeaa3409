//! NET-16: how many streams a peer may have open on one connection, and how fast it may open them. What is beyond is reset at once: the
//! multiplexers themselves would keep hundreds, each with its own window of unread bytes.

use crate::meter::{Meter, Metered};
use crate::quota::Bucket;
use libp2p::core::muxing::{StreamMuxer, StreamMuxerEvent};
use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

/// Streams that a peer has open on one connection. An honest one has nine: four questions, Hello, gossip, ping, identify and its push.
pub(crate) const STREAMS_MAX: usize = 12;
/// Streams that it opens: more than it may ask, so that who asks too often is banned for that.
const STREAMS_A_SECOND: u32 = 120;
const STREAMS_BURST: u32 = 480;

/// A connection of bounded streams.
pub(crate) struct Bounded<M: StreamMuxer> {
    inner: M,
    meter: Option<Arc<Meter>>,
    open: Arc<AtomicUsize>,
    opening: Bucket,
    at: Instant,
    /// Admitted, not taken yet; counted as open.
    waiting: VecDeque<Counted<M::Substream>>,
    waker: Option<Waker>,
}

impl<M: StreamMuxer> Bounded<M> {
    /// `meter`: for a connection whose bytes nobody has counted yet.
    pub fn new(inner: M, meter: Option<Arc<Meter>>) -> Self {
        let opening = Bucket::new(STREAMS_A_SECOND, STREAMS_BURST);
        let (open, waiting) = (Arc::default(), VecDeque::new());
        Self { inner, meter, open, opening, at: Instant::now(), waiting, waker: None }
    }

    fn admit(&mut self, stream: M::Substream) -> Option<Counted<M::Substream>> {
        let now = Instant::now();
        self.opening.fill(now.saturating_duration_since(self.at));
        self.at = now;
        if !self.opening.take_one() || self.open.load(Ordering::Relaxed) >= STREAMS_MAX {
            return None;
        }
        self.open.fetch_add(1, Ordering::Relaxed);
        Some(Metered::guarded(stream, self.meter.clone(), Open(self.open.clone())))
    }
}

impl<M> Bounded<M>
where
    M: StreamMuxer + Unpin,
{
    /// Takes what has come, so that nothing waits inside the multiplexer.
    fn drain(&mut self, cx: &mut Context<'_>) -> Result<(), M::Error> {
        while let Poll::Ready(stream) = Pin::new(&mut self.inner).poll_inbound(cx) {
            // Dropped, it is reset.
            if let Some(stream) = self.admit(stream?) {
                self.waiting.push_back(stream);
            }
        }
        Ok(())
    }
}

impl<M> StreamMuxer for Bounded<M>
where
    M: StreamMuxer + Unpin,
    M::Substream: Unpin,
{
    type Substream = Counted<M::Substream>;
    type Error = M::Error;

    fn poll_inbound(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<Self::Substream, Self::Error>> {
        let this = self.get_mut();
        this.drain(cx)?;
        match this.waiting.pop_front() {
            Some(stream) => Poll::Ready(Ok(stream)),
            None => {
                this.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    fn poll_outbound(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<Self::Substream, Self::Error>> {
        let this = self.get_mut();
        let uncounted = |io| Metered::guarded(io, this.meter.clone(), Open(Arc::new(AtomicUsize::new(1))));
        Pin::new(&mut this.inner).poll_outbound(cx).map_ok(uncounted)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        let this = self.get_mut();
        this.waiting.clear();
        Pin::new(&mut this.inner).poll_close(cx)
    }

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<StreamMuxerEvent, Self::Error>> {
        let this = self.get_mut();
        this.drain(cx)?;
        if !this.waiting.is_empty()
            && let Some(waker) = this.waker.take()
        {
            waker.wake();
        }
        Pin::new(&mut this.inner).poll(cx)
    }
}

/// A stream that counts as open until it is dropped.
type Counted<S> = Metered<S, Open>;

#[derive(Debug)]
pub(crate) struct Open(Arc<AtomicUsize>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use libp2p::futures::io::Cursor;
    use std::convert::Infallible;

    /// A peer that opens streams whenever it is looked at.
    struct Endless(u32);

    impl StreamMuxer for Endless {
        type Substream = Cursor<Vec<u8>>;
        type Error = Infallible;

        fn poll_inbound(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<Self::Substream, Infallible>> {
            self.0 += 1;
            // Each look ends, so that the test does.
            if self.0.is_multiple_of(100) { Poll::Pending } else { Poll::Ready(Ok(Cursor::new(Vec::new()))) }
        }
        fn poll_outbound(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<Self::Substream, Infallible>> {
            Poll::Ready(Ok(Cursor::new(Vec::new())))
        }
        fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
            Poll::Ready(Ok(()))
        }
        fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<StreamMuxerEvent, Infallible>> {
            Poll::Pending
        }
    }

    #[test]
    fn net_16_streams_beyond_the_bound_are_reset_and_a_closed_one_makes_room() {
        let mut muxer = Bounded::new(Endless(0), None);
        let mut cx = Context::from_waker(Waker::noop());
        let take = |muxer: &mut Bounded<Endless>, cx: &mut Context<'_>| match Pin::new(muxer).poll_inbound(cx) {
            Poll::Ready(Ok(stream)) => Some(stream),
            _ => None,
        };
        let mut open: Vec<_> = (0..STREAMS_BURST).filter_map(|_| take(&mut muxer, &mut cx)).collect();
        assert_eq!(open.len(), STREAMS_MAX);
        assert!(matches!(Pin::new(&mut muxer).poll_outbound(&mut cx), Poll::Ready(Ok(_))), "our own are not counted");
        open.pop();
        // All that came so far have used up what may be opened at once; that comes back with time.
        assert!(take(&mut muxer, &mut cx).is_none());
        muxer.at -= std::time::Duration::from_secs(1);
        let again = take(&mut muxer, &mut cx);
        assert!(again.is_some() && take(&mut muxer, &mut cx).is_none());
    }
}
