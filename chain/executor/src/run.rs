use crate::form::{self, Content};
use crate::validity::{Bill, Unfit, Verified, bill, check_keys};
use leither_pallets::{BlockInfo, Ctx, Event, Origin, Stop, TxInfo, accounts, orgs, params, staking, streams, tokens, wasm};
use leither_state::{Fault, Overlay, Read, WriteSet};
use leither_types::{AccountId, Amount, Blob, EVENTS_MAX, Failure, List, Receipt, SignedTx, Status, TokenId, TxId};
use parity_scale_codec::Encode;
use std::sync::Arc;

/// What one transaction did.
pub(crate) struct Ran {
    pub receipt: Receipt,
    pub touched: Vec<AccountId>,
}

/// Checks a transaction of good form against the state and does it. An unfit one leaves the state as it was.
pub(crate) fn run_tx(
    state: &mut Overlay,
    block: &BlockInfo,
    base_fee: Amount,
    signed: &SignedTx,
    content: &Content,
    verified: &dyn Verified,
) -> Result<Result<Ran, Unfit>, Fault> {
    if !verified.is_verified(&signed.full_hash()) && !signatures_hold(signed) {
        return Ok(Err(Unfit::Signature));
    }
    run_checked(state, block, base_fee, signed, content)
}

fn signatures_hold(signed: &SignedTx) -> bool {
    let message = signed.tx.sign_bytes();
    signed.witnesses.iter().all(|witness| witness.key.verify(&message, &witness.signature))
}

/// After form and signatures.
pub(crate) fn run_checked(
    state: &mut Overlay,
    block: &BlockInfo,
    base_fee: Amount,
    signed: &SignedTx,
    content: &Content,
) -> Result<Result<Ran, Unfit>, Fault> {
    let tx = &signed.tx;
    let first = tx.signers.first().copied().unwrap_or_default();
    let want = state.holding(&TokenId::NATIVE, &first)?.nonce;
    if tx.nonce != want {
        return Ok(Err(Unfit::Nonce { want, got: tx.nonce }));
    }
    if let Err(unfit) = check_keys(state, signed)? {
        return Ok(Err(unfit));
    }
    let bill = match bill(state, block, base_fee, signed, content.weights.all)? {
        Ok(bill) => bill,
        Err(unfit) => return Ok(Err(unfit)),
    };
    charge(state, block, signed, &bill)?;
    state.settle();
    Ok(Ok(do_calls(state, block, signed, content, bill)?))
}

/// Fee, nonce and keys: kept whatever the calls do.
fn charge(state: &mut Overlay, block: &BlockInfo, signed: &SignedTx, bill: &Bill) -> Result<(), Fault> {
    let sure = |done: Result<(), Stop>| match done {
        Ok(()) => Ok(()),
        Err(Stop::Fault(fault)) => Err(fault),
        Err(Stop::Reject(e)) => Err(Fault::Corrupt(format!("a fee that was found payable is not: {e}"))),
    };
    sure(accounts::take(state, &TokenId::NATIVE, &bill.payer, bill.fee))?;
    let mut signers = signed.tx.signers.iter().zip(&signed.witnesses);
    if let Some((first, witness)) = signers.next() {
        if let Some(sponsor) = &bill.sponsor {
            sure(orgs::charge_sponsor(state, sponsor, first, bill.fee, block.time))?;
        }
        accounts::count(state, first, witness.key)?;
    }
    for (who, witness) in signers {
        accounts::bind(state, who, witness.key)?;
    }
    Ok(())
}

fn do_calls(state: &mut Overlay, block: &BlockInfo, signed: &SignedTx, content: &Content, bill: Bill) -> Result<Ran, Fault> {
    let tx = &signed.tx;
    let id = signed.id();
    let mark = state.mark();
    let mut events = Vec::new();
    let mut ctx = Ctx {
        state,
        block,
        tx: TxInfo { id, nonce: tx.nonce },
        origin: Origin::Signed(&tx.signers),
        proposal: 0,
        events: &mut events,
        created: 0,
    };
    let mut status = Status::Done;
    for (index, call) in content.calls.iter().enumerate() {
        let refused = match call.apply(&mut ctx) {
            Ok(()) if ctx.events.len() > EVENTS_MAX => Some(orgs::Error::TooMany { max: EVENTS_MAX as u32 }.into()),
            Ok(()) => None,
            Err(Stop::Reject(error)) => Some(error),
            Err(Stop::Fault(fault)) => return Err(fault),
        };
        if let Some(error) = refused {
            status = Status::Failed(failure(index, &error)?);
            break;
        }
    }
    if status != Status::Done {
        state.revert(mark);
        events.clear();
    }
    state.settle();
    let mut touched: Vec<AccountId> = tx.signers.to_vec();
    touched.push(bill.payer);
    touched.extend(events.iter().flat_map(touched_by));
    touched.sort_unstable();
    touched.dedup();
    let receipt = Receipt { tx: id, status, weight: content.weights.all, fee: bill.fee, events: write_events(&events)? };
    Ok(Ran { receipt, touched })
}

fn failure(index: usize, error: &leither_pallets::Error) -> Result<Failure, Fault> {
    let error = Blob::new(error.encode()).ok_or_else(|| Fault::Corrupt("an error longer than its bound".into()))?;
    Ok(Failure { call: u8::try_from(index).unwrap_or(u8::MAX), error })
}

/// Events as receipts carry them.
pub(crate) fn write_events(events: &[Event]) -> Result<List<Blob<4096>, EVENTS_MAX>, Fault> {
    let too_long = || Fault::Corrupt("an event longer than its bound".into());
    let bytes: Option<Vec<_>> = events.iter().map(|event| Blob::new(event.encode())).collect();
    List::new(bytes.ok_or_else(too_long)?).ok_or_else(too_long)
}

/// Whose history an event belongs to.
pub(crate) fn touched_by(event: &Event) -> Vec<AccountId> {
    match event {
        Event::Tokens(tokens::Event::Transferred { from, to, .. }) => vec![*from, *to],
        Event::Tokens(tokens::Event::Issued { to, .. }) => vec![*to],
        Event::Tokens(tokens::Event::Burned { from, .. }) => vec![*from],
        Event::Tokens(tokens::Event::Claimed { holder, .. }) => vec![*holder],
        Event::Orgs(orgs::Event::Admitted { org, who } | orgs::Event::RoleSet { org, who, .. }) => vec![org.treasury(), *who],
        Event::Orgs(orgs::Event::Left { org, who, .. } | orgs::Event::Sponsored { org, who, .. }) => vec![org.treasury(), *who],
        Event::Orgs(orgs::Event::Unlocked { who, .. }) => vec![*who],
        Event::Wasm(event) => wasm::views::concerns(event),
        Event::Streams(event) => streams::views::concerns(event),
        Event::Staking(event) => staking::views::concerns(event).into_iter().collect(),
        _ => Vec::new(),
    }
}

/// What a transaction would do.
#[derive(Clone, Debug)]
pub struct Simulated {
    /// Its receipt, were it the next.
    pub receipt: Receipt,
    /// What it would change.
    pub writes: WriteSet,
    /// Its name.
    pub id: TxId,
}

/// EXEC-4: runs a transaction on a committed state with the code of [`crate::execute`], and drops the result. With `signed` false its
/// signatures (not its keys) go unchecked, so that a wallet can ask before it signs.
pub fn simulate(state: Arc<dyn Read>, block: &BlockInfo, tx: &SignedTx, signed: bool) -> Result<Result<Simulated, Unfit>, Fault> {
    let content = match form::content(tx, &block.chain) {
        Ok(content) => content,
        Err(form) => return Ok(Err(form.into())),
    };
    if signed && !signatures_hold(tx) {
        return Ok(Err(Unfit::Signature));
    }
    let mut overlay = Overlay::new(state);
    let base_fee = params::views::base_fee(&overlay)?;
    let block = BlockInfo { contracts: block.contracts.trial(), ..block.clone() };
    let ran = run_checked(&mut overlay, &block, base_fee, tx, &content)?;
    Ok(ran.map(|ran| Simulated { id: ran.receipt.tx, receipt: ran.receipt, writes: overlay.into_writes() }))
}
