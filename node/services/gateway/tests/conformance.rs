//! GW-1 to GW-11: the public conformance cases for IPFS gateways, as data: see the README beside the vectors.

mod common;

use axum::body::Body;
use bytes::Bytes;
use common::fixtures;
use http::{HeaderMap, Request};
use http_body_util::BodyExt;
use leither_gateway::{Config, Gateway};
use leither_kit::{Cid, car};
use serde_json::Value;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use tower::ServiceExt;

/// An answer, whole.
struct Answer {
    status: u16,
    headers: HeaderMap,
    body: Bytes,
}

impl Answer {
    /// Several lines count as one value.
    fn header(&self, name: &str) -> Option<String> {
        let lines: Vec<String> =
            self.headers.get_all(name).iter().map(|line| String::from_utf8_lossy(line.as_bytes()).into_owned()).collect();
        (!lines.is_empty()).then(|| lines.join(", "))
    }
}

async fn ask(gateway: &Gateway, request: &Value, variables: &BTreeMap<String, String>) -> Answer {
    let text = |key: &str| request[key].as_str().unwrap_or_default();
    let uri = if text("query").is_empty() { text("path").to_string() } else { format!("{}?{}", text("path"), text("query")) };
    let host = request["host"].as_str().unwrap_or("127.0.0.1:4800");
    let mut built = Request::builder().method(text("method")).uri(uri).header("host", host);
    for (name, value) in request["headers"].as_object().unwrap() {
        let value = variables.iter().fold(value.as_str().unwrap().to_string(), |value, (variable, with)| {
            value.replace(&format!("${{{variable}}}"), with)
        });
        built = built.header(name, value);
    }
    let response = gateway.router().oneshot(built.body(Body::empty()).unwrap()).await.unwrap();
    let (parts, mut body) = response.into_parts();
    let mut bytes = Vec::new();
    // A stream that breaks off leaves what came before.
    while let Some(Ok(frame)) = body.frame().await {
        bytes.extend_from_slice(frame.data_ref().unwrap_or(&Bytes::new()));
    }
    Answer { status: parts.status.as_u16(), headers: parts.headers, body: bytes.into() }
}

/// What is wrong with a value; nothing if the matcher is met. Nothing stands for a header that is not there.
fn mismatch(matcher: &Value, value: Option<&[u8]>) -> Option<String> {
    let (kind, wanted) = matcher.as_object().unwrap().iter().next().unwrap();
    let shown = value.map_or("(absent)".into(), |value| String::from_utf8_lossy(value).chars().take(600).collect::<String>());
    let contains = |needle: &str| value.is_some_and(|value| String::from_utf8_lossy(value).contains(needle));
    let met = match kind.as_str() {
        "equals" => value == Some(wanted.as_str().unwrap().as_bytes()),
        "equals_base64" => {
            let bytes = leither_kit::multibase::Base::Base64Pad.decode(wanted.as_str().unwrap()).unwrap();
            value == Some(bytes.as_slice())
        }
        "contains" => contains(wanted.as_str().unwrap()),
        "not_contains" => !contains(wanted.as_str().unwrap()),
        "regex" => value
            .is_some_and(|value| regex::Regex::new(wanted.as_str().unwrap()).unwrap().is_match(&String::from_utf8_lossy(value))),
        "present" => value.is_some_and(|value| !value.is_empty()),
        "absent" => value.is_none(),
        "all_of" => return wanted.as_array().unwrap().iter().find_map(|matcher| mismatch(matcher, value)),
        "any_of" => wanted.as_array().unwrap().iter().any(|matcher| mismatch(matcher, value).is_none()),
        "cache_control" => {
            let text = String::from_utf8_lossy(value.unwrap_or_default()).into_owned();
            let have: HashSet<&str> = text.split(',').map(str::trim).collect();
            let age = have.iter().find_map(|one| one.strip_prefix("max-age=")).and_then(|age| age.parse::<u64>().ok());
            wanted["directives"].as_array().unwrap().iter().all(|one| have.contains(one.as_str().unwrap()))
                && age >= wanted["min_max_age"].as_u64()
        }
        "car" => return car_mismatch(wanted, value.unwrap_or_default()),
        other => panic!("the matcher {other} is not known to this test"),
    };
    (!met).then(|| format!("{kind} {wanted}, but got: {shown}"))
}

fn car_mismatch(wanted: &Value, body: &[u8]) -> Option<String> {
    assert_eq!((&wanted["version"], &wanted["roots"]), (&Value::from(1), &Value::from("any")), "not known to this test");
    let reader = match car::Reader::new(body) {
        Ok(reader) if reader.roots().is_empty() => return Some("the CAR has no root".into()),
        Ok(reader) => reader,
        Err(error) => return Some(error.to_string()),
    };
    // Each block is verified by the reader.
    let have: Vec<Cid> = match reader.map(|section| section.map(|(cid, _)| cid)).collect() {
        Ok(have) => have,
        Err(error) => return Some(error.to_string()),
    };
    let want: Vec<Cid> = wanted["blocks"].as_array().unwrap().iter().map(|cid| cid.as_str().unwrap().parse().unwrap()).collect();
    let (a, b): (HashSet<_>, HashSet<_>) = (have.iter().collect(), want.iter().collect());
    let met = match wanted["match"].as_str().unwrap() {
        "sequence" => have == want,
        "set" => a == b,
        "superset" => a.is_superset(&b),
        other => panic!("the match {other} is not known to this test"),
    };
    (!met).then(|| format!("{} of {} blocks, but got {}: {have:?}", wanted["match"], want.len(), have.len()))
}

fn wrong(expect: &Value, answer: &Answer) -> Option<String> {
    let statuses: Vec<u64> = match &expect["status"] {
        Value::Array(all) => all.iter().map(|status| status.as_u64().unwrap()).collect(),
        one => vec![one.as_u64().unwrap()],
    };
    if !statuses.contains(&answer.status.into()) {
        let body = String::from_utf8_lossy(&answer.body).chars().take(300).collect::<String>();
        return Some(format!("status {statuses:?}, but got {}: {body}", answer.status));
    }
    for (name, matcher) in expect["headers"].as_object().unwrap() {
        if let Some(why) = mismatch(matcher, answer.header(name).as_deref().map(str::as_bytes)) {
            return Some(format!("{name}: {why}"));
        }
    }
    if let Some(why) = expect.get("body").and_then(|matcher| mismatch(matcher, Some(&answer.body))) {
        return Some(format!("body: {why}"));
    }
    let alternatives = expect.get("alternatives")?.as_array().unwrap();
    let all: Vec<String> = alternatives.iter().map_while(|one| wrong(one, answer)).collect();
    (all.len() == alternatives.len()).then(|| format!("no alternative: {}", all.join(" | ")))
}

async fn run(gateway: &Gateway, case: &Value) -> Option<String> {
    let mut variables = BTreeMap::new();
    if let Some(before) = case.get("before") {
        let answer = ask(gateway, &before["request"], &variables).await;
        if let Some(why) = wrong(&before["expect"], &answer) {
            return Some(format!("before: {why}"));
        }
        for (variable, from) in before["capture"].as_object().unwrap() {
            let value = answer.header(from["header"].as_str().unwrap()).unwrap();
            let value = match from["take"].as_str().unwrap() {
                "whole" => value,
                "opaque" => value.split('"').nth(1).unwrap().to_string(),
                other => panic!("the capture {other} is not known to this test"),
            };
            variables.insert(variable.clone(), value);
        }
    }
    wrong(&case["expect"], &ask(gateway, &case["request"], &variables).await)
}

// GW-1, GW-2, GW-4, GW-6, GW-7, GW-8, GW-9, GW-10, GW-11
#[tokio::test]
async fn the_public_conformance_cases_pass() {
    let Some(root) = common::vectors() else {
        println!("skipped: no conformance vectors here; name their folder in LEITHER_VECTORS");
        return;
    };
    let cases: Vec<Value> = serde_json::from_slice(&std::fs::read(root.join("gateway/cases.json")).unwrap()).unwrap();
    let source = Arc::new(fixtures(&root.join("gateway/fixtures")));
    let gateway = Gateway::new(source, Config { hosts: vec!["example.com".into()], ..Config::default() }).unwrap();
    let (mut passed, mut wording, mut failed) = (0, Vec::new(), Vec::new());
    for case in &cases {
        let id = case["id"].as_str().unwrap();
        let tags: Vec<&str> = case["tags"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        match run(&gateway, case).await {
            None => passed += 1,
            // Another gateway's words are not ours to keep.
            Some(why) if tags.iter().any(|tag| matches!(*tag, "kubo-html" | "error-text")) => {
                wording.push(format!("{id}: {why}"))
            }
            Some(why) => failed.push(format!("{id}: {why}")),
        }
    }
    println!(
        "{passed} of {} cases pass; {} differ in another gateway's wording, {} fail",
        cases.len(),
        wording.len(),
        failed.len()
    );
    for line in wording.iter().chain(&failed) {
        println!("  {line}");
    }
    assert!(!cases.is_empty() && failed.is_empty(), "{} cases fail", failed.len());
}
