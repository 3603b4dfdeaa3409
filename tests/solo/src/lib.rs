//! The chain of one validator in a database, for tests of what keeps blocks and hands them on.

use leither_executor::{Draft, NobodyVerified, Parent, build, genesis_state};
use leither_state::Fault;
use leither_store::{Commit, Store, VersionRow};
use leither_types::{
    AccountId, Certificate, CommitSig, GENESIS_VERSION, Genesis, GenesisHead, Hash, List, Millis, Params, SecretKey, Text,
    Validator, ValidatorId, ValidatorSet,
};
use std::path::Path;

/// The validator's.
pub fn key() -> SecretKey {
    SecretKey::from_seed(&[1; 32])
}

/// A development chain that began a second after 1970.
pub fn genesis() -> Genesis {
    genesis_of(1_000, true)
}

/// One that began at this time; one that is for no development has the standard parameters.
pub fn genesis_of(time: Millis, dev: bool) -> Genesis {
    let founder = Validator { key: key().public(), power: 1, operator: AccountId([7; 20]) };
    let head = GenesisHead {
        version: GENESIS_VERSION,
        name: Text::new("leither-test").expect("short"),
        time,
        validators: ValidatorSet::new(vec![founder]).expect("one"),
        params: if dev { Params::dev() } else { Params::standard() },
        dev,
        allocations: Hash::ZERO,
        origin: None,
    };
    Genesis::new(head, Vec::new()).expect("a genesis")
}

/// Its database, at height 0 if it is new.
pub fn open(data: &Path, genesis: &Genesis) -> Store {
    let initial = || genesis_state(genesis).map_err(|e| Fault::Corrupt(e.to_string()));
    Store::open(data, &genesis.head, &initial).expect("a database")
}

/// Makes one more block, without transactions, and commits it.
pub fn grow(store: &Store) {
    grow_by(store, &key());
}

/// The same, with versions of MiMeis that it is said to have made.
pub fn grow_with(store: &Store, versions: &[VersionRow]) {
    make(store, &key(), versions);
}

/// The same on a chain whose only validator has another key.
pub fn grow_by(store: &Store, key: &SecretKey) {
    make(store, key, &[]);
}

fn make(store: &Store, key: &SecretKey, versions: &[VersionRow]) {
    let (chain, head, state) = (store.genesis().chain(), store.head().expect("a head"), store.snapshot().expect("a state"));
    let certificate = head.certificate.clone();
    let parent =
        Parent { chain, height: head.height, id: head.id, time: head.time, certificate, state, contracts: Default::default() };
    let validator = ValidatorId::of_key(&key.public());
    let draft = Draft { time: head.time + 1_000, proposer: validator, evidence: Vec::new() };
    let (block, outcome, _) = build(&parent, &draft, &[], &NobodyVerified).expect("a block");
    let (height, id) = (block.header.height, block.id());
    let mut certificate = Certificate { height, round: 0, block: id, signatures: List::default() };
    let signature = key.sign(&certificate.claim_message(&chain, validator));
    certificate.signatures = List::new(vec![CommitSig { validator, signature }]).expect("one");
    let commit = Commit {
        block: &block,
        certificate: &certificate,
        writes: &outcome.writes,
        receipts: &outcome.receipts,
        touched: &outcome.touched,
        versions,
        next_set: &outcome.validators,
    };
    store.commit(&commit).expect("room for it");
}
