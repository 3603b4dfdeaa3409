//! Questions and answers.
use super::*;
use leither_net::{AskError, BLOCKS_BYTES_MAX, CONTENT_ADDRESSES_MAX, Handover, Library, Offence};
use libp2p::futures::StreamExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use tokio::time::timeout;

/// Blocks that tell their height, chunks that tell their hash, and how many lookups ran at once.
#[derive(Default)]
pub(crate) struct Shelf {
    pub(crate) height: AtomicUsize,
    slow: Duration,
    running: AtomicUsize,
    most: AtomicUsize,
    pub(crate) asked: AtomicUsize,
}

const ABSENT: Hash = Hash([0; 32]);
const BROKEN: Hash = Hash([255; 32]);

fn validators() -> ValidatorSet {
    let key = SecretKey::from_seed(&[1; 32]).public();
    ValidatorSet::new(vec![Validator { key, power: 1, operator: AccountId([1; 20]) }]).unwrap()
}

fn handover(height: Height) -> Handover {
    let (none, set) = (Hash::ZERO, validators());
    let header = Header {
        version: BLOCK_VERSION,
        chain: CHAIN,
        height,
        time: 1,
        parent: none,
        proposer: ValidatorId([1; 20]),
        state_root: none,
        txs_root: none,
        receipts_root: none,
        evidence_root: none,
        last_certificate: none,
        validators: none,
        next_validators: set.hash(),
    };
    Handover { header, certificate: Certificate::genesis(), set }
}

impl Shelf {
    fn slow(ms: u64) -> Arc<Self> {
        Arc::new(Self { slow: Duration::from_millis(ms), ..Self::default() })
    }

    fn look<T>(&self, found: T) -> T {
        self.asked.fetch_add(1, SeqCst);
        self.most.fetch_max(self.running.fetch_add(1, SeqCst) + 1, SeqCst);
        std::thread::sleep(self.slow);
        self.running.fetch_sub(1, SeqCst);
        found
    }
}

impl Library for Shelf {
    fn hello(&self) -> (Height, Height) {
        (self.height.load(SeqCst) as u64, 3)
    }
    fn handovers(&self, from: Height, _: usize) -> Option<Vec<Handover>> {
        self.look(Some([10, 20, 30].into_iter().filter(|height| *height >= from).map(handover).collect()))
    }
    fn blocks(&self, from: Height, count: u32, bytes_max: usize) -> Option<Vec<(Vec<u8>, Certificate)>> {
        assert_eq!(bytes_max, BLOCKS_BYTES_MAX);
        let block = |height: u64| (vec![height as u8; 1000], Certificate { height, ..Certificate::genesis() });
        self.look(Some((from..from + u64::from(count)).map(block).collect()))
    }
    fn manifests(&self) -> Option<Vec<Vec<u8>>> {
        self.look(Some(vec![vec![1, 2], vec![3]]))
    }
    fn chunk(&self, hash: &Hash) -> Option<Vec<u8>> {
        self.look(match *hash {
            ABSENT => Some(vec![]),
            BROKEN => None,
            _ => Some(hash.0.repeat(32 * 1024)),
        })
    }
}

pub(crate) async fn node_with(seed: u8, listen: &str, library: Arc<Shelf>) -> (Net, Receiver<Incoming>) {
    Net::start(NetConfig { library: Some(library), ..config(seed, &[listen], &[]) }).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn net_11_blocks_handovers_manifests_and_chunks_come_as_the_library_has_them() {
    for (n, listen) in [QUIC, TCP].into_iter().enumerate() {
        let n = n as u8 * 10;
        let (b, _b_in) = node_with(150 + n, listen, Shelf::slow(0)).await;
        let (a, _a_in) = node(151 + n, &[], &[address(&b).await]).await;
        greeted(&a, 1).await;
        let ask = async |request| a.ask(b.local_peer_id(), request).await.unwrap();
        let Response::Blocks(blocks) = ask(Request::Blocks { from: 5, count: 64 }).await else { panic!() };
        assert_eq!(blocks.len(), 64);
        for ((bytes, certificate), height) in blocks.iter().zip(5u64..) {
            assert!(certificate.height == height && bytes[..] == [height as u8; 1000]);
        }
        let Response::Handovers(handovers) = ask(Request::Handovers { from: 11 }).await else { panic!() };
        assert_eq!(handovers[..], [handover(20), handover(30)]);
        assert_eq!(ask(Request::Handovers { from: 31 }).await, Response::None);
        let Response::Manifests(manifests) = ask(Request::Manifests).await else { panic!() };
        assert_eq!(manifests[..], [Blob::new(vec![1, 2]).unwrap(), Blob::new(vec![3]).unwrap()]);
        let Response::Chunk(chunk) = ask(Request::Chunk { hash: Hash([7; 32]) }).await else { panic!() };
        assert_eq!(chunk[..], vec![7; 1024 * 1024]);
        assert_eq!(ask(Request::Chunk { hash: ABSENT }).await, Response::None);
        assert_eq!(ask(Request::Chunk { hash: BROKEN }).await, Response::Busy, "its own fault");
        // The other way round: who has no library has nothing.
        greeted(&b, 1).await;
        assert_eq!(b.ask(a.local_peer_id(), Request::Manifests).await, Ok(Response::None));
        assert!(matches!(a.ask(b.local_peer_id(), Request::Blocks { from: 1, count: 65 }).await, Err(AskError::Senseless(_))));
        let stranger = libp2p::PeerId::random();
        assert_eq!(a.ask(stranger, Request::Manifests).await, Err(AskError::NotConnected(stranger)));
        b.shutdown().await;
        let gone = a.ask(address_peer(150 + n), Request::Manifests).await;
        assert!(matches!(gone, Err(AskError::NotConnected(_) | AskError::Lost { .. })), "{gone:?}");
    }
}

fn address_peer(seed: u8) -> libp2p::PeerId {
    libp2p::identity::Keypair::ed25519_from_bytes([seed; 32]).unwrap().public().to_peer_id()
}

/// Says Hello, then asks it all at once; hears for so long. What was answered, and whether it was hung up on.
async fn flood(to: &Net, frames: Vec<Vec<u8>>, stay: Duration) -> (Vec<Response>, bool) {
    let (at, peer) = (address(to).await, to.local_peer_id());
    let mut villain = villain(at);
    let mut answers = Vec::new();
    let mut frames = Some(frames);
    let ended = async {
        loop {
            let event = villain.select_next_some().await;
            match &event {
                SwarmEvent::ConnectionEstablished { .. } => {
                    let hello = Request::Hello { chain: CHAIN, genesis_version: GENESIS_VERSION };
                    villain.behaviour_mut().exchange.send_request(&peer, frame(&hello));
                }
                SwarmEvent::ConnectionClosed { .. } => return,
                _ => {}
            }
            match greet(&mut villain, event, CHAIN) {
                Some(Heard::Answer(Response::Hello { .. })) => {
                    for frame in frames.take().into_iter().flatten() {
                        villain.behaviour_mut().exchange.send_request(&peer, frame);
                    }
                }
                Some(Heard::Answer(answer)) => answers.push(answer),
                _ => {}
            }
        }
    };
    let hung_up = timeout(stay, ended).await.is_ok();
    (answers, hung_up)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn net_19_a_peer_of_the_chain_hears_where_content_is() {
    let (b, _b_in) = node(158, &[QUIC], &[]).await;
    let (a, _a_in) = node(159, &[], &[address(&b).await]).await;
    greeted(&a, 1).await;
    assert_eq!(a.ask(b.local_peer_id(), Request::Content).await, Ok(Response::None), "it is in no such swarm");
    let place = |n: usize| format!("/ip4/192.0.2.1/tcp/{}", 4806 + n).parse::<Multiaddr>().unwrap();
    let long: Multiaddr = format!("/dns4/{}/tcp/1/p2p-circuit/dns4/{}/tcp/1", "a".repeat(200), "b".repeat(100)).parse().unwrap();
    let all: Vec<Multiaddr> = [long].into_iter().chain((0..CONTENT_ADDRESSES_MAX + 3).map(place)).collect();
    b.set_content(all).await;
    let Ok(Response::Content { addresses }) = a.ask(b.local_peer_id(), Request::Content).await else { panic!() };
    let told: Vec<Multiaddr> = addresses.iter().map(|bytes| Multiaddr::try_from(bytes.to_vec()).unwrap()).collect();
    assert_eq!(told, (0..CONTENT_ADDRESSES_MAX).map(place).collect::<Vec<_>>(), "those that fit, and no more than eight");
    b.set_content(Vec::new()).await;
    assert_eq!(a.ask(b.local_peer_id(), Request::Content).await, Ok(Response::None));
    // Who has not said which chain it is of is told nothing.
    let (answers, _) = flood_silently(&b).await;
    assert_eq!(answers, [Response::Busy]);
}

/// Asks without having said Hello.
async fn flood_silently(to: &Net) -> (Vec<Response>, bool) {
    let (at, peer) = (address(to).await, to.local_peer_id());
    let mut villain = villain(at);
    let mut answers = Vec::new();
    let ended = async {
        loop {
            match villain.select_next_some().await {
                SwarmEvent::ConnectionEstablished { .. } => {
                    villain.behaviour_mut().exchange.send_request(&peer, frame(&Request::Content));
                }
                SwarmEvent::ConnectionClosed { .. } => return,
                SwarmEvent::Behaviour(VillainEvent::Exchange(request_response::Event::Message {
                    message: Message::Response { response, .. },
                    ..
                })) => answers.push(Response::decode(&mut &response[..]).unwrap()),
                _ => {}
            }
        }
    };
    let hung_up = timeout(Duration::from_secs(3), ended).await.is_ok();
    (answers, hung_up)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn net_12_who_asks_for_much_at_once_hears_busy_and_others_are_served() {
    let shelf = Shelf::slow(150);
    let (b, _b_in) = node_with(160, QUIC, shelf.clone()).await;
    let (a, _a_in) = node(161, &[], &[address(&b).await]).await;
    greeted(&a, 1).await;
    let ask = frame(&Request::Chunk { hash: Hash([7; 32]) });
    let (flooded, served) = tokio::join!(flood(&b, vec![ask; 14], Duration::from_secs(6)), async {
        sleep(Duration::from_millis(500)).await;
        a.ask(b.local_peer_id(), Request::Manifests).await
    });
    let (answers, hung_up) = flooded;
    assert!(!hung_up, "too much at once is no crime");
    let busy = answers.iter().filter(|answer| **answer == Response::Busy).count();
    let chunks = answers.iter().filter(|answer| matches!(answer, Response::Chunk(_))).count();
    assert_eq!(busy + chunks, 14);
    assert!(busy > 0 && (4..=8).contains(&chunks), "{chunks} chunks");
    assert!(shelf.most.load(SeqCst) <= 3, "two at once for the one, one for the other");
    assert!(matches!(served, Ok(Response::Manifests(_))), "{served:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn net_12_who_does_not_stop_asking_is_banned() {
    let (b, _b_in) = node_with(165, QUIC, Shelf::slow(0)).await;
    let (a, _a_in) = node(166, &[], &[address(&b).await]).await;
    greeted(&a, 1).await;
    let asks = vec![frame(&Request::Chunk { hash: ABSENT }); 12];
    let (_, hung_up) = flood(&b, asks, Duration::from_secs(3)).await;
    assert!(!hung_up, "a few questions are welcome");
    // More than the quota and what is forgiven, as fast as answers come.
    let (at, peer) = (address(&b).await, b.local_peer_id());
    let mut villain = villain(at);
    let mut sent = 0;
    let ended = async {
        loop {
            let event = villain.select_next_some().await;
            match &event {
                SwarmEvent::ConnectionClosed { .. } => return,
                SwarmEvent::ConnectionEstablished { .. } => {
                    for _ in 0..8 {
                        villain.behaviour_mut().exchange.send_request(&peer, frame(&Request::Manifests));
                    }
                }
                _ => {}
            }
            if let Some(Heard::Answer(_)) = greet(&mut villain, event, CHAIN) {
                sent += 1;
                villain.behaviour_mut().exchange.send_request(&peer, frame(&Request::Manifests));
            }
        }
    };
    timeout(PATIENCE, ended).await.expect("the connection must end");
    assert!((250..2_000).contains(&sent), "{sent} were answered before");
    assert!(a.ask(b.local_peer_id(), Request::Manifests).await.is_ok(), "others are not disturbed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn net_10_who_sends_a_malformed_request_is_banned() {
    let mut trailing = Request::Manifests.encode();
    trailing.push(0);
    let mut long = vec![0; 4 + 5_000];
    long[..4].copy_from_slice(&5_000u32.to_le_bytes());
    let junk = [vec![3, 0, 0, 0, 99, 1, 2], frame(&Request::Blocks { from: 1, count: 65 }), frame(&trailing[..].to_vec()), long];
    let shelf = Shelf::slow(0);
    for (n, bad) in junk.into_iter().enumerate() {
        let (b, _b_in) = node_with(170 + n as u8, QUIC, shelf.clone()).await;
        let (answers, hung_up) = flood(&b, vec![bad], PATIENCE).await;
        assert!(hung_up && answers.is_empty(), "case {n}: the connection must end");
        until("ban", async || b.peers().await.is_empty().then_some(())).await;
    }
    assert_eq!(shelf.asked.load(SeqCst), 0, "nothing of it was looked up");
    // A frame that ends early may be a broken connection.
    let (b, _b_in) = node_with(179, TCP, shelf).await;
    let (_, hung_up) = flood(&b, vec![vec![9, 0, 0, 0, 1]], Duration::from_secs(3)).await;
    assert!(!hung_up);
}

/// A villain that answers whatever it is asked with these bytes, or with nothing.
fn answers_with(bytes: Option<Vec<u8>>, to: Multiaddr) -> tokio::task::JoinHandle<()> {
    let mut villain = villain(to);
    tokio::spawn(async move {
        let mut kept = Vec::new();
        loop {
            let event = villain.select_next_some().await;
            if let Some(Heard::Question(channel)) = greet(&mut villain, event, CHAIN) {
                match &bytes {
                    Some(bytes) => drop(villain.behaviour_mut().exchange.send_response(channel, bytes.clone())),
                    None => kept.push(channel),
                }
            }
        }
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn net_13_who_answers_with_junk_is_banned_and_an_oversized_answer_is_cut() {
    let garbage = vec![2, 0, 0, 0, 99, 99];
    let other_kind = frame(&Response::Manifests(List::default()));
    let unasked = frame(&Response::Blocks(List::new(vec![(Blob::default(), Certificate::genesis()); 3]).unwrap()));
    // It says that 1 GiB follows, and sends some of it.
    let endless = [&(1u32 << 30).to_le_bytes()[..], &vec![0; 6 * 1024 * 1024]].concat();
    for (n, bad) in [garbage, other_kind, unasked, endless].into_iter().enumerate() {
        let (a, _a_in) = node(180 + n as u8, &[QUIC], &[]).await;
        let villain = answers_with(Some(bad), address(&a).await);
        greeted(&a, 1).await;
        let peer = a.peers().await[0];
        let start = Instant::now();
        let answer = a.ask(peer, Request::Blocks { from: 1, count: 2 }).await;
        assert!(matches!(answer, Err(AskError::Junk { peer: who, .. }) if who == peer), "case {n}: {answer:?}");
        assert!(start.elapsed() < Duration::from_secs(5), "case {n}: not waited for");
        until("ban", async || a.peers().await.is_empty().then_some(())).await;
        villain.abort();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn net_13_who_does_not_answer_is_waited_for_ten_seconds_and_four_questions_are_enough() {
    let (a, _a_in) = node(185, &[QUIC], &[]).await;
    let villain = answers_with(None, address(&a).await);
    greeted(&a, 1).await;
    let peer = a.peers().await[0];
    let ask = || a.ask(peer, Request::Manifests);
    let start = Instant::now();
    let (w, x, y, z, fifth) = tokio::join!(ask(), ask(), ask(), ask(), ask());
    assert_eq!([w, x, y, z], std::array::from_fn(|_| Err(AskError::Timeout(peer))));
    assert_eq!(fifth, Err(AskError::TooMany(peer)));
    assert!(start.elapsed() >= Duration::from_secs(9));
    assert_eq!(a.peers().await, [peer], "slow is no crime");
    villain.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn net_13_who_was_found_to_lie_is_banned_with_the_cause_in_the_log() {
    let log = super::hello::log();
    let (b, _b_in) = node_with(190, QUIC, Shelf::slow(0)).await;
    let (a, _a_in) = node(191, &[], &[address(&b).await]).await;
    greeted(&a, 1).await;
    a.report(b.local_peer_id(), Offence::BadChunk).await;
    connected(&a, 0).await;
    let line = log.line(&[&b.local_peer_id().to_string(), "banned"]).await;
    assert!(line.contains("a chunk that is not the one it was asked for"), "{line}");
    for _ in 0..25 {
        sleep(Duration::from_millis(100)).await;
        assert!(a.peers().await.is_empty(), "named or not");
    }
}
