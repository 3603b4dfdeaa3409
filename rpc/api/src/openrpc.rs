//! The OpenRPC document, generated from the list of methods. `spec/openrpc.json` is this very document; a test holds them together.

use crate::{Kind, MethodInfo, Reason, methods};
use schemars::generate::SchemaSettings;
use schemars::{Schema, SchemaGenerator};
use serde_json::{Value, json};

/// The version of the OpenRPC specification that the document follows.
pub const OPENRPC_VERSION: &str = "1.3.2";

/// Refusals that any method may give.
const COMMON: &[Reason] = &[Reason::InvalidParams, Reason::Internal, Reason::RateLimited, Reason::Busy, Reason::Timeout];

/// The document.
pub fn document() -> Value {
    let settings = SchemaSettings::draft07().with(|s| {
        s.definitions_path = "/components/schemas".into();
        s.meta_schema = None;
    });
    let mut generator = settings.into_generator();
    let methods: Vec<Value> = methods::ALL.iter().map(|info| method(info, &mut generator)).collect();
    let schemas = generator.take_definitions(true);
    json!({
        "openrpc": OPENRPC_VERSION,
        "info": {
            "title": "Leither node",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "JSON-RPC 2.0 over HTTP POST and WebSocket on one port. Numbers of 64 bits and more are decimal strings, \
                bytes are 0x-hex, ids are bech32m. Parameters are taken by position and by name. spec/rpc.md tells the rest.",
            "license": { "name": "Apache-2.0" },
        },
        "servers": [{ "name": "local node", "url": "http://127.0.0.1:4802" }],
        "methods": methods,
        "components": { "schemas": schemas, "errors": errors() },
    })
}

fn errors() -> Value {
    Reason::ALL
        .iter()
        .map(|reason| (reason.word().to_owned(), error(*reason)))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

fn error(reason: Reason) -> Value {
    json!({ "code": reason.code(), "message": reason.meaning(), "data": { "reason": reason.word() } })
}

fn method(info: &MethodInfo, generator: &mut SchemaGenerator) -> Value {
    let result_name = (info.result_name)();
    let result = match info.kind {
        Kind::Call => json!({ "name": result_name, "schema": (info.result)(generator) }),
        Kind::Subscription { .. } => json!({
            "name": "subscription",
            "summary": "The subscription's id.",
            "schema": { "type": ["integer", "string"] },
        }),
    };
    let errors: Vec<Value> = info
        .errors
        .iter()
        .chain(COMMON)
        .map(|r| json!({ "$ref": format!("#/components/errors/{}", r.word()) }))
        .collect();
    let mut method = json!({
        "name": info.name,
        "summary": info.summary,
        "tags": [{ "name": info.name.split(['_', '.']).next().unwrap_or_default() }],
        "paramStructure": "either",
        "params": params(info, generator),
        "result": result,
        "errors": errors,
    });
    if let Kind::Subscription { notification, end } = info.kind {
        // OpenRPC has no word for notifications; an extension field may carry them.
        method["x-subscription"] =
            json!({ "notification": notification, "unsubscribe": end, "params": { "result": (info.result)(generator) } });
    }
    method
}

fn params(info: &MethodInfo, generator: &mut SchemaGenerator) -> Vec<Value> {
    let schema = (info.params)(generator);
    let required: Vec<&str> = list(&schema, "required").iter().filter_map(Value::as_str).collect();
    let properties = schema.get("properties").and_then(Value::as_object);
    let field = |name: &&str| {
        let mut of_field = properties.and_then(|all| all.get(*name)).cloned().unwrap_or(json!({}));
        // What is said of the parameter belongs to the parameter; its type has its own description.
        let summary = of_field.as_object_mut().and_then(|object| object.remove("description"));
        let mut param = json!({ "name": name, "required": required.contains(name), "schema": of_field });
        if let Some(summary) = summary {
            param["summary"] = summary;
        }
        param
    };
    (info.fields)().iter().map(field).collect()
}

fn list<'a>(schema: &'a Schema, key: &str) -> &'a [Value] {
    schema.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}
