//! The guard against signing twice: what was signed last is on disk before a signature leaves this process.
//!
//! A validator that signs two different things for one step of one round loses its pledge and its seat. The engine's write-ahead log
//! keeps an honest node from it; this guard, a second and independent one, lives beside the consensus key and survives a lost or
//! restored database. It allows a step once, or again with the very same content, which gives the very same signature.

use crate::guard_files;
use leither_failpoints::hit;
use leither_types::{Hash, Height};
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// The file's name, beside the key's.
pub const FILE: &str = "sign_state.json";
/// The file is no longer than this.
const BYTES_MAX: u64 = 4096;

/// A step of a round; later ones are greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Step {
    /// Proposing a block.
    Proposal,
    /// The first vote.
    Prevote,
    /// The second.
    Precommit,
}

/// What is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signing {
    /// For which height.
    pub height: Height,
    /// In which round.
    pub round: u32,
    /// Which step of it.
    pub step: Step,
    /// blake3 of the bytes under the signature.
    pub content: Hash,
}

/// Why nothing is signed.
#[derive(Debug, thiserror::Error)]
pub enum GuardError {
    /// It would be a second signature for one step, or one for a step long past.
    #[error(
        "refused to sign {step:?} of height {height} round {round}: {last_step:?} of height {last_height} round {last_round} \
         was signed before, and signing again can cost the pledge. If another process runs with this key, stop it"
    )]
    Conflict {
        /// What was asked.
        height: Height,
        /// In which round.
        round: u32,
        /// Which step.
        step: Step,
        /// What was signed last.
        last_height: Height,
        /// In which round.
        last_round: u32,
        /// Which step.
        last_step: Step,
    },
    /// The file cannot be read or written.
    #[error("{path}: {source}. Nothing is signed before this file is on disk: free or repair the disk, then start again")]
    Disk {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The file is there, but is not what this program wrote.
    #[error(
        "{path} is damaged ({what}). Restore it from a backup of this very validator, or join with a new consensus key; \
         never run this key without it"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// The key is there, the file that was made with it is not.
    #[error(
        "{0} is missing: it is made together with the consensus key and says what that has signed. Restore it from where the key came \
         from, or move the key away and make a new one with `leither init --validator`; never run this key without it"
    )]
    Missing(PathBuf),
    /// SIGN-7: the key is another machine's now.
    #[error(
        "{path}: this consensus key was moved to another machine and signs nothing here. Run the node there, bring the key back with \
         `leither keys move import`, or move the key's files out of this home to run it without them"
    )]
    Moved {
        /// The file.
        path: PathBuf,
    },
    /// SIGN-8: what came with the key is older than what is known here.
    #[error(
        "{path} says that this key has signed {known} here, what is to be imported knows of {brought}: it is an old copy, and signing by \
         it could cost the pledge. Export the key again where it signed last"
    )]
    Later {
        /// The file.
        path: PathBuf,
        /// What was signed here.
        known: String,
        /// What the copy knows of.
        brought: String,
    },
    /// The file belongs to another chain or key.
    #[error(
        "{path} belongs to {what}: each validator needs its own file beside its own key. A key goes on with a recovered chain in the home \
         where it signed on the old one, by `leither recover start`"
    )]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        what: &'static str,
    },
}

/// What a guard's file says: of one key, on one chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GuardRecord {
    /// Nothing until the key is used for the first time.
    pub(crate) chain: Option<String>,
    pub(crate) validator: String,
    /// SIGN-5: nothing is signed in heights up to this one.
    pub(crate) abstain: Option<Height>,
    pub(crate) last: Option<Last>,
    /// SIGN-7: nothing is signed here any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) moved: Option<Moved>,
}

impl GuardRecord {
    /// Whose it is.
    pub fn validator(&self) -> &str {
        &self.validator
    }
}

/// How far a key's way to another machine has gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Moved {
    /// It signs nothing here any more, and may not be written out yet.
    Leaving,
    /// It was written out.
    Gone,
}

/// The last signature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Last {
    pub(crate) height: Height,
    pub(crate) round: u32,
    pub(crate) step: Step,
    pub(crate) content: String,
}

/// The guard of one consensus key.
#[derive(Debug)]
pub struct SignState {
    path: PathBuf,
    chain: String,
    validator: String,
    noted: Mutex<Noted>,
}

/// What the file says.
#[derive(Clone, Copy, Debug, Default)]
struct Noted {
    last: Option<Signing>,
    abstain: Option<Height>,
}

impl SignState {
    /// SIGN-3: makes the file of a key that has signed nothing yet, just before the key itself is made. One that is there is left alone,
    /// unless it never saw a chain: then the making of its key was cut short, and nothing can have been signed.
    pub fn create(dir: &Path, validator: &str) -> Result<(), GuardError> {
        let path = dir.join(FILE);
        if path.exists() && !is_unused(&path) {
            return Ok(());
        }
        let record = GuardRecord { chain: None, validator: validator.to_owned(), abstain: None, last: None, moved: None };
        fs::create_dir_all(dir)
            .and_then(|()| replace(&path, &record))
            .map_err(|source| GuardError::Disk { path, source })
    }

    /// SIGN-3: reads the file in `dir` and binds it to the chain.
    pub fn open(dir: &Path, chain: &Hash, validator: &str) -> Result<Self, GuardError> {
        let path = guard_files::of_chain(dir, chain);
        let (chain, validator) = (chain.to_string(), validator.to_owned());
        let damaged = |what: String| GuardError::Damaged { path: path.clone(), what };
        let record = read(&path)?;
        if record.moved.is_some() {
            return Err(GuardError::Moved { path });
        }
        if record.chain.as_ref().is_some_and(|found| *found != chain) {
            return Err(GuardError::Foreign { path, what: "another chain" });
        }
        if record.validator != validator {
            return Err(GuardError::Foreign { path, what: "another key" });
        }
        let last = match record.last {
            Some(last) => {
                let content = parse_hash(&last.content).ok_or_else(|| damaged("content is no hash".into()))?;
                Some(Signing { height: last.height, round: last.round, step: last.step, content })
            }
            None => None,
        };
        let noted = Noted { last, abstain: record.abstain };
        let state = Self { path, chain, validator, noted: Mutex::new(noted) };
        // What is bound to a chain is bound before anything is signed on it.
        state.write(&noted)?;
        Ok(state)
    }

    /// The height of the last signature; 0 where nothing was signed.
    pub fn height(&self) -> Height {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner).last.map_or(0, |last| last.height)
    }

    /// The height up to which this key abstains; 0 where it never had to.
    pub fn abstains_up_to(&self) -> Height {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner).abstain.unwrap_or(0)
    }

    /// SIGN-6: the owner ends the abstention, so that what was signed in a height that is not over may be signed otherwise.
    pub fn vote_again(&self, next: Height) -> Result<(), GuardError> {
        let mut noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = Noted { abstain: None, last: noted.last.filter(|last| last.height < next) };
        self.write(&fresh)?;
        *noted = fresh;
        Ok(())
    }

    /// SIGN-5: notes, durably, that nothing is signed in heights up to this one. The engine's log does not outlive an abstention, so a
    /// restart must find it here.
    pub fn abstain(&self, height: Height) -> Result<(), GuardError> {
        let mut noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        if noted.abstain.is_none_or(|known| known < height) {
            let next = Noted { abstain: Some(height), ..*noted };
            self.write(&next)?;
            *noted = next;
        }
        Ok(())
    }

    /// Allows a signature, after having noted it on disk (SIGN-1, SIGN-2). A refusal changes nothing (SIGN-4).
    pub fn permit(&self, wanted: &Signing) -> Result<(), GuardError> {
        // A panic elsewhere cannot leave half a value behind, as it is replaced as a whole.
        let mut noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(last) = noted.last.as_ref() {
            if last == wanted {
                return Ok(());
            }
            if (wanted.height, wanted.round, wanted.step) <= (last.height, last.round, last.step) {
                return Err(GuardError::Conflict {
                    height: wanted.height,
                    round: wanted.round,
                    step: wanted.step,
                    last_height: last.height,
                    last_round: last.round,
                    last_step: last.step,
                });
            }
        }
        let next = Noted { last: Some(*wanted), ..*noted };
        self.write(&next)?;
        hit("sign/permitted");
        *noted = next;
        Ok(())
    }

    /// SIGN-7: the mark of a key that was moved away under a running node is not written over, whoever thought that it was stopped.
    fn write(&self, noted: &Noted) -> Result<(), GuardError> {
        if read(&self.path)?.moved.is_some() {
            return Err(GuardError::Moved { path: self.path.clone() });
        }
        let last = noted.last.map(|signing| Last {
            height: signing.height,
            round: signing.round,
            step: signing.step,
            content: signing.content.to_string(),
        });
        let (chain, validator) = (Some(self.chain.clone()), self.validator.clone());
        let record = GuardRecord { chain, validator, abstain: noted.abstain, last, moved: None };
        replace(&self.path, &record).map_err(|source| GuardError::Disk { path: self.path.clone(), source })
    }
}

/// What the file says.
pub(crate) fn read(path: &Path) -> Result<GuardRecord, GuardError> {
    let disk = |source| GuardError::Disk { path: path.into(), source };
    let damaged = |what: String| GuardError::Damaged { path: path.into(), what };
    let about = fs::metadata(path).map_err(|e| match e.kind() {
        io::ErrorKind::NotFound => GuardError::Missing(path.into()),
        _ => disk(e),
    })?;
    if about.len() > BYTES_MAX {
        return Err(damaged(format!("{} bytes long", about.len())));
    }
    let text = fs::read_to_string(path).map_err(disk)?;
    serde_json::from_str(&text).map_err(|e| damaged(e.to_string()))
}

/// Whether it is a record that was made and never opened. What cannot be read may say anything, so it is not.
fn is_unused(path: &Path) -> bool {
    let fits = fs::metadata(path).is_ok_and(|about| about.len() <= BYTES_MAX);
    let record = fs::read_to_string(path)
        .ok()
        .filter(|_| fits)
        .and_then(|text| serde_json::from_str::<GuardRecord>(&text).ok());
    record.is_some_and(|record| {
        record.chain.is_none() && record.last.is_none() && record.abstain.is_none() && record.moved.is_none()
    })
}

/// SIGN-1: replaces the file as a whole: either the old or the new one is there after a crash, never half of one.
pub(crate) fn replace(path: &Path, record: &GuardRecord) -> io::Result<()> {
    let next = path.with_extension("json.new");
    let mut file = File::create(&next)?;
    file.write_all(&serde_json::to_vec_pretty(record)?)?;
    hit("sign/written");
    file.sync_all()?;
    hit("sign/synced");
    fs::rename(&next, path)?;
    hit("sign/renamed");
    sync_dir(path)
}

/// Makes a rename durable where directories can be synced.
fn sync_dir(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    if let Some(dir) = path.parent() {
        File::open(dir)?.sync_all()?;
    }
    Ok(())
}

fn parse_hash(text: &str) -> Option<Hash> {
    let digits = text.strip_prefix("0x").filter(|d| d.len() == 64 && d.is_ascii())?;
    let mut bytes = [0u8; 32];
    for (slot, at) in bytes.iter_mut().zip((0..64).step_by(2)) {
        *slot = u8::from_str_radix(digits.get(at..at + 2)?, 16).ok()?;
    }
    Some(Hash(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHAIN: Hash = Hash([1; 32]);

    fn signing(height: Height, round: u32, step: Step, content: u8) -> Signing {
        Signing { height, round, step, content: Hash([content; 32]) }
    }

    fn open(dir: &Path) -> Result<SignState, GuardError> {
        SignState::open(dir, &CHAIN, "lthval1x")
    }

    fn new(dir: &Path) -> SignState {
        SignState::create(dir, "lthval1x").unwrap();
        open(dir).unwrap()
    }

    #[test]
    fn steps_are_signed_once_and_forwards() {
        let dir = tempfile::tempdir().unwrap();
        let guard = new(dir.path());
        guard.permit(&signing(1, 0, Step::Proposal, 1)).unwrap();
        guard.permit(&signing(1, 0, Step::Prevote, 2)).unwrap();
        guard.permit(&signing(1, 0, Step::Prevote, 2)).unwrap();
        for twice in [signing(1, 0, Step::Prevote, 3), signing(1, 0, Step::Proposal, 1), signing(0, 9, Step::Precommit, 9)] {
            assert!(matches!(guard.permit(&twice), Err(GuardError::Conflict { .. })), "{twice:?}");
        }
        guard.permit(&signing(1, 1, Step::Proposal, 4)).unwrap();
        guard.permit(&signing(2, 0, Step::Prevote, 5)).unwrap();
    }

    #[test]
    fn a_restart_remembers_what_was_signed() {
        let dir = tempfile::tempdir().unwrap();
        new(dir.path()).permit(&signing(7, 2, Step::Precommit, 1)).unwrap();
        let again = open(dir.path()).unwrap();
        again.permit(&signing(7, 2, Step::Precommit, 1)).unwrap();
        let refused = again.permit(&signing(7, 2, Step::Precommit, 2)).unwrap_err().to_string();
        assert!(refused.contains("height 7 round 2"), "{refused}");
    }

    /// SIGN-5.
    #[test]
    fn an_abstention_outlives_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let guard = new(dir.path());
        guard.permit(&signing(7, 2, Step::Precommit, 1)).unwrap();
        guard.abstain(7).unwrap();
        guard.abstain(3).unwrap();
        let again = open(dir.path()).unwrap();
        assert_eq!((again.height(), again.abstains_up_to()), (7, 7));
        again.permit(&signing(8, 0, Step::Prevote, 1)).unwrap();
        assert_eq!(open(dir.path()).unwrap().abstains_up_to(), 7);
        again.vote_again(8).unwrap();
        assert_eq!(open(dir.path()).unwrap().abstains_up_to(), 0, "SIGN-6");
    }

    #[test]
    fn a_lost_a_foreign_or_a_damaged_file_stops_the_node() {
        let dir = tempfile::tempdir().unwrap();
        assert!(matches!(open(dir.path()), Err(GuardError::Missing(_))));
        drop(new(dir.path()));
        SignState::create(dir.path(), "lthval1other").expect("what is there is left alone");
        open(dir.path()).unwrap();
        assert!(matches!(SignState::open(dir.path(), &Hash([2; 32]), "lthval1x"), Err(GuardError::Foreign { .. })));
        assert!(matches!(SignState::open(dir.path(), &CHAIN, "lthval1y"), Err(GuardError::Foreign { .. })));
        for text in ["", "{}", "not json", &"x".repeat(5000)] {
            fs::write(dir.path().join(FILE), text).unwrap();
            assert!(matches!(open(dir.path()), Err(GuardError::Damaged { .. })), "{text}");
        }
    }

    /// SIGN-3: a crash between the record and its key leaves a record of a key that never was.
    #[test]
    fn a_record_that_never_saw_a_chain_makes_room_for_that_of_another_key() {
        let dir = tempfile::tempdir().unwrap();
        SignState::create(dir.path(), "lthval1never").unwrap();
        SignState::create(dir.path(), "lthval1x").unwrap();
        drop(open(dir.path()).unwrap());
        SignState::create(dir.path(), "lthval1never").unwrap();
        open(dir.path()).expect("once opened it stays");
    }

    #[test]
    fn nothing_is_signed_that_cannot_be_noted() {
        let dir = tempfile::tempdir().unwrap();
        let guard = new(dir.path());
        // What stands where the next record is written keeps it from being written.
        fs::create_dir(dir.path().join("sign_state.json.new")).unwrap();
        assert!(matches!(guard.permit(&signing(1, 0, Step::Prevote, 1)), Err(GuardError::Disk { .. })));
        fs::remove_dir_all(dir.path()).unwrap();
        assert!(matches!(guard.permit(&signing(1, 0, Step::Prevote, 1)), Err(GuardError::Missing(_))));
    }

    #[test]
    fn sign_7_the_mark_of_a_key_that_was_moved_away_under_a_running_node_stays() {
        let dir = tempfile::tempdir().unwrap();
        let guard = new(dir.path());
        guard.permit(&signing(1, 0, Step::Prevote, 1)).unwrap();
        crate::guard_files::leave(dir.path()).unwrap();
        assert!(matches!(guard.permit(&signing(1, 0, Step::Precommit, 1)), Err(GuardError::Moved { .. })));
        assert!(matches!(open(dir.path()), Err(GuardError::Moved { .. })));
    }
}
