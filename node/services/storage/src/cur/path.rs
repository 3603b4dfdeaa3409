//! Names and paths.

use crate::config::{NAME_BYTES_MAX, PATH_BYTES_MAX};
use crate::content::DEPTH_MAX;
use crate::error::{Result, StorageError};

/// CUR-1: the names of a path, none for the tree itself. Names are compared byte for byte.
pub fn names(path: &str) -> Result<Vec<&str>> {
    if path.is_empty() {
        return Ok(Vec::new());
    }
    if path.len() > PATH_BYTES_MAX {
        return Err(wrong(path, "is longer than 4096 bytes; use shorter names"));
    }
    let names: Vec<&str> = path.split('/').collect();
    if names.len() > DEPTH_MAX {
        return Err(wrong(path, "has more than 256 names; nest less deep"));
    }
    names.iter().try_for_each(|name| check_name(name).map_err(|what| wrong(path, what)))?;
    Ok(names)
}

/// What is wrong with a name.
fn check_name(name: &str) -> Result<(), &'static str> {
    match name {
        "" => Err("has an empty name in it; write names with one / between them and none at the ends"),
        "." | ".." => Err("has `.` or `..` in it; name the directories themselves"),
        _ if name.contains('\0') => Err("has a NUL in it; leave it out"),
        _ if name.len() > NAME_BYTES_MAX => Err("has a name of more than 255 bytes; shorten it"),
        _ => Ok(()),
    }
}

fn wrong(path: &str, what: &'static str) -> StorageError {
    StorageError::Path { path: path.chars().take(256).collect(), what }
}

/// CUR-2: whether the target of a link that lies in a directory `level` steps below the root may lead out of the tree, whatever else is in it:
/// it is absolute, climbs above the root, or climbs after a name.
///
/// A link lies in a real directory of the tree, for links are leaves; so `..` at the front alone climbs through real directories, `level` times at
/// most. From there names only go down, or through another link of the tree, which stays inside by the same rule. After a name `..` would climb
/// from wherever that name leads, which the text does not say.
pub fn leads_out(target: &str, level: usize) -> bool {
    if target.starts_with('/') {
        return true;
    }
    let (mut level, mut is_named) = (level, false);
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." if is_named || level == 0 => return true,
            ".." => level = level.saturating_sub(1),
            _ => is_named = true,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cur_1_a_name_is_neither_empty_nor_a_step_nor_too_long() {
        assert_eq!(names("").unwrap(), Vec::<&str>::new());
        assert_eq!(names("a/b c/ü").unwrap(), ["a", "b c", "ü"]);
        let long = "x".repeat(NAME_BYTES_MAX);
        assert_eq!(names(&long).unwrap(), [long.as_str()]);
        let deep = vec!["d"; DEPTH_MAX].join("/");
        assert_eq!(names(&deep).unwrap().len(), DEPTH_MAX);
        for wrong in ["/", "/a", "a/", "a//b", ".", "..", "a/../b", "a/.", "a\0b", &format!("{long}x"), &format!("{deep}/d")] {
            assert!(matches!(names(wrong), Err(StorageError::Path { .. })), "{wrong:?}");
        }
        let wide = vec!["x".repeat(200); 21].join("/");
        assert!(matches!(names(&wide), Err(StorageError::Path { .. })));
    }

    #[test]
    fn cur_2_a_link_leads_out_if_it_climbs_above_the_root_or_after_a_name() {
        for (target, level, out) in [
            ("a", 0, false),
            ("..", 0, true),
            ("../a", 1, false),
            ("../../a", 1, true),
            ("a/../..", 0, true),
            ("a/../b", 0, true),
            ("../a/../b", 2, true),
            ("/etc/passwd", 5, true),
            ("./a", 0, false),
            (".././/../a/b", 2, false),
            (".././/../a/b", 1, true),
            // Each alone stays inside, read as text; the second by way of the first ends above the root.
            ("../../..", 3, false),
            ("a/b/c/l/../../../../etc/passwd", 0, true),
            ("...", 0, false),
            ("a..", 0, false),
        ] {
            assert_eq!(leads_out(target, level), out, "{target} at {level}");
        }
    }
}
