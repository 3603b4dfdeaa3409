//! Where a node lives on disk: one directory, `~/.leither`, `LEITHER_HOME` or `--home`. The layout is `spec/home.md`'s.

use crate::files;
use leither_types::Hash;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The variable that names the home directory.
pub const HOME_VARIABLE: &str = "LEITHER_HOME";
/// A Unix socket's path holds so many bytes, its end mark included.
const SOCKET_PATH_MAX: usize = 108;

/// Consensus keys that a home may come to have.
const VALIDATOR_KEYS_MAX: usize = 256;

/// Why there is no home.
#[derive(Debug, thiserror::Error)]
pub enum HomeError {
    /// Nothing says where it is.
    #[error("no home directory: give --home, or set {HOME_VARIABLE} or HOME")]
    Nowhere,
    /// The path is not usable as it stands.
    #[error("{path} cannot be a home directory: {why}")]
    Unfit {
        /// The path.
        path: PathBuf,
        /// Why.
        why: &'static str,
    },
    /// The machine refused.
    #[error("cannot create {path}: {source}")]
    Create {
        /// Which directory.
        path: PathBuf,
        /// What the machine said.
        source: std::io::Error,
    },
}

/// The home directory and the places in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Home {
    root: PathBuf,
}

impl Home {
    /// HOME-1: `flag`, else [`HOME_VARIABLE`], else `~/.leither`. `variable` reads the environment.
    pub fn locate(flag: Option<PathBuf>, variable: &dyn Fn(&str) -> Option<OsString>) -> Result<Self, HomeError> {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let root = flag
            .or_else(|| set(HOME_VARIABLE))
            .or_else(|| set("HOME").map(|home| home.join(".leither")))
            .ok_or(HomeError::Nowhere)?;
        Self::at(root)
    }

    /// The home at `root`; a relative path counts from the working directory now.
    pub fn at(root: impl Into<PathBuf>) -> Result<Self, HomeError> {
        let root = root.into();
        let root = std::path::absolute(&root)
            .map_err(|_| HomeError::Unfit { path: root, why: "it is empty, or the working directory is gone" })?;
        let home = Self { root };
        if home.socket().as_os_str().len() >= SOCKET_PATH_MAX {
            let why = "its path is too long for the socket in it (run/leither.sock): choose one of at most 90 bytes";
            return Err(HomeError::Unfit { path: home.root, why });
        }
        if home.root.exists() && !home.root.is_dir() {
            return Err(HomeError::Unfit { path: home.root, why: "there is a file of that name" });
        }
        Ok(home)
    }

    /// Makes the directories that are missing, for the owner alone. What exists stays as it is.
    pub fn create(&self) -> Result<(), HomeError> {
        let parts = ["config", "keys", "validator", "data", "snapshots", "run"].map(|part| self.root.join(part));
        for path in std::iter::once(self.root.clone()).chain(parts) {
            files::private_dir(&path).map_err(|source| HomeError::Create { path, source })?;
        }
        Ok(())
    }

    /// The directory itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The settings.
    pub fn config(&self) -> PathBuf {
        self.root.join("config/node.toml")
    }

    /// The start of the chain that this node follows.
    pub fn genesis(&self) -> PathBuf {
        self.root.join("config/genesis.json")
    }

    /// A block that the owner trusts: `HEIGHT:ID`.
    pub fn trusted(&self) -> PathBuf {
        self.root.join("config/trusted")
    }

    /// The node's name among its peers.
    pub fn node_key(&self) -> PathBuf {
        self.root.join("config/node_key")
    }

    /// The wallet's keys.
    pub fn keys(&self) -> PathBuf {
        self.root.join("keys")
    }

    /// The validator's secrets.
    pub fn validator(&self) -> PathBuf {
        self.root.join("validator")
    }

    /// STAKING-10: the directories with consensus keys, in the order in which they were made.
    pub fn validators(&self) -> Vec<PathBuf> {
        let dirs = std::iter::once(self.validator()).chain((1..VALIDATOR_KEYS_MAX).map(|n| self.next_validator(n)));
        dirs.take_while(|dir| dir.join("consensus_key.json").exists()).collect()
    }

    /// Where the key goes that comes after so many.
    pub fn next_validator(&self, keys: usize) -> PathBuf {
        self.root.join(format!("validator/{}", keys + 1))
    }

    /// What the validator votes with.
    pub fn consensus_key(&self) -> PathBuf {
        self.root.join("validator/consensus_key.json")
    }

    /// What the validator signed last: beside the key, so that a key is not moved without it.
    pub fn sign_state(&self) -> PathBuf {
        self.root.join("validator/sign_state.json")
    }

    /// The database.
    pub fn data(&self) -> PathBuf {
        self.root.join("data")
    }

    /// Snapshots of the state.
    pub fn snapshots(&self) -> PathBuf {
        self.root.join("snapshots")
    }

    /// What a recovery builds, until it changes places with what is there.
    pub fn recovering(&self) -> PathBuf {
        self.root.join("recovering")
    }

    /// What this home was before the recovery of that chain.
    pub fn before(&self, chain: &Hash) -> PathBuf {
        let digits: String = chain.to_string().trim_start_matches("0x").chars().take(8).collect();
        self.root.join(format!("before-{digits}"))
    }

    /// What only lives while the node runs.
    pub fn run(&self) -> PathBuf {
        self.root.join("run")
    }

    /// Where admin calls come in.
    pub fn socket(&self) -> PathBuf {
        self.root.join("run/leither.sock")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn environment(pairs: &'static [(&str, &str)]) -> impl Fn(&str) -> Option<OsString> {
        move |name| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| value.into())
    }

    // HOME-1
    #[test]
    fn the_flag_goes_before_the_variable_and_that_before_the_default() {
        let env = environment(&[("HOME", "/h"), (HOME_VARIABLE, "/v")]);
        assert_eq!(Home::locate(Some("/f".into()), &env).unwrap().root(), Path::new("/f"));
        assert_eq!(Home::locate(None, &env).unwrap().root(), Path::new("/v"));
        let env = environment(&[("HOME", "/h"), (HOME_VARIABLE, "")]);
        assert_eq!(Home::locate(None, &env).unwrap().root(), Path::new("/h/.leither"));
        assert!(matches!(Home::locate(None, &environment(&[])), Err(HomeError::Nowhere)));
    }

    #[test]
    fn a_home_is_made_for_its_owner_alone() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::at(dir.path().join("new/home")).unwrap();
        home.create().unwrap();
        home.create().unwrap();
        for path in
            [home.root().to_path_buf(), home.keys(), home.data(), home.run(), home.snapshots(), home.root.join("validator")]
        {
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700, "{path:?}");
        }
    }

    // HOME-1
    #[test]
    fn a_home_that_cannot_hold_a_socket_or_is_a_file_is_refused() {
        let long = PathBuf::from(format!("/{}", "x".repeat(100)));
        assert!(matches!(Home::at(long), Err(HomeError::Unfit { .. })));
        assert!(Home::at(format!("/{}", "x".repeat(89))).is_ok());
        assert!(Home::at(format!("/{}", "x".repeat(90))).is_err());
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(matches!(Home::at(file.path()), Err(HomeError::Unfit { .. })));
    }
}
