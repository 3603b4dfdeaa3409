//! From a message to bytes, as the other side's version reads them (BITSWAP-1).

use super::{Ask, Message, Version};
use bytes::{Bytes, BytesMut};
use cid::{Cid, Version as CidVersion};

/// The message behind its length, in pieces: blocks are not copied. Nothing where that version has no words for what it says.
pub fn encode(message: &Message, version: Version) -> Vec<Bytes> {
    let mut out = Pieces::default();
    let wants = wantlist(message, version);
    if message.full || !wants.is_empty() {
        let full: &[u8] = if message.full { &[2 << 3, 1] } else { &[] };
        out.field(1, wants.len().saturating_add(full.len()));
        out.head.extend_from_slice(&wants);
        out.head.extend_from_slice(full);
    }
    for block in &message.blocks {
        if version == Version::V100 {
            out.field(2, block.data.len());
        } else {
            let prefix = prefix(&block.cid);
            let mut inner = Vec::with_capacity(24);
            bytes_field(&mut inner, 1, &prefix);
            tag(&mut inner, 2, 2);
            number(&mut inner, block.data.len() as u64);
            out.field(3, inner.len().saturating_add(block.data.len()));
            out.head.extend_from_slice(&inner);
        }
        out.bytes(block.data.clone());
    }
    if version == Version::V120 {
        for presence in &message.presences {
            let mut inner = Vec::with_capacity(48);
            bytes_field(&mut inner, 1, &presence.cid.to_bytes());
            if !presence.have {
                inner.extend_from_slice(&[2 << 3, 1]);
            }
            out.field(4, inner.len());
            out.head.extend_from_slice(&inner);
        }
        if message.pending > 0 {
            tag(&mut out.head, 5, 0);
            number(&mut out.head, message.pending as u64);
        }
    }
    out.framed()
}

fn wantlist(message: &Message, version: Version) -> Vec<u8> {
    let mut list = Vec::new();
    for want in &message.wants {
        if version < Version::V120 && want.ask == Ask::Have {
            continue;
        }
        let mut entry = Vec::with_capacity(56);
        bytes_field(&mut entry, 1, &want.cid.to_bytes());
        tag(&mut entry, 2, 0);
        // Negative numbers are written with all their 64 bits.
        number(&mut entry, i64::from(want.priority) as u64);
        if want.ask == Ask::Cancel {
            entry.extend_from_slice(&[3 << 3, 1]);
        }
        if version == Version::V120 {
            if want.ask == Ask::Have {
                entry.extend_from_slice(&[4 << 3, 1]);
            }
            if want.send_dont_have {
                entry.extend_from_slice(&[5 << 3, 1]);
            }
        }
        bytes_field(&mut list, 1, &entry);
    }
    list
}

/// What a block's id says besides its digest.
fn prefix(cid: &Cid) -> Vec<u8> {
    let mut prefix = Vec::with_capacity(8);
    let version = if cid.version() == CidVersion::V0 { 0 } else { 1 };
    for part in [version, cid.codec(), cid.hash().code(), u64::from(cid.hash().size())] {
        number(&mut prefix, part);
    }
    prefix
}

#[derive(Default)]
struct Pieces {
    done: Vec<Bytes>,
    head: Vec<u8>,
    len: usize,
}

impl Pieces {
    fn field(&mut self, field: u64, len: usize) {
        tag(&mut self.head, field, 2);
        number(&mut self.head, len as u64);
    }

    fn flush(&mut self) {
        if !self.head.is_empty() {
            let head = std::mem::take(&mut self.head);
            self.len = self.len.saturating_add(head.len());
            self.done.push(head.into());
        }
    }

    fn bytes(&mut self, bytes: Bytes) {
        self.flush();
        self.len = self.len.saturating_add(bytes.len());
        self.done.push(bytes);
    }

    fn framed(mut self) -> Vec<Bytes> {
        self.flush();
        if self.len == 0 {
            return Vec::new();
        }
        let mut length = Vec::with_capacity(5);
        number(&mut length, self.len as u64);
        // The length goes with what follows it, so that small messages are one piece.
        if let Some(first) = self.done.first_mut() {
            let mut joined = BytesMut::with_capacity(length.len().saturating_add(first.len()));
            joined.extend_from_slice(&length);
            joined.extend_from_slice(first);
            *first = joined.freeze();
        }
        self.done
    }
}

fn tag(out: &mut Vec<u8>, field: u64, kind: u64) {
    number(out, field << 3 | kind);
}

fn number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn bytes_field(out: &mut Vec<u8>, field: u64, bytes: &[u8]) {
    tag(out, field, 2);
    number(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}
