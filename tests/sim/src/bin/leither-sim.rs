//! `leither-sim seeds|twins`: runs of the simulator by number, and one JSON line in the end for the scoreboard.

use leither_sim::campaign::{Campaign, Tally, seeds, twins};
use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Instant, SystemTime};

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

/// Adds a line to the scoreboard's log, as the scripts of tests/e2e do. A log that cannot be written fails no run.
fn note(tally: &Tally, from: u64) {
    let Some(log) = std::env::var_os("LEITHER_SCORES").map(PathBuf::from).or_else(beside_the_target) else { return };
    let line = if tally.unit == "scenarios" { "twins" } else { "sim" };
    let Tally { runs, unit, violations, heights, .. } = tally;
    let when = when(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs());
    let mut text = format!("{{\"line\":\"{line}\",\"tried\":{runs},\"unit\":\"{unit}\",\"violations\":{violations},");
    text += &format!("\"seed\":{from},\"when\":\"{when}\",\"note\":\"{heights} heights in the last run\"}}\n");
    let written = OpenOptions::new().create(true).append(true).open(&log).and_then(|mut file| file.write_all(text.as_bytes()));
    if let Err(error) = written {
        eprintln!("the scoreboard's log {} cannot be written: {error}", log.display());
    }
}

/// `scores.jsonl` in the target directory, in which this program lies two levels deep.
fn beside_the_target() -> Option<PathBuf> {
    Some(std::env::current_exe().ok()?.parent()?.parent()?.join("scores.jsonl"))
}

/// Seconds since 1970 as `2026-11-25T23:59:59Z`.
fn when(seconds: u64) -> String {
    let (mut days, rest) = (seconds / 86_400, seconds % 86_400);
    let is_leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let mut year = 1970;
    while days >= 365 + u64::from(is_leap(year)) {
        days -= 365 + u64::from(is_leap(year));
        year += 1;
    }
    let lengths = [31, 28 + u64::from(is_leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 1;
    for length in lengths {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    format!("{year}-{month:02}-{:02}T{:02}:{:02}:{:02}Z", days + 1, rest / 3_600, rest / 60 % 60, rest % 60)
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
    note(&tally, campaign.from);
    if tally.violations == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
