use super::*;

#[test]
fn wasm_3_gas_ends_a_call_and_a_messages_own_limit_ends_that_message() {
    let mut stage = Stage::new();
    let (first, second) = stage.puppets();
    let spin = json!({ "spin": 1_000_000_000_000u64 });
    let why = stage.chain.refused("alice", execute_within(first, &spin, 0, 1_000_000_000));
    assert_eq!(why, refusal(Why::OutOfGas));
    // A message with a limit of its own: its sender is told, and goes on.
    let mut limited = sub(1, to(second, &spin), "error");
    limited["gas_limit"] = json!(3_000);
    let events = stage
        .chain
        .ok("alice", execute(first, &json!({ "messages": [limited, sub(2, bank(account("bob"), 1), "never")] })));
    assert_eq!(stage.replies(first)[0]["result"]["error"], "codespace: sdk, code: 11");
    let (gas, _) = ended(&events);
    assert!(gas > 3_000 * 140_000, "all that the message was allowed is used: {gas}");
    // Without one, or with one that is no less than what is left, nobody is left to be told.
    for limit in [json!(null), json!(u64::MAX)] {
        let mut message = sub(1, to(second, &spin), "always");
        message["gas_limit"] = limit;
        assert_eq!(stage.chain.refused("alice", execute(first, &json!({ "messages": [message] }))), refusal(Why::OutOfGas));
    }
    for gas in [0, leither_vm::INSTANCE_GAS - 1, 150_000_000_001] {
        let call = execute_within(first, &json!({}), 0, gas);
        let Call::Wasm(_) = &call else { panic!() };
        assert_eq!(call.check(), Err(refusal(Why::Gas)), "{gas}");
    }
}

/// CWA-2024-005, CWA-2025-007: contracts that call one another without end, by messages and by replies.
#[test]
fn wasm_8_contracts_call_one_another_so_deep_and_no_deeper() {
    let mut stage = Stage::new();
    let (first, _) = stage.puppets();
    // At each reply the same message again: it never comes to an end by itself.
    let again = json!({ "messages": [sub(1, to(first, &json!({})), "always")] });
    let why = stage.chain.refused(
        "alice",
        execute_within(
            first,
            &json!({ "at_reply": [[1, again]], "messages": [sub(1, to(first, &json!({})), "always")] }),
            0,
            150_000_000_000,
        ),
    );
    assert_eq!(why, refusal(Why::Depth));
    // A message within a message within a message: each is told as text, so what one transaction can say bounds it before the depth does.
    let mut nested = json!({ "write": [["deep", "1"]] });
    for _ in 0..12 {
        nested = json!({ "messages": [sub(1, to(first, &nested), "never")] });
    }
    stage.chain.ok("alice", execute(first, &nested));
    assert_eq!(stage.kept(first, "deep").as_deref(), Some("1"));
}

/// CWA-2022-004.
#[test]
fn wasm_8_contracts_ask_one_another_so_deep_and_no_deeper() {
    let mut stage = Stage::new();
    let (first, _) = stage.puppets();
    let smart = |msg: &Value| json!({ "wasm": { "smart": { "contract_addr": first.to_string(), "msg": base64(msg) } } });
    let asked = |stage: &Stage, depth: usize| {
        let mut msg = json!({ "get": { "key": "owner" } });
        for _ in 0..depth {
            msg = json!({ "ask": { "request": smart(&msg) } });
        }
        match stage.ask(first, &msg) {
            Some(QueryAnswer::Bytes(bytes)) => String::from_utf8(bytes).unwrap(),
            other => panic!("{other:?}"),
        }
    };
    // Each puppet hands on what it was answered, in hex: what the innermost said is found by undoing that.
    let innermost = |mut text: String| {
        while let Some((_, rest)) = text.rsplit_once("Binary(") {
            let hex = format!("0x{}", rest.split(')').next().unwrap_or_default());
            text = String::from_utf8(leither_types::json::bytes_of_hex(&hex).expect("hex")).expect("text");
        }
        text
    };
    assert_eq!(innermost(asked(&stage, 9)), json!(account("alice").to_string()).to_string());
    let beyond = innermost(asked(&stage, 10));
    assert!(beyond.contains("codespace: wasm, code: 31"), "{beyond}");
}

#[test]
fn what_a_contract_may_keep_is_bounded() {
    let mut stage = Stage::new();
    let (first, _) = stage.puppets();
    let write = |key: usize, value: usize| json!({ "write": [["k".repeat(key), "v".repeat(value)]] });
    stage.chain.ok("alice", execute(first, &write(234, 40_000)));
    for (key, value) in [(235, 1), (300, 1)] {
        assert_eq!(stage.chain.refused("alice", execute(first, &write(key, value))), refusal(Why::Trap), "{key}, {value}");
    }
    assert_eq!(stage.kept(first, &"k".repeat(300)), None);
}

/// WASM-9: a disk that fails at any read of a contract's call stops the node, and blames nobody.
#[test]
fn wasm_9_a_fault_anywhere_is_no_receipt() {
    let mut stage = Stage::new();
    let (first, second) = stage.puppets();
    let asks = json!({ "ask": [{ "bank": { "balance": { "address": first.to_string(), "denom": "nmei" } } }] });
    let call = execute(
        first,
        &json!({ "write": [["a", "1"]], "messages": [sub(1, to(second, &asks), "always"), sub(2, bank(account("bob"), 1_000_000), "error")] }),
    );
    let tx = stage.chain.sign(&["bob"], &[call]);
    let (block, _, unfit) = stage.chain.propose(&[tx]);
    assert!(unfit.is_empty());
    let mut faults = 0;
    for good in 0.. {
        let state = Arc::new(leither_harness::Failing::after(good, stage.chain.state().clone()));
        let parent = leither_harness::executor::Parent { state: state.clone(), ..stage.chain.parent().clone() };
        match leither_harness::executor::execute(&parent, &block, &leither_harness::executor::NobodyVerified) {
            Ok(_) => {
                assert!(!state.has_failed(), "a failed read was swallowed after {good} good ones");
                break;
            }
            Err(leither_harness::executor::Refused::Fault(_)) => faults += 1,
            Err(other) => panic!("after {good} good reads: {other:?}"),
        }
    }
    assert!(faults > 30, "{faults}");
}

/// WASM-15.
#[test]
fn wasm_15_who_enters_cold_code_first_pays_for_its_being_read_and_nobody_after_it() {
    let mut stage = Stage::new();
    let (code, _) = stage.store("alice", PUPPET);
    let compiled = u64::from(views::code(&*stage.chain.parent().state, code).unwrap().unwrap().compiled);
    assert!(compiled > PUPPET.len() as u64);
    let used = |stage: &mut Stage, salt: &[u8]| ended(&stage.chain.ok("alice", instantiate(code, &json!({}), 0, Some(salt)))).0;
    let (first, second, third) = (used(&mut stage, b"a"), used(&mut stage, b"b"), used(&mut stage, b"c"));
    // Block and time are told in words that differ in length.
    let is_near = |gas: u64, to: u64| gas.abs_diff(to) < 1_000_000;
    assert!(is_near(first - second, compiled * 120) && is_near(second, third), "{first}, {second}, {third}; {compiled}");

    // What is taken back has made nothing warm, and was paid for all the same.
    let mut stage = Stage::new();
    let (code, _) = stage.store("alice", PUPPET);
    let within = |gas| match instantiate(code, &json!({}), 0, None) {
        Call::Wasm(Do::Instantiate { code, msg, funds, label, admin, salt, .. }) => {
            Call::Wasm(Do::Instantiate { code, msg, funds, label, admin, salt, gas })
        }
        call => call,
    };
    assert_eq!(stage.chain.refused("alice", within(compiled * 120)), refusal(Why::OutOfGas), "no gas is left to run");
    assert!(is_near(used(&mut stage, b"a"), first), "it is as cold as before");
}
