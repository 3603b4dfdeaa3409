//! Our own swarms on loopback, and strangers that keep no rule.

#[path = "../common/mod.rs"]
mod common;
mod raw;
mod strangers;

use bytes::Bytes;
use cid::Cid;
use common::{Memory, Peer, random_blocks};
use leither_bitswap::{BlockStore, Config, Event, Junk, StoreError};
use std::sync::Arc;
use std::time::Duration;

const ANY: &str = "/ip4/127.0.0.1/tcp/0";
const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

async fn start(seed: u8, store: &Arc<Memory>) -> Peer {
    Peer::start(seed, ANY, store.clone(), Config::default()).await
}

fn store() -> Arc<Memory> {
    Arc::default()
}

/// BITSWAP-15: what one wrote the other received, and it is counted so.
#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_give_each_other_blocks_of_every_size() {
    let (mine, theirs) = (store(), store());
    let (mut a, mut b) = (start(1, &mine).await, start(2, &theirs).await);
    a.connect(&b.address).await;
    let (mut to_a, mut to_b, mut count) = (0, 0, 0);
    for (seed, (blocks, size)) in [(1, KIB), (1_500, KIB), (3, 1), (40, 256 * KIB), (10, MIB), (6, 2 * MIB), (256, 256 * KIB)]
        .into_iter()
        .enumerate()
    {
        let seed = seed as u64;
        let of_b = random_blocks(seed, blocks, size, &[&theirs]);
        let of_a = random_blocks(100 + seed, blocks, size, &[&mine]);
        a.begin(vec![b.id], of_b).await;
        b.begin(vec![a.id], of_a).await;
        let (got_a, got_b) = tokio::join!(a.blocks(blocks), b.blocks(blocks));
        assert!(got_a.1.is_empty() && got_b.1.is_empty(), "{:?} {:?}", got_a.1, got_b.1);
        (to_a, to_b, count) = (to_a + blocks * size, to_b + blocks * size, count + blocks as u64);
    }
    // The last message may have come before its sender has noted that it left.
    for _ in 0..100 {
        if a.traffic(b.id).await.sent_bytes == to_b as u64 && b.traffic(a.id).await.sent_bytes == to_a as u64 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let (at_a, at_b) = (a.traffic(b.id).await, b.traffic(a.id).await);
    assert_eq!((at_a.received_bytes, at_a.received_blocks), (to_a as u64, count));
    assert_eq!((at_b.received_bytes, at_b.received_blocks), (to_b as u64, count));
    assert_eq!((at_a.sent_bytes, at_b.sent_bytes), (to_b as u64, to_a as u64));
    assert_eq!((at_a.duplicate_bytes, at_a.unasked_bytes), (0, 0));
}

/// BITSWAP-9
#[tokio::test(flavor = "multi_thread")]
async fn four_nodes_share_the_work_and_no_block_comes_twice() {
    let stores = [store(), store(), store(), store()];
    let mut peers = Vec::new();
    for (n, store) in stores.iter().enumerate() {
        peers.push(start(10 + n as u8, store).await);
    }
    // Each pair of the three has a third of all.
    let (count, size) = (60, 128 * KIB);
    let mut cids = random_blocks(1, count, size, &[&stores[1], &stores[2]]);
    cids.extend(random_blocks(2, count, size, &[&stores[2], &stores[3]]));
    cids.extend(random_blocks(3, count, size, &[&stores[3], &stores[1]]));
    let mut taker = peers.remove(0);
    for peer in &peers {
        taker.connect(&peer.address).await;
    }
    taker.begin(peers.iter().map(|peer| peer.id).collect(), cids.clone()).await;
    let (blocks, others) = taker.blocks(cids.len()).await;
    assert!(others.is_empty() && blocks.len() == cids.len());
    let mut sum = 0;
    for peer in &peers {
        let traffic = taker.traffic(peer.id).await;
        assert!(traffic.received_blocks >= 10 && traffic.duplicate_bytes == 0, "{traffic:?}");
        sum += traffic.received_bytes;
    }
    assert_eq!(sum, (cids.len() * size) as u64);
}

/// BITSWAP-12
#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_dies_half_way_and_comes_back_is_asked_for_the_rest() {
    let theirs = store();
    let cids = random_blocks(1, 256, 256 * KIB, &[&theirs]);
    let (mut taker, giver) = (start(20, &store()).await, start(21, &theirs).await);
    let (id, address) = (giver.id, giver.address.clone());
    taker.connect(&address).await;
    taker.begin(vec![id], cids.clone()).await;
    let (first, _) = taker.blocks(100).await;
    giver.kill().await;
    // Until it is noticed, it looks as if it were still connected.
    while taker.is_connected(id).await {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let port = address.to_string().rsplit_once("/p2p/").unwrap().0.to_string();
    let giver = Peer::start(21, &port, theirs, Config::default()).await;
    taker.connect(&giver.address).await;
    let (rest, others) = taker.blocks(cids.len() - 100).await;
    let mut all: Vec<Cid> = first.into_iter().chain(rest).map(|(cid, _)| cid).collect();
    let mut wanted = cids;
    all.sort();
    wanted.sort();
    assert!(all == wanted, "each block once");
    assert!(others.is_empty(), "{others:?}");
}

/// BITSWAP-12
#[tokio::test(flavor = "multi_thread")]
async fn when_one_of_two_dies_half_way_the_other_gives_the_rest() {
    let (one, two) = (store(), store());
    let cids = random_blocks(1, 200, 128 * KIB, &[&one, &two]);
    let (mut taker, a, b) = (start(30, &store()).await, start(31, &one).await, start(32, &two).await);
    taker.connect(&a.address).await;
    taker.connect(&b.address).await;
    taker.begin(vec![a.id, b.id], cids.clone()).await;
    taker.blocks(60).await;
    a.kill().await;
    let (_, others) = taker.blocks(cids.len() - 60).await;
    assert!(others.is_empty(), "{others:?}");
}

/// Whatever is asked of it, it has, and it is something else.
struct Liar;

impl BlockStore for Liar {
    fn get(&self, cid: &Cid) -> Result<Option<Bytes>, StoreError> {
        Ok(Some(Bytes::from(cid.to_bytes().repeat(100))))
    }

    fn size(&self, _: &Cid) -> Result<Option<usize>, StoreError> {
        Ok(Some(10_000))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bitswap_11_a_liar_is_named_and_cut_off_and_an_honest_peer_gives_the_blocks() {
    let theirs = store();
    let cids = random_blocks(1, 50, 32 * KIB, &[&theirs]);
    let liar = Peer::start(41, ANY, Arc::new(Liar), Config::default()).await;
    let (mut taker, honest) = (start(40, &store()).await, start(42, &theirs).await);
    taker.connect(&liar.address).await;
    // At first the liar is alone, so it is asked for everything.
    let session = taker.begin(vec![liar.id], cids.clone()).await;
    let mut junk = 0;
    while junk < 4 {
        match taker.event().await {
            Event::Junk { peer, why: Junk::Unasked { .. } } if peer == liar.id => junk += 1,
            Event::Missing { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    taker.connect(&honest.address).await;
    let id = honest.id;
    taker.with(move |swarm| swarm.behaviour_mut().bitswap.add_peers(session, [id])).await.unwrap();
    taker.blocks(cids.len()).await;
    assert!(!taker.is_connected(liar.id).await);
    assert_eq!(taker.traffic(honest.id).await.received_blocks, 50);
    assert_eq!(taker.traffic(liar.id).await.received_blocks, 0);
}

/// It works on some blocks and fails on the rest, as a broken disk does.
struct Broken(Arc<Memory>, Cid);

impl BlockStore for Broken {
    fn get(&self, cid: &Cid) -> Result<Option<Bytes>, StoreError> {
        assert!(*cid != self.1, "this one panics");
        if self.0.read(cid).is_some() { self.0.get(cid) } else { Err(StoreError { cid: Box::new(*cid), why: "no".into() }) }
    }

    fn size(&self, cid: &Cid) -> Result<Option<usize>, StoreError> {
        self.get(cid).map(|data| data.map(|data| data.len()))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bitswap_8_a_store_that_fails_or_panics_costs_its_peer_that_block_alone() {
    let good = store();
    let mut cids = random_blocks(1, 20, 4 * KIB, &[&good]);
    let bad = random_blocks(2, 2, 4 * KIB, &[]);
    let mut giver = Peer::start(51, ANY, Arc::new(Broken(good, bad[0])), Config::default()).await;
    let mut taker = start(50, &store()).await;
    taker.connect(&giver.address).await;
    cids.splice(0..0, bad.clone());
    taker.begin(vec![giver.id], cids).await;
    let (_, mut others) = taker.blocks(20).await;
    while others.len() < 2 {
        others.push(taker.event().await);
    }
    let of_bad = |event: &Event| matches!(event, Event::Missing { cid, .. } if bad.contains(cid));
    assert!(others.iter().all(of_bad), "{others:?}");
    assert!(matches!(giver.event().await, Event::StoreFailed(error) if bad.contains(&error.cid)));
}

/// BITSWAP-6: a peer that waits for a block gets it when it comes into the store.
#[tokio::test(flavor = "multi_thread")]
async fn a_block_that_comes_later_is_sent_to_who_waits_for_it() {
    let theirs = store();
    let (mut taker, giver) = (start(60, &store()).await, start(61, &theirs).await);
    taker.connect(&giver.address).await;
    let cids = random_blocks(1, 1, 10 * KIB, &[]);
    taker.begin(vec![giver.id], cids.clone()).await;
    assert!(matches!(taker.event().await, Event::Missing { .. }));
    random_blocks(1, 1, 10 * KIB, &[&theirs]);
    giver.with(move |swarm| swarm.behaviour_mut().bitswap.announce(&cids[0])).await;
    taker.blocks(1).await;
}

/// BITSWAP-4: a connection that nothing is waited for on is not kept by streams that were left open.
#[tokio::test(flavor = "multi_thread")]
async fn a_stream_is_closed_when_nothing_was_said_on_it_for_a_while() {
    let theirs = store();
    let (mut taker, giver) = (start(70, &store()).await, start(71, &theirs).await);
    taker.connect(&giver.address).await;
    for seed in 0..2 {
        let cids = random_blocks(seed, 1, KIB, &[&theirs]);
        taker.begin(vec![giver.id], cids).await;
        taker.blocks(1).await;
        // Longer than a stream stays open: the next want needs a new one.
        tokio::time::sleep(Duration::from_millis(3_500)).await;
    }
    assert!(taker.is_connected(giver.id).await);
}
