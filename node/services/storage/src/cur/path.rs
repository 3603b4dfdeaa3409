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

/// CUR-2: whether the target of a link that lies in a directory `level` steps below the root leads out of the tree, read as text.
pub fn leads_out(target: &str, level: usize) -> bool {
    let mut level = level;
    if target.starts_with('/') {
        return true;
    }
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => match level.checked_sub(1) {
                Some(up) => level = up,
                None => return true,
            },
            _ => level = level.saturating_add(1),
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
    fn cur_2_a_link_leads_out_if_it_climbs_above_the_root() {
        for (target, level, out) in [
            ("a", 0, false),
            ("..", 0, true),
            ("../a", 1, false),
            ("../../a", 1, true),
            ("a/../..", 0, true),
            ("a/../b", 0, false),
            ("/etc/passwd", 5, true),
            ("./a", 0, false),
        ] {
            assert_eq!(leads_out(target, level), out, "{target} at {level}");
        }
    }
}
