use crate::villains::giver;
use crate::*;
use leither_routing::{Came, Direction, RouteError, Session, StartError, WANTS_MAX};
use std::collections::BTreeSet;

/// Takes until so many blocks have come; says how often something was missing.
async fn take(session: &mut Session, count: usize) -> (Vec<(Cid, Option<PeerId>)>, usize) {
    let (mut blocks, mut missing) = (Vec::new(), 0);
    while blocks.len() < count {
        let came = tokio::time::timeout(PATIENCE, session.next()).await.expect("nothing comes").expect("the swarm has ended");
        match came {
            Came::Block { cid, data, peer } => {
                assert_eq!(wire::digest(cid.hash().code(), &data), Some(*cid.hash()));
                blocks.push((cid, peer));
            }
            Came::Missing { .. } => missing += 1,
        }
    }
    (blocks, missing)
}

/// ROUTE-13: who published is found by a third node's records, dialled, and asked.
#[tokio::test]
async fn content_is_published_found_and_fetched_by_a_third_nodes_records() {
    let hub = Parts::new(21, &[TCP, QUIC], &[]);
    let hub = hub.start().await;
    let at = address(&hub).await;
    // In nobody's table: whoever wants the other has to find and dial it.
    let client = |parts: Parts| parts.with(|config| config.dht = DhtMode::Client);
    let (a, b) = (client(Parts::new(22, &[QUIC], &[&at])), client(Parts::new(23, &[TCP], &[&at])));
    let cids = a.blocks(40);
    let (a, b) = (a.start().await, b.start().await);
    knows(&a, &[&hub]).await;
    knows(&b, &[&hub]).await;
    let mimei = Key::of_mimei(&[9; 20]);
    a.provide(mimei.clone()).await.unwrap();
    assert!(b.peers().await.iter().all(|view| view.peer != a.local_peer_id()), "it is not connected by chance");
    let mut session = b.session(vec![], vec![mimei]).await.unwrap();
    session.want(cids.clone()).await.unwrap();
    let (blocks, _) = take(&mut session, 40).await;
    let came: BTreeSet<Cid> = blocks.iter().map(|(cid, _)| *cid).collect();
    assert_eq!(came, cids.into_iter().collect());
    assert!(blocks.iter().all(|(_, peer)| *peer == Some(a.local_peer_id())));
    let view = b.peers().await.into_iter().find(|view| view.peer == a.local_peer_id()).unwrap();
    assert!(!view.relayed && view.traffic.received_blocks == 40 && view.agent.unwrap().starts_with("leither/"), "by agent");
    end(&[&hub, &a, &b]).await;
    assert_eq!(session.next().await, None);
    assert_eq!(session.want(vec![]).await, Err(RouteError::Stopped));
}

/// ROUTE-13: who is none of ours and has blocks is asked, too: who was there before, and who comes later.
#[tokio::test]
async fn others_that_are_connected_and_have_blocks_are_asked() {
    let node = Parts::new(28, &[TCP], &[]).start_all().await;
    let (early, late) = (Parts::new(29, &[], &[]), Parts::new(30, &[], &[]));
    let (first, second) = (early.blocks(1)[0], late.blocks(1)[0]);
    let (one, one_lives) = giver(early.store.clone(), node.at.clone());
    until("the first, with what it speaks", async || {
        let peers = node.node.peers().await;
        peers.iter().any(|view| view.peer == one && !view.protocols.is_empty()).then_some(())
    })
    .await;
    let mut session = node.node.session(vec![], vec![]).await.unwrap();
    session.want(vec![first, second]).await.unwrap();
    let (blocks, _) = take(&mut session, 1).await;
    assert_eq!(blocks, [(first, Some(one))]);
    let (other, other_lives) = giver(late.store.clone(), node.at.clone());
    let (blocks, _) = take(&mut session, 1).await;
    assert_eq!(blocks, [(second, Some(other))]);
    one_lives.abort();
    other_lives.abort();
    node.node.shutdown().await;
}

/// ROUTE-13: who announces what it does not hold costs time alone.
#[tokio::test]
async fn a_provider_that_does_not_hold_what_it_announces_costs_only_time() {
    let hub = Parts::new(24, &[TCP], &[]).start_all().await;
    let liar = Parts::new(25, &[TCP], &[&hub.at]).start_all().await;
    let honest = Parts::new(26, &[TCP], &[&hub.at]);
    let cid = honest.blocks(1)[0];
    let reader = Parts::new(27, &[TCP], &[&hub.at]).start_all().await;
    knows(&liar.node, &[&hub.node]).await;
    knows(&reader.node, &[&hub.node]).await;
    liar.node.provide(Key::of_cid(&cid)).await.unwrap();
    let mut session = reader.node.session(vec![], vec![]).await.unwrap();
    session.want(vec![cid]).await.unwrap();
    let missing = tokio::time::timeout(PATIENCE, session.next()).await.unwrap();
    assert_eq!(missing, Some(Came::Missing { cid }));
    let honest = honest.start_all().await;
    knows(&honest.node, &[&hub.node]).await;
    honest.node.provide(Key::of_cid(&cid)).await.unwrap();
    let (blocks, _) = take(&mut session, 1).await;
    assert_eq!(blocks, [(cid, Some(honest.node.local_peer_id()))]);
    end(&[&hub.node, &liar.node, &honest.node, &reader.node]).await;
}

/// ROUTE-13: peers that wait for a block get it when it comes; what is cancelled does not come.
#[tokio::test]
async fn a_block_that_comes_later_is_told_and_a_session_is_bounded() {
    let (parts, reader) = (Parts::new(28, &[TCP], &[]), Parts::new(29, &[TCP], &[]));
    let (giver, reader) = (parts.start().await, reader.start().await);
    let cids = Parts::new(28, &[], &[]).blocks(WANTS_MAX + 1);
    let at = address(&giver).await;
    assert_eq!(reader.connect(at).await, Ok(giver.local_peer_id()));
    let mut session = reader.session(vec![giver.local_peer_id()], vec![]).await.unwrap();
    assert_eq!(session.want(cids.clone()).await, Err(RouteError::TooMany));
    session.want(cids[..2].to_vec()).await.unwrap();
    session.cancel(vec![cids[0]]).await;
    let mut seen = 0;
    while !matches!(tokio::time::timeout(PATIENCE, session.next()).await.unwrap(), Some(Came::Missing { cid }) if cid == cids[1])
    {
        seen += 1;
        assert!(seen < 10, "only the one is still wanted");
    }
    parts.blocks(2);
    giver.announce(cids[0]).await;
    giver.announce(cids[1]).await;
    let (blocks, _) = take(&mut session, 1).await;
    assert_eq!(blocks[0].0, cids[1]);
    let view = giver.peers().await.remove(0);
    assert_eq!((view.direction, view.traffic.sent_blocks), (Direction::Incoming, 1));
    end(&[&giver, &reader]).await;
}

/// ROUTE-2: what can never work is told at the start.
#[tokio::test]
async fn a_start_that_waiting_does_not_cure_says_what_to_correct() {
    let node = Parts::new(30, &[TCP], &[]).start_all().await;
    let taken = Parts::new(31, &[], &[]).with(|config| {
        config.listen = vec![node.at.iter().filter(|part| !part.to_string().starts_with("/p2p")).collect()];
    });
    let start = |parts: &Parts| Routing::start(parts.config.clone(), parts.store.clone(), parts.shelf.clone());
    assert!(matches!(start(&taken).await.err(), Some(StartError::Listen { .. })));
    let nameless = Parts::new(32, &[TCP], &[&"/ip4/127.0.0.1/tcp/1".parse().unwrap()]);
    assert!(matches!(start(&nameless).await.err(), Some(StartError::Peer { .. })));
    let used = Parts::new(33, &[TCP], &[]).with(|config| config.dir = node.parts.config.dir.clone());
    assert!(matches!(start(&used).await.err(), Some(StartError::Store(why)) if why.contains("in use")));
    end(&[&node.node]).await;
}

/// A node with what it is made of.
struct Started {
    parts: Parts,
    node: Routing,
    at: Multiaddr,
}

impl Parts {
    async fn start_all(self) -> Started {
        let node = self.start().await;
        let at = address(&node).await;
        Started { parts: self, node, at }
    }
}
