//! How a node comes to its chain before it runs: the genesis by its hash, and a snapshot instead of all blocks (ENGINE-13).

use super::db::{has_database, open_existing};
use crate::compose::net_config;
use crate::config::{self, Config, SyncMode};
use crate::exit::{Done, Failure};
use crate::files;
use crate::home::Home;
use crate::wallet::now_ms;
use leither_engine::join::{self, Anchor, JoinError, Known, Trusted, Wanted, Which};
use leither_failpoints::hit;
use leither_net::{Net, PeerInfo};
use leither_pallets::{params, staking};
use leither_state::Fault;
use leither_store::snapshots::remove_unfinished_restore;
use leither_store::{OpenError, Store, tree_bytes};
use leither_types::{Genesis, GenesisHead, Hash, Height, Params, SecretKey, ValidatorId};
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

/// The genesis of this hash, from the peers in the settings.
pub(super) async fn genesis(home: &Home, key: &SecretKey, chain: &Hash) -> Done<Genesis> {
    let config = Config::load(&home.config(), &mut config::variables(std::env::vars_os())?.into_iter(), &[])?;
    let net = swarm(&config, key, *chain).await?;
    let found = join::fetch_genesis(&net, chain).await;
    net.shutdown().await;
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
    remembered(home)
}

/// The block of an earlier start, if any.
pub(super) fn remembered(home: &Home) -> Done<Option<Trusted>> {
    let path = home.trusted();
    match std::fs::read_to_string(&path) {
        Ok(text) => super::node::trusted(text.trim())
            .map(Some)
            .map_err(|why| Failure::usage(format!("{}: {why}", path.display()))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(disk(&path, &error)),
    }
}

/// Whether one of these consensus keys is in the first set.
pub(super) fn is_founder(keys: &[(PathBuf, SecretKey)], genesis: &GenesisHead) -> bool {
    keys.iter().any(|(_, key)| genesis.validators.get(&ValidatorId::of_key(&key.public())).is_some())
}

/// What the owner says of the chain.
pub(super) struct Word {
    /// He was there when it began.
    pub is_founder: bool,
    /// A block that he trusts, from this start or an earlier one.
    pub trusted: Option<Trusted>,
    /// The one from this start.
    pub given: Option<Trusted>,
}

/// What is on disk.
struct Local {
    anchor: Anchor,
    params: Params,
    known: Known,
    /// The block at the trusted height, if this database has it.
    at_trusted: Option<Hash>,
}

/// Brings a new node, or one that fell behind all its peers, to a snapshot, where that is wanted. A node that is not new, and one without
/// peers, is left as it is. A founder begins the chain, and does not wait for peers to have it.
pub(super) async fn chain(home: &Home, config: &Config, key: &SecretKey, genesis: &GenesisHead, word: &Word) -> Done {
    let data = home.data();
    remove_unfinished_restore(&data).map_err(Failure::fault)?;
    put_back(&data)?;
    // RECOVER-7: no genesis file has its first state.
    let needs_state = genesis.origin.is_some() && !has_database(&data);
    if needs_state && config.p2p.peers.is_empty() {
        return Err(Failure::usage(
            "this chain goes on from another one's state, which a peer has to give: name one by `leither init --set p2p.peers=…`, or take a \
             copy of the old chain's snapshot with `leither snapshot restore DIR`",
        ));
    }
    // To look at a large database takes seconds, so only who needs to does.
    if config.p2p.peers.is_empty() || (word.is_founder && config.sync != SyncMode::Snapshot && !needs_state) {
        return Ok(());
    }
    let local = look(data.clone(), genesis.clone(), word.trusted).await?;
    let (anchor, params) = match &local {
        Some(local) => (local.anchor, local.params.clone()),
        None => (Anchor::genesis(genesis), genesis.params.clone()),
    };
    if let (Some(trusted), Some(found)) = (word.trusted, local.as_ref().and_then(|local| local.at_trusted))
        && found != trusted.block
    {
        return Err(JoinError::OtherBlock { height: trusted.height, found }.into());
    }
    // On a development chain everybody has every key; there is nobody to be trusted.
    if !word.is_founder && !genesis.dev {
        anchor.check(now_ms()?, &params, word.trusted, word.given)?;
    }
    let is_new = anchor.height == 0;
    let wanted = match config.sync {
        SyncMode::Blocks => false,
        SyncMode::Auto => is_new,
        SyncMode::Snapshot => true,
    };
    if !wanted && !needs_state {
        return Ok(());
    }
    let net = swarm(config, key, genesis.chain()).await?;
    let known = local.map(|local| local.known).filter(|known| known.height > 0);
    let room = room(home, config.disk_cap)?;
    let wanted = Wanted { genesis: genesis.clone(), known, trusted: word.trusted, room, which: Which::Newest };
    let done = match needs_state {
        true => first_state(&net, config.sync, wanted, &data).await,
        false => snapshot(&net, config.sync, wanted, &data).await,
    };
    net.shutdown().await;
    done
}

/// RECOVER-7: the state that a recovered chain began with, where its blocks from 1 on are to be had and wanted; else a newer one.
async fn first_state(net: &Arc<Net>, mode: SyncMode, wanted: Wanted, data: &Path) -> Done {
    let peers = join::peers(net).await?;
    let newest = match mode {
        SyncMode::Blocks => false,
        SyncMode::Auto => is_worth_it(&peers, 0),
        SyncMode::Snapshot => true,
    };
    let which = if newest { Which::Newest } else { Which::First };
    let height = join::fetch_snapshot(net.clone(), Wanted { which, ..wanted }, data, progress()).await?;
    tracing::info!(height, "the state of this height was taken from a snapshot; blocks follow from there");
    Ok(())
}

/// Tells the log how far a snapshot has come, at each tenth.
fn progress() -> impl Fn(u64, u64) + Send + Sync + 'static {
    let last = AtomicU64::new(0);
    move |done: u64, all: u64| {
        let percent = done.saturating_mul(100) / all.max(1);
        if percent / 10 > last.swap(percent, Ordering::Relaxed) / 10 {
            tracing::info!(percent, bytes = done, of = all, "snapshot");
        }
    }
}

/// Bytes that a new database may take: what is free, and what the cap leaves beside the database whose place it takes.
fn room(home: &Home, cap: u64) -> Done<u64> {
    let free = crate::disk::space(home.root()).map_err(|e| disk(home.root(), &e))?.free;
    if cap == 0 {
        return Ok(free);
    }
    let bytes = |path: &Path| tree_bytes(path).map_err(|e| disk(path, &e));
    let beside = bytes(home.root())?.saturating_sub(bytes(&home.data())?);
    Ok(free.min(cap.saturating_sub(beside)))
}

async fn snapshot(net: &Arc<Net>, mode: SyncMode, wanted: Wanted, data: &Path) -> Done {
    let height = wanted.known.as_ref().map_or(0, |known| known.height);
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
    match join::fetch_snapshot(net.clone(), wanted, data, progress()).await {
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

impl Local {
    fn read(store: &Store, trusted: Option<Trusted>) -> Result<Self, Fault> {
        let head = store.head()?;
        let state = store.snapshot()?;
        let at_trusted = match trusted {
            Some(Trusted { height, .. }) if height > 0 && height <= head.height => {
                store.header(height)?.map(|header| header.id())
            }
            _ => None,
        };
        Ok(Self {
            anchor: Anchor { height: head.height, block: head.id, time: head.time },
            params: params::views::params(&*state)?,
            known: Known { height: head.height, set: staking::views::set(&*state)?, handovers: store.handovers(0, usize::MAX)? },
            at_trusted,
        })
    }
}

async fn look(data: PathBuf, genesis: GenesisHead, trusted: Option<Trusted>) -> Done<Option<Local>> {
    if !has_database(&data) {
        return Ok(None);
    }
    let open = move || -> Result<_, OpenError> { Ok(Local::read(&open_existing(&data, &genesis)?, trusted)) };
    match tokio::task::spawn_blocking(open).await.map_err(Failure::fault)? {
        Ok(local) => Ok(Some(local.map_err(Failure::fault)?)),
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

    /// ENGINE-13.
    #[tokio::test]
    async fn an_old_database_is_gone_on_with_by_a_newer_trusted_block_or_where_its_owner_vouches_for_it() {
        use crate::commands::snapshot::tests::{home, snapshot};
        let dir = tempfile::tempdir().unwrap();
        let (home, genesis) = home(dir.path(), 1_000);
        let (_, manifest) = snapshot(home.root(), &genesis);
        let peer = format!("/ip4/127.0.0.1/tcp/1/p2p/{}", leither_net::PeerId::random());
        let set = [("p2p.peers".to_string(), peer), ("sync.mode".to_string(), "blocks".to_string())];
        let config = Config::load(&home.config(), &mut std::iter::empty(), &set).unwrap();
        let key = SecretKey::from_seed(&[3; 32]);
        let at = |height, block| Some(Trusted { height, block });
        let head = at(1, manifest.header.id());
        let run = async |is_founder, trusted, given| {
            let word = Word { is_founder, trusted, given };
            chain(&home, &config, &key, &genesis.head, &word).await.map_err(|failure| (failure.exit, failure.sentence))
        };
        let (exit, sentence) = run(false, None, None).await.unwrap_err();
        assert_eq!(exit, crate::exit::Exit::Usage);
        assert!(
            sentence.contains("--trust HEIGHT:ID") && sentence.ends_with(&format!("--trust 1:{}", manifest.header.id())),
            "{sentence}"
        );
        assert!(run(false, head, None).await.is_err(), "the word of an earlier start");
        let (exit, sentence) = run(false, at(1, Hash([9; 32])), at(1, Hash([9; 32]))).await.unwrap_err();
        assert!(exit == crate::exit::Exit::Usage && sentence.contains("not the one given with --trust"), "{sentence}");
        run(false, head, head).await.unwrap();
        run(false, at(2, Hash([9; 32])), None).await.unwrap();
        run(true, None, None).await.unwrap();
    }

    #[test]
    fn there_is_room_for_what_is_free_on_disk_and_under_the_cap_without_the_database_that_goes() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::at(dir.path()).unwrap();
        home.create().unwrap();
        let free = room(&home, 0).unwrap();
        assert!(free > 0);
        std::fs::write(home.data().join("old"), [0; 10_000]).unwrap();
        std::fs::write(home.snapshots().join("kept"), [0; 3_000]).unwrap();
        assert_eq!(room(&home, 5_000).unwrap(), 2_000);
        assert_eq!(room(&home, 1_000).unwrap(), 0);
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
