//! org_*.

use super::wallet::{page, place};
use super::{At, Node, fault, show};
use leither_pallets::orgs::{self, EntryKind, Outcome, Stage, Via};
use leither_pallets::tokens;
use leither_rpc_api::*;
use leither_rpc_server::Answer;
use leither_types::{AccountId, OrgId, TokenId};

impl Node {
    pub(super) fn org_id(&self, at: &At, org: &OrgRef) -> Answer<OrgId> {
        let found = match org {
            OrgRef::Id(id) => orgs::views::org(&*at.state, id).map_err(fault)?.map(|_| *id),
            OrgRef::Name(name) => orgs::views::by_name(&*at.state, name).map_err(fault)?,
        };
        found.ok_or_else(|| {
            ApiError::new(Reason::UnknownOrg, format!("there is no organization `{org}`: `leither org list` shows them"))
        })
    }

    fn found(&self, at: &At, org: &OrgRef) -> Answer<(OrgId, orgs::Org)> {
        let id = self.org_id(at, org)?;
        let org = orgs::views::org(&*at.state, &id).map_err(fault)?;
        org.map(|org| (id, org))
            .ok_or_else(|| ApiError::new(Reason::UnknownOrg, format!("there is no organization {id}")))
    }

    fn binding(&self, at: &At, id: &OrgId) -> Answer<Option<BindingView>> {
        let epoch = self.next_block(at)?.epoch();
        let Some(bound) = orgs::views::binding(&*at.state, id, epoch).map_err(fault)? else { return Ok(None) };
        let limits = bound.mandate.spend.iter().enumerate();
        let spend = limits.map(|(n, limit)| SpendView {
            token: limit.token.into(),
            limit: limit.amount.into(),
            left: bound.spend_left(n).into(),
        });
        let table = |(table, shares): (u32, leither_types::List<tokens::Share, { tokens::SHARES_MAX }>)| TableView {
            table,
            shares: shares.iter().map(|share| ShareView { to: share.to.into(), bp: share.bp }).collect(),
        };
        Ok(Some(BindingView {
            contract: bound.contract.into(),
            since: bound.since.into(),
            tx: bound.tx.into(),
            members: bound.mandate.members,
            issue_cap: bound.mandate.issue_cap.into(),
            issue_left: bound.issue_left().into(),
            spend: spend.collect(),
            tables: orgs::views::tables(&*at.state, id).map_err(fault)?.into_iter().map(table).collect(),
        }))
    }

    fn covers(&self, at: &At, id: &OrgId) -> Answer<Vec<CoverView>> {
        let rows = orgs::views::covers(&*at.state, id, self.next_block(at)?.time).map_err(fault)?;
        let view = |(contract, cover, paid): (AccountId, orgs::Cover, leither_types::Amount)| CoverView {
            contract: contract.into(),
            per_use: cover.per_use.into(),
            per_day: cover.per_day.into(),
            paid: paid.into(),
        };
        Ok(rows.into_iter().map(view).collect())
    }

    pub(super) fn org(&self, at: &At, org: &OrgRef) -> Answer<OrgView> {
        let (id, org) = self.found(at, org)?;
        let info = self.token_info(at, &org.token)?;
        let treasury = id.treasury();
        let mut tokens: Vec<TokenId> = org.charter.income_tokens.to_vec();
        tokens.extend([TokenId::NATIVE, org.token]);
        tokens.sort_unstable();
        tokens.dedup();
        let mut treasury_balances = Vec::new();
        for token in &tokens {
            treasury_balances.push(self.token_balance(at, token, &treasury)?);
        }
        Ok(OrgView {
            org: id.into(),
            name: org.name.to_string(),
            token: org.token.into(),
            symbol: info.symbol.to_string(),
            decimals: info.decimals,
            founder: org.founder.into(),
            created: Origin { tx: org.tx.into(), height: org.height.into() },
            charter: charter(&org.charter),
            members: org.members,
            ledger_entries: org.entries.into(),
            proposals: org.proposals.into(),
            treasury: treasury.into(),
            treasury_balances,
            supply: at.state.supply(&org.token).map_err(fault)?.into(),
            issued: info.issued.into(),
            burned: info.burned.into(),
            dividends: self.dividends(at, &org.token)?,
            contract: self.binding(at, &id)?,
            further_tokens: orgs::views::further_tokens(&*at.state, &id).map_err(fault)?.into_iter().map(Into::into).collect(),
            covers: self.covers(at, &id)?,
            height: at.head.height.into(),
        })
    }

    pub(super) fn orgs(&self, at: &At, ask: &GetPage) -> Answer<Page<OrgSummary>> {
        let limit = Limit::of(ask.limit);
        let after = place::<OrgId>(&ask.after)?;
        let mut rows = Vec::new();
        for (id, org) in orgs::views::orgs(&*at.state, after.as_ref(), limit + 1).map_err(fault)? {
            let symbol = self.token_info(at, &org.token)?.symbol.to_string();
            rows.push((id, OrgSummary { org: id.into(), name: org.name.to_string(), symbol, members: org.members }));
        }
        Ok(page(rows, limit, at.head.height, OrgId::to_string))
    }

    pub(super) fn members(&self, at: &At, ask: &GetOrgPage) -> Answer<Page<MemberView>> {
        let (id, org) = self.found(at, &ask.org)?;
        let limit = Limit::of(ask.limit);
        let after = place::<AccountId>(&ask.after)?;
        let mut rows = Vec::new();
        for (who, member) in orgs::views::members(&*at.state, &id, after.as_ref(), limit + 1).map_err(fault)? {
            let held = leither_pallets::accounts::views::holding(&*at.state, &org.token, &who).map_err(fault)?;
            let units = held.total().ok_or_else(|| fault(leither_state::Fault::Corrupt(format!("the holding of {who}"))))?;
            let view = MemberView {
                account: who.into(),
                supervisor: org.charter.supervisors.contains(&who),
                roles: member.roles.list().into_iter().map(role).collect(),
                since: member.since.into(),
                admitted: Origin { tx: member.tx.into(), height: member.height.into() },
                units: units.into(),
            };
            rows.push((who, view));
        }
        Ok(page(rows, limit, at.head.height, AccountId::to_string))
    }

    pub(super) fn applications(&self, at: &At, ask: &GetOrgPage) -> Answer<Page<ApplicationView>> {
        let id = self.org_id(at, &ask.org)?;
        let limit = Limit::of(ask.limit);
        let after = place::<AccountId>(&ask.after)?;
        let mut rows = Vec::new();
        for (who, application) in orgs::views::applications(&*at.state, &id, after.as_ref(), limit + 1).map_err(fault)? {
            let view = ApplicationView {
                account: who.into(),
                sponsor: application.sponsor.map(Into::into),
                evidence: application.evidence.map(Into::into),
                note: application.note.to_string(),
                expires: application.expires.into(),
            };
            rows.push((who, view));
        }
        Ok(page(rows, limit, at.head.height, AccountId::to_string))
    }

    pub(super) fn ledger(&self, at: &At, ask: &GetOrgPage) -> Answer<Page<LedgerEntry>> {
        let id = self.org_id(at, &ask.org)?;
        let limit = Limit::of(ask.limit);
        let after = place::<u64>(&ask.after)?;
        let rows = orgs::views::entries(&*at.state, &id, after, limit + 1).map_err(fault)?;
        let rows = rows.into_iter().map(|(number, entry)| (number, line(number, entry))).collect();
        Ok(page(rows, limit, at.head.height, u64::to_string))
    }

    pub(super) fn proposals(&self, at: &At, ask: &GetOrgPage) -> Answer<Page<ProposalView>> {
        let id = self.org_id(at, &ask.org)?;
        let limit = Limit::of(ask.limit);
        let after = place::<u64>(&ask.after)?;
        let rows = orgs::views::proposals(&*at.state, &id, after, limit + 1).map_err(fault)?;
        let rows = rows.into_iter().map(|(number, p)| (number, proposal(number, &p))).collect();
        Ok(page(rows, limit, at.head.height, u64::to_string))
    }
}

fn charter(c: &orgs::Charter) -> CharterView {
    CharterView {
        supervisors: c.supervisors.iter().map(|who| (*who).into()).collect(),
        threshold: c.threshold,
        join: JoinView { application: c.join.application, sponsorship: c.join.sponsorship, task: c.join.task.map(Into::into) },
        quorum_bp: c.quorum_bp,
        pass_bp: c.pass_bp,
        period_ms: c.period_ms.into(),
        veto_ms: c.veto_ms.into(),
        issuance_cap: c.issuance_cap.into(),
        income_tokens: c.income_tokens.iter().map(|token| (*token).into()).collect(),
        treasury_bp: c.treasury_bp,
        push_least: c.push_least.into(),
        allowance: c.allowance.into(),
    }
}

fn role(role: orgs::Role) -> RoleView {
    match role {
        orgs::Role::Initiator => RoleView::Initiator,
        orgs::Role::Investor => RoleView::Investor,
        orgs::Role::Developer => RoleView::Developer,
        orgs::Role::ContentProvider => RoleView::ContentProvider,
        orgs::Role::ServiceProvider => RoleView::ServiceProvider,
        orgs::Role::DeviceOwner => RoleView::DeviceOwner,
        orgs::Role::Operations => RoleView::Operations,
        orgs::Role::Marketing => RoleView::Marketing,
    }
}

fn by_proposal(via: Via) -> Option<U64> {
    match via {
        Via::Proposal(number) => Some(number.into()),
        Via::Supervisors | Via::Contract(_) => None,
    }
}

fn by_contract(via: Via) -> Option<Account> {
    match via {
        Via::Contract(contract) => Some(contract.into()),
        Via::Supervisors | Via::Proposal(_) => None,
    }
}

fn line(number: u64, entry: orgs::Entry) -> LedgerEntry {
    let told = match entry.kind {
        EntryKind::Issuance { to, amount, role: as_whom, reason, evidence, via } => LedgerLine::Issuance {
            to: to.into(),
            amount: amount.into(),
            role: role(as_whom),
            reason: reason.to_string(),
            evidence: evidence.into(),
            proposal: by_proposal(via),
            contract: by_contract(via),
        },
        EntryKind::Minted { token, to, amount, reason, evidence, via } => LedgerLine::Minted {
            token: token.into(),
            to: to.into(),
            amount: amount.into(),
            reason: reason.to_string(),
            evidence: evidence.into(),
            proposal: by_proposal(via),
            contract: by_contract(via),
        },
        EntryKind::Income { from, token, amount, treasury, note } => LedgerLine::Income {
            from: from.into(),
            token: token.into(),
            amount: amount.into(),
            treasury: treasury.into(),
            note: note.to_string(),
        },
    };
    LedgerEntry { number: number.into(), tx: entry.tx.into(), height: entry.height.into(), time: entry.time.into(), entry: told }
}

fn proposal(number: u64, p: &orgs::Proposal) -> ProposalView {
    let stage = match p.stage {
        Stage::Open => ProposalStage::Open,
        Stage::Passed => ProposalStage::Passed,
        Stage::Closed(Outcome::Done) => ProposalStage::Done,
        Stage::Closed(Outcome::Failed) => ProposalStage::Failed,
        Stage::Closed(Outcome::Rejected) => ProposalStage::Rejected,
        Stage::Closed(Outcome::Vetoed) => ProposalStage::Vetoed,
    };
    ProposalView {
        number: number.into(),
        by: p.by.into(),
        title: p.title.to_string(),
        calls: p.calls.iter().map(show::call).collect(),
        stage,
        until: p.until.into(),
        by_units: p.by_units,
        eligible: p.eligible.into(),
        yes: p.yes.into(),
        no: p.no.into(),
        tx: p.tx.into(),
    }
}
