//! Sequences of messages as cw-multi-test does them: `cargo run` in this folder writes vectors.json anew, which
//! pallets/src/tests/wasm/sequences.rs runs through the chain's own dispatcher. Addresses are made here by the chain's rule, so that the files say
//! the same on both sides; in the file they have names (`@alice`, `@<code>.<number of the instance>`).

mod app;
mod dice;
mod messages;
mod told;

/// The contract itself, native: its source is the one that puppet.wasm is built from.
#[allow(dead_code)]
#[rustfmt::skip]
#[path = "../../contracts/puppet/src/lib.rs"]
mod puppet;

use app::World;
use serde_json::{json, Value};

const SEQUENCES: u64 = 180;
const STEPS: usize = 4;
const BYTES_MAX: usize = 1 << 20;

fn main() -> anyhow::Result<()> {
    std::env::set_var("RUST_BACKTRACE", "0");
    // Puppets panic when they are told to.
    std::panic::set_hook(Box::new(|_| {}));
    let names = app::names();
    let begin = messages::prelude(&names);
    let mut world = World::new();
    let prelude: Vec<Value> = begin.iter().map(|step| world.step(step)).collect();
    let mut sequences = Vec::new();
    for seed in 1..=SEQUENCES {
        let mut world = World::new();
        begin.iter().for_each(|step| drop(world.step(step)));
        let mut author = messages::Author::new(seed, &names);
        let steps: Vec<Value> = (0..STEPS).map(|_| world.step(&author.step())).collect();
        sequences.push(json!({ "seed": seed, "steps": steps }));
    }
    let named = |value: &Value| names.iter().fold(value.to_string(), |text, (name, address)| text.replace(address, name));
    let lines: Vec<String> = sequences.iter().map(named).collect();
    let head =
        json!({ "made_by": "cw-multi-test 3.0.1, cosmwasm-std 3.0.11", "names": names, "codes": app::checksums() }).to_string();
    let whole = format!(
        "{},\n\"prelude\":{},\n\"sequences\":[\n{}\n]}}\n",
        head.trim_end_matches('}').to_string() + "}",
        named(&json!(prelude)),
        lines.join(",\n")
    );
    anyhow::ensure!(whole.len() < BYTES_MAX, "{} bytes of vectors: {BYTES_MAX} are the bound", whole.len());
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/vectors.json");
    std::fs::write(path, &whole)?;
    let all: Vec<&Value> = sequences.iter().flat_map(|s| s["steps"].as_array().into_iter().flatten()).collect();
    let done = all.iter().filter(|step| step["ok"] == true).count();
    println!("{} steps, {done} of them done, {} bytes", all.len(), whole.len());
    Ok(())
}
