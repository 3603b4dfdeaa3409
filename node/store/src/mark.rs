//! A note beside the database of the last height that was committed. It is written after the commit was synced and is not synced
//! itself, so it may lag, but never runs ahead of what the database has to have: where it does, committed blocks were lost.

use leither_types::{Hash, Height, tagged};
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileExt;
use std::path::Path;

const NAME: &str = "COMMITTED";
const LEN: usize = 8 + 32 + 32;

pub(crate) struct Mark(File);

fn check(height: &[u8], id: &[u8]) -> Hash {
    tagged("leither/committed-mark/v1", &[height, id])
}

impl Mark {
    /// What the note in `dir` says. An unreadable one says nothing: it was torn by a power cut.
    pub fn read(dir: &Path) -> io::Result<Option<(Height, Hash)>> {
        let bytes = match std::fs::read(dir.join(NAME)) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(e),
        };
        Ok(Self::parse(&bytes))
    }

    fn parse(bytes: &[u8]) -> Option<(Height, Hash)> {
        let (height, rest) = bytes.split_at_checked(8)?;
        let (id, sum) = rest.split_at_checked(32)?;
        if check(height, id).0 != sum {
            return None;
        }
        Some((Height::from_le_bytes(height.try_into().ok()?), Hash(id.try_into().ok()?)))
    }

    /// Whether there is a note at all.
    pub fn exists(dir: &Path) -> bool {
        dir.join(NAME).exists()
    }

    /// Opens it for writing.
    pub fn open(dir: &Path) -> io::Result<Self> {
        OpenOptions::new().write(true).create(true).truncate(false).open(dir.join(NAME)).map(Self)
    }

    /// Notes a committed height. One write within one sector.
    pub fn write(&self, height: Height, id: &Hash) -> io::Result<()> {
        let height = height.to_le_bytes();
        let mut bytes = Vec::with_capacity(LEN);
        bytes.extend_from_slice(&height);
        bytes.extend_from_slice(&id.0);
        bytes.extend_from_slice(&check(&height, &id.0).0);
        self.0.write_all_at(&bytes, 0)
    }
}
