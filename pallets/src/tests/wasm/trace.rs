#![allow(clippy::disallowed_types, reason = "who watches stands outside of the core, on whichever thread it runs")]

use super::*;
use leither_harness::executor::replay;
use leither_harness::pallets::BlockInfo;
use leither_harness::pallets::wasm::{Entered, Watch};
use leither_types::{Receipt, SignedTx};
use leither_vm::Failure;
use std::sync::Mutex;

/// Hears all, and writes it down.
#[derive(Default)]
struct Story(Mutex<Vec<String>>);

impl Story {
    fn line(&self, line: String) {
        self.0.lock().unwrap().push(line);
    }

    fn has(&self, part: &str) -> bool {
        self.0.lock().unwrap().iter().any(|line| line.contains(part))
    }
}

impl Watch for Story {
    fn entered(&self, entered: &Entered<'_>) {
        let call = entered.call;
        self.line(format!("{} {} {} {}", entered.depth, call.entry.name(), entered.contract, String::from_utf8_lossy(call.msg)));
    }
    fn debug(&self, line: &str) {
        self.line(line.into());
    }
    fn failed(&self, words: &str) {
        self.line(format!("engine: {words}"));
    }
    fn left(&self, gas: u64, answer: Result<&[u8], Failure>) {
        let answer = answer.map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        self.line(format!("left {} {answer:?}", gas > 0));
    }
    fn refused(&self, depth: u32, sender: &AccountId, id: u64, why: &str) {
        self.line(format!("refused {depth} {sender} {id}: {why}"));
    }
}

/// Does a block with these calls, each of somebody else, and each again with somebody who watches; what was heard of each.
fn watched(stage: &mut Stage, calls: Vec<(&str, Call)>) -> Vec<(Receipt, Arc<Story>)> {
    let (before, info) = (stage.chain.state().clone(), stage.chain.next_info());
    let txs: Vec<SignedTx> = calls.iter().map(|(who, call)| stage.chain.sign(&[*who], std::slice::from_ref(call))).collect();
    let receipts = stage.chain.block(&txs);
    let info = BlockInfo { time: stage.chain.blocks.last().unwrap().header.time, ..info };
    let again = |n: usize| {
        let story = Arc::new(Story::default());
        let done = replay(before.clone(), &info, &txs[..=n], story.clone()).unwrap().unwrap();
        assert_eq!(done.receipt, receipts[n], "TRACE-1: the same with a watcher");
        assert!(done.after.holdings.len() >= done.before.holdings.len());
        (done.receipt, story)
    };
    (0..txs.len()).map(again).collect()
}

#[test]
fn trace_1_a_replay_has_the_blocks_receipts_and_tells_what_happened_inside() {
    let mut stage = Stage::new();
    let (first, second) = stage.puppets();
    let long = "no room here, ".repeat(40);
    let ask =
        json!({ "wasm": { "smart": { "contract_addr": second.to_string(), "msg": base64(&json!({ "get": { "key": "a" } })) } } });
    let inner = json!({ "write": [["a", "1"]], "messages": [sub(8, bank(account("bob"), 1_000_000), "never")] });
    let told = watched(
        &mut stage,
        vec![
            (
                "alice",
                execute(
                    first,
                    &json!({ "write": [["x", "1"]], "ask": [ask], "messages": [sub(1, to(second, &inner), "error")] }),
                ),
            ),
            ("bob", execute(first, &json!({ "messages": [sub(4, to(second, &json!({ "fail": long })), "never")] }))),
            ("carol", execute(second, &json!({ "panic": true }))),
            ("dave", execute_within(first, &json!({ "spin": 1_000_000_000_000u64 }), 5, 1_000_000_000)),
        ],
    );
    let done = |n: usize| told[n].0.status == leither_types::Status::Done;
    assert_eq!((0..4).map(done).collect::<Vec<_>>(), [true, false, false, false]);
    let lines = told[0].1.0.lock().unwrap().clone();
    let begins = |n: usize, text: String| assert!(lines[n].starts_with(&text), "{n}: {lines:#?}");
    begins(0, format!("0 execute {first} "));
    begins(1, format!("1 query {second} "));
    begins(2, "left true Ok(\"{\\\"ok\\\"".into());
    begins(3, "left true Ok(".into());
    begins(4, format!("1 execute {second} "));
    begins(6, format!("refused 2 {second} 8: "));
    begins(7, format!("refused 1 {first} 1: "));
    begins(8, format!("1 reply {first} "));
    assert_eq!(lines.len(), 10, "{lines:#?}");
    // In full, though a receipt keeps 200 bytes of it.
    assert!(told[1].1.has(&format!("the contract refuses: kind: Other, error: {long}")), "{:?}", told[1].1.0);
    // VM-1: the engine's words are told, and stand in no receipt.
    assert!(told[2].1.has("engine: ") && told[2].1.has("as it was told"), "{:?}", told[2].1.0);
    assert!(told[3].1.has("left true Err(OutOfGas)"), "{:?}", told[3].1.0);
    // Who comes before it in the block is not heard.
    assert!(!told[3].1.has("as it was told") && !told[3].1.has("query"));
}
