//! How values are written in JSON. Each type here is one form: what the server writes, what it reads back, and its schema.

use leither_types::{AccountId, Amount, Hash, MimeiId, OrgId, TokenId, ValidatorId};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::{borrow::Cow, fmt, marker::PhantomData, str::FromStr};

/// A text that stands for a value is no longer than this (bytes are bounded by the request itself).
const TEXT_MAX: usize = 128;
/// JSON's own numbers are exact up to here only.
const SAFE_INTEGER: u64 = (1 << 53) - 1;

/// Reads a value from a JSON string by `FromStr`, naming what was expected where it is none.
struct TextVisitor<T>(&'static str, PhantomData<T>);

impl<T: FromStr<Err: fmt::Display>> Visitor<'_> for TextVisitor<T> {
    type Value = T;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        if text.len() > TEXT_MAX {
            return Err(E::custom(format_args!("{} characters where {} is expected", text.len(), self.0)));
        }
        text.parse().map_err(|e| E::custom(format_args!("`{text}`: {e}")))
    }
    fn visit_u64<E: Error>(self, number: u64) -> Result<T, E> {
        // RPC-9: a whole number that JSON holds exactly is understood too: people type them.
        if number > SAFE_INTEGER {
            return Err(E::custom(format_args!("{number} is not exact in JSON: write it as a string, \"{number}\"")));
        }
        number.to_string().parse().map_err(|_| E::invalid_type(Unexpected::Unsigned(number), &self))
    }
}

pub(crate) fn from_text<'de, T: FromStr<Err: fmt::Display>, D: Deserializer<'de>>(
    d: D,
    expected: &'static str,
) -> Result<T, D::Error> {
    d.deserialize_any(TextVisitor(expected, PhantomData))
}

macro_rules! decimal {
    ($(#[$doc:meta])* $name:ident, $int:ty, $bits:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub $int);

        impl FromStr for $name {
            type Err = &'static str;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                // Rust's own parser would take a leading plus.
                if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
                    return Err("expected a whole number in decimal digits");
                }
                text.parse().map(Self).map_err(|_| concat!("more than ", $bits, " bits"))
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.collect_str(&self.0)
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                from_text(d, "a whole number as a decimal string")
            }
        }
        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({
                    "type": "string",
                    "pattern": "^[0-9]+$",
                    "description": concat!("A whole number of up to ", $bits, " bits, as a decimal string."),
                })
            }
        }
        impl From<$int> for $name {
            fn from(number: $int) -> Self {
                Self(number)
            }
        }
    };
}
decimal!(
    /// A number of up to 64 bits, as a decimal string.
    U64, u64, "64"
);
decimal!(
    /// A number of up to 128 bits, as a decimal string: every amount, in smallest units.
    U128, u128, "128"
);

impl From<Amount> for U128 {
    fn from(amount: Amount) -> Self {
        Self(amount.0)
    }
}

impl From<U128> for Amount {
    fn from(number: U128) -> Self {
        Amount(number.0)
    }
}

const HEX: &[u8; 16] = b"0123456789abcdef";
const NO_DIGIT: u8 = 0xff;
/// The value of each hexadecimal digit: transactions come in by thousands a second, and this is where their time goes.
const DIGITS: [u8; 256] = {
    let mut table = [NO_DIGIT; 256];
    let mut i = 0;
    while i < 16 {
        table[HEX[i] as usize] = i as u8;
        table[HEX[i].to_ascii_uppercase() as usize] = i as u8;
        i += 1;
    }
    table
};

// RPC-10
fn to_hex(bytes: &[u8]) -> String {
    let mut text = Vec::with_capacity(2 + bytes.len() * 2);
    text.extend_from_slice(b"0x");
    for byte in bytes {
        text.push(HEX[usize::from(byte >> 4)]);
        text.push(HEX[usize::from(byte & 15)]);
    }
    String::from_utf8(text).unwrap_or_default()
}

fn from_hex(text: &str) -> Result<Vec<u8>, &'static str> {
    let digits = text.strip_prefix("0x").ok_or("expected hexadecimal digits after 0x")?.as_bytes();
    if digits.len() % 2 != 0 {
        return Err("an odd number of hexadecimal digits");
    }
    let mut seen = 0u8;
    let bytes = digits
        .chunks_exact(2)
        .map(|pair| {
            let (high, low) = (DIGITS[usize::from(pair[0])], DIGITS[usize::from(pair[1])]);
            seen |= high | low;
            high << 4 | low & 15
        })
        .collect();
    // Only NO_DIGIT sets a bit above the lowest four.
    if seen > 15 { Err("not all are hexadecimal digits") } else { Ok(bytes) }
}

/// Bytes, as 0x-hex.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bytes(pub Vec<u8>);

struct BytesVisitor;

impl Visitor<'_> for BytesVisitor {
    type Value = Bytes;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("bytes as 0x-hex in a string")
    }
    fn visit_str<E: Error>(self, text: &str) -> Result<Bytes, E> {
        from_hex(text).map(Bytes).map_err(E::custom)
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&to_hex(&self.0))
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_str(BytesVisitor)
    }
}

impl JsonSchema for Bytes {
    fn schema_name() -> Cow<'static, str> {
        "Bytes".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^0x([0-9a-fA-F]{2})*$", "description": "Bytes, as 0x-hex." })
    }
}

/// 32 bytes, as 0x-hex: a hash, a transaction's id, a public key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash32(pub Hash);

impl From<Hash> for Hash32 {
    fn from(hash: Hash) -> Self {
        Self(hash)
    }
}

impl FromStr for Hash32 {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bytes = from_hex(text)?;
        bytes.try_into().map(|b| Self(Hash(b))).map_err(|_| "expected 32 bytes: 0x and 64 hexadecimal digits")
    }
}

impl fmt::Display for Hash32 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl Serialize for Hash32 {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&to_hex(&self.0.0))
    }
}

impl<'de> Deserialize<'de> for Hash32 {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        from_text(d, "32 bytes as 0x-hex in a string")
    }
}

impl JsonSchema for Hash32 {
    fn schema_name() -> Cow<'static, str> {
        "Hash32".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^0x[0-9a-fA-F]{64}$", "description": "32 bytes, as 0x-hex." })
    }
}

/// RPC-10: a kind of id that the interface shows.
pub trait IdKind: Copy + fmt::Display + FromStr<Err: fmt::Display> {
    /// The schema's name.
    const NAME: &'static str;
    /// The prefix of the text form.
    const PREFIX: &'static str;
    /// What a bad one is told.
    const EXPECTED: &'static str;
}

macro_rules! id_kind {
    ($($name:ident: $expected:literal),*) => {$(
        impl IdKind for $name {
            const NAME: &'static str = stringify!($name);
            const PREFIX: &'static str = $name::HRP;
            const EXPECTED: &'static str = $expected;
        }
    )*};
}
id_kind!(
    AccountId: "an account id (lth1…)",
    OrgId: "an organization id (lthorg1…)",
    ValidatorId: "a validator id (lthval1…)",
    MimeiId: "a MiMei id (lthmm1…)",
    TokenId: "a token id (lthtok1…)"
);

/// An id, as bech32m with the prefix of its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id<T>(pub T);

impl<T: IdKind> From<T> for Id<T> {
    fn from(id: T) -> Self {
        Self(id)
    }
}

impl<T: IdKind> fmt::Display for Id<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl<T: IdKind> Serialize for Id<T> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(&self.0)
    }
}

impl<'de, T: IdKind> Deserialize<'de> for Id<T> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        from_text(d, T::EXPECTED).map(Self)
    }
}

impl<T: IdKind> JsonSchema for Id<T> {
    fn schema_name() -> Cow<'static, str> {
        T::NAME.into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": format!("An id as bech32m, {}1…; the older form of 27 base64url characters is read too.", T::PREFIX),
        })
    }
}
