//! The purity line, by words: below it nobody knows the time, the disk, the network, chance or a thread, and nothing is unordered.

use crate::rust::{code_of, find_word, is_test_path, line_of, without_tests};
use crate::{Findings, Tree, edges};

/// Not below the purity line: the word, and what to do instead.
const BANNED: &[(&str, &str)] = &[
    ("std::time", "time is an input: take it from the block"),
    ("SystemTime", "time is an input: take it from the block"),
    ("Instant", "time is an input: take it from the block"),
    ("std::fs", "the disk is node/store's"),
    ("std::io", "bytes come in and go out as values"),
    ("std::net", "the network is node/net's"),
    ("std::thread", "a core is stepped; threads are its driver's"),
    ("std::env", "the rules stand in the state, never in a node's environment"),
    ("std::process", "a core reports a Fault; stopping is its driver's"),
    ("HashMap", "its order differs from run to run: BTreeMap"),
    ("HashSet", "its order differs from run to run: BTreeSet"),
    ("RandomState", "its order differs from run to run"),
    ("f32", "floats round differently from machine to machine: Amount, or a fraction of integers"),
    ("f64", "floats round differently from machine to machine: Amount, or a fraction of integers"),
    ("rand::", "chance is an input: take an rng as an argument"),
    ("thread_rng", "chance is an input: take an rng as an argument"),
    ("OsRng", "chance is an input: take an rng as an argument"),
    ("getrandom", "chance is an input: take an rng as an argument"),
    ("Mutex", "a core has one owner and no locks"),
    ("RwLock", "a core has one owner and no locks"),
    ("static mut", "a core's state is a value that somebody owns"),
    ("thread_local", "a core's state is a value that somebody owns"),
    ("println!", "a core returns what it has to say"),
    ("eprintln!", "a core returns what it has to say"),
    ("print!", "a core returns what it has to say"),
    ("dbg!", "a core returns what it has to say"),
];

/// Where a banned word stands for a reason: file, word, reason.
const EXCEPTIONS: &[(&str, &str, &str)] = &[
    // DESIGN, section 2: a cache of compiled modules in a folder that the caller hands in; it changes no answer.
    ("contracts/vm/src/modules.rs", "std::fs", "the cache of compiled modules"),
    ("contracts/vm/src/modules.rs", "std::io", "the cache of compiled modules"),
    ("contracts/vm/src/modules.rs", "Mutex", "the cache of compiled modules, which all threads share"),
];

/// Looks for banned words in the code (not the tests) of the crates below the purity line.
pub fn check(tree: &Tree) -> Findings {
    let mut findings = Findings::new();
    for file in tree.rust() {
        if is_test_path(&file.path) || !edges::pure_folders().any(|dir| file.path.starts_with(&format!("{dir}/"))) {
            continue;
        }
        let code = without_tests(&code_of(&file.text));
        for (word, instead) in BANNED {
            if EXCEPTIONS.iter().any(|(path, known, _)| *path == file.path && known == word) {
                continue;
            }
            let at = |at| format!("{}:{}: `{word}` below the purity line; {instead}", file.path, line_of(&code, at));
            findings.extend(find_word(&code, word).map(at));
        }
    }
    for (path, word, _) in EXCEPTIONS {
        let gone = tree.get(path).is_some_and(|file| find_word(&code_of(&file.text), word).next().is_none());
        if gone {
            findings.push(format!("{path}: no `{word}` there any more; take the exception out of tests/tidy/src/words.rs"));
        }
    }
    findings
}
