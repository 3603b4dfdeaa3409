//! The command line's side of the admin socket.

use super::api::{self, Cur, Entries, Event, FRAMES_END, Held, Imported, Local, Moved, Outgoing, Refusal, Stored, escape, frame};
use crate::exit::{Done, Exit, Failure};
use async_trait::async_trait;
use http_body_util::{BodyExt, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use leither_kit::Cid;
use leither_kit::block::{self, BLOCK_BYTES_MAX};
use leither_kit::source::{Source, SourceError};
use leither_storage::content::{self, Added, Profile, Progress};
use leither_storage::seal::Seal;
use leither_types::MimeiId;
use serde::de::DeserializeOwned;
use std::cell::Cell;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::net::UnixStream;
use tokio::sync::{Mutex, mpsc};

/// Frames that wait for the node.
const FRAMES_MAX: usize = 16;
/// What is read of a file at a time.
const READ_BYTES: usize = 256 << 10;
/// A line of a call that takes long is no longer.
const LINE_BYTES_MAX: usize = 64 << 10;
/// An answer is no longer: an entry whose name fills a block, each byte of it written as six, and a page beside it.
const ANSWER_BYTES_MAX: usize = 16 << 20;

/// The node of this machine, by its socket.
pub struct Socket {
    path: PathBuf,
    sender: Mutex<SendRequest<Outgoing>>,
}

/// An answer that is no refusal.
type Answered<T> = Result<T, Said>;

/// A refusal with its word, or why there is no answer.
#[derive(Debug)]
pub struct Said {
    /// The stable word; empty where nothing was answered.
    pub reason: String,
    /// How the command ends.
    pub failure: Failure,
}

impl From<Said> for Failure {
    fn from(said: Said) -> Self {
        said.failure
    }
}

impl Said {
    fn of(status: StatusCode, reason: String, message: String) -> Self {
        let exit = match status {
            StatusCode::BAD_REQUEST => Exit::Usage,
            // Whom the node did not reach, or what nobody gave it: it answered itself.
            _ if reason == "unreachable" => Exit::Refused,
            status if status.is_server_error() && status != StatusCode::INSUFFICIENT_STORAGE => Exit::Fault,
            _ => Exit::Refused,
        };
        Self { reason, failure: Failure::new(exit, message) }
    }
}

impl Socket {
    /// Connects.
    pub async fn open(path: &Path) -> Done<Self> {
        let failed = |e: &dyn std::fmt::Display| {
            Failure::new(
                Exit::Unreachable,
                format!("cannot reach the node by {}: {e}; is it running, and yours?", path.display()),
            )
        };
        let stream = UnixStream::connect(path).await.map_err(|e| failed(&e))?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(|e| failed(&e))?;
        tokio::spawn(async move {
            // Whoever waits for an answer hears of it.
            let _ = connection.await;
        });
        Ok(Self { path: path.into(), sender: Mutex::new(sender) })
    }

    fn lost(&self, why: &dyn std::fmt::Display) -> Said {
        let sentence = format!("the node did not answer on {}: {why}; look whether it runs", self.path.display());
        Said { reason: String::new(), failure: Failure::new(Exit::Unreachable, sentence) }
    }

    async fn send(&self, method: Method, call: &str, body: Outgoing) -> Answered<Response<Incoming>> {
        let request = Request::builder().method(method).uri(call).header("host", "leither").body(body);
        let request = request.map_err(|e| Said { reason: String::new(), failure: Failure::usage(e) })?;
        let mut sender = self.sender.lock().await;
        sender.ready().await.map_err(|e| self.lost(&e))?;
        let answer = sender.send_request(request).await.map_err(|e| self.lost(&e))?;
        drop(sender);
        if answer.status().is_success() { Ok(answer) } else { Err(self.refused(answer).await) }
    }

    async fn refused(&self, answer: Response<Incoming>) -> Said {
        let status = answer.status();
        match self.read(answer).await.map(|bytes| serde_json::from_slice::<Refusal>(&bytes)) {
            Ok(Ok(refusal)) => Said::of(status, refusal.reason, refusal.message),
            Ok(Err(error)) => self.lost(&error),
            Err(said) => said,
        }
    }

    async fn read(&self, answer: Response<Incoming>) -> Answered<Bytes> {
        let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect().await;
        body.map(|body| body.to_bytes()).map_err(|e| self.lost(&e))
    }

    async fn call<T: DeserializeOwned>(&self, method: Method, call: &str) -> Answered<T> {
        let answer = self.send(method, call, Outgoing::Whole(None)).await?;
        let bytes = self.read(answer).await?;
        serde_json::from_slice(&bytes).map_err(|e| self.lost(&e))
    }

    /// Asks.
    pub async fn get<T: DeserializeOwned>(&self, call: &str) -> Answered<T> {
        self.call(Method::GET, call).await
    }

    /// Has something done.
    pub async fn post<T: DeserializeOwned>(&self, call: &str) -> Answered<T> {
        self.call(Method::POST, call).await
    }

    /// The same, with what it is about.
    pub async fn post_with<T: DeserializeOwned>(&self, call: &str, body: Bytes) -> Answered<T> {
        let answer = self.send(Method::POST, call, Outgoing::Whole(Some(body))).await?;
        let bytes = self.read(answer).await?;
        serde_json::from_slice(&bytes).map_err(|e| self.lost(&e))
    }

    /// Has something taken away.
    pub async fn delete(&self, call: &str) -> Answered<()> {
        self.call(Method::DELETE, call).await
    }

    /// SOCK-7: a call that fetches. `watch` hears how far it is.
    pub async fn events(&self, call: &str, watch: impl FnMut(&api::Progress)) -> Answered<Moved> {
        self.lines::<Moved, api::Progress>(call, watch).await
    }

    /// SOCK-7: a call that takes long. `watch` hears how far it is.
    pub async fn lines<T: DeserializeOwned, P: DeserializeOwned>(&self, call: &str, mut watch: impl FnMut(&P)) -> Answered<T> {
        let mut body = self.send(Method::POST, call, Outgoing::Whole(None)).await?.into_body();
        let (mut held, mut end) = (Vec::new(), None);
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame.map_err(|e| self.lost(&e))?.into_data() else { continue };
            held.extend_from_slice(&data);
            while let Some(at) = held.iter().position(|b| *b == b'\n') {
                let line: Vec<u8> = held.drain(..=at).collect();
                match serde_json::from_slice::<Event<T, P>>(&line).map_err(|e| self.lost(&e))? {
                    Event::Progress(progress) => watch(&progress),
                    Event::Done(done) => end = Some(Ok(done)),
                    Event::Failed { status, reason, message } => {
                        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                        end = Some(Err(Said::of(status, reason, message)));
                    }
                }
            }
            if held.len() > LINE_BYTES_MAX {
                return Err(self.lost(&"a line of its answer is too long"));
            }
        }
        end.unwrap_or_else(|| Err(self.lost(&"it broke off")))
    }

    /// SOCK-8: a tree as a CAR. Gives how many bytes it has.
    pub async fn export(&self, cid: &Cid, write: &mut (dyn FnMut(&[u8]) -> io::Result<()> + Send)) -> Done<u64> {
        let mut body = self.send(Method::GET, &format!("/car?cid={cid}"), Outgoing::Whole(None)).await?.into_body();
        let mut bytes = 0u64;
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame.map_err(|e| self.lost(&e).failure)?.into_data() else { continue };
            write(&data).map_err(|e| Failure::fault(format!("cannot write the CAR: {e}; make room, and export it again")))?;
            bytes = bytes.saturating_add(data.len() as u64);
        }
        Ok(bytes)
    }

    /// SOCK-8: has the node take in a CAR.
    pub async fn import(&self, name: Option<&str>, mut input: Box<dyn AsyncRead + Send + Unpin>) -> Done<Imported> {
        let (pieces, body) = mpsc::channel(FRAMES_MAX);
        let read = tokio::spawn(async move {
            loop {
                let mut piece = vec![0; READ_BYTES];
                match input.read(&mut piece).await {
                    Ok(0) => return Ok(()),
                    Ok(len) => {
                        piece.truncate(len);
                        if pieces.send(Ok(Bytes::from(piece))).await.is_err() {
                            return Ok(());
                        }
                    }
                    Err(error) => {
                        // What broke off must not look whole to the node. It may have hung up.
                        let _ = pieces.send(Err(io::Error::other(error.to_string()))).await;
                        return Err(error);
                    }
                }
            }
        });
        let call = name.map_or_else(|| "/car".to_string(), |name| format!("/car?name={}", escape(name)));
        let answer = self.send(Method::POST, &call, Outgoing::Checked(body)).await;
        if answer.is_err() {
            read.abort();
        }
        if let Ok(Err(error)) = read.await {
            return Err(Failure::fault(format!("cannot read the CAR: {error}; nothing of it is kept")));
        }
        serde_json::from_slice(&self.read(answer?).await?).map_err(Failure::fault)
    }

    /// The same, where there is something to say of it.
    pub async fn delete_for<T: DeserializeOwned>(&self, call: &str) -> Answered<T> {
        self.call(Method::DELETE, call).await
    }

    /// What the node has of a MiMei.
    pub async fn local(&self, mimei: &MimeiId) -> Answered<Local> {
        self.get(&format!("/mimei/{mimei}")).await
    }

    /// A version that the node keeps, if it does.
    pub async fn held(&self, mimei: &MimeiId, version: u64) -> Answered<Option<Held>> {
        match self.get(&format!("/mimei/{mimei}/versions/{version}")).await {
            Ok(held) => Ok(Some(held)),
            Err(said) if said.reason == "absent" => Ok(None),
            Err(said) => Err(said),
        }
    }

    /// HOLD-1: keeps what is to become a version.
    pub async fn expect(&self, mimei: &MimeiId, version: u64, cid: &str, profile: &str, is_cur: bool) -> Answered<()> {
        self.post(&format!("/mimei/{mimei}/next?version={version}&cid={cid}&profile={profile}&cur={is_cur}")).await
    }

    /// The same is not to become one any more.
    pub async fn give_up(&self, mimei: &MimeiId, version: u64, cid: &str, is_cur: bool) -> Answered<()> {
        self.delete(&format!("/mimei/{mimei}/next?version={version}&cid={cid}&cur={is_cur}")).await
    }

    /// HOLD-2: the chain has it.
    pub async fn record(&self, mimei: &MimeiId, version: u64, cid: &str, profile: &str) -> Answered<Held> {
        self.post(&format!("/mimei/{mimei}/versions/{version}?cid={cid}&profile={profile}")).await
    }

    /// Makes a version the working copy, or an empty directory.
    pub async fn restore(
        &self,
        mimei: &MimeiId,
        version: Option<u64>,
        generation: Option<&str>,
        seen: Option<u64>,
    ) -> Answered<Cur> {
        let mut call = format!("/mimei/{mimei}/cur?");
        call += &version.map(|n| format!("version={n}&")).unwrap_or_default();
        call += &generation.map(|n| format!("generation={n}&")).unwrap_or_default();
        call += &seen.map(|n| format!("seen={n}")).unwrap_or_default();
        self.post(&call).await
    }

    /// READ-1: a page of a directory of the working copy.
    pub async fn entries(&self, mimei: &MimeiId, path: &str, after: Option<&str>, limit: usize) -> Answered<Entries> {
        let after = after.map(|after| format!("&after={}", escape(after))).unwrap_or_default();
        self.get(&format!("/mimei/{mimei}/cur?path={}&limit={limit}{after}", escape(path))).await
    }

    /// Another MiMei begins with that version.
    pub async fn fork(&self, mimei: &MimeiId, version: u64, fork: &MimeiId) -> Answered<Cur> {
        self.post(&format!("/mimei/{mimei}/fork?version={version}&fork={fork}")).await
    }

    /// SOCK-3: cuts a file or directory into blocks, closed with `seal` where there is one, and has the node keep them. Once this returns all is on
    /// its disk. `watch` hears how far it is, and how many blocks were made.
    pub async fn add(
        &self,
        path: &Path,
        profile: Profile,
        seal: Option<Seal>,
        watch: impl Fn(&Progress, u64) + Send + 'static,
    ) -> Done<(Added, Stored)> {
        let (frames, body) = mpsc::channel(FRAMES_MAX);
        let over = Arc::new(AtomicBool::new(false));
        let (from, stop) = (path.to_path_buf(), over.clone());
        let walk = tokio::task::spawn_blocking(move || {
            let gone = || io::Error::other("the node has stopped listening");
            let blocks = Cell::new(0u64);
            let mut sink = |cid: &Cid, block: Vec<u8>| {
                if stop.load(Ordering::Relaxed) {
                    return Err(gone());
                }
                blocks.set(blocks.get().saturating_add(1));
                frames.blocking_send(frame(cid, &block)).map_err(|_| gone())
            };
            let mut tell = |progress: &Progress| watch(progress, blocks.get());
            let added = match &seal {
                None => content::add(&from, profile, &mut sink, &mut tell),
                Some(seal) => content::add_sealed(&from, profile, seal, &mut sink, &mut tell),
            }?;
            // A stream without this is one that was cut, and nothing of it is kept.
            frames
                .blocking_send(Bytes::from_static(&FRAMES_END))
                .map_err(|_| leither_storage::content::ContentError::Sink(gone()))?;
            Ok::<_, leither_storage::content::ContentError>(added)
        });
        let answer = self.send(Method::POST, &format!("/blocks?profile={profile}"), Outgoing::Stream(body)).await;
        over.store(true, Ordering::Relaxed);
        let added = walk.await.map_err(Failure::fault)?;
        match (answer, added) {
            // A file that cannot be read: the node only heard that the stream was cut.
            (_, Err(error)) if !matches!(error, content::ContentError::Sink(_)) => Err(error.into()),
            (Err(said), _) => Err(said.into()),
            (Ok(_), Err(error)) => Err(error.into()),
            (Ok(answer), Ok(added)) => {
                let stored: Stored = serde_json::from_slice(&self.read(answer).await?).map_err(Failure::fault)?;
                if stored.cid != added.cid.to_string() {
                    return Err(Failure::fault(format!("the node kept {} and not {}: add it again", stored.cid, added.cid)));
                }
                Ok((added, stored))
            }
        }
    }

    /// SOCK-5: changes the working copy. `query` says how; what is to be written is read from `input`.
    pub async fn edit(
        &self,
        mimei: &MimeiId,
        query: &[(&str, &str)],
        input: Option<Box<dyn AsyncRead + Send + Unpin>>,
    ) -> Done<Cur> {
        let pairs: Vec<String> = query.iter().map(|(name, value)| format!("{name}={}", escape(value))).collect();
        let call = format!("/mimei/{mimei}/edit?{}", pairs.join("&"));
        let Some(mut input) = input else {
            return Ok(self.post(&call).await?);
        };
        let (pieces, body) = mpsc::channel(FRAMES_MAX);
        let read = tokio::spawn(async move {
            loop {
                let mut piece = vec![0; READ_BYTES];
                let len = input.read(&mut piece).await?;
                piece.truncate(len);
                if len == 0 || pieces.send(Bytes::from(piece)).await.is_err() {
                    return Ok::<_, io::Error>(());
                }
            }
        });
        let answer = self.send(Method::POST, &call, Outgoing::Stream(body)).await;
        let answer = match answer {
            Ok(answer) => answer,
            Err(said) => {
                read.abort();
                return Err(said.into());
            }
        };
        read.await
            .map_err(Failure::fault)?
            .map_err(|e| Failure::fault(format!("cannot read what is to be written: {e}")))?;
        serde_json::from_slice(&self.read(answer).await?).map_err(Failure::fault)
    }
}

/// SOCK-4: blocks of the node, checked here once more: what a file is made of is what its id says.
#[async_trait]
impl Source for Socket {
    async fn block(&self, cid: &Cid) -> Result<Bytes, SourceError> {
        self.fetch_block(cid, "").await
    }
}

impl Socket {
    /// Whether the node has a tree, whole: its first block may be here as a piece of somebody's file.
    pub async fn has_whole(&self, cid: &Cid) -> bool {
        !matches!(self.fetch_block(cid, "?whole=true").await, Err(SourceError::NotFound(_)))
    }

    async fn fetch_block(&self, cid: &Cid, query: &str) -> Result<Bytes, SourceError> {
        let answer = match self.send(Method::GET, &format!("/blocks/{cid}{query}"), Outgoing::Whole(None)).await {
            Ok(answer) => answer,
            Err(said) if said.reason == "absent" => return Err(SourceError::NotFound(*cid)),
            Err(said) if said.reason == "unreachable" => return Err(SourceError::Timeout(*cid)),
            Err(said) => return Err(SourceError::Other(said.failure.sentence)),
        };
        let body = Limited::new(answer.into_body(), BLOCK_BYTES_MAX).collect().await;
        let bytes = body.map_err(|e| SourceError::Other(e.to_string()))?.to_bytes();
        block::verify(cid, &bytes).map_err(|e| SourceError::Other(format!("the node sent another block than {cid}: {e}")))?;
        Ok(bytes)
    }
}

/// The node's blocks, and where it has not got one, what it can fetch.
pub struct Afar(pub Arc<Socket>);

#[async_trait]
impl Source for Afar {
    async fn block(&self, cid: &Cid) -> Result<Bytes, SourceError> {
        self.0.fetch_block(cid, "?far=true").await
    }
}

/// Roots page by page.
pub async fn roots(socket: &Socket) -> Done<Vec<api::RootView>> {
    let (mut found, mut after) = (Vec::new(), None::<String>);
    loop {
        let ask = after.map(|after| format!("?after={}", escape(&after))).unwrap_or_default();
        let page: api::Roots = socket.get(&format!("/storage/roots{ask}")).await?;
        found.extend(page.items);
        after = page.next;
        if after.is_none() {
            return Ok(found);
        }
    }
}
