//! Files: ranges are read and written, and what a write does not touch is not even looked at.
//!
//! Under a profile the shape of a file follows from its length: leaves of one size, nodes of one width, all leaves at one depth. So after a
//! write the node over bytes `a..b` is the former one if nothing of `a..b` was written and it ended there before; else it is made again of
//! its parts, down to the leaves. What comes out is what cutting the whole file again would give.

use super::dag::{self, Part};
use super::tree::Tree;
use crate::config::{FILE_BYTES_MAX, FILE_DEPTH_MAX};
use crate::error::{Result, StorageError};
use cid::Cid;
use leither_kit::node::{File, Node};
use std::ops::Range;

/// The size of the file that `cid` is, if it is one.
pub fn size(tree: &Tree, cid: &Cid) -> Result<Option<u64>> {
    Ok(tree.node(cid)?.0.file_size())
}

fn lies(cid: &Cid) -> StorageError {
    let why = "a part of the file has another size than stated";
    StorageError::Node { cid: *cid, source: leither_kit::node::NodeError::Inconsistent(why) }
}

/// Fills `out` with the file's bytes from `start` on, where it has them; the file may be of any shape. Says how many there were.
pub fn read(tree: &Tree, cid: &Cid, start: u64, out: &mut [u8]) -> Result<usize> {
    let Some(size) = size(tree, cid)? else {
        return Err(StorageError::Kind { path: cid.to_string(), wanted: "file" });
    };
    let len = usize::try_from(size.saturating_sub(start)).unwrap_or(usize::MAX).min(out.len());
    fill(tree, cid, size, start, out.get_mut(..len).unwrap_or_default(), FILE_DEPTH_MAX)?;
    Ok(len)
}

/// As [`read`], of a part that has `size` bytes and all that `out` asks for.
fn fill(tree: &Tree, cid: &Cid, size: u64, start: u64, out: &mut [u8], depth: usize) -> Result<()> {
    if out.is_empty() {
        return Ok(());
    }
    let depth = depth.checked_sub(1).ok_or(StorageError::TooMuch("the file's nodes nest deeper than 32 levels"))?;
    let (node, bytes) = tree.node(cid)?;
    if node.file_size() != Some(size) {
        return Err(lies(cid));
    }
    let end = start.saturating_add(out.len() as u64);
    let mut copy = |at: u64, from: &[u8]| {
        if let Some((there, here)) = overlap(at, from.len() as u64, start, end)
            && let (Some(to), Some(from)) = (out.get_mut(here), from.get(there))
        {
            to.copy_from_slice(from);
        }
    };
    let file = match node {
        Node::File(file) => file,
        _ => {
            copy(0, &bytes);
            return Ok(());
        }
    };
    copy(0, bytes.get(file.inline.clone()).unwrap_or_default());
    let mut at = file.inline.len() as u64;
    for part in &file.parts {
        if let Some((there, here)) = overlap(at, part.size, start, end)
            && let Some(out) = out.get_mut(here)
        {
            fill(tree, &part.cid, part.size, there.start as u64, out, depth)?;
        }
        at = at.saturating_add(part.size);
    }
    Ok(())
}

/// Where `at..at + len` and `start..end` share bytes: their places within the first and within the second.
fn overlap(at: u64, len: u64, start: u64, end: u64) -> Option<(Range<usize>, Range<usize>)> {
    let (from, to) = (at.max(start), at.saturating_add(len).min(end));
    let within = |base: u64| Some(usize::try_from(from.checked_sub(base)?).ok()?..usize::try_from(to.checked_sub(base)?).ok()?);
    if from >= to {
        return None;
    }
    Some((within(at)?, within(start)?))
}

/// A change of a file: `bytes` at `at`, and the length that it has afterwards. What was behind the former end and is not written is zero.
#[derive(Clone, Copy)]
pub struct Change<'a> {
    pub at: u64,
    pub bytes: &'a [u8],
    pub size: u64,
}

impl<'a> Change<'a> {
    /// CUR-3
    pub fn write(former: u64, at: u64, bytes: &'a [u8]) -> Result<Self> {
        let end = at.checked_add(bytes.len() as u64).filter(|end| *end <= FILE_BYTES_MAX);
        let end = end.ok_or(StorageError::TooMuch("a file has at most 2^50 bytes"))?;
        // Nothing written at a far place makes a file no longer.
        let size = if bytes.is_empty() { former } else { former.max(end) };
        Ok(Self { at, bytes, size })
    }

    pub fn resize(size: u64) -> Result<Self> {
        if size > FILE_BYTES_MAX {
            return Err(StorageError::TooMuch("a file has at most 2^50 bytes"));
        }
        Ok(Self { at: size, bytes: &[], size })
    }
}

/// CUR-3: the file after a change; of nothing, a new one.
pub fn change(tree: &mut Tree, former: Option<&Cid>, change: Change<'_>) -> Result<Part> {
    let Some(cid) = former else { return Ok(cut(tree, None, change)?) };
    let Some(size) = size(tree, cid)? else {
        return Err(StorageError::Kind { path: cid.to_string(), wanted: "file" });
    };
    let link = tree.link_to(cid)?;
    match cut(tree, Some(Former::Shaped(Part { link, size })), change) {
        // Another tool's shape, or another profile's: cut once anew, and then it is ours.
        Err(Cut::OtherShape) => Ok(cut(tree, Some(Former::Any(*cid, size)), change)?),
        other => Ok(other?),
    }
}

/// What is known of the file before.
#[derive(Clone, Copy)]
enum Former {
    /// It has the profile's shape, as far as anybody looked.
    Shaped(Part),
    /// It has some shape.
    Any(Cid, u64),
}

/// Why a file was not cut.
enum Cut {
    OtherShape,
    Error(StorageError),
}

impl From<StorageError> for Cut {
    fn from(error: StorageError) -> Self {
        Self::Error(error)
    }
}

impl From<Cut> for StorageError {
    fn from(cut: Cut) -> Self {
        match cut {
            Cut::Error(error) => error,
            Cut::OtherShape => Self::TooMuch("the file has a shape that this program cannot cut"),
        }
    }
}

struct Cutter<'a> {
    tree: &'a mut Tree,
    former: Option<Former>,
    former_level: u32,
    former_size: u64,
    change: Change<'a>,
    /// By level: a full node of zeros.
    zeros: Vec<Option<Part>>,
}

fn cut(tree: &mut Tree, former: Option<Former>, change: Change<'_>) -> Result<Part, Cut> {
    let former_size = match former {
        None => 0,
        Some(Former::Shaped(part)) => part.size,
        Some(Former::Any(_, size)) => size,
    };
    let level = level_of(tree, change.size);
    let former_level = level_of(tree, former_size);
    let mut cutter = Cutter { tree, former, former_level, former_size, change, zeros: vec![None; level as usize + 1] };
    let old = cutter.old_at_start(level)?;
    cutter.build(level, 0, old)
}

/// How many levels of nodes a file of this size has above its leaves.
fn level_of(tree: &Tree, size: u64) -> u32 {
    let (chunk, width) = (tree.profile.chunk_bytes(), tree.profile.links());
    let mut nodes = size.div_ceil(chunk);
    let mut level = 0;
    while nodes > 1 {
        nodes = nodes.div_ceil(width);
        level += 1;
    }
    level
}

impl Cutter<'_> {
    /// Bytes below a full node.
    fn span(&self, level: u32) -> u64 {
        let width = self.tree.profile.links();
        (0..level).fold(self.tree.profile.chunk_bytes(), |span, _| span.saturating_mul(width))
    }

    fn child_level(level: u32) -> u32 {
        level.saturating_sub(1)
    }

    /// The former node that begins the file at this level, if the former file had one there.
    fn old_at_start(&mut self, level: u32) -> Result<Option<Part>, Cut> {
        let Some(Former::Shaped(mut part)) = self.former else { return Ok(None) };
        if level > self.former_level {
            return Ok(None);
        }
        if !self.tree.profile.fits(&part.link.cid, self.former_level == 0) {
            return Err(Cut::OtherShape);
        }
        for at in (level..self.former_level).rev() {
            part = self.parts(&part, at.saturating_add(1), 0)?.first().copied().ok_or(Cut::OtherShape)?;
        }
        Ok(Some(part))
    }

    /// The parts of a former node at `level` that begins at `start`.
    fn parts(&self, node: &Part, level: u32, start: u64) -> Result<Vec<Part>, Cut> {
        let (decoded, bytes) = self.tree.node(&node.link.cid)?;
        let Node::File(File { inline, parts, .. }) = decoded else { return Err(Cut::OtherShape) };
        let span = self.span(Self::child_level(level));
        let end = start.saturating_add(self.span(level)).min(self.former_size);
        let fits = |part: &leither_kit::node::Part| self.tree.profile.fits(&part.cid, level == 1);
        if !inline.is_empty() || node.size != end.saturating_sub(start) || !parts.iter().all(fits) {
            return Err(Cut::OtherShape);
        }
        let sizes = dag::link_sizes(&bytes);
        let mut at = start;
        let mut out = Vec::with_capacity(parts.len());
        for (part, dag_size) in parts.iter().zip(sizes) {
            if part.size != span.min(end.saturating_sub(at)) {
                return Err(Cut::OtherShape);
            }
            at = at.saturating_add(part.size);
            out.push(Part { link: dag::Link { cid: part.cid, dag_size }, size: part.size });
        }
        if at == end { Ok(out) } else { Err(Cut::OtherShape) }
    }

    /// The node at `level` that begins at `start`; `old` is the one that was there.
    fn build(&mut self, level: u32, start: u64, old: Option<Part>) -> Result<Part, Cut> {
        // A file that grew a level has its former root somewhere at its beginning.
        let old = match (old, self.former) {
            (None, Some(Former::Shaped(part))) if start == 0 && level == self.former_level => Some(part),
            (old, _) => old,
        };
        let end = start.saturating_add(self.span(level)).min(self.change.size);
        // Where it ended before, and nobody writes to it, it is what it was. (A former last node that was not full ended elsewhere.)
        let is_written = self.writes(start, end);
        if let Some(old) = old.filter(|old| !is_written && old.size == end.saturating_sub(start)) {
            return Ok(old);
        }
        let is_zero = start >= self.former_size && !is_written && end.saturating_sub(start) == self.span(level);
        if is_zero && let Some(Some(zero)) = self.zeros.get(level as usize) {
            return Ok(*zero);
        }
        let made = if level == 0 { self.leaf(start, end, old)? } else { self.node(level, start, end, old)? };
        if is_zero && let Some(zero) = self.zeros.get_mut(level as usize) {
            *zero = Some(made);
        }
        Ok(made)
    }

    fn writes(&self, start: u64, end: u64) -> bool {
        let (from, to) = (self.change.at, self.change.at.saturating_add(self.change.bytes.len() as u64));
        from < to && from < end && start < to
    }

    fn node(&mut self, level: u32, start: u64, end: u64, old: Option<Part>) -> Result<Part, Cut> {
        let olds = match &old {
            Some(part) => self.parts(part, level, start)?,
            None => Vec::new(),
        };
        let (below, span) = (Self::child_level(level), self.span(Self::child_level(level)));
        let mut parts = Vec::new();
        let mut at = start;
        while at < end {
            let old = olds.get(parts.len()).copied();
            parts.push(self.build(below, at, old)?);
            at = at.saturating_add(span);
        }
        let below = parts.iter().map(|part| part.link.dag_size).fold(0, u64::saturating_add);
        let link = self.tree.put(dag::file(self.tree.profile, &parts), below)?;
        Ok(Part { link, size: end.saturating_sub(start) })
    }

    fn leaf(&mut self, start: u64, end: u64, old: Option<Part>) -> Result<Part, Cut> {
        let size = end.saturating_sub(start);
        let mut content = vec![0; usize::try_from(size).map_err(|_| StorageError::TooMuch("a leaf"))?];
        match (self.former, old) {
            (Some(Former::Any(cid, former)), _) if start < former => {
                read(self.tree, &cid, start, &mut content)?;
            }
            (_, Some(old)) => {
                let len = usize::try_from(old.size.min(size)).unwrap_or(usize::MAX);
                fill(self.tree, &old.link.cid, old.size, 0, content.get_mut(..len).unwrap_or_default(), FILE_DEPTH_MAX)?;
            }
            _ => {}
        }
        if let Some((here, from)) =
            overlap(start, size, self.change.at, self.change.at.saturating_add(self.change.bytes.len() as u64))
            && let (Some(to), Some(from)) = (content.get_mut(here), self.change.bytes.get(from))
        {
            to.copy_from_slice(from);
        }
        let link = self.tree.put(dag::leaf(self.tree.profile, content), 0)?;
        Ok(Part { link, size })
    }
}
