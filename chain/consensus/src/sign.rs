use crate::{Leither, Proposal, Vote};
use arc_malachitebft_core_types as bft;
use arc_malachitebft_signing as signing;
use async_trait::async_trait;
use bft::{SignedMessage, SigningScheme, ValidatorProof, VoteExtensionScope};
use leither_types::{Hash, PublicKey, SecretKey, Signature};
use signing::{Error, VerificationResult};

/// The one signature rule, ed25519 under ZIP-215, as the engine wants it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Zip215;

/// Why bytes are no key or signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{len} bytes where a key has 32 and a signature 64")]
pub struct LengthError {
    len: usize,
}

impl SigningScheme for Zip215 {
    type DecodingError = LengthError;
    type Signature = Signature;
    type PublicKey = PublicKey;
    type PrivateKey = SecretKey;

    fn decode_signature(bytes: &[u8]) -> Result<Signature, LengthError> {
        bytes.try_into().map(Signature).map_err(|_| LengthError { len: bytes.len() })
    }

    fn encode_signature(signature: &Signature) -> Vec<u8> {
        signature.0.to_vec()
    }

    fn decode_public_key(bytes: &[u8]) -> Result<PublicKey, LengthError> {
        bytes.try_into().map(PublicKey).map_err(|_| LengthError { len: bytes.len() })
    }

    fn encode_public_key(key: &PublicKey) -> Vec<u8> {
        key.0.to_vec()
    }
}

/// Checks what validators of one chain sign.
#[derive(Clone, Copy, Debug)]
pub struct Verifier {
    chain: Hash,
}

/// Signs for one validator of one chain. It remembers nothing: a node wraps it in its guard against signing twice.
#[derive(Clone, Debug)]
pub struct Signer {
    chain: Hash,
    key: SecretKey,
}

impl Verifier {
    /// For the chain of this genesis hash.
    pub fn new(chain: Hash) -> Self {
        Self { chain }
    }

    /// Whether `key` signed this vote on this chain.
    pub fn vote(&self, vote: &Vote, signature: &Signature, key: &PublicKey) -> bool {
        key.verify(&vote.sign_bytes(&self.chain), signature)
    }

    /// Whether `key` signed this proposal on this chain.
    pub fn proposal(&self, proposal: &Proposal, signature: &Signature, key: &PublicKey) -> bool {
        key.verify(&proposal.sign_bytes(&self.chain), signature)
    }
}

impl Signer {
    /// For the chain of this genesis hash, with a validator's consensus key.
    pub fn new(chain: Hash, key: SecretKey) -> Self {
        Self { chain, key }
    }

    /// The chain.
    pub fn chain(&self) -> &Hash {
        &self.chain
    }

    /// The public half of the key.
    pub fn public(&self) -> PublicKey {
        self.key.public()
    }

    /// Signs a vote.
    pub fn vote(&self, vote: &Vote) -> Signature {
        self.key.sign(&vote.sign_bytes(&self.chain))
    }

    /// Signs a proposal.
    pub fn proposal(&self, proposal: &Proposal) -> Signature {
        self.key.sign(&proposal.sign_bytes(&self.chain))
    }

    /// Signs the head of a block's parts.
    pub fn head(&self, head: &crate::Head) -> Signature {
        self.key.sign(&head.sign_bytes(&self.chain))
    }

    /// Binds a peer id to the consensus key. The engine fixes this preimage, which names no chain.
    pub fn validator_proof(&self, peer_id: Vec<u8>) -> ValidatorProof<Leither> {
        let key = self.key.public().0.to_vec();
        let signature = self.key.sign(&ValidatorProof::<Leither>::signing_bytes(&key, &peer_id));
        ValidatorProof::new(key, peer_id, signature)
    }
}

/// CONS-5: vote extensions are switched off; who asks for one has been changed without thought.
#[derive(Debug, thiserror::Error)]
#[error("this chain has no vote extensions")]
struct NoExtensions;

#[async_trait]
impl signing::Verifier<Leither> for Verifier {
    async fn verify_signed_vote(&self, vote: &Vote, sig: &Signature, key: &PublicKey) -> Result<VerificationResult, Error> {
        Ok(VerificationResult::from_bool(self.vote(vote, sig, key)))
    }

    async fn verify_signed_proposal(
        &self,
        proposal: &Proposal,
        sig: &Signature,
        key: &PublicKey,
    ) -> Result<VerificationResult, Error> {
        Ok(VerificationResult::from_bool(self.proposal(proposal, sig, key)))
    }

    async fn verify_signed_vote_extension(
        &self,
        _: &VoteExtensionScope<Leither>,
        _: &(),
        _: &Signature,
        _: &PublicKey,
    ) -> Result<VerificationResult, Error> {
        Ok(VerificationResult::Invalid)
    }

    async fn verify_validator_proof(&self, proof: &ValidatorProof<Leither>) -> Result<VerificationResult, Error> {
        let valid = proof.decoded_public_key().is_ok_and(|key| key.verify(&proof.preimage(), &proof.signature));
        Ok(VerificationResult::from_bool(valid))
    }
}

#[async_trait]
impl signing::Signer<Leither> for Signer {
    async fn sign_vote(&self, vote: Vote) -> Result<SignedMessage<Leither, Vote>, Error> {
        let signature = self.vote(&vote);
        Ok(SignedMessage::new(vote, signature))
    }

    async fn sign_proposal(&self, proposal: Proposal) -> Result<SignedMessage<Leither, Proposal>, Error> {
        let signature = self.proposal(&proposal);
        Ok(SignedMessage::new(proposal, signature))
    }

    async fn sign_vote_extension(&self, _: VoteExtensionScope<Leither>, _: ()) -> Result<SignedMessage<Leither, ()>, Error> {
        Err(Error::from_source(NoExtensions))
    }

    async fn sign_validator_proof(&self, _: Vec<u8>, peer_id: Vec<u8>) -> Result<ValidatorProof<Leither>, Error> {
        Ok(self.validator_proof(peer_id))
    }
}
