//! Following: the node keeps the newest version of a MiMei, and the released one, from now on.
//!
//! ```text
//! chain's pulses: whose head changed?  --\
//! chain's heads, page by page, as a net --> new? -> here? fetched : fetch -> version/MIMEI/N -> announced -> versions before the last two let go
//!                                          it failed: told, and tried again after 1 s, 2 s .. 5 min
//! ```

use super::book::Book;
use super::calls::{self, Answer, No};
use super::chain::{Chain, Changed};
use super::fetch::{self, Far, FetchError, Fetched, Order};
use super::publish;
use super::wants::{Network, What};
use crate::backend::Newest;
use crate::wallet::now_ms;
use leither_kit::Cid;
use leither_storage::config::PAGE_MAX;
use leither_storage::content::Profile;
use leither_storage::{ContentStore, Kept, Root, StorageError};
use leither_types::MimeiId;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::{Instant, sleep, sleep_until};

/// HOLD-6: pins that say what is followed. They keep the released tree where that is another than the newest, else nothing.
pub(super) const FOLLOWED: &str = "follow/";
/// HOLD-8: the generation of a version that was fetched by following: it is let go of when it is old. One that was made here has 0.
const BY_FOLLOWING: u64 = 1;
/// HOLD-6: between two looks.
const LOOK: Duration = Duration::from_millis(500);
/// HOLD-6: the same after a start, and where something went by unheard: until all were looked at.
const LOOK_SOON: Duration = Duration::from_millis(15);
/// HOLD-6: MiMeis of one look: a thousand a second; of more, some wait for their turn.
const LOOK_MAX: usize = 500;
/// The same where hands are full: a few of those who come next.
const LOOK_FEW: usize = 32;
/// MiMeis that are brought up at once.
const JOBS_MAX: usize = 8;
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

/// HOLD-6: from now on.
pub(super) fn begin(store: &ContentStore, ids: &[MimeiId], now: u64) -> Answer<()> {
    let kept = Kept { cid: nothing(), profile: Profile::default(), generation: now };
    let pins: Vec<(Root, Kept)> = ids.iter().map(|id| (pin(id), kept)).collect();
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

/// HOLD-8: of the versions that following brought the newest two stay, and the released one.
fn let_go(store: &ContentStore, id: &MimeiId, release: Option<u64>, now: u64) -> Answer<()> {
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
    for number in brought.into_iter().take(old).filter(|number| Some(*number) != release) {
        store.release(&Root::Version(*id, number), now)?;
    }
    Ok(())
}

fn now() -> Answer<u64> {
    now_ms().map_err(|failure| No::fault(failure.sentence))
}

impl From<FetchError> for No {
    fn from(error: FetchError) -> Self {
        use hyper::StatusCode;
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

/// HOLD-6: the net: how far the looks at all that are followed are.
#[derive(Default)]
struct Sweep {
    /// The last that was looked at; nothing: it begins with the first.
    after: Option<MimeiId>,
    /// So often it has to come to the end in haste: what was missed may be before where it is.
    ends: u8,
}

impl Sweep {
    /// All are to be looked at: what is left of this round, and a whole one.
    fn hasten(&mut self) {
        self.ends = if self.after.is_none() { 1 } else { 2 };
    }

    /// A look was had. Gives the pause before the next: the whole one where it failed, or hands are full; one that comes free has it go on.
    fn looked(&mut self, is_free: bool, pause: Duration) -> Duration {
        if self.after.is_none() {
            self.ends = self.ends.saturating_sub(1);
        }
        if self.ends > 0 && is_free { LOOK_SOON } else { pause }
    }
}

/// What came of a MiMei that was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    /// It is being brought up, or there is nothing to do.
    Had,
    /// There is, and somebody is at work on it already.
    Busy,
    /// There is, and all hands are full.
    Waits,
}

impl Follow {
    /// Works until the end.
    pub async fn run(self, end: impl Future<Output = ()> + Send) {
        self.run_with(LOOK, end).await;
    }

    async fn run_with(self, pause: Duration, end: impl Future<Output = ()> + Send) {
        tokio::pin!(end);
        // Before the first look: what changes from then on is heard.
        let mut changes = self.chain.changes();
        let (mut jobs, mut sweep, mut hears) = (JoinSet::<MimeiId>::new(), Sweep::default(), true);
        let mut next = Instant::now();
        sweep.hasten();
        loop {
            tokio::select! {
                () = &mut end => break,
                Some(ended) = jobs.join_next() => {
                    // The chain may have moved on while it was fetched.
                    ended.iter().for_each(|id| self.book.hear(std::slice::from_ref(id)));
                    if self.book.others_wait() {
                        next = Instant::now();
                    }
                }
                changed = changes.next(), if hears => hears = self.hear(&changed),
                () = self.book.called() => {}
                () = sleep_until(next) => {
                    let looked = self.look(&mut sweep.after, &mut jobs).await;
                    next = Instant::now() + sweep.looked(looked.is_ok() && !self.book.others_wait(), pause);
                    if let Err(no) = looked {
                        tracing::warn!(error = no.message, "what is followed could not be looked at; it is tried again");
                    }
                }
            }
            if self.book.take_missed() {
                sweep.hasten();
                next = next.min(Instant::now() + LOOK_SOON);
            }
            if let Err(no) = self.answer(&mut jobs).await {
                tracing::warn!(error = no.message, "what changed could not be looked at; it is tried again");
            }
        }
        jobs.shutdown().await;
    }

    /// HOLD-6: what the chain says. False where it will say no more.
    fn hear(&self, changed: &Changed) -> bool {
        match changed {
            Changed::Heads(ids) => self.book.hear(ids),
            Changed::Missed => self.book.miss(),
            Changed::Ended => return false,
        }
        true
    }

    /// HOLD-6: those of which something was heard, then those that are new or tried again, as far as there are hands.
    async fn answer(&self, jobs: &mut JoinSet<MimeiId>) -> Answer<()> {
        while jobs.len() < JOBS_MAX {
            let mut asked = self.book.take_heard(LOOK_MAX);
            let is_heard = !asked.is_empty();
            // Where all that are followed are looked at in turns and some wait for hands, these are among them.
            if !is_heard && !self.book.others_wait() {
                asked = self.book.take_later(LOOK_FEW, Instant::now());
            }
            if asked.is_empty() {
                break;
            }
            let looked = self.newest_followed(&asked).await;
            let looked = looked.inspect_err(|_| self.stand_back(asked, is_heard))?;
            let (mut busy, mut wait) = (Vec::new(), Vec::new());
            for (id, newest) in looked {
                match self.turn(id, newest, jobs) {
                    Turn::Had => {}
                    Turn::Busy => busy.push(id),
                    Turn::Waits => wait.push(id),
                }
            }
            if is_heard && !wait.is_empty() {
                self.book.set_others_wait(true);
            }
            self.stand_back(wait, is_heard);
            // Whoever is at work on it is not done within no time.
            self.stand_back(busy, false);
        }
        Ok(())
    }

    /// These had no turn.
    fn stand_back(&self, ids: Vec<MimeiId>, is_heard: bool) {
        match is_heard {
            true => self.book.put_back(ids),
            false => self.book.put_off(ids, Instant::now() + LOOK),
        }
    }

    /// What the chain says of those of them that are followed; the others are forgotten.
    async fn newest_followed(&self, asked: &[MimeiId]) -> Answer<Vec<(MimeiId, Option<Newest>)>> {
        let (store, ids) = (self.store.clone(), asked.to_vec());
        let work = move || -> Answer<(Vec<MimeiId>, Vec<MimeiId>)> {
            let (mut here, mut gone) = (Vec::new(), Vec::new());
            for id in ids {
                if is_followed(&store, &id)? { here.push(id) } else { gone.push(id) }
            }
            Ok((here, gone))
        };
        let (here, gone) = spawn_blocking(work).await.map_err(No::fault)??;
        gone.iter().for_each(|id| self.book.forget(id));
        if here.is_empty() {
            return Ok(Vec::new());
        }
        self.book.heed(&here);
        let newest = self.chain.newest(here.clone()).await.map_err(No::fault)?;
        Ok(here.into_iter().zip(newest).collect())
    }

    /// Brings it up, if that is due and there are hands.
    fn turn(&self, id: MimeiId, newest: Option<Newest>, jobs: &mut JoinSet<MimeiId>) -> Turn {
        let is_due = |newest: &Newest| newest.last.is_some() && self.book.is_due(&id, newest, Instant::now());
        let Some(newest) = newest.filter(is_due) else { return Turn::Had };
        // What is being brought up has its turn.
        let Some(busy) = self.book.enter(id) else { return Turn::Busy };
        if jobs.len() >= JOBS_MAX {
            return Turn::Waits;
        }
        let this = self.clone();
        jobs.spawn(async move {
            this.try_one(id, newest, PACE).await;
            drop(busy);
            id
        });
        Turn::Had
    }

    /// HOLD-6: the next page of those that are followed; what is new is begun with, as far as there are hands.
    async fn look(&self, after: &mut Option<MimeiId>, jobs: &mut JoinSet<MimeiId>) -> Answer<()> {
        let (store, from) = (self.store.clone(), *after);
        let most = if self.book.others_wait() { LOOK_FEW } else { LOOK_MAX };
        let work = move || followed(&store, from.as_ref(), most);
        let (ids, more) = spawn_blocking(work).await.map_err(No::fault)??;
        let mut seen = from;
        *after = ids.last().copied().filter(|_| more);
        let mut others_wait = false;
        if !ids.is_empty() {
            self.book.heed(&ids);
            let found = self.chain.newest(ids.clone()).await.map_err(No::fault)?;
            for (id, newest) in ids.into_iter().zip(found) {
                if self.turn(id, newest, jobs) == Turn::Waits {
                    // The next look begins with who had no turn.
                    (*after, others_wait) = (seen, true);
                    break;
                }
                seen = Some(id);
            }
        }
        self.book.set_others_wait(others_wait || (jobs.len() >= JOBS_MAX && self.book.is_asked()));
        Ok(())
    }

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
            let pause = self.book.has_failed(id, newest, &no.message, Instant::now());
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
        spawn_blocking(move || let_go(&store, &of, newest.release.map(|(number, _)| number), now()?))
            .await
            .map_err(No::fault)??;
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

#[cfg(test)]
mod tests;
