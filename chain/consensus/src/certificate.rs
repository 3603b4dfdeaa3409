use crate::{Address, BlockHeight, Leither};
use arc_malachitebft_core_types as bft;
use bft::{CommitCertificate, CommitSignature, Round};
use leither_types::{Certificate, CommitSig, List};

/// Why the engine's certificate has no form on the chain. The engine makes no such one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateFormError {
    /// Decided outside any round.
    #[error("a commit certificate without a round")]
    NoRound,
    /// More signatures than validators can be.
    #[error("a commit certificate with {0} signatures")]
    TooMany(usize),
}

/// The engine's certificate as the chain keeps it: sorted by validator (CONS-3).
pub fn certificate(from: &CommitCertificate<Leither>) -> Result<Certificate, CertificateFormError> {
    let round = from.round.as_u32().ok_or(CertificateFormError::NoRound)?;
    let one = |c: &CommitSignature<Leither>| CommitSig { validator: c.address.0, signature: c.signature };
    let mut signatures: Vec<CommitSig> = from.commit_signatures.iter().map(one).collect();
    signatures.sort_by_key(|commit| commit.validator);
    signatures.dedup_by_key(|commit| commit.validator);
    let count = signatures.len();
    let signatures = List::new(signatures).ok_or(CertificateFormError::TooMany(count))?;
    Ok(Certificate { height: from.height.0, round, block: from.value_id, signatures })
}

/// The chain's certificate as the engine wants it.
pub fn commit_certificate(from: &Certificate) -> CommitCertificate<Leither> {
    CommitCertificate {
        height: BlockHeight(from.height),
        round: Round::new(from.round),
        value_id: from.block,
        commit_signatures: from
            .signatures
            .iter()
            .map(|commit| CommitSignature::new(Address(commit.validator), commit.signature))
            .collect(),
    }
}
