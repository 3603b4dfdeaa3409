use super::*;
use crate::tests::MEI;
use leither_harness::executor::{Invalid, NobodyVerified, Refused, execute};
use leither_harness::pallets::Error;
use leither_harness::tokens_in;
use leither_types::{Block, Evidence, Hash, List, Vote, VoteKind};

/// `validator-n` voted for two blocks.
pub(super) fn two_votes(chain: &Chain, n: usize) -> Evidence {
    let secret = key(&format!("validator-{n}"));
    let vote = |block: u8| {
        let kind = VoteKind::Prevote;
        let vote = Vote { kind, height: 1, round: 0, block: Some(Hash([block; 32])), validator: id(n) };
        let signature = secret.sign(&vote.sign_bytes(&chain.id()));
        (vote, signature)
    };
    Evidence::votes(vote(1), vote(2))
}

fn burned(chain: &Chain) -> u128 {
    tokens_in(&**chain.state()).iter().find(|(id, _)| *id == MEI).expect("mei is on record").1.burned.0
}

#[test]
fn staking_6_who_misses_more_than_half_is_jailed_and_may_come_back_after_a_while() {
    let mut chain = chain_of(&[1_000, 1_000, 1_000, 1_000]);
    join(&mut chain, "alice", 4, 300);
    next_epoch(&mut chain);
    chain.idle();
    chain.idle();
    chain.signing.retain(|n| *n != 4);
    let mut pulses = 0;
    while standing(&chain, "alice") == Standing::Active {
        chain.idle();
        pulses += 1;
        assert!(pulses < 20, "not jailed");
    }
    assert!(pulses >= chain.genesis.head.params.misses_max, "{pulses}");
    chain.idle();
    assert!(!is_seated(&chain, "alice"), "before the epoch ends");
    let unjail = || Call::Staking(staking::Call::Unjail);
    let Error::Staking(staking::Error::JailedUntil { until }) = chain.refused("alice", unjail()) else { panic!() };
    chain.now = until;
    chain.ok("alice", unjail());
    chain.signing.push(4);
    next_epoch(&mut chain);
    assert!(is_seated(&chain, "alice"));
    assert_eq!(chain.refused("alice", unjail()), staking::Error::NotJailed.into());
    assert_eq!(chain.locked(MEI, "alice"), 300 * UNIT, "absence costs pay, never the pledge");
}

#[test]
fn staking_6_a_few_misses_are_forgotten_with_the_epoch_and_forged_absence_below_half_jails_nobody() {
    let mut chain = chain_of(&[1_000, 1_000, 1_000, 1_000, 1_000]);
    next_epoch(&mut chain);
    let everybody = chain.signing.clone();
    for pulse in 0..30 {
        // Every third proposer leaves validator-3 out.
        chain.signing = everybody.clone();
        if pulse % 3 == 0 {
            chain.signing.retain(|n| *n != 3);
        }
        chain.idle();
    }
    assert_eq!(standing(&chain, "operator-3"), Standing::Active);
    let missed = |chain: &Chain| views::misses(&**chain.state(), &account("operator-3")).unwrap();
    assert!(missed(&chain) > chain.genesis.head.params.misses_max, "{}", missed(&chain));
    chain.signing = everybody;
    next_epoch(&mut chain);
    assert_eq!(missed(&chain), 0);
}

#[test]
fn staking_6_on_an_idle_chain_misses_outlast_epochs_that_are_too_short_to_tell() {
    let mut chain = chain_of(&[1_000; 5]);
    chain.signing.retain(|n| *n != 4);
    for epoch in 0.. {
        assert!(epoch < 6, "not jailed");
        // Two pulses an epoch, and four misses to be jailed.
        next_epoch(&mut chain);
        if standing(&chain, "operator-4") != Standing::Active {
            break;
        }
    }
    let left = views::misses(&**chain.state(), &account("operator-4")).unwrap();
    assert!(left <= 2, "jail has settled them, but for the two pulses until it is out: {left}");
}

#[test]
fn staking_12_of_four_nobody_is_jailed() {
    let mut chain = chain_of(&[1_000; 4]);
    chain.signing.retain(|n| *n != 3);
    for _ in 0..40 {
        chain.idle();
    }
    next_epoch(&mut chain);
    assert_eq!(
        standing(&chain, "operator-3"),
        Standing::Active,
        "without it, one more that is silent would stop the chain for good"
    );
    assert!(is_seated(&chain, "operator-3"));
}

#[test]
fn staking_12_absence_takes_out_a_quarter_of_the_power_and_no_more_for_a_while() {
    let mut chain = chain_of(&[1_000; 9]);
    let active = |chain: &Chain| (0..9).filter(|n| standing(chain, &format!("operator-{n}")) == Standing::Active).count();
    chain.signing.retain(|n| *n < 7);
    for _ in 0..20 {
        chain.idle();
    }
    assert_eq!((active(&chain), chain.set().len()), (7, 7), "two ninths");
    chain.signing.retain(|n| *n < 6);
    for _ in 0..20 {
        chain.idle();
    }
    assert_eq!(active(&chain), 7, "a third would be too much");
    // Who comes back makes room.
    let unjail = || Call::Staking(staking::Call::Unjail);
    chain.ok("alice", leither_harness::transfer(MEI, account("operator-7"), UNIT));
    chain.pass(chain.genesis.head.params.jail_ms);
    chain.ok("operator-7", unjail());
    chain.signing.push(7);
    next_epoch(&mut chain);
    for _ in 0..20 {
        chain.idle();
    }
    assert_eq!((active(&chain), standing(&chain, "operator-7")), (7, Standing::Active), "6 is out, 7 is in");
    assert!(matches!(standing(&chain, "operator-6"), Standing::Jailed { .. }));
    // So does time.
    chain.signing.retain(|n| *n != 5);
    for _ in 0..20 {
        chain.idle();
    }
    assert_eq!(standing(&chain, "operator-5"), Standing::Active);
    chain.pass(chain.genesis.head.params.unbonding_ms);
    chain.idle();
    for _ in 0..6 {
        chain.idle();
    }
    assert!(matches!(standing(&chain, "operator-5"), Standing::Jailed { .. }), "who was away for so long has left");
}

#[test]
fn staking_12_absence_takes_out_less_than_a_quarter_so_that_a_quarter_that_stays_silent_is_no_third_of_the_rest() {
    let mut chain = chain_of(&[1_000; 8]);
    chain.signing.retain(|n| *n < 6);
    for _ in 0..40 {
        chain.idle();
    }
    let jailed = (6..8).filter(|n| matches!(standing(&chain, &format!("operator-{n}")), Standing::Jailed { .. })).count();
    assert_eq!((jailed, chain.set().len()), (1, 7));
}

#[test]
fn staking_12_who_comes_back_and_signs_nothing_makes_no_room() {
    let mut chain = chain_of(&[1_000; 9]);
    chain.signing.retain(|n| *n < 7);
    for _ in 0..20 {
        chain.idle();
    }
    chain.ok("alice", leither_harness::transfer(MEI, account("operator-7"), UNIT));
    chain.pass(chain.genesis.head.params.jail_ms);
    chain.ok("operator-7", Call::Staking(staking::Call::Unjail));
    next_epoch(&mut chain);
    assert!(is_seated(&chain, "operator-7"));
    for _ in 0..20 {
        chain.idle();
    }
    assert!(matches!(standing(&chain, "operator-7"), Standing::Jailed { .. }), "it is on probation, so nobody is asked");
    chain.signing.retain(|n| *n < 6);
    for _ in 0..20 {
        chain.idle();
    }
    assert_eq!(standing(&chain, "operator-6"), Standing::Active, "two of nine are out all the same");
}

#[test]
fn staking_5_who_is_jailed_and_asks_for_nothing_leaves() {
    let mut chain = chain_of(&[1_000; 4]);
    join(&mut chain, "alice", 4, 300);
    chain.signing.retain(|n| *n != 4);
    next_epoch(&mut chain);
    for _ in 0..10 {
        chain.idle();
    }
    let Standing::Jailed { until } = standing(&chain, "alice") else { panic!() };
    let unbonding = chain.genesis.head.params.unbonding_ms;
    chain.pass(until + unbonding - 60_000 - chain.now);
    chain.idle();
    assert!(matches!(standing(&chain, "alice"), Standing::Jailed { .. }), "a little before its time is over");
    chain.pass(60_000);
    next_epoch(&mut chain);
    assert!(matches!(standing(&chain, "alice"), Standing::Leaving { release: Some(_) }));
    chain.pass(unbonding);
    next_epoch(&mut chain);
    assert_eq!((stake(&chain, "alice"), chain.locked(MEI, "alice")), (None, 0), "its place on the roster is free");
}

#[test]
fn staking_7_evidence_costs_a_part_of_the_pledge_and_the_seat_for_good() {
    let mut chain = chain_of(&[1_000, 1_000]);
    join(&mut chain, "alice", 2, 300);
    next_epoch(&mut chain);
    let before = burned(&chain);
    chain.evidence = vec![two_votes(&chain, 2)];
    chain.idle();
    let lost = 300 * UNIT / 20;
    assert_eq!(chain.blocks.last().unwrap().evidence.len(), 1);
    assert_eq!(chain.locked(MEI, "alice"), 300 * UNIT - lost);
    let reward = lost / 10;
    assert_eq!((burned(&chain) - before, chain.free(MEI, "operator-0")), (lost - reward, reward), "the proposer reported it");
    chain.idle();
    assert!(!is_seated(&chain, "alice"));
    assert_eq!(chain.blocks.last().unwrap().evidence.len(), 0, "nobody is punished twice for one deed");
    let again = join_call(&chain, "alice", 4, 300);
    assert_eq!(chain.refused("alice", again.clone()), staking::Error::Ejected.into());
    assert_eq!(chain.refused("alice", leave()), staking::Error::Ejected.into());

    chain.pass(chain.genesis.head.params.unbonding_ms);
    next_epoch(&mut chain);
    assert_eq!(chain.locked(MEI, "alice"), 0, "what was left of the pledge has come back");
    assert_eq!(chain.refused("alice", again), staking::Error::Ejected.into());
}

#[test]
fn staking_7_a_pledge_on_its_way_out_can_still_be_slashed() {
    let mut chain = chain_of(&[1_000, 1_000]);
    join(&mut chain, "alice", 2, 300);
    next_epoch(&mut chain);
    chain.ok("alice", leave());
    next_epoch(&mut chain);
    chain.evidence = vec![two_votes(&chain, 2)];
    chain.idle();
    assert_eq!(chain.locked(MEI, "alice"), 300 * UNIT * 19 / 20);
}

#[test]
fn evidence_2_a_block_whose_evidence_does_not_convince_is_invalid() {
    let mut chain = chain_of(&[1_000, 1_000]);
    chain.idle();
    let evidence = two_votes(&chain, 1);
    let with = |evidence: Vec<Evidence>| {
        let (mut block, _, _) = chain.propose(&[]);
        block.header.evidence_root = Block::evidence_root(&evidence);
        block.evidence = List::new(evidence).unwrap();
        match execute(chain.parent(), &block, &NobodyVerified) {
            Err(Refused::Invalid(Invalid::Evidence { why, .. })) => Some(why),
            // The draft had no evidence, so its roots are others.
            Err(Refused::Invalid(Invalid::Header("receipts root"))) => None,
            other => panic!("{other:?}"),
        }
    };
    use staking::Unconvincing::{Convicted, Innocent, Unknown};
    assert_eq!(with(vec![evidence.clone()]), None);
    assert_eq!(with(vec![evidence.clone(), evidence.clone()]), Some(Convicted));
    assert_eq!(with(vec![two_votes(&chain, 9)]), Some(Unknown));
    let Evidence::Votes { first, first_signature, .. } = evidence else { panic!() };
    let once = Evidence::votes((first.clone(), first_signature), (first, first_signature));
    assert_eq!(with(vec![once]), Some(Innocent));
}

#[test]
fn evidence_2_a_proposer_leaves_out_what_does_not_convince() {
    let mut chain = chain_of(&[1_000, 1_000, 1_000]);
    chain.idle();
    let good = two_votes(&chain, 1);
    chain.evidence = vec![two_votes(&chain, 9), good.clone(), good.clone()];
    chain.idle();
    assert_eq!(chain.blocks.last().unwrap().evidence.to_vec(), [good]);
}

#[test]
fn staking_8_the_only_validator_stays_even_when_convicted() {
    let mut chain = chain_of(&[1_000]);
    chain.idle();
    chain.evidence = vec![two_votes(&chain, 0)];
    chain.idle();
    next_epoch(&mut chain);
    assert_eq!(chain.set().len(), 1, "a chain without validators would be dead");
}
