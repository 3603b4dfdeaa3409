//! Entries of the write-ahead log, as bytes: by the same codecs as in the node, with the timeouts that those leave to the engine.

use arc_malachitebft_core_consensus as core;
use arc_malachitebft_core_types as bft;
use bft::{PolkaCertificate, Round, Timeout, TimeoutKind, ValueOrigin};
use core::{Input, ProposedValue, SignedConsensusMsg};
use leither_consensus::Leither;
use leither_consensus::wire::Wire;
use leither_types::codec;
use parity_scale_codec::{Decode, Encode};

#[derive(Encode, Decode)]
enum Entry {
    Message(Vec<u8>),
    Value(Vec<u8>),
    Polka(Vec<u8>),
    Timeout { kind: u8, round: u32 },
}

const KINDS: [TimeoutKind; 3] = [TimeoutKind::Propose, TimeoutKind::Prevote, TimeoutKind::Precommit];

/// The bytes of an input that has to outlive a crash; the engine asks for no others.
pub fn encode(input: &Input<Leither>) -> Result<Vec<u8>, String> {
    let text = |e: leither_consensus::wire::WireError| e.to_string();
    let entry = match input {
        Input::Vote(vote) => Entry::Message(SignedConsensusMsg::Vote(vote.clone()).to_wire().map_err(text)?),
        Input::Proposal(proposal) => Entry::Message(SignedConsensusMsg::Proposal(proposal.clone()).to_wire().map_err(text)?),
        Input::ProposedValue(value, _) => Entry::Value(value.to_wire().map_err(text)?),
        Input::PolkaCertificate(polka) => Entry::Polka(polka.to_wire().map_err(text)?),
        Input::TimeoutElapsed(timeout) => {
            let kind = KINDS.iter().position(|kind| *kind == timeout.kind).ok_or("a timeout that is not logged")?;
            Entry::Timeout { kind: kind as u8, round: timeout.round.as_u32().ok_or("a timeout without a round")? }
        }
        other => return Err(format!("not an input to log: {other:?}")),
    };
    Ok(entry.encode())
}

/// The input of an entry.
pub fn decode(bytes: &[u8]) -> Result<Input<Leither>, String> {
    let text = |e: leither_consensus::wire::WireError| e.to_string();
    Ok(match codec::decode_trusted(bytes).map_err(|e| e.to_string())? {
        Entry::Message(bytes) => match SignedConsensusMsg::from_wire(&bytes).map_err(text)? {
            SignedConsensusMsg::Vote(vote) => Input::Vote(vote),
            SignedConsensusMsg::Proposal(proposal) => Input::Proposal(proposal),
        },
        Entry::Value(bytes) => Input::ProposedValue(ProposedValue::from_wire(&bytes).map_err(text)?, ValueOrigin::Consensus),
        Entry::Polka(bytes) => Input::PolkaCertificate(PolkaCertificate::from_wire(&bytes).map_err(text)?),
        Entry::Timeout { kind, round } => {
            let kind = KINDS.get(usize::from(kind)).ok_or("a timeout of no kind")?;
            Input::TimeoutElapsed(Timeout::new(Round::new(round), *kind))
        }
    })
}
