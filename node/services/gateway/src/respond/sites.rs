//! GW-11: what a site does about a path that is not there: its `_redirects`.

use super::content::file;
use super::refusal::Refusal;
use super::{Ask, At, moved};
use crate::core::redirects::{self, Action, FILE_BYTES_MAX, Rule};
use axum::response::Response;
use bytes::BytesMut;
use futures_util::TryStreamExt;
use http::StatusCode;
use leither_kit::node::Node;
use leither_kit::walk::{self, WalkError};
use std::sync::Arc;

/// The answer by the site's rules, or `refusal` where it has none that fits.
pub(super) async fn instead(ask: &Ask, at: &At, refusal: Refusal) -> Result<Response, Refusal> {
    let Some(rules) = rules(ask, at).await? else { return Err(refusal) };
    let decided = redirects::decide(&rules, &at.steps.steps);
    match decided.map_err(|why| Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, why))? {
        None => Err(refusal),
        Some(Action::Redirect { to, status }) => moved(StatusCode::from_u16(status).unwrap_or(StatusCode::FOUND), &to),
        Some(Action::Rewrite { to, status }) => {
            rewritten(ask, at, &to, StatusCode::from_u16(status).unwrap_or(StatusCode::OK)).await
        }
    }
}

async fn rules(ask: &Ask, at: &At) -> Result<Option<Vec<Rule>>, Refusal> {
    let broken = |why: &str| Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, format!("could not parse _redirects: {why}"));
    let path: Vec<&str> = at.anchor.below.iter().map(String::as_str).chain(["_redirects"]).collect();
    let found = match walk::resolve(&*ask.source, &at.anchor.cid, &path).await {
        Ok(found) => found.target,
        Err(WalkError::Absent { .. } | WalkError::NotADirectory { .. }) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let size = found.node.file_size().ok_or_else(|| broken("it is no file"))?;
    if size > FILE_BYTES_MAX as u64 {
        return Err(broken(&format!("redirects file size cannot exceed {FILE_BYTES_MAX} bytes")));
    }
    let pieces = walk::read(Arc::clone(&ask.source), found, 0..size)?;
    let bytes = pieces.try_fold(BytesMut::new(), |mut all, piece| async move {
        all.extend_from_slice(&piece);
        Ok(all)
    });
    let bytes = bytes.await?;
    let text = std::str::from_utf8(&bytes).map_err(|_| broken("it is not UTF-8"))?;
    redirects::parse(text).map(Some).map_err(|why| broken(&why))
}

/// Another file of the site, under the URL that was asked, once: no rule applies to it.
async fn rewritten(ask: &Ask, at: &At, to: &[String], status: StatusCode) -> Result<Response, Refusal> {
    let path =
        |more: Option<&'static str>| -> Vec<&str> { at.anchor.below.iter().chain(to).map(String::as_str).chain(more).collect() };
    let mut found = walk::resolve(&*ask.source, &at.anchor.cid, &path(None)).await?;
    if matches!(found.target.node, Node::Directory(_) | Node::Shard(_)) {
        // Its place in the pool first: the next block needs one, too (GW-13).
        drop(found);
        found = walk::resolve(&*ask.source, &at.anchor.cid, &path(Some("index.html"))).await?;
    }
    let etag = format!("\"{}\"", found.target.cid);
    let name = to.last().filter(|name| name.contains('.')).map_or("index.html", String::as_str);
    file(ask, at, found.target, &found.roots, &etag, Some(name), status).await
}
