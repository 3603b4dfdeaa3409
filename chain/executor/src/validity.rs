use crate::form::FormError;
use leither_pallets::{BlockInfo, Stop, orgs, wasm};
use leither_state::{Fault, Holding, Overlay};
use leither_types::{AccountId, Amount, Hash, SignedTx, TokenId, VALID_FOR_MS_MAX, Weight};

/// Remembers which signed transactions have good signatures, by [`SignedTx::full_hash`]: payload, keys and signatures together. To
/// remember by transaction id would let a proposer swap in a bad signature (D4).
pub trait Verified: Sync {
    /// Whether the caller has verified every signature of exactly these bytes.
    fn is_verified(&self, full_hash: &Hash) -> bool;
}

/// Nothing was verified before: every signature is checked.
pub struct NobodyVerified;

impl Verified for NobodyVerified {
    fn is_verified(&self, _: &Hash) -> bool {
        false
    }
}

/// Why a transaction cannot stand in the next block (second rung; EXEC-2).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// Wrong whatever the state.
    #[error(transparent)]
    Form(#[from] FormError),
    /// Not the signer's signature under ZIP-215.
    #[error("a signature is not valid")]
    Signature,
    /// Another key already stands for this account.
    #[error("the account is bound to another key")]
    Key,
    /// A key of small order: anyone could sign for it.
    #[error("the key of witness {0} cannot own an account")]
    WeakKey(usize),
    /// Not one more than the last.
    #[error("the nonce is {got}, but the account's next is {want}")]
    Nonce {
        /// The account's next.
        want: u64,
        /// The transaction's.
        got: u64,
    },
    /// Too late.
    #[error("expired: valid until {until} ms, the block's time is {now} ms")]
    Expired {
        /// `valid_until`.
        until: u64,
        /// Block time.
        now: u64,
    },
    /// Too early: nobody shall keep transactions for later.
    #[error("valid_until is {until} ms, more than a day after {now} ms")]
    TooLong {
        /// `valid_until`.
        until: u64,
        /// Block time.
        now: u64,
    },
    /// The price has risen above what is allowed.
    #[error("the fee is {fee} smallest units of mei, max_fee allows {max}")]
    MaxFee {
        /// What it costs now.
        fee: Amount,
        /// What it may cost.
        max: Amount,
    },
    /// Not enough free `mei`.
    #[error("the payer has {have} smallest units of mei free, the fee is {fee}")]
    CannotPay {
        /// What is free.
        have: Amount,
        /// What it costs.
        fee: Amount,
    },
    /// A payer that neither signs nor sponsors.
    #[error("the payer neither signs nor is an organization with allowance left for the first signer")]
    Payer,
}

/// Who pays what.
pub(crate) struct Bill {
    pub payer: AccountId,
    pub sponsor: Option<orgs::Sponsor>,
    pub fee: Amount,
    /// What the payer could pay at most.
    pub can_pay: Amount,
}

/// Everything but form, signatures and nonce.
pub(crate) fn bill(
    state: &Overlay,
    block: &BlockInfo,
    base_fee: Amount,
    signed: &SignedTx,
    weight: Weight,
) -> Result<Result<Bill, Unfit>, Fault> {
    let tx = &signed.tx;
    let now = block.time;
    if tx.valid_until < now {
        return Ok(Err(Unfit::Expired { until: tx.valid_until, now }));
    }
    if tx.valid_until - now > VALID_FOR_MS_MAX {
        return Ok(Err(Unfit::TooLong { until: tx.valid_until, now }));
    }
    let fee = base_fee.share(u128::from(weight), 1).filter(|fee| *fee <= tx.max_fee);
    let Some(fee) = fee else {
        let fee = Amount::new(base_fee.0.saturating_mul(u128::from(weight)));
        return Ok(Err(Unfit::MaxFee { fee, max: tx.max_fee }));
    };
    let first = tx.signers.first().copied().unwrap_or_default();
    let payer = tx.payer.unwrap_or(first);
    let (mut sponsor, mut allowed) = (None, Amount::new(u128::MAX));
    if !tx.signers.contains(&payer) {
        // To read the calls once more is work that most sponsored ones do not need.
        match orgs::may_pay_for(state, &payer, &first, || wasm::views::only_executes(&tx.calls), fee, now) {
            Ok(found) => (sponsor, allowed) = (Some(found), found.left),
            Err(Stop::Reject(_)) => return Ok(Err(Unfit::Payer)),
            Err(Stop::Fault(fault)) => return Err(fault),
        }
    }
    let have = state.holding(&TokenId::NATIVE, &payer)?.free;
    if have < fee {
        return Ok(Err(Unfit::CannotPay { have, fee }));
    }
    Ok(Ok(Bill { payer, sponsor, fee, can_pay: have.min(allowed) }))
}

/// ACCOUNTS-3: each signer's key is the one bound to the account, or may be bound now.
pub(crate) fn check_keys(state: &Overlay, signed: &SignedTx) -> Result<Result<(), Unfit>, Fault> {
    for (n, (witness, who)) in signed.witnesses.iter().zip(&signed.tx.signers).enumerate() {
        let bound = state.holding(&TokenId::NATIVE, who)?.key;
        // All zeros stands for "none yet"; as a key it is a point of small order, so an unbound account is looked at first.
        if bound == Holding::default().key {
            if !witness.key.may_be_bound() {
                return Ok(Err(Unfit::WeakKey(n)));
            }
        } else if bound != witness.key {
            return Ok(Err(Unfit::Key));
        }
    }
    Ok(Ok(()))
}

/// Whether a transaction could stand in a block now or, its nonce being ahead, soon: what a node asks before its pool takes it. Form and
/// signatures are the caller's. Says the account's next nonce, and how much `mei` the payer could pay as fee: what it has free, and of an
/// organization no more than is left of the day's allowance. A pool believes no offer beyond that.
pub fn admissible(
    state: &Overlay,
    block: &BlockInfo,
    base_fee: Amount,
    signed: &SignedTx,
    weight: Weight,
) -> Result<Result<(u64, Amount), Unfit>, Fault> {
    let first = signed.tx.signers.first().copied().unwrap_or_default();
    let want = state.holding(&TokenId::NATIVE, &first)?.nonce;
    if signed.tx.nonce < want {
        return Ok(Err(Unfit::Nonce { want, got: signed.tx.nonce }));
    }
    if let Err(unfit) = check_keys(state, signed)? {
        return Ok(Err(unfit));
    }
    Ok(bill(state, block, base_fee, signed, weight)?.map(|bill| (want, bill.can_pay)))
}
