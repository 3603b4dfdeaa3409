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

/// Whose rights on which MiMei.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GetMimeiRights {
    /// Its id.
    pub mimei: MimeiKey,
    /// Whose.
    pub account: Account,
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
    /// What whole groups may.
    pub groups: GroupsView,
    /// What single accounts may instead, whatever their groups may: the first 200 in account order.
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

/// What a MiMei refers to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ReferenceView {
    /// To which one.
    pub to: MimeiKey,
    /// How often: one at least.
    pub count: u32,
}

/// What whole groups may beside the owner. Names of rights: `backup`, `release`, `refer`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GroupsView {
    /// All of it as one number: 16 bits each for guests, members and supervisors.
    pub mask: U64,
    /// Anybody.
    pub guests: Vec<String>,
    /// Members of the organization that owns it.
    pub members: Vec<String>,
    /// That organization's supervisors.
    pub supervisors: Vec<String>,
}

/// What somebody may do beside the owner; no right at all is a denial.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GrantView {
    /// Who.
    pub account: Account,
    /// The rights' names: `backup`, `release`, `refer`.
    pub rights: Vec<String>,
}

/// What somebody may do with a MiMei.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RightsView {
    /// With which.
    pub mimei: MimeiKey,
    /// Who.
    pub account: Account,
    /// Whether it is the owner, who may all.
    pub owner: bool,
    /// What was granted to this account by itself, which then decides alone; nothing where its groups do.
    pub grant: Option<Vec<String>>,
    /// The names of all rights that it has.
    pub rights: Vec<String>,
    /// The final height at which this was read.
    pub height: U64,
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
