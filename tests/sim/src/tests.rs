//! Each oracle is shown something that it must object to: one that never objects judges nothing.

use crate::app::Load;
use crate::checks::Checks;
use crate::client::{Clients, account, consensus_key, genesis, key};
use crate::disk::{Decided, Disk};
use crate::node::{Accused, Signed};
use crate::oracle::{Oracle, Stored};
use crate::plan::Plan;
use leither_consensus::Signer;
use leither_executor::{Draft, NobodyVerified, build};
use leither_state::{Holding, WriteSet};
use leither_types::*;
use parity_scale_codec::Encode;
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

/// The plan of such a chain.
fn small(people: usize, powers: &[u64]) -> Plan {
    let mut plan = Plan::seed(0).validators(SEATS).powers(powers);
    plan.people = people;
    plan
}

/// An oracle that knows the founders' keys.
fn oracle_of(plan: &Plan) -> Oracle {
    let genesis = genesis(plan).unwrap();
    let mut oracle = Oracle::new(&genesis, Checks::new(genesis.chain()), true);
    (0..SEATS).for_each(|node| oracle.named(node, consensus_key(node, 0).public()));
    oracle
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
    scene_of(&[], signers, tell, meddle)
}

fn scene_of(powers: &[u64], signers: usize, tell: bool, meddle: impl Fn(&mut WriteSet, &mut Decided)) -> Scene {
    let plan = small(3, powers);
    let genesis = genesis(&plan).unwrap();
    let (mut oracle, mut disk) = (oracle_of(&plan), Disk::new(&genesis).unwrap());
    let mut clients = Clients::new(genesis.chain(), &plan);
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
    let issued = genesis.allocations.iter().map(|given| given.amount.0).sum();
    Scene { oracle, disk, issued_burned: (issued, burned) }
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
    objects(&violations, "it should be Line { units: 0");
    objects(&violations, "its state has the root");
}

/// SIM-4.
#[test]
fn two_of_four_signatures_are_no_proof() {
    objects(&scene(2, true, |_, _| ()).judged(), "the certificate does not prove it");
}

/// SIM-4: seats are not power.
#[test]
fn three_of_four_signatures_are_no_proof_where_the_fourth_has_a_third_of_the_power() {
    objects(&scene_of(&[100, 100, 100, 150], 3, true, |_, _| ()).judged(), "the certificate does not prove it");
    assert_eq!(scene_of(&[100, 100, 100, 149], 3, true, |_, _| ()).judged(), Vec::<String>::new());
}

/// SIM-14.
#[test]
fn a_set_or_a_stake_that_the_blocks_do_not_lead_to_is_noticed() {
    let fewer = |writes: &mut WriteSet, _: &mut Decided| {
        let three = genesis(&small(3, &[]).validators(3)).unwrap().head.validators;
        writes.records.insert(b"sa".to_vec(), Some(three.encode()));
    };
    objects(&scene(3, true, fewer).judged(), "vote at height 3, it should be");
    let gone = |writes: &mut WriteSet, _: &mut Decided| {
        writes.records.insert(b"sr".to_vec(), Some(List::<AccountId, 256>::default().encode()));
    };
    objects(&scene(3, true, gone).judged(), "the state has no stake of");
}

/// SIM-9.
#[test]
fn a_block_that_convicts_the_honest_is_noticed() {
    let accuse = |_: &mut WriteSet, decided: &mut Decided| {
        let vote = |block| Vote {
            kind: VoteKind::Prevote,
            height: 1,
            round: 0,
            block: Some(Hash([block; 32])),
            validator: accusation(2, true).who,
        };
        let by = key("validator", 2).sign(b"nothing of the kind");
        decided.block.evidence = List::new(vec![Evidence::votes((vote(1), by), (vote(2), by))]).unwrap();
    };
    objects(&scene(3, true, accuse).judged(), "who never signed twice");
}

/// SIM-9.
#[test]
fn a_block_that_spares_whom_its_proposer_has_proof_of_is_noticed() {
    for (witness, spared) in [(0, true), (1, false)] {
        let mut scene = scene(3, true, |_, _| ());
        scene.oracle.suspect(accusation(3, true).who, true);
        scene.oracle.accused(witness, 0, &[Accused { height: 0, ..accusation(3, true) }]);
        let violations = scene.judged();
        assert_eq!(violations.iter().any(|what| what.contains("it does not convict")), spared, "{violations:?}");
    }
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

fn oracle() -> Oracle {
    oracle_of(&small(2, &[]))
}

fn vote(kind: VoteKind, round: u32, block: u8) -> Signed {
    Signed::Vote { kind, height: 1, round, block: Some(Hash([block; 32])) }
}

/// SIM-2.
#[test]
fn two_prevotes_in_one_round_are_noticed_and_the_same_again_is_not() {
    let mut oracle = oracle();
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
        let mut oracle = oracle();
        oracle.signed(0, true, vote(VoteKind::Precommit, 0, 1));
        (1..=others).for_each(|node| oracle.signed(node, true, vote(VoteKind::Prevote, 1, 2)));
        oracle.signed(0, true, vote(VoteKind::Prevote, 2, 2));
        assert_eq!(oracle.violations().iter().any(|what| what.contains("lost its lock")), lost, "{:?}", oracle.violations());
    }
}

#[test]
fn a_plan_says_how_to_run_it_again() {
    let plan = Plan::seed(5).by_chance().crash(1, 20, 30).plant(2, crate::Bug::ReceiptsOrder).villain(3, crate::Cast::Liar);
    let plan = plan.strike(0, 5, 3, 20).pause(1, 7, 9).cut(&[0, 1], 3, 4).mute(&[2], 5, 6).flap(&[0], 1, 9, 2);
    let plan = plan.skew(1, -20).slow_disk(2, 9).no_gossip().no_accusing().powers(&[9, 8, 7, 6]).epoch_ms(5_000).jail(4, 600);
    let mut plan = plan.candidates(2).join(4, 10, 50).raise(4, 20, 5).rotate(4, 30).leave(4, 40);
    plan.twins = Plan::twins(77).twins;
    let again = Plan::seed(5).with(&plan.to_string()).unwrap();
    assert_eq!(again.to_string(), plan.to_string());
    assert!(plan.again().starts_with("SIM_SEED=5 SIM_PLAN='validators="));
    assert!(Plan::seed(5).with("speed=9").unwrap_err().contains("speed"));
    assert_ne!(account(0), account(1));
}

fn accusation(seat: usize, proven: bool) -> Accused {
    Accused { who: ValidatorId::of_key(&key("validator", seat).public()), height: 1, round: 0, step: 1, proven }
}

/// SIM-9.
#[test]
fn evidence_against_the_honest_or_without_proof_is_noticed_and_against_a_villain_it_is_not() {
    let mut oracle = oracle();
    oracle.suspect(accusation(3, true).who, true);
    oracle.suspect(accusation(2, true).who, false);
    oracle.accused(0, 1, &[accusation(3, true)]);
    assert!(oracle.violations().is_empty() && oracle.evidence() == 1);
    oracle.accused(0, 1, &[accusation(3, false)]);
    objects(oracle.violations(), "proves nothing");
    for seat in [1, 2] {
        let before = oracle.violations().len();
        oracle.accused(0, 1, &[accusation(seat, true)]);
        assert_eq!(oracle.violations().len(), before + 1, "no villain, or none that signs twice");
    }
}

/// SIM-9.
#[test]
fn who_heard_two_votes_of_one_step_and_says_nothing_is_noticed() {
    let heard = |block| Vote {
        kind: VoteKind::Prevote,
        height: 1,
        round: 0,
        block: Some(Hash([block; 32])),
        validator: accusation(3, true).who,
    };
    for (named, votes, missed) in [(true, [1, 2], false), (false, [1, 1], false), (false, [1, 2], true)] {
        let mut oracle = oracle();
        oracle.suspect(accusation(3, true).who, true);
        votes.iter().for_each(|block| oracle.heard(0, &heard(*block)));
        let accused = [accusation(3, true)];
        oracle.accused(0, 1, if named { &accused } else { &[] });
        assert_eq!(oracle.violations().iter().any(|what| what.contains("no evidence")), missed, "{:?}", oracle.violations());
    }
}

/// SIM-10.
#[test]
fn a_disk_that_has_lost_a_block_or_changed_a_leaf_is_noticed_at_the_restart() {
    let restarted = |disk: &dyn Fn(&Scene) -> Disk| {
        let mut scene = scene(3, true, |_, _| ());
        let state = scene.disk.state();
        let stored = Stored { decided: scene.disk.decided(1).unwrap(), state: &state, issued_burned: scene.issued_burned };
        scene.oracle.stored(0, 1, &stored);
        let disk = disk(&scene);
        scene.oracle.restarted(0, &disk);
        scene.oracle.violations().to_vec()
    };
    let again = |scene: &Scene, meddle: bool| {
        let mut disk = Disk::new(&genesis(&small(3, &[])).unwrap()).unwrap();
        let mut writes = WriteSet::default();
        for ((token, account), holding) in scene.disk.state().holdings() {
            writes.holdings.insert((*token, *account), Some(*holding));
        }
        if meddle {
            writes.holdings.values_mut().flatten().for_each(|holding| holding.free = Amount::new(holding.free.0 + 1));
        }
        disk.commit(scene.disk.decided(1).unwrap().clone(), &writes).unwrap();
        disk
    };
    objects(&restarted(&|_| Disk::new(&genesis(&small(3, &[])).unwrap()).unwrap()), "after a restart it is at 0");
    objects(&restarted(&|scene| again(scene, true)), "n0 starts at height 1 with");
}

/// SIM-11.
#[test]
fn another_root_from_the_same_blocks_is_noticed() {
    let mut scene = scene(3, true, |_, _| ());
    let state = scene.disk.state();
    let stored = Stored { decided: scene.disk.decided(1).unwrap(), state: &state, issued_burned: scene.issued_burned };
    scene.oracle.stored(0, 1, &stored);
    scene.oracle.replayed(1, state.root());
    assert_eq!(scene.oracle.violations(), Vec::<String>::new());
    scene.oracle.replayed(1, Hash([1; 32]));
    objects(scene.oracle.violations(), "executed again from genesis");
}

/// SIM-12.
#[test]
fn more_than_the_bounds_of_queue_and_blocks_is_too_much() {
    assert!(!Load { queued: 5_000, blocks: 200, mentions: 200 }.is_too_much());
    assert!(Load { queued: 5_001, ..Load::default() }.is_too_much());
    assert!(Load { blocks: 201, ..Load::default() }.is_too_much());
    assert!(Load { mentions: 201, ..Load::default() }.is_too_much());
}

#[test]
fn a_cut_stops_what_it_says_and_only_while_it_lasts() {
    let cut = |text: &str| match crate::trouble::Trouble::parse("cut", text) {
        Some(Ok(crate::trouble::Trouble::Cut(cut))) => cut,
        other => panic!("{other:?}"),
    };
    let both = cut("0.1:both@100+50~0");
    assert!(both.stops(100, 0, 2) && both.stops(149, 3, 1) && !both.stops(120, 0, 1) && !both.stops(120, 2, 3));
    assert!(!both.stops(99, 0, 2) && !both.stops(150, 0, 2));
    let (out, into) = (cut("0:out@0+9~0"), cut("0:in@0+9~0"));
    assert!(out.stops(1, 0, 1) && !out.stops(1, 1, 0) && into.stops(1, 1, 0) && !into.stops(1, 0, 1));
    let flaps = cut("0:both@0+100~10");
    assert!(flaps.stops(5, 0, 1) && !flaps.stops(15, 0, 1) && flaps.stops(25, 0, 1));
}
