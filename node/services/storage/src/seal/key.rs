use super::{Id, SealError};
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use ed25519_dalek::{SigningKey, VerifyingKey};
use leither_types::{PublicKey, SecretKey};
use zeroize::Zeroizing;

/// A wrapped tree key: as long as the key and a tag.
pub(super) const WRAPPED_BYTES: usize = 48;

/// PRIVATE-6: what all keys of one line of versions are derived from; wiped from memory when dropped.
#[derive(Clone)]
pub struct TreeKey(Zeroizing<[u8; 32]>);

/// What a key is for. Each has a context of its own, so that no two are ever the same.
#[derive(Clone, Copy)]
pub(super) enum For {
    KeyId,
    FileId,
    FileKey,
    NameId,
    NameMask,
    LinkId,
    LinkMask,
    DirectoryId,
    Head,
}

impl For {
    const fn context(self) -> &'static str {
        match self {
            For::KeyId => "leither 2026-11 private content v1: id of the tree key",
            For::FileId => "leither 2026-11 private content v1: ids of files",
            For::FileKey => "leither 2026-11 private content v1: keys of files",
            For::NameId => "leither 2026-11 private content v1: ids of names",
            For::NameMask => "leither 2026-11 private content v1: masks of names",
            For::LinkId => "leither 2026-11 private content v1: ids of links",
            For::LinkMask => "leither 2026-11 private content v1: masks of links",
            For::DirectoryId => "leither 2026-11 private content v1: ids of directories",
            For::Head => "leither 2026-11 private content v1: the head",
        }
    }
}

const WRAP: &str = "leither 2026-11 private content v1: wrapping the tree key";

impl TreeKey {
    /// From 32 bytes of chance.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    fn sub(&self, what: For) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(blake3::derive_key(what.context(), &*self.0))
    }

    /// A hasher under the key for this.
    pub(super) fn hasher(&self, what: For) -> blake3::Hasher {
        blake3::Hasher::new_keyed(&self.sub(what))
    }

    /// A keyed hash of some parts, of which all but the last have a fixed length.
    pub(super) fn hash(&self, what: For, parts: &[&[u8]]) -> Id {
        let mut hasher = self.hasher(what);
        for part in parts {
            hasher.update(part);
        }
        hasher.finalize().into()
    }

    /// Masks or unmasks bytes with what `nonce` gives, which no other bytes may share.
    pub(super) fn mask(&self, what: For, nonce: &[u8], bytes: &mut [u8]) {
        let mut stream = Zeroizing::new(vec![0u8; bytes.len()]);
        self.hasher(what).update(nonce).finalize_xof().fill(&mut stream);
        bytes.iter_mut().zip(stream.iter()).for_each(|(byte, mask)| *byte ^= mask);
    }

    /// What tells this key from others, without saying anything of it: whoever has it can be sure that it is this one.
    pub fn id(&self) -> Id {
        *self.sub(For::KeyId)
    }

    /// PRIVATE-5: wraps it for a reader. `ephemeral` is a seed of chance that is used once.
    pub(super) fn wrap(&self, reader: &PublicKey, ephemeral: &[u8; 32]) -> Result<([u8; 32], [u8; WRAPPED_BYTES]), SealError> {
        let secret = SigningKey::from_bytes(ephemeral);
        let public = secret.verifying_key().to_bytes();
        let cipher = shared(&secret, &reader.0, &public, &reader.0).ok_or(SealError::WeakReader(*reader))?;
        let id = self.id();
        let closed = cipher.encrypt(&XNonce::default(), Payload { msg: &*self.0, aad: &id });
        let wrapped: Option<[u8; WRAPPED_BYTES]> = closed.ok().and_then(|bytes| bytes.try_into().ok());
        Ok((public, wrapped.ok_or(SealError::WeakReader(*reader))?))
    }

    /// PRIVATE-5: what was wrapped for this secret key; the tree key of this id, or none.
    pub(super) fn unwrap(
        secret: &SecretKey,
        ephemeral: &[u8; 32],
        wrapped: &[u8; WRAPPED_BYTES],
        id: &Id,
    ) -> Result<Self, SealError> {
        let seed = Zeroizing::new(secret.seed());
        let secret = SigningKey::from_bytes(&seed);
        let reader = secret.verifying_key().to_bytes();
        let cipher = shared(&secret, ephemeral, ephemeral, &reader).ok_or(SealError::WrongKey)?;
        let opened = cipher.decrypt(&XNonce::default(), Payload { msg: wrapped, aad: id }).map_err(|_| SealError::WrongKey)?;
        let opened = Zeroizing::new(opened);
        let bytes: &[u8; 32] = opened.as_slice().try_into().map_err(|_| SealError::WrongKey)?;
        let key = Self::new(*bytes);
        // Two keys can open the same wrapping to different things; the id commits to one.
        if key.id() == *id { Ok(key) } else { Err(SealError::WrongKey) }
    }
}

/// X25519 between two ed25519 keys, and a key from it that both public halves are part of, so that it is good for one wrapping.
fn shared(secret: &SigningKey, other: &[u8; 32], ephemeral: &[u8; 32], reader: &[u8; 32]) -> Option<XChaCha20Poly1305> {
    let other = VerifyingKey::from_bytes(other).ok().filter(|key| !key.is_weak())?;
    let scalar = Zeroizing::new(secret.to_scalar_bytes());
    let point = Zeroizing::new(other.to_montgomery().mul_clamped(*scalar).to_bytes());
    let material = Zeroizing::new([&point[..], ephemeral, reader].concat());
    let key = Zeroizing::new(blake3::derive_key(WRAP, &material));
    Some(XChaCha20Poly1305::new((&*key).into()))
}
