//! `publish` and `provide` of many MiMeis: named one by one or in a list, handed to the node a thousand at a time over one connection, each answered for.

use crate::bar::{Bar, Far, Pace};
use crate::commands::Session;
use crate::content::api::{LISTED_MAX, Listed, ListedAll, Refusal, escape};
use crate::content::client::Socket;
use crate::exit::{Done, Exit, Failure};
use crate::print::Printer;
use leither_types::MimeiId;
use serde_json::json;
use std::path::Path;
use std::vec::IntoIter;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};

/// MiMeis of one list.
const LIST_MAX: u64 = 1_000_000;
/// A line of it is no longer.
const LINE_BYTES_MAX: u64 = 1_024;

/// What is done with them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    /// For so long, in ms.
    Publish(u64),
    /// From now on.
    Provide,
    /// No more.
    Stop,
}

impl Verb {
    fn call(self) -> String {
        match self {
            Self::Publish(lifetime) => format!("/publish?lifetime_ms={lifetime}"),
            Self::Provide => "/follow".into(),
            Self::Stop => "/unfollow".into(),
        }
    }

    fn done(self) -> &'static str {
        match self {
            Self::Publish(_) => "published",
            Self::Provide => "provided",
            Self::Stop => "stopped",
        }
    }
}

/// Names, one after another: those of the command line, then those of the list.
struct Names {
    named: IntoIter<String>,
    list: Option<BufReader<Box<dyn AsyncRead + Send + Unpin>>>,
    read: u64,
    /// Bytes of the list that were read, and all that it has: nothing where it is no file.
    bytes: u64,
    all_bytes: Option<u64>,
}

impl Names {
    async fn open(named: Vec<String>, list: Option<&Path>) -> Done<Self> {
        let mut all_bytes = None;
        let input: Option<Box<dyn AsyncRead + Send + Unpin>> = match list {
            None => None,
            Some(path) if path == Path::new("-") => Some(Box::new(tokio::io::stdin())),
            Some(path) => {
                let opened = tokio::fs::File::open(path).await;
                let file = opened.map_err(|e| Failure::usage(format!("cannot read {}: {e}", path.display())))?;
                all_bytes = file.metadata().await.ok().filter(std::fs::Metadata::is_file).map(|meta| meta.len());
                Some(Box::new(file))
            }
        };
        Ok(Self { named: named.into_iter(), list: input.map(BufReader::new), read: 0, bytes: 0, all_bytes })
    }

    /// The next name; nothing at the end. Blank lines, and those that begin with `#`, name nothing.
    async fn next(&mut self) -> Done<Option<String>> {
        if let Some(name) = self.named.next() {
            return Ok(Some(name));
        }
        let Some(list) = self.list.as_mut() else { return Ok(None) };
        loop {
            let mut line = Vec::new();
            let mut part = AsyncReadExt::take(&mut *list, LINE_BYTES_MAX);
            let len = part.read_until(b'\n', &mut line).await;
            let len = len.map_err(|e| Failure::fault(format!("cannot read the list: {e}; those before are done")))?;
            if len == 0 {
                return Ok(None);
            }
            self.bytes = self.bytes.saturating_add(len as u64);
            if line.len() as u64 >= LINE_BYTES_MAX && !line.ends_with(b"\n") {
                return Err(Failure::usage(
                    "a line of the list is longer than 1,023 bytes: write one MiMei a line; those before are done",
                ));
            }
            let text = String::from_utf8_lossy(&line);
            let name = text.trim();
            if name.is_empty() || name.starts_with('#') {
                continue;
            }
            self.read = self.read.saturating_add(1);
            if self.read > LIST_MAX {
                return Err(Failure::usage("a list has at most 1,000,000 MiMeis: those before are done, go on with the rest"));
            }
            return Ok(Some(name.to_string()));
        }
    }

    /// The next thousand; and how it ended, if it has.
    async fn part(&mut self) -> (Vec<String>, Option<Done>) {
        let mut part = Vec::new();
        while part.len() < LISTED_MAX {
            match self.next().await {
                Ok(Some(name)) => part.push(name),
                Ok(None) => return (part, Some(Ok(()))),
                Err(failure) => return (part, Some(Err(failure))),
            }
        }
        (part, None)
    }
}

/// What came of them.
struct Tally {
    printer: Printer,
    bar: Bar,
    verb: Verb,
    done: u64,
    failed: u64,
}

impl Tally {
    /// For a script each is a line; a person hears of those that failed.
    fn told(&mut self, one: &Listed) {
        match &one.failure {
            None => self.done = self.done.saturating_add(1),
            Some(no) => {
                self.failed = self.failed.saturating_add(1);
                self.bar.over();
                self.printer.say(&format!("{}: {}", one.mimei, no.message));
            }
        }
        if self.printer.json {
            self.printer.answer(one);
        }
    }

    async fn part(&mut self, socket: &Socket, names: Vec<String>) -> Done {
        let mut ids = Vec::with_capacity(names.len());
        for name in names {
            match name.parse::<MimeiId>() {
                Ok(id) => ids.push(id.to_string()),
                Err(error) => {
                    let failure = Some(Refusal { reason: "usage".into(), message: error.to_string() });
                    self.told(&Listed { mimei: escape(&name), failure, ..Listed::default() });
                }
            }
        }
        if !ids.is_empty() {
            let answer = socket.post_with::<ListedAll>(&self.verb.call(), ids.join("\n").into()).await?;
            answer.items.iter().for_each(|one| self.told(one));
        }
        Ok(())
    }

    fn tell(&self, names: &Names) {
        let (done, failed) = (self.done, self.failed);
        let of = names.all_bytes.map(|all| (names.bytes, all));
        let far = Far { entries: done.saturating_add(failed), of, ..Far::default() };
        self.bar.tell(far, format_args!("{done} {}, {failed} failed", self.verb.done()));
    }

    async fn all(&mut self, socket: &Socket, names: &mut Names) -> Done {
        loop {
            let (part, end) = names.part().await;
            self.part(socket, part).await?;
            self.tell(names);
            if let Some(end) = end {
                return end;
            }
        }
    }
}

/// HOLD-10: one that fails is named, and the rest go on; then a line that says how many there were of each.
pub(super) async fn run(session: &Session, socket: &Socket, named: Vec<String>, list: Option<&Path>, verb: Verb) -> Done {
    let mut names = Names::open(named, list).await?;
    let mut tally = Tally { printer: session.printer, bar: Bar::new(session.printer, Pace::Never), verb, done: 0, failed: 0 };
    let ended = tally.all(socket, &mut names).await;
    tally.bar.over();
    let (printer, done, failed) = (session.printer, tally.done, tally.failed);
    printer.answer(&json!({ "event": "summary", verb.done(): done.to_string(), "failed": failed.to_string() }));
    ended?;
    if verb != Verb::Stop && done > 0 {
        printer.say("Others are told in the background: `leither mimei provide --summary` says how far that is.");
    }
    match failed {
        0 => Ok(()),
        _ => Err(Failure::new(
            Exit::Refused,
            format!("{failed} of them were not {}; each is named above, with why", verb.done()),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn names(text: &str, named: &[&str]) -> (Vec<String>, Done) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("list");
        std::fs::write(&path, text).unwrap();
        let mut names = Names::open(named.iter().map(ToString::to_string).collect(), Some(&path)).await.unwrap();
        let mut all = Vec::new();
        loop {
            let (part, end) = names.part().await;
            assert!(part.len() <= LISTED_MAX);
            all.extend(part);
            if let Some(end) = end {
                return (all, end);
            }
        }
    }

    #[tokio::test]
    async fn hold_10_a_list_has_a_mimei_a_line_and_blank_lines_and_remarks_name_none() {
        let (all, end) = names("\n# films\n  one \n\ntwo\r\n#three\nfour", &["zero"]).await;
        assert_eq!((all, end.is_ok()), (["zero", "one", "two", "four"].map(String::from).to_vec(), true));
        let (all, end) = names(&"x\n".repeat(2_500), &[]).await;
        assert_eq!((all.len(), end.is_ok()), (2_500, true));
        let (all, end) = names(&format!("one\n{}\ntwo\n", "x".repeat(5_000)), &[]).await;
        assert_eq!((all, end.unwrap_err().exit), (vec!["one".to_string()], Exit::Usage), "those before are done");
        let nowhere = Names::open(vec![], Some(Path::new("nowhere/list"))).await;
        assert_eq!(nowhere.err().unwrap().exit, Exit::Usage);
    }
}
