//! `.leither-private`, an entry of the root: which key, who has it, and what the root is.
//!
//! ```text
//! "leither-private" 15 | format 1 | id of the tree key 32 | flags 1 | id of the root 32 | count 2, little-endian
//! each reader: public key 32 | ephemeral key 32 | wrapped tree key 48
//! keyed hash of all that 32
//! ```

use super::key::{For, TreeKey, WRAPPED_BYTES};
use super::{Id, SealError};
use leither_types::{PublicKey, SecretKey};

/// The entry of the root by which private content is known.
pub const HEAD_NAME: &str = ".leither-private";
/// PRIVATE-5
pub const READERS_MAX: usize = 1_024;
/// The longest head.
pub const HEAD_BYTES_MAX: usize = FIXED_BYTES + READERS_MAX * READER_BYTES + 32;

const MAGIC: &[u8; 15] = b"leither-private";
const FORMAT: u8 = 1;
/// Later formats have numbers up to this one: below whatever goes on a line of text that begins like a head.
const FORMAT_LAST: u8 = 8;
/// PRIVATE-8: the next version takes another tree key.
const FLAG_ROTATES: u8 = 1;
const FIXED_BYTES: usize = 15 + 1 + 32 + 1 + 32 + 2;
const READER_BYTES: usize = 32 + 32 + WRAPPED_BYTES;

#[derive(Clone, Debug, PartialEq, Eq)]
struct Reader {
    key: PublicKey,
    ephemeral: [u8; 32],
    wrapped: [u8; WRAPPED_BYTES],
}

/// A head as it was read: who reads is known to all, the rest to them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    key_id: Id,
    rotates: bool,
    root: Id,
    readers: Vec<Reader>,
    /// All that the hash is over, and the hash.
    bytes: Vec<u8>,
}

/// What a tree is closed with: the tree key, wrapped for each reader.
#[derive(Clone)]
pub struct Seal {
    key: TreeKey,
    rotates: bool,
    readers: Vec<Reader>,
}

impl Head {
    /// Reads one that anybody may have written.
    pub fn read(bytes: &[u8]) -> Result<Self, SealError> {
        let form = || SealError::Form("`.leither-private`");
        let mut rest = bytes;
        let mut take = |n: usize| {
            let (head, tail) = rest.split_at_checked(n).ok_or_else(form)?;
            rest = tail;
            Ok::<_, SealError>(head)
        };
        if take(MAGIC.len())? != MAGIC {
            return Err(form());
        }
        match take(1)? {
            [FORMAT] if bytes.len() <= HEAD_BYTES_MAX => {}
            // Of what length those are, they say themselves.
            [later] if (FORMAT + 1..=FORMAT_LAST).contains(later) => return Err(SealError::Newer(*later)),
            _ => return Err(form()),
        }
        let key_id = array(take(32)?)?;
        let rotates = match take(1)? {
            [0] => false,
            [FLAG_ROTATES] => true,
            _ => return Err(form()),
        };
        let root = array(take(32)?)?;
        let count = usize::from(u16::from_le_bytes(array(take(2)?)?));
        if count > READERS_MAX {
            return Err(SealError::TooManyReaders);
        }
        let mut readers = Vec::with_capacity(count);
        for _ in 0..count {
            readers.push(Reader {
                key: PublicKey(array(take(32)?)?),
                ephemeral: array(take(32)?)?,
                wrapped: array(take(WRAPPED_BYTES)?)?,
            });
        }
        take(32)?;
        if !rest.is_empty() {
            return Err(form());
        }
        Ok(Self { key_id, rotates, root, readers, bytes: bytes.to_vec() })
    }

    /// PRIVATE-10: what a tree's `.leither-private` makes of it, by its first [`HEAD_BYTES_MAX`] bytes and one more; nothing where it is no head but a
    /// file that is called so, and the tree is open.
    pub fn find(bytes: &[u8]) -> Result<Option<Self>, SealError> {
        match Self::read(bytes) {
            Ok(head) => Ok(Some(head)),
            Err(newer @ SealError::Newer(_)) => Err(newer),
            Err(_) => Ok(None),
        }
    }

    /// PRIVATE-10: whether a tree with this is private, if only for a newer program.
    pub fn is_one(bytes: &[u8]) -> bool {
        !matches!(Self::find(bytes), Ok(None))
    }

    /// Who reads.
    pub fn readers(&self) -> impl Iterator<Item = PublicKey> {
        self.readers.iter().map(|reader| reader.key)
    }

    /// PRIVATE-8: whether the next version takes another key.
    pub fn rotates(&self) -> bool {
        self.rotates
    }

    /// PRIVATE-9: whether the same read what is closed with both, and the same would read the next: all but the root is the same.
    pub fn is_as(&self, other: &Self) -> bool {
        self.key_id == other.key_id && self.rotates == other.rotates && self.readers().eq(other.readers())
    }

    /// What the root must be, to be looked at once [`Self::unlock`] has said that a reader wrote it.
    pub fn root(&self) -> &Id {
        &self.root
    }

    /// PRIVATE-5: the seal, for one of the readers.
    pub fn unlock(&self, secret: &SecretKey) -> Result<Seal, SealError> {
        let public = secret.public();
        let mine = self.readers.iter().find(|reader| reader.key == public);
        let mine = mine.ok_or(SealError::NotReader(self.readers.len()))?;
        let key = TreeKey::unwrap(secret, &mine.ephemeral, &mine.wrapped, &self.key_id)?;
        let (signed, hash) = self.bytes.split_at(self.bytes.len().saturating_sub(32));
        if blake3::Hash::from(key.hash(For::Head, &[signed])) != blake3::Hash::from(array::<32>(hash)?) {
            return Err(SealError::Altered("`.leither-private`"));
        }
        Ok(Seal { key, rotates: self.rotates, readers: self.readers.clone() })
    }
}

impl Seal {
    /// With a key that nothing was closed with yet, and without readers.
    pub fn new(key: TreeKey) -> Self {
        Self { key, rotates: false, readers: Vec::new() }
    }

    /// The tree key.
    pub fn key(&self) -> &TreeKey {
        &self.key
    }

    /// Who reads.
    pub fn readers(&self) -> impl Iterator<Item = PublicKey> {
        self.readers.iter().map(|reader| reader.key)
    }

    /// PRIVATE-8: whether the next version takes another key.
    pub fn rotates(&self) -> bool {
        self.rotates
    }

    /// PRIVATE-5: one reader more; whether it was none before. `ephemeral` is 32 bytes of chance, used once.
    pub fn add(&mut self, reader: PublicKey, ephemeral: &[u8; 32]) -> Result<bool, SealError> {
        if self.readers.iter().any(|known| known.key == reader) {
            return Ok(false);
        }
        if self.readers.len() >= READERS_MAX {
            return Err(SealError::TooManyReaders);
        }
        let (ephemeral, wrapped) = self.key.wrap(&reader, ephemeral)?;
        self.readers.push(Reader { key: reader, ephemeral, wrapped });
        self.readers.sort_unstable_by_key(|reader| reader.key);
        Ok(true)
    }

    /// PRIVATE-8: one reader less; whether it was one. What it could read it still can, so the next version takes another key.
    pub fn remove(&mut self, reader: &PublicKey) -> bool {
        let before = self.readers.len();
        self.readers.retain(|known| known.key != *reader);
        let was = self.readers.len() != before;
        self.rotates |= was;
        was
    }

    /// PRIVATE-8: for the same readers, with another key. `ephemeral` gives 32 bytes of chance each time.
    pub fn rotated<E: From<SealError>>(
        &self,
        key: TreeKey,
        ephemeral: &mut dyn FnMut() -> Result<[u8; 32], E>,
    ) -> Result<Self, E> {
        let mut seal = Self::new(key);
        for reader in self.readers() {
            seal.add(reader, &ephemeral()?)?;
        }
        Ok(seal)
    }

    /// The bytes of `.leither-private` for a tree whose root has this id: the same for the same readers, key and root.
    pub fn head(&self, root: &Id) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.push(FORMAT);
        bytes.extend_from_slice(&self.key.id());
        bytes.push(if self.rotates { FLAG_ROTATES } else { 0 });
        bytes.extend_from_slice(root);
        // At most 1,024.
        bytes.extend_from_slice(&u16::try_from(self.readers.len()).unwrap_or(u16::MAX).to_le_bytes());
        for reader in &self.readers {
            bytes.extend_from_slice(&reader.key.0);
            bytes.extend_from_slice(&reader.ephemeral);
            bytes.extend_from_slice(&reader.wrapped);
        }
        let hash = self.key.hash(For::Head, &[&bytes]);
        bytes.extend_from_slice(&hash);
        bytes
    }
}

fn array<const N: usize>(bytes: &[u8]) -> Result<[u8; N], SealError> {
    bytes.try_into().map_err(|_| SealError::Form("`.leither-private`"))
}
