//! What calls about the network, and those that take long, answer.

use super::Refusal;
use serde::{Deserialize, Serialize};

/// How far something is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Blocks that came.
    pub blocks: String,
    /// Their bytes.
    pub bytes: String,
    /// Blocks that are known to be missing.
    pub missing: String,
}

/// What was fetched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moved {
    /// Of which MiMei.
    pub mimei: Option<String>,
    /// Which version.
    pub version: Option<String>,
    /// The tree.
    pub cid: String,
    /// Blocks that came.
    pub blocks: String,
    /// Their bytes.
    pub bytes: String,
    /// Links to what was here already, with all below it.
    pub here: String,
}

/// SOCK-7: a line of a call that takes long.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event<T = Moved, P = Progress> {
    /// It goes on.
    Progress(P),
    /// It is done; the last line.
    Done(T),
    /// It is not; the last line.
    Failed {
        /// As an HTTP status.
        status: u16,
        /// A stable word.
        reason: String,
        /// What happened and what to do next.
        message: String,
    },
}

/// A CAR that was taken in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Imported {
    /// Its first root.
    pub cid: String,
    /// As what it is kept.
    pub root: String,
}

/// Where this node is in the content swarm.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Addresses {
    /// Its name.
    pub peer: String,
    /// Where it listens.
    pub listen: Vec<String>,
    /// Where others reach it.
    pub external: Vec<String>,
    /// Its places at relays.
    pub relayed: Vec<String>,
}

/// A peer of the content swarm.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SwarmPeer {
    /// Who.
    pub peer: String,
    /// Where.
    pub address: String,
    /// Its program, as it says.
    pub agent: Option<String>,
    /// `incoming` or `outgoing`.
    pub direction: String,
    /// By a relay alone.
    pub relayed: bool,
    /// What it says it speaks.
    pub protocols: Vec<String>,
    /// Bytes of blocks that went there.
    pub sent_bytes: String,
    /// Bytes of blocks that came from there.
    pub received_bytes: String,
}

/// Who is connected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Peers {
    /// All of them.
    pub items: Vec<SwarmPeer>,
}

/// Whether others reach this node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reach {
    /// `unknown`, `public` or `private`.
    pub reach: String,
    /// Where, if they do.
    pub address: Option<String>,
    /// Why not, if they do not, or why that is not known.
    pub why: Option<String>,
}

/// A connection that stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connected {
    /// To whom.
    pub peer: String,
}

/// Who has something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provider {
    /// Who.
    pub peer: String,
    /// Where.
    pub addresses: Vec<String>,
    /// The newest version that it says it holds.
    pub version: Option<String>,
    /// Its tree.
    pub cid: Option<String>,
}

/// Those who have something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Providers {
    /// In no order.
    pub items: Vec<Provider>,
}

/// What the network says of a MiMei.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkView {
    /// How many others provide it.
    pub providers: String,
    /// How many of them said what they hold.
    pub answered: String,
    /// The newest version that one of them says it holds, of those that the chain has.
    pub newest: Option<Provider>,
    /// How many say that they hold a version that the chain, as far as this node knows it, has not got.
    pub beyond: String,
    /// How many say that a version of the chain is another tree than it is.
    pub contradicting: String,
    /// All was heard in time.
    pub complete: bool,
}

impl Default for NetworkView {
    fn default() -> Self {
        let none = || "0".to_owned();
        Self { providers: none(), answered: none(), newest: None, beyond: none(), contradicting: none(), complete: true }
    }
}

/// Who was told of something, and who keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confirmed {
    /// Nodes that were told.
    pub asked: String,
    /// Those that say they keep it.
    pub confirmed: Vec<String>,
}

/// What was published.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Published {
    /// Which.
    pub mimei: String,
    /// Its newest version.
    pub version: String,
    /// That version's tree.
    pub cid: String,
    /// Until when it is announced, in ms since 1970.
    pub until_ms: String,
    /// Who was told of the MiMei.
    pub of_mimei: Confirmed,
    /// Who was told of the tree.
    pub of_tree: Confirmed,
    /// Nodes that were told of one of them.
    pub told: String,
    /// Of one of them nobody says yet that it keeps it: others are told again.
    pub pending: bool,
    /// Why nobody was told now, where that is not because nobody is known.
    pub why: Option<String>,
}

/// A tree that is announced for itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Announced {
    /// Which.
    pub cid: String,
    /// Nodes that were told.
    pub asked: String,
    /// Those that say they keep it.
    pub confirmed: Vec<String>,
    /// Nobody says so yet: others are told again.
    pub pending: bool,
    /// Why nobody was told now, where that is not because nobody is known.
    pub why: Option<String>,
}

/// HOLD-10: MiMeis of one call.
pub const LISTED_MAX: usize = 1_000;

/// What became of one MiMei of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    /// Which.
    pub mimei: String,
    /// Its newest version on chain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// That version's tree.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cid: Option<String>,
    /// Until when it is announced, in ms since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until_ms: Option<String>,
    /// Why nothing was done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<Refusal>,
}

/// What became of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedAll {
    /// In the order in which they were named.
    pub items: Vec<Listed>,
}

/// How far announcing is. A MiMei has two keys: its own, and that of its tree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Providing {
    /// Keys that are provided.
    pub keys: String,
    /// Those of them that were announced at least once.
    pub announced: String,
    /// Those that are to be announced now, counted up to 65,536.
    pub due: String,
    /// Since when the one is due that has waited for longest, in ms since 1970.
    pub oldest_due_ms: Option<String>,
    /// When others were last told of some, in ms since 1970; nothing: not since the start.
    pub last_round_ms: Option<String>,
}

/// What is followed no more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Followed {
    /// Which.
    pub mimei: String,
    /// Whether it was.
    pub was: bool,
}

/// How an announcement goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnnounceView {
    /// When it last succeeded, in ms since 1970.
    pub last_success_ms: Option<String>,
    /// When it is due next.
    pub next_due_ms: String,
    /// Who said, the last time, that it keeps it.
    pub confirmed: Vec<String>,
    /// Why the last try failed.
    pub failure: Option<String>,
}

/// A MiMei that this node provides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProvidedItem {
    /// Which.
    pub mimei: String,
    /// Its newest versions are fetched and announced.
    pub following: bool,
    /// Until when its version of then is announced, in ms since 1970.
    pub published_until_ms: Option<String>,
    /// The newest version that is here.
    pub version: Option<String>,
    /// Its tree.
    pub cid: Option<String>,
    /// The newest version of the chain.
    pub chain_version: Option<String>,
    /// How the announcing of the MiMei goes.
    pub of_mimei: Option<AnnounceView>,
    /// How that of the newest tree goes.
    pub of_tree: Option<AnnounceView>,
    /// The released version's tree, where that is announced as well.
    pub released: Option<String>,
    /// How its announcing goes.
    pub of_released: Option<AnnounceView>,
    /// Why it is not up to the chain, if the last try failed.
    pub failure: Option<String>,
}

/// What this node provides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProvidedList {
    /// One after another.
    pub items: Vec<ProvidedItem>,
    /// What to ask for the next page with.
    pub next: Option<String>,
}
