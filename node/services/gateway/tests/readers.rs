//! GW-13, GW-15 and GW-16 over real connections: readers that do not read, too many of them, those who ask for what is nowhere, and answers
//! that break off.

mod common;

use async_trait::async_trait;
use bytes::Bytes;
use common::Writer;
use leither_gateway::{Config, Gateway, serve};
use leither_kit::Cid;
use leither_kit::multihash::Multihash;
use leither_kit::source::{Fixed, Source, SourceError};
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

/// Counts the blocks that somebody holds.
struct Counting {
    inner: Fixed,
    held: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

struct Held(Bytes, Arc<AtomicUsize>);

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.1.fetch_sub(1, Ordering::SeqCst);
    }
}

#[async_trait]
impl Source for Counting {
    async fn block(&self, cid: &Cid) -> Result<Bytes, SourceError> {
        let bytes = self.inner.block(cid).await?;
        let now = self.held.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        Ok(Bytes::from_owner(Held(bytes, self.held.clone())))
    }

    async fn has(&self, cid: &Cid) -> bool {
        self.inner.has(cid).await
    }
}

/// Blocks that somebody holds, now and at most.
type Counts = (Arc<AtomicUsize>, Arc<AtomicUsize>);

async fn start(writer: Writer, config: Config) -> (SocketAddr, oneshot::Sender<()>, Counts, tokio::task::JoinHandle<()>) {
    let (held, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let source = Counting { inner: writer.0, held: held.clone(), most: most.clone() };
    let gateway = Gateway::new(Arc::new(source), config).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let task = tokio::spawn(async move {
        serve(listener, gateway, async { drop(stopped.await) }).await.unwrap();
    });
    (address, stop, (held, most), task)
}

async fn ask(address: SocketAddr, path: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    // Who is refused may be cut off while it asks.
    let _ = stream.write_all(request.as_bytes()).await;
    stream
}

async fn whole(mut stream: TcpStream) -> Vec<u8> {
    let mut all = Vec::new();
    let _ = stream.read_to_end(&mut all).await;
    all
}

/// A file of 64 MiB in 1-MiB blocks, all of them the same.
fn large(writer: &mut Writer) -> Cid {
    let block = writer.raw(&vec![7; 1 << 20]);
    writer.file(&vec![(block, 1 << 20); 64])
}

// GW-13
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_that_do_not_read_are_cut_and_hold_no_more_than_the_bound() {
    let mut writer = Writer::default();
    let file = large(&mut writer);
    let config =
        Config { connections_max: 30, blocks_max: 8, cars_max: 4, patience: Duration::from_millis(400), ..Config::default() };
    let (address, stop, (_, most), task) = start(writer, config).await;
    let mut sleepers = Vec::new();
    for _ in 0..200 {
        sleepers.push(ask(address, &format!("/ipfs/{file}")).await);
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    // Those beyond the bound were told so at once.
    let told = whole(sleepers.pop().unwrap()).await;
    assert!(
        told.starts_with(b"HTTP/1.1 503 ") && told.ends_with(b"this gateway has too many connections; try again, or elsewhere\n")
    );
    // The others hold connections, then are cut: an honest reader comes through while they still are connected, as far as they know.
    let mut honest = Vec::new();
    for _ in 0..200 {
        honest = whole(ask(address, &format!("/ipfs/{file}")).await).await;
        if honest.len() > 64 << 20 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(honest.starts_with(b"HTTP/1.1 200 OK\r\n"), "{}", String::from_utf8_lossy(&honest[..honest.len().min(200)]));
    let body = honest.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
    assert_eq!(honest.len() - body, 64 << 20);
    assert!(honest[body..].iter().all(|byte| *byte == 7));
    let most = most.load(Ordering::SeqCst);
    // Those that are looked at, and the file's two in the cache.
    assert!((1..=8 + 2).contains(&most), "{most} blocks were held at once");
    drop(sleepers);
    stop.send(()).unwrap();
    task.await.unwrap();
}

// GW-13
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_block_is_held_for_readers_who_have_paused_and_they_get_the_rest_all_the_same() {
    let mut writer = Writer::default();
    let file = large(&mut writer);
    let block = writer.raw(&vec![9; 2 << 20]);
    let config = Config { blocks_max: 2, cars_max: 1, cache_bytes: 0, ..Config::default() };
    let (address, stop, (held, _), task) = start(writer, config).await;
    let mut paused = Vec::new();
    for n in 0..20 {
        let path = if n % 2 == 0 { format!("/ipfs/{file}") } else { format!("/ipfs/{block}?format=raw") };
        let mut stream = ask(address, &path).await;
        let mut start = [0; 15];
        stream.read_exact(&mut start).await.unwrap();
        assert_eq!(&start, b"HTTP/1.1 200 OK");
        paused.push(stream);
    }
    let none = async {
        while held.load(Ordering::SeqCst) > 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(15), none).await.expect("no block is held");
    let raw = whole(paused.pop().unwrap()).await;
    let film = whole(paused.pop().unwrap()).await;
    for (got, len, byte) in [(raw, 2 << 20, 9), (film, 64 << 20, 7)] {
        let body = got.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
        assert_eq!(got.len() - body, len);
        assert!(got[body..].iter().all(|found| *found == byte));
    }
    stop.send(()).unwrap();
    task.await.unwrap();
}

// GW-15
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_asks_for_too_much_that_is_nowhere_is_told_so_and_others_are_answered() {
    let mut writer = Writer::default();
    let here = writer.raw(b"here");
    let (address, stop, _, task) = start(writer, Config { misses_max: 3, ..Config::default() }).await;
    let status = async |path: String, of: &str| {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nx-forwarded-for: {of}\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        String::from_utf8(whole(stream).await).unwrap().to_ascii_lowercase()
    };
    let nowhere = |n: u8| format!("/ipfs/{}", Cid::new_v1(0x55, Multihash::wrap(0x12, &[n; 32]).unwrap()));
    let mut told = Vec::new();
    for n in 0..50 {
        told.push(status(nowhere(n), "192.0.2.1").await);
        if told.last().unwrap().starts_with("http/1.1 429 ") {
            break;
        }
        assert!(told.last().unwrap().starts_with("http/1.1 404 "), "{told:?}");
    }
    let last = told.last().unwrap();
    assert!(told.len() > 3 && last.starts_with("http/1.1 429 ") && last.contains("retry-after: 10"), "{told:?}");
    assert!(last.contains("was asked for from this address; try again later"), "{last}");
    assert!(status(format!("/ipfs/{here}"), "192.0.2.1").await.starts_with("http/1.1 200 "), "what is here is served");
    for other in ["192.0.2.2", "127.0.0.1"] {
        assert!(status(nowhere(99), other).await.starts_with("http/1.1 404 "), "{other}");
    }
    stop.send(()).unwrap();
    task.await.unwrap();
}

// GW-13
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_reader_does_not_keep_the_gateway_from_stopping() {
    let mut writer = Writer::default();
    let file = large(&mut writer);
    let (address, stop, _, task) = start(writer, Config::default()).await;
    let sleeper = ask(address, &format!("/ipfs/{file}")).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    stop.send(()).unwrap();
    tokio::time::timeout(Duration::from_secs(30), task).await.expect("it stops").unwrap();
    assert!(TcpStream::connect(address).await.is_err());
    drop(sleeper);
}

/// Asks as those do who know no chunks: for whom an answer ends with its connection.
async fn ask_of_old(address: SocketAddr, path: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(format!("GET {path} HTTP/1.0\r\nhost: {address}\r\n\r\n").as_bytes()).await.unwrap();
    stream
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gw_16_a_car_that_breaks_off_lacks_its_last_chunk_or_its_connection_is_reset() {
    let mut writer = Writer::default();
    let (first, last) = (writer.raw(&vec![7; 1 << 20]), writer.raw(b"the last block"));
    let whole_file = writer.file(&[(first, 1 << 20), (last, 14)]);
    let lost = Cid::new_v1(0x55, Multihash::wrap(0x12, &[3; 32]).unwrap());
    let cut_file = writer.file(&[(first, 1 << 20), (lost, 14)]);
    let (address, stop, _, task) = start(writer, Config::default()).await;
    let path = |file: Cid| format!("/ipfs/{file}?format=car");
    for (file, is_whole) in [(whole_file, true), (cut_file, false)] {
        let got = whole(ask(address, &path(file)).await).await;
        assert!(got.starts_with(b"HTTP/1.1 200 OK\r\n"), "{}", String::from_utf8_lossy(&got[..got.len().min(200)]));
        assert_eq!(got.ends_with(b"\r\n0\r\n\r\n"), is_whole);
        let mut got = Vec::new();
        let ended = ask_of_old(address, &path(file)).await.read_to_end(&mut got).await;
        assert_eq!(ended.as_ref().map_err(std::io::Error::kind).err(), (!is_whole).then_some(ErrorKind::ConnectionReset));
        assert_eq!(got.ends_with(b"the last block"), is_whole);
    }
    stop.send(()).unwrap();
    task.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gw_16_a_connection_that_is_cut_over_half_a_car_is_reset() {
    let mut writer = Writer::default();
    let file = large(&mut writer);
    let (address, stop, _, task) = start(writer, Config::default()).await;
    let mut sleeper = ask_of_old(address, &format!("/ipfs/{file}?format=car&dag-scope=entity&car-dups=y")).await;
    let mut start = [0; 15];
    sleeper.read_exact(&mut start).await.unwrap();
    assert_eq!(&start, b"HTTP/1.0 200 OK");
    stop.send(()).unwrap();
    task.await.unwrap();
    let mut rest = Vec::new();
    let ended = sleeper.read_to_end(&mut rest).await;
    assert_eq!(ended.unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert!(rest.len() < 64 << 20);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gw_16_who_reads_a_whole_answer_after_its_connection_was_left_gets_all_of_it() {
    let mut writer = Writer::default();
    let (first, last) = (writer.raw(&vec![7; 32 << 10]), writer.raw(b"the last block"));
    let file = writer.file(&[(first, 32 << 10), (last, 14)]);
    let (address, stop, _, task) = start(writer, Config::default()).await;
    let mut reader = ask_of_old(address, &format!("/ipfs/{file}?format=car")).await;
    let mut start = [0; 15];
    reader.read_exact(&mut start).await.unwrap();
    assert_eq!(&start, b"HTTP/1.0 200 OK");
    stop.send(()).unwrap();
    task.await.unwrap();
    let mut rest = Vec::new();
    reader.read_to_end(&mut rest).await.unwrap();
    assert!(rest.len() > 32 << 10 && rest.ends_with(b"the last block"));
}

// GW-16
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_breaks_off_is_seen_to_break_off() {
    let mut writer = Writer::default();
    let (first, other) = (writer.raw(&vec![7; 1 << 20]), writer.raw(b"four"));
    let liar = writer.file(&[(first, 1 << 20), (other, 5)]);
    let (address, stop, _, task) = start(writer, Config::default()).await;
    let got = whole(ask(address, &format!("/ipfs/{liar}")).await).await;
    let head = String::from_utf8_lossy(&got[..500]).to_ascii_lowercase();
    assert!(head.contains(&format!("content-length: {}\r\n", (1 << 20) + 5)), "{head}");
    let body = got.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
    assert!(got.len() - body < (1 << 20) + 5, "fewer bytes came than were promised");
    stop.send(()).unwrap();
    task.await.unwrap();
}
