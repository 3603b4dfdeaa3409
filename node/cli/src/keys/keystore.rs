//! One key file, in the shape of ERC-2335: `crypto` with the modules kdf, checksum and cipher, then what is public about the key.
//!
//! ERC-2335 checks the password by a checksum. Ours is authenticated encryption, which cannot tell a wrong password from a flipped
//! bit; so the checksum covers the public bytes instead. A file whose checksum holds and whose cipher does not open has met a wrong
//! password; any other mismatch is damage.

use super::Password;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use leither_types::{PublicKey, SecretKey};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::ops::RangeInclusive;
use zeroize::Zeroizing;

/// The only version of a key file so far.
pub(super) const VERSION: u32 = 1;
/// What a file of the test backend says of itself.
pub(super) const UNENCRYPTED: &str = "NOT ENCRYPTED, for development only: whoever reads this file owns the account";
const KDF: &str = "scrypt";
const CHECKSUM: &str = "sha256";
const CIPHER: &str = "xchacha20-poly1305";
const KEY_BYTES: usize = 32;
const TAG_BYTES: usize = 16;
/// A key file may not make its reader use more memory than this.
const SCRYPT_BYTES_MAX: u64 = 1 << 30;
const SCRYPT_P_MAX: u32 = 16;

/// How dear each guess at a password is: memory 128 x n x r bytes, time n x r x p.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScryptCost {
    /// log2 of n.
    pub log_n: u8,
    /// Block size.
    pub r: u32,
    /// Parallel lanes.
    pub p: u32,
}

impl Default for ScryptCost {
    /// n = 2^17, r = 8, p = 1: 128 MiB and about half a second.
    fn default() -> Self {
        Self { log_n: 17, r: 8, p: 1 }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KeyFile {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crypto: Option<Crypto>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warning: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<Zeroizing<String>>,
    pub description: String,
    pub pubkey: String,
    pub path: String,
    pub uuid: String,
    pub version: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Crypto {
    pub kdf: Module<KdfParams>,
    pub checksum: Module<NoParams>,
    pub cipher: Module<CipherParams>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Module<P> {
    pub function: String,
    pub params: P,
    pub message: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KdfParams {
    pub dklen: u32,
    pub n: u64,
    pub r: u32,
    pub p: u32,
    pub salt: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NoParams {}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CipherParams {
    pub nonce: String,
}

/// Why a file did not open.
pub(super) enum Closed {
    WrongPassword,
    Damaged(String),
}

fn damaged(what: impl Into<String>) -> Closed {
    Closed::Damaged(what.into())
}

/// Encrypts `secret` into a file.
pub(super) fn seal(
    secret: &SecretKey,
    password: &Password,
    cost: ScryptCost,
    path: &str,
    description: &str,
    uuid: String,
) -> Result<KeyFile, String> {
    let seed = Zeroizing::new(secret.seed());
    let pubkey = hex::encode(secret.public().0);
    seal_content(&*seed, pubkey, password, cost, path, description, uuid)
}

/// Encrypts what belongs to a key into a file of the same shape.
pub(super) fn seal_content(
    content: &[u8],
    pubkey: String,
    password: &Password,
    cost: ScryptCost,
    path: &str,
    description: &str,
    uuid: String,
) -> Result<KeyFile, String> {
    let (mut salt, mut nonce) = ([0u8; 32], [0u8; 24]);
    getrandom::fill(&mut salt)
        .and_then(|()| getrandom::fill(&mut nonce))
        .map_err(|e| format!("no randomness: {e}"))?;
    let kdf = KdfParams { dklen: KEY_BYTES as u32, n: 1u64 << cost.log_n.min(63), r: cost.r, p: cost.p, salt: hex::encode(salt) };
    let key = stretch(password, &kdf, &salt)?;
    let bound = associated(&pubkey, path);
    let sealed = XChaCha20Poly1305::new((&*key).into())
        .encrypt(XNonce::from_slice(&nonce), Payload { msg: content, aad: &bound })
        .map_err(|_| "encryption failed".to_string())?;
    let mut file = KeyFile {
        crypto: Some(Crypto {
            kdf: Module { function: KDF.into(), params: kdf, message: String::new() },
            checksum: Module { function: CHECKSUM.into(), params: NoParams {}, message: String::new() },
            cipher: Module {
                function: CIPHER.into(),
                params: CipherParams { nonce: hex::encode(nonce) },
                message: hex::encode(sealed),
            },
        }),
        warning: None,
        secret: None,
        description: description.into(),
        pubkey,
        path: path.into(),
        uuid,
        version: VERSION,
    };
    let sum = checksum(&file);
    if let Some(crypto) = &mut file.crypto {
        crypto.checksum.message = sum;
    }
    Ok(file)
}

/// The secret of an encrypted file.
pub(super) fn open(file: &KeyFile, password: &Password) -> Result<SecretKey, Closed> {
    let opened = open_content(file, password, KEY_BYTES..=KEY_BYTES)?;
    secret_of(&opened, &file.pubkey).map_err(damaged)
}

/// What a file holds, of a length within these bounds.
pub(super) fn open_content(
    file: &KeyFile,
    password: &Password,
    lengths: RangeInclusive<usize>,
) -> Result<Zeroizing<Vec<u8>>, Closed> {
    let crypto = file.crypto.as_ref().ok_or_else(|| damaged("no crypto section"))?;
    let functions = [&crypto.kdf.function, &crypto.checksum.function, &crypto.cipher.function];
    if functions != [KDF, CHECKSUM, CIPHER] || crypto.kdf.params.dklen != KEY_BYTES as u32 {
        return Err(damaged(format!("unknown crypto modules {functions:?}")));
    }
    if checksum(file) != crypto.checksum.message {
        return Err(damaged("its checksum does not hold"));
    }
    let bytes = |text: &str, len: usize| {
        hex::decode(text)
            .ok()
            .filter(|b| b.len() == len)
            .ok_or_else(|| damaged(format!("a field is not {len} bytes of hex")))
    };
    let salt = bytes(&crypto.kdf.params.salt, 32)?;
    let nonce = bytes(&crypto.cipher.params.nonce, 24)?;
    let sealed = hex::decode(&crypto.cipher.message)
        .ok()
        .filter(|b| b.len().checked_sub(TAG_BYTES).is_some_and(|n| lengths.contains(&n)));
    let sealed = sealed.ok_or_else(|| damaged("its content is of another length, or no hex"))?;
    let key = stretch(password, &crypto.kdf.params, &salt).map_err(damaged)?;
    XChaCha20Poly1305::new((&*key).into())
        .decrypt(XNonce::from_slice(&nonce), Payload { msg: &sealed, aad: &associated(&file.pubkey, &file.path) })
        .map(Zeroizing::new)
        .map_err(|_| Closed::WrongPassword)
}

/// The secret of a file of the test backend.
pub(super) fn open_unencrypted(file: &KeyFile) -> Result<SecretKey, Closed> {
    let text = file.secret.as_ref().ok_or_else(|| damaged("neither crypto nor secret in it"))?;
    let seed = hex::decode(text.as_bytes()).map(Zeroizing::new).map_err(|_| damaged("the secret is not hex"))?;
    secret_of(&seed, &file.pubkey).map_err(damaged)
}

/// The public key that a file states.
pub(super) fn public_of(file: &KeyFile) -> Result<PublicKey, String> {
    let bytes = hex::decode(&file.pubkey).ok().and_then(|b| b.try_into().ok());
    bytes.map(PublicKey).ok_or_else(|| "the public key is not 32 bytes of hex".into())
}

pub(super) fn secret_of(seed: &[u8], pubkey: &str) -> Result<SecretKey, &'static str> {
    let mut bytes = Zeroizing::new([0u8; 32]);
    if seed.len() != bytes.len() {
        return Err("the secret is not 32 bytes");
    }
    bytes.copy_from_slice(seed);
    let secret = SecretKey::from_seed(&bytes);
    if hex::encode(secret.public().0) == pubkey { Ok(secret) } else { Err("the secret does not belong to the public key") }
}

fn stretch(password: &Password, params: &KdfParams, salt: &[u8]) -> Result<Zeroizing<[u8; KEY_BYTES]>, String> {
    // KEY-6: scrypt holds n blocks of 128 r bytes, and p more.
    let blocks = params.n.checked_add(u64::from(params.p));
    let memory = blocks.and_then(|n| n.checked_mul(128)).and_then(|m| m.checked_mul(u64::from(params.r)));
    if !params.n.is_power_of_two() || params.p > SCRYPT_P_MAX || memory.is_none_or(|m| m > SCRYPT_BYTES_MAX) {
        return Err(format!("scrypt parameters n={} r={} p={} are out of bounds", params.n, params.r, params.p));
    }
    let checked = scrypt::Params::new(params.n.trailing_zeros() as u8, params.r, params.p, KEY_BYTES)
        .map_err(|_| format!("scrypt does not take n={} r={} p={}", params.n, params.r, params.p))?;
    let mut key = Zeroizing::new([0u8; KEY_BYTES]);
    scrypt::scrypt(password.bytes(), salt, &checked, &mut *key).map_err(|e| e.to_string())?;
    Ok(key)
}

/// KEY-7: what the ciphertext is bound to, so that nobody can hang another key's name on it.
fn associated(pubkey: &str, path: &str) -> Vec<u8> {
    parts(&["leither/keystore/v1", pubkey, path])
}

/// KEY-8: over every public byte that opening depends on; `description` and `uuid` are the owner's to edit.
pub(super) fn checksum(file: &KeyFile) -> String {
    let Some(crypto) = &file.crypto else { return String::new() };
    let (kdf, cipher) = (&crypto.kdf, &crypto.cipher);
    let numbers = format!("{} {} {} {} {}", file.version, kdf.params.dklen, kdf.params.n, kdf.params.r, kdf.params.p);
    let all = parts(&[
        &file.pubkey,
        &file.path,
        &numbers,
        &kdf.function,
        &kdf.params.salt,
        &kdf.message,
        &cipher.function,
        &cipher.params.nonce,
        &cipher.message,
    ]);
    hex::encode(Sha256::digest(all))
}

/// Each part after its length, so that no two lists give the same bytes.
fn parts(list: &[&str]) -> Vec<u8> {
    list.iter().flat_map(|part| (part.len() as u64).to_le_bytes().into_iter().chain(part.bytes())).collect()
}
