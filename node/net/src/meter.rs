//! NET-16: bytes that come in by a connection that somebody else made are counted where they come in, before they are decrypted (TCP)
//! or decoded (QUIC). Who sends faster is read later: its own flow control slows it down, and nothing piles up here.

use crate::quota::Bucket;
use libp2p::futures::{AsyncRead, AsyncWrite};
use std::future::Future;
use std::io::{self, IoSlice, IoSliceMut};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};
use tokio::time::Sleep;

/// One connection that came in.
pub(crate) const CONNECTION_A_SECOND: u32 = 12 * 1024 * 1024;
/// All of them together.
pub(crate) const ALL_A_SECOND: u32 = 32 * 1024 * 1024;
/// A connection that has been quiet may bring so much at once.
const BURST: u32 = 2 * 1024 * 1024;
const PAUSE_MIN: Duration = Duration::from_millis(1);
const PAUSE_MAX: Duration = Duration::from_millis(250);

#[derive(Debug)]
struct Account {
    bucket: Bucket,
    at: Instant,
}

impl Account {
    fn new(a_second: u32, now: Instant) -> Mutex<Self> {
        Mutex::new(Self { bucket: Bucket::new(a_second, BURST), at: now })
    }

    /// How long until it is out of debt.
    fn wait(account: &Mutex<Self>, now: Instant) -> Duration {
        let mut this = account.lock().unwrap_or_else(PoisonError::into_inner);
        let passed = now.saturating_duration_since(this.at);
        this.at = this.at.max(now);
        this.bucket.fill(passed);
        this.bucket.debt()
    }

    fn spend(account: &Mutex<Self>, bytes: usize) {
        account.lock().unwrap_or_else(PoisonError::into_inner).bucket.spend(bytes);
    }
}

/// Makes the meters of connections, which share one account.
#[derive(Clone, Debug)]
pub(crate) struct Meters(Arc<Mutex<Account>>);

impl Default for Meters {
    fn default() -> Self {
        Self(Arc::new(Account::new(ALL_A_SECOND, Instant::now())))
    }
}

impl Meters {
    pub fn connection(&self) -> Arc<Meter> {
        Arc::new(Meter { own: Account::new(CONNECTION_A_SECOND, Instant::now()), all: self.0.clone() })
    }
}

/// What one connection has brought.
#[derive(Debug)]
pub(crate) struct Meter {
    own: Mutex<Account>,
    all: Arc<Mutex<Account>>,
}

impl Meter {
    /// How long it is not read. Nothing: it may be.
    fn wait(&self, now: Instant) -> Option<Duration> {
        let wait = Account::wait(&self.own, now).max(Account::wait(&self.all, now));
        (!wait.is_zero()).then(|| wait.clamp(PAUSE_MIN, PAUSE_MAX))
    }

    /// What was read may overdraw: how much there is, one knows only then.
    fn spend(&self, bytes: usize) {
        Account::spend(&self.own, bytes);
        Account::spend(&self.all, bytes);
    }
}

/// A connection or a stream of one, read no faster than its meter allows; without a meter as fast as can be.
#[derive(Debug)]
pub(crate) struct Metered<S, G = ()> {
    io: S,
    meter: Option<Arc<Meter>>,
    pause: Option<Pin<Box<Sleep>>>,
    /// Dropped with it.
    _guard: G,
}

impl<S> Metered<S> {
    pub fn new(io: S, meter: Option<Arc<Meter>>) -> Self {
        Self::guarded(io, meter, ())
    }
}

impl<S, G> Metered<S, G> {
    pub fn guarded(io: S, meter: Option<Arc<Meter>>, guard: G) -> Self {
        Self { io, meter, pause: None, _guard: guard }
    }

    fn poll_meter(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(meter) = &self.meter else { return Poll::Ready(()) };
        loop {
            if let Some(pause) = &mut self.pause {
                ready!(pause.as_mut().poll(cx));
                self.pause = None;
            }
            match meter.wait(Instant::now()) {
                None => return Poll::Ready(()),
                Some(wait) => self.pause = Some(Box::pin(tokio::time::sleep(wait))),
            }
        }
    }

    fn count(&self, read: &Poll<io::Result<usize>>) {
        if let (Some(meter), Poll::Ready(Ok(bytes))) = (&self.meter, read) {
            meter.spend(*bytes);
        }
    }
}

impl<S: AsyncRead + Unpin, G: Unpin> AsyncRead for Metered<S, G> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        ready!(this.poll_meter(cx));
        let read = Pin::new(&mut this.io).poll_read(cx, buf);
        this.count(&read);
        read
    }

    fn poll_read_vectored(self: Pin<&mut Self>, cx: &mut Context<'_>, bufs: &mut [IoSliceMut<'_>]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        ready!(this.poll_meter(cx));
        let read = Pin::new(&mut this.io).poll_read_vectored(cx, bufs);
        this.count(&read);
        read
    }
}

impl<S: AsyncWrite + Unpin, G: Unpin> AsyncWrite for Metered<S, G> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().io).poll_write(cx, buf)
    }

    fn poll_write_vectored(self: Pin<&mut Self>, cx: &mut Context<'_>, bufs: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().io).poll_write_vectored(cx, bufs)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_flush(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_close(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use libp2p::futures::AsyncReadExt;
    use libp2p::futures::io::Cursor;

    #[test]
    fn net_16_a_connection_and_all_of_them_together_are_slowed_down_not_refused() {
        let (meters, now) = (Meters::default(), Instant::now());
        let one = meters.connection();
        assert_eq!(one.wait(now), None);
        one.spend(BURST as usize + CONNECTION_A_SECOND as usize / 10);
        let wait = one.wait(now).unwrap();
        assert!(wait > Duration::from_millis(80) && wait < Duration::from_millis(120), "{wait:?}");
        assert_eq!(one.wait(now + Duration::from_millis(150)), None, "time pays");
        // Each within its own, but all together beyond theirs.
        let many: Vec<_> = (0..20).map(|_| meters.connection()).collect();
        many.iter().for_each(|meter| meter.spend(BURST as usize));
        assert!(many.iter().all(|meter| meter.wait(now + Duration::from_millis(160)).is_some()));
        assert!(many.iter().all(|meter| meter.wait(now + Duration::from_secs(3)).is_none()));
    }

    #[tokio::test]
    async fn net_16_reading_takes_as_long_as_the_meter_says_and_without_a_meter_no_time() {
        let bytes = vec![7; BURST as usize + CONNECTION_A_SECOND as usize / 4];
        let read = async |meter| {
            let (start, mut all) = (Instant::now(), Vec::new());
            Metered::new(Cursor::new(&bytes), meter).read_to_end(&mut all).await.unwrap();
            assert_eq!(all, bytes);
            start.elapsed()
        };
        let metered = read(Some(Meters::default().connection())).await;
        assert!(metered > Duration::from_millis(150), "{metered:?}");
        assert!(read(None).await < metered);
    }
}
