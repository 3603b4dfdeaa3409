//! Rule ids (`ORG-4`) join spec, code and test: each one is written down, done somewhere, and shown by a test. A test is a rule's if it
//! carries its name (`org_4_…`), says it in the comment above, or is named in backticks on the line of the spec that says the rule.

use crate::{File, Findings, Tree};
use std::collections::{BTreeMap, BTreeSet};

/// Families of ids that others give: standards and advisories are no rules of ours.
const FOREIGN: &[&str] = &[
    "ADR", "AES", "ASA", "BIP", "BLAKE", "CIP", "CVE", "CWA", "EIP", "ERC", "GHSA", "IEC", "IEEE", "IPIP", "ISO", "ISC", "MIT",
    "RFC", "RUSTSEC", "SHA", "SLIP", "SPDX", "UTC", "UTF", "ZIP", "BSD", "MPL", "APACHE", "CC0", "CC", "CDLA", "LTP", "SCALE",
];

/// A rule: family and number, so that they sort.
type Rule = (String, u32);
/// Where each rule is named first.
type Places = BTreeMap<Rule, String>;

/// All rule ids that stand in all three, and what is missing where.
pub fn check(tree: &Tree) -> Findings {
    let mut spec = Places::new();
    let mut code = Places::new();
    let mut tests = BTreeSet::new();
    let mut functions = BTreeSet::new();
    for file in tree.rust().filter(|file| !file.path.starts_with("tests/tidy/")) {
        note(&mut code, file);
        named_by_tests(&file.text, &mut tests, &mut functions);
    }
    let mut findings = Findings::new();
    for file in tree.files().filter(|file| file.path.starts_with("spec/") && file.path.ends_with(".md")) {
        note(&mut spec, file);
        for (n, line) in file.text.lines().enumerate() {
            for name in test_names_in(line) {
                if functions.contains(name) {
                    tests.extend(ids_in(line));
                } else {
                    findings.push(format!("{}:{}: no test is called `{name}`", file.path, n + 1));
                }
            }
        }
    }
    for (rule, place) in &code {
        if !spec.contains_key(rule) {
            findings.push(format!("{} ({place}): stands in no page of spec/", name(rule)));
        }
    }
    for (rule, place) in &spec {
        if !code.contains_key(rule) {
            findings.push(format!("{} ({place}): no code says that it does this", name(rule)));
        }
    }
    let all: BTreeSet<&Rule> = code.keys().chain(spec.keys()).collect();
    for rule in all.into_iter().filter(|rule| !tests.contains(*rule)) {
        findings.push(format!(
            "{}: no test named {}_…, none whose comment names it, none in its line of the spec",
            name(rule),
            snake(rule)
        ));
    }
    findings
}

fn name((family, number): &Rule) -> String {
    format!("{family}-{number}")
}

fn snake((family, number): &Rule) -> String {
    format!("{}_{number}", family.to_lowercase())
}

fn note(places: &mut Places, file: &File) {
    for (n, line) in file.text.lines().enumerate() {
        for rule in ids_in(line) {
            places.entry(rule).or_insert_with(|| format!("{}:{}", file.path, n + 1));
        }
    }
}

/// The rule ids in a line: two or more capitals, a hyphen, a number, and nothing that would make a longer word of it.
pub(crate) fn ids_in(line: &str) -> Vec<Rule> {
    let bytes = line.as_bytes();
    let mut found = Vec::new();
    for (hyphen, _) in line.match_indices('-') {
        let family_at = bytes[..hyphen].iter().rposition(|b| !b.is_ascii_uppercase()).map_or(0, |at| at + 1);
        let digits = bytes[hyphen + 1..].iter().take_while(|b| b.is_ascii_digit()).count();
        let (family, number) = (&line[family_at..hyphen], &line[hyphen + 1..hyphen + 1 + digits]);
        let joined = |b: Option<&u8>| b.is_some_and(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
        let longer = joined(bytes.get(hyphen + 1 + digits)) || joined(family_at.checked_sub(1).map(|at| &bytes[at]));
        if family.len() < 2 || longer || FOREIGN.contains(&family) {
            continue;
        }
        // A number with a leading zero is somebody's document, not a rule.
        if let Some(number) = number.parse().ok().filter(|_| !number.starts_with('0')) {
            found.push((family.to_string(), number));
        }
    }
    found
}

/// Words in backticks that can only be the names of tests: claims of five words and more.
fn test_names_in(line: &str) -> impl Iterator<Item = &str> {
    let claim = |word: &&str| {
        let plain = word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        plain && word.matches('_').count() >= 4
    };
    line.split('`').skip(1).step_by(2).filter(claim)
}

/// The rules that a file's tests name, in the function's name or in the comment above it, and the functions.
fn named_by_tests(text: &str, named: &mut BTreeSet<Rule>, functions: &mut BTreeSet<String>) {
    let mut above: Vec<Rule> = Vec::new();
    let mut is_test = false;
    for line in text.lines().map(str::trim) {
        if line.starts_with("//") {
            above.extend(ids_in(line));
        } else if line.starts_with("#[") {
            is_test |= line.starts_with("#[test]") || line.ends_with("::test]") || line.contains("::test(");
        } else if let Some(name) =
            line.trim_start_matches("pub ").trim_start_matches("async ").strip_prefix("fn ").filter(|_| is_test)
        {
            let name = name.split(['(', '<']).next().unwrap_or_default();
            named.extend(above.drain(..));
            named.extend(rules_in_name(name));
            functions.insert(name.to_string());
            is_test = false;
        } else {
            above.clear();
            is_test = false;
        }
    }
}

/// `org_4_only_a_supervisor_admits` names ORG-4; `org_4_and_org_5_…` names both.
fn rules_in_name(name: &str) -> Vec<Rule> {
    let words: Vec<&str> = name.split('_').collect();
    let pair = |pair: &[&str]| pair[1].parse().ok().filter(|_| pair[0].len() > 1).map(|number| (pair[0].to_uppercase(), number));
    words.windows(2).filter_map(pair).collect()
}
