//! `Range: bytes=...`

use std::ops::Range;

/// What a Range header asks of content of a known size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// All of it: no header, or one that says nothing we know.
    All,
    /// These bytes.
    Part(Range<u64>),
    /// Bytes that are not there.
    Outside,
}

/// GW-7: of several ranges the first is given: HTTP lets a server choose.
pub fn asked(header: Option<&str>, size: u64) -> Asked {
    let Some(first) = header.and_then(|text| text.trim().strip_prefix("bytes=")).and_then(|set| set.split(',').next()) else {
        return Asked::All;
    };
    let Some((from, to)) = first.trim().split_once('-') else { return Asked::All };
    let number = |text: &str| text.parse::<u64>().ok().filter(|_| text.bytes().all(|b| b.is_ascii_digit()));
    let range = match (from, to) {
        ("", last) => match number(last) {
            Some(0) => return Asked::Outside,
            Some(last) => size.saturating_sub(last)..size,
            None => return Asked::All,
        },
        (from, "") => match number(from) {
            Some(from) => from..size,
            None => return Asked::All,
        },
        (from, to) => match (number(from), number(to)) {
            (Some(from), Some(to)) if from <= to => from..to.saturating_add(1).min(size),
            _ => return Asked::All,
        },
    };
    if range.start < range.end { Asked::Part(range) } else { Asked::Outside }
}
