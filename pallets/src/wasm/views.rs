//! What is known of contracts.

use super::host::{Lent, World};
use super::pulses::SCHEDULES_MAX;
use super::{Call, Code, Contract, Event, Schedule, keys, queries};
use crate::BlockInfo;
use leither_state::{Fault, Overlay, Read};
use leither_types::{AccountId, CallBytes, Hash, Millis};
use leither_vm::HostError;
use leither_vm::abi::QueryAnswer;
use std::sync::Arc;

/// Code by number.
pub fn code(state: &dyn Read, number: u64) -> Result<Option<Code>, Fault> {
    keys::CODE.read(state, &number)
}

/// Codes in order of their numbers.
pub fn codes(state: &dyn Read, after: Option<u64>, limit: usize) -> Result<Vec<(u64, Code)>, Fault> {
    keys::CODE.list(state, &(), after.as_ref(), limit)
}

/// The number of a checksum.
pub fn number(state: &dyn Read, checksum: &Hash) -> Result<Option<u64>, Fault> {
    keys::NUMBER.read(state, checksum)
}

/// A contract.
pub fn contract(state: &dyn Read, id: &AccountId) -> Result<Option<Contract>, Fault> {
    keys::CONTRACT.read(state, id)
}

/// The contracts of a code, in address order.
pub fn of_code(state: &dyn Read, code: u64, after: Option<AccountId>, limit: usize) -> Result<Vec<AccountId>, Fault> {
    let after = after.map(|after| (code, after));
    Ok(keys::BY_CODE.list(state, &code, after.as_ref(), limit)?.into_iter().map(|((_, id), ())| id).collect())
}

/// WASM-14: what a contract has told by time, by number.
pub fn schedules(state: &dyn Read, contract: &AccountId) -> Result<Vec<(u32, Schedule)>, Fault> {
    let rows = keys::SCHEDULE.list(state, contract, None, SCHEDULES_MAX as usize)?;
    Ok(rows.into_iter().map(|((_, id), schedule)| (id, schedule)).collect())
}

/// One of them, under construction.
pub(crate) fn schedule_now(state: &Overlay, contract: &AccountId, id: u32) -> Result<Option<Schedule>, Fault> {
    keys::SCHEDULE.get(state, &(*contract, id))
}

/// From which block time on one is due.
pub(crate) fn next_schedule(state: &dyn Read) -> Result<Option<Millis>, Fault> {
    Ok(keys::DUE.list(state, &(), None, 1)?.first().map(|((due, ..), ())| *due))
}

/// The one contract that all these calls execute, where they do nothing else.
pub fn only_executes(calls: &[CallBytes]) -> Option<AccountId> {
    let mut all = calls.iter().map(|bytes| match crate::Call::read(bytes) {
        Ok(crate::Call::Wasm(Call::Execute { contract, .. })) => Some(contract),
        _ => None,
    });
    let first = all.next()??;
    all.all(|other| other == Some(first)).then_some(first)
}

/// WASM-4: what these calls are to check: checksums and in how many pieces, as far as it was not stored before.
pub fn to_be_stored(calls: &[CallBytes]) -> Vec<(Hash, u16)> {
    let stored = |bytes: &CallBytes| match crate::Call::read(bytes) {
        Ok(crate::Call::Wasm(Call::Store { code, pieces })) => Some((code, pieces)),
        _ => None,
    };
    calls.iter().filter_map(stored).collect()
}

/// What somebody has uploaded, whole, if it is and has this checksum.
pub fn uploaded(state: &dyn Read, who: &AccountId, code: &Hash, pieces: u16) -> Result<Option<Vec<u8>>, Fault> {
    let mut whole = Vec::new();
    for piece in 0..pieces.min(super::calls::PIECES_MAX) {
        let Some(found) = keys::PENDING.read(state, &(*who, *code, piece))? else { return Ok(None) };
        whole.extend(found.bytes);
    }
    Ok((leither_vm::sha256(&whole) == code.0).then_some(whole))
}

/// The record's key behind a contract, for a proof.
pub fn contract_key(id: &AccountId) -> Vec<u8> {
    keys::CONTRACT.key(id)
}

/// Where a contract keeps what it calls `key`, for a proof.
pub fn data_key(contract: &AccountId, key: &[u8]) -> Vec<u8> {
    keys::data_key(contract, key)
}

/// Whose data a record is, and what the contract itself calls it, if it is a contract's.
pub fn data_of(key: &[u8]) -> Option<(AccountId, &[u8])> {
    keys::data_of(key)
}

/// Whose history an event belongs to.
pub fn concerns(event: &Event) -> Vec<AccountId> {
    match event {
        Event::Instantiated { contract, creator, .. } => vec![*contract, *creator],
        Event::Executed { contract, sender } => vec![*contract, *sender],
        Event::Migrated { contract, .. }
        | Event::AdminSet { contract, .. }
        | Event::Pulsed { contract, .. }
        | Event::Scheduled { contract, .. }
        | Event::ScheduleOver { contract, .. } => vec![*contract],
        Event::Stored { .. } | Event::Told { .. } | Event::Ended { .. } => Vec::new(),
    }
}

/// What came of a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The answer; nothing where the gas was not enough.
    pub answer: Option<QueryAnswer>,
    /// What it used.
    pub gas: u64,
}

/// Asks as a contract would ([`leither_vm::abi::Query`] in JSON), of a committed state.
pub fn ask(state: Arc<dyn Read>, block: &BlockInfo, request: &[u8], gas: u64) -> Result<Asked, Fault> {
    let mut overlay = Overlay::new(state);
    let world = World { state: Lent::out(&mut overlay), block: Arc::new(block.clone()), depth: 0 };
    match queries::answer(&world, request, gas, 0) {
        (Ok(answer), gas) => Ok(Asked { answer: Some(answer), gas }),
        (Err(HostError::OutOfGas | HostError::Refused), gas) => Ok(Asked { answer: None, gas }),
        (Err(HostError::Broken(why)), _) => Err(world.state.fault(&why)),
    }
}
