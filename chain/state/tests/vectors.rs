//! The bytes that others rely on: `spec/vectors/ledger-tree.json`, which `tests/oracle/ledger_tree.py` checks from the spec alone.
//!
//! A change here breaks every chain. To write the file anew, on purpose: `cargo test -p leither-state --test vectors -- --ignored`.

use leither_state::{Change, Holding, Key, Ledger, Tree, WriteSet, record_commitment, record_key_hash};
use leither_types::{AccountId, Amount, Hash, PublicKey, TokenId};
use parity_scale_codec::Encode;
use serde_json::{Value, json};
use std::path::PathBuf;

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../spec/vectors/ledger-tree.json")
}

fn hex(bytes: &[u8]) -> String {
    format!("0x{}", ::hex::encode(bytes))
}

/// Bytes that look random and are the same for ever.
fn noise(name: &str, n: u64) -> [u8; 32] {
    *blake3::hash(format!("{name} {n}").as_bytes()).as_bytes()
}

fn tree(name: &str, leaves: &[(Key, Hash, u128)], asked: &[Key]) -> Value {
    let mut tree = Tree::new();
    let batch: Vec<Change> =
        leaves.iter().map(|(key, commitment, sum)| Change { key: *key, to: Some((*commitment, *sum)) }).collect();
    tree.apply(&batch).expect("sums are small");
    let row = |(key, commitment, sum): &(Key, Hash, u128)| json!({"key": hex(key), "commitment": hex(&commitment.0), "sum": sum.to_string()});
    let proof = |key: &Key| json!({"key": hex(key), "present": tree.get(key).is_some(), "proof": hex(&tree.prove(key).encode())});
    json!({
        "name": name,
        "leaves": leaves.iter().map(row).collect::<Vec<_>>(),
        "root": hex(&tree.root().0),
        "sum": tree.sum().to_string(),
        "proofs": asked.iter().map(proof).collect::<Vec<_>>(),
    })
}

fn trees() -> Vec<Value> {
    let key = |n| noise("key", n);
    let leaf = |n: u64| (key(n), Hash(noise("commitment", n)), u128::from(n) * 1_000_000_007);
    let id_key = |n| {
        let mut key = key(n);
        key[20..].fill(0);
        key
    };
    let many: Vec<_> = (0..100).map(leaf).collect();
    let ids: Vec<_> = (0..33).map(|n| (id_key(n), Hash(noise("commitment", n)), 1u128 << n)).collect();
    // All that differ in one bit from a first one: the deepest tree there is.
    let deep: Vec<_> = (0..=256usize)
        .map(|at| {
            let mut key = [0u8; 32];
            if at < 256 {
                key[at / 8] |= 0x80 >> (at % 8);
            }
            (key, Hash(noise("deep", at as u64)), at as u128)
        })
        .collect();
    let big = [(key(1), Hash(noise("commitment", 1)), (1u128 << 96) - 2), (key(2), Hash(noise("commitment", 2)), 1)];
    vec![
        tree("empty", &[], &[key(0)]),
        tree("one leaf", &[leaf(1)], &[key(1), key(2)]),
        tree("two leaves that sum to the limit", &big, &[key(1), key(2), key(3)]),
        tree("a hundred leaves", &many, &[key(0), key(42), key(99), key(100), key(101), [0; 32], [255; 32]]),
        tree("160-bit ids", &ids, &[id_key(5), id_key(50)]),
        tree("the deepest tree", &deep, &[[0; 32], deep[0].0, deep[255].0, [1; 32]]),
    ]
}

fn states() -> Vec<Value> {
    let token = |n: u64| if n == 0 { TokenId::NATIVE } else { TokenId(noise("token", n)[..20].try_into().expect("20 bytes")) };
    let id = |n: u64| AccountId(noise("account", n)[..20].try_into().expect("20 bytes"));
    let mut writes = WriteSet::default();
    for n in 0..24u64 {
        let bound = if n % 3 == 0 { PublicKey::default() } else { PublicKey(noise("public key", n)) };
        let holding = Holding { free: Amount(u128::from(n) << 60), locked: Amount(u128::from(n % 5)), nonce: n + 1, key: bound };
        writes.holdings.insert((token(n % 3), id(n)), Some(holding));
    }
    for n in 0..9u64 {
        writes
            .records
            .insert(noise("record key", n)[..(n as usize * 3)].to_vec(), Some(noise("value", n).repeat(n as usize)));
    }
    let state = |name: &str, writes: &WriteSet| {
        let mut ledger = Ledger::new();
        ledger.apply(writes).expect("sums are small");
        let held = |h: &Holding| {
            let (free, locked) = (h.free.to_string(), h.locked.to_string());
            json!({"free": free, "locked": locked, "nonce": h.nonce.to_string(), "key": hex(&h.key.0)})
        };
        let holding = |((token, id), holding): (&(TokenId, AccountId), &Option<Holding>)| json!({"token": hex(&token.0), "id": hex(&id.0), "holding": holding.as_ref().map(held)});
        let record =
            |(key, value): (&Vec<u8>, &Option<Vec<u8>>)| json!({"key": hex(key), "value": value.as_ref().map(|v| hex(v))});
        let holding_proof = |(token, id): (TokenId, AccountId)| {
            let holding = ledger.holding(&token, &id);
            let proof = hex(&ledger.prove_holding(&token, &id).encode());
            json!({"token": hex(&token.0), "id": hex(&id.0), "holding": holding.as_ref().map(held), "proof": proof})
        };
        let record_proof = |key: Vec<u8>| {
            let value = writes.records.get(&key).cloned().flatten();
            let proof = hex(&ledger.prove_record(&key, value.clone()).encode());
            json!({"key": hex(&key), "value": value.map(|v| hex(&v)), "proof": proof})
        };
        let holding_proofs = [(token(0), id(3)), (token(1), id(4)), (token(1), id(3)), (token(9), id(3))].map(holding_proof);
        let record_proofs = [vec![], noise("record key", 4)[..12].to_vec(), b"absent".to_vec()].map(record_proof);
        json!({
            "name": name,
            "holdings": writes.holdings.iter().map(holding).collect::<Vec<_>>(),
            "records": writes.records.iter().map(record).collect::<Vec<_>>(),
            "supplies": (0..4).map(|n| json!({"token": hex(&token(n).0), "supply": ledger.supply(&token(n)).to_string()})).collect::<Vec<_>>(),
            "root": hex(&ledger.root().0),
            "holding_proofs": holding_proofs,
            "record_proofs": record_proofs,
        })
    };
    vec![state("empty", &WriteSet::default()), state("three tokens and nine records", &writes)]
}

fn vectors() -> Value {
    let tagged = json!({
        "record key": {"key": hex(b"key"), "hash": hex(&record_key_hash(b"key").0)},
        "record value": {"value": hex(b"value"), "hash": hex(&record_commitment(b"value").0)},
    });
    json!({"spec": "spec/ledger-tree.md", "hashes": tagged, "trees": trees(), "states": states()})
}

#[test]
fn the_golden_vectors_are_what_the_code_makes() {
    let golden: Value = serde_json::from_str(&std::fs::read_to_string(path()).expect("the vectors")).expect("JSON");
    assert_eq!(golden, vectors(), "the ledger's bytes changed: every chain would fork");
}

#[test]
#[ignore = "writes the golden file anew"]
fn write_the_golden_vectors() {
    let text = serde_json::to_string_pretty(&vectors()).expect("JSON") + "\n";
    std::fs::create_dir_all(path().parent().expect("a folder")).expect("a folder");
    std::fs::write(path(), text).expect("written");
}
