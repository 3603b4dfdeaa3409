//! One block, decoded. Nothing is fetched here, and nothing is trusted.

mod cbor;
mod json;
#[cfg(test)]
mod tests;
mod unixfs;

use crate::block::BLOCK_BYTES_MAX;
use cid::Cid;
use std::ops::Range;

/// KIT-4: links in one block. What other tools write has fewer: 65,536 links of 32-byte hashes do not fit a block.
pub const LINKS_MAX: usize = 65_536;
/// KIT-4: how deep a dag-cbor or dag-json document nests.
pub const DOCUMENT_DEPTH_MAX: usize = 64;
/// The longest target of a symbolic link.
pub const SYMLINK_BYTES_MAX: usize = 4096;
/// The widest level of a sharded directory.
pub const FANOUT_MAX: u32 = 1024;

/// Multicodecs of blocks.
pub mod codec {
    /// Bytes and nothing else.
    pub const RAW: u64 = 0x55;
    /// Files and directories (UnixFS), and older things.
    pub const DAG_PB: u64 = 0x70;
    /// CBOR with links.
    pub const DAG_CBOR: u64 = 0x71;
    /// JSON with links.
    pub const DAG_JSON: u64 = 0x0129;
    /// CBOR.
    pub const CBOR: u64 = 0x51;
    /// JSON.
    pub const JSON: u64 = 0x0200;
    /// A public key, as IPNS names carry.
    pub const LIBP2P_KEY: u64 = 0x72;
}

/// Why a block says nothing that can be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NodeError {
    /// Longer than any block.
    #[error("a block of {0} bytes is longer than {BLOCK_BYTES_MAX}")]
    TooLong(usize),
    /// A codec that this node does not read.
    #[error("the codec 0x{0:x} is not read here; ask for the raw block (?format=raw)")]
    Codec(u64),
    /// It is not what its codec says.
    #[error("the block is no valid {0}; it was written by a broken tool, or to do harm")]
    Junk(&'static str),
    /// UnixFS of a kind that nobody reads.
    #[error("the block is UnixFS of the kind {0}, which is not read here; ask for the raw block (?format=raw)")]
    Kind(&'static str),
    /// A link to something that is no id.
    #[error("a link of the block names no content id that is read here (a hash has at most 64 bytes)")]
    LinkId,
    /// KIT-4
    #[error("the block has more than {LINKS_MAX} links; shard the directory, or chunk the file in larger parts")]
    TooManyLinks,
    /// KIT-4
    #[error("the document nests deeper than {DOCUMENT_DEPTH_MAX} levels")]
    TooDeep,
    /// KIT-5
    #[error("a directory has an entry called {0:?}, which can be no file's name; rename it and add the directory again")]
    Name(String),
    /// It contradicts itself.
    #[error("{0}; it was written by a broken tool, or to do harm")]
    Inconsistent(&'static str),
}

/// What a block is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    /// Its bytes are a file, or a part of one: that many.
    Raw(u64),
    /// A file, or a part of one.
    File(File),
    /// A directory in one block.
    Directory(Directory),
    /// One level of a directory that is spread over many blocks.
    Shard(Shard),
    /// A symbolic link: its target.
    Symlink(String),
    /// Something with links, or none, that is no file.
    Other(Other),
}

/// A file's node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Where in the block content stands that comes before all parts.
    pub inline: Range<usize>,
    /// All of its bytes.
    pub size: u64,
    /// The parts, in order. Their sizes and `inline` add up to `size`.
    pub parts: Vec<Part>,
}

/// A part of a file: a file itself, by the size that it must have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Which block.
    pub cid: Cid,
    /// Bytes of content, not of blocks.
    pub size: u64,
}

/// A directory in one block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directory {
    /// As they stand in the block: sorted by the bytes of their names if the writer was careful.
    pub entries: Vec<Entry>,
}

/// A named entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// UTF-8, neither empty nor `.` nor `..`, without `/` and NUL.
    pub name: String,
    /// What it names.
    pub cid: Cid,
    /// Bytes of all blocks below, as the writer of the directory says; nobody has checked it.
    pub dag_size: u64,
}

/// One level of a sharded directory (a HAMT).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shard {
    /// Places of a level: a power of two.
    pub fanout: u32,
    /// What stands in its places, with the place's number.
    pub slots: Vec<(u32, Slot)>,
}

/// What stands in a place of a shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Slot {
    /// An entry.
    Entry(Entry),
    /// The next level.
    Shard(Cid),
}

/// A block that is no UnixFS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Other {
    /// Its codec.
    pub codec: u64,
    /// Its links, in the order they stand in.
    pub links: Vec<Cid>,
}

/// Where a name leads in one level of a sharded directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// Here it is.
    Entry(Cid),
    /// One level down.
    Shard(Cid),
    /// There is no such name.
    Absent,
}

/// What a path leads to within one document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selected {
    /// A link, after so many steps.
    Link(Cid, usize),
    /// A value of the document itself.
    Inside,
    /// Nothing.
    Absent,
}

/// KIT-4: reads a block of the codec that its id names. The bytes are those of the id already: see [`crate::block::verify`].
pub fn decode(cid: &Cid, bytes: &[u8]) -> Result<Node, NodeError> {
    if bytes.len() > BLOCK_BYTES_MAX {
        return Err(NodeError::TooLong(bytes.len()));
    }
    let other = |links| Node::Other(Other { codec: cid.codec(), links });
    match cid.codec() {
        codec::RAW => Ok(Node::Raw(bytes.len() as u64)),
        codec::DAG_PB => unixfs::decode(bytes),
        codec::DAG_CBOR => cbor::links(bytes).map(other),
        codec::DAG_JSON => json::links(bytes).map(other),
        codec::CBOR | codec::JSON => Ok(other(Vec::new())),
        unknown => Err(NodeError::Codec(unknown)),
    }
}

/// KIT-6: follows a path within a dag-cbor or dag-json document, to its end or to the first link.
pub fn select(cid: &Cid, bytes: &[u8], path: &[&str]) -> Result<Selected, NodeError> {
    if bytes.len() > BLOCK_BYTES_MAX {
        return Err(NodeError::TooLong(bytes.len()));
    }
    match cid.codec() {
        codec::DAG_CBOR => cbor::select(bytes, path),
        codec::DAG_JSON => json::select(bytes, path),
        _ if path.is_empty() => Ok(Selected::Inside),
        _ => Ok(Selected::Absent),
    }
}

/// The header of a CAR: its version and its roots.
pub(crate) fn car_header(bytes: &[u8]) -> Result<(u64, Vec<Cid>), NodeError> {
    cbor::car_header(bytes)
}

/// An id in its text form and nothing around it.
pub fn id_of(text: &str) -> Option<Cid> {
    // The parser would look for an id behind any `/ipfs/`.
    Cid::try_from(text).ok().filter(|_| !text.contains('/'))
}

/// An id in its binary form and nothing behind it.
fn id_from(bytes: &[u8]) -> Result<Cid, NodeError> {
    Cid::try_from(bytes).ok().filter(|cid| cid.encoded_len() == bytes.len()).ok_or(NodeError::LinkId)
}

impl Node {
    /// All blocks that it names, in order, as often as it names them.
    pub fn links(&self) -> Box<dyn Iterator<Item = &Cid> + Send + '_> {
        match self {
            Self::Raw(_) | Self::Symlink(_) => Box::new(std::iter::empty()),
            Self::File(file) => Box::new(file.parts.iter().map(|part| &part.cid)),
            Self::Directory(directory) => Box::new(directory.entries.iter().map(|entry| &entry.cid)),
            Self::Shard(shard) => Box::new(shard.slots.iter().map(|(_, slot)| slot.cid())),
            Self::Other(other) => Box::new(other.links.iter()),
        }
    }

    /// The size of a file's content; nothing for what is no file.
    pub fn file_size(&self) -> Option<u64> {
        match self {
            Self::Raw(size) => Some(*size),
            Self::File(file) => Some(file.size),
            _ => None,
        }
    }
}

impl Slot {
    /// The block that it names.
    pub fn cid(&self) -> &Cid {
        match self {
            Self::Entry(entry) => &entry.cid,
            Self::Shard(cid) => cid,
        }
    }
}

impl Directory {
    /// The entry of that name, byte for byte: names are compared as they were written, not as Unicode would like them.
    pub fn find(&self, name: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.name == name)
    }
}

impl Shard {
    /// Hex digits before a name.
    fn width(fanout: u32) -> usize {
        format!("{:X}", fanout.saturating_sub(1)).len()
    }

    /// KIT-7: where a name leads, in the level `level` (0: the directory's own block). Nothing below the last level that its hash has bits for.
    pub fn find(&self, name: &str, level: u32) -> Found {
        let Some(place) = self.place(name, level) else { return Found::Absent };
        match self.slots.iter().find(|(index, _)| *index == place) {
            Some((_, Slot::Shard(cid))) => Found::Shard(*cid),
            Some((_, Slot::Entry(entry))) if entry.name == name => Found::Entry(entry.cid),
            _ => Found::Absent,
        }
    }

    /// The place that a name has in a level: the next bits of its hash, highest first.
    pub fn place(&self, name: &str, level: u32) -> Option<u32> {
        let bits = self.fanout.trailing_zeros();
        let used = bits.checked_mul(level.checked_add(1)?)?;
        let shift = u64::BITS.checked_sub(used)?;
        // Reading from memory cannot fail; the low half of the 128 bits is the 64-bit hash.
        let hash = murmur3::murmur3_x64_128(&mut name.as_bytes(), 0).ok()? as u64;
        u32::try_from((hash >> shift) & u64::from(self.fanout.checked_sub(1)?)).ok()
    }
}
