use super::{Account, MimeiKey};
use crate::{Cursor, Hash32, Limit, U64};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which MiMei.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GetMimei {
    /// Its id.
    pub mimei: MimeiKey,
}

/// Which MiMei, and which part of a list of its.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GetMimeiPage {
    /// Its id.
    pub mimei: MimeiKey,
    /// The last page's `next`.
    pub after: Option<Cursor>,
    /// How many to answer at most.
    pub limit: Option<Limit>,
}

/// Whose MiMei, and which part of the list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ListMimei {
    /// The author.
    pub author: Account,
    /// The last page's `next`.
    pub after: Option<Cursor>,
    /// How many to answer at most.
    pub limit: Option<Limit>,
}

/// A MiMei: a versioned object whose id never changes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MimeiView {
    /// Its id: the hash of author, app, type and mark.
    pub mimei: MimeiKey,
    /// Who made it; part of the id for ever.
    pub author: Account,
    /// Who writes and grants.
    pub owner: Account,
    /// For which app.
    pub app: String,
    /// What it is: a file tree, a database, an app.
    #[serde(rename = "type")]
    pub kind: String,
    /// What tells it from the author's others.
    pub mark: String,
    /// The newest version, the `last` of the papers; nothing before the first backup.
    pub head: Option<VersionView>,
    /// The number of the version that readers shall open, if any.
    pub release: Option<U64>,
    /// The end of the hash chain over all versions.
    pub history: Hash32,
    /// Whose version this one was forked from.
    pub forked_from: Option<ForkView>,
    /// How many references to it there are.
    pub referenced: u32,
    /// Who was granted what beside the owner: the first 100 in account order.
    pub grants: Vec<GrantView>,
    /// Block of its creation.
    pub created: U64,
    /// The final height at which this was read.
    pub height: U64,
}

/// Where a fork began.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ForkView {
    /// The MiMei that was forked.
    pub mimei: MimeiKey,
    /// Its version.
    pub version: U64,
}

/// A version; the newest comes first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct VersionView {
    /// Its number, from 0.
    pub version: U64,
    /// The content's id, as a CID in text.
    pub cid: String,
    /// The block in which it became the newest.
    pub height: U64,
    /// That block's time, in ms since 1970.
    pub time: U64,
}

/// What somebody may do beside the owner.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GrantView {
    /// Who.
    pub account: Account,
    /// The rights' names: `backup`, `release`, `refer`.
    pub rights: Vec<String>,
}

/// A MiMei in a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MimeiSummary {
    /// Its id.
    pub mimei: MimeiKey,
    /// For which app.
    pub app: String,
    /// What it is.
    #[serde(rename = "type")]
    pub kind: String,
    /// What tells it from the author's others.
    pub mark: String,
    /// The newest version's number; nothing before the first backup.
    pub version: Option<U64>,
}
