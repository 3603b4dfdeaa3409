use super::ahead::{Ahead, Came};
use super::dag::Seen;
use super::packed::{Levels, Link, Peek};
use super::{DAG_BLOCKS_MAX, FILE_BYTES_MAX, FILE_LEVELS_MAX, Loaded, PIECE_BYTES, WalkError, fetch};
use crate::block;
use crate::node::{File, Node};
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
    /// Where small blocks are read together.
    ahead: Option<Ahead>,
    /// Where each block is given once.
    once: Option<Once>,
}

/// KIT-10: what a walk without duplicates gave: blocks of which all in the range was met, with all below them, by id and size; and those of
/// which a part lay outside, by id.
#[derive(Default)]
struct Once {
    given: Seen,
    /// How often something was met again.
    again: u64,
}

impl Once {
    /// A few blocks can claim a file of 2^50 parts, all of them the same.
    fn met_again(&mut self) -> Result<(), WalkError> {
        self.again = self.again.saturating_add(1);
        if self.again > DAG_BLOCKS_MAX {
            return Err(WalkError::TooMuch("4,194,304 blocks that are given already"));
        }
        Ok(())
    }
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
    /// Where in the block they stand.
    pub place: Range<usize>,
}

impl FileWalk {
    /// From a file's first block. The range is cut to the file.
    pub fn new(source: Arc<dyn Source>, root: Loaded, range: Range<u64>) -> Result<Self, WalkError> {
        let size = root.node.file_size().ok_or_else(|| root.not_a("read"))?;
        if size > FILE_BYTES_MAX {
            return Err(WalkError::TooMuch("the file claims to be larger than 1 PiB"));
        }
        let range = range.start.min(size)..range.end.min(size);
        Ok(Self { source, range, levels: Levels::new(FILE_LEVELS_MAX), root: Some(root), ahead: None, once: None })
    }

    /// KIT-13: the same, with small blocks read together: for those of whom there are few.
    pub(super) fn with_ahead(self) -> Self {
        Self { ahead: Some(Ahead::default()), ..self }
    }

    /// KIT-10: the same, with each block given once. A part that was given whole is not even read again.
    pub(super) fn without_duplicates(self) -> Self {
        Self { once: Some(Once::default()), ..self }
    }

    /// The next block; nothing at the end.
    pub async fn next(&mut self) -> Result<Option<FileBlock>, WalkError> {
        match self.advance(true).await? {
            Came::Block(block) => Ok(Some(block)),
            Came::Elsewhere | Came::End => Ok(None),
        }
    }

    /// The next block. The network is asked for it only if it may be waited for; one that reads nothing ahead always waits.
    pub(super) async fn advance(&mut self, wait: bool) -> Result<Came<FileBlock>, WalkError> {
        if let Some(root) = self.root.take()
            && let Some(block) = self.visit(root, 0)?
        {
            return Ok(Came::Block(block));
        }
        loop {
            let (cid, bytes) = match self.levels.peek() {
                Peek::End => return Ok(Came::End),
                Peek::Link(cid) => {
                    if self.passes(&cid)? {
                        continue;
                    }
                    let Some(bytes) = self.fetch(&cid, wait).await? else { return Ok(Came::Elsewhere) };
                    (cid, bytes)
                }
                Peek::Again { node, at, beside } => {
                    let Some(bytes) = self.fetch(&node, wait).await? else { return Ok(Came::Elsewhere) };
                    let loaded = Loaded::of(node, bytes)?;
                    let Node::File(file) = &loaded.node else { return Err(loaded.not_a("a part of a file")) };
                    self.levels.refill(parts(file, at, beside, &self.range).map(|(_, link)| link), file.parts.len());
                    continue;
                }
            };
            let Some((_, size, start)) = self.levels.take() else { return Ok(Came::End) };
            let from = *start;
            *start = from.saturating_add(size);
            let loaded = Loaded::of(cid, bytes)?;
            match loaded.node.file_size() {
                None => return Err(loaded.not_a("a part of a file")),
                Some(real) if real != size => return Err(WalkError::Size(cid)),
                Some(_) => {}
            }
            if let Some(block) = self.visit(loaded, from)? {
                return Ok(Came::Block(block));
            }
        }
    }

    /// Passes over the part that comes next, if all of it was given.
    fn passes(&mut self, cid: &Cid) -> Result<bool, WalkError> {
        let (Some(once), Some(size)) = (&mut self.once, self.levels.beside()) else { return Ok(false) };
        if !once.given.has_part(cid, size) {
            return Ok(false);
        }
        once.met_again()?;
        if let Some((_, _, start)) = self.levels.take() {
            *start = start.saturating_add(size);
        }
        Ok(true)
    }

    /// Notes a block that begins at the file's byte `start`. Whether it is to be given.
    fn note(&mut self, cid: &Cid, size: u64, start: u64) -> Result<bool, WalkError> {
        // What stands in its id is in no CAR.
        let Some(once) = self.once.as_mut().filter(|_| block::inline(cid).is_none()) else { return Ok(true) };
        let given = once.given.has(cid);
        if given {
            once.met_again()?;
        }
        if self.range.start <= start && start.saturating_add(size) <= self.range.end {
            once.given.note_part(cid, size)?;
        } else if !given {
            once.given.note(cid)?;
        }
        Ok(!given)
    }

    async fn fetch(&mut self, cid: &Cid, wait: bool) -> Result<Option<Bytes>, WalkError> {
        match &mut self.ahead {
            Some(ahead) => ahead.fetch(&*self.source, cid, &self.levels, wait).await,
            None => fetch(&*self.source, cid).await.map(Some),
        }
    }

    /// Goes down into a block; it is to be given unless it was.
    fn visit(&mut self, loaded: Loaded, start: u64) -> Result<Option<FileBlock>, WalkError> {
        let fresh = self.note(&loaded.cid, loaded.node.file_size().unwrap_or(0), start)?;
        let Loaded { cid, bytes, node } = loaded;
        let inline = match node {
            Node::File(file) => {
                let below = start.saturating_add(file.inline.len() as u64);
                let first = parts(&file, 0, below, &self.range).next().map_or(below, |(start, _)| start);
                let links = parts(&file, 0, below, &self.range).map(|(_, link)| link);
                self.levels.push(&cid, links, file.parts.len(), first)?;
                file.inline
            }
            _ => 0..bytes.len(),
        };
        let place = cut(&bytes, inline, start, &self.range);
        let content = bytes.slice(place.clone());
        Ok(fresh.then_some(FileBlock { cid, block: bytes, content, place }))
    }
}

/// The parts of a file from a place on, whose part begins at the file's byte `start`: where each begins, and its link. What has no bytes in
/// the range is not fetched; nor is what has none at all.
fn parts<'a>(file: &'a File, place: usize, start: u64, range: &'a Range<u64>) -> impl Iterator<Item = (u64, Link)> + 'a {
    let mut at = start;
    let all = file.parts.iter().enumerate().skip(place).map(move |(place, part)| {
        let from = at;
        at = from.saturating_add(part.size);
        (from, (place, part.cid, part.size))
    });
    all.take_while(move |(from, _)| *from < range.end)
        .filter(move |(from, (.., size))| *size > 0 && from.saturating_add(*size) > range.start)
}

/// The places in the block of the bytes of `inline` that lie in `range`, where its first byte is the file's byte `start`.
fn cut(block: &Bytes, inline: Range<usize>, start: u64, range: &Range<u64>) -> Range<usize> {
    let len = inline.len() as u64;
    let from = range.start.saturating_sub(start).min(len);
    let to = range.end.saturating_sub(start).min(len);
    let place = |offset: u64| usize::try_from(offset).ok().and_then(|offset| inline.start.checked_add(offset));
    match (place(from), place(to)) {
        (Some(from), Some(to)) if from < to && to <= block.len() => from..to,
        _ => 0..0,
    }
}

/// The bytes of a range of a file, in pieces of at most [`PIECE_BYTES`]. Each is a copy: for who reads slowly no block is held, it is had
/// from the source again for its next piece.
pub fn read(
    source: Arc<dyn Source>,
    root: Loaded,
    range: Range<u64>,
) -> Result<impl Stream<Item = Result<Bytes, WalkError>> + Send, WalkError> {
    let walk = FileWalk::new(Arc::clone(&source), root, range)?;
    let reading = Reading { source, walk, block: None };
    Ok(try_unfold(reading, |mut reading| async move { Ok(reading.next().await?.map(|piece| (piece, reading))) }))
}

/// A file that is being read.
struct Reading {
    source: Arc<dyn Source>,
    walk: FileWalk,
    /// The block that is being read, and what is left of it.
    block: Option<(Cid, Range<usize>)>,
}

impl Reading {
    async fn next(&mut self) -> Result<Option<Bytes>, WalkError> {
        if let Some((cid, mut left)) = self.block.take() {
            let block = fetch(&*self.source, &cid).await?;
            return Ok(Some(self.piece(cid, &block, &mut left)));
        }
        while let Some(FileBlock { cid, block, mut place, .. }) = self.walk.next().await? {
            if !place.is_empty() {
                return Ok(Some(self.piece(cid, &block, &mut place)));
            }
        }
        Ok(None)
    }

    fn piece(&mut self, cid: Cid, block: &Bytes, left: &mut Range<usize>) -> Bytes {
        let piece = piece(block, left);
        self.block = (left.start < left.end).then(|| (cid, left.clone()));
        piece
    }
}

/// A range of one block's bytes, in pieces as [`read`] gives them.
pub fn read_block(source: Arc<dyn Source>, cid: Cid, range: Range<usize>) -> impl Stream<Item = Result<Bytes, WalkError>> + Send {
    try_unfold((source, range), move |(source, mut left)| async move {
        if left.is_empty() {
            return Ok(None);
        }
        let block = fetch(&*source, &cid).await?;
        let piece = piece(&block, &mut left);
        Ok(Some((piece, (source, left))))
    })
}

/// A copy of what comes next of a block.
fn piece(block: &Bytes, left: &mut Range<usize>) -> Bytes {
    let end = left.start.saturating_add(PIECE_BYTES).min(left.end);
    let piece = Bytes::copy_from_slice(block.get(left.start..end).unwrap_or_default());
    left.start = end;
    piece
}
