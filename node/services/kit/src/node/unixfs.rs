//! dag-pb and the UnixFS message within it.

use super::{Directory, Entry, File, LINKS_MAX, Node, NodeError, Other, Part, SYMLINK_BYTES_MAX, Shard, Slot, codec};
use crate::wire::{Junk, Reader, Value};
use cid::Cid;
use std::ops::Range;

/// A link as dag-pb has it.
struct Link {
    cid: Cid,
    name: Option<Range<usize>>,
    size: u64,
}

/// The message that says what a dag-pb node is.
#[derive(Default)]
struct Data {
    kind: Option<u64>,
    bytes: Option<Range<usize>>,
    size: Option<u64>,
    parts: Vec<u64>,
    hash: Option<u64>,
    fanout: Option<u64>,
}

impl From<Junk> for NodeError {
    fn from(_: Junk) -> Self {
        Self::Junk("dag-pb")
    }
}

/// KIT-4
pub(super) fn decode(bytes: &[u8]) -> Result<Node, NodeError> {
    let (data, links) = outer(bytes)?;
    let data = data.map(|range| inner(bytes, range));
    // Whatever is no UnixFS is still a node with links.
    let Some(Ok(data)) = data else {
        return Ok(Node::Other(Other { codec: codec::DAG_PB, links: links.into_iter().map(|link| link.cid).collect() }));
    };
    match data.kind {
        Some(0 | 2) => file(data, links).map(Node::File),
        Some(1) => directory(bytes, links).map(Node::Directory),
        Some(4) => symlink(bytes, data).map(Node::Symlink),
        Some(5) => shard(bytes, &data, links).map(Node::Shard),
        Some(3) => Err(NodeError::Kind("metadata")),
        _ => Err(NodeError::Kind("unknown")),
    }
}

fn outer(bytes: &[u8]) -> Result<(Option<Range<usize>>, Vec<Link>), NodeError> {
    let (mut data, mut links) = (None, Vec::new());
    let mut reader = Reader::new(bytes);
    while let Some(field) = reader.field()? {
        match field {
            (1, Value::Bytes(range)) if data.is_none() => data = Some(range),
            (2, Value::Bytes(_)) if links.len() >= LINKS_MAX => return Err(NodeError::TooManyLinks),
            (2, Value::Bytes(range)) => links.push(link(bytes, range)?),
            _ => return Err(NodeError::Junk("dag-pb")),
        }
    }
    Ok((data, links))
}

fn link(bytes: &[u8], range: Range<usize>) -> Result<Link, NodeError> {
    let (mut cid, mut name, mut size) = (None, None, 0);
    let mut reader = Reader::within(bytes, range);
    while let Some(field) = reader.field()? {
        match field {
            (1, Value::Bytes(range)) if cid.is_none() => {
                cid = Some(super::id_from(bytes.get(range).unwrap_or_default())?);
            }
            (2, Value::Bytes(range)) if name.is_none() => name = Some(range),
            (3, Value::Varint(n)) => size = n,
            _ => return Err(NodeError::Junk("dag-pb")),
        }
    }
    Ok(Link { cid: cid.ok_or(NodeError::LinkId)?, name, size })
}

fn inner(bytes: &[u8], range: Range<usize>) -> Result<Data, NodeError> {
    let mut data = Data::default();
    let mut reader = Reader::within(bytes, range);
    while let Some(field) = reader.field()? {
        match field {
            (1, Value::Varint(n)) => data.kind = Some(n),
            (2, Value::Bytes(range)) => data.bytes = Some(range),
            (3, Value::Varint(n)) => data.size = Some(n),
            (4, Value::Varint(n)) => data.part(n)?,
            // The packed form, which newer writers of protocol buffers choose.
            (4, Value::Bytes(range)) => {
                let mut packed = Reader::within(bytes, range);
                while !packed.is_done() {
                    data.part(packed.varint()?)?;
                }
            }
            (5, Value::Varint(n)) => data.hash = Some(n),
            (6, Value::Varint(n)) => data.fanout = Some(n),
            // Mode and time, and what is yet to come.
            _ => {}
        }
    }
    if data.kind.is_none() {
        return Err(NodeError::Junk("UnixFS"));
    }
    Ok(data)
}

impl Data {
    fn part(&mut self, size: u64) -> Result<(), NodeError> {
        if self.parts.len() >= LINKS_MAX {
            return Err(NodeError::TooManyLinks);
        }
        self.parts.push(size);
        Ok(())
    }
}

fn file(data: Data, links: Vec<Link>) -> Result<File, NodeError> {
    if links.len() != data.parts.len() {
        return Err(NodeError::Inconsistent("a file has another number of parts than of sizes"));
    }
    let inline = data.bytes.unwrap_or(0..0);
    let sum = data.parts.iter().try_fold(inline.len() as u64, |sum, size| sum.checked_add(*size));
    let sum = sum.ok_or(NodeError::Inconsistent("a file's parts add up to more than 2^64 bytes"))?;
    // Very old writers left the sum out of leaves.
    if data.size.is_some_and(|size| size != sum) {
        return Err(NodeError::Inconsistent("a file's size is not that of its parts"));
    }
    let parts = links.into_iter().zip(data.parts).map(|(link, size)| Part { cid: link.cid, size }).collect();
    Ok(File { inline, size: sum, parts })
}

/// KIT-5
fn name_of(bytes: &[u8], range: Range<usize>) -> Result<String, NodeError> {
    let bytes = bytes.get(range).unwrap_or_default();
    let name = std::str::from_utf8(bytes).map_err(|_| NodeError::Name(String::from_utf8_lossy(bytes).into_owned()))?;
    if matches!(name, "" | "." | "..") || name.contains(['/', '\0']) {
        return Err(NodeError::Name(name.into()));
    }
    Ok(name.into())
}

fn directory(bytes: &[u8], links: Vec<Link>) -> Result<Directory, NodeError> {
    let entry = |link: Link| {
        let name = name_of(bytes, link.name.unwrap_or(0..0))?;
        Ok(Entry { name, cid: link.cid, dag_size: link.size })
    };
    Ok(Directory { entries: links.into_iter().map(entry).collect::<Result<_, NodeError>>()? })
}

fn symlink(bytes: &[u8], data: Data) -> Result<String, NodeError> {
    let target = bytes.get(data.bytes.unwrap_or(0..0)).unwrap_or_default();
    if target.len() > SYMLINK_BYTES_MAX {
        return Err(NodeError::Inconsistent("a symbolic link's target is longer than 4096 bytes"));
    }
    std::str::from_utf8(target)
        .map(Into::into)
        .map_err(|_| NodeError::Inconsistent("a symbolic link's target is not UTF-8"))
}

/// The multicodec of murmur3-x64-64.
const MURMUR3: u64 = 0x22;

fn shard(bytes: &[u8], data: &Data, links: Vec<Link>) -> Result<Shard, NodeError> {
    let fanout = data.fanout.unwrap_or(0);
    if data.hash != Some(MURMUR3) {
        return Err(NodeError::Inconsistent("a sharded directory uses another hash than murmur3-x64-64"));
    }
    let fanout = u32::try_from(fanout).ok().filter(|n| n.is_power_of_two() && (8..=super::FANOUT_MAX).contains(n));
    let fanout = fanout.ok_or(NodeError::Inconsistent("a sharded directory's fanout is no power of two from 8 to 1024"))?;
    let width = Shard::width(fanout);
    let slot = |link: Link| {
        let range = link.name.unwrap_or(0..0);
        let middle = range.start.saturating_add(width).min(range.end);
        let prefix = bytes.get(range.start..middle).and_then(|prefix| std::str::from_utf8(prefix).ok()).unwrap_or_default();
        // Rust's own reader would take a sign before the digits.
        let digits = prefix.len() == width && prefix.bytes().all(|b| b.is_ascii_hexdigit());
        let index = u32::from_str_radix(prefix, 16).ok().filter(|n| digits && *n < fanout);
        let index = index.ok_or(NodeError::Inconsistent("a sharded directory has a link without a place"))?;
        if middle == range.end {
            return Ok((index, Slot::Shard(link.cid)));
        }
        let name = name_of(bytes, middle..range.end)?;
        Ok((index, Slot::Entry(Entry { name, cid: link.cid, dag_size: link.size })))
    };
    Ok(Shard { fanout, slots: links.into_iter().map(slot).collect::<Result<_, NodeError>>()? })
}
