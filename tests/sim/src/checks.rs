//! Signatures of a run are verified by the real rule, but once: what one node has verified, the others look up. Of those that the nodes
//! themselves make, by the very code that the real ones sign with, one in sixteen is verified; the others are taken as good.

use arc_malachitebft_core_types as bft;
use arc_malachitebft_signing as signing;
use async_trait::async_trait;
use bft::{ValidatorProof, VoteExtensionScope};
use leither_consensus::{Leither, Proposal, Vote};
use leither_executor::{Parent, Verified};
use leither_pallets::staking;
use leither_state::Fault;
use leither_types::{Certificate, Hash, PublicKey, Signature, SignedTx, ValidatorSet, tagged};
use signing::{Error, VerificationResult};
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// So many answers are remembered; then all are forgotten and made anew.
const KNOWN_MAX: usize = 200_000;

/// Of the signatures that nodes make, one in so many is verified all the same.
const SAMPLE: u64 = 16;

/// Verifies for all nodes of a run.
#[derive(Clone)]
pub struct Checks {
    chain: Hash,
    // A lock because the engine's verifiers must be shareable; a run has one thread.
    known: Arc<Mutex<Known>>,
}

#[derive(Default)]
struct Known {
    answers: HashMap<Hash, bool>,
    made: u64,
    txs: HashSet<Hash>,
}

fn name_of(key: &PublicKey, message: &[u8], signature: &Signature) -> Hash {
    tagged("leither/sim-check/v1", &[&key.0, &signature.0, message])
}

impl Checks {
    /// For one chain.
    pub fn new(chain: Hash) -> Self {
        Self { chain, known: Arc::default() }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A node has just made this signature, with this key, over just this message.
    pub fn made(&self, key: &PublicKey, message: &[u8], signature: &Signature) {
        let mut known = self.known();
        known.made += 1;
        if !known.made.is_multiple_of(SAMPLE) {
            known.answers.insert(name_of(key, message, signature), true);
        }
    }

    /// Whether `signature` is this key's over `message`. Remembered by all three, so that a good one vouches for nothing else.
    pub fn verify(&self, key: &PublicKey, message: &[u8], signature: &Signature) -> bool {
        let name = name_of(key, message, signature);
        let mut known = self.known();
        if let Some(answer) = known.answers.get(&name) {
            return *answer;
        }
        if known.answers.len() >= KNOWN_MAX {
            known.answers.clear();
        }
        let answer = key.verify(message, signature);
        known.answers.insert(name, answer);
        answer
    }

    /// Whether all of a transaction's signatures are good.
    pub fn tx(&self, tx: &SignedTx) -> bool {
        let hash = tx.full_hash();
        if self.known().txs.contains(&hash) {
            return true;
        }
        let message = tx.tx.sign_bytes();
        let good = tx.claims(&message).iter().all(|claim| self.verify(&claim.key, claim.message, &claim.signature));
        if good {
            self.known().txs.insert(hash);
        }
        good
    }

    /// What `Certificate::is_valid` says of a parent's certificate, by signatures that may be looked up.
    pub fn is_proof(&self, parent: &Parent, certificate: &Certificate) -> Result<bool, Fault> {
        let set = staking::views::set_before(&*parent.state)?;
        let power: u128 = certificate.signatures.iter().filter_map(|c| set.get(&c.validator)).map(|v| u128::from(v.power)).sum();
        let ordered = certificate.signatures.windows(2).all(|pair| pair[0].validator < pair[1].validator);
        let enough = ordered && power * 3 > set.total_power() * 2;
        let of_it = (certificate.height, certificate.block) == (parent.height, parent.id);
        Ok(of_it && enough && self.certificate(certificate, &set))
    }

    /// Whether all of a certificate's signatures are good, by keys of this set.
    pub fn certificate(&self, certificate: &Certificate, set: &ValidatorSet) -> bool {
        certificate.signatures.iter().all(|commit| {
            let message = certificate.claim_message(&self.chain, commit.validator);
            set.get(&commit.validator).is_some_and(|seat| self.verify(&seat.key, &message, &commit.signature))
        })
    }
}

impl Verified for Checks {
    fn is_verified(&self, full_hash: &Hash) -> bool {
        self.known().txs.contains(full_hash)
    }
}

#[async_trait]
impl signing::Verifier<Leither> for Checks {
    async fn verify_signed_vote(&self, vote: &Vote, sig: &Signature, key: &PublicKey) -> Result<VerificationResult, Error> {
        Ok(VerificationResult::from_bool(self.verify(key, &vote.sign_bytes(&self.chain), sig)))
    }

    async fn verify_signed_proposal(
        &self,
        proposal: &Proposal,
        sig: &Signature,
        key: &PublicKey,
    ) -> Result<VerificationResult, Error> {
        Ok(VerificationResult::from_bool(self.verify(key, &proposal.sign_bytes(&self.chain), sig)))
    }

    // CONS-5: there are no vote extensions, so none is valid.
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
        let valid = proof.decoded_public_key().is_ok_and(|key| self.verify(&key, &proof.preimage(), &proof.signature));
        Ok(VerificationResult::from_bool(valid))
    }
}
