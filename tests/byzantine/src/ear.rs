//! Hears what others propose, before the engine does, for the lock that is to be ignored.

use arc_malachitebft_app_channel::app::engine::network::{Msg, NetworkEvent};
use arc_malachitebft_core_types::Round;
use arc_malachitebft_engine_byzantine::Amnesia;
use async_trait::async_trait;
use leither_consensus::Leither;
use leither_engine::meddle::NetworkRef;
use ractor::{Actor, ActorProcessingErr, ActorRef};
use std::sync::Arc;

struct Ear(Arc<Amnesia<Leither>>);

struct Heard(NetworkEvent<Leither>);

impl From<NetworkEvent<Leither>> for Heard {
    fn from(event: NetworkEvent<Leither>) -> Self {
        Self(event)
    }
}

#[async_trait]
impl Actor for Ear {
    type Msg = Heard;
    type State = ();
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<Heard>, _: ()) -> Result<(), ActorProcessingErr> {
        Ok(())
    }

    async fn handle(&self, _: ActorRef<Heard>, heard: Heard, _: &mut ()) -> Result<(), ActorProcessingErr> {
        if let NetworkEvent::Proposal(_, signed) = heard.0 {
            let proposal = signed.message;
            self.0.record_proposed_value(proposal.height, Round::new(proposal.round), proposal.value.0);
        }
        Ok(())
    }
}

/// Subscribes to the network, before the engine: what it has asked for goes to whoever came first, first. Nothing where no lock is to be
/// ignored.
pub async fn listen(network: &NetworkRef, amnesia: Arc<Amnesia<Leither>>) -> Result<(), String> {
    if !amnesia.ignore_locks.is_set() {
        return Ok(());
    }
    let (ear, _) = Actor::spawn(None, Ear(amnesia), ()).await.map_err(|e| e.to_string())?;
    ear.link(network.get_cell());
    network.cast(Msg::Subscribe(Box::new(ear))).map_err(|e| e.to_string())
}
