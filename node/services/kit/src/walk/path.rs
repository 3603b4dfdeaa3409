use super::{Loaded, PATH_STEPS_MAX, SHARD_LEVELS_MAX, WalkError, fetch};
use crate::node::{self, Found, Node, Selected, codec};
use crate::source::Source;
use bytes::Bytes;
use cid::Cid;

/// What a path leads to.
#[derive(Clone, Debug)]
pub struct Resolved {
    /// The last block.
    pub target: Loaded,
    /// One id a step, the root's first: what `X-Ipfs-Roots` lists.
    pub roots: Vec<Cid>,
    /// Every block that was read before the target, in order; more than `roots` where directories are sharded.
    pub trail: Vec<Cid>,
    /// How many of the last steps lie within the target, a document.
    pub inside: usize,
}

/// The same, before the last block is decoded: it may be of a codec that is not read here.
#[derive(Clone, Debug)]
pub struct Located {
    /// The last block's id.
    pub cid: Cid,
    /// Its bytes.
    pub bytes: Bytes,
    /// See [`Resolved`].
    pub roots: Vec<Cid>,
    /// See [`Resolved`].
    pub trail: Vec<Cid>,
    /// See [`Resolved`].
    pub inside: usize,
}

impl Located {
    /// Decodes the last block.
    pub fn decode(self) -> Result<Resolved, WalkError> {
        let Self { cid, bytes, roots, trail, inside } = self;
        Ok(Resolved { target: Loaded::of(cid, bytes)?, roots, trail, inside })
    }
}

/// KIT-8: follows `path` from `root`, and decodes what it leads to.
pub async fn resolve(source: &dyn Source, root: &Cid, path: &[&str]) -> Result<Resolved, WalkError> {
    locate(source, root, path).await?.decode()
}

/// KIT-8: follows `path` from `root`. Symbolic links are not followed.
pub async fn locate(source: &dyn Source, root: &Cid, path: &[&str]) -> Result<Located, WalkError> {
    if path.len() > PATH_STEPS_MAX {
        return Err(WalkError::TooMuch("the path has more than 256 steps"));
    }
    let (mut cid, mut rest) = (*root, path);
    let (mut roots, mut trail) = (vec![*root], Vec::new());
    loop {
        let bytes = fetch(source, &cid).await?;
        let Some((name, below)) = rest.split_first() else {
            return Ok(Located { cid, bytes, roots, trail, inside: 0 });
        };
        if matches!(cid.codec(), codec::DAG_CBOR | codec::DAG_JSON) {
            let selected = node::select(&cid, &bytes, rest).map_err(|error| WalkError::Node { cid, error })?;
            let (next, used) = match selected {
                Selected::Inside => return Ok(Located { cid, bytes, roots, trail, inside: rest.len() }),
                // A document that is nothing but a link takes no step; such a chain is as long as somebody made it.
                Selected::Link(_, 0) => return Err(WalkError::TooMuch("a document that is nothing but a link is not followed")),
                Selected::Link(next, used) => (next, used),
                Selected::Absent => return Err(WalkError::Absent { name: (*name).into(), within: cid }),
            };
            trail.push(cid);
            rest = rest.get(used..).unwrap_or_default();
            cid = next;
            roots.push(cid);
            continue;
        }
        // Its bytes are given up at once: what a walk holds while it waits for the next block is what it needs of the last.
        let here = Loaded::of(cid, bytes)?.without_bytes();
        trail.push(cid);
        cid = match &here.node {
            Node::Directory(directory) => {
                let entry = directory.find(name).ok_or_else(|| WalkError::Absent { name: (*name).into(), within: cid })?;
                entry.cid
            }
            Node::Shard(_) => through_shards(source, here, name, &mut trail).await?,
            _ => return Err(WalkError::NotADirectory { what: here.what(), name: (*name).into(), within: cid }),
        };
        roots.push(cid);
        rest = below;
    }
}

/// KIT-7, KIT-8
async fn through_shards(source: &dyn Source, top: Loaded, name: &str, trail: &mut Vec<Cid>) -> Result<Cid, WalkError> {
    let within = top.cid;
    let absent = || WalkError::Absent { name: name.into(), within };
    let (what, mut node) = (top.not_a("a sharded directory"), top.node);
    for level in 0..SHARD_LEVELS_MAX {
        let found = match &node {
            Node::Shard(shard) => shard.find(name, level),
            _ => return Err(what),
        };
        // Given up before the next level is waited for.
        drop(node);
        match found {
            Found::Entry(cid) => return Ok(cid),
            Found::Absent => return Err(absent()),
            Found::Shard(cid) => {
                node = super::load(source, &cid).await?.node;
                trail.push(cid);
            }
        }
    }
    Err(absent())
}
