//! tx_*.

use super::changes::changes;
use super::{At, Node, fault, show};
use leither_engine::AdmitError;
use leither_executor::{FormError, Unfit, check_tx, simulate};
use leither_pallets::params;
use leither_pool::Verdict;
use leither_rpc_api::*;
use leither_rpc_server::Answer;
use leither_state::WriteSet;
use leither_types::{Hash, SignedTx, TX_BYTES_MAX, codec};

/// A transaction's bytes, whether or not it could stand in a block.
fn decode(raw: &[u8]) -> Answer<SignedTx> {
    codec::decode_within(raw, TX_BYTES_MAX).map_err(|e| form(&FormError::Decode(e)))
}

fn form(error: &FormError) -> ApiError {
    let reason = match error {
        FormError::Decode(leither_types::DecodeError::TooLong { .. }) => Reason::TxTooLarge,
        FormError::Decode(_) => Reason::TxMalformed,
        FormError::Chain { .. } => Reason::TxWrongChain,
        FormError::Witness(_) | FormError::WeakKey(_) => Reason::TxBadSignature,
        _ => Reason::TxRefused,
    };
    ApiError::new(reason, error.to_string())
}

fn unfit(error: &Unfit) -> ApiError {
    let reason = match error {
        Unfit::Form(error) => return form(error),
        Unfit::Signature | Unfit::Key | Unfit::WeakKey(_) => Reason::TxBadSignature,
        Unfit::Nonce { want, got } if got < want => Reason::TxNonceUsed,
        Unfit::Nonce { .. } => Reason::TxNonceGap,
        Unfit::Expired { .. } | Unfit::TooLong { .. } => Reason::TxExpired,
        Unfit::MaxFee { .. } => Reason::TxFeeTooLow,
        Unfit::CannotPay { .. } | Unfit::Payer => Reason::TxCannotPay,
    };
    ApiError::new(reason, error.to_string())
}

/// Why the node does not take a transaction.
pub(super) fn refused(error: &AdmitError) -> ApiError {
    let reason = match error {
        AdmitError::Form(error) => return form(error),
        AdmitError::Unfit(error) => return unfit(error),
        AdmitError::Pool(Verdict::NonceUsed { .. }) => Reason::TxNonceUsed,
        AdmitError::Pool(Verdict::NonceTooFar { .. }) => Reason::TxNonceGap,
        AdmitError::Pool(Verdict::FeeTooLow { .. }) => Reason::TxFeeTooLow,
        AdmitError::Pool(Verdict::TooLong) => Reason::TxTooLarge,
        AdmitError::Pool(Verdict::Full) => Reason::PoolFull,
        AdmitError::Pool(_) => Reason::TxRefused,
        AdmitError::Busy(_) => Reason::Busy,
        AdmitError::Stopping => Reason::NotReady,
    };
    ApiError::new(reason, error.to_string())
}

impl Node {
    /// A transaction in a final block, or in the pool.
    pub(super) fn tx_view(&self, id: &Hash) -> Answer<Option<TxView>> {
        let Some((height, index)) = self.store.tx(id).map_err(fault)? else {
            let Some(tx) = self.engine.pending(id) else { return Ok(None) };
            let tx = show::tx(&tx);
            return Ok(Some(TxView {
                status: TxStatus::Pending,
                height: None,
                block: None,
                time: None,
                index: None,
                tx,
                receipt: None,
            }));
        };
        let (block, receipts) = self.opened(height)?;
        let found = block.txs.get(index as usize).zip(receipts.get(index as usize));
        let Some((tx, receipt)) = found else { return Err(fault(leither_state::Fault::Corrupt(format!("the place of {id}")))) };
        let receipt = show::receipt(receipt);
        // By block time, not by this node's clock.
        let past = self.read(|at| {
            let publicity = params::views::params(&*at.state).map_err(fault)?.publicity_ms;
            Ok(at.head.time.saturating_sub(block.header.time) > publicity)
        })?;
        let status = match (receipt.done, past) {
            (false, _) => TxStatus::Failed,
            (true, true) => TxStatus::Settled,
            (true, false) => TxStatus::Final,
        };
        Ok(Some(TxView {
            status,
            height: Some(height.into()),
            block: Some(block.header.id().into()),
            time: Some(block.header.time.into()),
            index: Some(index),
            tx: show::tx(tx),
            receipt: Some(receipt),
        }))
    }

    pub(super) fn unknown_tx(id: &Hash) -> ApiError {
        ApiError::new(Reason::TxUnknown, format!("no transaction {id} is known here: was it sent to this chain?"))
    }

    /// It waited here, and is neither in the pool any more nor in a block.
    pub(super) fn displaced_tx(id: &Hash) -> ApiError {
        let sentence = "waits no more and is in no block: another one took its nonce, it expired, or the pool was full";
        ApiError::new(Reason::TxUnknown, format!("transaction {id} {sentence}; see what the account has done, and send it anew"))
    }

    pub(super) fn simulated(&self, at: &At, raw: &[u8]) -> Answer<Simulation> {
        let signed = decode(raw)?;
        let block = self.next_block(at)?;
        let base_fee = params::views::base_fee_at(&*at.state).map_err(fault)?;
        let height = at.head.height.into();
        let tx = signed.id().into();
        let (receipt, changes, refusal) = match simulate(at.state.clone(), &block, &signed, false).map_err(fault)? {
            Ok(done) => {
                let changes = changes(&*at.state, &WriteSet::default(), &done.writes)?;
                (Some(show::receipt(&done.receipt)), Some(changes), None)
            }
            Err(error) => (None, None, Some(unfit(&error).into())),
        };
        Ok(Simulation { tx, height, receipt, changes, refusal, base_fee: base_fee.into() })
    }

    pub(super) fn described(&self, raw: &[u8]) -> Answer<Description> {
        let signed = decode(raw)?;
        let tx = show::tx(&signed);
        let mut lines: Vec<String> = tx.calls.iter().map(|call| self.sentence(call)).collect();
        let fee = crate::amounts::show(signed.tx.max_fee, crate::amounts::NATIVE_DECIMALS, crate::amounts::NATIVE_SYMBOL);
        lines.push(format!("fee: at most {fee}, paid by {}", tx.payer));
        lines.push(format!("valid until block time {} ms", tx.valid_until));
        if let Err(error) = check_tx(&signed, &self.chain_id()) {
            lines.push(format!("it could not be sent as it is: {error}"));
        }
        Ok(Description { tx, lines })
    }

    fn sentence(&self, call: &CallView) -> String {
        let args = call.args.as_object().map(|map| {
            map.iter()
                .map(|(name, value)| format!("{name} {}", value.as_str().map_or_else(|| value.to_string(), str::to_string)))
        });
        let args: Vec<String> = args.into_iter().flatten().collect();
        format!("{}.{}: {}", call.pallet, call.call, args.join(", "))
    }
}
