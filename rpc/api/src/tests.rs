use crate::*;
use leither_types::{AccountId, Hash, OrgId, TokenId};
use proptest::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
struct Pay {
    to: Account,
    amount: U128,
    memo: Option<String>,
}

fn pay(raw: &str) -> Result<Pay, String> {
    parse_params(Some(raw)).map_err(|e| {
        assert_eq!(e.reason, Reason::InvalidParams);
        e.message
    })
}

fn bob() -> Account {
    Id(AccountId([7; 20]))
}

#[test]
fn parameters_by_position_and_by_name_mean_the_same() {
    let bob = bob();
    let whole = Pay { to: bob, amount: U128(5), memo: Some("rent".into()) };
    assert_eq!(pay(&format!(r#"["{bob}","5","rent"]"#)).unwrap(), whole);
    assert_eq!(pay(&format!(r#"{{"memo":"rent","amount":"5","to":"{bob}"}}"#)).unwrap(), whole);
    assert_eq!(pay(&serde_json::to_string(&whole).unwrap()).unwrap(), whole);
    let short = Pay { to: bob, amount: U128(5), memo: None };
    for raw in [format!(r#"["{bob}",5]"#), format!(r#"["{bob}","5",null]"#), format!(r#"{{"to":"{bob}","amount":"5"}}"#)] {
        assert_eq!(pay(&raw).unwrap(), short, "{raw}");
    }
}

#[test]
fn what_does_not_fit_is_told_in_a_sentence() {
    let bob = bob();
    let told = |raw: &str| pay(raw).unwrap_err();
    assert_eq!(told("[]"), "parameter `to` is missing");
    assert_eq!(told(&format!(r#"{{"to":"{bob}"}}"#)), "parameter `amount` is missing");
    assert_eq!(told(&format!(r#"["{bob}","1","a","b"]"#)), "4 parameters were given; this method takes: to, amount, memo");
    assert_eq!(told(&format!(r#"{{"too":"{bob}"}}"#)), "there is no parameter `too`; this method takes: to, amount, memo");
    assert_eq!(told(&format!(r#"{{"to":"{bob}","to":"{bob}"}}"#)), "parameter `to` was given twice");
    assert_eq!(told(&format!(r#"["{bob}","-1"]"#)), "parameter `amount`: `-1`: expected a whole number in decimal digits");
    assert_eq!(
        told(&format!(r#"["{bob}",9007199254740993]"#)),
        "parameter `amount`: 9007199254740993 is not exact in JSON: write it as a string, \"9007199254740993\""
    );
    assert!(
        told(&format!(r#"["{bob}",1.5]"#)).starts_with("parameter `amount`: invalid type: floating point"),
        "{}",
        told(&format!(r#"["{bob}",1.5]"#))
    );
    assert!(told(&format!(r#"["{}","1"]"#, Id(OrgId([7; 20])))).contains("expected lth1…, got lthorg1…"));
    assert!(told(r#"[17,"1"]"#).contains("an account id (lth1…)"), "{}", told(r#"[17,"1"]"#));
    assert_eq!(told("17"), "the parameters must be an array or an object");
    assert_eq!(told("\"lth1\""), "the parameters must be an array or an object");
    assert_eq!(parse_params::<NoParams>(Some("[1]")).unwrap_err().message, "1 parameters were given; this method takes none");
}

#[test]
fn no_parameters_may_be_left_out_empty_or_null() {
    for raw in [None, Some(""), Some("[]"), Some("{}"), Some("null"), Some("  []")] {
        assert!(parse_params::<NoParams>(raw).is_ok(), "{raw:?}");
    }
}

#[test]
fn parameters_that_nest_deeply_are_refused_before_they_are_read() {
    let deep = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
    assert_eq!(pay(&deep(DEPTH_MAX + 1)).unwrap_err(), "the parameters nest deeper than 32 levels");
    assert_ne!(pay(&deep(DEPTH_MAX)).unwrap_err(), "the parameters nest deeper than 32 levels");
    assert_eq!(pay(&"[".repeat(2_000_000)).unwrap_err(), "the parameters nest deeper than 32 levels");
    let brackets_in_text = format!(r#"["{}","5","{}"]"#, bob(), r#"\"[{"#.repeat(100));
    assert!(pay(&brackets_in_text).is_ok());
}

#[test]
fn subjects_of_proofs_are_told_apart_by_their_fields() {
    let read = |v: Value| serde_json::from_value::<ProofSubject>(v);
    let bob = bob();
    let token = TokenRef::Symbol("mei".into());
    assert_eq!(read(json!({"account": bob, "token": "mei"})).unwrap(), ProofSubject::Holding { account: bob, token });
    let org = OrgRef::Name("demo-tube".into());
    assert_eq!(read(json!({"org": "demo-tube", "member": bob})).unwrap(), ProofSubject::Member { org, member: bob });
    assert!(read(json!({"account": bob})).is_err());
    assert!(read(json!({"account": bob, "token": "mei", "mimei": "x"})).is_err());
}

#[test]
fn references_read_each_of_their_forms_and_nothing_else() {
    assert_eq!("17".parse(), Ok(BlockRef::Height(17)));
    assert_eq!("latest".parse(), Ok(BlockRef::Latest));
    assert_eq!(Hash([3; 32]).to_string().parse(), Ok(BlockRef::Hash(Hash([3; 32]))));
    assert!("0x12".parse::<BlockRef>().is_err() && "newest".parse::<BlockRef>().is_err() && "+1".parse::<BlockRef>().is_err());
    assert_eq!("tube".parse(), Ok(TokenRef::Symbol("tube".into())));
    assert_eq!(TokenId([1; 20]).to_string().parse(), Ok(TokenRef::Id(TokenId([1; 20]))));
    assert!("Tube".parse::<TokenRef>().is_err() && "ab".parse::<TokenRef>().is_err());
    assert_eq!(OrgId([1; 20]).to_string().parse(), Ok(OrgRef::Id(OrgId([1; 20]))));
    assert!("lthorg1nonsense".parse::<OrgRef>().is_err() && "".parse::<OrgRef>().is_err());
}

#[test]
fn limits_hold_in_what_is_read() {
    assert!(serde_json::from_str::<Limit>("200").is_ok() && serde_json::from_str::<Limit>("1").is_ok());
    assert!(serde_json::from_str::<Limit>("0").is_err() && serde_json::from_str::<Limit>("201").is_err());
    assert!(serde_json::from_str::<WaitMs>("60000").is_ok() && serde_json::from_str::<WaitMs>("60001").is_err());
    let raws = |n: usize| serde_json::from_value::<RawTxs>(json!(vec!["0x00"; n]));
    assert!(raws(BATCH_TXS_MAX).is_ok() && raws(BATCH_TXS_MAX + 1).is_err() && raws(0).is_err());
    assert!(serde_json::from_value::<Cursor>(json!("x".repeat(513))).is_err());
}

#[test]
fn every_reason_has_a_code_and_a_word_of_its_own() {
    for (i, a) in Reason::ALL.iter().enumerate() {
        for b in &Reason::ALL[..i] {
            assert!(a.code() != b.code() && a.word() != b.word(), "{a:?} {b:?}");
        }
        assert!((-32_768..=-32_000).contains(&a.code()));
    }
    let error = ApiError::new(Reason::RateLimited, "slow down").with("retry_after_ms", 5);
    assert_eq!(error.data(), json!({ "reason": "rate_limited", "retry_after_ms": 5 }));
}

#[test]
fn every_method_has_a_name_of_its_own_in_the_agreed_form() {
    let mut seen = std::collections::BTreeSet::new();
    for info in methods::ALL {
        assert!(seen.insert(info.name), "{} twice", info.name);
        let (group, verb) = info.name.split_once(['_', '.']).unwrap();
        assert!(
            group.bytes().all(|b| b.is_ascii_lowercase()) && verb.bytes().all(|b| b.is_ascii_alphabetic()),
            "{}",
            info.name
        );
        assert!(info.summary.ends_with('.'));
    }
}

#[test]
fn the_committed_openrpc_document_is_up_to_date() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../spec/openrpc.json");
    let document = document();
    if std::env::var_os("UPDATE_SPEC").is_some() {
        std::fs::write(path, format!("{document:#}\n")).unwrap();
    }
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    let committed: Value = serde_json::from_str(&committed).unwrap_or_default();
    assert!(committed == document, "spec/openrpc.json is stale: run UPDATE_SPEC=1 cargo test -p leither-rpc-api openrpc");
}

#[test]
fn the_openrpc_document_lists_parameters_in_the_order_of_positions() {
    let document = document();
    let method = document["methods"].as_array().unwrap().iter().find(|m| m["name"] == "token_getBalance").unwrap().clone();
    let names: Vec<_> = method["params"].as_array().unwrap().iter().map(|p| p["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["token", "account"]);
    assert!(method["params"].as_array().unwrap().iter().all(|p| p["required"] == true));
    assert_eq!(document["methods"].as_array().unwrap().len(), methods::ALL.len());
}

#[test]
fn the_table_of_reasons_in_the_specification_is_complete() {
    let text = include_str!("../../../spec/rpc.md");
    for reason in Reason::ALL {
        let row = format!("| {} | `{}` | {} |", reason.code(), reason.word(), reason.meaning());
        assert!(text.contains(&row), "spec/rpc.md lacks: {row}");
    }
    for info in methods::ALL {
        assert!(text.contains(&format!("`{}`", info.name)), "spec/rpc.md does not name {}", info.name);
    }
}

proptest! {
    #[test]
    fn bytes_survive_their_text_form(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let text = serde_json::to_string(&Bytes(bytes.clone())).unwrap();
        prop_assert_eq!(serde_json::from_str::<Bytes>(&text).unwrap(), Bytes(bytes.clone()));
        prop_assert_eq!(serde_json::from_str::<Bytes>(&text.to_uppercase().replacen("0X", "0x", 1)).unwrap(), Bytes(bytes));
    }

    #[test]
    fn numbers_survive_their_text_form(small: u64, large: u128) {
        let text = serde_json::to_string(&(U64(small), U128(large))).unwrap();
        prop_assert_eq!(&text, &format!("[\"{small}\",\"{large}\"]"));
        prop_assert_eq!(serde_json::from_str::<(U64, U128)>(&text).unwrap(), (U64(small), U128(large)));
    }

    #[test]
    fn a_wrong_digit_anywhere_is_seen(bytes in proptest::collection::vec(any::<u8>(), 1..100), at: proptest::sample::Index, wrong in "[^0-9a-fA-F\"\\\\\\x00-\\x1f]") {
        let mut text: Vec<char> = bytes.iter().flat_map(|b| format!("{b:02x}").chars().collect::<Vec<_>>()).collect();
        let at = at.index(text.len());
        text[at] = wrong.chars().next().unwrap();
        let text: String = text.into_iter().collect();
        let json = serde_json::to_string(&format!("0x{text}")).unwrap();
        prop_assert!(serde_json::from_str::<Bytes>(&json).is_err());
    }

    #[test]
    fn no_parameters_make_the_reader_fall_over(raw in "\\PC{0,200}") {
        let _ = parse_params::<Pay>(Some(&raw));
    }
}
