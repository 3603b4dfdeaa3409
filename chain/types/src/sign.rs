//! One signature rule on every path, single and batch: ZIP-215 (D4 of the design, zips.z.cash/zip-0215).
//!
//! Keys and signing are ed25519-dalek's, every verification is ed25519-zebra's. Small-order keys verify anything under ZIP-215, so
//! [`PublicKey::may_be_bound`] refuses them where a key becomes an account's, a validator's or a voucher's.

use parity_scale_codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use std::fmt;

/// An ed25519 public key, as bytes; whether it is a point shows at verification.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen)]
pub struct PublicKey(pub [u8; 32]);

/// An ed25519 signature.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen)]
pub struct Signature(pub [u8; 64]);

/// An ed25519 secret key; wiped from memory when dropped.
#[derive(Clone)]
pub struct SecretKey(ed25519_dalek::SigningKey);

impl SecretKey {
    /// From its 32-byte seed (RFC 8032).
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(ed25519_dalek::SigningKey::from_bytes(seed))
    }

    /// The seed, to be stored encrypted.
    pub fn seed(&self) -> [u8; 32] {
        self.0.to_bytes()
    }

    /// The public half.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key().to_bytes())
    }

    /// Signs; the public half is always the stored one (RUSTSEC-2022-0093).
    pub fn sign(&self, message: &[u8]) -> Signature {
        use ed25519_dalek::Signer;
        Signature(self.0.sign(message).to_bytes())
    }
}

impl PublicKey {
    /// Whether `signature` is this key's over `message` under ZIP-215.
    pub fn verify(&self, message: &[u8], signature: &Signature) -> bool {
        ed25519_zebra::VerificationKey::try_from(self.0)
            .and_then(|key| key.verify(&ed25519_zebra::Signature::from(signature.0), message))
            .is_ok()
    }

    /// Whether this key may come to own something: a point on the curve, and not one of small order.
    pub fn may_be_bound(&self) -> bool {
        ed25519_dalek::VerifyingKey::from_bytes(&self.0).is_ok_and(|key| !key.is_weak())
    }
}

/// One claim: this key signed this message.
pub struct Claim<'a> {
    /// Whose signature it is said to be.
    pub key: PublicKey,
    /// What was signed.
    pub message: &'a [u8],
    /// The signature.
    pub signature: Signature,
}

/// Verifies many claims at once; where the batch fails, one by one, so that the answer for each is that of [`PublicKey::verify`].
///
/// `rng` blinds the batch equation. It cannot change an answer but with probability 2^-128.
pub fn verify_batch(claims: &[Claim<'_>], rng: impl rand_core::RngCore + rand_core::CryptoRng) -> Vec<bool> {
    let mut batch = ed25519_zebra::batch::Verifier::new();
    for claim in claims {
        let key = ed25519_zebra::VerificationKeyBytes::from(claim.key.0);
        batch.queue((key, ed25519_zebra::Signature::from(claim.signature.0), &claim.message));
    }
    if batch.verify(rng).is_ok() {
        return vec![true; claims.len()];
    }
    claims.iter().map(|claim| claim.key.verify(claim.message, &claim.signature)).collect()
}

impl Default for Signature {
    fn default() -> Self {
        Self([0; 64])
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&crate::Hash(self.0), f)
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::str::FromStr for PublicKey {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        text.parse::<crate::Hash>().map(|hash| Self(hash.0))
    }
}

crate::json::by_text!(PublicKey);

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl std::str::FromStr for Signature {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || String::from("a signature is 0x and 128 hexadecimal digits");
        let digits = text.strip_prefix("0x").filter(|digits| digits.len() == 128 && digits.is_ascii()).ok_or_else(wrong)?;
        let mut bytes = [0; 64];
        for (slot, at) in bytes.iter_mut().zip((0..128).step_by(2)) {
            let pair = digits.get(at..at + 2).ok_or_else(wrong)?;
            *slot = u8::from_str_radix(pair, 16).map_err(|_| wrong())?;
        }
        Ok(Self(bytes))
    }
}

crate::json::by_text!(Signature);

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("0x")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey(of {:?})", self.public())
    }
}
