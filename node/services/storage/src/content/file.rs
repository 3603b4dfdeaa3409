use super::{ContentError, Profile, error::io, error::read_again, walk::Node, walk::OPEN, walk::Walk};
use crate::seal::Id;
use cid::Version;
use rust_unixfs::file::adder::{BalancedCollector, Chunker, FileAdder};
use std::fs::{File, Metadata, OpenOptions};
use std::io::Read;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

impl Profile {
    /// Bytes in a leaf.
    const fn chunk(self) -> usize {
        match self {
            Profile::V1_2025 => 1 << 20,
            Profile::V0_2015 => 256 << 10,
        }
    }

    /// Links in a node above the leaves.
    const fn width(self) -> usize {
        match self {
            Profile::V1_2025 => 1024,
            Profile::V0_2015 => 174,
        }
    }

    /// The version of ids; raw leaves go with version 1.
    pub(super) const fn version(self) -> Version {
        match self {
            Profile::V1_2025 => Version::V1,
            Profile::V0_2015 => Version::V0,
        }
    }
}

/// CONTENT-5: what of a file's metadata moves when somebody writes to it.
#[derive(PartialEq, Eq)]
pub(super) struct Stamp([i64; 4], [u64; 3]);

impl Stamp {
    pub(super) fn of(meta: &Metadata) -> Self {
        Self([meta.mtime(), meta.mtime_nsec(), meta.ctime(), meta.ctime_nsec()], [meta.dev(), meta.ino(), meta.size()])
    }
}

/// Opens a regular file and nothing else, even where it was swapped for a link or a pipe a moment ago.
pub(super) fn open(path: &Path) -> Result<(File, Metadata), ContentError> {
    let changed = || ContentError::Changed { path: path.into() };
    let opened = OpenOptions::new().read(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(path);
    let file = opened.map_err(|e| if e.raw_os_error() == Some(libc::ELOOP) { changed() } else { io("open", path)(e) })?;
    let meta = file.metadata().map_err(io("examine", path))?;
    if meta.is_file() { Ok((file, meta)) } else { Err(changed()) }
}

impl Walk<'_, '_> {
    /// Cuts a file into blocks.
    pub(super) fn file(&mut self, path: &Path) -> Result<(Node, Id), ContentError> {
        let (mut file, before) = open(path)?;
        let (node, read, id) = match self.seal {
            Some(seal) => self.sealed_file(path, &mut file, before.len(), seal)?,
            None => {
                let (node, read) = self.cut(path, &mut file, before.len())?;
                (node, read, OPEN)
            }
        };
        let after = file.metadata().map_err(io("examine", path))?;
        if read != before.len() || Stamp::of(&before) != Stamp::of(&after) {
            return Err(ContentError::Changed { path: path.into() });
        }
        self.added.files += 1;
        let node = node.ok_or_else(|| ContentError::Encode { path: path.into(), what: "it gave no block".into() })?;
        Ok((node, id))
    }

    /// Cuts what can be read into blocks, and says how much that was: no more than a chunk beyond `most`. Holds one chunk, and the links of each
    /// level that is still open.
    pub(super) fn cut(&mut self, path: &Path, input: &mut dyn Read, most: u64) -> Result<(Option<Node>, u64), ContentError> {
        let mut adder = FileAdder::builder()
            .with_chunker(Chunker::Size(self.profile.chunk()))
            .with_collector(BalancedCollector::with_branching_factor(self.profile.width()))
            .with_cid_version(self.profile.version())
            .build();
        let mut chunk = std::mem::take(&mut self.chunk);
        chunk.resize(self.profile.chunk(), 0);
        let (mut read, mut node) = (0u64, None);
        loop {
            let filled = fill(input, &mut chunk).map_err(read_again(path))?;
            read = read.saturating_add(filled as u64);
            if filled == 0 || read > most {
                break;
            }
            // Only the last chunk can be short, so the adder takes each whole.
            let mut rest = &chunk[..filled];
            while !rest.is_empty() {
                let (blocks, taken) = adder.push(rest);
                for (cid, block) in blocks {
                    self.emit(&mut node, cid, block)?;
                }
                rest = &rest[taken.min(rest.len())..];
            }
            self.added.size = self.added.size.saturating_add(filled as u64);
            self.tell();
        }
        self.chunk = chunk;
        for (cid, block) in adder.finish() {
            self.emit(&mut node, cid, block)?;
        }
        Ok((node, read))
    }
}

/// Fills `chunk` unless the file ends before.
fn fill(file: &mut dyn Read, chunk: &mut [u8]) -> std::io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = chunk.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match file.read(rest) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(filled)
}
