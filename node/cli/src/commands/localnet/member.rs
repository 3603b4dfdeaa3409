//! A node of a local net as a process: started, stopped, frozen and killed by us and by nobody else.

use super::ground::Site;
use crate::exit::{Done, Failure};
use std::ffi::OsString;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::process::{Child, Command};
use tokio::time::{Instant, timeout};

/// A node that was asked to end has so long.
const STOP_MAX: Duration = Duration::from_secs(10);
/// Of a log's end, so much is looked at for its last line.
const TAIL_BYTES: u64 = 4_096;
/// A line is shown up to here.
const SHOWN_CHARS: usize = 160;
/// Fetching the chain may take so long.
const JOIN_MAX: Duration = Duration::from_secs(120);

/// How a node is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// It runs.
    Up,
    /// It is frozen.
    Paused,
    /// It was asked to end, and is killed then.
    Stopping(Instant),
    /// It ended when asked.
    Stopped,
    /// It was killed.
    Killed,
    /// It ended by itself; the last that it said.
    Died(String),
}

impl State {
    /// In a word.
    pub fn word(&self) -> &'static str {
        match self {
            State::Up => "up",
            State::Paused => "paused",
            State::Stopping(_) => "stopping",
            State::Stopped => "stopped",
            State::Killed => "killed",
            State::Died(_) => "died",
        }
    }
}

/// A node and its process.
pub struct Member {
    /// Its place.
    pub site: Site,
    /// How it is, as of the last look.
    pub state: State,
    binary: PathBuf,
    process: Option<Child>,
}

/// A command of this binary with nothing of our environment that could be a setting.
fn leither(binary: &Path, home: &Path) -> Command {
    // Not as text: neither a path nor a variable need be any.
    let kept = |name: &OsString| name == "PATH" || name == "HOME" || name.as_encoded_bytes().starts_with(b"MALLOC_");
    let mut command = Command::new(binary);
    command
        .arg("--home")
        .arg(home)
        .env_clear()
        .envs(std::env::vars_os().filter(|(name, _)| kept(name)))
        .stdin(Stdio::null())
        // Ctrl-C at the terminal is for us; what it means for the nodes is ours to say.
        .process_group(0)
        .kill_on_drop(true);
    command
}

/// LOCALNET-5: makes the home of a node that joins by `leither init --join …`.
pub async fn join(binary: PathBuf, site: Site, words: Vec<String>) -> Done<Site> {
    let mut command = leither(&binary, site.home.root());
    let ran = timeout(JOIN_MAX, command.args(words).output()).await;
    let ran = ran.map_err(|_| Failure::fault(format!("node {} could not fetch the chain in time: try again", site.number)))?;
    let ran = ran.map_err(|e| Failure::fault(format!("cannot run {}: {e}", binary.display())))?;
    if ran.status.success() {
        return Ok(site);
    }
    let said = last_line(&ran.stderr);
    Err(Failure::fault(format!("node {} could not join: {said}", site.number)))
}

impl Member {
    /// A node that does not run yet. `binary` is what it runs.
    pub fn new(site: Site, binary: PathBuf) -> Self {
        Self { site, state: State::Stopped, binary, process: None }
    }

    /// Whether there is a process.
    pub fn runs(&self) -> bool {
        self.process.is_some()
    }

    /// Its process id, while there is a process.
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().and_then(Child::id)
    }

    fn number(&self) -> usize {
        self.site.number
    }

    /// Starts it on its home.
    pub fn start(&mut self) -> Done {
        if self.runs() {
            return Err(Failure::usage(format!("node {} runs already: `stop` or `kill` it first", self.number())));
        }
        let path = self.site.log();
        let cannot = |e: std::io::Error| Failure::fault(format!("cannot start node {}: {e}", self.site.number));
        let log = std::fs::OpenOptions::new().create(true).append(true).open(path).map_err(cannot)?;
        let mut command = leither(&self.binary, self.site.home.root());
        let process = command.arg("run").stdout(Stdio::null()).stderr(log).spawn().map_err(cannot)?;
        self.process = Some(process);
        self.state = State::Up;
        Ok(())
    }

    /// LOCALNET-4: asks it to end; [`Member::look`] kills it where it does not.
    pub async fn stop(&mut self) -> Done {
        if matches!(self.state, State::Stopping(_)) {
            return Err(Failure::usage(format!("node {} is ending already", self.number())));
        }
        if self.state == State::Paused {
            self.signal("CONT").await?;
        }
        self.signal("TERM").await?;
        self.state = State::Stopping(Instant::now() + STOP_MAX);
        Ok(())
    }

    /// Kills it, as a power failure would.
    pub async fn kill(&mut self) -> Done {
        let gone = self.gone();
        let process = self.process.as_mut().ok_or(gone)?;
        process.kill().await.map_err(Failure::fault)?;
        self.process = None;
        self.state = State::Killed;
        Ok(())
    }

    /// Freezes it.
    pub async fn pause(&mut self) -> Done {
        if self.runs() && self.state != State::Up {
            return Err(Failure::usage(format!(
                "node {} is {}: only one that is up can be paused",
                self.number(),
                self.state.word()
            )));
        }
        self.signal("STOP").await?;
        self.state = State::Paused;
        Ok(())
    }

    /// Lets it go on.
    pub async fn resume(&mut self) -> Done {
        if self.runs() && self.state != State::Paused {
            return Err(Failure::usage(format!("node {} is not paused", self.number())));
        }
        self.signal("CONT").await?;
        self.state = State::Up;
        Ok(())
    }

    fn gone(&self) -> Failure {
        Failure::usage(format!("node {} does not run: `start {}` starts it", self.number(), self.number()))
    }

    /// By the shell's own `kill`, which every machine has. The id is surely our child's: one that ended stays as it is until it is asked for.
    async fn signal(&mut self, name: &str) -> Done {
        self.look();
        let pid = self.pid().ok_or_else(|| self.gone())?;
        let mut shell = Command::new("sh");
        shell.args(["-c", "kill -s \"$0\" \"$1\"", name, &pid.to_string()]).stdin(Stdio::null()).stdout(Stdio::null());
        let sent = shell.output().await.map_err(|e| Failure::fault(format!("cannot run sh: {e}")))?;
        if sent.status.success() {
            return Ok(());
        }
        Err(Failure::fault(format!("cannot signal node {}: {}", self.number(), last_line(&sent.stderr))))
    }

    /// Looks whether it still runs; kills it where its time to end is over.
    pub fn look(&mut self) {
        let Some(process) = &mut self.process else { return };
        match process.try_wait() {
            Ok(None) => {
                if matches!(self.state, State::Stopping(until) if Instant::now() >= until) {
                    let _ended_since = process.start_kill();
                }
            }
            Ok(Some(status)) => {
                self.process = None;
                self.state = match self.state {
                    State::Stopping(_) => State::Stopped,
                    _ => State::Died(format!("{status}: {}", self.last_said())),
                };
            }
            Err(error) => {
                self.process = None;
                self.state = State::Died(error.to_string());
            }
        }
    }

    /// The last line of its log.
    fn last_said(&self) -> String {
        let tail = || {
            let mut log = std::fs::File::open(self.site.log())?;
            let len = log.metadata()?.len();
            log.seek(SeekFrom::Start(len.saturating_sub(TAIL_BYTES)))?;
            let mut bytes = Vec::new();
            log.take(TAIL_BYTES).read_to_end(&mut bytes)?;
            Ok::<_, std::io::Error>(bytes)
        };
        tail().map_or_else(|e| format!("its log cannot be read ({e})"), |bytes| last_line(&bytes))
    }
}

/// Ends all: asks, waits, and kills who does not.
pub async fn stop_all(members: &mut [Member]) {
    for member in members.iter_mut().filter(|member| member.runs()) {
        let asked = member.stop().await;
        if asked.is_err() && !matches!(member.state, State::Stopping(_)) {
            let _ended_since = member.kill().await;
        }
    }
    while members.iter().any(Member::runs) {
        members.iter_mut().for_each(Member::look);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn last_line(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let line = text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it said nothing");
    line.chars().filter(|c| !c.is_control()).take(SHOWN_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::super::ground::{Ground, Wanted};
    use super::*;

    /// A node whose binary is a script: `body` is what it does when it is run.
    async fn member(body: &str) -> (tempfile::TempDir, Member) {
        let dir = tempfile::tempdir().unwrap();
        let wanted = Wanted { dir: Some(dir.path().join("net")), nodes: Some(1), ..Wanted::default() };
        let (_ground, sites) = Ground::open(&wanted).await.unwrap();
        let binary = dir.path().join("node.sh");
        // Written by another process: a file that this one has open to write, or a child that it forks just then, could not be run.
        let mut write = std::process::Command::new("sh");
        write
            .args(["-c", "printf '%s\\n' \"$1\" > \"$0\" && chmod 755 \"$0\""])
            .arg(&binary)
            .arg(format!("#!/bin/sh\n{body}"));
        assert!(write.status().unwrap().success());
        let member = Member::new(sites.into_iter().next().unwrap(), binary);
        (dir, member)
    }

    async fn until(member: &mut Member, is: impl Fn(&State) -> bool) {
        let end = Instant::now() + Duration::from_secs(20);
        while !is(&member.state) {
            assert!(Instant::now() < end, "{:?}", member.state);
            tokio::time::sleep(Duration::from_millis(20)).await;
            member.look();
        }
    }

    /// The letter of /proc: S sleeping, T stopped.
    fn letter(pid: u32) -> char {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        stat.rsplit(") ").next().unwrap().chars().next().unwrap()
    }

    // LOCALNET-4
    #[tokio::test]
    async fn a_node_is_started_frozen_resumed_killed_and_started_again() {
        let (_dir, mut member) = member("exec sleep 600").await;
        assert!(member.kill().await.unwrap_err().sentence.contains("`start 1`"));
        member.start().unwrap();
        assert!(member.start().unwrap_err().sentence.contains("runs already"));
        let first = member.pid().unwrap();
        assert!(member.resume().await.is_err());
        member.pause().await.unwrap();
        for _ in 0..200 {
            if letter(first) == 'T' {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!((letter(first), member.state.word()), ('T', "paused"));
        assert!(member.pause().await.unwrap_err().sentence.contains("only one that is up"));
        member.resume().await.unwrap();
        member.kill().await.unwrap();
        assert_eq!((member.state.word(), member.pid()), ("killed", None));
        assert!(!Path::new(&format!("/proc/{first}")).exists(), "it is gone, and not a zombie");
        member.start().unwrap();
        assert_ne!(member.pid(), Some(first));
        stop_all(std::slice::from_mut(&mut member)).await;
        assert_eq!(member.state, State::Stopped);
    }

    // LOCALNET-4
    #[tokio::test]
    async fn a_paused_node_can_be_stopped_and_one_that_does_not_end_is_killed() {
        let (_dir, mut member) = member("exec sleep 600").await;
        member.start().unwrap();
        member.pause().await.unwrap();
        member.stop().await.unwrap();
        assert!(member.stop().await.unwrap_err().sentence.contains("ending already"));
        until(&mut member, |state| *state == State::Stopped).await;

        let (_dir, mut deaf) = self::member("trap '' TERM; echo ready >&2; while :; do sleep 0.1; done").await;
        deaf.start().unwrap();
        while !std::fs::read_to_string(deaf.site.log()).unwrap().contains("ready") {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        deaf.stop().await.unwrap();
        deaf.look();
        assert!(deaf.runs());
        deaf.state = State::Stopping(Instant::now());
        until(&mut deaf, |state| *state == State::Stopped).await;
    }

    // LOCALNET-4
    #[tokio::test]
    async fn a_node_that_ends_by_itself_is_shown_with_the_last_that_it_said() {
        let (_dir, mut member) = member("echo first >&2; echo 'leither: the disk is full' >&2; echo >&2; exit 4").await;
        member.start().unwrap();
        until(&mut member, |state| matches!(state, State::Died(_))).await;
        let State::Died(said) = &member.state else { panic!("{:?}", member.state) };
        assert!(said.contains("exit status: 4: leither: the disk is full"), "{said}");
        member.start().unwrap();
        until(&mut member, |state| matches!(state, State::Died(_))).await;
        let log = std::fs::read_to_string(member.site.log()).unwrap();
        assert_eq!(log.matches("first").count(), 2, "the log goes on");
    }

    // LOCALNET-5
    #[tokio::test]
    async fn who_cannot_join_is_told_why_and_a_child_has_no_settings_of_ours() {
        let (_dir, member) = member("env | grep LEITHER_ && exit 0\necho \"leither: $*\" >&2; exit 3").await;
        let site = member.site.clone();
        let failure = join(member.binary.clone(), site, vec!["init".into(), "--join".into()]).await.err().unwrap();
        let wanted = format!("leither: --home {} init --join", member.site.home.root().display());
        assert!(failure.sentence.contains(&wanted), "{}", failure.sentence);
        assert_eq!(last_line(b""), "it said nothing");
        assert_eq!(last_line(b"a\n\x1b[31mred\x07\n\n").as_str(), "[31mred");
    }
}
