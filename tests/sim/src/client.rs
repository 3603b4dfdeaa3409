//! The people of a simulated chain: accounts with genesis money that pay each other, and keep asking until they are answered.

use leither_pallets::{Call, tokens};
use leither_types::{
    AccountId, Allocation, Amount, GENESIS_VERSION, Genesis, GenesisHead, Hash, List, Millis, Params, SecretKey, TX_VERSION,
    Text, TokenId, Tx, TxId, Validator, ValidatorSet, tagged,
};
use parity_scale_codec::Encode;
use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// Genesis time: the virtual clock's zero.
pub const GENESIS_MS: Millis = 1_700_000_000_000;
/// What each account begins with, in smallest units: enough for the fees of every run.
pub const GENESIS_UNITS: u128 = 1_000_000_000_000;
const TRANSFER_MAX: u128 = 1_000_000;
const MAX_FEE: u128 = 100_000;
const VALID_FOR_MS: u64 = 12 * 3_600_000;

/// A transfer in plain words, beside its bytes: what the oracle knows it by.
#[derive(Clone, Debug)]
pub struct Transfer {
    /// Its name.
    pub id: TxId,
    /// Who pays.
    pub from: AccountId,
    /// Who is paid.
    pub to: AccountId,
    /// How much.
    pub units: u128,
    /// The payer's counter.
    pub nonce: u64,
    /// The signed transaction.
    pub bytes: Vec<u8>,
}

/// The people and their keys.
pub struct Clients {
    chain: Hash,
    keys: Vec<SecretKey>,
    nonces: Vec<u64>,
}

/// A key that a name stands for: of this simulated chain alone.
pub fn key(name: &str, n: usize) -> SecretKey {
    SecretKey::from_seed(&tagged("leither/sim-key/v1", &[name.as_bytes(), &(n as u64).to_le_bytes()]).0)
}

/// The account of a person.
pub fn account(n: usize) -> AccountId {
    AccountId::of_key(&key("person", n).public())
}

/// The account that a validator is paid on.
pub fn operator(n: usize) -> AccountId {
    AccountId::of_key(&key("operator", n).public())
}

/// The chain's first block's parent: so many validators of equal power, so many people. Nothing where there are too many or none.
pub fn genesis(validators: usize, people: usize) -> Option<Genesis> {
    let seat = |n| Validator { key: key("validator", n).public(), power: 10, operator: operator(n) };
    let validators = ValidatorSet::new((0..validators).map(seat).collect()).ok()?;
    let reason = Text::new("a simulated person")?;
    let given = |n| Allocation {
        account: account(n),
        amount: Amount::new(GENESIS_UNITS),
        reason: reason.clone(),
        evidence: tagged("leither/sim-evidence/v1", &[&(n as u64).to_le_bytes()]),
    };
    let head = GenesisHead {
        version: GENESIS_VERSION,
        name: Text::new("leither-sim")?,
        time: GENESIS_MS,
        validators,
        params: Params::dev(),
        dev: true,
        allocations: Hash::ZERO,
        origin: None,
    };
    Genesis::new(head, (0..people).map(given).collect())
}

impl Clients {
    /// People of this chain.
    pub fn new(chain: Hash, people: usize) -> Self {
        Self { chain, keys: (0..people).map(|n| key("person", n)).collect(), nonces: vec![0; people] }
    }

    /// The next transfer of one of them, by chance, signed now.
    pub fn transfer(&mut self, now: u64, rng: &mut ChaCha8Rng) -> Option<Transfer> {
        let people = self.keys.len();
        let from = rng.gen_range(0..people);
        let to = (from + rng.gen_range(1..people)) % people;
        // One in ten asks for more than there is, so that receipts of failure are looked at, too.
        let units = rng.gen_range(1..=TRANSFER_MAX) * if rng.gen_ratio(1, 10) { GENESIS_UNITS } else { 1 };
        let nonce = *self.nonces.get(from)?;
        let call =
            tokens::Call::Transfer { token: TokenId::NATIVE, to: account(to), amount: Amount::new(units), memo: Text::default() };
        let tx = Tx {
            version: TX_VERSION,
            chain: self.chain,
            signers: List::new(vec![account(from)])?,
            payer: None,
            nonce,
            valid_until: GENESIS_MS + now + VALID_FOR_MS,
            max_fee: Amount::new(MAX_FEE),
            weight_limit: MAX_FEE as u64,
            calls: List::new(vec![Call::Tokens(call).write()?])?,
        };
        let signed = tx.sign(&[self.keys.get(from)?])?;
        *self.nonces.get_mut(from)? += 1;
        Some(Transfer { id: signed.id(), from: account(from), to: account(to), units, nonce, bytes: signed.encode() })
    }
}
