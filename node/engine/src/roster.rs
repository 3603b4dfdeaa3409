//! ENGINE-12: the consensus swarm is of the chain's validators. Whoever comes into the set with an address is dialled, one without is let
//! in, and whoever has left is cut off, unless the settings name it: a stake says of itself where it is found, and could say another's place.

use crate::gate;
use crate::node::{Alarm, Node, Tip};
use arc_malachitebft_app_channel::NetworkRequest;
use arc_malachitebft_app_channel::app::net::Multiaddr;
use leither_net::{Net, PeerId};
use leither_pallets::staking::{self, Contact, Stake};
use leither_state::Fault;
use leither_types::{AccountId, Height, PublicKey, Validator, ValidatorId};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// How often the set is looked at; a change is known a block before it holds.
const LOOK: Duration = Duration::from_millis(500);
/// How often the data swarm is told of newcomers.
const INTRODUCE: Duration = Duration::from_secs(2);

/// Peers by the part of their address that is their name.
type Peers = BTreeMap<String, Multiaddr>;
/// Of an operator the validator, and its peer, that were seen last in the sets.
type Places = BTreeMap<AccountId, (ValidatorId, String, Multiaddr)>;

/// Keeps the swarm's peers as the chain has them, for ever.
pub async fn keep(
    node: Arc<Node>,
    net: mpsc::Sender<NetworkRequest>,
    named: Vec<String>,
    me: Option<ValidatorId>,
    gate: Arc<gate::Places>,
) {
    let _alarm = Alarm(node.clone(), "the task that keeps the swarm's peers");
    // The engine was started with those that the settings name.
    let named: Peers = named.iter().filter_map(|text| Some((peer_of(text)?.to_string(), text.parse().ok()?))).collect();
    let mut known = named.clone();
    let mut places = Places::new();
    let mut seen: Option<Height> = None;
    loop {
        let tip = node.tip();
        let height = tip.head.height;
        // A state that has moved on meanwhile is read at the next look.
        if seen != Some(height)
            && let Ok(wanted) = wanted(&tip, &named, me, &mut places)
        {
            for (peer, address) in known.iter().filter(|(peer, address)| wanted.get(*peer) != Some(address)) {
                tracing::info!(%peer, %address, "no longer a peer in consensus");
                let _ = NetworkRequest::remove_persistent_peer(&net, address.clone()).await;
            }
            for (peer, address) in wanted.iter().filter(|(peer, address)| known.get(*peer) != Some(address)) {
                tracing::info!(%peer, %address, "a peer in consensus");
                let _ = NetworkRequest::add_persistent_peer(&net, address.clone()).await;
            }
            gate.set(wanted.values());
            known = wanted;
            seen = Some(height);
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Who is a peer: those in the sets that say where they are, and those of the settings.
fn wanted(tip: &Tip, named: &Peers, me: Option<ValidatorId>, places: &mut Places) -> Result<Peers, Fault> {
    let state = &*tip.parent.state;
    let mut wanted = named.clone();
    let mine = match me {
        Some(me) => staking::views::operator_of(state, &me)?,
        None => None,
    };
    let seated = seated(tip);
    for (operator, stake) in staking::views::stakes(state)? {
        let Some(contact) = &stake.contact else { continue };
        let Some(peer) = peer_id(&contact.swarm) else { continue };
        if !seated.contains(&operator) {
            places.remove(&operator);
            continue;
        }
        let Some(address) = address_of(contact, &peer).filter(|_| mine != Some(operator)) else { continue };
        // STAKING-10: by the former key it votes for two heights more, and is found by the name that goes with it.
        match places.get(&operator) {
            Some((former, old, at)) if *old != peer && seats(tip).any(|seat| seat.id() == *former) => {
                wanted.entry(old.clone()).or_insert_with(|| at.clone());
            }
            _ => {
                places.insert(operator, (ValidatorId::of_key(&stake.key), peer.clone(), address.clone()));
            }
        }
        wanted.entry(peer).or_insert(address);
    }
    Ok(wanted)
}

/// NET-17: tells the data swarm whom the chain names, for ever.
pub async fn introduce(node: Arc<Node>, net: Arc<Net>) {
    let _alarm = Alarm(node.clone(), "the task that tells whom the chain names");
    let (mut staked, mut seen) = (BTreeSet::new(), None);
    loop {
        let tip = node.tip();
        let height = tip.head.height;
        if seen != Some(height)
            && let Ok(stakes) = staking::views::stakes(&*tip.parent.state)
        {
            let now = data_peers(&stakes, &seated(&tip));
            if now != staked {
                net.know(now.clone()).await;
                staked = now;
            }
            seen = Some(height);
        }
        tokio::time::sleep(INTRODUCE).await;
    }
}

/// Operators of those who have a seat.
fn seated(tip: &Tip) -> BTreeSet<AccountId> {
    seats(tip).map(|seat| seat.operator).collect()
}

/// Who votes on the next block or on the one after it.
fn seats(tip: &Tip) -> impl Iterator<Item = &Validator> {
    [&tip.validators, &tip.after].into_iter().flat_map(|set| set.set().iter())
}

/// Names in the data swarm, of those who have a seat: a stake that was thrown out, or never had one, is a stranger. A validator may name
/// another's key; then that one peer is known in its place, and shows its key when it connects.
fn data_peers(stakes: &[(AccountId, Stake)], seated: &BTreeSet<AccountId>) -> BTreeSet<PeerId> {
    let stakes = stakes.iter().filter(|(operator, _)| seated.contains(operator));
    let contacts = stakes.filter_map(|(_, stake)| stake.contact.as_ref());
    contacts
        .filter_map(|contact| PeerId::from_bytes(&leither_net::peer_id_bytes(&contact.data.0)?).ok())
        .collect()
}

/// An address that cannot be dialled over TCP is none: the peer is let in all the same.
fn address_of(contact: &Contact, peer: &str) -> Option<Multiaddr> {
    let bare = || format!("/p2p/{peer}").parse().ok();
    let whole = format!("{}/p2p/{peer}", &*contact.address);
    match whole.parse::<Multiaddr>() {
        Ok(address) if contact.address.contains("/tcp/") && is_plain(&contact.address) => Some(address),
        _ => bare(),
    }
}

/// Only IP addresses are dialled: a name would make this node ask a name server of somebody else's choice.
fn is_plain(address: &str) -> bool {
    address.starts_with("/ip4/") || address.starts_with("/ip6/")
}

fn peer_of(address: &str) -> Option<&str> {
    address.rsplit_once("/p2p/").map(|(_, peer)| peer)
}

/// The peer id of a swarm's public key.
fn peer_id(key: &PublicKey) -> Option<String> {
    crate::config::peer_id_of(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use leither_pallets::staking::{Service, Standing};
    use leither_types::{Amount, SecretKey, Text};

    fn contact(address: &str) -> Contact {
        let key = |n| SecretKey::from_seed(&[n; 32]).public();
        Contact { swarm: key(1), data: key(2), address: Text::new(address).unwrap() }
    }

    /// ENGINE-12.
    #[test]
    fn an_address_is_dialled_over_tcp_to_an_ip_and_anything_else_only_lets_the_peer_in() {
        let peer = peer_id(&contact("").swarm).unwrap();
        let shown = |address: &str| address_of(&contact(address), &peer).unwrap().to_string();
        assert_eq!(shown("/ip4/192.0.2.1/tcp/4804"), format!("/ip4/192.0.2.1/tcp/4804/p2p/{peer}"));
        for other in ["", "/dns/example.org/tcp/4804", "/ip4/192.0.2.1/udp/4804/quic-v1", "/nonsense/tcp/1"] {
            assert_eq!(shown(other), format!("/p2p/{peer}"), "{other}");
        }
    }

    /// NET-17: not whoever has a stake.
    #[test]
    fn the_data_swarm_is_told_of_those_who_have_a_seat_and_say_where_they_are() {
        let stake = |n: u8, contact| {
            let (standing, service) = (Standing::Active, Service::Proven);
            let key = SecretKey::from_seed(&[n; 32]).public();
            let stake = Stake { key, contact, pledge: Amount::ZERO, granted: 1, standing, next_key: None, ready: 1, service };
            (AccountId([n; 20]), stake)
        };
        let found_by = |n: u8| {
            let data = SecretKey::from_seed(&[n; 32]).public();
            let peer = PeerId::from_bytes(&leither_net::peer_id_bytes(&data.0).unwrap()).unwrap();
            (Some(Contact { data, ..contact("") }), peer)
        };
        let ((sits, its), (waits, _)) = (found_by(11), found_by(12));
        let stakes = [stake(1, sits), stake(2, waits), stake(3, None)];
        let seated = BTreeSet::from([AccountId([1; 20]), AccountId([3; 20])]);
        assert_eq!(data_peers(&stakes, &seated), BTreeSet::from([its]));
    }

    #[test]
    fn a_peer_id_is_that_of_the_secret_key() {
        let secret = SecretKey::from_seed(&[9; 32]);
        assert_eq!(peer_id(&secret.public()).unwrap(), crate::swarm_peer_id(&secret).unwrap());
        assert_eq!(peer_of("/ip4/1.2.3.4/tcp/1/p2p/12D3Koo"), Some("12D3Koo"));
    }
}
