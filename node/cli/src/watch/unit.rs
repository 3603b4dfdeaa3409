use std::path::{Path, PathBuf};

const TEMPLATE: &str = include_str!("../../assets/leither.service");

/// Why there is no unit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnitError {
    /// A path that a unit has no way to write, or that means another place to systemd.
    #[error("`{}` cannot stand in a systemd unit: use an absolute path without quotes, backslashes and control characters", .0.display())]
    Path(PathBuf),
    /// No user's name or number.
    #[error("`{0}` is no user for a systemd unit: give a name like `leither`, or a number")]
    User(String),
}

/// WATCH-9: the unit under which systemd runs the node of `home` as `user`, a name or a number.
pub fn unit(binary: &Path, home: &Path, user: &str) -> Result<String, UnitError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    if user.is_empty() || user.len() > 31 || user.starts_with(['-', '.']) || !user.chars().all(plain) {
        return Err(UnitError::User(user.chars().take(80).collect()));
    }
    let (binary, home) = (written(binary)?, written(home)?);
    // In a command a dollar begins a variable, elsewhere it stands for itself.
    let filled = TEMPLATE.lines().map(|line| {
        let command = line.starts_with("ExecStart=");
        let path = |path: &str| if command { path.replace('$', "$$") } else { path.into() };
        match line.contains('{') {
            true => fill(line, &[("{binary}", &path(&binary)), ("{home}", &path(&home)), ("{user}", user)]),
            false => line.into(),
        }
    });
    Ok(filled.map(|line: String| line + "\n").collect())
}

/// Who owns the home directory, as a number: the node must run as this user.
pub fn owner(home: &Path) -> std::io::Result<String> {
    use std::os::unix::fs::MetadataExt;
    Ok(std::fs::metadata(home)?.uid().to_string())
}

/// A path within quotes. `%` begins a specifier everywhere in a unit; quotes and backslashes are read differently from key to key, so
/// there are none.
fn written(path: &Path) -> Result<String, UnitError> {
    let text = path.to_str().filter(|text| path.is_absolute() && !text.contains(['"', '\'', '\\']));
    match text.filter(|text| !text.chars().any(char::is_control)) {
        Some(text) => Ok(format!("\"{}\"", text.replace('%', "%%"))),
        None => Err(UnitError::Path(path.into())),
    }
}

/// Fills each place once: what is filled in is not looked at again.
fn fill(line: &str, values: &[(&str, &str)]) -> String {
    let mut out = String::new();
    let mut rest = line;
    while let Some((at, place, value)) = values
        .iter()
        .filter_map(|(place, value)| Some((rest.find(place)?, *place, *value)))
        .min_by_key(|(at, ..)| *at)
    {
        let (before, after) = rest.split_at(at);
        out.push_str(before);
        out.push_str(value);
        rest = after.strip_prefix(place).unwrap_or_default();
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit_of(binary: &str, home: &str, user: &str) -> Result<String, UnitError> {
        unit(Path::new(binary), Path::new(home), user)
    }

    fn line<'a>(unit: &'a str, key: &str) -> &'a str {
        unit.lines().find_map(|line| line.strip_prefix(key)).unwrap()
    }

    /// WATCH-9.
    #[test]
    fn a_unit_names_binary_home_and_user_and_leaves_no_place_unfilled() {
        let unit = unit_of("/usr/bin/leither", "/srv/leither", "leither").unwrap();
        assert_eq!(line(&unit, "ExecStart="), "\"/usr/bin/leither\" --home \"/srv/leither\" run");
        assert_eq!(line(&unit, "ReadWritePaths="), "\"/srv/leither\"");
        assert_eq!(line(&unit, "User="), "leither");
        assert!(!unit.contains(['{', '}']), "{unit}");
        for wanted in [
            "NoNewPrivileges=yes",
            "ProtectSystem=strict",
            "PrivateTmp=yes",
            "Restart=on-failure",
            "RestartPreventExitStatus=2",
            "LimitNOFILE=65536",
        ] {
            assert!(unit.lines().any(|line| line == wanted), "{wanted}");
        }
        assert!(line(&unit, "TimeoutStopSec=").parse::<u32>().unwrap() >= 30);
    }

    /// WATCH-9.
    #[test]
    fn spaces_dollars_percents_and_braces_in_paths_mean_themselves() {
        let unit = unit_of("/opt/my apps/leither", "/srv/100% $HOME/{user}", "1000").unwrap();
        assert_eq!(line(&unit, "ExecStart="), "\"/opt/my apps/leither\" --home \"/srv/100%% $$HOME/{user}\" run");
        assert_eq!(line(&unit, "ReadWritePaths="), "\"/srv/100%% $HOME/{user}\"");
    }

    /// WATCH-9.
    #[test]
    fn what_could_end_its_line_or_its_quotes_is_refused() {
        for bad in ["leither", "", "/a\nExecStartPre=/bin/sh", "/a\"b", "/a'b", "/a\\b", "/a\tb"] {
            assert_eq!(unit_of("/usr/bin/leither", bad, "leither"), Err(UnitError::Path(bad.into())), "{bad:?}");
            assert_eq!(unit_of(bad, "/srv/leither", "leither"), Err(UnitError::Path(bad.into())), "{bad:?}");
        }
        for bad in ["", "-x", "a b", "root\nUser=0", "%u", &"a".repeat(32)] {
            assert!(matches!(unit_of("/usr/bin/leither", "/srv/leither", bad), Err(UnitError::User(_))), "{bad:?}");
        }
    }

    #[test]
    fn the_owner_of_a_directory_is_a_user_that_a_unit_takes() {
        let dir = tempfile::tempdir().unwrap();
        let user = owner(dir.path()).unwrap();
        assert!(unit(Path::new("/usr/bin/leither"), dir.path(), &user).unwrap().contains(&format!("User={user}\n")));
        assert!(owner(&dir.path().join("absent")).is_err());
    }
}
