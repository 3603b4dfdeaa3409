//! Places at which a test lets the process die: between a write and the next one, where a crash would hurt most.
//!
//! ```text
//! FAILPOINTS="store/commit/written=2*off->return" leither run      aborts at the third hit of that place
//! ```
//! The registry and its little language are the `fail` crate's; the one action that is of use here is `return`, which is answered by
//! `abort`: no destructor, no flush, as by `kill -9` at that very line. `tests/e2e/failpoints.py` arms each of [`POINTS`] in
//! turn, `tests/e2e/content_deaths.py` those of content.
//!
//! **Where they are compiled in.** There is one set of features and one profile for run, test and bench (a second one would build RocksDB and
//! everything above it again), so no cargo feature turns them on. Instead this crate alone has `debug-assertions` in the `dev` profile
//! (Cargo.toml of the workspace), and [`hit`] is empty without them: a `--release` build has no point and reads no variable. In a `dev`
//! build a point that is not armed costs a look into an empty map; the places are hit a few times a pulse.
//!
//! Absent on purpose: faults that are returned as errors. What fails without dying (a full disk, a torn file) is made outside the process,
//! where nothing has to be believed of it.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

/// The variable that arms points: `name=actions`, several separated by `;`.
pub const VARIABLE: &str = "FAILPOINTS";

/// FAIL-1: every point, in the order of a block's and then of a home's life. `spec/failpoints.md` says of each what must hold after it.
pub const POINTS: &[&str] = &[
    "sign/written",
    "sign/synced",
    "sign/renamed",
    "sign/permitted",
    "engine/proposed",
    "engine/judged",
    "engine/decided",
    "engine/recorded",
    "engine/notified",
    "engine/unanswered",
    "engine/followed",
    "engine/part-ended",
    "engine/part-begun",
    "store/created",
    "store/undecided/before",
    "store/undecided/written",
    "store/commit/before",
    "store/commit/written",
    "store/commit/marked",
    "store/handover/before",
    "store/handover/written",
    "store/evidence/before",
    "store/evidence/written",
    "store/prune/noted",
    "store/prune/files-gone",
    "store/prune/compacted",
    "snapshot/chunk",
    "snapshot/manifest",
    "snapshot/complete",
    "snapshot/renamed",
    "snapshot/handovers",
    "snapshot/retired",
    "restore/chunk",
    "restore/checked",
    "restore/written",
    "restore/moved",
    "join/genesis",
    "join/trusted",
    "join/aside",
    "join/taken",
    "file/written",
    "file/renamed",
    "file/linked",
    "key/made",
    "key/recorded",
    "key/rotated",
    "net/anchors/written",
    "net/anchors/renamed",
    "content/write/before",
    "content/write/written",
    "content/write/flushed",
    "content/add/window",
    "content/add/finished",
    "content/act/changed",
    "content/holds/cleared",
    "content/purge/step",
];

/// The process ends here if this point is armed and its turn has come.
#[cfg(debug_assertions)]
pub fn hit(point: &'static str) {
    fail::fail_point!(point, |_| die(point));
}

/// The name goes to stderr, so that a test knows that it was this death and no other.
#[cfg(debug_assertions)]
fn die(point: &str) {
    eprintln!("failpoint {point}");
    std::process::abort()
}

/// Nothing: this build has no points.
#[cfg(not(debug_assertions))]
#[inline(always)]
pub fn hit(_point: &'static str) {}

/// FAIL-2: arms what [`VARIABLE`] says, given as `value`. To be called once, before anything is written. A name that is no point and an action that
/// cannot be read are told in one sentence: a test with a misspelt point would test nothing.
#[cfg(debug_assertions)]
pub fn arm(value: &str) -> Result<(), String> {
    for part in value.split(';').map(str::trim).filter(|part| !part.is_empty()) {
        let (name, actions) =
            part.split_once('=').ok_or_else(|| format!("{VARIABLE}: write NAME=ACTIONS instead of `{part}`"))?;
        if !POINTS.contains(&name) {
            return Err(format!("{VARIABLE}: there is no point `{name}`; all are in node/failpoints/src/lib.rs"));
        }
        fail::cfg(name, actions).map_err(|why| format!("{VARIABLE}: {name}: {why}"))?;
    }
    Ok(())
}

/// Nothing: this build has no points.
#[cfg(not(debug_assertions))]
pub fn arm(_value: &str) -> Result<(), String> {
    Ok(())
}

#[cfg(test)]
mod tests;
