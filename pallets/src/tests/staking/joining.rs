use super::*;
use crate::tests::MEI;
use leither_harness::pallets::{Error, accounts};

#[test]
fn staking_3_a_pledge_is_locked_and_makes_a_candidate_not_a_validator() {
    let mut chain = chain_of(&[1_000]);
    join(&mut chain, "alice", 1, 300);
    assert_eq!(chain.locked(MEI, "alice"), 300 * UNIT);
    assert_eq!(standing(&chain, "alice"), Standing::Active);
    assert!(!is_seated(&chain, "alice"), "before the election");
}

#[test]
fn staking_3_who_cannot_show_the_key_or_pledges_too_little_is_refused() {
    let mut chain = chain_of(&[1_000]);
    let refused = |chain: &mut Chain, who: &str, call: Call| match chain.refused(who, call) {
        Error::Staking(error) => error,
        other => panic!("{other:?}"),
    };
    let theirs = join_call(&chain, "bob", 1, 300);
    assert_eq!(refused(&mut chain, "alice", theirs), staking::Error::Possession, "a proof that was made for another operator");
    let little = join_call(&chain, "alice", 1, 99);
    assert!(matches!(refused(&mut chain, "alice", little), staking::Error::Pledge { .. }));
    let more = join_call(&chain, "alice", 1, 10_000_000);
    assert!(matches!(chain.refused("alice", more), Error::Accounts(accounts::Error::Short { .. })));
    assert_eq!(stake(&chain, "alice"), None, "a refusal leaves nothing behind");

    let founders = join_call(&chain, "alice", 0, 300);
    assert_eq!(refused(&mut chain, "alice", founders), staking::Error::Key, "a key that serves already");
    join(&mut chain, "alice", 1, 300);
    let again = join_call(&chain, "alice", 2, 300);
    assert_eq!(refused(&mut chain, "alice", again), staking::Error::Already);
    let theirs = join_call(&chain, "bob", 1, 300);
    assert_eq!(refused(&mut chain, "bob", theirs), staking::Error::Key);
    assert_eq!(refused(&mut chain, "carol", leave()), staking::Error::None);
}

#[test]
fn staking_3_an_address_that_is_none_is_refused_by_form() {
    let chain = chain_of(&[1_000]);
    let with = |address: &str| {
        let Call::Staking(staking::Call::Join { key, possession, pledge, swarm_possession, .. }) =
            join_call(&chain, "alice", 1, 300)
        else {
            panic!()
        };
        let contact = Contact { address: text(address), ..contact(1) };
        Call::Staking(staking::Call::Join { key, possession, contact, swarm_possession, pledge }).check()
    };
    assert_eq!(with(""), Ok(()), "it only dials out");
    assert_eq!(with("/ip4/192.0.2.1/tcp/4804"), Ok(()));
    for wrong in ["192.0.2.1:4804", "/ip4/192.0.2.1/tcp/4804/p2p/12D3", "/ip4/1.2.3.4 /tcp/1", "/ip4/\u{1b}[2J"] {
        assert_eq!(with(wrong), Err(staking::Error::Address.into()), "{wrong:?}");
    }
}

#[test]
fn staking_4_an_election_seats_by_pledge() {
    let mut chain = chain_of(&[1_000]);
    join(&mut chain, "alice", 1, 300);
    join(&mut chain, "bob", 2, 400);
    let events = next_epoch(&mut chain);
    assert!(events.iter().any(|event| matches!(event, Event::Staking(staking::Event::Elected { validators: 3, .. }))));
    assert_eq!(seats(&chain), [(account("operator-0"), 1_000), (account("bob"), 190), (account("alice"), 142)], "STAKING-13");
    chain.ok("alice", Call::Staking(staking::Call::Raise { amount: Amount(200 * UNIT) }));
    next_epoch(&mut chain);
    assert_eq!(seats(&chain), [(account("operator-0"), 1_000), (account("alice"), 500), (account("bob"), 400)]);
}

#[test]
fn staking_4_more_candidates_than_seats_are_chosen_by_power() {
    let params = Params { validators_max: 2, ..params() };
    let mut chain = Chain::new(&Setup { params, powers: vec![350], ..Setup::default() });
    join(&mut chain, "alice", 1, 300);
    join(&mut chain, "bob", 2, 400);
    next_epoch(&mut chain);
    assert_eq!(seats(&chain), [(account("operator-0"), 350), (account("bob"), 116)]);
    chain.idle();
    next_epoch(&mut chain);
    assert_eq!(seats(&chain), [(account("bob"), 400), (account("operator-0"), 350)]);
}

#[test]
fn staking_13_who_never_starts_stops_nobody_and_goes_without_leave() {
    let mut chain = chain_of(&[1_000]);
    join(&mut chain, "alice", 1, 9_000);
    chain.signing = vec![0];
    next_epoch(&mut chain);
    assert_eq!(seats(&chain), [(account("operator-0"), 1_000), (account("alice"), 333)]);
    assert_eq!(stake(&chain, "alice").unwrap().service, Service::Probation);
    for _ in 0..6 {
        chain.idle();
    }
    assert!(matches!(standing(&chain, "alice"), Standing::Jailed { .. }), "of two, as it never showed that it runs");
    chain.idle();
    assert_eq!(seats(&chain), [(account("operator-0"), 1_000)]);
}

#[test]
fn staking_13_the_first_signature_ends_probation_and_jail_begins_another() {
    let mut chain = chain_of(&[1_000; 5]);
    join(&mut chain, "alice", 5, 5_000);
    next_epoch(&mut chain);
    let service = |chain: &Chain| stake(chain, "alice").unwrap().service;
    assert_eq!((service(&chain), seats(&chain)[0]), (Service::Probation, (account("alice"), 1_666)));
    chain.idle();
    assert_eq!(service(&chain), Service::Probation, "the certificate in this block is of the former set");
    chain.idle();
    assert_eq!(service(&chain), Service::Proven);
    next_epoch(&mut chain);
    assert_eq!(seats(&chain)[0], (account("alice"), 1_666), "now it is the quarter of STAKING-4");
    chain.signing.retain(|n| *n != 5);
    for _ in 0..12 {
        chain.idle();
    }
    assert_eq!(service(&chain), Service::Probation, "jailed");
}

#[test]
fn staking_13_newcomers_take_free_seats_or_a_quarter_of_them() {
    let params = Params { validators_max: 4, ..params() };
    let mut chain = Chain::new(&Setup { params, powers: vec![1_000; 4], ..Setup::default() });
    for (n, who) in ["alice", "bob", "carol"].into_iter().enumerate() {
        join(&mut chain, who, 4 + n, 2_000 + n as u128);
    }
    next_epoch(&mut chain);
    let new = seats(&chain).iter().filter(|(who, _)| ["alice", "bob", "carol"].map(account).contains(who)).count();
    assert_eq!((seats(&chain).len(), new), (4, 1), "however much they pledge");
}

/// A full roster: `cheap-7` has pledged the least, for `validator-1007`.
fn full() -> Chain {
    let params = Params { epoch_ms: 1 << 40, ..params() };
    let mut chain = Chain::new(&Setup { params, ..Setup::default() });
    let cheap = staking::ROSTER_MAX - chain.set().len();
    for n in 0..cheap {
        let who = format!("cheap-{n}");
        chain.ok("alice", leither_harness::transfer(MEI, account(&who), 102 * UNIT));
        join(&mut chain, &who, 1_000 + n, if n == 7 { 100 } else { 101 });
    }
    chain
}

#[test]
fn staking_7_evidence_against_one_that_the_same_block_displaces_stops_nobody() {
    let mut chain = full();
    chain.evidence = vec![faults::two_votes(&chain, 1_007)];
    join(&mut chain, "bob", 1, 300);
    assert_eq!(chain.blocks.last().unwrap().evidence.len(), 1);
    assert_eq!((stake(&chain, "cheap-7"), chain.locked(MEI, "cheap-7")), (None, 0));
}

#[test]
fn staking_14_who_was_convicted_is_not_displaced() {
    let mut chain = full();
    chain.evidence = vec![faults::two_votes(&chain, 1_007)];
    chain.idle();
    join(&mut chain, "bob", 1, 300);
    assert!(matches!(standing(&chain, "cheap-7"), Standing::Ejected { .. }));
    assert_eq!(chain.locked(MEI, "cheap-7"), 95 * UNIT, "it stays locked");
}

#[test]
fn staking_13_a_founder_of_the_least_power_is_not_stopped_by_who_never_starts() {
    for power in [1, 2] {
        let mut chain = chain_of(&[power]);
        join(&mut chain, "alice", 1, 9_000);
        chain.signing = vec![0];
        next_epoch(&mut chain);
        assert_eq!(chain.set().len(), 2);
        let decides = u128::from(seats(&chain)[0].1) * 3 > chain.set().total_power() * 2;
        assert!(decides && seats(&chain)[0].0 == account("operator-0"), "{:?}", seats(&chain));
    }
}

#[test]
fn staking_14_a_greater_pledge_displaces_who_was_never_elected_from_a_full_roster() {
    let mut chain = full();
    let little = join_call(&chain, "bob", 1, 100);
    assert_eq!(chain.refused("bob", little), staking::Error::Full { max: staking::ROSTER_MAX as u32 }.into());
    join(&mut chain, "bob", 1, 300);
    assert_eq!(
        (stake(&chain, "cheap-7"), chain.locked(MEI, "cheap-7")),
        (None, 0),
        "the least of them, and its pledge is free"
    );
    assert_eq!(views::stakes(&**chain.state()).unwrap().len(), staking::ROSTER_MAX);
    let again = join_call(&chain, "cheap-7", 1_007, 101);
    assert!(
        matches!(chain.refused("cheap-7", again), Error::Staking(staking::Error::Full { .. })),
        "not refused for its key"
    );
}

#[test]
fn staking_15_a_swarm_key_is_shown_before_it_is_believed() {
    let mut chain = chain_of(&[1_000]);
    join(&mut chain, "alice", 1, 300);
    let theirs = |who: &str, from: &Chain| {
        let (contact, swarm_possession) = (contact(1), swarm_proof(from, who, 1));
        Call::Staking(staking::Call::Move { contact, swarm_possession })
    };
    join(&mut chain, "bob", 2, 300);
    let copied = theirs("alice", &chain);
    assert_eq!(
        chain.refused("bob", copied),
        staking::Error::Swarm.into(),
        "another's name, with the proof that the other gave"
    );
    let Call::Staking(staking::Call::Join { key, possession, contact, pledge, .. }) = join_call(&chain, "carol", 3, 300) else {
        panic!()
    };
    let swarm_possession = swarm_proof(&chain, "carol", 4);
    let join = staking::Call::Join { key, possession, contact, swarm_possession, pledge };
    assert_eq!(chain.refused("carol", Call::Staking(join)), staking::Error::Swarm.into());
    let moved = theirs("alice", &chain);
    chain.ok("alice", moved);
}

#[test]
fn staking_9_a_change_is_known_a_block_before_it_holds() {
    let mut chain = chain_of(&[1_000]);
    join(&mut chain, "alice", 1, 300);
    chain.pass(chain.genesis.head.params.epoch_ms);
    chain.idle();
    let coming = views::set_after(&**chain.state()).unwrap();
    assert_eq!((coming.len(), chain.set().len()), (2, 1));
    chain.idle();
    assert_eq!(chain.set(), coming);
    let headers: Vec<_> = chain.blocks.iter().map(|block| &block.header).collect();
    assert!(
        headers.windows(2).all(|pair| pair[0].next_validators == pair[1].validators),
        "each header foretells the next one's set"
    );
    chain.idle();
    assert_eq!(chain.blocks.last().unwrap().last_certificate.signatures.len(), 1, "the last certificate of the former set");
    chain.idle();
    assert_eq!(chain.blocks.last().unwrap().last_certificate.signatures.len(), 2, "the first of the new one");
}

#[test]
fn staking_5_who_leaves_votes_until_the_election_and_gets_the_pledge_back_after_unbonding() {
    let mut chain = chain_of(&[1_000]);
    join(&mut chain, "alice", 1, 300);
    next_epoch(&mut chain);
    chain.ok("alice", leave());
    assert!(is_seated(&chain, "alice"));
    next_epoch(&mut chain);
    assert!(!is_seated(&chain, "alice"));
    assert_eq!(chain.locked(MEI, "alice"), 300 * UNIT, "still bound: evidence may come");
    let Standing::Leaving { release: Some(release) } = standing(&chain, "alice") else { panic!() };
    assert!(release >= chain.blocks.last().unwrap().header.time + chain.genesis.head.params.unbonding_ms - 60_000);
    chain.pass(chain.genesis.head.params.unbonding_ms);
    next_epoch(&mut chain);
    assert_eq!(chain.locked(MEI, "alice"), 0);
    assert_eq!(stake(&chain, "alice"), None);
    let again = join_call(&chain, "alice", 1, 300);
    assert_eq!(chain.refused("alice", again), staking::Error::Key.into(), "no key serves twice");
    join(&mut chain, "alice", 3, 300);
}

#[test]
fn staking_5_a_candidate_that_never_voted_waits_out_its_unbonding_too() {
    let mut chain = chain_of(&[1_000]);
    join(&mut chain, "alice", 1, 300);
    chain.ok("alice", leave());
    assert!(matches!(standing(&chain, "alice"), Standing::Leaving { release: Some(_) }));
    next_epoch(&mut chain);
    assert_eq!((is_seated(&chain, "alice"), chain.locked(MEI, "alice")), (false, 300 * UNIT));
}

#[test]
fn staking_8_the_last_validator_cannot_leave() {
    let mut chain = chain_of(&[1_000]);
    chain.plant(&leither_state::WriteSet::default());
    fund_operator(&mut chain);
    chain.ok("operator-0", leave());
    next_epoch(&mut chain);
    assert_eq!(seats(&chain), [(account("operator-0"), 1_000)]);
    join(&mut chain, "alice", 1, 300);
    next_epoch(&mut chain);
    assert_eq!(seats(&chain), [(account("alice"), 300)], "now another is there");
}

fn fund_operator(chain: &mut Chain) {
    chain.ok("alice", leither_harness::transfer(MEI, account("operator-0"), UNIT));
}

#[test]
fn staking_10_a_new_key_takes_over_at_the_election_and_the_old_one_can_still_be_convicted() {
    let mut chain = chain_of(&[1_000, 1_000]);
    join(&mut chain, "alice", 2, 300);
    next_epoch(&mut chain);
    let new = key("validator-3");
    let possession = new.sign(&possession_bytes(&chain.id(), &account("alice"), &new.public()));
    let swarm_possession = swarm_proof(&chain, "alice", 3);
    let swarm = key("swarm-3").public();
    let rotate = |possession| Call::Staking(staking::Call::Rotate { key: new.public(), possession, swarm, swarm_possession });
    assert_eq!(chain.refused("alice", rotate(Default::default())), staking::Error::Possession.into());
    chain.ok("alice", rotate(possession));
    assert_eq!(chain.refused("alice", rotate(possession)), staking::Error::Rotating.into());
    assert!(chain.set().get(&id(2)).is_some());
    chain.signing.push(3);
    next_epoch(&mut chain);
    assert_eq!((chain.set().get(&id(2)).is_some(), chain.set().get(&id(3)).is_some()), (false, true));
    assert_eq!(stake(&chain, "alice").unwrap().contact.unwrap().swarm, key("swarm-3").public());

    let mut later = chain.clone();
    chain.evidence = vec![faults::two_votes(&chain, 2)];
    chain.idle();
    assert!(matches!(standing(&chain, "alice"), Standing::Ejected { .. }));
    // Who finds the old key when nothing that it signed in its time could still come up convicts nobody.
    later.pass(later.genesis.head.params.unbonding_ms);
    later.idle();
    later.evidence = vec![faults::two_votes(&later, 2)];
    later.idle();
    assert_eq!((later.blocks.last().unwrap().evidence.len(), standing(&later, "alice")), (0, Standing::Active));
    later.evidence = vec![faults::two_votes(&later, 3)];
    later.idle();
    assert!(matches!(standing(&later, "alice"), Standing::Ejected { .. }), "by the new one it is");
}
