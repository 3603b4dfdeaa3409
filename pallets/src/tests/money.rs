use super::by_vote;
use leither_harness::pallets::{Call, Error, orgs, tokens};
use leither_harness::{Chain, account, charter, issue, text};
use leither_types::{Amount, Hash, OrgId, TokenId};

fn err(error: orgs::Error) -> Error {
    Error::Orgs(error)
}

fn issue_for(org: OrgId, reason: &str, evidence: Hash) -> Call {
    let role = orgs::Role::Developer;
    Call::Orgs(orgs::Call::Issue { org, to: account("bob"), amount: Amount(5), role, reason: text(reason), evidence })
}

#[test]
fn org_7_an_issuance_names_reason_evidence_role_and_what_allowed_it() {
    let mut chain = Chain::default();
    let org = chain.org_of(&["bob"]);
    for (reason, evidence) in [("", Hash([1; 32])), (" \t ", Hash([1; 32])), ("work", Hash::ZERO)] {
        let call = issue_for(org, reason, evidence);
        assert_eq!(call.check(), Err(err(orgs::Error::NoReason)), "refused by form");
        let (_, unfit) = chain.try_block(&[chain.sign(&["alice"], std::slice::from_ref(&call))]);
        assert_eq!(unfit.len(), 1, "it never stands in a block");
        let hidden = leither_harness::proposal(org, &[call]);
        assert_eq!(hidden.check(), Err(err(orgs::Error::ProposalCalls)), "nor in a proposal");
    }
    chain.ok("alice", issue_for(org, "work", Hash([1; 32])));
    assert_eq!(by_vote_of_bob(&mut chain, org), orgs::Outcome::Done);
    let entries = orgs::views::entries(&**chain.state(), &org, None, 9).expect("memory does not fail");
    let via = |n: usize| match &entries[n].1.kind {
        orgs::EntryKind::Issuance { via, reason, evidence, role, to, amount } => {
            assert_eq!((&**reason, *evidence, *to, *amount), ("work", Hash([1; 32]), account("bob"), Amount(5)));
            assert_eq!(*role, orgs::Role::Developer);
            *via
        }
        other => panic!("not an issuance: {other:?}"),
    };
    assert_eq!((entries.len(), via(0), via(1)), (2, orgs::Via::Supervisors, orgs::Via::Proposal(0)));
    let known: Vec<_> = chain.blocks.iter().flat_map(|block| &block.txs).map(|tx| tx.id()).collect();
    assert!(entries.iter().all(|(_, entry)| known.contains(&entry.tx)), "each names a signed transaction");
}

/// Bob has all units.
fn by_vote_of_bob(chain: &mut Chain, org: OrgId) -> orgs::Outcome {
    chain.ok("bob", leither_harness::proposal(org, &[issue_for(org, "work", Hash([1; 32]))]));
    chain.ok("bob", super::vote(org, 0, true));
    match chain.proposal(org, 0).stage {
        orgs::Stage::Closed(outcome) => outcome,
        stage => panic!("not closed but {stage:?}"),
    }
}

#[test]
fn org_7_units_go_to_members_in_the_role() {
    let mut chain = Chain::default();
    let org = chain.org_of(&["bob"]);
    assert_eq!(chain.refused("alice", issue(org, account("alice"), 5)), err(orgs::Error::NotInRole));
    assert_eq!(chain.refused("alice", issue(org, account("carol"), 5)), err(orgs::Error::NotMember));
    assert_eq!(chain.refused("alice", issue(org, org.treasury(), 5)), err(orgs::Error::NotMember));
    assert_eq!(chain.refused("alice", issue(org, account("bob"), 0)), Error::Tokens(tokens::Error::Nothing));
    assert_eq!(chain.refused("bob", issue(org, account("bob"), 5)), err(orgs::Error::NotSupervisor));
    let role = orgs::Role::Developer;
    chain.ok("alice", Call::Orgs(orgs::Call::SetRole { org, who: account("bob"), role, granted: false }));
    assert_eq!(chain.refused("alice", issue(org, account("bob"), 5)), err(orgs::Error::NotInRole));
    assert_eq!(chain.org(org).entries, 0);
}

#[test]
fn org_8_supervisors_issue_at_most_the_cap_in_an_epoch() {
    let mut chain = Chain::default();
    let org = chain.found(&["alice"], "tube", orgs::Charter { issuance_cap: Amount(100), ..charter(&["alice"], 1) });
    chain.join(org, "bob");
    // The epoch of a dev chain is a minute of block time: start at the beginning of one.
    chain.now = (chain.next_time() / 60_000 + 1) * 60_000;
    chain.ok("alice", issue(org, account("bob"), 60));
    assert_eq!(chain.refused("alice", issue(org, account("bob"), 41)), err(orgs::Error::OverCap { left: Amount(40) }));
    let two = [issue(org, account("bob"), 40), issue(org, account("bob"), 1)];
    assert_eq!(chain.all_refused(&["alice"], &two), err(orgs::Error::OverCap { left: Amount(0) }));
    chain.ok("alice", issue(org, account("bob"), 40));
    assert_eq!(chain.refused("alice", issue(org, account("bob"), u128::MAX)), err(orgs::Error::OverCap { left: Amount(0) }));
    chain.now = (chain.next_time() / 60_000 + 1) * 60_000;
    chain.ok("alice", issue(org, account("bob"), 100));
    assert_eq!(chain.free(TokenId::of_org(&org), "bob"), 200);
}

#[test]
fn org_8_a_cap_of_nothing_means_by_vote_alone() {
    let mut chain = Chain::default();
    let org = chain.found(&["alice"], "tube", orgs::Charter { issuance_cap: Amount(0), ..charter(&["alice"], 1) });
    let role = orgs::Role::Developer;
    chain.ok("alice", Call::Orgs(orgs::Call::SetRole { org, who: account("alice"), role, granted: true }));
    assert_eq!(chain.refused("alice", issue(org, account("alice"), 1)), err(orgs::Error::OverCap { left: Amount(0) }));
    assert_eq!(by_vote(&mut chain, org, &[issue(org, account("alice"), 1_000_000_000)]), orgs::Outcome::Done);
    assert_eq!(chain.free(TokenId::of_org(&org), "alice"), 1_000_000_000);
    assert_eq!(by_vote(&mut chain, org, &[issue(org, account("carol"), 1)]), orgs::Outcome::Failed, "a member, even then");
}
