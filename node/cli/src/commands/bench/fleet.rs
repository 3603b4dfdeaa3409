//! Nodes of a throw-away chain as child processes, on free loopback ports.

use super::super::node::new_consensus_key;
use crate::config::Config;
use crate::exit::{Done, Failure};
use crate::genesis;
use crate::home::Home;
use crate::keys::{Purpose, create_node_key};
use crate::wallet::now_ms;
use leither_engine::{swarm_key, swarm_peer_id};
use leither_rpc_api::{Client, NoParams, methods};
use leither_types::{AccountId, Amount, Hash, SecretKey, tagged};
use std::ffi::OsString;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// What each account starts with: a thousand mei.
pub const FUNDS: u128 = 1_000 * 1_000_000_000;

/// Running validators.
pub struct Fleet {
    dir: tempfile::TempDir,
    /// The chain's id.
    pub chain: Hash,
    nodes: Vec<Node>,
}

struct Node {
    home: PathBuf,
    rpc: u16,
    process: Child,
}

/// The key of the n-th account.
pub fn key(n: usize) -> SecretKey {
    SecretKey::from_seed(&tagged("leither/bench-key/v1", &[&(n as u64).to_le_bytes()]).0)
}

/// Ports that nobody has now. Somebody may take one before the node does; then the start fails and says so.
fn free_ports(n: usize) -> Done<Vec<u16>> {
    let listeners: Result<Vec<_>, _> = (0..n).map(|_| TcpListener::bind("127.0.0.1:0")).collect();
    let ports: Result<Vec<_>, _> = listeners.map_err(Failure::fault)?.iter().map(|l| l.local_addr().map(|a| a.port())).collect();
    ports.map_err(Failure::fault)
}

impl Fleet {
    /// Makes the chain and starts its nodes.
    pub async fn start(validators: usize, accounts: usize) -> Done<Self> {
        let dir = tempfile::tempdir().map_err(Failure::fault)?;
        let mut form = genesis::new("leither-bench", now_ms()?, false);
        let evidence = tagged("leither/evidence/v1", &[b"a benchmark's play money"]);
        for n in 0..accounts {
            let account = AccountId::of_key(&key(n).public());
            form.allocations.push(genesis::AllocationForm {
                account,
                amount: Amount::new(FUNDS),
                reason: "play money of a benchmark".into(),
                evidence,
            });
        }
        let mut homes = Vec::new();
        let mut peers = Vec::new();
        let ports = free_ports(validators * 3)?;
        for n in 0..validators {
            let home = Home::at(dir.path().join(format!("n{n}")))?;
            home.create()?;
            let consensus = new_consensus_key(&home.validator())?;
            let node = create_node_key(&home.node_key(), Purpose::Node)?;
            let [rpc, p2p, bft] = [ports[n * 3], ports[n * 3 + 1], ports[n * 3 + 2]];
            genesis::add_validator(&mut form, consensus.public(), 1, AccountId::of_key(&consensus.public()))?;
            let id = |key: &SecretKey| swarm_peer_id(key).map_err(Failure::fault);
            peers.push((
                format!("/ip4/127.0.0.1/udp/{p2p}/quic-v1/p2p/{}", id(&node)?),
                format!("/ip4/127.0.0.1/tcp/{bft}/p2p/{}", id(&swarm_key(&consensus))?),
            ));
            homes.push((home, rpc, p2p, bft));
        }
        let checked = genesis::validate(&form)?;
        let mut nodes = Vec::new();
        for (n, (home, rpc, p2p, bft)) in homes.into_iter().enumerate() {
            genesis::write(&home.genesis(), &form)?;
            let others = |pick: fn(&(String, String)) -> &String| {
                let all = peers.iter().enumerate().filter(|(other, _)| *other != n).map(|(_, pair)| pick(pair).clone());
                all.collect::<Vec<_>>().join(",")
            };
            let flags = [
                ("rpc.listen", format!("127.0.0.1:{rpc}")),
                ("p2p.listen", format!("127.0.0.1:{p2p}")),
                ("consensus.listen", format!("127.0.0.1:{bft}")),
                ("metrics.listen", "127.0.0.1:0".to_string()),
                ("gateway.listen", "127.0.0.1:0".to_string()),
                ("p2p.peers", others(|pair| &pair.0)),
                ("consensus.persistent_peers", others(|pair| &pair.1)),
                ("log.level", "warn".into()),
            ];
            let flags: Vec<_> = flags.into_iter().filter(|(_, v)| !v.is_empty()).map(|(k, v)| (k.to_string(), v)).collect();
            let config = Config::load(&home.config(), &mut std::iter::empty(), &flags)?;
            crate::files::replace(&home.config(), config.file_text().as_bytes(), crate::files::OPEN_MODE)
                .map_err(Failure::fault)?;
            nodes.push(Node::spawn(home.root().to_path_buf(), rpc)?);
        }
        let fleet = Self { dir, chain: checked.chain(), nodes };
        for n in 0..validators {
            fleet.wait_for(n).await?;
        }
        Ok(fleet)
    }

    /// The nodes' RPC addresses.
    pub fn urls(&self) -> Vec<String> {
        self.nodes.iter().map(|node| format!("http://127.0.0.1:{}", node.rpc)).collect()
    }

    /// A client of the n-th node.
    pub async fn client(&self, n: usize) -> Done<Client> {
        let urls = self.urls();
        let url = urls.get(n).ok_or_else(|| Failure::fault("no such node"))?;
        Ok(Client::connect(url).await?)
    }

    async fn wait_for(&self, n: usize) -> Done {
        let client = self.client(n).await?;
        let until = Instant::now() + Duration::from_secs(60);
        while client.call(&methods::CHAIN_GET_INFO, NoParams {}).await.is_err() {
            if Instant::now() > until {
                return Err(Failure::fault(format!("node {n} does not answer; its log is {}", self.dir.path().display())));
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Ok(())
    }

    /// CPU time of all nodes.
    pub fn cpu(&self) -> Done<Duration> {
        self.nodes.iter().map(|node| cpu_of(node.process.id())).sum()
    }

    /// Resident memory of all nodes.
    pub fn rss_mb(&self) -> Done<u64> {
        let kb: Done<u64> = self.nodes.iter().map(|node| rss_kb(node.process.id())).sum();
        Ok(kb? / 1024)
    }

    /// What the databases take.
    pub fn disk_bytes(&self) -> Done<u64> {
        self.nodes.iter().map(|node| dir_bytes(&node.home.join("data"))).sum()
    }

    /// Ends the nodes and removes everything.
    pub async fn stop(mut self) {
        for node in &mut self.nodes {
            let _ended = node.process.kill();
            let _reaped = node.process.wait();
        }
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        for node in &mut self.nodes {
            let _ended = node.process.kill();
            let _reaped = node.process.wait();
        }
    }
}

impl Node {
    fn spawn(home: PathBuf, rpc: u16) -> Done<Self> {
        let binary = std::env::current_exe().map_err(Failure::fault)?;
        let log = std::fs::File::create(home.join("run/log")).map_err(Failure::fault)?;
        // Not as text: neither a path nor a variable need be any.
        let kept = |name: &OsString| name == "PATH" || name == "HOME" || name.as_encoded_bytes().starts_with(b"MALLOC_");
        let process = Command::new(binary)
            .arg("--home")
            .arg(&home)
            .arg("run")
            .env_clear()
            .envs(std::env::vars_os().filter(|(name, _)| kept(name)))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .map_err(|e| Failure::fault(format!("cannot start a node: {e}")))?;
        Ok(Self { home, rpc, process })
    }
}

/// This process's CPU time.
pub fn own_cpu() -> Done<Duration> {
    cpu_of(std::process::id())
}

/// User and system time from /proc, in clock ticks of 10 ms.
fn cpu_of(pid: u32) -> Done<Duration> {
    let stat =
        std::fs::read_to_string(format!("/proc/{pid}/stat")).map_err(|e| Failure::fault(format!("node {pid} is gone: {e}")))?;
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|t| t.parse::<u64>().ok()).unwrap_or(0);
    Ok(Duration::from_millis((ticks(11) + ticks(12)) * 10))
}

fn rss_kb(pid: u32) -> Done<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).map_err(Failure::fault)?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    Ok(line.and_then(|line| line.split_whitespace().nth(1)).and_then(|kb| kb.parse().ok()).unwrap_or(0))
}

fn dir_bytes(dir: &std::path::Path) -> Done<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(dir).map_err(Failure::fault)? {
        let meta = entry.and_then(|e| e.metadata()).map_err(Failure::fault)?;
        bytes += if meta.is_file() { meta.len() } else { 0 };
    }
    Ok(bytes)
}
