use super::derive::slip10;
use super::*;
use leither_types::AccountId;
use proptest::prelude::*;
use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use tempfile::TempDir;

const VECTORS: &str = include_str!("../../../../spec/vectors/keys.json");
/// A thousandth of the real price: these tests are about files, not about guessing.
const CHEAP: ScryptCost = ScryptCost { log_n: 4, r: 8, p: 1 };

fn vectors() -> Value {
    serde_json::from_str(VECTORS).unwrap()
}

fn ring() -> (TempDir, Keyring) {
    let dir = tempfile::tempdir().unwrap();
    let ring = Keyring::new(dir.path().join("keys")).with_cost(CHEAP);
    (dir, ring)
}

fn password(text: &str) -> Password {
    Password::new(text).unwrap()
}

fn load(ring: &Keyring, name: &str, text: &str) -> Result<leither_types::SecretKey, KeyError> {
    ring.load(name, &mut || Password::new(text))
}

fn edit(path: &Path, change: impl FnOnce(&mut Value)) {
    let mut file: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    change(&mut file);
    fs::write(path, serde_json::to_vec(&file).unwrap()).unwrap();
}

// KEY-1
#[test]
fn words_follow_bip_39() {
    for vector in vectors()["bip39"].as_array().unwrap() {
        let text = vector["words"].as_str().unwrap();
        let words = Words::of_entropy(&hex::decode(vector["entropy"].as_str().unwrap()).unwrap()).unwrap();
        assert_eq!(words.phrase().as_str(), text);
        assert_eq!(hex::encode(words.seed("TREZOR")), vector["seed"].as_str().unwrap());
        assert_eq!(hex::encode(Words::parse(text).unwrap().seed("TREZOR")), vector["seed"].as_str().unwrap());
    }
}

// KEY-2
#[test]
fn derivation_follows_slip_0010() {
    let document = vectors();
    let list = document["slip0010"].as_array().unwrap();
    assert_eq!(list.len(), 12);
    for vector in list {
        let seed = hex::decode(vector["seed"].as_str().unwrap()).unwrap();
        let steps: Vec<u32> = vector["steps"].as_array().unwrap().iter().map(|s| s.as_u64().unwrap() as u32).collect();
        let (key, chain) = slip10(&seed, &steps);
        assert_eq!(hex::encode(*key), vector["secret"].as_str().unwrap(), "{steps:?}");
        assert_eq!(hex::encode(*chain), vector["chain"].as_str().unwrap(), "{steps:?}");
    }
}

// KEY-13
#[test]
fn the_dev_keys_are_those_that_other_tools_derive() {
    let document = vectors();
    let dev = &document["dev"];
    assert_eq!(dev["words"], DEV_WORDS);
    let words = Words::parse(DEV_WORDS).unwrap();
    for key in dev["keys"].as_array().unwrap() {
        let path: KeyPath = key["path"].as_str().unwrap().parse().unwrap();
        let secret = words.key("", path);
        assert_eq!(hex::encode(secret.seed()), key["secret"].as_str().unwrap(), "{path}");
        assert_eq!(hex::encode(secret.public().0), key["public"].as_str().unwrap(), "{path}");
        assert_eq!(dev_key(path.role, path.index).unwrap().public(), secret.public());
        if let Some(name) = key["name"].as_str() {
            assert_eq!(dev_account(name).unwrap().public(), secret.public());
            assert_eq!(dev_name(&AccountId::of_key(&secret.public())), Some(name));
        }
    }
    assert!(dev_account("mallory").is_none());
    assert_eq!(dev_name(&AccountId::default()), None);
}

// KEY-1
#[test]
fn words_are_read_as_people_type_them_and_mistakes_are_placed() {
    let words = Words::parse(&format!("  {}\n", DEV_WORDS.to_uppercase().replace(' ', "\t "))).unwrap();
    assert_eq!(words.phrase().as_str(), DEV_WORDS);
    let said = |text: &str| Words::parse(text).err().unwrap().to_string();
    assert!(said("test test").contains("2 words, expected 24"));
    assert!(said(&DEV_WORDS.replacen("test", "tset", 1)).contains("word 1 is not in"));
    assert!(!said(&DEV_WORDS.replacen("test", "tset", 1)).contains("tset"), "a message repeats no word");
    assert!(said(&DEV_WORDS.replace("ladder", "test")).contains("checksum"));
    assert!(said(&"x".repeat(1025)).contains("too long"));
    let (one, two) = (Words::generate().unwrap(), Words::generate().unwrap());
    assert_eq!(one.phrase().split(' ').count(), 24);
    assert_ne!(*one.phrase(), *two.phrase());
}

// KEY-2
#[test]
fn a_path_has_one_form() {
    let path = KeyPath { account: 3, role: Role::Node, index: 7 };
    assert_eq!(path.to_string(), "m/44'/7107688'/3'/2'/7'");
    assert_eq!(path.to_string().parse::<KeyPath>().unwrap(), path);
    for bad in [
        "",
        "m",
        "m/44'/7107688'/3'/2'",
        "m/44'/7107688'/3'/3'/7'",
        "m/44'/7107688'/3/2'/7'",
        "m/44'/60'/3'/2'/7'",
        "m/44'/7107688'/3'/2'/7'/0'",
        "m/44'/7107688'/03'/2'/7'",
        "m/44'/7107688'/+3'/2'/7'",
        "m/44'/7107688'/2147483648'/2'/7'",
    ] {
        assert!(matches!(bad.parse::<KeyPath>(), Err(KeyError::Path(_))), "{bad}");
    }
}

// KEY-4
#[test]
fn a_password_is_normalised_as_erc_2335_says() {
    let erc = Password::new("𝔱𝔢𝔰𝔱𝔭𝔞𝔰𝔰𝔴𝔬𝔯𝔡🔑").unwrap();
    assert_eq!(hex::encode(erc.bytes()), "7465737470617373776f7264f09f9491");
    assert_eq!(password("Å\u{7f}\u{0}\u{85}b\n").bytes(), "A\u{30a}b".as_bytes());
    assert!(matches!(Password::new("\u{1}\n"), Err(KeyError::Password("it is empty"))));
    assert!(matches!(Password::new(&"x".repeat(1025)), Err(KeyError::Password(_))));
}

// KEY-4
#[test]
fn a_password_file_goes_before_the_variable() {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), "from file\nsecond line\n").unwrap();
    let variable = || Some(zeroize::Zeroizing::new("from variable".to_string()));
    let both = PasswordSource { file: Some(file.path().into()), variable: variable() };
    assert_eq!(both.ask("alice", true).unwrap().bytes(), b"from file");
    assert_eq!(PasswordSource { file: None, variable: variable() }.ask("alice", false).unwrap().bytes(), b"from variable");
    let gone = PasswordSource { file: Some("/nowhere".into()), variable: variable() };
    assert!(matches!(gone.ask("alice", false), Err(KeyError::Io { what: "read", .. })));
}

// KEY-3, KEY-14
#[test]
fn a_key_survives_its_file_and_the_file_is_its_owners_alone() {
    let (dir, ring) = ring();
    let (made, words) = ring.create("alice", Lock::Password(&password("correct horse"))).unwrap();
    assert_eq!(made.backend, Backend::File);
    let secret = load(&ring, "alice", "correct horse").unwrap();
    assert_eq!(AccountId::of_key(&secret.public()), made.account);
    assert_eq!(words.key("", KeyPath::wallet(0)).public(), secret.public());
    assert_eq!(ring.show("alice").unwrap(), made);
    assert_eq!(made.path, "m/44'/7107688'/0'/0'/0'");
    let path = dir.path().join("keys/alice.json");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(dir.path().join("keys")).unwrap().permissions().mode() & 0o777, 0o700);
    let text = fs::read_to_string(&path).unwrap();
    assert!(!text.contains(&hex::encode(secret.seed())) && !text.contains(words.phrase().as_str()));
    assert_eq!(fs::read_dir(dir.path().join("keys")).unwrap().count(), 1, "no spare file is left");
    assert_eq!(*ring.export("alice", &mut || Ok(password("correct horse"))).unwrap(), hex::encode(secret.seed()));
}

// KEY-5, KEY-6, KEY-7
#[test]
fn the_file_has_the_shape_of_erc_2335() {
    let dir = tempfile::tempdir().unwrap();
    let ring = Keyring::new(dir.path().join("keys"));
    let (made, _) = ring.create("alice", Lock::Password(&password("p"))).unwrap();
    assert_eq!(load(&ring, "alice", "p").unwrap().public(), made.public, "at the real price");
    let file: Value = serde_json::from_slice(&fs::read(dir.path().join("keys/alice.json")).unwrap()).unwrap();
    let mut keys: Vec<_> = file.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    assert_eq!(keys, ["crypto", "description", "path", "pubkey", "uuid", "version"]);
    for (module, function) in [("kdf", "scrypt"), ("checksum", "sha256"), ("cipher", "xchacha20-poly1305")] {
        assert_eq!(file["crypto"][module]["function"], function);
        assert!(file["crypto"][module]["params"].is_object() && file["crypto"][module]["message"].is_string());
    }
    let cost = &file["crypto"]["kdf"]["params"];
    assert_eq!((&cost["n"], &cost["r"], &cost["p"]), (&131_072.into(), &8.into(), &1.into()));
    assert_eq!(file["uuid"].as_str().unwrap().len(), 36);
}

// KEY-8
#[test]
fn a_wrong_password_and_a_damaged_file_say_different_things() {
    let (dir, ring) = ring();
    ring.create("alice", Lock::Password(&password("right"))).unwrap();
    let path = dir.path().join("keys/alice.json");
    let whole = fs::read(&path).unwrap();
    assert!(matches!(load(&ring, "alice", "wrong"), Err(KeyError::WrongPassword(_))));
    let flip = |text: &Value| {
        let mut text = text.as_str().unwrap().to_string();
        let last = text.pop().unwrap();
        text.push(if last == '0' { '1' } else { '0' });
        Value::from(text)
    };
    let damages: [&dyn Fn(&mut Value); 9] = [
        &|f| f["crypto"]["cipher"]["message"] = flip(&f["crypto"]["cipher"]["message"]),
        &|f| f["crypto"]["cipher"]["params"]["nonce"] = flip(&f["crypto"]["cipher"]["params"]["nonce"]),
        &|f| f["crypto"]["kdf"]["params"]["salt"] = flip(&f["crypto"]["kdf"]["params"]["salt"]),
        &|f| f["crypto"]["checksum"]["message"] = flip(&f["crypto"]["checksum"]["message"]),
        &|f| f["crypto"]["kdf"]["params"]["n"] = 32.into(),
        &|f| f["crypto"]["kdf"]["function"] = "pbkdf2".into(),
        &|f| f["pubkey"] = flip(&f["pubkey"]),
        &|f| f["path"] = "m".into(),
        &|f| f["version"] = 9.into(),
    ];
    for (n, damage) in damages.iter().enumerate() {
        fs::write(&path, &whole).unwrap();
        edit(&path, damage);
        let error = load(&ring, "alice", "right").unwrap_err();
        assert!(matches!(error, KeyError::Damaged { .. }), "damage {n}: {error}");
    }
    for cut in [0, 1, whole.len() / 2, whole.len() - 2] {
        fs::write(&path, &whole[..cut]).unwrap();
        assert!(matches!(load(&ring, "alice", "right"), Err(KeyError::Damaged { .. })), "cut at {cut}");
    }
    // What the owner may edit does no harm.
    fs::write(&path, &whole).unwrap();
    edit(&path, |f| f["description"] = "my savings".into());
    assert!(load(&ring, "alice", "right").is_ok());
    assert_eq!(ring.show("alice").unwrap().description, "my savings");
}

// KEY-6
#[test]
fn a_file_that_asks_for_all_memory_is_refused() {
    let (dir, ring) = ring();
    let secret = dev_account("alice").unwrap();
    let dear = Keyring::new(dir.path()).with_cost(ScryptCost { log_n: 40, r: 8, p: 1 });
    assert!(matches!(dear.store("x", &secret, "", "", Lock::Password(&password("p"))), Err(KeyError::Machine(_))));
    // Nor does one who writes the checksum too make a reader do so.
    let kept = Keyring::new(dir.path()).with_cost(CHEAP);
    kept.store("y", &secret, "", "", Lock::Password(&password("p"))).unwrap();
    let path = dir.path().join("y.json");
    let mut file: super::keystore::KeyFile = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    for (n, r, p) in
        [(1 << 40, 8, 1), (1 << 20, 9, 1), (16, u32::MAX, 1), (16, 8, 17), (15, 8, 1), (0, 8, 1), (16, 0, 1), (16, 8, 0)]
    {
        let crypto = file.crypto.as_mut().unwrap();
        (crypto.kdf.params.n, crypto.kdf.params.r, crypto.kdf.params.p) = (n, r, p);
        let sum = super::keystore::checksum(&file);
        file.crypto.as_mut().unwrap().checksum.message = sum;
        fs::write(&path, serde_json::to_vec(&file).unwrap()).unwrap();
        assert!(matches!(load(&kept, "y", "p"), Err(KeyError::Damaged { .. })), "{n} {r} {p}");
    }
    fs::remove_file(path).unwrap();
    let odd = Keyring::new(dir.path()).with_cost(ScryptCost { log_n: 4, r: 8, p: 17 });
    assert!(matches!(odd.store("x", &secret, "", "", Lock::Password(&password("p"))), Err(KeyError::Machine(_))));
    assert!(ring.list().unwrap().is_empty());
}

// KEY-3
#[test]
fn a_name_is_never_taken_twice_and_never_leaves_the_directory() {
    let (_dir, ring) = ring();
    ring.import_seed("alice", &"11".repeat(32), Lock::Unencrypted).unwrap();
    assert!(matches!(ring.import_seed("alice", &"22".repeat(32), Lock::Unencrypted), Err(KeyError::Taken(_))));
    assert_eq!(load(&ring, "alice", "").unwrap().seed(), [0x11; 32]);
    for bad in ["", "Alice", "a/b", "..", ".a", "a.b", "ä", "a b", &"a".repeat(33)] {
        assert!(matches!(ring.import_seed(bad, &"11".repeat(32), Lock::Unencrypted), Err(KeyError::Name(_))), "{bad}");
        assert!(matches!(ring.show(bad), Err(KeyError::Name(_))), "{bad}");
    }
    assert!(ring.import_seed(&"a".repeat(32), &"11".repeat(32), Lock::Unencrypted).is_ok());
    assert!(matches!(ring.show("bob"), Err(KeyError::Missing(_))));
}

// KEY-9
#[test]
fn a_test_key_needs_no_password_and_its_file_says_what_it_is() {
    let (dir, ring) = ring();
    let made = ring
        .import_words("bob", &Words::parse(DEV_WORDS).unwrap(), "", KeyPath::wallet(1), Lock::Unencrypted)
        .unwrap();
    assert_eq!(made.backend, Backend::Test);
    let secret = ring.load("bob", &mut || panic!("it must not ask")).unwrap();
    assert_eq!(secret.public(), dev_account("bob").unwrap().public());
    let text = fs::read_to_string(dir.path().join("keys/bob.json")).unwrap();
    assert!(text.contains("NOT ENCRYPTED, for development only"));
    edit(&dir.path().join("keys/bob.json"), |f| f["secret"] = "22".repeat(32).into());
    assert!(matches!(load(&ring, "bob", ""), Err(KeyError::Damaged { .. })));
}

#[test]
fn a_passphrase_makes_other_keys_of_the_same_words() {
    let words = Words::parse(DEV_WORDS).unwrap();
    assert_ne!(words.key("", KeyPath::wallet(0)).public(), words.key("x", KeyPath::wallet(0)).public());
}

// KEY-3
#[test]
fn an_imported_seed_is_64_hex_digits() {
    let (_dir, ring) = ring();
    for bad in ["", "11", "0x", &"1".repeat(63), &"g".repeat(64), &"11".repeat(33)] {
        assert!(matches!(ring.import_seed("x", bad, Lock::Unencrypted), Err(KeyError::SeedForm)), "{bad}");
    }
    ring.import_seed("x", &format!(" 0x{}\n", "aB".repeat(32)), Lock::Unencrypted).unwrap();
    assert_eq!(*ring.export("x", &mut || panic!("it must not ask")).unwrap(), "ab".repeat(32));
}

// KEY-11
#[test]
fn a_list_names_every_key_and_one_damaged_file_hides_no_other() {
    let (dir, ring) = ring();
    assert!(ring.list().unwrap().is_empty(), "a directory that is not there holds no keys");
    for name in ["carol", "alice", "bob"] {
        ring.import_seed(name, &"11".repeat(32), Lock::Unencrypted).unwrap();
    }
    fs::write(dir.path().join("keys/bob.json"), "{").unwrap();
    fs::write(dir.path().join("keys/notes.txt"), "").unwrap();
    fs::write(dir.path().join("keys/.x.json"), "").unwrap();
    let list = ring.list().unwrap();
    assert_eq!(list.iter().map(|l| l.name.as_str()).collect::<Vec<_>>(), ["alice", "bob", "carol"]);
    assert_eq!(list.iter().map(|l| l.entry.is_ok()).collect::<Vec<_>>(), [true, false, true]);
}

// KEY-10
#[test]
fn a_key_that_others_may_read_is_refused() {
    let (dir, ring) = ring();
    ring.import_seed("alice", &"11".repeat(32), Lock::Unencrypted).unwrap();
    let path = dir.path().join("keys/alice.json");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    assert!(load(&ring, "alice", "").unwrap_err().to_string().contains("chmod 600"));
}

// KEY-12
#[test]
fn a_nodes_own_keys_survive_their_files_and_are_not_mixed_up() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("validator/consensus_key.json");
    assert!(matches!(load_node_key(&path, Purpose::Consensus), Err(KeyError::NoFile { .. })));
    let made = create_node_key(&path, Purpose::Consensus).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(load_node_key(&path, Purpose::Consensus).unwrap().public(), made.public());
    assert!(matches!(load_node_key(&path, Purpose::Node), Err(KeyError::Purpose { .. })));
    assert!(
        matches!(create_node_key(&path, Purpose::Consensus), Err(KeyError::Io { what: "write", .. })),
        "never overwritten"
    );
    assert_eq!(load_node_key(&path, Purpose::Consensus).unwrap().public(), made.public());
    edit(&path, |f| f["secret"] = "22".repeat(32).into());
    assert!(load_node_key(&path, Purpose::Consensus).unwrap_err().to_string().contains("does not belong"));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    assert!(matches!(load_node_key(&path, Purpose::Consensus), Err(KeyError::TooOpen { .. })));
    let derived = dir.path().join("config/node_key");
    write_node_key(&derived, Purpose::Node, &dev_key(Role::Node, 0).unwrap()).unwrap();
    assert_eq!(load_node_key(&derived, Purpose::Node).unwrap().public(), dev_key(Role::Node, 0).unwrap().public());
}

#[test]
fn key_15_a_bundle_brings_the_key_and_what_it_signed_and_is_no_wallet_key() {
    let (dir, ring) = ring();
    let secret = leither_types::SecretKey::from_seed(&[5; 32]);
    let me = leither_types::ValidatorId::of_key(&secret.public()).to_string();
    leither_engine::SignState::create(dir.path(), &me).unwrap();
    let guards = leither_engine::guard_files::leave(dir.path()).unwrap();
    let file = dir.path().join("bundle.json");
    let write = |guards: Vec<leither_engine::GuardRecord>, file: &Path| {
        Bundle { secret: secret.clone(), guards }.write(file, &password("way"), CHEAP)
    };
    write(guards.clone(), &file).unwrap();
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(write(guards.clone(), &file).is_err(), "nothing is written over");
    let read = |file: &Path, text: &str| Bundle::read(file, &mut || Password::new(text));
    let opened = read(&file, "way").unwrap();
    assert_eq!((opened.secret.seed(), opened.guards), ([5; 32], guards.clone()));
    assert!(matches!(read(&file, "other"), Err(KeyError::WrongPassword(_))));
    let text = fs::read_to_string(&file).unwrap();
    assert!(!text.contains(&hex::encode([5u8; 32])) && !text.contains(&me), "the content is closed");
    // Neither is the other.
    fs::create_dir_all(dir.path().join("keys")).unwrap();
    fs::copy(&file, dir.path().join("keys/b.json")).unwrap();
    assert!(matches!(load(&ring, "b", "way"), Err(KeyError::Damaged { .. })));
    ring.import_seed("k", &hex::encode([5u8; 32]), Lock::Password(&password("way"))).unwrap();
    assert!(matches!(read(&dir.path().join("keys/k.json"), "way"), Err(KeyError::Damaged { .. })));
    for field in ["pubkey", "path"] {
        let bad = dir.path().join(field);
        fs::copy(&file, &bad).unwrap();
        edit(&bad, |value| value[field] = hex::encode([6u8; 32]).into());
        assert!(matches!(read(&bad, "way"), Err(KeyError::Damaged { .. })), "{field}");
    }
    let empty = dir.path().join("empty");
    write(Vec::new(), &empty).unwrap();
    assert!(matches!(read(&empty, "way"), Err(KeyError::Damaged { .. })), "without what it signed it is none");
}

proptest! {
    #[test]
    fn any_seed_under_any_password_comes_back(seed in any::<[u8; 32]>(), text in "\\PC{1,40}", other in "\\PC{1,40}") {
        let (_dir, ring) = ring();
        let (Ok(right), Ok(wrong)) = (Password::new(&text), Password::new(&other)) else { return Ok(()) };
        ring.import_seed("k", &hex::encode(seed), Lock::Password(&right)).unwrap();
        prop_assert_eq!(load(&ring, "k", &text).unwrap().seed(), seed);
        if right.bytes() != wrong.bytes() {
            prop_assert!(matches!(load(&ring, "k", &other), Err(KeyError::WrongPassword(_))));
        }
    }

    #[test]
    fn any_bytes_in_a_key_file_are_an_error_and_no_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let (dir, ring) = ring();
        fs::create_dir(dir.path().join("keys")).unwrap();
        let path = dir.path().join("keys/k.json");
        fs::write(&path, &bytes).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        prop_assert!(load(&ring, "k", "p").is_err());
        prop_assert!(load_node_key(&path, Purpose::Node).is_err());
    }
}
