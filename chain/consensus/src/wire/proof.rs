use super::{Wire, WireError, signatures, twin};
use crate::{Address, BlockHeight, Leither};
use arc_malachitebft_core_types as bft;
use bft::{
    ExtendedCommitCertificate, ExtendedCommitSignature, NilOrVal, PolkaCertificate, PolkaSignature, Round, RoundCertificate,
    RoundCertificateType, RoundSignature, ValidatorProof, VoteType,
};
use leither_types::{Blob, Certificate, CommitSig, Hash, Height, List, SIGNATURES_MAX, Signature, ValidatorId, VoteKind};
use parity_scale_codec::{Decode, DecodeWithMemTracking, Encode};

/// A certificate of any kind is no longer: 64 signatures of at most 118 bytes, and a head.
pub const PROOF_BYTES_MAX: usize = 8 * 1024;

/// Two thirds prevoted for a block.
#[derive(Encode, Decode, DecodeWithMemTracking)]
pub(super) struct WirePolka {
    height: Height,
    round: u32,
    block: Hash,
    signatures: List<CommitSig, SIGNATURES_MAX>,
}

#[derive(Encode, Decode, DecodeWithMemTracking)]
struct WireRoundSignature {
    kind: VoteKind,
    block: Option<Hash>,
    validator: ValidatorId,
    signature: Signature,
}

/// Enough votes to move to a round.
#[derive(Encode, Decode, DecodeWithMemTracking)]
pub(super) struct WireRoundProof {
    height: Height,
    round: u32,
    skip: bool,
    signatures: List<WireRoundSignature, SIGNATURES_MAX>,
}

/// A commit certificate under way: [`Certificate`]'s fields in the engine's order of signatures.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking)]
pub struct WireCommit(pub Certificate);

#[derive(Encode, Decode, DecodeWithMemTracking)]
struct WireValidatorProof {
    key: Blob<64>,
    peer: Blob<96>,
    signature: Signature,
}

impl TryFrom<&PolkaCertificate<Leither>> for WirePolka {
    type Error = WireError;

    fn try_from(polka: &PolkaCertificate<Leither>) -> Result<Self, WireError> {
        let one = |s: &PolkaSignature<Leither>| CommitSig { validator: s.address.0, signature: s.signature };
        Ok(Self {
            height: polka.height.0,
            round: polka.round.as_u32().ok_or(WireError::NoRound("polka certificate"))?,
            block: polka.value_id,
            signatures: signatures("polka certificate", polka.polka_signatures.iter().map(one).collect())?,
        })
    }
}

impl From<WirePolka> for PolkaCertificate<Leither> {
    fn from(wire: WirePolka) -> Self {
        let one = |s: CommitSig| PolkaSignature::new(Address(s.validator), s.signature);
        Self {
            height: BlockHeight(wire.height),
            round: Round::new(wire.round),
            value_id: wire.block,
            polka_signatures: wire.signatures.into_vec().into_iter().map(one).collect(),
        }
    }
}

impl Wire for PolkaCertificate<Leither> {
    const WHAT: &'static str = "polka certificate";
    const BYTES_MAX: usize = PROOF_BYTES_MAX;

    fn to_wire(&self) -> Result<Vec<u8>, WireError> {
        Ok(WirePolka::try_from(self)?.encode())
    }

    fn from_wire(bytes: &[u8]) -> Result<Self, WireError> {
        twin::<Self, WirePolka>(bytes).map(Into::into)
    }
}

impl TryFrom<&RoundCertificate<Leither>> for WireRoundProof {
    type Error = WireError;

    fn try_from(proof: &RoundCertificate<Leither>) -> Result<Self, WireError> {
        let one = |s: &RoundSignature<Leither>| WireRoundSignature {
            kind: match s.vote_type {
                VoteType::Prevote => VoteKind::Prevote,
                VoteType::Precommit => VoteKind::Precommit,
            },
            block: match s.value_id {
                NilOrVal::Nil => None,
                NilOrVal::Val(id) => Some(id),
            },
            validator: s.address.0,
            signature: s.signature,
        };
        Ok(Self {
            height: proof.height.0,
            round: proof.round.as_u32().ok_or(WireError::NoRound("round certificate"))?,
            skip: proof.cert_type == RoundCertificateType::Skip,
            signatures: signatures("round certificate", proof.round_signatures.iter().map(one).collect())?,
        })
    }
}

impl From<WireRoundProof> for RoundCertificate<Leither> {
    fn from(wire: WireRoundProof) -> Self {
        let one = |s: WireRoundSignature| {
            let kind = match s.kind {
                VoteKind::Prevote => VoteType::Prevote,
                VoteKind::Precommit => VoteType::Precommit,
            };
            RoundSignature::new(kind, s.block.map_or(NilOrVal::Nil, NilOrVal::Val), Address(s.validator), s.signature)
        };
        Self {
            height: BlockHeight(wire.height),
            round: Round::new(wire.round),
            cert_type: if wire.skip { RoundCertificateType::Skip } else { RoundCertificateType::Precommit },
            round_signatures: wire.signatures.into_vec().into_iter().map(one).collect(),
        }
    }
}

impl WireCommit {
    /// From the engine's certificate. It carries no extensions, as none are made.
    pub fn new(from: &ExtendedCommitCertificate<Leither>) -> Result<Self, WireError> {
        let one = |s: &ExtendedCommitSignature<Leither>| CommitSig { validator: s.address.0, signature: s.signature };
        Ok(Self(Certificate {
            height: from.height.0,
            round: from.round.as_u32().ok_or(WireError::NoRound("commit certificate"))?,
            block: from.value_id,
            signatures: signatures("commit certificate", from.commit_signatures.iter().map(one).collect())?,
        }))
    }

    /// As the engine wants it.
    pub fn into_engine(self) -> ExtendedCommitCertificate<Leither> {
        let one = |s: CommitSig| ExtendedCommitSignature::new(Address(s.validator), s.signature, None);
        ExtendedCommitCertificate {
            height: BlockHeight(self.0.height),
            round: Round::new(self.0.round),
            value_id: self.0.block,
            commit_signatures: self.0.signatures.into_vec().into_iter().map(one).collect(),
        }
    }
}

impl Wire for ValidatorProof<Leither> {
    const WHAT: &'static str = "validator proof";
    const BYTES_MAX: usize = 256;

    fn to_wire(&self) -> Result<Vec<u8>, WireError> {
        let too_many = |what, len, max| WireError::TooMany { what, len, max };
        let key = Blob::new(self.public_key.clone()).ok_or(too_many("key", self.public_key.len(), 64))?;
        let peer = Blob::new(self.peer_id.clone()).ok_or(too_many("peer id", self.peer_id.len(), 96))?;
        Ok(WireValidatorProof { key, peer, signature: self.signature }.encode())
    }

    fn from_wire(bytes: &[u8]) -> Result<Self, WireError> {
        let wire: WireValidatorProof = twin::<Self, _>(bytes)?;
        Ok(Self::new(wire.key.into_vec(), wire.peer.into_vec(), wire.signature))
    }
}
