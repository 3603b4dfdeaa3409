use crate::{account, text};
use leither_pallets::{Call, orgs, tokens};
use leither_types::{AccountId, Amount, Hash, List, OrgId, TokenId};

/// A charter that lets these supervise, k of them together: open to applications, quorum 50 %, pass 50 %, a period of a minute, no veto
/// delay, 1,000,000 units an epoch, income in `mei` of which a tenth stays, no pushes, no allowance.
pub fn charter(supervisors: &[&str], threshold: u8) -> orgs::Charter {
    orgs::Charter {
        supervisors: List::new(supervisors.iter().map(|name| account(name)).collect()).expect("at most 16 supervisors"),
        threshold,
        join: orgs::JoinPolicy { application: true, sponsorship: false, task: None },
        quorum_bp: 5_000,
        pass_bp: 5_000,
        period_ms: 60_000,
        veto_ms: 0,
        issuance_cap: Amount(1_000_000),
        income_tokens: List::new(vec![TokenId::NATIVE]).expect("at most 4"),
        treasury_bp: 1_000,
        push_least: Amount::ZERO,
        allowance: Amount::ZERO,
    }
}

/// A payment.
pub fn transfer(token: TokenId, to: AccountId, amount: u128) -> Call {
    Call::Tokens(tokens::Call::Transfer { token, to, amount: Amount(amount), memo: text("") })
}

/// Units for work as a developer, well founded.
pub fn issue(org: OrgId, to: AccountId, amount: u128) -> Call {
    Call::Orgs(orgs::Call::Issue {
        org,
        to,
        amount: Amount(amount),
        role: orgs::Role::Developer,
        reason: text("wrote the player"),
        evidence: Hash([7; 32]),
    })
}

/// A proposal that the organization do this.
pub fn proposal(org: OrgId, calls: &[Call]) -> Call {
    let calls = calls.iter().map(|call| call.write().expect("the test's call is short enough")).collect();
    Call::Orgs(orgs::Call::Propose { org, title: text("a proposal"), calls: List::new(calls).expect("at most 8 calls") })
}
