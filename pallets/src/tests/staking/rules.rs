use super::*;
use leither_harness::pallets::params;
use leither_types::RULES_VERSION;

fn old_chain(powers: &[u64]) -> Chain {
    let params = Params { version: 1, ..params() };
    let mut chain = Chain::new(&Setup { params, powers: powers.to_vec(), ..Setup::default() });
    for n in 0..powers.len() {
        chain.ok("alice", leither_harness::transfer(crate::tests::MEI, account(&format!("operator-{n}")), UNIT));
    }
    chain
}

fn rules(chain: &Chain) -> u32 {
    params::views::params(&**chain.state()).unwrap().version
}

fn ready(chain: &mut Chain, who: &str, rules: u32) {
    chain.ok(who, Call::Staking(staking::Call::Ready { rules }));
}

#[test]
fn staking_11_newer_rules_come_at_an_election_by_two_thirds_of_the_power() {
    let mut chain = old_chain(&[1, 1, 1]);
    ready(&mut chain, "operator-0", 2);
    ready(&mut chain, "operator-1", 2);
    next_epoch(&mut chain);
    assert_eq!(rules(&chain), 1, "two thirds are ready: they alone could decide nothing");
    ready(&mut chain, "operator-2", 2);
    assert_eq!(rules(&chain), 1, "not before the election");
    let events = next_epoch(&mut chain);
    assert_eq!(rules(&chain), 2);
    assert!(events.contains(&Event::Staking(staking::Event::Rules { version: 2 })));
}

#[test]
fn staking_11_only_the_next_rules_can_be_announced() {
    let mut chain = old_chain(&[1]);
    for wrong in [0, 1, 3] {
        let refused = chain.refused("operator-0", Call::Staking(staking::Call::Ready { rules: wrong }));
        assert_eq!(refused, staking::Error::Rules { wanted: wrong, now: 1 }.into());
    }
}

#[test]
fn staking_11_the_first_rules_pay_no_reporter_and_the_second_do() {
    let reported = |version: u32| {
        let mut chain = old_chain(&[1_000, 1_000]);
        if version == 2 {
            ready(&mut chain, "operator-0", 2);
            ready(&mut chain, "operator-1", 2);
        }
        join(&mut chain, "bob", 2, 300);
        next_epoch(&mut chain);
        assert_eq!(rules(&chain), version);
        chain.evidence = vec![faults::two_votes(&chain, 2)];
        let before = chain.free(crate::tests::MEI, "operator-0");
        chain.idle();
        chain.free(crate::tests::MEI, "operator-0") - before
    };
    assert_eq!((reported(1), reported(2)), (0, 300 * UNIT / 200));
}

#[test]
fn staking_11_a_program_plays_by_all_rules_up_to_its_own() {
    let known = |version| staking::knows_rules(version);
    assert!((1..=RULES_VERSION).all(known));
    assert!(!known(0) && !known(RULES_VERSION + 1));
}
