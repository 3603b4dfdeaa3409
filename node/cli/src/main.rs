//! The binary. Everything is in the library, so that it is compiled once.
#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    leither_cli::enter()
}
