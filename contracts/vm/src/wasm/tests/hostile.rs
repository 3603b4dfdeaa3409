//! Code that does not mean well: loops, recursion, memory, tables, traps.

use super::text::*;
use super::*;

fn forever(code: &str) -> String {
    executes(&format!("(loop $again {code} (br $again))"))
}

#[test]
fn what_never_ends_runs_out_of_gas_at_every_entry() {
    let spin = "(loop $again (br $again)) (unreachable)";
    for entry in Entry::ALL {
        let parameters = match entry {
            Entry::Instantiate | Entry::Execute | Entry::Migrate => "(param i32 i32 i32)",
            Entry::Query | Entry::Sudo | Entry::Reply => "(param i32 i32)",
        };
        let parts = format!("(func (export \"{}\") {parameters} (result i32) {spin})", entry.name());
        let called = trial(&module("", ALLOCATE, &parts), entry, GAS);
        assert_eq!((called.gas, called.answer), (GAS, Err(Failure::OutOfGas)), "{entry:?}");
    }
}

#[test]
fn loops_of_every_kind_are_metered() {
    let table = "(block $out (br_table $again $again $out (i32.const 1)))";
    end(&[
        ("nothing but a jump", forever(""), GAS_OUT),
        ("a conditional jump", executes("(loop $again (br_if $again (i32.const 1)))"), GAS_OUT),
        ("a jump by table", forever(table), GAS_OUT),
        ("blocks within blocks", forever(&format!("{}{}", "(block ".repeat(200), ")".repeat(200))), GAS_OUT),
        (
            "a call",
            module("", ALLOCATE, &format!("(func $f) {}", execute("(loop $again (call $f) (br $again))"))),
            GAS_OUT,
        ),
        (
            "a call by table",
            module(
                "",
                ALLOCATE,
                &format!(
                    "(table 1 1 funcref) (elem (i32.const 0) $f) (func $f) {}",
                    execute("(loop $again (call_indirect (i32.const 0)) (br $again))")
                ),
            ),
            GAS_OUT,
        ),
        ("divisions", forever("(drop (i64.div_s (i64.const 7) (i64.const 3)))"), GAS_OUT),
        ("roots", forever("(drop (f64.sqrt (f64.const 7)))"), GAS_OUT),
    ]);
}

/// How deep calls go depends on the machine's stack alone, which is the same size everywhere.
#[test]
fn recursion_without_end_is_a_trap_and_no_crash() {
    let wide = format!("(func $f (param i64) (local {}) (call $f (i64.add (local.get 0) (i64.const 1))))", "i64 ".repeat(250));
    end(&[
        ("to itself", module("", ALLOCATE, &format!("(func $f (call $f)) {}", execute("(call $f)"))), TRAP),
        (
            "of two",
            module("", ALLOCATE, &format!("(func $f (call $g)) (func $g (call $f)) {}", execute("(call $f)"))),
            TRAP,
        ),
        ("with 250 locals", module("", ALLOCATE, &format!("{wide} {}", execute("(call $f (i64.const 0))"))), TRAP),
        (
            "by table",
            module(
                "",
                ALLOCATE,
                &format!(
                    "(table 1 1 funcref) (elem (i32.const 0) $f) (func $f (call_indirect (i32.const 0))) {}",
                    execute("(call $f)")
                ),
            ),
            TRAP,
        ),
        (
            "of execute itself",
            module(
                "",
                ALLOCATE,
                "(func $e (export \"execute\") (param i32 i32 i32) (result i32) (call $e (i32.const 0) (i32.const 0) (i32.const 0)))",
            ),
            TRAP,
        ),
    ]);
}

/// CWA-2023-002: an allocator that calls the host, which calls the allocator.
#[test]
fn cwa_2023_002_guest_and_host_do_not_call_one_another_without_end() {
    let key = region(64, b"k");
    let entering = |call: &str| {
        let allocate =
            format!("(func (export \"allocate\") (param i32) (result i32) {call}) (func (export \"deallocate\") (param i32))");
        module(IMPORTS, &allocate, &format!("{key} {}", execute("")))
    };
    // Once it is up: the first answers of the allocator are fine, so that execute is reached.
    let later = |call: &str| {
        let allocate = format!(
            "(global $calls (mut i32) (i32.const 0)) {}
             (func (export \"allocate\") (param $n i32) (result i32)
               (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
               (if (i32.gt_u (global.get $calls) (i32.const 3)) (then {call}))
               (call $allocate (local.get $n)))",
            ALLOCATE.replace("(export \"allocate\")", "")
        );
        module(IMPORTS, &allocate, &format!("{key} {}", execute("(drop (call $addr_validate (i32.const 64)))")))
    };
    end(&[
        ("addr_validate", entering("(call $addr_validate (i32.const 64))"), TRAP),
        ("db_next", entering("(call $db_next (call $db_scan (i32.const 0) (i32.const 0) (i32.const 1)))"), TRAP),
        ("query_chain", entering("(call $query_chain (i32.const 64))"), TRAP),
        ("addr_validate in addr_validate", later("(drop (call $addr_validate (i32.const 64)))"), TRAP),
        ("query_chain in addr_validate", later("(drop (call $query_chain (i32.const 64)))"), TRAP),
    ]);
}

#[test]
fn memory_ends_where_it_ends_on_every_node() {
    let grow = "(loop $again (br_if $again (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))
        (if (i32.ne (memory.size) (i32.const 64)) (then (unreachable)))";
    end(&[
        ("to the bound and no further", executes(grow), Ends::Well),
        (
            "by 64 MiB",
            executes("(if (i32.ne (memory.grow (i32.const 1024)) (i32.const -1)) (then (unreachable)))"),
            Ends::Well,
        ),
        ("by 4 GiB: it pays for what it asks", executes("(drop (memory.grow (i32.const 65536)))"), GAS_OUT),
        ("by all that can be said", executes("(drop (memory.grow (i32.const -1)))"), GAS_OUT),
        ("by nothing, for ever", forever("(drop (memory.grow (i32.const 0)))"), GAS_OUT),
        ("a load behind the end", executes("(drop (i32.load (i32.const -4)))"), TRAP),
        ("a store across the end", executes("(i64.store (i32.const 4194300) (i64.const 1))"), TRAP),
        ("an offset that overflows", executes("(drop (i32.load offset=4294967295 (i32.const -1)))"), TRAP),
        ("filled for ever", forever("(memory.fill (i32.const 1048576) (i32.const 7) (i32.const 2097152))"), GAS_OUT),
        ("filled beyond", executes("(memory.fill (i32.const 1048576) (i32.const 7) (i32.const 4194304))"), TRAP),
        ("filled with 4 GiB", executes("(memory.fill (i32.const 0) (i32.const 7) (i32.const -1))"), GAS_OUT),
        (
            "copied for ever",
            forever("(memory.copy (i32.const 1048576) (i32.const 2097152) (i32.const 2097152))"),
            GAS_OUT,
        ),
        ("copied beyond", executes("(memory.copy (i32.const 0) (i32.const 4194303) (i32.const 2))"), TRAP),
        (
            "filled with nothing at the end",
            executes("(memory.fill (i32.const 4194304) (i32.const 7) (i32.const 0))"),
            Ends::Well,
        ),
        (
            "data that were dropped",
            module(
                "",
                ALLOCATE,
                &format!(
                    "(data $d \"abc\") {}",
                    execute("(data.drop $d) (memory.init $d (i32.const 0) (i32.const 0) (i32.const 1))")
                ),
            ),
            TRAP,
        ),
        (
            "data for ever",
            module(
                "",
                ALLOCATE,
                &format!(
                    "(data $d \"{}\") {}",
                    "a".repeat(50_000),
                    execute("(loop $again (memory.init $d (i32.const 1048576) (i32.const 0) (i32.const 50000)) (br $again))")
                ),
            ),
            GAS_OUT,
        ),
    ]);
}

/// CWA-2025-001, CWA-2025-002: what a module can do with tables is bounded and metered.
#[test]
fn cwa_2025_002_tables_end_where_they_end_and_cost_what_they_take() {
    let table = |code: &str| {
        module("", ALLOCATE, &format!("(table $t 10 2500 funcref) (elem declare func $f) (func $f) {}", execute(code)))
    };
    end(&[
        (
            "a call of another type",
            module(
                "",
                ALLOCATE,
                &format!(
                    "(table 1 1 funcref) (elem (i32.const 0) $f) (func $f (param i64)) {}",
                    execute("(call_indirect (i32.const 0))")
                ),
            ),
            TRAP,
        ),
        ("a call of nothing", table("(call_indirect $t (i32.const 5))"), TRAP),
        ("a call behind the end", table("(call_indirect $t (i32.const 99999))"), TRAP),
        (
            "grown to the bound",
            table("(if (i32.ne (table.grow $t (ref.null func) (i32.const 2490)) (i32.const 10)) (then (unreachable)))"),
            Ends::Well,
        ),
        (
            "grown beyond",
            table("(if (i32.ne (table.grow $t (ref.func $f) (i32.const 2491)) (i32.const -1)) (then (unreachable)))"),
            Ends::Well,
        ),
        (
            "grown by 4 G, for ever",
            table("(loop $again (drop (table.grow $t (ref.null func) (i32.const -1))) (br $again))"),
            GAS_OUT,
        ),
        (
            "filled for ever",
            table("(loop $again (table.fill $t (i32.const 0) (ref.func $f) (i32.const 10)) (br $again))"),
            GAS_OUT,
        ),
        ("filled with 4 G", table("(table.fill $t (i32.const 0) (ref.null func) (i32.const -1))"), GAS_OUT),
        (
            "copied for ever",
            table("(loop $again (table.copy $t $t (i32.const 0) (i32.const 1) (i32.const 9)) (br $again))"),
            GAS_OUT,
        ),
        ("copied beyond", table("(table.copy $t $t (i32.const 0) (i32.const 5) (i32.const 9))"), TRAP),
    ]);
}

#[test]
fn what_traps_traps() {
    let cases = [
        "(unreachable)",
        "(drop (i32.div_u (i32.const 1) (i32.const 0)))",
        "(drop (i64.rem_s (i64.const 1) (i64.const 0)))",
        "(drop (i32.div_s (i32.const -2147483648) (i32.const -1)))",
        "(drop (i64.div_s (i64.const -9223372036854775808) (i64.const -1)))",
    ];
    end(&cases.map(|code| (code, executes(code), TRAP)));
    // The one remainder that does not.
    end(&[("rem", executes("(drop (i64.rem_s (i64.const -9223372036854775808) (i64.const -1)))"), Ends::Well)]);
}

/// Before a contract is entered it has no gas: it can do nothing at its start, and loses all that was given.
#[test]
fn a_start_function_and_segments_that_do_not_fit_take_all_the_gas() {
    let start = |code: &str| module("", ALLOCATE, &format!("(func $s {code}) (start $s) {}", execute("")));
    let cases = [
        ("a start that traps", start("(unreachable)")),
        ("a start that loops", start("(loop $again (br $again))")),
        ("a start that does nothing", start("")),
        ("data behind the end", module("", ALLOCATE, &format!("(data (i32.const 4194303) \"ab\") {}", execute("")))),
        (
            "elements behind the end",
            module("", ALLOCATE, &format!("(table 1 1 funcref) (elem (i32.const 1) $f) (func $f) {}", execute(""))),
        ),
    ];
    let used = end(&cases.map(|(name, text)| (name, text, TRAP)));
    assert!(used.iter().all(|used| *used == GAS), "{used:?}");
}
