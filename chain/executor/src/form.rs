use leither_pallets::{Call, FURTHER_CALL_WEIGHT};
use leither_types::{AccountId, CallBytes, DecodeError, Hash, SignedTx, TX_BYTES_MAX, TX_VERSION, Tx, Weight, codec};

/// What every transaction weighs.
const TX_WEIGHT: Weight = 5_000;
/// What checking a signature weighs.
const SIGNATURE_WEIGHT: Weight = 20_000;
/// What a byte weighs: it is sent, hashed and kept.
const BYTE_WEIGHT: Weight = 10;

/// What is wrong with a transaction whatever the state (first rung).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FormError {
    /// No transaction at all.
    #[error("not a transaction: {0}")]
    Decode(#[from] DecodeError),
    /// Of another version.
    #[error("transaction version {0} is not known; this node knows {TX_VERSION}")]
    Version(u8),
    /// Signed for another chain.
    #[error("signed for chain {signed}, but this is chain {here}")]
    Chain {
        /// Which one it names.
        signed: Hash,
        /// This one.
        here: Hash,
    },
    /// None, or one twice.
    #[error("1 to 8 signers, none twice")]
    Signers,
    /// Not one a signer.
    #[error("witness {0} is missing, is one too many, or its key is not the signer's")]
    Witness(usize),
    /// A key of small order: anyone could sign for it.
    #[error("witness {0} has a key that cannot own an account")]
    WeakKey(usize),
    /// None.
    #[error("1 to 16 calls")]
    Calls,
    /// A call that does not decode or cannot be right.
    #[error("call {index}: {why}")]
    Call {
        /// Which.
        index: usize,
        /// What is wrong.
        why: String,
    },
    /// Its calls weigh more.
    #[error("weight_limit is {limit}, the transaction weighs {weight}")]
    WeightLimit {
        /// What it allows.
        limit: Weight,
        /// What it needs.
        weight: Weight,
    },
}

/// What a transaction weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Weights {
    /// In all.
    pub all: Weight,
    /// BLOCK-7: what of that is contracts'.
    pub contracts: Weight,
}

/// What is in a transaction of good form: its calls are decoded once, to be checked, weighed and done.
#[derive(Debug)]
pub(crate) struct Content {
    pub calls: Vec<Call>,
    pub weights: Weights,
}

/// Decodes within the limits and checks all that needs no state but the signatures. Says what it weighs.
pub fn check_form(bytes: &[u8], chain: &Hash) -> Result<(SignedTx, Weights), FormError> {
    // TX-1.
    let tx: SignedTx = codec::decode_within(bytes, TX_BYTES_MAX)?;
    let weights = check_tx(&tx, chain)?;
    Ok((tx, weights))
}

/// The same for one that is decoded.
pub fn check_tx(signed: &SignedTx, chain: &Hash) -> Result<Weights, FormError> {
    Ok(content(signed, chain)?.weights)
}

/// The same for whoever is to do it.
pub(crate) fn content(signed: &SignedTx, chain: &Hash) -> Result<Content, FormError> {
    let tx = &signed.tx;
    let calls = payload(tx, chain)?;
    // TX-3, with the signers themselves in `payload`.
    if signed.witnesses.len() != tx.signers.len() {
        return Err(FormError::Witness(signed.witnesses.len().min(tx.signers.len())));
    }
    for (n, (witness, signer)) in signed.witnesses.iter().zip(&tx.signers).enumerate() {
        if AccountId::of_key(&witness.key) != *signer {
            return Err(FormError::Witness(n));
        }
    }
    let weights = weigh(tx, &calls);
    // TX-5.
    if weights.all > tx.weight_limit {
        return Err(FormError::WeightLimit { limit: tx.weight_limit, weight: weights.all });
    }
    Ok(Content { calls, weights })
}

fn payload(tx: &Tx, chain: &Hash) -> Result<Vec<Call>, FormError> {
    // TX-2.
    if tx.version != TX_VERSION {
        return Err(FormError::Version(tx.version));
    }
    if tx.chain != *chain {
        return Err(FormError::Chain { signed: tx.chain, here: *chain });
    }
    // TX-3.
    let twice = tx.signers.iter().enumerate().any(|(n, who)| tx.signers.iter().take(n).any(|other| other == who));
    if tx.signers.is_empty() || twice {
        return Err(FormError::Signers);
    }
    // TX-4.
    if tx.calls.is_empty() {
        return Err(FormError::Calls);
    }
    let read = |(index, bytes): (usize, &CallBytes)| {
        let fail = |why: String| FormError::Call { index, why };
        let call = Call::read(bytes).map_err(|e| fail(e.to_string()))?;
        call.check().map_err(|e| fail(e.to_string()))?;
        Ok::<_, FormError>(call)
    };
    tx.calls.iter().enumerate().map(read).collect()
}

/// What a transaction weighs, from its payload alone. Nothing where a call does not decode.
pub fn weight(tx: &Tx) -> Option<Weight> {
    let calls: Option<Vec<Call>> = tx.calls.iter().map(|call| Call::read(call).ok()).collect();
    Some(weigh(tx, &calls?).all)
}

fn weigh(tx: &Tx, calls: &[Call]) -> Weights {
    let bytes: usize = tx.calls.iter().map(|call| call.len()).sum();
    let sum = TX_WEIGHT
        .saturating_add(SIGNATURE_WEIGHT.saturating_mul(tx.signers.len() as u64))
        .saturating_add(BYTE_WEIGHT.saturating_mul(bytes as u64));
    let further = tx.calls.len().saturating_sub(1) as u64;
    let (mut all, mut contracts) = (sum.saturating_add(FURTHER_CALL_WEIGHT.saturating_mul(further)), 0);
    for call in calls {
        all = all.saturating_add(call.weight());
        contracts = Weight::saturating_add(contracts, call.contract_weight());
    }
    Weights { all, contracts }
}
