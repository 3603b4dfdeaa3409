//! Calls that take long: fetching and work on the whole store, told line by line as it goes on, and CARs, in and out as streams.

use super::added::Added;
use super::bodies::fed;
use super::{Desk, Query};
use crate::content::api::{self, Event, Imported, Moved, Outgoing, Progress};
use crate::content::calls::{self, Answer, No};
use crate::content::fetch::{Far, Fetched, PATIENCE};
use crate::content::follow::{self, Follow, profile_of};
use crate::content::publish;
use crate::content::wants::What;
use crate::wallet::now_ms;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Response, StatusCode};
use leither_kit::Cid;
use leither_storage::{Checking, Compacted, ContentStore, Root, StorageError};
use leither_types::MimeiId;
use serde::Serialize;
use std::io::{self, Read, Write};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::task::spawn_blocking;
use tokio::time::{MissedTickBehavior, interval};

/// SOCK-7: so often it is told how far something is.
const TELL: Duration = Duration::from_millis(200);
/// Lines that wait for the reader.
const LINES_MAX: usize = 16;
/// What of a CAR goes out at a time.
const PIECE_BYTES: usize = 256 << 10;
/// Such pieces, or those of a body, that wait.
const PIECES_MAX: usize = 16;
/// SOCK-8: pins of CARs that were taken in.
const CARS: &str = "car/";
/// The longest name that somebody gives a pin.
const NAME_MAX: usize = 128;

/// SOCK-8: what somebody calls a pin.
pub(super) fn check_name(name: &str) -> Answer<()> {
    let fits = (1..=NAME_MAX).contains(&name.len()) && !name.chars().any(char::is_control);
    if fits { Ok(()) } else { Err(No::usage("a name has 1 to 128 bytes and no control characters")) }
}

/// How far something is, as it is told.
fn progress(far: &Far) -> Progress {
    Progress { blocks: far.blocks.to_string(), bytes: far.bytes.to_string(), missing: far.missing.to_string() }
}

fn checking(far: &Checking) -> api::Checking {
    api::Checking { done: far.done.to_string(), of: far.of.to_string() }
}

fn compacted(far: &Compacted) -> api::Compacted {
    api::Compacted { steps: far.steps.to_string(), before: far.before.to_string(), after: far.after.to_string() }
}

fn line<T: Serialize, P: Serialize>(event: &Event<T, P>) -> Bytes {
    let text = serde_json::to_string(event).unwrap_or_default();
    Bytes::from(format!("{text}\n"))
}

/// SOCK-7: one JSON object a line: how far it is, and at last what came of it. Who hangs up ends the work.
fn told<F>(work: impl FnOnce(watch::Sender<Far>) -> F) -> Response<Outgoing>
where
    F: Future<Output = Answer<Moved>> + Send + 'static,
{
    told_as(progress, work)
}

/// The same, of work that has other words for how far it is, and for what came of it.
fn told_as<S, P, T, F>(show: fn(&S) -> P, work: impl FnOnce(watch::Sender<S>) -> F) -> Response<Outgoing>
where
    S: Copy + Default + PartialEq + Send + Sync + 'static,
    P: Serialize + Send + 'static,
    T: Serialize + Send + 'static,
    F: Future<Output = Answer<T>> + Send + 'static,
{
    let (lines, body) = mpsc::channel(LINES_MAX);
    let (tell, far) = watch::channel(S::default());
    let work = work(tell);
    tokio::spawn(async move {
        tokio::pin!(work);
        let mut tick = interval(TELL);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut last = S::default();
        let done = loop {
            tokio::select! {
                done = &mut work => break done,
                () = lines.closed() => return,
                _ = tick.tick() => {
                    let now = *far.borrow();
                    if now != last {
                        last = now;
                        // Who reads slowly hears less.
                        let _ = lines.try_send(line(&Event::<T, P>::Progress(show(&now))));
                    }
                }
            }
        };
        let end = line(&match done {
            Ok(done) => Event::<T, P>::Done(done),
            Err(no) => Event::Failed { status: no.status.as_u16(), reason: no.reason.into(), message: no.message },
        });
        // The reader may have gone.
        let _ = lines.send(end).await;
    });
    let mut response = Response::new(Outgoing::Stream(body));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    response
}

fn moved(id: Option<&MimeiId>, number: Option<u64>, cid: &Cid, fetched: &Fetched) -> Moved {
    Moved {
        mimei: id.map(ToString::to_string),
        version: number.map(|number| number.to_string()),
        cid: cid.to_string(),
        blocks: fetched.blocks.to_string(),
        bytes: fetched.bytes.to_string(),
        here: fetched.here.to_string(),
    }
}

/// HOLD-6: the newest version, with the released one where it is followed.
async fn sync(follow: &Follow, id: MimeiId, follows: bool, tell: &watch::Sender<Far>) -> Answer<Moved> {
    let newest = follow.chain.last(&id).await.map_err(No::fault)?;
    let newest = newest.ok_or_else(|| No::absent(format!("the chain knows no MiMei {id}; check the id")))?;
    let Some((number, cid)) = newest.last else {
        return Err(No::absent(format!("{id} has no version on chain yet")));
    };
    let fetched = match follows {
        true => {
            let fetched = follow.bring_up(&id, newest, PATIENCE, tell).await?;
            if !publish::is_up(follow, id, newest).await? {
                let message = format!("providing {id} was stopped meanwhile; version {number} stays here, and is not announced");
                return Err(No { status: StatusCode::CONFLICT, reason: "conflict", message });
            }
            // Who cannot be told now is told when its turn comes.
            let network = &*follow.network;
            let released = async {
                let store = follow.store.clone();
                let look = spawn_blocking(move || follow::released(&store, &id)).await;
                if let Some(cid) = look.map_err(No::fault)?? {
                    publish::tell(network, What::Tree(cid)).await;
                }
                Answer::Ok(())
            };
            let (_, _, told) =
                tokio::join!(publish::tell(network, What::Mimei(id)), publish::tell(network, What::Tree(cid)), released);
            told?;
            fetched
        }
        false => follow.hold(&id, number, cid, false, PATIENCE, tell).await?,
    };
    Ok(moved(Some(&id), Some(number), &cid, &fetched))
}

impl Desk {
    /// `POST /fetch`: any tree, for whoever is about to read it: kept under the pin of what was added.
    pub(super) fn fetch(&self, query: &Query, added: &Arc<Added>) -> Answer<Response<Outgoing>> {
        let (cid, id) = (query.cid()?, query.text("mimei").map(|text| super::mimei(&text)).transpose()?);
        let (follow, places, added) = (self.link()?.follow.clone(), self.fetches.clone(), added.clone());
        Ok(told(move |tell| async move {
            let _place = places.acquire_owned().await.map_err(No::fault)?;
            let fetched = follow::bring(&follow.store, &*follow.network, id.as_ref(), cid, PATIENCE, &tell).await?;
            let note = move || -> Answer<()> {
                if let Some(kept) = follow.store.root(&calls::added(&cid))? {
                    added.note(cid, kept.generation);
                }
                Ok(())
            };
            spawn_blocking(note).await.map_err(No::fault)??;
            Ok(moved(id.as_ref(), None, &cid, &fetched))
        }))
    }

    /// `POST /mimei/ID/sync`, and `POST /mimei/ID/follow`, which goes on with it from then on.
    pub(super) async fn bring(&self, id: MimeiId, follows: bool) -> Answer<Response<Outgoing>> {
        let (follow, places) = (self.link()?.follow.clone(), self.fetches.clone());
        // Else the node would begin with it by itself, too.
        let busy = follow.book.entered(id).await;
        if follows {
            // Before anything is fetched: whoever is cut off has it done by the node.
            let follow = follow.clone();
            publish::apart(async move { publish::begin(&follow, vec![id]).await }).await?.pop().transpose()?;
        }
        Ok(told(move |tell| async move {
            let _busy = busy;
            let _place = places.acquire_owned().await.map_err(No::fault)?;
            sync(&follow, id, follows, &tell).await
        }))
    }

    /// `POST /storage/verify`
    pub(super) fn verify(&self, hashes: bool) -> Response<Outgoing> {
        let (store, places) = (self.store.clone(), self.works.clone());
        told_as(checking, move |tell| async move {
            let place = places.acquire_owned().await.map_err(No::fault)?;
            let work = move || -> Answer<api::Verified> {
                let _place = place;
                calls::verify(&store, hashes, &mut |far| tell.send(*far).is_ok())
            };
            spawn_blocking(work).await.map_err(No::fault)?
        })
    }

    /// `POST /storage/compact`: STORAGE-10.
    pub(super) fn compact(&self) -> Response<Outgoing> {
        let (store, places) = (self.store.clone(), self.works.clone());
        told_as(compacted, move |tell| async move {
            let place = places.acquire_owned().await.map_err(No::fault)?;
            let work = move || -> Answer<api::Compacted> {
                let _place = place;
                Ok(compacted(&store.compact(&mut |far| tell.send(*far).is_ok())?))
            };
            spawn_blocking(work).await.map_err(No::fault)?
        })
    }

    /// SOCK-8: `GET /car`
    pub(super) async fn export(&self, query: &Query) -> Answer<Response<Outgoing>> {
        let cid = query.cid()?;
        let is_here = self.work(move |store: &ContentStore| Ok(store.has(&cid)?)).await?;
        if !is_here {
            return Err(StorageError::NoBlock(cid).into());
        }
        let place = self.cars.clone().acquire_owned().await.map_err(No::fault)?;
        let (pieces, body) = mpsc::channel(PIECES_MAX);
        let store = self.store.clone();
        spawn_blocking(move || {
            let _place = place;
            let mut out = io::BufWriter::with_capacity(PIECE_BYTES, Pieces(pieces.clone()));
            let written = store.export(&cid, &mut out).map_err(io::Error::other).and_then(|_| out.flush());
            if let Err(error) = written {
                // A body that breaks off is one that is not whole. The reader may have gone.
                let _ = pieces.blocking_send(Err(error));
            }
        });
        let mut response = Response::new(Outgoing::Checked(body));
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/vnd.ipld.car; version=1"));
        Ok(response)
    }

    /// SOCK-8: `POST /car`
    pub(super) async fn import(&self, query: &Query, body: Incoming) -> Answer<Response<Outgoing>> {
        let name = query.text("name");
        name.as_deref().map_or(Ok(()), check_name)?;
        let _place = self.writes.acquire().await.map_err(No::fault)?;
        let (pieces, coming) = mpsc::channel::<Option<Bytes>>(PIECES_MAX);
        let store = self.store.clone();
        let work = spawn_blocking(move || -> Answer<Imported> {
            let now = now_ms().map_err(|failure| No::fault(failure.sentence))?;
            let mut pin = None;
            let root = |cid: &Cid| {
                let root = Root::Pin(format!("{CARS}{}", name.unwrap_or_else(|| cid.to_string())));
                pin = Some(calls::root_text(&root));
                (root, profile_of(cid))
            };
            let cid = store.import_as(Reader { coming, held: Bytes::new(), over: false }, root, now)?;
            Ok(Imported { cid: cid.to_string(), root: pin.unwrap_or_default() })
        });
        fed(body, pieces, work).await
    }
}

/// Bytes that go out.
struct Pieces(mpsc::Sender<io::Result<Bytes>>);

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let sent = self.0.blocking_send(Ok(Bytes::copy_from_slice(bytes)));
        sent.map_err(|_| io::Error::other("the reader has gone"))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Bytes that come in; a stream without its end was cut.
struct Reader {
    coming: mpsc::Receiver<Option<Bytes>>,
    held: Bytes,
    over: bool,
}

impl Read for Reader {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.held.is_empty() && !self.over {
            match self.coming.blocking_recv() {
                Some(Some(bytes)) => self.held = bytes,
                Some(None) => self.over = true,
                None => return Err(io::Error::other("the CAR was cut off; nothing of it is kept, send it again")),
            }
        }
        let len = self.held.len().min(into.len());
        let piece = self.held.split_to(len);
        if let Some(place) = into.get_mut(..len) {
            place.copy_from_slice(&piece);
        }
        Ok(len)
    }
}
