use super::Reading;
use serde_json::{Value, json};
use std::time::Duration;

/// Pulses behind the best known peer from which on a node is not healthy.
pub(super) const BEHIND_MAX: u64 = 10;
/// Pulses behind with which a node still counts as caught up.
pub(super) const READY_BEHIND_MAX: u64 = 2;
/// Heartbeats without a pulse that are too many.
const HEARTBEATS_MAX: u32 = 3;
/// Where a chain beats fast, a hiccup is no illness.
const IDLE_MIN: Duration = Duration::from_secs(10);

/// An answer to whoever asks how the node is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Whether all is well: 200, else 503.
    pub well: bool,
    /// One JSON object.
    pub body: Value,
}

/// WATCH-6: whether the node does its work. `idle`: how long it has committed nothing.
pub fn health(reading: &Reading, idle: Duration) -> Verdict {
    verdict("healthy", reading, illness(reading, idle))
}

/// WATCH-7: whether clients may be sent here. `heard`: whether it committed a pulse since it was started.
pub fn ready(reading: &Reading, heard: bool) -> Verdict {
    verdict("ready", reading, hindrance(reading, heard))
}

/// Where the node's numbers cannot be had.
pub(super) fn unreadable(what: &str) -> Verdict {
    let why = "the node does not come to read its own numbers: see its log";
    Verdict { well: false, body: json!({ what: false, "why": why }) }
}

fn verdict(what: &str, reading: &Reading, why: Option<String>) -> Verdict {
    let mut body = json!({
        what: why.is_none(),
        "height": reading.height.to_string(),
        "behind": reading.behind().to_string(),
        "peers": reading.peers(),
    });
    let well = why.is_none();
    if let (Some(why), Some(fields)) = (why, body.as_object_mut()) {
        fields.insert("why".into(), why.into());
    }
    Verdict { well, body }
}

fn illness(reading: &Reading, idle: Duration) -> Option<String> {
    if let Some(fault) = &reading.fault {
        return Some(format!("the node has to stop: {fault}"));
    }
    let idle_max = Duration::from_millis(reading.heartbeat).saturating_mul(HEARTBEATS_MAX).max(IDLE_MIN);
    if idle > idle_max && (reading.validator_active || reading.peers() > 0 || !reading.alone) {
        return Some(format!(
            "no pulse for {} s, where {} s are the most: look at the peers, and whether two thirds of the validators' power is up",
            idle.as_secs(),
            idle_max.as_secs()
        ));
    }
    let behind = reading.behind();
    (behind > BEHIND_MAX).then(|| format!("{behind} pulses behind the best known peer: wait until it has caught up"))
}

fn hindrance(reading: &Reading, heard: bool) -> Option<String> {
    let behind = reading.behind();
    if let Some(fault) = &reading.fault {
        return Some(format!("the node has to stop: {fault}"));
    }
    if !reading.rpc {
        return Some("JSON-RPC does not answer yet: ask again in a moment".into());
    }
    match reading.best_height {
        Some(_) if behind > READY_BEHIND_MAX => {
            Some(format!("{behind} pulses behind the best known peer: wait until it has caught up"))
        }
        Some(_) => None,
        None if reading.alone || (heard && reading.peers() > 0) => None,
        None => Some("no peer has told its height yet: look at p2p.peers and consensus.persistent_peers if this stays".into()),
    }
}
