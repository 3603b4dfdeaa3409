//! What the gateway asks of the node: heads of MiMeis, names, records. Blocks it asks of a [`Source`](leither_kit::source::Source).

use async_trait::async_trait;
use bytes::Bytes;
use leither_kit::Cid;
use leither_types::MimeiId;
use std::fmt;
use std::str::FromStr;

/// Which version of a MiMei is meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Version {
    /// The released one, or, where none was released, the newest.
    #[default]
    Standard,
    /// The newest.
    Last,
    /// The released one.
    Release,
    /// That one.
    Number(u64),
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Standard => f.write_str("standard"),
            Self::Last => f.write_str("last"),
            Self::Release => f.write_str("release"),
            Self::Number(number) => number.fmt(f),
        }
    }
}

impl FromStr for Version {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "last" => Ok(Self::Last),
            "release" => Ok(Self::Release),
            number if number.bytes().all(|b| b.is_ascii_digit()) && (number == "0" || !number.starts_with('0')) => {
                number.parse().map(Self::Number).map_err(|_| "a version is a number, last or release")
            }
            // What is being worked on is its writer's alone.
            "cur" => Err(
                "cur is the working copy on its writer's device; a gateway serves what was backed up: a number, last or release",
            ),
            _ => Err("a version is a number, last or release"),
        }
    }
}

/// What the chain says of a version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The version's number.
    pub number: u64,
    /// The root of its content.
    pub cid: Cid,
    /// Proof that the chain says so: bytes that the node's proof format explains. It goes out in a header (GW-5).
    pub proof: Option<Bytes>,
}

/// Why there is no head.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeadError {
    /// No such MiMei.
    #[error("the chain knows no MiMei {0}; check the id")]
    Unknown(MimeiId),
    /// It has not got this version.
    #[error("the MiMei {mimei} has no version {version}; see `leither mimei show {mimei}`")]
    NoVersion {
        /// Whose.
        mimei: MimeiId,
        /// Which.
        version: Version,
    },
    /// The chain cannot be asked.
    #[error("the chain cannot be asked for the MiMei's head: {0}")]
    Unavailable(String),
}

/// Who knows the heads of MiMeis.
#[async_trait]
pub trait Heads: Send + Sync {
    /// The content of a version.
    async fn head(&self, mimei: &MimeiId, version: Version) -> Result<Head, HeadError>;
}

/// A name could not be resolved, for a reason that may pass.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the name {name} cannot be resolved: {why}")]
pub struct NameError {
    /// Which.
    pub name: String,
    /// Why.
    pub why: String,
}

/// Who knows names: the chain's, or DNSLink.
#[async_trait]
pub trait Names: Send + Sync {
    /// The content path that a name stands for: `/ipfs/<cid>...`, `/ipns/<key>...` or `/mm/<mid>...`; nothing where it stands for none.
    async fn dnslink(&self, name: &str) -> Result<Option<String>, NameError>;
}

/// Who has IPNS records.
#[async_trait]
pub trait Records: Send + Sync {
    /// The newest record of an ed25519 key that is known; the gateway verifies it.
    async fn record(&self, key: &[u8; 32]) -> Result<Option<Bytes>, NameError>;
}

/// Knows nothing: for a node without a chain, without names, or without records.
#[derive(Clone, Copy, Debug, Default)]
pub struct Nobody;

#[async_trait]
impl Heads for Nobody {
    async fn head(&self, mimei: &MimeiId, _: Version) -> Result<Head, HeadError> {
        Err(HeadError::Unknown(*mimei))
    }
}

#[async_trait]
impl Names for Nobody {
    async fn dnslink(&self, _: &str) -> Result<Option<String>, NameError> {
        Ok(None)
    }
}

#[async_trait]
impl Records for Nobody {
    async fn record(&self, _: &[u8; 32]) -> Result<Option<Bytes>, NameError> {
        Ok(None)
    }
}
