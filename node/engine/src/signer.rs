//! The validator's signer with its guard in front.

use crate::error::NodeFault;
use crate::node::Node;
use crate::sign_state::{GuardError, SignState, Signing, Step};
use arc_malachitebft_app_channel::app::types::core::{SignedMessage, ValidatorProof, VoteExtensionScope};
use arc_malachitebft_signing::{Error, Signer as EngineSigner};
use async_trait::async_trait;
use leither_consensus::{Leither, Proposal, Signer, Vote};
use leither_types::{Hash, VoteKind, tagged};
use std::sync::Arc;

/// Signs what the guard permits.
pub struct GuardedSigner {
    signer: Signer,
    guard: Arc<SignState>,
    node: Arc<Node>,
}

impl GuardedSigner {
    /// Puts the guard before the signer.
    pub fn new(signer: Signer, guard: Arc<SignState>, node: Arc<Node>) -> Self {
        Self { signer, guard, node }
    }

    fn permit(&self, height: u64, round: u32, step: Step, bytes: &[u8]) -> Result<(), Error> {
        let content = tagged("leither/signed/v1", &[bytes]);
        self.guard.permit(&Signing { height, round, step, content }).map_err(|refusal| {
            match &refusal {
                // SIGN-5: the engine cannot go on without the signature, but the others can without this node.
                GuardError::Conflict { last_height, .. } if !self.node.tip().is_alone(self.node.me()) => {
                    tracing::error!(%refusal, "not signed");
                    match self.guard.abstain(*last_height) {
                        Ok(()) => self.node.abstain_up_to(*last_height),
                        Err(disk) => self.node.fail(NodeFault::Guard(disk.to_string())),
                    }
                }
                _ => self.node.fail(NodeFault::Guard(refusal.to_string())),
            }
            Error::from_source(refusal)
        })
    }

    fn chain(&self) -> &Hash {
        self.signer.chain()
    }
}

#[async_trait]
impl EngineSigner<Leither> for GuardedSigner {
    async fn sign_vote(&self, vote: Vote) -> Result<SignedMessage<Leither, Vote>, Error> {
        let step = match vote.kind {
            VoteKind::Prevote => Step::Prevote,
            VoteKind::Precommit => Step::Precommit,
        };
        self.permit(vote.height.0, vote.round, step, &vote.sign_bytes(self.chain()))?;
        self.signer.sign_vote(vote).await
    }

    async fn sign_proposal(&self, proposal: Proposal) -> Result<SignedMessage<Leither, Proposal>, Error> {
        self.permit(proposal.height.0, proposal.round, Step::Proposal, &proposal.sign_bytes(self.chain()))?;
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
