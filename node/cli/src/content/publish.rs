//! Publishing: a MiMei's id and the root of its newest version are announced, for a time.
//!
//! ```text
//! newest on chain, here whole -> keys written down -> pin publish/MIMEI -> what nobody needs any more taken back -> told, by regions (ROUTE-9)
//! ```
//! Whatever is cut between two of these, the next start brings to its end ([`repair`]).

use super::board::{self, Use, Uses, Why};
use super::calls::{self, Answer, No};
use super::follow::{self, Follow, profile_of};
use super::trees;
use super::wants::{Network, What};
use hyper::StatusCode;
use leither_kit::Cid;
use leither_routing::{Key, Provided};
use leither_storage::config::PAGE_MAX;
use leither_storage::{ContentStore, Kept, Root};
use leither_types::MimeiId;
use tokio::task::spawn_blocking;

/// HOLD-9: pins of what is published; the generation is the time, in ms, when that ends.
pub(super) const PUBLISHED: &str = "publish/";
/// The longest time: a year.
pub(super) const LIFETIME_MS_MAX: u64 = 366 * 24 * 60 * 60 * 1000;

/// The word of what is not here.
const ABSENT: &str = "absent";

fn pin(id: &MimeiId) -> Root {
    Root::Pin(format!("{PUBLISHED}{id}"))
}

/// What is published, and until when.
pub(super) fn published(store: &ContentStore, id: &MimeiId) -> Answer<Option<Kept>> {
    Ok(store.root(&pin(id))?)
}

/// Those that are published, in the order of their pins, behind one of them; and whether there may be more.
pub(super) fn published_page(store: &ContentStore, after: Option<&MimeiId>, most: usize) -> Answer<(Vec<(MimeiId, Kept)>, bool)> {
    let start = after.map_or_else(|| Root::Pin(PUBLISHED.into()), pin);
    let most = most.min(PAGE_MAX);
    let named = |(root, kept): (Root, Kept)| match root {
        Root::Pin(name) => name.strip_prefix(PUBLISHED).and_then(|id| id.parse().ok()).map(|id| (id, kept)),
        _ => None,
    };
    let page: Vec<(MimeiId, Kept)> = store.roots(Some(&start), most)?.into_iter().map_while(named).collect();
    let more = page.len() >= most;
    Ok((page, more))
}

/// Done to its end, whoever has stopped to wait for it.
pub(super) async fn apart<T: Send + 'static>(work: impl Future<Output = Answer<T>> + Send + 'static) -> Answer<T> {
    tokio::spawn(work).await.map_err(No::fault)?
}

/// On a thread that may wait.
pub(super) async fn aside<T: Send + 'static>(
    store: &ContentStore,
    work: impl FnOnce(&ContentStore) -> Answer<T> + Send + 'static,
) -> Answer<T> {
    let store = store.clone();
    spawn_blocking(move || work(&store)).await.map_err(No::fault)?
}

/// What was written down of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Written {
    /// Which version.
    pub number: u64,
    /// Whose, with which tree, until when.
    pub of: Use,
}

fn absent(id: &MimeiId, number: u64, cid: &Cid) -> No {
    No::absent(format!(
        "version {number} of {id} ({cid}) is not on this node: `leither mimei sync {id}` fetches it, `leither mimei add` makes it of the files"
    ))
}

/// The newest version, if there is one and it is here, whole.
fn ready(store: &ContentStore, id: MimeiId, newest: Option<(u64, Cid)>, until: u64) -> Answer<Written> {
    let Some((number, cid)) = newest else {
        return Err(No::absent(format!("{id} has no version on chain: `leither mimei add --mimei {id} PATH` makes one")));
    };
    match store.has(&cid)? {
        true => Ok(Written { number, of: Use { mimei: id, cid, released: None, until } }),
        false => Err(absent(&id, number, &cid)),
    }
}

/// HOLD-9, HOLD-10: publishes the newest versions of some, which have to be here, whole, each; others are told when their turn comes, again until
/// the time is over, over restarts of the node, too. What is refused is said of each. Not to be dropped half way: see [`apart`].
pub(super) async fn write_down(follow: &Follow, ids: Vec<MimeiId>, lifetime_ms: u64) -> Answer<Vec<Answer<Written>>> {
    if lifetime_ms == 0 || lifetime_ms > LIFETIME_MS_MAX {
        return Err(No::usage("a lifetime is more than nothing and at most 366 days"));
    }
    let mut uses = follow.book.board.open(&follow.store).await?;
    // Asked while the board is held: whoever had it before may have published a newer version than was on chain then.
    let newest = follow.chain.newest(ids.clone()).await.map_err(No::fault)?;
    let look = move |store: &ContentStore| -> Answer<Vec<Answer<Written>>> {
        let until = calls::now()?.saturating_add(lifetime_ms);
        let heads = ids.into_iter().zip(newest);
        Ok(heads.map(|(id, newest)| ready(store, id, newest.and_then(|newest| newest.last), until)).collect())
    };
    let mut found = aside(&follow.store, look).await?;
    let ready: Vec<Written> = found.iter().flatten().copied().collect();
    let whats: Vec<What> = ready.iter().flat_map(|written| written.of.whats()).collect();
    let kept = match follow.network.provide(whats.clone()).await {
        Ok(()) => aside(&follow.store, move |store| pin_all(store, &ready)).await,
        Err(error) => Err(unreachable(error)),
    };
    let kept = match kept {
        Ok(kept) => kept,
        Err(no) => {
            // None of it is published, so none of it is announced. If that cannot be written down either, the next start does it.
            let keys = whats.iter().map(What::key).collect();
            if let Err(further) = uses.take_back(&*follow.network, keys).await {
                tracing::warn!(error = further.message, "what was not published stays announced until the next start");
            }
            uses.doubt();
            return Err(no);
        }
    };
    let (mut kept, mut old) = (kept.into_iter(), Vec::new());
    for one in &mut found {
        let Ok(Written { number, of }) = *one else { continue };
        let no = match kept.next() {
            Some(Ok(())) => {
                old.extend(uses.set(Why::Published, of.mimei, Some(of)));
                continue;
            }
            Some(Err(no)) if no.reason != ABSENT => no,
            // It was purged at this very moment.
            _ => absent(&of.mimei, number, &of.cid),
        };
        old.extend(of.keys());
        *one = Err(no);
    }
    // All of it is published, whatever becomes of what is needed no more.
    if let Err(no) = uses.take_back(&*follow.network, old).await {
        tracing::warn!(error = no.message, "what is published no more stays announced until it is compared again");
    }
    drop(uses);
    for written in found.iter().flatten() {
        follow.network.announce(written.of.cid).await;
    }
    Ok(found)
}

/// HOLD-9: each is kept as published and as the version that it is, all in one write. Says of each whether it is, or why not.
fn pin_all(store: &ContentStore, all: &[Written]) -> Answer<Vec<Answer<()>>> {
    let waits = |written: &Written| calls::waiting_for(store, &written.of.mimei, written.number, &written.of.cid);
    let waits = all.iter().map(waits).collect::<Answer<Vec<_>>>()?;
    store.act(calls::now()?, |act| -> Answer<Vec<Answer<()>>> {
        let mut done = Vec::with_capacity(all.len());
        for (Written { number, of }, waits) in all.iter().zip(waits) {
            let kept = Kept { cid: of.cid, profile: profile_of(&of.cid), generation: 0 };
            match calls::recorded(act, &of.mimei, *number, kept, waits) {
                Ok(()) => {
                    act.keep(&pin(&of.mimei), Kept { generation: of.until, ..kept })?;
                    done.push(Ok(()));
                }
                // Nothing of it has changed by then: that comes first.
                Err(no) if [ABSENT, "conflict"].contains(&no.reason) => done.push(Err(no)),
                Err(no) => return Err(no),
            }
        }
        Ok(done)
    })
}

pub(super) fn unreachable(message: String) -> No {
    No { status: StatusCode::SERVICE_UNAVAILABLE, reason: "unreachable", message }
}

/// Who was told of a key just now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Told {
    /// Who was told, and who keeps it.
    pub provided: Provided,
    /// Nobody keeps it yet: it is told again.
    pub pending: bool,
    /// Why nobody was told at all, where that is not because nobody is known.
    pub why: Option<String>,
}

/// Tells others now of what is written down, and waits for what they say.
pub(super) async fn tell(network: &dyn Network, what: What) -> Told {
    match network.tell(what).await {
        Ok(provided) => Told { provided, pending: network.failure(what).await.is_some(), why: None },
        Err(why) => Told { provided: Provided::default(), pending: true, why: Some(why) },
    }
}

/// What was published, and who was told.
pub(super) struct Said {
    pub written: Written,
    /// Of the MiMei.
    pub mimei: Told,
    /// Of the tree.
    pub tree: Told,
}

/// HOLD-9: the same of one, and others are told at once.
pub(super) async fn publish(follow: &Follow, id: MimeiId, lifetime_ms: u64) -> Answer<Said> {
    let mut written = write_down(follow, vec![id], lifetime_ms).await?;
    let written = written.pop().ok_or_else(|| No::fault("nothing was published"))??;
    let network = &*follow.network;
    let (mimei, tree) = tokio::join!(tell(network, What::Mimei(id)), tell(network, What::Tree(written.of.cid)));
    Ok(Said { written, mimei, tree })
}

/// HOLD-6: a followed MiMei is up to the chain with that tree: others are told when their turn comes, and of the tree before no more. Nothing of
/// that, where it is followed no more.
pub(super) async fn follows(follow: &Follow, id: MimeiId, cid: Cid) -> Answer<()> {
    let follow = follow.clone();
    apart(async move {
        let mut uses = follow.book.board.open(&follow.store).await?;
        if !aside(&follow.store, move |store| follow::is_followed(store, &id)).await? {
            return Ok(());
        }
        // Which one is released is told by itself.
        let released = uses.followed(&id).and_then(|before| before.released);
        say(&follow, &mut uses, Use { mimei: id, cid, released, until: 0 }).await
    })
    .await
}

/// HOLD-6: of a followed MiMei the version with that tree is released, and is here: others are told of it like of the newest, and of the one that was
/// released before no more. Nothing: the newest is, or none.
pub(super) async fn releases(follow: &Follow, id: MimeiId, released: Option<Cid>) -> Answer<()> {
    let follow = follow.clone();
    apart(async move {
        let mut uses = follow.book.board.open(&follow.store).await?;
        let before = uses.followed(&id);
        let of = match (before, released) {
            (Some(before), _) => Use { released, ..before },
            // The newest has not come yet.
            (None, Some(cid)) => Use { mimei: id, cid, released, until: 0 },
            (None, None) => return Ok(()),
        };
        let noted = aside(&follow.store, move |store| follow::note_released(store, &id, released, calls::now()?)).await?;
        if !noted || before == Some(of) {
            return Ok(());
        }
        say(&follow, &mut uses, of).await
    })
    .await
}

async fn say(follow: &Follow, uses: &mut Uses, of: Use) -> Answer<()> {
    let old = uses.set(Why::Followed, of.mimei, Some(of));
    // First what is over: where there is room for no key more, its place is needed.
    uses.take_back(&*follow.network, old).await?;
    let provided = follow.network.provide(of.whats()).await;
    if provided.is_err() {
        uses.doubt();
    }
    provided.map_err(No::fault)
}

/// HOLD-6: a followed MiMei was brought up to the chain. False where it was ended meanwhile, and maybe begun anew: then it is due again, if it is
/// followed at all.
pub(super) async fn is_up(follow: &Follow, id: MimeiId, newest: crate::backend::Newest) -> Answer<bool> {
    let uses = follow.book.board.open(&follow.store).await?;
    let stands = newest.last.is_none() || uses.follows(&id);
    match stands {
        true => follow.book.is_done(id, newest),
        false => follow.book.begin(&[id]),
    }
    Ok(stands)
}

/// HOLD-6, HOLD-10: these are followed from now on. Says of each which version the chain has, if it has one.
pub(super) async fn begin(follow: &Follow, ids: Vec<MimeiId>) -> Answer<Vec<Answer<Option<(u64, Cid)>>>> {
    let newest = follow.chain.newest(ids.clone()).await.map_err(No::fault)?;
    let known = |(id, newest): (&MimeiId, &Option<crate::backend::Newest>)| newest.map(|_| *id);
    let known: Vec<MimeiId> = ids.iter().zip(&newest).filter_map(known).collect();
    let (uses, of) = (follow.book.board.open(&follow.store).await?, known.clone());
    aside(&follow.store, move |store| follow::begin(store, &of, calls::now()?)).await?;
    // They are looked at soon, and not only when their turn comes.
    follow.book.begin(&known);
    // Whoever ends one of them does so before or after.
    drop(uses);
    let unknown = |id: &MimeiId| No::absent(format!("the chain knows no MiMei {id}; check the id"));
    Ok(ids
        .iter()
        .zip(newest)
        .map(|(id, newest)| newest.map(|newest| newest.last).ok_or_else(|| unknown(id)))
        .collect())
}

/// These are published, or followed, no more: what is here stays, and what nobody else needs of it is announced no more. Says of each whether it was.
pub(super) async fn stop(follow: &Follow, ids: Vec<MimeiId>, why: Why) -> Answer<Vec<bool>> {
    let mut uses = follow.book.board.open(&follow.store).await?;
    end(follow, &mut uses, ids, why).await
}

async fn end(follow: &Follow, uses: &mut Uses, ids: Vec<MimeiId>, why: Why) -> Answer<Vec<bool>> {
    let old = ids.iter().flat_map(|id| uses.set(why, *id, None)).collect();
    uses.take_back(&*follow.network, old).await?;
    let of = ids.clone();
    let release = move |store: &ContentStore| -> Answer<Vec<bool>> {
        match why {
            Why::Published => Ok(store.release_all(&of.iter().map(pin).collect::<Vec<_>>(), calls::now()?)?),
            Why::Followed => follow::end(store, &of, calls::now()?),
        }
    };
    let released = aside(&follow.store, release).await;
    if released.is_err() {
        uses.doubt();
    }
    if why == Why::Followed {
        ids.iter().for_each(|id| follow.book.forget(id));
    }
    released
}

/// HOLD-9: what is over is announced no more, unless somebody else needs it. One look at when the next is over, however many there are.
pub(super) async fn expire(follow: &Follow) -> Answer<()> {
    loop {
        let mut uses = follow.book.board.open(&follow.store).await?;
        let over = uses.over(calls::now()?, PAGE_MAX);
        if over.is_empty() {
            return Ok(());
        }
        end(follow, &mut uses, over, Why::Published).await?;
    }
}

/// HOLD-9: after a start: what is announced and not published, followed or kept for that (HOLD-14) is announced no more; what is, is announced.
pub(super) async fn repair(follow: &Follow) -> Answer<()> {
    let mut after = None::<Key>;
    loop {
        let uses = follow.book.board.open(&follow.store).await?;
        let keys = follow.network.keys(after, PAGE_MAX).await.map_err(No::fault)?;
        let strays: Vec<Key> = keys.iter().filter(|key| !uses.needs(key)).cloned().collect();
        if !strays.is_empty() {
            tracing::info!(keys = strays.len(), "what an earlier run announced and nobody needs is taken back");
            follow.network.forget(strays).await.map_err(No::fault)?;
        }
        if keys.len() < PAGE_MAX {
            break;
        }
        after = keys.last().cloned();
    }
    for why in [Why::Published, Why::Followed] {
        let mut after = None;
        loop {
            // What ends meanwhile ends before or after a page, not within it.
            let _uses = follow.book.board.open(&follow.store).await?;
            let (page, next) = aside(&follow.store, move |store| board::page(store, why, after.as_ref())).await?;
            let whats = page.iter().flat_map(Use::whats).collect();
            follow.network.provide(whats).await.map_err(No::fault)?;
            after = next;
            if after.is_none() {
                break;
            }
        }
    }
    let mut after = None;
    loop {
        let _uses = follow.book.board.open(&follow.store).await?;
        let (page, next) = aside(&follow.store, move |store| trees::page(store, after.as_ref())).await?;
        follow.network.provide(page.into_iter().map(What::Tree).collect()).await.map_err(No::fault)?;
        if next.is_none() {
            return Ok(());
        }
        after = next;
    }
}

#[cfg(test)]
mod tests;
