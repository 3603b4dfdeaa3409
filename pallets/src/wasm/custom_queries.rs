//! What contracts may ask of organizations, members, tokens and MiMei (WASM-13).

use super::custom::{id, role_named, role_of};
use super::custom_streams;
use super::gas::LOOKUP_GAS;
use super::host::World;
use super::money;
use super::queries::{Answer, Meter, json};
use crate::{mimei, orgs, tokens};
use leither_types::{AccountId, Amount, MimeiId, OrgId};
use leither_vm::abi::QueryAnswer;
use leither_vm::abi::Uint128;
use leither_vm::abi::custom::{
    DividendAnswer, LeitherQuery, MandateAnswer, MemberAnswer, MemberRow, MembersAnswer, MimeiAnswer, OrgAnswer, OrgOfAnswer,
    ProposalAnswer, ProposalStage, RightAnswer, ScheduleAnswer, Share, SpendLeft, TableAnswer, TokenAnswer,
};
use leither_vm::{HostError, address_of};

/// Members that one question looks at.
const MEMBERS_PAGE: u32 = 30;

fn number(amount: Amount) -> Uint128 {
    Uint128::new(amount.0)
}

/// What is asked after is not written as it should be, or is not there: the asker's mistake, in the same words everywhere.
fn no(what: &str) -> Answer {
    Ok(QueryAnswer::Failed(format!("there is no such {what}")))
}

/// Answers.
pub fn answer(world: &World, query: &LeitherQuery, meter: &mut Meter) -> Answer {
    meter.charge(LOOKUP_GAS)?;
    match query {
        LeitherQuery::Org { org } => match id(org) {
            Some(org) => an_org(world, &org, meter),
            None => no("organization"),
        },
        LeitherQuery::OrgOf { contract } => {
            let Some(contract) = address_of(contract) else { return no("contract") };
            let org = world.state.look(|state| orgs::views::of_contract(state, &contract))?;
            json(&OrgOfAnswer { org: org.map(|org| org.to_string()) })
        }
        LeitherQuery::Mandate { org } => match id(org) {
            Some(org) => mandate(world, &org),
            None => no("organization"),
        },
        LeitherQuery::Member { org, who } => match (id(org), address_of(who)) {
            (Some(org), Some(who)) => member(world, &org, &who, meter),
            _ => no("member"),
        },
        LeitherQuery::Members { org, role, start_after, limit } => {
            let Some(org) = id(org) else { return no("organization") };
            let after = match start_after {
                Some(text) => match address_of(text) {
                    Some(after) => Some(after),
                    None => return no("member"),
                },
                None => None,
            };
            let limit = limit.unwrap_or(MEMBERS_PAGE).clamp(1, MEMBERS_PAGE);
            meter.charge(LOOKUP_GAS.saturating_mul(u64::from(limit)))?;
            let rows = world.state.look(|state| orgs::views::members_now(state, &org, after.as_ref(), limit as usize))?;
            let next = rows.last().filter(|_| rows.len() == limit as usize).map(|(who, _)| who.to_string());
            let wanted = role.map(role_of);
            let members = rows.into_iter().filter(|(_, member)| wanted.is_none_or(|role| member.roles.has(role)));
            let members = members.map(|(who, member)| MemberRow { who: who.to_string(), roles: roles(member.roles) });
            json(&MembersAnswer { members: members.collect(), next })
        }
        LeitherQuery::Table { org, table } => {
            let Some(org) = id(org) else { return no("organization") };
            let shares = world.state.look(|state| orgs::views::table_now(state, &org, *table))?.unwrap_or_default();
            json(&TableAnswer { shares: shares.iter().map(|share| Share { to: share.to.to_string(), bp: share.bp }).collect() })
        }
        LeitherQuery::Proposal { org, proposal } => {
            let Some(org) = id(org) else { return no("organization") };
            let Some(proposal) = world.state.look(|state| orgs::views::proposal_now(state, &org, *proposal))? else {
                return no("proposal");
            };
            json(&ProposalAnswer {
                by: proposal.by.to_string(),
                title: proposal.title.to_string(),
                stage: stage(proposal.stage),
                until: proposal.until,
                yes: number(proposal.yes),
                no: number(proposal.no),
            })
        }
        LeitherQuery::Schedule { contract, id } => {
            let Some(contract) = address_of(contract) else { return no("contract") };
            let schedule = world.state.look(|state| super::views::schedule_now(state, &contract, *id))?;
            json(&ScheduleAnswer {
                due: schedule.as_ref().map(|s| s.due),
                left: schedule.as_ref().map_or(0, |s| s.left),
                budget: number(schedule.as_ref().map_or(Amount::ZERO, |s| s.budget)),
                failures: schedule.as_ref().map_or(0, |s| s.failures),
            })
        }
        LeitherQuery::Token { denom } => {
            let token = match money::token(denom) {
                Some(token) => world.state.look(|state| tokens::views::info(state, &token))?,
                None => None,
            };
            let Some(info) = token else { return no("token") };
            let terms = match money::token(denom) {
                Some(token) => world.state.look(|state| orgs::views::terms_now(state, &token))?,
                None => None,
            };
            json(&TokenAnswer {
                org: info.org.map(|org| org.to_string()),
                symbol: info.symbol.to_string(),
                decimals: info.decimals,
                issued: number(info.issued),
                burned: number(info.burned),
                cap: terms.map(|terms| number(terms.cap)),
                minter: terms.and_then(|terms| terms.minter).map(|minter| minter.to_string()),
            })
        }
        LeitherQuery::Dividend { org, who, denom } => match (id::<OrgId>(org), address_of(who), money::token(denom)) {
            (Some(org), Some(who), Some(income)) => {
                meter.charge(3 * LOOKUP_GAS)?;
                let Some(org) = world.state.look(|state| orgs::views::get(state, &org))? else { return no("organization") };
                let amount = world.state.look(|state| tokens::views::claimable_now(state, &org.token, &who, &income))?;
                json(&DividendAnswer { amount: number(amount) })
            }
            _ => no("holder"),
        },
        LeitherQuery::Stream { stream } => custom_streams::stream(world, *stream),
        LeitherQuery::Streams { payee, opener, start_after, limit } => {
            custom_streams::list(world, (payee.as_deref(), opener.as_deref()), *start_after, *limit, meter)
        }
        LeitherQuery::Mimei { mimei } => {
            let Some(head) = head(world, mimei)? else { return no("MiMei") };
            let last = head.last.as_ref();
            json(&MimeiAnswer {
                author: head.author.to_string(),
                owner: head.owner.to_string(),
                last: last.map(|version| version.number),
                content: last.map(|version| version.content.to_string()),
                release: head.release,
            })
        }
        LeitherQuery::MimeiRight { mimei, who } => {
            let (Some(head), Some(id), Some(who)) = (head(world, mimei)?, id::<MimeiId>(mimei), address_of(who)) else {
                return no("MiMei");
            };
            // Each right may take two looks.
            meter.charge(6 * LOOKUP_GAS)?;
            let rights = world.state.look(|state| mimei::views::rights(mimei::View::Now(state), &id, &head, &who))?;
            json(&RightAnswer { owner: head.owner == who, rights: rights.0 })
        }
    }
}

fn stage(stage: orgs::Stage) -> ProposalStage {
    match stage {
        orgs::Stage::Open => ProposalStage::Open,
        orgs::Stage::Passed => ProposalStage::Passed,
        orgs::Stage::Closed(orgs::Outcome::Done) => ProposalStage::Done,
        orgs::Stage::Closed(orgs::Outcome::Failed) => ProposalStage::Failed,
        orgs::Stage::Closed(orgs::Outcome::Rejected) => ProposalStage::Rejected,
        orgs::Stage::Closed(orgs::Outcome::Vetoed) => ProposalStage::Vetoed,
    }
}

fn roles(roles: orgs::Roles) -> Vec<leither_vm::abi::custom::Role> {
    roles.list().into_iter().map(role_named).collect()
}

fn head(world: &World, mimei: &str) -> Result<Option<mimei::Head>, HostError> {
    match id::<MimeiId>(mimei) {
        Some(id) => world.state.look(|state| mimei::views::head_now(state, &id)),
        None => Ok(None),
    }
}

fn an_org(world: &World, id: &OrgId, meter: &mut Meter) -> Answer {
    meter.charge(3 * LOOKUP_GAS)?;
    let Some(org) = world.state.look(|state| orgs::views::get(state, id))? else { return no("organization") };
    let bound = world.state.look(|state| orgs::views::binding_now(state, id, world.block.epoch()))?;
    let units = world.state.look(|state| orgs::views::units(state, &org))?;
    json(&OrgAnswer {
        name: org.name.to_string(),
        denom: money::denom(&org.token),
        treasury: id.treasury().to_string(),
        contract: bound.map(|bound| bound.contract.to_string()),
        members: org.members,
        units: number(units),
        supervisors: org.charter.supervisors.iter().map(AccountId::to_string).collect(),
        income: org.charter.income_tokens.iter().map(money::denom).collect(),
        proposals: org.proposals,
    })
}

fn mandate(world: &World, org: &OrgId) -> Answer {
    let bound = world.state.look(|state| orgs::views::binding_now(state, org, world.block.epoch()))?;
    let Some(bound) = bound else {
        return json(&MandateAnswer { contract: None, members: false, issue: Uint128::zero(), spend: Vec::new() });
    };
    let spend = bound.mandate.spend.iter().enumerate();
    json(&MandateAnswer {
        contract: Some(bound.contract.to_string()),
        members: bound.mandate.members,
        issue: number(bound.issue_left()),
        spend: spend
            .map(|(n, limit)| SpendLeft { denom: money::denom(&limit.token), amount: number(bound.spend_left(n)) })
            .collect(),
    })
}

fn member(world: &World, org: &OrgId, who: &AccountId, meter: &mut Meter) -> Answer {
    let Some(member) = world.state.look(|state| orgs::views::member_now(state, org, who))? else {
        meter.charge(2 * LOOKUP_GAS)?;
        let sponsor = world.state.look(|state| orgs::views::sponsor_now(state, org, who))?;
        let sponsor = sponsor.map(|sponsor| sponsor.to_string());
        return json(&MemberAnswer { member: false, roles: Vec::new(), since: None, sponsor });
    };
    json(&MemberAnswer { member: true, roles: roles(member.roles), since: Some(member.since), sponsor: None })
}
