use super::KeyError;
use crate::files;
use std::path::PathBuf;
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

/// The variable that scripts put the password in.
pub const PASSWORD_VARIABLE: &str = "LEITHER_PASSWORD";
const PASSWORD_BYTES_MAX: usize = 1024;

/// KEY-4. A password as the key derivation takes it: NFKD, without control characters, UTF-8 (ERC-2335), so that two keyboards that
/// type the same letters open the same file. Wiped from memory when dropped.
pub struct Password(Zeroizing<Vec<u8>>);

impl Password {
    /// Normalises. Refuses what is empty then, or longer than 1024 bytes.
    pub fn new(text: &str) -> Result<Self, KeyError> {
        if text.len() > PASSWORD_BYTES_MAX {
            return Err(KeyError::Password("it is longer than 1024 bytes"));
        }
        // C0, delete and C1 are exactly what `is_control` names. NFKD can lengthen 18-fold, which stays small.
        let plain = Zeroizing::new(text.nfkd().filter(|c| !c.is_control()).collect::<String>());
        if plain.is_empty() {
            return Err(KeyError::Password("it is empty"));
        }
        Ok(Self(Zeroizing::new(plain.as_bytes().to_vec())))
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Where a password comes from: `--password-file`, else [`PASSWORD_VARIABLE`], else the terminal.
#[derive(Default)]
pub struct PasswordSource {
    /// `--password-file`: its first line.
    pub file: Option<PathBuf>,
    /// The variable's value.
    pub variable: Option<Zeroizing<String>>,
}

impl PasswordSource {
    /// With the value that the environment holds now.
    pub fn from_environment(file: Option<PathBuf>) -> Self {
        Self { file, variable: std::env::var(PASSWORD_VARIABLE).ok().map(Zeroizing::new) }
    }

    /// The password for `name`. At a terminal it is asked for without echo, twice where it is a new one.
    pub fn ask(&self, name: &str, new: bool) -> Result<Password, KeyError> {
        if let Some(path) = &self.file {
            let bytes =
                files::read_within(path, 4096).map_err(|source| KeyError::Io { what: "read", path: path.clone(), source })?;
            let bytes = Zeroizing::new(bytes);
            let text = std::str::from_utf8(&bytes).map_err(|_| KeyError::Password("the password file is not UTF-8"))?;
            return Password::new(text.lines().next().unwrap_or(""));
        }
        if let Some(text) = &self.variable {
            return Password::new(text);
        }
        // Asked at the terminal itself, so that standard input may carry words and standard output JSON.
        let first = prompt(&format!("{} for key `{name}`: ", if new { "New password" } else { "Password" }))?;
        if new && *prompt("The same again: ")? != *first {
            return Err(KeyError::PasswordsDiffer);
        }
        Password::new(&first)
    }
}

fn prompt(text: &str) -> Result<Zeroizing<String>, KeyError> {
    rpassword::prompt_password(text).map(Zeroizing::new).map_err(|_| KeyError::NoPassword)
}
