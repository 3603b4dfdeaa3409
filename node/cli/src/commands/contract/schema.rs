//! `--schema`: what a contract understands that is no template, as `cosmwasm-schema` writes it.

use super::fits::misfit;
use crate::exit::{Done, Failure};
use crate::files;
use crate::templates::Door;
use clap::Args;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// A schema is no longer than this.
const SCHEMA_BYTES_MAX: u64 = 4 << 20;
/// Files of a folder that are looked into.
const FILES_MAX: usize = 64;

/// What a contract understands.
#[derive(Args, Clone, Debug, Default)]
pub struct SchemaFlag {
    /// The contract's JSON schemas, as cosmwasm-schema writes them: the file that has all of them, or the folder. The message is checked by them
    /// before anything is sent.
    #[arg(long, value_name = "FILE|FOLDER")]
    schema: Option<PathBuf>,
}

fn name(door: Door) -> &'static str {
    match door {
        Door::Instantiate => "instantiate",
        Door::Execute => "execute",
        Door::Query => "query",
    }
}

fn read(path: &Path) -> Done<Value> {
    let bytes = files::read_within(path, SCHEMA_BYTES_MAX)
        .map_err(|e| Failure::usage(format!("--schema: cannot read {}: {e}", path.display())))?;
    serde_json::from_slice(&bytes).map_err(|e| Failure::usage(format!("--schema: {} has no JSON: {e}", path.display())))
}

/// What a file has for a door: its part of the whole, or the file where it is of this door alone.
fn of_file(whole: Value, door: Door) -> Option<Value> {
    match whole {
        Value::Object(mut parts) if parts.contains_key("instantiate") || parts.contains_key("idl_version") => {
            // Written as null where the contract has no such door.
            parts.remove(name(door)).filter(|part| !part.is_null())
        }
        other => Some(other),
    }
}

/// `execute.json`, `execute_msg.json`, also in `schema` and `raw` below; else the file that has all.
fn in_folder(folder: &Path, door: Door) -> Done<Option<Value>> {
    let folders = [folder.join("schema/raw"), folder.join("schema"), folder.join("raw"), folder.to_path_buf()];
    for folder in folders.iter().filter(|folder| folder.is_dir()) {
        for file in [format!("{}.json", name(door)), format!("{}_msg.json", name(door))] {
            if folder.join(&file).is_file() {
                return Ok(Some(read(&folder.join(&file))?));
            }
        }
        let entries =
            std::fs::read_dir(folder).map_err(|e| Failure::usage(format!("--schema: cannot read {}: {e}", folder.display())))?;
        let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        files.sort();
        for file in files.iter().filter(|file| file.extension().is_some_and(|end| end == "json")).take(FILES_MAX) {
            let whole = read(file)?;
            if whole.get("idl_version").is_some() {
                return Ok(of_file(whole, door));
            }
        }
    }
    Ok(None)
}

impl SchemaFlag {
    /// Whether the contract would understand a message; where none is given, nothing is said.
    pub fn check(&self, door: Door, message: &Value) -> Done {
        let Some(path) = &self.schema else { return Ok(()) };
        let (shown, verb) = (path.display(), name(door));
        let found = if path.is_dir() { in_folder(path, door)? } else { of_file(read(path)?, door) };
        let schema = found.ok_or_else(|| Failure::usage(format!("--schema: {shown} has no schema of `{verb}`")))?;
        match misfit(&schema, message) {
            None => Ok(()),
            Some(why) => Err(Failure::usage(format!(
                "the contract would not understand this as `{verb}`: {why}. {shown} says what it understands"
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn whole() -> Value {
        let transfer = json!({ "type": "object", "required": ["amount"], "properties": { "amount": { "type": "string" } }, "additionalProperties": false });
        let execute = json!({ "oneOf": [{ "type": "object", "required": ["transfer"], "properties": { "transfer": transfer }, "additionalProperties": false }] });
        json!({ "contract_name": "c", "idl_version": "1.0.0", "instantiate": { "type": "object" }, "execute": execute, "query": null })
    }

    #[test]
    fn a_schema_is_found_in_every_place_where_tools_write_it() {
        let dir = tempfile::tempdir().unwrap();
        let (good, bad) = (json!({ "transfer": { "amount": "5" } }), json!({ "transfer": { "amount": 5 } }));
        let check = |path: &Path, message: &Value| SchemaFlag { schema: Some(path.into()) }.check(Door::Execute, message);
        let write = |path: &Path, value: &Value| {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, value.to_string()).unwrap();
        };
        let file = dir.path().join("a/schema/c.json");
        write(&file, &whole());
        write(&dir.path().join("b/schema/raw/execute.json"), &whole()["execute"]);
        write(&dir.path().join("c/execute_msg.json"), &whole()["execute"]);
        for path in [file.clone(), dir.path().join("a"), dir.path().join("a/schema"), dir.path().join("b"), dir.path().join("c")]
        {
            check(&path, &good).unwrap();
            let why = check(&path, &bad).unwrap_err();
            assert_eq!(why.exit, crate::exit::Exit::Usage);
            assert!(why.sentence.contains("`execute`: at .transfer.amount: expected a text, not a number"), "{}", why.sentence);
        }
        let no_query = SchemaFlag { schema: Some(file) }.check(Door::Query, &good).unwrap_err().sentence;
        assert!(no_query.contains("no schema of `query`"), "{no_query}");
        assert!(check(&dir.path().join("none"), &good).unwrap_err().sentence.contains("cannot read"));
        SchemaFlag::default().check(Door::Execute, &bad).unwrap();
    }
}
