//! From a root to a block: heads of MiMeis, records, names.

use super::refusal::Refusal;
use super::route::{Root, of_content_path};
use super::{Ask, set};
use crate::api::{HeadError, Version};
use crate::core::ipns;
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderName, StatusCode, header};
use leither_kit::Cid;
use leither_kit::multibase::Base;
use std::time::{SystemTime, UNIX_EPOCH};

/// GW-12: names that lead to names.
const HOPS_MAX: usize = 8;
/// GW-12: the longest that a record's answer is kept, whatever its owner says.
const TTL_MAX: u64 = 3600;
/// The same for a name whose owner says nothing.
const NAME_TTL: u64 = 60;
/// GW-5: the longest proof that goes into a header.
const PROOF_BYTES_MAX: usize = 8 * 1024;

/// How long an answer may be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keep {
    /// For ever: it cannot become another.
    Forever,
    /// So many seconds.
    For(u64),
}

/// A root, resolved.
#[derive(Clone, Debug)]
pub(super) struct Anchor {
    pub(super) cid: Cid,
    /// Steps that the name itself brought.
    pub(super) below: Vec<String>,
    pub(super) keep: Keep,
    /// A MiMei's version, and proof of it.
    version: Option<u64>,
    proof: Option<Bytes>,
    /// The record that it was found by.
    pub(super) record: Option<Bytes>,
}

impl Anchor {
    /// GW-5: what is said of a MiMei's head.
    pub(super) fn mark(&self, response: &mut Response) {
        if let Some(version) = self.version {
            set(response, HeaderName::from_static("x-leither-version"), &version.to_string());
        }
        match &self.proof {
            Some(proof) if proof.len() <= PROOF_BYTES_MAX => {
                set(response, HeaderName::from_static("x-leither-proof"), &Base::Base64Url.encode(proof));
            }
            Some(proof) => tracing::warn!(len = proof.len(), "a head's proof is too long for a header"),
            None => {}
        }
    }

    /// GW-8
    pub(super) fn cache_control(&self) -> String {
        match self.keep {
            Keep::Forever => "public, max-age=29030400, immutable".into(),
            Keep::For(seconds) => format!("public, max-age={seconds}"),
        }
    }

    pub(super) fn set_cache_control(&self, response: &mut Response) {
        set(response, header::CACHE_CONTROL, &self.cache_control());
    }
}

pub(super) async fn anchor(ask: &Ask, root: &Root) -> Result<Anchor, Refusal> {
    let (mut root, mut below, mut keep, mut record) = (root.clone(), Vec::new(), Keep::Forever, None);
    for _ in 0..HOPS_MAX {
        let (value, ttl) = match &root {
            Root::Ipfs(cid) => return Ok(Anchor { cid: *cid, below, keep, version: None, proof: None, record }),
            Root::Mm(mimei, version) => {
                let head = ask.shared.heads.head(mimei, *version).await.map_err(of_head)?;
                let moves = !matches!(version, Version::Number(_));
                let keep = if moves { shorter(keep, ask.shared.config.head_age.as_secs()) } else { keep };
                return Ok(Anchor { cid: head.cid, below, keep, version: Some(head.number), proof: head.proof, record });
            }
            Root::Key(name) => {
                let found = ask.shared.records.record(&name.0).await.map_err(|error| unresolved(error.to_string()))?;
                let found = found.ok_or_else(|| unresolved(format!("no record of the name {} is known", name.label())))?;
                let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
                let read = ipns::verify(name, &found, now).map_err(|error| unresolved(error.to_string()))?;
                record = record.or(Some(found));
                (read.value, read.ttl.min(read.valid_until.saturating_sub(now)))
            }
            Root::Dns(name) => {
                let found = ask.shared.names.dnslink(name).await.map_err(|error| unresolved(error.to_string()))?;
                (found.ok_or_else(|| unresolved(format!("the name {name} stands for no content")))?, NAME_TTL)
            }
        };
        keep = shorter(keep, ttl.min(TTL_MAX));
        let (next, steps) = of_content_path(&value).map_err(|why| unresolved(format!("a name leads to {value:?}: {why}")))?;
        // What the outer name adds lies below what the inner one names.
        below.splice(0..0, steps);
        root = next;
    }
    Err(unresolved(format!("names lead to names more than {HOPS_MAX} times")))
}

fn shorter(keep: Keep, seconds: u64) -> Keep {
    match keep {
        Keep::Forever => Keep::For(seconds),
        Keep::For(before) => Keep::For(before.min(seconds)),
    }
}

fn unresolved(text: String) -> Refusal {
    Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, text)
}

fn of_head(error: HeadError) -> Refusal {
    let status = match error {
        HeadError::Unknown(_) | HeadError::NoVersion { .. } => StatusCode::NOT_FOUND,
        HeadError::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
    };
    Refusal::new(status, error.to_string())
}
