//! `leither swarm …`, `leither dht …`: the content swarm of this machine's node.

use super::Session;
use crate::content::api::{Addresses, Connected, Peers, Provider, Providers, Reach, escape};
use crate::content::client::Socket;
use crate::exit::{Done, Exit, Failure};
use crate::wallet::Wallet;
use clap::Subcommand;
use leither_kit::Cid;
use leither_net::{Multiaddr, PeerId};
use leither_rpc_api::{NoParams, methods};
use leither_types::{AccountId, MimeiId, PublicKey, ValidatorId};
use multiaddr::Protocol;
use serde_json::{Value, json};

/// The content swarm.
#[derive(Subcommand, Debug)]
pub enum Swarm {
    /// This node's names in it: that of libp2p, and 27 characters that follow from the same key.
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
        /// Its name: 12D3…, or the 27 characters of a connected one; an address with /p2p/12D3… at its end; a validator, or its operator's account or
        /// name; or a MiMei: then those who provide it.
        who: String,
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
                session.printer.answer(&json!({ "peer": found.peer, "id": short_id_in(&found.peer) }));
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
            Dht::Findpeer { who } => session.printer.answer(&find(&wallet, &socket, &who).await?),
            Dht::Findprovs { cid } => {
                session.printer.answer(&socket.get::<Providers>(&format!("/providers?of={cid}")).await?);
            }
        }
        Ok(())
    }
}

/// FIND-1: who is looked for, by the form of the text.
#[derive(Debug, PartialEq, Eq)]
enum Who {
    Peer(PeerId),
    /// The papers' form of 160 bits: of a node or, failing that, of an account.
    Short(AccountId),
    Mimei(MimeiId),
    Validator(ValidatorId),
    /// An account, in whatever way it is named.
    Account(String),
}

impl Who {
    fn read(text: &str) -> Done<Self> {
        if text.starts_with('/') {
            let no = |e: multiaddr::Error| Failure::usage(format!("that is no multiaddress: {e}; write /ip4/…/tcp/…/p2p/12D3…"));
            let address: Multiaddr = text.parse().map_err(no)?;
            let Some(Protocol::P2p(peer)) = address.iter().last() else {
                return Err(Failure::usage("the address does not say whose it is: it ends in /p2p/12D3…"));
            };
            return Ok(Self::Peer(peer));
        }
        if let Ok(peer) = text.parse() {
            return Ok(Self::Peer(peer));
        }
        if text.starts_with("lthmm1") {
            return Ok(Self::Mimei(text.parse()?));
        }
        if text.starts_with("lthval1") {
            return Ok(Self::Validator(text.parse()?));
        }
        match text.parse() {
            Ok(id) if text.len() == SHORT_CHARS => Ok(Self::Short(id)),
            _ => Ok(Self::Account(text.into())),
        }
    }
}

/// FIND-1: where it is.
async fn find(wallet: &Wallet, socket: &Socket, text: &str) -> Done<Value> {
    let call = match Who::read(text)? {
        Who::Mimei(id) => {
            let providers: Providers = socket.get(&format!("/providers?of={id}")).await?;
            return serde_json::to_value(providers).map_err(Failure::fault);
        }
        Who::Peer(peer) => format!("/dht/peer?id={peer}"),
        Who::Short(id) => match known(socket, &id).await? {
            Some(peer) => format!("/dht/peer?id={peer}"),
            None => format!("/dht/peer?of={id}"),
        },
        Who::Validator(id) => {
            let list = wallet.client.call(&methods::VALIDATOR_LIST, NoParams {}).await?;
            let nobody = || Failure::new(Exit::Refused, format!("nobody pledges for {id}; see `leither validator list`"));
            let stake = list.stakes.iter().find(|stake| stake.validator.0 == id).ok_or_else(nobody)?;
            format!("/dht/peer?of={}", stake.operator)
        }
        Who::Account(name) => format!("/dht/peer?of={}", wallet.account(&name).await?),
    };
    let found: Provider = socket.get(&call).await?;
    Ok(json!({ "peer": found.peer, "id": short_id_in(&found.peer), "addresses": found.addresses }))
}

/// This node, or a connected one, by its short name.
async fn known(socket: &Socket, id: &AccountId) -> Done<Option<String>> {
    let me = socket.get::<Addresses>("/swarm/addrs").await?.peer;
    let others = socket.get::<Peers>("/swarm/peers").await?.items.into_iter().map(|item| item.peer);
    let is_it = |peer: &String| peer.parse().ok().and_then(|peer: PeerId| node_id(&peer)).is_some_and(|known| known == *id);
    Ok([me].into_iter().chain(others).find(is_it))
}

/// Characters of the papers' form of 160 bits.
const SHORT_CHARS: usize = 27;
/// What a peer id of an ed25519 key begins with: a multihash that is the key itself, 36 bytes, of the type 1, 32 bytes.
const ED25519: [u8; 6] = [0, 36, 8, 1, 18, 32];

/// FIND-2: the 160 bits of a node: what its key would be as an account. Peers with keys of another kind have none.
fn node_id(peer: &PeerId) -> Option<AccountId> {
    let bytes = peer.to_bytes();
    let key: [u8; 32] = bytes.strip_prefix(&ED25519)?.try_into().ok()?;
    Some(AccountId::of_key(&PublicKey(key)))
}

fn short_id_in(peer: &str) -> Option<String> {
    peer.parse().ok().and_then(|peer: PeerId| node_id(&peer)).map(|id| short(&id.0))
}

/// 160 bits in 27 characters of base64url; the two bits that are left over are zero.
fn short(bytes: &[u8; 20]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::with_capacity(SHORT_CHARS);
    for part in bytes.chunks(3) {
        let mut three = [0; 4];
        three.iter_mut().skip(1).zip(part).for_each(|(to, from)| *to = *from);
        let bits = u32::from_be_bytes(three);
        // 6 bits a character: of three bytes four, of two three.
        for at in 0..=part.len() {
            let six = bits >> (18 - 6 * at) & 0x3f;
            text.extend(ALPHABET.get(six as usize).map(|c| char::from(*c)));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PEER: &str = "12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN";

    proptest! {
        #[test]
        fn find_2_the_short_name_has_27_characters_and_says_the_same_160_bits(bytes in any::<[u8; 20]>()) {
            let text = short(&bytes);
            prop_assert_eq!(text.len(), SHORT_CHARS);
            prop_assert_eq!(text.parse::<AccountId>().unwrap(), AccountId(bytes));
            prop_assert_eq!(Who::read(&text).unwrap(), Who::Short(AccountId(bytes)));
        }
    }

    #[test]
    fn find_2_both_names_of_a_node_follow_from_its_key() {
        let key = leither_types::SecretKey::from_seed(&[7; 32]).public();
        let peer = PeerId::from_bytes(&leither_net::peer_id_bytes(&key.0).unwrap()).unwrap();
        assert_eq!(node_id(&peer), Some(AccountId::of_key(&key)));
        assert_eq!(short_id_in(&peer.to_string()), Some(short(&AccountId::of_key(&key).0)));
        let other_kind = "QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N";
        assert_eq!((short_id_in(other_kind), short_id_in("nobody")), (None, None));
    }

    #[test]
    fn find_1_who_is_looked_for_is_told_from_the_form_of_the_text() {
        let peer = || Who::Peer(PEER.parse().unwrap());
        assert_eq!(Who::read(PEER).unwrap(), peer());
        assert_eq!(Who::read(&format!("/ip4/203.0.113.7/udp/4806/quic-v1/p2p/{PEER}")).unwrap(), peer());
        for wrong in ["/ip4/203.0.113.7/tcp/4806", "/ip4/203.0.113.7/tcp", "/", "lthmm1x", "lthval1x"] {
            assert_eq!(Who::read(wrong).unwrap_err().exit, Exit::Usage, "{wrong}");
        }
        let (mimei, validator, account) = (MimeiId([7; 20]), ValidatorId([7; 20]), AccountId([7; 20]).to_string());
        assert_eq!(Who::read(&mimei.to_string()).unwrap(), Who::Mimei(mimei));
        assert_eq!(Who::read(&validator.to_string()).unwrap(), Who::Validator(validator));
        for name in ["alice", "@demo-tube", account.as_str()] {
            assert_eq!(Who::read(name).unwrap(), Who::Account(name.into()));
        }
    }
}
