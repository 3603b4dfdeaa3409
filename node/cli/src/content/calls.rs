//! What the calls of the socket do: plain functions over the store, on threads that may wait.

#[cfg(test)]
mod deaths;
mod edit;
mod next;

pub use edit::{At, Op, begin_edit, change};
pub use next::{Waiting, expect, give_up, lose, lost, waiting, waiting_for, waiting_page, waits_for};

use super::api::{self, Cur, Entries, Entry, Freed, Held, Purged, RootView, Roots, Stat, Verified};
use crate::wallet::now_ms;
use hyper::StatusCode;
use leither_kit::Cid;
use leither_storage::config::{GRACE_MS, PAGE_MAX, STEP_ROWS_MAX};
use leither_storage::content::Profile;
use leither_storage::{Act, Checking, ContentStore, Kept, Kind, Root, StorageError};
use leither_types::MimeiId;

/// Pins of blocks that were added, until they are said to be a version. In the place of the generation stands when that was, in ms.
pub const ADDED: &str = "add/";
/// HOLD-7: so long what was added waits for that.
pub const ORPHAN_MS: u64 = 10 * 60 * 1000;
/// Pins of trees that are to become a version, once the chain says so: of files that were added ...
pub const NEXT: &str = "next/add/";
/// ... and of a working copy.
pub const NEXT_CUR: &str = "next/cur/";
/// Pins of what a working copy came from. In the place of the generation stands the number of the version that was the newest then: the next
/// backup moves the head from there.
pub const BASE: &str = "base/";
/// Pins of trees that lost: another became the version that they were to be.
pub const LOST: &str = "conflict/";

/// A refusal: status, stable word, sentence.
#[derive(Debug)]
pub struct No {
    /// The HTTP status.
    pub status: StatusCode,
    /// A stable word.
    pub reason: &'static str,
    /// What happened and what to do next.
    pub message: String,
}

/// What a call gives.
pub type Answer<T> = Result<T, No>;

impl No {
    /// A call that cannot be read.
    pub fn usage(message: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, reason: "usage", message: message.into() }
    }

    /// What is not here.
    pub fn absent(message: impl Into<String>) -> Self {
        Self { status: StatusCode::NOT_FOUND, reason: "absent", message: message.into() }
    }

    /// This machine's failure.
    pub fn fault(message: impl ToString) -> Self {
        Self { status: StatusCode::INTERNAL_SERVER_ERROR, reason: "fault", message: message.to_string() }
    }
}

impl From<StorageError> for No {
    fn from(error: StorageError) -> Self {
        use StorageError as E;
        let (status, reason) = match &error {
            E::Quota { .. } => (StatusCode::INSUFFICIENT_STORAGE, "quota"),
            E::Full { .. } => (StatusCode::INSUFFICIENT_STORAGE, "full"),
            E::NoBlock(_) | E::NoEntry(_) | E::NoCur(_) | E::NoVersion { .. } => (StatusCode::NOT_FOUND, "absent"),
            E::CurMoved { .. } | E::HasCur(_) | E::VersionTaken { .. } | E::Exists(_) => (StatusCode::CONFLICT, "conflict"),
            E::Busy(_) | E::Newer(_) | E::Damaged(_) | E::Disk(_) => (StatusCode::INTERNAL_SERVER_ERROR, "fault"),
            _ => (StatusCode::BAD_REQUEST, "refused"),
        };
        Self { status, reason, message: error.to_string() }
    }
}

/// In ms since 1970.
pub fn now() -> Answer<u64> {
    now_ms().map_err(|failure| No::fault(failure.sentence))
}

/// The form of a root in text.
pub fn root_text(root: &Root) -> String {
    match root {
        Root::Pin(name) => format!("pin/{name}"),
        Root::Cur(mimei) => format!("cur/{mimei}"),
        Root::Version(mimei, number) => format!("version/{mimei}/{number}"),
    }
}

/// SOCK-2: a root by its form in text.
pub fn read_root(text: &str) -> Answer<Root> {
    let unknown = || No::usage(format!("`{}` is no root: pin/NAME, cur/MIMEI or version/MIMEI/NUMBER", api::escape(text)));
    let (kind, rest) = text.split_once('/').ok_or_else(unknown)?;
    match kind {
        "pin" => Ok(Root::Pin(rest.into())),
        "cur" => rest.parse().map(Root::Cur).map_err(|_| unknown()),
        "version" => {
            let (mimei, number) = rest.split_once('/').ok_or_else(unknown)?;
            Ok(Root::Version(mimei.parse().map_err(|_| unknown())?, number.parse().map_err(|_| unknown())?))
        }
        _ => Err(unknown()),
    }
}

fn held(number: u64, kept: &Kept) -> Held {
    Held { version: number.to_string(), cid: kept.cid.to_string(), profile: kept.profile.name().into() }
}

/// As it is told.
pub fn cur_view(kept: &Kept) -> Cur {
    Cur { cid: kept.cid.to_string(), profile: kept.profile.name().into(), generation: kept.generation.to_string() }
}

fn pin(prefix: &str, what: impl std::fmt::Display) -> Root {
    Root::Pin(format!("{prefix}{what}"))
}

/// The root of what was added under this id.
pub fn added(cid: &Cid) -> Root {
    pin(ADDED, cid)
}

/// HOLD-7: whether what was added waits too long for somebody to say what it is. A clock that was set back counts as well.
pub fn is_orphan(kept: &Kept, now: u64) -> bool {
    now.abs_diff(kept.generation) >= ORPHAN_MS
}

/// HOLD-7: lets go of what was added at that time, unless it was added again since. It can be taken back for a day.
pub fn disown(store: &ContentStore, cid: &Cid, at: u64) -> Answer<bool> {
    let root = added(cid);
    match store.root(&root)? {
        Some(kept) if kept.generation == at => Ok(store.release(&root, now()?)?),
        _ => Ok(false),
    }
}

/// `GET /storage`
pub fn stat(store: &ContentStore) -> Answer<Stat> {
    let found = store.stat()?;
    Ok(Stat {
        blocks: found.blocks.to_string(),
        bytes: found.bytes.to_string(),
        quota: found.quota_bytes.to_string(),
        disk: store.room()?.taken.to_string(),
    })
}

fn root_view((root, kept): &(Root, Kept)) -> RootView {
    RootView { root: root_text(root), cid: kept.cid.to_string(), profile: kept.profile.name().into() }
}

/// `GET /storage/roots`
pub fn roots(store: &ContentStore, after: Option<&str>) -> Answer<Roots> {
    let after = after.map(read_root).transpose()?;
    let found = store.roots(after.as_ref(), PAGE_MAX)?;
    let next = found.last().filter(|_| found.len() >= PAGE_MAX).map(|(root, _)| root_text(root));
    Ok(Roots { items: found.iter().map(root_view).collect(), next })
}

/// `GET /storage/freed`
pub fn freed(store: &ContentStore, root: &str) -> Answer<Freed> {
    let found = store.dry_run(&read_root(root)?)?;
    Ok(Freed { blocks: found.blocks.to_string(), bytes: found.bytes.to_string(), at_least: found.at_least })
}

/// `DELETE /storage/roots`: what it kept can be taken back for a day.
pub fn release(store: &ContentStore, root: &str) -> Answer<()> {
    let root = read_root(root)?;
    match store.release(&root, now()?)? {
        true => Ok(()),
        false => Err(not_kept(&root_text(&root))),
    }
}

/// A root that names nothing.
pub fn not_kept(root: &str) -> No {
    No::absent(format!("nothing is kept as `{root}`; see `leither storage pins`"))
}

/// `POST /storage/purge`: what is due, or with `all` the whole trash.
pub fn purge(store: &ContentStore, all: bool) -> Answer<Purged> {
    let until = if all { now()?.saturating_add(GRACE_MS) } else { now()? };
    let (mut blocks, mut bytes) = (0u64, 0u64);
    loop {
        let step = store.purge(until, STEP_ROWS_MAX)?;
        blocks = blocks.saturating_add(step.blocks);
        bytes = bytes.saturating_add(step.bytes);
        if !step.more {
            break;
        }
    }
    if all {
        match store.compact(&mut |_| true) {
            // The trash is empty all the same.
            Ok(_) | Err(StorageError::Full { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(Purged { blocks: blocks.to_string(), bytes: bytes.to_string() })
}

/// `POST /storage/verify`. `watch` hears how far it is, and ends it with false.
pub fn verify(store: &ContentStore, hashes: bool, watch: &mut dyn FnMut(&Checking) -> bool) -> Answer<Verified> {
    let found = store.verify_watched(hashes, watch)?;
    let wrong = found
        .wrong
        .into_iter()
        .map(|wrong| api::Wrong { cid: wrong.cid.map(|cid| cid.to_string()), what: wrong.what });
    Ok(Verified {
        blocks: found.blocks.to_string(),
        bytes: found.bytes.to_string(),
        roots: found.roots.to_string(),
        trashed: found.trashed.to_string(),
        wrong: wrong.collect(),
    })
}

/// What the working copy of a MiMei came from, and the newest version of that time.
pub fn base(store: &ContentStore, mimei: &MimeiId) -> Answer<Option<(u64, Kept)>> {
    Ok(store.root(&pin(BASE, mimei))?.map(|kept| (kept.generation, kept)))
}

/// `GET /mimei/ID`
pub fn local(store: &ContentStore, mimei: &MimeiId) -> Answer<api::Local> {
    let (mut after, mut newest, mut count) = (None, None, 0u64);
    loop {
        let page = store.versions(mimei, after, PAGE_MAX)?;
        count = count.saturating_add(page.len() as u64);
        let Some((number, kept)) = page.last() else { break };
        (after, newest) = (Some(*number), Some(held(*number, kept)));
        if page.len() < PAGE_MAX {
            break;
        }
    }
    Ok(api::Local {
        cur: store.cur(mimei)?.as_ref().map(cur_view),
        base: base(store, mimei)?.map(|(number, kept)| held(number, &kept)),
        next: waiting(store, mimei)?.into_iter().max_by_key(|next| next.number).map(|next| Held {
            version: next.number.to_string(),
            cid: next.cid.to_string(),
            profile: next.profile.name().into(),
        }),
        newest,
        held: count.to_string(),
        lost: lost(store, mimei)?.iter().map(root_view).collect(),
    })
}

/// `GET /mimei/ID/versions/N`
pub fn version(store: &ContentStore, mimei: &MimeiId, number: u64) -> Answer<Held> {
    let kept = store.version(mimei, number)?.ok_or(StorageError::NoVersion { mimei: *mimei, number })?;
    Ok(held(number, &kept))
}

/// HOLD-2: the chain has this version: it is kept as such. A working copy that nobody changed since the version before follows.
pub fn record(store: &ContentStore, mimei: &MimeiId, number: u64, cid: Cid, profile: Profile) -> Answer<Held> {
    record_as(store, mimei, number, Kept { cid, profile, generation: 0 })
}

/// As [`record`]. The generation says how the version came (HOLD-8), if it has not waited here to become one.
pub fn record_as(store: &ContentStore, mimei: &MimeiId, number: u64, kept: Kept) -> Answer<Held> {
    let done = waiting_for(store, mimei, number, &kept.cid)?;
    store.act(now()?, |act| recorded(act, mimei, number, kept, done))?;
    Ok(held(number, &kept))
}

/// HOLD-2: what follows from a version that is final, and from that it was `done`: that it waits no more.
pub fn recorded(act: &mut Act<'_>, mimei: &MimeiId, number: u64, kept: Kept, done: Vec<Waiting>) -> Answer<()> {
    let Kept { cid, profile, .. } = kept;
    let generation = if done.is_empty() { kept.generation } else { 0 };
    act.record(mimei, number, Kept { generation, ..kept })?;
    if let Some(cur) = act.root(&Root::Cur(*mimei))? {
        let base = act.root(&pin(BASE, mimei))?;
        // One that was known when the working copy came from an older one takes nothing of that back.
        let untouched = base.is_some_and(|base| base.cid == cur.cid && number > base.generation);
        let is_late = base.is_some_and(|base| number < base.generation);
        if untouched && cur.cid != cid {
            act.set_cur(mimei, cur.generation, &cid, profile)?;
        }
        let came_from_cur = done.iter().any(|next| next.is_cur);
        if untouched || (!is_late && (came_from_cur || cur.cid == cid)) {
            act.keep(&pin(BASE, mimei), Kept { generation: number, ..kept })?;
        }
    }
    // What else waits for this number waits for the keeper.
    for root in done.into_iter().map(|next| next.root).chain([pin(ADDED, cid)]) {
        act.release(&root)?;
    }
    Ok(())
}

/// HOLD-4: `POST /mimei/ID/cur`: a version becomes the working copy, or, where there is no version, an empty directory does. `seen` is the newest
/// version that its owner knew of.
pub fn restore(
    store: &ContentStore,
    mimei: &MimeiId,
    version: Option<u64>,
    generation: Option<u64>,
    seen: Option<u64>,
) -> Answer<Cur> {
    let Some(number) = version else {
        return Ok(cur_view(&store.create_cur(mimei, Profile::default(), None)?));
    };
    let cur = store.act(now()?, |act| -> Answer<Kept> {
        let cur = act.restore(mimei, number, generation)?;
        act.keep(&pin(BASE, mimei), Kept { generation: seen.unwrap_or(number), ..cur })?;
        Ok(cur)
    })?;
    Ok(cur_view(&cur))
}

/// READ-1: `GET /mimei/ID/cur`: a page of a directory of the working copy, all of it of one state.
pub fn entries(store: &ContentStore, mimei: &MimeiId, path: &str, after: Option<&str>, limit: usize) -> Answer<Entries> {
    loop {
        let cur = store.cur(mimei)?.ok_or(StorageError::NoCur(*mimei))?;
        match store.view(&cur.cid, cur.profile).list_kinds(path, after, limit) {
            // Superseded while it was read.
            Err(StorageError::NoBlock(_)) if store.cur(mimei)? != Some(cur) => {}
            found => {
                let found = found?;
                return Ok(Entries { items: found.entries.into_iter().map(entry).collect(), next: found.after });
            }
        }
    }
}

fn entry((path, cid, kind): (String, Cid, Kind)) -> Entry {
    let (kind, size, target) = match kind {
        Kind::File(size) => ("file", Some(size.to_string()), None),
        Kind::Directory => ("dir", None, None),
        Kind::Symlink(target) => ("link", None, Some(target)),
        Kind::Other => ("other", None, None),
    };
    Entry { path, kind: kind.into(), size, target, cid: cid.to_string() }
}

/// `POST /mimei/ID/fork`
pub fn fork(store: &ContentStore, mimei: &MimeiId, version: u64, fork: &MimeiId) -> Answer<Cur> {
    let cur = store.act(now()?, |act| -> Answer<Kept> {
        let cur = act.fork(mimei, version, fork)?;
        act.keep(&pin(BASE, fork), Kept { generation: 0, ..cur })?;
        Ok(cur)
    })?;
    Ok(cur_view(&cur))
}

#[cfg(test)]
mod tests;
