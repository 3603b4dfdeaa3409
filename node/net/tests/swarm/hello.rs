//! Who is who.
use super::exchange::{Shelf, node_with};
use super::*;
use leither_net::AskError;
use libp2p::futures::StreamExt;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Mutex, OnceLock};
use tokio::time::timeout;

/// What all nodes of this process have logged.
#[derive(Clone)]
pub(crate) struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Log {
    /// The first line with all these words, when it comes.
    pub(crate) async fn line(&self, words: &[&str]) -> String {
        until("line in the log", async || {
            let text = String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned();
            text.lines().find(|line| words.iter().all(|word| line.contains(word))).map(str::to_string)
        })
        .await
    }
}

pub(crate) fn log() -> Log {
    static LOG: OnceLock<Log> = OnceLock::new();
    let start = || {
        let log = Log(Arc::default());
        let sink = log.clone();
        tracing_subscriber::fmt().with_ansi(false).with_writer(move || sink.clone()).init();
        log
    };
    LOG.get_or_init(start).clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn net_14_both_sides_learn_what_the_other_has_and_hear_of_it_again() {
    let shelf = Arc::new(Shelf::default());
    shelf.height.store(41, SeqCst);
    let (b, _b_in) = node_with(200, QUIC, shelf.clone()).await;
    let (a, _a_in) = node(201, &[], &[address(&b).await]).await;
    greeted(&a, 1).await;
    greeted(&b, 1).await;
    let (at_a, at_b) = (a.peers_known().await.remove(0), b.peers_known().await.remove(0));
    assert_eq!((at_a.id, at_a.height, at_a.lowest, at_a.outbound), (b.local_peer_id(), 41, 3, true));
    assert_eq!((at_b.id, at_b.height, at_b.lowest, at_b.outbound), (a.local_peer_id(), 0, 0, false));
    assert!(at_a.software.starts_with("leither/"));
    assert!(address(&b).await.to_string().starts_with(at_a.address.to_string().split("/p2p/").next().unwrap()));
    shelf.height.store(42, SeqCst);
    until("the new height", async || (a.peers_known().await[0].height == 42).then_some(())).await;
    b.shutdown().await;
    greeted(&a, 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn net_14_a_peer_of_another_chain_is_refused_by_name_on_both_sides_and_a_named_one_tried_again() {
    let log = log();
    let (b, _b_in) = node_on(210, &[TCP], &[], Hash([9; 32])).await.unwrap();
    let at = address(&b).await;
    let (a, _a_in) = node(211, &[], std::slice::from_ref(&at)).await;
    let (a_id, b_id) = (a.local_peer_id().to_string(), b.local_peer_id().to_string());
    let (ours, theirs) = (CHAIN.to_string(), Hash([9; 32]).to_string());
    log.line(&[&format!("peer {b_id} is of the chain {theirs}, not of {ours}")]).await;
    log.line(&[&format!("peer {a_id} is of the chain {ours}, not of {theirs}")]).await;
    connected(&a, 0).await;
    assert!(a.peers_known().await.is_empty() && b.peers_known().await.is_empty());
    b.shutdown().await;
    // The same peer, set right.
    let port = at.to_string().split("/p2p/").next().unwrap().to_string();
    let (_b, _b_in) = node(210, &[&port], &[]).await;
    greeted(&a, 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn net_14_who_mistyped_the_chain_is_told_the_right_one_and_let_in_at_once_when_it_is_corrected() {
    let (b, _b_in) = node(212, &[TCP], &[]).await;
    let at = address(&b).await;
    let (a, _a_in) = node_on(213, &[], std::slice::from_ref(&at), Hash([8; 32])).await.unwrap();
    let hears = async |of: &Net, from: &Net, chain: Hash| {
        until("the other's chain", async || (of.strangers().await == [(from.local_peer_id(), chain)]).then_some(())).await;
    };
    hears(&a, &b, CHAIN).await;
    hears(&b, &a, Hash([8; 32])).await;
    connected(&b, 0).await;
    a.shutdown().await;
    assert!(a.strangers().await.is_empty() && a.ask(b.local_peer_id(), Request::Manifests).await == Err(AskError::Stopped));
    // The same peer, which nobody named, set right.
    let (a, _a_in) = node(213, &[], &[at]).await;
    greeted(&a, 1).await;
    greeted(&b, 1).await;
    assert!(a.strangers().await.is_empty() && b.strangers().await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn net_14_a_peer_of_another_protocol_version_is_refused_by_name_and_stays_away() {
    let log = log();
    let (b, _b_in) = node(215, &[QUIC], &[]).await;
    let mut old = villain_speaking(StreamProtocol::new("/leither/exchange/0"));
    let name = old.local_peer_id().to_string();
    old.dial(address(&b).await).unwrap();
    let closed = async { while !matches!(old.select_next_some().await, SwarmEvent::ConnectionClosed { .. }) {} };
    timeout(PATIENCE, closed).await.expect("the connection must end");
    log.line(&[&name, "speaks none of this node's protocols", "/leither/exchange/1"]).await;
    old.dial(address(&b).await).unwrap();
    let again = async { while !matches!(old.select_next_some().await, SwarmEvent::ConnectionClosed { .. }) {} };
    timeout(PATIENCE, again).await.expect("it is not let in");
    assert!(b.peers().await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn net_14_who_has_not_said_which_chain_it_is_of_is_neither_served_nor_asked() {
    let shelf = Arc::new(Shelf::default());
    let (b, _b_in) = node_with(220, QUIC, shelf.clone()).await;
    let peer = b.local_peer_id();
    let mut villain = villain(address(&b).await);
    let answer = async {
        loop {
            let event = villain.select_next_some().await;
            match event {
                SwarmEvent::ConnectionEstablished { .. } => {
                    villain.behaviour_mut().exchange.send_request(&peer, frame(&Request::Manifests));
                }
                // It does not answer our Hello either.
                SwarmEvent::Behaviour(VillainEvent::Exchange(request_response::Event::Message {
                    message: Message::Response { response, .. },
                    ..
                })) => return Response::decode(&mut &response[..]).unwrap(),
                _ => {}
            }
        }
    };
    assert_eq!(timeout(PATIENCE, answer).await.unwrap(), Response::Busy);
    assert_eq!(shelf.asked.load(SeqCst), 0);
    // Nor is it asked.
    let name = *villain.local_peer_id();
    assert_eq!(b.peers().await, [name]);
    assert_eq!(b.ask(name, Request::Manifests).await, Err(AskError::NotConnected(name)));
}
