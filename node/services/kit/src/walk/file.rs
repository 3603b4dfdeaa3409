use super::packed::{Levels, Packed};
use super::{FILE_BYTES_MAX, FILE_LEVELS_MAX, Loaded, WalkError, load};
use crate::node::Node;
use crate::source::Source;
use bytes::Bytes;
use cid::Cid;
use futures_util::stream::{Stream, try_unfold};
use std::ops::Range;
use std::sync::Arc;

/// KIT-9: the blocks of a file that hold a range of its bytes, depth first, and no others: what lies outside need not be had.
pub struct FileWalk {
    source: Arc<dyn Source>,
    range: Range<u64>,
    /// Beside each part its size; beside each level where its next part starts.
    levels: Levels<u64>,
    root: Option<Loaded>,
}

/// One block of a file.
#[derive(Clone, Debug)]
pub struct FileBlock {
    /// Its id.
    pub cid: Cid,
    /// The whole block.
    pub block: Bytes,
    /// Those of its bytes that are content within the range; it may be none.
    pub content: Bytes,
}

impl FileWalk {
    /// From a file's first block. The range is cut to the file.
    pub fn new(source: Arc<dyn Source>, root: Loaded, range: Range<u64>) -> Result<Self, WalkError> {
        let size = root.node.file_size().ok_or_else(|| root.not_a("read"))?;
        if size > FILE_BYTES_MAX {
            return Err(WalkError::TooMuch("the file claims to be larger than 1 PiB"));
        }
        let range = range.start.min(size)..range.end.min(size);
        Ok(Self { source, range, levels: Levels::new(FILE_LEVELS_MAX), root: Some(root) })
    }

    /// The next block; nothing at the end.
    pub async fn next(&mut self) -> Result<Option<FileBlock>, WalkError> {
        if let Some(root) = self.root.take() {
            return self.visit(root, 0).map(Some);
        }
        let Some((cid, size, start)) = self.levels.next() else { return Ok(None) };
        let from = *start;
        *start = from.saturating_add(size);
        let loaded = load(&*self.source, &cid).await?;
        match loaded.node.file_size() {
            None => Err(loaded.not_a("a part of a file")),
            Some(real) if real != size => Err(WalkError::Size(cid)),
            Some(_) => self.visit(loaded, from).map(Some),
        }
    }

    fn visit(&mut self, loaded: Loaded, start: u64) -> Result<FileBlock, WalkError> {
        let Loaded { cid, bytes, node } = loaded;
        let inline = match node {
            Node::File(file) => {
                let below = start.saturating_add(file.inline.len() as u64);
                let mut packed = Packed::default();
                let (mut first, mut at) = (None, below);
                for part in &file.parts {
                    let end = at.saturating_add(part.size);
                    // What has no bytes in the range is not fetched; nor is what has none at all.
                    if part.size > 0 && at < self.range.end && end > self.range.start {
                        first.get_or_insert(at);
                        packed.push(&part.cid, part.size);
                    }
                    at = end;
                }
                self.levels.push(packed, first.unwrap_or(below))?;
                file.inline
            }
            _ => 0..bytes.len(),
        };
        let content = cut(&bytes, inline, start, &self.range);
        Ok(FileBlock { cid, block: bytes, content })
    }
}

/// The bytes of `inline` that lie in `range`, where its first byte is the file's byte `start`.
fn cut(block: &Bytes, inline: Range<usize>, start: u64, range: &Range<u64>) -> Bytes {
    let len = inline.len() as u64;
    let from = range.start.saturating_sub(start).min(len);
    let to = range.end.saturating_sub(start).min(len);
    let place = |offset: u64| usize::try_from(offset).ok().and_then(|offset| inline.start.checked_add(offset));
    match (place(from), place(to)) {
        (Some(from), Some(to)) if from < to && to <= block.len() => block.slice(from..to),
        _ => Bytes::new(),
    }
}

/// The bytes of a range of a file, block by block.
pub fn read(
    source: Arc<dyn Source>,
    root: Loaded,
    range: Range<u64>,
) -> Result<impl Stream<Item = Result<Bytes, WalkError>> + Send, WalkError> {
    let walk = FileWalk::new(source, root, range)?;
    Ok(try_unfold(walk, |mut walk| async move {
        while let Some(found) = walk.next().await? {
            if !found.content.is_empty() {
                return Ok(Some((found.content, walk)));
            }
        }
        Ok(None)
    }))
}
