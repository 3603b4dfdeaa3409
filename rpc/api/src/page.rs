//! RPC-14: every list comes in pages: ask again with `after` set to the last page's `next` until there is none.

use crate::U64;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};
use std::borrow::Cow;

/// Items in a page where nothing is said.
pub const PAGE_DEFAULT: u32 = 50;
/// Items in a page at most.
pub const PAGE_MAX: u32 = 200;
const CURSOR_MAX: usize = 512;

/// A part of a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "PageOf{T}")]
pub struct Page<T> {
    /// The items, in the list's order.
    pub items: Vec<T>,
    /// What to pass as `after` for the next page; nothing where this is the last.
    pub next: Option<Cursor>,
    /// The final height at which the list was read.
    pub height: U64,
}

/// How many items to answer at most, 1 to 200.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Limit(u32);

impl Limit {
    /// Unless it is out of range.
    pub fn new(items: u32) -> Option<Self> {
        (1..=PAGE_MAX).contains(&items).then_some(Self(items))
    }

    /// The number of items that was asked for.
    pub fn of(limit: Option<Limit>) -> usize {
        limit.map_or(PAGE_DEFAULT, |limit| limit.0) as usize
    }
}

impl<'de> Deserialize<'de> for Limit {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let items = u64::deserialize(d)?;
        let limit = u32::try_from(items).ok().and_then(Limit::new);
        limit.ok_or_else(|| D::Error::custom(format_args!("{items} where 1 to {PAGE_MAX} are allowed")))
    }
}

impl JsonSchema for Limit {
    fn schema_name() -> Cow<'static, str> {
        "Limit".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "integer",
            "minimum": 1,
            "maximum": PAGE_MAX,
            "description": format!("How many items to answer at most; {PAGE_DEFAULT} where nothing is said."),
        })
    }
}

/// A place in a list; opaque, to be passed back as it came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Cursor(String);

impl Cursor {
    /// The server's own name for a place.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// What was put in.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Cursor {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d)?;
        if text.len() > CURSOR_MAX { Err(D::Error::custom("this is no `next` of an earlier page")) } else { Ok(Self(text)) }
    }
}

impl JsonSchema for Cursor {
    fn schema_name() -> Cow<'static, str> {
        "Cursor".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "maxLength": CURSOR_MAX, "description": "A place in a list: the `next` of an earlier page." })
    }
}
