//! How a command ends: exit codes that scripts rely on, and one sentence on stderr that says what happened and what to do next.

use leither_rpc_api::ClientError;
use std::fmt;

/// The documented exit codes (DESIGN, section 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// 1: a refusal, by the chain or by the node.
    Refused = 1,
    /// 2: the command line, a file or a value in it.
    Usage = 2,
    /// 3: the node cannot be reached.
    Unreachable = 3,
    /// 4: this machine.
    Fault = 4,
}

/// A command that did not do what was asked.
#[derive(Debug)]
pub struct Failure {
    /// The exit code.
    pub exit: Exit,
    /// What happened and what to do next.
    pub sentence: String,
}

/// What a command gives.
pub type Done<T = ()> = Result<T, Failure>;

impl Failure {
    /// With a sentence.
    pub fn new(exit: Exit, sentence: impl fmt::Display) -> Self {
        Self { exit, sentence: sentence.to_string() }
    }

    /// A value that cannot be used.
    pub fn usage(sentence: impl fmt::Display) -> Self {
        Self::new(Exit::Usage, sentence)
    }

    /// This machine's.
    pub fn fault(sentence: impl fmt::Display) -> Self {
        Self::new(Exit::Fault, sentence)
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        let exit = match &error {
            ClientError::Refused { .. } => Exit::Refused,
            ClientError::Address { .. } => Exit::Usage,
            _ => Exit::Unreachable,
        };
        Self::new(exit, error)
    }
}

macro_rules! usage {
    ($($error:ty),*) => {$(
        impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Self::usage(error)
            }
        }
    )*};
}
usage!(
    crate::amounts::AmountError,
    crate::keys::KeyError,
    crate::home::HomeError,
    crate::config::ConfigError,
    crate::genesis::GenesisError,
    crate::content::ContentError,
    leither_types::IdError
);
