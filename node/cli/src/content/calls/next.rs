//! What waits to become a version, from before its transaction is sent until the chain has spoken (HOLD-1).

use super::{ADDED, Answer, LOST, NEXT, NEXT_CUR, No, now, pin};
use hyper::StatusCode;
use leither_kit::Cid;
use leither_storage::config::PAGE_MAX;
use leither_storage::content::Profile;
use leither_storage::{ContentStore, Kept, Root};
use leither_types::MimeiId;
use std::sync::{Mutex, PoisonError};

/// HOLD-1: of one MiMei so many wait at most.
pub const WAITING_MAX: usize = 64;

/// Who counts the commands that wait for a tree has this.
static COUNTING: Mutex<()> = Mutex::new(());

/// A tree that waits to become a version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Whose.
    pub mimei: MimeiId,
    /// Which version it is to be.
    pub number: u64,
    /// The tree.
    pub cid: Cid,
    /// How the files in it are cut.
    pub profile: Profile,
    /// Whether it is the working copy's tree.
    pub is_cur: bool,
    /// Its pin. In the place of the generation stands how many commands wait for it.
    pub root: Root,
}

impl Waiting {
    /// By its pin; nothing where the pin says something else. Earlier nodes had one pin a MiMei and kind, and the number in the place of the generation.
    fn read(root: Root, kept: &Kept) -> Option<Self> {
        let (mimei, number, is_cur) = parts(&root)?;
        let number = match number {
            Some(number) => number.parse().ok()?,
            None => kept.generation,
        };
        Some(Self { mimei, number, cid: kept.cid, profile: kept.profile, is_cur, root })
    }
}

/// What such a pin says: whose, which version where it tells, and whether it is the working copy's tree.
fn parts(root: &Root) -> Option<(MimeiId, Option<&str>, bool)> {
    let Root::Pin(name) = root else { return None };
    let (rest, is_cur) = match name.strip_prefix(NEXT_CUR) {
        Some(rest) => (rest, true),
        None => (name.strip_prefix(NEXT)?, false),
    };
    let mut parts = rest.split('/');
    Some((parts.next()?.parse().ok()?, parts.next(), is_cur))
}

/// Whose version a root waits to become, if it is the pin of one that waits.
pub fn waits_for(root: &Root) -> Option<MimeiId> {
    parts(root).map(|(mimei, ..)| mimei)
}

fn next_pin(mimei: &MimeiId, number: u64, cid: &Cid, is_cur: bool) -> Root {
    pin(if is_cur { NEXT_CUR } else { NEXT }, format_args!("{mimei}/{number}/{cid}"))
}

/// What waits under pins that begin so, at most `most` after one of them; and the last of them, if there may be more.
pub fn waiting_page(
    store: &ContentStore,
    prefix: &str,
    after: Option<Root>,
    most: usize,
) -> Answer<(Vec<Waiting>, Option<Root>)> {
    let after = after.unwrap_or_else(|| Root::Pin(prefix.into()));
    let most = most.min(PAGE_MAX);
    let mut page = store.roots(Some(&after), most)?;
    let own = page.iter().take_while(|(root, _)| matches!(root, Root::Pin(name) if name.starts_with(prefix))).count();
    page.truncate(own);
    let last = page.last().filter(|_| own >= most).map(|(root, _)| root.clone());
    Ok((page.into_iter().filter_map(|(root, kept)| Waiting::read(root, &kept)).collect(), last))
}

/// All that waits to become a version of a MiMei.
pub fn waiting(store: &ContentStore, mimei: &MimeiId) -> Answer<Vec<Waiting>> {
    let mut found = Vec::new();
    for prefix in [NEXT_CUR, NEXT] {
        // The pin of an earlier node.
        let own = pin(prefix, mimei);
        if let Some(kept) = store.root(&own)? {
            found.extend(Waiting::read(own, &kept));
        }
        found.extend(waiting_page(store, &format!("{prefix}{mimei}"), None, WAITING_MAX)?.0);
    }
    Ok(found)
}

/// Those of them that wait for this number with this very tree.
pub fn waiting_for(store: &ContentStore, mimei: &MimeiId, number: u64, cid: &Cid) -> Answer<Vec<Waiting>> {
    let mut found = waiting(store, mimei)?;
    found.retain(|next| next.number == number && next.cid == *cid);
    Ok(found)
}

/// HOLD-1: keeps what is to become a version while the chain decides, beside all else that waits for the same number.
pub fn expect(store: &ContentStore, mimei: &MimeiId, number: u64, cid: Cid, profile: Profile, is_cur: bool) -> Answer<()> {
    let root = next_pin(mimei, number, &cid, is_cur);
    let now = now()?;
    let _counting = COUNTING.lock().unwrap_or_else(PoisonError::into_inner);
    let others = match store.root(&root)? {
        Some(kept) => kept.generation,
        None if waiting(store, mimei)?.len() >= WAITING_MAX => return Err(too_many(mimei)),
        None => 0,
    };
    store.act(now, |act| -> Answer<()> {
        act.keep(&root, Kept { cid, profile, generation: others.saturating_add(1) })?;
        act.release(&pin(ADDED, cid))?;
        Ok(())
    })
}

fn too_many(mimei: &MimeiId) -> No {
    let message = format!(
        "{WAITING_MAX} trees wait already to become a version of {mimei}; try again when the chain has spoken, or let go of those whose \
         transaction came to nothing with `leither storage release --discard`: `leither storage pins` shows them as pin/{NEXT}{mimei}/… and pin/{NEXT_CUR}{mimei}/…"
    );
    No { status: StatusCode::CONFLICT, reason: "conflict", message }
}

/// A command expects this tree to become this version no more: the chain refused it. What another command waits for stays, though it is the same.
pub fn give_up(store: &ContentStore, mimei: &MimeiId, number: u64, cid: &Cid, is_cur: bool) -> Answer<()> {
    let root = next_pin(mimei, number, cid, is_cur);
    let now = now()?;
    let _counting = COUNTING.lock().unwrap_or_else(PoisonError::into_inner);
    match store.root(&root)? {
        Some(kept) if kept.generation > 1 => {
            store.keep(&root, Kept { generation: kept.generation.saturating_sub(1), ..kept }, now)?;
        }
        Some(_) => {
            store.release(&root, now)?;
        }
        None => {}
    }
    Ok(())
}

/// HOLD-3: another became the version that this tree was to be: it is kept under a name of its own, and nothing is lost.
pub fn lose(store: &ContentStore, next: &Waiting) -> Answer<()> {
    store.act(now()?, |act| -> Answer<()> {
        // Who waited for it may have given it up meanwhile.
        if act.root(&next.root)?.is_some() {
            let kept = Kept { cid: next.cid, profile: next.profile, generation: 0 };
            act.keep(&pin(LOST, format_args!("{}/{}", next.mimei, next.cid)), kept)?;
            act.release(&next.root)?;
        }
        Ok(())
    })
}

/// HOLD-3: what was kept so, as many as may have waited at once.
pub fn lost(store: &ContentStore, mimei: &MimeiId) -> Answer<Vec<(Root, Kept)>> {
    let own = format!("{LOST}{mimei}");
    let mut found = store.roots(Some(&Root::Pin(own.clone())), WAITING_MAX)?;
    found.retain(|(root, _)| matches!(root, Root::Pin(name) if name.starts_with(&own)));
    Ok(found)
}
