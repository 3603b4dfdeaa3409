use crate::tests::MEI;
use leither_harness::pallets::{Event, params, staking, tokens};
use leither_harness::{Chain, Setup, account, key, tokens_in, transfer};
use leither_types::{Amount, Params, ValidatorId};

fn paid(chain: &Chain, n: usize) -> u128 {
    chain.free(MEI, &format!("operator-{n}"))
}

fn burned(chain: &Chain) -> u128 {
    tokens_in(&**chain.state()).iter().find(|(id, _)| *id == MEI).expect("mei is on record").1.burned.0
}

fn fee_of(chain: &mut Chain) -> u128 {
    chain.call("alice", transfer(MEI, account("bob"), 1)).fee.0
}

#[test]
fn staking_1_the_first_blocks_fees_are_all_burnt_since_nobody_signed_genesis() {
    let mut chain = Chain::default();
    let fee = fee_of(&mut chain);
    assert_eq!((paid(&chain, 0), burned(&chain)), (0, fee));
}

#[test]
fn staking_1_half_is_burnt_and_half_goes_to_the_signers_by_power() {
    let mut chain = Chain::new(&Setup { powers: vec![3, 2, 2], ..Setup::default() });
    chain.idle();
    let fee = fee_of(&mut chain);
    let half = fee / 2;
    let shares = [half * 3 / 7, half * 2 / 7, half * 2 / 7];
    assert_eq!([paid(&chain, 0), paid(&chain, 1), paid(&chain, 2)], shares);
    assert_eq!(burned(&chain), fee - shares.iter().sum::<u128>(), "what division leaves over, too");
    let told: u128 = chain
        .events()
        .iter()
        .map(|event| match event {
            Event::Staking(staking::Event::Paid { amount, .. } | staking::Event::Burnt { amount }) => amount.0,
            _ => 0,
        })
        .sum();
    assert_eq!(told, fee, "all of it is told");
}

#[test]
fn staking_1_who_did_not_sign_earns_nothing() {
    let mut chain = Chain::new(&Setup { powers: vec![1; 4], ..Setup::default() });
    chain.signing = vec![0, 1, 3];
    chain.idle();
    let fee = fee_of(&mut chain);
    assert_eq!([0, 1, 2, 3].map(|n| paid(&chain, n)), [fee / 2 / 3, fee / 2 / 3, 0, fee / 2 / 3]);
    let absent = ValidatorId::of_key(&key("validator-2").public());
    let last = &chain.blocks.last().expect("a block").last_certificate;
    assert!(last.signatures.iter().all(|commit| commit.validator != absent));
}

#[test]
fn staking_1_the_greatest_powers_and_fees_are_divided_without_a_fault() {
    let params = Params { base_fee_min: Amount(1 << 70), ..Params::dev() };
    let setup = Setup { params, powers: vec![u64::MAX, u64::MAX, u64::MAX], funds: Amount(1 << 90), ..Setup::default() };
    let mut chain = Chain::new(&setup);
    chain.idle();
    let fee = fee_of(&mut chain);
    assert!(fee > 1 << 84, "so that fee and power together leave 128 bits");
    assert_eq!(paid(&chain, 1), fee / 2 / 3);
}

#[test]
fn staking_2_a_pulse_that_is_not_empty_issues_the_emission_to_the_signers() {
    let params = Params { emission: Amount(1_000), ..Params::dev() };
    let mut chain = Chain::new(&Setup { params, powers: vec![1, 1, 1], ..Setup::default() });
    chain.idle();
    let before = tokens_in(&**chain.state())[0].1.issued.0;
    chain.idle();
    assert_eq!(tokens_in(&**chain.state())[0].1.issued.0, before, "an empty one issues nothing");
    let fee = fee_of(&mut chain);
    assert_eq!(paid(&chain, 0), fee / 2 / 3 + 333);
    assert_eq!(tokens_in(&**chain.state())[0].1.issued.0, before + 999);
    let issued = chain.events().iter().filter(|event| matches!(event, Event::Tokens(tokens::Event::Issued { .. }))).count();
    assert_eq!(issued, 3);
}

#[test]
fn staking_2_a_full_supply_ends_the_emission_and_nothing_else() {
    let params = Params { emission: Amount(1_000), ..Params::dev() };
    let funds = Amount(((1 << 96) - 1) / 10);
    let mut chain = Chain::new(&Setup { params, funds, ..Setup::default() });
    chain.idle();
    let fee = fee_of(&mut chain);
    assert_eq!(paid(&chain, 0), fee / 2, "the fee, but nothing new");
}

#[test]
fn params_1_a_block_is_judged_by_its_parents_parameters() {
    let dear = Params { base_fee_min: Amount(7), ..Params::dev() };
    let mut chain = Chain::new(&Setup { params: dear, ..Setup::default() });
    let mut cheap = Chain::default();
    let (seven, one) = (fee_of(&mut chain), fee_of(&mut cheap));
    assert_eq!(seven, 7 * one);
}

#[test]
fn params_2_the_base_fee_moves_with_the_parents_load_and_comes_back() {
    let params = Params { block_weight_max: 40_000, base_fee_min: Amount(100), ..Params::dev() };
    let mut chain = Chain::new(&Setup { params, ..Setup::default() });
    let now = |chain: &Chain| params::views::base_fee_at(&**chain.state()).expect("memory does not fail").0;
    let mut seen = vec![now(&chain)];
    for _ in 0..3 {
        fee_of(&mut chain);
        seen.push(now(&chain));
    }
    assert!(seen.windows(2).all(|pair| pair[0] < pair[1] && pair[1] <= pair[0] * 9 / 8), "{seen:?}");
    for _ in 0..40 {
        chain.idle();
    }
    assert_eq!(now(&chain), 100, "to its floor, not to where an eighth rounds to nothing");
}
