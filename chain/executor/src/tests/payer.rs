use super::{MEI, forced, invalid, judge};
use leither_harness::executor::{Invalid, Unfit, admissible};
use leither_harness::pallets::{Call, orgs, wasm};
use leither_harness::{Chain, account, charter, transfer};
use leither_state::Overlay;
use leither_types::{Amount, Blob, List, OrgId, SignedTx, Status};

const DAY_MS: u64 = 24 * 3_600_000;

/// Pays 100,000 of a member's fees a day; bob is a member.
fn sponsoring() -> (Chain, OrgId) {
    let mut chain = Chain::default();
    let org = chain.found(&["alice"], "tube", orgs::Charter { allowance: Amount(100_000), ..charter(&["alice"], 1) });
    chain.join(org, "bob");
    chain.ok("judy", transfer(MEI, org.treasury(), 1_000_000));
    chain.now = (chain.next_time() / DAY_MS + 1) * DAY_MS;
    (chain, org)
}

fn paid_by(chain: &Chain, org: OrgId, who: &str) -> SignedTx {
    let mut plan = chain.plan(&[who], &[transfer(MEI, account("carol"), 1)]);
    plan.payer = Some(org.treasury());
    plan.sign()
}

fn refused(chain: &Chain, tx: SignedTx) -> Unfit {
    match invalid(judge(chain, &forced(chain, &[tx]))) {
        Invalid::Tx { why, .. } => why,
        other => panic!("another fault: {other}"),
    }
}

#[test]
fn org_13_the_organization_pays_its_members_fee_and_the_member_only_what_it_sends() {
    let (mut chain, org) = sponsoring();
    let (bob, treasury) = (chain.free(MEI, "bob"), chain.holding(MEI, org.treasury()).free.0);
    let receipts = chain.block(&[paid_by(&chain, org, "bob")]);
    assert_eq!(receipts[0].status, Status::Done);
    assert_eq!(chain.free(MEI, "bob"), bob - 1);
    assert_eq!(chain.holding(MEI, org.treasury()).free.0, treasury - receipts[0].fee.0);
}

#[test]
fn org_13_a_used_up_allowance_is_back_the_next_day() {
    let (mut chain, org) = sponsoring();
    let mut paid = 0;
    loop {
        let tx = paid_by(&chain, org, "bob");
        let (receipts, unfit) = chain.try_block(&[tx]);
        if let [(_, why)] = &unfit[..] {
            assert_eq!(*why, Unfit::Payer);
            break;
        }
        paid += receipts[0].fee.0;
        assert!(paid <= 100_000, "never more than a day's");
    }
    assert!(paid > 50_000);
    assert_eq!(refused(&chain, paid_by(&chain, org, "bob")), Unfit::Payer, "the block would be invalid");
    chain.now = (chain.next_time() / DAY_MS + 1) * DAY_MS - 1;
    assert_eq!(refused(&chain, paid_by(&chain, org, "bob")), Unfit::Payer, "not before midnight of block time");
    chain.now += 1;
    chain.block(&[paid_by(&chain, org, "bob")]);
}

#[test]
fn org_13_leaving_and_coming_back_gives_no_second_allowance_on_a_day() {
    let (mut chain, org) = sponsoring();
    while chain.try_block(&[paid_by(&chain, org, "bob")]).1.is_empty() {}
    chain.ok("bob", Call::Orgs(orgs::Call::Leave { org }));
    chain.join(org, "bob");
    assert_eq!(refused(&chain, paid_by(&chain, org, "bob")), Unfit::Payer);
    chain.now = (chain.next_time() / DAY_MS + 1) * DAY_MS;
    chain.block(&[paid_by(&chain, org, "bob")]);
    // What was used on a day that is over is not kept for one who goes.
    chain.now = (chain.next_time() / DAY_MS + 1) * DAY_MS;
    chain.ok("bob", Call::Orgs(orgs::Call::Leave { org }));
    let used = chain.last.as_ref().expect("an outcome").writes.records.iter().find(|(key, _)| key.starts_with(b"of"));
    assert!(used.is_some_and(|(_, value)| value.is_none()), "the row is gone: {used:?}");
}

#[test]
fn org_13_a_pool_is_told_what_is_left_of_the_allowance_not_what_the_treasury_has() {
    let (mut chain, org) = sponsoring();
    let can_pay = |chain: &Chain| {
        let block = chain.next_info();
        let overlay = Overlay::new(chain.state().clone());
        let known = admissible(&overlay, &block, Amount(1), &paid_by(chain, org, "bob"), 1).expect("no fault");
        known.expect("it is admissible").1
    };
    assert_eq!(can_pay(&chain), Amount(100_000));
    let receipts = chain.block(&[paid_by(&chain, org, "bob")]);
    assert_eq!(can_pay(&chain), Amount(100_000 - receipts[0].fee.0));
    let rich = orgs::Charter { allowance: Amount(1 << 90), ..charter(&["alice"], 1) };
    let org = chain.found(&["alice"], "song", rich);
    chain.ok("judy", transfer(MEI, org.treasury(), 77_000));
    chain.join(org, "bob");
    let overlay = Overlay::new(chain.state().clone());
    let block = chain.next_info();
    let known = admissible(&overlay, &block, Amount(1), &paid_by(&chain, org, "bob"), 1).expect("no fault");
    assert_eq!(known.expect("it is admissible").1, Amount(77_000), "nor more than the treasury has");
}

#[test]
fn org_13_a_failing_call_uses_the_allowance_as_well() {
    let (mut chain, org) = sponsoring();
    let mut plan = chain.plan(&["bob"], &[transfer(MEI, account("bob"), 1)]);
    plan.payer = Some(org.treasury());
    let before = chain.holding(MEI, org.treasury()).free.0;
    let receipts = chain.block(&[plan.sign()]);
    assert_ne!(receipts[0].status, Status::Done);
    assert_eq!(chain.holding(MEI, org.treasury()).free.0, before - receipts[0].fee.0);
}

#[test]
fn org_13_it_pays_for_members_alone_and_only_what_it_has() {
    let (mut chain, org) = sponsoring();
    assert_eq!(refused(&chain, paid_by(&chain, org, "carol")), Unfit::Payer, "no member");
    assert_eq!(refused(&chain, paid_by(&chain, OrgId([9; 20]), "bob")), Unfit::Payer, "no organization");
    let mut behind = chain.plan(&["carol", "bob"], &[transfer(MEI, account("dave"), 1)]);
    behind.payer = Some(org.treasury());
    assert_eq!(refused(&chain, behind.sign()), Unfit::Payer, "the first signer's membership counts");
    chain.ok("bob", Call::Orgs(orgs::Call::Leave { org }));
    assert_eq!(refused(&chain, paid_by(&chain, org, "bob")), Unfit::Payer, "no longer");

    let mut chain = Chain::default();
    let org = chain.found(&["alice"], "tube", orgs::Charter { allowance: Amount(100_000), ..charter(&["alice"], 1) });
    assert!(matches!(refused(&chain, paid_by(&chain, org, "alice")), Unfit::CannotPay { have: Amount(0), .. }));
    let mut chain = Chain::default();
    let org = chain.org_of(&[]);
    chain.ok("judy", transfer(MEI, org.treasury(), 1_000_000));
    assert_eq!(refused(&chain, paid_by(&chain, org, "alice")), Unfit::Payer, "an allowance of 0 pays nothing");
}

/// An organization that pays for those who execute a contract: 400,000 a transaction, 1,000,000 a day.
fn covering() -> (Chain, OrgId, leither_types::AccountId) {
    let (mut chain, org) = sponsoring();
    let contract = account("contract");
    let cover = orgs::Call::CoverFees { org, contract, per_use: Amount(400_000), per_day: Amount(1_000_000) };
    chain.ok("judy", transfer(MEI, org.treasury(), 100_000_000));
    chain.ok("alice", leither_harness::proposal(org, &[Call::Orgs(cover)]));
    for who in ["alice", "bob"] {
        chain.ok(who, Call::Orgs(orgs::Call::Vote { org, proposal: 0, yes: true, weight: None }));
    }
    chain.now = (chain.next_time() / DAY_MS + 1) * DAY_MS;
    chain.idle();
    (chain, org, contract)
}

fn executes(contract: leither_types::AccountId) -> Call {
    let (msg, funds) = (Blob::new(b"{}".to_vec()).unwrap(), List::default());
    Call::Wasm(wasm::Call::Execute { contract, msg, funds, gas: 50_000_000 })
}

fn covered(chain: &Chain, org: OrgId, who: &str, calls: &[Call]) -> SignedTx {
    let mut plan = chain.plan(&[who], calls);
    plan.payer = Some(org.treasury());
    plan.sign()
}

#[test]
fn org_20_who_executes_a_covered_contract_needs_no_mei_up_to_limits_of_a_day() {
    let (mut chain, org, contract) = covering();
    let had = chain.holding(MEI, org.treasury()).free.0;
    let mut paid = 0;
    // Nobody knows them, and they have nothing. That there is no such contract makes the call fail, not the payment.
    for who in ["nobody-1", "nobody-2"] {
        paid += chain.block(&[covered(&chain, org, who, &[executes(contract)])])[0].fee.0;
    }
    assert_eq!(chain.holding(MEI, org.treasury()).free.0, had - paid);
    // Until the day's limit.
    let mut used = paid;
    while let (receipts, unfit) = chain.try_block(&[covered(&chain, org, "nobody-3", &[executes(contract)])])
        && unfit.is_empty()
    {
        used += receipts[0].fee.0;
    }
    assert!((600_000..=1_000_000).contains(&used) && had - chain.holding(MEI, org.treasury()).free.0 == used, "{used}");
    assert_eq!(refused(&chain, covered(&chain, org, "nobody-4", &[executes(contract)])), Unfit::Payer, "whoever it is");
    let rows = orgs::views::covers(&**chain.state(), &org, chain.now).unwrap();
    assert_eq!(rows[0].2, Amount(used), "it is told");
    chain.now = (chain.next_time() / DAY_MS + 1) * DAY_MS;
    chain.block(&[covered(&chain, org, "nobody-4", &[executes(contract)])]);
}

#[test]
fn org_20_nothing_else_in_the_transaction_is_paid_for() {
    let (chain, org, contract) = covering();
    let pay = transfer(MEI, account("carol"), 1);
    let dear = vec![executes(contract); 3];
    for calls in [dear, vec![executes(account("another"))], vec![executes(contract), pay.clone()], vec![pay]] {
        assert_eq!(refused(&chain, covered(&chain, org, "nobody-1", &calls)), Unfit::Payer);
    }
    // Both are fit: what such a made-up block lacks is the receipts.
    let twice = covered(&chain, org, "nobody-1", &[executes(contract), executes(contract)]);
    assert_eq!(invalid(judge(&chain, &forced(&chain, &[twice]))), Invalid::Header("receipts root"));
}
