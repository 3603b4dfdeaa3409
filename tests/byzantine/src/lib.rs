//! A validator that breaks the rules, in a real process: what `arc-malachitebft-engine-byzantine` makes of one of our nodes.
//!
//! ```text
//! engine ─ asks ─> LooseSigner: ignored locks, nil precommits        (no guard against signing twice)
//!    │ says                              Ear: what was proposed, for the lock that is to be ignored
//!    └─> proxy ─> … ─> network: dropped, doubled, kept from the engine
//! ```
//! The published proxy stands between the engine's consensus and its network; ours is only what it leaves to whoever embeds it: another
//! value than the one at hand, and what is signed. Nothing in `node/` depends on this crate (`tests/tidy` holds that): the seam is
//! [`leither_engine::meddle`]. Who runs it: `tests/e2e/byzantine.py`.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod ear;
mod signer;
#[cfg(test)]
mod tests;

use arc_malachitebft_engine_byzantine::{
    Amnesia, ByzantineConfig, ByzantineNetworkProxy, ConflictingValueFn, ConflictingVoteValueFn, Trigger,
};
use async_trait::async_trait;
use leither_consensus::{Address, Leither, Signer, Value};
use leither_engine::meddle::{BoxedSigner, Meddler, NetworkRef};
use leither_types::Hash;
use serde_json::Value as Json;
use signer::LooseSigner;
use std::sync::Arc;

/// Longer words are not read.
const BYTES_MAX: usize = 64 * 1024;
/// More proxies than there are behaviours are of no use.
const LAYERS_MAX: usize = 8;

/// What a validator does that it must not.
pub struct Villain {
    layers: Vec<ByzantineConfig>,
    amnesia: Arc<Amnesia<Leither>>,
}

impl Villain {
    /// Of one `ByzantineConfig` as JSON, or a list of them: its own rules keep some behaviours out of one configuration (dropping votes
    /// and doubling them), so they are laid one before the other. Names that it does not know, and a villain that does nothing, are
    /// refused: a test of it would test nothing.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.len() > BYTES_MAX {
            return Err(format!("{} bytes, at most {BYTES_MAX} are read", text.len()));
        }
        let given = match serde_json::from_str(text).map_err(|e| e.to_string())? {
            Json::Array(list) => list,
            one => vec![one],
        };
        if given.is_empty() || given.len() > LAYERS_MAX {
            return Err(format!("1 to {LAYERS_MAX} configurations, not {}", given.len()));
        }
        let layers = given.into_iter().map(layer).collect::<Result<Vec<_>, _>>()?;
        let forgets = first_set(&layers, |layer| &layer.ignore_locks);
        let amnesia = Arc::new(Amnesia::new(forgets, layers.iter().find_map(|layer| layer.seed)));
        Ok(Self { layers, amnesia })
    }
}

fn layer(given: Json) -> Result<ByzantineConfig, String> {
    let known = serde_json::to_value(ByzantineConfig::default()).map_err(|e| e.to_string())?;
    let mut names = given.as_object().ok_or("a configuration is a JSON object")?.keys();
    if let Some(stranger) = names.find(|name| known.get(name.as_str()).is_none()) {
        return Err(format!("no behaviour is called {stranger:?}"));
    }
    let config: ByzantineConfig = serde_json::from_value(given).map_err(|e| e.to_string())?;
    config.validate().map_err(|e| e.to_string())?;
    if !config.is_active() {
        return Err("a configuration that breaks no rule".into());
    }
    Ok(config)
}

fn first_set(layers: &[ByzantineConfig], of: impl Fn(&ByzantineConfig) -> &Trigger) -> Trigger {
    layers.iter().map(of).find(|trigger| trigger.is_set()).cloned().unwrap_or_default()
}

/// Another block's id: of none that there is, as nobody finds a block to a hash.
fn other(id: &Hash) -> Hash {
    let mut bytes = id.0;
    if let Some(last) = bytes.last_mut() {
        *last ^= 1;
    }
    Hash(bytes)
}

#[async_trait]
impl Meddler for Villain {
    fn signer(&self, signer: Signer) -> BoxedSigner {
        let nil = first_set(&self.layers, |layer| &layer.force_precommit_nil);
        Box::new(LooseSigner::new(signer, self.amnesia.clone(), nil, self.layers.iter().find_map(|layer| layer.seed)))
    }

    async fn network(&self, network: NetworkRef, signer: Signer, me: Address) -> Result<NetworkRef, String> {
        ear::listen(&network, self.amnesia.clone()).await?;
        let mut outer = network;
        for config in &self.layers {
            let inner = outer;
            let value: ConflictingValueFn<Leither> = Box::new(|value: &Value| Value(other(&value.0)));
            let vote: ConflictingVoteValueFn<Leither> = Box::new(|id: Option<&Hash>| id.map_or(Hash([0x5a; 32]), other));
            let proxy = ByzantineNetworkProxy::spawn(
                config.clone(),
                inner.clone(),
                Box::new(signer.clone()),
                Leither,
                me,
                tracing::Span::current(),
                Some(value),
                Some(vote),
            );
            outer = proxy.await.map_err(|e| format!("{e:#}"))?;
            // So that the port is free again when the engine's actors end.
            inner.link(outer.get_cell());
        }
        Ok(outer)
    }
}
