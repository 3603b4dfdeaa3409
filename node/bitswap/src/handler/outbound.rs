//! Our stream. Messages follow one another on it; it is closed once there was nothing to say for a while, long before the other side would
//! give it up (BITSWAP-4).

use super::progress::Progress;
use super::{Outgoing, ToBehaviour};
use crate::wire::{self, Version};
use bytes::{Buf, Bytes};
use libp2p::Stream;
use libp2p::futures::{AsyncRead, AsyncWrite};
use libp2p::swarm::StreamUpgradeError;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// So long a stream stays open with nothing to say. Helia gives one up after ten seconds.
pub const LINGER: Duration = Duration::from_secs(2);
/// Streams on which a message is tried before it is lost.
const TRIES: u32 = 3;
/// Streams that are being closed; of those beyond, one is reset.
const CLOSING_MAX: usize = 4;

struct Open {
    stream: Stream,
    version: Version,
    writing: Option<Writing>,
    /// The other side writes nothing on it, and may say so at once.
    deaf: bool,
    moved: Instant,
    progress: Progress,
}

struct Writing {
    outgoing: Outgoing,
    pieces: VecDeque<Bytes>,
}

#[allow(clippy::large_enum_variant, reason = "one a connection, most of the time at work")]
enum State {
    None,
    Opening,
    Open(Open),
}

pub(super) struct Outbound {
    state: State,
    queue: VecDeque<Outgoing>,
    closing: VecDeque<Stream>,
    /// How often the first of the queue has failed.
    failures: u32,
    stall: Duration,
}

impl Outbound {
    pub fn new(stall: Duration) -> Self {
        Self { state: State::None, queue: VecDeque::new(), closing: VecDeque::new(), failures: 0, stall }
    }

    pub fn push(&mut self, outgoing: Outgoing) {
        // A want goes before blocks: it is short, and what it brings is waited for.
        if outgoing.message.wants.is_empty() && !outgoing.message.full {
            self.queue.push_back(outgoing);
        } else {
            self.queue.push_front(outgoing);
        }
    }

    pub fn has_work(&self) -> bool {
        !self.queue.is_empty() || matches!(&self.state, State::Open(open) if open.writing.is_some())
    }

    pub fn is_busy(&self) -> bool {
        self.has_work() || matches!(self.state, State::Open(_)) || !self.closing.is_empty()
    }

    pub fn needs_stream(&self) -> bool {
        matches!(self.state, State::None) && !self.queue.is_empty()
    }

    /// Whether a stream is to be opened; once it was said, that is under way.
    pub fn wants_stream(&mut self) -> bool {
        let wants = self.needs_stream();
        if wants {
            self.state = State::Opening;
        }
        wants
    }

    pub fn opened(&mut self, mut stream: Stream, version: Version) {
        stream.ignore_for_keep_alive();
        let (moved, progress) = (Instant::now(), Progress::default());
        self.state = State::Open(Open { stream, version, writing: None, deaf: false, moved, progress });
    }

    /// The peer opens no stream to us.
    pub fn refused(&mut self, error: &StreamUpgradeError<Infallible>, events: &mut VecDeque<ToBehaviour>) {
        self.state = State::None;
        if matches!(error, StreamUpgradeError::NegotiationFailed) {
            events.push_back(ToBehaviour::Speaks(None));
            self.failures = TRIES;
        }
        self.failed(None, events);
    }

    /// One try of the next message failed; it is tried again or lost.
    fn failed(&mut self, outgoing: Option<Outgoing>, events: &mut VecDeque<ToBehaviour>) {
        if let Some(outgoing) = outgoing {
            self.queue.push_front(outgoing);
        }
        self.failures = self.failures.saturating_add(1);
        if self.failures >= TRIES {
            self.failures = 0;
            // The rest would fare no better, and whoever waits for them would wait the longer.
            events.extend(self.queue.drain(..).map(|outgoing| ToBehaviour::Lost(outgoing.id)));
        }
    }

    pub fn poll(&mut self, cx: &mut Context<'_>, events: &mut VecDeque<ToBehaviour>) {
        self.closing.retain_mut(|stream| Pin::new(stream).poll_close(cx).is_pending());
        loop {
            let State::Open(open) = &mut self.state else { return };
            if open.writing.is_none() {
                let Some(outgoing) = self.queue.pop_front() else {
                    open.progress.rests();
                    if open.was_reset(cx) {
                        self.state = State::None;
                    }
                    return;
                };
                let pieces = wire::encode(&outgoing.message, open.version).into();
                open.writing = Some(Writing { outgoing, pieces });
                open.moved = Instant::now();
                open.progress.waits(open.moved);
            }
            match open.write(cx) {
                Poll::Pending => return,
                Poll::Ready(Ok(())) => {
                    self.failures = 0;
                    if let Some(writing) = open.writing.take() {
                        events.push_back(ToBehaviour::Sent(writing.outgoing.id));
                    }
                }
                Poll::Ready(Err(_)) => {
                    let outgoing = open.writing.take().map(|writing| writing.outgoing);
                    self.state = State::None;
                    self.failed(outgoing, events);
                    return;
                }
            }
        }
    }

    /// Closes a stream that nothing is said on, and reports a peer that reads nothing, or next to nothing (BITSWAP-7).
    pub fn look(&mut self, events: &mut VecDeque<ToBehaviour>) {
        let State::Open(open) = &mut self.state else { return };
        if open.writing.is_some() {
            if open.progress.has_stalled(Instant::now(), self.stall) {
                events.push_back(ToBehaviour::Stalled);
            }
        } else if self.queue.is_empty() && open.moved.elapsed() >= LINGER {
            if let State::Open(open) = std::mem::replace(&mut self.state, State::None) {
                self.closing.push_back(open.stream);
            }
            if self.closing.len() > CLOSING_MAX {
                self.closing.pop_front();
            }
        }
    }
}

impl Open {
    fn write(&mut self, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        let Some(writing) = &mut self.writing else { return Poll::Ready(Ok(())) };
        while let Some(piece) = writing.pieces.front_mut() {
            if piece.is_empty() {
                writing.pieces.pop_front();
                continue;
            }
            match Pin::new(&mut self.stream).poll_write(cx, piece) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(std::io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(count)) => {
                    piece.advance(count.min(piece.len()));
                    self.progress.wrote(count);
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
            }
            self.moved = Instant::now();
        }
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        if flushed.is_ready() {
            self.moved = Instant::now();
        }
        flushed
    }

    /// While nothing is said, whether the other side has given the stream up.
    fn was_reset(&mut self, cx: &mut Context<'_>) -> bool {
        let mut bytes = [0; 64];
        while !self.deaf {
            match Pin::new(&mut self.stream).poll_read(cx, &mut bytes) {
                Poll::Pending => return false,
                Poll::Ready(Ok(0)) => self.deaf = true,
                // Nobody answers on this stream; what comes is passed over.
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(_)) => return true,
            }
        }
        false
    }
}
