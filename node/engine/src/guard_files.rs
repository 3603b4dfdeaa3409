//! The guard's files beside one consensus key: one a chain, and what becomes of them when the key goes to another machine.
//!
//! ```text
//! sign_state.json                      made with the key, bound to the first chain that it signs on
//! sign_state-<16 hex digits>.json      on a chain that goes on from that one (RECOVER-8)
//! ```

use crate::sign_state::{FILE, GuardError, GuardRecord, Last, Moved, Step, read, replace};
use leither_types::{Hash, Height};
use std::fs;
use std::path::{Path, PathBuf};

/// Chains that one key may come to sign on.
const CHAINS_MAX: usize = 64;

/// The digits of a chain's id in a file's name.
fn digits(chain: &str) -> String {
    chain.trim_start_matches("0x").chars().take(16).collect()
}

fn path_of(dir: &Path, chain: &str) -> PathBuf {
    dir.join(format!("sign_state-{}.json", digits(chain)))
}

/// The file that guards the key on this chain: the chain's own where there is one, else the one that was made with the key.
pub(crate) fn of_chain(dir: &Path, chain: &Hash) -> PathBuf {
    let own = path_of(dir, &chain.to_string());
    if own.exists() { own } else { dir.join(FILE) }
}

/// All files of the key, the one that was made with it first, with what they say.
fn all(dir: &Path) -> Result<Vec<(PathBuf, GuardRecord)>, GuardError> {
    let first = dir.join(FILE);
    let mut found = vec![(first.clone(), read(&first)?)];
    let entries = fs::read_dir(dir).map_err(|source| GuardError::Disk { path: dir.into(), source })?;
    let mut others: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| is_other(path)).collect();
    others.sort_unstable();
    for path in others.into_iter().take(CHAINS_MAX) {
        let record = read(&path)?;
        found.push((path, record));
    }
    Ok(found)
}

fn is_other(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let digits = name.strip_prefix("sign_state-").and_then(|rest| rest.strip_suffix(".json"));
    digits.is_some_and(|digits| digits.len() == 16 && digits.bytes().all(|b| b.is_ascii_hexdigit()))
}

fn write(path: &Path, record: &GuardRecord) -> Result<(), GuardError> {
    replace(path, record).map_err(|source| GuardError::Disk { path: path.into(), source })
}

/// SIGN-7: refuses where the key in this directory has gone to another machine.
pub fn check_here(dir: &Path) -> Result<(), GuardError> {
    match all(dir)?.into_iter().find(|(_, record)| record.moved.is_some()) {
        Some((path, _)) => Err(GuardError::Moved { path }),
        None => Ok(()),
    }
}

/// RECOVER-8: lets the key sign on `chain`, of which it has signed nothing yet, and leaves what it signed on others where it is. Called when
/// the chain is made and never after: a file that is missing later is not made anew.
pub fn begin_on(dir: &Path, chain: &Hash, validator: &str) -> Result<(), GuardError> {
    check_here(dir)?;
    let chain = chain.to_string();
    let known = all(dir)?;
    // One that was never used is bound to whatever chain it signs on first.
    if known.iter().any(|(_, record)| record.chain.as_ref().is_none_or(|bound| *bound == chain)) {
        return Ok(());
    }
    let record = GuardRecord { chain: Some(chain.clone()), validator: validator.into(), abstain: None, last: None, moved: None };
    write(&path_of(dir, &chain), &record)
}

/// SIGN-7: from now on nothing is signed here by this key; what it has signed, on all chains, goes with it. No node may run by it meanwhile.
/// Again after a crash: the same. Refused once [`gone`] was called.
pub fn leave(dir: &Path) -> Result<Vec<GuardRecord>, GuardError> {
    let mut records = Vec::new();
    let files = all(dir)?;
    if let Some((path, _)) = files.iter().find(|(_, record)| record.moved == Some(Moved::Gone)) {
        return Err(GuardError::Moved { path: path.clone() });
    }
    for (path, mut record) in files {
        record.moved = Some(Moved::Leaving);
        write(&path, &record)?;
        record.moved = None;
        records.push(record);
    }
    Ok(records)
}

/// SIGN-7: it is written out, so no second copy is made here.
pub fn gone(dir: &Path) -> Result<(), GuardError> {
    for (path, mut record) in all(dir)? {
        record.moved = Some(Moved::Gone);
        write(&path, &record)?;
    }
    Ok(())
}

/// SIGN-8: takes in what the key had signed elsewhere. Refused, with nothing changed, where this directory knows of something later, or of
/// something else at the same step. A directory without files gets them.
pub fn arrive(dir: &Path, records: &[GuardRecord]) -> Result<(), GuardError> {
    let known = if dir.join(FILE).exists() { all(dir)? } else { Vec::new() };
    let mut writes: Vec<(PathBuf, GuardRecord)> = Vec::new();
    for (n, record) in records.iter().take(CHAINS_MAX).enumerate() {
        let same = known.iter().find(|(_, here)| here.chain == record.chain);
        let path = match same {
            Some((path, here)) => {
                is_not_later(path, here, record)?;
                path.clone()
            }
            None if known.is_empty() && n == 0 => dir.join(FILE),
            None => match &record.chain {
                Some(chain) => path_of(dir, chain),
                // It was used on no chain: whatever is known here says more.
                None => continue,
            },
        };
        let abstain = same.and_then(|(_, here)| here.abstain).max(record.abstain);
        writes.push((path, GuardRecord { abstain, moved: None, ..record.clone() }));
    }
    for (path, here) in &known {
        if !writes.iter().any(|(written, _)| written == path) && here.moved.is_some() {
            writes.push((path.clone(), GuardRecord { moved: None, ..here.clone() }));
        }
    }
    // The one that `open` falls back to last: until it is there, the key does not start.
    writes.sort_by_key(|(path, _)| path.ends_with(FILE));
    writes.iter().try_for_each(|(path, record)| write(path, record))
}

fn is_not_later(path: &Path, here: &GuardRecord, brought: &GuardRecord) -> Result<(), GuardError> {
    let step = |last: &Last| (last.height, last.round, last.step);
    let later = match (&here.last, &brought.last) {
        (None, _) => false,
        (Some(_), None) => true,
        (Some(here), Some(brought)) => {
            step(here) > step(brought) || (step(here) == step(brought) && here.content != brought.content)
        }
    };
    if !later {
        return Ok(());
    }
    Err(GuardError::Later { path: path.into(), known: told(here.last.as_ref()), brought: told(brought.last.as_ref()) })
}

fn told(last: Option<&Last>) -> String {
    let shown = |(height, round, step): (Height, u32, Step)| format!("{step:?} of height {height} round {round}");
    last.map_or("nothing".into(), |last| shown((last.height, last.round, last.step)).to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sign_state::{SignState, Signing};

    const ME: &str = "lthval1x";
    const OLD: Hash = Hash([1; 32]);
    const NEW: Hash = Hash([2; 32]);

    fn sign(dir: &Path, chain: &Hash, height: Height, content: u8) -> Result<(), GuardError> {
        let signing = Signing { height, round: 0, step: Step::Prevote, content: Hash([content; 32]) };
        SignState::open(dir, chain, ME)?.permit(&signing)
    }

    fn home() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        SignState::create(dir.path(), ME).unwrap();
        dir
    }

    #[test]
    fn recover_8_a_new_chain_has_a_guard_of_its_own_and_the_old_ones_stays() {
        let dir = home();
        let dir = dir.path();
        sign(dir, &OLD, 7, 1).unwrap();
        assert!(matches!(sign(dir, &NEW, 1, 1), Err(GuardError::Foreign { .. })), "not by itself");
        begin_on(dir, &NEW, ME).unwrap();
        sign(dir, &NEW, 1, 1).unwrap();
        begin_on(dir, &NEW, ME).unwrap();
        assert!(matches!(sign(dir, &NEW, 1, 2), Err(GuardError::Conflict { .. })), "it is not made anew");
        assert!(matches!(sign(dir, &OLD, 7, 2), Err(GuardError::Conflict { .. })), "nor is that of the old chain");
        sign(dir, &OLD, 8, 1).unwrap();
        fs::remove_file(path_of(dir, &NEW.to_string())).unwrap();
        assert!(matches!(sign(dir, &NEW, 9, 1), Err(GuardError::Foreign { .. })), "one that is lost is missed");
    }

    #[test]
    fn recover_8_a_key_that_never_signed_is_bound_to_the_chain_that_it_signs_on_first() {
        let dir = home();
        begin_on(dir.path(), &NEW, ME).unwrap();
        assert!(!path_of(dir.path(), &NEW.to_string()).exists());
        sign(dir.path(), &NEW, 1, 1).unwrap();
    }

    #[test]
    fn sign_7_a_key_that_was_moved_signs_nothing_here_until_it_comes_back() {
        let (old, new) = (home(), tempfile::tempdir().unwrap());
        let (old, new) = (old.path(), new.path());
        sign(old, &OLD, 7, 1).unwrap();
        begin_on(old, &NEW, ME).unwrap();
        sign(old, &NEW, 3, 1).unwrap();
        let first = leave(old).unwrap();
        assert_eq!(leave(old).unwrap(), first, "again, as after a crash");
        gone(old).unwrap();
        assert!(matches!(leave(old), Err(GuardError::Moved { .. })), "one copy");
        for chain in [OLD, NEW] {
            assert!(matches!(sign(old, &chain, 99, 1), Err(GuardError::Moved { .. })));
        }
        assert!(matches!(begin_on(old, &Hash([3; 32]), ME), Err(GuardError::Moved { .. })), "nor on a chain that comes");
        arrive(new, &first).unwrap();
        assert!(matches!(sign(new, &OLD, 7, 2), Err(GuardError::Conflict { .. })), "what was signed came with it");
        assert!(matches!(sign(new, &NEW, 3, 2), Err(GuardError::Conflict { .. })));
        sign(new, &NEW, 4, 1).unwrap();
        let back = leave(new).unwrap();
        gone(new).unwrap();
        arrive(old, &back).unwrap();
        assert!(matches!(sign(old, &NEW, 4, 2), Err(GuardError::Conflict { .. })));
        sign(old, &NEW, 5, 1).unwrap();
        sign(old, &OLD, 8, 1).unwrap();
    }

    #[test]
    fn sign_8_an_old_copy_is_refused_where_something_later_is_known_and_changes_nothing() {
        let (old, new) = (home(), tempfile::tempdir().unwrap());
        let (old, new) = (old.path(), new.path());
        sign(old, &OLD, 7, 1).unwrap();
        let copy = leave(old).unwrap();
        gone(old).unwrap();
        arrive(new, &copy).unwrap();
        arrive(new, &copy).unwrap();
        sign(new, &OLD, 8, 1).unwrap();
        let refused = arrive(new, &copy).unwrap_err();
        assert!(matches!(refused, GuardError::Later { .. }), "{refused}");
        assert!(refused.to_string().contains("prevote of height 8 round 0"), "{refused}");
        assert!(matches!(sign(new, &OLD, 8, 2), Err(GuardError::Conflict { .. })));
        let mut forked = copy.clone();
        forked[0].last.as_mut().unwrap().content = Hash([9; 32]).to_string();
        assert!(matches!(arrive(old, &forked), Err(GuardError::Later { .. })), "another signature for the same step");
        assert!(matches!(sign(old, &OLD, 9, 1), Err(GuardError::Moved { .. })), "still gone");
    }
}
