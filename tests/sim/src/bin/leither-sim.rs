//! `leither-sim seeds|twins`: runs of the simulator by number, and one JSON line in the end for the scoreboard.

use leither_sim::campaign::{Campaign, Tally, seeds, twins};
use std::process::ExitCode;
use std::time::Instant;

const USAGE: &str = "usage: leither-sim seeds [--seeds N] [--from SEED] [--heights N]
       leither-sim twins [--scenarios N] [--from NUMBER]
Each run is printed if it breaks a rule, with the line that runs it again. The last line is one JSON object.
Ends with 0 where nothing was violated, 1 where something was, 2 for arguments that it does not know.";

type Run = fn(&Campaign, &mut dyn FnMut(&str)) -> Tally;

fn parse(args: &[String]) -> Option<(Run, Campaign)> {
    let (verb, flags) = args.split_first()?;
    let (run, count_flag, mut campaign): (Run, _, _) = match verb.as_str() {
        "seeds" => (seeds, "--seeds", Campaign { from: 1, count: 200, heights: 50 }),
        "twins" => (twins, "--scenarios", Campaign { from: 0, count: 1_000, heights: 1 }),
        _ => return None,
    };
    for pair in flags.chunks(2) {
        let [flag, value] = pair else { return None };
        let value = value.parse().ok()?;
        match flag.as_str() {
            "--from" => campaign.from = value,
            "--heights" if verb == "seeds" => campaign.heights = value,
            flag if flag == count_flag => campaign.count = value,
            _ => return None,
        }
    }
    Some((run, campaign))
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let Some((run, campaign)) = parse(&args) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let began = Instant::now();
    let tally = run(&campaign, &mut |line| println!("{line}"));
    let took = began.elapsed();
    let rate = tally.heights as f64 / took.as_secs_f64().max(0.001);
    println!("{:.0} s, {rate:.0} heights a second", took.as_secs_f64());
    println!("{}", tally.json(took.as_secs()));
    if tally.violations == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
