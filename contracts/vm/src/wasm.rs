//! The engine proper: `cosmwasm-vm` with wasmer's singlepass compiler.

use crate::address::{Addresses, sha256};
use crate::backend::{Asked, Link, Stored, broken, is_watched, link, tell};
use crate::engine::{Broken, Call, Called, Checksum, Engine, Entry, Failure, Host, Module, Refusal, StoreError};
use crate::prices::{INSTANCE_GAS, PRICES_VERSION};
use crate::{ANSWER_BYTES_MAX, CODE_BYTES_MAX, module};
use cosmwasm_vm::internals::{Logger, check_wasm};
use cosmwasm_vm::{
    Backend, BackendError, Cache, CacheOptions, CommunicationError, Config, Instance, InstanceOptions, Size, VmError, WasmLimits,
    call_execute_raw, call_instantiate_raw, call_migrate_with_info_raw, call_query_raw, call_reply_raw, call_sudo_raw,
    capabilities_from_csv,
};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

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
/// Memory of one instance: the same on every node, since a contract sees where it ends.
const INSTANCE_MIB: usize = 32;
/// Compiled modules that are kept in memory.
const MODULES_MIB: usize = 256;
/// Published contracts have up to 112 locals in a function; each above 29 costs gas.
const LOCALS_MAX: usize = 256;

type Modules = Cache<Addresses, Stored, Asked>;
type Running = Instance<Addresses, Stored, Asked>;

/// Runs contracts; keeps their compiled modules in a folder.
pub struct WasmEngine {
    modules: Modules,
}

impl WasmEngine {
    /// With this folder as the cache. Whoever may write it may make this program do anything: it is the owner's alone (0700), of one process at a
    /// time, and never copied between machines. It may be removed while nothing runs.
    pub fn open(dir: &Path) -> Result<Self, Broken> {
        let capabilities = capabilities_from_csv(&CAPABILITIES.join(","));
        let dir = dir.join(format!("prices-{PRICES_VERSION}"));
        let cache = CacheOptions::new(dir, capabilities, Size::mebi(MODULES_MIB), Size::mebi(INSTANCE_MIB));
        let mut config = Config::new(cache);
        config.wasm_limits = limits();
        // SAFETY: what is read back from the folder was written by this program: see above.
        let modules = unsafe { Cache::new_with_config(config) };
        modules.map(|modules| Self { modules }).map_err(|error| Broken::Machine(error.to_string()))
    }

    fn instance(&self, call: &Call<'_>, link: &Link) -> Result<Running, VmError> {
        let backend = Backend { api: Addresses, storage: Stored::new(link.clone()), querier: Asked(link.clone()) };
        let options = InstanceOptions { gas_limit: call.gas.saturating_sub(INSTANCE_GAS) };
        self.modules.get_instance(&inner(call.code), backend, options)
    }
}

fn inner(code: &Checksum) -> cosmwasm_std::Checksum {
    code.0.into()
}

fn limits() -> WasmLimits {
    let mut limits = WasmLimits::default();
    limits.max_function_locals = Some(LOCALS_MAX);
    limits
}

/// What names code.
fn checksum(wasm: &[u8]) -> Checksum {
    Checksum(sha256(wasm))
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
        let module = self.judge(wasm)?;
        if self.modules.load_wasm(&inner(&module.code)).is_ok() {
            return Ok(module);
        }
        // A module that the compiler panics over is no contract: equal bytes make every node's panic.
        match catch_unwind(AssertUnwindSafe(|| self.modules.store_code(wasm, false, true))) {
            Ok(Ok(_)) => Ok(module),
            Ok(Err(VmError::CompileErr { msg, .. })) => Err(Refusal(format!("it does not compile: {msg}")).into()),
            Ok(Err(error)) => Err(Broken::Machine(error.to_string()).into()),
            Err(_) => Err(Refusal("the compiler cannot make anything of it".into()).into()),
        }
    }

    fn judge(&self, wasm: &[u8]) -> Result<Module, StoreError> {
        if wasm.len() > CODE_BYTES_MAX {
            return Err(Refusal(format!("the code has {} bytes; {CODE_BYTES_MAX} are the most", wasm.len())).into());
        }
        let module = module::read(wasm, checksum(wasm))?;
        let capabilities = capabilities_from_csv(&CAPABILITIES.join(","));
        match check_wasm(wasm, &capabilities, &limits(), Logger::Off) {
            Ok(()) => Ok(module),
            Err(VmError::StaticValidationErr { msg, .. }) => Err(Refusal(msg).into()),
            Err(error) => Err(Refusal(error.to_string()).into()),
        }
    }

    fn restore(&self, wasm: &[u8]) -> Result<(), Broken> {
        let stored = catch_unwind(AssertUnwindSafe(|| self.modules.store_code(wasm, false, true)));
        match stored {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(Broken::Machine(error.to_string())),
            Err(_) => Err(Broken::Machine("code that once compiled does so no more".into())),
        }
    }

    fn call(&self, call: &Call<'_>, host: Box<dyn Host>) -> Result<Called, Broken> {
        if call.gas < INSTANCE_GAS {
            return Ok(Called { gas: call.gas, answer: Err(Failure::OutOfGas) });
        }
        let link = link(host);
        let mut instance = match self.instance(call, &link) {
            Ok(instance) => instance,
            // Gone, or cut short by a crash while it was written.
            Err(VmError::CacheErr { .. } | VmError::IntegrityErr { .. }) => return Err(Broken::Missing(*call.code)),
            // Its start function trapped, or its memory is beyond the bound: the code's own doing, and the same everywhere.
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
