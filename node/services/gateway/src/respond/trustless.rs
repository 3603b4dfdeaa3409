//! Answers that whoever asks can check: blocks, CARs, records; and documents in their own codec.

use super::content;
use super::refusal::Refusal;
use super::route::Root;
use super::{Ask, At, plain, set};
use crate::core::format::{self, Document};
use crate::core::{cache, text};
use axum::body::Body;
use axum::response::Response;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use http::{HeaderName, StatusCode, header};
use leither_kit::Cid;
use leither_kit::node::codec;
use leither_kit::walk::{self, CarPlan};
use std::sync::Arc;

/// GW-6: the block that the path leads to, whatever its codec.
pub(super) async fn raw(ask: &Ask, at: &At) -> Result<Response, Refusal> {
    let located = walk::locate(&*ask.source, &at.anchor.cid, &at.path()).await?;
    let mut response = content::block(ask, &located, format::RAW, &format!("\"{}.raw\"", located.cid))?;
    attachment(ask, at, &mut response, &located.cid, "bin");
    content::paths(at, &mut response, &located.roots);
    Ok(response)
}

/// GW-6: a document, if that is its codec: none is made of another.
pub(super) async fn document(ask: &Ask, at: &At, document: &'static Document) -> Result<Response, Refusal> {
    let located = walk::locate(&*ask.source, &at.anchor.cid, &at.path()).await?;
    if located.cid.codec() != document.codec {
        // A JSON file that was added as a file is one all the same.
        if document.codec == codec::JSON && matches!(located.cid.codec(), codec::RAW | codec::DAG_PB) {
            // What its block has of the pool first: what follows needs a place, too (GW-13).
            drop(located);
            return content::content(ask, at).await;
        }
        let text = format!(
            "{} is not {}, and nothing is converted here; ask for the raw block (?format=raw)",
            located.cid, document.name
        );
        return Err(Refusal::new(StatusCode::NOT_ACCEPTABLE, text));
    }
    let mut response = content::block(ask, &located, document.media, &format!("\"{}.{}\"", located.cid, document.name))?;
    content::headers(ask, at, &mut response, &located.roots);
    Ok(response)
}

/// GW-6, GW-13
pub(super) async fn car(ask: &Ask, at: &At, plan: CarPlan) -> Result<Response, Refusal> {
    let resolved = walk::resolve(&*ask.source, &at.anchor.cid, &at.path()).await?;
    let (cid, roots) = (resolved.target.cid, resolved.roots.clone());
    let told = format!("{} {:?} {:?} {}", at.path().join("/"), plan.scope, plan.bytes, plan.duplicates);
    let hash = blake3::hash(told.as_bytes()).to_hex();
    // The same blocks in the same order, but nobody has promised the same bytes for ever.
    let etag = format!("W/\"{}.car.{}\"", at.anchor.cid, hash.get(..16).unwrap_or_default());
    let mut response = if cache::matches(&ask.headers, &etag) {
        content::not_modified(&etag)
    } else {
        let Ok(place) = Arc::clone(&ask.shared.cars).try_acquire_owned() else {
            return Err(Refusal::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "too many CARs are being made; try again, or ask for single blocks",
            ));
        };
        let mut pieces = Box::pin(walk::car(Arc::clone(&ask.source), resolved, &plan)?);
        let first = pieces.next().await.transpose()?;
        let rest = stream::iter(first.map(Ok)).chain(pieces).map_err(std::io::Error::other);
        // The place is held until the last piece has gone.
        let held = rest.map(move |piece| {
            let _held = &place;
            piece
        });
        let mut response = plain(StatusCode::OK, if ask.head { Body::empty() } else { Body::from_stream(held) });
        let duplicates = if plan.duplicates { "y" } else { "n" };
        set(&mut response, header::CONTENT_TYPE, &format!("{}; version=1; order=dfs; dups={duplicates}", format::CAR));
        set(&mut response, header::ETAG, &etag);
        response
    };
    set(&mut response, header::ACCEPT_RANGES, "none");
    attachment(ask, at, &mut response, &cid, "car");
    content::paths(at, &mut response, &roots);
    Ok(response)
}

/// GW-12: the record itself, signed.
pub(super) async fn record(ask: &Ask, at: &At) -> Result<Response, Refusal> {
    let (Root::Key(name), Some(record), true) = (&at.site.root, &at.anchor.record, at.steps.steps.is_empty()) else {
        return Err(Refusal::bad("a record is asked for by /ipns/<key> and no more"));
    };
    let hash = blake3::hash(record).to_hex();
    let etag = format!("\"{}.ipns-record\"", hash.get(..32).unwrap_or_default());
    let mut response = content::bytes(ask, record, format::RECORD, &etag)?;
    at.anchor.set_cache_control(&mut response);
    let file = ask.parameter("filename").unwrap_or_else(|| format!("{}.ipns-record", name.label()));
    set(&mut response, header::CONTENT_DISPOSITION, &text::disposition("attachment", &file));
    set(&mut response, HeaderName::from_static("x-ipfs-path"), &at.ipfs_path());
    Ok(response)
}

/// Never shown, only saved.
fn attachment(ask: &Ask, at: &At, response: &mut Response, cid: &Cid, ending: &str) {
    at.anchor.set_cache_control(response);
    let named = ask.parameter("filename").map(|name| text::decode(&name).unwrap_or(name));
    let name = named.unwrap_or_else(|| format!("{cid}.{ending}"));
    set(response, header::CONTENT_DISPOSITION, &text::disposition("attachment", &name));
}
