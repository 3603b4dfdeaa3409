//! Comparing with a golden file, or writing it anew where that was asked for.

use serde_json::Value;
use std::path::PathBuf;
use std::{env, fs};

/// Asks for the files to be written instead of compared.
const UPDATE: &str = "UPDATE_GOLDEN";

/// Panics with the first difference between `made` and `spec/vectors/<name>.json`.
pub fn assert_golden(name: &str, made: &Value) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../spec/vectors").join(format!("{name}.json"));
    let text = serde_json::to_string_pretty(made).expect("JSON values have a text") + "\n";
    if env::var_os(UPDATE).is_some() {
        fs::write(&path, text).expect("the golden file can be written");
        return;
    }
    let kept = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}; {UPDATE}=1 writes it", path.display()));
    let kept: Value = serde_json::from_str(&kept).expect("the golden file is JSON");
    if let Some(difference) = difference(&kept, made, String::new()) {
        panic!(
            "{name}.json: {difference}\nBytes that others rely on have changed. If that is meant: {UPDATE}=1, and say so in the changelog."
        );
    }
}

/// Where two values differ first, as a JSON pointer.
pub fn difference(kept: &Value, made: &Value, at: String) -> Option<String> {
    match (kept, made) {
        (Value::Object(a), Value::Object(b)) => {
            let names: std::collections::BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            let null = &Value::Null;
            let mut names = names.into_iter();
            names.find_map(|name| difference(a.get(name).unwrap_or(null), b.get(name).unwrap_or(null), format!("{at}/{name}")))
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            a.iter().zip(b).enumerate().find_map(|(n, (a, b))| difference(a, b, format!("{at}/{n}")))
        }
        _ => (kept != made).then(|| format!("at {at}\n kept: {}\n made: {}", shown(kept), shown(made))),
    }
}

/// A value's text, cut where a reader has seen enough.
fn shown(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(200) {
        Some((end, _)) => format!("{}… ({} bytes)", &text[..end], text.len()),
        None => text,
    }
}
