//! What passes through the admin socket: HTTP/1.1 with JSON, and blocks in frames.
//!
//! | call | does |
//! |---|---|
//! | `GET /storage` | [`Stat`] |
//! | `GET /storage/roots?after=` | [`Roots`], 1000 at most |
//! | `GET /storage/freed?root=` | [`Freed`]: what a release would free |
//! | `DELETE /storage/roots?root=&discard=` | releases a pin or version, with `discard` a working copy, or what waits to become a version |
//! | `POST /storage/verify?hashes=` | [`Event`]s, one a line: [`Checking`], at last [`Verified`] |
//! | `POST /storage/compact` | [`Event`]s, one a line, all of them [`Compacted`] |
//! | `GET /storage/trash?before=` | [`Trash`], 100 at most |
//! | `POST /storage/keep?cid=&name=` | gives a tree that is here a pin again; [`Again`] |
//! | `POST /storage/provide?cid=` | announces a tree that is here, and keeps it; [`Announced`]; `DELETE` ends it |
//! | `POST /storage/purge?all=` | [`Purged`] |
//! | `GET /swarm/addrs`, `/swarm/peers`, `/swarm/reach` | [`Addresses`], [`Peers`], [`Reach`] |
//! | `POST /swarm/connect?address=` | [`Connected`] |
//! | `GET /dht/peer?id=` or `?of=` | [`Provider`]: where a peer is, or the node of a validator's operator |
//! | `GET /providers?of=` | [`Providers`] of a MiMei or a content id |
//! | `GET /provided?mimei=&after=` | [`ProvidedList`]: what is announced and followed |
//! | `GET /provided/summary` | [`Providing`]: how far announcing is |
//! | `POST /publish?lifetime_ms=`, `/follow`, `/unfollow` | up to 1000 MiMeis, one a line: [`ListedAll`] |
//! | `POST /fetch?cid=&mimei=` | [`Event`]s, one a line: a tree out of the network, to be read now |
//! | `GET /car?cid=`, `POST /car?name=` | a tree as a CAR; takes one in, [`Imported`] |
//! | `POST /blocks?profile=` | frames in, children first, the root last; [`Stored`] once it is on disk |
//! | `GET /blocks/CID?far=&whole=` | the bytes of a block; `whole`: if all that it links to is here, too |
//! | `GET /mimei/ID` | [`Local`] |
//! | `GET /mimei/ID/versions/N` | [`Held`] |
//! | `POST /mimei/ID/versions/N?cid=&profile=` | records that the chain has that version |
//! | `POST /mimei/ID/next?version=&cid=&profile=&cur=` | keeps what is to become a version; `DELETE ...?version=&cid=&cur=` gives that up |
//! | `POST /mimei/ID/cur?version=&generation=&seen=` | makes a version the working copy, or an empty directory; [`Cur`] |
//! | `GET /mimei/ID/cur?path=&after=&limit=` | [`Entries`]: a page of a directory of the working copy |
//! | `POST /mimei/ID/edit?op=&path=&generation=&...` | changes the working copy, with a generation only if it is of that one; [`Cur`] |
//! | `GET /mimei/ID/network` | [`NetworkView`], within three seconds |
//! | `POST /mimei/ID/publish?lifetime_ms=` | [`Published`] |
//! | `POST /mimei/ID/sync` | [`Event`]s: the newest version out of the network |
//! | `POST /mimei/ID/follow` | the same, and from then on; `DELETE` ends it: [`Followed`] |
//! | `POST /mimei/ID/fork?version=&fork=` | another MiMei begins with that version; [`Cur`] |
//!
//! A refusal is a status of 400 and above with [`Refusal`].

mod network;

pub use network::*;

use hyper::body::{Body, Bytes, Frame, SizeHint};
use leither_kit::Cid;
use leither_kit::block::BLOCK_BYTES_MAX;
use serde::{Deserialize, Serialize};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::sync::mpsc;

/// SOCK-3: an id and a block, no more.
pub const FRAME_BYTES_MAX: usize = BLOCK_BYTES_MAX + 128;
/// What a frame begins with: its length, without these bytes.
pub const FRAME_HEAD: usize = 4;
/// The end of a stream of frames: a frame of no length. A stream without it was cut.
pub const FRAMES_END: [u8; FRAME_HEAD] = [0; FRAME_HEAD];

/// A block as it is sent.
pub fn frame(cid: &Cid, block: &[u8]) -> Bytes {
    let id = cid.to_bytes();
    let len = u32::try_from(id.len().saturating_add(block.len())).unwrap_or(u32::MAX);
    Bytes::from([len.to_be_bytes().as_slice(), &id, block].concat())
}

/// What a frame holds.
pub fn unframe(frame: Bytes) -> Option<(Cid, Bytes)> {
    let mut rest: &[u8] = &frame;
    let cid = Cid::read_bytes(&mut rest).ok()?;
    let at = frame.len().checked_sub(rest.len())?;
    Some((cid, frame.slice(at..)))
}

/// Why something was not done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// A stable word.
    pub reason: String,
    /// What happened and what to do next.
    pub message: String,
}

/// What is in the store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stat {
    /// Blocks.
    pub blocks: String,
    /// Their bytes, what is in the trash included.
    pub bytes: String,
    /// How many there may be now.
    pub quota: String,
    /// What the database's files take of the disk: with many small blocks, and what is not given back yet, more than their bytes.
    pub disk: String,
}

/// A root.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RootView {
    /// `pin/NAME`, `cur/MIMEI` or `version/MIMEI/NUMBER`.
    pub root: String,
    /// What it keeps.
    pub cid: String,
    /// How the files in it are cut.
    pub profile: String,
}

/// A page of roots.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Roots {
    /// In the order of their keys.
    pub items: Vec<RootView>,
    /// What to ask for the next page with.
    pub next: Option<String>,
}

/// What a release would free.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Freed {
    /// Blocks.
    pub blocks: String,
    /// Bytes.
    pub bytes: String,
    /// Not all was looked at.
    pub at_least: bool,
}

/// A tree in the trash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InTrash {
    /// The tree.
    pub cid: String,
    /// Blocks that go with it, since nobody else needs them.
    pub blocks: String,
    /// Their bytes.
    pub bytes: String,
    /// Not all was looked at.
    pub at_least: bool,
    /// When it was let go of, in ms since 1970.
    pub since_ms: String,
    /// From when on a purge takes it.
    pub goes_ms: String,
}

/// A page of the trash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trash {
    /// What came last first.
    pub items: Vec<InTrash>,
    /// What to ask for the next page with.
    pub next: Option<String>,
}

/// A tree that is kept again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Again {
    /// The tree.
    pub cid: String,
    /// As what it is kept.
    pub root: String,
    /// It was in the trash; else somebody keeps it besides.
    pub was_trash: bool,
}

/// What a purge took out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Purged {
    /// Blocks.
    pub blocks: String,
    /// Bytes.
    pub bytes: String,
}

/// What a verification found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verified {
    /// Blocks.
    pub blocks: String,
    /// Their bytes.
    pub bytes: String,
    /// Roots.
    pub roots: String,
    /// In the trash.
    pub trashed: String,
    /// Block and what is wrong with it.
    pub wrong: Vec<Wrong>,
}

/// How far a verification is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checking {
    /// Rows that were looked at.
    pub done: String,
    /// About how many there are to look at.
    pub of: String,
}

/// How far a compaction is, or what came of it. Bytes are those of the database's files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Compacted {
    /// Steps that were done.
    pub steps: String,
    /// Bytes before.
    pub before: String,
    /// Bytes now.
    pub after: String,
}

/// Something wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wrong {
    /// Which block.
    pub cid: Option<String>,
    /// What.
    pub what: String,
}

/// What an add stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stored {
    /// The root.
    pub cid: String,
    /// Blocks that were not there before.
    pub blocks: String,
    /// Their bytes.
    pub bytes: String,
}

/// A working copy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cur {
    /// Its tree.
    pub cid: String,
    /// How its files are cut.
    pub profile: String,
    /// How often it has moved.
    pub generation: String,
}

/// READ-1: what a path leads to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its name.
    pub path: String,
    /// `file`, `dir`, `link`, `other`.
    #[serde(rename = "type")]
    pub kind: String,
    /// A file's bytes.
    pub size: Option<String>,
    /// A link's.
    pub target: Option<String>,
    /// Its tree.
    pub cid: String,
}

/// A page of a directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entries {
    /// What is in it.
    pub items: Vec<Entry>,
    /// What to ask for the next page with.
    pub next: Option<String>,
}

/// A version that is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// Its number.
    pub version: String,
    /// Its tree.
    pub cid: String,
    /// How its files are cut.
    pub profile: String,
}

/// What this node has of a MiMei.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Local {
    /// The working copy.
    pub cur: Option<Cur>,
    /// What the working copy came from, with the number of the version that was the newest then.
    pub base: Option<Held>,
    /// What waits to become a version; that of the highest number where several do.
    pub next: Option<Held>,
    /// The newest version that is kept here.
    pub newest: Option<Held>,
    /// How many are.
    pub held: String,
    /// HOLD-3: trees that were to become a version that another became; 64 at most.
    #[serde(default)]
    pub lost: Vec<RootView>,
}

/// A request's body: nothing, bytes, or a stream that somebody fills.
pub enum Outgoing {
    /// All at once.
    Whole(Option<Bytes>),
    /// Piece by piece; the end is that of the sender.
    Stream(mpsc::Receiver<Bytes>),
    /// The same, of what may fail half way: then the other side sees no end, but a break.
    Checked(mpsc::Receiver<io::Result<Bytes>>),
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let piece = match self.get_mut() {
            Self::Whole(bytes) => Poll::Ready(bytes.take().map(Ok)),
            Self::Stream(pieces) => pieces.poll_recv(cx).map(|piece| piece.map(Ok)),
            Self::Checked(pieces) => pieces.poll_recv(cx),
        };
        piece.map(|piece| piece.map(|bytes| bytes.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(None))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Self::Stream(_) | Self::Checked(_) => SizeHint::default(),
        }
    }
}

/// SOCK-2: a value as it stands in a query.
pub fn escape(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~');
    text.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

/// The value of a name in a query.
pub fn parameter(query: &str, name: &str) -> Option<String> {
    let value = query.split('&').find_map(|pair| pair.split_once('=').filter(|(key, _)| *key == name))?.1;
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let digits = rest.split_at_checked(2).and_then(|(digits, after)| {
            rest = after;
            std::str::from_utf8(digits).ok().filter(|text| text.bytes().all(|b| b.is_ascii_hexdigit()))
        });
        bytes.push(u8::from_str_radix(digits?, 16).ok()?);
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn sock_2_a_value_in_a_query_comes_back_whatever_it_holds(text in ".{0,40}") {
            let query = format!("op=write&path={}&at=5", escape(&text));
            prop_assert_eq!(parameter(&query, "path"), Some(text));
            prop_assert_eq!(parameter(&query, "at"), Some("5".to_string()));
            prop_assert_eq!(parameter(&query, "to"), None);
        }

        #[test]
        fn sock_3_junk_in_a_frame_or_a_query_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200), text in ".{0,60}") {
            let _ = unframe(Bytes::from(bytes));
            let _ = parameter(&text, "path");
        }
    }

    #[test]
    fn sock_3_a_frame_gives_back_id_and_block() {
        let cid: Cid = "bafkreifzjut3te7nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e".parse().unwrap();
        let sent = frame(&cid, b"hello");
        let (head, rest) = sent.split_at(FRAME_HEAD);
        assert_eq!(u32::from_be_bytes(head.try_into().unwrap()) as usize, rest.len());
        assert_eq!(unframe(sent.slice(FRAME_HEAD..)), Some((cid, Bytes::from_static(b"hello"))));
    }
}
