//! The query of a URL.

use super::text;

/// Parameters that are read.
const PARAMETERS_MAX: usize = 32;

/// The first value of a parameter, decoded; nothing where it is missing or broken.
pub fn parameter(query: Option<&str>, name: &str) -> Option<String> {
    let pairs = query?.split('&').take(PARAMETERS_MAX).map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let (_, value) = pairs.into_iter().find(|(found, _)| *found == name)?;
    text::decode(&value.replace('+', " "))
}
