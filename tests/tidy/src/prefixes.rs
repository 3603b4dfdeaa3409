//! Stored keys: one prefix a thing, over all pallets.

use crate::rust::{code_of, line_of};
use crate::{Findings, Tree};
use std::collections::BTreeMap;

const MAKERS: &[&str] = &["Map::new(b\"", "Item::new(b\""];

/// No two stored things share a prefix, and all stand in `keys.rs`.
pub fn check(tree: &Tree) -> Findings {
    let mut findings = Findings::new();
    let mut seen = BTreeMap::<String, String>::new();
    for file in tree.rust().filter(|file| file.path.starts_with("pallets/src/")) {
        let code = code_of(&file.text);
        for maker in MAKERS {
            for (at, _) in file.text.match_indices(maker) {
                // In a comment the maker's name is blanked out.
                if !code[at..].starts_with(maker.trim_end_matches("b\"")) {
                    continue;
                }
                let prefix = file.text[at + maker.len()..].split('"').next().unwrap_or_default();
                let here = format!("{}:{}", file.path, line_of(&file.text, at));
                if !file.path.ends_with("/keys.rs") {
                    findings.push(format!("{here}: a stored key outside keys.rs"));
                }
                if let Some(there) = seen.insert(prefix.to_string(), here.clone()) {
                    findings.push(format!("{here}: prefix \"{prefix}\" is taken by {there}"));
                }
            }
        }
    }
    findings
}
