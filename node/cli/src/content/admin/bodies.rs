//! What comes in pieces: blocks that are added, and what is written into a working copy.

use super::added::Added;
use super::{Desk, Query, json};
use crate::content::api::{Cur, FRAME_BYTES_MAX, FRAME_HEAD, Outgoing, Stored, unframe};
use crate::content::calls::{self, Answer, No, Op};
use http_body_util::BodyExt;
use hyper::body::{Body, Bytes, Incoming};
use hyper::{Response, StatusCode};
use leither_kit::Cid;
use leither_storage::Kept;
use leither_storage::content::Profile;
use leither_types::MimeiId;
use serde::Serialize;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::timeout;

/// Pieces of a body that wait for the disk.
const PIECES_MAX: usize = 16;
/// How long the next piece of a body may take to come.
const PIECE_WAIT: Duration = Duration::from_secs(120);
/// What is written to a file at a time.
const WRITE_BYTES: usize = 4 << 20;

impl Desk {
    /// SOCK-3: blocks come children first, the root last, then a frame of no length. Answered once all is on disk; whatever goes wrong, nothing is left.
    pub(super) async fn add(&self, body: Incoming, profile: Profile, added: Arc<Added>) -> Answer<Response<Outgoing>> {
        let _place = self.writes.acquire().await.map_err(No::fault)?;
        let (pieces, mut blocks) = mpsc::channel::<Option<(Cid, Bytes)>>(PIECES_MAX);
        let store = self.store.clone();
        let work = spawn_blocking(move || -> Answer<Stored> {
            let mut session = store.session();
            let mut root = None;
            while let Some(piece) = blocks.blocking_recv() {
                match (piece, root) {
                    (Some((cid, bytes)), _) => {
                        session.put(&cid, bytes.into())?;
                        root = Some(cid);
                    }
                    (None, Some(cid)) => {
                        let now = crate::wallet::now_ms().map_err(|failure| No::fault(failure.sentence))?;
                        let kept = Kept { cid, profile, generation: now };
                        let stored = session.finish(&calls::added(&cid), kept, now)?;
                        added.note(cid, now);
                        return Ok(Stored {
                            cid: cid.to_string(),
                            blocks: stored.blocks.to_string(),
                            bytes: stored.bytes.to_string(),
                        });
                    }
                    (None, None) => return Err(No::usage("no block came; send the root at least")),
                }
            }
            Err(No::usage("the stream of blocks was cut; nothing of it is kept, send it again"))
        });
        let mut body = body;
        let read = frames(&mut body, &pieces).await;
        drop(pieces);
        ended(body, read, work).await
    }

    /// SOCK-5
    pub(super) async fn edit(&self, id: MimeiId, query: &Query, body: Incoming) -> Answer<Response<Outgoing>> {
        let _place = self.writes.acquire().await.map_err(No::fault)?;
        let path = query.text("path").unwrap_or_default();
        let generation = query.number("generation")?;
        let op = match query.need("op")?.as_str() {
            "write" => Op::Write(query.place("at")?),
            "append" => Op::Append,
            "truncate" => Op::Truncate(query.need_number("size")?),
            "mkdir" => Op::Mkdir(query.is_set("parents")),
            "rm" => Op::Remove(query.is_set("all")),
            "mv" => Op::Rename(query.need("to")?),
            "cp" => Op::Copy(query.need("to")?),
            "ln" => Op::Symlink(query.need("target")?),
            other => {
                return Err(No::usage(format!("`{other}` is no change: write, append, truncate, mkdir, rm, mv, cp or ln")));
            }
        };
        let (pieces, mut coming) = mpsc::channel::<Option<Bytes>>(PIECES_MAX);
        let store = self.store.clone();
        let work = spawn_blocking(move || -> Answer<Cur> {
            let mut edit = calls::begin_edit(&store, &id, generation)?;
            let mut over = false;
            // Pieces of the wire are small: put together, each leaf is made once or twice.
            let mut next = || -> Answer<Option<Vec<u8>>> {
                let mut whole = Vec::new();
                while !over && whole.len() < WRITE_BYTES {
                    match coming.blocking_recv() {
                        Some(Some(bytes)) => whole.extend_from_slice(&bytes),
                        Some(None) => over = true,
                        None => return Err(No::usage("what was to be written was cut off; nothing has changed, send it again")),
                    }
                }
                Ok(Some(whole).filter(|whole| !whole.is_empty()))
            };
            calls::change(&mut edit, &op, &path, &mut next)
        });
        fed(body, pieces, work).await
    }
}

/// Hands the pieces of a body to the work that takes them, nothing as its end, and answers with what came of that.
pub(super) async fn fed<T: Serialize>(
    mut body: Incoming,
    pieces: mpsc::Sender<Option<Bytes>>,
    work: JoinHandle<Answer<T>>,
) -> Answer<Response<Outgoing>> {
    let read = hand_on(&mut body, &pieces).await;
    drop(pieces);
    ended(body, read, work).await
}

async fn hand_on(body: &mut Incoming, pieces: &mpsc::Sender<Option<Bytes>>) -> Answer<()> {
    while let Some(piece) = piece(body).await? {
        pieces.send(Some(piece)).await.map_err(|_| gone())?;
    }
    // Who does not wait for it has had no use for the body.
    let _ = pieces.send(None).await;
    Ok(())
}

/// The answer, once the work has ended. The rest of a body that is not wanted any more is passed over, so that its sender comes to hear why.
async fn ended<T: Serialize>(body: Incoming, read: Answer<()>, work: JoinHandle<Answer<T>>) -> Answer<Response<Outgoing>> {
    let done = work.await.map_err(No::fault)?;
    drain(body);
    match (read, done) {
        (Err(no), Err(_)) if no.reason != GONE => Err(no),
        (_, done) => json(&done?),
    }
}

/// Whoever took the pieces has ended, and says itself why.
const GONE: &str = "gone";

fn gone() -> No {
    No { status: StatusCode::INTERNAL_SERVER_ERROR, reason: GONE, message: String::new() }
}

/// The next piece of a body; nothing at its end.
pub(super) async fn piece(body: &mut Incoming) -> Answer<Option<Bytes>> {
    loop {
        let cut = |_| No::usage("the sender has gone; nothing of it is kept, send it again");
        let late = |_| No::usage("nothing came for two minutes; nothing of it is kept, send it again");
        match timeout(PIECE_WAIT, body.frame()).await.map_err(late)? {
            None => return Ok(None),
            Some(frame) => {
                if let Ok(data) = frame.map_err(cut)?.into_data() {
                    return Ok(Some(data));
                }
            }
        }
    }
}

/// Cuts a body into frames. The end is a frame of no length; a body that ends without it was cut.
async fn frames(body: &mut Incoming, blocks: &mpsc::Sender<Option<(Cid, Bytes)>>) -> Answer<()> {
    let mut held: Vec<u8> = Vec::new();
    while let Some(data) = piece(body).await? {
        held.extend_from_slice(&data);
        let mut used = 0;
        while let Some((head, rest)) = held.get(used..).and_then(|rest| rest.split_first_chunk::<FRAME_HEAD>()) {
            let len = u32::from_be_bytes(*head) as usize;
            if len > FRAME_BYTES_MAX {
                return Err(No::usage("a block is longer than 2 MiB; cut the content by one of the profiles"));
            }
            if len == 0 {
                return blocks.send(None).await.map_err(|_| gone());
            }
            let Some(frame) = rest.get(..len) else { break };
            let block = unframe(Bytes::copy_from_slice(frame)).ok_or_else(|| No::usage("a frame begins with no content id"))?;
            used = used.saturating_add(FRAME_HEAD).saturating_add(len);
            blocks.send(Some(block)).await.map_err(|_| gone())?;
        }
        held.drain(..used.min(held.len()));
    }
    Ok(())
}

pub(super) fn drain(mut body: Incoming) {
    if !body.is_end_stream() {
        tokio::spawn(async move { while let Ok(Some(_)) = piece(&mut body).await {} });
    }
}
