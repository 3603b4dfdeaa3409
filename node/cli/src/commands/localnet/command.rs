//! What may be told to a running net, on standard input or by a script.

use std::time::Duration;

/// Validators at the start.
pub const VALIDATORS_MAX: usize = 16;
/// Nodes altogether.
pub const NODES_MAX: usize = 32;
/// A longer line is no command.
pub const LINE_BYTES_MAX: usize = 1_024;
/// A longer file is no script.
pub const SCRIPT_BYTES_MAX: u64 = 64 << 10;
/// The longest delay of a link, in ms.
const DELAY_MS_MAX: u64 = 10_000;
/// The greatest loss, in hundredths of a percent: TCP would not live on a link that loses more.
const LOSS_MAX: u32 = 5_000;
/// Transfers offered in a second.
pub const RATE_MAX: u32 = 2_000;
/// The longest duration: thirty days.
const DURATION_MS_MAX: u64 = 30 * 24 * 3_600_000;

/// Every command: its word, its form, and what it does.
const WORDS: [(&str, &str, &str); 14] = [
    ("stop", "stop N", "ends node N as Ctrl-C would"),
    ("kill", "kill N", "ends node N at once (SIGKILL), as a power failure would"),
    ("pause", "pause N", "freezes node N (SIGSTOP)"),
    ("resume", "resume N", "lets node N go on (SIGCONT)"),
    ("start", "start N", "starts node N on its home again"),
    ("cut", "cut 1,2|3,4", "parts groups from one another; those not named are a group, too"),
    ("heal", "heal", "ends the cut"),
    ("delay", "delay MS [N]", "one-way delay of every link, or of those of node N"),
    ("loss", "loss PCT [N]", "lost segments on every link, or on those of node N"),
    ("join", "join", "starts one more node, which fetches the chain from the others and follows"),
    ("send", "send N", "N transfers a second; 0 ends it"),
    ("table", "table", "shows the table now"),
    ("help", "help", "lists the commands"),
    ("quit", "quit", "ends the net"),
];

/// A command that can be read. Whether there is such a node is known only when it is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// SIGTERM, and SIGKILL for who does not end in time.
    Stop(usize),
    /// SIGKILL.
    Kill(usize),
    /// SIGSTOP.
    Pause(usize),
    /// SIGCONT.
    Resume(usize),
    /// Starts the node on its home.
    Start(usize),
    /// Groups that cannot talk to one another.
    Cut(Vec<Vec<usize>>),
    /// Ends the cut.
    Heal,
    /// One-way delay, of one node's links or of all.
    Delay(Duration, Option<usize>),
    /// Loss in hundredths of a percent, on one node's links or on all.
    Loss(u32, Option<usize>),
    /// One more node.
    Join,
    /// Transfers a second.
    Send(u32),
    /// Shows the table.
    Table,
    /// Lists the commands.
    Help,
    /// Ends the net.
    Quit,
}

/// LOCALNET-1: reads a command, or says in one sentence what is wrong with it.
pub fn parse(line: &str) -> Result<Command, String> {
    if line.len() > LINE_BYTES_MAX {
        return Err(format!("a command has at most {LINE_BYTES_MAX} bytes: try `help`"));
    }
    let words: Vec<&str> = line.split_whitespace().collect();
    match words.as_slice() {
        ["stop", n] => node(n).map(Command::Stop),
        ["kill", n] => node(n).map(Command::Kill),
        ["pause", n] => node(n).map(Command::Pause),
        ["resume", n] => node(n).map(Command::Resume),
        ["start", n] => node(n).map(Command::Start),
        ["cut", groups @ ..] if !groups.is_empty() => partition(&groups.concat()).map(Command::Cut),
        ["heal"] => Ok(Command::Heal),
        ["delay", ms] => Ok(Command::Delay(delay(ms)?, None)),
        ["delay", ms, n] => Ok(Command::Delay(delay(ms)?, Some(node(n)?))),
        ["loss", percent] => Ok(Command::Loss(loss(percent)?, None)),
        ["loss", percent, n] => Ok(Command::Loss(loss(percent)?, Some(node(n)?))),
        ["join"] => Ok(Command::Join),
        ["send", n] => rate(n).map(Command::Send),
        ["table"] => Ok(Command::Table),
        ["help"] => Ok(Command::Help),
        ["quit"] => Ok(Command::Quit),
        [word, ..] => Err(match WORDS.iter().find(|(known, ..)| known == word) {
            Some((_, form, about)) => format!("write `{form}`: {about}"),
            None => format!("`{}` is no command: try `help`", short(word)),
        }),
        [] => Err("an empty line is no command: try `help`".into()),
    }
}

/// The list that `help` shows.
pub fn help() -> String {
    WORDS.iter().map(|(_, form, about)| format!("{form:<13} {about}\n")).collect::<String>().trim_end().into()
}

/// What was written, short enough to be repeated.
fn short(text: &str) -> String {
    let mut short: String = text.chars().filter(|c| !c.is_control()).take(40).collect();
    if text.chars().count() > 40 {
        short.push('…');
    }
    short
}

fn node(text: &str) -> Result<usize, String> {
    let number = text.parse::<usize>().ok().filter(|n| (1..=NODES_MAX).contains(n));
    number.ok_or_else(|| format!("`{}` is no node: write the number that the table shows", short(text)))
}

fn partition(text: &str) -> Result<Vec<Vec<usize>>, String> {
    let mut seen = Vec::new();
    let mut groups = Vec::new();
    for part in text.split('|') {
        let mut group = Vec::new();
        for number in part.split(',') {
            let number = node(number)?;
            if seen.contains(&number) {
                return Err(format!("node {number} stands twice in the cut: each is in one group, as in `cut 1,2|3,4`"));
            }
            seen.push(number);
            group.push(number);
        }
        groups.push(group);
    }
    Ok(groups)
}

fn delay(text: &str) -> Result<Duration, String> {
    let ms = text.parse::<u64>().ok().filter(|ms| *ms <= DELAY_MS_MAX);
    ms.map(Duration::from_millis)
        .ok_or_else(|| format!("`{}` is no delay: write whole ms, 0 to {DELAY_MS_MAX}", short(text)))
}

/// Percent with at most two decimals, as hundredths.
fn loss(text: &str) -> Result<u32, String> {
    let hundredths = || {
        let text = text.strip_suffix('%').unwrap_or(text);
        let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        if !digits(whole) || !digits(part) || part.len() > 2 {
            return None;
        }
        let part = part.parse::<u32>().ok()? * if part.len() == 1 { 10 } else { 1 };
        whole.parse::<u32>().ok()?.checked_mul(100)?.checked_add(part).filter(|loss| *loss <= LOSS_MAX)
    };
    hundredths().ok_or_else(|| format!("`{}` is no loss: write percent, 0 to {}, like 0.5", short(text), LOSS_MAX / 100))
}

fn rate(text: &str) -> Result<u32, String> {
    let rate = text.parse::<u32>().ok().filter(|rate| *rate <= RATE_MAX);
    rate.ok_or_else(|| format!("`{}` is no rate: write whole transfers a second, 0 to {RATE_MAX}", short(text)))
}

/// LOCALNET-2: a duration as TIME-1 has them, but no days.
pub fn duration(text: &str) -> Result<Duration, String> {
    let ms = crate::times::duration(text).ok().filter(|ms| *ms <= DURATION_MS_MAX && !text.ends_with('d'));
    ms.map(Duration::from_millis)
        .ok_or_else(|| format!("`{}` is no duration: write 30s, 2m, 1h or 500ms, at most 30 days", short(text)))
}

/// LOCALNET-2: a script: one command a line, each with its time after the start; `#` begins a comment.
pub fn script(text: &str) -> Result<Vec<(Duration, Command)>, String> {
    let mut steps = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let line = line.split('#').next().unwrap_or_default().trim();
        if line.is_empty() {
            continue;
        }
        let (time, command) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let step = duration(time).and_then(|time| Ok((time, parse(command)?)));
        steps.push(step.map_err(|what| format!("line {}: {what}", at + 1))?);
    }
    // Stable: what has one time is done in the order of the file.
    steps.sort_by_key(|(time, _)| *time);
    Ok(steps)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    // LOCALNET-1
    #[test]
    fn each_command_of_the_help_is_read_in_the_form_that_it_shows() {
        let read = [
            ("stop 1", Command::Stop(1)),
            ("kill 2", Command::Kill(2)),
            ("  pause   3 ", Command::Pause(3)),
            ("resume 3", Command::Resume(3)),
            ("start 2", Command::Start(2)),
            ("cut 1,2|3,4", Command::Cut(vec![vec![1, 2], vec![3, 4]])),
            ("cut 1, 2 | 3", Command::Cut(vec![vec![1, 2], vec![3]])),
            ("heal", Command::Heal),
            ("delay 75", Command::Delay(ms(75), None)),
            ("delay 10000 4", Command::Delay(ms(10_000), Some(4))),
            ("loss 2", Command::Loss(200, None)),
            ("loss 0.05%", Command::Loss(5, None)),
            ("loss 50 1", Command::Loss(5_000, Some(1))),
            ("join", Command::Join),
            ("send 2000", Command::Send(2_000)),
            ("table", Command::Table),
            ("help", Command::Help),
            ("quit", Command::Quit),
        ];
        for (line, command) in &read {
            assert_eq!(parse(line).as_ref(), Ok(command), "{line}");
        }
        for (word, form, about) in WORDS {
            assert!(read.iter().any(|(line, _)| line.trim_start().starts_with(word)), "{word} is in the help and untested");
            assert!(help().contains(form) && help().contains(about));
        }
    }

    // LOCALNET-1
    #[test]
    fn what_is_no_command_gets_one_sentence_that_says_what_to_write() {
        let wrong = [
            ("", "help"),
            ("destroy 1", "help"),
            ("KILL 1", "help"),
            ("kill", "`kill N`"),
            ("kill 1 2", "`kill N`"),
            ("kill 0", "no node"),
            ("kill 33", "no node"),
            ("kill -1", "no node"),
            ("kill one", "no node"),
            ("cut", "`cut 1,2|3,4`"),
            ("cut 1,|2", "no node"),
            ("cut 1,2|2,3", "stands twice"),
            ("cut |", "no node"),
            ("heal 1", "`heal`"),
            ("delay", "`delay MS [N]`"),
            ("delay 10001", "0 to 10000"),
            ("delay 5s", "whole ms"),
            ("delay -5", "whole ms"),
            ("delay 5 99", "no node"),
            ("loss 50.01", "0 to 50"),
            ("loss 1.234", "percent"),
            ("loss .5", "percent"),
            ("loss 1e1", "percent"),
            ("loss +1", "percent"),
            ("loss 99999999999", "percent"),
            ("send 2001", "0 to 2000"),
            ("send 1 2", "`send N`"),
            ("quit now", "`quit`"),
        ];
        for (line, word) in wrong {
            let said = parse(line).unwrap_err();
            assert!(said.contains(word) && !said.contains('\n'), "{line}: {said}");
        }
        let said = parse(&"x".repeat(LINE_BYTES_MAX)).unwrap_err();
        assert!(said.len() < 100, "what is long is not repeated whole: {said}");
        assert!(parse(&"x".repeat(LINE_BYTES_MAX + 1)).unwrap_err().contains("1024 bytes"));
        assert!(!parse("\x1b[2Jboo").unwrap_err().contains('\x1b'), "what a terminal would obey is not repeated");
    }

    // LOCALNET-2
    #[test]
    fn a_duration_is_a_whole_number_with_its_unit() {
        for (text, wanted) in
            [("500ms", 500), ("30s", 30_000), ("2m", 120_000), ("1h", 3_600_000), ("0s", 0), ("720h", DURATION_MS_MAX)]
        {
            assert_eq!(duration(text), Ok(ms(wanted)), "{text}");
        }
        for text in ["", "s", "30", "30 s", "-1s", "1.5s", "1d", "721h", "99999999999999999999s", "18446744073709551615h"] {
            assert!(duration(text).unwrap_err().contains("no duration"), "{text}");
        }
    }

    // LOCALNET-2
    #[test]
    fn a_script_is_read_whole_and_done_in_the_order_of_its_times() {
        let text = "# a bad day\n\n5s kill 2   # as by a power cut\n500ms delay 40\n5s start 2\n";
        let steps = script(text).unwrap();
        let wanted = vec![(ms(500), Command::Delay(ms(40), None)), (ms(5_000), Command::Kill(2)), (ms(5_000), Command::Start(2))];
        assert_eq!(steps, wanted);
        for (text, words) in
            [("1s kill 1\nkill 2", ["line 2", "no duration"]), ("1s", ["line 1", "help"]), ("\n1s cut", ["line 2", "cut 1,2"])]
        {
            let said = script(text).unwrap_err();
            assert!(words.iter().all(|word| said.contains(word)), "{said}");
        }
    }
}
