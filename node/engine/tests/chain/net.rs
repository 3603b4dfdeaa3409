//! Nodes in this process: each with its own directory, its own swarm on loopback, and its own data swarm for gossip.

use leither_engine::{
    Committed, Engine, EngineConfig, Gossip, Heard, Listener, SignState, ValidatorKey, swarm_key, swarm_peer_id,
};
use leither_net::{Net as DataNet, NetConfig};
use leither_pallets::wasm::Contracts;
use leither_pallets::{Call, tokens};
use leither_state::Fault;
use leither_store::Store;
use leither_types::*;
use parity_scale_codec::Encode;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::timeout;

pub const PATIENCE: Duration = Duration::from_secs(60);

pub fn now() -> Millis {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64
}

pub fn key(kind: u8, n: u32) -> SecretKey {
    let mut seed = [kind; 32];
    seed[..4].copy_from_slice(&n.to_le_bytes());
    SecretKey::from_seed(&seed)
}

pub fn account(n: u32) -> AccountId {
    AccountId::of_key(&key(2, n).public())
}

pub fn genesis(validators: u32, accounts: u32, params: Params) -> Genesis {
    let seat = |n| Validator { key: key(1, n).public(), power: 1, operator: account(1_000_000 + n) };
    let head = GenesisHead {
        version: GENESIS_VERSION,
        name: Text::new("leither-test").unwrap(),
        time: now() - 5_000,
        validators: ValidatorSet::new((0..validators).map(seat).collect()).unwrap(),
        params,
        dev: true,
        allocations: Hash::ZERO,
        origin: None,
    };
    let allocation = |n| Allocation {
        account: account(n),
        amount: Amount::new(1_000_000_000_000),
        reason: Text::new("for tests").unwrap(),
        evidence: Hash([1; 32]),
    };
    Genesis::new(head, (0..accounts).map(allocation).collect()).unwrap()
}

pub fn transfer(chain: Hash, from: u32, nonce: u64, to: u32, amount: u128) -> SignedTx {
    let call =
        tokens::Call::Transfer { token: TokenId::NATIVE, to: account(to), amount: Amount::new(amount), memo: Text::default() };
    signed(chain, from, nonce, &Call::Tokens(call))
}

pub fn signed(chain: Hash, from: u32, nonce: u64, call: &Call) -> SignedTx {
    signed_within(chain, from, nonce, call, 1_000_000)
}

pub fn signed_within(chain: Hash, from: u32, nonce: u64, call: &Call, weight_limit: Weight) -> SignedTx {
    let tx = Tx {
        version: TX_VERSION,
        chain,
        signers: List::new(vec![account(from)]).unwrap(),
        payer: None,
        nonce,
        valid_until: now() + 600_000,
        max_fee: Amount::new(u128::from(weight_limit) * 10),
        weight_limit,
        calls: List::new(vec![CallBytes::new(call.encode()).unwrap()]).unwrap(),
    };
    tx.sign(&[&key(2, from)]).unwrap()
}

pub struct TestNode {
    pub engine: Engine,
    pub store: Store,
    pub listener: Listener,
}

pub struct Net {
    pub genesis: Genesis,
    ports: Vec<u16>,
    dirs: Vec<tempfile::TempDir>,
    data_ports: Vec<u16>,
}

impl Net {
    pub fn new(genesis: Genesis) -> Self {
        let count = genesis.head.validators.len();
        // Held together, so that no port is given out twice.
        let sockets: Vec<_> = (0..2 * count).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
        let mut ports: Vec<u16> = sockets.iter().map(|s| s.local_addr().unwrap().port()).collect();
        let data_ports = ports.split_off(count);
        let dirs: Vec<_> = (0..count).map(|_| tempfile::tempdir().unwrap()).collect();
        for (n, dir) in (0..).zip(&dirs) {
            let me = ValidatorId::of_key(&key(1, n).public());
            SignState::create(&dir.path().join("validator"), &me.to_string()).unwrap();
        }
        Self { genesis, ports, data_ports, dirs }
    }

    pub fn chain(&self) -> Hash {
        self.genesis.chain()
    }

    pub fn home(&self, n: usize) -> &Path {
        self.dirs[n].path()
    }

    fn others(&self, n: usize) -> Vec<usize> {
        (0..self.ports.len()).filter(|other| *other != n).collect()
    }

    pub fn config(&self, n: usize) -> EngineConfig {
        let peer = |other: usize| {
            let id = swarm_peer_id(&swarm_key(&key(1, other as u32))).unwrap();
            format!("/ip4/127.0.0.1/tcp/{}/p2p/{id}", self.ports[other])
        };
        let home: PathBuf = self.dirs[n].path().into();
        EngineConfig {
            data: home.join("data"),
            validators: vec![ValidatorKey { key: key(1, n as u32), dir: home.join("validator"), vote_again: false }],
            swarm_key: swarm_key(&key(1, n as u32)),
            listen: SocketAddr::from(([127, 0, 0, 1], self.ports[n])),
            peers: self.others(n).into_iter().map(peer).collect(),
            moniker: format!("node-{n}-{}", self.ports[n]),
            pool: Default::default(),
            admit_threads: 1,
            trusted: None,
            rules_max: leither_types::RULES_VERSION,
            gossip: None,
            meddler: None,
            contracts: Default::default(),
        }
    }

    async fn gossip(&self, n: usize) -> Gossip {
        let addr = |n: usize| format!("/ip4/127.0.0.1/tcp/{}", self.data_ports[n]).parse().unwrap();
        let config = NetConfig {
            key_seed: key(3, n as u32).seed(),
            listen: vec![addr(n)],
            peers: self.others(n).into_iter().map(addr).collect(),
            chain: self.chain(),
            library: None,
            anchors: None,
        };
        let (net, incoming) = DataNet::start(config).await.unwrap();
        Gossip { net: Arc::new(net), incoming }
    }

    /// A peer that nobody knows, which is to connect to node `n` alone.
    pub async fn stranger(&self, n: usize) -> DataNet {
        let at = format!("/ip4/127.0.0.1/tcp/{}", self.data_ports[n]).parse().unwrap();
        let (chain, key_seed) = (self.chain(), key(4, 0).seed());
        let config = NetConfig { key_seed, listen: Vec::new(), peers: vec![at], chain, library: None, anchors: None };
        DataNet::start(config).await.unwrap().0
    }

    pub fn store(&self, n: usize) -> Store {
        self.store_from(n, &self.genesis)
    }

    /// A store of this chain that starts from what `genesis` allots.
    pub fn store_from(&self, n: usize, genesis: &Genesis) -> Store {
        let state = || leither_executor::genesis_state(genesis).map_err(|e| Fault::Corrupt(e.to_string()));
        Store::open(&self.home(n).join("data/db"), &self.genesis.head, &state).unwrap()
    }

    pub async fn start(&self, n: usize) -> TestNode {
        self.start_on(n, self.store(n)).await
    }

    pub async fn start_on(&self, n: usize, store: Store) -> TestNode {
        self.start_with(n, store, false).await
    }

    pub async fn start_with(&self, n: usize, store: Store, vote_again: bool) -> TestNode {
        self.start_by(n, store, vote_again, Contracts::default()).await
    }

    pub async fn start_by(&self, n: usize, store: Store, vote_again: bool, contracts: Contracts) -> TestNode {
        let gossip = if self.ports.len() > 1 { Some(self.gossip(n).await) } else { None };
        let mut config = EngineConfig { gossip, contracts, ..self.config(n) };
        config.validators.iter_mut().for_each(|key| key.vote_again = vote_again);
        let engine = Engine::start(config, store.clone()).await.unwrap();
        let listener = engine.listen();
        TestNode { engine, store, listener }
    }
}

impl TestNode {
    pub async fn next(&mut self) -> Arc<Committed> {
        let heard = tokio::select! {
            heard = timeout(PATIENCE, self.listener.next()) => heard.expect("a pulse in time"),
            fault = self.engine.fault() => panic!("the node stopped: {fault}"),
        };
        match heard {
            Heard::Pulse(pulse) => pulse,
            other => panic!("{other:?}"),
        }
    }

    pub fn height(&self) -> Height {
        self.store.head().unwrap().height
    }

    pub async fn reaches(&self, height: Height) {
        let wait = async {
            while self.height() < height {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::select! {
            done = timeout(PATIENCE, wait) => done.unwrap_or_else(|_| panic!("stays at {} instead of {height}", self.height())),
            fault = self.engine.fault() => panic!("the node stopped: {fault}"),
        }
    }

    /// Waits until all these transactions are in blocks.
    pub async fn finalizes(&self, txs: &[TxId]) {
        let wait = async {
            for tx in txs {
                while self.store.tx(tx).unwrap().is_none() {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            }
        };
        tokio::select! {
            done = timeout(PATIENCE, wait) => done.unwrap_or_else(|_| panic!("not all final at height {}", self.height())),
            fault = self.engine.fault() => panic!("the node stopped: {fault}"),
        }
    }

    pub fn free(&self, n: u32) -> u128 {
        let state = self.store.snapshot().unwrap();
        state.holding(&TokenId::NATIVE, &account(n)).unwrap().map_or(0, |h| h.free.0)
    }

    pub async fn stop(self) {
        drop(self.listener);
        self.engine.stop().await;
    }
}

/// The blocks of all heights, as this node has them, with valid certificates.
pub fn check_history(store: &Store, chain: &Hash) -> Vec<Hash> {
    let set = &store.genesis().validators;
    let head = store.head().unwrap();
    (1..=head.height)
        .map(|height| {
            let block = store.block(height).unwrap().unwrap();
            let certificate = store.certificate(height).unwrap().unwrap();
            assert_eq!(certificate.block, block.id());
            assert!(certificate.is_valid(chain, set), "certificate of height {height}");
            block.id()
        })
        .collect()
}
