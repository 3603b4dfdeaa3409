//! Following: the node keeps the newest version of a MiMei, and the released one, from now on.
//!
//! ```text
//! chain's pulses: whose head changed?  --\
//! chain's heads, page by page, as a net --> new? -> here? fetched : fetch -> version/MIMEI/N -> announced -> versions before the last two let go
//!                                          it failed: told, and tried again after 1 s, 2 s .. 5 min; no room: 30 min
//! ```

use super::book::Book;
use super::calls::{self, Answer, No};
use super::chain::Chain;
use super::fetch::{self, Far, FetchError, Fetched, Order};
use super::publish;
use super::wants::{Network, What};
use crate::backend::Newest;
use crate::wallet::now_ms;
use hyper::StatusCode;
use leither_kit::Cid;
use leither_storage::config::PAGE_MAX;
use leither_storage::content::Profile;
use leither_storage::{ContentStore, Kept, Root, StorageError};
use leither_types::MimeiId;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep};

/// HOLD-6: pins that say what is followed. They keep the released tree where that is another than the newest, else nothing.
pub(super) const FOLLOWED: &str = "follow/";
/// HOLD-8: the generation of a version that was fetched by following: it is let go of when it is old. One that was made here has 0.
pub(super) const BY_FOLLOWING: u64 = 1;
/// Nothing came for so long: others have their turn, and it is tried again later.
const PATIENCE: Duration = Duration::from_secs(20);
/// HOLD-6: where others wait for their turn, whoever has one keeps it as long as within this time ...
const PACE: Duration = Duration::from_secs(60);
/// ... so many blocks come, ...
const PACE_BLOCKS: u64 = 60;
/// ... or so many bytes.
const PACE_BYTES: u64 = 1 << 20;
/// Somebody may be about to connect.
const ALONE_WAIT: Duration = Duration::from_secs(3);
/// HOLD-8: so many that were fetched stay, beside the released one.
const STAY: usize = 2;

/// Brings what is followed up to the chain.
#[derive(Clone)]
pub(super) struct Follow {
    pub store: ContentStore,
    pub chain: Arc<dyn Chain>,
    pub network: Arc<dyn Network>,
    pub book: Arc<Book>,
}

/// An id that holds its content, which is nothing: for a root that keeps nothing.
fn nothing() -> Cid {
    // The empty content under the identity hash, as a raw block.
    Cid::new_v1(leither_kit::node::codec::RAW, leither_kit::multihash::Multihash::default())
}

/// How the files of a tree are cut that was made elsewhere, as far as its id tells.
pub fn profile_of(cid: &Cid) -> Profile {
    if u64::from(cid.version()) == 0 { Profile::V0_2015 } else { Profile::V1_2025 }
}

fn pin(id: &MimeiId) -> Root {
    Root::Pin(format!("{FOLLOWED}{id}"))
}

/// HOLD-6: from now on. The pin of one that is followed already stays as it is: it may keep a released tree.
pub(super) fn begin(store: &ContentStore, ids: &[MimeiId], now: u64) -> Answer<()> {
    let kept = Kept { cid: nothing(), profile: Profile::default(), generation: now };
    let mut pins = Vec::new();
    for id in ids {
        if !is_followed(store, id)? {
            pins.push((pin(id), kept));
        }
    }
    store.keep_all(&pins, now)?;
    Ok(())
}

/// HOLD-6: the released tree that others are told of, beside the newest one's; the pin keeps it.
pub(super) fn released(store: &ContentStore, id: &MimeiId) -> Answer<Option<Cid>> {
    Ok(store.root(&pin(id))?.map(|kept| kept.cid).filter(|cid| *cid != nothing()))
}

/// HOLD-6: from now on it is that. False where it is followed no more.
pub(super) fn note_released(store: &ContentStore, id: &MimeiId, cid: Option<Cid>, now: u64) -> Answer<bool> {
    let Some(kept) = store.root(&pin(id))? else { return Ok(false) };
    let cid = cid.unwrap_or_else(nothing);
    if kept.cid == cid {
        return Ok(true);
    }
    store.keep(&pin(id), Kept { cid, profile: profile_of(&cid), ..kept }, now)?;
    Ok(true)
}

/// No more. What is here stays. Says of each whether it was followed.
pub(super) fn end(store: &ContentStore, ids: &[MimeiId], now: u64) -> Answer<Vec<bool>> {
    Ok(store.release_all(&ids.iter().map(pin).collect::<Vec<_>>(), now)?)
}

/// Whether it is followed.
pub(super) fn is_followed(store: &ContentStore, id: &MimeiId) -> Answer<bool> {
    Ok(store.root(&pin(id))?.is_some())
}

/// Those that are followed, in the order of their ids, after one of them; and whether there may be more.
pub(super) fn followed(store: &ContentStore, after: Option<&MimeiId>, most: usize) -> Answer<(Vec<MimeiId>, bool)> {
    let start = after.map_or_else(|| Root::Pin(FOLLOWED.into()), pin);
    let most = most.min(PAGE_MAX);
    let page = store.roots(Some(&start), most)?;
    let named = |root: &Root| match root {
        Root::Pin(name) => name.strip_prefix(FOLLOWED).and_then(|id| id.parse().ok()),
        _ => None,
    };
    let ids: Vec<MimeiId> = page.iter().map_while(|(root, _)| named(root)).collect();
    let more = ids.len() >= most;
    Ok((ids, more))
}

/// HOLD-6, HOLD-8: a version that came, by following or because its owner asked for it. One that was made here, or waits to become a version,
/// stays what it is.
fn record(store: &ContentStore, id: &MimeiId, number: u64, cid: Cid, follows: bool) -> Answer<()> {
    let generation = if follows { BY_FOLLOWING } else { 0 };
    calls::record_as(store, id, number, Kept { cid, profile: profile_of(&cid), generation }).map(drop)
}

/// HOLD-8: of the versions that following brought the newest two stay, and `stay`: the chain's newest, which is not the newest here while the chain
/// is behind, and the released one.
fn let_go(store: &ContentStore, id: &MimeiId, stay: &[u64], now: u64) -> Answer<()> {
    let (mut after, mut brought) = (None, Vec::new());
    loop {
        let page = store.versions(id, after, PAGE_MAX)?;
        brought.extend(page.iter().filter(|(_, kept)| kept.generation == BY_FOLLOWING).map(|(number, _)| *number));
        after = page.last().map(|(number, _)| *number);
        if page.len() < PAGE_MAX {
            break;
        }
    }
    let old = brought.len().saturating_sub(STAY);
    for number in brought.into_iter().take(old).filter(|number| !stay.contains(number)) {
        store.release(&Root::Version(*id, number), now)?;
    }
    Ok(())
}

fn now() -> Answer<u64> {
    now_ms().map_err(|failure| No::fault(failure.sentence))
}

impl From<FetchError> for No {
    fn from(error: FetchError) -> Self {
        match error {
            FetchError::Store(error) => error.into(),
            FetchError::Stuck { .. } | FetchError::Slow { .. } => {
                Self { status: StatusCode::GATEWAY_TIMEOUT, reason: "unreachable", message: error.to_string() }
            }
            FetchError::Swarm(_) | FetchError::Alone(_) => {
                Self { status: StatusCode::SERVICE_UNAVAILABLE, reason: "unreachable", message: error.to_string() }
            }
            FetchError::Machine(_) => Self::fault(error),
        }
    }
}

/// Whether less came in between than has to. Where there was more before than now, another tree has begun.
fn is_slow(before: &Far, now: &Far) -> bool {
    let blocks = now.blocks.checked_sub(before.blocks);
    let bytes = now.bytes.checked_sub(before.bytes);
    // While nothing is known to be missing nothing is fetched.
    now.missing > 0 && blocks.is_some_and(|blocks| blocks < PACE_BLOCKS) && bytes.is_some_and(|bytes| bytes < PACE_BYTES)
}

impl Follow {
    async fn try_one(&self, id: MimeiId, newest: Newest, pace: Duration) {
        let (tell, far) = watch::channel(Far::default());
        let tried = tokio::select! {
            tried = self.bring_up(&id, newest, PATIENCE, &tell) => tried,
            () = self.falls_behind(far, pace) => Err(FetchError::Slow { seconds: pace.as_secs() }.into()),
        };
        let done = match tried {
            Ok(_) => publish::is_up(self, id, newest).await,
            Err(no) => Err(no),
        };
        if let Err(no) = done {
            let pause = match no.status == StatusCode::INSUFFICIENT_STORAGE {
                true => self.book.had_no_room(id, newest, &no.message, Instant::now()),
                false => self.book.has_failed(id, newest, &no.message, Instant::now()),
            };
            tracing::warn!(mimei = %id, error = no.message, again_in_s = pause.as_secs(), "a followed MiMei could not be brought up to the chain");
        }
    }

    /// HOLD-6: waits until hardly anything came for so long although others wait for their turn: who sends a block now and then would have it
    /// for ever.
    async fn falls_behind(&self, far: watch::Receiver<Far>, pace: Duration) {
        let mut before = *far.borrow();
        loop {
            sleep(pace).await;
            let now = *far.borrow();
            if self.book.others_wait() && is_slow(&before, &now) {
                return;
            }
            before = now;
        }
    }

    /// HOLD-6: the newest version and the released one are here, are versions, and announced. Neither waits for the other: what
    /// can be had is here, whatever becomes of the rest.
    pub async fn bring_up(&self, id: &MimeiId, newest: Newest, patience: Duration, tell: &watch::Sender<Far>) -> Answer<Fetched> {
        let Some((number, cid)) = newest.last else { return Ok(Fetched::default()) };
        let brought = self.bring_newest(id, number, cid, patience, tell).await;
        let released = match newest.release.filter(|(release, _)| *release != number) {
            Some((release, known)) => self.bring_released(id, release, known, patience, tell).await,
            None => publish::releases(self, *id, None).await,
        };
        let (store, of) = (self.store.clone(), *id);
        let stay: Vec<u64> = newest.release.iter().map(|(release, _)| *release).chain([number]).collect();
        spawn_blocking(move || let_go(&store, &of, &stay, now()?)).await.map_err(No::fault)??;
        let fetched = brought?;
        released?;
        Ok(fetched)
    }

    async fn bring_newest(
        &self,
        id: &MimeiId,
        number: u64,
        cid: Cid,
        patience: Duration,
        tell: &watch::Sender<Far>,
    ) -> Answer<Fetched> {
        let fetched = self.hold(id, number, cid, true, patience, tell).await?;
        publish::follows(self, *id, cid).await?;
        Ok(fetched)
    }

    async fn bring_released(
        &self,
        id: &MimeiId,
        number: u64,
        known: Option<Cid>,
        patience: Duration,
        tell: &watch::Sender<Far>,
    ) -> Answer<()> {
        let brought = async {
            let cid = match known {
                Some(cid) => cid,
                None => self.chain.content(id, number).await.map_err(No::fault)?,
            };
            self.hold(id, number, cid, true, patience, tell).await?;
            publish::releases(self, *id, Some(cid)).await
        };
        let named = |no: No| No { message: format!("version {number}, the released one: {}", no.message), ..no };
        brought.await.map_err(named)
    }

    /// One version is here, whole, and kept as what it is.
    pub async fn hold(
        &self,
        id: &MimeiId,
        number: u64,
        cid: Cid,
        follows: bool,
        patience: Duration,
        tell: &watch::Sender<Far>,
    ) -> Answer<Fetched> {
        let (store, of) = (self.store.clone(), *id);
        let look = move || -> Answer<bool> {
            match store.version(&of, number)? {
                Some(kept) if kept.cid == cid => {
                    // What its owner asks for is no longer following's to let go (HOLD-8).
                    if !follows && kept.generation == BY_FOLLOWING {
                        store.keep(&Root::Version(of, number), Kept { generation: 0, ..kept }, now()?)?;
                    }
                    return Ok(true);
                }
                Some(kept) => return Err(StorageError::VersionTaken { mimei: of, number, found: kept.cid, given: cid }.into()),
                None => {}
            }
            // Added here, in the trash, or of another MiMei.
            let is_here = store.has(&cid)?;
            if is_here {
                record(&store, &of, number, cid, follows)?;
            }
            Ok(is_here)
        };
        if spawn_blocking(look).await.map_err(No::fault)?? {
            return Ok(Fetched::default());
        }
        let fetched = bring(&self.store, &*self.network, Some(id), cid, patience, tell).await?;
        let (store, of) = (self.store.clone(), *id);
        spawn_blocking(move || record(&store, &of, number, cid, follows)).await.map_err(No::fault)??;
        Ok(fetched)
    }
}

/// A tree out of the network, kept under the pin of what was added; it is for the caller to keep it as something else.
pub(super) async fn bring(
    store: &ContentStore,
    network: &dyn Network,
    id: Option<&MimeiId>,
    cid: Cid,
    patience: Duration,
    tell: &watch::Sender<Far>,
) -> Result<Fetched, FetchError> {
    let hunt = id.into_iter().map(|id| What::Mimei(*id).key()).chain([What::Tree(cid).key()]);
    if network.is_alone().await {
        sleep(ALONE_WAIT).await;
        if network.is_alone().await {
            return Err(FetchError::Alone(cid));
        }
    }
    let mut wants = network.session(hunt.collect()).await.map_err(FetchError::Swarm)?;
    let order = Order { cid, root: calls::added(&cid), profile: profile_of(&cid), patience };
    let fetched = fetch::fetch(store, &mut *wants, &order, tell).await?;
    network.announce(cid).await;
    Ok(fetched)
}

mod turns;

#[cfg(test)]
mod tests;
