//! Content as a browser wants it: files, symbolic links, documents.

use super::refusal::Refusal;
use super::{Ask, At, directory, plain, set, set_fixed, sites};
use crate::core::format::DOCUMENTS;
use crate::core::range::{self, Asked};
use crate::core::{cache, media, text};
use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use http::{HeaderName, StatusCode, header};
use leither_kit::Cid;
use leither_kit::node::Node;
use leither_kit::walk::{self, Loaded, Located, WalkError};
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;

/// GW-4: what stands on an origin that many share is shown, but does nothing: no script, no form, no cookie.
const SANDBOX: &str = "sandbox; default-src 'self' data: blob:; style-src 'self' 'unsafe-inline'; script-src 'none'; object-src 'none'; base-uri 'none'; form-action 'none'";

pub(super) async fn content(ask: &Ask, at: &At) -> Result<Response, Refusal> {
    match walk::locate(&*ask.source, &at.anchor.cid, &at.path()).await {
        Ok(located) => located_content(ask, at, located).await,
        Err(error) => {
            let refusal = Refusal::from(error);
            // GW-11: only where nothing is there, and only where the site has an origin to itself.
            if refusal.nowhere && at.site.own { sites::instead(ask, at, refusal).await } else { Err(refusal) }
        }
    }
}

async fn located_content(ask: &Ask, at: &At, located: Located) -> Result<Response, Refusal> {
    if let Some(document) = DOCUMENTS.iter().find(|document| document.codec == located.cid.codec()) {
        if located.inside > 0 {
            let text =
                "the path ends within a document, at no link; ask for the document (without these steps) or for its raw block";
            return Err(Refusal::new(StatusCode::NOT_IMPLEMENTED, text));
        }
        let mut response = block(ask, &located, document.media, &format!("\"{}\"", located.cid))?;
        headers(ask, at, &mut response, &located.roots);
        return Ok(response);
    }
    let resolved = located.decode()?;
    match &resolved.target.node {
        Node::Directory(_) | Node::Shard(_) => directory::directory(ask, at, resolved).await,
        Node::Raw(_) | Node::File(_) => {
            let etag = format!("\"{}\"", resolved.target.cid);
            file(ask, at, resolved.target, &resolved.roots, &etag, at.name(), StatusCode::OK).await
        }
        Node::Symlink(target) => {
            let etag = format!("\"{}\"", resolved.target.cid);
            let mut response = bytes(ask, &Bytes::from(target.clone()), "text/plain; charset=utf-8", &etag)?;
            headers(ask, at, &mut response, &resolved.roots);
            Ok(response)
        }
        Node::Other(_) => {
            let text = format!("{} is no file and no directory; ask for the raw block (?format=raw)", resolved.target.cid);
            Err(Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, text))
        }
    }
}

/// GW-7: a file, or the range of it that was asked for.
pub(super) async fn file(
    ask: &Ask,
    at: &At,
    target: Loaded,
    roots: &[Cid],
    etag: &str,
    name: Option<&str>,
    status: StatusCode,
) -> Result<Response, Refusal> {
    if cache::matches(&ask.headers, etag) {
        let mut response = not_modified(etag);
        at.anchor.set_cache_control(&mut response);
        return Ok(response);
    }
    let size = target.node.file_size().unwrap_or(0);
    // An error's page is given whole.
    let asked = if status == StatusCode::OK && cache::range_holds(&ask.headers, etag) {
        range::asked(ask.header(header::RANGE), size)
    } else {
        Asked::All
    };
    let wanted = match asked {
        Asked::All => 0..size,
        Asked::Part(ref range) => range.clone(),
        Asked::Outside => return Ok(unsatisfiable(size)),
    };
    let named = ask.parameter("filename").map(|name| text::decode(&name).unwrap_or(name));
    let by_name = named.as_deref().or(name).and_then(media::by_name);
    let mut pieces: Pieces = Box::pin(walk::read(Arc::clone(&ask.source), target, wanted.clone())?);
    // The first piece comes before the status: what cannot be had is an error then, and no answer that breaks off.
    let first = if ask.head && by_name.is_some() { None } else { pieces.next().await.transpose()? };
    let start = first.as_ref().filter(|_| wanted.start == 0);
    let media = by_name.unwrap_or_else(|| start.map_or(media::BYTES, |first| media::by_start(first)));
    let len = wanted.end.saturating_sub(wanted.start);
    let body = body(ask, first, pieces, len);
    let mut response = plain(status, body);
    if let Asked::Part(range) = &asked {
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
        set(&mut response, header::CONTENT_RANGE, &format!("bytes {}-{}/{size}", range.start, range.end.saturating_sub(1)));
    }
    set(&mut response, header::CONTENT_LENGTH, &len.to_string());
    set_fixed(&mut response, header::CONTENT_TYPE, media);
    set_fixed(&mut response, header::ACCEPT_RANGES, "bytes");
    set(&mut response, header::ETAG, etag);
    headers(ask, at, &mut response, roots);
    Ok(response)
}

type Pieces = Pin<Box<dyn futures_util::Stream<Item = Result<Bytes, WalkError>> + Send>>;

/// GW-13: what a reader is given comes in pieces, and no more than one of them is held for him.
fn body(ask: &Ask, first: Option<Bytes>, rest: Pieces, len: u64) -> Body {
    match first {
        _ if ask.head => Body::empty(),
        Some(first) if first.len() as u64 == len => Body::from(first),
        first => Body::from_stream(stream::iter(first.map(Ok)).chain(rest).map_err(std::io::Error::other)),
    }
}

/// Bytes that are few and there, or the range of them that was asked for.
pub(super) fn bytes(ask: &Ask, bytes: &Bytes, media: &'static str, etag: &str) -> Result<Response, Refusal> {
    part(ask, bytes.len(), media, etag, |range| Body::from(bytes.slice(range)))
}

/// A block, or the range of it that was asked for.
pub(super) fn block(ask: &Ask, located: &Located, media: &'static str, etag: &str) -> Result<Response, Refusal> {
    part(ask, located.bytes.len(), media, etag, |range| {
        let len = range.len() as u64;
        let pieces = walk::read_block(Arc::clone(&ask.source), located.cid, range);
        body(ask, None, Box::pin(pieces), len)
    })
}

/// What has so many bytes, or the range of it that was asked for, of which `body` is made.
fn part(
    ask: &Ask,
    size: usize,
    media: &'static str,
    etag: &str,
    body: impl FnOnce(Range<usize>) -> Body,
) -> Result<Response, Refusal> {
    if cache::matches(&ask.headers, etag) {
        return Ok(not_modified(etag));
    }
    let asked =
        if cache::range_holds(&ask.headers, etag) { range::asked(ask.header(header::RANGE), size as u64) } else { Asked::All };
    let (status, range) = match asked {
        Asked::All => (StatusCode::OK, 0..size),
        Asked::Part(range) => {
            let place = |at: u64| usize::try_from(at).unwrap_or(size).min(size);
            (StatusCode::PARTIAL_CONTENT, place(range.start)..place(range.end))
        }
        Asked::Outside => return Ok(unsatisfiable(size as u64)),
    };
    let mut response = plain(status, body(range.clone()));
    if status == StatusCode::PARTIAL_CONTENT {
        set(&mut response, header::CONTENT_RANGE, &format!("bytes {}-{}/{size}", range.start, range.end.saturating_sub(1)));
    }
    set(&mut response, header::CONTENT_LENGTH, &range.len().to_string());
    set_fixed(&mut response, header::CONTENT_TYPE, media);
    set_fixed(&mut response, header::ACCEPT_RANGES, "bytes");
    set(&mut response, header::ETAG, etag);
    Ok(response)
}

pub(super) fn not_modified(etag: &str) -> Response {
    let mut response = plain(StatusCode::NOT_MODIFIED, Body::empty());
    set(&mut response, header::ETAG, etag);
    response
}

fn unsatisfiable(size: u64) -> Response {
    let mut response = plain(StatusCode::RANGE_NOT_SATISFIABLE, Body::empty());
    set(&mut response, header::CONTENT_RANGE, &format!("bytes */{size}"));
    set(&mut response, header::CONTENT_LENGTH, "0");
    response
}

/// What goes with content that a browser shows.
pub(super) fn headers(ask: &Ask, at: &At, response: &mut Response, roots: &[Cid]) {
    at.anchor.set_cache_control(response);
    paths(at, response, roots);
    if !at.site.own {
        set_fixed(response, header::CONTENT_SECURITY_POLICY, SANDBOX);
    }
    let download = ask.parameter("download").as_deref() == Some("true");
    let named = ask.parameter("filename").map(|name| text::decode(&name).unwrap_or(name));
    let kind = if download { "attachment" } else { "inline" };
    match named.or_else(|| at.name().filter(|_| download).map(str::to_string)) {
        Some(name) => set(response, header::CONTENT_DISPOSITION, &text::disposition(kind, &name)),
        None if download => set(response, header::CONTENT_DISPOSITION, kind),
        None => {}
    }
}

/// `X-Ipfs-Path` and `X-Ipfs-Roots`.
pub(super) fn paths(at: &At, response: &mut Response, roots: &[Cid]) {
    set(response, HeaderName::from_static("x-ipfs-path"), &at.ipfs_path());
    let roots: Vec<String> = roots.iter().map(Cid::to_string).collect();
    set(response, HeaderName::from_static("x-ipfs-roots"), &roots.join(","));
}
