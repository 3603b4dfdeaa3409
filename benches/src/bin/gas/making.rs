//! Instances: what it costs to enter a contract that has, or is, much.

use crate::contract::{functions, module, region};

/// Messages to contracts of these codes in turn.
pub struct Making {
    pub name: &'static str,
    pub codes: usize,
    pub messages: usize,
    /// Bytes of compiled modules that the engine keeps in memory, where that is less than a node's: all the codes together have more.
    pub memory: Option<usize>,
    pub target: fn(usize) -> String,
}

fn entered(pages: u32, code: &str, parts: &str) -> String {
    let execute = format!("(func (export \"execute\") (param i32 i32 i32) (result i32) (local $a i32) {code} (i32.const 16))");
    module(pages, "", &format!("{parts} {execute}"))
}

/// A store to each page of 4 KiB.
const TOUCH: &str = "(local.set $a (i32.const 1048576)) (loop $again (i32.store (local.get $a) (i32.const 1))
    (br_if $again (i32.lt_u (local.tee $a (i32.add (local.get $a) (i32.const 4096))) (i32.const 4190000))))";

pub fn all() -> Vec<Making> {
    let making = |name, codes, messages, target| Making { name, codes, messages, memory: None, target };
    vec![
        making("instances: of an empty contract, 2 pages", 1, 200, |_| entered(2, "", "")),
        making("instances: of 64 pages, none touched", 1, 100, |_| entered(64, "", "")),
        making("instances: of 64 pages, all touched", 1, 30, |_| entered(64, TOUCH, "")),
        making("instances: with 700 KB of data", 1, 50, |_| entered(32, "", &region(65_536, &vec![b'x'; 700_000]))),
        making("instances: with 1,000 exports, globals and segments each", 1, 50, |_| {
            let exports: String = (0..1_000).map(|n| format!("(export \"{n}\" (memory 0))")).collect();
            let others =
                format!("{}{}", "(global i32 (i32.const 1))".repeat(1_000), "(data (i32.const 65536) \"x\")".repeat(1_000));
            entered(32, "", &format!("{exports} {others}"))
        }),
        making("instances: with 20,000 functions", 1, 20, |_| entered(2, "", &"(func)".repeat(19_000))),
        making("instances: with 250,000 elements of a table", 1, 20, |_| {
            let list = "0 ".repeat(2_500);
            entered(2, "", &format!("(table 2500 2500 funcref) {}", format!("(elem (i32.const 0) func {list})").repeat(100)))
        }),
        making("instances: with 100,000 types", 1, 20, |_| {
            let kinds = ["i32", "i64", "f32", "f64"];
            let kind = |n: usize| {
                format!("(type (func (param {})))", (0..8).map(|bit| kinds[(n >> (2 * bit)) % 4]).collect::<Vec<_>>().join(" "))
            };
            entered(2, "", &(0..50_000).map(kind).collect::<String>())
        }),
        making("answers: 250 KB that nobody reads", 1, 20, |_| {
            let answer =
                format!(r#"{{"ok":{{"messages":[],"attributes":[],"events":[],"data":null,"x":"{}"}}}}"#, "y".repeat(250_000));
            answering(&answer)
        }),
        making("answers: 250 KB of numbers in lists", 1, 20, |_| {
            let answer =
                format!(r#"{{"ok":{{"messages":[],"attributes":[],"events":[],"data":null,"x":[{}1]}}}}"#, "1,".repeat(125_000));
            answering(&answer)
        }),
        making("answers: 250 KB of escapes", 1, 20, |_| {
            let answer = format!(
                r#"{{"ok":{{"messages":[],"attributes":[],"events":[],"data":null,"x":"{}"}}}}"#,
                r"\u00e9".repeat(41_000)
            );
            answering(&answer)
        }),
        making("codes in turn: 48 of 13 KB, all in memory", 48, 240, |n| entered(2, "", &region(4_096, &filler(n, 12_000)))),
        // A node keeps half a GiB of those that were used last, which takes more codes than anybody waits for to be compiled. With room for 64 MiB
        // each has gone before its turn comes again. One round of them is half of the gas that a call may have.
        Making {
            memory: Some(64 << 20),
            ..making("codes in turn: 48 of 700 KB, each from disk", 48, 48, |n| {
                entered(2, "", &format!("{} {}", region(4_096, &filler(n, 8)), functions(18_000)))
            })
        },
    ]
}

fn answering(answer: &str) -> String {
    let execute = "(func (export \"execute\") (param i32 i32 i32) (result i32) (i32.const 4096))";
    module(16, "", &format!("{} {execute}", region(4_096, answer.as_bytes())))
}

/// Data that differ.
fn filler(n: usize, length: usize) -> Vec<u8> {
    (0..length).map(|at| (at * 31 + n * 17) as u8).collect()
}
