//! What of a walk is sealed: see [`crate::seal`].

use super::walk::{Entry, Node, Walk};
use super::{ContentError, error::io};
use crate::seal::{HEAD_NAME, Id, Seal, Sealing, file_id};
use std::fs::File;
use std::io::{Read, Seek};
use std::path::Path;

impl Walk<'_, '_> {
    /// PRIVATE-1: a file is read twice, for its id and for its segments. Says how much of it was read each time.
    pub(super) fn sealed_file(
        &mut self,
        path: &Path,
        file: &mut File,
        len: u64,
        seal: &Seal,
    ) -> Result<(Option<Node>, u64, Id), ContentError> {
        // One byte more than there is: a file that says less than it gives is noticed.
        let (id, read) = file_id(seal.key(), Read::by_ref(file).take(len.saturating_add(1))).map_err(io("read", path))?;
        if read != len {
            return Err(ContentError::Changed { path: path.into() });
        }
        file.rewind().map_err(io("read", path))?;
        let (node, _) = self.sealed(path, file, id, len, seal)?;
        Ok((node, read, id))
    }

    fn sealed(
        &mut self,
        path: &Path,
        input: impl Read,
        id: Id,
        len: u64,
        seal: &Seal,
    ) -> Result<(Option<Node>, u64), ContentError> {
        let mut sealing = Sealing::new(seal.key(), input, id, len);
        let size = sealing.size();
        self.cut(path, &mut sealing, size)
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
