//! A joiner beside peers of which some lie, over real sockets.

use super::*;
use leither_net::{Library, Multiaddr, NetConfig};
use leither_solo::{grow, open};
use leither_state::{Fault, Holding};
use leither_store::Store;
use leither_store::snapshots::{list_snapshots, read_chunk};
use leither_types::{AccountId, Amount, Certificate, Genesis, List, SecretKey, TokenId, Validator};
use parity_scale_codec::Encode;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Duration;

const HEIGHT: Height = 10;

/// A chain of ten blocks by one validator, and its snapshot.
struct Origin {
    dir: tempfile::TempDir,
    genesis: Genesis,
    store: Store,
    manifest: Manifest,
}

fn origin() -> Origin {
    let dir = tempfile::tempdir().unwrap();
    let genesis = leither_solo::genesis();
    let store = open(&dir.path().join("data"), &genesis);
    (0..HEIGHT).for_each(|_| grow(&store));
    let manifest = store.write_snapshot(&dir.path().join("snapshots"), &|_, _| ()).unwrap();
    Origin { dir, genesis, store, manifest }
}

/// What a peer gives, true or not.
struct Shelf {
    store: Store,
    snapshots: PathBuf,
    manifest: Manifest,
    junk: BTreeMap<Hash, Vec<u8>>,
    lowest: Height,
    asked: Mutex<Vec<String>>,
}

impl Shelf {
    fn honest(origin: &Origin) -> Self {
        Self {
            store: origin.store.clone(),
            snapshots: origin.dir.path().join("snapshots"),
            manifest: origin.manifest.clone(),
            junk: BTreeMap::new(),
            lowest: 1,
            asked: Mutex::default(),
        }
    }

    /// The right header with rows of its own: they have the names that the manifest lists, and lead nowhere.
    fn lying(origin: &Origin) -> Self {
        let holding = Holding { free: Amount::new(1), ..Holding::default() }.encode();
        let row = |n: u8| (0u8, [TokenId([n; 20]).0, [n; 20]].concat(), holding.clone()).encode();
        let chunks: Vec<Vec<u8>> = (0..3).map(row).collect();
        let mut shelf = Self::honest(origin);
        shelf.junk = chunks.into_iter().map(|chunk| (hash_chunk(&chunk), chunk)).collect();
        let list = |n: u8| {
            let chunk = row(n);
            (hash_chunk(&chunk), chunk.len() as u32)
        };
        shelf.manifest.chunks = List::new((0..3).map(list).collect()).unwrap();
        shelf.manifest.bytes = shelf.manifest.chunks.iter().map(|(_, len)| u64::from(*len)).sum();
        (shelf.manifest.holdings, shelf.manifest.records) = (3, 0);
        shelf.manifest.check().unwrap();
        shelf
    }

    fn note(&self, what: impl Into<String>) {
        self.asked.lock().unwrap().push(what.into());
    }

    fn asked(&self, what: &str) -> usize {
        self.asked.lock().unwrap().iter().filter(|asked| asked.starts_with(what)).count()
    }
}

impl Library for Shelf {
    fn hello(&self) -> (Height, Height) {
        (HEIGHT, self.lowest)
    }
    fn handovers(&self, from: Height, max: usize) -> Option<Vec<Handover>> {
        self.note(format!("handovers {from}"));
        self.store.handovers(from - 1, max).ok()
    }
    fn blocks(&self, from: Height, _: u32, _: usize) -> Option<Vec<(Vec<u8>, Certificate)>> {
        self.note(format!("blocks {from}"));
        Some(vec![(self.store.block_bytes(from).unwrap()?, self.store.certificate(from).unwrap()?)])
    }
    fn manifests(&self) -> Option<Vec<Vec<u8>>> {
        Some(vec![self.manifest.encode()])
    }
    fn chunk(&self, hash: &Hash) -> Option<Vec<u8>> {
        self.note("chunk");
        self.junk.get(hash).cloned().or_else(|| read_chunk(&self.snapshots, hash))
    }
}

async fn swarm(seed: u8, chain: Hash, peers: &[Multiaddr], library: Option<Arc<dyn Library>>) -> Arc<Net> {
    let listen = if library.is_some() { vec!["/ip4/127.0.0.1/tcp/0".parse().unwrap()] } else { Vec::new() };
    let config = NetConfig { key_seed: [seed; 32], listen, peers: peers.to_vec(), chain, library, anchors: None };
    Arc::new(Net::start(config).await.unwrap().0)
}

/// A joiner, connected to peers with these shelves.
struct Scene {
    net: Arc<Net>,
    peers: Vec<Arc<Net>>,
    shelves: Vec<Arc<Shelf>>,
    wanted: Wanted,
    home: tempfile::TempDir,
}

async fn until<T>(what: &str, mut there: impl AsyncFnMut() -> Option<T>) -> T {
    for _ in 0..300 {
        if let Some(found) = there().await {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("{what}: not within 30 s");
}

async fn scene(origin: &Origin, seed: u8, shelves: Vec<Shelf>) -> Scene {
    let chain = origin.genesis.chain();
    let shelves: Vec<Arc<Shelf>> = shelves.into_iter().map(Arc::new).collect();
    let (mut peers, mut addresses) = (Vec::new(), Vec::new());
    for (n, shelf) in (1..).zip(&shelves) {
        let library: Arc<dyn Library> = shelf.clone();
        let peer = swarm(seed + n, chain, &[], Some(library)).await;
        let place = until("an address", async || peer.listen_addrs().await.first().cloned()).await;
        addresses.push(format!("{place}/p2p/{}", peer.local_peer_id()).parse().unwrap());
        peers.push(peer);
    }
    let net = swarm(seed, chain, &addresses, None).await;
    until("all peers", async || (net.peers_known().await.len() == peers.len()).then_some(())).await;
    let wanted =
        Wanted { genesis: origin.genesis.head.clone(), known: None, trusted: None, room: u64::MAX, which: Which::Newest };
    Scene { net, peers, shelves, wanted, home: tempfile::tempdir().unwrap() }
}

impl Scene {
    fn data(&self) -> PathBuf {
        self.home.path().join("data")
    }

    async fn fetch(&self) -> Result<Height, JoinError> {
        fetch_snapshot(self.net.clone(), self.wanted.clone(), &self.data(), |_, _| ()).await
    }

    async fn cause(&self) -> String {
        let refused = self.fetch().await.unwrap_err();
        assert!(!self.data().exists() && !self.home.path().join("data.part").exists(), "{refused}");
        assert!(matches!(refused, JoinError::NoSnapshot(_)), "{refused}");
        refused.to_string()
    }

    /// Who is still talked to.
    async fn stay(&self) -> Vec<bool> {
        let known = self.net.peers().await;
        self.peers.iter().map(|peer| known.contains(&peer.local_peer_id())).collect()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn engine_13_rows_that_lead_to_no_certified_root_ban_all_who_offer_them_and_the_next_snapshot_is_taken() {
    let origin = origin();
    // Two say the same, so that theirs is tried first.
    let shelves = vec![Shelf::lying(&origin), Shelf::honest(&origin), Shelf::lying(&origin)];
    let scene = scene(&origin, 10, shelves).await;
    assert_eq!(scene.fetch().await.unwrap(), HEIGHT);
    let never = || Err(Fault::Corrupt("it is there".into()));
    let joined = Store::open(&scene.data(), &origin.genesis.head, &never).unwrap();
    assert_eq!(*joined.head().unwrap(), *origin.store.head().unwrap());
    until("the liars are gone", async || (scene.stay().await == [false, true, false]).then_some(())).await;
    let junk = scene.shelves[0].asked("chunk") + scene.shelves[2].asked("chunk");
    assert_eq!(junk, 3, "what was found to be junk once is not fetched again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn engine_13_a_snapshot_that_nobody_can_go_on_from_or_that_has_no_room_is_not_fetched() {
    let origin = origin();
    let mut forgetful = Shelf::honest(&origin);
    forgetful.lowest = HEIGHT + 2;
    let mut scene = scene(&origin, 20, vec![forgetful]).await;
    let cause = scene.cause().await;
    assert!(cause.contains("no peer keeps the blocks after height 10"), "{cause}");
    scene.wanted.room = origin.manifest.room() - 1;
    let (mut fits, shelf) = (Shelf::honest(&origin), scene.shelves.remove(0));
    fits.lowest = HEIGHT + 1;
    let mut other = self::scene(&origin, 30, vec![fits]).await;
    other.wanted.room = scene.wanted.room;
    let refused = other.fetch().await.unwrap_err();
    assert!(!other.data().exists() && !other.home.path().join("data.part").exists(), "{refused}");
    assert!(matches!(refused, JoinError::NoRoom(_)) && refused.to_string().contains("there is room for"), "{refused}");
    assert_eq!((shelf.asked("chunk"), other.shelves[0].asked("chunk")), (0, 0));
    other.wanted.room += 1;
    assert_eq!(other.fetch().await.unwrap(), HEIGHT, "the block after the snapshot is the lowest that is kept");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn engine_13_who_has_a_database_walks_from_its_head() {
    let origin = origin();
    let mut scene = scene(&origin, 40, vec![Shelf::honest(&origin)]).await;
    let known = |height| Known { height, set: origin.genesis.head.validators.clone(), handovers: Vec::new() };
    scene.wanted.known = Some(known(HEIGHT));
    let cause = scene.cause().await;
    assert!(cause.contains("this node has 10 already"), "{cause}");
    // Who voted after the head is what the walk begins with: a stranger's signature would not do.
    let stranger = Validator { key: SecretKey::from_seed(&[9; 32]).public(), power: 1, operator: AccountId([9; 20]) };
    scene.wanted.known = Some(Known { set: ValidatorSet::new(vec![stranger]).unwrap(), ..known(5) });
    let cause = scene.cause().await;
    assert!(cause.contains("names other validators"), "{cause}");
    let other = self::scene(&origin, 50, vec![Shelf::honest(&origin)]).await;
    let other = Scene { wanted: Wanted { known: Some(known(5)), ..other.wanted.clone() }, ..other };
    assert_eq!(other.fetch().await.unwrap(), HEIGHT);
    assert_eq!((other.shelves[0].asked("handovers 6"), other.shelves[0].asked("handovers")), (1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn engine_13_a_snapshot_leads_over_the_trusted_block_or_is_not_taken_and_a_slip_of_the_owner_bans_nobody() {
    let origin = origin();
    let block = |height| origin.store.header(height).unwrap().unwrap().id();
    let mut scene = scene(&origin, 60, vec![Shelf::honest(&origin)]).await;
    for (height, block, words) in [
        (7, block(6), "another block than the trusted one"),
        (HEIGHT, block(6), "another block than the trusted one"),
        (HEIGHT + 1, block(6), "below the trusted block of 11"),
    ] {
        scene.wanted.trusted = Some(Trusted { height, block });
        let cause = scene.cause().await;
        assert!(cause.contains(words), "{height}: {cause}");
    }
    assert_eq!((scene.stay().await, scene.shelves[0].asked("chunk")), (vec![true], 0));
    scene.wanted.trusted = Some(Trusted { height: 7, block: block(7) });
    assert_eq!(scene.fetch().await.unwrap(), HEIGHT);
    assert_eq!(scene.shelves[0].asked("blocks 7"), 2);
}

/// NET-11, STORE-18.
#[test]
fn a_snapshot_without_the_blocks_after_it_is_not_offered() {
    let origin = origin();
    let shelf = origin.dir.path().join("snapshots");
    let library = || crate::StoreLibrary::new(origin.store.clone(), shelf.clone(), Vec::new());
    assert_eq!(library().manifests().unwrap(), [origin.manifest.encode()]);
    for _ in 0..110 {
        grow(&origin.store);
    }
    let before = library();
    assert_eq!(before.manifests().unwrap().len(), 1);
    origin.store.prune(HEIGHT + 1).unwrap();
    assert_eq!((library().manifests().unwrap().len(), before.manifests().unwrap().len()), (1, 1));
    origin.store.prune(HEIGHT + 2).unwrap();
    assert_eq!((library().manifests().unwrap().len(), before.manifests().unwrap().len()), (0, 0));
    assert_eq!(list_snapshots(&shelf).len(), 1, "it is there all the same");
}
