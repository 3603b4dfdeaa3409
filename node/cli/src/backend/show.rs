//! Blocks, transactions, receipts as the API shows them.

use leither_pallets::{describe_call, describe_error, describe_event, staking};
use leither_rpc_api::{
    Block, BlockTx, Bytes, CallView, Certificate, CertificateSignature, EventView, FailureView, FinalHeader, Header, Receipt,
    StakeView, TxBody, WitnessView,
};
use leither_types::{self as chain, CallBytes, Hash, SignedTx, Status, ValidatorId};
use parity_scale_codec::Encode;
use serde::Serialize;
use serde_json::Value;

/// An externally tagged enum of enums, `{pallet: {verb: args}}`, taken apart.
fn take_apart<T: Serialize>(value: &T) -> (String, String, Value) {
    let unwrap = |value: Value| match value {
        Value::Object(map) if map.len() == 1 => map.into_iter().next().unwrap_or_default(),
        Value::String(name) => (name, Value::Object(Default::default())),
        other => (String::new(), other),
    };
    let (pallet, inner) = unwrap(serde_json::to_value(value).unwrap_or_default());
    let (verb, args) = unwrap(inner);
    (pallet, verb, args)
}

pub fn call(bytes: &CallBytes) -> CallView {
    let (pallet, call, args) = match describe_call(bytes) {
        Some(call) => take_apart(&call),
        // Never in a block: a call that does not decode is refused by form.
        None => ("unknown".into(), "unknown".into(), Value::String(chain::json::hex_of(bytes))),
    };
    CallView { pallet, call, args }
}

pub fn event(bytes: &[u8]) -> EventView {
    let (pallet, event, args) = match describe_event(bytes) {
        Some(event) => take_apart(&event),
        None => ("unknown".into(), "unknown".into(), Value::String(chain::json::hex_of(bytes))),
    };
    EventView { pallet, event, args }
}

fn failure(failure: &chain::Failure) -> FailureView {
    match describe_error(&failure.error) {
        Some(error) => {
            let message = error.to_string();
            let (pallet, error, args) = take_apart(&error);
            FailureView { call: failure.call, pallet, error, args, message }
        }
        None => FailureView {
            call: failure.call,
            pallet: "unknown".into(),
            error: "unknown".into(),
            args: Value::String(chain::json::hex_of(&failure.error)),
            message: "refused for a reason that this version does not know".into(),
        },
    }
}

pub fn receipt(receipt: &chain::Receipt) -> Receipt {
    let failure = match &receipt.status {
        Status::Done => None,
        Status::Failed(why) => Some(failure(why)),
    };
    Receipt {
        done: failure.is_none(),
        failure,
        weight: receipt.weight.into(),
        fee: receipt.fee.into(),
        events: receipt.events.iter().map(|bytes| event(bytes)).collect(),
    }
}

pub fn tx(signed: &SignedTx) -> TxBody {
    let tx = &signed.tx;
    TxBody {
        id: signed.id().into(),
        version: tx.version,
        chain: tx.chain.into(),
        signers: tx.signers.iter().map(|who| (*who).into()).collect(),
        payer: tx.fee_payer().unwrap_or_default().into(),
        nonce: tx.nonce.into(),
        valid_until: tx.valid_until.into(),
        max_fee: tx.max_fee.into(),
        weight_limit: tx.weight_limit.into(),
        calls: tx.calls.iter().map(call).collect(),
        witnesses: signed
            .witnesses
            .iter()
            .map(|w| WitnessView { key: Hash(w.key.0).into(), signature: Bytes(w.signature.0.to_vec()) })
            .collect(),
        raw: Bytes(signed.encode()),
    }
}

pub fn header(header: &chain::Header) -> Header {
    Header {
        id: header.id().into(),
        height: header.height.into(),
        time: header.time.into(),
        version: header.version,
        chain: header.chain.into(),
        parent: header.parent.into(),
        proposer: header.proposer.into(),
        state_root: header.state_root.into(),
        txs_root: header.txs_root.into(),
        receipts_root: header.receipts_root.into(),
        evidence_root: header.evidence_root.into(),
        last_certificate: header.last_certificate.into(),
        validators: header.validators.into(),
        next_validators: header.next_validators.into(),
        raw: Bytes(header.encode()),
    }
}

pub fn certificate(certificate: &chain::Certificate) -> Certificate {
    let one =
        |s: &chain::CommitSig| CertificateSignature { validator: s.validator.into(), signature: Bytes(s.signature.0.to_vec()) };
    Certificate {
        height: certificate.height.into(),
        round: certificate.round,
        block: certificate.block.into(),
        signatures: certificate.signatures.iter().map(one).collect(),
        raw: Bytes(certificate.encode()),
    }
}

pub fn final_header(h: &chain::Header, c: &chain::Certificate) -> FinalHeader {
    FinalHeader { header: header(h), certificate: certificate(c) }
}

/// Part of a block: at most `limit` transactions from `from` on. What the block's end did comes with the last part.
pub fn block(block: &chain::Block, c: &chain::Certificate, receipts: &[chain::Receipt], from: u32, limit: usize) -> Block {
    let total = block.txs.len();
    let start = (from as usize).min(total);
    let end = start.saturating_add(limit).min(total);
    let one = |index: usize| -> Option<BlockTx> {
        Some(BlockTx { index: index as u32, tx: tx(block.txs.get(index)?), receipt: receipt(receipts.get(index)?) })
    };
    let at_end = receipts.iter().skip(total).flat_map(|r| r.events.iter().map(|bytes| event(bytes)));
    Block {
        header: header(&block.header),
        certificate: certificate(c),
        tx_count: total as u32,
        txs: (start..end).filter_map(one).collect(),
        next: (end < total).then_some(end as u32),
        end: if end < total { Vec::new() } else { at_end.collect() },
    }
}

/// A stake as it stands.
pub(super) fn stake(operator: &leither_types::AccountId, stake: &staking::Stake, missed: u32, seated: bool) -> StakeView {
    let (standing, until) = match stake.standing {
        staking::Standing::Active => ("active", None),
        staking::Standing::Jailed { until } => ("jailed", Some(until)),
        staking::Standing::Leaving { release } => ("leaving", release),
        staking::Standing::Ejected { release } => ("ejected", Some(release)),
    };
    StakeView {
        operator: (*operator).into(),
        validator: ValidatorId::of_key(&stake.key).into(),
        next_validator: stake.next_key.as_ref().map(|next| ValidatorId::of_key(&next.key).into()),
        pledge: stake.pledge.into(),
        granted: stake.granted.into(),
        seated,
        standing: standing.into(),
        until: until.map(Into::into),
        missed,
        probation: stake.service != staking::Service::Proven,
        ready: stake.ready,
        address: stake.contact.as_ref().map(|contact| contact.address.to_string()).unwrap_or_default(),
    }
}
