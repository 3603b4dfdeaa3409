//! Compiled modules (VM-6): in memory as many as there is room for, and each in a file. A file is written whole or not at all, and is given up when it
//! is not what was written. None of it changes an answer.

use crate::address::sha256;
use crate::engine::{Broken, Checksum};
use crate::meter::Meter;
use crate::module::Known;
use crate::prices::PRICES_VERSION;
use cosmwasm_vm::Size;
use cosmwasm_vm::internals::make_runtime_engine;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use wasmer::{CompileError, CompilerConfig, Engine, Module, Singlepass, Target};

/// Compiled modules that are kept in memory, by the bytes of their files. What the chain holds warm (`WARM_BYTES_MAX`) was entered within twice as
/// many bytes; the rest is for what the reckoning is wrong by.
pub(crate) const MEMORY_BYTES_MAX: usize = 512 << 20;
/// What an engine for one module takes beside it, about.
const ENGINE_BYTES: usize = 10 << 10;
/// After the module itself: what an instance costs, a check of both, what the file is.
const TAIL_BYTES: usize = 16;
const MAGIC: [u8; 4] = *b"lthM";

/// A module that can be run.
#[derive(Clone)]
pub(crate) struct Ready {
    pub module: Module,
    pub engine: Engine,
    /// What an instance costs.
    pub gas: u64,
}

struct Kept {
    ready: Ready,
    bytes: usize,
    used: u64,
}

struct Memory {
    kept: BTreeMap<[u8; 32], Kept>,
    bytes: usize,
    bytes_max: usize,
    clock: u64,
}

/// All of them.
pub(crate) struct Modules {
    dir: PathBuf,
    memory_limit: Size,
    memory: Mutex<Memory>,
    making: Mutex<()>,
}

fn broken(what: &str, error: impl std::fmt::Display) -> Broken {
    Broken::Machine(format!("{what}: {error}"))
}

impl Modules {
    /// In this folder. Modules of other prices, of another engine or for another processor are not used, and removed.
    /// In memory stay `bytes_max` of them.
    pub fn open(dir: &Path, memory_limit: Size, bytes_max: usize) -> Result<Self, Broken> {
        let made_for = format!("{} {:?}", wasmer::VERSION, Target::default());
        let mark: String = sha256(made_for.as_bytes()).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        let name = format!("prices-{PRICES_VERSION}-{mark}");
        let here = dir.join(&name);
        std::fs::create_dir_all(&here).map_err(|error| broken("the folder of modules cannot be made", error))?;
        let others = std::fs::read_dir(dir).map_err(|error| broken("the folder of modules cannot be read", error))?;
        for other in others.flatten().filter(|other| other.file_name() != *name) {
            if other.file_name().to_string_lossy().starts_with("prices-") {
                // Only room is lost where that fails.
                let _ = std::fs::remove_dir_all(other.path());
            }
        }
        Ok(Self { dir: here, memory_limit, memory: Mutex::new(Memory::new(bytes_max)), making: Mutex::default() })
    }

    /// Instances are made one at a time: the engine's tables of code are the process's.
    pub fn alone<T>(&self, make: impl FnOnce() -> T) -> T {
        let _alone = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        make()
    }

    fn file(&self, code: &Checksum) -> PathBuf {
        self.dir.join(format!("{code}.module"))
    }

    /// Whether there is a file of it.
    pub fn has(&self, code: &Checksum) -> bool {
        self.file(code).exists()
    }

    /// How long its file is.
    #[cfg(test)]
    pub fn bytes(&self, code: &Checksum) -> std::io::Result<u64> {
        Ok(std::fs::metadata(self.file(code))?.len())
    }

    /// Compiles code and keeps it. The caller has judged it.
    pub fn compile(&self, wasm: &[u8], known: Known) -> Result<(), CompileFailure> {
        let mut compiler = Singlepass::new();
        compiler.canonicalize_nans(true);
        compiler.push_middleware(Arc::new(Meter::new(known.locals)));
        let engine: Engine = compiler.into();
        let module = Module::new(&engine, wasm).map_err(|error| match error {
            CompileError::Resource(why) => CompileFailure::Broken(broken("no room to compile", why)),
            error => CompileFailure::Code(error.to_string()),
        })?;
        let compiled = module.serialize().map_err(|error| CompileFailure::Broken(broken("a module", error)))?;
        self.write(&known.module.code, known.gas, &compiled)
            .map_err(|error| CompileFailure::Broken(broken("a module is not kept", error)))
    }

    fn write(&self, code: &Checksum, gas: u64, compiled: &[u8]) -> std::io::Result<()> {
        let mut file = tempfile_in(&self.dir, code)?;
        let mut check = crc32fast::Hasher::new();
        for part in [compiled, &gas.to_le_bytes()] {
            check.update(part);
            file.1.write_all(part)?;
        }
        file.1.write_all(&check.finalize().to_le_bytes())?;
        file.1.write_all(&MAGIC)?;
        // Under its name there is never a part of it, even where power fails.
        file.1.sync_all()?;
        std::fs::rename(&file.0, self.file(code))
    }

    /// From memory, or from its file. Where there is none, or not what was written, it has to be compiled again.
    pub fn get(&self, code: &Checksum) -> Result<Ready, Broken> {
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(ready) = memory.find(code) {
            return Ok(ready);
        }
        let (ready, bytes) = self.read(code)?;
        memory.keep(code, ready.clone(), bytes);
        Ok(ready)
    }

    fn read(&self, code: &Checksum) -> Result<(Ready, usize), Broken> {
        let mut bytes = match std::fs::read(self.file(code)) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(Broken::Missing(*code)),
            Err(error) => return Err(broken("a module cannot be read", error)),
        };
        let length = bytes.len();
        let Some(gas) = opened(&bytes) else { return Err(Broken::Missing(*code)) };
        bytes.truncate(length.saturating_sub(TAIL_BYTES));
        let engine = make_runtime_engine(Some(self.memory_limit));
        // SAFETY: these are the bytes that were written (the check), by this program (the folder is the owner's alone), for this engine and this
        // processor (the folder's name).
        let module = unsafe { Module::deserialize_unchecked(&engine, bytes) };
        let module = module.map_err(|error| broken("a module is of no use", error))?;
        Ok((Ready { module, engine, gas }, length.saturating_add(ENGINE_BYTES)))
    }
}

/// What an instance costs, if the file is whole.
fn opened(file: &[u8]) -> Option<u64> {
    let (compiled, tail) = file.split_at_checked(file.len().checked_sub(TAIL_BYTES)?)?;
    let (gas, rest) = tail.split_at_checked(8)?;
    let mut check = crc32fast::Hasher::new();
    check.update(compiled);
    check.update(gas);
    let is_whole = rest == [&check.finalize().to_le_bytes(), MAGIC.as_slice()].concat();
    is_whole.then_some(u64::from_le_bytes(gas.try_into().ok()?))
}

/// A file beside, of this call alone: the folder is one process's. What a crash leaves is written over.
fn tempfile_in(dir: &Path, code: &Checksum) -> std::io::Result<(PathBuf, std::fs::File)> {
    static NUMBER: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
    let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let path = dir.join(format!("{code}.{number}.part"));
    let file = std::fs::File::create(&path)?;
    Ok((path, file))
}

impl Memory {
    fn new(bytes_max: usize) -> Self {
        Self { kept: BTreeMap::new(), bytes: 0, bytes_max, clock: 0 }
    }

    fn find(&mut self, code: &Checksum) -> Option<Ready> {
        self.clock = self.clock.saturating_add(1);
        let kept = self.kept.get_mut(&code.0)?;
        kept.used = self.clock;
        Some(kept.ready.clone())
    }

    /// The ones that were not used for longest make room.
    fn keep(&mut self, code: &Checksum, ready: Ready, bytes: usize) {
        while self.bytes.saturating_add(bytes) > self.bytes_max {
            let Some((oldest, _)) = self.kept.iter().min_by_key(|(_, kept)| kept.used).map(|(code, kept)| (*code, kept.used))
            else {
                break;
            };
            if let Some(gone) = self.kept.remove(&oldest) {
                self.bytes = self.bytes.saturating_sub(gone.bytes);
            }
        }
        self.bytes = self.bytes.saturating_add(bytes);
        self.kept.insert(code.0, Kept { ready, bytes, used: self.clock });
    }
}

/// Why there is no module.
pub(crate) enum CompileFailure {
    /// The code's doing, on every machine.
    Code(String),
    /// This machine's.
    Broken(Broken),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::module::judged;

    fn code(n: u8) -> (Checksum, Vec<u8>) {
        let wasm = wat::parse_str(format!("(module (memory (export \"memory\") 1) (func (export \"f{n}\")))")).unwrap();
        (Checksum(sha256(&wasm)), wasm)
    }

    fn opened_in(dir: &Path) -> Modules {
        Modules::open(dir, Size::mebi(4), MEMORY_BYTES_MAX).unwrap()
    }

    fn kept(modules: &Modules, n: u8) -> Checksum {
        let (code, wasm) = code(n);
        assert!(modules.compile(&wasm, judged(&wasm, code).unwrap()).is_ok());
        code
    }

    /// VM-3: what is not what was written is compiled anew, and never run.
    #[test]
    fn a_file_that_is_not_whole_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let open = || opened_in(dir.path());
        let code = kept(&open(), 1);
        let file = open().file(&code);
        let whole = std::fs::read(&file).unwrap();
        assert!(open().get(&code).is_ok());
        let mut turned = whole.clone();
        turned[whole.len() / 2] ^= 1;
        let mut dearer = whole.clone();
        dearer[whole.len() - TAIL_BYTES] ^= 1;
        for damaged in
            [&whole[..whole.len() - 1], &whole[..whole.len() / 2], &[], &turned, &dearer, &[whole.as_slice(), &[0]].concat()]
        {
            std::fs::write(&file, damaged).unwrap();
            assert!(matches!(open().get(&code), Err(Broken::Missing(missing)) if missing == code), "{} bytes", damaged.len());
        }
        assert_eq!(kept(&open(), 1), code);
        assert!(open().get(&code).is_ok(), "compiled again");
    }

    #[test]
    fn modules_of_other_prices_are_not_used_and_are_removed() {
        let dir = tempfile::tempdir().unwrap();
        let former = dir.path().join("prices-0-0011223344556677");
        std::fs::create_dir_all(&former).unwrap();
        std::fs::write(dir.path().join("prices"), "a file of somebody's").unwrap();
        let modules = opened_in(dir.path());
        assert!(!former.exists() && dir.path().join("prices").exists());
        let code = kept(&modules, 1);
        assert!(opened_in(dir.path()).get(&code).is_ok(), "its own stay");
    }

    #[test]
    fn memory_gives_up_first_what_was_not_used_for_longest() {
        let dir = tempfile::tempdir().unwrap();
        let modules = opened_in(dir.path());
        let codes = [1, 2, 3].map(|n| kept(&modules, n));
        let ready = modules.get(&codes[0]).unwrap();
        let mut memory = Memory::new(200);
        memory.keep(&codes[0], ready.clone(), 100);
        memory.keep(&codes[1], ready.clone(), 100);
        assert!(memory.find(&codes[0]).is_some());
        memory.keep(&codes[2], ready, 100);
        assert!(memory.find(&codes[0]).is_some() && memory.find(&codes[1]).is_none() && memory.find(&codes[2]).is_some());
        assert_eq!(memory.bytes, 200);
    }
}
