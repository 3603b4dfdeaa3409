//! Answers that no honest contract gives: each is refused with a reason, in a block that every node makes alike, with its modules or without.

use super::*;
use leither_harness::executor::{NobodyVerified, Parent, execute as apply};
use leither_types::{Receipt, Status};

/// A contract whose instantiate answers well, and whose execute and reply answer with these bytes.
fn answering(answer: &[u8]) -> Vec<u8> {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("\\{byte:02x}")).collect::<String>();
    let region = |at: u32, content: &[u8]| {
        let record = [at + 12, content.len() as u32, content.len() as u32].map(u32::to_le_bytes).concat();
        format!("(data (i32.const {at}) \"{}\")", hex(&[&record, content].concat()))
    };
    let fine = br#"{"ok":{"messages":[],"attributes":[],"events":[],"data":null}}"#;
    let text = format!(
        r#"(module (memory (export "memory") 17) (func (export "interface_version_8"))
          (global $free (mut i32) (i32.const 1048576))
          (func (export "allocate") (param $n i32) (result i32) (local $r i32)
            (local.set $r (global.get $free))
            (i32.store (local.get $r) (i32.add (local.get $r) (i32.const 12)))
            (i32.store offset=4 (local.get $r) (local.get $n))
            (global.set $free (i32.and (i32.add (i32.add (local.get $r) (local.get $n)) (i32.const 27)) (i32.const -16)))
            (local.get $r))
          (func (export "deallocate") (param i32)) {} {}
          (func (export "instantiate") (param i32 i32 i32) (result i32) (i32.const 16))
          (func (export "execute") (param i32 i32 i32) (result i32) (i32.const 4096))
          (func (export "query") (param i32 i32) (result i32) (i32.const 4096))
          (func (export "reply") (param i32 i32) (result i32) (i32.const 4096)))"#,
        region(16, fine),
        region(4_096, answer)
    );
    wat::parse_str(text).unwrap()
}

/// The receipt of a call to it, which another node without any module comes to as well.
fn receipt_of(answer: &[u8]) -> (Stage, AccountId, Receipt) {
    let mut stage = Stage::new();
    stage.chain.trusting = true;
    let (code, _) = stage.store("alice", &answering(answer));
    let contract = stage.born("alice", instantiate(code, &json!({}), 100, None));
    let tx = stage.chain.sign(&["alice"], &[execute(contract, &json!({}))]);
    let (block, outcome, unfit) = stage.chain.propose(&[tx]);
    assert!(unfit.is_empty());
    let cold = tempfile::tempdir().unwrap();
    let elsewhere = Parent { contracts: engine(&cold), ..stage.chain.parent().clone() };
    let there = apply(&elsewhere, &block, &NobodyVerified).expect("no fault");
    assert_eq!((there.state_root, &there.receipts), (outcome.state_root, &outcome.receipts));
    let receipt = outcome.receipts[0].clone();
    stage.chain.commit(block, outcome);
    (stage, contract, receipt)
}

fn why(answer: &[u8]) -> Option<Error> {
    match receipt_of(answer).2.status {
        Status::Done => None,
        Status::Failed(failure) => Some(leither_harness::pallets::describe_error(&failure.error).unwrap()),
    }
}

fn with(messages: &str, rest: &str) -> String {
    format!(r#"{{"ok":{{"messages":[{messages}],"attributes":[]{rest}}}}}"#)
}

#[test]
fn what_is_no_answer_is_refused_as_that() {
    let deep = |open: &str, n: usize| open.repeat(n);
    let never = r#"{"id":1,"msg":{"custom":{}},"gas_limit":null,"reply_on":"never"}"#;
    let cases: Vec<(&str, String)> = vec![
        ("nothing", "".into()),
        ("a word", "ok".into()),
        ("null", "null".into()),
        ("a list", "[]".into()),
        ("both", r#"{"ok":{"messages":[],"attributes":[]},"error":"no"}"#.into()),
        ("neither", "{}".into()),
        ("ok of nothing", r#"{"ok":null}"#.into()),
        ("an error that is no text", r#"{"error":5}"#.into()),
        ("a key twice", r#"{"ok":{"messages":[],"messages":[],"attributes":[]}}"#.into()),
        ("messages twice, one of them empty", with(never, r#","messages":[]"#)),
        ("words behind", with("", "") + "x"),
        ("an answer behind", with("", "") + &with("", "")),
        ("a zero behind", with("", "") + "\0"),
        ("lists within lists", deep("[", 100_000)),
        ("fields within fields", deep(r#"{"ok":"#, 40_000)),
        (
            "depth in what nobody reads",
            with("", &format!(r#","x":{}{}"#, deep("[", 20_000), deep("]", 20_000))).replace(r#","x""#, r#","data""#),
        ),
        (
            "a number that is too great",
            with(r#"{"id":18446744073709551616,"msg":{"custom":{}},"gas_limit":null,"reply_on":"never"}"#, ""),
        ),
        ("a number below nothing", with(r#"{"id":-1,"msg":{"custom":{}},"gas_limit":null,"reply_on":"never"}"#, "")),
        ("a number with a part", with(r#"{"id":1.5,"msg":{"custom":{}},"gas_limit":null,"reply_on":"never"}"#, "")),
        ("a limit beyond all", with(r#"{"id":1,"msg":{"custom":{}},"gas_limit":1e400,"reply_on":"never"}"#, "")),
        ("no such reply", with(r#"{"id":1,"msg":{"custom":{}},"gas_limit":null,"reply_on":"maybe"}"#, "")),
        ("no such message", with(r#"{"id":1,"msg":{"teleport":{}},"gas_limit":null,"reply_on":"never"}"#, "")),
        ("an amount of 2^128", with(&bank_of("340282366920938463463374607431768211456"), "")),
        ("an amount below nothing", with(&bank_of("-1"), "")),
        ("data that are no base64", with("", r#","data":"!""#)),
        (
            "a payload that is none",
            with(r#"{"id":1,"payload":"?","msg":{"custom":{}},"gas_limit":null,"reply_on":"never"}"#, ""),
        ),
    ];
    for (name, answer) in cases {
        assert_eq!(why(answer.as_bytes()), Some(refusal(Why::Answer)), "{name}");
    }
    assert_eq!(why(&[b"{\"error\":\"", &[0xff][..], b"\"}"].concat()), Some(refusal(Why::Answer)), "text that is none");
}

fn bank_of(amount: &str) -> String {
    let to = account("bob");
    format!(
        r#"{{"id":1,"msg":{{"bank":{{"send":{{"to_address":"{to}","amount":[{{"denom":"nmei","amount":"{amount}"}}]}}}}}},"gas_limit":null,"reply_on":"never"}}"#
    )
}

#[test]
fn what_is_an_answer_is_bounded_in_what_it_does() {
    let message = |n: usize| format!(r#"{{"id":{n},"msg":{{"custom":{{"x":1}}}},"gas_limit":null,"reply_on":"error"}}"#);
    let list = |one: &dyn Fn(usize) -> String, n: usize| (0..n).map(one).collect::<Vec<_>>().join(",");
    // It is told of each that it cannot be, and answers that with as many again.
    let endless = with(&message(1), "");
    assert_eq!(why(endless.as_bytes()), Some(refusal(Why::Depth)));
    let pays = |n: usize| bank_of("1").replace("\"id\":1", &format!("\"id\":{n}"));
    assert!(matches!(why(with(&list(&pays, 101), "").as_bytes()), Some(Error::Accounts(_))), "a hundred it has");
    assert_eq!(why(with(&list(&pays, 100), "").as_bytes()), None);
    let event = |n: usize| format!(r#"{{"type":"e{n:03}","attributes":[]}}"#);
    assert_eq!(why(with("", &format!(r#","events":[{}]"#, list(&event, 300))).as_bytes()), Some(refusal(Why::Events)));
    assert_eq!(why(with("", &format!(r#","events":[{}]"#, list(&event, 5_000))).as_bytes()), Some(refusal(Why::Events)));
    let pair = |n: usize| format!(r#"{{"key":"k{n}","value":""}}"#);
    let attributes = format!(r#"{{"ok":{{"messages":[],"attributes":[{}]}}}}"#, list(&pair, 65));
    assert_eq!(why(attributes.as_bytes()), Some(refusal(Why::EventForm)));
    let data = |n: usize| with("", &format!(r#","data":"{}""#, "AAAA".repeat(n)));
    assert_eq!(why(data(682).as_bytes()), None, "2,046 bytes");
    assert_eq!(why(data(683).as_bytes()), Some(refusal(Why::Data)));
    assert_eq!(why(data(70_000).as_bytes()), Some(refusal(Why::Answer)), "longer than an answer may be");
    let said = receipt_of(format!(r#"{{"error":"{}"}}"#, "é".repeat(60_000)).as_bytes()).2;
    assert!(matches!(said.status, Status::Failed(_)), "an error of 120 KB is cut to what a receipt keeps");
}

/// What is unknown is no harm, as contracts of later versions say more than this chain reads.
#[test]
fn what_is_said_beside_an_answer_is_passed_over() {
    let deep = format!("{}{}", "[".repeat(100), "]".repeat(100));
    for (name, answer) in [
        ("a field of later", with("", r#","later":{"x":[1,2,3]}"#)),
        ("a great number", with("", r#","later":1e400"#)),
        ("depth that is read", with("", &format!(r#","later":{deep}"#))),
        ("white space", format!(" \n\t{} \r\n", with("", ""))),
    ] {
        assert_eq!(why(answer.as_bytes()), None, "{name}");
    }
}

/// A question to such a contract is answered with a number, and harms nobody who asks.
#[test]
fn an_answer_to_a_question_that_is_none_is_a_number() {
    for answer in ["", "null", r#"{"ok":5}"#, r#"{"ok":"?"}"#, r#"{"error":5}"#, &"[".repeat(50_000)] {
        let (stage, contract, _) = receipt_of(answer.as_bytes());
        let asked = stage.ask(contract, &json!({}));
        assert_eq!(asked, Some(QueryAnswer::Failed("codespace: wasm, code: 9".into())), "{answer:.20}");
    }
    let (stage, contract, _) = receipt_of(br#"{"ok":"AAEC/w=="}"#);
    assert_eq!(
        stage.ask(contract, &json!({})),
        Some(QueryAnswer::Bytes(vec![0, 1, 2, 255])),
        "what is no JSON is handed on as it is"
    );
}
