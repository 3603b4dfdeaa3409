use crate::*;
use leither_routing::{Came, Reach};

/// ROUTE-12: two nodes that nobody can dial meet at a relay, which says where it is reached.
#[tokio::test]
async fn two_nodes_that_listen_nowhere_reach_each_other_by_a_relay() {
    let relay = Parts::new(41, &[TCP, QUIC], &[]);
    let relay = relay.start().await;
    let at = address(&relay).await;
    let a = Parts::new(42, &[], &[&at]).with(|config| config.relays = vec![at.clone()]);
    let b = Parts::new(43, &[], &[&at]);
    let cids = a.blocks(20);
    let (a, b) = (a.start().await, b.start().await);
    let place = until("a place at the relay", async || a.addresses().await.relayed.first().cloned()).await;
    assert!(place.to_string().contains("/p2p-circuit/") && a.addresses().await.listen.is_empty(), "{place}");
    assert_eq!(b.connect(place).await, Ok(a.local_peer_id()));
    let view = b.peers().await.into_iter().find(|view| view.peer == a.local_peer_id()).unwrap();
    assert!(view.relayed, "{view:?}");
    let mut session = b.session(vec![a.local_peer_id()], vec![]).await.unwrap();
    session.want(cids.clone()).await.unwrap();
    let mut blocks = 0;
    while blocks < cids.len() {
        let came = tokio::time::timeout(PATIENCE, session.next()).await.unwrap().unwrap();
        blocks += usize::from(matches!(came, Came::Block { .. }));
    }
    assert!(!matches!(a.reach().await, Reach::Public(_)));
    // Who listens nowhere answers no questions of the DHT, but is found by what it provides.
    knows(&b, &[&relay]).await;
    assert!(
        b.peers()
            .await
            .iter()
            .all(|view| view.peer != a.local_peer_id() || !view.protocols.iter().any(|name| name == DHT))
    );
    assert_eq!(a.provide(key(1)).await.unwrap().confirmed, [relay.local_peer_id()]);
    // Who has spoken with somebody behind a relay takes nobody's word for what is on this machine (ROUTE-3); a third one does.
    let c = Parts::new(48, &[], &[&at]);
    let c = c.start().await;
    knows(&c, &[&relay]).await;
    let found = c.find_providers(key(1), 1).await.unwrap();
    assert!(
        found[0].peer == a.local_peer_id() && found[0].addresses.iter().any(|at| at.to_string().contains("/p2p-circuit")),
        "{found:?}"
    );
    assert_eq!(b.find_providers(key(1), 1).await.unwrap()[0].addresses, Vec::<Multiaddr>::new());
    end(&[&a, &b, &c, &relay]).await;
}

/// ROUTE-12: a node that relays for nobody gives no place.
#[tokio::test]
async fn a_node_that_does_not_relay_gives_no_place() {
    let hub = Parts::new(44, &[TCP], &[]).with(|config| config.serve_relay = false);
    let hub = hub.start().await;
    let at = address(&hub).await;
    let a = Parts::new(45, &[], &[&at]).with(|config| config.relays = vec![at]);
    let a = a.start().await;
    knows(&a, &[&hub]).await;
    sleep(Duration::from_secs(2)).await;
    assert_eq!(a.addresses().await.relayed, Vec::<Multiaddr>::new());
    end(&[&a, &hub]).await;
}

/// ROUTE-11: others try whether they reach a node, and say so.
#[tokio::test]
async fn a_node_that_others_reach_learns_that_from_them() {
    let hub = Parts::new(46, &[TCP], &[]);
    let hub = hub.start().await;
    let a = Parts::new(47, &[TCP], &[&address(&hub).await]);
    let a = a.start().await;
    until("a verdict", async || matches!(a.reach().await, Reach::Public(_)).then_some(())).await;
    end(&[&a, &hub]).await;
}

/// ROUTE-11: where nothing comes back, neither a connection nor a refusal, that is a verdict too.
#[tokio::test]
async fn a_node_at_whose_address_nobody_answers_learns_that_it_is_not_reached() {
    let hub = Parts::new(49, &[QUIC], &[]);
    let hub = hub.start().await;
    // It goes out from a QUIC port that takes nothing in: who knocks there hears nothing.
    let a = Parts::new(50, &[], &[&address(&hub).await]);
    let a = a.start().await;
    let why = until("a verdict", async || match a.reach().await {
        Reach::Private { why } => Some(why),
        Reach::Unknown | Reach::Public(_) => None,
    })
    .await;
    assert!(why.contains(&hub.local_peer_id().to_string()) && why.contains("quic-v1"), "{why}");
    end(&[&a, &hub]).await;
}
