//! Signs whatever it is asked to, and sometimes something else: where the engine's rules say nil, what was proposed; where they say a
//! block, nil.

use arc_malachitebft_core_types::{NilOrVal, Round, SignedMessage, ValidatorProof, VoteExtensionScope};
use arc_malachitebft_engine_byzantine::config::make_rng;
use arc_malachitebft_engine_byzantine::{Amnesia, Trigger};
use arc_malachitebft_signing::{Error, Signer as EngineSigner};
use async_trait::async_trait;
use leither_consensus::{Leither, Proposal, Signer, Vote};
use leither_types::{Hash, Height, VoteKind};
use rand::rngs::StdRng;
use std::sync::{Arc, Mutex, PoisonError};

/// The published crate leaves prevotes and precommits to whoever embeds it, as locks are applied before anything reaches its proxy.
pub struct LooseSigner {
    signer: Signer,
    amnesia: Arc<Amnesia<Leither>>,
    nil: Trigger,
    rng: Mutex<StdRng>,
    /// The block that the engine's rules lock this validator on: what it was last asked to precommit.
    lock: Mutex<Option<(Height, Hash)>>,
}

impl LooseSigner {
    /// Signs with this key.
    pub fn new(signer: Signer, amnesia: Arc<Amnesia<Leither>>, nil: Trigger, seed: Option<u64>) -> Self {
        Self { signer, amnesia, nil, rng: Mutex::new(make_rng(seed)), lock: Mutex::new(None) }
    }

    /// What it votes in the place of `vote`.
    fn turned(&self, vote: &Vote) -> NilOrVal<Hash> {
        let (height, round) = (vote.height, Round::new(vote.round));
        let mut lock = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        match (vote.kind, &vote.value) {
            (VoteKind::Prevote, NilOrVal::Nil) => match self.amnesia.try_override_nil_prevote(height, round) {
                Some(id) => {
                    if let Some((_, locked)) = lock.filter(|(at, locked)| *at == height.0 && *locked != id) {
                        tracing::warn!(%height, %round, %locked, voted = %id, "BYZANTINE: prevotes against its lock");
                    }
                    NilOrVal::Val(id)
                }
                None => NilOrVal::Nil,
            },
            (VoteKind::Precommit, NilOrVal::Val(id)) => {
                *lock = Some((height.0, *id));
                let fires = self.nil.fires(height, round, &mut self.rng.lock().unwrap_or_else(PoisonError::into_inner));
                if !fires {
                    return NilOrVal::Val(*id);
                }
                tracing::warn!(%height, %round, "BYZANTINE: Forcing nil precommit");
                NilOrVal::Nil
            }
            (_, value) => *value,
        }
    }
}

#[async_trait]
impl EngineSigner<Leither> for LooseSigner {
    async fn sign_vote(&self, vote: Vote) -> Result<SignedMessage<Leither, Vote>, Error> {
        let value = self.turned(&vote);
        self.signer.sign_vote(Vote { value, ..vote }).await
    }

    async fn sign_proposal(&self, proposal: Proposal) -> Result<SignedMessage<Leither, Proposal>, Error> {
        self.amnesia.record_proposed_value(proposal.height, Round::new(proposal.round), proposal.value.0);
        self.signer.sign_proposal(proposal).await
    }

    async fn sign_vote_extension(
        &self,
        scope: VoteExtensionScope<Leither>,
        extension: (),
    ) -> Result<SignedMessage<Leither, ()>, Error> {
        self.signer.sign_vote_extension(scope, extension).await
    }

    async fn sign_validator_proof(&self, key: Vec<u8>, peer: Vec<u8>) -> Result<ValidatorProof<Leither>, Error> {
        self.signer.sign_validator_proof(key, peer).await
    }
}
