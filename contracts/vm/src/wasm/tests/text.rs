//! Contracts written by hand, and how they end: the same on two machines, with their modules in memory, on disk, and compiled anew.

use super::*;

/// What it answers where nothing else is said.
pub(super) const SAID: &str = r#"{"ok":{}}"#;

/// Text in WAT, byte by byte.
pub(super) fn bytes(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("\\{byte:02x}")).collect()
}

/// A region's record at an address, and what is in it behind it.
pub(super) fn region(at: u32, content: &[u8]) -> String {
    let length = content.len() as u32;
    format!("{} (data (i32.const {}) \"{}\")", record(at, at + 12, length, length), at + 12, bytes(content))
}

/// A region's record alone, whatever it says.
pub(super) fn record(at: u32, offset: u32, capacity: u32, length: u32) -> String {
    let words = [offset, capacity, length].map(u32::to_le_bytes).concat();
    format!("(data (i32.const {at}) \"{}\")", bytes(&words))
}

/// Takes the next bytes of its memory, and never gives them back.
pub(super) const ALLOCATE: &str = r#"(global $free (mut i32) (i32.const 1048576))
  (func $allocate (export "allocate") (param $n i32) (result i32) (local $r i32)
    (local.set $r (global.get $free))
    (i32.store (local.get $r) (i32.add (local.get $r) (i32.const 12)))
    (i32.store offset=4 (local.get $r) (local.get $n))
    (global.set $free (i32.and (i32.add (i32.add (local.get $r) (local.get $n)) (i32.const 27)) (i32.const -16)))
    (local.get $r))
  (func (export "deallocate") (param i32))"#;

/// A contract of these parts: what it imports, what it has, and how it allocates.
pub(super) fn module(imports: &str, allocate: &str, parts: &str) -> String {
    let said = region(16, SAID.as_bytes());
    format!(
        "(module {imports} (memory (export \"memory\") 64) (func (export \"interface_version_8\")) {allocate} {said} {parts})"
    )
}

/// All that can be called.
pub(super) const IMPORTS: &str = r#"
  (import "env" "abort" (func $abort (param i32)))
  (import "env" "db_read" (func $db_read (param i32) (result i32)))
  (import "env" "db_write" (func $db_write (param i32 i32)))
  (import "env" "db_remove" (func $db_remove (param i32)))
  (import "env" "db_scan" (func $db_scan (param i32 i32 i32) (result i32)))
  (import "env" "db_next" (func $db_next (param i32) (result i32)))
  (import "env" "db_next_key" (func $db_next_key (param i32) (result i32)))
  (import "env" "db_next_value" (func $db_next_value (param i32) (result i32)))
  (import "env" "addr_validate" (func $addr_validate (param i32) (result i32)))
  (import "env" "addr_canonicalize" (func $addr_canonicalize (param i32 i32) (result i32)))
  (import "env" "addr_humanize" (func $addr_humanize (param i32 i32) (result i32)))
  (import "env" "secp256k1_verify" (func $secp256k1_verify (param i32 i32 i32) (result i32)))
  (import "env" "secp256k1_recover_pubkey" (func $secp256k1_recover_pubkey (param i32 i32 i32) (result i64)))
  (import "env" "secp256r1_verify" (func $secp256r1_verify (param i32 i32 i32) (result i32)))
  (import "env" "secp256r1_recover_pubkey" (func $secp256r1_recover_pubkey (param i32 i32 i32) (result i64)))
  (import "env" "ed25519_verify" (func $ed25519_verify (param i32 i32 i32) (result i32)))
  (import "env" "ed25519_batch_verify" (func $ed25519_batch_verify (param i32 i32 i32) (result i32)))
  (import "env" "bls12_381_aggregate_g1" (func $bls12_381_aggregate_g1 (param i32 i32) (result i32)))
  (import "env" "bls12_381_aggregate_g2" (func $bls12_381_aggregate_g2 (param i32 i32) (result i32)))
  (import "env" "bls12_381_pairing_equality" (func $bls12_381_pairing_equality (param i32 i32 i32 i32) (result i32)))
  (import "env" "bls12_381_hash_to_g1" (func $bls12_381_hash_to_g1 (param i32 i32 i32 i32) (result i32)))
  (import "env" "bls12_381_hash_to_g2" (func $bls12_381_hash_to_g2 (param i32 i32 i32 i32) (result i32)))
  (import "env" "debug" (func $debug (param i32)))
  (import "env" "query_chain" (func $query_chain (param i32) (result i32)))"#;

/// A contract whose execute does this first, then answers.
pub(super) fn executes(code: &str) -> String {
    module(IMPORTS, ALLOCATE, &execute(code))
}

pub(super) fn execute(code: &str) -> String {
    format!("(func (export \"execute\") (param i32 i32 i32) (result i32) {code} (i32.const 16))")
}

/// How a call ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ends {
    /// With the answer.
    Well,
    /// With a failure of this class.
    With(Failure),
}

pub(super) const TRAP: Ends = Ends::With(Failure::Trap);
pub(super) const GAS_OUT: Ends = Ends::With(Failure::OutOfGas);

fn once(engine: &WasmEngine, code: &Checksum, entry: Entry, gas: u64) -> (Called, Data) {
    let host = Memory::default();
    let (env, info) = (env(), info(1));
    let call = Call { code, entry, env: &env, info: &info, msg: b"{}", gas };
    let called = engine.call(&call, Box::new(host.clone())).expect("no fault of the machine");
    let data = host.data.lock().unwrap().clone();
    (called, data)
}

/// VM-3: one call, four times: just compiled, again, from the files of the first machine, and on another machine.
pub(super) fn trial(text: &str, entry: Entry, gas: u64) -> Called {
    let wasm = wat::parse_str(text).unwrap_or_else(|e| panic!("{e}\n{text:.2000}"));
    let (first, second) = (Bench::new(), Bench::new());
    let module = first.engine.store(&wasm).unwrap_or_else(|e| panic!("refused: {e}"));
    let new = once(&first.engine, &module.code, entry, gas);
    assert_eq!(once(&first.engine, &module.code, entry, gas), new, "warm");
    let files = WasmEngine::open(first._dir.path()).unwrap();
    assert_eq!(once(&files, &module.code, entry, gas), new, "from files");
    second.engine.restore(&wasm).unwrap();
    assert_eq!(once(&second.engine, &module.code, entry, gas), new, "on another machine");
    assert!(new.0.gas <= gas);
    new.0
}

/// Each of these ends so, and says what gas it used.
pub(super) fn end(cases: &[(&str, String, Ends)]) -> Vec<u64> {
    let one = |(name, text, ends): &(&str, String, Ends)| {
        let called = trial(text, Entry::Execute, GAS);
        let is = match &called.answer {
            Ok(answer) => {
                assert_eq!(std::str::from_utf8(answer), Ok(SAID), "{name}");
                Ends::Well
            }
            Err(failure) => Ends::With(*failure),
        };
        assert_eq!(is, *ends, "{name}");
        // Whoever runs out of gas has used all of it.
        assert!(is != GAS_OUT || called.gas == GAS, "{name}: {}", called.gas);
        called.gas
    };
    cases.iter().map(one).collect()
}
