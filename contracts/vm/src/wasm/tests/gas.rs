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
        let called = trial(&module(IMPORTS, ALLOCATE, &format!("{parts} {}", execute(&text))), Entry::Execute, GAS);
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
/// The loop itself: three gets, sets and constants, one subtraction; the jump back.
const LOOP: u64 = 5 * PLAIN + COUNTED;

/// CWA-2024-004, CWA-2024-007.
#[test]
fn cwa_2024_004_instructions_branches_and_calls_cost_what_they_should() {
    assert_eq!(a_round("", ""), LOOP);
    assert_eq!(a_round("(drop (i64.div_u (i64.const 7) (i64.const 3)))", ""), LOOP + 4 * PLAIN);
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
