//! A connection that is cut when its reader takes too little for too long (GW-13), and that is not closed over half an answer whose end
//! nothing else tells (GW-16).

use crate::config::PROGRESS_BYTES;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep};

/// Wraps the connection.
pub(super) struct Paced {
    inner: TcpStream,
    patience: Duration,
    /// Whether the end of the connection is the end of what is being answered.
    end_tells: Arc<AtomicBool>,
    /// It was ended behind all that was to be sent.
    ended: bool,
    /// Runs while the reader does not take what there is.
    deadline: Option<Pin<Box<Sleep>>>,
    taken: usize,
}

impl Paced {
    pub(super) fn new(inner: TcpStream, patience: Duration, end_tells: Arc<AtomicBool>) -> Self {
        Self { inner, patience, end_tells, ended: false, deadline: None, taken: 0 }
    }

    /// The reader took `len` bytes at once.
    fn took(&mut self, len: usize) {
        self.taken = self.taken.saturating_add(len);
        if self.taken < PROGRESS_BYTES {
            return;
        }
        self.taken = 0;
        if let Some(deadline) = &mut self.deadline {
            deadline.as_mut().reset(Instant::now() + self.patience);
        }
    }

    /// The reader is full; an error if it has been too slow for too long.
    fn blocked<R>(&mut self, context: &mut Context<'_>) -> Poll<io::Result<R>> {
        let patience = self.patience;
        let deadline = self.deadline.get_or_insert_with(|| Box::pin(sleep(patience)));
        ready!(deadline.as_mut().poll(context));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the reader is too slow")))
    }
}

impl Drop for Paced {
    /// GW-16: closed as it is, the connection would tell that the answer is whole.
    fn drop(&mut self) {
        if self.end_tells.load(Ordering::Relaxed)
            && !self.ended
            && let Err(error) = self.inner.set_zero_linger()
        {
            tracing::debug!(%error, "half an answer may look whole to who asked");
        }
    }
}

impl AsyncRead for Paced {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(context, buffer)
    }
}

impl AsyncWrite for Paced {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match Pin::new(&mut self.inner).poll_write(context, bytes) {
            Poll::Ready(done) => {
                if let Ok(len) = done {
                    self.took(len);
                }
                Poll::Ready(done)
            }
            Poll::Pending => self.blocked(context),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match Pin::new(&mut self.inner).poll_write_vectored(context, slices) {
            Poll::Ready(done) => {
                if let Ok(len) = done {
                    self.took(len);
                }
                Poll::Ready(done)
            }
            Poll::Pending => self.blocked(context),
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match Pin::new(&mut self.inner).poll_flush(context) {
            Poll::Ready(done) => {
                // All is taken: whoever pauses now is not slow, there is nothing to read.
                self.deadline = None;
                self.taken = 0;
                Poll::Ready(done)
            }
            Poll::Pending => self.blocked(context),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let done = ready!(Pin::new(&mut self.inner).poll_shutdown(context));
        self.ended = done.is_ok();
        Poll::Ready(done)
    }
}
