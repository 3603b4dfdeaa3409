//! Small files that must be whole or absent, and that nobody else may read.

use leither_failpoints::hit;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Owner may read and write, nobody else anything: the mode of every file that holds a secret.
pub const SECRET_MODE: u32 = 0o600;
/// A file that anybody on this machine may read.
pub const OPEN_MODE: u32 = 0o644;

/// Writes a file that must not exist yet. After a crash there is either the whole file or none.
pub fn create_new(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let spare = write_spare(path, bytes, mode)?;
    // A hard link fails where the name is taken; a rename would silently overwrite a key.
    let linked = fs::hard_link(&spare, path);
    hit("file/linked");
    let removed = fs::remove_file(&spare);
    linked.and(removed)?;
    sync_parent(path)
}

/// Writes a file, replacing what was there. After a crash there is either the old file or the new one.
pub fn replace(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let spare = write_spare(path, bytes, mode)?;
    hit("file/written");
    fs::rename(&spare, path).inspect_err(|_| drop(fs::remove_file(&spare)))?;
    hit("file/renamed");
    sync_parent(path)
}

/// Reads a file of at most `max` bytes.
pub fn read_within(path: &Path, max: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(max.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > max {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("more than {max} bytes")));
    }
    Ok(bytes)
}

/// The permission bits that a file has too many for a secret; 0 where all is well.
pub fn too_open(path: &Path) -> io::Result<u32> {
    Ok(fs::metadata(path)?.permissions().mode() & 0o077)
}

/// Creates a directory and its parents, for the owner alone. One that exists is left as it is.
pub fn private_dir(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

fn write_spare(path: &Path, bytes: &[u8], mode: u32) -> io::Result<PathBuf> {
    let name = path.file_name().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "the path names no file"))?;
    let mut spare_name = std::ffi::OsString::from(".");
    spare_name.push(name);
    // Unforeseeable, so that two processes never share one and a stale one never blocks.
    let mut salt = [0u8; 8];
    getrandom::fill(&mut salt).map_err(|e| io::Error::other(e.to_string()))?;
    spare_name.push(format!(".{}.new", hex::encode(salt)));
    let spare = path.with_file_name(spare_name);
    let written = (|| {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&spare)?;
        file.write_all(bytes)?;
        file.sync_all()
    })();
    match written {
        Ok(()) => Ok(spare),
        Err(error) => {
            drop(fs::remove_file(&spare));
            Err(error)
        }
    }
}

/// A new name is durable only once its directory is.
fn sync_parent(path: &Path) -> io::Result<()> {
    let parent = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(parent)?.sync_all()
}
