//! Lists, byte strings and texts that carry their bound in the type: a length is checked before anything is allocated.

use parity_scale_codec::{Compact, Decode, DecodeWithMemTracking, Encode, Error, Input, Output};
use std::{fmt, ops::Deref};

/// At most `MAX` items.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct List<T, const MAX: usize>(Vec<T>);

/// At most `MAX` bytes.
pub type Blob<const MAX: usize> = List<u8, MAX>;

impl<T, const MAX: usize> List<T, MAX> {
    /// The bound.
    pub const MAX: usize = MAX;

    /// The list, unless it is too long.
    pub fn new(items: Vec<T>) -> Option<Self> {
        (items.len() <= MAX).then_some(Self(items))
    }

    /// Adds an item; gives it back where the list is full.
    pub fn push(&mut self, item: T) -> Result<(), T> {
        if self.0.len() < MAX {
            self.0.push(item);
            Ok(())
        } else {
            Err(item)
        }
    }

    /// The items.
    pub fn into_vec(self) -> Vec<T> {
        self.0
    }
}

impl<T, const MAX: usize> Default for List<T, MAX> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T, const MAX: usize> Deref for List<T, MAX> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T: fmt::Debug, const MAX: usize> fmt::Debug for List<T, MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<'a, T, const MAX: usize> IntoIterator for &'a List<T, MAX> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl<T: Encode, const MAX: usize> Encode for List<T, MAX> {
    fn size_hint(&self) -> usize {
        self.0.size_hint()
    }
    fn encode_to<O: Output + ?Sized>(&self, dest: &mut O) {
        self.0.encode_to(dest);
    }
}

impl<T: Decode, const MAX: usize> Decode for List<T, MAX> {
    fn decode<I: Input>(input: &mut I) -> Result<Self, Error> {
        let len = Compact::<u32>::decode(input)?.0 as usize;
        if len > MAX {
            return Err("list is longer than its bound".into());
        }
        parity_scale_codec::decode_vec_with_len(input, len).map(Self)
    }
}

impl<T: DecodeWithMemTracking, const MAX: usize> DecodeWithMemTracking for List<T, MAX> {}

/// UTF-8 of at most `MAX` bytes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Text<const MAX: usize>(String);

impl<const MAX: usize> Text<MAX> {
    /// The text, unless it is too long.
    pub fn new(text: impl Into<String>) -> Option<Self> {
        let text = text.into();
        (text.len() <= MAX).then_some(Self(text))
    }
}

impl<const MAX: usize> Deref for Text<MAX> {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

impl<const MAX: usize> fmt::Debug for Text<MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl<const MAX: usize> fmt::Display for Text<MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<const MAX: usize> Encode for Text<MAX> {
    fn size_hint(&self) -> usize {
        self.0.size_hint()
    }
    fn encode_to<O: Output + ?Sized>(&self, dest: &mut O) {
        self.0.encode_to(dest);
    }
}

impl<const MAX: usize> Decode for Text<MAX> {
    fn decode<I: Input>(input: &mut I) -> Result<Self, Error> {
        let bytes = Blob::<MAX>::decode(input)?.into_vec();
        String::from_utf8(bytes).map(Self).map_err(|_| "text is not UTF-8".into())
    }
}

impl<const MAX: usize> DecodeWithMemTracking for Text<MAX> {}

impl<T: serde::Serialize, const MAX: usize> serde::Serialize for List<T, MAX> {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(to)
    }
}

impl<'de, T: serde::Deserialize<'de>, const MAX: usize> serde::Deserialize<'de> for List<T, MAX> {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let items = Vec::deserialize(from)?;
        Self::new(items).ok_or_else(|| serde::de::Error::custom(format!("a list of more than {MAX} items")))
    }
}

impl<const MAX: usize> serde::Serialize for Text<MAX> {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(to)
    }
}

impl<'de, const MAX: usize> serde::Deserialize<'de> for Text<MAX> {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        Self::new(text).ok_or_else(|| serde::de::Error::custom(format!("a text of more than {MAX} bytes")))
    }
}
