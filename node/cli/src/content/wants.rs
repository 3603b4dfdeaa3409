//! What the content of this node asks of the swarm, as traits: fetching and following are tested without one.

use async_trait::async_trait;
use leither_kit::Cid;
use leither_net::PeerId;
use leither_routing::{Came, Key, Provided, Provider, RouteError, Routing, Session};
use leither_types::MimeiId;
use std::time::Duration;
use tokio::time::timeout;

/// Providers that one question is answered with.
const PROVIDERS_MAX: usize = 32;
/// A provider is dialled at its next address if it does not answer at one for so long.
const DIAL_WAIT: Duration = Duration::from_secs(4);

/// Wants that belong together. What comes hashes to its id.
#[async_trait]
pub(super) trait Wants: Send {
    /// From now on these are wanted; or none of them is.
    async fn want(&mut self, cids: Vec<Cid>) -> Result<(), RouteError>;
    /// These no more.
    async fn cancel(&mut self, cids: Vec<Cid>);
    /// They may have what is wanted.
    async fn add_peers(&mut self, peers: Vec<PeerId>);
    /// What happens next; nothing: the swarm has ended. Nothing is lost if it is not waited for to the end.
    async fn next(&mut self) -> Option<Came>;
}

/// The swarm.
#[async_trait]
pub(super) trait Network: Send + Sync {
    /// Begins to want; whoever provides one of `hunt` is asked.
    async fn session(&self, hunt: Vec<Key>) -> Result<Box<dyn Wants>, String>;
    /// Who provides it.
    async fn providers(&self, of: What) -> Vec<Provider>;
    /// Dials a provider where it may be, unless it is connected.
    async fn dial(&self, provider: Provider);
    /// Writes down that these are here: others are told when their turn comes, and again until it is taken back.
    async fn provide(&self, whats: Vec<What>) -> Result<(), String>;
    /// Tells others now of what is written down.
    async fn tell(&self, what: What) -> Result<Provided, String>;
    /// Why nobody kept it the last time that others were told, if nobody did.
    async fn failure(&self, what: What) -> Option<String>;
    /// Keys of all that is written down, in an order of their own, behind `after`, `most` of them at most.
    async fn keys(&self, after: Option<Key>, most: usize) -> Result<Vec<Key>, String>;
    /// Takes back that these are here.
    async fn forget(&self, keys: Vec<Key>) -> Result<(), String>;
    /// A block came into the store.
    async fn announce(&self, cid: Cid);
    /// Whether nobody is connected.
    async fn is_alone(&self) -> bool;
}

/// What is provided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// A MiMei, in whichever version.
    Mimei(MimeiId),
    /// A tree.
    Tree(Cid),
}

impl What {
    /// Where it stands in the table of who has what.
    pub fn key(&self) -> Key {
        match self {
            Self::Mimei(id) => Key::of_mimei(&id.0),
            Self::Tree(cid) => Key::of_cid(cid),
        }
    }
}

#[async_trait]
impl Wants for Session {
    async fn want(&mut self, cids: Vec<Cid>) -> Result<(), RouteError> {
        Session::want(self, cids).await
    }

    async fn cancel(&mut self, cids: Vec<Cid>) {
        Session::cancel(self, cids).await;
    }

    async fn add_peers(&mut self, peers: Vec<PeerId>) {
        Session::add_peers(self, peers).await;
    }

    async fn next(&mut self) -> Option<Came> {
        Session::next(self).await
    }
}

#[async_trait]
impl Network for Routing {
    async fn session(&self, hunt: Vec<Key>) -> Result<Box<dyn Wants>, String> {
        let session = Routing::session(self, Vec::new(), hunt).await.map_err(|e| e.to_string())?;
        Ok(Box::new(session))
    }

    async fn providers(&self, of: What) -> Vec<Provider> {
        // Who cannot be found now is looked for again.
        self.find_providers(of.key(), PROVIDERS_MAX).await.unwrap_or_default()
    }

    async fn dial(&self, provider: Provider) {
        for address in provider.addresses {
            // One that ends in another's name is not its own.
            let Ok(address) = address.with_p2p(provider.peer) else { continue };
            if let Ok(Ok(_)) = timeout(DIAL_WAIT, self.connect(address)).await {
                return;
            }
        }
    }

    async fn provide(&self, whats: Vec<What>) -> Result<(), String> {
        let keys = whats.iter().map(What::key).collect();
        self.provide_many(keys, None).await.map_err(|e| e.to_string())
    }

    async fn tell(&self, what: What) -> Result<Provided, String> {
        Routing::tell(self, what.key()).await.map_err(|e| e.to_string())
    }

    async fn failure(&self, what: What) -> Option<String> {
        self.provide_status(what.key()).await.and_then(|status| status.failure)
    }

    async fn keys(&self, after: Option<Key>, most: usize) -> Result<Vec<Key>, String> {
        Routing::provided(self, after, most).await.map_err(|e| e.to_string())
    }

    async fn forget(&self, keys: Vec<Key>) -> Result<(), String> {
        self.withdraw_many(keys).await.map_err(|e| e.to_string())
    }

    async fn announce(&self, cid: Cid) {
        Routing::announce(self, cid).await;
    }

    async fn is_alone(&self) -> bool {
        self.peers().await.is_empty()
    }
}
