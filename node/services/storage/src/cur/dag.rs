//! Blocks of files and directories, as every tool under the profile writes them.

use crate::content::Profile;
use cid::multihash::Multihash;
use cid::{Cid, Version};
use leither_kit::block::hash;
use leither_kit::node::codec;
use sha2::{Digest, Sha256};

/// Places of one level of a sharded directory.
pub const FANOUT: usize = 256;
/// A directory whose measure exceeds this is sharded.
pub const SHARD_ABOVE: u64 = 256 << 10;

/// A tree by its first block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    pub cid: Cid,
    /// Bytes of all blocks below, this one included, each counted as often as it is linked.
    pub dag_size: u64,
}

/// A part of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    pub link: Link,
    /// Bytes of content.
    pub size: u64,
}

/// An entry of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub name: String,
    pub link: Link,
}

/// How a profile cuts and names.
impl Profile {
    pub(crate) fn chunk_bytes(self) -> u64 {
        match self {
            Self::V1_2025 => 1 << 20,
            Self::V0_2015 => 256 << 10,
        }
    }

    pub(crate) fn links(self) -> u64 {
        match self {
            Self::V1_2025 => 1024,
            Self::V0_2015 => 174,
        }
    }

    /// The id of a block of dag-pb.
    fn node_id(self, block: &[u8]) -> Cid {
        let hash = sha2_256(block);
        match self {
            // A 32-byte sha2-256 is what version 0 asks for.
            Self::V0_2015 => Cid::new_v0(hash).unwrap_or_else(|_| Cid::new_v1(codec::DAG_PB, hash)),
            Self::V1_2025 => Cid::new_v1(codec::DAG_PB, hash),
        }
    }

    /// Whether a block of the profile could have this id: a leaf of a file, or a node.
    pub(crate) fn fits(self, cid: &Cid, is_leaf: bool) -> bool {
        let wanted = match (self, is_leaf) {
            (Self::V1_2025, true) => (Version::V1, codec::RAW),
            (Self::V1_2025, false) => (Version::V1, codec::DAG_PB),
            (Self::V0_2015, _) => (Version::V0, codec::DAG_PB),
        };
        (cid.version(), cid.codec()) == wanted && cid.hash().code() == hash::SHA2_256
    }

    /// How much an entry adds to the measure of its directory.
    pub(crate) fn measure(self, name: &str, link: &Link) -> u64 {
        let (cid, name) = (link.cid.encoded_len(), name.len());
        match self {
            Self::V1_2025 => {
                let link = field_len(cid) + field_len(name) + 1 + varint_len(link.dag_size);
                field_len(link) as u64
            }
            Self::V0_2015 => (cid + name) as u64,
        }
    }

    /// The measure of a directory without entries.
    pub(crate) fn measure_of_none(self) -> u64 {
        match self {
            Self::V1_2025 => 4,
            Self::V0_2015 => 0,
        }
    }
}

fn sha2_256(bytes: &[u8]) -> Multihash<64> {
    // 32 bytes always fit.
    Multihash::wrap(hash::SHA2_256, &Sha256::digest(bytes)).unwrap_or_default()
}

/// The leaf of a file.
pub fn leaf(profile: Profile, content: Vec<u8>) -> (Cid, Vec<u8>) {
    match profile {
        Profile::V1_2025 => (Cid::new_v1(codec::RAW, sha2_256(&content)), content),
        Profile::V0_2015 => {
            let mut data = Vec::with_capacity(content.len() + 16);
            number(&mut data, 1, KIND_FILE);
            if !content.is_empty() {
                field(&mut data, 2, &content);
            }
            number(&mut data, 3, content.len() as u64);
            node(profile, &[], &data)
        }
    }
}

/// A node of a file.
pub fn file(profile: Profile, parts: &[Part]) -> (Cid, Vec<u8>) {
    let mut data = Vec::with_capacity(parts.len() * 5 + 16);
    number(&mut data, 1, KIND_FILE);
    number(&mut data, 3, parts.iter().map(|part| part.size).fold(0, u64::saturating_add));
    parts.iter().for_each(|part| number(&mut data, 4, part.size));
    let links: Vec<(&str, Link)> = parts.iter().map(|part| ("", part.link)).collect();
    node(profile, &links, &data)
}

/// A directory in one block; entries in the order of their names' bytes.
pub fn directory(profile: Profile, entries: &[(&str, Link)]) -> (Cid, Vec<u8>) {
    let mut data = Vec::new();
    number(&mut data, 1, KIND_DIRECTORY);
    node(profile, entries, &data)
}

/// The hash by whose bytes a name is found in a sharded directory (murmur3-x64-64).
pub fn name_hash(name: &str) -> u64 {
    // Reading from memory cannot fail; the low half of the 128 bits is the 64-bit hash.
    murmur3::murmur3_x64_128(&mut name.as_bytes(), 0).unwrap_or_default() as u64
}

/// The place of a hash in a level, the first being 0; there are eight.
pub fn place(hash: u64, level: u32) -> u8 {
    hash.rotate_left(8 * (level + 1)) as u8
}

/// One level of a sharded directory: place, the rest of the link's name, link; in the order of places.
pub fn shard(profile: Profile, slots: &[(u8, &str, Link)]) -> (Cid, Vec<u8>) {
    let mut bits = [0u8; FANOUT / 8];
    let mut names = Vec::with_capacity(slots.len());
    for (place, name, link) in slots {
        let place = usize::from(*place);
        if let Some(byte) = bits.get_mut(FANOUT / 8 - 1 - place / 8) {
            *byte |= 1 << (place % 8);
        }
        names.push((format!("{place:02X}{name}"), *link));
    }
    let start = bits.iter().position(|byte| *byte != 0).unwrap_or(bits.len() - 1);
    let mut data = Vec::new();
    number(&mut data, 1, KIND_SHARD);
    field(&mut data, 2, bits.get(start..).unwrap_or_default());
    number(&mut data, 5, MURMUR3);
    number(&mut data, 6, FANOUT as u64);
    let links: Vec<(&str, Link)> = names.iter().map(|(name, link)| (name.as_str(), *link)).collect();
    node(profile, &links, &data)
}

/// A symbolic link.
pub fn symlink(profile: Profile, target: &str) -> (Cid, Vec<u8>) {
    let mut data = Vec::new();
    number(&mut data, 1, KIND_SYMLINK);
    field(&mut data, 2, target.as_bytes());
    node(profile, &[], &data)
}

const KIND_DIRECTORY: u64 = 1;
const KIND_FILE: u64 = 2;
const KIND_SYMLINK: u64 = 4;
const KIND_SHARD: u64 = 5;
/// The multicodec of murmur3-x64-64.
const MURMUR3: u64 = 0x22;

/// dag-pb: first the links, then the data, although their numbers are the other way round.
pub fn node(profile: Profile, links: &[(&str, Link)], data: &[u8]) -> (Cid, Vec<u8>) {
    let mut block = Vec::with_capacity(links.len() * 64 + data.len() + 8);
    let mut inner = Vec::with_capacity(320);
    for (name, link) in links {
        inner.clear();
        field(&mut inner, 1, &link.cid.to_bytes());
        field(&mut inner, 2, name.as_bytes());
        number(&mut inner, 3, link.dag_size);
        field(&mut block, 2, &inner);
    }
    field(&mut block, 1, data);
    (profile.node_id(&block), block)
}

fn varint(out: &mut Vec<u8>, mut n: u64) {
    while n > 0x7f {
        out.push((n & 0x7f) as u8 | 0x80);
        n >>= 7;
    }
    out.push(n as u8);
}

pub fn number(out: &mut Vec<u8>, tag: u8, n: u64) {
    out.push(tag << 3);
    varint(out, n);
}

fn field(out: &mut Vec<u8>, tag: u8, bytes: &[u8]) {
    out.push(tag << 3 | 2);
    varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Bytes of a number in protobuf's base 128.
fn varint_len(n: u64) -> usize {
    (64 - (n | 1).leading_zeros() as usize).div_ceil(7)
}

/// A length-delimited field with a tag of one byte.
fn field_len(len: usize) -> usize {
    1 + varint_len(len as u64) + len
}

/// The sizes that the links of a dag-pb block state of what is below them, in the links' order. The block was decoded before: what is not
/// as expected ends the list.
pub fn link_sizes(block: &[u8]) -> Vec<u64> {
    let mut sizes = Vec::new();
    let mut rest = block;
    while let Some((tag, value)) = next_field(&mut rest) {
        if let (2, Value::Bytes(mut link)) = (tag, value) {
            let mut size = 0;
            while let Some((tag, value)) = next_field(&mut link) {
                if let (3, Value::Number(n)) = (tag, value) {
                    size = n;
                }
            }
            sizes.push(size);
        }
    }
    sizes
}

enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

fn next_field<'a>(rest: &mut &'a [u8]) -> Option<(u64, Value<'a>)> {
    let key = next_varint(rest)?;
    let value = match key & 7 {
        0 => Value::Number(next_varint(rest)?),
        2 => {
            let len = usize::try_from(next_varint(rest)?).ok()?;
            let (bytes, after) = rest.split_at_checked(len)?;
            *rest = after;
            Value::Bytes(bytes)
        }
        _ => return None,
    };
    Some((key >> 3, value))
}

fn next_varint(rest: &mut &[u8]) -> Option<u64> {
    let mut n = 0u64;
    for shift in (0..64).step_by(7) {
        let (byte, after) = rest.split_first()?;
        *rest = after;
        n |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(n);
        }
    }
    None
}
