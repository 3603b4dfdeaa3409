//! The rules, one test each or more, named by the rule. They run whole blocks on `leither-harness`, so the pallets they see are that
//! crate's (`leither_harness::pallets`): the same code, built without tests.

mod accounts;
mod dividends;
mod members;
mod mimei;
mod model;
mod money;
mod proposals;
mod pushes;
mod range;
mod staking;
mod streams;
mod tokens;
mod votes;
mod wasm;

use leither_harness::pallets::{Call, orgs};
use leither_harness::{Chain, proposal};
use leither_types::{OrgId, TokenId};

const MEI: TokenId = TokenId::NATIVE;

/// Alice, who alone supervises and votes, makes the organization do this at once.
fn by_vote(chain: &mut Chain, org: OrgId, calls: &[Call]) -> orgs::Outcome {
    let number = chain.org(org).proposals;
    chain.ok("alice", proposal(org, calls));
    chain.ok("alice", vote(org, number, true));
    match chain.proposal(org, number).stage {
        orgs::Stage::Closed(outcome) => outcome,
        stage => panic!("not closed but {stage:?}"),
    }
}

/// With all the weight there is.
fn vote(org: OrgId, proposal: u64, yes: bool) -> Call {
    Call::Orgs(orgs::Call::Vote { org, proposal, yes, weight: None })
}
