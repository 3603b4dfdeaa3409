//! Transactions from node to node.
use super::*;
use leither_net::{BATCH_BYTES_MAX, Incoming, Net, StartError, Verdict, topic};
use libp2p::futures::StreamExt;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::Receiver;
use tokio::time::{sleep, timeout};

fn tx(nonce: u64) -> SignedTx {
    let tx = Tx {
        version: TX_VERSION,
        chain: CHAIN,
        signers: List::new(vec![AccountId([1; 20])]).unwrap(),
        payer: None,
        nonce,
        valid_until: 0,
        max_fee: Amount::ZERO,
        weight_limit: 0,
        calls: List::new(vec![Blob::new(vec![1, 2]).unwrap()]).unwrap(),
    };
    SignedTx { tx, witnesses: List::default() }
}

/// Answers all that comes; remembers the nonces.
fn keep(mut incoming: Receiver<Incoming>, verdict: Verdict) -> Arc<std::sync::Mutex<Vec<u64>>> {
    let seen = Arc::new(std::sync::Mutex::new(Vec::new()));
    let kept = seen.clone();
    tokio::spawn(async move {
        while let Some(batch) = incoming.recv().await {
            kept.lock().unwrap().extend(batch.txs.iter().map(|tx| tx.tx.nonce));
            batch.answer(verdict);
        }
    });
    seen
}

/// Publishes new transactions until `done` says so: gossip takes a moment to learn who listens.
async fn publish_until(net: &Net, done: impl Fn() -> bool) {
    let start = Instant::now();
    for nonce in 1.. {
        assert!(net.publish(Arc::new(tx(nonce))));
        sleep(Duration::from_millis(50)).await;
        if done() {
            return;
        }
        assert!(start.elapsed() < PATIENCE, "nothing arrived");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn net_3_a_batch_reaches_all_by_way_of_those_who_accept_it() {
    // a - b - c: what c hears of a, b has passed on. One link is QUIC, the other TCP.
    let (b, b_in) = node(2, &[QUIC], &[]).await;
    let (c, c_in) = node(3, &[TCP], &[address(&b).await]).await;
    let (a, a_in) = node(1, &[], &[address(&b).await]).await;
    let (_d, d_in) = node(4, &[], &[address(&c).await]).await;
    connected(&b, 2).await;
    let (at_a, at_b) = (keep(a_in, Verdict::Accept), keep(b_in, Verdict::Accept));
    let (at_c, at_d) = (keep(c_in, Verdict::Accept), keep(d_in, Verdict::Accept));
    let heard = |at: &Arc<std::sync::Mutex<Vec<u64>>>| at.lock().unwrap().len();
    publish_until(&a, || heard(&at_b) > 3 && heard(&at_c) > 3 && heard(&at_d) > 3).await;
    assert_eq!(heard(&at_a), 0, "one's own batches do not come back");
    let mut once = at_d.lock().unwrap().clone();
    once.dedup();
    assert_eq!(once, *at_d.lock().unwrap(), "each came once");

    // Many at once arrive in few batches.
    let before = heard(&at_d);
    (10_000..13_000).for_each(|nonce| assert!(a.publish(Arc::new(tx(nonce)))));
    until("all of them", async || (at_d.lock().unwrap().iter().filter(|n| **n >= 10_000).count() == 3_000).then_some(())).await;
    assert!(heard(&at_d) >= before + 3_000);
    a.shutdown().await;
    connected(&b, 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn net_3_what_is_not_accepted_goes_no_further() {
    let (b, b_in) = node(12, &[QUIC], &[]).await;
    let (_c, c_in) = node(13, &[], &[address(&b).await]).await;
    let (a, _a_in) = node(11, &[], &[address(&b).await]).await;
    connected(&b, 2).await;
    let (at_b, at_c) = (keep(b_in, Verdict::Ignore), keep(c_in, Verdict::Accept));
    publish_until(&a, || at_b.lock().unwrap().len() > 10).await;
    sleep(Duration::from_millis(500)).await;
    assert!(at_c.lock().unwrap().is_empty());
    assert_eq!(b.peers().await.len(), 2, "to be ignored is no reason to be banned");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn net_4_who_sends_an_invalid_transaction_is_banned_and_does_not_come_back() {
    let (b, b_in) = node(22, &[QUIC], &[]).await;
    let (a, _a_in) = node(21, &[], &[address(&b).await]).await;
    let (_c, c_in) = node(23, &[], &[address(&b).await]).await;
    connected(&b, 2).await;
    let at_c = keep(c_in, Verdict::Accept);
    let at_b = keep(b_in, Verdict::Reject);
    publish_until(&a, || !at_b.lock().unwrap().is_empty()).await;
    until("ban", async || (!b.peers().await.contains(&a.local_peer_id())).then_some(())).await;
    for _ in 0..30 {
        sleep(Duration::from_millis(100)).await;
        assert_eq!(b.peers().await.len(), 1, "a dials again and again in vain; c stays");
    }
    assert!(at_c.lock().unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn net_6_strangers_get_no_more_connections_than_are_theirs() {
    let (b, _b_in) = node(100, &[QUIC], &[]).await;
    let to = address(&b).await;
    let mut strangers = Vec::new();
    for seed in 101..146 {
        // Of many addresses: those of one have fewer places (NET-17).
        let from = format!("/ip4/127.0.0.{}/udp/0/quic-v1", 10 + seed % 9);
        strangers.push(node(seed, &[&from], std::slice::from_ref(&to)).await);
    }
    until("full house", async || (b.peers().await.len() >= 30).then_some(())).await;
    for _ in 0..20 {
        sleep(Duration::from_millis(100)).await;
        assert!(
            b.peers().await.len() <= 30,
            "ten places are kept for those whom the user names, ten for those whom the chain names"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn net_17_strangers_of_one_address_have_ten_places_and_whom_the_user_or_the_chain_names_comes_in() {
    // Where the named one is to be found, nobody listens: it has to come by itself.
    let peer = |seed: u8| libp2p::identity::Keypair::ed25519_from_bytes([seed; 32]).unwrap().public().to_peer_id();
    let named: Multiaddr = format!("/ip4/127.0.0.1/tcp/9/p2p/{}", peer(240)).parse().unwrap();
    let (b, _b_in) = node(225, &[TCP], &[named]).await;
    b.know([peer(241)].into()).await;
    let to = address(&b).await;
    let mut strangers = Vec::new();
    for seed in 226..240 {
        strangers.push(node(seed, &[], std::slice::from_ref(&to)).await);
    }
    connected(&b, 10).await;
    sleep(Duration::from_secs(2)).await;
    assert_eq!(b.peers().await.len(), 10);
    let (_d, _d_in) = node(240, &[], std::slice::from_ref(&to)).await;
    let (_e, _e_in) = node(241, &[], std::slice::from_ref(&to)).await;
    connected(&b, 12).await;
    assert!(b.peers().await.contains(&peer(240)) && b.peers().await.contains(&peer(241)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn net_17_an_address_from_which_several_were_banned_is_shut_to_strangers() {
    let (b, _b_in) = node(242, &[QUIC], &[]).await;
    let to = address(&b).await;
    for n in 0..4 {
        // The same again would be taken for a duplicate, and not looked at.
        assert!(say(villain(to.clone()), vec![0xff; 99 + n], PATIENCE).await, "villain {n}: the connection must end");
    }
    let (honest, _in) = node(243, &["/ip4/127.0.0.3/udp/0/quic-v1"], std::slice::from_ref(&to)).await;
    connected(&honest, 1).await;
    let (neighbour, _in) = node(244, &[], std::slice::from_ref(&to)).await;
    for _ in 0..20 {
        sleep(Duration::from_millis(100)).await;
        assert!(!b.peers().await.contains(&neighbour.local_peer_id()), "nobody else of the villains' address");
    }
}

/// Says it as soon as somebody listens; then waits for the connection's end, if it comes in time.
async fn say(mut villain: Swarm<Villain>, message: Vec<u8>, stay: Duration) -> bool {
    let mut said = false;
    let ended = async {
        loop {
            let event = villain.select_next_some().await;
            if let SwarmEvent::ConnectionClosed { .. } = event
                && said
            {
                return;
            }
            greet(&mut villain, event, CHAIN);
            if !said {
                said = villain.behaviour_mut().gossip.publish(topic(&CHAIN), message.clone()).is_ok();
            }
        }
    };
    timeout(stay, ended).await.is_ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn net_4_who_sends_what_is_no_batch_is_banned_without_the_caller_being_asked() {
    let garbage = vec![0xff; 99];
    let empty = Vec::<SignedTx>::new().encode();
    let mut padded = vec![tx(1)].encode();
    padded.push(0);
    let too_many = vec![tx(1); 2_049].encode();
    for (n, bad) in [garbage, empty, padded, too_many].into_iter().enumerate() {
        let (b, mut b_in) = node(30 + n as u8, &[QUIC], &[]).await;
        assert!(say(villain(address(&b).await), bad, PATIENCE).await, "case {n}: the connection must end");
        assert!(b_in.try_recv().is_err(), "case {n}");
    }
    // The same villain with a good message is listened to.
    let (b, mut b_in) = node(40, &[TCP], &[]).await;
    let address = address(&b).await;
    let say = tokio::spawn(say(villain(address), vec![tx(7)].encode(), Duration::from_secs(5)));
    let batch = timeout(PATIENCE, b_in.recv()).await.unwrap().unwrap();
    assert_eq!(batch.txs, [tx(7)]);
    drop(batch);
    assert!(!say.await.unwrap(), "no reason to hang up");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn net_2_an_oversized_message_is_not_even_read() {
    let (b, mut b_in) = node(50, &[QUIC], &[]).await;
    let (c, _c_in) = node(51, &[], &[address(&b).await]).await;
    let mut long = vec![tx(1); 1_000];
    while long.encoded_size() <= BATCH_BYTES_MAX + 2_048 {
        let more = long.clone();
        long.extend(more);
    }
    say(villain(address(&b).await), long.encode(), Duration::from_secs(3)).await;
    assert!(b_in.try_recv().is_err());
    // Others are not disturbed.
    connected(&c, 1).await;
    let at_b = keep(b_in, Verdict::Accept);
    publish_until(&c, || !at_b.lock().unwrap().is_empty()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn net_1_a_node_listens_to_its_own_chains_topic_and_to_no_other() {
    let (b, _b_in) = node(60, &[QUIC], &[]).await;
    let mut villain = villain(address(&b).await);
    villain.behaviour_mut().gossip.subscribe(&topic(&Hash([6; 32]))).unwrap();
    let mut heard = Vec::new();
    let listen = async {
        loop {
            let event = villain.select_next_some().await;
            if let SwarmEvent::Behaviour(VillainEvent::Gossip(gossipsub::Event::Subscribed { topic, .. })) = &event {
                heard.push(topic.to_string());
            }
            greet(&mut villain, event, CHAIN);
        }
    };
    assert!(timeout(Duration::from_secs(3), listen).await.is_err());
    assert_eq!(heard, [format!("/leither/{}/txs/1", "05".repeat(32))]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn net_7_a_named_peer_is_dialled_until_it_is_there_and_again_when_it_was_away() {
    let (b, _b_in) = node(70, &[TCP], &[]).await;
    let address = address(&b).await;
    let port = address.iter().find_map(|p| if let libp2p::multiaddr::Protocol::Tcp(n) = p { Some(n) } else { None }).unwrap();
    let listen = format!("/ip4/127.0.0.1/tcp/{port}");
    b.shutdown().await;
    let unnamed: Multiaddr = listen.parse().unwrap();
    for (seed, peer) in [(71, address), (72, unnamed)] {
        let (a, _a_in) = node(seed, &[], &[peer]).await;
        assert!(a.peers().await.is_empty());
        for _ in 0..2 {
            let (b, _b_in) = node(70, &[&listen], &[]).await;
            connected(&a, 1).await;
            b.shutdown().await;
            connected(&a, 0).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_work_is_said_at_the_start() {
    let (b, _b_in) = node(80, &[TCP], &[]).await;
    let taken = address(&b).await;
    let taken = taken.to_string().split("/p2p/").next().unwrap().to_string();
    let refused = node_on(81, &[&taken], &[], CHAIN).await.err().unwrap();
    assert!(
        matches!(refused, StartError::Listen { .. }) && refused.to_string().contains("choose another address"),
        "{refused}"
    );
    assert!(matches!(node_on(81, &["/ip4/127.0.0.1/udp/0"], &[], CHAIN).await, Err(StartError::Listen { .. })));
    let by_name = "/dns4/example.org/tcp/4801".parse().unwrap();
    assert!(matches!(node_on(81, &[], &[by_name], CHAIN).await, Err(StartError::Peer { .. })));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn net_8_alone_a_node_publishes_into_the_void_and_never_waits() {
    let (a, _a_in) = node(90, &[], &[]).await;
    let start = Instant::now();
    let taken = (0..100_000).filter(|nonce| a.publish(Arc::new(tx(*nonce)))).count();
    assert!(taken > 0 && start.elapsed() < Duration::from_secs(5));
    a.shutdown().await;
}
