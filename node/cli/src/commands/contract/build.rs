//! `leither contract build`: a crate becomes a .wasm file.

use crate::exit::{Done, Exit, Failure};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What builds instead of cargo, where rustup has no such target: it is called as cargo is, and adds the target itself.
const BUILDER: &str = "LEITHER_WASM_CARGO";
const TARGET: &str = "wasm32-unknown-unknown";

/// The newest .wasm of a crate's folder.
pub fn build(dir: &Path) -> Done<PathBuf> {
    let manifest = dir.join("Cargo.toml");
    if !manifest.is_file() {
        return Err(Failure::usage(format!(
            "{} has no Cargo.toml: name a crate's folder, a .wasm file or a template",
            dir.display()
        )));
    }
    let builder = std::env::var(BUILDER).ok();
    let mut command = Command::new(builder.as_deref().unwrap_or("cargo"));
    command
        .args(["build", "--release", "--lib", "--message-format", "json-render-diagnostics", "--manifest-path"])
        .arg(&manifest);
    if builder.is_none() {
        command.args(["--target", TARGET]);
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    let output = command.output().map_err(|e| {
        Failure::fault(format!("cargo does not start ({e}): install Rust from rustup.rs, then `rustup target add {TARGET}`"))
    })?;
    if !output.status.success() {
        return Err(Failure::new(
            Exit::Refused,
            format!(
                "the crate does not build; its errors stand above. Is the target there? `rustup target add {TARGET}`, or name another builder in {BUILDER}"
            ),
        ));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let artifacts = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let files = artifacts
        .filter(|told| told["reason"] == "compiler-artifact")
        .filter_map(|told| told["filenames"].as_array().cloned());
    let mut wasm = files
        .flatten()
        .filter_map(|file| file.as_str().map(PathBuf::from))
        .filter(|file| file.extension().is_some_and(|e| e == "wasm"));
    wasm.next_back()
        .ok_or_else(|| Failure::new(Exit::Refused, "the crate makes no .wasm: `[lib] crate-type` must have \"cdylib\""))
}
