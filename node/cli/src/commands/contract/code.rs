//! Code before it is on chain: where it comes from, and how a node would judge it.

use super::build;
use crate::exit::{Done, Exit, Failure};
use crate::templates::{TEMPLATES, Template};
use leither_types::Hash;
use leither_vm::{Engine, Entry, Module, StoreError, WasmEngine};
use serde_json::{Value, json};
use std::path::Path;

/// A template's code, a file's, or that of a crate's folder, and what it is called.
pub fn code_named(what: &str) -> Done<(String, Vec<u8>)> {
    if let Some(template) = Template::named(what) {
        return Ok((what.into(), template.wasm.to_vec()));
    }
    let path = Path::new(what);
    let file = if path.is_dir() { build::build(path)? } else { path.to_path_buf() };
    if !file.exists() {
        let names: Vec<&str> = TEMPLATES.iter().map(|template| template.name).collect();
        return Err(Failure::usage(format!("`{what}` is no file, no folder and no template ({})", names.join(", "))));
    }
    Ok((file.display().to_string(), code_of(&file)?))
}

pub fn code_of(file: &Path) -> Done<Vec<u8>> {
    std::fs::read(file).map_err(|e| Failure::usage(format!("cannot read {}: {e}", file.display())))
}

/// As a node would judge it.
pub fn checked(name: &str, wasm: &[u8]) -> Done<Module> {
    let fault = |why: &dyn std::fmt::Display| Failure::fault(format!("cannot check code on this machine: {why}"));
    let dir = tempfile::tempdir().map_err(|e| fault(&e))?;
    let engine = WasmEngine::open(dir.path()).map_err(|e| fault(&e))?;
    engine.store(wasm).map_err(|error| match error {
        StoreError::Refusal(why) => Failure::new(Exit::Refused, format!("{name}: no contract that can run here: {why}")),
        StoreError::Broken(broken) => fault(&broken),
    })
}

/// What code is, as a node would say.
pub fn judged(name: &str, wasm: &[u8]) -> Done<Value> {
    let module = checked(name, wasm)?;
    Ok(json!({
        "checksum": Hash(module.code.0).to_string(),
        "bytes": wasm.len().to_string(),
        "entries": entries(&module),
        "migrate_version": module.migrate_version.map(|n| n.to_string()),
    }))
}

fn entries(module: &Module) -> Vec<&'static str> {
    Entry::ALL.into_iter().filter(|entry| module.has(*entry)).map(Entry::name).collect()
}
