//! Regions: where a contract says that its words stand, and an allocator that does not keep its promise.

use super::text::*;
use super::*;

/// A contract that answers with a pointer, whatever stands there.
fn points(at: u32, parts: &str) -> String {
    module(
        "",
        ALLOCATE,
        &format!("{parts} (func (export \"execute\") (param i32 i32 i32) (result i32) (i32.const {at}))"),
    )
}

#[test]
fn an_answer_that_is_nowhere_or_too_long_is_none() {
    let at = |offset, capacity, length| points(64, &record(64, offset, capacity, length));
    let end_of_memory = 64 * 65_536;
    end(&[
        ("at 0", points(0, ""), TRAP),
        ("behind the end", points(u32::MAX, ""), TRAP),
        ("across the end", points(end_of_memory - 8, ""), TRAP),
        ("of 0 bytes at 0", at(0, 0, 0), TRAP),
        ("longer than its place", at(1_024, 8, 9), TRAP),
        ("that overflows", at(u32::MAX - 4, 8, 8), TRAP),
        ("outside of memory", at(end_of_memory, 8, 8), TRAP),
        ("half outside", at(end_of_memory - 4, 8, 8), TRAP),
        ("as long as can be said", at(1, u32::MAX - 1, u32::MAX - 1), GAS_OUT),
        ("of 64 MiB", at(1, 64 << 20, 64 << 20), GAS_OUT),
        ("of 8 MB, which are not there", at(1, 8_000_000, 8_000_000), TRAP),
        ("of 256 KiB and a byte", at(1_024, (256 << 10) + 1, (256 << 10) + 1), Ends::With(Failure::TooLong)),
    ]);
    let long = trial(&points(64, &record(64, 1_024, 256 << 10, 256 << 10)), Entry::Execute, GAS);
    assert_eq!(long.answer.map(|answer| answer.len()), Ok(256 << 10), "256 KiB are an answer, whatever they say");
    let empty = trial(&points(64, &record(64, 1_024, 0, 0)), Entry::Execute, GAS);
    assert_eq!(empty.answer, Ok(vec![]));
}

#[test]
fn an_allocator_that_lies_ends_its_own_call() {
    let allocates = |code: &str| {
        let allocate =
            format!("(func (export \"allocate\") (param i32) (result i32) {code}) (func (export \"deallocate\") (param i32))");
        module("", &allocate, &format!("{} {}", record(64, 64 * 65_536, 1_000, 0), execute("")))
    };
    end(&[
        ("nothing", allocates("(i32.const 0)"), TRAP),
        ("behind the end", allocates("(i32.const -1)"), TRAP),
        ("a region outside of memory", allocates("(i32.const 64)"), TRAP),
        ("a region that is too small", allocates("(i32.const 16)"), TRAP),
        (
            "a region whose place is its own record",
            module(
                "",
                "(func (export \"allocate\") (param i32) (result i32) (i32.const 64))
            (func (export \"deallocate\") (param i32))",
                &format!("{} {}", record(64, 64, 1_000, 0), execute("")),
            ),
            // It harms its own words alone.
            Ends::Well,
        ),
        ("a trap", allocates("(unreachable)"), TRAP),
        ("no end", allocates("(loop $again (br $again)) (unreachable)"), GAS_OUT),
    ]);
}

#[test]
fn exports_of_other_types_than_agreed_end_the_call() {
    let allocate = |signature: &str, code: &str| {
        module(
            "",
            &format!("(func (export \"allocate\") {signature} {code}) (func (export \"deallocate\") (param i32))"),
            &execute(""),
        )
    };
    let execute_as =
        |signature: &str, code: &str| module("", ALLOCATE, &format!("(func (export \"execute\") {signature} {code})"));
    let deallocate = |signature: &str, code: &str| {
        let kept = ALLOCATE.replace("(func (export \"deallocate\") (param i32))", "");
        module("", &format!("{kept} (func (export \"deallocate\") {signature} {code})"), &execute(""))
    };
    end(&[
        ("allocate without parameters", allocate("(result i32)", "(i32.const 64)"), TRAP),
        ("allocate of a float", allocate("(param f32) (result i32)", "(i32.const 64)"), TRAP),
        ("allocate without a result", allocate("(param i32)", ""), TRAP),
        ("allocate with 64 bits", allocate("(param i32) (result i64)", "(i64.const 64)"), TRAP),
        ("execute without parameters", execute_as("(result i32)", "(i32.const 16)"), TRAP),
        ("execute of five", execute_as("(param i32 i32 i32 i32 i32) (result i32)", "(i32.const 16)"), TRAP),
        ("execute without a result", execute_as("(param i32 i32 i32)", ""), TRAP),
        ("execute with a float", execute_as("(param i32 i32 i32) (result f64)", "(f64.const 16)"), TRAP),
        ("deallocate that traps", deallocate("(param i32)", "(unreachable)"), TRAP),
        ("deallocate without parameters", deallocate("", ""), TRAP),
        ("deallocate without end", deallocate("(param i32)", "(loop $again (br $again))"), GAS_OUT),
    ]);
}
