use super::*;

#[test]
fn wasm_4_code_is_stored_once_whole_and_by_its_checksum() {
    let mut stage = Stage::new();
    let (code, calls) = pieces(PUPPET);
    let store = |pieces: u16| Call::Wasm(Do::Store { code, pieces });
    let count = calls.len() as u16;
    let free = stage.chain.locked(MEI, "bob");
    for call in calls.iter().skip(1) {
        stage.chain.ok("bob", call.clone());
    }
    assert_eq!(stage.chain.refused("bob", store(count)), refusal(Why::NoPiece { piece: 0 }));
    let wrong = Call::Wasm(Do::Upload { code, piece: 0, bytes: Blob::new(vec![7; PIECE]).unwrap() });
    stage.chain.ok("bob", wrong);
    assert_eq!(stage.chain.refused("bob", store(count)), refusal(Why::Checksum));
    let before = stage.chain.locked(MEI, "bob");
    stage.chain.ok("bob", calls[0].clone());
    assert_eq!(stage.chain.locked(MEI, "bob"), before, "a piece takes the place of another");
    // Nobody stores what another has uploaded.
    assert_eq!(stage.chain.refused("carol", store(count)), refusal(Why::NoPiece { piece: 0 }));
    stage.chain.ok("bob", store(count));
    assert!(stage.chain.locked(MEI, "bob") > free, "the deposit stays as long as the code");
    let kept = views::code(&**stage.chain.state(), 1).unwrap().unwrap();
    assert_eq!((kept.checksum, kept.bytes as usize, kept.owner), (code, PUPPET.len(), account("bob")));
    // The same once more is the same code, and costs its sender no deposit.
    let locked = stage.chain.locked(MEI, "carol");
    assert_eq!(stage.store("carol", PUPPET), (1, true));
    assert_eq!(stage.chain.locked(MEI, "carol"), locked);
}

#[test]
fn wasm_4_what_is_no_contract_is_refused_and_its_deposit_comes_back() {
    let mut stage = Stage::new();
    let locked = stage.chain.locked(MEI, "bob");
    for wasm in [b"\0asm\x01\0\0\0".to_vec(), vec![7; 3 * PIECE], PUPPET[..PUPPET.len() - 1].to_vec()] {
        let (code, calls) = pieces(&wasm);
        let count = calls.len() as u16;
        for call in calls {
            stage.chain.ok("bob", call);
        }
        assert_eq!(stage.chain.refused("bob", Call::Wasm(Do::Store { code, pieces: count })), refusal(Why::NotAContract));
        assert!(stage.chain.locked(MEI, "bob") > locked);
        stage.chain.ok("bob", Call::Wasm(Do::Discard { code }));
        assert_eq!(stage.chain.locked(MEI, "bob"), locked);
    }
    assert!(views::codes(&**stage.chain.state(), None, 10).unwrap().is_empty());
}

#[test]
fn wasm_5_an_address_follows_from_what_made_it_and_money_that_waits_there_hinders_nobody() {
    let mut stage = Stage::new();
    let (code, _) = stage.store("alice", PUPPET);
    let first = stage.born("alice", instantiate(code, &json!({}), 0, None));
    assert_ne!(stage.born("alice", instantiate(code, &json!({}), 0, None)), first);
    let checksum = leither_vm::Checksum(leither_vm::sha256(PUPPET));
    let foreseen = leither_vm::address_by_salt(&checksum, &account("alice"), b"salt").unwrap();
    let pay = Call::Tokens(leither_harness::pallets::tokens::Call::Transfer {
        token: MEI,
        to: foreseen,
        amount: Amount(5),
        memo: text(""),
    });
    stage.chain.ok("bob", pay);
    assert_eq!(stage.born("alice", instantiate(code, &json!({}), 7, Some(b"salt"))), foreseen);
    assert_eq!(stage.has(foreseen), 12);
    assert_eq!(stage.chain.refused("alice", instantiate(code, &json!({}), 0, Some(b"salt"))), refusal(Why::AddressTaken));
    assert_ne!(stage.born("bob", instantiate(code, &json!({}), 0, Some(b"salt"))), foreseen, "another creator's");
    assert_eq!(stage.chain.refused("alice", instantiate(9, &json!({}), 0, None)), refusal(Why::NoCode { code: 9 }));
}

#[test]
fn wasm_6_new_code_comes_by_the_admin_alone() {
    let mut stage = Stage::new();
    let (first, second) = stage.puppets();
    let (code, _) = stage.store("alice", PUPPET);
    let set = |contract, admin| Call::Wasm(Do::SetAdmin { contract, admin });
    let change = migrate(first, code, &json!({ "write": [["a", "1"]] }));
    assert_eq!(stage.chain.refused("bob", change.clone()), refusal(Why::NotAdmin));
    assert_eq!(stage.chain.refused("bob", set(first, None)), refusal(Why::NotAdmin));
    stage.chain.ok("alice", change.clone());
    assert_eq!(stage.kept(first, "a").as_deref(), Some("1"));
    let told: Value = serde_json::from_str(&stage.kept(first, "migrated").unwrap()).unwrap();
    assert_eq!(told["sender"], account("alice").to_string());
    // A migration that fails half way changes nothing.
    let fails = migrate(
        first,
        code,
        &json!({ "write": [["a", "2"]], "messages": [sub(1, bank(account("bob"), 10), "never")], "fail": "no" }),
    );
    assert_eq!(stage.chain.refused("alice", fails), refusal(Why::Said { text: text("kind: Other, error: no") }));
    assert_eq!((stage.kept(first, "a").as_deref(), stage.has(first)), (Some("1"), 1_000));
    // Another admin; then none, for ever.
    stage.chain.ok("alice", set(first, Some(account("bob"))));
    assert_eq!(stage.chain.refused("alice", change.clone()), refusal(Why::NotAdmin));
    stage.chain.ok("bob", set(first, None));
    assert_eq!(stage.chain.refused("bob", change), refusal(Why::NotAdmin));
    // A contract is the admin of another.
    stage.chain.ok("alice", set(second, Some(first)));
    let by_contract = json!({ "wasm": { "migrate": { "contract_addr": second.to_string(), "new_code_id": code, "msg": base64(&json!({ "write": [["b", "1"]] })) } } });
    stage.chain.ok("carol", execute(first, &json!({ "messages": [sub(1, by_contract, "always")] })));
    assert_eq!(stage.kept(second, "b").as_deref(), Some("1"));
    let clear = json!({ "wasm": { "clear_admin": { "contract_addr": second.to_string() } } });
    stage.chain.ok("carol", execute(first, &json!({ "messages": [sub(1, clear, "always")] })));
    assert_eq!(stage.contract(second).admin, None);
}

/// VM-3 on a whole chain: a node whose cache of modules is lost, and one that never had it, come to the same roots.
#[test]
fn vm_3_a_node_without_its_modules_comes_to_the_same_root() {
    let mut warm = Stage::new();
    let (first, second) = warm.puppets();
    let cold = tempfile::tempdir().unwrap();
    let calls = [
        execute(first, &json!({ "messages": [sub(1, to(second, &json!({ "write": [["a", "1"]] })), "always")] })),
        execute(
            second,
            &json!({ "ask": [{ "wasm": { "smart": { "contract_addr": first.to_string(), "msg": base64(&json!({ "get": { "key": "owner" } })) } } }] }),
        ),
    ];
    for call in calls {
        let tx = warm.chain.sign(&["bob"], &[call]);
        let (block, outcome, unfit) = warm.chain.propose(&[tx]);
        assert!(unfit.is_empty());
        let parent = leither_harness::executor::Parent { contracts: engine(&cold), ..warm.chain.parent().clone() };
        let there = leither_harness::executor::execute(&parent, &block, &leither_harness::executor::NobodyVerified).unwrap();
        assert_eq!((there.state_root, &there.receipts), (outcome.state_root, &outcome.receipts));
        warm.chain.commit(block, outcome);
        std::fs::remove_dir_all(cold.path()).unwrap();
    }
    drop(warm.dir);
}
