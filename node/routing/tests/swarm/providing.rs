use crate::*;
use leither_routing::{Reach, RouteError};
use std::sync::atomic::{AtomicU64, Ordering};

/// A hub that all others dial.
async fn hub(seed: u8, clock: fn() -> u64) -> (Parts, Routing, Multiaddr) {
    let parts = Parts::new(seed, &[TCP, QUIC], &[]).with(|config| config.clock = clock);
    let node = parts.start().await;
    let at = address(&node).await;
    (parts, node, at)
}

/// ROUTE-10: who is told a key says afterwards whether it keeps it.
#[tokio::test]
async fn what_is_provided_is_confirmed_by_those_who_keep_it_and_found_by_a_third() {
    let (_a, a, at) = hub(1, now_ms).await;
    let (b, c) = (Parts::new(2, &[TCP], &[&at]), Parts::new(3, &[QUIC], &[&at]));
    let (b, c) = (b.start().await, c.start().await);
    let d = Parts::new(4, &[TCP], &[&at]);
    let d = d.start().await;
    knows(&b, &[&a, &c, &d]).await;
    let provided = b.provide(key(1)).await.unwrap();
    let mut confirmed = provided.confirmed.clone();
    confirmed.sort();
    let mut others = [a.local_peer_id(), c.local_peer_id(), d.local_peer_id()];
    others.sort();
    assert_eq!((provided.asked, &confirmed[..]), (3, &others[..]));
    let found = d.find_providers(key(1), 20).await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].peer, b.local_peer_id());
    let listen = b.addresses().await.listen.remove(0);
    assert!(
        found[0].addresses.iter().any(|at| at.clone().with_p2p(b.local_peer_id()).as_ref() == Ok(&listen)),
        "{found:?}"
    );
    let status = b.provide_status(key(1)).await.unwrap();
    assert!(status.last_success_ms.is_some() && status.failure.is_none() && status.confirmed.len() == 3);
    assert_eq!(providers(&d, &key(2)).await, []);
    assert_eq!(b.provide_status(key(2)).await, None);
    b.withdraw(key(1)).await.unwrap();
    assert_eq!(b.provide_status(key(1)).await, None);
    end(&[&a, &b, &c, &d]).await;
    assert_eq!(b.provide(key(3)).await, Err(RouteError::Stopped));
}

/// ROUTE-9: many keys go out together, and with them who provides them.
#[tokio::test]
async fn thousands_of_keys_are_announced_in_a_few_rounds() {
    let (_a, a, at) = hub(5, now_ms).await;
    let (b, c) = (Parts::new(6, &[TCP], &[&at]), Parts::new(7, &[TCP], &[&at]));
    let (b, c) = (b.start().await, c.start().await);
    let many: Vec<Key> = (0..3_000).map(key).collect();
    b.provide_many(many, None).await.unwrap();
    until("an end of announcing", async || {
        let stat = b.provide_stat().await;
        (stat.keys == 3_000 && stat.waiting == 0 && stat.last_round_ms.is_some()).then_some(())
    })
    .await;
    for n in [0, 1_500, 2_999] {
        let status = b.provide_status(key(n)).await.unwrap();
        assert!(status.last_success_ms.is_some() && status.next_due_ms > now_ms() + 21 * 3_600_000, "{status:?}");
        assert_eq!(providers(&c, &key(n)).await, [b.local_peer_id()]);
    }
    end(&[&a, &b, &c]).await;
}

static GONE: AtomicU64 = AtomicU64::new(0);
fn until_gone() -> u64 {
    now_ms() + GONE.load(Ordering::SeqCst)
}

/// ROUTE-7: what a peer announced is told for 48 hours.
#[tokio::test]
async fn a_provider_that_is_gone_disappears_when_its_word_expires() {
    let (_a, a, at) = hub(8, until_gone).await;
    let (b, c) = (Parts::new(9, &[TCP], &[&at]), Parts::new(10, &[TCP], &[&at]));
    let (b, c) = (b.with(|config| config.clock = until_gone), c.with(|config| config.clock = until_gone));
    let (b, c) = (b.start().await, c.start().await);
    knows(&b, &[&a]).await;
    knows(&c, &[&a]).await;
    assert!(b.provide(key(1)).await.unwrap().confirmed.contains(&a.local_peer_id()));
    b.shutdown().await;
    GONE.store(47 * 3_600_000, Ordering::SeqCst);
    assert_eq!(providers(&c, &key(1)).await, [b.local_peer_id()]);
    GONE.store(49 * 3_600_000, Ordering::SeqCst);
    assert_eq!(providers(&c, &key(1)).await, []);
    end(&[&a, &c]).await;
}

static LATER: AtomicU64 = AtomicU64::new(0);
fn until_later() -> u64 {
    now_ms() + LATER.load(Ordering::SeqCst)
}

/// ROUTE-8: announcing goes on after a restart, from where it was.
#[tokio::test]
async fn a_node_that_was_restarted_goes_on_providing() {
    let (_a, a, at) = hub(11, until_later).await;
    let b = Parts::new(12, &[TCP], &[&at]).with(|config| config.clock = until_later);
    let node = b.start().await;
    knows(&node, &[&a]).await;
    node.provide(key(1)).await.unwrap();
    let first = node.provide_status(key(1)).await.unwrap();
    node.shutdown().await;
    drop(node);
    LATER.store(23 * 3_600_000, Ordering::SeqCst);
    let node = b.start().await;
    until("a further announcement", async || {
        let status = node.provide_status(key(1)).await.unwrap();
        (status.last_success_ms > first.last_success_ms).then_some(())
    })
    .await;
    LATER.store(60 * 3_600_000, Ordering::SeqCst);
    assert_eq!(providers(&a, &key(1)).await, [node.local_peer_id()], "the first word is 60 hours old, the second one 37");
    end(&[&a, &node]).await;
}

/// ROUTE-8: with nobody to tell, that is said, and it stays in the plan.
#[tokio::test]
async fn a_lonely_node_says_that_nobody_was_told_and_finds_nobody() {
    let (_a, a, _) = hub(13, now_ms).await;
    let provided = a.provide(key(1)).await.unwrap();
    assert_eq!((provided.asked, provided.confirmed.len()), (0, 0));
    let status = a.provide_status(key(1)).await.unwrap();
    assert!(status.failure.unwrap().contains("no node of the DHT") && status.next_due_ms > now_ms());
    assert_eq!(a.find_providers(key(9), 3).await, Ok(vec![]));
    let stranger = PeerId::random();
    assert_eq!(a.find_peer(stranger).await, Err(RouteError::NotFound));
    assert!(matches!(a.ask_held(stranger, vec![[1; 20]]).await, Err(RouteError::NotConnected { .. })));
    assert!(matches!(a.connect("/ip4/127.0.0.1/tcp/1".parse().unwrap()).await, Err(RouteError::Address { .. })));
    assert!(matches!(a.connect("/dns4/x.org/tcp/1".parse().unwrap()).await, Err(RouteError::Address { .. })));
    assert_eq!(a.reach().await, Reach::Unknown);
    assert!(a.addresses().await.external.is_empty(), "on loopback no other machine reaches it");
    a.shutdown().await;
}

/// ROUTE-3: peers are found by the DHT, and one that a peer of the chain told of comes into it.
#[tokio::test]
async fn a_peer_is_found_by_its_name_and_says_what_it_holds() {
    let (_a, a, at) = hub(14, now_ms).await;
    let (b, c) = (Parts::new(15, &[TCP], &[&at]), Parts::new(16, &[QUIC], &[]));
    let held = Held { version: 7, cid: b.blocks(1)[0] };
    b.shelf.0.lock().unwrap().insert([1; 20], held);
    let (b, c) = (b.start().await, c.start().await);
    c.learn(vec![at]).await;
    knows(&b, &[&a]).await;
    knows(&c, &[&a]).await;
    let found = until("its address", async || c.find_peer(b.local_peer_id()).await.ok()).await;
    let listen = b.addresses().await.listen.remove(0);
    assert!(found.iter().any(|at| at.clone().with_p2p(b.local_peer_id()).as_ref() == Ok(&listen)), "{found:?}");
    assert_eq!(c.connect(listen).await, Ok(b.local_peer_id()));
    let answer = c.ask_held(b.local_peer_id(), vec![[2; 20], [1; 20]]).await;
    assert_eq!(answer, Ok(vec![None, Some(held)]));
    assert_eq!(c.ask_held(b.local_peer_id(), vec![[1; 20]; 65]).await, Err(RouteError::TooMany));
    end(&[&a, &b, &c]).await;
}

/// ROUTE-3: who was not there when it was told of is dialled when it is told of again, at all the addresses.
#[tokio::test]
async fn a_peer_that_was_away_is_dialled_when_it_is_told_of_again() {
    let (a, away, at) = hub(17, now_ms).await;
    away.shutdown().await;
    drop(away);
    let parts = Parts::new(18, &[QUIC], &[]);
    let b = parts.start().await;
    b.learn(vec![at.clone()]).await;
    assert!(b.connect(at.clone()).await.is_err(), "nobody is there");
    let mut port = at.clone();
    port.pop();
    let a = a.with(|config| config.listen = vec![port]);
    let back = a.start().await;
    let wrong: Multiaddr = format!("/ip4/127.0.0.1/tcp/1/p2p/{}", back.local_peer_id()).parse().unwrap();
    until("it is connected", async || {
        b.learn(vec![wrong.clone(), at.clone()]).await;
        b.peers().await.iter().find(|view| view.peer == back.local_peer_id()).map(|view| view.peer)
    })
    .await;
    end(&[&back, &b]).await;
}
