//! What a node does with peers that keep no rule.

use crate::common::{Peer, random_blocks};
use crate::raw::{self, Came, Raw, Write};
use crate::{ANY, KIB, start, store};
use cid::Cid;
use leither_bitswap::wire::{Ask, Message, Version, WANTS_MAX, Want, decode, digest, encode};
use leither_bitswap::{Config, DropReason, Event, Junk};
use libp2p::futures::StreamExt;
use libp2p::swarm::SwarmEvent;
use libp2p::{PeerId, Swarm};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::timeout;

const NAME: &str = "/ipfs/bitswap/1.2.0";

async fn connected(swarm: &mut Swarm<Raw>, to: &Peer) {
    swarm.dial(to.address.clone()).unwrap();
    while !swarm.is_connected(&to.id) {
        swarm.select_next_some().await;
    }
}

/// Until the other side cuts the connection off.
async fn cut_off(swarm: &mut Swarm<Raw>) {
    let until = async { while !matches!(swarm.select_next_some().await, SwarmEvent::ConnectionClosed { .. }) {} };
    timeout(Duration::from_secs(30), until).await.expect("it was not cut off");
}

fn joined(message: &Message, version: Version) -> Vec<u8> {
    encode(message, version).concat()
}

fn wants(cids: impl IntoIterator<Item = Cid>, ask: Ask) -> Message {
    let wants = cids.into_iter().map(|cid| Want { cid, priority: 1, ask, send_dont_have: true }).collect();
    Message { wants, ..Message::default() }
}

fn drive(mut swarm: Swarm<Raw>) -> JoinHandle<()> {
    tokio::spawn(async move {
        // Streams that are held are held for as long as this runs.
        let mut held = Vec::new();
        loop {
            held.push(swarm.select_next_some().await);
        }
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn bitswap_3_who_sends_junk_is_named_and_cut_off() {
    let mut node = start(100, &store()).await;
    let too_long = vec![0xff, 0xff, 0xff, 0xff, 0x7f];
    let no_message = vec![3, 0x0a, 0x7f, 0];
    for (n, (bytes, long)) in [(too_long, true), (no_message, false)].into_iter().enumerate() {
        let mut stranger = raw::swarm(101 + n as u8, NAME, true);
        connected(&mut stranger, &node).await;
        stranger.behaviour_mut().write(node.id, Write { name: NAME, bytes, close: false });
        cut_off(&mut stranger).await;
        let id = *stranger.local_peer_id();
        match node.event().await {
            Event::Junk { peer, why } => assert!(peer == id && matches!(why, Junk::TooLong { .. }) == long, "{why}"),
            other => panic!("{other:?}"),
        }
    }
}

/// BITSWAP-4: a connection that breaks within a message looks like one that was cut; it is no crime.
#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_ends_early_is_no_crime_and_one_that_stands_still_is_given_up() {
    let theirs = store();
    let cids = random_blocks(1, 1, 10 * KIB, &[&theirs]);
    let mut node = start(110, &theirs).await;
    let mut stranger = raw::swarm(111, NAME, true);
    connected(&mut stranger, &node).await;
    let half = || vec![100, 1, 2];
    stranger.behaviour_mut().write(node.id, Write { name: NAME, bytes: half(), close: true });
    // It holds the place of the message that is read; the whole one behind it is read once it is given up.
    stranger.behaviour_mut().write(node.id, Write { name: NAME, bytes: half(), close: false });
    let whole = joined(&wants(cids.clone(), Ask::Block), Version::V120);
    stranger.behaviour_mut().write(node.id, Write { name: NAME, bytes: whole, close: true });
    let mut held = Vec::new();
    let answer = async {
        loop {
            match stranger.select_next_some().await {
                SwarmEvent::Behaviour(Ok(Came::Read(bytes))) => return bytes,
                event => held.push(event),
            }
        }
    };
    let bytes = timeout(Duration::from_secs(40), answer).await.expect("no answer");
    // 10 KiB and a little more: its length takes two bytes.
    assert_eq!(decode(&bytes[2..]).unwrap().blocks[0].cid, cids[0]);
    assert!(node.is_connected(*stranger.local_peer_id()).await && node.events.try_recv().is_err());
}

/// BITSWAP-1: a peer of an older version is answered in its own words, on a stream of ours.
#[tokio::test(flavor = "multi_thread")]
async fn older_versions_are_answered_in_their_own_words() {
    let theirs = store();
    let data: &[u8] = b"some node";
    let cid = Cid::new_v0(digest(0x12, data).unwrap()).unwrap();
    theirs.put(&cid, data);
    let node = start(120, &theirs).await;
    for (n, name) in ["/ipfs/bitswap", "/ipfs/bitswap/1.0.0", "/ipfs/bitswap/1.1.0", NAME].into_iter().enumerate() {
        let mut stranger = raw::swarm(121 + n as u8, name, true);
        connected(&mut stranger, &node).await;
        // As the first version has it: an id and nothing else.
        let entry = [&[0x0a, 34][..], &cid.to_bytes()].concat();
        let bytes = [&[40, 0x0a, 38, 0x0a, 36][..], &entry].concat();
        stranger.behaviour_mut().write(node.id, Write { name, bytes, close: true });
        let answer = async {
            loop {
                if let SwarmEvent::Behaviour(Ok(Came::Read(bytes))) = stranger.select_next_some().await {
                    return bytes;
                }
            }
        };
        let bytes = timeout(Duration::from_secs(10), answer).await.expect("no answer");
        let field = if n < 2 { 0x12 } else { 0x1a };
        assert_eq!(bytes[1], field, "{name}: {bytes:?}");
        assert_eq!(decode(&bytes[1..]).unwrap().blocks[0].cid, cid);
    }
}

/// BITSWAP-5, BITSWAP-7: whoever asks for everything gets no more than its turns, and others theirs.
#[tokio::test(flavor = "multi_thread")]
async fn bitswap_5_a_flood_of_wants_is_named_and_an_honest_peer_is_served_meanwhile() {
    let theirs = store();
    let cids = random_blocks(1, 128, 128 * KIB, &[&theirs]);
    let (mut node, mut honest) = (start(130, &theirs).await, start(131, &store()).await);
    let mut stranger = raw::swarm(132, NAME, true);
    connected(&mut stranger, &node).await;
    let id: PeerId = *stranger.local_peer_id();
    for flood in 0..30u64 {
        let nothing =
            (0..10_000u64).map(|n| Cid::new_v1(0x55, digest(0x1e, &[flood.to_le_bytes(), n.to_le_bytes()].concat()).unwrap()));
        let bytes = joined(&wants(nothing.chain(cids.iter().copied()), Ask::Block), Version::V120);
        stranger.behaviour_mut().write(node.id, Write { name: NAME, bytes, close: true });
    }
    let flood = drive(stranger);
    honest.connect(&node.address).await;
    honest.begin(vec![node.id], cids.clone()).await;
    let (_, others) = honest.blocks(cids.len()).await;
    assert!(others.is_empty(), "{others:?}");
    match node.event().await {
        Event::Dropped { peer, wants, why } => {
            assert!(peer == id && (1..=1_024).contains(&wants) && why == DropReason::TooManyWants)
        }
        other => panic!("{other:?}"),
    }
    flood.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn bitswap_5_a_want_of_another_is_answered_before_messages_of_the_most_wants_are_done() {
    let theirs = store();
    let cids = random_blocks(1, 1, KIB, &[&theirs]);
    let (mut node, mut honest) = (start(160, &theirs).await, start(161, &store()).await);
    honest.connect(&node.address).await;
    let mut stranger = raw::swarm(162, NAME, true);
    connected(&mut stranger, &node).await;
    let nothing = (0..WANTS_MAX).map(|n| Cid::new_v1(0x55, digest(0x1e, &n.to_le_bytes()).unwrap()));
    let messages = 64;
    let bytes = joined(&wants(nothing, Ask::Have), Version::V120).repeat(messages);
    stranger.behaviour_mut().write(node.id, Write { name: NAME, bytes, close: false });
    let flood = drive(stranger);
    let count = |event: Event| match event {
        Event::Dropped { wants, why: DropReason::TooManyWants, .. } => wants,
        other => panic!("{other:?}"),
    };
    let mut dropped = count(node.event().await);
    honest.begin(vec![node.id], cids).await;
    honest.blocks(1).await;
    while let Ok(event) = node.events.try_recv() {
        let wants = count(event);
        assert!(wants <= 1_024, "{wants} were taken up at once");
        dropped += wants;
    }
    assert!(dropped < messages * WANTS_MAX - 1_024, "the flood was over before the answer came");
    flood.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn bitswap_7_who_asks_and_does_not_read_is_cut_off_and_others_are_served_meanwhile() {
    let theirs = store();
    let cids = random_blocks(1, 256, 256 * KIB, &[&theirs]);
    let config = Config { stall_timeout: Duration::from_secs(3), ..Config::default() };
    let mut node = Peer::start(140, ANY, theirs.clone(), config).await;
    let mut stranger = raw::swarm(141, NAME, false);
    connected(&mut stranger, &node).await;
    let id: PeerId = *stranger.local_peer_id();
    let bytes = joined(&wants(cids.clone(), Ask::Block), Version::V120);
    stranger.behaviour_mut().write(node.id, Write { name: NAME, bytes, close: true });
    let slow = drive(stranger);
    let mut honest = start(142, &store()).await;
    honest.connect(&node.address).await;
    honest.begin(vec![node.id], cids.clone()).await;
    honest.blocks(cids.len()).await;
    match node.event().await {
        Event::Dropped { peer, wants, why } => assert!(peer == id && wants > 200 && why == DropReason::ReadsNothing, "{wants}"),
        other => panic!("{other:?}"),
    }
    // What had left before it stopped reading is counted, and no more.
    assert!(node.traffic(id).await.sent_bytes < 32 << 20);
    slow.abort();
}

/// BITSWAP-4: however many streams a peer opens, a message on the last of them is read.
#[tokio::test(flavor = "multi_thread")]
async fn streams_that_say_nothing_keep_no_other_out() {
    let theirs = store();
    let cids = random_blocks(1, 1, KIB, &[&theirs]);
    let node = start(150, &theirs).await;
    let mut stranger = raw::swarm(151, NAME, true);
    connected(&mut stranger, &node).await;
    for _ in 0..60 {
        stranger.behaviour_mut().write(node.id, Write { name: NAME, bytes: Vec::new(), close: false });
    }
    let bytes = joined(&wants(cids, Ask::Block), Version::V120);
    stranger.behaviour_mut().write(node.id, Write { name: NAME, bytes, close: false });
    let mut held = Vec::new();
    let answer = async {
        loop {
            match stranger.select_next_some().await {
                SwarmEvent::Behaviour(Ok(Came::Read(bytes))) => return bytes,
                event => held.push(event),
            }
        }
    };
    assert!(timeout(Duration::from_secs(20), answer).await.expect("no answer").len() > KIB);
}
