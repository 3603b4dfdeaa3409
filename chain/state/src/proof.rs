//! Proofs that need nothing but this crate, `leither-types` and the chain's id: of one holding or record under a state root, and all the
//! way up to the genesis hash.
//!
//! A proof does not repeat the question (which token, whose holding, which key): who verifies asks it, and cannot be handed the answer to
//! another one. Everything in a proof is bound by the root, so that a changed byte makes it invalid.

use crate::ledger::{padded, record_commitment, record_key_hash, state_root, token_commitment};
use crate::tree::TreeProof;
use crate::{Holding, RECORD_BYTES_MAX, RECORD_KEY_BYTES_MAX};
use leither_types::{
    AccountId, BLOCK_VERSION, Blob, Certificate, GenesisHead, Handover, Hash, Header, List, TokenId, TrustError, Trusted,
    ValidatorSet, Walk,
};
use parity_scale_codec::{Decode, DecodeWithMemTracking, Encode};

/// An encoded [`StateProof`] is no longer than this.
pub const STATE_PROOF_BYTES_MAX: usize = 6 * 1024 * 1024;
/// Changes of the set that a proof leads over: each takes at most 10 KiB. Where there were more, it begins at a block that is trusted.
pub const PROOF_HANDOVERS_MAX: usize = 512;

/// Why a proof proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// It leads to another root than the trusted one: of another state, of another question, or forged.
    #[error("the proof does not lead to this state root; ask for one of this height and this key")]
    Root,
    /// No honest prover makes such a proof.
    #[error("malformed proof: {0}")]
    Malformed(&'static str),
    /// It claims absence of what it shows to be there.
    #[error("the proof claims that what it shows is absent")]
    Present,
    /// The genesis is that of another chain.
    #[error("the proof is of another chain; check the chain id")]
    Chain,
    /// The validators are not those of the header and the genesis.
    #[error("the proof's validators are not those of its header, or nothing leads to them from genesis")]
    Validators,
    /// It begins elsewhere than at the block that is trusted.
    #[error("the proof does not begin at the trusted block; ask for one from its height")]
    Trusted,
    /// The certificate is not one for this header by two thirds of the validators' power.
    #[error("the header is not certified by its validators; ask another node")]
    Certificate,
}

/// A holder's place in a token's tree.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking)]
pub struct HolderPart {
    /// What is held.
    pub holding: Option<Holding>,
    /// In the token's tree.
    pub path: TreeProof,
}

/// What an account holds of a token.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking)]
pub struct HoldingProof {
    /// In the token's own tree; nothing where nobody holds any of the token.
    pub holder: Option<HolderPart>,
    /// The token in the tree over the tokens.
    pub token: TreeProof,
    /// The root of the tree of records.
    pub records: Hash,
}

impl HoldingProof {
    /// LEDGER-15: what `id` holds of `token` in the state with this root.
    pub fn verify(&self, state: &Hash, token: &TokenId, id: &AccountId) -> Result<Option<Holding>, ProofError> {
        let key = padded(&id.0);
        let (tokens, held) = match &self.holder {
            None => (self.token.root_without(&padded(&token.0))?, None),
            Some(HolderPart { holding, path }) => {
                let (root, supply) = match holding {
                    None => path.root_without(&key)?,
                    Some(holding) => {
                        let sum = holding.total().ok_or(ProofError::Malformed("a holding beyond 128 bits"))?;
                        path.root_with(&key, &holding.commitment(id), sum.0)?
                    }
                };
                let commitment = token_commitment(&root, supply);
                (self.token.root_with(&padded(&token.0), &commitment, 0)?, *holding)
            }
        };
        let same = state_root(&tokens.0, &self.records) == *state;
        same.then_some(held).ok_or(ProofError::Root)
    }
}

/// The record of a key.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking)]
pub struct RecordProof {
    /// Its value.
    pub value: Option<Blob<RECORD_BYTES_MAX>>,
    /// In the tree of records.
    pub path: TreeProof,
    /// The root of the tree over the tokens.
    pub tokens: Hash,
}

impl RecordProof {
    /// LEDGER-15: the value of `key` in the state with this root.
    pub fn verify(&self, state: &Hash, key: &[u8]) -> Result<Option<Vec<u8>>, ProofError> {
        let key = record_key_hash(key).0;
        let (records, _) = match &self.value {
            Some(value) => self.path.root_with(&key, &record_commitment(value), 0)?,
            None => self.path.root_without(&key)?,
        };
        let same = state_root(&self.tokens, &records) == *state;
        same.then(|| self.value.as_ref().map(|value| value.to_vec())).ok_or(ProofError::Root)
    }
}

/// What may be asked of the state.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking)]
pub enum Question {
    /// What does `id` hold of `token`?
    Holding {
        /// Of which token.
        token: TokenId,
        /// Whose.
        id: AccountId,
    },
    /// What is the record of this key?
    Record(Blob<RECORD_KEY_BYTES_MAX>),
}

/// What the state says to it; nothing where there is no leaf.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// What an account holds of a token.
    Holding(Option<Holding>),
    /// A record's value.
    Record(Option<Vec<u8>>),
}

/// The proof of an answer under a state root.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking)]
pub enum LeafProof {
    /// Of a holding.
    Holding(HoldingProof),
    /// Of a record.
    Record(RecordProof),
}

impl LeafProof {
    /// The answer to `question` in the state with this root.
    pub fn verify(&self, state: &Hash, question: &Question) -> Result<Answer, ProofError> {
        match (self, question) {
            (Self::Holding(proof), Question::Holding { token, id }) => proof.verify(state, token, id).map(Answer::Holding),
            (Self::Record(proof), Question::Record(key)) => proof.verify(state, key).map(Answer::Record),
            _ => Err(ProofError::Malformed("a proof of the other kind than was asked for")),
        }
    }
}

/// From a leaf to the chain's id: leaf, state root, header, certificate, validators, genesis.
///
/// Where the validators are not those of genesis any more, handovers lead from these to those: each is a block that the former ones made
/// final and that names the latter.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking)]
pub struct StateProof {
    /// Of the state after the header's block.
    pub leaf: LeafProof,
    /// A final block's header.
    pub header: Header,
    /// Why it is final.
    pub certificate: Certificate,
    /// Who signed the certificate.
    pub validators: ValidatorSet,
    /// What the chain's id is the hash of.
    pub genesis: GenesisHead,
    /// All blocks below the header's after which others vote, ascending. In a proof from a trusted block: first that one, as
    /// [`Handover::unsigned`] makes it, then those above it.
    pub handovers: List<Handover, PROOF_HANDOVERS_MAX>,
}

impl StateProof {
    /// LEDGER-16: the answer to `question` on the chain with this id, at `self.header.height`, by a walk from the genesis set. Whether that
    /// height is recent enough is for the caller to say.
    pub fn verify(&self, chain: &Hash, question: &Question) -> Result<Answer, ProofError> {
        self.verify_from(chain, None, question)
    }

    /// LEDGER-17: the same, where the walk begins after a block that the caller trusts. There is no other way over more than
    /// [`PROOF_HANDOVERS_MAX`] changes of the set, and it costs fewer signatures.
    pub fn verify_from(&self, chain: &Hash, trusted: Option<&Trusted>, question: &Question) -> Result<Answer, ProofError> {
        let Self { leaf, header, certificate, validators, genesis, handovers } = self;
        if genesis.chain() != *chain || header.chain != *chain || header.version != BLOCK_VERSION {
            return Err(ProofError::Chain);
        }
        let (mut walk, rest) = match trusted {
            None => (Walk::from_genesis(genesis), &handovers[..]),
            Some(trusted) => {
                let (first, rest) = handovers.split_first().ok_or(ProofError::Trusted)?;
                (Walk::after_trusted(*chain, trusted, first).map_err(|_| ProofError::Trusted)?, rest)
            }
        };
        for handover in rest {
            if handover.header.height >= header.height {
                return Err(ProofError::Validators);
            }
            walk.step(handover).map_err(|_| ProofError::Validators)?;
        }
        if validators != walk.set() {
            return Err(ProofError::Validators);
        }
        walk.check(header, certificate).map_err(|error| match error {
            TrustError::Certificate(_) => ProofError::Certificate,
            _ => ProofError::Validators,
        })?;
        leaf.verify(&header.state_root, question)
    }
}
