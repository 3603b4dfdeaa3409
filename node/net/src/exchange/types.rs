pub use leither_types::Handover;
use leither_types::{BLOCK_BYTES_MAX, Blob, Certificate, Hash, Height, List, Text};
use parity_scale_codec::{Decode, DecodeWithMemTracking, Encode};

/// A request is no longer than this.
pub const REQUEST_BYTES_MAX: usize = 4 * 1024;
/// A response of any kind is no longer than this; most kinds have a narrower bound.
pub const RESPONSE_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Blocks in a response.
pub const BLOCKS_MAX: usize = 64;
/// Bytes of all blocks in a response together, their certificates not counted.
pub const BLOCKS_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Bytes of one block in a response; some room beyond what a block may be, so that the receiver's own rules say what is wrong with it.
pub const ONE_BLOCK_BYTES_MAX: usize = BLOCK_BYTES_MAX + 64 * 1024;
/// Handovers in a response.
pub const HANDOVERS_MAX: usize = 64;
/// Manifests in a response.
pub const MANIFESTS_MAX: usize = 2;
/// Bytes of a manifest.
pub const MANIFEST_BYTES_MAX: usize = 3 * 1024 * 1024;
/// Bytes of a chunk.
pub const CHUNK_BYTES_MAX: usize = 1024 * 1024 + 64 * 1024;

/// NET-19: addresses of a content node.
pub const CONTENT_ADDRESSES_MAX: usize = 8;
/// Bytes of one of them.
pub const CONTENT_ADDRESS_BYTES_MAX: usize = 256;

/// Bytes of a genesis: some 30,000 allocations. A network that begins with more hands its genesis out otherwise.
pub const GENESIS_BYTES_MAX: usize = 7 * 1024 * 1024;

/// A certificate of 64 signatures, each with its signer's name, takes no more than this.
const CERTIFICATE_BYTES_MAX: usize = 8 * 1024;
/// A handover: a header, a certificate and 64 validators.
const HANDOVER_BYTES_MAX: usize = 16 * 1024;
/// Lengths, tags and small fields around what is long.
const ENVELOPE_BYTES: usize = 1024;

/// What one node asks another.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking)]
pub enum Request {
    /// Who are you? Both sides ask it of each other, first of all and every few seconds.
    Hello {
        /// The genesis hash of who asks.
        chain: Hash,
        /// The form of that genesis.
        genesis_version: u8,
    },
    /// The handovers at `from` and above, in order.
    Handovers {
        /// The lowest height.
        from: Height,
    },
    /// Blocks in order, without a gap.
    Blocks {
        /// The first.
        from: Height,
        /// How many, 1 to [`BLOCKS_MAX`]; fewer come where bytes or blocks run out.
        count: u32,
    },
    /// The manifests of the snapshots that the other serves, newest first.
    Manifests,
    /// A chunk of a snapshot.
    Chunk {
        /// Its hash.
        hash: Hash,
    },
    /// The start of the chain, for who knows no more than its hash.
    Genesis,
    /// Where the other is in the content swarm.
    Content,
}

/// What the other answers.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking)]
pub enum Response {
    /// Who it is and what it has.
    Hello {
        /// The genesis hash.
        chain: Hash,
        /// Name and version of its program.
        software: Text<32>,
        /// Its newest block.
        height: Height,
        /// The lowest height from which on it has every block whole.
        lowest: Height,
    },
    /// Handovers in order.
    Handovers(List<Handover, HANDOVERS_MAX>),
    /// Blocks as they were hashed and proposed, each with the certificate that makes it final.
    Blocks(Blocks),
    /// Manifests, to be read by whoever takes the snapshot.
    Manifests(List<Blob<MANIFEST_BYTES_MAX>, MANIFESTS_MAX>),
    /// The chunk of that hash.
    Chunk(Blob<CHUNK_BYTES_MAX>),
    /// Not now: too much is asked of it. Asking again at once makes it worse.
    Busy,
    /// It has nothing of the kind.
    None,
    /// The genesis in SCALE.
    Genesis(Blob<GENESIS_BYTES_MAX>),
    /// Multiaddresses in their binary form, as the other says.
    Content {
        /// It may lie.
        addresses: List<Blob<CONTENT_ADDRESS_BYTES_MAX>, CONTENT_ADDRESSES_MAX>,
    },
}

/// The bytes of blocks, each with its certificate.
pub type Blocks = List<(Blob<ONE_BLOCK_BYTES_MAX>, Certificate), BLOCKS_MAX>;

impl Request {
    /// NET-10: what no honest node asks.
    pub fn check(&self) -> Result<(), &'static str> {
        match self {
            Request::Blocks { count, .. } if *count == 0 || *count as usize > BLOCKS_MAX => {
                Err("it asks for no block or more than 64")
            }
            _ => Ok(()),
        }
    }

    /// NET-10: an answer to this is no longer than this many bytes.
    pub fn response_bytes_max(&self) -> usize {
        match self {
            Request::Hello { .. } => ENVELOPE_BYTES,
            Request::Handovers { .. } => HANDOVERS_MAX * HANDOVER_BYTES_MAX + ENVELOPE_BYTES,
            // No more than all the blocks' bytes, and so many certificates as were asked for.
            Request::Blocks { count, .. } => {
                BLOCKS_BYTES_MAX + BLOCKS_MAX.min(*count as usize) * (CERTIFICATE_BYTES_MAX + 8) + ENVELOPE_BYTES
            }
            Request::Manifests => MANIFESTS_MAX * MANIFEST_BYTES_MAX + ENVELOPE_BYTES,
            Request::Chunk { .. } => CHUNK_BYTES_MAX + ENVELOPE_BYTES,
            Request::Genesis => GENESIS_BYTES_MAX + ENVELOPE_BYTES,
            Request::Content => CONTENT_ADDRESSES_MAX * (CONTENT_ADDRESS_BYTES_MAX + 8) + ENVELOPE_BYTES,
        }
    }

    /// Whether this is an answer to what was asked.
    pub fn is_answered_by(&self, response: &Response) -> bool {
        match (self, response) {
            (Request::Hello { .. }, Response::Hello { .. } | Response::Busy) => true,
            (Request::Hello { .. }, _) => false,
            (_, Response::Busy | Response::None) => true,
            (Request::Handovers { from }, Response::Handovers(list)) => {
                let mut next = Some(*from);
                list.iter().all(|one| {
                    let fits = next.is_some_and(|next| one.header.height >= next);
                    next = one.header.height.checked_add(1);
                    fits
                })
            }
            (Request::Blocks { count, .. }, Response::Blocks(blocks)) => {
                blocks.len() <= *count as usize && blocks.iter().map(|(block, _)| block.len()).sum::<usize>() <= BLOCKS_BYTES_MAX
            }
            (Request::Manifests, Response::Manifests(_))
            | (Request::Chunk { .. }, Response::Chunk(_))
            | (Request::Genesis, Response::Genesis(_))
            | (Request::Content, Response::Content { .. }) => true,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use leither_types::{
        AccountId, CommitSig, Header, SIGNATURES_MAX, SecretKey, VALIDATORS_MAX, Validator, ValidatorId, ValidatorSet,
    };

    fn certificate() -> Certificate {
        let key = SecretKey::from_seed(&[1; 32]);
        let one = CommitSig { validator: ValidatorId::of_key(&key.public()), signature: key.sign(b"any") };
        Certificate {
            height: u64::MAX,
            round: u32::MAX,
            block: Hash([9; 32]),
            signatures: List::new(vec![one; SIGNATURES_MAX]).unwrap(),
        }
    }

    fn handover(height: Height) -> Handover {
        let validator =
            |n: u8| Validator { key: SecretKey::from_seed(&[n; 32]).public(), power: u64::MAX, operator: AccountId([n; 20]) };
        let set = ValidatorSet::new((0..VALIDATORS_MAX as u8).map(validator).collect()).unwrap();
        let hash = Hash([7; 32]);
        let header = Header {
            version: 1,
            chain: hash,
            height,
            time: u64::MAX,
            parent: hash,
            proposer: ValidatorId([1; 20]),
            state_root: hash,
            txs_root: hash,
            receipts_root: hash,
            evidence_root: hash,
            last_certificate: hash,
            validators: hash,
            next_validators: hash,
        };
        Handover { header, certificate: certificate(), set }
    }

    #[test]
    fn net_10_the_longest_honest_answer_of_each_kind_is_within_its_bound() {
        let longest = |request: Request, response: Response| {
            let (len, max) = (response.encoded_size(), request.response_bytes_max());
            assert!(request.is_answered_by(&response), "{request:?}");
            assert!(len <= max && max <= RESPONSE_BYTES_MAX, "{request:?}: {len} of {max}");
        };
        let block = Blob::new(vec![0; BLOCKS_BYTES_MAX / BLOCKS_MAX]).unwrap();
        let blocks = Response::Blocks(List::new(vec![(block, certificate()); BLOCKS_MAX]).unwrap());
        longest(Request::Blocks { from: 1, count: BLOCKS_MAX as u32 }, blocks);
        let one = Response::Blocks(List::new(vec![(Blob::new(vec![0; ONE_BLOCK_BYTES_MAX]).unwrap(), certificate())]).unwrap());
        longest(Request::Blocks { from: 1, count: 1 }, one);
        let handovers = (1..=HANDOVERS_MAX as u64).map(handover).collect();
        longest(Request::Handovers { from: 1 }, Response::Handovers(List::new(handovers).unwrap()));
        let manifest = Blob::new(vec![0; MANIFEST_BYTES_MAX]).unwrap();
        longest(Request::Manifests, Response::Manifests(List::new(vec![manifest; MANIFESTS_MAX]).unwrap()));
        longest(Request::Chunk { hash: Hash::ZERO }, Response::Chunk(Blob::new(vec![0; CHUNK_BYTES_MAX]).unwrap()));
        // NET-19
        let address = Blob::new(vec![0; CONTENT_ADDRESS_BYTES_MAX]).unwrap();
        let addresses = List::new(vec![address; CONTENT_ADDRESSES_MAX]).unwrap();
        longest(Request::Content, Response::Content { addresses });
        let software = Text::new("x".repeat(32)).unwrap();
        let hello = Response::Hello { chain: Hash::ZERO, software, height: u64::MAX, lowest: u64::MAX };
        longest(Request::Hello { chain: Hash::ZERO, genesis_version: 1 }, hello);
    }

    #[test]
    fn net_10_an_answer_of_another_kind_or_beyond_what_was_asked_is_none() {
        let blocks = |n: usize, len: usize| {
            let block = (Blob::new(vec![0; len]).unwrap(), Certificate::genesis());
            Response::Blocks(List::new(vec![block; n]).unwrap())
        };
        let ask = Request::Blocks { from: 5, count: 2 };
        assert!(ask.is_answered_by(&blocks(2, 10)) && ask.is_answered_by(&Response::None));
        assert!(!ask.is_answered_by(&blocks(3, 10)));
        assert!(!Request::Blocks { from: 5, count: 64 }.is_answered_by(&blocks(3, BLOCK_BYTES_MAX)));
        assert!(!ask.is_answered_by(&Response::Manifests(List::default())));
        assert!(!Request::Hello { chain: Hash::ZERO, genesis_version: 1 }.is_answered_by(&Response::None));
        let handovers = |heights: &[u64]| Response::Handovers(List::new(heights.iter().map(|h| handover(*h)).collect()).unwrap());
        let ask = Request::Handovers { from: 5 };
        assert!(ask.is_answered_by(&handovers(&[5, 6, 900])));
        for bad in [&[4, 5][..], &[6, 6], &[7, 6], &[u64::MAX, 5]] {
            assert!(!ask.is_answered_by(&handovers(bad)), "{bad:?}");
        }
    }

    #[test]
    fn net_19_more_or_longer_addresses_than_may_be_are_no_answer() {
        let answer = |count: usize, len: usize| (8u8, vec![vec![1u8; len]; count]).encode();
        let read = |bytes: Vec<u8>| leither_types::decode_within::<Response>(&bytes, Request::Content.response_bytes_max());
        let most = read(answer(CONTENT_ADDRESSES_MAX, CONTENT_ADDRESS_BYTES_MAX)).unwrap();
        assert!(Request::Content.is_answered_by(&most) && Request::Content.is_answered_by(&Response::None));
        assert!(!Request::Genesis.is_answered_by(&most));
        assert_eq!(Request::Content.encode(), [6], "its form is fixed");
        for (count, len) in [(CONTENT_ADDRESSES_MAX + 1, 1), (1, CONTENT_ADDRESS_BYTES_MAX + 1)] {
            assert!(read(answer(count, len)).is_err(), "{count} of {len}");
        }
    }

    #[test]
    fn net_10_no_honest_node_asks_for_no_block_or_for_too_many() {
        assert!(Request::Blocks { from: 0, count: 1 }.check().is_ok() && Request::Blocks { from: 0, count: 64 }.check().is_ok());
        for count in [0, 65, u32::MAX] {
            assert!(Request::Blocks { from: 0, count }.check().is_err());
        }
    }
}
