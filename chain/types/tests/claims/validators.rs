use crate::{key, set};
use leither_types::{AccountId, PublicKey, VALIDATORS_MAX, Validator, ValidatorSet, ValidatorSetError, decode_within};
use parity_scale_codec::Encode;

fn validator(n: u8, power: u64) -> Validator {
    Validator { key: key(n).public(), power, operator: AccountId::default() }
}

#[test]
fn a_set_is_sorted_by_power_then_name_whatever_the_order_given() {
    let one = ValidatorSet::new((0..9).map(|n| validator(n, u64::from(n % 3) + 1)).collect()).expect("fit");
    let other = ValidatorSet::new((0..9).rev().map(|n| validator(n, u64::from(n % 3) + 1)).collect()).expect("fit");
    assert_eq!(one, other);
    assert_eq!(one.hash(), other.hash());
    let order: Vec<_> = one.iter().map(|v| (std::cmp::Reverse(v.power), v.id())).collect();
    assert!(order.is_sorted());
}

#[test]
fn no_set_has_nobody_too_many_one_twice_or_one_without_power() {
    let of = |validators| ValidatorSet::new(validators).err();
    assert_eq!(of(vec![]), Some(ValidatorSetError::Empty));
    assert_eq!(of(vec![validator(1, 1), validator(1, 2)]), Some(ValidatorSetError::Twice));
    assert_eq!(of(vec![validator(1, 0)]), Some(ValidatorSetError::Unfit));
    let many = |count: u8| (0..count).map(|n| validator(n, 1)).collect();
    assert_eq!(of(many(VALIDATORS_MAX as u8)), None);
    assert_eq!(of(many(VALIDATORS_MAX as u8 + 1)), Some(ValidatorSetError::TooMany));
}

#[test]
fn a_key_of_small_order_keeps_no_books() {
    // The neutral point: any signature of it verifies under ZIP-215.
    let mut neutral = [0; 32];
    neutral[0] = 1;
    let weak = Validator { key: PublicKey(neutral), power: 1, operator: AccountId::default() };
    assert_eq!(ValidatorSet::new(vec![weak]).err(), Some(ValidatorSetError::Unfit));
}

#[test]
fn an_encoded_set_in_another_order_is_refused() {
    let set = set(&[3, 2, 1]);
    let bytes = set.encode();
    assert_eq!(decode_within::<ValidatorSet>(&bytes, 4096).as_ref(), Ok(&set));
    let mut turned: Vec<Validator> = set.iter().cloned().collect();
    turned.reverse();
    assert!(decode_within::<ValidatorSet>(&turned.encode(), 4096).is_err());
}
