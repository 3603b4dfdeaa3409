//! What it costs to take a module from disk: an engine that has it in no memory yet, then the same again.

use crate::contract::{functions, module, region};
use crate::stage::{Done, timed};
use leither_vm::{Call, Engine, Entry, Host, HostError, Order, Passed, WasmEngine, abi::QueryAnswer};
use std::path::Path;

const GAS: u64 = 1_000_000_000;
const REPETITIONS: usize = 7;

/// There is nothing.
struct Empty;

impl Host for Empty {
    fn get(&mut self, _: &[u8]) -> Result<Option<Vec<u8>>, HostError> {
        Ok(None)
    }
    fn set(&mut self, _: &[u8], _: &[u8]) -> Result<usize, HostError> {
        Ok(0)
    }
    fn remove(&mut self, _: &[u8]) -> Result<(), HostError> {
        Ok(())
    }
    fn first(&mut self, _: Option<&[u8]>, _: Option<&[u8]>, _: Order) -> Result<Passed, HostError> {
        Ok((None, 0))
    }
    fn query(&mut self, _: &[u8], _: u64) -> (Result<QueryAnswer, HostError>, u64) {
        (Ok(QueryAnswer::Malformed), 0)
    }
}

/// A contract of about so many bytes, all of them code: functions of one long sum.
fn of_code(length: usize) -> Done<Vec<u8>> {
    let function = format!("(func (param i64) (result i64) (local.get 0) {})", "(i64.const 7777) (i64.add)".repeat(160));
    let execute = "(func (export \"execute\") (param i32 i32 i32) (result i32) (i32.const 16))";
    Ok(wat::parse_str(module(2, "", &format!("{execute} {}", function.repeat(length / 650))))?)
}

pub fn bytes_under(dir: &Path) -> Done<u64> {
    let mut sum = 0;
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        sum += if entry.file_type()?.is_dir() { bytes_under(&entry.path())? } else { entry.metadata()?.len() };
    }
    Ok(sum)
}

fn module_of(name: &str, wasm: &[u8]) -> Done {
    let dir = tempfile::tempdir()?;
    let (stored, compiled) = timed(|| WasmEngine::open(dir.path()).map(|engine| engine.store(wasm)));
    let module = stored??;
    let (mut cold, mut warm) = (f64::MAX, f64::MAX);
    for _ in 0..REPETITIONS {
        let engine = WasmEngine::open(dir.path())?;
        let enter = || {
            let call = Call { code: &module.code, entry: Entry::Execute, env: b"{}", info: b"{}", msg: b"{}", gas: GAS };
            timed(|| engine.call(&call, Box::new(Empty)))
        };
        for least in [&mut cold, &mut warm] {
            let (called, took) = enter();
            called?;
            *least = least.min(took.clock.as_secs_f64() * 1e3);
        }
    }
    let on_disk = bytes_under(dir.path())?.saturating_sub(wasm.len() as u64);
    println!(
        "{name:<40} {:>8} {on_disk:>10} {:>10.1} {cold:>9.3} {warm:>9.3} {:>9.2}",
        wasm.len(),
        compiled.clock.as_secs_f64() * 1e3,
        (cold - warm) * 1e6 / wasm.len() as f64
    );
    Ok(())
}

/// Of contracts made here, and of those in a directory.
pub fn run(dir: Option<&Path>) -> Done {
    println!(
        "{:<40} {:>8} {:>10} {:>10} {:>9} {:>9} {:>9}",
        "module", "bytes", "compiled", "compile ms", "cold ms", "warm ms", "ns a byte"
    );
    for length in [13_000, 200_000, 350_000, 790_000] {
        module_of(&format!("of code, {length}"), &of_code(length)?)?;
    }
    let execute = "(func (export \"execute\") (param i32 i32 i32) (result i32) (i32.const 16))";
    module_of("of 18,000 functions", &wat::parse_str(module(2, "", &format!("{execute} {}", functions(18_000))))?)?;
    let data = module(
        32,
        "",
        &format!(
            "{} (func (export \"execute\") (param i32 i32 i32) (result i32) (i32.const 16))",
            region(65_536, &vec![7; 700_000])
        ),
    );
    module_of("of data", &wat::parse_str(data)?)?;
    let mut files: Vec<_> =
        dir.map(std::fs::read_dir).transpose()?.into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    files.sort();
    for path in files.iter().filter(|path| path.extension().is_some_and(|end| end == "wasm")) {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if let Err(why) = module_of(&name, &std::fs::read(path)?) {
            println!("{name:<40} {why:.80}");
        }
    }
    Ok(())
}
