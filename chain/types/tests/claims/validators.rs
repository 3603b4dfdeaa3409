use crate::{key, set};
use leither_types::{
    AccountId, GENESIS_VERSION, GenesisHead, Hash, Params, PublicKey, Text, VALIDATORS_MAX, Validator, ValidatorSet,
    ValidatorSetError, decode_within,
};
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

/// The neutral point: any signature of it verifies under ZIP-215.
fn weak() -> Validator {
    let mut neutral = [0; 32];
    neutral[0] = 1;
    Validator { key: PublicKey(neutral), power: 1, operator: AccountId::default() }
}

#[test]
fn a_key_of_small_order_keeps_no_books() {
    assert_eq!(ValidatorSet::new(vec![weak()]).err(), Some(ValidatorSetError::Unfit));
}

#[test]
fn a_key_of_small_order_founds_no_chain() {
    let head = |validators| GenesisHead {
        version: GENESIS_VERSION,
        name: Text::new("small").expect("short"),
        time: 1,
        validators,
        params: Params::dev(),
        dev: true,
        allocations: Hash::ZERO,
        origin: None,
    };
    let sound = head(set(&[1]));
    assert_eq!(decode_within::<GenesisHead>(&sound.encode(), 4096).as_ref(), Ok(&sound));
    let unseen = decode_within::<ValidatorSet>(&vec![weak()].encode(), 4096).expect("decoding a set looks at no point");
    assert!(!unseen.is_sound());
    assert!(decode_within::<GenesisHead>(&head(unseen).encode(), 4096).is_err());
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

#[test]
fn an_encoded_set_of_nobody_of_one_twice_or_of_one_without_power_is_refused() {
    let twice = |powers: [u64; 2]| powers.map(|power| validator(1, power)).to_vec();
    for bad in [vec![], twice([1, 1]), twice([2, 1]), vec![validator(1, 1), validator(2, 0)]] {
        assert!(decode_within::<ValidatorSet>(&bad.encode(), 4096).is_err(), "{bad:?}");
    }
}
