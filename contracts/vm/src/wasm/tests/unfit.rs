//! Modules that are no contracts: refused by name, before anything of them runs, and by a trial as when they are stored.

use super::text::*;
use super::*;

const VERSION: &str = "(func (export \"interface_version_8\"))";
const MEMORY: &str = "(memory (export \"memory\") 1)";

fn refused(name: &str, text: &str, why: &str) {
    let wasm = wat::parse_str(text).unwrap_or_else(|e| panic!("{name}: {e}"));
    refused_bytes(name, &wasm, why);
}

fn refused_bytes(name: &str, wasm: &[u8], why: &str) {
    let bench = Bench::new();
    let stored = bench.engine.store(wasm);
    let Err(StoreError::Refusal(Refusal(said))) = &stored else { panic!("{name}: {stored:?}") };
    assert!(said.contains(why), "{name}: {said}");
    // What only the compiler finds, a trial without it cannot say.
    if !said.starts_with("it does not compile") {
        assert_eq!(bench.engine.judge(wasm), stored, "{name}");
    }
    assert_eq!(Bench::new().engine.store(wasm), stored, "{name}: another machine");
}

#[test]
fn without_the_marks_of_a_contract() {
    let with = |parts: &str| format!("(module {parts})");
    let base = format!("{MEMORY} {VERSION} {ALLOCATE}");
    refused("no version", &with(&format!("{MEMORY} {ALLOCATE}")), "interface_version");
    refused(
        "an older one",
        &with(&format!("{MEMORY} {ALLOCATE} (func (export \"interface_version_7\"))")),
        "interface_version",
    );
    refused(
        "a later one",
        &with(&format!("{MEMORY} {ALLOCATE} (func (export \"interface_version_9\"))")),
        "interface_version",
    );
    refused("two", &with(&format!("{base} (func (export \"interface_version_7\"))")), "more than one");
    refused(
        "a version that is no function",
        &with(&format!("{MEMORY} {ALLOCATE} (global (export \"interface_version_8\") i32 (i32.const 0))")),
        "interface_version",
    );
    refused("no allocate", &with(&format!("{MEMORY} {VERSION} (func (export \"deallocate\") (param i32))")), "allocate");
    refused(
        "no deallocate",
        &with(&format!("{MEMORY} {VERSION} (func (export \"allocate\") (param i32) (result i32) (i32.const 0))")),
        "deallocate",
    );
    refused("what it requires is not here", &with(&format!("{base} (func (export \"requires_moonlight\"))")), "moonlight");
    refused("migrate version", &with(&format!("{base} (@custom \"cw_migrate_version\" \"one\")")), "cw_migrate_version");
}

#[test]
fn with_memory_that_is_not_theirs_to_bound() {
    let bare = "(func (export \"allocate\") (param i32) (result i32) (i32.const 0)) (func (export \"deallocate\") (param i32))";
    let plain = |memory: &str| format!("(module {memory} {VERSION} {bare})");
    refused("none", &plain(""), "exactly one memory");
    refused("a maximum", &plain("(memory 1 16)"), "maximum must be unset");
    refused("too much", &plain("(memory 65)"), "64 pages");
    refused("two", &plain("(memory 1) (memory 1)"), "memor");
    refused("shared", &plain("(memory 1 1 shared)"), "threads");
    refused("of 64 bits", &plain("(memory i64 1)"), "memory64");
    refused("imported", &format!("(module (import \"env\" \"memory\" (memory 1)) {VERSION} {bare})"), "memory");
}

#[test]
fn with_imports_that_nobody_has() {
    let with = |imports: &str| module(imports, ALLOCATE, "");
    refused("no such function", &with("(import \"env\" \"now\" (func (result i64)))"), "env.now");
    refused(
        "another module's",
        &with("(import \"wasi_snapshot_preview1\" \"random_get\" (func (param i32 i32) (result i32)))"),
        "random_get",
    );
    refused("no function", &with("(import \"env\" \"debug\" (global i32))"), "non-function");
    refused("101", &with(&"(import \"env\" \"debug\" (func (param i32)))".repeat(101)), "Import count exceeds");
    refused("a table", &with("(import \"env\" \"db_read\" (table 1 funcref))"), "non-function");
}

/// CWA-2023-004: what a small module can make the compiler do is bounded.
#[test]
fn cwa_2023_004_beyond_every_bound_of_size() {
    let with = |parts: &str| module("", ALLOCATE, parts);
    let many = |part: &str, times: usize| part.repeat(times);
    refused("101 parameters", &with(&format!("(func (param {}))", many("i64 ", 101))), "more than 100 parameters");
    refused(
        "10,001 parameters",
        &with(&many(&format!("(func (param {}))", many("i64 ", 99)), 102)),
        "10000 function parameters",
    );
    refused("257 locals", &with(&format!("(func (local {}))", many("i64 ", 257))), "more than 256 locals");
    refused("10,001 locals", &with(&many(&format!("(func (local {}))", many("i32 ", 250)), 41)), "10000 function locals");
    refused("20,001 functions", &with(&many("(func)", 20_001)), "more than 20000 functions");
    refused("two results", &with("(func (result i32 i32) (i32.const 1) (i32.const 2))"), "more than 1 results");
    refused("two tables", &with("(table 1 1 funcref) (table 1 1 funcref)"), "more than 1 table");
    refused("a table without end", &with("(table 1 funcref)"), "unbound table");
    refused("2,501 elements", &with("(table 1 2501 funcref)"), "too large max");
    refused("deep blocks", &with(&format!("(func {}{})", many("block ", 1_100), many("end ", 1_100))), "open blocks");
}

/// CWA-2025-002: an instance has one price, so what each is made with is bounded.
#[test]
fn cwa_2025_002_what_every_instance_would_be_made_with_is_bounded() {
    let with = |parts: &str| module("", ALLOCATE, parts);
    let exports = |n: usize| (0..n).map(|n| format!("(export \"x{n}\" (memory 0))")).collect::<String>();
    let table = "(table 1 1 funcref) (func $e)";
    refused("exports", &with(&exports(1_021)), "1025 exports");
    refused("globals", &with(&"(global i32 (i32.const 1))".repeat(1_024)), "1025 globals");
    refused("data", &with(&"(data (i32.const 65536) \"x\")".repeat(1_023)), "1025 segments of data");
    refused(
        "elements",
        &with(&format!("{table} {}", "(elem (i32.const 0) $e)".repeat(1_025))),
        "1025 segments of elements",
    );
    let most = with(&format!("{} {}", exports(1_020), "(global i32 (i32.const 1))".repeat(1_023)));
    assert!(Bench::new().engine.store(&wat::parse_str(most).unwrap()).is_ok());
}

#[test]
fn of_other_kinds_of_wasm() {
    let with = |parts: &str| module("", ALLOCATE, parts);
    refused("SIMD", &with("(func (drop (v128.const i64x2 1 2)))"), "SIMD");
    refused("atomics", &with("(func (drop (i32.atomic.load (i32.const 0))))"), "threads");
    refused("exceptions", &with("(tag $e) (func (throw $e))"), "exceptions");
    refused("tail calls", &with("(func $f (return_call $f))"), "tail calls");
    refused("references to functions", &with("(type $t (func)) (func (param (ref $t)))"), "reference");
    refused("garbage collection", &with("(type $s (struct (field i32)))"), "gc");
}

#[test]
fn bytes_that_are_no_module() {
    let good = wat::parse_str(module("", ALLOCATE, &execute(""))).unwrap();
    refused_bytes("cut", &good[..good.len() - 3], "");
    refused_bytes("more behind", &[&good[..], &[0xff]].concat(), "");
    refused_bytes("a section twice", &[&good[..], &[1, 1, 0]].concat(), "");
    refused_bytes("another version", &[&good[..4], &[2, 0, 0, 0], &good[8..]].concat(), "");
    refused_bytes("a component", b"\0asm\x0d\0\x01\0", "");
    // 4 G locals of a type in six bytes.
    let bomb = [
        &b"\0asm\x01\0\0\0"[..],
        &[1, 4, 1, 0x60, 0, 0],
        &[3, 2, 1, 0],
        &[10, 10, 1, 8, 1, 0xff, 0xff, 0xff, 0xff, 0x0f, 0x7e, 0x0b],
    ]
    .concat();
    refused_bytes("locals beyond counting", &bomb, "locals");
    // Every bit of a good module turned is judged without a panic, and alike by two.
    let (first, second) = (Bench::new(), Bench::new());
    let mut refusals = 0;
    for at in 0..good.len() {
        let mut wasm = good.clone();
        wasm[at] ^= 1 << (at % 8);
        let judged = first.engine.judge(&wasm);
        assert_eq!(judged, second.engine.judge(&wasm), "byte {at}");
        assert!(!matches!(judged, Err(StoreError::Broken(_))), "byte {at}: {judged:?}");
        refusals += usize::from(judged.is_err());
    }
    assert!(refusals > 40 && refusals < good.len(), "{refusals} of {}", good.len());
}
