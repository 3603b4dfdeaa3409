//! The one seam at which a test puts a validator that breaks the rules between this node and the engine's network.
//!
//! A claim about f < n/3 liars is worth what was lied to it: tests run real processes of which one equivocates, withholds or forgets, and
//! for that something has to stand where votes are signed and where they leave. Nothing is compiled in or out for it; the shipped binary
//! passes nothing ([`crate::EngineConfig::meddler`]) and then runs the engine's own actors, untouched.

use arc_malachitebft_app_channel as bft;
use async_trait::async_trait;
use bft::app::config::NodeConfig;
use bft::app::metrics::SharedRegistry;
use bft::{NetworkIdentity, NetworkMsg};
use leither_consensus::{Address, Leither, Signer};
use std::sync::Arc;
use tokio::sync::mpsc;

use crate::codec::EngineCodec;
use crate::config::BftConfig;
use crate::error::StartError;

/// Where the engine sends what others are to hear, and whom it asks to tell it what they say.
pub type NetworkRef = bft::app::engine::network::NetworkRef<Leither>;
/// Signs what the engine wants to say.
pub type BoxedSigner = Box<dyn arc_malachitebft_signing::Signer<Leither>>;

/// What stands between this node and the engine's network. For tests of other nodes: a validator with one loses its pledge.
#[async_trait]
pub trait Meddler: Send + Sync {
    /// What signs in this validator's name. It is given the key without the guard against signing twice (SIGN-1 to SIGN-6), as breaking
    /// that is what it is for.
    fn signer(&self, signer: Signer) -> BoxedSigner;

    /// What the engine is to take for the network. It is told of `me` and its signer, and links the `network` that it is given to what it
    /// returns, so that both end together. An error ends the start of the node.
    async fn network(&self, network: NetworkRef, signer: Signer, me: Address) -> Result<NetworkRef, String>;
}

/// The engine's network with a meddler before it, and the way for a block's parts through both.
pub(crate) async fn network(
    meddler: &Arc<dyn Meddler>,
    config: &BftConfig,
    identity: NetworkIdentity,
    signer: Signer,
    me: Address,
) -> Result<(NetworkRef, mpsc::Sender<NetworkMsg<Leither>>), StartError> {
    let failed = |e: &dyn std::fmt::Display| StartError::Bft(format!("{e:#}"));
    let registry = SharedRegistry::global().with_moniker(config.moniker());
    let spawned =
        bft::app::spawn::spawn_network_actor(config.consensus(), config.value_sync(), identity, &registry, EngineCodec).await;
    let network = spawned.map_err(|e| failed(&e))?;
    let before = match meddler.network(network.clone(), signer, me).await {
        Ok(before) => before,
        Err(why) => {
            network.stop(None);
            return Err(failed(&why));
        }
    };
    let (sender, mut parts) = mpsc::channel::<NetworkMsg<Leither>>(1);
    let to = before.clone();
    tokio::spawn(async move {
        while let Some(part) = parts.recv().await {
            if to.cast(part.into()).is_err() {
                return;
            }
        }
    });
    Ok((before, sender))
}
