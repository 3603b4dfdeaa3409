use super::msg::Role;
use super::query::{
    DividendAnswer, LeitherQuery, MandateAnswer, MemberAnswer, MembersAnswer, MimeiAnswer, OrgAnswer, OrgOfAnswer,
    ProposalAnswer, RightAnswer, ScheduleAnswer, StreamAnswer, StreamsAnswer, TokenAnswer,
};
use cosmwasm_std::{Env, QuerierWrapper, QueryRequest, StdResult};
use serde::de::DeserializeOwned;

/// An hour of block time.
pub const HOUR_MS: u64 = 3_600_000;
/// A day of block time.
pub const DAY_MS: u64 = 24 * HOUR_MS;

/// Asks the chain.
#[derive(Clone, Copy)]
pub struct Leither<'a> {
    querier: QuerierWrapper<'a, LeitherQuery>,
}

impl<'a> Leither<'a> {
    /// By the contract's querier.
    pub fn new(querier: &QuerierWrapper<'a, LeitherQuery>) -> Self {
        Self { querier: *querier }
    }

    fn ask<T: DeserializeOwned>(&self, query: LeitherQuery) -> StdResult<T> {
        self.querier.query(&QueryRequest::Custom(query))
    }

    /// An organization.
    pub fn org(&self, org: &str) -> StdResult<OrgAnswer> {
        self.ask(LeitherQuery::Org { org: org.into() })
    }

    /// Whose consensus contract it is.
    pub fn org_of(&self, contract: &str) -> StdResult<OrgOfAnswer> {
        self.ask(LeitherQuery::OrgOf { contract: contract.into() })
    }

    /// What an organization's contract may still do in this epoch.
    pub fn mandate(&self, org: &str) -> StdResult<MandateAnswer> {
        self.ask(LeitherQuery::Mandate { org: org.into() })
    }

    /// Somebody, as an organization knows them.
    pub fn member(&self, org: &str, who: &str) -> StdResult<MemberAnswer> {
        self.ask(LeitherQuery::Member { org: org.into(), who: who.into() })
    }

    /// Members, at most 30 rows at once.
    pub fn members(&self, org: &str, role: Option<Role>, start_after: Option<String>) -> StdResult<MembersAnswer> {
        self.ask(LeitherQuery::Members { org: org.into(), role, start_after, limit: None })
    }

    /// A proposal.
    pub fn proposal(&self, org: &str, proposal: u64) -> StdResult<ProposalAnswer> {
        self.ask(LeitherQuery::Proposal { org: org.into(), proposal })
    }

    /// What a contract is told by time.
    pub fn schedule(&self, contract: &str, id: u32) -> StdResult<ScheduleAnswer> {
        self.ask(LeitherQuery::Schedule { contract: contract.into(), id })
    }

    /// A token.
    pub fn token(&self, denom: &str) -> StdResult<TokenAnswer> {
        self.ask(LeitherQuery::Token { denom: denom.into() })
    }

    /// What a holder of an organization's units has earned and not yet taken.
    pub fn dividend(&self, org: &str, who: &str, denom: &str) -> StdResult<DividendAnswer> {
        self.ask(LeitherQuery::Dividend { org: org.into(), who: who.into(), denom: denom.into() })
    }

    /// An open stream.
    pub fn stream(&self, stream: u64) -> StdResult<StreamAnswer> {
        self.ask(LeitherQuery::Stream { stream })
    }

    /// Streams that pay an account, at most 30 at once.
    pub fn streams_to(&self, payee: &str, start_after: Option<u64>) -> StdResult<StreamsAnswer> {
        self.ask(LeitherQuery::Streams { payee: Some(payee.into()), opener: None, start_after, limit: None })
    }

    /// Streams that an account has opened, at most 30 at once.
    pub fn streams_of(&self, opener: &str, start_after: Option<u64>) -> StdResult<StreamsAnswer> {
        self.ask(LeitherQuery::Streams { payee: None, opener: Some(opener.into()), start_after, limit: None })
    }

    /// A MiMei.
    pub fn mimei(&self, mimei: &str) -> StdResult<MimeiAnswer> {
        self.ask(LeitherQuery::Mimei { mimei: mimei.into() })
    }

    /// What somebody may do with a MiMei.
    pub fn mimei_right(&self, mimei: &str, who: &str) -> StdResult<RightAnswer> {
        self.ask(LeitherQuery::MimeiRight { mimei: mimei.into(), who: who.into() })
    }
}

/// The block's time in ms, as the chain counts it.
pub fn now_ms(env: &Env) -> u64 {
    env.block.time.nanos() / 1_000_000
}
