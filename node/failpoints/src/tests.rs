use super::*;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Every `hit("…")` in the sources under `dir`, with how often it stands there.
fn hits(dir: &Path, found: &mut BTreeMap<String, usize>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            hits(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            for (at, start) in text.match_indices("hit(\"") {
                let rest = &text[at + start.len()..];
                *found.entry(rest[..rest.find('"').unwrap()].to_owned()).or_default() += 1;
            }
        }
    }
}

#[test]
fn each_point_stands_in_one_place_and_each_place_is_a_point() {
    let node = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut found = BTreeMap::new();
    for part in ["store", "net", "engine", "cli", "services/storage"] {
        hits(&node.join(part).join("src"), &mut found);
    }
    let wanted: BTreeMap<String, usize> = POINTS.iter().map(|point| ((*point).to_owned(), 1)).collect();
    assert_eq!(found, wanted);
}

#[cfg(debug_assertions)]
#[test]
fn what_cannot_be_armed_is_told() {
    arm("").unwrap();
    arm(" store/created=3*off->return ; ").unwrap();
    for (value, words) in [
        ("store/created", "NAME=ACTIONS"),
        ("store/creatd=return", "no point `store/creatd`"),
        ("store/created=die", "store/created:"),
    ] {
        let said = arm(value).unwrap_err();
        assert!(said.contains(words), "{said}");
    }
    // Its third hit is the first that counts, and a name that is not armed does nothing.
    hit("store/created");
    hit("store/commit/before");
    fail::remove("store/created");
}
