//! How a command ends: exit codes that scripts rely on, and one sentence on stderr that says what happened and what to do next.

use crate::config::ConfigError;
use crate::genesis::GenesisError;
use crate::home::HomeError;
use crate::keys::KeyError;
use leither_rpc_api::ClientError;
use leither_storage::content::ContentError;
use leither_storage::seal::SealError;
use std::fmt;
use std::io::{self, ErrorKind};

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
#[derive(Clone, Debug)]
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

/// Whose failure a file's is: a path or a file that cannot serve is the command line's, all else (a full or failing disk) this
/// machine's.
fn of_file(error: &io::Error) -> Exit {
    match error.kind() {
        ErrorKind::NotFound
        | ErrorKind::AlreadyExists
        | ErrorKind::PermissionDenied
        | ErrorKind::NotADirectory
        | ErrorKind::IsADirectory
        | ErrorKind::InvalidFilename
        | ErrorKind::InvalidInput
        | ErrorKind::FileTooLarge => Exit::Usage,
        _ => Exit::Fault,
    }
}

impl From<KeyError> for Failure {
    fn from(error: KeyError) -> Self {
        let exit = match &error {
            KeyError::Io { source, .. } => of_file(source),
            KeyError::Machine(_) => Exit::Fault,
            _ => Exit::Usage,
        };
        Self::new(exit, error)
    }
}

impl From<HomeError> for Failure {
    fn from(error: HomeError) -> Self {
        let exit = match &error {
            HomeError::Create { source, .. } => of_file(source),
            HomeError::Nowhere | HomeError::Unfit { .. } => Exit::Usage,
        };
        Self::new(exit, error)
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        let exit = match &error {
            ConfigError::Read { source, .. } => of_file(source),
            _ => Exit::Usage,
        };
        Self::new(exit, error)
    }
}

impl From<GenesisError> for Failure {
    fn from(error: GenesisError) -> Self {
        let exit = match &error {
            GenesisError::Io { source, .. } => of_file(source),
            _ => Exit::Usage,
        };
        Self::new(exit, error)
    }
}

impl From<ContentError> for Failure {
    fn from(error: ContentError) -> Self {
        let exit = match &error {
            ContentError::Io { source, .. } => of_file(source),
            ContentError::Sink(_) => Exit::Fault,
            _ => Exit::Usage,
        };
        Self::new(exit, error)
    }
}

impl From<SealError> for Failure {
    fn from(error: SealError) -> Self {
        let exit = match &error {
            SealError::Out(source) => of_file(source),
            SealError::TooLong(_) | SealError::WeakReader(_) | SealError::TooManyReaders => Exit::Usage,
            _ => Exit::Refused,
        };
        Self::new(exit, error)
    }
}

impl From<leither_net::StartError> for Failure {
    fn from(error: leither_net::StartError) -> Self {
        let exit = match &error {
            leither_net::StartError::Peer { .. } => Exit::Usage,
            _ => Exit::Fault,
        };
        Self::new(exit, error)
    }
}

impl From<leither_engine::StartError> for Failure {
    fn from(error: leither_engine::StartError) -> Self {
        let exit = match &error {
            leither_engine::StartError::Address { .. } => Exit::Usage,
            _ => Exit::Fault,
        };
        Self::new(exit, error)
    }
}

impl From<leither_rpc_server::StartError> for Failure {
    fn from(error: leither_rpc_server::StartError) -> Self {
        let exit = match &error {
            leither_rpc_server::StartError::Config(_) => Exit::Usage,
            _ => Exit::Fault,
        };
        Self::new(exit, error)
    }
}

impl From<crate::watch::WatchError> for Failure {
    fn from(error: crate::watch::WatchError) -> Self {
        Self::new(Exit::Fault, error)
    }
}

impl From<leither_engine::join::JoinError> for Failure {
    fn from(error: leither_engine::join::JoinError) -> Self {
        use leither_engine::join::JoinError;
        match error {
            JoinError::NeedsTrust { .. } | JoinError::OtherBlock { .. } => Self::usage(error),
            JoinError::Snapshot(_) | JoinError::NoRoom(_) => Self::new(Exit::Fault, error),
            _ => Self::new(Exit::Unreachable, error),
        }
    }
}

impl From<leither_store::SnapshotError> for Failure {
    fn from(error: leither_store::SnapshotError) -> Self {
        use leither_store::SnapshotError::{Busy, Disk, Ending, Fault, NoRoom};
        let exit = match &error {
            Disk { .. } | Fault(_) | NoRoom { .. } | Busy | Ending => Exit::Fault,
            // All else is about what was given.
            _ => Exit::Usage,
        };
        Self::new(exit, error)
    }
}

impl From<crate::amounts::AmountError> for Failure {
    fn from(error: crate::amounts::AmountError) -> Self {
        Self::usage(error)
    }
}

impl From<leither_types::IdError> for Failure {
    fn from(error: leither_types::IdError) -> Self {
        Self::usage(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    fn io(kind: ErrorKind) -> io::Error {
        io::Error::from(kind)
    }

    #[test]
    fn a_machines_failure_is_told_from_a_persons_mistake() {
        let path = || PathBuf::from("keys/alice.json");
        let faults: [Failure; 6] = [
            KeyError::Machine("no randomness".into()).into(),
            KeyError::Io { what: "write", path: path(), source: io(ErrorKind::StorageFull) }.into(),
            HomeError::Create { path: path(), source: io(ErrorKind::StorageFull) }.into(),
            ConfigError::Read { path: path(), source: io::Error::other("the disk failed") }.into(),
            GenesisError::Io { what: "write", path: path(), source: io(ErrorKind::StorageFull) }.into(),
            ContentError::Io { what: "read", path: path(), source: io::Error::other("the disk failed") }.into(),
        ];
        for failure in faults {
            assert_eq!(failure.exit, Exit::Fault, "{}", failure.sentence);
        }
        let mistakes: [Failure; 7] = [
            KeyError::Name("Alice".into()).into(),
            KeyError::Io { what: "read", path: path(), source: io(ErrorKind::NotFound) }.into(),
            HomeError::Nowhere.into(),
            HomeError::Create { path: path(), source: io(ErrorKind::PermissionDenied) }.into(),
            ConfigError::Relation("no".into()).into(),
            GenesisError::Missing(path()).into(),
            ContentError::Io { what: "read", path: path(), source: io(ErrorKind::NotFound) }.into(),
        ];
        for failure in mistakes {
            assert_eq!(failure.exit, Exit::Usage, "{}", failure.sentence);
        }
    }

    #[test]
    fn a_full_disk_under_a_snapshot_is_the_machines_and_a_bad_snapshot_is_not() {
        use leither_store::SnapshotError;
        let full = SnapshotError::Disk { path: PathBuf::from("data.part"), what: "no space left".into() };
        let rocks = SnapshotError::Fault(leither_state::Fault::Storage("no space left".into()));
        for failure in [Failure::from(full), rocks.into()] {
            assert_eq!(failure.exit, Exit::Fault, "{}", failure.sentence);
        }
        let hash = leither_types::Hash::ZERO;
        let root = SnapshotError::Root { found: hash, expected: leither_types::Hash([1; 32]) };
        let taken = SnapshotError::Occupied(PathBuf::from("data"));
        for failure in [Failure::from(SnapshotError::NoChunk(hash)), root.into(), taken.into()] {
            assert_eq!(failure.exit, Exit::Usage, "{}", failure.sentence);
        }
    }

    #[test]
    fn a_wrong_address_of_a_peer_is_a_persons_mistake() {
        let address = || -> leither_net::Multiaddr { "/ip4/10.0.0.1/udp/9".parse().unwrap() };
        let peer = leither_net::StartError::Peer { address: address(), why: "it is not spoken here" };
        let value = || "10.0.0.1".to_string();
        let engine = leither_engine::StartError::Address { field: "peers", value: value(), why: "no multiaddress".into() };
        let hosts = leither_rpc_server::StartError::Config(leither_rpc_server::ConfigError::Host(value()));
        for failure in [Failure::from(peer), engine.into(), hosts.into()] {
            assert_eq!(failure.exit, Exit::Usage, "{}", failure.sentence);
        }
        let taken = leither_net::StartError::Listen { address: address(), why: "in use".into() };
        assert_eq!(Failure::from(taken).exit, Exit::Fault);
    }
}
