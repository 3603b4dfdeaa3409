//! `leither localnet`: a whole network on this machine, to try it and to hurt it.
//!
//! ```text
//! ground   its directory, genesis, homes, ports       member   a node as a process       command  what may be told to it
//! weather  what the links do     proxy  the links     ledger   whether the books agree   load     transfers
//! table    what is seen          net    all of it running
//! ```
//! The nodes are child processes of this binary on loopback, each with a home of its own. What the links do and do not stand for is
//! said in `spec/localnet.md`.

mod command;
mod ground;
mod ledger;
mod load;
mod member;
mod net;
mod proxy;
mod table;
mod weather;

use super::Session;
use crate::compose::End;
use crate::escape::escaped;
use crate::exit::{Done, Exit, Failure};
use crate::files;
use crate::print::{Printer, complain};
use clap::Args;
use command::Command;
use ground::Wanted;
use net::Net;
use std::collections::VecDeque;
use std::io::{BufRead, Read};
use std::path::PathBuf;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

/// Between two drawings of the table on a terminal.
const TICK: Duration = Duration::from_secs(1);
/// Ticks between two tables where no terminal is.
const PLAIN_TICKS: u32 = 5;
/// Answers that stay below the table.
const SAID_MAX: usize = 20;

/// Starts a network of several nodes on this machine, and takes commands while it runs.
#[derive(Args, Debug)]
pub struct Localnet {
    /// Validators, 1 to 16, each a process of its own; 4 where nothing is said.
    #[arg(long)]
    nodes: Option<usize>,
    /// Ends by itself after this time: 30s, 2m, 500ms.
    #[arg(long = "for", value_name = "TIME", value_parser = command::duration)]
    time: Option<Duration>,
    /// Time between pulses in ms, 20 to 10000; 1000 where nothing is said.
    #[arg(long, value_name = "MS")]
    pulse: Option<u64>,
    /// Node N listens from this port + 10 x (N - 1) on: JSON-RPC, data swarm, consensus, metrics, gateway, content swarm. Free ports where it is not given.
    #[arg(long, value_name = "PORT")]
    base_port: Option<u16>,
    /// Keeps the network in this directory, and goes on with the one that is there.
    #[arg(long)]
    dir: Option<PathBuf>,
    /// Transfers a second from the start, up to 2000.
    #[arg(long, default_value_t = 0)]
    tps: u32,
    /// Commands with their times, one a line: `5s kill 2`.
    #[arg(long, value_name = "FILE")]
    script: Option<PathBuf>,
    /// For the chances of lossy links.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

impl Localnet {
    pub(super) async fn run(self, session: &Session) -> Done {
        let script = self.read_script()?;
        if self.tps > command::RATE_MAX {
            return Err(Failure::usage(format!("--tps is 0 to {}", command::RATE_MAX)));
        }
        let wanted =
            Wanted { dir: self.dir.clone(), nodes: self.nodes, pulse: self.pulse, base_port: self.base_port, seed: self.seed };
        // Before there is anything on disk: who is interrupted early cleans up, too.
        let mut end = End::listen()?;
        let mut net = Net::open(&wanted, std::env::current_exe().map_err(Failure::fault)?).await?;
        let ran = self.whole(&mut net, &mut end, script, session.printer).await;
        net.end().await;
        ran
    }

    fn read_script(&self) -> Done<VecDeque<(Duration, Command)>> {
        let Some(path) = &self.script else { return Ok(VecDeque::new()) };
        let shown = path.display();
        let bytes = files::read_within(path, command::SCRIPT_BYTES_MAX);
        let bytes = bytes.map_err(|e| Failure::usage(format!("--script {shown} cannot be read: {e}")))?;
        let text = String::from_utf8(bytes).map_err(|_| Failure::usage(format!("--script {shown} is not UTF-8")))?;
        let steps = command::script(&text).map_err(|what| Failure::usage(format!("--script {shown}, {what}")))?;
        Ok(steps.into())
    }

    /// From the start to the verdict. A second Ctrl-C, during the verdict, ends it without one.
    async fn whole(&self, net: &mut Net, end: &mut End, script: VecDeque<(Duration, Command)>, printer: Printer) -> Done {
        let mut screen = Screen { printer, said: VecDeque::new(), lines: 0, ticks: 0 };
        screen.printer.progress("starting the nodes");
        let started = tokio::select! {
            started = net.start() => started.map(|()| true),
            () = end.asked() => Ok(false),
        };
        screen.printer.progress_over();
        if started? {
            net.send(self.tps);
            self.drive(net, end, script, &mut screen).await;
        }
        let verdict = tokio::select! {
            verdict = net.verdict() => verdict?,
            () = end.asked() => return Err(Failure::new(Exit::Refused, "ended before the books were compared")),
        };
        if printer.json {
            printer.answer(&net.answer(&verdict));
        } else {
            printer.lines(&net.text());
        }
        match verdict.why {
            Some(why) => Err(Failure::new(Exit::Refused, format!("the books do not agree: {why}"))),
            None => {
                printer.say(&format!("one block and one state at each height up to {}", verdict.height));
                Ok(())
            }
        }
    }

    /// Does what is told, until the end.
    async fn drive(&self, net: &mut Net, end: &mut End, mut script: VecDeque<(Duration, Command)>, screen: &mut Screen) {
        let began = Instant::now();
        let until = self.time.and_then(|time| began.checked_add(time));
        let mut lines = listen();
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        screen.told(net, Ok("`help` lists what may be told to the net; Ctrl-C ends it".into()));
        loop {
            let step = script.front().and_then(|(time, _)| began.checked_add(*time));
            let command = tokio::select! {
                biased;
                () = end.asked() => return,
                () = at(step) => match script.pop_front() {
                    Some((_, command)) => Ok(command),
                    None => continue,
                },
                () = at(until) => return,
                Some(line) = lines.recv() => match line.trim().is_empty() {
                    true => continue,
                    false => command::parse(&line),
                },
                Some(joined) = net.joined() => {
                    let told = joined.and_then(|site| net.admit(&site));
                    screen.told(net, told);
                    continue;
                }
                _ = ticks.tick() => {
                    net.look();
                    screen.tick(net);
                    continue;
                }
            };
            let told = match command {
                Ok(Command::Quit) => return,
                Ok(command) => net.obey(command).await,
                Err(sentence) => Err(Failure::usage(sentence)),
            };
            screen.told(net, told);
        }
    }
}

async fn at(when: Option<Instant>) {
    match when {
        Some(when) => sleep_until(when).await,
        None => std::future::pending().await,
    }
}

/// Lines of standard input. By a thread of its own, which nobody waits for at the end: a read of a terminal cannot be taken back.
fn listen() -> mpsc::Receiver<String> {
    let (lines, heard) = mpsc::channel(16);
    std::thread::spawn(move || {
        let mut input = std::io::stdin().lock();
        while let Some(line) = next_line(&mut input) {
            if lines.blocking_send(line).is_err() {
                return;
            }
        }
    });
    heard
}

/// The next line; of one that is too long only so much that it is known to be.
fn next_line(input: &mut impl BufRead) -> Option<String> {
    let most = command::LINE_BYTES_MAX + 2;
    let mut line = Vec::new();
    let read = input.by_ref().take(most as u64).read_until(b'\n', &mut line).ok()?;
    if read == 0 {
        return None;
    }
    let mut whole = line.ends_with(b"\n") || read < most;
    while !whole {
        let rest = input.fill_buf().ok()?;
        let end = rest.iter().position(|byte| *byte == b'\n');
        whole = end.is_some() || rest.is_empty();
        let len = end.map_or(rest.len(), |end| end + 1);
        input.consume(len);
    }
    Some(String::from_utf8_lossy(&line).trim_end().to_string())
}

/// What a person sees: on a terminal the table, drawn over the last one, with the last answers and a line to write below; elsewhere
/// the table now and then, and the answers.
struct Screen {
    printer: Printer,
    said: VecDeque<String>,
    /// Of the table that stands there.
    lines: usize,
    ticks: u32,
}

impl Screen {
    fn told(&mut self, net: &Net, told: Done<String>) {
        let live = self.printer.live();
        match told {
            Ok(text) if !live => self.printer.lines(&text),
            Err(failure) if !live => complain(&failure.sentence),
            Ok(text) => self.said.extend(text.lines().map(escaped)),
            Err(failure) => self.said.push_back(escaped(&failure.sentence)),
        }
        while self.said.len() > SAID_MAX {
            self.said.pop_front();
        }
        if live {
            self.draw(&net.text());
        }
    }

    fn tick(&mut self, net: &Net) {
        self.ticks = self.ticks.wrapping_add(1);
        if self.printer.live() {
            let text = net.text();
            if text.lines().count() != self.lines {
                self.draw(&text);
                return;
            }
            // The cursor stays where somebody is writing.
            let lines: String = text.lines().map(|line| format!("{}\x1b[K\r\n", escaped(line))).collect();
            self.printer.draw(&format!("\x1b7\x1b[H{lines}\x1b8"));
        } else if !self.printer.json && self.ticks % PLAIN_TICKS == 1 {
            self.printer.lines(&net.text());
        }
    }

    fn draw(&mut self, table: &str) {
        self.lines = table.lines().count();
        let said: String = self.said.iter().map(|line| format!("{line}\r\n")).collect();
        let table: Vec<String> = table.split('\n').map(escaped).collect();
        let table = table.join("\r\n");
        self.printer.draw(&format!("\x1b[H\x1b[J{table}\r\n\r\n{said}> "));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::Cli;
    use clap::Parser;

    // LOCALNET-1
    #[test]
    fn lines_are_read_one_by_one_and_of_an_endless_one_only_its_beginning() {
        let long = "x".repeat(100_000);
        let text = format!("kill 1\r\n\n{long}\nheal\nlast");
        let mut input = std::io::BufReader::with_capacity(100, text.as_bytes());
        let mut lines = Vec::new();
        while let Some(line) = next_line(&mut input) {
            lines.push(line);
        }
        assert_eq!(lines.len(), 5);
        assert_eq!((lines[0].as_str(), lines[1].as_str(), lines[3].as_str(), lines[4].as_str()), ("kill 1", "", "heal", "last"));
        assert!(lines[2].len() <= command::LINE_BYTES_MAX + 2, "{}", lines[2].len());
        assert!(command::parse(&lines[2]).unwrap_err().contains("1024 bytes"));
        let exact = "y".repeat(command::LINE_BYTES_MAX + 2);
        let mut input = std::io::Cursor::new(format!("{exact}\nheal\n"));
        assert_eq!(next_line(&mut input).map(|line| line.len()), Some(exact.len()));
        assert_eq!(next_line(&mut input).as_deref(), Some("heal"));
    }

    // LOCALNET-2
    #[test]
    fn a_duration_on_the_command_line_is_checked_before_anything_starts() {
        let words = ["leither", "localnet", "--nodes", "2", "--for", "30s", "--tps", "5"];
        assert!(Cli::try_parse_from(words).is_ok());
        let wrong = Cli::try_parse_from(["leither", "localnet", "--for", "30"]).unwrap_err();
        assert!(wrong.to_string().contains("is no duration"), "{wrong}");
    }
}
