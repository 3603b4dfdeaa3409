//! ENGINE-13: how a new device comes to a chain: it has a genesis hash and a peer's address, and believes nothing else. The genesis is what
//! has that hash; a snapshot is taken if certificates lead to it from the genesis set, or from what this node knows already; each failure
//! has a cause in one line, and the next peer or snapshot is tried.

mod snapshot;

pub use leither_types::Trusted;
pub use snapshot::{HISTORIES, Known, Wanted, Which, begin_from, fetch_snapshot};

use leither_net::{AskError, Net, Offence, PeerId, PeerInfo, Request, Response};
use leither_store::SnapshotError;
use leither_types::{Genesis, GenesisHead, Hash, Height, Millis, Params, decode_within};
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// Somebody must be there after this.
const PEERS_WAIT: Duration = Duration::from_secs(30);
/// Who is of another chain does not become one of this chain; another peer may come for so long.
const OTHERS_WAIT: Duration = Duration::from_secs(5);
/// A peer that is busy is asked again so often.
const BUSY_TRIES: u32 = 40;
const BUSY_PAUSE: Duration = Duration::from_millis(250);
/// A genesis in SCALE is no longer.
const GENESIS_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Why a device could not join.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    /// Nobody answered.
    #[error("no peer of this chain answered within 30 s; check the invitation's address, and that its node runs ({0})")]
    NoPeer(String),
    /// Who answered keeps other books.
    #[error(
        "no peer of this chain: {peer} is of the chain {found}, not of {wanted}. Compare the genesis hash with whoever invited you, and correct \
         --chain or the address"
    )]
    OtherChain {
        /// Who.
        peer: String,
        /// Its chain.
        found: Hash,
        /// The one that was asked for.
        wanted: Hash,
    },
    /// At the address that was given there is another peer.
    #[error(
        "{address} is answered by the peer {found}, not by the one that is named there. Compare what stands behind /p2p/ with the `data_peer_id` \
         that `leither status` shows on that node, and correct the address"
    )]
    OtherPeer {
        /// Where.
        address: String,
        /// Who.
        found: String,
    },
    /// Nobody gave the genesis.
    #[error("no peer gave a genesis of this hash; check the invitation ({0})")]
    NoGenesis(String),
    /// The chain began so long ago that former validators, whose pledges are theirs again, could tell another story of it.
    #[error(
        "what this node knows of the chain is {} old, and pledges come back after {}: whoever voted then risks nothing by \
         lying now. Get a recent block's height and id from somebody you trust (`leither status` on a node of theirs shows both), and give them \
         with --trust HEIGHT:ID{}", span(*age), span(*unbonding), own_word(*head)
    )]
    NeedsTrust {
        /// Age of the anchor, in ms.
        age: Millis,
        /// The unbonding time, in ms.
        unbonding: Millis,
        /// This node's newest block, if it has any.
        head: Option<Trusted>,
    },
    /// This node has another block than the one that its owner trusts.
    #[error(
        "height {height}: this node has block {found}, not the one given with --trust. Either that was mistyped, or this node was led astray: \
         then move its data directory away, and join by other peers. It is held to at each start until another one is given with --trust"
    )]
    OtherBlock {
        /// At which height.
        height: Height,
        /// This node's.
        found: Hash,
    },
    /// No snapshot could be used.
    #[error("no snapshot of any peer could be used; the last cause: {0}")]
    NoSnapshot(String),
    /// There is a snapshot, and no room for it here.
    #[error("{0}; or fetch every block instead, with `--sync blocks`")]
    NoRoom(SnapshotError),
    /// The machine's failure.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
}

/// Why one source was of no use: one line for the log.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Useless(String);

impl From<AskError> for Useless {
    fn from(error: AskError) -> Self {
        Self(error.to_string())
    }
}

/// What a node knows of the chain, and how old that is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Anchor {
    /// The height of its newest block; 0: it knows the genesis alone.
    pub height: Height,
    /// That block's id.
    pub block: Hash,
    /// Its time, or that of the genesis.
    pub time: Millis,
}

impl Anchor {
    /// Of who knows no more.
    pub fn genesis(head: &GenesisHead) -> Self {
        Self { height: 0, block: Hash::ZERO, time: head.time }
    }

    /// Whether it may be believed at `now`: an honest two thirds of back then still had something to lose, or its owner knows better.
    ///
    /// `trusted` is a block above it that the owner has from elsewhere. `given` is what the owner says now, with this start: if that is the
    /// anchor itself, then the chain has stood still since, as when all nodes were off. Nobody has a block above it then, and no word of an
    /// earlier start can stand for this one.
    pub fn check(&self, now: Millis, params: &Params, trusted: Option<Trusted>, given: Option<Trusted>) -> Result<(), JoinError> {
        let age = now.saturating_sub(self.time);
        let head = (self.height > 0).then_some(Trusted { height: self.height, block: self.block });
        let is_vouched_for = head.is_some() && given == head;
        if age <= params.unbonding_ms || is_vouched_for || trusted.is_some_and(|trusted| trusted.height > self.height) {
            return Ok(());
        }
        Err(JoinError::NeedsTrust { age, unbonding: params.unbonding_ms, head })
    }
}

/// A time for people.
fn span(ms: Millis) -> String {
    match ms / 1_000 {
        seconds if seconds < 600 => format!("{seconds} s"),
        seconds if seconds < 2 * 86_400 => format!("{} h", seconds.div_ceil(3_600)),
        seconds => format!("{} days", seconds / 86_400),
    }
}

/// What the owner says where there is no newer block.
fn own_word(head: Option<Trusted>) -> String {
    let word = |Trusted { height, block }| {
        format!(
            ". If you know that the chain has stood still since this node's newest block, say so with --trust {height}:{block}"
        )
    };
    head.map(word).unwrap_or_default()
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
        if begun.elapsed() > OTHERS_WAIT
            && let Some((peer, found)) = net.strangers().await.first().copied()
        {
            return Err(JoinError::OtherChain { peer: peer.to_string(), found, wanted: net.chain() });
        }
        if begun.elapsed() > OTHERS_WAIT
            && let Some((address, found)) = net.misnamed().await.first()
        {
            return Err(JoinError::OtherPeer { address: address.to_string(), found: found.to_string() });
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

/// Asks, again where the other is busy.
async fn ask(net: &Net, peer: PeerId, request: Request) -> Result<Response, Useless> {
    for _ in 0..BUSY_TRIES {
        match net.ask(peer, request.clone()).await {
            Ok(Response::Busy) | Err(AskError::TooMany(_)) => sleep(BUSY_PAUSE).await,
            Ok(response) => return Ok(response),
            Err(why) => return Err(why.into()),
        }
    }
    Err(Useless("it is busy".into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: Trusted = Trusted { height: 50, block: Hash([5; 32]) };

    fn check(age: Millis, trusted: Option<Trusted>, given: Option<Trusted>) -> Result<(), JoinError> {
        let Trusted { height, block } = HEAD;
        Anchor { height, block, time: 1_000 }.check(1_000 + age, &Params::standard(), trusted, given)
    }

    /// ENGINE-13.
    #[test]
    fn an_anchor_older_than_the_unbonding_time_needs_a_trusted_block_beyond_it() {
        let unbonding = Params::standard().unbonding_ms;
        assert!(check(unbonding, None, None).is_ok());
        assert!(matches!(check(unbonding + 1, None, None), Err(JoinError::NeedsTrust { .. })));
        assert_eq!((span(unbonding), span(30_000), span(7_200_000)), ("7 days".into(), "30 s".into(), "2 h".into()));
        let trusted = |height| Some(Trusted { height, block: Hash([1; 32]) });
        assert!(check(unbonding + 1, trusted(51), None).is_ok());
        assert!(check(unbonding + 1, trusted(50), None).is_err(), "nothing newer than what is here already");
        let ahead = Anchor { height: 0, block: Hash::ZERO, time: 5_000 };
        assert!(ahead.check(1_000, &Params::standard(), None, None).is_ok(), "a clock that is behind");
    }

    /// ENGINE-13.
    #[test]
    fn an_owner_vouches_for_the_newest_block_of_his_node_at_each_start_anew() {
        let late = Params::standard().unbonding_ms + 1;
        assert!(check(late, Some(HEAD), Some(HEAD)).is_ok());
        assert!(check(late, Some(HEAD), None).is_err(), "what was said at an earlier start");
        let other = Trusted { block: Hash([6; 32]), ..HEAD };
        assert!(check(late, Some(other), Some(other)).is_err(), "another block");
        let said = check(late, None, None).unwrap_err().to_string();
        assert!(said.ends_with(&format!("--trust 50:{}", HEAD.block)), "{said}");
        // Of the genesis nobody can say that.
        let anchor = Anchor { height: 0, block: Hash::ZERO, time: 1_000 };
        let genesis = Some(Trusted { height: 0, block: Hash::ZERO });
        let refused = anchor.check(1_000 + late, &Params::standard(), genesis, genesis).unwrap_err().to_string();
        assert!(refused.ends_with("--trust HEIGHT:ID"), "{refused}");
    }
}
