use super::KeyError;
use bip39::{Language, Mnemonic};
use hmac::{Hmac, Mac};
use leither_types::SecretKey;
use sha2::Sha512;
use std::{fmt, str::FromStr};
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

/// The coin number C of `m/44'/C'/…`: the letters `lth` as a number. Nobody has registered it in SLIP-0044; ours to register once
/// a wallet of others supports it. It can never change: the same words would then give other accounts.
pub const COIN: u32 = 0x006c_7468;

const HARDENED: u32 = 1 << 31;
const BLOCK: usize = 128;

/// What a key is for. The three never share a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Holds tokens and signs transactions.
    Wallet = 0,
    /// Signs votes and proposals, nothing else.
    Consensus = 1,
    /// Names a node to its peers.
    Node = 2,
}

/// KEY-2: `m/44'/C'/account'/role'/index'`: every step hardened, which is all that ed25519 knows (SLIP-0010).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyPath {
    /// A purse of its own.
    pub account: u32,
    /// What for.
    pub role: Role,
    /// The how-manieth.
    pub index: u32,
}

impl KeyPath {
    /// The wallet's key number `index`.
    pub const fn wallet(index: u32) -> Self {
        Self { account: 0, role: Role::Wallet, index }
    }

    fn steps(&self) -> [u32; 5] {
        [44, COIN, self.account, self.role as u32, self.index]
    }
}

impl fmt::Display for KeyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("m")?;
        self.steps().iter().try_for_each(|step| write!(f, "/{step}'"))
    }
}

impl FromStr for KeyPath {
    type Err = KeyError;
    fn from_str(text: &str) -> Result<Self, KeyError> {
        let wrong = || KeyError::Path(text.chars().take(80).collect());
        let prefix = format!("m/44'/{COIN}'/");
        let steps: Vec<u32> = text
            .strip_prefix(&prefix)
            .ok_or_else(wrong)?
            .split('/')
            .map(|step| step.strip_suffix('\'').and_then(|n| n.parse().ok()).filter(|n| *n < HARDENED).ok_or_else(wrong))
            .collect::<Result<_, _>>()?;
        let [account, role, index] = steps[..] else { return Err(wrong()) };
        let role = [Role::Wallet, Role::Consensus, Role::Node].into_iter().find(|r| *r as u32 == role).ok_or_else(wrong)?;
        let path = Self { account, role, index };
        if path.to_string() == text { Ok(path) } else { Err(wrong()) }
    }
}

/// SLIP-0010 for ed25519: the 32-byte seed of the key at `steps`, each taken as hardened, and its chain code.
pub(super) fn slip10(seed: &[u8], steps: &[u32]) -> (Zeroizing<[u8; 32]>, Zeroizing<[u8; 32]>) {
    let (mut key, mut chain) = split(b"ed25519 seed", &[seed]);
    for step in steps {
        (key, chain) = split(&*chain, &[&[0], &*key, &(step | HARDENED).to_be_bytes()]);
    }
    (key, chain)
}

/// HMAC-SHA512 cut in two. Keys here are shorter than a block, and HMAC pads those with zeros.
fn split(key: &[u8], parts: &[&[u8]]) -> (Zeroizing<[u8; 32]>, Zeroizing<[u8; 32]>) {
    let mut block = Zeroizing::new([0u8; BLOCK]);
    block.iter_mut().zip(key).for_each(|(slot, byte)| *slot = *byte);
    let mut mac = <Hmac<Sha512> as hmac::digest::KeyInit>::new((&*block).into());
    parts.iter().for_each(|part| mac.update(part));
    let mut whole = Zeroizing::new([0u8; 64]);
    whole.copy_from_slice(&mac.finalize().into_bytes());
    let (mut left, mut right) = (Zeroizing::new([0u8; 32]), Zeroizing::new([0u8; 32]));
    left.copy_from_slice(&whole[..32]);
    right.copy_from_slice(&whole[32..]);
    (left, right)
}

/// KEY-1: 24 English words of BIP-39 (12 are accepted): all that a wallet's owner has to keep. Wiped from memory when dropped.
pub struct Words(Mnemonic);

impl Words {
    /// 24 new words, from 256 bits of the machine's randomness.
    pub fn generate() -> Result<Self, KeyError> {
        let mut entropy = Zeroizing::new([0u8; 32]);
        getrandom::fill(&mut *entropy).map_err(|e| KeyError::Machine(format!("no randomness: {e}")))?;
        Self::of_entropy(&*entropy)
    }

    /// The words of these bits.
    pub fn of_entropy(entropy: &[u8]) -> Result<Self, KeyError> {
        Mnemonic::from_entropy_in(Language::English, entropy).map(Self).map_err(|e| KeyError::Words(e.to_string()))
    }

    /// Reads words as people type them: any case, any space. The mistake is named by position, never by the word.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        if text.len() > 1024 {
            return Err(KeyError::Words("too long".into()));
        }
        let plain = Zeroizing::new(text.nfkd().collect::<String>().to_lowercase());
        let count = plain.split_whitespace().count();
        if count != 24 && count != 12 {
            return Err(KeyError::Words(format!("{count} words, expected 24 (or 12)")));
        }
        Mnemonic::parse_in_normalized(Language::English, &plain).map(Self).map_err(|error| {
            KeyError::Words(match error {
                bip39::Error::UnknownWord(at) => format!("word {} is not in the English list of BIP-39", at.saturating_add(1)),
                bip39::Error::InvalidChecksum => "the checksum is wrong: a word is wrong, or two are swapped".into(),
                other => other.to_string(),
            })
        })
    }

    /// The words, with single spaces.
    pub fn phrase(&self) -> Zeroizing<String> {
        Zeroizing::new(self.0.words().collect::<Vec<_>>().join(" "))
    }

    /// The key at `path`. `passphrase` is BIP-39's "25th word", mostly empty.
    pub fn key(&self, passphrase: &str, path: KeyPath) -> SecretKey {
        let seed = Zeroizing::new(self.0.to_seed(passphrase));
        SecretKey::from_seed(&slip10(&*seed, &path.steps()).0)
    }

    /// The 64-byte seed of BIP-39.
    #[cfg(test)]
    pub(super) fn seed(&self, passphrase: &str) -> [u8; 64] {
        self.0.to_seed(passphrase)
    }
}
