//! What a proof must not prove (LEDGER-12 to LEDGER-16).

mod common;
mod handovers;

use common::{content, key};
use leither_state::{
    Answer, Change, Holding, HoldingProof, LeafProof, Ledger, ProofError, Question, RecordProof, STATE_PROOF_BYTES_MAX,
    StateProof, Step, Tree, TreeProof, WriteSet,
};
use leither_types::{
    AccountId, Amount, BLOCK_VERSION, Certificate, CommitSig, GenesisHead, Hash, Header, List, Params, PublicKey, SecretKey,
    Text, TokenId, Validator, ValidatorId, ValidatorSet, Vote, VoteKind, decode_within,
};
use parity_scale_codec::{DecodeWithMemTracking, Encode};
use proptest::collection::btree_map;
use proptest::prelude::*;

const TOKEN: TokenId = TokenId([1; 20]);
const NO_TOKEN: TokenId = TokenId([9; 20]);

fn id(n: u8) -> AccountId {
    let mut bytes = [n; 20];
    bytes[0] = n.wrapping_mul(37);
    AccountId(bytes)
}

fn ledger() -> Ledger {
    let mut writes = WriteSet::default();
    for n in 0..20u8 {
        let holding = Holding { free: Amount(1 + u128::from(n)), locked: Amount(1 << n), nonce: 1, key: PublicKey([n; 32]) };
        writes.holdings.insert((TOKEN, id(n)), Some(holding));
        writes.holdings.insert((TokenId([n + 10; 20]), id(0)), Some(holding));
        writes.records.insert(vec![n, 1, 2], Some(vec![n; usize::from(n)]));
    }
    let mut ledger = Ledger::new();
    ledger.apply(&writes).expect("sums are small");
    ledger
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]

    /// Whatever leaf of the tree is shown, with its true path or with steps left out, doubled or given other bits: a present key is not
    /// proven absent, and a present key is not proven to hold something else.
    #[test]
    fn absence_of_a_present_key_cannot_be_proven(batch in btree_map(key(), content(), 1..40), bit in any::<u8>(), at in any::<usize>()) {
        let mut tree = Tree::new();
        tree.apply(&batch.iter().map(|(key, to)| Change { key: *key, to: *to }).collect::<Vec<_>>()).expect("applies");
        let top = (tree.root(), tree.sum());
        let leaves: Vec<_> = tree.iter_after(None).collect();
        for victim in &leaves {
            for shown in &leaves {
                let path = tree.prove(&shown.key).path.into_vec();
                let mut forgeries = vec![path.clone()];
                if !path.is_empty() {
                    let at = at % path.len();
                    let mut changed = path.clone();
                    changed.remove(at);
                    forgeries.push(changed);
                    let mut changed = path.clone();
                    changed.insert(at, path[at].clone());
                    forgeries.push(changed);
                    let mut changed = path.clone();
                    changed[at].bit = bit;
                    let real = changed == path;
                    if !real { forgeries.push(changed); }
                }
                for path in forgeries {
                    let proof = TreeProof { other: Some(*shown), path: List::new(path.clone()).expect("short") };
                    prop_assert_ne!(proof.root_without(&victim.key).ok(), Some(top));
                    if shown.key != victim.key {
                        let proof = TreeProof { other: None, path: List::new(path).expect("short") };
                        prop_assert_ne!(proof.root_with(&victim.key, &shown.commitment, shown.sum).ok(), Some(top));
                    }
                }
            }
            let nothing = TreeProof { other: None, path: List::default() };
            prop_assert_ne!(nothing.root_without(&victim.key).ok(), Some(top));
        }
    }
}

#[test]
fn an_absence_proof_for_a_present_holding_fails() {
    let ledger = ledger();
    let root = ledger.root();
    for n in 0..20 {
        let mut proof = ledger.prove_holding(&TOKEN, &id(n));
        assert_eq!(proof.verify(&root, &TOKEN, &id(n)), Ok(ledger.holding(&TOKEN, &id(n))));
        let part = proof.holder.as_mut().expect("the token exists");
        part.holding = None;
        assert!(proof.verify(&root, &TOKEN, &id(n)).is_err());
        // As if the token did not exist.
        proof.holder = None;
        assert!(proof.verify(&root, &TOKEN, &id(n)).is_err());
        // Another account's proofs, of presence and of absence.
        for other in (0..40).filter(|other| *other != n) {
            assert!(ledger.prove_holding(&TOKEN, &id(other)).verify(&root, &TOKEN, &id(n)) != Ok(None));
        }
        let mut record = ledger.prove_record(&[n, 1, 2], Some(vec![n; usize::from(n)]));
        assert_eq!(record.verify(&root, &[n, 1, 2]), Ok(Some(vec![n; usize::from(n)])));
        record.value = None;
        assert!(record.verify(&root, &[n, 1, 2]).is_err());
    }
}

/// Hands `check` every encoding that differs from `bytes` in one byte by one of `masks`, where it decodes at all.
fn changed<T: DecodeWithMemTracking + Encode>(bytes: &[u8], masks: &[u8], check: impl Fn(&T) -> bool) {
    for at in 0..bytes.len() {
        for mask in masks {
            let mut bytes = bytes.to_vec();
            bytes[at] ^= mask;
            if let Ok(proof) = decode_within::<T>(&bytes, STATE_PROOF_BYTES_MAX) {
                assert!(!check(&proof), "byte {at} ^ {mask} still verifies");
            }
        }
    }
    for bytes in [&bytes[..bytes.len() - 1], &[bytes, &[0]].concat()] {
        assert!(decode_within::<T>(bytes, STATE_PROOF_BYTES_MAX).is_err());
    }
}

fn every_change() -> Vec<u8> {
    (1..=255).collect()
}

#[test]
fn every_one_byte_change_of_a_holding_proof_fails() {
    let (ledger, empty) = (ledger(), Ledger::new());
    for (ledger, token, id) in
        [(&ledger, TOKEN, id(3)), (&ledger, TOKEN, id(77)), (&ledger, NO_TOKEN, id(3)), (&empty, TOKEN, id(3))]
    {
        let proof = ledger.prove_holding(&token, &id);
        assert_eq!(proof.verify(&ledger.root(), &token, &id), Ok(ledger.holding(&token, &id)));
        changed::<HoldingProof>(&proof.encode(), &every_change(), |proof| proof.verify(&ledger.root(), &token, &id).is_ok());
    }
}

#[test]
fn every_one_byte_change_of_a_record_proof_fails() {
    let (ledger, empty) = (ledger(), Ledger::new());
    for (ledger, key, value) in [
        (&ledger, vec![7, 1, 2], Some(vec![7; 7])),
        (&ledger, vec![0, 1, 2], Some(vec![])),
        (&ledger, vec![7], None),
        (&empty, vec![7], None),
    ] {
        let proof = ledger.prove_record(&key, value.clone());
        assert_eq!(proof.verify(&ledger.root(), &key), Ok(value));
        changed::<RecordProof>(&proof.encode(), &every_change(), |proof| proof.verify(&ledger.root(), &key).is_ok());
    }
}

#[test]
fn a_record_proof_with_a_value_that_is_not_the_present_one_fails() {
    let ledger = ledger();
    for value in [None, Some(vec![1]), Some(vec![0; 1 << 17])] {
        assert!(ledger.prove_record(&[7, 1, 2], value).verify(&ledger.root(), &[7, 1, 2]).is_err());
    }
    assert!(ledger.prove_record(&[7], Some(vec![1])).verify(&ledger.root(), &[7]).is_err());
}

#[test]
fn a_path_beyond_its_bound_does_not_decode() {
    let step = Step { bit: 0, hash: Hash::ZERO, sum: 0 };
    let encoded = (None::<leither_state::Leaf>, vec![step; 257]).encode();
    assert!(decode_within::<TreeProof>(&encoded, STATE_PROOF_BYTES_MAX).is_err());
}

#[test]
fn sums_that_overflow_are_an_error() {
    let step = |bit| Step { bit, hash: Hash::ZERO, sum: u128::MAX };
    let proof = TreeProof { other: None, path: List::new(vec![step(1), step(0)]).expect("short") };
    assert!(matches!(proof.root_with(&[0; 32], &Hash::ZERO, 1), Err(ProofError::Malformed(_))));
}

/// The validators of the chain: seeds of their keys.
const OURS: [u8; 4] = [1, 2, 3, 4];

fn key_of(seed: u8) -> SecretKey {
    SecretKey::from_seed(&[seed; 32])
}

/// The validators of these keys, with equal power.
fn set_of(seeds: &[u8]) -> ValidatorSet {
    let one = |seed: &u8| Validator { key: key_of(*seed).public(), power: 10, operator: AccountId([5; 20]) };
    ValidatorSet::new(seeds.iter().map(one).collect()).expect("a set")
}

/// The certificate of this header on this chain, by these keys.
fn certify(chain: &Hash, header: &Header, seeds: &[u8]) -> Certificate {
    let block = header.id();
    let (height, round) = (header.height, 1);
    let sign = |seed: &u8| {
        let key = key_of(*seed);
        let validator = ValidatorId::of_key(&key.public());
        let vote = Vote { kind: VoteKind::Precommit, height, round, block: Some(block), validator };
        CommitSig { validator, signature: key.sign(&vote.sign_bytes(chain)) }
    };
    let mut signatures: Vec<_> = seeds.iter().map(sign).collect();
    signatures.sort_unstable();
    Certificate { height, round, block, signatures: List::new(signatures).expect("few") }
}

/// A chain of four validators with equal power, and a final header over `ledger`.
struct Net {
    genesis: GenesisHead,
}

impl Net {
    fn new(name: &str) -> Self {
        let name = Text::new(name).expect("short");
        let (params, allocations) = (Params::dev(), Hash::ZERO);
        let validators = set_of(&OURS);
        Self { genesis: GenesisHead { version: 1, name, time: 5, validators, params, dev: true, allocations, origin: None } }
    }

    fn header(&self, ledger: &Ledger) -> Header {
        let validators = self.genesis.validators.hash();
        Header {
            version: BLOCK_VERSION,
            chain: self.genesis.chain(),
            height: 7,
            time: 9,
            parent: Hash([1; 32]),
            proposer: self.genesis.validators.proposer(7, 0).id(),
            state_root: ledger.root(),
            txs_root: Hash([2; 32]),
            receipts_root: Hash([3; 32]),
            evidence_root: Hash([4; 32]),
            last_certificate: Hash([5; 32]),
            validators,
            next_validators: validators,
        }
    }

    fn certify(&self, header: &Header, signers: usize) -> Certificate {
        certify(&header.chain, header, &OURS[..signers])
    }

    fn prove(&self, ledger: &Ledger, leaf: LeafProof) -> StateProof {
        let header = self.header(ledger);
        let certificate = self.certify(&header, 3);
        let genesis = self.genesis.clone();
        StateProof { leaf, header, certificate, validators: genesis.validators.clone(), genesis, handovers: List::default() }
    }
}

fn questions(ledger: &Ledger) -> Vec<(Question, LeafProof, Answer)> {
    let holding = |token, id| {
        let proof = LeafProof::Holding(ledger.prove_holding(&token, &id));
        (Question::Holding { token, id }, proof, Answer::Holding(ledger.holding(&token, &id)))
    };
    let record = |key: &[u8], value: Option<Vec<u8>>| {
        let proof = LeafProof::Record(ledger.prove_record(key, value.clone()));
        (Question::Record(List::new(key.to_vec()).expect("short")), proof, Answer::Record(value))
    };
    vec![holding(TOKEN, id(3)), holding(TOKEN, id(77)), record(&[7, 1, 2], Some(vec![7; 7])), record(&[7], None)]
}

#[test]
fn a_leaf_is_proven_up_to_the_genesis_hash_and_every_one_byte_change_fails() {
    let (net, ledger) = (Net::new("leither-test"), ledger());
    let chain = net.genesis.chain();
    let questions = questions(&ledger);
    for (question, leaf, answer) in &questions {
        let proof = net.prove(&ledger, leaf.clone());
        assert_eq!(proof.verify(&chain, question), Ok(answer.clone()));
        for (other, _, _) in questions.iter().filter(|(other, _, _)| other != question) {
            assert!(proof.verify(&chain, other).is_err(), "{other:?} answered by the proof for {question:?}");
        }
        changed::<StateProof>(&proof.encode(), &[1, 2, 4, 8, 16, 32, 64, 128, 255], |proof| {
            proof.verify(&chain, question).is_ok()
        });
    }
}

#[test]
fn a_proof_of_another_chain_other_validators_or_too_little_power_fails() {
    let (net, other, ledger) = (Net::new("leither-test"), Net::new("leither-other"), ledger());
    let chain = net.genesis.chain();
    let (question, leaf, _) = questions(&ledger).remove(0);
    let good = net.prove(&ledger, leaf);
    assert!(good.verify(&chain, &question).is_ok());
    assert_eq!(good.verify(&other.genesis.chain(), &question), Err(ProofError::Chain));
    assert_eq!(
        StateProof { genesis: other.genesis.clone(), ..good.clone() }.verify(&chain, &question),
        Err(ProofError::Chain)
    );
    // The other chain's header and certificate, under this chain's genesis.
    let foreign = other.prove(&ledger, good.leaf.clone());
    assert_eq!(StateProof { genesis: net.genesis.clone(), ..foreign }.verify(&chain, &question), Err(ProofError::Chain));

    let one = ValidatorSet::new(net.genesis.validators.iter().take(1).cloned().collect()).expect("a set");
    assert_eq!(StateProof { validators: one.clone(), ..good.clone() }.verify(&chain, &question), Err(ProofError::Validators));
    let mut header = Header { validators: one.hash(), ..good.header.clone() };
    assert_eq!(StateProof { header: header.clone(), ..good.clone() }.verify(&chain, &question), Err(ProofError::Validators));

    for signers in 0..=2 {
        let certificate = net.certify(&good.header, signers);
        assert_eq!(StateProof { certificate, ..good.clone() }.verify(&chain, &question), Err(ProofError::Certificate));
    }
    // A certificate of another block, and of another height than the header's.
    header = Header { height: 8, ..good.header.clone() };
    assert_eq!(StateProof { header: header.clone(), ..good.clone() }.verify(&chain, &question), Err(ProofError::Certificate));
    let certificate = Certificate { block: header.id(), ..good.certificate.clone() };
    assert_eq!(StateProof { header, certificate, ..good.clone() }.verify(&chain, &question), Err(ProofError::Certificate));

    // A final header, but of another state.
    assert_eq!(net.prove(&Ledger::new(), good.leaf.clone()).verify(&chain, &question), Err(ProofError::Root));
}
