use super::{Account, ValidatorKey};
use crate::{Hash32, U64, U128};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Who keeps the books.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ValidatorList {
    /// At most 64, by power and id.
    pub validators: Vec<ValidatorView>,
    /// All power together.
    pub total_power: U64,
    /// What stands behind them and behind every other candidate, those that wait for release included: at most 256, by operator.
    pub stakes: Vec<StakeView>,
    /// The election cycle under way.
    pub epoch: U64,
    /// The final height at which this was read.
    pub height: U64,
}

/// A validator.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ValidatorView {
    /// Its id: the hash of its consensus key.
    pub validator: ValidatorKey,
    /// The consensus key.
    pub key: Hash32,
    /// Voting power.
    pub power: U64,
    /// Who receives its part of the fees.
    pub operator: Account,
}

/// What stands behind a validator or candidate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StakeView {
    /// Whose it is.
    pub operator: Account,
    /// The validator.
    pub validator: ValidatorKey,
    /// Which one takes over at the next epoch.
    pub next_validator: Option<ValidatorKey>,
    /// The pledge, in smallest units of `mei`.
    pub pledge: U128,
    /// Power that genesis granted.
    pub granted: U64,
    /// Whether it votes on the next block.
    pub seated: bool,
    /// `active`, `jailed`, `leaving` or `ejected`.
    pub standing: String,
    /// From when on it may be unjailed, or when its pledge comes back, in ms of block time; nothing where that is not settled.
    pub until: Option<U64>,
    /// Pulses that it missed, over as many epochs as it missed more than half of.
    pub missed: u32,
    /// Whether it has yet to sign a block since it was elected or jailed; until an election after that it counts for little.
    pub probation: bool,
    /// The newest rules that its operator is ready for.
    pub ready: u32,
    /// Where its consensus swarm listens; empty: it only dials out, or has not said so.
    pub address: String,
}

/// How the node is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NodeStatus {
    /// The program's version.
    pub version: String,
    /// The network's name.
    pub name: String,
    /// The chain's id.
    pub chain: Hash32,
    /// The newest final block's height.
    pub height: U64,
    /// The newest final block's id.
    pub head: Hash32,
    /// The newest final block's time, in ms since 1970.
    pub time: U64,
    /// Whether the node is behind and catching up.
    pub syncing: bool,
    /// The height up to which this validator signs nothing, as it lost what it had signed there; nothing where it votes.
    pub abstains_up_to: Option<U64>,
    /// The validator that this node is; nothing where it only follows.
    pub validator: Option<ValidatorKey>,
    /// Its name in the data swarm: what stands behind `/p2p/` in an invitation.
    pub data_peer_id: String,
    /// Its name in the consensus swarm.
    pub consensus_peer_id: String,
    /// Peers in the data swarm that are of this chain.
    pub data_peers: u32,
    /// Validators that it is connected to in the consensus swarm.
    pub consensus_peers: u32,
    /// Transactions in the pool.
    pub pool_txs: u32,
    /// Their bytes.
    pub pool_bytes: U64,
    /// Where the gateway serves content: address and port; nothing while it starts.
    pub gateway: Option<String>,
    /// The path of the socket for this machine's owner; told only where JSON-RPC listens on this machine alone.
    pub socket: Option<String>,
    /// Seconds since the node was started.
    pub uptime_s: U64,
}

/// A peer, in id order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PeerView {
    /// Its id in the swarm.
    pub peer: String,
    /// Which swarm: `data`.
    pub swarm: String,
}

/// The funded accounts of a throw-away development chain. Everybody knows their keys.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DevAccounts {
    /// The public words that all their keys come from.
    pub mnemonic: String,
    /// The accounts.
    pub accounts: Vec<DevAccount>,
}

/// A funded account of a development chain.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DevAccount {
    /// Its name in the keystore: alice, bob, …
    pub name: String,
    /// Its id.
    pub account: Account,
    /// How its key is derived from the words.
    pub path: String,
    /// What it has now, free, in smallest units of `mei`.
    pub mei: U128,
}
