//! One test for each advisory of CosmWasm's that hosts were to blame for, unless another rule's test is it (spec/contracts.md has the table).

use super::*;
use leither_harness::executor::{NobodyVerified, Parent, execute as apply};

fn smart(of: AccountId, msg: &Value) -> Value {
    json!({ "wasm": { "smart": { "contract_addr": of.to_string(), "msg": base64(msg) } } })
}

/// Every kind of question that a contract of today can put; the last four are of what this chain does not have.
fn questions(first: AccountId, second: AccountId) -> Vec<Value> {
    let raw = serde_json::to_value(leither_vm::abi::Binary::from(b"owner")).unwrap();
    vec![
        json!({ "bank": { "balance": { "address": first.to_string(), "denom": "nmei" } } }),
        json!({ "bank": { "supply": { "denom": "nmei" } } }),
        json!({ "bank": { "denom_metadata": { "denom": "nmei" } } }),
        smart(second, &json!({ "list": { "from": null, "to": null, "descending": true, "limit": 9 } })),
        json!({ "wasm": { "raw": { "contract_addr": second.to_string(), "key": raw } } }),
        json!({ "wasm": { "contract_info": { "contract_addr": second.to_string() } } }),
        json!({ "wasm": { "code_info": { "code_id": 1 } } }),
        json!({ "stargate": { "path": "/cosmos.base.tendermint.v1beta1.Service/GetNodeInfo", "data": "" } }),
        json!({ "grpc": { "path": "/cosmos.base.tendermint.v1beta1.Service/GetNodeInfo", "data": "" } }),
        json!({ "ibc": { "port_id": {} } }),
        json!({ "custom": { "unknown": {} } }),
    ]
}

/// CWA-2022-001, CWA-2022-003: what a contract is answered depends on the state alone. Another node, with another folder of modules and none in
/// it, comes to the same block, byte by byte; nothing of a node is answered at all.
#[test]
fn cwa_2022_001_answers_depend_on_the_state_alone() {
    let mut stage = Stage::new();
    let (first, second) = stage.puppets();
    let asks = questions(first, second);
    let tx = stage.chain.sign(&["bob"], &[execute(first, &json!({ "ask": asks }))]);
    let (block, outcome, unfit) = stage.chain.propose(&[tx]);
    assert!(unfit.is_empty());
    assert_eq!(outcome.receipts[0].status, leither_types::Status::Done);
    let cold = tempfile::tempdir().unwrap();
    let elsewhere = Parent { contracts: engine(&cold), ..stage.chain.parent().clone() };
    let there = apply(&elsewhere, &block, &NobodyVerified).unwrap();
    assert_eq!((there.state_root, &there.writes, &there.receipts), (outcome.state_root, &outcome.writes, &outcome.receipts));
    stage.chain.commit(block, outcome);
    for (n, ask) in asks.iter().enumerate() {
        let heard = stage.kept(first, &format!("asked/{n}")).unwrap();
        let is_known = n < asks.len() - 4 && n != 2;
        assert_eq!(heard.starts_with("Ok(Ok("), is_known, "{ask}: {heard}");
        assert_eq!(heard.contains("UnsupportedRequest"), !is_known, "{ask}: {heard}");
    }
}

/// CWA-2023-003: no list is unbounded. All balances cost a look at every token, whoever has them.
#[test]
fn cwa_2023_003_a_list_costs_by_what_is_looked_at() {
    let mut stage = Stage::new();
    let (first, _) = stage.puppets();
    let gas = |stage: &Stage| {
        let request = json!({ "bank": { "all_balances": { "address": first.to_string() } } }).to_string();
        views::ask(stage.chain.state().clone(), &stage.chain.next_info(), request.as_bytes(), GAS).unwrap()
    };
    let before = gas(&stage);
    for symbol in ["one", "two", "six"] {
        stage.chain.found(&["alice"], symbol, leither_harness::charter(&["alice"], 1));
    }
    let after = gas(&stage);
    assert_eq!(after.answer, before.answer, "it has nothing of the new tokens");
    assert_eq!(after.gas - before.gas, 3 * 15_000_000);
    let request = json!({ "bank": { "all_balances": { "address": first.to_string() } } }).to_string();
    let short = views::ask(stage.chain.state().clone(), &stage.chain.next_info(), request.as_bytes(), after.gas - 1).unwrap();
    assert_eq!((short.answer, short.gas), (None, after.gas - 1), "a unit less, and there is no answer, and all of it is used");
}

/// CWA-2025-004: what a message used is paid for by its sender, however it ended, and whatever its limit.
#[test]
fn cwa_2025_004_a_message_that_fails_costs_what_it_used() {
    let mut stage = Stage::new();
    let (first, second) = stage.puppets();
    let mut used = |does: Value, limit: Value| {
        let mut message = sub(1, to(second, &does), "error");
        message["gas_limit"] = limit;
        let events = stage.chain.ok("alice", execute(first, &json!({ "remove": ["replies"], "messages": [message] })));
        ended(&events).0
    };
    let (idle, busy) = (json!({ "panic": true }), json!({ "spin": 300_000, "panic": true }));
    for limit in [json!(null), json!(50_000)] {
        let (little, much) = (used(idle.clone(), limit.clone()), used(busy.clone(), limit.clone()));
        assert!(much > little + 300_000 * 1_610, "{limit}: {much} against {little}");
        // Its own refusal costs no less than a panic does.
        let refuses = used(json!({ "spin": 300_000, "fail": "no" }), limit);
        assert!(refuses > little + 300_000 * 1_610, "{refuses}");
    }
}

/// CWA-2025-005: no entry of a transaction or message is without the price of its instance.
#[test]
fn cwa_2025_005_every_message_pays_for_the_instance_that_it_enters() {
    let mut stage = Stage::new();
    let (first, second) = stage.puppets();
    let mut used = |messages: Value| ended(&stage.chain.ok("alice", execute(first, &json!({ "messages": messages })))).0;
    let none = used(json!([]));
    let born = json!({ "wasm": { "instantiate": { "admin": null, "code_id": 1, "msg": base64(&json!({})), "funds": [], "label": "x" } } });
    for (name, message, entries) in [
        ("execute", sub(1, to(second, &json!({})), "never"), 1),
        ("execute and reply", sub(1, to(second, &json!({})), "always"), 2),
        ("instantiate", sub(1, born, "never"), 1),
        ("a reply to a payment", sub(1, bank(account("bob"), 1), "always"), 1),
    ] {
        let gas = used(json!([message]));
        assert!(gas > none + entries * leither_vm::INSTANCE_GAS, "{name}: {gas} against {none}");
    }
}

/// CWA-2024-005, CWA-2025-007: replies count for the depth as messages do, so that the host's own stack has an end.
#[test]
fn cwa_2025_007_a_hundred_deep_fits_the_hosts_stack() {
    let mut stage = Stage::new();
    let (first, _) = stage.puppets();
    let again = json!({ "messages": [sub(1, to(first, &json!({})), "always")] });
    let call = execute_within(
        first,
        &json!({ "at_reply": [[1, again]], "messages": [sub(1, to(first, &json!({})), "always")] }),
        0,
        150_000_000_000,
    );
    let tx = stage.chain.sign(&["alice"], &[call]);
    let (block, outcome, _) = stage.chain.propose(&[tx]);
    // A thread of a node has 2 MiB at least.
    let parent = stage.chain.parent().clone();
    let small = std::thread::Builder::new()
        .stack_size(2 << 20)
        .spawn(move || apply(&parent, &block, &NobodyVerified).unwrap().receipts);
    assert_eq!(small.unwrap().join().expect("no overflow"), outcome.receipts);
}
