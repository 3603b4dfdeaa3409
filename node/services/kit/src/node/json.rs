//! dag-json: links are `{"/": "<id>"}`, bytes `{"/": {"bytes": "..."}}`. Read as a stream, so that no tree is held.

use super::{DOCUMENT_DEPTH_MAX, LINKS_MAX, NodeError, Selected};
use cid::Cid;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

const JUNK: NodeError = NodeError::Junk("dag-json");

/// Walks over a value and keeps its links.
struct Walk<'a> {
    links: &'a mut Vec<Cid>,
    failed: &'a mut Option<NodeError>,
    depth: usize,
}

impl Walk<'_> {
    fn below(&mut self) -> Walk<'_> {
        Walk { links: self.links, failed: self.failed, depth: self.depth.saturating_sub(1) }
    }

    fn fail<E: Error>(&mut self, error: NodeError) -> E {
        *self.failed = Some(error);
        E::custom("refused")
    }

    fn link<E: Error>(&mut self, text: &str) -> Result<(), E> {
        if self.links.len() >= LINKS_MAX {
            return Err(self.fail(NodeError::TooManyLinks));
        }
        let cid = super::id_of(text).ok_or_else(|| self.fail(NodeError::LinkId))?;
        self.links.push(cid);
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = Option<String>;

    fn deserialize<D: Deserializer<'de>>(mut self, deserializer: D) -> Result<Self::Value, D::Error> {
        if self.depth == 0 {
            return Err(self.fail(NodeError::TooDeep));
        }
        deserializer.deserialize_any(self)
    }
}

/// The value of a text: whoever holds it knows whether it is a link.
impl<'de> Visitor<'de> for Walk<'_> {
    type Value = Option<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a dag-json value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(None)
    }
    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(None)
    }
    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(None)
    }
    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(None)
    }
    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        // Longer than any id's text: no need to keep it.
        Ok((text.len() <= 256).then(|| text.to_string()))
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<Self::Value, A::Error> {
        while list.next_element_seed(self.below())?.is_some() {}
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Self::Value, A::Error> {
        let (mut count, mut link) = (0usize, None);
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            let value = map.next_value_seed(self.below())?;
            if key == "/" {
                link = value;
            }
            count = count.saturating_add(1);
        }
        if let Some(text) = link.filter(|_| count == 1) {
            self.link(&text)?;
        }
        Ok(None)
    }
}

pub(super) fn links(bytes: &[u8]) -> Result<Vec<Cid>, NodeError> {
    let (mut links, mut failed) = (Vec::new(), None);
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let walk = Walk { links: &mut links, failed: &mut failed, depth: DOCUMENT_DEPTH_MAX };
    let done = walk.deserialize(&mut deserializer).and_then(|_| deserializer.end());
    match (done, failed) {
        (_, Some(error)) => Err(error),
        (Err(_), None) => Err(JUNK),
        (Ok(()), None) => Ok(links),
    }
}

/// Picks one member of an object or list, as text.
struct Pick<'a>(&'a str);

impl<'de> Visitor<'de> for Pick<'_> {
    type Value = Option<&'de RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object or a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let wanted = self.0.parse::<u64>().ok();
        let (mut found, mut at) = (None, 0u64);
        while let Some(raw) = list.next_element::<&'de RawValue>()? {
            if Some(at) == wanted {
                found = Some(raw);
            }
            at = at.saturating_add(1);
        }
        Ok(found)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            if key == self.0 {
                found = Some(map.next_value::<&'de RawValue>()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

/// The link that a value is, if it is one.
fn link_of(text: &str) -> Option<Cid> {
    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Link<'a> {
        #[serde(rename = "/", borrow)]
        id: Cow<'a, str>,
    }
    let link: Link<'_> = serde_json::from_str(text).ok()?;
    super::id_of(&link.id)
}

/// KIT-6
pub(super) fn select(bytes: &[u8], path: &[&str]) -> Result<Selected, NodeError> {
    // Whole and within its bounds, or not at all.
    links(bytes)?;
    let mut text = std::str::from_utf8(bytes).map_err(|_| JUNK)?;
    for (used, step) in path.iter().enumerate() {
        if let Some(cid) = link_of(text) {
            return Ok(Selected::Link(cid, used));
        }
        if used >= DOCUMENT_DEPTH_MAX || !text.trim_start().starts_with(['{', '[']) {
            return Ok(Selected::Absent);
        }
        let mut deserializer = serde_json::Deserializer::from_str(text);
        let Ok(Some(found)) = deserializer.deserialize_any(Pick(step)) else { return Ok(Selected::Absent) };
        text = found.get();
    }
    Ok(link_of(text).map_or(Selected::Inside, |cid| Selected::Link(cid, path.len())))
}
