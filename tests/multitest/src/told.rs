//! What is compared, in one form: no texts that each chain words as it likes, nothing of times and gas.

use cosmwasm_std::{Binary, Event, Reply, SubMsgResult};
use serde_json::{json, Value};

/// A message as it is sent: `{"$json": …}` is JSON in base64, `{"$text": …}` text in base64.
pub fn sent(value: &Value) -> Value {
    match value {
        Value::Object(fields) => match (fields.get("$json"), fields.get("$text")) {
            (Some(inner), _) => base64(sent(inner).to_string().as_bytes()),
            (_, Some(text)) => base64(text.as_str().expect("a text").as_bytes()),
            _ => fields.iter().map(|(key, value)| (key.clone(), sent(value))).collect(),
        },
        Value::Array(values) => values.iter().map(sent).collect(),
        other => other.clone(),
    }
}

fn base64(bytes: &[u8]) -> Value {
    json!(Binary::from(bytes))
}

/// The data in what a message was answered with (protobuf: the first field, after an address the second).
pub fn data(answer: Option<&[u8]>, is_birth: bool) -> Value {
    let mut rest = answer.unwrap_or_default();
    let wanted = if is_birth { 0x12 } else { 0x0a };
    while let [tag, more @ ..] = rest {
        let (mut length, mut at) = (0usize, 0);
        loop {
            length |= usize::from(more[at] & 0x7f) << (7 * at);
            at += 1;
            if more[at - 1] < 0x80 {
                break;
            }
        }
        let (field, after) = more[at..].split_at(length);
        if *tag == wanted {
            return base64(field);
        }
        rest = after;
    }
    Value::Null
}

/// Of contracts alone; attributes in the order of their keys, as wasmd tells them to contracts. `mode` wasmd has no more.
pub fn events(all: &[Event], wanted: impl Fn(&str) -> bool) -> Value {
    let one = |event: &Event| {
        let mut pairs: Vec<_> = event.attributes.iter().map(|a| (a.key.trim().to_string(), a.value.trim().to_string())).collect();
        pairs.retain(|(key, _)| !(event.ty == "reply" && key == "mode"));
        pairs.sort_by(|a, b| a.0.cmp(&b.0));
        json!([event.ty, pairs])
    };
    all.iter().filter(|event| wanted(&event.ty)).map(one).collect()
}

/// The words that a contract failed with, where its caller is told them in wasmd: those of the contract that was called itself. What failed
/// further down, or at a reply, is a number there; cw-multi-test tells all of it.
pub fn own_words(error: &str) -> String {
    let levels = error.matches("Error executing WasmMsg").count();
    // The last line is the innermost error; those before it show the messages that led there.
    let shown = error.replace("\\n", "\n");
    let error = shown.lines().last().unwrap_or_default();
    let words = error.find("own words ").map(|at| error[at..].chars().take_while(|c| c.is_ascii_alphanumeric() || *c == ' '));
    match (levels, words) {
        (1, Some(words)) => words.collect::<String>().trim_end().to_string(),
        _ => String::new(),
    }
}

fn reply(line: &str) -> Value {
    let reply: Reply = serde_json::from_str(line).expect("a reply");
    let result = match reply.result {
        SubMsgResult::Err(error) => json!({ "error": own_words(&error) }),
        #[allow(deprecated)]
        SubMsgResult::Ok(done) => {
            let by_contract =
                |kind: &str| kind.starts_with("wasm") || ["execute", "instantiate", "migrate", "reply"].contains(&kind);
            let responses: Vec<_> = done.msg_responses.iter().map(|r| json!([r.type_url, r.value])).collect();
            json!({ "data": done.data.unwrap_or_default(), "responses": responses, "events": events(&done.events, by_contract) })
        }
    };
    json!({ "id": reply.id, "payload": reply.payload, "result": result })
}

/// A record of the puppet's.
pub fn record(key: &[u8], value: &[u8]) -> (String, Value) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("a puppet writes text");
    let (key, value) = (text(key), text(value));
    let read = |value: &str| serde_json::from_str::<Value>(value).expect("the puppet wrote JSON");
    let told = match key.as_str() {
        "env" => read(&value)["contract"]["address"].clone(),
        "info" => read(&value),
        // cw-multi-test takes the code's number for the version of the data.
        "migrated" => read(&value)["sender"].clone(),
        "replies" => value.lines().map(reply).collect(),
        // What is to be done at a reply is only kept for later.
        key if key.starts_with("reply/") => json!("kept"),
        key if key.starts_with("asked/") => asked(&value),
        _ => json!(value),
    };
    (key, told)
}

/// Chains differ in which fields they leave out.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(fields) => fields.into_iter().filter(|(_, value)| !value.is_null()).collect(),
        other => other,
    }
}

/// An answer in the form that Rust shows it in; a failure is worded by each chain.
fn asked(shown: &str) -> Value {
    let bytes = shown.strip_prefix("Ok(Ok(Binary(").and_then(|rest| rest.strip_suffix(")))"));
    match bytes {
        // Answers are JSON, but for raw data, which are text in a puppet.
        Some(hex) => {
            let digits: Vec<char> = hex.chars().collect();
            let byte = |pair: &[char]| u8::from_str_radix(&pair.iter().collect::<String>(), 16).expect("hex");
            let text = String::from_utf8(digits.chunks(2).map(byte).collect()).expect("text");
            json!([without_nulls(serde_json::from_str(&text).unwrap_or(json!(text)))])
        }
        None => json!("failed"),
    }
}
