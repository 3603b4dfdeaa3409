//! ENGINE-13: how a new device comes to a chain: it has a genesis hash and a peer's address, and believes nothing else. The genesis is what
//! has that hash; a snapshot is taken if certificates lead to it from the genesis set, or from a block that its owner trusts; each failure has
//! a cause in one line, and the next peer or snapshot is tried.

use leither_executor::{RecoveryError, recovered_state};
use leither_net::{AskError, Net, Offence, PeerId, PeerInfo, Request, Response};
use leither_store::snapshots::{Founding, check_origin, hash_chunk, restore};
use leither_store::{Handover, Manifest, SnapshotError, TrustError, check_chain_of_trust};
use leither_types::{Block, Genesis, GenesisHead, Hash, Height, Millis, Params, ValidatorSet, decode_within};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio::time::sleep;

/// Somebody must be there after this.
const PEERS_WAIT: Duration = Duration::from_secs(30);
/// A peer that is busy is asked again so often.
const BUSY_TRIES: u32 = 40;
const BUSY_PAUSE: Duration = Duration::from_millis(250);
/// Handovers that are taken from one peer: 64 validators' lives, for a century of elections.
const HANDOVERS_TOTAL_MAX: usize = 2_000_000;
/// A genesis in SCALE is no longer.
const GENESIS_BYTES_MAX: usize = 8 * 1024 * 1024;

/// A block that the owner has from somebody whom he trusts: its height and id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trusted {
    /// Its number.
    pub height: Height,
    /// Its id.
    pub block: Hash,
}

/// Why a device could not join.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    /// Nobody answered.
    #[error("no peer of this chain answered within 30 s; check the invitation's address, and that its node runs ({0})")]
    NoPeer(String),
    /// Nobody gave the genesis.
    #[error("no peer gave a genesis of this hash; check the invitation ({0})")]
    NoGenesis(String),
    /// The chain began so long ago that former validators, whose pledges are theirs again, could tell another story of it.
    #[error(
        "what this node knows of the chain is {} old, and pledges come back after {}: whoever voted then risks nothing by \
         lying now. Get a recent block's height and id from somebody you trust (`leither status` on a node of theirs shows both), and start with --trust HEIGHT:ID", span(*age), span(*unbonding)
    )]
    NeedsTrust {
        /// Age of the anchor, in ms.
        age: Millis,
        /// The unbonding time, in ms.
        unbonding: Millis,
    },
    /// No snapshot could be used.
    #[error("no snapshot of any peer could be used; the last cause: {0}")]
    NoSnapshot(String),
    /// The machine's failure.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
}

/// Which snapshots of a chain are of use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// The newest, whichever it is.
    Newest,
    /// RECOVER-7: that of the old chain, with which a recovered one begins: blocks follow from height 1 on.
    First,
}

/// Why one source was of no use: one line for the log.
#[derive(Debug, thiserror::Error)]
enum Useless {
    #[error("{0}")]
    Ask(#[from] AskError),
    #[error("{0}")]
    Trust(#[from] TrustError),
    #[error("{0}")]
    Snapshot(#[from] SnapshotError),
    #[error("it answered something else than was asked")]
    Other,
    #[error("it is busy")]
    Busy,
    #[error("it does not keep the trusted block of height {0}")]
    NoTrustedBlock(Height),
    #[error("its snapshot is of height {0}, below the trusted block: nothing shows that the one leads to the other")]
    BelowTrusted(Height),
    #[error("it has another block than the trusted one at height {0}")]
    OtherBlock(Height),
}

/// Whether an anchor of this time may be believed at `now` without more: an honest two thirds of back then still had something to lose.
pub fn check_anchor(
    anchor: Millis,
    now: Millis,
    params: &Params,
    trusted: Option<Trusted>,
    height: Height,
) -> Result<(), JoinError> {
    let age = now.saturating_sub(anchor);
    if age <= params.unbonding_ms || trusted.is_some_and(|trusted| trusted.height > height) {
        return Ok(());
    }
    Err(JoinError::NeedsTrust { age, unbonding: params.unbonding_ms })
}

/// A time for people.
fn span(ms: Millis) -> String {
    match ms / 1_000 {
        seconds if seconds < 600 => format!("{seconds} s"),
        seconds if seconds < 2 * 86_400 => format!("{} h", seconds.div_ceil(3_600)),
        seconds => format!("{} days", seconds / 86_400),
    }
}

/// Waits until peers have said who they are.
pub async fn peers(net: &Net) -> Result<Vec<PeerInfo>, JoinError> {
    let begun = Instant::now();
    loop {
        let mut known = net.peers_known().await;
        if !known.is_empty() {
            known.sort_by_key(|peer| std::cmp::Reverse(peer.height));
            return Ok(known);
        }
        if begun.elapsed() > PEERS_WAIT {
            let connected = net.peers().await.len();
            return Err(JoinError::NoPeer(format!("{connected} connected")));
        }
        sleep(Duration::from_millis(100)).await;
    }
}

/// The genesis of this hash, from whoever has it.
pub async fn fetch_genesis(net: &Net, chain: &Hash) -> Result<Genesis, JoinError> {
    let mut cause = String::from("nobody has it");
    for peer in peers(net).await? {
        match ask(net, peer.id, Request::Genesis).await {
            Ok(Response::Genesis(bytes)) => match decode_within::<Genesis>(&bytes, GENESIS_BYTES_MAX) {
                Ok(genesis) if genesis.chain() == *chain && Genesis::root(&genesis.allocations) == genesis.head.allocations => {
                    return Ok(genesis);
                }
                _ => {
                    net.report(peer.id, Offence::WrongChain).await;
                    cause = format!("{} sent another", peer.id);
                }
            },
            Ok(_) => {}
            Err(why) => cause = why.to_string(),
        }
        tracing::warn!(peer = %peer.id, %cause, "no genesis from this peer");
    }
    Err(JoinError::NoGenesis(cause))
}

/// Whose snapshot it is: of the chain itself, or of the one that it goes on from.
fn is_of(manifest: &Manifest, genesis: &GenesisHead, wanted: Wanted) -> bool {
    let first = genesis.origin.as_ref().is_some_and(|origin| manifest.chain == origin.chain);
    first || (manifest.chain == genesis.chain() && wanted == Wanted::Newest)
}

/// RECOVER-6: makes the database of a recovered chain, at height 0, of a snapshot of the old one.
pub fn begin_from(
    data: &Path,
    genesis: &GenesisHead,
    manifest: &Manifest,
    chunks: &mut dyn FnMut(&Hash) -> Result<Vec<u8>, SnapshotError>,
    progress: &dyn Fn(u64, u64),
) -> Result<(), SnapshotError> {
    let founding = Founding::begin(data, genesis, manifest, chunks, progress)?;
    let writes = recovered_state(founding.state()?, genesis, &manifest.header).map_err(|why| match why {
        RecoveryError::Fault(fault) => SnapshotError::Fault(fault),
        other => SnapshotError::Recovery(other.to_string()),
    })?;
    founding.finish(&writes)
}

/// Takes the newest snapshot that can be believed, of those that are wanted, into `data`, which has no database yet. Says the height that
/// the database then has.
pub async fn fetch_snapshot(
    net: Arc<Net>,
    genesis: GenesisHead,
    trusted: Option<Trusted>,
    wanted: Wanted,
    data: &Path,
    progress: impl Fn(u64, u64) + Send + Sync + 'static,
) -> Result<Height, JoinError> {
    let mut cause = String::from("no peer has one");
    let mut offers = Vec::new();
    for peer in peers(&net).await? {
        match ask(&net, peer.id, Request::Manifests).await {
            Ok(Response::Manifests(list)) => {
                for bytes in list.iter() {
                    match Manifest::read(bytes) {
                        Ok(manifest) if is_of(&manifest, &genesis, wanted) => offers.push((peer.id, manifest)),
                        Ok(manifest) if manifest.chain == genesis.chain() => {}
                        Ok(_) => net.report(peer.id, Offence::WrongChain).await,
                        // A newer program's, perhaps.
                        Err(why @ SnapshotError::Version(_)) => cause = format!("{}: {why}", peer.id),
                        Err(why) => {
                            cause = format!("{}: {why}", peer.id);
                            tracing::warn!(peer = %peer.id, %why, "a manifest is refused");
                            net.report(peer.id, Offence::BadManifest).await;
                        }
                    }
                }
            }
            Ok(_) => {}
            Err(why) => cause = format!("{}: {why}", peer.id),
        }
    }
    // The old chain's heights say nothing here: its snapshot comes last.
    let chain = genesis.chain();
    offers.sort_by_key(|(_, manifest)| std::cmp::Reverse((manifest.chain == chain, manifest.height)));
    let progress: Arc<dyn Fn(u64, u64) + Send + Sync> = Arc::new(progress);
    for (peer, manifest) in &offers {
        let height = manifest.height;
        tracing::info!(%peer, height, bytes = manifest.bytes, chunks = manifest.chunks.len(), "taking a snapshot");
        let handovers = match believed(&net, *peer, &genesis, trusted, manifest).await {
            Ok(handovers) => handovers,
            Err(why) => {
                tracing::warn!(%peer, height, %why, "a snapshot is not believed; the next is tried");
                match why {
                    Useless::Trust(TrustError::Certificate(_)) => net.report(*peer, Offence::BadCertificate).await,
                    Useless::Trust(TrustError::OtherChain(_)) => net.report(*peer, Offence::WrongChain).await,
                    Useless::Trust(_) | Useless::OtherBlock(_) => net.report(*peer, Offence::BadHandover).await,
                    _ => {}
                }
                cause = format!("{peer}: {why}");
                continue;
            }
        };
        // Whoever offers the same state can give its chunks.
        let mut sources: Vec<PeerId> = vec![*peer];
        sources.extend(
            offers.iter().filter(|(other, same)| other != peer && same.chunks == manifest.chunks).map(|(other, _)| *other),
        );
        match take(net.clone(), genesis.clone(), manifest.clone(), handovers, sources, data, progress.clone()).await {
            Ok(()) => return Ok(if manifest.chain == chain { height } else { 0 }),
            // This machine's failure: another offer would meet the same.
            Err(Useless::Snapshot(why @ (SnapshotError::Disk { .. } | SnapshotError::Fault(_) | SnapshotError::Occupied(_)))) => {
                return Err(why.into());
            }
            Err(why) => {
                tracing::warn!(%peer, height, %why, "a snapshot could not be taken; the next is tried");
                cause = format!("{peer}: {why}");
            }
        }
    }
    Err(JoinError::NoSnapshot(cause))
}

/// The handovers that lead to a manifest's header, which is final by them.
async fn believed(
    net: &Net,
    peer: PeerId,
    genesis: &GenesisHead,
    trusted: Option<Trusted>,
    manifest: &Manifest,
) -> Result<Vec<Handover>, Useless> {
    let mut handovers: Vec<Handover> = Vec::new();
    if manifest.chain != genesis.chain() {
        // The genesis names the very block.
        check_origin(genesis, manifest)?;
        // A trusted block is one of this chain: the blocks that follow are held to it.
        return Ok(handovers);
    }
    loop {
        let from = handovers.last().map_or(1, |last| last.header.height.saturating_add(1));
        if from > manifest.height || handovers.len() >= HANDOVERS_TOTAL_MAX {
            break;
        }
        let list = match ask(net, peer, Request::Handovers { from }).await? {
            Response::Handovers(list) => list.into_vec(),
            Response::None => break,
            _ => return Err(Useless::Other),
        };
        let fresh: Vec<Handover> = list.into_iter().filter(|h| h.header.height <= manifest.height).collect();
        if fresh.is_empty() {
            break;
        }
        // Each page is verified before the next is asked for: nobody fills this machine's memory with what he made up.
        for handover in fresh {
            let set = handovers.last().map_or(&genesis.validators, |last| &last.set);
            let ascends = handovers.last().is_none_or(|last| last.header.height < handover.header.height);
            if !ascends || !handover.follows(&genesis.chain(), set) {
                return Err(TrustError::Validators(handover.header.height).into());
            }
            handovers.push(handover);
        }
    }
    if trusted.is_some_and(|trusted| trusted.height > manifest.height) {
        return Err(Useless::BelowTrusted(manifest.height));
    }
    let anchor = match trusted {
        Some(trusted) => Some(anchor(net, peer, genesis, trusted, &handovers).await?),
        None => None,
    };
    check_chain_of_trust(genesis, anchor, &handovers, &manifest.header, &manifest.certificate)?;
    Ok(handovers)
}

/// The trusted block with the set that votes after it: whatever set has the hash that the block names.
async fn anchor(
    net: &Net,
    peer: PeerId,
    genesis: &GenesisHead,
    trusted: Trusted,
    handovers: &[Handover],
) -> Result<(Height, Hash, ValidatorSet), Useless> {
    let Trusted { height, block } = trusted;
    let header = match handovers.iter().find(|handover| handover.header.height == height) {
        Some(handover) => handover.header.clone(),
        None => match ask(net, peer, Request::Blocks { from: height, count: 1 }).await? {
            Response::Blocks(blocks) => {
                let bytes = blocks.first().map(|(bytes, _)| bytes).ok_or(Useless::NoTrustedBlock(height))?;
                decode_within::<Block>(bytes, leither_types::BLOCK_BYTES_MAX).map_err(|_| Useless::Other)?.header
            }
            _ => return Err(Useless::NoTrustedBlock(height)),
        },
    };
    if header.id() != block || header.height != height {
        return Err(Useless::OtherBlock(height));
    }
    let sets = std::iter::once(&genesis.validators).chain(handovers.iter().map(|handover| &handover.set));
    let set = sets.into_iter().find(|set| set.hash() == header.next_validators).ok_or(Useless::OtherBlock(height))?;
    Ok((height, block, set.clone()))
}

/// Fetches the chunks and builds the database of them.
async fn take(
    net: Arc<Net>,
    genesis: GenesisHead,
    manifest: Manifest,
    handovers: Vec<Handover>,
    sources: Vec<PeerId>,
    data: &Path,
    progress: Arc<dyn Fn(u64, u64) + Send + Sync>,
) -> Result<(), Useless> {
    let (data, handle) = (data.to_path_buf(), Handle::current());
    let work = move || {
        let mut chunks = |hash: &Hash| handle.block_on(chunk(&net, &sources, hash));
        match manifest.chain == genesis.chain() {
            true => restore(&data, &genesis, &manifest, &handovers, &mut chunks, &*progress),
            false => begin_from(&data, &genesis, &manifest, &mut chunks, &*progress),
        }
    };
    Ok(tokio::task::spawn_blocking(work).await.map_err(|_| Useless::Other)??)
}

async fn chunk(net: &Net, sources: &[PeerId], hash: &Hash) -> Result<Vec<u8>, SnapshotError> {
    for peer in sources {
        match ask(net, *peer, Request::Chunk { hash: *hash }).await {
            Ok(Response::Chunk(bytes)) if hash_chunk(&bytes) == *hash => return Ok(bytes.into_vec()),
            Ok(Response::Chunk(_)) => {
                tracing::warn!(%peer, chunk = %hash, "a chunk is not the one that was asked for; another peer is asked");
                net.report(*peer, Offence::BadChunk).await;
            }
            Ok(_) => tracing::warn!(%peer, chunk = %hash, "it does not have this chunk; another peer is asked"),
            Err(why) => tracing::warn!(%peer, chunk = %hash, %why, "no chunk; another peer is asked"),
        }
    }
    Err(SnapshotError::NoChunk(*hash))
}

/// Asks, again where the other is busy.
async fn ask(net: &Net, peer: PeerId, request: Request) -> Result<Response, Useless> {
    for _ in 0..BUSY_TRIES {
        match net.ask(peer, request.clone()).await {
            Ok(Response::Busy) | Err(AskError::TooMany(_)) => sleep(BUSY_PAUSE).await,
            Ok(response) => return Ok(response),
            Err(why) => return Err(why.into()),
        }
    }
    Err(Useless::Busy)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ENGINE-13.
    #[test]
    fn an_anchor_older_than_the_unbonding_time_needs_a_trusted_block_beyond_it() {
        let params = Params::standard();
        let at = |age, trusted| check_anchor(1_000, 1_000 + age, &params, trusted, 50);
        assert!(at(params.unbonding_ms, None).is_ok());
        assert!(matches!(at(params.unbonding_ms + 1, None), Err(JoinError::NeedsTrust { .. })));
        assert_eq!((span(params.unbonding_ms), span(30_000), span(7_200_000)), ("7 days".into(), "30 s".into(), "2 h".into()));
        let trusted = |height| Some(Trusted { height, block: Hash([1; 32]) });
        assert!(at(params.unbonding_ms + 1, trusted(51)).is_ok());
        assert!(at(params.unbonding_ms + 1, trusted(50)).is_err(), "nothing newer than what is here already");
        assert!(check_anchor(5_000, 1_000, &params, None, 0).is_ok(), "a clock that is behind");
    }
}
