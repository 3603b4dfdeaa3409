use crate::seal::SealError;
use std::path::{Path, PathBuf};

/// Why content was not added. Each says what to do next.
#[derive(Debug, thiserror::Error)]
pub enum ContentError {
    /// No such profile.
    #[error("`{0}` is no profile: there are unixfs-v1-2025 and unixfs-v0-2015")]
    Profile(String),
    /// The machine refused.
    #[error("cannot {what} {path}: {source}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the machine said.
        source: std::io::Error,
    },
    /// Neither file, directory nor link.
    #[error("{path} is a {kind}, which has no content to add: move it away and try again")]
    Special {
        /// Which entry.
        path: PathBuf,
        /// What it is.
        kind: &'static str,
    },
    /// A link that leads out of what is added, or may by way of another.
    #[error(
        "the link {path} leads out of the directory, or climbs by `..` after a name, to {target}: copy the target in, remove the link, or write its target with `..` at the front alone"
    )]
    Escape {
        /// Which link.
        path: PathBuf,
        /// Where it leads.
        target: PathBuf,
    },
    /// A name that has no form in IPFS.
    #[error("the name of {path} is not UTF-8, which IPFS needs: rename it")]
    Name {
        /// Which entry.
        path: PathBuf,
    },
    /// It was written to meanwhile.
    #[error("{path} changed while it was read: wait until nobody writes to it and try again")]
    Changed {
        /// Which entry.
        path: PathBuf,
    },
    /// Beyond a bound.
    #[error("{path} {what}: split it up")]
    TooMuch {
        /// Which directory.
        path: PathBuf,
        /// What there is too much of.
        what: &'static str,
    },
    /// The block sink refused.
    #[error("a block could not be kept: {0}")]
    Sink(std::io::Error),
    /// PRIVATE-3: a name or target that has no sealed form.
    #[error("{path} cannot be sealed: {source}")]
    Seal {
        /// Which entry.
        path: PathBuf,
        /// Why.
        source: SealError,
    },
    /// PRIVATE-10: in the open it would be taken for private content.
    #[error(
        "{path} is the head of private content, for which this directory would be taken, though nobody could open it: rename the file, or move it away"
    )]
    Head {
        /// Which file.
        path: PathBuf,
    },
    /// A directory could not be encoded.
    #[error("the directory {path} cannot be encoded: {what}")]
    Encode {
        /// Which directory.
        path: PathBuf,
        /// Why.
        what: String,
    },
}

pub(super) fn io(what: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> ContentError {
    let path = path.to_path_buf();
    move |source| ContentError::Io { what, path, source }
}

/// PRIVATE-1: what is sealed is read twice, and `InvalidData` says that it was not the same.
pub(super) fn read_again(path: &Path) -> impl FnOnce(std::io::Error) -> ContentError {
    let path = path.to_path_buf();
    move |source| match source.kind() {
        std::io::ErrorKind::InvalidData => ContentError::Changed { path },
        _ => ContentError::Io { what: "read", path, source },
    }
}
