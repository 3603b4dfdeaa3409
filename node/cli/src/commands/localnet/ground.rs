//! Where a local net lives: its directory, its genesis, a home for each node, and the ports and links by which they find one another.
//!
//! ```text
//! DIR/localnet.json   what makes it a local net's: written last, once all that belongs to it is there
//! DIR/genesis.json    the chain
//! DIR/node-N/         a home as any node's, and its log
//! ```

use super::super::node::new_consensus_key;
use super::command::{NODES_MAX, VALIDATORS_MAX};
use super::proxy::Relays;
use crate::config::Config;
use crate::exit::{Done, Failure};
use crate::files;
use crate::genesis;
use crate::home::Home;
use crate::keys::{DEV_NAMES, Purpose, Role, create_node_key, dev_key, load_node_key};
use crate::wallet::now_ms;
use leither_engine::{swarm_key, swarm_peer_id};
use leither_types::{AccountId, Amount, Hash, SecretKey, tagged};
use serde::{Deserialize, Serialize};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};

/// Accounts that send the load, funded from the start.
pub const LOAD_ACCOUNTS: u32 = 200;
/// The first of them among the dev words' keys; those before it are the named accounts and the validators' operators.
const LOAD_FROM: u32 = 64;
/// What each account starts with, in mei.
const FUNDS_MEI: u128 = 1_000_000;
/// Without transactions a block comes every so many pulses, so that a net at rest shows that it lives.
const HEARTBEAT_PULSES: u64 = 5;
/// Between the first ports of two nodes, where ports are given.
const PORTS_STEP: u16 = 10;
const MARKER_BYTES_MAX: u64 = 4_096;
const MARKER_VERSION: u8 = 1;
/// Time between pulses where nothing is said.
const PULSE_MS: u64 = 1_000;

/// What a node listens on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ports {
    /// JSON-RPC.
    pub rpc: u16,
    p2p: u16,
    consensus: u16,
    metrics: u16,
    gateway: u16,
    swarm: u16,
}

/// A node's place.
#[derive(Clone, Debug)]
pub struct Site {
    /// From 1.
    pub number: usize,
    /// Its home.
    pub home: Home,
    /// What it listens on.
    pub ports: Ports,
    /// Its id in the data swarm; nothing before its home is made.
    data_id: Option<String>,
    consensus_id: Option<String>,
}

impl Site {
    /// Where its JSON-RPC answers.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports.rpc)
    }

    /// Its log.
    pub fn log(&self) -> PathBuf {
        self.home.root().join("log")
    }
}

/// Which net is wanted.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Where, kept; a throw-away directory where it is not said.
    pub dir: Option<PathBuf>,
    /// How many validators.
    pub nodes: Option<usize>,
    /// Time between pulses, in ms.
    pub pulse: Option<u64>,
    /// The first node's first port.
    pub base_port: Option<u16>,
    /// For the links' chances.
    pub seed: u64,
}

/// What `localnet.json` says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Marker {
    version: u8,
    /// Validators from the start.
    founders: usize,
    /// All nodes, those that joined included.
    nodes: usize,
    pulse_ms: u64,
}

/// A net's ground.
pub struct Ground {
    /// The directory.
    pub dir: PathBuf,
    /// The chain's id.
    pub chain: Hash,
    /// The links.
    pub relays: Relays,
    marker: Marker,
    base_port: Option<u16>,
    /// Removed at the end.
    temporary: Option<tempfile::TempDir>,
}

/// The secret key of the n-th account that sends load.
pub fn load_key(n: u32) -> Option<SecretKey> {
    dev_key(Role::Wallet, LOAD_FROM.checked_add(n)?)
}

impl Ground {
    /// LOCALNET-3: founds a net in an empty place, or finds the one that is there, and wires it.
    pub async fn open(wanted: &Wanted) -> Done<(Self, Vec<Site>)> {
        check(wanted)?;
        let (dir, temporary) = match &wanted.dir {
            Some(dir) => (std::path::absolute(dir).map_err(Failure::usage)?, None),
            None => {
                let temporary = tempfile::Builder::new().prefix("leither-net-").tempdir().map_err(Failure::fault)?;
                (temporary.path().to_path_buf(), Some(temporary))
            }
        };
        let marker = match read_marker(&dir)? {
            Some(marker) => same(wanted, marker, &dir)?,
            None => found(&dir, wanted.nodes.unwrap_or(4), wanted.pulse.unwrap_or(PULSE_MS))?,
        };
        let chain = genesis::load(&dir.join("genesis.json"))?.chain();
        let relays = Relays::new(wanted.seed);
        let mut ground = Self { dir, chain, relays, marker, base_port: wanted.base_port, temporary };
        let mut kept = Vec::new();
        let mut sites = Vec::new();
        for number in 1..=ground.marker.nodes {
            let (ports, listeners) = reserve(ground.base_port, number)?;
            kept.push(listeners);
            sites.push(ground.site(number, ports)?);
        }
        for site in &sites {
            let peers = ground.peers_of(site.number, &sites).await?;
            configure(site, &peers)?;
        }
        // Only now may the nodes have their ports: until here no relay could take one.
        drop(kept);
        Ok((ground, sites))
    }

    /// Validators from the start.
    pub fn founders(&self) -> usize {
        self.marker.founders
    }

    /// Time between pulses.
    pub fn pulse_ms(&self) -> u64 {
        self.marker.pulse_ms
    }

    /// Whether it goes away at the end.
    pub fn is_temporary(&self) -> bool {
        self.temporary.is_some()
    }

    /// A place for one more node, and the words with which `leither` makes its home: it fetches the chain from node `from`.
    pub async fn invite(&mut self, sites: &[Site], from: usize) -> Done<(Site, Vec<String>)> {
        let number = self.marker.nodes.saturating_add(1);
        if number > NODES_MAX {
            return Err(Failure::usage(format!("a local net has at most {NODES_MAX} nodes")));
        }
        let (ports, kept) = reserve(self.base_port, number)?;
        let home = Home::at(self.dir.join(format!("node-{number}")))?;
        let site = Site { number, home, ports, data_id: None, consensus_id: None };
        let peers = self.peers_of(number, sites).await?;
        drop(kept);
        let host = sites.iter().position(|site| site.number == from);
        let address = host.and_then(|at| peers.data.get(at)).ok_or_else(|| Failure::usage(format!("there is no node {from}")))?;
        let chain = self.chain.to_string();
        let words = ["init", "--join", address.as_str(), "--chain", chain.as_str(), "--validator"];
        let mut words: Vec<String> = words.into_iter().map(String::from).collect();
        for (key, value) in settings(&site, &peers) {
            words.push("--set".into());
            words.push(format!("{key}={value}"));
        }
        Ok((site, words))
    }

    /// The node that was invited has a home now, and belongs to the net from here on.
    pub fn admit(&mut self, site: &Site) -> Done<Site> {
        let site = self.site(site.number, site.ports)?;
        let marker = Marker { nodes: site.number, ..self.marker.clone() };
        write_marker(&self.dir, &marker)?;
        self.marker = marker;
        Ok(site)
    }

    fn site(&self, number: usize, ports: Ports) -> Done<Site> {
        let home = Home::at(self.dir.join(format!("node-{number}")))?;
        let id = |key: &SecretKey| swarm_peer_id(key).map_err(Failure::fault);
        let data_id = Some(id(&load_node_key(&home.node_key(), Purpose::Node)?)?);
        let consensus_id = match home.consensus_key().exists() {
            true => Some(id(&swarm_key(&load_node_key(&home.consensus_key(), Purpose::Consensus)?))?),
            false => None,
        };
        Ok(Site { number, home, ports, data_id, consensus_id })
    }

    /// LOCALNET-5: whom a node dials, each through a relay of its own: the founders all other founders, who joined all before it.
    async fn peers_of(&mut self, number: usize, sites: &[Site]) -> Done<Peers> {
        let mut peers = Peers::default();
        for other in sites.iter().filter(|other| dials(number, other.number, self.marker.founders)) {
            if let Some(id) = &other.data_id {
                let port = self.relays.open(number, other.number, other.ports.p2p).await?;
                peers.data.push(address(port, id));
            }
            if let Some(id) = &other.consensus_id {
                let port = self.relays.open(number, other.number, other.ports.consensus).await?;
                peers.consensus.push(address(port, id));
            }
        }
        Ok(peers)
    }
}

/// Whom a node dials.
#[derive(Default)]
struct Peers {
    data: Vec<String>,
    consensus: Vec<String>,
}

fn dials(number: usize, other: usize, founders: usize) -> bool {
    number != other && (other < number || other <= founders)
}

fn address(port: u16, id: &str) -> String {
    format!("/ip4/127.0.0.1/tcp/{port}/p2p/{id}")
}

fn check(wanted: &Wanted) -> Done {
    if wanted.nodes.is_some_and(|n| !(1..=VALIDATORS_MAX).contains(&n)) {
        return Err(Failure::usage(format!("--nodes is 1 to {VALIDATORS_MAX}; more join later by `join`")));
    }
    if wanted.pulse.is_some_and(|ms| !(20..=10_000).contains(&ms)) {
        return Err(Failure::usage("--pulse is 20 to 10000 ms"));
    }
    let highest = usize::from(PORTS_STEP).saturating_mul(NODES_MAX);
    if wanted
        .base_port
        .is_some_and(|port| port < 1_024 || usize::from(port).saturating_add(highest) > usize::from(u16::MAX))
    {
        let most = usize::from(u16::MAX).saturating_sub(highest);
        return Err(Failure::usage(format!("--base-port is 1024 to {most}: each node takes the first six of ten ports")));
    }
    Ok(())
}

/// A node's ports, and what keeps others from taking them until it starts.
fn reserve(base: Option<u16>, number: usize) -> Done<(Ports, Vec<TcpListener>)> {
    let first = match base {
        Some(base) => {
            let step = u16::try_from(number.saturating_sub(1)).ok().and_then(|n| n.checked_mul(PORTS_STEP));
            let first = step.and_then(|step| base.checked_add(step));
            Some(first.ok_or_else(|| Failure::usage("--base-port is too high for so many nodes"))?)
        }
        None => None,
    };
    let mut ports = Vec::new();
    let mut kept = Vec::new();
    for n in 0..6u16 {
        let port = first.map_or(0, |first| first.saturating_add(n));
        let taken = |e| Failure::fault(format!("node {number} cannot have port {port}: {e}; choose another --base-port"));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(taken)?;
        ports.push(listener.local_addr().map_err(Failure::fault)?.port());
        kept.push(listener);
    }
    match ports.as_slice() {
        [rpc, p2p, consensus, metrics, gateway, swarm] => {
            let ports =
                Ports { rpc: *rpc, p2p: *p2p, consensus: *consensus, metrics: *metrics, gateway: *gateway, swarm: *swarm };
            Ok((ports, kept))
        }
        _ => Err(Failure::fault("a node without ports")),
    }
}

fn settings(site: &Site, peers: &Peers) -> Vec<(String, String)> {
    let Ports { rpc, p2p, consensus, metrics, gateway, swarm } = site.ports;
    let listen = [
        ("rpc.listen", rpc),
        ("p2p.listen", p2p),
        ("consensus.listen", consensus),
        ("metrics.listen", metrics),
        ("gateway.listen", gateway),
        ("swarm.listen", swarm),
    ];
    let mut settings: Vec<_> = listen.into_iter().map(|(key, port)| (key.to_string(), format!("127.0.0.1:{port}"))).collect();
    settings.push(("moniker".into(), format!("node-{}", site.number)));
    settings.push(("p2p.peers".into(), peers.data.join(",")));
    settings.push(("consensus.persistent_peers".into(), peers.consensus.join(",")));
    settings
}

/// Writes a node's settings; what its owner changed beside ports and peers stays.
fn configure(site: &Site, peers: &Peers) -> Done {
    let path = site.home.config();
    let mut flags = settings(site, peers);
    if !path.exists() {
        flags.push(("log.level".into(), "warn".into()));
    }
    let config = Config::load(&path, &mut std::iter::empty(), &flags)?;
    let written = files::replace(&path, config.file_text().as_bytes(), files::OPEN_MODE);
    written.map_err(|e| Failure::fault(format!("cannot write {}: {e}", path.display())))
}

/// LOCALNET-3: a place that is neither empty nor a local net's is left alone.
fn read_marker(dir: &Path) -> Done<Option<Marker>> {
    let shown = dir.display();
    match files::read_within(&dir.join("localnet.json"), MARKER_BYTES_MAX) {
        Ok(bytes) => {
            let marker: Marker = serde_json::from_slice(&bytes)
                .map_err(|e| Failure::usage(format!("{shown}/localnet.json cannot be read: {e}; choose another --dir")))?;
            let fits = marker.version == MARKER_VERSION
                && (1..=VALIDATORS_MAX).contains(&marker.founders)
                && (marker.founders..=NODES_MAX).contains(&marker.nodes);
            if !fits {
                return Err(Failure::usage(format!("{shown}/localnet.json is of no net of this version: choose another --dir")));
            }
            Ok(Some(marker))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            files::private_dir(dir).map_err(|e| Failure::usage(format!("cannot create {shown}: {e}")))?;
            let mut inside = std::fs::read_dir(dir).map_err(|e| Failure::usage(format!("cannot read {shown}: {e}")))?;
            match inside.next() {
                None => Ok(None),
                Some(_) => {
                    Err(Failure::usage(format!("{shown} is neither empty nor a local net: choose another --dir, or empty it")))
                }
            }
        }
        Err(error) => Err(Failure::usage(format!("cannot read {shown}/localnet.json: {error}"))),
    }
}

fn write_marker(dir: &Path, marker: &Marker) -> Done {
    let text = serde_json::to_vec_pretty(marker).map_err(Failure::fault)?;
    let written = files::replace(&dir.join("localnet.json"), &text, files::OPEN_MODE);
    written.map_err(|e| Failure::fault(format!("cannot write {}/localnet.json: {e}", dir.display())))
}

/// What is asked of a net that is there must be what it is.
fn same(wanted: &Wanted, marker: Marker, dir: &Path) -> Done<Marker> {
    let shown = dir.display();
    if wanted.nodes.is_some_and(|nodes| nodes != marker.founders) {
        let founders = marker.founders;
        return Err(Failure::usage(format!(
            "{shown} is a net of {founders} validators: leave --nodes out, or choose another --dir"
        )));
    }
    if wanted.pulse.is_some_and(|pulse| pulse != marker.pulse_ms) {
        let pulse = marker.pulse_ms;
        return Err(Failure::usage(format!("{shown} has a pulse of {pulse} ms: leave --pulse out, or choose another --dir")));
    }
    Ok(marker)
}

/// Makes the chain and the founders' homes.
fn found(dir: &Path, founders: usize, pulse_ms: u64) -> Done<Marker> {
    let mut form = genesis::new("leither-localnet", now_ms()?, true);
    form.params.pulse_ms = pulse_ms;
    form.params.pulse_min_ms = form.params.pulse_min_ms.min(pulse_ms);
    form.params.heartbeat_ms = pulse_ms.saturating_mul(HEARTBEAT_PULSES).min(form.params.epoch_ms).max(pulse_ms);
    let missing = || Failure::fault("the public words give no key");
    let evidence = tagged("leither/evidence/v1", &[b"a local net's play money"]);
    let operators = u32::try_from(VALIDATORS_MAX.max(DEV_NAMES.len())).map_err(Failure::fault)?;
    for index in (0..operators).chain(LOAD_FROM..LOAD_FROM.saturating_add(LOAD_ACCOUNTS)) {
        let account = AccountId::of_key(&dev_key(Role::Wallet, index).ok_or_else(missing)?.public());
        let amount = Amount::new(FUNDS_MEI * 1_000_000_000);
        genesis::add_allocation(&mut form, account, amount, "play money of a local net", evidence)?;
    }
    let mut homes = Vec::new();
    for number in 1..=founders {
        let home = Home::at(dir.join(format!("node-{number}")))?;
        home.create()?;
        let consensus = new_consensus_key(&home.validator())?;
        create_node_key(&home.node_key(), Purpose::Node)?;
        let index = u32::try_from(number - 1).map_err(Failure::fault)?;
        let operator = AccountId::of_key(&dev_key(Role::Wallet, index).ok_or_else(missing)?.public());
        genesis::add_validator(&mut form, consensus.public(), 1, operator)?;
        homes.push(home);
    }
    genesis::validate(&form)?;
    genesis::write(&dir.join("genesis.json"), &form)?;
    for home in &homes {
        genesis::write(&home.genesis(), &form)?;
    }
    let marker = Marker { version: MARKER_VERSION, founders, nodes: founders, pulse_ms };
    write_marker(dir, &marker)?;
    Ok(marker)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::Exit;

    fn wanted(dir: &Path, nodes: usize) -> Wanted {
        Wanted { dir: Some(dir.into()), nodes: Some(nodes), seed: 1, ..Wanted::default() }
    }

    fn config(site: &Site) -> Config {
        Config::load(&site.home.config(), &mut std::iter::empty(), &[]).unwrap()
    }

    // LOCALNET-3
    #[tokio::test]
    async fn a_net_is_founded_in_an_empty_place_and_found_there_again() {
        let dir = tempfile::tempdir().unwrap();
        let at = dir.path().join("net");
        let (ground, sites) = Ground::open(&Wanted { pulse: Some(100), ..wanted(&at, 3) }).await.unwrap();
        let chain = ground.chain;
        assert_eq!((ground.founders(), ground.pulse_ms(), ground.is_temporary(), sites.len()), (3, 100, false, 3));
        drop(ground);
        // What the owner changed stays.
        let text = std::fs::read_to_string(sites[1].home.config()).unwrap();
        std::fs::write(sites[1].home.config(), text.replace("\"warn\"", "\"debug\"")).unwrap();

        let (ground, again) = Ground::open(&Wanted { dir: Some(at.clone()), ..Wanted::default() }).await.unwrap();
        assert_eq!((ground.chain, again.len()), (chain, 3));
        assert_eq!(again[1].data_id, sites[1].data_id);
        assert_eq!(config(&again[1]).log.level, "debug");
        assert_eq!(config(&again[1]).rpc.listen.port(), again[1].ports.rpc, "ports are those of this run");
        drop(ground);
        for other in [wanted(&at, 4), Wanted { pulse: Some(1_000), ..wanted(&at, 3) }] {
            let failure = Ground::open(&other).await.err().unwrap();
            assert_eq!(failure.exit, Exit::Usage);
            assert!(failure.sentence.contains("leave --"), "{}", failure.sentence);
        }
    }

    // LOCALNET-3
    #[tokio::test]
    async fn a_place_with_something_else_in_it_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("letter"), "dear").unwrap();
        let failure = Ground::open(&wanted(dir.path(), 1)).await.err().unwrap();
        assert!(failure.exit == Exit::Usage && failure.sentence.contains("neither empty"), "{}", failure.sentence);
        for text in [
            "{}",
            "junk",
            r#"{"version":1,"founders":0,"nodes":0,"pulse_ms":1}"#,
            r#"{"version":1,"founders":1,"nodes":99,"pulse_ms":1}"#,
        ] {
            std::fs::write(dir.path().join("localnet.json"), text).unwrap();
            let failure = Ground::open(&wanted(dir.path(), 1)).await.err().unwrap();
            assert!(failure.exit == Exit::Usage && failure.sentence.contains("localnet.json"), "{text}: {}", failure.sentence);
        }
        let left: Vec<_> = std::fs::read_dir(dir.path()).unwrap().collect();
        assert_eq!(left.len(), 2, "nothing was added");
    }

    #[tokio::test]
    async fn what_cannot_be_is_refused_before_anything_is_made() {
        let dir = tempfile::tempdir().unwrap();
        let at = dir.path().join("net");
        let plain = wanted(&at, 4);
        let bad = [
            Wanted { nodes: Some(0), ..plain.clone() },
            Wanted { nodes: Some(17), ..plain.clone() },
            Wanted { pulse: Some(19), ..plain.clone() },
            Wanted { pulse: Some(10_001), ..plain.clone() },
            Wanted { base_port: Some(80), ..plain.clone() },
            Wanted { base_port: Some(65_300), ..plain },
        ];
        for bad in &bad {
            assert_eq!(Ground::open(bad).await.err().unwrap().exit, Exit::Usage, "{bad:?}");
        }
        assert!(!at.exists());
    }

    // LOCALNET-5
    #[tokio::test]
    async fn every_node_names_every_other_and_only_by_relays_of_its_own() {
        let dir = tempfile::tempdir().unwrap();
        let (_ground, sites) = Ground::open(&wanted(&dir.path().join("net"), 4)).await.unwrap();
        let mut relays = Vec::new();
        for site in &sites {
            let config = config(site);
            for (peers, ids) in [
                (&config.p2p.peers, sites.iter().map(|s| s.data_id.clone()).collect::<Vec<_>>()),
                (&config.consensus.persistent_peers, sites.iter().map(|s| s.consensus_id.clone()).collect()),
            ] {
                let named: Vec<String> = peers.iter().map(ToString::to_string).collect();
                let others = ids.iter().flatten().enumerate().filter(|(at, _)| at + 1 != site.number).map(|(_, id)| id);
                assert!(others.clone().zip(&named).all(|(id, named)| named.ends_with(&format!("/p2p/{id}"))), "{named:?}");
                assert_eq!(named.len(), 3);
                relays.extend(named.iter().map(|named| named.split('/').nth(4).unwrap().to_string()));
            }
        }
        let own: Vec<String> = sites.iter().flat_map(|s| [s.ports.p2p, s.ports.consensus]).map(|port| port.to_string()).collect();
        assert!(relays.iter().all(|port| !own.contains(port)), "a node is reached past its relay");
        relays.sort();
        relays.dedup();
        assert_eq!(relays.len(), 4 * 3 * 2);
    }

    // LOCALNET-5
    #[tokio::test]
    async fn who_joins_is_told_of_all_who_are_there_and_counts_once_its_home_is_made() {
        let dir = tempfile::tempdir().unwrap();
        let at = dir.path().join("net");
        let (mut ground, sites) = Ground::open(&wanted(&at, 2)).await.unwrap();
        let (site, words) = ground.invite(&sites, 2).await.unwrap();
        assert_eq!(site.number, 3);
        let line = words.join(" ");
        assert!(
            line.starts_with("init --join /ip4/127.0.0.1/tcp/") && line.contains(&format!("--chain {}", ground.chain)),
            "{line}"
        );
        let peers = words.iter().find_map(|word| word.strip_prefix("p2p.peers=")).unwrap();
        assert_eq!(peers.split(',').count(), 2);
        let host = sites[1].data_id.clone().unwrap();
        assert!(words[2].ends_with(&host) && peers.ends_with(&words[2]), "node 2 is the host, and {peers}");
        // A home that was not made is no node.
        assert!(ground.admit(&site).is_err());
        assert_eq!(read_marker(&at).unwrap().unwrap().nodes, 2);
        site.home.create().unwrap();
        create_node_key(&site.home.node_key(), Purpose::Node).unwrap();
        assert!(ground.admit(&site).unwrap().data_id.is_some());
        assert_eq!(read_marker(&at).unwrap().unwrap().nodes, 3);
        assert!(dials(3, 1, 2) && dials(1, 2, 2) && !dials(1, 3, 2) && dials(4, 3, 2) && !dials(3, 4, 2));
    }
}
