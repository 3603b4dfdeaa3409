//! Sequences of messages, and what cw-multi-test made of them (`tests/multitest`, whose `cargo run` writes vectors.json). All that both sides
//! define is compared after each step: done or refused and in whose words, data, events, every record, balance, code and admin, and what
//! contracts were told of their messages.
//!
//! Where cw-multi-test is not as wasmd, which is the reference, the vectors either do not go or are put right by its side:
//! - It tells a caller the whole text of a failure. wasmd tells the words of the contract that was called, if it failed itself, else a number.
//! - Its events of contracts have `mode` at a reply and lack the order of keys; payments have events too, which are the chain's own everywhere.
//! - An event's kind may have two letters; funds of 0 of a kind are refused; an admin may be no address.
//! - A contract that asks of itself sees its data as they were before the call.
//! - At a migration the code's number passes for the version of the data.

use super::*;
use leither_state::Read;
use leither_vm::abi::Binary;
use std::collections::BTreeMap;

const VECTORS: &str = include_str!("../../../../tests/multitest/vectors.json");
const SEQUENCE_GAS: u64 = 150_000_000_000;

/// With addresses in the place of names; the longest first, since some are the beginning of others.
fn vectors() -> Value {
    let names = serde_json::from_str::<Value>(VECTORS).unwrap()["names"].clone();
    let mut names: Vec<(&str, &str)> =
        names.as_object().unwrap().iter().map(|(name, to)| (name.as_str(), to.as_str().unwrap())).collect();
    names.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
    let text = names.iter().fold(VECTORS.to_string(), |text, (name, address)| text.replace(*name, address));
    serde_json::from_str(&text).unwrap()
}

/// A message as it is sent: `{"$json": …}` is JSON in base64, `{"$text": …}` text in base64.
fn sent(value: &Value) -> Value {
    match value {
        Value::Object(fields) => match (fields.get("$json"), fields.get("$text")) {
            (Some(inner), _) => base64(&sent(inner)),
            (_, Some(text)) => serde_json::to_value(Binary::from(text.as_str().unwrap().as_bytes())).unwrap(),
            _ => fields.iter().map(|(key, value)| (key.clone(), sent(value))).collect(),
        },
        Value::Array(values) => values.iter().map(sent).collect(),
        other => other.clone(),
    }
}

fn bytes(base64: &Value) -> Vec<u8> {
    serde_json::from_value::<Binary>(base64.clone()).unwrap().into()
}

/// The call of a step; nothing where it cannot even be written as one.
fn call(step: &Value) -> Option<Call> {
    let (verb, fields) = step["do"]["wasm"].as_object().unwrap().iter().next().unwrap();
    let fields = sent(fields);
    let address = |text: &Value| text.as_str().unwrap().parse::<AccountId>().unwrap();
    let msg = Blob::new(bytes(&fields["msg"])).expect("a short message");
    let funds = || {
        let coin = |coin: &Value| {
            let amount = Amount(coin["amount"].as_str().unwrap().parse().unwrap());
            (coin["denom"] == "nmei").then_some(Coin { token: MEI, amount })
        };
        List::new(fields["funds"].as_array().unwrap().iter().map(coin).collect::<Option<Vec<_>>>()?)
    };
    Some(Call::Wasm(match verb.as_str() {
        "execute" => Do::Execute { contract: address(&fields["contract_addr"]), msg, funds: funds()?, gas: SEQUENCE_GAS },
        "migrate" => {
            let code = fields["new_code_id"].as_u64().unwrap();
            Do::Migrate { contract: address(&fields["contract_addr"]), code, msg, gas: SEQUENCE_GAS }
        }
        _ => Do::Instantiate {
            code: fields["code_id"].as_u64().unwrap(),
            msg,
            funds: funds()?,
            label: text(fields["label"].as_str().unwrap()),
            admin: fields["admin"].as_str().map(|text| text.parse().unwrap()),
            salt: fields.get("salt").map(|salt| Blob::new(bytes(salt)).unwrap()),
            gas: SEQUENCE_GAS,
        },
    }))
}

/// Events of contracts, keys in their order.
fn told(events: &[Event]) -> Value {
    let one = |event: &Event| {
        let Event::Wasm(Wasm::Told { contract, kind, attributes }) = event else { return None };
        let own = ("_contract_address".to_string(), contract.to_string());
        let mut pairs = vec![own];
        pairs.extend(attributes.iter().map(|pair| (pair.key.to_string(), pair.value.to_string())));
        pairs.sort_by(|a, b| a.0.cmp(&b.0));
        Some(json!([kind.to_string(), pairs]))
    };
    events.iter().filter_map(one).collect()
}

/// The words in a failure that a contract or an account is told of: the puppet's own, if they are there.
fn own_words(told: &str) -> String {
    let words = told
        .split_once("own words ")
        .map(|(_, rest)| rest.chars().take_while(char::is_ascii_digit).collect::<String>());
    words.map_or(String::new(), |number| format!("own words {number}"))
}

fn reply(line: &str) -> Value {
    let reply: Value = serde_json::from_str(line).unwrap();
    let result = match &reply["result"]["error"] {
        Value::String(error) => {
            assert!(
                error.ends_with(" wasm contract failed") || error.starts_with("codespace: "),
                "neither words nor a number: {error}"
            );
            json!({ "error": if error.starts_with("codespace: ") { String::new() } else { own_words(error) } })
        }
        _ => {
            let done = &reply["result"]["ok"];
            let row = |row: &Value, names: [&str; 2]| json!([row[names[0]], row[names[1]]]);
            let rows = |of: &Value, names| of.as_array().unwrap().iter().map(|one| row(one, names)).collect::<Vec<_>>();
            let event = |event: &Value| json!([event["type"], rows(&event["attributes"], ["key", "value"])]);
            let data = if done["data"].is_null() { json!("") } else { done["data"].clone() };
            json!({ "data": data, "responses": rows(&done["msg_responses"], ["type_url", "value"]),
                "events": done["events"].as_array().unwrap().iter().map(event).collect::<Vec<_>>() })
        }
    };
    json!({ "id": reply["id"], "payload": reply["payload"], "result": result })
}

/// Chains differ in which fields they leave out.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(fields) => fields.into_iter().filter(|(_, value)| !value.is_null()).collect(),
        other => other,
    }
}

/// A record of the puppet's, without what each chain says as it likes.
fn record(key: &str, value: &str) -> Value {
    let read = |value: &str| serde_json::from_str::<Value>(value).unwrap();
    match key {
        "env" => read(value)["contract"]["address"].clone(),
        "info" => read(value),
        "migrated" => read(value)["sender"].clone(),
        "replies" => value.lines().map(reply).collect(),
        key if key.starts_with("reply/") => json!("kept"),
        key if key.starts_with("asked/") => match value.strip_prefix("Ok(Ok(Binary(").and_then(|rest| rest.strip_suffix(")))")) {
            Some(hex) => {
                let bytes = leither_types::json::bytes_of_hex(&format!("0x{hex}")).expect("hex");
                let text = String::from_utf8(bytes).unwrap();
                json!([without_nulls(serde_json::from_str(&text).unwrap_or(json!(text)))])
            }
            None => json!("failed"),
        },
        _ => json!(value),
    }
}

impl Stage {
    fn records(&self, contract: AccountId) -> BTreeMap<String, Value> {
        let prefix = views::data_key(&contract, &[]);
        let rows = self.chain.state().records(&prefix, None, 1_000).unwrap();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        rows.into_iter()
            .map(|(key, value)| (text(&key[prefix.len()..]), record(&text(&key[prefix.len()..]), &text(&value))))
            .collect()
    }
}

/// What cw-multi-test has after each step, of its changes.
#[derive(Clone, Default)]
struct Books {
    contracts: BTreeMap<String, Value>,
    kept: BTreeMap<String, BTreeMap<String, Value>>,
    balances: BTreeMap<String, u128>,
}

impl Books {
    fn turn(&mut self, step: &Value) {
        let fields = |of: &Value| of.as_object().cloned().unwrap_or_default();
        self.contracts.extend(fields(&step["contracts"]));
        for (address, changes) in fields(&step["kept"]) {
            let kept = self.kept.entry(address).or_default();
            for (key, value) in fields(&changes) {
                if value.is_null() {
                    kept.remove(&key)
                } else {
                    kept.insert(key, value)
                };
            }
        }
        self.balances
            .extend(fields(&step["balances"]).into_iter().map(|(who, have)| (who, have.as_str().unwrap().parse().unwrap())));
    }

    fn compare(&self, stage: &Stage, at: &str) {
        for (address, wanted) in &self.contracts {
            let id = address.parse().unwrap();
            let contract = stage.contract(id);
            let admin = contract.admin.map(|admin| admin.to_string());
            let is = json!({ "code": contract.code, "creator": contract.creator.to_string(), "admin": admin, "label": contract.label.to_string() });
            assert_eq!(&is, wanted, "{at}: contract {address}");
            assert_eq!(&stage.records(id), self.kept.get(address).unwrap_or(&BTreeMap::new()), "{at}: data of {address}");
        }
        let made = views::of_code(&**stage.chain.state(), 1, None, 100).unwrap().len()
            + views::of_code(&**stage.chain.state(), 2, None, 100).unwrap().len();
        assert_eq!(made, self.contracts.len(), "{at}: contracts");
        for (who, wanted) in &self.balances {
            assert_eq!(stage.has(who.parse().unwrap()), *wanted, "{at}: balance of {who}");
        }
    }
}

/// Does a step and compares; whether it was done.
fn follow(stage: &mut Stage, books: &mut Books, step: &Value, at: &str) -> bool {
    let sender = ["alice", "bob"].into_iter().find(|name| step["sender"] == account(name).to_string()).expect("a sender");
    books.turn(step);
    let fit = call(step).filter(|call| call.check().is_ok());
    let done = fit.is_some_and(|call| {
        let receipt = stage.chain.call(sender, call);
        match &receipt.status {
            leither_types::Status::Done => {
                let events = stage.chain.events();
                assert_eq!(told(&events), step["events"], "{at}: events");
                let (_, given) = ended(&events);
                let wanted = step["given"].as_str().map(|_| bytes(&step["given"])).unwrap_or_default();
                assert_eq!(given.unwrap_or_default(), wanted, "{at}: data");
                true
            }
            leither_types::Status::Failed(failure) => {
                let why = leither_harness::pallets::describe_error(&failure.error).unwrap();
                assert!(![Why::OutOfGas, Why::Depth, Why::Data, Why::Events].map(refusal).contains(&why), "{at}: {why:?}");
                // Whose words an account hears matters to nobody but a person: it hears the innermost.
                if let Some(words) = step["words"].as_str().filter(|words| !words.is_empty()) {
                    assert_eq!(own_words(&format!("{why:?}")), words, "{at}: {why:?}");
                }
                false
            }
        }
    });
    assert_eq!(done, step["ok"] == true, "{at}: done or refused");
    books.compare(stage, at);
    done
}

#[test]
fn sequences_of_messages_end_as_cw_multi_test_ends_them() {
    let vectors = vectors();
    let mut stage = Stage::new();
    stage.chain.trusting = true;
    let other = [PUPPET, &[0, 2, 1, b'x']].concat();
    for (n, wasm) in [PUPPET, &other].into_iter().enumerate() {
        assert_eq!(
            json!(leither_vm::Checksum(leither_vm::sha256(wasm)).to_string()),
            vectors["codes"][n],
            "the vectors are of this puppet"
        );
        stage.store("alice", wasm);
    }
    let mut books = Books::default();
    for step in vectors["prelude"].as_array().unwrap() {
        assert!(follow(&mut stage, &mut books, step, "prelude"));
    }
    let (mut done, mut refused) = (0, 0);
    for sequence in vectors["sequences"].as_array().unwrap() {
        let mut stage = Stage { chain: stage.chain.clone(), dir: tempfile::tempdir().unwrap() };
        let mut books = books.clone();
        for (n, step) in sequence["steps"].as_array().unwrap().iter().enumerate() {
            let at = format!("seed {}, step {n}", sequence["seed"]);
            if follow(&mut stage, &mut books, step, &at) { done += 1 } else { refused += 1 }
        }
    }
    assert!(done > 300 && refused > 200, "{done} done, {refused} refused");
}
