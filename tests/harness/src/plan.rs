use crate::{account, key};
use leither_pallets::Call;
use leither_types::{AccountId, Amount, CallBytes, Hash, List, Millis, SignedTx, TX_VERSION, Tx, Weight};

/// A transaction to be signed; every field may be spoilt first.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Who signs, by name; the first one leads.
    pub signers: Vec<String>,
    /// What to do.
    pub calls: Vec<CallBytes>,
    /// The chain it is for.
    pub chain: Hash,
    /// The first signer's nonce.
    pub nonce: u64,
    /// Void after this time.
    pub valid_until: Millis,
    /// The most it may cost.
    pub max_fee: Amount,
    /// The most it may weigh.
    pub weight_limit: Weight,
    /// Who pays, if not the first signer.
    pub payer: Option<AccountId>,
    /// The transaction's version.
    pub version: u8,
}

impl Plan {
    /// Signed by these, doing that, paid up to whatever it costs.
    pub fn new(signers: &[&str], calls: &[Call], chain: Hash, nonce: u64, valid_until: Millis) -> Self {
        Self {
            signers: signers.iter().map(|name| name.to_string()).collect(),
            calls: calls.iter().map(|call| call.write().expect("the test's call is short enough")).collect(),
            chain,
            nonce,
            valid_until,
            max_fee: Amount(u128::MAX),
            weight_limit: Weight::MAX,
            payer: None,
            version: TX_VERSION,
        }
    }

    /// The payload.
    pub fn tx(&self) -> Tx {
        Tx {
            version: self.version,
            chain: self.chain,
            signers: List::new(self.signers.iter().map(|name| account(name)).collect()).expect("at most 8 signers"),
            payer: self.payer,
            nonce: self.nonce,
            valid_until: self.valid_until,
            max_fee: self.max_fee,
            weight_limit: self.weight_limit,
            calls: List::new(self.calls.clone()).expect("at most 16 calls"),
        }
    }

    /// Signed by all signers.
    pub fn sign(&self) -> SignedTx {
        let keys: Vec<_> = self.signers.iter().map(|name| key(name)).collect();
        self.tx().sign(&keys.iter().collect::<Vec<_>>()).expect("at most 8 signers")
    }
}
