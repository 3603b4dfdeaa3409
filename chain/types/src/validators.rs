use crate::{AccountId, Hash, List, PublicKey, ValidatorId, hash_of};
use parity_scale_codec::{Decode, DecodeWithMemTracking, Encode};

/// Validators of one chain at one time (DESIGN, section 4).
pub const VALIDATORS_MAX: usize = 64;

/// Who keeps the books.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking)]
pub struct Validator {
    /// The consensus key; it signs nothing but consensus messages.
    pub key: PublicKey,
    /// Voting power, at least 1.
    pub power: u64,
    /// Who receives its part of the fees.
    pub operator: AccountId,
}

impl Validator {
    /// Its name.
    pub fn id(&self) -> ValidatorId {
        ValidatorId::of_key(&self.key)
    }

    /// Its place in a set.
    fn rank(&self) -> (std::cmp::Reverse<u64>, ValidatorId) {
        (std::cmp::Reverse(self.power), self.id())
    }
}

/// Whether these may be a set, in whatever order, if their keys are sound.
fn check(validators: &[Validator]) -> Result<(), ValidatorSetError> {
    if validators.is_empty() {
        return Err(ValidatorSetError::Empty);
    }
    if validators.iter().any(|v| v.power == 0) {
        return Err(ValidatorSetError::Unfit);
    }
    let mut keys: Vec<_> = validators.iter().map(|v| v.key).collect();
    keys.sort_unstable();
    if keys.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(ValidatorSetError::Twice);
    }
    Ok(())
}

fn are_sound(validators: &[Validator]) -> bool {
    validators.iter().all(|v| v.key.may_be_bound())
}

/// The validators of a height: power descending, then id ascending; no key twice. [`ValidatorSet::new`] makes one of parts.
///
/// Decoding does not check that each key may be bound, which takes a square root for each, several times a block: a set was either written by
/// this chain, or counts only once its hash is the one that a certified header states. Nothing certifies a genesis, whose decoding asks
/// [`ValidatorSet::is_sound`].
#[derive(Clone, Debug, PartialEq, Eq, Encode)]
pub struct ValidatorSet(List<Validator, VALIDATORS_MAX>);

/// Why a list of validators is no set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ValidatorSetError {
    /// None.
    #[error("a chain needs at least one validator")]
    Empty,
    /// More than [`VALIDATORS_MAX`].
    #[error("more than {VALIDATORS_MAX} validators")]
    TooMany,
    /// One key twice.
    #[error("two validators share a consensus key")]
    Twice,
    /// No power, or a key that may not be bound.
    #[error("a validator without power or with an unusable consensus key")]
    Unfit,
}

impl ValidatorSet {
    /// Sorts and checks.
    pub fn new(mut validators: Vec<Validator>) -> Result<Self, ValidatorSetError> {
        if !are_sound(&validators) {
            return Err(ValidatorSetError::Unfit);
        }
        check(&validators)?;
        validators.sort_by_cached_key(Validator::rank);
        List::new(validators).map(Self).ok_or(ValidatorSetError::TooMany)
    }

    /// Whether each key may be bound: a point on the curve, and not one of small order.
    pub fn is_sound(&self) -> bool {
        are_sound(&self.0)
    }

    /// The validators in order.
    pub fn iter(&self) -> impl Iterator<Item = &Validator> {
        self.0.iter()
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Never true; there because clippy wants it beside `len`.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The validator of this name.
    pub fn get(&self, id: &ValidatorId) -> Option<&Validator> {
        self.0.iter().find(|v| v.id() == *id)
    }

    /// The sum of all power; 64 x 2^64 fits easily.
    pub fn total_power(&self) -> u128 {
        self.0.iter().map(|v| u128::from(v.power)).sum()
    }

    /// Its hash, as headers state it.
    pub fn hash(&self) -> Hash {
        hash_of("leither/validators/v1", self)
    }

    /// CONS-4: who proposes in this round. Turns are taken in proportion to power, from the height and round alone.
    ///
    /// Slots 0..total are dealt to validators in order; stepping by a number coprime to the total visits every slot once in `total`
    /// turns, so in the long run each proposes exactly its share, and no state has to be carried from height to height.
    pub fn proposer(&self, height: u64, round: u32) -> &Validator {
        let total = self.total_power();
        let turn = (u128::from(height) + u128::from(round)) % total;
        let step = coprime_near_golden(total);
        let mut slot = mul_mod(turn, step, total);
        for validator in &self.0 {
            let power = u128::from(validator.power);
            if slot < power {
                return validator;
            }
            slot -= power;
        }
        &self.0[0]
    }
}

/// The largest number not above `total` / 1.618… that shares no factor with `total`: steps of the golden section spread one validator's
/// turns evenly over any stretch of heights. A ratio of small numbers would not: it comes back to the same few slots for ages.
fn coprime_near_golden(total: u128) -> u128 {
    // The 82nd and 83rd Fibonacci numbers; total < 2^70, so the product stays below 2^126.
    let mut step = (total * 61_305_790_721_611_591 / 99_194_853_094_755_497).max(1);
    while gcd(step, total) != 1 {
        step -= 1;
    }
    step
}

/// `a * b % m` for factors below `m` < 2^70: their product may leave 128 bits, so `b` is taken in two halves of 35 bits.
fn mul_mod(a: u128, b: u128, m: u128) -> u128 {
    const HALF: u32 = 35;
    let high = a * (b >> HALF) % m;
    ((high << HALF) + a * (b & ((1 << HALF) - 1))) % m
}

fn gcd(mut a: u128, mut b: u128) -> u128 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

impl Decode for ValidatorSet {
    fn decode<I: parity_scale_codec::Input>(input: &mut I) -> Result<Self, parity_scale_codec::Error> {
        let validators = List::<Validator, VALIDATORS_MAX>::decode(input)?;
        if check(&validators).is_err() || !validators.is_sorted_by_key(Validator::rank) {
            return Err("not a validator set".into());
        }
        Ok(Self(validators))
    }
}

impl DecodeWithMemTracking for ValidatorSet {}
