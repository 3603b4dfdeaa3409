//! The node's side of the admin socket.
//!
//! | module | holds |
//! |---|---|
//! | `added` | what was added over a connection, until somebody says what it is |
//! | `lists` | calls about many MiMeis at once |
//! | `network` | calls about the swarm |
//! | `provided` | calls about what is announced and followed |
//! | `query` | what a call says |
//! | `release` | what is let go of by hand |
//! | `streams` | calls that take long: fetching, verifying, compacting, CARs |
//! | `trash` | what is in the trash, and how it is taken back |

mod added;
mod lists;
mod network;
mod provided;
mod query;
mod release;
mod streams;
mod trash;

use super::api::{FRAME_BYTES_MAX, FRAME_HEAD, Outgoing, Refusal, Stored, unframe};
use super::calls::{self, Answer, No, Op};
use super::follow::Follow;
use super::meet::Met;
use crate::exit::{Done, Failure};
use added::Added;
use http_body_util::BodyExt;
use hyper::body::{Body, Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use leither_kit::Cid;
use leither_kit::source::Source;
use leither_routing::Routing;
use leither_storage::content::Profile;
use leither_storage::{ContentStore, Kept, StorageError};
use leither_types::MimeiId;
use query::{Query, mimei, number};
use serde::Serialize;
use std::convert::Infallible;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::timeout;

/// SOCK-1: the owner's alone.
const MODE: u32 = 0o600;
/// SOCK-6: connections at once.
const CONNECTIONS_MAX: usize = 64;
/// SOCK-6: calls that are worked on at once; the others wait.
const CALLS_MAX: usize = 16;
/// SOCK-6: adds and edits at once: each has some MiB in memory.
const WRITES_MAX: usize = 4;
/// SOCK-6: trees that are fetched at once.
const FETCHES_MAX: usize = 4;
/// SOCK-6: CARs that go out at once.
const CARS_MAX: usize = 4;
/// SOCK-6: verifications and compactions at once.
const WORKS_MAX: usize = 2;
/// SOCK-6: questions to the network at once.
const ASKS_MAX: usize = 8;
/// Pieces of a body that wait for the disk.
const PIECES_MAX: usize = 16;
/// How long the next piece of a body may take to come.
const PIECE_WAIT: Duration = Duration::from_secs(120);
/// What is written to a file at a time.
const WRITE_BYTES: usize = 4 << 20;
/// What calls under way get to end.
const GRACE: Duration = Duration::from_secs(2);

/// The socket and what answers on it.
pub(super) struct Admin {
    listener: UnixListener,
    desk: Arc<Desk>,
}

/// What calls about the network are done with.
#[derive(Clone)]
pub(super) struct Link {
    /// What brings trees and keeps them up to the chain.
    pub follow: Follow,
    /// Blocks of this node, else out of the network.
    pub source: Arc<dyn Source>,
    /// The swarm; nothing where there is none.
    pub routing: Option<Routing>,
    /// Where peers of the chain are in the swarm.
    pub met: Met,
}

struct Desk {
    store: ContentStore,
    link: Option<Link>,
    calls: Semaphore,
    writes: Semaphore,
    asks: Arc<Semaphore>,
    fetches: Arc<Semaphore>,
    cars: Arc<Semaphore>,
    works: Arc<Semaphore>,
}

impl Admin {
    /// SOCK-1: binds the socket. One that is left from an earlier run is replaced: the database's lock, which is held, says that nobody uses it.
    pub fn bind(store: ContentStore, path: &Path, link: Option<Link>) -> Done<Self> {
        let failed = |e: std::io::Error| {
            Failure::fault(format!(
                "cannot make the socket {}: {e}; choose a home with a shorter path, or look at its rights",
                path.display()
            ))
        };
        if let Some(dir) = path.parent() {
            crate::files::private_dir(dir).map_err(failed)?;
        }
        match std::fs::remove_file(path) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(failed(e)),
            _ => {}
        }
        let listener = UnixListener::bind(path).map_err(failed)?;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(MODE)).map_err(failed)?;
        let desk = Desk {
            store,
            link,
            calls: Semaphore::new(CALLS_MAX),
            writes: Semaphore::new(WRITES_MAX),
            asks: Arc::new(Semaphore::new(ASKS_MAX)),
            fetches: Arc::new(Semaphore::new(FETCHES_MAX)),
            cars: Arc::new(Semaphore::new(CARS_MAX)),
            works: Arc::new(Semaphore::new(WORKS_MAX)),
        };
        Ok(Self { listener, desk: Arc::new(desk) })
    }

    /// Answers until the end.
    pub async fn run(self, end: impl Future<Output = ()> + Send) {
        tokio::pin!(end);
        let mut open = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                () = &mut end => break,
                Some(_) = open.join_next() => continue,
                accepted = self.listener.accept(), if open.len() < CONNECTIONS_MAX => accepted,
            };
            match accepted {
                Ok((stream, _)) => drop(open.spawn(converse(stream, self.desk.clone()))),
                Err(error) => {
                    tracing::warn!(%error, "the admin socket could not take a connection");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
        let all = async { while open.join_next().await.is_some() {} };
        // Commands that keep their connection open are not waited for.
        let _ = timeout(GRACE, all).await;
        open.shutdown().await;
    }
}

async fn converse(stream: UnixStream, desk: Arc<Desk>) {
    let added = Arc::new(Added::new(desk.store.clone()));
    let of_this = added.clone();
    let service = service_fn(move |request| {
        let (desk, added) = (desk.clone(), of_this.clone());
        async move { Ok::<_, Infallible>(answer(request, desk, added).await) }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(None::<Duration>);
    if let Err(error) = http.serve_connection(TokioIo::new(stream), service).await {
        tracing::debug!(%error, "an admin connection broke");
    }
    // Its command has ended, or was killed: nobody says any more what became of what it added.
    let _ = spawn_blocking(move || added.over()).await;
}

async fn answer(request: Request<Incoming>, desk: Arc<Desk>, added: Arc<Added>) -> Response<Outgoing> {
    match desk.route(request, added).await {
        Ok(response) => response,
        Err(no) => refusal(&no),
    }
}

fn refusal(no: &No) -> Response<Outgoing> {
    if no.status == StatusCode::INTERNAL_SERVER_ERROR {
        tracing::error!(error = no.message, "an admin call failed");
    }
    let body = Refusal { reason: no.reason.into(), message: no.message.clone() };
    let mut response = json(&body).unwrap_or_else(|_| Response::new(Outgoing::Whole(None)));
    *response.status_mut() = no.status;
    response
}

fn json<T: Serialize>(value: &T) -> Answer<Response<Outgoing>> {
    let text = serde_json::to_string(value).map_err(No::fault)?;
    let mut response = Response::new(Outgoing::Whole(Some(Bytes::from(text))));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}

impl Desk {
    async fn route(&self, request: Request<Incoming>, added: Arc<Added>) -> Answer<Response<Outgoing>> {
        let path = request.uri().path().trim_start_matches('/').to_string();
        let query = Query(request.uri().query().unwrap_or_default().to_string());
        let parts: Vec<&str> = path.split('/').collect();
        let (get, post, delete) = (Method::GET, Method::POST, Method::DELETE);
        let method = request.method().clone();
        match (parts.as_slice(), method) {
            (["storage"], m) if m == get => self.ask(calls::stat).await,
            (["storage", "roots"], m) if m == get => {
                let after = query.text("after");
                self.ask(move |store| calls::roots(store, after.as_deref())).await
            }
            (["storage", "roots"], m) if m == delete => {
                let root = query.need("root")?;
                self.release(root, query.is_set("discard")).await
            }
            (["storage", "freed"], m) if m == get => {
                let root = query.need("root")?;
                self.ask(move |store| calls::freed(store, &root)).await
            }
            (["storage", "verify"], m) if m == post => Ok(self.verify(query.is_set("hashes"))),
            (["storage", "compact"], m) if m == post => Ok(self.compact()),
            (["storage", "trash"], m) if m == get => {
                let before = query.text("before");
                self.ask(move |store| trash::list(store, before.as_deref())).await
            }
            (["storage", "keep"], m) if m == post => {
                let (cid, name) = (query.cid()?, query.text("name"));
                self.ask(move |store| trash::keep(store, cid, name)).await
            }
            (["storage", "provide"], m) if m == post => self.provide_tree(&query).await,
            (["storage", "provide"], m) if m == delete => self.stop_tree(&query).await,
            (["storage", "purge"], m) if m == post => {
                let all = query.is_set("all");
                self.ask(move |store| calls::purge(store, all)).await
            }
            (["swarm", "addrs" | "peers" | "reach"], m) if m == get => {
                self.swarm(parts.get(1..).unwrap_or_default(), &query).await
            }
            (["swarm", "connect"], m) if m == post => self.asking(self.swarm(&["connect"], &query)).await,
            (["dht", "peer"], m) if m == get => self.asking(self.find_peer(&query)).await,
            (["providers"], m) if m == get => self.asking(self.providers(&query)).await,
            (["provided"], m) if m == get => self.asking(self.provided(&query)).await,
            (["provided", "summary"], m) if m == get => self.providing().await,
            (["publish"], m) if m == post => self.publish_all(&query, request.into_body()).await,
            (["follow"], m) if m == post => self.follow_all(request.into_body()).await,
            (["unfollow"], m) if m == post => self.unfollow_all(request.into_body()).await,
            (["fetch"], m) if m == post => self.fetch(&query, &added),
            (["car"], m) if m == get => self.export(&query).await,
            (["car"], m) if m == post => self.import(&query, request.into_body()).await,
            (["mimei", id, "network"], m) if m == get => self.glance(mimei(id)?).await,
            (["mimei", id, "publish"], m) if m == post => self.publish(mimei(id)?, &query).await,
            (["mimei", id, "sync"], m) if m == post => self.bring(mimei(id)?, false).await,
            (["mimei", id, "follow"], m) if m == post => self.bring(mimei(id)?, true).await,
            (["mimei", id, "follow"], m) if m == delete => self.unfollow(mimei(id)?).await,
            (["blocks"], m) if m == post => self.add(request.into_body(), query.profile()?, added).await,
            (["blocks", cid], m) if m == get => {
                let cid: Cid = cid.parse().map_err(|_| No::usage("this is no content id"))?;
                let found = match query.is_set("far") {
                    true => self.far(&cid).await?,
                    false => self.work(move |store| store.get(&cid)?.ok_or_else(|| StorageError::NoBlock(cid).into())).await?,
                };
                Ok(Response::new(Outgoing::Whole(Some(found))))
            }
            (["mimei", id], m) if m == get => {
                let id = mimei(id)?;
                self.ask(move |store| calls::local(store, &id)).await
            }
            (["mimei", id, "versions", n], m) if m == get => {
                let (id, n) = (mimei(id)?, number(n)?);
                self.ask(move |store| calls::version(store, &id, n)).await
            }
            (["mimei", id, "versions", n], m) if m == post => {
                let (id, n, cid, profile) = (mimei(id)?, number(n)?, query.cid()?, query.profile()?);
                self.ask(move |store| calls::record(store, &id, n, cid, profile)).await
            }
            (["mimei", id, "next"], m) if m == post => {
                let (id, n, cid, profile) = (mimei(id)?, query.need_number("version")?, query.cid()?, query.profile()?);
                let is_cur = query.is_set("cur");
                self.ask(move |store| calls::expect(store, &id, n, cid, profile, is_cur)).await
            }
            (["mimei", id, "next"], m) if m == delete => {
                let (id, n, cid, is_cur) = (mimei(id)?, query.need_number("version")?, query.cid()?, query.is_set("cur"));
                self.ask(move |store| calls::give_up(store, &id, n, &cid, is_cur)).await
            }
            (["mimei", id, "cur"], m) if m == post => {
                let (id, version) = (mimei(id)?, query.number("version")?);
                let (generation, seen) = (query.number("generation")?, query.number("seen")?);
                self.ask(move |store| calls::restore(store, &id, version, generation, seen)).await
            }
            (["mimei", id, "cur"], m) if m == get => {
                let (id, path, after) = (mimei(id)?, query.text("path").unwrap_or_default(), query.text("after"));
                let limit = usize::try_from(query.need_number("limit")?).unwrap_or(usize::MAX);
                self.ask(move |store| calls::entries(store, &id, &path, after.as_deref(), limit)).await
            }
            (["mimei", id, "fork"], m) if m == post => {
                let (id, version, fork) = (mimei(id)?, query.need_number("version")?, mimei(&query.need("fork")?)?);
                self.ask(move |store| calls::fork(store, &id, version, &fork)).await
            }
            (["mimei", id, "edit"], m) if m == post => self.edit(mimei(id)?, &query, request.into_body()).await,
            _ => Err(No {
                status: StatusCode::NOT_FOUND,
                reason: "unknown_call",
                message: format!("there is no call {} /{path}", request.method()),
            }),
        }
    }

    /// A question to the network: so many at a time.
    async fn asking(&self, ask: impl Future<Output = Answer<Response<Outgoing>>>) -> Answer<Response<Outgoing>> {
        let _place = self.asks.acquire().await.map_err(No::fault)?;
        ask.await
    }

    /// A question, on a thread that may wait.
    async fn work<T: Send + 'static>(&self, work: impl FnOnce(&ContentStore) -> Answer<T> + Send + 'static) -> Answer<T> {
        let _place = self.calls.acquire().await.map_err(No::fault)?;
        let store = self.store.clone();
        spawn_blocking(move || work(&store)).await.map_err(No::fault)?
    }

    async fn ask<T: Serialize + Send + 'static>(
        &self,
        work: impl FnOnce(&ContentStore) -> Answer<T> + Send + 'static,
    ) -> Answer<Response<Outgoing>> {
        json(&self.work(work).await?)
    }

    /// SOCK-3: blocks come children first, the root last, then a frame of no length. Answered once all is on disk; whatever goes wrong, nothing is left.
    async fn add(&self, body: Incoming, profile: Profile, added: Arc<Added>) -> Answer<Response<Outgoing>> {
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
        let done = work.await.map_err(No::fault)?;
        // The rest of a body that is not wanted any more is passed over, so that its sender comes to hear why.
        drain(body);
        match (read, done) {
            (Err(no), Err(_)) if no.reason != GONE => Err(no),
            (_, done) => json(&done?),
        }
    }

    /// SOCK-5
    async fn edit(&self, id: MimeiId, query: &Query, body: Incoming) -> Answer<Response<Outgoing>> {
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
        let work = spawn_blocking(move || -> Answer<super::api::Cur> {
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
        let mut body = body;
        let read = async {
            while let Some(piece) = piece(&mut body).await? {
                if pieces.send(Some(piece)).await.is_err() {
                    return Err(gone());
                }
            }
            // Who does not wait for it has had no use for the body.
            let _ = pieces.send(None).await;
            Ok(())
        };
        let read = read.await;
        drop(pieces);
        let done = work.await.map_err(No::fault)?;
        drain(body);
        match (read, done) {
            (Err(no), Err(_)) if no.reason != GONE => Err(no),
            (_, done) => json(&done?),
        }
    }
}

/// Whoever took the pieces has ended, and says itself why.
const GONE: &str = "gone";

fn gone() -> No {
    No { status: StatusCode::INTERNAL_SERVER_ERROR, reason: GONE, message: String::new() }
}

/// The next piece of a body; nothing at its end.
async fn piece(body: &mut Incoming) -> Answer<Option<Bytes>> {
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

fn drain(mut body: Incoming) {
    if !body.is_end_stream() {
        tokio::spawn(async move { while let Ok(Some(_)) = piece(&mut body).await {} });
    }
}
