//! GW-10: directories: their index.html, or a page that lists them.

use super::anchor::Keep;
use super::content::{file, not_modified, paths};
use super::refusal::Refusal;
use super::{Ask, At, moved, plain, set, set_fixed};
use crate::core::{cache, path, text};
use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use http::{StatusCode, header};
use leither_kit::Cid;
use leither_kit::node::{Entry, Node};
use leither_kit::source::Source;
use leither_kit::walk::{self, Cursor, Resolved, WalkError};
use std::sync::Arc;

/// Of this page's form: another one has another tag.
const GENERATION: u32 = 1;
/// GW-13: rows of a page are made until they take so many bytes, beside their names.
const STEP_BYTES: usize = 64 * 1024;
/// What a row takes beside its name and the directory's URL.
const ROW_BYTES: usize = 512;
/// A longer name fits no path that is read here: it is shown cut, and leads to the entry by its id.
const NAME_BYTES_MAX: usize = 1024;
/// What is shown of it.
const NAME_CHARS_SHOWN: usize = 200;
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";
const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;margin:2em auto;max-width:60em;padding:0 1em;color:#222;background:#fff}\
    h1{font-size:1.1em;font-weight:600;overflow-wrap:anywhere}table{border-collapse:collapse;width:100%}td{padding:.2em .6em;border-top:1px solid #ddd;\
    overflow-wrap:anywhere}td:nth-child(2){font-family:monospace;font-size:.85em}td:nth-child(3){text-align:right;white-space:nowrap;color:#666}\
    a{color:#06c;text-decoration:none}a:hover{text-decoration:underline}\
    @media(prefers-color-scheme:dark){body{color:#ddd;background:#181818}td{border-color:#333}a{color:#6af}}";

pub(super) async fn directory(ask: &Ask, at: &At, resolved: Resolved) -> Result<Response, Refusal> {
    if !at.steps.slash {
        let to = format!("{}{}/{}", at.site.base, path::join(&at.steps.steps), ask.question());
        return moved(StatusCode::MOVED_PERMANENTLY, &to);
    }
    let Resolved { target, roots, .. } = resolved;
    let cid = target.cid;
    // What others say is waited for without it.
    drop(target);
    match walk::resolve(&*ask.source, &cid, &["index.html"]).await {
        Ok(index) if matches!(index.target.node, Node::Raw(_) | Node::File(_)) => {
            let etag = format!("\"{cid}\"");
            return file(ask, at, index.target, &roots, &etag, Some("index.html"), StatusCode::OK).await;
        }
        Ok(_) | Err(WalkError::Absent { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    let asked = ask.parameter("at");
    let cursor = asked.as_deref().map(str::parse::<Cursor>).transpose()?.unwrap_or_default();
    let etag = match &asked {
        Some(_) => format!("\"DirIndex-{GENERATION}.{cursor}_CID-{cid}\""),
        None => format!("\"DirIndex-{GENERATION}_CID-{cid}\""),
    };
    let mut response = if cache::matches(&ask.headers, &etag) {
        not_modified(&etag)
    } else {
        let mut response = listing(ask, at, cid, cursor).await?;
        set_fixed(&mut response, header::CONTENT_TYPE, "text/html; charset=utf-8");
        set(&mut response, header::ETAG, &etag);
        response
    };
    match at.anchor.keep {
        // The page may look otherwise tomorrow.
        Keep::Forever => {
            set_fixed(&mut response, header::CACHE_CONTROL, "public, max-age=604800, stale-while-revalidate=2678400")
        }
        Keep::For(_) => at.anchor.set_cache_control(&mut response),
    }
    paths(at, &mut response, &roots);
    set_fixed(&mut response, header::CONTENT_SECURITY_POLICY, POLICY);
    Ok(response)
}

/// GW-13: the page, in pieces: for who reads it slowly some rows are held, and nothing of the directory.
async fn listing(ask: &Ask, at: &At, cid: Cid, cursor: Cursor) -> Result<Response, Refusal> {
    let mut rows = Rows {
        source: Arc::clone(&ask.source),
        cid,
        next: Some(cursor),
        left: ask.shared.config.page_entries,
        here: format!("{}{}", at.site.base, path::join(&at.steps.steps)),
        // Other roots, and this one seen from outside, are reached by the gateway's own host.
        outside: at.site.gateway.as_ref().map(|host| format!("//{host}")).unwrap_or_default(),
    };
    // What cannot be had is an error before the status.
    let mut start = beginning(at, &rows);
    start.push_str(&rows.more().await?);
    if rows.is_done() {
        start.push_str(&rows.end());
        let len = start.len();
        let mut response = plain(StatusCode::OK, Body::from(start));
        set(&mut response, header::CONTENT_LENGTH, &len.to_string());
        return Ok(response);
    }
    let rest = stream::try_unfold(Some(rows), |rows| async move {
        let Some(mut rows) = rows else { return Ok(None) };
        let mut text = rows.more().await?;
        let mut rows = Some(rows);
        if let Some(last) = rows.take_if(|rows| rows.is_done()) {
            text.push_str(&last.end());
        }
        Ok::<_, WalkError>(Some((Bytes::from(text), rows)))
    });
    let whole = stream::iter([Ok(Bytes::from(start))]).chain(rest);
    Ok(plain(StatusCode::OK, Body::from_stream(whole.map_err(std::io::Error::other))))
}

/// Rows of a page that are yet to be made.
struct Rows {
    source: Arc<dyn Source>,
    cid: Cid,
    next: Option<Cursor>,
    left: usize,
    /// The directory's own URL, and the gateway's host.
    here: String,
    outside: String,
}

impl Rows {
    async fn more(&mut self) -> Result<String, WalkError> {
        let Some(cursor) = self.next.take() else { return Ok(String::new()) };
        let count = (STEP_BYTES / ROW_BYTES.saturating_add(self.here.len())).max(1).min(self.left);
        let page = walk::page(&*self.source, &self.cid, &cursor, count).await?;
        // What was asked for counts: an odd directory has fewer, and costs no more for it.
        self.left = self.left.saturating_sub(count);
        self.next = page.next;
        Ok(page.entries.iter().map(|entry| self.row(entry)).collect())
    }

    fn row(&self, entry: &Entry) -> String {
        let size = size(entry.dag_size);
        if entry.name.len() > NAME_BYTES_MAX {
            let shown: String = entry.name.chars().take(NAME_CHARS_SHOWN).chain(['\u{2026}']).collect();
            return row(&format!("{}/ipfs/{}", self.outside, entry.cid), &shown, "", &size);
        }
        let link = format!("{}/{}", self.here, text::encode(&entry.name));
        row(&link, &entry.name, &hash_link(&self.outside, entry), &size)
    }

    fn is_done(&self) -> bool {
        self.next.is_none() || self.left == 0
    }

    /// What stands below the rows.
    fn end(&self) -> String {
        let next = self.next.as_ref();
        let next = next.map(|next| format!("<p><a href=\"?at={next}\" rel=\"next\">More entries</a></p>")).unwrap_or_default();
        format!("</table>{next}</body></html>\n")
    }
}

/// What stands above the rows, and the one that leads up.
fn beginning(at: &At, rows: &Rows) -> String {
    let content_path = format!("{}{}", at.site.content_path, path::join(&at.steps.steps));
    let title = text::html(&text::decode(&content_path).unwrap_or(content_path));
    let up = if at.steps.steps.is_empty() { String::new() } else { row(&format!("{}/..", rows.here), "..", "", "") };
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <title>{title}</title><style>{STYLE}</style></head>\n<body><h1>Index of {}</h1><p>{}</p>\n<table>{up}",
        crumbs(at, &rows.outside),
        text::html(&rows.cid.to_string()),
    )
}

/// `/ipfs/` and a link a step.
fn crumbs(at: &At, outside: &str) -> String {
    let (space, id) = at.site.content_path.get(1..).and_then(|path| path.split_once('/')).unwrap_or_default();
    let mut link = format!("{outside}{}", at.site.content_path);
    let mut crumbs = format!("/{space}/<a href=\"{}\">{}</a>", text::html(&link), text::html(id));
    for step in &at.steps.steps {
        link.push('/');
        link.push_str(&text::encode(step));
        crumbs.push_str(&format!("/<a href=\"{}\">{}</a>", text::html(&link), text::html(step)));
    }
    crumbs
}

/// To the entry by its id. The name is encoded twice, as other gateways' pages have it; whoever reads it decodes twice.
fn hash_link(outside: &str, entry: &Entry) -> String {
    let cid = entry.cid.to_string();
    let short: String = match (cid.get(..4), cid.get(cid.len().saturating_sub(4)..)) {
        (Some(start), Some(end)) if cid.len() > 12 => format!("{start}\u{2026}{end}"),
        _ => cid.clone(),
    };
    let name = text::encode(&text::encode(&entry.name));
    format!(
        "<a class=\"ipfs-hash\" translate=\"no\" href=\"{}/ipfs/{cid}?filename={}\">{short}</a>",
        text::html(outside),
        text::html(&name)
    )
}

fn row(link: &str, name: &str, hash: &str, size: &str) -> String {
    format!("<tr><td><a href=\"{}\">{}</a></td><td>{hash}</td><td>{size}</td></tr>\n", text::html(link), text::html(name))
}

/// Bytes for people.
fn size(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let (mut tenths, mut unit) = (u128::from(bytes) * 10 / 1024, 0);
    while tenths >= 10_240 && unit + 1 < UNITS.len() {
        tenths /= 1024;
        unit += 1;
    }
    format!("{}.{} {}", tenths / 10, tenths % 10, UNITS.get(unit).unwrap_or(&""))
}
