//! The server, asked over real sockets.

use super::reading;
use crate::watch::reader::Reader;
use crate::watch::serve::{CONNECTIONS_MAX, HEAD_BYTES_MAX, HEAD_TIME_MAX};
use crate::watch::{Meters, Reading, Vitals, Watch, WatchConfig};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Counts how often it is read; takes as long as it is told.
struct Probe {
    reads: AtomicU64,
    takes: Duration,
}

impl Vitals for Arc<Probe> {
    fn read(&self) -> Reading {
        self.reads.fetch_add(1, Ordering::SeqCst);
        std::thread::sleep(self.takes);
        reading()
    }
}

fn probe(takes: Duration) -> Arc<Probe> {
    Arc::new(Probe { reads: AtomicU64::new(0), takes })
}

/// WATCH-5.
#[tokio::test]
async fn many_who_ask_at_once_cost_one_reading() {
    let probe = probe(Duration::from_millis(50));
    let reader = Arc::new(Reader::new(Arc::new(probe.clone())));
    let asked: Vec<_> = (0..50)
        .map(|_| {
            tokio::spawn({
                let reader = reader.clone();
                async move { reader.reading().await }
            })
        })
        .collect();
    for answer in asked {
        assert_eq!(answer.await.unwrap().as_deref(), Some(&reading()));
    }
    assert_eq!(probe.reads.load(Ordering::SeqCst), 1);
}

/// WATCH-5.
#[tokio::test]
async fn a_stuck_reading_is_told_in_time_and_holds_one_thread() {
    let probe = probe(Duration::from_secs(6));
    let watch = start(probe.clone()).await;
    let began = Instant::now();
    let (health, ready) = tokio::join!(get(watch.address(), "/health"), get(watch.address(), "/ready"));
    assert!(health.starts_with("HTTP/1.1 503") && health.contains("\"healthy\":false"), "{health}");
    assert!(ready.starts_with("HTTP/1.1 503") && ready.contains("\"ready\":false"), "{ready}");
    let metrics = get(watch.address(), "/metrics").await;
    assert!(metrics.starts_with("HTTP/1.1") && began.elapsed() < Duration::from_secs(20), "{metrics}");
    assert_eq!(probe.reads.load(Ordering::SeqCst), 1);
}

async fn start(probe: Arc<Probe>) -> Watch {
    let config = WatchConfig { listen: ([127, 0, 0, 1], 0).into(), hosts: vec!["mill.example.org".into()] };
    Watch::start(config, Arc::new(probe), Arc::new(Meters::new(100, 0))).await.unwrap()
}

/// Sends bytes and gives all that comes back.
async fn send(address: SocketAddr, request: &[u8]) -> String {
    let mut socket = TcpStream::connect(address).await.unwrap();
    // The server may refuse, and close, before it has read everything.
    let _ = socket.write_all(request).await;
    let mut answer = Vec::new();
    let _ = timeout(Duration::from_secs(20), socket.read_to_end(&mut answer)).await.unwrap();
    String::from_utf8(answer).unwrap()
}

async fn get(address: SocketAddr, path: &str) -> String {
    send(address, format!("GET {path} HTTP/1.1\r\nhost: {address}\r\n\r\n").as_bytes()).await
}

/// WATCH-1.
#[tokio::test]
async fn three_pages_are_served_to_get_and_head_alone() {
    let watch = start(probe(Duration::ZERO)).await;
    let address = watch.address();
    let metrics = get(address, "/metrics").await;
    assert!(
        metrics.starts_with("HTTP/1.1 200") && metrics.contains("content-type: text/plain; version=0.0.4"),
        "{metrics}"
    );
    assert!(metrics.contains("\nleither_height 100\n"));
    for (path, wanted) in [("/health", "\"healthy\":true"), ("/ready", "\"ready\":true"), ("/ready?verbose", "\"ready\":true")] {
        let answer = get(address, path).await;
        assert!(
            answer.starts_with("HTTP/1.1 200") && answer.contains("application/json") && answer.contains(wanted),
            "{answer}"
        );
    }
    for path in ["/", "/metrics/", "//health", "/metric"] {
        assert!(get(address, path).await.starts_with("HTTP/1.1 404"), "{path}");
    }
    let ask = |method: &str| format!("{method} /metrics HTTP/1.1\r\nhost: {address}\r\ncontent-length: 0\r\n\r\n");
    let head = send(address, ask("HEAD").as_bytes()).await;
    assert!(head.starts_with("HTTP/1.1 200") && head.ends_with("\r\n\r\n"), "{head}");
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "TRACE"] {
        let answer = send(address, ask(method).as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 405") && answer.contains("allow: GET, HEAD"), "{answer}");
    }
    let taken = Watch::start(
        WatchConfig { listen: address, hosts: vec![] },
        Arc::new(probe(Duration::ZERO)),
        Arc::new(Meters::new(0, 0)),
    )
    .await;
    assert!(taken.err().unwrap().to_string().contains("set metrics.listen to another port"));
    watch.stop().await;
    assert!(TcpStream::connect(address).await.is_err());
}

/// WATCH-2.
#[tokio::test]
async fn a_rebound_name_and_a_page_get_nothing() {
    let watch = start(probe(Duration::ZERO)).await;
    let with = |lines: &str| format!("GET /metrics HTTP/1.1\r\n{lines}\r\n");
    let port = watch.address().port();
    assert!(
        send(watch.address(), with(&format!("host: mill.example.org:{port}\r\n")).as_bytes())
            .await
            .starts_with("HTTP/1.1 200")
    );
    let refused = [
        "host: evil.example\r\n".to_string(),
        format!("host: localhost:{port}\r\norigin: http://evil.example\r\n"),
        String::new(),
    ];
    for lines in refused {
        let answer = send(watch.address(), with(&lines).as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 403") && !answer.contains("leither_height"), "{lines}: {answer}");
    }
}

/// WATCH-3.
#[tokio::test]
async fn long_heads_junk_and_second_requests_are_refused() {
    let watch = start(probe(Duration::ZERO)).await;
    let padded = |bytes: usize| {
        let line = "x".repeat(bytes);
        format!("GET /health HTTP/1.1\r\nhost: localhost:{}\r\nx-long: {line}\r\n\r\n", watch.address().port())
    };
    let room = HEAD_BYTES_MAX - padded(0).len();
    assert!(send(watch.address(), padded(room - 64).as_bytes()).await.starts_with("HTTP/1.1 200"));
    assert!(send(watch.address(), padded(room + 64).as_bytes()).await.starts_with("HTTP/1.1 431"));
    assert!(!send(watch.address(), padded(1 << 20).as_bytes()).await.contains("HTTP/1.1 200"));
    assert!(
        send(watch.address(), b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n")
            .await
            .starts_with("HTTP/1.1 400")
    );
    let twice = padded(0).repeat(2);
    assert_eq!(send(watch.address(), twice.as_bytes()).await.matches("HTTP/1.1").count(), 1);
}

/// WATCH-3.
#[tokio::test]
async fn who_is_slow_is_cut_off_and_makes_room_for_others() {
    let watch = start(probe(Duration::ZERO)).await;
    let began = Instant::now();
    let mut slow = Vec::new();
    for _ in 0..CONNECTIONS_MAX {
        let mut socket = TcpStream::connect(watch.address()).await.unwrap();
        socket.write_all(b"GET /health HTTP/1.1\r\nhost: ").await.unwrap();
        slow.push(socket);
    }
    // The server takes connections in their order: these came first.
    let full = get(watch.address(), "/health").await;
    assert!(full.starts_with("HTTP/1.1 503") && full.contains("Too many connections"), "{full}");
    for mut socket in slow {
        let mut rest = Vec::new();
        let _ = timeout(HEAD_TIME_MAX * 2, socket.read_to_end(&mut rest)).await.expect("a slow head is given up");
        assert!(!String::from_utf8_lossy(&rest).contains("200 OK"));
    }
    assert!(began.elapsed() >= HEAD_TIME_MAX - Duration::from_secs(1));
    assert!(get(watch.address(), "/health").await.starts_with("HTTP/1.1 200"));
}
