//! Reads a call's parameters, by position or by name, into the method's own struct; whatever does not fit is told in a plain sentence.
//!
//! One deserializer serves both forms: it learns the struct's field names from serde, pairs each given value with its field and
//! hands the struct a map. Nothing is buffered beside slices of the request.

use crate::ApiError;
use serde::de::value::StrDeserializer;
use serde::de::{self, DeserializeOwned, DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::{cell::Cell, fmt};

/// RPC-5: parameters nest no deeper than this: no method needs a third of it.
pub const DEPTH_MAX: usize = 32;

/// RPC-8: reads the parameters of a call, as they stood in the request.
pub fn parse_params<P: DeserializeOwned>(raw: Option<&str>) -> Result<P, ApiError> {
    let raw = raw.map(str::trim_start).filter(|text| !text.is_empty() && *text != "null").unwrap_or("[]");
    if nests_too_deep(raw) {
        return Err(ApiError::params(format!("the parameters nest deeper than {DEPTH_MAX} levels")));
    }
    let given = if raw.starts_with('{') {
        serde_json::from_str(raw).map(|Names(pairs)| Given::ByName(pairs))
    } else {
        serde_json::from_str(raw).map(Given::ByPosition)
    };
    let given = given.map_err(|_| ApiError::params("the parameters must be an array or an object"))?;
    P::deserialize(Params(given)).map_err(|Wrong(sentence)| ApiError::params(sentence))
}

/// The names of a struct's fields in order, as serde sees them.
pub(crate) fn field_names<P: DeserializeOwned>() -> &'static [&'static str] {
    let names = Cell::new(&[][..]);
    // The probe notes the names and then gives up, by design.
    let _ = P::deserialize(Probe(&names));
    names.get()
}

fn nests_too_deep(text: &str) -> bool {
    let (mut depth, mut in_string, mut escaped) = (0usize, false, false);
    for byte in text.bytes() {
        if in_string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'[' | b'{' => {
                depth += 1;
                if depth > DEPTH_MAX {
                    return true;
                }
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

enum Given<'a> {
    ByPosition(Vec<&'a RawValue>),
    ByName(Vec<(String, &'a RawValue)>),
}

/// An object's members in order, doubles included, so that they can be refused.
struct Names<'a>(Vec<(String, &'a RawValue)>);

impl<'de> de::Deserialize<'de> for Names<'de> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Names<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Names<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Names(members))
            }
        }
        d.deserialize_map(Members)
    }
}

#[derive(Debug)]
struct Wrong(String);

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Wrong {}

impl de::Error for Wrong {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }
    fn missing_field(field: &'static str) -> Self {
        Self(format!("parameter `{field}` is missing"))
    }
}

struct Params<'a>(Given<'a>);

impl<'a> Params<'a> {
    fn pairs(self, fields: &'static [&'static str]) -> Result<Vec<(&'static str, &'a RawValue)>, Wrong> {
        let known = || match fields {
            [] => "this method takes none".to_owned(),
            _ => format!("this method takes: {}", fields.join(", ")),
        };
        match self.0 {
            Given::ByPosition(values) if values.len() > fields.len() => {
                Err(Wrong(format!("{} parameters were given; {}", values.len(), known())))
            }
            Given::ByPosition(values) => Ok(fields.iter().copied().zip(values).collect()),
            Given::ByName(members) => {
                let mut pairs: Vec<(&'static str, &'a RawValue)> = Vec::with_capacity(fields.len());
                for (name, value) in members {
                    let Some(field) = fields.iter().find(|field| **field == name) else {
                        let name: String = name.chars().take(40).collect();
                        return Err(Wrong(format!("there is no parameter `{name}`; {}", known())));
                    };
                    if pairs.iter().any(|(seen, _)| seen == field) {
                        return Err(Wrong(format!("parameter `{field}` was given twice")));
                    }
                    pairs.push((field, value));
                }
                Ok(pairs)
            }
        }
    }
}

impl<'de> Deserializer<'de> for Params<'de> {
    type Error = Wrong;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        let pairs = self.pairs(fields)?;
        visitor.visit_map(Pairs { rest: pairs.into_iter(), value: None })
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Wrong> {
        Err(Wrong("a method's parameters are a struct".to_owned()))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

struct Pairs<'a> {
    rest: std::vec::IntoIter<(&'static str, &'a RawValue)>,
    value: Option<(&'static str, &'a RawValue)>,
}

impl<'a> MapAccess<'a> for Pairs<'a> {
    type Error = Wrong;

    fn next_key_seed<K: DeserializeSeed<'a>>(&mut self, seed: K) -> Result<Option<K::Value>, Wrong> {
        self.value = self.rest.next();
        let Some((name, _)) = self.value else { return Ok(None) };
        seed.deserialize(StrDeserializer::new(name)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'a>>(&mut self, seed: V) -> Result<V::Value, Wrong> {
        let (name, value) = self.value.take().ok_or_else(|| Wrong("a value without a name".to_owned()))?;
        let mut json = serde_json::Deserializer::from_str(value.get());
        seed.deserialize(&mut json).map_err(|e| {
            // The place within this one value would only confuse: the parameter's name says where it is.
            let sentence = e.to_string();
            let sentence = sentence.rsplit_once(" at line ").map_or(sentence.as_str(), |(before, _)| before);
            Wrong(format!("parameter `{name}`: {sentence}"))
        })
    }
}

struct Probe<'a>(&'a Cell<&'static [&'static str]>);

impl<'de> Deserializer<'de> for Probe<'_> {
    type Error = Wrong;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Wrong> {
        self.0.set(fields);
        Err(Wrong(String::new()))
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Wrong> {
        Err(Wrong(String::new()))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}
