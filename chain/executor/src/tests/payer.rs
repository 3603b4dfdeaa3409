use super::{MEI, forced, invalid, judge};
use leither_harness::executor::{Invalid, Unfit};
use leither_harness::pallets::{Call, orgs};
use leither_harness::{Chain, account, charter, transfer};
use leither_types::{Amount, OrgId, SignedTx, Status};

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
