use std::path::PathBuf;

/// Why a key could not be made, found or opened. Each says what to do next.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The name breaks the rule.
    #[error("`{0}` is no key name: use 1 to 32 of a-z, 0-9 and `-`")]
    Name(String),
    /// There is a key of this name.
    #[error("there is a key `{0}` already: choose another name, or move the file away first")]
    Taken(String),
    /// There is no key of this name.
    #[error("no key `{0}` here: `leither keys list` shows those that are")]
    Missing(String),
    /// A key file of the node is not there.
    #[error("{path} is missing: `leither init` makes it; restore it from your backup if this node had one")]
    NoFile {
        /// Where it should be.
        path: PathBuf,
    },
    /// The password does not open the file; the file itself is sound.
    #[error("wrong password for key `{0}`: the file is sound, try again")]
    WrongPassword(String),
    /// The file's bytes are not those that were written.
    #[error("{path} is damaged ({what}): restore it from a backup, or import its 24 words under another name")]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// Others than the owner may read it.
    #[error("{path} can be read by others: `chmod 600 {path}`, and think about who may have read it")]
    TooOpen {
        /// Which file.
        path: PathBuf,
    },
    /// The file holds another kind of key.
    #[error("{path} holds a {found} key where a {wanted} key belongs: the files were mixed up")]
    Purpose {
        /// Which file.
        path: PathBuf,
        /// What it holds.
        found: String,
        /// What should stand there.
        wanted: &'static str,
    },
    /// The words are no BIP-39 phrase.
    #[error("these are not valid words: {0}")]
    Words(String),
    /// The text is no secret seed.
    #[error("a secret seed is 64 hex digits (32 bytes), with or without 0x")]
    SeedForm,
    /// The text is no derivation path of ours.
    #[error("`{0}` is no path: expected m/44'/{coin}'/account'/role'/index'", coin = super::COIN)]
    Path(String),
    /// No password was given and none could be asked for.
    #[error("no password: there is no terminal to ask at; set LEITHER_PASSWORD or give --password-file")]
    NoPassword,
    /// The password is unusable.
    #[error("this password cannot be used: {0}")]
    Password(&'static str),
    /// The two entries differ.
    #[error("the two passwords differ: nothing was written, try again")]
    PasswordsDiffer,
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
    /// No randomness, or no memory for the key derivation.
    #[error("this machine could not make the key: {0}")]
    Machine(String),
}
