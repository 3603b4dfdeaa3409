//! How a node comes to its chain before it runs: the genesis by its hash, and a snapshot instead of all blocks (ENGINE-13).

use super::db::{has_database, open_existing};
use crate::compose::net_config;
use crate::config::{self, Config, SyncMode};
use crate::exit::{Done, Failure};
use crate::files;
use crate::home::Home;
use crate::wallet::now_ms;
use leither_engine::join::{self, JoinError, Trusted};
use leither_failpoints::hit;
use leither_net::{Net, PeerInfo};
use leither_pallets::params;
use leither_store::OpenError;
use leither_store::snapshots::remove_unfinished_restore;
use leither_types::{Genesis, GenesisHead, Hash, Height, Millis, Params, SecretKey};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// With fewer blocks to fetch than this, a snapshot saves nothing.
const FEW_BLOCKS: Height = 5_000;

async fn swarm(config: &Config, key: &SecretKey, chain: Hash) -> Done<Arc<Net>> {
    let mut wanted = net_config(config, key, chain, None, None);
    // It asks and serves nothing: nobody has to reach it.
    wanted.listen.clear();
    let (net, _) = Net::start(wanted).await?;
    Ok(Arc::new(net))
}

async fn close(net: Arc<Net>) {
    if let Ok(net) = Arc::try_unwrap(net) {
        net.shutdown().await;
    }
}

/// The genesis of this hash, from the peers in the settings.
pub(super) async fn genesis(home: &Home, key: &SecretKey, chain: &Hash) -> Done<Genesis> {
    let config = Config::load(&home.config(), &mut config::variables(std::env::vars_os())?.into_iter(), &[])?;
    let net = swarm(&config, key, *chain).await?;
    let found = join::fetch_genesis(&net, chain).await;
    close(net).await;
    hit("join/genesis");
    Ok(found?)
}

/// A trusted block counts until the chain has passed it, over restarts, too: else a forged chain that ends before it would be believed at the
/// next start. A new one takes its place.
pub(super) fn remember(home: &Home, given: Option<Trusted>) -> Done<Option<Trusted>> {
    let path = home.trusted();
    if let Some(trusted) = given {
        let text = format!("{}:{}\n", trusted.height, trusted.block);
        files::replace(&path, text.as_bytes(), files::OPEN_MODE).map_err(|e| disk(&path, &e))?;
        hit("join/trusted");
        return Ok(given);
    }
    match std::fs::read_to_string(&path) {
        Ok(text) => super::node::trusted(text.trim())
            .map(Some)
            .map_err(|why| Failure::usage(format!("{}: {why}", path.display()))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(disk(&path, &error)),
    }
}

/// What is on disk: the height and time of a database's head.
struct Local {
    height: Height,
    time: Millis,
    params: Params,
}

/// Brings a new node, or one that fell behind all its peers, to a snapshot, where that is wanted. A node that is not new, and one without
/// peers, is left as it is. A founder begins the chain, and does not wait for peers to have it.
pub(super) async fn chain(
    home: &Home,
    config: &Config,
    key: &SecretKey,
    genesis: &GenesisHead,
    is_founder: bool,
    trusted: Option<Trusted>,
) -> Done {
    let data = home.data();
    remove_unfinished_restore(&data).map_err(Failure::fault)?;
    put_back(&data)?;
    // To look at a large database takes seconds, so only who needs to does.
    if config.p2p.peers.is_empty() || (is_founder && config.sync != SyncMode::Snapshot) {
        return Ok(());
    }
    let local = look(data.clone(), genesis.clone()).await?;
    let (height, time, params) = match &local {
        Some(local) => (local.height, local.time, local.params.clone()),
        None => (0, genesis.time, genesis.params.clone()),
    };
    // On a development chain everybody has every key; there is nobody to be trusted.
    if !is_founder && !genesis.dev {
        join::check_anchor(time, now_ms()?, &params, trusted, height)?;
    }
    let is_new = height == 0;
    let wanted = match config.sync {
        SyncMode::Blocks => false,
        SyncMode::Auto => is_new,
        SyncMode::Snapshot => true,
    };
    if !wanted {
        return Ok(());
    }
    let net = swarm(config, key, genesis.chain()).await?;
    let done = snapshot(&net, config.sync, genesis, trusted, &data, height).await;
    close(net).await;
    done
}

async fn snapshot(
    net: &Arc<Net>,
    mode: SyncMode,
    genesis: &GenesisHead,
    trusted: Option<Trusted>,
    data: &Path,
    height: Height,
) -> Done {
    let peers = match join::peers(net).await {
        Ok(peers) => peers,
        // It may have all that it needs later: a running node goes on asking.
        Err(error) if mode == SyncMode::Auto => {
            tracing::warn!(%error, "no peer answers yet; the node starts and goes on asking");
            return Ok(());
        }
        Err(error) => return Err(error.into()),
    };
    let had = has_database(data) && height > 0;
    // A database that is up to date is not thrown away for a snapshot.
    if (mode == SyncMode::Auto || had) && !is_worth_it(&peers, height) {
        return Ok(());
    }
    let aside = aside(data);
    if has_database(data) {
        std::fs::rename(data, &aside).map_err(|e| disk(data, &e))?;
        hit("join/aside");
    }
    let last = AtomicU64::new(0);
    let progress = move |done: u64, all: u64| {
        let percent = done.saturating_mul(100) / all.max(1);
        if percent / 10 > last.swap(percent, Ordering::Relaxed) / 10 {
            tracing::info!(percent, bytes = done, of = all, "snapshot");
        }
    };
    match join::fetch_snapshot(net.clone(), genesis.clone(), trusted, data, progress).await {
        Ok(height) => {
            hit("join/taken");
            tracing::info!(height, "the state of this height was taken from a snapshot; blocks follow from there");
            if aside.exists() {
                std::fs::remove_dir_all(&aside).map_err(|e| disk(&aside, &e))?;
            }
            Ok(())
        }
        Err(error) => {
            put_back(data)?;
            let all_blocks = peers.iter().any(|peer| peer.lowest <= height.saturating_add(1));
            if mode == SyncMode::Auto && all_blocks && !matches!(error, JoinError::Snapshot(_)) {
                tracing::warn!(%error, "no snapshot; every block is fetched instead");
                return Ok(());
            }
            Err(error.into())
        }
    }
}

/// Much is to be fetched, or nobody has what comes next.
fn is_worth_it(peers: &[PeerInfo], height: Height) -> bool {
    let best = peers.iter().map(|peer| peer.height).max().unwrap_or(0);
    let lowest = peers.iter().map(|peer| peer.lowest).min().unwrap_or(1);
    best.saturating_sub(height) > FEW_BLOCKS || lowest > height.saturating_add(1)
}

fn disk(path: &Path, error: &std::io::Error) -> Failure {
    Failure::fault(format!("{}: {error}", path.display()))
}

fn aside(data: &Path) -> PathBuf {
    data.with_extension("before-snapshot")
}

/// A former database, where a snapshot was to take its place and did not. The database is renamed as a whole, so whichever is there is whole.
fn put_back(data: &Path) -> Done {
    let aside = aside(data);
    if !aside.exists() {
        return Ok(());
    }
    if has_database(data) {
        return std::fs::remove_dir_all(&aside).map_err(|e| disk(&aside, &e));
    }
    if data.exists() {
        std::fs::remove_dir_all(data).map_err(|e| disk(data, &e))?;
    }
    std::fs::rename(&aside, data).map_err(|e| disk(&aside, &e))
}

async fn look(data: PathBuf, genesis: GenesisHead) -> Done<Option<Local>> {
    if !has_database(&data) {
        return Ok(None);
    }
    let open = move || -> Result<Local, OpenError> {
        let store = open_existing(&data, &genesis)?;
        let fault = |fault| OpenError::Genesis(fault);
        let head = store.head().map_err(fault)?;
        let state = store.snapshot().map_err(fault)?;
        Ok(Local { height: head.height, time: head.time, params: params::views::params(&*state).map_err(fault)? })
    };
    match tokio::task::spawn_blocking(open).await.map_err(Failure::fault)? {
        Ok(local) => Ok(Some(local)),
        // A first start was cut short before anything was written: it is new.
        Err(OpenError::Genesis(_)) => Ok(None),
        Err(error) => Err(Failure::new(crate::exit::Exit::Fault, error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(height: Height, lowest: Height) -> PeerInfo {
        let address = "/ip4/127.0.0.1/tcp/1".parse().unwrap();
        PeerInfo { id: leither_net::PeerId::random(), address, outbound: true, height, lowest, software: String::new() }
    }

    /// ENGINE-13.
    #[test]
    fn a_snapshot_is_worth_it_where_much_is_missing_or_nobody_keeps_what_comes_next() {
        assert!(!is_worth_it(&[peer(100, 1)], 0));
        assert!(is_worth_it(&[peer(100_000, 1)], 0));
        assert!(is_worth_it(&[peer(300, 200)], 0));
        assert!(!is_worth_it(&[peer(300, 200), peer(300, 1)], 0));
    }

    #[test]
    fn a_database_that_was_put_aside_comes_back_unless_another_took_its_place() {
        let top = tempfile::tempdir().unwrap();
        let data = top.path().join("data");
        let put = |dir: &Path, what: &str| {
            std::fs::create_dir_all(dir).unwrap();
            std::fs::write(dir.join("CURRENT"), what).unwrap();
        };
        put(&aside(&data), "old");
        put_back(&data).unwrap();
        assert_eq!(std::fs::read_to_string(data.join("CURRENT")).unwrap(), "old");
        put(&aside(&data), "older");
        put_back(&data).unwrap();
        assert_eq!(std::fs::read_to_string(data.join("CURRENT")).unwrap(), "old");
        assert!(!aside(&data).exists());
    }
}
