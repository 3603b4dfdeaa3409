//! What the engine saw of misbehaviour, in the chain's form.

use super::Ctx;
use arc_malachitebft_app_channel::app::types::MisbehaviorEvidence;
use arc_malachitebft_app_channel::app::types::core::SignedMessage;
use leither_consensus::{Proposal, Vote};
use leither_types::Evidence;

/// EVIDENCE-3: the engine has verified both signatures. One proof an offender is enough, so of several the first is taken.
pub fn proofs(seen: &MisbehaviorEvidence<Ctx>) -> Vec<Evidence> {
    let vote = |signed: &SignedMessage<Ctx, Vote>| (signed.message.to_chain(), signed.signature);
    let proposal = |signed: &SignedMessage<Ctx, Proposal>| (signed.message.to_chain(), signed.signature);
    let mut proofs = Vec::new();
    for (who, pairs) in seen.votes.iter() {
        tracing::warn!(validator = %who, "voted twice in one round");
        proofs.extend(pairs.first().map(|(one, other)| Evidence::votes(vote(one), vote(other))));
    }
    for (who, pairs) in seen.proposals.iter() {
        tracing::warn!(validator = %who, "proposed twice in one round");
        proofs.extend(pairs.first().map(|(one, other)| Evidence::proposals(proposal(one), proposal(other))));
    }
    proofs
}
