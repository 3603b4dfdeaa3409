//! Whether JSON fits a schema, as far as the schemas of contracts go: types, properties, variants, references, bounds. `pattern`, `format` and what else
//! a schema may say are not looked at: then the contract itself has the last word.

use serde_json::{Map, Value};
use std::cell::Cell;
use std::cmp::Ordering;

/// References and parts within one another.
const DEPTH_MAX: usize = 256;
/// Looks at parts of the schema in all: variants within variants multiply.
const LOOKS_MAX: u32 = 1_000_000;
/// Names of variants that a sentence lists.
const NAMES_MAX: usize = 32;

/// Where, and what is wrong.
struct Misfit {
    at: String,
    why: String,
    /// How far in it is: of several variants the one that came furthest was meant.
    depth: usize,
}

type Fit = Result<(), Misfit>;

/// What does not fit, with its place; nothing where all does.
pub fn misfit(schema: &Value, value: &Value) -> Option<String> {
    let looks = Cell::new(0);
    let place = Place { root: schema, at: String::new(), depth: 0, within: 0, looks: &looks };
    let misfit = place.check(schema, value).err()?;
    Some(if misfit.at.is_empty() { misfit.why } else { format!("at {}: {}", misfit.at, misfit.why) })
}

#[derive(Clone)]
struct Place<'a> {
    root: &'a Value,
    at: String,
    depth: usize,
    /// References and variants that led here.
    within: usize,
    looks: &'a Cell<u32>,
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

fn is_of(name: &str, value: &Value) -> bool {
    match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|n| n.fract() == 0.0),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => true,
    }
}

fn named(name: &str) -> &str {
    match name {
        "boolean" => "true or false",
        "integer" => "a whole number",
        "number" => "a number",
        "string" => "a text",
        "array" => "a list",
        "object" => "an object",
        other => other,
    }
}

fn compared(a: &Value, b: &Value) -> Option<Ordering> {
    let whole = |value: &Value| value.as_i64().map(i128::from).or(value.as_u64().map(i128::from));
    match (whole(a), whole(b)) {
        (Some(a), Some(b)) => Some(a.cmp(&b)),
        _ => a.as_f64()?.partial_cmp(&b.as_f64()?),
    }
}

fn list(schema: &Map<String, Value>, key: &str) -> Vec<String> {
    let all = schema.get(key).and_then(Value::as_array).into_iter().flatten();
    all.filter_map(|item| item.as_str().map(String::from)).collect()
}

impl<'a> Place<'a> {
    fn wrong<T>(&self, why: impl Into<String>) -> Result<T, Misfit> {
        Err(Misfit { at: self.at.clone(), why: why.into(), depth: self.depth })
    }

    fn within(&self, step: &str) -> Self {
        Self { at: format!("{}{step}", self.at), depth: self.depth.saturating_add(1), ..self.clone() }
    }

    fn further(&self) -> Result<Self, Misfit> {
        let within = self.within.saturating_add(1);
        self.looks.set(self.looks.get().saturating_add(1));
        if within > DEPTH_MAX || self.looks.get() > LOOKS_MAX {
            // Whatever else does not fit, this is told.
            let why = "the schema refers to itself without end, or the message nests too deeply".into();
            return Err(Misfit { at: self.at.clone(), why, depth: usize::MAX });
        }
        Ok(Self { within, ..self.clone() })
    }

    fn check(&self, schema: &'a Value, value: &Value) -> Fit {
        let schema = match schema {
            Value::Bool(false) => return self.wrong("nothing may stand here"),
            Value::Object(schema) => schema,
            _ => return Ok(()),
        };
        let here = self.further()?;
        if let Some(name) = schema.get("$ref").and_then(Value::as_str) {
            let found = name.strip_prefix('#').and_then(|pointer| self.root.pointer(pointer));
            return match found {
                Some(found) => here.check(found, value),
                None => self.wrong(format!("the schema refers to `{name}`, which it does not have")),
            };
        }
        here.kind(schema, value)?;
        here.bounds(schema, value)?;
        for part in schema.get("allOf").and_then(Value::as_array).into_iter().flatten() {
            here.check(part, value)?;
        }
        for (key, is_one) in [("anyOf", false), ("oneOf", true)] {
            if let Some(variants) = schema.get(key).and_then(Value::as_array) {
                here.variants(variants, value, is_one)?;
            }
        }
        match value {
            Value::Object(fields) => here.object(schema, fields),
            Value::Array(items) => here.array(schema, items),
            _ => Ok(()),
        }
    }

    fn kind(&self, schema: &Map<String, Value>, value: &Value) -> Fit {
        let kinds = match schema.get("type") {
            Some(Value::String(one)) => vec![one.clone()],
            _ => list(schema, "type"),
        };
        if !kinds.is_empty() && !kinds.iter().any(|name| is_of(name, value)) {
            let kinds: Vec<&str> = kinds.iter().map(|name| named(name)).collect();
            return self.wrong(format!("expected {}, not {}", kinds.join(" or "), kind(value)));
        }
        if schema.get("const").is_some_and(|only| only != value) {
            return self.wrong(format!("expected {}", schema.get("const").unwrap_or(&Value::Null)));
        }
        match schema.get("enum").and_then(Value::as_array) {
            Some(all) if !all.contains(value) => {
                let all: Vec<String> = all.iter().take(NAMES_MAX).map(ToString::to_string).collect();
                self.wrong(format!("expected one of {}", all.join(", ")))
            }
            _ => Ok(()),
        }
    }

    fn bounds(&self, schema: &Map<String, Value>, value: &Value) -> Fit {
        for (key, too, words) in [("minimum", Ordering::Less, "at least"), ("maximum", Ordering::Greater, "at most")] {
            let bound = schema.get(key).filter(|_| value.is_number());
            if let Some(bound) = bound.filter(|bound| compared(value, bound) == Some(too)) {
                return self.wrong(format!("expected {words} {bound}, not {value}"));
            }
        }
        let (length, keys) = match value {
            Value::String(text) => (text.chars().count(), ["minLength", "maxLength"]),
            Value::Array(items) => (items.len(), ["minItems", "maxItems"]),
            _ => return Ok(()),
        };
        let [least, most] = keys.map(|key| schema.get(key).and_then(Value::as_u64));
        if least.is_some_and(|least| (length as u64) < least) || most.is_some_and(|most| length as u64 > most) {
            let bound = |bound: Option<u64>| bound.map_or_else(|| "any".into(), |n| n.to_string());
            return self.wrong(format!("its length is {length}; {} to {} is allowed", bound(least), bound(most)));
        }
        Ok(())
    }

    fn variants(&self, variants: &'a [Value], value: &Value, is_one: bool) -> Fit {
        let mut furthest: Option<Misfit> = None;
        let mut fitting = 0usize;
        for variant in variants {
            match self.check(variant, value) {
                Ok(()) => fitting = fitting.saturating_add(1),
                Err(misfit) if furthest.as_ref().is_none_or(|other| misfit.depth > other.depth) => furthest = Some(misfit),
                Err(_) => {}
            }
        }
        match (fitting, furthest) {
            (0, Some(misfit)) if variants.len() == 1 || misfit.depth > self.depth => Err(misfit),
            (0, _) => {
                let names: Vec<String> = variants.iter().flat_map(|variant| self.names(variant)).take(NAMES_MAX).collect();
                match names.is_empty() {
                    true => self.wrong(format!("{} fits none of what is allowed here", kind(value))),
                    false => self.wrong(format!("expected one of {}", names.join(", "))),
                }
            }
            (1, _) => Ok(()),
            _ if is_one => self.wrong("it fits several of what is allowed here, where one is meant"),
            _ => Ok(()),
        }
    }

    /// What a variant is called: its one field, or the texts that it is.
    fn names(&self, variant: &Value) -> Vec<String> {
        let Value::Object(schema) = variant else { return Vec::new() };
        match schema.get("type").and_then(Value::as_str) {
            Some("object") => list(schema, "required").into_iter().take(1).collect(),
            Some("string") => list(schema, "enum"),
            Some(other) => vec![named(other).into()],
            None => Vec::new(),
        }
    }

    fn object(&self, schema: &'a Map<String, Value>, fields: &Map<String, Value>) -> Fit {
        let properties = schema.get("properties").and_then(Value::as_object);
        for (name, value) in fields {
            match (properties.and_then(|all| all.get(name)), schema.get("additionalProperties")) {
                (Some(property), _) => self.within(&format!(".{name}")).check(property, value)?,
                (None, Some(Value::Bool(false))) => {
                    let known: Vec<&str> =
                        properties.into_iter().flat_map(Map::keys).take(NAMES_MAX).map(String::as_str).collect();
                    let known = if known.is_empty() { "none".into() } else { known.join(", ") };
                    return self.wrong(format!("there is no field `{name}`; it has: {known}"));
                }
                (None, Some(other)) => self.within(&format!(".{name}")).check(other, value)?,
                (None, None) => {}
            }
        }
        match list(schema, "required").into_iter().find(|name| !fields.contains_key(name)) {
            Some(missing) => self.wrong(format!("the field `{missing}` is missing")),
            None => Ok(()),
        }
    }

    fn array(&self, schema: &'a Map<String, Value>, items: &[Value]) -> Fit {
        for (n, value) in items.iter().enumerate() {
            let rule = match schema.get("items") {
                Some(Value::Array(places)) => places.get(n).or(schema.get("additionalItems")),
                other => other,
            };
            if let Some(rule) = rule {
                self.within(&format!("[{n}]")).check(rule, value)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::templates::TEMPLATES;
    use serde_json::json;

    /// As cosmwasm-schema writes a token's messages.
    fn token() -> Value {
        let object = |required: &[&str], properties: Value| json!({ "type": "object", "required": required, "properties": properties, "additionalProperties": false });
        let variant = |name: &str, inner: Value| object(&[name], json!({ name: inner }));
        let amount = json!({ "allOf": [{ "$ref": "#/definitions/Uint128" }] });
        json!({
            "oneOf": [
                variant("transfer", object(&["amount", "recipient"], json!({ "amount": amount, "recipient": { "type": "string" } }))),
                variant("set", object(&["level"], json!({ "level": { "type": "integer", "minimum": 0.0, "maximum": 255.0 }, "memo": { "type": ["string", "null"], "maxLength": 3 } }))),
                variant("pay", object(&["to"], json!({ "to": { "type": "array", "items": [{ "type": "string" }, { "$ref": "#/definitions/Uint128" }], "maxItems": 2, "minItems": 2 } }))),
                { "type": "string", "enum": ["pause"] },
            ],
            "definitions": { "Uint128": { "type": "string" }, "Loop": { "$ref": "#/definitions/Loop" } },
        })
    }

    #[test]
    fn what_fits_passes_and_what_does_not_is_told_with_its_place() {
        let says = |value: Value| misfit(&token(), &value).unwrap_or_default();
        for fine in [
            json!({ "transfer": { "amount": "5", "recipient": "bob" } }),
            json!({ "set": { "level": 7, "memo": null } }),
            json!({ "pay": { "to": ["bob", "5"] } }),
            json!("pause"),
        ] {
            assert_eq!(misfit(&token(), &fine), None, "{fine}");
        }
        for (value, words) in [
            (
                json!({ "transfer": { "amount": 5, "recipient": "bob" } }),
                "at .transfer.amount: expected a text, not a number",
            ),
            (json!({ "transfer": { "amount": "5" } }), "at .transfer: the field `recipient` is missing"),
            (
                json!({ "transfer": { "amount": "5", "recipient": "b", "to": 1 } }),
                "at .transfer: there is no field `to`; it has: amount, recipient",
            ),
            (json!({ "set": { "level": 256 } }), "at .set.level: expected at most 255"),
            (json!({ "set": { "level": 1.5 } }), "at .set.level: expected a whole number, not a number"),
            (json!({ "set": { "level": 1, "memo": "long" } }), "at .set.memo: its length is 4; any to 3 is allowed"),
            (json!({ "pay": { "to": ["bob", 5] } }), "at .pay.to[1]: expected a text, not a number"),
            (json!({ "trasnfer": {} }), "expected one of transfer, set, pay, pause"),
            (json!("stop"), "expected one of transfer, set, pay, pause"),
        ] {
            assert!(says(value.clone()).starts_with(words), "{value}: {}", says(value.clone()));
        }
    }

    #[test]
    fn a_schema_without_end_ends() {
        let schema = json!({ "$ref": "#/definitions/Loop", "definitions": { "Loop": { "$ref": "#/definitions/Loop" } } });
        assert!(misfit(&schema, &json!({})).unwrap().contains("without end"));
        let both = json!([{ "$ref": "#/definitions/Twice" }, { "$ref": "#/definitions/Twice" }]);
        let twice = json!({ "$ref": "#/definitions/Twice", "definitions": { "Twice": { "anyOf": both } } });
        assert!(misfit(&twice, &json!({})).unwrap().contains("without end"));
        assert!(misfit(&json!({ "$ref": "#/definitions/No" }), &json!({})).unwrap().contains("does not have"));
        assert_eq!(misfit(&json!(true), &json!({})), None);
        assert!(misfit(&json!(false), &json!({})).is_some());
    }

    #[test]
    fn the_schemas_of_templates_take_what_the_templates_take() {
        let template = TEMPLATES.iter().find(|template| template.name == "content-reward").unwrap();
        let schemas = template.schemas();
        assert_eq!(misfit(&schemas["execute"], &json!({ "deposit": {} })), None);
        let why = misfit(&schemas["execute"], &json!({ "deposit": { "amount": 1 } })).unwrap();
        assert!(why.contains(".deposit") && why.contains("`amount`"), "{why}");
    }
}
