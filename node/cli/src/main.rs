//! The binary: reads the command line, does what it says, ends with a documented exit code.
#![forbid(unsafe_code)]

use clap::Parser;
use leither_cli::args::Cli;
use std::process::ExitCode;

fn main() -> ExitCode {
    // clap itself ends with 2 where the command line is wrong.
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("leither: no threads: {error}");
            return ExitCode::from(4);
        }
    };
    match runtime.block_on(leither_cli::commands::run(cli)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("leither: {}", failure.sentence);
            ExitCode::from(failure.exit as u8)
        }
    }
}
