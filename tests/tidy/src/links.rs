//! What documents point at is there.

use crate::{Findings, Tree};

/// Checks the links of every Markdown file that lead to files of this tree.
pub fn check(tree: &Tree) -> Findings {
    let mut findings = Findings::new();
    for file in tree.files().filter(|file| file.path.ends_with(".md")) {
        let dir = file.path.rsplit_once('/').map_or("", |(dir, _)| dir);
        let mut fenced = false;
        for (n, line) in file.text.lines().enumerate() {
            fenced ^= line.trim_start().starts_with("```");
            if fenced {
                continue;
            }
            for target in targets(line) {
                let outside = target.contains("://") || target.starts_with("mailto:") || target.starts_with('#');
                let path = target.split('#').next().unwrap_or_default();
                let there = resolve(dir, path).is_some_and(|path| path.is_empty() || tree.has(&path));
                if !outside && !there {
                    findings.push(format!("{}:{}: leads to `{target}`, which is not there", file.path, n + 1));
                }
            }
        }
    }
    findings
}

/// The targets of `[text](target)` in a line.
fn targets(line: &str) -> impl Iterator<Item = &str> {
    line.match_indices("](").filter_map(|(at, open)| {
        let rest = &line[at + open.len()..];
        let inside = rest.split(')').next()?;
        // A title may follow: [text](target "title").
        inside.split_whitespace().next()
    })
}

/// A path from the root; nothing where it leads out of the tree.
fn resolve(dir: &str, path: &str) -> Option<String> {
    let mut parts: Vec<&str> =
        if path.starts_with('/') { vec![] } else { dir.split('/').filter(|part| !part.is_empty()).collect() };
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}
