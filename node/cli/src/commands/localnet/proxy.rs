//! The links between the nodes: each connection from node i to node j goes through a relay of ours, which delays, holds back or stalls
//! what passes. It works on the bytes of TCP streams, so what it shows is what a network looks like from above TCP.
//!
//! ```text
//! node i --connects--> relay (i, j), a free loopback port --connects--> node j's own port
//!                      reads -> queue of at most 4 MiB, each chunk with the time when it is due -> writes
//! ```

use super::weather::{Plan, Weather, pair};
use crate::exit::{Done, Failure};
use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};

/// What a direction of a connection may hold; beyond it the sender waits.
const QUEUE_BYTES: usize = 4 << 20;
/// What a chunk takes of the queue beside its bytes, so that many small ones are bounded, too.
const CHUNK_BYTES: usize = 256;
/// What is read at once where nothing is lost.
const READ_BYTES: usize = 64 << 10;
/// What is read at once, and lost or not, where something is: a segment's worth.
const SEGMENT_BYTES: usize = 1_460;
/// How long TCP waits before it sends a lost segment again; the round trip comes on top.
const RETRANSMIT: Duration = Duration::from_millis(200);
/// After so long a cut, connections break.
const CUT_MAX: Duration = Duration::from_secs(30);
/// Connections through one relay at once; further ones are closed.
const CONNECTIONS_MAX: usize = 64;
/// Out of descriptors: some come back.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// All relays of a net. They end with it.
pub struct Relays {
    seed: u64,
    links: BTreeMap<(usize, usize), watch::Sender<Weather>>,
    tasks: JoinSet<()>,
    opened: u64,
}

impl Relays {
    /// None yet. Equal seeds draw the same chances, connection by connection.
    pub fn new(seed: u64) -> Self {
        Self { seed, links: BTreeMap::new(), tasks: JoinSet::new(), opened: 0 }
    }

    /// Opens a relay by which node `from` reaches `port` of node `to`, and gives the port to connect to.
    pub async fn open(&mut self, from: usize, to: usize, port: u16) -> Done<u16> {
        let no_relay = |e| Failure::fault(format!("cannot open the link from node {from} to node {to}: {e}"));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(no_relay)?;
        let own = listener.local_addr().map_err(no_relay)?.port();
        let link = self.links.entry(pair(from, to)).or_insert_with(|| watch::Sender::new(Weather::default()));
        self.opened = self.opened.wrapping_add(1);
        let seed = Dice(self.seed ^ self.opened).draw();
        let target = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        self.tasks.spawn(serve(listener, target, link.subscribe(), seed));
        Ok(own)
    }

    /// Makes the weather on every link what the plan says.
    pub fn set(&self, plan: &Plan) {
        for ((a, b), link) in &self.links {
            let weather = plan.between(*a, *b);
            link.send_if_modified(|now| std::mem::replace(now, weather) != weather);
        }
    }
}

async fn serve(listener: TcpListener, target: SocketAddr, weather: watch::Receiver<Weather>, seed: u64) {
    let mut connections = JoinSet::new();
    let mut count = 0u64;
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((near, _)) if connections.len() < CONNECTIONS_MAX => {
                    count = count.wrapping_add(1);
                    connections.spawn(carry(near, target, weather.clone(), Dice(seed ^ count).draw()));
                }
                Ok(_) => {}
                Err(_) => sleep(ACCEPT_PAUSE).await,
            },
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
        }
    }
}

/// One connection, until either end or a long cut ends it.
async fn carry(near: TcpStream, target: SocketAddr, weather: watch::Receiver<Weather>, seed: u64) {
    tokio::select! {
        () = cut_for_good(weather.clone(), CUT_MAX) => {}
        _ended = relay(near, target, weather, seed) => {}
    }
}

async fn relay(near: TcpStream, target: SocketAddr, mut weather: watch::Receiver<Weather>, seed: u64) -> io::Result<()> {
    // The handshake with the far end costs a round trip; the near end was answered by us at once.
    let delay = weather.borrow().delay;
    sleep(delay.saturating_mul(2)).await;
    uncut(&mut weather).await?;
    let far = TcpStream::connect(target).await?;
    near.set_nodelay(true)?;
    far.set_nodelay(true)?;
    let (near_in, near_out) = near.into_split();
    let (far_in, far_out) = far.into_split();
    let there = pass(near_in, far_out, weather.clone(), Dice(seed));
    let back = pass(far_in, near_out, weather, Dice(!seed));
    tokio::try_join!(there, back).map(drop)
}

/// Waits until the link is whole.
async fn uncut(weather: &mut watch::Receiver<Weather>) -> io::Result<()> {
    weather.wait_for(|w| !w.cut).await.map(drop).map_err(io::Error::other)
}

/// Ends once the link has been cut for so long that connections break, or with the net.
async fn cut_for_good(mut weather: watch::Receiver<Weather>, patience: Duration) {
    loop {
        if weather.wait_for(|w| w.cut).await.is_err() {
            return;
        }
        // An error inside means that the net is over; outside, that nobody healed the link.
        if !matches!(timeout(patience, uncut(&mut weather)).await, Ok(Ok(()))) {
            return;
        }
    }
}

/// Bytes on their way. None of them: the sender has closed its side.
struct Chunk {
    bytes: Vec<u8>,
    due: Instant,
    /// Given back when the chunk is written.
    _room: OwnedSemaphorePermit,
}

/// One direction of a connection.
async fn pass<R, W>(from: R, to: W, weather: watch::Receiver<Weather>, dice: Dice) -> io::Result<()>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let room = Arc::new(Semaphore::new(QUEUE_BYTES));
    let (queue, waiting) = mpsc::unbounded_channel();
    tokio::try_join!(take_in(from, queue, room, weather.clone(), dice), give_out(waiting, to, weather)).map(drop)
}

async fn take_in<R: AsyncRead + Unpin>(
    mut from: R,
    queue: mpsc::UnboundedSender<Chunk>,
    room: Arc<Semaphore>,
    weather: watch::Receiver<Weather>,
    mut dice: Dice,
) -> io::Result<()> {
    let mut buffer = vec![0u8; READ_BYTES];
    let mut last = Instant::now();
    loop {
        let most = if weather.borrow().loss == 0 { READ_BYTES } else { SEGMENT_BYTES };
        let read = from.read(buffer.get_mut(..most).unwrap_or_default()).await?;
        let now = *weather.borrow();
        let lost = read > 0 && dice.falls(now.loss);
        let held = if lost { RETRANSMIT.saturating_add(now.delay.saturating_mul(2)) } else { Duration::ZERO };
        // In order, as TCP gives them: what is held back holds back all that follows.
        last = last.max(Instant::now() + now.delay + held);
        let taken = u32::try_from(read.saturating_add(CHUNK_BYTES)).map_err(io::Error::other)?;
        let room = room.clone().acquire_many_owned(taken).await.map_err(io::Error::other)?;
        let bytes = buffer.get(..read).unwrap_or_default().to_vec();
        // The other half is gone only together with this one.
        let _gone = queue.send(Chunk { bytes, due: last, _room: room });
        if read == 0 {
            return Ok(());
        }
    }
}

async fn give_out<W: AsyncWrite + Unpin>(
    mut waiting: mpsc::UnboundedReceiver<Chunk>,
    mut to: W,
    mut weather: watch::Receiver<Weather>,
) -> io::Result<()> {
    while let Some(chunk) = waiting.recv().await {
        sleep_until(chunk.due).await;
        uncut(&mut weather).await?;
        if chunk.bytes.is_empty() {
            return to.shutdown().await;
        }
        to.write_all(&chunk.bytes).await?;
    }
    Ok(())
}

/// Seeded chance (splitmix64): a run with the same seed loses alike.
struct Dice(u64);

impl Dice {
    fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn falls(&mut self, of_ten_thousand: u32) -> bool {
        of_ten_thousand > 0 && self.draw() % 10_000 < u64::from(of_ten_thousand)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A relay between nodes 1 and 2, what connects to it, and what listens behind it.
    async fn link(plan: &Plan) -> (Relays, TcpStream, TcpListener) {
        let far = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut relays = Relays::new(1);
        let port = relays.open(1, 2, far.local_addr().unwrap().port()).await.unwrap();
        relays.set(plan);
        let near = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        (relays, near, far)
    }

    fn delay(ms: u64) -> Plan {
        let mut plan = Plan::new(2);
        plan.delay(Duration::from_millis(ms), None);
        plan
    }

    async fn within<F: Future>(ms: u64, what: F) -> Option<F::Output> {
        timeout(Duration::from_millis(ms), what).await.ok()
    }

    fn noise(bytes: usize) -> Vec<u8> {
        let mut dice = Dice(7);
        (0..bytes).map(|_| dice.draw() as u8).collect()
    }

    // LOCALNET-6
    #[tokio::test]
    async fn bytes_arrive_late_by_the_delay_of_their_link_in_each_direction() {
        let (relays, mut near, far) = link(&delay(0)).await;
        let (mut far, _) = far.accept().await.unwrap();
        let mut byte = [0u8];
        near.write_all(b"a").await.unwrap();
        far.read_exact(&mut byte).await.unwrap();

        relays.set(&delay(150));
        let sent = Instant::now();
        near.write_all(b"b").await.unwrap();
        far.read_exact(&mut byte).await.unwrap();
        let there = sent.elapsed();
        far.write_all(b"c").await.unwrap();
        near.read_exact(&mut byte).await.unwrap();
        let both = sent.elapsed();
        assert_eq!(byte, *b"c");
        assert!(there >= Duration::from_millis(149) && both >= Duration::from_millis(298), "{there:?} {both:?}");
        assert!(both < Duration::from_secs(5), "{both:?}");

        relays.set(&delay(0));
        let sent = Instant::now();
        near.write_all(b"d").await.unwrap();
        far.read_exact(&mut byte).await.unwrap();
        assert!(sent.elapsed() < Duration::from_millis(140), "the delay has gone: {:?}", sent.elapsed());
    }

    // LOCALNET-6: a delay does not narrow a link: what is sent at once arrives at once.
    #[tokio::test]
    async fn many_megabytes_arrive_complete_and_in_order_in_spite_of_delay_and_loss() {
        let mut plan = delay(20);
        plan.loss(5, None);
        let (_relays, near, far) = link(&plan).await;
        let sent = noise(8 << 20);
        let (mut near_in, mut near_out) = near.into_split();
        let copy = sent.clone();
        let writing = tokio::spawn(async move {
            near_out.write_all(&copy).await.unwrap();
            near_out.shutdown().await.unwrap();
        });
        let (mut far, _) = far.accept().await.unwrap();
        let mut got = Vec::new();
        within(120_000, far.read_to_end(&mut got)).await.expect("all of it in time").unwrap();
        assert!(got == sent, "{} of {} bytes, or others", got.len(), sent.len());
        writing.await.unwrap();
        // One side is closed; the other still carries.
        far.write_all(b"thanks").await.unwrap();
        drop(far);
        let mut answer = Vec::new();
        near_in.read_to_end(&mut answer).await.unwrap();
        assert_eq!(answer, b"thanks");
    }

    // LOCALNET-7
    #[tokio::test]
    async fn what_is_lost_comes_after_the_time_of_a_retransmission() {
        let mut plan = Plan::new(2);
        plan.loss(5_000, None);
        let (_relays, mut near, far) = link(&plan).await;
        let (mut far, _) = far.accept().await.unwrap();
        let mut late = 0;
        for _ in 0..16 {
            let sent = Instant::now();
            near.write_all(b"x").await.unwrap();
            far.read_exact(&mut [0u8]).await.unwrap();
            late += usize::from(sent.elapsed() >= Duration::from_millis(199));
        }
        assert!((1..16).contains(&late), "half of sixteen are lost, and {late} were");
    }

    // LOCALNET-8
    #[tokio::test]
    async fn a_cut_link_stalls_without_an_error_and_goes_on_where_it_was_when_healed() {
        let (relays, mut near, far) = link(&delay(0)).await;
        let (mut far_end, _) = far.accept().await.unwrap();
        near.write_all(b"one").await.unwrap();
        let mut got = [0u8; 3];
        far_end.read_exact(&mut got).await.unwrap();

        let mut plan = delay(0);
        plan.cut(vec![vec![1], vec![2]]);
        relays.set(&plan);
        near.write_all(b"two").await.unwrap();
        assert!(within(400, far_end.read_exact(&mut got)).await.is_none(), "neither bytes nor an end");
        let port = near.peer_addr().unwrap();
        let mut second = TcpStream::connect(port).await.expect("a cut link still takes connections");
        second.write_all(b"new").await.unwrap();
        assert!(within(400, far.accept()).await.is_none(), "and keeps them to itself");

        plan.heal();
        relays.set(&plan);
        let mut got = [0u8; 3];
        within(5_000, far_end.read_exact(&mut got)).await.expect("healed").unwrap();
        assert_eq!(&got, b"two");
        let (mut later, _) = within(5_000, far.accept()).await.expect("healed").unwrap();
        within(5_000, later.read_exact(&mut got)).await.expect("healed").unwrap();
        assert_eq!(&got, b"new");
    }

    // LOCALNET-8
    #[tokio::test]
    async fn a_link_that_stays_cut_breaks_its_connections_and_one_that_heals_does_not() {
        let cut = |cut| Weather { cut, ..Weather::default() };
        let (link, weather) = watch::channel(cut(true));
        let (patience, began) = (Duration::from_millis(600), Instant::now());
        let breaking = tokio::spawn(cut_for_good(weather, patience));
        sleep(patience / 2).await;
        link.send_replace(cut(false));
        sleep(patience).await;
        assert!(!breaking.is_finished(), "it was healed in time");
        link.send_replace(cut(true));
        within(20_000, breaking).await.expect("broken").unwrap();
        assert!(began.elapsed() >= patience / 2 + patience * 2, "each cut has its own time: {:?}", began.elapsed());
    }

    // LOCALNET-9
    #[tokio::test]
    async fn a_link_that_does_not_deliver_takes_in_no_more_than_its_queue() {
        let (link, weather) = watch::channel(Weather { cut: true, ..Weather::default() });
        let room = Arc::new(Semaphore::new(QUEUE_BYTES));
        let (queue, mut waiting) = mpsc::unbounded_channel();
        // A source without an end.
        let source = tokio::io::repeat(7);
        let taking = take_in(source, queue, room.clone(), weather, Dice(1));
        assert!(within(2_000, taking).await.is_none(), "it waits for room");
        let mut held = 0;
        while let Ok(chunk) = waiting.try_recv() {
            held += chunk.bytes.len() + CHUNK_BYTES;
        }
        assert!(held <= QUEUE_BYTES && held > QUEUE_BYTES - READ_BYTES - CHUNK_BYTES, "{held}");
        assert_eq!(room.available_permits(), QUEUE_BYTES, "what is written gives its room back");
        drop(link);
    }

    // LOCALNET-9
    #[tokio::test]
    async fn a_sender_waits_where_the_far_end_reads_nothing() {
        let (_relays, mut near, far) = link(&delay(0)).await;
        let (_far, _) = far.accept().await.unwrap();
        let block = vec![0u8; 1 << 20];
        let mut taken = 0;
        while taken < 512 && within(1_000, near.write_all(&block)).await.is_some() {
            taken += 1;
        }
        assert!(taken < 512, "half a gigabyte went into a link that delivers nothing");
    }

    // LOCALNET-7
    #[test]
    fn equal_seeds_lose_alike_and_about_as_often_as_asked() {
        let draws = |seed| {
            let mut dice = Dice(seed);
            (0..10_000).map(|_| dice.falls(250)).collect::<Vec<_>>()
        };
        assert_eq!(draws(3), draws(3));
        assert_ne!(draws(3), draws(4));
        let lost = draws(3).into_iter().filter(|lost| *lost).count();
        assert!((150..350).contains(&lost), "{lost} of 10000 at 2.5 %");
        assert!((0..1_000).all(|seed| !Dice(seed).falls(0)));
    }
}
