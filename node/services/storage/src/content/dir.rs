use super::{ContentError, Profile, walk::Entry, walk::Node, walk::Walk};
use rust_unixfs::dir::builder::{BufferingTreeBuilder, TreeOptions};
use std::path::Path;

/// A directory whose measure exceeds this becomes a tree of shards (HAMT, 256 ways).
const SHARD_ABOVE: u64 = 256 << 10;

impl Walk<'_, '_> {
    /// Encodes a directory whose entries are encoded already.
    pub(super) fn directory(&mut self, path: &Path, entries: &[Entry]) -> Result<Node, ContentError> {
        let wrong = |what: String| ContentError::Encode { path: path.into(), what };
        let measure = match self.profile {
            Profile::V1_2025 => block_bytes(entries),
            Profile::V0_2015 => links_bytes(entries),
        };
        let mut options = TreeOptions::default();
        options.wrap_with_directory();
        options.cid_version(self.profile.version());
        options.block_size_limit(None);
        // The library has one measure of its own; ours decides, so it gets the one that always shards, or none.
        options.shard_threshold((measure > SHARD_ABOVE).then_some(0));
        let mut builder = BufferingTreeBuilder::new(options);
        for entry in entries {
            builder.put_link(&entry.name, entry.node.cid, entry.node.dag_size).map_err(|e| wrong(e.to_string()))?;
        }
        let mut root = None;
        for block in builder.build() {
            let block = block.map_err(|e| wrong(e.to_string()))?;
            self.put(&block.cid, block.block.into())?;
            root = Some(Node { cid: block.cid, dag_size: block.total_size });
        }
        self.added.dirs += 1;
        root.ok_or_else(|| wrong("it gave no block".into()))
    }
}

/// The length of the one block that would hold all entries: what `unixfs-v1-2025` measures.
fn block_bytes(entries: &[Entry]) -> u64 {
    // The directory's own data: tag, length, and the two bytes that say "directory".
    const DATA: u64 = 4;
    entries
        .iter()
        .map(|entry| {
            let (cid, name) = (entry.node.cid.encoded_len() as u64, entry.name.len() as u64);
            let link = field(cid) + field(name) + 1 + varint(entry.node.dag_size);
            field(link)
        })
        .fold(DATA, u64::saturating_add)
}

/// The sum of names and ids: what `unixfs-v0-2015` measures.
fn links_bytes(entries: &[Entry]) -> u64 {
    entries.iter().map(|e| e.node.cid.encoded_len() as u64 + e.name.len() as u64).fold(0, u64::saturating_add)
}

/// A length-delimited protobuf field with a one-byte tag.
const fn field(len: u64) -> u64 {
    1 + varint(len) + len
}

/// Bytes of a number in protobuf's base 128.
const fn varint(n: u64) -> u64 {
    let bits = 64 - (n | 1).leading_zeros() as u64;
    bits.div_ceil(7)
}
