//! The people of a simulated chain, who pay each other, and the operators of its validators: what they sign, and keep handing in until it is
//! committed.

use crate::plan::Plan;
use leither_pallets::{Call, staking, tokens};
use leither_types::{
    AccountId, Allocation, Amount, GENESIS_VERSION, Genesis, GenesisHead, Hash, List, Millis, PublicKey, SecretKey, TX_VERSION,
    Text, TokenId, Tx, TxId, Validator, ValidatorSet, possession_bytes, swarm_bytes, tagged,
};
use parity_scale_codec::Encode;
use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// Genesis time: the virtual clock's zero.
pub const GENESIS_MS: Millis = 1_700_000_000_000;
/// What each account begins with, in smallest units: enough for the fees of every run.
pub const GENESIS_UNITS: u128 = 1_000_000_000_000;
/// Smallest units of one `mei`.
pub const MEI: u128 = 1_000_000_000;
/// A founder's power, where the plan says nothing else: what a pledge of as many `mei` weighs.
pub const FOUNDER_POWER: u64 = 100;
/// Consensus keys that a machine has one after the other: its operator rotates no more often.
pub const KEYS_MAX: usize = 4;
const TRANSFER_MAX: u128 = 1_000_000;
const MAX_FEE: u128 = 4_000_000;
const VALID_FOR_MS: u64 = 12 * 3_600_000;

/// What a client wants, in plain words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Want {
    /// To pay somebody so many smallest units.
    Pay(AccountId, u128),
    /// To become a candidate with this key, for so many smallest units.
    Join(PublicKey, u128),
    /// To pledge so many more.
    Raise(u128),
    /// To leave.
    Leave,
    /// To come back from jail.
    Unjail,
    /// To vote by this key.
    Rotate(PublicKey),
}

/// What a client has signed, in plain words beside its bytes: what the oracle knows it by.
#[derive(Clone, Debug)]
pub struct Order {
    /// Its name.
    pub id: TxId,
    /// Who wants it, and pays for it.
    pub from: AccountId,
    /// What.
    pub want: Want,
    /// The payer's counter.
    pub nonce: u64,
    /// The signed transaction.
    pub bytes: Vec<u8>,
}

/// The people, the operators, and their keys.
pub struct Clients {
    chain: Hash,
    people: Vec<(SecretKey, u64)>,
    operators: Vec<(SecretKey, u64)>,
}

/// A key that a name stands for: of this simulated chain alone.
pub fn key(name: &str, n: usize) -> SecretKey {
    SecretKey::from_seed(&tagged("leither/sim-key/v1", &[name.as_bytes(), &(n as u64).to_le_bytes()]).0)
}

/// A machine's consensus key: its first, or one that it changes to.
pub fn consensus_key(machine: usize, generation: usize) -> SecretKey {
    match generation {
        0 => key("validator", machine),
        _ => key("rotated", machine * KEYS_MAX + generation),
    }
}

/// The account of a person.
pub fn account(n: usize) -> AccountId {
    AccountId::of_key(&key("person", n).public())
}

/// The account that a validator is paid on.
pub fn operator(n: usize) -> AccountId {
    AccountId::of_key(&key("operator", n).public())
}

/// The chain's first block's parent: the plan's founders, its people, and money for them and all operators. Nothing where there are too many
/// or none.
pub fn genesis(plan: &Plan) -> Option<Genesis> {
    let power = |n: usize| plan.powers.get(n).copied().unwrap_or(FOUNDER_POWER);
    let seat = |n| Validator { key: consensus_key(n, 0).public(), power: power(n), operator: operator(n) };
    let validators = ValidatorSet::new((0..plan.validators).map(seat).collect()).ok()?;
    let reason = Text::new("a simulated person")?;
    let accounts = (0..plan.people).map(account).chain((0..plan.validators + plan.candidates).map(operator));
    let given = |(n, account): (usize, AccountId)| Allocation {
        account,
        amount: Amount::new(GENESIS_UNITS),
        reason: reason.clone(),
        evidence: tagged("leither/sim-evidence/v1", &[&(n as u64).to_le_bytes()]),
    };
    let head = GenesisHead {
        version: GENESIS_VERSION,
        name: Text::new("leither-sim")?,
        time: GENESIS_MS,
        validators,
        params: plan.params(),
        dev: true,
        allocations: Hash::ZERO,
        origin: None,
    };
    Genesis::new(head, accounts.enumerate().map(given).collect())
}

impl Clients {
    /// Of this chain.
    pub fn new(chain: Hash, plan: &Plan) -> Self {
        let keys = |name: &str, count: usize| (0..count).map(|n| (key(name, n), 0)).collect();
        Self { chain, people: keys("person", plan.people), operators: keys("operator", plan.validators + plan.candidates) }
    }

    /// The next transfer of one of the people, by chance, signed now.
    pub fn transfer(&mut self, now: u64, rng: &mut ChaCha8Rng) -> Option<Order> {
        let people = self.people.len();
        let from = rng.gen_range(0..people);
        let to = (from + rng.gen_range(1..people)) % people;
        // One in ten asks for more than there is, so that receipts of failure are looked at, too.
        let units = rng.gen_range(1..=TRANSFER_MAX) * if rng.gen_ratio(1, 10) { GENESIS_UNITS } else { 1 };
        let (chain, whose) = (self.chain, self.people.get_mut(from)?);
        sign(&chain, whose, 0, Want::Pay(account(to), units), now)
    }

    /// What a validator's operator wants now.
    pub fn operator(&mut self, machine: usize, want: Want, now: u64) -> Option<Order> {
        let (chain, whose) = (self.chain, self.operators.get_mut(machine)?);
        sign(&chain, whose, machine, want, now)
    }
}

/// What a transaction says. `machine` is the one of an operator, which has the keys that it speaks of.
fn call(chain: &Hash, machine: usize, want: &Want) -> Option<Call> {
    // The same key is its name in the consensus swarm: there is no such swarm here.
    let possession = |key: &PublicKey| {
        let (own, of) = ((0..KEYS_MAX).map(|n| consensus_key(machine, n)).find(|own| own.public() == *key)?, operator(machine));
        Some((own.sign(&possession_bytes(chain, &of, key)), own.sign(&swarm_bytes(chain, &of, key))))
    };
    Some(match want {
        Want::Pay(to, units) => Call::Tokens(tokens::Call::Transfer {
            token: TokenId::NATIVE,
            to: *to,
            amount: Amount::new(*units),
            memo: Text::default(),
        }),
        Want::Join(key, pledge) => {
            let contact = staking::Contact { swarm: *key, data: *key, address: Text::default() };
            let ((possession, swarm_possession), pledge) = (possession(key)?, Amount::new(*pledge));
            Call::Staking(staking::Call::Join { key: *key, possession, contact, swarm_possession, pledge })
        }
        Want::Raise(amount) => Call::Staking(staking::Call::Raise { amount: Amount::new(*amount) }),
        Want::Leave => Call::Staking(staking::Call::Leave),
        Want::Unjail => Call::Staking(staking::Call::Unjail),
        Want::Rotate(key) => {
            let (possession, swarm_possession) = possession(key)?;
            Call::Staking(staking::Call::Rotate { key: *key, possession, swarm: *key, swarm_possession })
        }
    })
}

fn sign(chain: &Hash, (key, next): &mut (SecretKey, u64), machine: usize, want: Want, now: u64) -> Option<Order> {
    let from = AccountId::of_key(&key.public());
    let tx = Tx {
        version: TX_VERSION,
        chain: *chain,
        signers: List::new(vec![from])?,
        payer: None,
        nonce: *next,
        valid_until: GENESIS_MS + now + VALID_FOR_MS,
        max_fee: Amount::new(MAX_FEE),
        weight_limit: MAX_FEE as u64,
        calls: List::new(vec![call(chain, machine, &want)?.write()?])?,
    };
    let signed = tx.sign(&[&*key])?;
    let nonce = *next;
    *next += 1;
    Some(Order { id: signed.id(), from, want, nonce, bytes: signed.encode() })
}
