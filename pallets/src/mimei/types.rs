use leither_types::{AccountId, Amount, ContentId, Hash, Height, Millis, MimeiId, Text, tagged};
use parity_scale_codec::{Decode, DecodeWithMemTracking, Encode};
use serde::{Deserialize, Serialize};

/// With this mark each creation makes a new MiMei (R1).
pub const MARK_AUTO: &str = "{{auto}}";

/// A version that was backed up.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, Serialize)]
pub struct Version {
    /// From 0.
    #[serde(with = "leither_types::json::decimal")]
    pub number: u64,
    /// What it holds.
    pub content: ContentId,
    /// Block in which it became the newest: from there one walks back.
    #[serde(with = "leither_types::json::decimal")]
    pub height: Height,
    /// That block's time.
    #[serde(with = "leither_types::json::decimal")]
    pub time: Millis,
}

impl Version {
    /// MIMEI-6: the history with this version, after that one.
    pub(crate) fn history_after(&self, before: &Hash) -> Hash {
        self.using_encoded(|bytes| tagged("leither/mimei-history/v1", &[&before.0, bytes]))
    }
}

/// What the chain knows of a MiMei.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, Serialize)]
pub struct Head {
    /// Who created it; part of the id for ever.
    pub author: AccountId,
    /// Which app it belongs to.
    pub app: Text<64>,
    /// `file`, `dir`, `db`, …
    pub kind: Text<16>,
    /// Tells this author's MiMeis of one app and type apart.
    pub mark: Text<128>,
    /// Who writes and grants.
    pub owner: AccountId,
    /// The newest version; none before the first backup.
    pub last: Option<Version>,
    /// The version that readers shall open.
    pub release: Option<u64>,
    /// MIMEI-6.
    pub history: Hash,
    /// The version it was forked from.
    pub parent: Option<(MimeiId, u64)>,
    /// References to it.
    pub referenced: u32,
    /// Block of its creation.
    #[serde(with = "leither_types::json::decimal")]
    pub height: Height,
    /// Locked with the author.
    pub deposit: Amount,
    /// MIMEI-3: owners before this one. What they granted counts no more.
    pub generation: u32,
    /// MIMEI-8: what whole groups may.
    pub mask: Mask,
}

impl Head {
    /// MIMEI-6: the history after this version.
    pub(crate) fn history_after(&self, version: &Version) -> Hash {
        version.history_after(&self.history)
    }
}

/// What can be granted (R16); of the bits these are given meaning so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Right {
    /// Move the head.
    Backup,
    /// Say which version is the release.
    Release,
    /// Add and remove references.
    Refer,
}

impl Right {
    /// All, in order.
    pub const ALL: [Right; 3] = [Right::Backup, Right::Release, Right::Refer];
}

/// A set of rights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, Serialize, Deserialize)]
pub struct Rights(#[serde(with = "leither_types::json::decimal")] pub u64);

impl Rights {
    /// Whether the right is in it.
    pub fn has(self, right: Right) -> bool {
        self.0 & (1 << right as u8) != 0
    }

    /// With the right.
    pub fn with(self, right: Right) -> Self {
        Self(self.0 | (1 << right as u8))
    }

    /// The rights in order.
    pub fn list(self) -> Vec<Right> {
        Right::ALL.into_iter().filter(|right| self.has(*right)).collect()
    }
}

/// Whom a mask speaks of (R16).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// Anybody.
    Guests,
    /// Members of the organization that owns it.
    Members,
    /// That organization's supervisors, who are members, too.
    Supervisors,
}

impl Group {
    /// All, in order.
    pub const ALL: [Group; 3] = [Group::Guests, Group::Members, Group::Supervisors];
}

/// MIMEI-8: what whole groups may: 16 bits each for guests, members, supervisors, and 16 that are 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, Serialize, Deserialize)]
pub struct Mask(#[serde(with = "leither_types::json::decimal")] pub u64);

impl Mask {
    /// Bits of one group.
    const BITS: u32 = 16;
    const GROUP: u64 = 0xffff;

    /// What this group may.
    pub fn of(self, group: Group) -> Rights {
        Rights((self.0 >> (Self::BITS * group as u32)) & Self::GROUP)
    }

    /// With that for the group in place of what was; bits beyond a group's are left out.
    pub fn with(self, group: Group, rights: Rights) -> Self {
        let shift = Self::BITS * group as u32;
        Self((self.0 & !(Self::GROUP << shift)) | ((rights.0 & Self::GROUP) << shift))
    }

    /// Whether it speaks of no group that is not there.
    pub(crate) fn is_sound(self) -> bool {
        self.0 >> (Self::BITS * Group::ALL.len() as u32) == 0
    }
}
