//! Conditional requests.

use http::{HeaderMap, header};

/// Tags that are looked at in one header.
const TAGS_MAX: usize = 64;

/// What is between the quotes, whether the tag is weak or strong.
fn opaque(tag: &str) -> &str {
    let tag = tag.trim();
    tag.strip_prefix("W/").unwrap_or(tag)
}

/// GW-8: whether `If-None-Match` names this very tag, weak and strong forms alike, or any.
pub fn matches(headers: &HeaderMap, etag: &str) -> bool {
    let lines = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|line| line.to_str().ok());
    lines
        .flat_map(|line| line.split(','))
        .take(TAGS_MAX)
        .any(|tag| tag.trim() == "*" || opaque(tag) == opaque(etag))
}

/// Whether a range is still wanted: `If-Range` is missing, or names this very tag, which must be strong.
pub fn range_holds(headers: &HeaderMap, etag: &str) -> bool {
    let Some(wanted) = headers.get(header::IF_RANGE) else { return true };
    wanted.to_str().is_ok_and(|wanted| wanted.trim() == etag && !etag.starts_with("W/"))
}

/// Whether a directive stands in the request's `Cache-Control`.
pub fn asks(headers: &HeaderMap, directive: &str) -> bool {
    let lines = headers.get_all(header::CACHE_CONTROL).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).any(|one| one.trim().eq_ignore_ascii_case(directive))
}
