//! Prices, pinned: what is cheaper than it costs is how published chains were slowed down.

use super::text::*;
use super::*;

/// What one more round of a loop costs.
fn a_round(code: &str, parts: &str) -> u64 {
    let looped = |rounds: u32| {
        let text = format!(
            "(local $n i32) (local.set $n (i32.const {rounds}))
             (loop $again {code} (local.set $n (i32.sub (local.get $n) (i32.const 1))) (br_if $again (local.get $n)))"
        );
        let called = trial(&module(IMPORTS, ALLOCATE, &format!("{parts} {}", execute(&text))), Entry::Execute, 10 * GAS);
        assert!(called.answer.is_ok(), "{called:?}");
        called.gas
    };
    let (ten, twenty) = (looped(10), looped(20));
    assert_eq!((twenty - ten) % 10, 0);
    (twenty - ten) / 10
}

/// An instruction; and one at which gas is counted.
const PLAIN: u64 = 115;
const COUNTED: u64 = 1_610;
const DIVISION: u64 = 2_500;
/// The loop itself: three gets, sets and constants, one subtraction; the jump back.
const LOOP: u64 = 5 * PLAIN + COUNTED;

/// CWA-2024-004, CWA-2024-007.
#[test]
fn cwa_2024_004_instructions_branches_and_calls_cost_what_they_should() {
    assert_eq!(a_round("", ""), LOOP);
    assert_eq!(a_round("(drop (i64.xor (i64.const 7) (i64.const 3)))", ""), LOOP + 4 * PLAIN);
    assert_eq!(a_round("(drop (i64.mul (i64.const 7) (i64.const 3)))", ""), LOOP + 3 * PLAIN + 230);
    assert_eq!(a_round("(drop (i64.div_u (i64.const 7) (i64.const 3)))", ""), LOOP + 3 * PLAIN + DIVISION);
    assert_eq!(a_round("(drop (i32.rem_s (i32.const 7) (i32.const 3)))", ""), LOOP + 3 * PLAIN + DIVISION);
    assert_eq!(a_round("(drop (f64.sqrt (f64.const 7)))", ""), LOOP + 2 * PLAIN + 5_000);
    assert_eq!(a_round("(drop (f32.add (f32.const 7) (f32.const 7)))", ""), LOOP + 3 * PLAIN + 2_900);
    assert_eq!(a_round("(drop (i64.trunc_sat_f64_u (f64.const 7)))", ""), LOOP + 2 * PLAIN + 1_900);
    assert_eq!(a_round("(drop (i64.load8_u (i32.const 64)))", ""), LOOP + 2 * PLAIN + 5_000);
    assert_eq!(a_round("(i32.store16 (i32.const 64) (i32.const 7))", ""), LOOP + 2 * PLAIN + 1_600);
    assert_eq!(a_round("(block)", "") - LOOP, PLAIN + COUNTED, "its end is counted, its beginning is an instruction");
    assert_eq!(
        a_round("(if (i32.const 1) (then) (else))", "") - LOOP,
        PLAIN + 2 * COUNTED,
        "its end is paid for where it is come to"
    );
    assert_eq!(a_round("(call $f)", "(func $f)") - LOOP, 2 * COUNTED, "the call, and the function's end");
    let table = "(table 1 1 funcref) (elem (i32.const 0) $f) (func $f)";
    assert_eq!(a_round("(call_indirect (i32.const 0))", table) - LOOP, PLAIN + 2 * COUNTED);
}

/// CWA-2024-007: of locals each above 29 is paid for at entry.
#[test]
fn cwa_2024_007_many_locals_cost_what_they_take() {
    let call = |locals: usize| a_round("(call $f)", &format!("(func $f (local {}))", "i64 ".repeat(locals)));
    assert_eq!(call(29), call(0));
    assert_eq!(call(30) - call(29), PLAIN);
    assert_eq!(call(256) - call(29), 227 * PLAIN);
}

#[test]
fn memory_moved_by_one_instruction_costs_by_its_length() {
    let fill = |bytes: u32| a_round(&format!("(memory.fill (i32.const 1048576) (i32.const 1) (i32.const {bytes}))"), "");
    assert_eq!(fill(0) - LOOP, 3 * PLAIN + 2_900_000);
    assert_eq!(fill(1 << 16) - fill(0), (1 << 16) / 64 * 32_768);
    assert_eq!(fill(65) - fill(64), 32_768, "what is begun counts whole");
    let copy = |bytes: u32| a_round(&format!("(memory.copy (i32.const 1048576) (i32.const 2097152) (i32.const {bytes}))"), "");
    assert_eq!(copy(1 << 16) - copy(0), (1 << 16) / 64 * 50_176);
}

/// What the engine reckons without the length, or by other machines: the rest is taken where the call is.
#[test]
fn curves_and_signatures_cost_by_what_they_are_told_of() {
    let told = |bytes: u32, call: &str| {
        let record = record(4_096, 1_048_576, bytes, bytes);
        let other = super::text::record(8_192, 8_300, 96, 32);
        a_round(&format!("(drop {call})"), &format!("{record} {other}"))
    };
    // Zeros are no points: the engine's own work ends early, and costs the same both times but for what is read.
    let each = |call: &str, (few, many): (u32, u32)| (told(many, call) - told(few, call)) / u64::from(many - few);
    let (record, other) = ("(i32.const 4096)", "(i32.const 8192)");
    let read = 115;
    let ed = format!("(call $ed25519_verify {record} {other} {other})");
    assert_eq!(each(&ed, (1_000, 2_000)), read + 700);
    let g1 = format!("(call $bls12_381_aggregate_g1 {record} {other})");
    assert_eq!(each(&g1, (48, 480)), read + 583_333 + 12_000_000 / 48);
    let hash = format!("(call $bls12_381_hash_to_g2 (i32.const 0) {record} {other} {other})");
    assert!(each(&hash, (1_000, 4_000)) >= read + 1_000);
}

/// A price that is taken where a call names the function is taken of no other call: so there is no other.
#[test]
fn a_function_that_is_priced_by_its_words_is_called_by_its_name_alone() {
    let refused = |parts: &str| {
        let wasm = wat::parse_str(module(IMPORTS, ALLOCATE, &format!("{parts} {}", execute("")))).unwrap();
        match Bench::new().engine.store(&wasm) {
            Err(StoreError::Refusal(Refusal(why))) => assert!(why.contains("by its name alone"), "{parts}: {why}"),
            other => panic!("{parts}: {other:?}"),
        }
    };
    refused("(table 1 1 funcref) (elem (i32.const 0) $ed25519_verify)");
    refused("(table 1 1 funcref) (elem (i32.const 0) funcref (ref.func $bls12_381_aggregate_g1))");
    refused("(table 1 1 funcref) (elem func $bls12_381_aggregate_g2)");
    refused("(elem declare func $ed25519_batch_verify) (func (drop (ref.func $ed25519_batch_verify)))");
    refused("(global funcref (ref.func $bls12_381_pairing_equality))");
    refused("(export \"query\" (func $bls12_381_aggregate_g1))");
    let fine = module(IMPORTS, ALLOCATE, &format!("(table 1 1 funcref) (elem (i32.const 0) $db_read) {}", execute("")));
    assert!(Bench::new().engine.store(&wat::parse_str(fine).unwrap()).is_ok(), "others are passed on as ever");
}

/// An instance pays for what it begins with.
#[test]
fn an_instance_pays_for_its_pages_and_parts() {
    let gas = |pages: u32, parts: &str| {
        let text = format!(
            "(module (memory (export \"memory\") {pages}) (func (export \"interface_version_8\"))
             (global $free (mut i32) (i32.const 65536))
             (func (export \"allocate\") (param $n i32) (result i32) (local $r i32)
               (local.set $r (global.get $free)) (i32.store (local.get $r) (i32.add (local.get $r) (i32.const 12)))
               (i32.store offset=4 (local.get $r) (local.get $n))
               (global.set $free (i32.add (global.get $free) (i32.const 2048))) (local.get $r))
             (func (export \"deallocate\") (param i32)) {} {parts} {})",
            region(16, SAID.as_bytes()),
            execute("")
        );
        trial(&text, Entry::Execute, GAS).gas
    };
    assert_eq!(gas(64, "") - gas(2, ""), 62 * 5_000_000);
    assert_eq!(gas(2, &"(global i32 (i32.const 1))".repeat(100)) - gas(2, ""), 100 * 60_000);
    assert_eq!(gas(2, &"(func)".repeat(100)) - gas(2, ""), 100 * 4_000);
}

/// CWA-2025-005: no entry is cheaper than the others; none is entered below its price.
#[test]
fn cwa_2025_005_every_entry_pays_for_its_instance() {
    for entry in Entry::ALL {
        let parameters = match entry {
            Entry::Instantiate | Entry::Execute | Entry::Migrate => "(param i32 i32 i32)",
            Entry::Query | Entry::Sudo | Entry::Reply => "(param i32 i32)",
        };
        let text =
            module("", ALLOCATE, &format!("(func (export \"{}\") {parameters} (result i32) (i32.const 16))", entry.name()));
        let called = trial(&text, entry, GAS);
        assert!(called.answer.is_ok() && called.gas > INSTANCE_GAS, "{entry:?}: {called:?}");
        let short = trial(&text, entry, INSTANCE_GAS - 1);
        assert_eq!((short.gas, short.answer), (INSTANCE_GAS - 1, Err(Failure::OutOfGas)), "{entry:?}");
        let just = trial(&text, entry, called.gas);
        assert_eq!((just.gas, just.answer.is_ok()), (called.gas, true), "{entry:?}: what it costs is enough");
        assert_eq!(trial(&text, entry, called.gas - 1).answer, Err(Failure::OutOfGas), "{entry:?}: a unit less is not");
    }
}

/// What names the meter inside is a name like any other to a contract.
#[test]
fn a_contract_does_not_get_at_its_own_meter() {
    let parts = r#"(global $points (export "wasmer_metering_remaining_points") (mut i64) (i64.const 9000000000000000000))
        (global $exhausted (export "wasmer_metering_points_exhausted") (mut i32) (i32.const 0))"#;
    let code =
        "(loop $again (global.set $points (i64.const 9000000000000000000)) (global.set $exhausted (i32.const 0)) (br $again))";
    end(&[("a meter of its own", module("", ALLOCATE, &format!("{parts} {}", execute(code))), GAS_OUT)]);
    let wasm = wat::parse_str(module(
        "",
        ALLOCATE,
        &format!("(export \"wasmer_metering_remaining_points\" (func $allocate)) {}", execute("")),
    ))
    .unwrap();
    assert!(Bench::new().engine.store(&wasm).is_ok(), "the name is no crime");
}

/// CWA-2026-001 speaks of memory: what an iterator keeps is bounded, and long bounds mean what they say.
#[test]
fn iterators_keep_little_and_long_bounds_mean_what_they_say() {
    let bench = Bench::new();
    for key in [vec![b'k'; 100], vec![b'k'; 101], b"l".to_vec()] {
        bench.host.data.lock().unwrap().insert(key.clone(), key);
    }
    let mut stored = Stored::new(link(Box::new(bench.host.clone())));
    let count = |stored: &mut Stored, start: Option<&[u8]>, end: Option<&[u8]>, order| {
        let id = cosmwasm_vm::Storage::scan(stored, start, end, order).0.unwrap();
        std::iter::from_fn(|| cosmwasm_vm::Storage::next(stored, id).0.unwrap()).count()
    };
    let longest = vec![b'k'; 64 << 10];
    for order in [cosmwasm_std::Order::Ascending, cosmwasm_std::Order::Descending] {
        assert_eq!(count(&mut stored, Some(&longest), None, order), 1, "l alone comes after them all");
        assert_eq!(count(&mut stored, None, Some(&longest), order), 2, "and the others before");
        assert_eq!(count(&mut stored, Some(&longest), Some(&longest), order), 0);
    }
    assert!(stored.kept() < 6 * 2 * 2_048, "{} bytes are kept by six iterators", stored.kept());
}

/// WASM-15 reckons with the length of compiled modules: it may be too much by far for a small one, and never much too little.
#[test]
fn compiled_modules_are_about_as_long_as_their_instructions_say() {
    let bench = Bench::new();
    let long = |name: &str, wasm: &[u8]| {
        let module = bench.engine.store(wasm).unwrap();
        let actual = bench.engine.modules.bytes(&module.code).unwrap();
        println!("{name}: {} bytes of code, {actual} compiled, {} reckoned", wasm.len(), module.compiled);
        assert!(actual <= u64::from(module.compiled) * 5 / 4, "{name}: {actual}, reckoned {}", module.compiled);
    };
    for name in ["hackatom", "hackatom_1.2", "cyberpunk", "floaty_2.0", "ibc_callbacks", "empty", "ibc_reflect_1.2"] {
        if let Some(wasm) = published(name) {
            long(name, &wasm);
        }
    }
    let repeated = |code: &str, times: usize| {
        let body = format!("(func (param i32) (local i64) {})", code.repeat(50));
        wat::parse_str(module("", ALLOCATE, &format!("{} {}", body.repeat(times), execute("")))).unwrap()
    };
    for (name, code) in [
        ("blocks", "(block)"),
        ("jumps", "(block (br_if 0 (local.get 0)))"),
        ("ifs", "(if (local.get 0) (then) (else))"),
        ("calls", "(call $allocate (local.get 0)) (drop)"),
        ("loads", "(drop (i64.load (local.get 0)))"),
        ("stores", "(i64.store (local.get 0) (local.get 1))"),
        ("divisions", "(drop (i64.rem_s (local.get 1) (local.get 1)))"),
        ("roots", "(drop (f64.sqrt (f64.const 7)))"),
        ("roundings", "(drop (i64.trunc_f64_s (f64.nearest (f64.const 7))))"),
        ("bits", "(drop (i64.popcnt (i64.clz (local.get 1))))"),
        ("conversions", "(drop (f32.convert_i64_u (local.get 1)))"),
        ("fills", "(memory.fill (i32.const 1) (i32.const 1) (i32.const 1))"),
        ("constants", "(drop (i64.const 1))"),
        ("sums", "(local.set 1 (i64.add (local.get 1) (local.get 1)))"),
    ] {
        long(name, &repeated(code, 200));
    }
    let functions = wat::parse_str(module("", ALLOCATE, &format!("{} {}", "(func)".repeat(18_000), execute("")))).unwrap();
    long("functions", &functions);
}
