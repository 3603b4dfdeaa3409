//! Each oracle is shown something that it must object to: one that never objects judges nothing.

use crate::client::{Clients, account, genesis, key};
use crate::disk::{Decided, Disk};
use crate::node::Signed;
use crate::oracle::{Oracle, Stored};
use crate::plan::Plan;
use leither_consensus::Signer;
use leither_executor::{Draft, NobodyVerified, build};
use leither_state::{Holding, WriteSet};
use leither_types::*;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use std::sync::Arc;

const SEATS: usize = 4;

/// A chain of one block with five transfers, committed on one disk.
struct Scene {
    oracle: Oracle,
    disk: Disk,
    issued_burned: (u128, u128),
}

fn certificate(chain: &Hash, block: Hash, signers: usize) -> Certificate {
    let mut signatures: Vec<_> = (0..signers)
        .map(|n| {
            let validator = ValidatorId::of_key(&key("validator", n).public());
            let vote = Vote { kind: VoteKind::Precommit, height: 1, round: 0, block: Some(block), validator };
            CommitSig { validator, signature: key("validator", n).sign(&vote.sign_bytes(chain)) }
        })
        .collect();
    signatures.sort_by_key(|commit| commit.validator);
    Certificate { height: 1, round: 0, block, signatures: List::new(signatures).unwrap() }
}

fn scene(signers: usize, tell: bool, meddle: impl Fn(&mut WriteSet, &mut Decided)) -> Scene {
    let genesis = genesis(SEATS, 3).unwrap();
    let (mut oracle, mut disk) = (Oracle::new(&genesis), Disk::new(&genesis).unwrap());
    let mut clients = Clients::new(genesis.chain(), 3);
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut txs = Vec::new();
    for _ in 0..5 {
        let transfer = clients.transfer(0, &mut rng).unwrap();
        txs.push(Arc::new(decode::<SignedTx>(&transfer.bytes).unwrap()));
        if tell {
            oracle.submitted(&transfer);
        }
    }
    let signer = Signer::new(genesis.chain(), key("validator", 0));
    let draft = Draft { time: genesis.head.time + 1, proposer: ValidatorId::of_key(&signer.public()), evidence: Vec::new() };
    let (block, mut outcome, _) = build(&disk.parent(), &draft, &txs, &NobodyVerified).unwrap();
    assert_eq!(block.txs.len(), 5);
    let burned = outcome.receipts.iter().map(|receipt| receipt.fee.0).sum();
    let certificate = certificate(&genesis.chain(), block.id(), signers);
    let mut decided = Decided { block, certificate, receipts: outcome.receipts };
    meddle(&mut outcome.writes, &mut decided);
    disk.commit(decided, &outcome.writes).unwrap();
    Scene { oracle, disk, issued_burned: (3 * crate::client::GENESIS_UNITS, burned) }
}

impl Scene {
    fn judged(mut self) -> Vec<String> {
        let state = self.disk.state();
        let stored = Stored { decided: self.disk.decided(1).unwrap(), state: &state, issued_burned: self.issued_burned };
        self.oracle.stored(0, 1, &stored);
        self.oracle.violations().to_vec()
    }
}

fn objects(violations: &[String], to: &str) {
    assert!(violations.iter().any(|what| what.contains(to)), "no {to:?} in {violations:?}");
}

#[test]
fn an_honest_block_is_not_objected_to() {
    assert_eq!(scene(3, true, |_, _| ()).judged(), Vec::<String>::new());
}

/// SIM-6.
#[test]
fn one_unit_from_nowhere_is_noticed() {
    let mint = |writes: &mut WriteSet, _: &mut Decided| {
        let holding = Holding { free: Amount::new(1), ..Holding::default() };
        writes.holdings.insert((TokenId::NATIVE, AccountId([7; 20])), Some(holding));
    };
    let violations = scene(3, true, mint).judged();
    objects(&violations, "are not the");
    objects(&violations, "it should be 0 and 0");
    objects(&violations, "its state has the root");
}

/// SIM-4.
#[test]
fn two_of_four_signatures_are_no_proof() {
    objects(&scene(2, true, |_, _| ()).judged(), "the certificate does not prove it");
}

/// SIM-5.
#[test]
fn what_nobody_submitted_is_noticed() {
    objects(&scene(3, false, |_, _| ()).judged(), "nobody submitted");
}

/// SIM-5.
#[test]
fn a_receipt_that_says_otherwise_is_noticed() {
    let deny = |_: &mut WriteSet, decided: &mut Decided| {
        for receipt in &mut decided.receipts {
            receipt.status = Status::Failed(Failure { call: 0, error: Blob::default() });
        }
    };
    objects(&scene(3, true, deny).judged(), "its receipt says otherwise");
}

/// SIM-1.
#[test]
fn two_blocks_at_one_height_are_noticed() {
    let mut first = scene(3, true, |_, _| ());
    let second = scene(4, true, |_, decided| {
        decided.block.header.time += 1;
        decided.certificate.block = decided.block.id();
    });
    for disk in [&first.disk, &second.disk] {
        let state = disk.state();
        let stored = Stored { decided: disk.decided(1).unwrap(), state: &state, issued_burned: first.issued_burned };
        first.oracle.stored(0, 1, &stored);
    }
    objects(first.oracle.violations(), "n0 committed 0x");
}

fn vote(kind: VoteKind, round: u32, block: u8) -> Signed {
    Signed::Vote { kind, height: 1, round, block: Some(Hash([block; 32])) }
}

/// SIM-2.
#[test]
fn two_prevotes_in_one_round_are_noticed_and_the_same_again_is_not() {
    let mut oracle = Oracle::new(&genesis(SEATS, 2).unwrap());
    oracle.signed(1, true, vote(VoteKind::Prevote, 0, 1));
    oracle.signed(1, true, vote(VoteKind::Prevote, 0, 1));
    assert!(oracle.violations().is_empty());
    oracle.signed(2, false, vote(VoteKind::Prevote, 0, 1));
    oracle.signed(2, false, vote(VoteKind::Prevote, 0, 2));
    assert!(oracle.violations().is_empty(), "a villain is expected to");
    oracle.signed(1, true, vote(VoteKind::Prevote, 0, 2));
    objects(oracle.violations(), "signed two prevotes");
}

/// SIM-3.
#[test]
fn a_lost_lock_is_noticed_and_one_that_two_thirds_freed_is_not() {
    for (others, lost) in [(2, true), (3, false)] {
        let mut oracle = Oracle::new(&genesis(SEATS, 2).unwrap());
        oracle.signed(0, true, vote(VoteKind::Precommit, 0, 1));
        (1..=others).for_each(|node| oracle.signed(node, true, vote(VoteKind::Prevote, 1, 2)));
        oracle.signed(0, true, vote(VoteKind::Prevote, 2, 2));
        assert_eq!(oracle.violations().iter().any(|what| what.contains("lost its lock")), lost, "{:?}", oracle.violations());
    }
}

#[test]
fn a_plan_says_how_to_run_it_again() {
    let plan = Plan::seed(5).by_chance().crash(1, 20, 30).plant(2, crate::Bug::ReceiptsOrder).villain(3, crate::Cast::Liar);
    let again = Plan::seed(5).with(&plan.to_string()).unwrap();
    assert_eq!(again.to_string(), plan.to_string());
    assert!(plan.again().starts_with("SIM_SEED=5 SIM_PLAN='validators="));
    assert!(Plan::seed(5).with("speed=9").unwrap_err().contains("speed"));
    assert_ne!(account(0), account(1));
}
