//! `leither swarm …`, `leither dht …`: the content swarm of this machine's node.

use super::Session;
use crate::content::api::{Addresses, Connected, Peers, Provider, Providers, Reach, escape};
use crate::exit::Done;
use clap::Subcommand;
use leither_kit::Cid;
use leither_net::{Multiaddr, PeerId};
use serde_json::json;

/// The content swarm.
#[derive(Subcommand, Debug)]
pub enum Swarm {
    /// This node's name in it.
    Id,
    /// Who is connected.
    Peers,
    /// Where this node listens, and where others reach it.
    Addrs,
    /// Connects to a node.
    Connect {
        /// Where it is, with its name: /ip4/203.0.113.7/tcp/4806/p2p/12D3…
        address: Multiaddr,
    },
    /// Whether others reach this node, as far as they have tried.
    Reach,
}

/// Who has what, and where a peer is.
#[derive(Subcommand, Debug)]
pub enum Dht {
    /// Where a peer is.
    Findpeer {
        /// Its name: 12D3…
        peer: PeerId,
    },
    /// Who has content.
    Findprovs {
        /// Its id.
        cid: Cid,
    },
}

impl Swarm {
    pub(super) async fn run(self, session: &Session) -> Done {
        let wallet = session.wallet().await?;
        let socket = session.socket(&wallet).await?;
        match self {
            Swarm::Id => {
                let found: Addresses = socket.get("/swarm/addrs").await?;
                session.printer.answer(&json!({ "peer": found.peer }));
            }
            Swarm::Peers => session.printer.answer(&socket.get::<Peers>("/swarm/peers").await?),
            Swarm::Addrs => session.printer.answer(&socket.get::<Addresses>("/swarm/addrs").await?),
            Swarm::Connect { address } => {
                let call = format!("/swarm/connect?address={}", escape(&address.to_string()));
                session.printer.answer(&socket.post::<Connected>(&call).await?);
            }
            Swarm::Reach => session.printer.answer(&socket.get::<Reach>("/swarm/reach").await?),
        }
        Ok(())
    }
}

impl Dht {
    pub(super) async fn run(self, session: &Session) -> Done {
        let wallet = session.wallet().await?;
        let socket = session.socket(&wallet).await?;
        match self {
            Dht::Findpeer { peer } => {
                let found: Provider = socket.get(&format!("/dht/peer?id={peer}")).await?;
                session.printer.answer(&json!({ "peer": found.peer, "addresses": found.addresses }));
            }
            Dht::Findprovs { cid } => {
                session.printer.answer(&socket.get::<Providers>(&format!("/providers?of={cid}")).await?);
            }
        }
        Ok(())
    }
}
