//! RPC-12: parameters that name a thing by one of several forms of text: a block by height or id, a token by symbol, an
//! organization by name.

use crate::encoding::{Hash32, U64, from_text};
use leither_types::{Hash, OrgId, TokenId};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::{borrow::Cow, fmt, str::FromStr};

/// Refers to a thing by one of several forms of text.
macro_rules! reference {
    ($name:ident, $expected:literal) => {
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                from_text(d, $expected)
            }
        }
        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "description": concat!("One of: ", $expected, ".") })
            }
        }
    };
}

/// A block: by height, by id, or the newest final one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockRef {
    /// The newest final block.
    Latest,
    /// By number.
    Height(u64),
    /// By id.
    Hash(Hash),
}
reference!(BlockRef, "a height (\"17\"), a block id (0x…), or \"latest\"");

impl FromStr for BlockRef {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "latest" {
            Ok(Self::Latest)
        } else if text.starts_with("0x") {
            text.parse::<Hash32>().map(|hash| Self::Hash(hash.0))
        } else {
            let height = text.parse::<U64>().map_err(|_| "expected a height (\"17\"), a block id (0x…), or \"latest\"")?;
            Ok(Self::Height(height.0))
        }
    }
}

impl fmt::Display for BlockRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Latest => f.write_str("latest"),
            Self::Height(height) => fmt::Display::fmt(height, f),
            Self::Hash(hash) => fmt::Display::fmt(hash, f),
        }
    }
}

/// A token: by id or by symbol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenRef {
    /// By id.
    Id(TokenId),
    /// By symbol: 3 to 12 small letters and digits.
    Symbol(String),
}
reference!(TokenRef, "a token's symbol (mei, tube) or id (lthtok1…)");

impl FromStr for TokenRef {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let of_symbol = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        if (3..=12).contains(&text.len()) && text.bytes().all(of_symbol) {
            return Ok(Self::Symbol(text.to_owned()));
        }
        text.parse()
            .map(Self::Id)
            .map_err(|e| format!("neither a token's symbol (3 to 12 of a-z, 0-9) nor an id: {e}"))
    }
}

impl fmt::Display for TokenRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => fmt::Display::fmt(id, f),
            Self::Symbol(symbol) => f.write_str(symbol),
        }
    }
}

/// An organization: by id or by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OrgRef {
    /// By id.
    Id(OrgId),
    /// By name.
    Name(String),
}
reference!(OrgRef, "an organization's name (demo-tube) or id (lthorg1…)");

impl FromStr for OrgRef {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.starts_with("lthorg1") {
            return text.parse().map(Self::Id).map_err(|e: leither_types::IdError| e.to_string());
        }
        if text.is_empty() {
            return Err("an organization's name is not empty".into());
        }
        Ok(Self::Name(text.to_owned()))
    }
}

impl fmt::Display for OrgRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => fmt::Display::fmt(id, f),
            Self::Name(name) => f.write_str(name),
        }
    }
}
