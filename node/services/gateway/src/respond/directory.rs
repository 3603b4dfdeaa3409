//! GW-10: directories: their index.html, or a page that lists them.

use super::anchor::Keep;
use super::content::{file, not_modified, paths};
use super::refusal::Refusal;
use super::{Ask, At, moved, plain, set};
use crate::core::{cache, path, text};
use axum::body::Body;
use axum::response::Response;
use http::{StatusCode, header};
use leither_kit::node::{Entry, Node};
use leither_kit::walk::{self, Cursor, Page, Resolved, WalkError};

/// Of this page's form: another one has another tag.
const GENERATION: u32 = 1;
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
    let target = target.without_bytes();
    match walk::resolve(&*ask.source, &target.cid, &["index.html"]).await {
        Ok(index) if matches!(index.target.node, Node::Raw(_) | Node::File(_)) => {
            let etag = format!("\"{}\"", target.cid);
            return file(ask, at, index.target, &roots, &etag, Some("index.html"), StatusCode::OK).await;
        }
        Ok(_) | Err(WalkError::Absent { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    let asked = ask.parameter("at");
    let cursor = asked.as_deref().map(str::parse::<Cursor>).transpose()?.unwrap_or_default();
    let etag = match &asked {
        Some(_) => format!("\"DirIndex-{GENERATION}.{cursor}_CID-{}\"", target.cid),
        None => format!("\"DirIndex-{GENERATION}_CID-{}\"", target.cid),
    };
    let mut response = if cache::matches(&ask.headers, &etag) {
        not_modified(&etag)
    } else {
        let page = walk::list(&*ask.source, &target, &cursor, ask.shared.config.page_entries).await?;
        let page = html(at, &target.cid.to_string(), &page);
        let len = page.len();
        let mut response = plain(StatusCode::OK, Body::from(page));
        set(&mut response, header::CONTENT_TYPE, "text/html; charset=utf-8");
        set(&mut response, header::CONTENT_LENGTH, &len.to_string());
        set(&mut response, header::ETAG, &etag);
        response
    };
    match at.anchor.keep {
        // The page may look otherwise tomorrow.
        Keep::Forever => set(&mut response, header::CACHE_CONTROL, "public, max-age=604800, stale-while-revalidate=2678400"),
        Keep::For(_) => at.anchor.set_cache_control(&mut response),
    }
    paths(at, &mut response, &roots);
    set(&mut response, header::CONTENT_SECURITY_POLICY, POLICY);
    Ok(response)
}

fn html(at: &At, cid: &str, page: &Page) -> String {
    let content_path = format!("{}{}", at.site.content_path, path::join(&at.steps.steps));
    let title = text::html(&text::decode(&content_path).unwrap_or(content_path));
    let here = format!("{}{}", at.site.base, path::join(&at.steps.steps));
    // Other roots, and this one seen from outside, are reached by the gateway's own host.
    let outside = at.site.gateway.as_ref().map(|host| format!("//{host}")).unwrap_or_default();
    let mut rows = String::new();
    if !at.steps.steps.is_empty() {
        rows.push_str(&row(&format!("{here}/.."), "..", "", ""));
    }
    for entry in &page.entries {
        let link = format!("{here}/{}", text::encode(&entry.name));
        rows.push_str(&row(&link, &entry.name, &hash_link(&outside, entry), &size(entry.dag_size)));
    }
    let next = page
        .next
        .as_ref()
        .map(|next| format!("<p><a href=\"?at={next}\" rel=\"next\">More entries</a></p>"))
        .unwrap_or_default();
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <title>{title}</title><style>{STYLE}</style></head>\n<body><h1>Index of {}</h1><p>{}</p>\n<table>{rows}</table>{next}</body></html>\n",
        crumbs(at, &outside),
        text::html(cid),
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
