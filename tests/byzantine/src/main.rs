//! `leither-villain`: exactly `leither`, but that the validator that it runs breaks the rules as VILLAIN says.
#![forbid(unsafe_code)]

use leither_byzantine::Villain;
use std::process::ExitCode;
use std::sync::Arc;

/// The variable that says how. Not LEITHER_…: those are settings of a node, and `leither` refuses what it does not know.
const VARIABLE: &str = "VILLAIN";
/// Wrong usage, as in `leither`.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    let told = std::env::var(VARIABLE).map_err(|e| e.to_string());
    match told.and_then(|text| Villain::parse(&text)) {
        Ok(villain) => leither_cli::enter_with(Some(Arc::new(villain))),
        Err(why) => {
            eprintln!(
                "leither-villain: {VARIABLE}: {why}. Say what it is to do: {VARIABLE}='{{\"drop_votes\":{{\"mode\":\"always\"}}}}'"
            );
            ExitCode::from(USAGE)
        }
    }
}
