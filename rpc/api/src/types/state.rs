use super::{Account, FinalHeader, MimeiKey};
use crate::{Bytes, Hash32, OrgRef, TokenRef, U64};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What to prove: there or absent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged, deny_unknown_fields)]
pub enum ProofSubject {
    /// What an account has of a token.
    Holding {
        /// Whose.
        account: Account,
        /// Of which.
        token: TokenRef,
    },
    /// A membership.
    Member {
        /// In which organization.
        org: OrgRef,
        /// Whose.
        member: Account,
    },
    /// A MiMei's head.
    Mimei {
        /// Of which.
        mimei: MimeiKey,
    },
    /// Any record of the state, by its key.
    Record {
        /// The record's key.
        record: Bytes,
    },
}

/// What to prove.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GetProof {
    /// `{account, token}`, `{org, member}`, `{mimei}` or `{record}`.
    pub subject: ProofSubject,
    // RPC-19
    /// The height of a block below the newest that the caller trusts: the proof then begins there, not at the genesis.
    pub from: Option<U64>,
}

// RPC-18
/// A proof that needs no trust in who answers: leaf, state root, header, certificate, validator set, changes of the set, genesis hash.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Proof {
    /// The final height whose state it speaks of.
    pub height: U64,
    /// Whether the thing is there; if not, its absence is proven.
    pub present: bool,
    /// The decoded value, for convenience: what counts is in `proof`.
    pub value: Value,
    /// The record's key; nothing for a holding.
    pub key: Option<Bytes>,
    /// The state root that the proof leads to, as the header states it.
    pub state_root: Hash32,
    /// The `StateProof` in SCALE.
    pub proof: Bytes,
    /// The header and the votes on it; their `raw` is what a verifier reads.
    pub header: FinalHeader,
    /// The head of the genesis in SCALE: its hash is the chain's id, and it names the first validators.
    pub genesis: Bytes,
}
