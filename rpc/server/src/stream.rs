//! A TCP stream for clients that do not read.
//!
//! While a write waits for the client to read, or many answers wait for their turn to be written, nothing is read from it: whoever
//! floods us with calls and ignores the answers only fills its own buffers. A write that waits longer than the idle time ends the
//! connection. Without this, answers would queue in memory as fast as the client can send, and its connection would never end.

use crate::flow::Open;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep_until};

pub(crate) struct Stream {
    socket: TcpStream,
    open: Arc<Open>,
    patience: Duration,
    /// Set while a write waits.
    stall: Option<Stall>,
    /// Set while reading waits for writing.
    reader: Option<Waker>,
    given_up: bool,
}

struct Stall {
    deadline: Pin<Box<Sleep>>,
    writer: Waker,
}

impl Stream {
    pub(crate) fn new(socket: TcpStream, open: Arc<Open>, patience: Duration) -> Self {
        Self { socket, open, patience, stall: None, reader: None, given_up: false }
    }

    fn after_write(&mut self, outcome: Poll<io::Result<usize>>, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(written) = outcome {
            self.stall = None;
            self.open.wrote(*written.as_ref().unwrap_or(&0));
            if let Some(reader) = self.reader.take() {
                reader.wake();
            }
            return Poll::Ready(written);
        }
        let until = Instant::now() + self.patience;
        let stall = || Stall { deadline: Box::pin(sleep_until(until)), writer: cx.waker().clone() };
        let stall = self.stall.get_or_insert_with(stall);
        stall.writer.clone_from(cx.waker());
        match stall.deadline.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Err(self.give_up())),
            Poll::Pending => Poll::Pending,
        }
    }

    fn give_up(&mut self) -> io::Error {
        self.given_up = true;
        if let Some(stall) = self.stall.take() {
            stall.writer.wake();
        }
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
        too_slow()
    }
}

fn too_slow() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "the client does not read what is sent to it")
}

impl AsyncRead for Stream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.given_up {
            return Poll::Ready(Err(too_slow()));
        }
        // RPC-7
        if self.stall.is_some() || self.open.is_full() {
            self.reader = Some(cx.waker().clone());
            // The write's future may have been dropped, so the deadline is watched from here as well.
            let late = self.stall.as_mut().is_some_and(|stall| stall.deadline.as_mut().poll(cx).is_ready());
            return if late { Poll::Ready(Err(self.give_up())) } else { Poll::Pending };
        }
        Pin::new(&mut self.socket).poll_read(cx, buf)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.given_up {
            return Poll::Ready(Err(too_slow()));
        }
        let outcome = Pin::new(&mut self.socket).poll_write(cx, bytes);
        self.after_write(outcome, cx)
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, cx: &mut Context<'_>, parts: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        if self.given_up {
            return Poll::Ready(Err(too_slow()));
        }
        let outcome = Pin::new(&mut self.socket).poll_write_vectored(cx, parts);
        self.after_write(outcome, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}
