//! The engine proper: `cosmwasm-vm` with wasmer's singlepass compiler, under prices of our own (VM-5).

use crate::address::{Addresses, sha256};
use crate::backend::{Asked, Link, Stored, broken, is_watched, link, tell};
use crate::engine::{Broken, Call, Called, Checksum, Engine, Entry, Failure, Host, Module, Refusal, StoreError};
use crate::module::Known;
use crate::modules::{CompileFailure, MEMORY_BYTES_MAX, Modules, Ready};
use crate::prices::PAGES_MAX;
use crate::{ANSWER_BYTES_MAX, CODE_BYTES_MAX, module};
use cosmwasm_vm::internals::{Logger, check_wasm, instance_from_module};
use cosmwasm_vm::{
    Backend, BackendError, CommunicationError, Instance, Size, VmError, WasmLimits, call_execute_raw, call_instantiate_raw,
    call_migrate_with_info_raw, call_query_raw, call_reply_raw, call_sudo_raw, capabilities_from_csv,
};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use wasmer::Store;

/// What contracts may ask for. Most name the second and third without using them: what they then send is refused.
const CAPABILITIES: [&str; 11] = [
    "iterator",
    "staking",
    "stargate",
    "cosmwasm_1_1",
    "cosmwasm_1_2",
    "cosmwasm_1_3",
    "cosmwasm_1_4",
    "cosmwasm_2_0",
    "cosmwasm_2_1",
    "cosmwasm_2_2",
    "cosmwasm_3_0",
];
/// A page of an instance's memory, in KiB. How many there are is the same on every node: a contract sees where they end.
const PAGE_KIB: usize = 64;
/// Published contracts have up to 112 locals in a function; each above 29 costs gas.
const LOCALS_MAX: usize = 256;

/// How the engine says that memory cannot be had.
const NO_ROOM: &str = "allocating memory";

type Running = Instance<Addresses, Stored, Asked>;

/// Runs contracts; keeps their compiled modules in a folder.
pub struct WasmEngine {
    modules: Modules,
}

impl WasmEngine {
    /// With this folder as the cache. Whoever may write it may make this program do anything: it is the owner's alone (0700), of one process at a
    /// time, and never copied between machines. It may be removed while nothing runs.
    pub fn open(dir: &Path) -> Result<Self, Broken> {
        Self::open_within(dir, MEMORY_BYTES_MAX)
    }

    /// The same with so many bytes of compiled modules in memory: what a node has is more than what the chain holds warm, so that a measurement of
    /// what is read from disk needs an engine with less.
    pub fn open_within(dir: &Path, bytes_max: usize) -> Result<Self, Broken> {
        let memory = Size::kibi(PAGE_KIB.saturating_mul(PAGES_MAX as usize));
        Ok(Self { modules: Modules::open(dir, memory, bytes_max)? })
    }

    fn instance(&self, ready: &Ready, gas: u64, link: &Link) -> Result<Running, VmError> {
        let backend = Backend { api: Addresses, storage: Stored::new(link.clone()), querier: Asked(link.clone()) };
        self.modules
            .alone(|| instance_from_module(Store::new(ready.engine.clone()), &ready.module, backend, gas, None))
    }

    fn compile(&self, wasm: &[u8], known: Known) -> Result<(), StoreError> {
        // A module that the compiler panics over is no contract: equal bytes make every node's panic.
        match catch_unwind(AssertUnwindSafe(|| self.modules.compile(wasm, known))) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(CompileFailure::Code(why))) => Err(Refusal(format!("it does not compile: {why}")).into()),
            Ok(Err(CompileFailure::Broken(broken))) => Err(broken.into()),
            Err(_) => Err(Refusal("the compiler cannot make anything of it".into()).into()),
        }
    }
}

fn limits() -> WasmLimits {
    let mut limits = WasmLimits::default();
    limits.max_function_locals = Some(LOCALS_MAX);
    limits.initial_memory_limit_pages = Some(PAGES_MAX);
    limits
}

/// What names code.
fn checksum(wasm: &[u8]) -> Checksum {
    Checksum(sha256(wasm))
}

/// All that can be said of code without compiling it.
fn judged(wasm: &[u8]) -> Result<Known, Refusal> {
    if wasm.len() > CODE_BYTES_MAX {
        return Err(Refusal(format!("the code has {} bytes; {CODE_BYTES_MAX} are the most", wasm.len())));
    }
    let known = module::judged(wasm, checksum(wasm))?;
    let capabilities = capabilities_from_csv(&CAPABILITIES.join(","));
    match check_wasm(wasm, &capabilities, &limits(), Logger::Off) {
        Ok(()) => Ok(known),
        Err(VmError::StaticValidationErr { msg, .. }) => Err(Refusal(msg)),
        Err(error) => Err(Refusal(error.to_string())),
    }
}

fn enter(instance: &mut Running, call: &Call<'_>) -> Result<Vec<u8>, VmError> {
    match call.entry {
        Entry::Instantiate => call_instantiate_raw(instance, call.env, call.info, call.msg),
        Entry::Execute => call_execute_raw(instance, call.env, call.info, call.msg),
        Entry::Query => call_query_raw(instance, call.env, call.msg),
        Entry::Migrate => call_migrate_with_info_raw(instance, call.env, call.msg, call.info),
        Entry::Sudo => call_sudo_raw(instance, call.env, call.msg),
        Entry::Reply => call_reply_raw(instance, call.env, call.msg),
    }
}

/// VM-2: whose failure it is.
fn classed(error: &VmError) -> Result<Failure, Broken> {
    let machine = || Err(Broken::Machine(error.to_string()));
    match error {
        VmError::GasDepletion { .. } | VmError::BackendErr { source: BackendError::OutOfGas {}, .. } => Ok(Failure::OutOfGas),
        VmError::WriteAccessDenied { .. } => Ok(Failure::ReadOnly),
        VmError::CommunicationErr { source: CommunicationError::RegionLengthTooBig { .. }, .. } => Ok(Failure::TooLong),
        VmError::BackendErr { source: BackendError::Unknown { .. } | BackendError::ForeignPanic {}, .. }
        | VmError::CacheErr { .. }
        | VmError::IntegrityErr { .. }
        | VmError::CompileErr { .. }
        | VmError::StaticValidationErr { .. }
        | VmError::UninitializedContextData { .. } => machine(),
        _ => Ok(Failure::Trap),
    }
}

impl Engine for WasmEngine {
    fn store(&self, wasm: &[u8]) -> Result<Module, StoreError> {
        // Always, whatever is in the folder: an older program may have judged by other bounds.
        let known = judged(wasm)?;
        let module = known.module;
        if !self.modules.has(&module.code) {
            self.compile(wasm, known)?;
        }
        Ok(module)
    }

    fn judge(&self, wasm: &[u8]) -> Result<Module, StoreError> {
        Ok(judged(wasm)?.module)
    }

    fn restore(&self, wasm: &[u8]) -> Result<(), Broken> {
        let known = module::known(wasm, checksum(wasm)).map_err(StoreError::from);
        match known.and_then(|known| self.compile(wasm, known)) {
            Ok(()) => Ok(()),
            Err(StoreError::Broken(broken)) => Err(broken),
            Err(StoreError::Refusal(why)) => Err(Broken::Machine(format!("code that once was good is so no more: {why}"))),
        }
    }

    fn call(&self, call: &Call<'_>, host: Box<dyn Host>) -> Result<Called, Broken> {
        let ready = self.modules.get(call.code)?;
        let Some(gas) = call.gas.checked_sub(ready.gas) else {
            return Ok(Called { gas: call.gas, answer: Err(Failure::OutOfGas) });
        };
        let link = link(host);
        let mut instance = match self.instance(&ready, gas, &link) {
            Ok(instance) => instance,
            // This machine has no memory left for it.
            Err(VmError::InstantiationErr { msg, .. }) if msg.contains(NO_ROOM) => return Err(Broken::Machine(msg)),
            // Its start function trapped, or its data are beyond its memory: the code's own doing, and the same everywhere.
            Err(error @ VmError::InstantiationErr { .. }) => {
                tell(&link, |host| host.failed(&error.to_string()));
                return Ok(Called { gas: call.gas, answer: Err(Failure::Trap) });
            }
            Err(error) => return Err(Broken::Machine(error.to_string())),
        };
        if is_watched(&link) {
            let watching = link.clone();
            instance.set_debug_handler(move |line, _| tell(&watching, |host| host.debug(line)));
        }
        // CWA-2024-008: a panic of the engine over a contract's doing ends that call, and costs all that was given for it.
        let entered = catch_unwind(AssertUnwindSafe(|| enter(&mut instance, call)));
        if let Some(why) = broken(&link) {
            return Err(Broken::Machine(why));
        }
        let Ok(entered) = entered else {
            tell(&link, |host| host.failed("the engine panicked"));
            return Ok(Called { gas: call.gas, answer: Err(Failure::Trap) });
        };
        if let Err(error) = &entered {
            tell(&link, |host| host.failed(&error.to_string()));
        }
        let left = instance.get_gas_left();
        let used = call.gas.saturating_sub(left).min(call.gas);
        match entered {
            Ok(answer) if answer.len() > ANSWER_BYTES_MAX => Ok(Called { gas: used, answer: Err(Failure::TooLong) }),
            Ok(answer) => Ok(Called { gas: used, answer: Ok(answer) }),
            // A call of the host that takes the last of it ends as a trap does.
            Err(error) => match classed(&error).map(|class| if left == 0 { Failure::OutOfGas } else { class })? {
                Failure::OutOfGas => Ok(Called { gas: call.gas, answer: Err(Failure::OutOfGas) }),
                failure => Ok(Called { gas: used, answer: Err(failure) }),
            },
        }
    }
}

#[cfg(test)]
mod tests;
