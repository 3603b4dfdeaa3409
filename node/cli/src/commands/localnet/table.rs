//! The table: a line a node, for people.

use super::ledger::Seen;
use super::member::{Member, State};
use std::path::Path;

/// Directories below a home: more is none of a node's.
const DEPTH_MAX: usize = 6;
const MIB: u64 = 1 << 20;

/// A node at this moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// From 1.
    pub node: usize,
    /// How it is.
    pub state: &'static str,
    /// Its height.
    pub height: Option<u64>,
    /// The round of the last block that was read of it.
    pub round: Option<u32>,
    /// Its peers.
    pub peers: Option<u32>,
    /// Transactions a second in its blocks of the last ten seconds.
    pub tps: u64,
    /// What it has in memory.
    pub rss_bytes: u64,
    /// What its home takes.
    pub disk_bytes: u64,
    /// Where its JSON-RPC answers.
    pub rpc: String,
    /// What is to be said of it beside.
    pub note: Option<String>,
}

impl Row {
    /// Of a node that is there.
    pub fn of(member: &Member, seen: &Seen, now_ms: u64) -> Self {
        let up = member.state == State::Up;
        let state = if up && !seen.answers && seen.height.is_none() { "starting" } else { member.state.word() };
        let note = match &member.state {
            State::Died(said) => Some(said.clone()),
            State::Up if !seen.answers && seen.height.is_some() => Some("does not answer".into()),
            _ => None,
        };
        Self {
            node: member.site.number,
            state,
            height: seen.height,
            round: seen.round,
            peers: seen.peers.filter(|_| up),
            tps: if up { seen.tps(now_ms) } else { 0 },
            rss_bytes: member.pid().map_or(0, rss_bytes),
            disk_bytes: disk_bytes(member.site.home.root(), DEPTH_MAX),
            rpc: member.site.url(),
            note,
        }
    }
}

/// The rows under their heads.
pub fn text(rows: &[Row]) -> String {
    let mut text = format!(
        "{:>4}  {:<8} {:>9} {:>5} {:>5} {:>6} {:>9} {:>9}  {}\n",
        "node", "state", "height", "round", "peers", "tx/s", "memory", "disk", "JSON-RPC"
    );
    for row in rows {
        let number = |n: Option<u64>| n.map_or_else(|| "-".to_string(), |n| n.to_string());
        let line = format!(
            "{:>4}  {:<8} {:>9} {:>5} {:>5} {:>6} {:>5} MiB {:>5} MiB  {}",
            row.node,
            row.state,
            number(row.height),
            number(row.round.map(u64::from)),
            number(row.peers.map(u64::from)),
            row.tps,
            row.rss_bytes / MIB,
            row.disk_bytes / MIB,
            row.rpc
        );
        text += line.trim_end();
        if let Some(note) = &row.note {
            text += &format!("  {note}");
        }
        text.push('\n');
    }
    text
}

/// What a process has in memory; 0 where it is gone.
fn rss_bytes(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kb = line.and_then(|line| line.split_whitespace().nth(1)).and_then(|kb| kb.parse::<u64>().ok());
    kb.unwrap_or(0).saturating_mul(1_024)
}

/// What the files in a directory hold. Those that vanish while they are counted do not count.
fn disk_bytes(dir: &Path, depth: usize) -> u64 {
    let Ok(entries) = std::fs::read_dir(dir) else { return 0 };
    let mut bytes = 0u64;
    for entry in entries.flatten() {
        // Of the entry itself: a link's target is somebody else's.
        let Ok(meta) = entry.metadata() else { continue };
        let inside = if meta.is_dir() && depth > 0 { disk_bytes(&entry.path(), depth - 1) } else { 0 };
        bytes = bytes.saturating_add(if meta.is_file() { meta.len() } else { inside });
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_shows_what_is_known_and_a_dash_for_the_rest() {
        let row = Row {
            node: 3,
            state: "died",
            height: Some(41),
            round: None,
            peers: None,
            tps: 0,
            rss_bytes: 0,
            disk_bytes: 7 * MIB + 5,
            rpc: "http://127.0.0.1:9".into(),
            note: Some("exit status: 4: leither: the disk is full".into()),
        };
        let text = text(&[row]);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 2);
        let words: Vec<&str> = lines[1].split_whitespace().take(11).collect();
        assert_eq!(words, ["3", "died", "41", "-", "-", "0", "0", "MiB", "7", "MiB", "http://127.0.0.1:9"]);
        assert!(lines[1].ends_with("the disk is full"));
        assert_eq!(lines[0].split_whitespace().next(), Some("node"));
    }

    #[test]
    fn memory_and_disk_are_those_of_the_process_and_its_home() {
        assert!(rss_bytes(std::process::id()) > MIB);
        assert_eq!(rss_bytes(u32::MAX), 0);
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("data")).unwrap();
        std::fs::write(dir.path().join("data/000001.log"), vec![0; 3_000]).unwrap();
        std::fs::write(dir.path().join("log"), vec![0; 500]).unwrap();
        std::os::unix::fs::symlink("/proc/kcore", dir.path().join("link")).unwrap();
        assert_eq!(disk_bytes(dir.path(), DEPTH_MAX), 3_500);
        assert_eq!(disk_bytes(&dir.path().join("none"), DEPTH_MAX), 0);
    }
}
