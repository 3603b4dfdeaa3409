//! Floats are the same on every machine: what comes of arithmetic on no number is one no number.

use super::text::*;

/// Of these two values in bits: equal.
fn is_f32(code: &str, bits: u32) -> String {
    executes(&format!("(if (i32.ne (i32.reinterpret_f32 {code}) (i32.const {bits})) (then (unreachable)))"))
}

fn is_f64(code: &str, bits: u64) -> String {
    executes(&format!("(if (i64.ne (i64.reinterpret_f64 {code}) (i64.const {bits})) (then (unreachable)))"))
}

const NONE32: u32 = 0x7fc0_0000;
const NONE64: u64 = 0x7ff8_0000_0000_0000;

#[test]
fn what_is_no_number_has_one_form() {
    // No numbers with something in them, and one that signals.
    let (odd, odd64) = ("(f32.reinterpret_i32 (i32.const 0xffa12345))", "(f64.reinterpret_i64 (i64.const 0xfff0000000000001))");
    let mut cases = Vec::new();
    for op in ["add", "sub", "mul", "div", "min", "max"] {
        cases.push((op, is_f32(&format!("(f32.{op} {odd} (f32.const 1))"), NONE32), Ends::Well));
        cases.push((op, is_f64(&format!("(f64.{op} (f64.const 1) {odd64})"), NONE64), Ends::Well));
    }
    for op in ["sqrt", "ceil", "floor", "trunc", "nearest"] {
        cases.push((op, is_f32(&format!("(f32.{op} {odd})"), NONE32), Ends::Well));
        cases.push((op, is_f64(&format!("(f64.{op} {odd64})"), NONE64), Ends::Well));
    }
    cases.push(("0/0", is_f32("(f32.div (f32.const 0) (f32.const 0))", NONE32), Ends::Well));
    cases.push(("root of -1", is_f64("(f64.sqrt (f64.const -1))", NONE64), Ends::Well));
    cases.push(("inf - inf", is_f64("(f64.sub (f64.const inf) (f64.const inf))", NONE64), Ends::Well));
    end(&cases);
}

#[test]
fn signs_and_moves_keep_their_bits_and_edges_are_as_they_are_written() {
    let odd = "(f32.reinterpret_i32 (i32.const 0x7fa12345))";
    end(&[
        ("moved", is_f32(odd, 0x7fa1_2345), Ends::Well),
        ("negated", is_f32(&format!("(f32.neg {odd})"), 0xffa1_2345), Ends::Well),
        // Made wider or narrower it keeps sign and content, and is made quiet: what x86-64 does, on which alone validators run.
        (
            "promoted",
            is_f64("(f64.promote_f32 (f32.reinterpret_i32 (i32.const 0xffa12345)))", 0xfffc_2468_a000_0000),
            Ends::Well,
        ),
        (
            "demoted",
            is_f32("(f32.demote_f64 (f64.reinterpret_i64 (i64.const 0xfff0000000000001)))", 0xffc0_0000),
            Ends::Well,
        ),
        ("sign taken", is_f32(&format!("(f32.copysign {odd} (f32.const -1))"), 0xffa1_2345), Ends::Well),
        ("-0 is less", is_f64("(f64.min (f64.const 0) (f64.const -0))", 1 << 63), Ends::Well),
        ("0 is more", is_f64("(f64.max (f64.const -0) (f64.const 0))", 0), Ends::Well),
        ("ties to even", is_f64("(f64.nearest (f64.const 2.5))", 2f64.to_bits()), Ends::Well),
        ("subnormal", is_f64("(f64.div (f64.const 0x1p-1022) (f64.const 2))", 1 << 51), Ends::Well),
    ]);
}

#[test]
fn what_fits_no_integer_traps_or_ends_at_its_bound_as_it_is_asked() {
    let traps = ["nan", "inf", "-inf", "1e10", "-1e10"]
        .map(|value| (value, executes(&format!("(drop (i32.trunc_f32_s (f32.const {value})))")), TRAP));
    end(&traps);
    let saturated = |value: &str, bound: i64| {
        executes(&format!("(if (i64.ne (i64.trunc_sat_f64_s (f64.const {value})) (i64.const {bound})) (then (unreachable)))"))
    };
    end(&[
        ("nan", saturated("nan", 0), Ends::Well),
        ("inf", saturated("inf", i64::MAX), Ends::Well),
        ("-1e300", saturated("-1e300", i64::MIN), Ends::Well),
        ("-1 is no u32", executes("(drop (i32.trunc_f64_u (f64.const -1)))"), TRAP),
    ]);
}
