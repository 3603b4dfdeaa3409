//! Blocks as tests write them, good ones and bad ones: protocol buffers field by field, files and directories of UnixFS.

use crate::node::{Shard, codec};
use crate::source::{Fixed, Source};
use cid::Cid;
use cid::multihash::Multihash;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A number in its variable form.
pub fn varint(mut n: u64) -> Vec<u8> {
    let mut out = Vec::new();
    while n >= 0x80 {
        out.push(n as u8 | 0x80);
        n >>= 7;
    }
    out.push(n as u8);
    out
}

/// A field that is a number.
pub fn number(field: u64, n: u64) -> Vec<u8> {
    [varint(field << 3), varint(n)].concat()
}

/// A field that is bytes.
pub fn bytes(field: u64, bytes: &[u8]) -> Vec<u8> {
    [varint(field << 3 | 2), varint(bytes.len() as u64), bytes.to_vec()].concat()
}

/// A link of a dag-pb block.
pub fn link(cid: &Cid, name: &str, size: u64) -> Vec<u8> {
    bytes(2, &[bytes(1, &cid.to_bytes()), bytes(2, name.as_bytes()), number(3, size)].concat())
}

/// A dag-pb block of these links and this data.
pub fn block(links: &[Vec<u8>], data: &[Vec<u8>]) -> Vec<u8> {
    [links.concat(), bytes(1, &data.concat())].concat()
}

/// Writes blocks of all kinds, good and bad, and keeps them.
#[derive(Default)]
pub struct Writer(pub Fixed);

impl Writer {
    /// Any block, under its hash.
    pub fn put(&mut self, codec: u64, block: Vec<u8>) -> Cid {
        let cid = Cid::new_v1(codec, Multihash::wrap(0x12, &Sha256::digest(&block)).unwrap());
        self.0.put(&cid, block.into()).unwrap();
        cid
    }

    /// Content that is a block.
    pub fn raw(&mut self, content: &[u8]) -> Cid {
        self.put(codec::RAW, content.to_vec())
    }

    /// A dag-pb block.
    pub fn pb(&mut self, links: &[(Cid, String)], data: &[Vec<u8>]) -> Cid {
        let links: Vec<Vec<u8>> = links.iter().map(|(cid, name)| link(cid, name, 1)).collect();
        self.put(codec::DAG_PB, block(&links, data))
    }

    /// A file of parts, each as long as is said.
    pub fn file(&mut self, inline: &[u8], parts: &[(Cid, u64)]) -> Cid {
        let links: Vec<_> = parts.iter().map(|(cid, _)| (*cid, String::new())).collect();
        let size = inline.len() as u64 + parts.iter().map(|(_, size)| size).sum::<u64>();
        let mut data = vec![number(1, 2), bytes(2, inline), number(3, size)];
        data.extend(parts.iter().map(|(_, size)| number(4, *size)));
        self.pb(&links, &data)
    }

    /// A directory in one block.
    pub fn directory(&mut self, entries: &[(&str, Cid)]) -> Cid {
        let links: Vec<_> = entries.iter().map(|(name, cid)| (*cid, name.to_string())).collect();
        self.pb(&links, &[number(1, 1)])
    }

    /// A sharded directory by the definition: an entry alone in its place stands there, others go a level down.
    pub fn sharded(&mut self, names: &[String], cid: Cid, fanout: u32, level: u32) -> Cid {
        let empty = Shard { fanout, slots: Vec::new() };
        let width = format!("{:X}", fanout - 1).len();
        let mut places = BTreeMap::<u32, Vec<String>>::new();
        for name in names {
            places.entry(empty.place(name, level).unwrap()).or_default().push(name.clone());
        }
        let mut links = Vec::new();
        for (place, names) in places {
            match names.as_slice() {
                [one] => links.push((cid, format!("{place:0width$X}{one}"))),
                many => links.push((self.sharded(many, cid, fanout, level + 1), format!("{place:0width$X}"))),
            }
        }
        self.pb(&links, &[number(1, 5), number(5, 0x22), number(6, fanout.into())])
    }

    /// All that was written.
    pub fn source(self) -> Arc<dyn Source> {
        Arc::new(self.0)
    }
}
