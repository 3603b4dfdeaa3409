//! The engine's wishes, asked of a [`Host`]. Both halves share it: storage and questions of one call never come at the same time.

use crate::engine::{Host, HostError, Order};
use crate::{abi, prices};
use cosmwasm_std::{Binary, ContractResult, SystemError, SystemResult};
use cosmwasm_vm::{BackendError, BackendResult, GasInfo, Querier, Storage};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

/// Iterators that a call may open.
const ITERATORS_MAX: u32 = 32_768;
/// What an iterator keeps of a bound, in bytes: no host's keys are longer, but a contract may name one of 64 KiB.
const BOUND_BYTES_MAX: usize = 1_024;

/// A host, and how it broke, if it did: the engine's own error may hide that.
pub(crate) struct Shared {
    host: Box<dyn Host>,
    broken: Option<String>,
}

pub(crate) type Link = Rc<RefCell<Shared>>;

pub(crate) fn link(host: Box<dyn Host>) -> Link {
    Rc::new(RefCell::new(Shared { host, broken: None }))
}

/// How it broke.
pub(crate) fn broken(link: &Link) -> Option<String> {
    link.borrow().broken.clone()
}

/// Whether somebody wants to hear of what happens inside.
pub(crate) fn is_watched(link: &Link) -> bool {
    link.borrow().host.is_watched()
}

/// Tells whoever watches.
pub(crate) fn tell(link: &Link, what: impl FnOnce(&mut dyn Host)) {
    if is_watched(link) {
        what(&mut *link.borrow_mut().host);
    }
}

fn ask<T>(link: &Link, question: impl FnOnce(&mut dyn Host) -> Result<T, HostError>) -> Result<T, BackendError> {
    let mut shared = link.borrow_mut();
    question(&mut *shared.host).map_err(|error| failed(&mut shared, error))
}

fn failed(shared: &mut Shared, error: HostError) -> BackendError {
    match error {
        HostError::Refused => BackendError::bad_argument(),
        HostError::OutOfGas => BackendError::out_of_gas(),
        HostError::Broken(why) => {
            shared.broken.get_or_insert(why);
            BackendError::unknown("the host is broken")
        }
    }
}

/// A contract's data.
pub(crate) struct Stored {
    link: Link,
    iterators: BTreeMap<u32, Iter>,
}

struct Iter {
    start: Option<Vec<u8>>,
    end: Option<Vec<u8>>,
    order: Order,
    /// It has come to its end.
    over: bool,
}

impl Stored {
    pub(crate) fn new(link: Link) -> Self {
        Self { link, iterators: BTreeMap::new() }
    }

    /// Bytes of bounds.
    #[cfg(test)]
    pub(crate) fn kept(&self) -> usize {
        self.iterators.values().flat_map(|iter| [&iter.start, &iter.end]).flatten().map(Vec::capacity).sum()
    }
}

/// A bound that parts the same keys: of those that are no longer than this, none lies between what is cut off and its shortest successor.
fn bound(key: &[u8]) -> Vec<u8> {
    match key.get(..BOUND_BYTES_MAX) {
        Some(head) if key.len() > BOUND_BYTES_MAX => [head, &[0]].concat(),
        _ => key.to_vec(),
    }
}

impl Storage for Stored {
    fn get(&self, key: &[u8]) -> BackendResult<Option<Vec<u8>>> {
        let found = ask(&self.link, |host| host.get(key));
        let length = found.as_ref().ok().and_then(Option::as_ref).map_or(0, Vec::len);
        (found, GasInfo::with_cost(prices::read(key.len(), length)))
    }

    fn scan(&mut self, start: Option<&[u8]>, end: Option<&[u8]>, order: cosmwasm_std::Order) -> BackendResult<u32> {
        let cost = GasInfo::with_cost(prices::SCAN_GAS);
        let id = self.iterators.len() as u32;
        if id >= ITERATORS_MAX {
            return (Err(BackendError::bad_argument()), cost);
        }
        let order = match order {
            cosmwasm_std::Order::Ascending => Order::Ascending,
            cosmwasm_std::Order::Descending => Order::Descending,
        };
        let iter = Iter { start: start.map(bound), end: end.map(bound), order, over: false };
        self.iterators.insert(id, iter);
        (Ok(id), cost)
    }

    fn next(&mut self, id: u32) -> BackendResult<Option<cosmwasm_std::Record>> {
        let none = GasInfo::with_cost(prices::step(0, 0));
        let Some(iter) = self.iterators.get_mut(&id) else { return (Err(BackendError::iterator_does_not_exist(id)), none) };
        let is_empty = iter.over || matches!((&iter.start, &iter.end), (Some(start), Some(end)) if start >= end);
        if is_empty {
            return (Ok(None), none);
        }
        let found = ask(&self.link, |host| host.first(iter.start.as_deref(), iter.end.as_deref(), iter.order));
        match found {
            Ok((Some((key, value)), passed)) => {
                match iter.order {
                    // The smallest key that is greater.
                    Order::Ascending => iter.start = Some([&key[..], &[0]].concat()),
                    Order::Descending => iter.end = Some(key.clone()),
                }
                let cost = prices::step(key.len(), value.len()).saturating_add(passed);
                (Ok(Some((key, value))), GasInfo::with_cost(cost))
            }
            Ok((None, passed)) => {
                iter.over = true;
                (Ok(None), GasInfo::with_cost(prices::step(0, 0).saturating_add(passed)))
            }
            Err(error) => (Err(error), none),
        }
    }

    fn set(&mut self, key: &[u8], value: &[u8]) -> BackendResult<()> {
        let grown = ask(&self.link, |host| host.set(key, value));
        let more = grown.as_ref().ok().copied().unwrap_or(0);
        (grown.map(drop), GasInfo::with_cost(prices::write(key.len(), value.len(), more)))
    }

    fn remove(&mut self, key: &[u8]) -> BackendResult<()> {
        (ask(&self.link, |host| host.remove(key)), GasInfo::with_cost(prices::remove(key.len())))
    }
}

/// A contract's questions.
pub(crate) struct Asked(pub(crate) Link);

impl Querier for Asked {
    fn query_raw(&self, request: &[u8], gas_limit: u64) -> BackendResult<SystemResult<ContractResult<Binary>>> {
        let mut shared = self.0.borrow_mut();
        let (answer, used) = shared.host.query(request, gas_limit);
        let answer = answer.map_err(|error| failed(&mut shared, error)).map(|answer| match answer {
            abi::QueryAnswer::Bytes(bytes) => SystemResult::Ok(ContractResult::Ok(Binary::new(bytes))),
            abi::QueryAnswer::Failed(error) => SystemResult::Ok(ContractResult::Err(error)),
            abi::QueryAnswer::Malformed => SystemResult::Err(SystemError::InvalidRequest {
                error: "the request cannot be read".into(),
                request: Binary::default(),
            }),
            abi::QueryAnswer::Unsupported(kind) => SystemResult::Err(SystemError::UnsupportedRequest { kind }),
            abi::QueryAnswer::NoContract(addr) => SystemResult::Err(SystemError::NoSuchContract { addr }),
            abi::QueryAnswer::NoCode(code_id) => SystemResult::Err(SystemError::NoSuchCode { code_id }),
        });
        (answer, GasInfo::with_cost(used))
    }
}
