//! Writes the seeds of every fuzz target into `<folder>/<target>/`.

use leither_conformance::seeds;
use std::path::PathBuf;
use std::process::ExitCode;
use std::{env, fs, io};

fn write(folder: &str) -> io::Result<()> {
    for (target, seeds) in seeds::all() {
        let dir = PathBuf::from(folder).join(target);
        fs::create_dir_all(&dir)?;
        for (n, seed) in seeds.iter().enumerate() {
            fs::write(dir.join(format!("seed-{n}")), seed)?;
        }
    }
    Ok(())
}

fn main() -> ExitCode {
    let Some(folder) = env::args().nth(1) else {
        eprintln!("say where: seeds <folder>");
        return ExitCode::from(2);
    };
    match write(&folder) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("{folder}: {e}");
            ExitCode::FAILURE
        }
    }
}
