use leither_state::Fault;
use std::io::ErrorKind;
use std::path::Path;

/// The length of all files in the database's directory.
pub(crate) fn bytes(dir: &Path) -> Result<u64, Fault> {
    let fault = |e: std::io::Error| Fault::Storage(format!("cannot look into {}: {e}", dir.display()));
    let mut sum = 0u64;
    for entry in std::fs::read_dir(dir).map_err(fault)? {
        match entry.and_then(|e| e.metadata()) {
            Ok(meta) if meta.is_file() => sum = sum.saturating_add(meta.len()),
            Ok(_) => {}
            // Compaction removes files while we count.
            Err(e) if e.kind() == ErrorKind::NotFound => {}
            Err(e) => return Err(fault(e)),
        }
    }
    Ok(sum)
}
