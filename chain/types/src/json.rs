//! The readable form, as JSON-RPC shows it: ids in bech32m, hashes and bytes in 0x-hex, every number of 64 bits or more as a decimal
//! text (a JavaScript number holds 53). No hash is ever taken of it.

use serde::{Deserialize, Deserializer, Serializer};

/// `Serialize` and `Deserialize` by `Display` and `FromStr`.
macro_rules! by_text {
    ($name:ty) => {
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let text = <String as serde::Deserialize>::deserialize(from)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}
pub(crate) use by_text;

/// For `#[serde(with = "leither_types::json::decimal")]` on 64-bit fields.
pub mod decimal {
    use super::*;

    /// As a decimal text.
    pub fn serialize<S: Serializer>(number: &u64, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(number)
    }

    /// From a decimal text, or from a number where it is small enough to be exact.
    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Either {
            Text(String),
            Number(u64),
        }
        match Either::deserialize(from)? {
            Either::Text(text) => text.parse().map_err(serde::de::Error::custom),
            Either::Number(number) => Ok(number),
        }
    }
}

/// For `#[serde(with = "leither_types::json::written")]` on bytes that mostly are text, such as JSON: as it is; other bytes as `0x` and hex.
pub mod written {
    use super::*;
    use crate::Blob;

    /// As text, where it is some and could not be taken for hex.
    pub fn serialize<S: Serializer, const MAX: usize>(bytes: &Blob<MAX>, to: S) -> Result<S::Ok, S::Error> {
        match std::str::from_utf8(bytes) {
            Ok(text) if !text.starts_with("0x") => to.serialize_str(text),
            _ => to.serialize_str(&hex_of(bytes)),
        }
    }

    /// From either.
    pub fn deserialize<'de, D: Deserializer<'de>, const MAX: usize>(from: D) -> Result<Blob<MAX>, D::Error> {
        let text = String::deserialize(from)?;
        let bytes = if text.starts_with("0x") { bytes_of_hex(&text) } else { Some(text.into_bytes()) };
        let bytes = bytes.ok_or_else(|| serde::de::Error::custom("bytes are 0x and hex, or text"))?;
        Blob::new(bytes).ok_or_else(|| serde::de::Error::custom(format!("more than {MAX} bytes")))
    }

    /// The same where there may be none.
    pub mod maybe {
        use super::*;

        /// As text or hex.
        pub fn serialize<S: Serializer, const MAX: usize>(bytes: &Option<Blob<MAX>>, to: S) -> Result<S::Ok, S::Error> {
            match bytes {
                Some(bytes) => super::serialize(bytes, to),
                None => to.serialize_none(),
            }
        }

        /// From either.
        pub fn deserialize<'de, D: Deserializer<'de>, const MAX: usize>(from: D) -> Result<Option<Blob<MAX>>, D::Error> {
            #[derive(Deserialize)]
            struct Some_<const MAX: usize>(#[serde(with = "super")] Blob<MAX>);
            Ok(Option::<Some_<MAX>>::deserialize(from)?.map(|some| some.0))
        }
    }
}

/// Bytes as `0x` and hex.
pub fn hex_of(bytes: &[u8]) -> String {
    let digit = |n: u8| char::from(if n < 10 { b'0' + n } else { b'a' + n - 10 });
    let mut text = String::with_capacity(2 + bytes.len() * 2);
    text.push_str("0x");
    for byte in bytes {
        text.push(digit(byte >> 4));
        text.push(digit(byte & 15));
    }
    text
}

/// The bytes of `0x` and hex; upper case is accepted.
pub fn bytes_of_hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.strip_prefix("0x")?.as_bytes();
    let value = |c: u8| char::from(c).to_digit(16).map(|d| d as u8);
    if digits.len() % 2 != 0 {
        return None;
    }
    digits.chunks_exact(2).map(|pair| Some(value(pair[0])? << 4 | value(pair[1])?)).collect()
}
