//! The golden file `spec/vectors/state-proof.json`: proofs from a leaf to the genesis hash (LEDGER-15, LEDGER-16), as `state_getProof`
//! answers them. The JavaScript module verifies them with nothing but the chain's id.

use leither_conformance::{golden::assert_golden, samples};
use leither_pallets::{mimei, orgs};
use leither_state::{Answer, Holding, LeafProof, Ledger, Question, RecordProof, StateProof, WriteSet};
use leither_types::json::hex_of;
use leither_types::*;
use parity_scale_codec::Encode;
use serde_json::{Value, json};

/// Height of the block whose state is proven.
const HEIGHT: Height = 2;

fn member() -> orgs::Member {
    let roles = orgs::Roles::default().with(orgs::Role::Developer, true).with(orgs::Role::Marketing, true);
    let deposit = Amount::new(40_000);
    orgs::Member { roles, since: 1_767_225_600_500, votes_from: 3, height: 1, tx: samples::hash("admission"), deposit }
}

fn head() -> mimei::Head {
    let version = mimei::Version { number: 4, content: samples::content(), height: 1, time: 1_767_225_600_500 };
    mimei::Head {
        author: samples::account(1),
        app: samples::text("demo"),
        kind: samples::text("file"),
        mark: samples::text("readme"),
        owner: samples::account(1),
        last: Some(version),
        release: Some(3),
        history: samples::hash("history"),
        parent: Some((MimeiId::derive(&samples::account(2), "demo", "file", "first"), 9)),
        referenced: 2,
        height: 1,
        deposit: Amount::new(212_000),
        generation: 2,
    }
}

fn member_key(n: u8) -> Vec<u8> {
    orgs::views::member_key(&samples::org(), &samples::account(n))
}

/// Eight accounts in `mei`, two in the organization's token; a membership, a MiMei's head and other records.
fn state() -> WriteSet {
    let token = TokenId::of_org(&samples::org());
    let mut writes = WriteSet::default();
    for n in 1..=8u8 {
        let free = Amount::new(u128::from(n) * 2_500_000_001);
        let key = if n % 2 == 1 { samples::key(n).public() } else { PublicKey::default() };
        let holding = Holding { free, locked: Amount::new(u128::from(n / 4)), nonce: u64::from(n % 2) * 7, key };
        writes.holdings.insert((TokenId::NATIVE, samples::account(n)), Some(holding));
    }
    for n in [1, 2] {
        let holding = Holding { free: Amount::new(1_000_000), locked: Amount::new(500), ..Holding::default() };
        writes.holdings.insert((token, samples::account(n)), Some(holding));
    }
    writes.records.insert(member_key(2), Some(member().encode()));
    writes.records.insert(mimei::views::head_key(&samples::mimei_id()), Some(head().encode()));
    for n in 0..5u8 {
        writes.records.insert(vec![b'z', b'z', n], Some(vec![n; usize::from(n) * 9]));
    }
    writes
}

/// A holding, a membership, a MiMei's head and a record, each of them there and absent; a token that nobody holds.
fn questions() -> Vec<(&'static str, Question, Value)> {
    let token = TokenId::of_org(&samples::org());
    let nobodys = TokenId([7; 20]);
    let stranger = MimeiId::derive(&samples::account(9), "demo", "file", "none");
    let holding = |token, id: AccountId| (Question::Holding { token, id }, json!({"account": id, "token": token}));
    let record = |key: Vec<u8>, subject: Value| (Question::Record(samples::list(key)), subject);
    let of_member = |n| record(member_key(n), json!({"org": samples::org(), "member": samples::account(n)}));
    let of_mimei = |id: MimeiId| record(mimei::views::head_key(&id), json!({"mimei": id}));
    let of_key = |key: &[u8]| record(key.to_vec(), json!({"record": hex_of(key)}));
    let named = |name, (question, subject)| (name, question, subject);
    vec![
        named("an account", holding(TokenId::NATIVE, samples::account(3))),
        named("a token holding", holding(token, samples::account(2))),
        named("no such account", holding(TokenId::NATIVE, samples::account(9))),
        named("a token that nobody holds", holding(nobodys, samples::account(1))),
        named("a membership", of_member(2)),
        named("no membership", of_member(3)),
        named("a MiMei head", of_mimei(samples::mimei_id())),
        named("no MiMei head", of_mimei(stranger)),
        named("a record", of_key(b"zz\x03")),
        named("an empty record", of_key(b"zz\x00")),
        named("no record", of_key(b"zz\x09")),
    ]
}

fn prove(ledger: &Ledger, writes: &WriteSet, question: &Question) -> StateProof {
    let leaf = match question {
        Question::Holding { token, id } => LeafProof::Holding(ledger.prove_holding(token, id)),
        Question::Record(key) => LeafProof::Record(ledger.prove_record(key, writes.records.get(&key[..]).cloned().flatten())),
    };
    let header = Header { height: HEIGHT, state_root: ledger.root(), ..samples::header() };
    let certificate = samples::certificate(HEIGHT, header.id());
    let genesis = samples::genesis().head;
    StateProof { leaf, header, certificate, validators: genesis.validators.clone(), genesis }
}

/// What the answer says, as the interface writes such things; nothing where there is no leaf.
fn said(subject: &Value, answer: &Answer) -> Value {
    match answer {
        Answer::Holding(held) => {
            json!(held.map(|h| { json!({"free": h.free, "locked": h.locked, "nonce": h.nonce.to_string(), "key": h.key}) }))
        }
        Answer::Record(None) => Value::Null,
        Answer::Record(Some(_)) if subject.get("org").is_some() => json!(member()),
        Answer::Record(Some(_)) if subject.get("mimei").is_some() => json!(head()),
        Answer::Record(Some(bytes)) => json!(hex_of(bytes)),
    }
}

#[test]
fn proofs_up_to_the_genesis_hash_are_frozen() {
    let (writes, chain) = (state(), samples::chain());
    let mut ledger = Ledger::new();
    ledger.apply(&writes).expect("sums are small");
    let row = |(name, question, subject): (&str, Question, Value)| {
        let proof = prove(&ledger, &writes, &question);
        let answer = proof.verify(&chain, &question).expect("an honest proof");
        let value = said(&subject, &answer);
        json!({"name": name, "subject": subject, "value": value, "proof": hex_of(&proof.encode())})
    };
    let proofs: Vec<Value> = questions().into_iter().map(row).collect();
    assert_golden(
        "state-proof",
        &json!({"chain": chain, "height": HEIGHT.to_string(), "state_root": ledger.root(), "proofs": proofs}),
    );
}

/// The file's records are what the state would really hold, so that an absent value is absent and an empty one is not.
#[test]
fn a_record_without_bytes_is_there_and_an_absent_one_is_not() {
    let writes = state();
    let mut ledger = Ledger::new();
    ledger.apply(&writes).expect("sums are small");
    let proof = |key: &[u8], value| RecordProof::verify(&ledger.prove_record(key, value), &ledger.root(), key);
    assert_eq!(proof(b"zz\x00", Some(Vec::new())), Ok(Some(Vec::new())));
    assert_eq!(proof(b"zz\x09", None), Ok(None));
    assert!(proof(b"zz\x00", None).is_err());
}
