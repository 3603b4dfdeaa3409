//! What groups and single accounts may with a MiMei.

use super::*;
use leither_harness::issue;
use leither_types::OrgId;

/// A MiMei of alice's with one version, given to an organization that she alone supervises, and whose only units are hers.
fn owned_by_org(chain: &mut Chain, members: &[&str]) -> (OrgId, MimeiId) {
    let org = chain.org_of(members);
    chain.join(org, "alice");
    chain.ok("alice", issue(org, account("alice"), 100));
    let (id, _) = made(chain, "alice", create("ours"));
    chain.ok("alice", backup(id, None, 0));
    chain.ok("alice", Call::Mimei(Do::Give { mimei: id, to: org.treasury() }));
    (org, id)
}

/// Backs up on what is the newest version; whether that was allowed.
fn writes(chain: &mut Chain, who: &str, id: MimeiId) -> bool {
    let last = chain.head(&id).last.map(|last| last.number);
    let may = mimei::views::rights(mimei::View::Final(&**chain.state()), &id, &chain.head(&id), &account(who));
    let receipt = chain.call(who, backup(id, last, 1));
    let done = receipt.status == leither_types::Status::Done;
    assert_eq!(may.expect("memory does not fail").has(Right::Backup), done, "what is asked and what is done agree");
    done
}

#[test]
fn mimei_8_a_mask_says_what_whole_groups_may_and_begins_with_nothing() {
    let mut chain = Chain::default();
    let (org, id) = owned_by_org(&mut chain, &["bob"]);
    assert_eq!(chain.head(&id).mask, Mask(0));
    for who in ["alice", "bob", "carol"] {
        assert!(!writes(&mut chain, who, id), "{who} before");
    }
    let groups: [(Group, [bool; 3]); 3] =
        [(Group::Supervisors, [true, false, false]), (Group::Members, [true, true, false]), (Group::Guests, [true, true, true])];
    for (group, may) in groups {
        assert_eq!(by_vote(&mut chain, org, &[set_mask(id, &[(group, &[Right::Backup])])]), orgs::Outcome::Done);
        for (who, may) in ["alice", "bob", "carol"].into_iter().zip(may) {
            assert_eq!(writes(&mut chain, who, id), may, "{who} as {group:?}");
            assert_eq!(chain.refused(who, release(id, 0)), err(Why::NotAllowed), "that right alone");
        }
    }
    assert_eq!(by_vote(&mut chain, org, &[set_mask(id, &[])]), orgs::Outcome::Done);
    for who in ["alice", "bob", "carol"] {
        assert!(!writes(&mut chain, who, id), "{who} after");
    }
}

#[test]
fn mimei_8_groups_have_their_own_bits_and_the_rest_is_nobodys() {
    let all: [(Group, &[Right]); 3] =
        [(Group::Guests, &[Right::Backup]), (Group::Members, &[Right::Release]), (Group::Supervisors, &[Right::Refer])];
    assert_eq!(mask(&all), Mask(0x0004_0002_0001));
    assert_eq!(Mask(u64::MAX).with(Group::Members, Rights(0)), Mask(0xffff_ffff_0000_ffff));
    assert_eq!(
        Mask(0).with(Group::Guests, Rights(u64::MAX)),
        Mask(0xffff),
        "what is beyond a group's bits is no other group's"
    );
    let set = |mask| Call::Mimei(Do::SetMask { mimei: MimeiId([1; 20]), mask: Mask(mask) });
    for bit in 0..64 {
        assert_eq!(set(1 << bit).check(), if bit < 48 { Ok(()) } else { Err(err(Why::Mask)) }, "bit {bit}");
    }
}

#[test]
fn mimei_8_a_persons_mimei_has_no_members_and_a_new_owner_begins_with_no_mask() {
    let mut chain = Chain::default();
    let org = chain.org_of(&["bob"]);
    let (id, _) = made(&mut chain, "alice", create("holiday"));
    chain.ok("alice", set_mask(id, &[(Group::Members, &[Right::Backup]), (Group::Supervisors, &[Right::Backup])]));
    assert!(!writes(&mut chain, "bob", id), "a member of what does not own it");
    chain.ok("alice", set_mask(id, &[(Group::Guests, &[Right::Backup])]));
    assert!(writes(&mut chain, "bob", id));
    chain.ok("alice", Call::Mimei(Do::Give { mimei: id, to: org.treasury() }));
    assert_eq!(chain.head(&id).mask, Mask(0));
    assert!(!writes(&mut chain, "bob", id), "what alice allowed anybody is not what the organization allows");
}

#[test]
fn mimei_9_a_grant_decides_alone_for_its_account_also_to_deny() {
    let mut chain = Chain::default();
    let (org, id) = owned_by_org(&mut chain, &["bob", "carol"]);
    let members = set_mask(id, &[(Group::Members, &[Right::Backup, Right::Release])]);
    assert_eq!(
        by_vote(&mut chain, org, &[members, grant(id, "bob", &[]), grant(id, "dave", &[Right::Backup])]),
        orgs::Outcome::Done
    );
    assert!(!writes(&mut chain, "bob", id), "denied, a member or not");
    assert!(writes(&mut chain, "carol", id), "another member is not");
    assert!(writes(&mut chain, "dave", id), "granted, a member or not");
    let grants = mimei::views::grants(&**chain.state(), &id, None, 9).expect("memory does not fail");
    assert!(grants.contains(&(account("bob"), Rights(0))), "a denial is on record");
    // Less than the group may is less, not more.
    assert_eq!(by_vote(&mut chain, org, &[grant(id, "bob", &[Right::Release])]), orgs::Outcome::Done);
    assert!(!writes(&mut chain, "bob", id));
    chain.ok("bob", release(id, 0));
    assert_eq!(by_vote(&mut chain, org, &[ungrant(id, "bob"), ungrant(id, "dave"), ungrant(id, "erin")]), orgs::Outcome::Done);
    assert!(writes(&mut chain, "bob", id), "what members may");
    assert!(!writes(&mut chain, "dave", id), "what guests may");
    assert_eq!(mimei::views::grants(&**chain.state(), &id, None, 9), Ok(vec![]));
}

#[test]
fn mimei_9_the_owner_is_not_denied() {
    let mut chain = Chain::default();
    let (id, _) = made(&mut chain, "alice", create("holiday"));
    chain.ok("alice", grant(id, "alice", &[]));
    assert!(writes(&mut chain, "alice", id));
}

#[test]
fn mimei_10_who_leaves_or_is_expelled_has_no_more_rights_than_anybody() {
    let mut chain = Chain::default();
    let (org, id) = owned_by_org(&mut chain, &["bob", "carol"]);
    assert_eq!(by_vote(&mut chain, org, &[set_mask(id, &[(Group::Members, &[Right::Backup])])]), orgs::Outcome::Done);
    assert!(writes(&mut chain, "bob", id) && writes(&mut chain, "carol", id));
    assert!(!writes(&mut chain, "dave", id));
    chain.ok("bob", Call::Orgs(orgs::Call::Leave { org }));
    chain.ok("alice", Call::Orgs(orgs::Call::Expel { org, who: account("carol") }));
    chain.join(org, "dave");
    assert!(!writes(&mut chain, "bob", id) && !writes(&mut chain, "carol", id));
    assert!(writes(&mut chain, "dave", id), "who came may");
    // In the very block in which one leaves.
    let last = chain.head(&id).last.map(|last| last.number);
    let txs = [chain.sign(&["dave"], &[Call::Orgs(orgs::Call::Leave { org }), backup(id, last, 9)])];
    assert_ne!(chain.block(&txs)[0].status, leither_types::Status::Done);
    assert!(writes(&mut chain, "dave", id), "and all of it was taken back");
}

#[test]
fn mimei_10_a_supervisors_rights_end_with_the_charter_that_named_one() {
    let mut chain = Chain::default();
    let (org, id) = owned_by_org(&mut chain, &["bob"]);
    assert_eq!(by_vote(&mut chain, org, &[set_mask(id, &[(Group::Supervisors, &[Right::Backup])])]), orgs::Outcome::Done);
    assert!(writes(&mut chain, "alice", id) && !writes(&mut chain, "bob", id));
    let charter = leither_harness::charter(&["bob"], 1);
    assert_eq!(by_vote(&mut chain, org, &[Call::Orgs(orgs::Call::Amend { org, charter })]), orgs::Outcome::Done);
    assert!(!writes(&mut chain, "alice", id) && writes(&mut chain, "bob", id));
}
