use super::{Wire, WireError, twin};
use crate::{Address, BlockHeight, Leither, Value};
use arc_malachitebft_core_consensus::ProposedValue;
use arc_malachitebft_core_types as bft;
use bft::{Round, Validity};
use leither_types::{Hash, Height, ValidatorId};
use parity_scale_codec::{Decode, DecodeWithMemTracking, Encode};

/// A block that was looked at, as the write-ahead log keeps it.
#[derive(Encode, Decode, DecodeWithMemTracking)]
struct WireProposed {
    height: Height,
    round: Option<u32>,
    valid_round: Option<u32>,
    proposer: ValidatorId,
    block: Hash,
    valid: bool,
}

impl Wire for ProposedValue<Leither> {
    const WHAT: &'static str = "proposed value";
    const BYTES_MAX: usize = 128;

    fn to_wire(&self) -> Result<Vec<u8>, WireError> {
        let twin = WireProposed {
            height: self.height.0,
            round: self.round.as_u32(),
            valid_round: self.valid_round.as_u32(),
            proposer: self.proposer.0,
            block: self.value.0,
            valid: self.validity.is_valid(),
        };
        Ok(twin.encode())
    }

    fn from_wire(bytes: &[u8]) -> Result<Self, WireError> {
        let twin: WireProposed = twin::<Self, _>(bytes)?;
        Ok(Self {
            height: BlockHeight(twin.height),
            round: Round::from(twin.round),
            valid_round: Round::from(twin.valid_round),
            proposer: Address(twin.proposer),
            value: Value(twin.block),
            validity: Validity::from_bool(twin.valid),
        })
    }
}
