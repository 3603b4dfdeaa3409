//! Names, links, directories.

use super::key::{For, TreeKey};
use super::{Id, SealError};
use cid::multibase::Base;

/// Names and targets are masked in steps of so many bytes, so that their lengths tell little.
const STEP: usize = 16;
/// Of a name's id so much stands before it: nobody makes the same twice.
const SHORT_ID: usize = 16;
/// PRIVATE-3: longer names stand in a file beside.
const SHORT_MAX: usize = 128;
/// The longest name.
const NAME_MAX: usize = 255;
/// PRIVATE-3: the longest target of a link: sealed it has as many bytes as any reader takes.
const TARGET_MAX: usize = 2_512;

/// What a sealed name begins with.
const SHORT: char = 'n';
const LONG: char = 'l';
const BESIDE: char = 'x';

/// A name as it stands in a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedName {
    /// The entry's.
    pub text: String,
    /// Of a long one: the entry beside, which is a file with these bytes.
    pub beside: Option<(String, Vec<u8>)>,
}

/// A name that was opened. It may be read; that it belongs to what it names is known after [`Name::check`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// As its author wrote it.
    pub text: String,
    id: Vec<u8>,
}

impl Name {
    /// PRIVATE-3: whether this name was given to what has this id.
    pub fn check(&self, key: &TreeKey, child: &Id) -> Result<(), SealError> {
        let id = key.name_id(&self.text, child);
        if !self.id.is_empty() && id.starts_with(&self.id) { Ok(()) } else { Err(SealError::Altered("an entry of a directory")) }
    }
}

impl TreeKey {
    fn name_id(&self, name: &str, child: &Id) -> Id {
        self.hash(For::NameId, &[child, name.as_bytes()])
    }

    /// PRIVATE-3: closes the name of what has this id.
    pub fn seal_name(&self, name: &str, child: &Id) -> Result<SealedName, SealError> {
        if name.len() > NAME_MAX || name.is_empty() || name.contains(['\0', '/']) {
            return Err(SealError::TooLong("a name has 1 to 255 bytes, without NUL and /"));
        }
        let id = self.name_id(name, child);
        if name.len() > SHORT_MAX {
            let mut bytes = pad(name, NAME_MAX + 1);
            self.mask(For::NameMask, &id, &mut bytes);
            let beside = (written(BESIDE, &id), bytes);
            return Ok(SealedName { text: written(LONG, &id), beside: Some(beside) });
        }
        let id = id.get(..SHORT_ID).unwrap_or_default();
        let mut bytes = pad(name, STEP);
        self.mask(For::NameMask, id, &mut bytes);
        Ok(SealedName { text: written(SHORT, &[id, &bytes].concat()), beside: None })
    }

    /// Where the name of an entry stands: in a file beside, called so, or in the entry's own name.
    pub fn beside(text: &str) -> Option<String> {
        text.strip_prefix(LONG).map(|rest| format!("{BESIDE}{rest}"))
    }

    /// Whether an entry is a file beside another one.
    pub fn is_beside(text: &str) -> bool {
        text.starts_with(BESIDE)
    }

    /// Opens a name; `beside` is the content of the file beside, where there is one.
    pub fn open_name(&self, text: &str, beside: Option<&[u8]>) -> Result<Name, SealError> {
        if text.starts_with(LONG) {
            return self.open_long_name(text, beside);
        }
        let form = || SealError::Form("a name");
        let mut id = read(SHORT, text).filter(|all| all.len() > SHORT_ID).ok_or_else(form)?;
        let mut bytes = id.split_off(SHORT_ID);
        if bytes.len() > SHORT_MAX || !bytes.len().is_multiple_of(STEP) {
            return Err(form());
        }
        self.mask(For::NameMask, &id, &mut bytes);
        let text = unpad(bytes).ok_or(SealError::Altered("a name"))?;
        Ok(Name { text, id })
    }

    /// The entry's own name is its directory's, which is known to be whole; what may be another's is the file beside.
    fn open_long_name(&self, text: &str, beside: Option<&[u8]>) -> Result<Name, SealError> {
        let id = read(LONG, text).filter(|id| id.len() == 32).ok_or(SealError::Form("a long name"))?;
        let mut bytes = beside.ok_or(SealError::Form("a long name without the file that it stands in"))?.to_vec();
        let altered = || SealError::Altered("the file that a long name stands in");
        if bytes.len() != NAME_MAX + 1 {
            return Err(altered());
        }
        self.mask(For::NameMask, &id, &mut bytes);
        let text = unpad(bytes).filter(|text| (SHORT_MAX + 1..=NAME_MAX).contains(&text.len())).ok_or_else(altered)?;
        Ok(Name { text, id })
    }

    /// PRIVATE-3: closes the target of a link, and says what the link's id is.
    pub fn seal_link(&self, target: &str) -> Result<(String, Id), SealError> {
        if target.len() > TARGET_MAX || target.is_empty() || target.contains('\0') {
            return Err(SealError::TooLong("the target of a link in private content has 1 to 2512 bytes, without NUL"));
        }
        let id = self.hash(For::LinkId, &[target.as_bytes()]);
        let mut bytes = pad(target, STEP);
        self.mask(For::LinkMask, &id, &mut bytes);
        Ok((Base::Base32Lower.encode([&id[..], &bytes].concat()), id))
    }

    /// Opens the target of a link.
    pub fn open_link(&self, text: &str) -> Result<(String, Id), SealError> {
        let form = || SealError::Form("the target of a link");
        let mut id = decoded(text).filter(|all| all.len() > 32).ok_or_else(form)?;
        let mut bytes = id.split_off(32);
        self.mask(For::LinkMask, &id, &mut bytes);
        let target = unpad(bytes).ok_or(SealError::Altered("the target of a link"))?;
        let whole = self.hash(For::LinkId, &[target.as_bytes()]);
        if whole.as_slice() == id.as_slice() { Ok((target, whole)) } else { Err(SealError::Altered("the target of a link")) }
    }

    /// PRIVATE-4: the id of a directory with these sealed names, files beside included, the head not; they are sorted here.
    pub fn directory_id(&self, mut names: Vec<&str>) -> Id {
        names.sort_unstable();
        let mut hasher = self.hasher(For::DirectoryId);
        for name in names {
            hasher.update(name.as_bytes());
            // No name has one in it.
            hasher.update(&[0]);
        }
        hasher.finalize().into()
    }
}

fn pad(text: &str, step: usize) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    bytes.resize(text.len().next_multiple_of(step), 0);
    bytes
}

fn unpad(mut bytes: Vec<u8>) -> Option<String> {
    let len = bytes.iter().rposition(|byte| *byte != 0)?.saturating_add(1);
    bytes.truncate(len);
    String::from_utf8(bytes).ok().filter(|text| !text.contains('\0'))
}

fn written(first: char, bytes: &[u8]) -> String {
    format!("{first}{}", Base::Base32Lower.encode(bytes))
}

fn read(first: char, text: &str) -> Option<Vec<u8>> {
    decoded(text.strip_prefix(first)?)
}

/// What has another spelling is none of ours.
fn decoded(text: &str) -> Option<Vec<u8>> {
    let bytes = Base::Base32Lower.decode(text).ok()?;
    (Base::Base32Lower.encode(&bytes) == text).then_some(bytes)
}
