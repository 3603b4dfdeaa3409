use super::*;

/// What a puppet is told: the number of the message, and whether it was done.
fn outcomes(replies: &[Value]) -> Vec<(u64, bool)> {
    replies.iter().map(|reply| (reply["id"].as_u64().unwrap(), reply["result"].get("ok").is_some())).collect()
}

#[test]
fn wasm_2_messages_are_done_depth_first_and_replies_come_at_once() {
    let mut stage = Stage::new();
    let (first, second) = stage.puppets();
    // 1 leads to 2 (a payment) within the second puppet, 3 comes after all of it.
    let inner = json!({ "messages": [sub(2, bank(account("bob"), 1), "always")] });
    let msg = json!({ "messages": [sub(1, to(second, &inner), "always"), sub(3, bank(account("carol"), 2), "always")] });
    let events = stage.chain.ok("alice", execute(first, &msg));
    assert_eq!(outcomes(&stage.replies(first)), [(1, true), (3, true)]);
    assert_eq!(outcomes(&stage.replies(second)), [(2, true)]);
    let paid: Vec<AccountId> = events
        .iter()
        .filter_map(|event| match event {
            Event::Tokens(leither_harness::pallets::tokens::Event::Transferred { to, .. }) => Some(*to),
            _ => None,
        })
        .collect();
    assert_eq!(paid, [account("bob"), account("carol")]);
    assert_eq!((stage.has(first), stage.has(second)), (998, 999));
    let replies = stage.replies(first);
    assert_eq!(replies[0]["result"]["ok"]["msg_responses"][0]["type_url"], "/cosmwasm.wasm.v1.MsgExecuteContractResponse");
    let kinds: Vec<&str> = replies[0]["result"]["ok"]["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["type"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["execute", "reply"], "of the contract that was called, and of what it was told");
    assert_eq!(replies[1]["result"]["ok"]["events"], json!([]), "of a payment nothing is told");
    assert!(replies[0]["gas_used"].as_u64().unwrap() > 1_000);
}

#[test]
fn wasm_1_a_message_that_fails_takes_back_its_own_and_no_more() {
    let mut stage = Stage::new();
    let (first, second) = stage.puppets();
    // The second puppet writes, pays, and then its last message fails.
    let fails = json!({
        "write": [["a", "1"]],
        "messages": [sub(7, bank(account("bob"), 10), "never"), sub(8, bank(account("bob"), 1_000_000), "never")],
    });
    let msg = json!({ "write": [["b", "1"]], "messages": [sub(1, to(second, &fails), "error"), sub(2, bank(account("carol"), 3), "never")] });
    let bob = stage.has(account("bob"));
    let events = stage.chain.ok("alice", execute(first, &msg));
    assert_eq!((stage.kept(first, "b").as_deref(), stage.kept(second, "a")), (Some("1"), None));
    assert_eq!((stage.has(account("bob")), stage.has(second), stage.has(first)), (bob, 1_000, 997));
    assert_eq!(stage.replies(first)[0]["result"]["error"], "codespace: sdk, code: 5");
    let executed = events.iter().filter(|event| matches!(event, Event::Wasm(Wasm::Executed { .. }))).count();
    assert_eq!(executed, 1, "what was taken back left no event");
    // Where nobody asked to be told, all is refused.
    for reply_on in ["never", "success"] {
        let msg = json!({ "write": [["c", "1"]], "messages": [sub(2, bank(account("carol"), 3), "never"), sub(1, to(second, &fails), reply_on)] });
        let why = stage.chain.refused("alice", execute(first, &msg));
        assert!(matches!(why, Error::Accounts(_)), "{why:?}");
        assert_eq!((stage.kept(first, "c"), stage.has(first)), (None, 997));
    }
}

/// CWA-2025-006: a reply that fails is no detail.
#[test]
fn wasm_1_a_reply_that_fails_takes_all_with_it() {
    let mut stage = Stage::new();
    let (first, second) = stage.puppets();
    let msg = |at_reply: Value| json!({ "write": [["b", "1"]], "at_reply": [[1, at_reply]], "messages": [sub(1, to(second, &json!({ "write": [["a", "1"]] })), "always")] });
    let why = stage.chain.refused("alice", execute(first, &msg(json!({ "fail": "no" }))));
    assert!(matches!(why, Error::Wasm(Why::Said { .. })), "{why:?}");
    assert_eq!((stage.kept(first, "b"), stage.kept(second, "a")), (None, None));
    // What a reply wants done is done; its data takes the place of the answer's.
    let data = |text: &str| serde_json::to_value(leither_vm::abi::Binary::new(text.as_bytes().to_vec())).unwrap();
    let mut whole = msg(json!({ "messages": [sub(9, bank(account("bob"), 4), "never")], "data": data("later") }));
    whole["data"] = data("sooner");
    let events = stage.chain.ok("alice", execute(first, &whole));
    let (gas, given) = ended(&events);
    assert_eq!((given.as_deref(), stage.has(first)), (Some(&b"later"[..]), 996));
    assert!(gas > 200_000_000 && gas < GAS, "{gas}");
}

#[test]
fn wasm_7_a_sender_hears_the_callees_own_words_or_a_number() {
    let mut stage = Stage::new();
    let (first, second) = stage.puppets();
    let nobody = account("nobody").to_string();
    let cases = [
        (
            to(second, &json!({ "fail": "my own words" })),
            "kind: Other, error: my own words: execute wasm contract failed",
        ),
        (to(second, &json!({ "panic": true })), "codespace: wasm, code: 5"),
        (to(account("bob"), &json!({})), "codespace: wasm, code: 22"),
        (bank(account("bob"), 1_001), "codespace: sdk, code: 5"),
        (
            json!({ "bank": { "send": { "to_address": nobody.to_uppercase(), "amount": [] } } }),
            "codespace: sdk, code: 7",
        ),
        (
            json!({ "bank": { "send": { "to_address": nobody, "amount": [{ "denom": "mei", "amount": "1" }] } } }),
            "codespace: sdk, code: 10",
        ),
        (json!({ "wasm": { "clear_admin": { "contract_addr": second.to_string() } } }), "codespace: sdk, code: 4"),
        (json!({ "any": { "type_url": "/x", "value": "" } }), "codespace: wasm, code: 17"),
        (
            json!({ "ibc": { "transfer": { "channel_id": "c", "to_address": "a", "amount": { "denom": "nmei", "amount": "1" }, "timeout": { "block": null, "timestamp": "1" }, "memo": null } } }),
            "codespace: wasm, code: 17",
        ),
        (
            json!({ "wasm": { "instantiate": { "admin": null, "code_id": 77, "msg": base64(&json!({})), "funds": [], "label": "x" } } }),
            "codespace: wasm, code: 28",
        ),
        (
            json!({ "wasm": { "instantiate": { "admin": null, "code_id": 1, "msg": base64(&json!({ "panic": true })), "funds": [], "label": "x" } } }),
            "codespace: wasm, code: 4",
        ),
        // Words from further down are a number here: wasmd tells those of the contract that was called alone.
        (
            to(second, &json!({ "messages": [sub(1, to(second, &json!({ "fail": "far away" })), "never")] })),
            "codespace: wasm, code: 5",
        ),
        (
            json!({ "bank": { "send": { "to_address": nobody, "amount": [{ "denom": "nmei", "amount": "0" }] } } }),
            "codespace: sdk, code: 10",
        ),
    ];
    for (n, (msg, wanted)) in cases.into_iter().enumerate() {
        stage
            .chain
            .ok("alice", execute(first, &json!({ "remove": ["replies"], "messages": [sub(n as u64, msg.clone(), "error")] })));
        let replies = stage.replies(first);
        assert_eq!(replies.len(), 1, "{msg}: a reply");
        let told = replies[0]["result"]["error"].as_str().unwrap_or("done").to_string();
        assert!(told == wanted || told.ends_with(wanted), "{msg}: {told}");
    }
}

/// As wasmd adds them up.
#[test]
fn money_that_a_contract_names_twice_is_one_sum_and_nothing_of_a_kind_is_left_out() {
    let mut stage = Stage::new();
    let (first, second) = stage.puppets();
    let coin = |amount: &str| json!({ "denom": "nmei", "amount": amount });
    let call = |funds: Value| json!({ "wasm": { "execute": { "contract_addr": second.to_string(), "msg": base64(&json!({})), "funds": funds } } });
    for (funds, told, left) in
        [(json!([coin("0")]), json!([]), 1_000), (json!([coin("3"), coin("0"), coin("4")]), json!([coin("7")]), 993)]
    {
        stage.chain.ok("alice", execute(first, &json!({ "messages": [sub(1, call(funds), "never")] })));
        let info: Value = serde_json::from_str(&stage.kept(second, "info").unwrap()).unwrap();
        assert_eq!((&info["funds"], stage.has(first)), (&told, left));
    }
}

#[test]
fn wasm_5_a_contract_makes_contracts_and_is_told_where_they_are() {
    let mut stage = Stage::new();
    let (first, _) = stage.puppets();
    let make = |salt: Option<&str>| {
        let mut fields = json!({ "admin": first.to_string(), "code_id": 1, "msg": base64(&json!({ "write": [["a", "1"]] })), "label": "x",
            "funds": [{ "denom": "nmei", "amount": "10" }] });
        match salt {
            Some(salt) => {
                fields["salt"] = base64(&json!(salt));
                json!({ "wasm": { "instantiate2": fields } })
            }
            None => json!({ "wasm": { "instantiate": fields } }),
        }
    };
    for salt in [None, Some("s")] {
        let events = stage
            .chain
            .ok("alice", execute(first, &json!({ "remove": ["replies"], "messages": [sub(1, make(salt), "success")] })));
        let born = events.iter().find_map(|event| match event {
            Event::Wasm(Wasm::Instantiated { contract, creator, .. }) => Some((*contract, *creator)),
            _ => None,
        });
        let (contract, creator) = born.unwrap();
        assert_eq!((creator, stage.has(contract)), (first, 10));
        assert_eq!(stage.contract(contract).admin, Some(first));
        assert_eq!(stage.kept(contract, "a").as_deref(), Some("1"));
        let value = stage.replies(first)[0]["result"]["ok"]["msg_responses"][0]["value"].clone();
        let bytes: Vec<u8> = serde_json::from_value::<leither_vm::abi::Binary>(value).unwrap().into();
        assert_eq!(bytes[2..], *contract.to_string().as_bytes(), "the first field is the address");
    }
    let why = stage.chain.refused("alice", execute(first, &json!({ "messages": [sub(1, make(Some("s")), "never")] })));
    assert_eq!(why, refusal(Why::AddressTaken));
    // One that makes another while it is made: the call's end names its own, whatever was instantiated last.
    let mut child = make(None);
    child["wasm"]["instantiate"]["funds"] = json!([]);
    let events = stage.chain.ok("alice", instantiate(1, &json!({ "messages": [sub(1, child, "never")] }), 0, None));
    let born = |event: &Event| match event {
        Event::Wasm(Wasm::Instantiated { contract, .. }) => Some(*contract),
        _ => None,
    };
    let made: Vec<AccountId> = events.iter().filter_map(born).collect();
    let end = events.iter().find_map(|event| match event {
        Event::Wasm(Wasm::Ended { contract, .. }) => Some(*contract),
        _ => None,
    });
    assert_eq!((made.len(), end), (2, made.first().copied()), "its own stands first, and at the end");
    assert_eq!(stage.contract(made[1]).creator, made[0]);
}

#[test]
fn what_contracts_tell_stands_in_the_receipt_and_the_chains_own_words_are_not_theirs() {
    let mut stage = Stage::new();
    let (first, _) = stage.puppets();
    let events = stage
        .chain
        .ok("alice", execute(first, &json!({ "attributes": [[" k ", " v "]], "events": [["paid", [["to", "bob"]]]] })));
    let told: Vec<(String, String, String)> = events
        .iter()
        .filter_map(|event| match event {
            Event::Wasm(Wasm::Told { contract, kind, attributes }) if *contract == first => {
                Some((kind.to_string(), attributes[0].key.to_string(), attributes[0].value.to_string()))
            }
            _ => None,
        })
        .collect();
    let wanted = [("wasm", "k", "v"), ("wasm-paid", "to", "bob")].map(|(a, b, c)| (a.to_string(), b.to_string(), c.to_string()));
    assert_eq!(told, wanted);
    for wrong in [
        json!({ "attributes": [["_contract_address", "another"]] }),
        json!({ "attributes": [["", "v"]] }),
        json!({ "events": [["ab", []]] }),
        json!({ "events": [["x".repeat(200), []]] }),
        json!({ "attributes": [["k", "v".repeat(4_000)]] }),
    ] {
        assert_eq!(stage.chain.refused("alice", execute(first, &wrong)), refusal(Why::EventForm), "{wrong}");
    }
}

#[test]
fn a_contract_knows_where_it_is_who_calls_and_what_came_with_it() {
    let mut stage = Stage::new();
    let (first, _) = stage.puppets();
    stage.chain.ok("bob", execute_within(first, &json!({}), 33, GAS));
    let info: Value = serde_json::from_str(&stage.kept(first, "info").unwrap()).unwrap();
    assert_eq!(info, json!({ "sender": account("bob").to_string(), "funds": [{ "denom": "nmei", "amount": "33" }] }));
    let env: Value = serde_json::from_str(&stage.kept(first, "env").unwrap()).unwrap();
    assert_eq!(env["contract"]["address"], first.to_string());
    assert_eq!(env["block"]["height"], stage.chain.parent().height);
    assert_eq!(env["block"]["time"], format!("{}000000", stage.chain.parent().time));
    assert_eq!(stage.has(first), 1_033);
}

#[test]
fn contracts_ask_the_chain_and_one_another() {
    let mut stage = Stage::new();
    let (first, second) = stage.puppets();
    let answer = |stage: &Stage, request: Value| match stage.ask_within(&request, GAS) {
        Some(QueryAnswer::Bytes(bytes)) => serde_json::from_slice::<Value>(&bytes).unwrap(),
        other => panic!("{request}: {other:?}"),
    };
    let balance = |who: AccountId, denom: &str| json!({ "bank": { "balance": { "address": who.to_string(), "denom": denom } } });
    assert_eq!(answer(&stage, balance(first, "nmei")), json!({ "amount": { "denom": "nmei", "amount": "1000" } }));
    assert_eq!(answer(&stage, balance(first, "gold")), json!({ "amount": { "denom": "gold", "amount": "0" } }));
    let org = stage.chain.org_of(&["alice"]);
    let token = TokenId::of_org(&org).to_string();
    let all = |who: AccountId| json!({ "bank": { "all_balances": { "address": who.to_string() } } });
    assert_eq!(answer(&stage, all(first)), json!({ "amount": [{ "denom": "nmei", "amount": "1000" }] }));
    assert_eq!(answer(&stage, json!({ "bank": { "supply": { "denom": token } } }))["amount"]["denom"], token);
    let info = answer(&stage, json!({ "wasm": { "contract_info": { "contract_addr": first.to_string() } } }));
    assert_eq!((&info["code_id"], &info["creator"]), (&json!(1), &json!(account("alice").to_string())));
    let code = answer(&stage, json!({ "wasm": { "code_info": { "code_id": 1 } } }));
    assert_eq!(code["checksum"], leither_vm::Checksum(leither_vm::sha256(PUPPET)).to_string());
    let raw = json!({ "wasm": { "raw": { "contract_addr": first.to_string(), "key": serde_json::to_value(leither_vm::abi::Binary::from(b"owner")).unwrap() } } });
    assert_eq!(stage.ask_within(&raw, GAS), Some(QueryAnswer::Bytes(account("alice").to_string().into_bytes())));
    assert_eq!(stage.ask_within(&json!({ "wasm": { "code_info": { "code_id": 9 } } }), GAS), Some(QueryAnswer::NoCode(9)));
    let at_bob = json!({ "wasm": { "contract_info": { "contract_addr": account("bob").to_string() } } });
    assert!(matches!(stage.ask_within(&at_bob, GAS), Some(QueryAnswer::NoContract(_))));
    assert!(matches!(stage.ask_within(&json!({ "grpc": {} }), GAS), Some(QueryAnswer::Unsupported(_))), "CWA-2022-003");
    assert_eq!(stage.ask_within(&json!({ "nothing": {} }), GAS), Some(QueryAnswer::Malformed));
    // Each sees what the other has written in the same transaction.
    let smart =
        |of: AccountId, msg: &Value| json!({ "wasm": { "smart": { "contract_addr": of.to_string(), "msg": base64(msg) } } });
    let asks = json!({ "ask": [smart(first, &json!({ "get": { "key": "a" } }))] });
    stage
        .chain
        .ok("alice", execute(first, &json!({ "write": [["a", "now"]], "messages": [sub(1, to(second, &asks), "never")] })));
    let heard = stage.kept(second, "asked/0").unwrap();
    // In base64: "now" in quotes.
    assert!(heard.contains("Ok") && !heard.contains("Err"), "{heard}");
}

#[test]
fn data_is_listed_from_either_end_with_what_was_just_written() {
    let mut stage = Stage::new();
    let (first, second) = stage.puppets();
    let write: Vec<(String, String)> = (0..20).map(|n| (format!("k{n:02}"), n.to_string())).collect();
    stage.chain.ok("alice", execute(first, &json!({ "write": write })));
    stage.chain.ok("alice", execute(second, &json!({ "write": [["k00", "of another"]] })));
    stage.chain.ok("alice", execute(first, &json!({ "remove": ["k03", "k19"], "write": [["k10x", "between"]] })));
    let list = |from: Option<&str>, to: Option<&str>, descending: bool, limit: usize| {
        let msg = json!({ "list": { "from": from, "to": to, "descending": descending, "limit": limit } });
        let Some(QueryAnswer::Bytes(bytes)) = stage.ask(first, &msg) else { panic!("no list") };
        let rows: Vec<(String, String)> = serde_json::from_slice(&bytes).unwrap();
        rows.into_iter().map(|(key, _)| key).collect::<Vec<_>>()
    };
    assert_eq!(list(Some("k02"), Some("k05"), false, 9), ["k02", "k04"]);
    assert_eq!(list(Some("k10"), Some("k12"), true, 9), ["k11", "k10x", "k10"]);
    assert_eq!(list(Some("k"), Some("l"), true, 1), ["k18"]);
    assert_eq!(list(Some("k05"), Some("k05"), false, 9), Vec::<String>::new());
    assert_eq!(list(None, None, false, 3), ["env", "info", "k00"]);
    assert_eq!(list(None, None, true, 2), ["owner", "k18"], "nothing of the other contract");
}
