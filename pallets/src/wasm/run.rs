//! A call of contracts under way: gas, events, and the ways into a contract.

use super::gas::{JSON_BYTE_GAS, LOOKUP_GAS, RECORD_GAS, spend};
use super::host::{Lent, World};
use super::{Chosen, Code, Coin, Contract, Error, Event, keys, money};
use crate::orgs::{self, Mandate};
use crate::{BlockInfo, Ctx, Stop};
use leither_state::Fault;
use leither_types::{AccountId, Blob, EVENTS_MAX, OrgId, PublicKey, Text, TokenId};
use leither_vm::abi::{self, Addr, ContractEvent, MessageInfo, MigrateInfo, Timestamp};
use leither_vm::{Call, Checksum, Entry, Failure};
use serde::Serialize;
use std::sync::Arc;

/// WASM-8.
const DEPTH_MAX: u32 = 100;

/// Why a contract's call does not go on.
#[derive(Debug)]
pub enum Halt {
    /// It is refused; whoever sent the message may go on.
    Refused(crate::Error),
    /// By the contract itself, in its own words; what it was entered for.
    Said(String, Entry),
    /// By what the contract did there, other than in its own words.
    Failed(Error, Entry),
    /// By one further down, of a contract that was entered for this.
    Below(Box<Halt>, Entry),
    /// WASM-3.
    OutOfGas,
    /// WASM-9.
    Fault(Fault),
}

pub type Go<T> = Result<T, Halt>;

impl Halt {
    pub fn refused(error: impl Into<crate::Error>) -> Self {
        Self::Refused(error.into())
    }

    /// All that is known of it: for who watches, never for a contract or a receipt.
    pub fn in_full(&self) -> String {
        match self {
            Self::Refused(error) => error.to_string(),
            Self::Said(text, _) => format!("the contract refuses: {text}"),
            Self::Failed(error, _) => error.to_string(),
            Self::Below(halt, _) => halt.in_full(),
            Self::OutOfGas => Error::OutOfGas.to_string(),
            Self::Fault(fault) => fault.to_string(),
        }
    }

    /// Of a message or a reply of the contract that was called: whoever called that hears a number, where it heard words (WASM-7).
    pub fn below(self) -> Self {
        match self {
            Self::Said(_, entry) => Self::Below(Box::new(self), entry),
            other => other,
        }
    }
}

impl From<Error> for Halt {
    fn from(error: Error) -> Self {
        Self::refused(error)
    }
}

impl From<Fault> for Halt {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<Stop> for Halt {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Reject(error) => Self::Refused(error),
            Stop::Fault(fault) => Self::Fault(fault),
        }
    }
}

impl From<Halt> for Stop {
    fn from(halt: Halt) -> Self {
        match halt {
            Halt::Refused(error) => Stop::Reject(error),
            Halt::Said(text, _) => Error::Said { text: cut(&text) }.into(),
            Halt::Failed(error, _) => error.into(),
            Halt::Below(halt, _) => (*halt).into(),
            Halt::OutOfGas => Error::OutOfGas.into(),
            Halt::Fault(fault) => Stop::Fault(fault),
        }
    }
}

/// As much as there is room for, whole characters.
fn cut<const MAX: usize>(text: &str) -> Text<MAX> {
    let mut end = text.len().min(MAX);
    while !text.is_char_boundary(end) {
        end = end.saturating_sub(1);
    }
    Text::new(text.get(..end).unwrap_or_default()).unwrap_or_default()
}

/// A call under way.
pub struct Run<'r, 'c> {
    pub ctx: &'r mut Ctx<'c>,
    /// What may still be used.
    pub left: u64,
    /// WASM-8: how deep.
    pub depth: u32,
    /// What contracts told so far, for who is told of outcomes.
    pub told: Vec<ContractEvent>,
    block: Arc<BlockInfo>,
}

/// An instance to be made.
pub struct Birth<'a> {
    pub code: u64,
    pub msg: &'a [u8],
    pub funds: &'a [Coin],
    pub label: Text<128>,
    pub admin: Option<AccountId>,
    pub salt: Option<&'a [u8]>,
}

fn json<T: Serialize>(value: &T) -> Result<Vec<u8>, Fault> {
    serde_json::to_vec(value).map_err(|e| Fault::Corrupt(format!("what contracts are told cannot be written: {e}")))
}

/// Where and when a contract runs, in JSON.
pub fn env(block: &BlockInfo, contract: &AccountId) -> Vec<u8> {
    let env = abi::Env {
        block: abi::BlockInfo {
            height: block.height,
            time: Timestamp::from_nanos(block.time.saturating_mul(1_000_000)),
            chain_id: block.chain.to_string(),
        },
        transaction: None,
        contract: abi::ContractInfo { address: Addr::unchecked(contract.to_string()) },
    };
    // Texts and numbers always have a JSON form.
    serde_json::to_vec(&env).unwrap_or_default()
}

fn info(sender: &AccountId, funds: &[Coin]) -> Result<Vec<u8>, Fault> {
    let funds = money::written(funds).into_iter().map(|coin| cosmwasm_coin(&coin)).collect();
    json(&MessageInfo { sender: Addr::unchecked(sender.to_string()), funds })
}

fn cosmwasm_coin(coin: &abi::Coin) -> abi::StdCoin {
    abi::StdCoin::new(coin.amount.0, coin.denom.clone())
}

impl<'r, 'c> Run<'r, 'c> {
    /// With so much gas. What it hands back, and what it used, is told at the end.
    pub fn begin(
        ctx: &'r mut Ctx<'c>,
        gas: u64,
        what: impl FnOnce(&mut Run<'r, 'c>) -> Go<(AccountId, Option<Vec<u8>>)>,
    ) -> Result<(), Stop> {
        let block = Arc::new(ctx.block.clone());
        // At a block's end others have told before.
        let told_before = ctx.events.len();
        let mut run = Run { ctx, left: gas, depth: 0, told: Vec::new(), block };
        let (contract, data) = what(&mut run)?;
        let used = gas.saturating_sub(run.left);
        let data = match data {
            Some(data) => Some(Blob::new(data).ok_or(Error::Data)?),
            None => None,
        };
        run.ctx.emit(Event::Ended { contract, gas: used, data });
        if run.ctx.events.len().saturating_sub(told_before) > EVENTS_MAX {
            return Err(Error::Events.into());
        }
        Ok(())
    }

    /// WASM-3.
    pub fn charge(&mut self, gas: u64) -> Go<()> {
        if spend(&mut self.left, gas) { Ok(()) } else { Err(Halt::OutOfGas) }
    }

    pub fn charge_bytes(&mut self, bytes: usize, each: u64) -> Go<()> {
        self.charge((bytes as u64).saturating_mul(each))
    }

    /// Runs a contract's code once; its messages are still to be done.
    fn enter(&mut self, contract: &AccountId, code: &Code, entry: Entry, info: &[u8], msg: &[u8]) -> Go<abi::Response> {
        if !code.has(entry) {
            return Err(Halt::Failed(Error::NoEntry { entry: cut(entry.name()) }, entry));
        }
        self.charge_bytes(msg.len(), JSON_BYTE_GAS)?;
        let env = env(&self.block, contract);
        let checksum = Checksum(code.checksum.0);
        let call = Call { code: &checksum, entry, env: &env, info, msg, gas: self.left };
        let lent = Lent::out(self.ctx.state);
        let world = World { state: lent.clone(), block: self.block.clone(), depth: self.depth };
        let called = world.enter(code, contract, &call, 0);
        lent.back(self.ctx.state);
        let called = called?;
        self.charge(called.gas)?;
        let bytes = called.answer.map_err(|failure| match failure {
            Failure::OutOfGas => Halt::OutOfGas,
            Failure::TooLong => Halt::Failed(Error::Answer, entry),
            Failure::Trap | Failure::ReadOnly => Halt::Failed(Error::Trap, entry),
        })?;
        self.charge_bytes(bytes.len(), JSON_BYTE_GAS)?;
        match serde_json::from_slice::<abi::Answer<abi::Response>>(&bytes) {
            Ok(abi::Answer::Ok(response)) => Ok(response),
            Ok(abi::Answer::Error(text)) => Err(Halt::Said(text, entry)),
            Err(_) => Err(Halt::Failed(Error::Answer, entry)),
        }
    }

    fn found(&mut self, contract: &AccountId) -> Go<(Contract, Code)> {
        self.charge(LOOKUP_GAS)?;
        let instance = keys::CONTRACT.get(self.ctx.state, contract)?.ok_or(Error::NoContract)?;
        let code = self.code(instance.code)?;
        Ok((instance, code))
    }

    fn code(&mut self, code: u64) -> Go<Code> {
        self.charge(LOOKUP_GAS)?;
        Ok(keys::CODE.get(self.ctx.state, &code)?.ok_or(Error::NoCode { code })?)
    }

    /// WASM-8.
    fn deeper<T>(&mut self, what: impl FnOnce(&mut Self) -> Go<T>) -> Go<T> {
        if self.depth >= DEPTH_MAX {
            return Err(Error::Depth.into());
        }
        self.depth = self.depth.saturating_add(1);
        let done = what(self);
        self.depth = self.depth.saturating_sub(1);
        done
    }

    pub fn execute(&mut self, sender: &AccountId, contract: &AccountId, msg: &[u8], funds: &[Coin]) -> Go<Option<Vec<u8>>> {
        let (_, code) = self.found(contract)?;
        self.pay(sender, contract, funds)?;
        let info = info(sender, funds)?;
        let response = self.enter(contract, &code, Entry::Execute, &info, msg)?;
        self.ctx.emit(Event::Executed { contract: *contract, sender: *sender });
        self.deeper(|run| run.respond(contract, "execute", None, response))
    }

    /// Its address, and what it hands back.
    pub fn instantiate(&mut self, creator: &AccountId, birth: Birth<'_>) -> Go<(AccountId, Option<Vec<u8>>)> {
        let code = self.code(birth.code)?;
        if birth.label.trim().is_empty() {
            return Err(Error::Form.into());
        }
        self.charge(4 * RECORD_GAS)?;
        let contract = self.address(creator, &code, birth.code, birth.salt)?;
        self.pay(creator, &contract, birth.funds)?;
        let info = info(creator, birth.funds)?;
        let response = self.enter(&contract, &code, Entry::Instantiate, &info, birth.msg)?;
        let instance = Contract {
            code: birth.code,
            creator: *creator,
            admin: birth.admin,
            label: birth.label,
            height: self.ctx.block.height,
            tx: self.ctx.tx.id,
        };
        keys::CONTRACT.put(self.ctx.state, &contract, &instance);
        keys::BY_CODE.put(self.ctx.state, &(birth.code, contract), &());
        self.ctx.emit(Event::Instantiated { contract, code: birth.code, creator: *creator });
        let data = self.deeper(|run| run.respond(&contract, "instantiate", Some(birth.code), response))?;
        Ok((contract, data))
    }

    /// WASM-5. Who sent money there beforehand hinders nobody (CWA-2022-005).
    fn address(&mut self, creator: &AccountId, code: &Code, number: u64, salt: Option<&[u8]>) -> Go<AccountId> {
        let count = keys::INSTANCES.get(self.ctx.state)?.unwrap_or(0).saturating_add(1);
        keys::INSTANCES.put(self.ctx.state, &count);
        let contract = match salt {
            Some(salt) => leither_vm::address_by_salt(&Checksum(code.checksum.0), creator, salt).ok_or(Error::Form)?,
            None => leither_vm::address_by_number(number, count),
        };
        let holding = self.ctx.state.holding(&TokenId::NATIVE, &contract)?;
        let has_owner = holding.nonce != 0 || holding.key != PublicKey::default();
        if has_owner || keys::CONTRACT.has(self.ctx.state, &contract)? {
            return Err(Error::AddressTaken.into());
        }
        Ok(contract)
    }

    /// WASM-6.
    pub fn migrate(&mut self, sender: &AccountId, contract: &AccountId, number: u64, msg: &[u8]) -> Go<Option<Vec<u8>>> {
        let (mut instance, former) = self.found(contract)?;
        let code = self.code(number)?;
        if instance.admin != Some(*sender) {
            return Err(Error::NotAdmin.into());
        }
        self.charge(3 * RECORD_GAS)?;
        let is_same = code.migrate_version.is_some() && code.migrate_version == former.migrate_version;
        let response = if is_same {
            None
        } else {
            let info = MigrateInfo { sender: Addr::unchecked(sender.to_string()), old_migrate_version: former.migrate_version };
            Some(self.enter(contract, &code, Entry::Migrate, &json(&info)?, msg)?)
        };
        keys::BY_CODE.remove(self.ctx.state, &(instance.code, *contract));
        keys::BY_CODE.put(self.ctx.state, &(number, *contract), &());
        instance.code = number;
        keys::CONTRACT.put(self.ctx.state, contract, &instance);
        self.ctx.emit(Event::Migrated { contract: *contract, code: number });
        match response {
            Some(response) => self.deeper(|run| run.respond(contract, "migrate", Some(number), response)),
            None => Ok(None),
        }
    }

    /// WASM-14: what the chain itself tells it.
    pub fn sudo(&mut self, contract: &AccountId, msg: &[u8]) -> Go<Option<Vec<u8>>> {
        let (_, code) = self.found(contract)?;
        let response = self.enter(contract, &code, Entry::Sudo, &[], msg)?;
        self.deeper(|run| run.respond(contract, "sudo", None, response))
    }

    /// What became of a message, for who sent it.
    pub fn reply(&mut self, contract: &AccountId, reply: &abi::Reply) -> Go<Option<Vec<u8>>> {
        let (_, code) = self.found(contract)?;
        let response = self.enter(contract, &code, Entry::Reply, &[], &json(reply)?)?;
        self.deeper(|run| run.respond(contract, "reply", None, response))
    }
}

/// WASM-6.
pub fn set_admin(ctx: &mut Ctx<'_>, sender: &AccountId, contract: &AccountId, admin: Option<AccountId>) -> Result<(), Stop> {
    let mut instance = keys::CONTRACT.get(ctx.state, contract)?.ok_or(Error::NoContract)?;
    if instance.admin != Some(*sender) {
        return Err(Error::NotAdmin.into());
    }
    if let Some(org) = orgs::views::of_contract(ctx.state, contract)? {
        require_no_other_admin(&org, admin)?;
    }
    instance.admin = admin;
    keys::CONTRACT.put(ctx.state, contract, &instance);
    ctx.emit(Event::AdminSet { contract: *contract, admin });
    Ok(())
}

/// WASM-11: whoever could give it new code could do all that its mandate allows.
fn require_no_other_admin(org: &OrgId, admin: Option<AccountId>) -> Result<(), Error> {
    if admin.is_none_or(|admin| admin == org.treasury()) { Ok(()) } else { Err(Error::ForeignAdmin) }
}

/// WASM-11. Without an admin nobody could refuse for the contract: so it is bound to none but its maker's organization.
pub fn bind(ctx: &mut Ctx<'_>, org: &OrgId, chosen: Option<Chosen>, mandate: &Mandate) -> Result<(), Stop> {
    if let Some(Chosen { contract, code }) = chosen {
        let instance = keys::CONTRACT.get(ctx.state, &contract)?.ok_or(Error::NoContract)?;
        require_no_other_admin(org, instance.admin)?;
        if instance.code != code {
            return Err(Error::OtherCode { code: instance.code }.into());
        }
        let maker = instance.creator;
        let is_own = maker == org.treasury() || orgs::views::member_now(ctx.state, org, &maker)?.is_some();
        if instance.admin.is_none() && !is_own {
            return Err(Error::ForeignMaker.into());
        }
    }
    orgs::bind(ctx, org, chosen.map(|chosen| chosen.contract).as_ref(), mandate)
}
