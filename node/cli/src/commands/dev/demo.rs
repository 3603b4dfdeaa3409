//! The demo organization, founded as anybody would: by signed transactions in blocks. Nothing of it is planted.
//!
//! alice founds `demo-tube`, seven more join in the other economic roles, a vote issues units to each for a stated reason, and judy
//! pays an income that is shared out at once.

use super::super::Session;
use super::super::org::standard_charter;
use crate::exit::{Done, Exit, Failure};
use crate::wallet::{TxFlags, Wallet};
use leither_pallets::Call;
use leither_pallets::orgs::{Call as OrgCall, Charter, Role};
use leither_rpc_api::{ClientError, GetOrg, OrgRef, methods};
use leither_types::{AccountId, Amount, List, OrgId, Text, TokenId, tagged};

const NAME: &str = "demo-tube";
const SYMBOL: &str = "tube";
const DECIMALS: u8 = 6;

/// Who does what, for how many whole units, and why.
const CAST: [(&str, Role, u128, &str); 8] = [
    ("alice", Role::Initiator, 1_000, "wrote the plan of a video site that its makers own"),
    ("bob", Role::Investor, 800, "paid for the first year's domain and hardware"),
    ("carol", Role::Developer, 1_200, "built the player and the upload page"),
    ("dave", Role::ContentProvider, 900, "filmed and edited the first twelve videos"),
    ("erin", Role::ServiceProvider, 500, "transcodes and indexes every upload"),
    ("frank", Role::DeviceOwner, 600, "hosts the site on a machine at home"),
    ("grace", Role::Operations, 400, "answers mail and moderates"),
    ("heidi", Role::Marketing, 350, "brought the first thousand viewers"),
];

/// What judy, an advertiser, pays in smallest units of `mei`.
const INCOME: u128 = 100 * 1_000_000_000;

/// Founds it, unless it is there already (a chain that was kept).
pub async fn found(node: &str, session: &Session) -> Done {
    let wallet = Wallet::open(node, &session.home, session.passwords(), session.printer).await?;
    let named: OrgRef = NAME.parse().map_err(Failure::fault)?;
    match wallet.client.call(&methods::ORG_GET, GetOrg { org: named }).await {
        Ok(_) => return Ok(()),
        Err(ClientError::Refused { .. }) => {}
        Err(other) => return Err(other.into()),
    }
    let alice = wallet.account("alice").await?;
    act(&wallet, "alice", vec![create(alice)?]).await?;
    let org = wallet.org_id(NAME).await?;
    join(&wallet, org).await?;
    vote_issuance(&wallet, org).await?;
    let note = text("an advertiser's first month")?;
    let income = OrgCall::Income { org, token: TokenId::NATIVE, amount: Amount::new(INCOME), note };
    act(&wallet, "judy", vec![Call::Orgs(income)]).await
}

fn create(alice: AccountId) -> Done<Call> {
    let charter = standard_charter(vec![alice]).ok_or_else(|| Failure::fault("no charter"))?;
    // An hour to vote: long enough for a tour, short enough to see a proposal end by itself. Fees of members up to 0.01 mei a day.
    let charter = Charter { period_ms: 3_600_000, allowance: Amount::new(10_000_000), ..charter };
    Ok(Call::Orgs(OrgCall::Create { name: text(NAME)?, symbol: text(SYMBOL)?, decimals: DECIMALS, charter }))
}

/// All but the founder apply at once; the founder admits them and grants the roles in one transaction.
async fn join(wallet: &Wallet, org: OrgId) -> Done {
    let mut confirmations = Vec::new();
    let mut applied = Vec::new();
    for (name, role, _, _) in CAST {
        if name == "alice" {
            continue;
        }
        let who = wallet.account(name).await?;
        let call = Call::Orgs(OrgCall::Apply { org, evidence: None, note: text("I would like to take part")? });
        let flags = TxFlags { no_wait: true, ..flags(name) };
        applied.push(wallet.send(&flags, vec![call]).await?.tx);
        confirmations.push(Call::Orgs(OrgCall::Admit { org, who }));
        confirmations.push(Call::Orgs(OrgCall::SetRole { org, who, role, granted: true }));
    }
    for tx in applied {
        wallet.wait(tx, 20_000).await?.outcome()?;
    }
    act(wallet, "alice", confirmations).await
}

/// R51: construction is recommended by a supervisor and issued after a vote.
async fn vote_issuance(wallet: &Wallet, org: OrgId) -> Done {
    let mut calls = Vec::new();
    for (name, role, units, reason) in CAST {
        let to = wallet.account(name).await?;
        let amount = Amount::new(units * 10u128.pow(DECIMALS.into()));
        let evidence = tagged("leither/evidence/v1", &[reason.as_bytes()]);
        let issue = Call::Orgs(OrgCall::Issue { org, to, amount, role, reason: text(reason)?, evidence });
        calls.push(issue.write().ok_or_else(|| Failure::fault("a call too long"))?);
    }
    let calls = List::new(calls).ok_or_else(|| Failure::fault("too many calls"))?;
    let title = text("Tokens for building demo-tube")?;
    act(wallet, "alice", vec![Call::Orgs(OrgCall::Propose { org, title, calls })]).await?;
    // Five of eight heads decide it; each votes by itself, all at the same time.
    let mut votes = Vec::new();
    for name in ["alice", "bob", "carol", "dave", "erin"] {
        let vote = Call::Orgs(OrgCall::Vote { org, proposal: 0, yes: true, weight: None });
        votes.push(wallet.send(&TxFlags { no_wait: true, ..flags(name) }, vec![vote]).await?.tx);
    }
    for tx in votes {
        wallet.wait(tx, 20_000).await?.outcome()?;
    }
    Ok(())
}

async fn act(wallet: &Wallet, name: &str, calls: Vec<Call>) -> Done {
    let outcome = wallet.send(&flags(name), calls).await?.outcome();
    outcome.map_err(|failure| Failure::new(Exit::Fault, format!("the demo organization: {}", failure.sentence)))
}

fn flags(name: &str) -> TxFlags {
    TxFlags { from: name.into(), cosign: Vec::new(), payer: None, max_fee: None, dry_run: false, no_wait: false, propose: None }
}

fn text<const MAX: usize>(text: &str) -> Done<Text<MAX>> {
    Text::new(text).ok_or_else(|| Failure::fault("a text too long"))
}
