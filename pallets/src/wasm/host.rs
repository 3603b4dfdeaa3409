//! What a running contract holds on to. While one runs, the state under construction is lent to the engine, which wants to own what it holds.

use super::gas::PASSED_GAS;
use super::{Code, Contracts, Entered, Watch, code, keys, queries, warm};
use crate::BlockInfo;
use leither_state::{Fault, Overlay, RECORD_BYTES_MAX, RECORD_KEY_BYTES_MAX};
use leither_types::AccountId;
use leither_vm::{Broken, Call, Called, Engine, Failure, Host, HostError, Order, Passed, abi};
use std::cell::RefCell;
use std::mem;
use std::rc::Rc;
use std::sync::Arc;

/// The state, lent, and how it failed, if it did: the engine knows no more of that than that it did.
#[derive(Clone)]
pub struct Lent {
    state: Rc<RefCell<Overlay>>,
    failed: Rc<RefCell<Option<Fault>>>,
}

impl Lent {
    /// Takes it out of its place. [`Lent::back`] puts it there again.
    pub fn out(state: &mut Overlay) -> Self {
        let empty = Overlay::new(state.parent().clone());
        Self { state: Rc::new(RefCell::new(mem::replace(state, empty))), failed: Rc::default() }
    }

    /// Whoever still holds on to it has an empty one from now on.
    pub fn back(&self, state: &mut Overlay) {
        let empty = Overlay::new(state.parent().clone());
        *state = mem::replace(&mut *self.state.borrow_mut(), empty);
    }

    /// One look at it or change of it.
    pub fn with<T>(&self, what: impl FnOnce(&mut Overlay) -> T) -> T {
        what(&mut self.state.borrow_mut())
    }

    /// A look that may fail.
    pub fn look<T>(&self, what: impl FnOnce(&mut Overlay) -> Result<T, Fault>) -> Result<T, HostError> {
        self.with(what).map_err(|fault| self.fail(fault))
    }

    /// Keeps the first failure.
    pub fn fail(&self, fault: Fault) -> HostError {
        let text = fault.to_string();
        self.failed.borrow_mut().get_or_insert(fault);
        HostError::Broken(text)
    }

    /// What failed first; where nothing of ours did, the engine itself.
    pub fn fault(&self, engine: &str) -> Fault {
        let failed = self.failed.borrow().clone();
        failed.unwrap_or_else(|| Fault::Storage(engine.into()))
    }
}

/// What all calls of one transaction share.
#[derive(Clone)]
pub struct World {
    pub state: Lent,
    pub block: Arc<BlockInfo>,
    /// How many contracts led to the one that runs, by messages.
    pub depth: u32,
}

impl World {
    fn contracts(&self) -> &Contracts {
        &self.block.contracts
    }

    /// Enters a contract, and again where the engine has lost its code.
    pub fn enter(&self, code: &Code, contract: &AccountId, call: &Call<'_>, asked: u32) -> Result<Called, Fault> {
        let Contracts { engine, watch, .. } = self.contracts();
        if let Some(watch) = watch {
            watch.entered(&Entered { depth: self.depth.saturating_add(asked), contract, call });
        }
        let called = self.enter_warm(engine.as_ref(), code, contract, call, asked)?;
        if let Some(watch) = watch {
            watch.left(called.gas, called.answer.as_deref().map_err(|failure| *failure));
        }
        Ok(called)
    }

    /// WASM-15: who enters cold code pays for that first.
    fn enter_warm(
        &self,
        engine: &dyn Engine,
        code: &Code,
        contract: &AccountId,
        call: &Call<'_>,
        asked: u32,
    ) -> Result<Called, Fault> {
        let price = self.state.with(|state| warm::price(state, code))?;
        let Some(gas) = call.gas.checked_sub(price) else {
            return Ok(Called { gas: call.gas, answer: Err(Failure::OutOfGas) });
        };
        if price > 0 {
            self.state.with(|state| warm::warm(state, code))?;
        }
        let call = &Call { gas, ..*call };
        let door =
            || Box::new(Door { world: self.clone(), contract: *contract, asked, passes: gas / PASSED_GAS }) as Box<dyn Host>;
        let called = match engine.call(call, door()) {
            Err(Broken::Missing(_)) => {
                let bytes = self.state.with(|state| code::bytes(state, code))?;
                engine.restore(&bytes).and_then(|()| engine.call(call, door()))
            }
            called => called,
        };
        let called = called.map_err(|broken| self.state.fault(&broken.to_string()))?;
        Ok(Called { gas: called.gas.saturating_add(price), ..called })
    }
}

/// One contract's.
struct Door {
    world: World,
    contract: AccountId,
    /// How many contracts asked one another until here.
    asked: u32,
    /// Removed keys that its iterators may yet pass: what all of its gas would pay for.
    passes: u64,
}

/// Of a key, what its address and place leave.
const KEY_BYTES_MAX: usize = RECORD_KEY_BYTES_MAX - 22;
/// Of a value, what its length leaves.
const VALUE_BYTES_MAX: usize = RECORD_BYTES_MAX;

/// What a new record takes beside key and value: its address and place, a leaf and an inner node of the tree, which every node holds in memory.
const RECORD_OVERHEAD: usize = 222;

impl Door {
    fn watch(&self) -> Option<&dyn Watch> {
        self.world.contracts().watch.as_deref()
    }

    fn key(&self, key: &[u8]) -> Option<Vec<u8>> {
        (!key.is_empty() && key.len() <= KEY_BYTES_MAX).then(|| keys::data_key(&self.contract, key))
    }
}

impl Host for Door {
    /// A key that cannot be written is not there.
    fn get(&mut self, key: &[u8]) -> Result<Option<Vec<u8>>, HostError> {
        let Some(key) = self.key(key) else { return Ok(None) };
        self.world.state.look(|state| state.record(&key))
    }

    fn set(&mut self, key: &[u8], value: &[u8]) -> Result<usize, HostError> {
        let whole = self.key(key).filter(|_| value.len() <= VALUE_BYTES_MAX).ok_or(HostError::Refused)?;
        let before = self.world.state.look(|state| state.record(&whole))?;
        self.world.state.with(|state| state.put_record(whole, Some(value.to_vec())));
        let grown = match before {
            Some(before) => value.len().saturating_sub(before.len()),
            None => RECORD_OVERHEAD.saturating_add(key.len()).saturating_add(value.len()),
        };
        Ok(grown)
    }

    fn remove(&mut self, key: &[u8]) -> Result<(), HostError> {
        if let Some(key) = self.key(key) {
            self.world.state.with(|state| state.put_record(key, None));
        }
        Ok(())
    }

    fn first(&mut self, start: Option<&[u8]>, end: Option<&[u8]>, order: Order) -> Result<Passed, HostError> {
        let from = keys::data_key(&self.contract, start.unwrap_or_default());
        let to = match end {
            Some(end) => keys::data_key(&self.contract, end),
            None => keys::data_end(&self.contract).ok_or(HostError::Refused)?,
        };
        let found = self.world.state.look(|state| state.first(&from, &to, order == Order::Descending, self.passes))?;
        self.passes = self.passes.checked_sub(found.1).ok_or(HostError::OutOfGas)?;
        let prefix = keys::data_key(&self.contract, &[]).len();
        let own = found.0.map(|(key, value)| (key.get(prefix..).unwrap_or_default().to_vec(), value));
        Ok((own, found.1.saturating_mul(PASSED_GAS)))
    }

    fn query(&mut self, request: &[u8], gas: u64) -> (Result<abi::QueryAnswer, HostError>, u64) {
        queries::answer(&self.world, request, gas, self.asked)
    }

    fn is_watched(&self) -> bool {
        self.watch().is_some()
    }

    fn debug(&mut self, line: &str) {
        if let Some(watch) = self.watch() {
            watch.debug(line);
        }
    }

    fn failed(&mut self, words: &str) {
        if let Some(watch) = self.watch() {
            watch.failed(words);
        }
    }
}
