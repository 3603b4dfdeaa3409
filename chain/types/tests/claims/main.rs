//! What `leither-types` claims, module by module. Signatures, codecs and golden bytes: `tests/conformance`.

mod amounts;
mod certificates;
mod ids;
mod lists;
mod params;
mod proposers;
mod validators;

use leither_types::{AccountId, SecretKey, Validator, ValidatorSet};

/// The key of the n-th test validator.
fn key(n: u8) -> SecretKey {
    SecretKey::from_seed(&[n; 32])
}

/// Validators 0.. with these powers.
fn set(powers: &[u64]) -> ValidatorSet {
    let one =
        |(n, power): (usize, &u64)| Validator { key: key(n as u8).public(), power: *power, operator: AccountId([n as u8; 20]) };
    ValidatorSet::new(powers.iter().enumerate().map(one).collect()).expect("fit validators")
}
