//! The golden file `spec/vectors/state-proof.json`: proofs from a leaf to the genesis hash (LEDGER-15, LEDGER-16), as `state_getProof`
//! answers them: with the set of genesis, over two handovers, and from the first of these as a block that is trusted (LEDGER-17). The
//! JavaScript module verifies them with nothing but the chain's id, or that block.

use leither_conformance::{golden::assert_golden, samples};
use leither_pallets::{mimei, orgs};
use leither_state::{Answer, Holding, LeafProof, Ledger, Question, RecordProof, StateProof, WriteSet};
use leither_types::json::hex_of;
use leither_types::*;
use parity_scale_codec::Encode;
use serde_json::{Value, json};

/// Height of the block whose state is proven.
const HEIGHT: Height = 2;
/// Sample keys of the genesis set and of those that come after it, the greatest power first.
const SETS: [&[u8]; 3] = [&[101, 102, 103, 104], &[105, 101, 102], &[106, 105, 107, 108]];
/// Heights of the blocks in which each set hands over to the next one.
const HANDOVERS: [Height; 2] = [3, 5];
/// Height of a block on which the last set votes.
const LATER: Height = 9;

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
        mask: mimei::Mask(0x0007_0001_0000),
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
    StateProof { leaf, header, certificate, validators: genesis.validators.clone(), genesis, handovers: List::default() }
}

/// The set of these sample keys: the last one has power 1, each before it one more.
fn set_of(keys: &[u8]) -> ValidatorSet {
    let one = |(power, n): (u64, &u8)| Validator { key: samples::key(*n).public(), power, operator: samples::account(*n) };
    ValidatorSet::new((1..).zip(keys.iter().rev()).map(one).collect()).expect("a few fit validators")
}

/// The certificate of this header by all of these keys but the last.
fn certify(header: &Header, keys: &[u8]) -> Certificate {
    let (height, block) = (header.height, header.id());
    let sign = |n: &u8| {
        let key = samples::key(*n);
        let validator = ValidatorId::of_key(&key.public());
        let vote = Vote { kind: VoteKind::Precommit, height, round: 0, block: Some(block), validator };
        CommitSig { validator, signature: key.sign(&vote.sign_bytes(&samples::chain())) }
    };
    let mut signatures: Vec<_> = keys.iter().take(keys.len() - 1).map(sign).collect();
    signatures.sort();
    Certificate { height, round: 0, block, signatures: samples::list(signatures) }
}

/// The same state, proven from a later block, on which others vote than at genesis.
fn prove_later(proof: StateProof) -> StateProof {
    let genesis = samples::validators();
    let sets = [genesis, set_of(SETS[1]), set_of(SETS[2])];
    let turn = |n: usize| {
        let (validators, next_validators) = (sets[n].hash(), sets[n + 1].hash());
        let header = Header { height: HANDOVERS[n], validators, next_validators, ..samples::header() };
        Handover { certificate: certify(&header, SETS[n]), header, set: sets[n + 1].clone() }
    };
    let (validators, now) = (sets[2].clone(), sets[2].hash());
    let header = Header { height: LATER, validators: now, next_validators: now, ..proof.header };
    let certificate = certify(&header, SETS[2]);
    StateProof { header, certificate, validators, handovers: samples::list(vec![turn(0), turn(1)]), ..proof }
}

/// The same, for who trusts the block of the first handover.
fn prove_since(proof: &StateProof) -> (Trusted, StateProof) {
    let mut handovers = proof.handovers.to_vec();
    let Handover { header, set, .. } = handovers.remove(0);
    let trusted = Trusted { height: header.height, block: header.id() };
    handovers.insert(0, Handover::unsigned(header, set));
    (trusted, StateProof { handovers: samples::list(handovers), ..proof.clone() })
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
    let row = |proof: StateProof, (name, question, subject): (&str, Question, Value)| {
        let answer = proof.verify(&chain, &question).expect("an honest proof");
        let value = said(&subject, &answer);
        json!({"name": name, "subject": subject, "value": value, "proof": hex_of(&proof.encode())})
    };
    let proofs: Vec<Value> = questions().into_iter().map(|asked| row(prove(&ledger, &writes, &asked.1), asked)).collect();
    // One answer that is there and one that is not, over two handovers.
    let few = questions().into_iter().filter(|(name, ..)| ["an account", "no membership"].contains(name));
    let later: Vec<Value> = few.map(|asked| row(prove_later(prove(&ledger, &writes, &asked.1)), asked)).collect();
    let heights: Vec<String> = HANDOVERS.iter().map(Height::to_string).collect();
    let (name, question, subject) = questions().remove(0);
    let (from, proof) = prove_since(&prove_later(prove(&ledger, &writes, &question)));
    let value = said(&subject, &proof.verify_from(&chain, Some(&from), &question).expect("an honest proof"));
    let since = json!({
        "height": from.height.to_string(), "block": from.block, "name": name, "subject": subject, "value": value, "proof": hex_of(&proof.encode()),
    });
    let handovers = json!({"height": LATER.to_string(), "heights": heights, "sets": SETS, "proofs": later, "since": since});
    assert_golden(
        "state-proof",
        &json!({
            "chain": chain, "height": HEIGHT.to_string(), "state_root": ledger.root(), "proofs": proofs, "handovers": handovers,
        }),
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
