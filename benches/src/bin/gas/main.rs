//! What gas costs in time: `gas [--disk] [--for MS] [part of a kind's name]`, `gas cold [directory of wasm]`.
//!
//! Each kind is a contract that does one thing until the gas of a call is gone. 500 gas weigh 1, which is to take 1 ns of the reference
//! machine: 1.00 is the declared rate, and beyond 1.67 a block full of that kind (600,000,000 of weight) takes more than a second. The state
//! is in memory, or with `--disk` in RocksDB. Times are the least of some repetitions, by the clock and of this thread on a core.

mod cold;
mod contract;
mod kinds;
mod making;
mod stage;

use stage::{Done, Stage, Took};
use std::time::Duration;

/// Of a block, in weight.
const BLOCK_WEIGHT: f64 = 600_000_000.0;
/// Nanoseconds for 500 gas at which a block takes a second.
const BAR: f64 = 1_000_000_000.0 / BLOCK_WEIGHT;
const REPETITIONS: usize = 5;

struct Row {
    name: String,
    gas: u64,
    took: Took,
}

impl Row {
    /// Of this thread on a core, which other work on the machine does not lengthen; points of curves are summed on threads of their own, so
    /// that their time is the clock's.
    fn ratio(&self) -> f64 {
        let has_threads = ["summed", "pairings"].iter().any(|word| self.name.contains(word));
        per_500_gas(if has_threads { self.took.clock } else { self.took.core }, self.gas)
    }
}

fn per_500_gas(time: Duration, gas: u64) -> f64 {
    time.as_nanos() as f64 / (gas as f64 / 500.0)
}

fn print(row: &Row) {
    let core = per_500_gas(row.took.core, row.gas);
    let mark = if row.ratio() > BAR { "  <- over the bar" } else { "" };
    let (clock, ms) = (per_500_gas(row.took.clock, row.gas), row.took.clock.as_secs_f64() * 1e3);
    println!("{:<58} {clock:>9.2} {core:>9.2} {ms:>9.1} {:>7.2}{mark}", row.name, row.gas as f64 / 1e9);
}

fn main() -> Done {
    let mut args: Vec<String> = std::env::args().skip(1).collect();
    if args.first().is_some_and(|arg| arg == "cold") {
        return cold::run(args.get(1).map(std::path::Path::new));
    }
    let on_disk = args.iter().position(|arg| arg == "--disk").map(|at| args.remove(at)).is_some();
    let part = args.pop().unwrap_or_default();
    let wanted = |name: &str| name.contains(&part);
    println!("{:<58} {:>9} {:>9} {:>9} {:>7}", "ns for 500 gas; the declared rate is 1.00", "clock", "core", "ms", "Ggas");
    let mut rows = Vec::new();
    let mut took = |name: &str, measured: Done<(u64, Took)>| match measured {
        Ok((gas, took)) => {
            rows.push(Row { name: name.into(), gas, took });
            rows.last().into_iter().for_each(print);
        }
        Err(why) => println!("{name:<58} {why}"),
    };
    for kind in kinds::all().into_iter().filter(|kind| wanted(kind.name)) {
        took(kind.name, Stage::new(on_disk, None)?.looped(&kind, REPETITIONS));
    }
    for kind in making::all().into_iter().filter(|kind| wanted(kind.name)) {
        took(kind.name, Stage::new(on_disk, kind.memory)?.made(&kind, REPETITIONS));
    }
    let over = rows.iter().filter(|row| row.ratio() > BAR).count();
    if let Some(worst) = rows.iter().max_by(|a, b| a.ratio().total_cmp(&b.ratio())) {
        let block = worst.ratio() * BLOCK_WEIGHT / 1e9;
        println!(
            "the worst of {}: {}: {:.2} ns for 500 gas, a full block of it {block:.2} s; {over} beyond a second a block",
            rows.len(),
            worst.name,
            worst.ratio()
        );
    }
    Ok(())
}
