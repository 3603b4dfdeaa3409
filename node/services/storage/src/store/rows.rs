//! Keys and values of the database. Numbers are big-endian, so that rows lie in order.

use crate::content::Profile;
use crate::error::{Result, StorageError, damaged};
use cid::Cid;
use cid::multihash::Multihash;
use leither_kit::block::{BlockError, check_id, hash};
use leither_kit::node::codec;
use leither_types::MimeiId;
use std::hash::{Hash, Hasher};

/// Bytes of the multihash of a block: code, length, 32 bytes.
pub(crate) const KEY_BYTES: usize = 34;

/// A block's name here: its multihash. Ids that differ in version or codec name the same bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key([u8; KEY_BYTES]);

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // A hash already: eight bytes of it spread well.
        let mut part = [0; 8];
        part.copy_from_slice(&self.0[2..10]);
        state.write_u64(u64::from_ne_bytes(part));
    }
}

impl AsRef<[u8]> for Key {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Key {
    /// Nothing where the content stands in the id itself.
    pub fn of(cid: &Cid) -> Result<Option<Self>, BlockError> {
        check_id(cid)?;
        if cid.hash().code() == hash::IDENTITY {
            return Ok(None);
        }
        let unknown = || BlockError::UnknownHash(cid.hash().code());
        // Those that are kept have a code of one byte and a hash of 32; longer hashes are read, not kept.
        let digest: [u8; 32] = cid.hash().digest().try_into().map_err(|_| unknown())?;
        let mut bytes = [0; KEY_BYTES];
        bytes[0] = u8::try_from(cid.hash().code()).map_err(|_| unknown())?;
        bytes[1] = 32;
        bytes[2..].copy_from_slice(&digest);
        Ok(Some(Self(bytes)))
    }

    pub fn read(bytes: &[u8]) -> Option<Self> {
        let key: [u8; KEY_BYTES] = bytes.try_into().ok()?;
        (key[1] == 32).then_some(Self(key))
    }

    /// The id under the codec whose links were counted.
    pub fn cid(&self, form: Form) -> Cid {
        // 32 bytes always fit.
        let hash = Multihash::wrap(u64::from(self.0[0]), &self.0[2..]).unwrap_or_default();
        Cid::new_v1(form.codec(), hash)
    }

    /// The first byte of the digest: evenly spread.
    pub fn spread(&self) -> u8 {
        self.0[2]
    }
}

/// How a block's links are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Form {
    /// It has none.
    Plain = 0,
    Pb = 1,
    Cbor = 2,
    Json = 3,
}

impl Form {
    pub fn of(cid: &Cid) -> Result<Self> {
        match cid.codec() {
            codec::RAW | codec::CBOR | codec::JSON | codec::LIBP2P_KEY => Ok(Self::Plain),
            codec::DAG_PB => Ok(Self::Pb),
            codec::DAG_CBOR => Ok(Self::Cbor),
            codec::DAG_JSON => Ok(Self::Json),
            other => Err(StorageError::Node { cid: *cid, source: leither_kit::node::NodeError::Codec(other) }),
        }
    }

    /// Whether a block that is here so is here as `wanted`: of mere bytes the links were not looked at.
    pub fn serves(self, wanted: Self) -> bool {
        self != Self::Plain || wanted == Self::Plain
    }

    pub fn codec(self) -> u64 {
        match self {
            Self::Plain => codec::RAW,
            Self::Pb => codec::DAG_PB,
            Self::Cbor => codec::DAG_CBOR,
            Self::Json => codec::DAG_JSON,
        }
    }

    fn read(byte: u8) -> Option<Self> {
        [Self::Plain, Self::Pb, Self::Cbor, Self::Json].into_iter().find(|form| *form as u8 == byte)
    }
}

/// A block that must be here, in this form at least: as mere bytes, what it links to might be missing.
pub(crate) type Need = (Key, Form);

/// What is known of a block that is here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    /// Blocks that link to it (each once), roots that name it, and sessions that hold it.
    pub count: u64,
    /// Its bytes.
    pub size: u32,
    pub form: Form,
    /// Where the count is 0: its place in the trash, by which it goes ([`timed`]). Else the time before which it will not, or 0.
    pub due: u64,
}

impl Row {
    pub fn write(&self) -> [u8; 21] {
        let mut out = [0; 21];
        out[..8].copy_from_slice(&self.count.to_be_bytes());
        out[8..12].copy_from_slice(&self.size.to_be_bytes());
        out[12] = self.form as u8;
        out[13..].copy_from_slice(&self.due.to_be_bytes());
        out
    }

    pub fn read(bytes: &[u8]) -> Result<Self> {
        let parse = || {
            let (count, rest) = bytes.split_first_chunk::<8>()?;
            let (size, rest) = rest.split_first_chunk::<4>()?;
            let (form, rest) = rest.split_first()?;
            let due: [u8; 8] = rest.try_into().ok()?;
            Some(Self {
                count: u64::from_be_bytes(*count),
                size: u32::from_be_bytes(*size),
                form: Form::read(*form)?,
                due: u64::from_be_bytes(due),
            })
        };
        parse().ok_or_else(|| damaged("a row of the reference counts"))
    }
}

/// In the trash stand first those that may go at once, in the order in which they came, then those that may go at a time.
pub(crate) const TIMED: u64 = 1 << 63;

/// The place in the trash of what may go at a time.
pub(crate) fn timed(ms: u64) -> u64 {
    ms | TIMED
}

/// When a block of the trash may go; 0: at once.
pub(crate) fn time_of(place: u64) -> u64 {
    if place < TIMED { 0 } else { place & !TIMED }
}

/// A number, then a block's key: rows of the trash (when it may go) and of holds (whose they are).
pub(crate) fn numbered(number: u64, key: &Key) -> [u8; 8 + KEY_BYTES] {
    let mut out = [0; 8 + KEY_BYTES];
    out[..8].copy_from_slice(&number.to_be_bytes());
    out[8..].copy_from_slice(key.as_ref());
    out
}

pub(crate) fn read_numbered(bytes: &[u8]) -> Result<(u64, Key)> {
    let parse = || {
        let (number, key) = bytes.split_first_chunk::<8>()?;
        Some((u64::from_be_bytes(*number), Key::read(key)?))
    };
    parse().ok_or_else(|| damaged("a row of the trash or of the holds"))
}

/// Who keeps a tree.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Root {
    /// By a name of at most 255 bytes.
    Pin(String),
    /// The working copy of a MiMei.
    Cur(MimeiId),
    /// A version of a MiMei.
    Version(MimeiId, u64),
}

impl Root {
    pub(crate) fn key(&self) -> Vec<u8> {
        match self {
            Self::Cur(mimei) => [b"c".as_slice(), &mimei.0].concat(),
            Self::Pin(name) => [b"p".as_slice(), name.as_bytes()].concat(),
            Self::Version(mimei, number) => [b"v".as_slice(), &mimei.0, &number.to_be_bytes()].concat(),
        }
    }

    pub(crate) fn read(key: &[u8]) -> Result<Self> {
        let parse = || {
            let (kind, rest) = key.split_first()?;
            match kind {
                b'c' => Some(Self::Cur(MimeiId(rest.try_into().ok()?))),
                b'p' => Some(Self::Pin(String::from_utf8(rest.to_vec()).ok()?)),
                b'v' => {
                    let (mimei, number) = rest.split_at_checked(20)?;
                    Some(Self::Version(MimeiId(mimei.try_into().ok()?), u64::from_be_bytes(number.try_into().ok()?)))
                }
                _ => None,
            }
        };
        parse().ok_or_else(|| damaged("the name of a root"))
    }
}

/// What a root names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The tree.
    pub cid: Cid,
    /// How the files in it are cut.
    pub profile: Profile,
    /// Of a working copy: how often it has moved. 0 for the others.
    pub generation: u64,
}

impl Kept {
    pub(crate) fn write(&self) -> Vec<u8> {
        let profile = match self.profile {
            Profile::V1_2025 => 0,
            Profile::V0_2015 => 1,
        };
        [self.generation.to_be_bytes().as_slice(), &[profile], &self.cid.to_bytes()].concat()
    }

    pub(crate) fn read(bytes: &[u8]) -> Result<Self> {
        let parse = || {
            let (generation, rest) = bytes.split_first_chunk::<8>()?;
            let (profile, cid) = rest.split_first()?;
            let profile = match profile {
                0 => Profile::V1_2025,
                1 => Profile::V0_2015,
                _ => return None,
            };
            Some(Self { cid: Cid::try_from(cid).ok()?, profile, generation: u64::from_be_bytes(*generation) })
        };
        parse().ok_or_else(|| damaged("the row of a root"))
    }
}
