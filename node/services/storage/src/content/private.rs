//! What of a walk is sealed: see [`crate::seal`].

use super::walk::{Entry, Node, Walk};
use super::{ContentError, error::io, error::read_again, file::open};
use crate::seal::{HEAD_BYTES_MAX, HEAD_NAME, Head, Id, Known, Seal, Sealing};
use std::fs::{self, File};
use std::io::{Read, Seek};
use std::path::Path;

/// PRIVATE-10: a directory that would be taken for private content is not added in the open. A file that is only called like a head is like any other.
pub(super) fn refuse_head(root: &Path) -> Result<(), ContentError> {
    let path = root.join(HEAD_NAME);
    if !fs::symlink_metadata(&path).is_ok_and(|meta| meta.is_file()) {
        return Ok(());
    }
    let (file, _) = open(&path)?;
    let mut bytes = Vec::new();
    file.take(HEAD_BYTES_MAX as u64 + 1).read_to_end(&mut bytes).map_err(io("read", &path))?;
    if Head::is_one(&bytes) { Err(ContentError::Head { path }) } else { Ok(()) }
}

impl Walk<'_, '_> {
    /// PRIVATE-1: a file is read twice, for its id and for its segments. Says how much of it was read each time.
    pub(super) fn sealed_file(
        &mut self,
        path: &Path,
        file: &mut File,
        len: u64,
        seal: &Seal,
    ) -> Result<(Option<Node>, u64, Id), ContentError> {
        let known = Known::read(seal.key(), &mut *file, len).map_err(read_again(path))?;
        let id = known.id();
        file.rewind().map_err(io("read", path))?;
        let mut sealing = Sealing::new(seal.key(), file, known);
        let size = sealing.size();
        let (node, _) = self.cut(path, &mut sealing, size)?;
        Ok((node, len, id))
    }

    /// PRIVATE-3, PRIVATE-4: entries under their sealed names, and the directory's id. The root gets its head.
    pub(super) fn sealed_entries(
        &mut self,
        path: &Path,
        entries: Vec<(Entry, Id)>,
        seal: &Seal,
        is_root: bool,
    ) -> Result<(Vec<Entry>, Id), ContentError> {
        let mut closed = Vec::with_capacity(entries.len());
        for (entry, id) in entries {
            let name = seal.key().seal_name(&entry.name, &id);
            let name = name.map_err(|source| ContentError::Seal { path: path.join(&*entry.name), source })?;
            if let Some((beside, bytes)) = name.beside {
                let node = self.small(path, &bytes)?;
                closed.push(Entry::new(path, beside, node)?);
            }
            closed.push(Entry { name: name.text.into(), node: entry.node });
        }
        let id = seal.key().directory_id(closed.iter().map(|entry| &*entry.name).collect());
        if is_root {
            let node = self.small(path, &seal.head(&id))?;
            closed.push(Entry::new(path, HEAD_NAME, node)?);
        }
        closed.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        Ok((closed, id))
    }

    /// A file that is added by itself, in a directory of its own.
    pub(super) fn sealed_alone(&mut self, path: &Path, seal: &Seal) -> Result<Node, ContentError> {
        let name = path.file_name().and_then(|name| name.to_str()).ok_or_else(|| ContentError::Name { path: path.into() })?;
        let (node, id) = self.entry(path, 1)?;
        let (entries, _) = self.sealed_entries(path, vec![(Entry::new(path, name, node)?, id)], seal, true)?;
        self.directory(path, &entries)
    }

    /// A file that stands nowhere but here.
    fn small(&mut self, path: &Path, bytes: &[u8]) -> Result<Node, ContentError> {
        let (node, _) = self.cut(path, &mut &*bytes, bytes.len() as u64)?;
        node.ok_or_else(|| ContentError::Encode { path: path.into(), what: "it gave no block".into() })
    }
}
