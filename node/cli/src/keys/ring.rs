use super::keystore::{self, Closed, KeyFile, ScryptCost, UNENCRYPTED, VERSION};
use super::{KeyError, KeyPath, Password, Words};
use crate::files;
use leither_types::{AccountId, PublicKey, SecretKey};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Keys that one directory is listed for.
pub const KEYS_MAX: usize = 4096;
const FILE_BYTES_MAX: u64 = 64 * 1024;
const DESCRIPTION_BYTES_MAX: usize = 1024;

/// The wallet's keys: one file a key, `<home>/keys/<name>.json`.
pub struct Keyring {
    dir: PathBuf,
    cost: ScryptCost,
}

/// How a new key's file is closed.
#[derive(Clone, Copy)]
pub enum Lock<'a> {
    /// Backend `file`: encrypted.
    Password(&'a Password),
    /// Backend `test`: as it is. The file says so.
    Unencrypted,
}

/// How a key's file is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// Encrypted.
    File,
    /// Not encrypted, for development only.
    Test,
}

/// What is public about a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name here.
    pub name: String,
    /// The account that it opens.
    pub account: AccountId,
    /// The public key.
    pub public: PublicKey,
    /// How it came from its words; empty for an imported seed.
    pub path: String,
    /// The owner's remark.
    pub description: String,
    /// How it is kept.
    pub backend: Backend,
}

/// One file of the directory. A damaged one is listed as such and hides no other.
pub struct Listed {
    /// The key's name.
    pub name: String,
    /// What is public about it, or why that cannot be said.
    pub entry: Result<Entry, KeyError>,
}

impl Keyring {
    /// The keys in `dir`, which is made when the first key is.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into(), cost: ScryptCost::default() }
    }

    /// With another price for guessing passwords: for tests.
    pub fn with_cost(self, cost: ScryptCost) -> Self {
        Self { cost, ..self }
    }

    /// Makes a key from 24 new words, which the caller shows once: no file holds them.
    pub fn create(&self, name: &str, lock: Lock<'_>) -> Result<(Entry, Words), KeyError> {
        let words = Words::generate()?;
        let entry = self.import_words(name, &words, "", KeyPath::wallet(0), lock)?;
        Ok((entry, words))
    }

    /// Takes the key at `path` of somebody's words.
    pub fn import_words(
        &self,
        name: &str,
        words: &Words,
        passphrase: &str,
        path: KeyPath,
        lock: Lock<'_>,
    ) -> Result<Entry, KeyError> {
        self.store(name, &words.key(passphrase, path), &path.to_string(), "", lock)
    }

    /// Takes a key by its seed in hex.
    pub fn import_seed(&self, name: &str, seed: &str, lock: Lock<'_>) -> Result<Entry, KeyError> {
        let digits = seed.trim().trim_start_matches("0x");
        let mut bytes = Zeroizing::new([0u8; 32]);
        hex::decode_to_slice(digits, &mut *bytes).map_err(|_| KeyError::SeedForm)?;
        self.store(name, &SecretKey::from_seed(&bytes), "", "", lock)
    }

    /// Writes a key under a name that must be free.
    pub fn store(
        &self,
        name: &str,
        secret: &SecretKey,
        path: &str,
        description: &str,
        lock: Lock<'_>,
    ) -> Result<Entry, KeyError> {
        let target = self.file_of(name)?;
        if target.exists() {
            return Err(KeyError::Taken(name.into()));
        }
        let description: String = description.chars().filter(|c| !c.is_control()).take(DESCRIPTION_BYTES_MAX / 4).collect();
        let uuid = uuid()?;
        let file = match lock {
            Lock::Password(password) => {
                keystore::seal(secret, password, self.cost, path, &description, uuid).map_err(KeyError::Machine)?
            }
            Lock::Unencrypted => KeyFile {
                crypto: None,
                warning: Some(UNENCRYPTED.into()),
                secret: Some(Zeroizing::new(hex::encode(&Zeroizing::new(secret.seed())[..]))),
                description,
                pubkey: hex::encode(secret.public().0),
                path: path.into(),
                uuid,
                version: VERSION,
            },
        };
        let mut text = Zeroizing::new(serde_json::to_vec_pretty(&file).map_err(|e| KeyError::Machine(e.to_string()))?);
        text.push(b'\n');
        files::private_dir(&self.dir).map_err(io("create", &self.dir))?;
        // KEY-3
        files::create_new(&target, &text, files::SECRET_MODE).map_err(|source| match source.kind() {
            std::io::ErrorKind::AlreadyExists => KeyError::Taken(name.into()),
            _ => KeyError::Io { what: "write", path: target.clone(), source },
        })?;
        entry(name, &target, &file)
    }

    /// What is public about a key.
    pub fn show(&self, name: &str) -> Result<Entry, KeyError> {
        let (path, file) = self.read(name)?;
        entry(name, &path, &file)
    }

    /// KEY-11: all keys by name, at most [`KEYS_MAX`]. Files that are no keys are passed over.
    pub fn list(&self) -> Result<Vec<Listed>, KeyError> {
        let entries = match std::fs::read_dir(&self.dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(io("list", &self.dir)(error)),
        };
        let mut names = Vec::new();
        for file in entries.take(KEYS_MAX * 2) {
            let file = file.map_err(io("list", &self.dir))?.file_name();
            let name = file.to_str().and_then(|f| f.strip_suffix(".json")).filter(|n| is_name(n));
            names.extend(name.map(str::to_string));
        }
        names.sort();
        names.truncate(KEYS_MAX);
        Ok(names.into_iter().map(|name| Listed { entry: self.show(&name), name }).collect())
    }

    /// The secret key. `password` is called only where the file is encrypted.
    pub fn load(&self, name: &str, password: &mut dyn FnMut() -> Result<Password, KeyError>) -> Result<SecretKey, KeyError> {
        let (path, file) = self.read(name)?;
        // KEY-10
        if files::too_open(&path).map_err(io("examine", &path))? != 0 {
            return Err(KeyError::TooOpen { path });
        }
        let opened = if file.crypto.is_some() { keystore::open(&file, &password()?) } else { keystore::open_unencrypted(&file) };
        opened.map_err(|closed| match closed {
            Closed::WrongPassword => KeyError::WrongPassword(name.into()),
            Closed::Damaged(what) => KeyError::Damaged { path, what },
        })
    }

    /// The seed in hex: whoever sees it owns the account.
    pub fn export(
        &self,
        name: &str,
        password: &mut dyn FnMut() -> Result<Password, KeyError>,
    ) -> Result<Zeroizing<String>, KeyError> {
        let seed = Zeroizing::new(self.load(name, password)?.seed());
        Ok(Zeroizing::new(hex::encode(&seed[..])))
    }

    fn file_of(&self, name: &str) -> Result<PathBuf, KeyError> {
        if is_name(name) {
            Ok(self.dir.join(format!("{name}.json")))
        } else {
            Err(KeyError::Name(name.chars().take(64).collect()))
        }
    }

    fn read(&self, name: &str) -> Result<(PathBuf, KeyFile), KeyError> {
        let path = self.file_of(name)?;
        let bytes = match files::read_within(&path, FILE_BYTES_MAX) {
            Ok(bytes) => Zeroizing::new(bytes),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(KeyError::Missing(name.into())),
            Err(error) => return Err(io("read", &path)(error)),
        };
        // The parser's own words could quote a secret, so only the place is told.
        let parsed: Result<KeyFile, _> = serde_json::from_slice(&bytes);
        match parsed {
            Ok(file) if file.version == VERSION => Ok((path, file)),
            Ok(file) => Err(KeyError::Damaged { path, what: format!("version {} is not known here", file.version) }),
            Err(error) => {
                let what = format!("not a key file: line {}, column {}", error.line(), error.column());
                Err(KeyError::Damaged { path, what })
            }
        }
    }
}

/// Whether `name` may name a key.
pub fn is_name(name: &str) -> bool {
    (1..=32).contains(&name.len()) && name.bytes().all(|c| matches!(c, b'a'..=b'z' | b'0'..=b'9' | b'-'))
}

fn entry(name: &str, path: &Path, file: &KeyFile) -> Result<Entry, KeyError> {
    let public = keystore::public_of(file).map_err(|what| KeyError::Damaged { path: path.into(), what })?;
    Ok(Entry {
        name: name.into(),
        account: AccountId::of_key(&public),
        public,
        path: file.path.clone(),
        description: file.description.clone(),
        backend: if file.crypto.is_some() { Backend::File } else { Backend::Test },
    })
}

pub(super) fn io(what: &'static str, path: &Path) -> impl Fn(std::io::Error) -> KeyError {
    let path = path.to_path_buf();
    move |source| KeyError::Io { what, path: path.clone(), source }
}

/// A random UUID (RFC 9562, version 4).
pub(super) fn uuid() -> Result<String, KeyError> {
    let mut bytes = [0u8; 16];
    getrandom::fill(&mut bytes).map_err(|e| KeyError::Machine(format!("no randomness: {e}")))?;
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex = hex::encode(bytes);
    Ok(format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]))
}
