//! The disk that files lie on.

use leither_storage::config::Space;
use std::io;
use std::path::Path;

/// The space of the disk on which `path` is, as far as this user may take it.
pub fn space(path: &Path) -> io::Result<Space> {
    let stat = rustix::fs::statvfs(path)?;
    let bytes = |blocks: u64| blocks.saturating_mul(stat.f_frsize);
    Ok(Space { free: bytes(stat.f_bavail), all: bytes(stat.f_blocks) })
}
