//! A snapshot from whoever has one. Neither who offers it nor what its manifest lists is believed: the header is, by certificates, and in the
//! end the state root that all rows together give. Until then nobody can tell whether a chunk belongs to that state, so that what is
//! fetched is bounded by the manifest's own counts and by the room on disk, and who offered rows that do not lead to the root is banned.

use super::{JoinError, Trusted, Useless, ask, peers};
use leither_executor::{RecoveryError, recovered_state};
use leither_net::{Net, Offence, PeerId, PeerInfo, Request, Response};
use leither_pallets::mimei;
use leither_store::snapshots::{Founding, check_origin, hash_chunk, restore};
use leither_store::{Handover, Histories, Manifest, SnapshotError, TrustError};
use leither_types::{BLOCK_BYTES_MAX, Block, GenesisHead, Hash, Header, Height, ValidatorSet, Walk, decode_within, hash_of};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use tokio::runtime::Handle;

/// MIMEI-6: how the state proves the versions of MiMeis that come with a snapshot (STORE-27).
pub const HISTORIES: Histories =
    Histories { key: mimei::views::head_key, stated: mimei::views::stated_history, after: mimei::views::history_with };

/// What a node's own database knows.
#[derive(Clone, Debug)]
pub struct Known {
    /// Its newest block.
    pub height: Height,
    /// Who votes on the next.
    pub set: ValidatorSet,
    /// All handovers up to it.
    pub handovers: Vec<Handover>,
}

/// What is wanted: a snapshot that is newer than what is known, leads on from it, and fits.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The chain.
    pub genesis: GenesisHead,
    /// Where the walk begins; nothing: at the genesis.
    pub known: Option<Known>,
    /// A block that it must not contradict.
    pub trusted: Option<Trusted>,
    /// Bytes that a database may take.
    pub room: u64,
    /// Which of the chain's snapshots are of use.
    pub which: Which,
}

/// Which snapshots of a chain are of use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// The newest, whichever it is.
    Newest,
    /// RECOVER-7: that of the old chain, with which a recovered one begins: blocks follow from height 1 on.
    First,
}

/// A snapshot that a peer offers.
struct Offer {
    peer: PeerId,
    manifest: Manifest,
    /// The height of this chain that a database of it has: 0 for the old chain's.
    height: Height,
    /// Names what the manifest says of the state, whoever offers it and by whatever certificate.
    content: Hash,
}

/// Why a snapshot could not be taken.
enum Refused {
    /// Nobody's fault, as far as is known.
    Useless(String),
    /// The peer's.
    Peer(Offence, String),
    /// That of all who offer the same.
    Content(String),
    /// This machine's: another offer would meet the same.
    Machine(SnapshotError),
}

impl From<Useless> for Refused {
    fn from(Useless(why): Useless) -> Self {
        Self::Useless(why)
    }
}

impl From<TrustError> for Refused {
    fn from(error: TrustError) -> Self {
        let why = error.to_string();
        match error {
            // It may as well be that --trust was mistyped.
            TrustError::NotTrusted(_) | TrustError::NotShown(_) => Self::Useless(why),
            TrustError::Certificate(_) => Self::Peer(Offence::BadCertificate, why),
            TrustError::OtherChain(_) => Self::Peer(Offence::WrongChain, why),
            _ => Self::Peer(Offence::BadHandover, why),
        }
    }
}

impl From<SnapshotError> for Refused {
    fn from(error: SnapshotError) -> Self {
        use SnapshotError::{BadRows, Count, Disk, Fault, Handovers, Ledger, Occupied, Root, Versions};
        match error {
            Disk { .. } | Fault(_) | Occupied(_) => Self::Machine(error),
            // The chunks have the names that the manifest lists: it is what is wrong.
            BadRows { .. } | Count { .. } | Ledger(_) | Root { .. } | Versions(_) => Self::Content(error.to_string()),
            Handovers(_) => Self::Peer(Offence::BadManifest, error.to_string()),
            other => Self::Useless(other.to_string()),
        }
    }
}

/// RECOVER-6: makes the database of a recovered chain, at height 0, of a snapshot of the old one.
pub fn begin_from(
    data: &Path,
    genesis: &GenesisHead,
    manifest: &Manifest,
    chunks: &mut dyn FnMut(&Hash) -> Result<Vec<u8>, SnapshotError>,
    progress: &dyn Fn(u64, u64),
) -> Result<(), SnapshotError> {
    let founding = Founding::begin(data, genesis, manifest, &HISTORIES, chunks, progress)?;
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
    wanted: Wanted,
    data: &Path,
    progress: impl Fn(u64, u64) + Send + Sync + 'static,
) -> Result<Height, JoinError> {
    let mut cause = String::from("no peer has one");
    let peers = peers(&net).await?;
    let offers = offers(&net, &peers, &wanted, &mut cause).await;
    let progress: Arc<dyn Fn(u64, u64) + Send + Sync> = Arc::new(progress);
    let mut lies = BTreeSet::new();
    let mut lacks_room = None;
    for offer in &offers {
        let (peer, height) = (offer.peer, offer.height);
        if lies.contains(&offer.content) {
            continue;
        }
        if let Err(why) = has_room(offer, &wanted) {
            tracing::warn!(%peer, height, %why, "a snapshot is refused; the next is tried");
            lacks_room = Some(why);
            continue;
        }
        let taken = match fits(offer, &wanted, &peers) {
            Ok(()) => take(&net, offer, &offers, &wanted, data, progress.clone()).await,
            Err(why) => Err(Refused::Useless(why)),
        };
        let why = match taken {
            Ok(()) => return Ok(height),
            Err(Refused::Machine(why)) => return Err(why.into()),
            Err(Refused::Useless(why)) => why,
            Err(Refused::Peer(offence, why)) => {
                net.report(peer, offence).await;
                why
            }
            Err(Refused::Content(why)) => {
                lies.insert(offer.content);
                for liar in offers.iter().filter(|other| other.content == offer.content) {
                    net.report(liar.peer, Offence::BadManifest).await;
                }
                why
            }
        };
        tracing::warn!(%peer, height, why, "a snapshot is refused; the next is tried");
        lacks_room = None;
        cause = format!("{peer}: {why}");
    }
    // Only where that is all that was wrong with the last ones: anybody can offer one that is too large.
    Err(lacks_room.map_or(JoinError::NoSnapshot(cause), JoinError::NoRoom))
}

/// All that peers offer: the newest first, of one height those first that most peers have.
async fn offers(net: &Net, peers: &[PeerInfo], wanted: &Wanted, cause: &mut String) -> Vec<Offer> {
    let chain = wanted.genesis.chain();
    let mut offers: Vec<Offer> = Vec::new();
    for peer in peers.iter().map(|peer| peer.id) {
        let list = match ask(net, peer, Request::Manifests).await {
            Ok(Response::Manifests(list)) => list,
            Ok(_) => continue,
            Err(why) => {
                *cause = format!("{peer}: {why}");
                continue;
            }
        };
        for bytes in &list {
            let offence = match Manifest::read(bytes) {
                Ok(manifest) if manifest.chain == chain || is_first(&manifest, &wanted.genesis) => {
                    if manifest.chain != chain || wanted.which == Which::Newest {
                        let content = content(&manifest);
                        let height = if manifest.chain == chain { manifest.height } else { 0 };
                        offers.push(Offer { peer, manifest, height, content });
                    }
                    continue;
                }
                Ok(_) => Offence::WrongChain,
                // A newer program's, perhaps.
                Err(why @ SnapshotError::Version(_)) => {
                    *cause = format!("{peer}: {why}");
                    continue;
                }
                Err(why) => {
                    *cause = format!("{peer}: {why}");
                    Offence::BadManifest
                }
            };
            tracing::warn!(%peer, %offence, "a manifest is refused");
            net.report(peer, offence).await;
        }
    }
    sort(&mut offers);
    offers
}

/// Whether it is of the chain that this one goes on from.
fn is_first(manifest: &Manifest, genesis: &GenesisHead) -> bool {
    genesis.origin.as_ref().is_some_and(|origin| manifest.chain == origin.chain)
}

fn content(manifest: &Manifest) -> Hash {
    let Manifest { state_root, chunks, holdings, records, .. } = manifest;
    hash_of("leither/snapshot-content/v1", &(state_root, chunks, holdings, records))
}

fn sort(offers: &mut [Offer]) {
    let mut sharers: BTreeMap<Hash, BTreeSet<PeerId>> = BTreeMap::new();
    for offer in offers.iter() {
        sharers.entry(offer.content).or_default().insert(offer.peer);
    }
    offers.sort_by_key(|offer| std::cmp::Reverse((offer.height, sharers.get(&offer.content).map_or(0, BTreeSet::len))));
}

/// Whether it is of any use here, by what is known without asking.
fn fits(offer: &Offer, wanted: &Wanted, peers: &[PeerInfo]) -> Result<(), String> {
    let Offer { height, .. } = *offer;
    if let Some(known) = wanted.known.as_ref().filter(|known| known.height >= height) {
        return Err(format!("its snapshot is of height {height}, and this node has {} already", known.height));
    }
    // A trusted block of this chain comes after the old one's: the blocks that follow are held to it.
    let is_own = offer.manifest.chain == wanted.genesis.chain();
    if let Some(trusted) = wanted.trusted.filter(|trusted| is_own && trusted.height > height) {
        let at = trusted.height;
        return Err(format!(
            "its snapshot is of height {height}, below the trusted block of {at}: nothing shows that the one leads to the other"
        ));
    }
    // They say so themselves. Who begins there could not go on.
    if !peers.iter().any(|peer| peer.lowest <= height.saturating_add(1)) {
        return Err(format!("no peer keeps the blocks after height {height}"));
    }
    Ok(())
}

/// Whether there is room for it.
fn has_room(offer: &Offer, wanted: &Wanted) -> Result<(), SnapshotError> {
    let (needs, has) = (offer.manifest.room(), wanted.room);
    if needs > has { Err(SnapshotError::NoRoom { needs, has }) } else { Ok(()) }
}

async fn take(
    net: &Arc<Net>,
    offer: &Offer,
    offers: &[Offer],
    wanted: &Wanted,
    data: &Path,
    progress: Arc<dyn Fn(u64, u64) + Send + Sync>,
) -> Result<(), Refused> {
    let Offer { peer, manifest, .. } = offer;
    tracing::info!(%peer, height = manifest.height, bytes = manifest.bytes, chunks = manifest.chunks.len(), "taking a snapshot");
    let handovers = believed(net, *peer, wanted, manifest).await?;
    // Whoever offers the same state can give its chunks.
    let mut sources = vec![*peer];
    sources.extend(offers.iter().filter(|other| other.peer != *peer && other.content == offer.content).map(|other| other.peer));
    let (net, data, handle) = (net.clone(), data.to_path_buf(), Handle::current());
    let (genesis, manifest) = (wanted.genesis.clone(), manifest.clone());
    let work = move || {
        let mut chunks = |hash: &Hash| handle.block_on(chunk(&net, &mut sources, hash));
        match manifest.chain == genesis.chain() {
            true => restore(&data, &genesis, &manifest, &handovers, &HISTORIES, &mut chunks, &*progress),
            false => begin_from(&data, &genesis, &manifest, &mut chunks, &*progress),
        }
    };
    let restored = tokio::task::spawn_blocking(work).await;
    Ok(restored.map_err(|_| Refused::Useless("the thread that built the database died".into()))??)
}

/// All handovers up to a manifest's header, which is final by them. Each page is verified before the next is asked for, each handover once:
/// nobody fills this machine's memory with what he made up.
async fn believed(net: &Net, peer: PeerId, wanted: &Wanted, manifest: &Manifest) -> Result<Vec<Handover>, Refused> {
    let Wanted { genesis, known, trusted, .. } = wanted;
    if manifest.chain != genesis.chain() {
        // The genesis names the very block.
        check_origin(genesis, manifest)?;
        return Ok(Vec::new());
    }
    let (mut walk, mut handovers) = match known {
        None => (Walk::from_genesis(genesis), Vec::new()),
        Some(known) => (Walk::after(genesis.chain(), known.height, known.set.clone()), known.handovers.clone()),
    };
    // What is known already was held against it when it was taken in.
    let mut to_pass = trusted.filter(|trusted| trusted.height > walk.height());
    let mut own = None;
    'pages: while own.is_none() && walk.height() < manifest.height {
        let page = match ask(net, peer, Request::Handovers { from: walk.height().saturating_add(1) }).await? {
            Response::Handovers(page) => page.into_vec(),
            Response::None => break,
            _ => return Err(Refused::Useless("it answered something else than handovers".into())),
        };
        if page.is_empty() {
            break;
        }
        for handover in page {
            let height = handover.header.height;
            if height > manifest.height {
                break 'pages;
            }
            if handovers.len() >= manifest.handovers as usize {
                return Err(SnapshotError::Handovers("there are more than its manifest says").into());
            }
            if let Some(trusted) = to_pass.filter(|trusted| trusted.height <= height) {
                pass(net, peer, &walk, &trusted, &handover.header).await?;
                to_pass = None;
            }
            if height == manifest.height {
                own = Some(handover.clone());
            } else if handover.header.hands_over() {
                walk.step(&handover)?;
            } else {
                return Err(TrustError::NoHandover(height).into());
            }
            handovers.push(handover);
        }
    }
    if let Some(trusted) = to_pass {
        pass(net, peer, &walk, &trusted, &manifest.header).await?;
    }
    walk.arrive(&manifest.header, &manifest.certificate, own.as_ref())?;
    Ok(handovers)
}

/// The chain that the walk goes along has the trusted block: it is `shown`, the next that is known, or it lies below that, and then who votes
/// by now is whom it names.
async fn pass(net: &Net, peer: PeerId, walk: &Walk, trusted: &Trusted, shown: &Header) -> Result<(), Refused> {
    let Trusted { height, block } = *trusted;
    if shown.height == height {
        return if shown.id() == block { Ok(()) } else { Err(TrustError::NotTrusted(height).into()) };
    }
    let header = match ask(net, peer, Request::Blocks { from: height, count: 1 }).await? {
        Response::Blocks(blocks) => match blocks.first() {
            Some((bytes, _)) => decode_within::<Block>(bytes, BLOCK_BYTES_MAX).ok().map(|block| block.header),
            None => None,
        },
        _ => None,
    };
    let Some(header) = header else {
        return Err(Refused::Useless(format!("it does not keep the trusted block of height {height}")));
    };
    let names = [header.validators, header.next_validators];
    if header.id() != block || header.height != height || names != [walk.votes(); 2] {
        return Err(TrustError::NotTrusted(height).into());
    }
    Ok(())
}

/// One chunk, of whoever has it. Who failed is asked last from then on: one that hangs costs its time once, not once a chunk.
async fn chunk(net: &Net, sources: &mut [PeerId], hash: &Hash) -> Result<Vec<u8>, SnapshotError> {
    for _ in 0..sources.len() {
        let Some(peer) = sources.first().copied() else { break };
        match ask(net, peer, Request::Chunk { hash: *hash }).await {
            Ok(Response::Chunk(bytes)) if hash_chunk(&bytes) == *hash => return Ok(bytes.into_vec()),
            Ok(Response::Chunk(_)) => {
                tracing::warn!(%peer, chunk = %hash, "a chunk is not the one that was asked for; another peer is asked");
                net.report(peer, Offence::BadChunk).await;
            }
            Ok(_) => tracing::warn!(%peer, chunk = %hash, "it does not have this chunk; another peer is asked"),
            Err(why) => tracing::warn!(%peer, chunk = %hash, %why, "no chunk; another peer is asked"),
        }
        sources.rotate_left(1);
    }
    Err(SnapshotError::NoChunk(*hash))
}

#[cfg(test)]
mod tests;
