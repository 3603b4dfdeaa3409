//! Blocks under way: parts are collected a stream, within bounds that no peer can exceed (CONS-7).

use arc_malachitebft_app_channel::app::types::PeerId;
use arc_malachitebft_app_channel::app::types::streaming::StreamId;
use leither_consensus::{Assembly, Head, Part, PartError};
use leither_types::{Height, Signature};
use std::collections::BTreeMap;

/// Streams at once, of one publisher.
const PER_PUBLISHER_MAX: usize = 4;
/// Streams at once, of all.
const STREAMS_MAX: usize = 64;
/// Bytes in all streams together.
const BYTES_MAX: usize = 32 * 1024 * 1024;

type Name = (PeerId, StreamId);

/// All streams that have begun.
#[derive(Debug, Default)]
pub struct Streams {
    by_name: BTreeMap<Name, Stream>,
    arrivals: u64,
    bytes: usize,
}

#[derive(Debug)]
struct Stream {
    arrival: u64,
    /// The height that was to be decided when it began.
    begun: Height,
    bytes: usize,
    /// Nothing: complete or refused; later parts are dropped.
    parts: Option<Assembly>,
}

/// A complete stream.
#[derive(Debug, PartialEq, Eq)]
pub struct Whole {
    /// What its publisher said of it.
    pub head: Head,
    /// The encoded block.
    pub bytes: Vec<u8>,
}

/// Why a stream is dropped.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum StreamError {
    /// The parts fit no block.
    #[error(transparent)]
    Part(#[from] PartError),
    /// Its head is of no proposer.
    #[error("the head is not from a proposer of its round: {0:?}")]
    Head(Head),
}

impl Streams {
    /// Takes in a part while `next` is to be decided. `accept` judges a stream's head, once.
    pub fn add(
        &mut self,
        next: Height,
        publisher: PeerId,
        id: StreamId,
        part: Part,
        accept: &dyn Fn(&Head, &Signature) -> bool,
    ) -> Result<Option<Whole>, StreamError> {
        let name = (publisher, id);
        if !self.by_name.contains_key(&name) {
            self.make_room(&publisher);
            self.arrivals += 1;
            let stream = Stream { arrival: self.arrivals, begun: next, bytes: 0, parts: Some(Assembly::default()) };
            self.by_name.insert(name.clone(), stream);
        }
        let Some(stream) = self.by_name.get_mut(&name) else { return Ok(None) };
        let Some(parts) = stream.parts.as_mut() else { return Ok(None) };
        let outcome = match &part {
            Part::Head { head, signature, .. } if parts.head().is_none() && !accept(head, signature) => {
                Err(StreamError::Head(*head))
            }
            _ => parts.add(part).map_err(StreamError::from),
        };
        match outcome {
            Ok(None) => {
                let held = parts.bytes();
                self.bytes += held - stream.bytes;
                stream.bytes = held;
                while self.bytes > BYTES_MAX && self.drop_oldest(None) {}
                Ok(None)
            }
            Ok(Some(bytes)) => {
                let head = parts.head().map(|(head, _)| *head);
                self.close(&name);
                Ok(head.map(|head| Whole { head, bytes }))
            }
            Err(refused) => {
                self.close(&name);
                Err(refused)
            }
        }
    }

    /// Forgets the streams of heights that are over, and all that have no head, or are closed, and began before this height did: late
    /// parts of a closed one would otherwise begin it anew and hold a place for ever.
    pub fn forget_up_to(&mut self, height: Height) {
        let over = |stream: &Stream| match stream.parts.as_ref().and_then(Assembly::head) {
            Some((head, _)) => head.height <= height,
            None => stream.begun < height,
        };
        let bytes = &mut self.bytes;
        self.by_name.retain(|_, stream| {
            let keep = !over(stream);
            if !keep {
                *bytes -= stream.bytes;
            }
            keep
        });
    }

    /// Keeps the name, so that late parts do not begin it anew, and frees the bytes.
    fn close(&mut self, name: &Name) {
        if let Some(stream) = self.by_name.get_mut(name) {
            self.bytes -= stream.bytes;
            stream.bytes = 0;
            stream.parts = None;
        }
    }

    fn make_room(&mut self, publisher: &PeerId) {
        let of_publisher = |streams: &Self| streams.by_name.keys().filter(|(who, _)| who == publisher).count();
        while of_publisher(self) >= PER_PUBLISHER_MAX && self.drop_oldest(Some(publisher)) {}
        while self.by_name.len() >= STREAMS_MAX && self.drop_oldest(None) {}
    }

    fn drop_oldest(&mut self, publisher: Option<&PeerId>) -> bool {
        let mine = |name: &&Name| publisher.is_none_or(|who| name.0 == *who);
        let oldest = self.by_name.iter().filter(|(name, _)| mine(name)).min_by_key(|(_, stream)| stream.arrival);
        let Some(name) = oldest.map(|(name, _)| name.clone()) else { return false };
        self.by_name.remove(&name).is_some_and(|stream| {
            self.bytes -= stream.bytes;
            true
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use leither_consensus::{CHUNK_BYTES_MAX, cut};
    use leither_types::{Hash, ValidatorId};

    fn peer(n: u8) -> PeerId {
        PeerId::from_bytes(&[&[0x00, 0x20][..], &[n; 32]].concat()).unwrap()
    }

    fn stream(n: u8) -> StreamId {
        StreamId::new(vec![n].into())
    }

    fn parts(height: Height, len: usize) -> Vec<Part> {
        let head =
            Head { height, round: 0, pol_round: None, publisher: ValidatorId::default(), block: Hash::ZERO, len: len as u32 };
        cut(head, Signature::default(), &vec![7; len]).unwrap()
    }

    fn yes(_: &Head, _: &Signature) -> bool {
        true
    }

    #[test]
    fn a_whole_stream_is_told_once() {
        let mut streams = Streams::default();
        let mut parts = parts(1, CHUNK_BYTES_MAX + 3);
        let last = parts.pop().unwrap();
        assert_eq!(streams.add(1, peer(1), stream(1), parts.remove(0), &yes).unwrap(), None);
        let whole = streams.add(1, peer(1), stream(1), last.clone(), &yes).unwrap().unwrap();
        assert_eq!(whole.bytes.len(), CHUNK_BYTES_MAX + 3);
        assert_eq!(streams.add(1, peer(1), stream(1), last, &yes).unwrap(), None);
        assert_eq!(streams.bytes, 0);
    }

    #[test]
    fn a_head_of_no_proposer_ends_its_stream() {
        let mut streams = Streams::default();
        let parts = parts(1, CHUNK_BYTES_MAX * 2);
        assert_eq!(streams.add(1, peer(1), stream(1), parts[1].clone(), &yes).unwrap(), None);
        assert!(streams.add(1, peer(1), stream(1), parts[0].clone(), &|_, _| false).is_err());
        assert_eq!(streams.add(1, peer(1), stream(1), parts[0].clone(), &yes).unwrap(), None, "it is closed for good");
        assert_eq!(streams.bytes, 0);
    }

    #[test]
    fn one_publisher_cannot_fill_the_memory() {
        let mut streams = Streams::default();
        for n in 0..200 {
            for part in &parts(1, CHUNK_BYTES_MAX * 30)[1..] {
                streams.add(1, peer(1), stream(n), part.clone(), &yes).unwrap();
            }
        }
        assert!(streams.by_name.len() <= PER_PUBLISHER_MAX);
        for n in 2..60 {
            for part in &parts(1, CHUNK_BYTES_MAX * 30)[1..] {
                streams.add(1, peer(n), stream(1), part.clone(), &yes).unwrap();
            }
        }
        assert!(streams.bytes <= BYTES_MAX, "{}", streams.bytes);
    }

    #[test]
    fn heights_that_are_over_are_forgotten() {
        let mut streams = Streams::default();
        for height in 1..4 {
            streams.add(1, peer(1), stream(height as u8), parts(height, CHUNK_BYTES_MAX * 2)[0].clone(), &yes).unwrap();
        }
        streams.forget_up_to(2);
        assert_eq!(streams.by_name.len(), 1);
        assert_eq!(streams.bytes, CHUNK_BYTES_MAX);
    }

    #[test]
    fn a_stream_without_a_head_lasts_as_long_as_one_that_is_closed() {
        let mut streams = Streams::default();
        let parts = parts(1, CHUNK_BYTES_MAX * 2);
        streams.add(1, peer(1), stream(1), parts[1].clone(), &yes).unwrap();
        streams.add(1, peer(1), stream(2), parts[0].clone(), &|_, _| false).unwrap_err();
        streams.forget_up_to(1);
        assert_eq!(streams.by_name.len(), 2, "its head may yet come, and late parts do not begin it anew");
        streams.forget_up_to(2);
        assert_eq!((streams.by_name.len(), streams.bytes), (0, 0));
    }
}
