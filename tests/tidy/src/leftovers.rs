//! What must not stay: unfinished work, dead code, tests skipped without a reason, traces of the machine it was written on.

use crate::rust::{code_of, find_word, line_of};
use crate::{Findings, Tree};

/// Marks of unfinished work; written in halves, so that this file does not find itself.
const UNFINISHED: &[&str] = &[concat!("TO", "DO"), concat!("FIX", "ME"), concat!("X", "XX"), concat!("HA", "CK")];
/// Code that is not there yet.
const HOLLOW: &[&str] = &[concat!("to", "do!"), concat!("unimple", "mented!")];
/// Where a package comes from is cargo's business, and each builder's own.
const HOSTS: &[&str] = &[
    concat!("static.", "crates.io"),
    concat!("index.", "crates.io"),
    concat!("registry.", "npmjs.org"),
    concat!("files.", "pythonhosted.org"),
    concat!("pypi.", "org/simple"),
    concat!("artifact", "ory"),
];
/// Paths that are those of one machine.
const MACHINE: &[&str] =
    &[concat!("/ro", "ot/"), concat!("/wo", "rk/"), concat!("/ho", "me/"), concat!("/Us", "ers/"), concat!("C:", "\\")];
/// A `target` folder, a snapshot that was not accepted, an editor's copy.
const DEAD_ENDINGS: &[&str] = &[".bak", ".orig", ".rej", ".snap.new", "~", ".swp"];

/// Checks all files that are read, save Cargo.lock, which cargo writes.
pub fn check(tree: &Tree) -> Findings {
    let mut findings = Findings::new();
    for file in tree.files() {
        let mut say = |at: usize, what: &str| findings.push(format!("{}:{}: {what}", file.path, line_of(&file.text, at)));
        if DEAD_ENDINGS.iter().any(|ending| file.path.ends_with(ending)) {
            say(0, "a dead file; remove it");
        }
        for word in UNFINISHED {
            find_word(&file.text, word).for_each(|at| say(at, &format!("`{word}`: finish it, or write an issue")));
        }
        for needle in HOSTS.iter().chain(MACHINE) {
            file.text.match_indices(needle).for_each(|(at, _)| say(at, &format!("`{needle}` belongs to one machine")));
        }
        if !file.path.ends_with(".rs") {
            continue;
        }
        let code = code_of(&file.text);
        for word in HOLLOW {
            find_word(&code, word).for_each(|at| say(at, &format!("`{word}`: finish it")));
        }
        code.match_indices("#[ignore]")
            .for_each(|(at, _)| say(at, "a test ignored without a reason: #[ignore = \"why\"]"));
        let mut at = 0;
        for line in file.text.split_inclusive('\n') {
            if is_code_in_comment(line) {
                say(at, "code in a comment; git keeps what was");
            }
            at += line.len();
        }
    }
    findings
}

/// A plain comment (not documentation, which may show an example) that reads like a statement.
fn is_code_in_comment(line: &str) -> bool {
    let Some(inside) = line.trim().strip_prefix("//").filter(|rest| !rest.starts_with(['/', '!'])) else { return false };
    let inside = inside.trim();
    let opens = ["let ", "pub ", "fn ", "use ", "impl ", "for ", "if ", "match ", "return ", "self.", "assert", "#["];
    let starts = opens.iter().any(|word| inside.starts_with(word));
    let statement = inside.ends_with(';') && (starts || inside.contains('(') || inside.contains(" = "));
    let block = (starts && inside.ends_with('{')) || matches!(inside, "}" | "};" | "})" | "});" | "},");
    statement || block || (inside.starts_with("#[") && inside.ends_with(']'))
}
