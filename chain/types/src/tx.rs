use crate::sign::Claim;
use crate::{AccountId, Amount, Blob, Hash, List, Millis, PublicKey, SecretKey, Signature, Weight, tagged};
use parity_scale_codec::{Decode, DecodeWithMemTracking, Encode};

/// The only version of [`Tx`] so far.
pub const TX_VERSION: u8 = 1;
/// Parties that may sign one transaction together.
pub const SIGNERS_MAX: usize = 8;
/// Calls in one transaction, all or nothing.
pub const CALLS_MAX: usize = 16;
/// A signed transaction is no longer than this.
pub const TX_BYTES_MAX: usize = 64 * 1024;
/// A call is no longer than this.
pub const CALL_BYTES_MAX: usize = 60 * 1024;
/// `valid_until` may lie at most so far after the block's time.
pub const VALID_FOR_MS_MAX: u64 = 24 * 3600 * 1000;

const SIGN_TAG: &[u8] = b"leither/tx/v1:";

/// A transaction's name: the hash of the signed payload. Signatures are not in it, since a signature can be re-made.
pub type TxId = Hash;
/// A call as its pallet wrote it; only pallets know what it means.
pub type CallBytes = Blob<CALL_BYTES_MAX>;

/// What the signers sign.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking)]
pub struct Tx {
    /// [`TX_VERSION`].
    pub version: u8,
    /// The chain's genesis hash: the transaction means nothing elsewhere.
    pub chain: Hash,
    /// Who acts; the first one's nonce counts. 1 to 8, all different.
    pub signers: List<AccountId, SIGNERS_MAX>,
    /// Who pays the fee: a signer, or an organization that sponsors its members. Nobody named: the first signer.
    pub payer: Option<AccountId>,
    /// One more than the first signer's last, from 0.
    pub nonce: u64,
    /// Block time in ms after which the transaction is void.
    pub valid_until: Millis,
    /// The most that may be taken as fee, in smallest units of `mei`.
    pub max_fee: Amount,
    /// The most weight that may be used.
    pub weight_limit: Weight,
    /// What to do: 1 to 16 calls, all or nothing.
    pub calls: List<CallBytes, CALLS_MAX>,
}

/// A signer's key and signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking)]
pub struct Witness {
    /// The key whose hash is the signer's id.
    pub key: PublicKey,
    /// Over [`Tx::sign_bytes`].
    pub signature: Signature,
}

/// A transaction with one witness a signer, in their order.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking)]
pub struct SignedTx {
    /// What was signed.
    pub tx: Tx,
    /// By whom.
    pub witnesses: List<Witness, SIGNERS_MAX>,
}

impl Tx {
    /// The bytes under a signature: a domain tag, then the payload, which names the chain.
    pub fn sign_bytes(&self) -> Vec<u8> {
        let mut bytes = SIGN_TAG.to_vec();
        self.encode_to(&mut bytes);
        bytes
    }

    /// The transaction's name.
    pub fn id(&self) -> TxId {
        tagged("leither/txid/v1", &[&self.encode()])
    }

    /// The account whose nonce this transaction uses. An empty list has none; [`SignedTx`] of that kind is refused by form.
    pub fn first_signer(&self) -> Option<AccountId> {
        self.signers.first().copied()
    }

    /// Who pays the fee.
    pub fn fee_payer(&self) -> Option<AccountId> {
        self.payer.or(self.first_signer())
    }

    /// Signs with the signers' keys, in the signers' order.
    pub fn sign(self, keys: &[&SecretKey]) -> Option<SignedTx> {
        let message = self.sign_bytes();
        let witnesses = keys.iter().map(|key| Witness { key: key.public(), signature: key.sign(&message) }).collect();
        Some(SignedTx { tx: self, witnesses: List::new(witnesses)? })
    }
}

impl SignedTx {
    /// The transaction's name.
    pub fn id(&self) -> TxId {
        self.tx.id()
    }

    /// Names these very bytes, witnesses included: what a block lists and what a verified signature is remembered by.
    pub fn full_hash(&self) -> Hash {
        tagged("leither/signed-tx/v1", &[&self.encode()])
    }

    /// The signature claims, one a witness, over `message`, which must be [`Tx::sign_bytes`].
    pub fn claims<'a>(&self, message: &'a [u8]) -> Vec<Claim<'a>> {
        self.witnesses.iter().map(|w| Claim { key: w.key, message, signature: w.signature }).collect()
    }
}
