//! From bytes to a message. What a message makes us hold is bounded by its own length and by the counts of the parent module.

use super::read::{Reader, Value};
use super::{
    Ask, BLOCK_BYTES_MAX, BLOCKS_MAX, Block, CID_BYTES_MAX, Junk, MESSAGE_BYTES_MAX, Message, PRESENCES_MAX, Presence, WANTS_MAX,
    Want,
};
use bytes::Bytes;
use cid::Cid;
use cid::multihash::Multihash;
use sha2::{Digest, Sha256};

const DAG_PB: u64 = 0x70;
const IDENTITY: u64 = 0x00;
const SHA2_256: u64 = 0x12;
const BLAKE3: u64 = 0x1e;
/// Digests have this length; no other is used.
const DIGEST_BYTES: u64 = 32;

/// The multihash of a block, for the hashes that blocks are checked against here: sha2-256 and blake3.
pub fn digest(code: u64, data: &[u8]) -> Option<Multihash<64>> {
    match code {
        SHA2_256 => Multihash::wrap(code, &Sha256::digest(data)).ok(),
        BLAKE3 => Multihash::wrap(code, blake3::hash(data).as_bytes()).ok(),
        _ => None,
    }
}

/// Reads one message. The ids of its blocks are computed from their bytes, so they cannot be wrong (BITSWAP-11).
pub fn decode(frame: &[u8]) -> Result<Message, Junk> {
    if frame.len() > MESSAGE_BYTES_MAX {
        return Err(Junk::TooLong { len: frame.len() as u64 });
    }
    let mut message = Message::default();
    let mut fields = Reader(frame);
    while let Some((number, value)) = fields.field()? {
        match number {
            1 => wantlist(value.bytes()?, &mut message)?,
            2 => {
                let data = value.bytes()?;
                let cid = digest(SHA2_256, data).and_then(|hash| Cid::new_v0(hash).ok()).ok_or(Junk::Cid)?;
                push_block(&mut message, cid, data)?;
            }
            3 => payload(value.bytes()?, &mut message)?,
            4 => presence(value.bytes()?, &mut message)?,
            5 => message.pending = int32(value)?,
            _ => {}
        }
    }
    Ok(message)
}

/// Numbers of 32 bits are cut from those of 64, as everywhere in protobuf.
fn int32(value: Value<'_>) -> Result<i32, Junk> {
    Ok(value.number()? as i32)
}

fn wantlist(bytes: &[u8], message: &mut Message) -> Result<(), Junk> {
    let mut fields = Reader(bytes);
    while let Some((number, value)) = fields.field()? {
        match number {
            1 => {
                if message.wants.len() >= WANTS_MAX {
                    return Err(Junk::TooMany { what: "wants", max: WANTS_MAX });
                }
                message.wants.extend(want(value.bytes()?)?);
            }
            2 => message.full = value.number()? != 0,
            _ => {}
        }
    }
    Ok(())
}

fn want(bytes: &[u8]) -> Result<Option<Want>, Junk> {
    let (mut id, mut priority, mut cancel, mut kind, mut send_dont_have) = (None, 0, false, 0, false);
    let mut fields = Reader(bytes);
    while let Some((number, value)) = fields.field()? {
        match number {
            1 => id = Some(value.bytes()?),
            2 => priority = int32(value)?,
            3 => cancel = value.number()? != 0,
            4 => kind = value.number()?,
            5 => send_dont_have = value.number()? != 0,
            _ => {}
        }
    }
    let ask = match (cancel, kind) {
        (true, _) => Ask::Cancel,
        (false, 0) => Ask::Block,
        (false, 1) => Ask::Have,
        _ => return Err(Junk::Form("a want of an unknown kind")),
    };
    let cid = content_id(id.ok_or(Junk::Cid)?)?;
    Ok(cid.map(|cid| Want { cid, priority, ask, send_dont_have }))
}

/// BITSWAP-14: one that holds its own bytes is nothing to ask or to answer; it is passed over, however long.
fn content_id(bytes: &[u8]) -> Result<Option<Cid>, Junk> {
    if bytes.len() > CID_BYTES_MAX {
        return Err(Junk::Cid);
    }
    // The first form has no such parts: it begins as a multihash does, and its digest is no number.
    if bytes.first() == Some(&1) {
        let mut parts = Reader(bytes);
        let mut part = || parts.number().map_err(|_| Junk::Cid);
        let (_, _, hash) = (part()?, part()?, part()?);
        if hash == IDENTITY {
            return Ok(None);
        }
    }
    let cid = Cid::try_from(bytes).map_err(|_| Junk::Cid)?;
    // One form an id: what follows it, or a number written longer than need be, would make two of one.
    if cid.to_bytes() == bytes { Ok(Some(cid)) } else { Err(Junk::Cid) }
}

fn payload(bytes: &[u8], message: &mut Message) -> Result<(), Junk> {
    let (mut prefix, mut data) = (&[][..], &[][..]);
    let mut fields = Reader(bytes);
    while let Some((number, value)) = fields.field()? {
        match number {
            1 => prefix = value.bytes()?,
            2 => data = value.bytes()?,
            _ => {}
        }
    }
    if data.len() > BLOCK_BYTES_MAX {
        return Err(Junk::BlockTooBig { len: data.len() });
    }
    let mut parts = Reader(prefix);
    let (version, codec, code, len) = (parts.number()?, parts.number()?, parts.number()?, parts.number()?);
    if !parts.0.is_empty() {
        return Err(Junk::Form("a block's prefix is too long"));
    }
    let hash = digest(code, data).filter(|_| len == DIGEST_BYTES).ok_or(Junk::Hash { code })?;
    let cid = match (version, codec) {
        (0, DAG_PB) => Cid::new_v0(hash).map_err(|_| Junk::Cid)?,
        (1, codec) => Cid::new_v1(codec, hash),
        _ => return Err(Junk::Cid),
    };
    push_block(message, cid, data)
}

fn push_block(message: &mut Message, cid: Cid, data: &[u8]) -> Result<(), Junk> {
    if data.len() > BLOCK_BYTES_MAX {
        return Err(Junk::BlockTooBig { len: data.len() });
    }
    if message.blocks.len() >= BLOCKS_MAX {
        return Err(Junk::TooMany { what: "blocks", max: BLOCKS_MAX });
    }
    // A copy: a block that is kept shall not keep the whole message.
    message.blocks.push(Block { cid, data: Bytes::copy_from_slice(data) });
    Ok(())
}

fn presence(bytes: &[u8], message: &mut Message) -> Result<(), Junk> {
    if message.presences.len() >= PRESENCES_MAX {
        return Err(Junk::TooMany { what: "presences", max: PRESENCES_MAX });
    }
    let (mut id, mut kind) = (None, 0);
    let mut fields = Reader(bytes);
    while let Some((number, value)) = fields.field()? {
        match number {
            1 => id = Some(value.bytes()?),
            2 => kind = value.number()?,
            _ => {}
        }
    }
    let have = match kind {
        0 => true,
        1 => false,
        _ => return Err(Junk::Form("a presence of an unknown kind")),
    };
    let cid = content_id(id.ok_or(Junk::Cid)?)?;
    message.presences.extend(cid.map(|cid| Presence { cid, have }));
    Ok(())
}
