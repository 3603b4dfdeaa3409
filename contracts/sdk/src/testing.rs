use super::msg::{LeitherMsg, Role};
use super::query::{LeitherQuery, MandateAnswer, MemberAnswer, OrgAnswer, ProposalAnswer, ProposalStage};
use cosmwasm_std::testing::{MockApi, MockQuerier, MockStorage, message_info, mock_env};
use cosmwasm_std::{
    Addr, Binary, ContractResult, CosmosMsg, Env, MessageInfo, OwnedDeps, Response, StdResult, SystemError, SystemResult,
    Timestamp, Uint128, to_json_binary,
};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

/// What the organization of a [`Stage`] is called.
pub const ORG: &str = "lthorg1stage";
/// How long its votes last, in ms.
pub const VOTE_MS: u64 = 60_000;

/// The organization of a [`Stage`], which a test changes as it goes.
#[derive(Clone, Debug)]
pub struct MockOrg {
    /// As it answers.
    pub org: OrgAnswer,
    /// Members and their roles.
    pub members: BTreeMap<String, Vec<Role>>,
    /// Guests and who vouches for them.
    pub sponsors: BTreeMap<String, String>,
    /// What the contract may do.
    pub mandate: MandateAnswer,
    /// By number.
    pub proposals: Vec<ProposalAnswer>,
}

impl MockOrg {
    fn answer(&self, query: &LeitherQuery) -> Option<StdResult<Binary>> {
        Some(match query {
            LeitherQuery::Org { org } if org == ORG => to_json_binary(&self.org),
            LeitherQuery::Mandate { org } if org == ORG => to_json_binary(&self.mandate),
            LeitherQuery::Member { org, who } if org == ORG => {
                let roles = self.members.get(who);
                to_json_binary(&MemberAnswer {
                    member: roles.is_some(),
                    roles: roles.cloned().unwrap_or_default(),
                    since: roles.map(|_| 0),
                    sponsor: self.sponsors.get(who).cloned(),
                })
            }
            LeitherQuery::Proposal { org, proposal } if org == ORG => {
                to_json_binary(self.proposals.get(usize::try_from(*proposal).ok()?)?)
            }
            _ => return None,
        })
    }

    /// What the chain would do of a message, without asking whether it may.
    fn apply(&mut self, message: &LeitherMsg, now: u64) {
        match message {
            LeitherMsg::Issue { amount, .. } => self.mandate.issue -= *amount,
            LeitherMsg::Admit { who } => {
                self.members.insert(who.clone(), Vec::new());
            }
            LeitherMsg::SetRole { who, role, granted } => {
                let roles = self.members.get_mut(who).expect("a member");
                roles.retain(|known| known != role);
                roles.extend(granted.then_some(*role));
            }
            LeitherMsg::Propose { title, .. } => {
                let (by, until) = (self.org.treasury.clone(), now + VOTE_MS);
                let (yes, no) = (Uint128::zero(), Uint128::zero());
                self.proposals.push(ProposalAnswer { by, title: title.clone(), stage: ProposalStage::Open, until, yes, no });
                self.org.proposals += 1;
            }
            other => panic!("the stage does not do {other:?}"),
        }
    }
}

/// A contract, its organization and the time.
pub struct Stage {
    /// The contract's.
    pub deps: OwnedDeps<MockStorage, MockApi, MockQuerier<LeitherQuery>, LeitherQuery>,
    /// Where and when it is called.
    pub env: Env,
    /// Whose contract it is.
    pub org: Rc<RefCell<MockOrg>>,
}

impl Stage {
    /// At 0 ms; supervisors are members without a role, and the mandate is for members and 1,000 units an epoch.
    pub fn new(supervisors: &[&str]) -> Self {
        let (api, env) = (MockApi::default(), mock_env());
        let supervisors: Vec<String> = supervisors.iter().map(|name| api.addr_make(name).into()).collect();
        let members = supervisors.iter().map(|who| (who.clone(), Vec::new())).collect();
        let contract = Some(env.contract.address.to_string());
        let org = Rc::new(RefCell::new(MockOrg {
            org: OrgAnswer {
                name: "stage".into(),
                denom: "lthtok1stage".into(),
                treasury: api.addr_make("treasury").into(),
                contract: contract.clone(),
                members: supervisors.len() as u32,
                units: Uint128::zero(),
                supervisors,
                income: vec!["nmei".into()],
                proposals: 0,
            },
            members,
            sponsors: BTreeMap::new(),
            mandate: MandateAnswer { contract, members: true, issue: Uint128::new(1_000), spend: Vec::new() },
            proposals: Vec::new(),
        }));
        let asked = Rc::clone(&org);
        let querier = MockQuerier::new(&[]).with_custom_handler(move |query| match asked.borrow().answer(query) {
            Some(answer) => SystemResult::Ok(ContractResult::from(answer)),
            None => SystemResult::Err(SystemError::UnsupportedRequest { kind: format!("{query:?}") }),
        });
        let deps = OwnedDeps { storage: MockStorage::new(), api, querier, custom_query_type: std::marker::PhantomData };
        let mut stage = Self { deps, env, org };
        stage.at(0);
        stage
    }

    /// Somebody's account.
    pub fn who(&self, name: &str) -> Addr {
        self.deps.api.addr_make(name)
    }

    /// A message of somebody's, without money.
    pub fn by(&self, name: &str) -> MessageInfo {
        message_info(&self.who(name), &[])
    }

    /// Lets it be this time, in ms.
    pub fn at(&mut self, ms: u64) {
        self.env.block.time = Timestamp::from_nanos(ms * 1_000_000);
    }

    /// Makes somebody a member in these roles.
    pub fn join(&self, name: &str, roles: &[Role]) {
        self.org.borrow_mut().members.insert(self.who(name).into(), roles.to_vec());
    }

    /// Does what was answered, and says what that was.
    pub fn done(&self, answer: &Response<LeitherMsg>) -> Vec<LeitherMsg> {
        let ours = |message: &CosmosMsg<LeitherMsg>| match message {
            CosmosMsg::Custom(message) => message.clone(),
            other => panic!("the stage does not do {other:?}"),
        };
        let messages: Vec<LeitherMsg> = answer.messages.iter().map(|sub| ours(&sub.msg)).collect();
        let now = self.env.block.time.nanos() / 1_000_000;
        messages.iter().for_each(|message| self.org.borrow_mut().apply(message, now));
        messages
    }
}

/// A hash that stands for some evidence.
pub fn proof(of: u8) -> String {
    format!("0x{}", format!("{of:02x}").repeat(32))
}
