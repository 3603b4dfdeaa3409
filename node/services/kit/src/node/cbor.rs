//! dag-cbor: strict enough to find links and to follow a path; nothing is copied but ids.

use super::{DOCUMENT_DEPTH_MAX, LINKS_MAX, NodeError, Selected};
use cid::Cid;

const JUNK: NodeError = NodeError::Junk("dag-cbor");
/// The tag of a link.
const TAG_LINK: u64 = 42;

/// The head of a value.
enum Head {
    /// A number, a simple value or a float: its bytes end here.
    Scalar,
    Bytes(usize),
    Text(usize),
    List(u64),
    Map(u64),
    Link,
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn byte(&mut self) -> Result<u8, NodeError> {
        let byte = *self.bytes.get(self.at).ok_or(JUNK)?;
        self.at += 1;
        Ok(byte)
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8], NodeError> {
        let end = self.at.checked_add(len).ok_or(JUNK)?;
        let taken = self.bytes.get(self.at..end).ok_or(JUNK)?;
        self.at = end;
        Ok(taken)
    }

    fn head(&mut self) -> Result<Head, NodeError> {
        let byte = self.byte()?;
        let (major, low) = (byte >> 5, byte & 0x1f);
        let more = match low {
            0..24 => 0,
            24 => 1,
            25 => 2,
            26 => 4,
            27 => 8,
            // Lengths that are not said at the start have no place in dag-cbor.
            _ => return Err(JUNK),
        };
        let start = u64::from(if more == 0 { low } else { 0 });
        let number = self.take(more)?.iter().fold(start, |n, byte| (n << 8) | u64::from(*byte));
        let length = || usize::try_from(number).map_err(|_| JUNK);
        Ok(match major {
            0 | 1 | 7 => Head::Scalar,
            2 => Head::Bytes(length()?),
            3 => Head::Text(length()?),
            4 => Head::List(number),
            5 => Head::Map(number),
            _ if number == TAG_LINK => Head::Link,
            _ => return Err(JUNK),
        })
    }

    /// The id behind a link's tag.
    fn link(&mut self) -> Result<Cid, NodeError> {
        let Head::Bytes(len) = self.head()? else { return Err(JUNK) };
        match self.take(len)? {
            [0, id @ ..] => super::id_from(id),
            _ => Err(JUNK),
        }
    }

    fn key(&mut self) -> Result<&'a str, NodeError> {
        let Head::Text(len) = self.head()? else { return Err(JUNK) };
        std::str::from_utf8(self.take(len)?).map_err(|_| JUNK)
    }

    /// Passes over a value and hands each link in it to `note`.
    fn value(&mut self, depth: usize, note: &mut dyn FnMut(Cid) -> Result<(), NodeError>) -> Result<(), NodeError> {
        let depth = depth.checked_sub(1).ok_or(NodeError::TooDeep)?;
        match self.head()? {
            Head::Scalar => {}
            Head::Bytes(len) | Head::Text(len) => drop(self.take(len)?),
            Head::Link => note(self.link()?)?,
            // A count that lies ends with the bytes, of which each item takes one at least.
            Head::List(count) => (0..count).try_for_each(|_| self.value(depth, note))?,
            Head::Map(count) => (0..count).try_for_each(|_| {
                self.key()?;
                self.value(depth, note)
            })?,
        }
        Ok(())
    }
}

pub(super) fn links(bytes: &[u8]) -> Result<Vec<Cid>, NodeError> {
    let mut links = Vec::new();
    let mut reader = Reader { bytes, at: 0 };
    reader.value(DOCUMENT_DEPTH_MAX, &mut |cid| {
        if links.len() >= LINKS_MAX {
            return Err(NodeError::TooManyLinks);
        }
        links.push(cid);
        Ok(())
    })?;
    if reader.at == bytes.len() { Ok(links) } else { Err(JUNK) }
}

/// KIT-6
pub(super) fn select(bytes: &[u8], path: &[&str]) -> Result<Selected, NodeError> {
    let mut reader = Reader { bytes, at: 0 };
    for (used, step) in path.iter().enumerate().take(DOCUMENT_DEPTH_MAX) {
        let found = match reader.head()? {
            Head::Link => return Ok(Selected::Link(reader.link()?, used)),
            Head::Map(count) => into_key(&mut reader, count, step)?,
            Head::List(count) => into_index(&mut reader, count, step)?,
            Head::Scalar | Head::Bytes(_) | Head::Text(_) => false,
        };
        if !found {
            return Ok(Selected::Absent);
        }
    }
    if path.len() > DOCUMENT_DEPTH_MAX {
        return Ok(Selected::Absent);
    }
    match reader.head()? {
        Head::Link => Ok(Selected::Link(reader.link()?, path.len())),
        _ => Ok(Selected::Inside),
    }
}

fn into_key(reader: &mut Reader<'_>, count: u64, step: &str) -> Result<bool, NodeError> {
    for _ in 0..count {
        if reader.key()? == step {
            return Ok(true);
        }
        reader.value(DOCUMENT_DEPTH_MAX, &mut |_| Ok(()))?;
    }
    Ok(false)
}

fn into_index(reader: &mut Reader<'_>, count: u64, step: &str) -> Result<bool, NodeError> {
    let Some(index) = step.parse::<u64>().ok().filter(|index| *index < count) else { return Ok(false) };
    for _ in 0..index {
        reader.value(DOCUMENT_DEPTH_MAX, &mut |_| Ok(()))?;
    }
    Ok(true)
}

/// The header of a CAR: its version and its roots, which one of version 2 does not have.
pub(super) fn car_header(bytes: &[u8]) -> Result<(u64, Vec<Cid>), NodeError> {
    let mut reader = Reader { bytes, at: 0 };
    let Head::Map(count) = reader.head()? else { return Err(JUNK) };
    let (mut version, mut roots) = (None, Vec::new());
    for _ in 0..count {
        match reader.key()? {
            "version" => version = Some(u64::from(reader.byte()?)),
            "roots" => {
                let Head::List(count) = reader.head()? else { return Err(JUNK) };
                for _ in 0..count {
                    let Head::Link = reader.head()? else { return Err(JUNK) };
                    roots.push(reader.link()?);
                }
            }
            _ => reader.value(DOCUMENT_DEPTH_MAX, &mut |_| Ok(()))?,
        }
    }
    match version {
        Some(version) if reader.at == bytes.len() => Ok((version, roots)),
        _ => Err(JUNK),
    }
}
