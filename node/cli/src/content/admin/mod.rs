//! The node's side of the admin socket.
//!
//! | module | holds |
//! |---|---|
//! | `added` | what was added over a connection, until somebody says what it is |
//! | `bodies` | what comes in pieces: adds and edits |
//! | `lists` | calls about many MiMeis at once |
//! | `network` | calls about the swarm |
//! | `provided` | calls about what is announced and followed |
//! | `query` | what a call says |
//! | `release` | what is let go of by hand |
//! | `streams` | calls that take long: fetching, verifying, compacting, CARs |
//! | `trash` | what is in the trash, and how it is taken back |

mod added;
mod bodies;
mod lists;
mod network;
mod provided;
mod query;
mod release;
mod streams;
mod trash;

use super::api::{Outgoing, Refusal};
use super::calls::{self, Answer, No};
use super::follow::Follow;
use super::meet::Met;
use crate::exit::{Done, Failure};
use added::Added;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use leither_kit::Cid;
use leither_kit::source::Source;
use leither_routing::Routing;
use leither_storage::{ContentStore, StorageError};
use query::{Query, mimei, number};
use serde::Serialize;
use std::convert::Infallible;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
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
                    false => {
                        let is_whole = query.is_set("whole");
                        let look = move |store: &ContentStore| -> Answer<Bytes> {
                            let found = if is_whole && !store.has(&cid)? { None } else { store.get(&cid)? };
                            found.ok_or_else(|| StorageError::NoBlock(cid).into())
                        };
                        self.work(look).await?
                    }
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
}
