//! Readers that live in crates of the node: of key files, words, content ids, and of what strangers send. Those crates bring RocksDB or
//! libp2p, which a sanitizer would have to compile, too; the readers themselves do not, so their very sources are compiled here once more.
//!
//! Each target takes any bytes and must come back, whatever they are.

pub mod bitswap;
#[path = "../../../node/services/storage/src/content/id.rs"]
pub mod content;
#[path = "../../../node/cli/src/files.rs"]
pub mod files;
#[path = "../../../node/services/gateway/src/core/mod.rs"]
pub mod gateway;
#[allow(dead_code)]
#[path = "../../../node/engine/src/guard_files.rs"]
mod guard_files;
#[path = "../../../node/cli/src/keys/mod.rs"]
pub mod keys;
pub mod nodes;
pub mod routing;
#[allow(dead_code)]
#[path = "../../../node/engine/src/sign_state.rs"]
mod sign_state;
pub mod urls;
#[allow(dead_code, unused_imports)]
#[path = "../../../node/bitswap/src/wire/mod.rs"]
pub mod wire;

// What the keys name by its crate.
extern crate self as leither_engine;
pub use sign_state::GuardRecord;

use cid::Cid;
use keys::{Backend, KeyPath, Keyring, Password, Purpose, Words, load_node_key};
use leither_types::{Blob, ContentId};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::LazyLock;

/// Of this process alone, in the directory that run.sh removes.
static DIR: LazyLock<PathBuf> = LazyLock::new(|| {
    let dir = std::env::temp_dir().join(format!("leither-fuzz-{}", std::process::id()));
    std::fs::create_dir_all(&dir).expect("a temporary directory");
    dir
});

fn put(name: &str, bytes: &[u8]) -> PathBuf {
    let path = DIR.join(name);
    let file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path);
    file.and_then(|mut file| file.write_all(bytes)).expect("the temporary directory takes a file");
    path
}

/// A wallet's key file, as it is and with its checksum put right: else nothing behind that would ever be reached.
pub fn keystore(bytes: &[u8]) {
    open(bytes);
    if let Some(repaired) = repaired(bytes) {
        open(&repaired);
    }
}

fn open(bytes: &[u8]) {
    put("key.json", bytes);
    let ring = Keyring::new(DIR.as_path());
    let shown = ring.show("key");
    let listed = ring.list().expect("a directory can be listed");
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].entry.is_ok(), shown.is_ok());
    let mut asked = false;
    let opened = ring.load("key", &mut || {
        asked = true;
        Password::new("p")
    });
    if let Ok(secret) = opened {
        let entry = shown.expect("what can be opened can be shown");
        assert_eq!(entry.public, secret.public());
        assert_eq!(asked, entry.backend == Backend::File);
    }
}

/// KEY-8 from its words in spec/keys.md. What scrypt is asked to spend is made small, so that a second is worth thousands of files.
fn repaired(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut file: Value = serde_json::from_slice(bytes).ok()?;
    let params = file.get_mut("crypto")?.get_mut("kdf")?.get_mut("params")?.as_object_mut()?;
    let small = |value: Option<&Value>, most: u64| value.and_then(Value::as_u64).filter(|n| *n <= most);
    for (name, most, instead) in [("n", 16, 16), ("r", 8, 8), ("p", 2, 1)] {
        let value = small(params.get(name), most).unwrap_or(instead);
        params.insert(name.into(), value.into());
    }
    let crypto = file.get("crypto")?;
    let (kdf, cipher) = (crypto.get("kdf")?, crypto.get("cipher")?);
    let number = |name: &str| Some(kdf.get("params")?.get(name)?.as_u64()?.to_string());
    let numbers =
        [file.get("version")?.as_u64()?.to_string(), number("dklen")?, number("n")?, number("r")?, number("p")?].join(" ");
    let parts = [
        file.get("pubkey")?.as_str()?,
        file.get("path")?.as_str()?,
        &numbers,
        kdf.get("function")?.as_str()?,
        kdf.get("params")?.get("salt")?.as_str()?,
        kdf.get("message")?.as_str()?,
        cipher.get("function")?.as_str()?,
        cipher.get("params")?.get("nonce")?.as_str()?,
        cipher.get("message")?.as_str()?,
    ];
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    let sum = hex::encode(hash.finalize());
    file.get_mut("crypto")?.get_mut("checksum")?.as_object_mut()?.insert("message".into(), sum.into());
    serde_json::to_vec(&file).ok()
}

/// A node's own key file: of one purpose at most.
pub fn node_key(bytes: &[u8]) {
    let path = put("node_key", bytes);
    let opened = [Purpose::Consensus, Purpose::Node].map(|purpose| load_node_key(&path, purpose).is_ok());
    assert_ne!(opened, [true, true]);
}

/// What people type: words, paths, passwords, names.
pub fn words(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(words) = Words::parse(text) {
        let again = Words::parse(&words.phrase()).expect("its own text");
        assert_eq!(*again.phrase(), *words.phrase());
    }
    if let Ok(path) = text.parse::<KeyPath>() {
        assert_eq!(path.to_string(), text);
    }
    let _password = Password::new(text).is_ok();
    if keys::is_name(text) {
        assert!(!text.contains(['/', '.', '\\']));
    }
}

/// A content id as somebody recorded it on the chain.
pub fn cids(bytes: &[u8]) {
    let Some(blob) = Blob::new(bytes.to_vec()) else { return };
    let id = ContentId(blob);
    let Some(cid) = content::cid_of(&id) else { return };
    assert_eq!(content::content_id(&cid), Some(id), "two forms of one id");
    assert_eq!(Cid::try_from(cid.to_string()).expect("its own text"), cid);
}
