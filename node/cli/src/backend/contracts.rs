//! contract_*: what contracts are, and what they answer.

use super::wallet::{balance, page, place};
use super::{At, Node, fault};
use leither_pallets::{accounts, orgs, wasm};
use leither_rpc_api::*;
use leither_rpc_server::Answer;
use leither_types::{AccountId, Hash, TokenId};
use leither_vm::Entry;
use leither_vm::abi::{Binary, QueryAnswer};
use serde_json::{Value, json};

/// A fifth of a second on the reference machine.
const QUERY_GAS_MAX: u64 = 100_000_000_000;

fn unknown() -> ApiError {
    ApiError::new(Reason::UnknownContract, "there is no contract at this address")
}

fn refused(why: impl std::fmt::Display) -> ApiError {
    ApiError::new(Reason::ContractRefused, format!("the contract does not answer: {why}"))
}

fn schedule((id, schedule): (u32, wasm::Schedule)) -> ScheduleView {
    let text = || Value::String(String::from_utf8_lossy(&schedule.msg).into_owned());
    ScheduleView {
        id,
        msg: serde_json::from_slice(&schedule.msg).unwrap_or_else(|_| text()),
        due: schedule.due.into(),
        every_ms: schedule.every_ms.into(),
        left: schedule.left,
        gas: schedule.gas.into(),
        budget: schedule.budget.into(),
        failures: schedule.failures,
    }
}

impl Node {
    pub(super) fn contract(&self, at: &At, id: AccountId) -> Answer<ContractView> {
        let contract = wasm::views::contract(&*at.state, &id).map_err(fault)?.ok_or_else(unknown)?;
        let code = self.code_numbered(at, contract.code)?;
        let holding = accounts::views::holding(&*at.state, &TokenId::NATIVE, &id).map_err(fault)?;
        Ok(ContractView {
            contract: id.into(),
            code: contract.code.into(),
            checksum: code.checksum.into(),
            creator: contract.creator.into(),
            admin: contract.admin.map(Into::into),
            label: contract.label.to_string(),
            org: orgs::views::bound_to(&*at.state, &id).map_err(fault)?.map(Into::into),
            mei: balance(&holding),
            schedules: wasm::views::schedules(&*at.state, &id).map_err(fault)?.into_iter().map(schedule).collect(),
            created: contract.height.into(),
            tx: contract.tx.into(),
            height: at.head.height.into(),
        })
    }

    fn code_numbered(&self, at: &At, number: u64) -> Answer<wasm::Code> {
        let code = wasm::views::code(&*at.state, number).map_err(fault)?;
        code.ok_or_else(|| ApiError::new(Reason::UnknownCode, format!("there is no code {number}")))
    }

    pub(super) fn code(&self, at: &At, asked: &GetCode) -> Answer<CodeView> {
        let number = match asked.code.parse::<Hash>() {
            Ok(checksum) => wasm::views::number(&*at.state, &checksum)
                .map_err(fault)?
                .ok_or_else(|| ApiError::new(Reason::UnknownCode, "nobody has stored code of this sha256"))?,
            Err(_) => {
                asked.code.parse().map_err(|_| ApiError::params("`code` is a number, or a sha256 as 0x and 64 hex digits"))?
            }
        };
        let code = self.code_numbered(at, number)?;
        let entries = Entry::ALL.into_iter().filter(|entry| code.has(*entry));
        Ok(CodeView {
            code: number.into(),
            checksum: code.checksum.into(),
            owner: code.owner.into(),
            bytes: code.bytes,
            entries: entries.map(|entry| entry.name().to_string()).collect(),
            deposit: code.deposit.into(),
            height: at.head.height.into(),
        })
    }

    pub(super) fn contracts(&self, at: &At, ask: &ListContracts) -> Answer<Page<Account>> {
        let limit = Limit::of(ask.limit);
        let after = place::<AccountId>(&ask.after)?;
        let rows = wasm::views::of_code(&*at.state, ask.code.0, after, limit + 1).map_err(fault)?;
        Ok(page(rows.into_iter().map(|id| (id, id.into())).collect(), limit, at.head.height, AccountId::to_string))
    }

    pub(super) fn contract_answer(&self, at: &At, ask: &QueryContract) -> Answer<ContractAnswer> {
        let gas = ask.gas.map_or(QUERY_GAS_MAX, |gas| gas.0);
        if gas > QUERY_GAS_MAX {
            return Err(ApiError::params(format!("`gas` is at most {QUERY_GAS_MAX}")));
        }
        let msg = Binary::new(ask.msg.to_string().into_bytes());
        let request = json!({ "wasm": { "smart": { "contract_addr": ask.contract.0.to_string(), "msg": msg } } });
        let block = self.next_block(at)?;
        let asked = wasm::views::ask(at.state.clone(), &block, request.to_string().as_bytes(), gas).map_err(fault)?;
        let answer = match asked.answer {
            Some(QueryAnswer::Bytes(bytes)) => {
                serde_json::from_slice::<Value>(&bytes).map_err(|_| refused("what it says is no JSON"))?
            }
            Some(QueryAnswer::NoContract(_)) => return Err(unknown()),
            Some(QueryAnswer::Failed(text)) => return Err(refused(text)),
            Some(_) => return Err(refused("the question cannot be read")),
            None => return Err(refused(format!("the question takes more than {gas} gas"))),
        };
        Ok(ContractAnswer { answer, gas: asked.gas.into(), height: at.head.height.into() })
    }
}
