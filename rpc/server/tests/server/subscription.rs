//! `chain_subscribe`, and WebSocket clients that do not read, spoken by hand.

use crate::server;
use leither_rpc_api::*;
use leither_rpc_server::RpcServer;
use serde_json::{Value, json};
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

/// A WebSocket without a library, so that a test decides when it is read from.
struct Ws(TcpStream);

impl Ws {
    async fn open(server: &RpcServer) -> Self {
        let mut socket = TcpStream::connect(server.address()).await.unwrap();
        let request = format!(
            "GET / HTTP/1.1\r\nhost: {}\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
             sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
            server.address()
        );
        socket.write_all(request.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(socket.read_u8().await.unwrap());
        }
        assert!(head.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&head));
        Self(socket)
    }

    /// One text frame, masked with zeros.
    fn frame(text: &str) -> Vec<u8> {
        let mut frame = vec![0x81];
        match text.len() {
            short @ ..126 => frame.push(0x80 | short as u8),
            long => {
                frame.push(0x80 | 126);
                frame.extend_from_slice(&u16::try_from(long).unwrap().to_be_bytes());
            }
        }
        frame.extend_from_slice(&[0; 4]);
        frame.extend_from_slice(text.as_bytes());
        frame
    }

    async fn send(&mut self, value: Value) {
        self.0.write_all(&Self::frame(&value.to_string())).await.unwrap();
    }

    /// The next text frame; pings and such are passed over. Nothing where the connection has ended.
    async fn next(&mut self) -> Option<Value> {
        loop {
            let opcode = self.0.read_u8().await.ok()? & 15;
            let length = match self.0.read_u8().await.ok()? {
                126 => u64::from(self.0.read_u16().await.ok()?),
                127 => self.0.read_u64().await.ok()?,
                short => u64::from(short),
            };
            let mut payload = vec![0; length as usize];
            self.0.read_exact(&mut payload).await.ok()?;
            match opcode {
                1 => return Some(serde_json::from_slice(&payload).unwrap()),
                8 => return None,
                _ => {}
            }
        }
    }
}

fn height(notice: &Notice) -> u64 {
    match notice {
        Notice::Pulse(pulse) => pulse.height.0,
        Notice::Lagged { .. } => panic!("{notice:?}"),
    }
}

#[tokio::test]
async fn every_final_pulse_comes_in_order_and_a_reader_resumes_where_it_was() {
    let (server, fake) = server(|_| ()).await;
    fake.head.send_replace(5);
    let client = Client::connect(&format!("http://{}", server.address())).await.unwrap();
    let from = |from| Subscribe { from: Some(U64(from)), txs: None };
    let mut all = client.subscribe(&methods::CHAIN_SUBSCRIBE, from(1)).await.unwrap();
    let mut live = client.subscribe(&methods::CHAIN_SUBSCRIBE, Subscribe { from: None, txs: Some(true) }).await.unwrap();
    for expected in 1..=5 {
        assert_eq!(height(&all.next().await.unwrap()), expected);
    }
    fake.head.send_replace(6);
    let notice = live.next().await.unwrap();
    let Notice::Pulse(pulse) = &notice else { panic!("{notice:?}") };
    assert_eq!((pulse.height, pulse.txs.as_ref().map(Vec::len)), (U64(6), Some(200)));
    fake.head.send_replace(40);
    for expected in 6..=40 {
        let notice = all.next().await.unwrap();
        assert_eq!(height(&notice), expected);
        assert!(matches!(notice, Notice::Pulse(Pulse { txs: None, .. })));
    }
    drop(all);
    let mut resumed = client.subscribe(&methods::CHAIN_SUBSCRIBE, from(39)).await.unwrap();
    assert_eq!((height(&resumed.next().await.unwrap()), height(&resumed.next().await.unwrap())), (39, 40));
}

#[tokio::test]
async fn what_is_no_longer_kept_is_announced_as_missed() {
    let (server, fake) = server(|_| ()).await;
    fake.head.send_replace(500);
    fake.oldest.store(498, Relaxed);
    let client = Client::connect(&format!("ws://{}", server.address())).await.unwrap();
    let mut all = client.subscribe(&methods::CHAIN_SUBSCRIBE, Subscribe { from: Some(U64(3)), txs: None }).await.unwrap();
    assert_eq!(all.next().await.unwrap(), Notice::Lagged { missed_from: U64(3), missed_to: U64(497) });
    for expected in 498..=500 {
        assert_eq!(height(&all.next().await.unwrap()), expected);
    }
}

#[tokio::test]
async fn many_readers_of_one_pulse_cost_one_read() {
    let (server, fake) = server(|_| ()).await;
    let client = Client::connect(&format!("ws://{}", server.address())).await.unwrap();
    let mut readers = Vec::new();
    for _ in 0..16 {
        readers.push(client.subscribe(&methods::CHAIN_SUBSCRIBE, Subscribe::default()).await.unwrap());
    }
    let refused = client.subscribe(&methods::CHAIN_SUBSCRIBE, Subscribe::default()).await.err().unwrap();
    assert!(matches!(&refused, ClientError::Refused { reason, .. } if reason == "too_many_subscriptions"), "{refused}");
    fake.head.send_replace(1);
    for reader in &mut readers {
        assert_eq!(height(&reader.next().await.unwrap()), 1);
    }
    assert_eq!(fake.pulses_read.load(Relaxed), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_reader_is_told_what_it_missed_and_nothing_is_queued_for_it() {
    const LAST: u64 = 20_000;
    let (server, fake) = server(|_| ()).await;
    let mut ws = Ws::open(&server).await;
    ws.send(json!({"jsonrpc": "2.0", "id": 1, "method": "chain_subscribe", "params": {"txs": true}})).await;
    assert!(ws.next().await.unwrap()["result"].is_number());
    for step in 1..=LAST / 50 {
        fake.head.send_replace(step * 50);
        sleep(Duration::from_millis(1)).await;
    }
    // Each is 14 KB: what was read for it fits into the sockets' buffers and the connection's short queue.
    sleep(Duration::from_millis(100)).await;
    let read = fake.pulses_read.load(Relaxed);
    assert!(read < 2_000, "{read} pulses were read for somebody who does not listen");
    let (mut expected, mut missed) = (1, 0);
    while expected <= LAST {
        let notice = timeout(Duration::from_secs(5), ws.next()).await.unwrap().unwrap();
        assert_eq!(notice["method"], "chain_subscription");
        match serde_json::from_value(notice["params"]["result"].clone()).unwrap() {
            Notice::Pulse(pulse) => {
                assert_eq!(pulse.height.0, expected);
                expected += 1;
            }
            Notice::Lagged { missed_from, missed_to } => {
                assert_eq!(missed_from.0, expected);
                missed += missed_to.0 - missed_from.0 + 1;
                expected = missed_to.0 + 1;
            }
        }
    }
    assert!(missed > 10_000, "{missed}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_calls_and_never_reads_is_not_worked_for_and_is_cut_off() {
    let (server, fake) = server(|c| {
        c.connections_max = 1;
        c.idle_timeout = Duration::from_millis(700);
    })
    .await;
    let ws = Ws::open(&server).await;
    let (_unread, mut writing) = ws.0.into_split();
    // Each answer is 900 KB.
    let call = Ws::frame(&json!({"jsonrpc": "2.0", "id": 1, "method": "chain_getBlock", "params": [1, 0, 100]}).to_string());
    let calls = call.repeat(1_000);
    let flood = tokio::spawn(async move {
        let mut sent = 0;
        while writing.write_all(&calls).await.is_ok() {
            sent += 1_000;
        }
        sent
    });
    sleep(Duration::from_millis(500)).await;
    let worked = fake.blocks_read.load(Relaxed);
    assert!(worked < 100, "{worked} blocks were made for somebody who does not read");
    // Once cut off, its seat is free for another.
    timeout(Duration::from_secs(10), flood).await.unwrap().unwrap();
    timeout(Duration::from_secs(5), async {
        loop {
            let client = Client::connect(&format!("http://{}", server.address())).await.unwrap();
            if client.call(&methods::CHAIN_GET_HEAD, NoParams {}).await.is_ok() {
                break;
            }
            sleep(Duration::from_millis(50)).await;
        }
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn unanswered_calls_on_one_connection_are_bounded_and_waiting_keeps_nobody_from_asking() {
    let (server, _) = server(|c| c.calls_max = 40).await;
    let mut ws = Ws::open(&server).await;
    let id = Hash32(leither_types::Hash([1; 32]));
    for n in 0..41 {
        ws.send(json!({"jsonrpc": "2.0", "id": n, "method": "tx_wait", "params": [id, 60_000]})).await;
    }
    let refused = timeout(Duration::from_secs(5), ws.next()).await.unwrap().unwrap();
    assert_eq!(refused["error"]["data"]["reason"], "busy");
    let mut other = Ws::open(&server).await;
    for n in 0..30 {
        other.send(json!({"jsonrpc": "2.0", "id": n, "method": "tx_wait", "params": [id, 60_000]})).await;
    }
    other.send(json!({"jsonrpc": "2.0", "id": "head", "method": "chain_getHead"})).await;
    assert_eq!(timeout(Duration::from_secs(5), other.next()).await.unwrap().unwrap()["id"], "head");
}

#[tokio::test]
async fn an_oversized_message_is_refused_and_the_connection_goes_on() {
    let (server, _) = server(|c| c.body_bytes_max = 10_000).await;
    let mut ws = Ws::open(&server).await;
    ws.send(json!({"jsonrpc": "2.0", "id": 1, "method": "tx_submit", "params": ["0x".to_owned() + &"00".repeat(10_000)]}))
        .await;
    assert_eq!(ws.next().await.unwrap()["error"]["code"], -32007);
    ws.send(json!({"jsonrpc": "2.0", "id": 2, "method": "chain_getHead"})).await;
    assert!(ws.next().await.unwrap()["result"].is_object());
}
