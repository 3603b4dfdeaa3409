use super::*;
use crate::tests::MEI;
use leither_harness::executor::{FormError, NobodyVerified, RecoveryError, Refused, check_form, execute};
use leither_harness::pallets::staking::Unseatable;
use leither_harness::pallets::{Error, lineage, params as rules};
use leither_harness::{charter, issue, tokens_in, transfer};
use leither_state::Read;
use leither_types::{GenesisHead, Hash, OrgId, SignedTx, TokenId};
use parity_scale_codec::Encode;

/// Four founders, of whom two will be gone, and alice, who has pledged and has a seat.
fn halted() -> Chain {
    let mut chain = chain_of(&[1_000, 1_000, 1_000, 1_000]);
    join(&mut chain, "alice", 4, 500);
    next_epoch(&mut chain);
    assert!(is_seated(&chain, "alice"));
    chain
}

/// Founders 0 and 1 go on, with bob, who is new.
const SEATS: [(usize, &str, u64); 3] = [(0, "operator-0", 1_000), (1, "operator-1", 1_000), (5, "bob", 700)];

fn recovered(chain: &Chain) -> Chain {
    let mut new = chain.go_on(chain.recovery(&SEATS, 3_600_000)).unwrap();
    new.signing = vec![0, 1, 5];
    new.proposer = 0;
    new
}

fn refused(chain: &Chain, change: impl FnOnce(&mut GenesisHead)) -> RecoveryError {
    let mut head = chain.recovery(&SEATS, 1);
    change(&mut head);
    chain.go_on(head).err().expect("it is refused")
}

fn with_seats(chain: &Chain, seats: &[(usize, &str, u64)]) -> RecoveryError {
    chain.go_on(chain.recovery(seats, 1)).err().expect("it is refused")
}

fn holdings(chain: &Chain) -> Vec<((TokenId, AccountId), leither_state::Holding)> {
    chain.state().holdings().map(|(key, holding)| (*key, *holding)).collect()
}

#[test]
fn recover_2_every_balance_token_name_and_nonce_is_as_it_was() {
    let mut chain = halted();
    let org = chain.org_of(&["carol"]);
    chain.ok("alice", issue(org, account("carol"), 250));
    chain.ok("carol", transfer(MEI, account("dave"), 5 * UNIT));
    let new = recovered(&chain);
    assert_eq!(holdings(&new), holdings(&chain));
    assert_eq!(tokens_in(&**new.state()), tokens_in(&**chain.state()));
    for (token, _) in tokens_in(&**chain.state()) {
        assert_eq!(new.state().supply(&token).unwrap(), chain.state().supply(&token).unwrap());
    }
    assert_eq!((new.org(org), new.member(org, "carol")), (chain.org(org), chain.member(org, "carol")));
    // Of all records only those of the validators and of the ancestry differ.
    let records = |chain: &Chain| chain.state().records(&[], None, usize::MAX).unwrap();
    let (before, after) = (records(&chain), records(&new));
    let changed = before.iter().filter(|row| !after.contains(row)).chain(after.iter().filter(|row| !before.contains(row)));
    for (key, _) in changed {
        assert!(key.starts_with(b"s") || key.starts_with(b"lp"), "{:?}", String::from_utf8_lossy(key));
    }
    assert_eq!(rules::views::params(&**new.state()).unwrap(), rules::views::params(&**chain.state()).unwrap());
}

#[test]
fn recover_2_equal_plans_make_equal_chains_and_the_chain_goes_on() {
    let chain = halted();
    let (mut new, other) = (recovered(&chain), recovered(&chain));
    assert_eq!((new.id(), new.state().root()), (other.id(), other.state().root()));
    assert_ne!(new.id(), chain.id());
    assert_eq!(new.state().root(), new.genesis.head.origin.as_ref().unwrap().first_root);
    let before = new.free(MEI, "dave");
    new.ok("carol", transfer(MEI, account("dave"), 7));
    assert_eq!((new.free(MEI, "dave"), new.parent().height), (before + 7, 1));
    // Whoever joins later, by the old state alone, comes to the same.
    let later = chain.go_on(new.genesis.head.clone()).unwrap();
    assert_eq!((later.id(), later.state().root()), (other.id(), other.state().root()));
}

#[test]
fn recover_2_what_is_not_of_this_state_begins_nothing() {
    let chain = halted();
    for change in [
        (|head| head.origin.as_mut().unwrap().height += 1) as fn(&mut GenesisHead),
        |head| head.origin.as_mut().unwrap().block = Hash([1; 32]),
        |head| head.origin.as_mut().unwrap().state_root = Hash([1; 32]),
    ] {
        assert_eq!(refused(&chain, change), RecoveryError::OtherState);
    }
    assert_eq!(refused(&chain, |head| head.time -= 1), RecoveryError::Time);
    assert_eq!(refused(&chain, |head| head.params.unbonding_ms += 1), RecoveryError::Params);
    assert_eq!(refused(&chain, |head| head.version = 1), RecoveryError::NoRecovery);
    assert_eq!(refused(&chain, |head| head.origin = None), RecoveryError::NoRecovery);
    assert_eq!(refused(&chain, |head| head.allocations = Hash::ZERO), RecoveryError::NoRecovery);
    assert_eq!(
        refused(&chain, |head| head.origin.as_mut().unwrap().possessions = Default::default()),
        RecoveryError::Possession
    );
    let other = |head: &mut GenesisHead| head.origin.as_mut().unwrap().chain = Hash([1; 32]);
    assert_eq!(refused(&chain, other), RecoveryError::OtherState);
}

#[test]
fn recover_3_the_new_chain_says_on_chain_where_it_comes_from_over_several_recoveries() {
    let chain = halted();
    assert_eq!(lineage::views::pasts(&**chain.state()).unwrap(), []);
    let mut new = recovered(&chain);
    let last = chain.blocks.last().unwrap().header.clone();
    let pasts = lineage::views::pasts(&**new.state()).unwrap();
    let past = pasts[0];
    assert_eq!(pasts.len(), 1);
    assert_eq!((past.chain, past.height, past.block, past.state_root), (chain.id(), last.height, last.id(), last.state_root));
    assert_eq!((past.ended, past.resumed), (last.time, new.genesis.head.time));
    assert_eq!(new.state().record(&lineage::views::key()).unwrap(), Some(vec![past].encode()));
    new.idle();
    let third = new.go_on(new.recovery(&[(0, "operator-0", 1), (5, "bob", 1)], 1)).unwrap();
    let chains: Vec<_> = lineage::views::pasts(&**third.state()).unwrap().iter().map(|past| past.chain).collect();
    assert_eq!(chains, [chain.id(), new.id()]);
}

#[test]
fn recover_5_the_new_set_votes_and_the_others_have_their_pledges_back_after_the_unbonding() {
    let chain = halted();
    let mut new = recovered(&chain);
    let mut seated = seats(&new);
    seated.sort_unstable();
    let mut wanted = [("operator-0", 1_000), ("operator-1", 1_000), ("bob", 700)].map(|(name, power)| (account(name), power));
    wanted.sort_unstable();
    assert_eq!(seated, wanted);
    for gone in ["operator-2", "operator-3", "alice"] {
        let release = new.genesis.head.time + new.genesis.head.params.unbonding_ms;
        assert_eq!(standing(&new, gone), Standing::Leaving { release: Some(release) }, "{gone}");
    }
    assert_eq!(new.locked(MEI, "alice"), 500 * UNIT, "locked for now");
    next_epoch(&mut new);
    assert_eq!(seats(&new).len(), 3, "the same set after an election");
    assert_eq!(new.locked(MEI, "alice"), 500 * UNIT);
    new.pass(new.genesis.head.params.unbonding_ms);
    new.idle();
    next_epoch(&mut new);
    assert_eq!((new.locked(MEI, "alice"), stake(&new, "alice")), (0, None));
    // As anybody else, she may pledge again.
    let call = join_call(&new, "alice", 6, 500);
    new.ok("alice", call);
}

#[test]
fn recover_5_a_pledge_stays_behind_who_stays_and_its_power_is_what_the_plan_says() {
    let chain = halted();
    let seats_of = [(0, "operator-0", 1_000), (4, "alice", 800)];
    let mut new = chain.go_on(chain.recovery(&seats_of, 1)).unwrap();
    new.signing = vec![0, 4];
    let kept = stake(&new, "alice").unwrap();
    assert_eq!((kept.pledge, kept.granted, kept.standing), (Amount(500 * UNIT), 300, Standing::Active));
    assert_eq!(kept.contact, stake(&chain, "alice").unwrap().contact, "found where it was");
    next_epoch(&mut new);
    assert_eq!(seats(&new), [(account("operator-0"), 1_000), (account("alice"), 800)]);
    // A new key, of the same operator: its pledge stays, its swarm's name does not.
    let moved = chain.go_on(chain.recovery(&[(0, "operator-0", 1_000), (9, "alice", 1)], 1)).unwrap();
    let kept = stake(&moved, "alice").unwrap();
    assert_eq!((kept.pledge, kept.granted, kept.contact), (Amount(500 * UNIT), 0, None));
}

#[test]
fn recover_5_the_convicted_stay_so_and_nobodys_key_is_anothers() {
    let mut chain = halted();
    chain.evidence = vec![faults::two_votes(&chain, 4)];
    chain.idle();
    chain.evidence.clear();
    assert!(matches!(standing(&chain, "alice"), Standing::Ejected { .. }));
    let new = recovered(&chain);
    assert_eq!(stake(&new, "alice"), stake(&chain, "alice"));
    let founder = (0, "operator-0", 1_000);
    let convicted = RecoveryError::Seat(Unseatable::Convicted(account("alice")));
    assert_eq!(with_seats(&chain, &[founder, (4, "alice", 1)]), convicted);
    assert_eq!(with_seats(&chain, &[founder, (7, "alice", 1)]), convicted, "by no other key either");
    assert_eq!(with_seats(&chain, &[founder, (4, "bob", 1)]), RecoveryError::Seat(Unseatable::Key(account("bob"))));
    assert_eq!(with_seats(&chain, &[founder, (2, "bob", 1)]), RecoveryError::Seat(Unseatable::Key(account("bob"))));
    let twice = [founder, (7, "bob", 1), (8, "bob", 1)];
    assert_eq!(with_seats(&chain, &twice), RecoveryError::Seat(Unseatable::Twice(account("bob"))));
    assert_eq!(with_seats(&chain, &[(7, "bob", 1), (8, "carol", 1)]), RecoveryError::Seat(Unseatable::Strangers));
}

#[test]
fn recover_5_misses_and_jail_of_the_old_chain_are_over() {
    let mut chain = halted();
    chain.signing = vec![0, 1, 2, 4];
    while standing(&chain, "operator-3") == Standing::Active {
        chain.idle();
    }
    let seats_of = [(0, "operator-0", 1_000), (3, "operator-3", 1_000)];
    let new = chain.go_on(chain.recovery(&seats_of, 1)).unwrap();
    assert_eq!(standing(&new, "operator-3"), Standing::Active);
    assert_eq!(views::misses(&**new.state(), &account("operator-3")).unwrap(), 0);
    let epoch = views::epoch(&**new.state()).unwrap();
    assert_eq!((epoch.number, epoch.elected_at), (new.genesis.head.time / new.genesis.head.params.epoch_ms, 0));
}

#[test]
fn recover_2_a_pay_out_that_was_under_way_goes_round_again_for_income_of_the_new_chain() {
    let params = Params { pushes_max: 1, ..params() };
    let mut chain = Chain::new(&Setup { params, powers: vec![1, 1], ..Setup::default() });
    let rules = leither_harness::pallets::orgs::Charter { treasury_bp: 0, push_least: Amount(1), ..charter(&["alice"], 1) };
    let org = chain.found(&["alice"], "tube", rules);
    for who in ["bob", "carol", "dave"] {
        chain.join(org, who);
        chain.ok("alice", issue(org, account(who), 100));
    }
    chain.ok("judy", transfer(MEI, org.treasury(), UNIT));
    let pay_in = |chain: &mut Chain| chain.ok("judy", crate::tests::dividends::income(org, MEI, 900_000));
    pay_in(&mut chain);
    chain.idle();
    let mut new = chain.go_on(chain.recovery(&[(0, "operator-0", 1), (1, "operator-1", 1)], 1)).unwrap();
    pay_in(&mut new);
    for _ in 0..10 {
        new.idle();
    }
    for who in ["bob", "carol", "dave"] {
        assert_eq!(owed(&new, org, who), 0, "{who} was paid all of both");
    }
}

fn owed(chain: &Chain, org: OrgId, who: &str) -> u128 {
    chain.claimable(org, MEI, account(who))
}

#[test]
fn recover_11_a_transaction_of_one_chain_is_none_on_the_other() {
    let mut chain = halted();
    let pay = transfer(MEI, account("dave"), 5);
    let (done, waiting) = (chain.sign(&["carol"], std::slice::from_ref(&pay)), chain.sign(&["erin"], std::slice::from_ref(&pay)));
    chain.block(std::slice::from_ref(&done));
    let mut new = recovered(&chain);
    let of_new = new.sign(&["erin"], &[pay]);
    assert_eq!(waiting.tx.nonce, of_new.tx.nonce, "the nonce alone would not tell them apart");
    for (tx, here) in [(&done, new.id()), (&waiting, new.id()), (&of_new, chain.id())] {
        let known = check_form(&tx.encode(), &here);
        assert_eq!(known, Err(FormError::Chain { signed: tx.tx.chain, here }));
    }
    let (_, unfit) = new.try_block(&[done, waiting.clone()]);
    assert_eq!(unfit.len(), 2, "no proposer takes them");
    // Nor does a block that has one stand.
    let (mut block, ..) = new.propose(&[of_new]);
    let foreign: Vec<SignedTx> = vec![waiting];
    block.header.txs_root = leither_types::Block::txs_root(&foreign);
    block.txs = leither_types::List::new(foreign).unwrap();
    assert!(matches!(execute(new.parent(), &block, &NobodyVerified), Err(Refused::Invalid(_))));
}

#[test]
fn recover_11_votes_of_one_chain_convict_nobody_on_the_other() {
    let chain = halted();
    let mut new = recovered(&chain);
    let evidence = vec![faults::two_votes(&chain, 0)];
    new.evidence = evidence;
    new.idle();
    assert!(new.blocks.last().unwrap().evidence.is_empty());
    let possession = join_call(&chain, "carol", 7, 500);
    assert_eq!(new.refused("carol", possession), Error::Staking(staking::Error::Possession));
}
