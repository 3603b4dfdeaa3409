use leither_types::Amount;
use proptest::prelude::*;

#[test]
fn money_neither_wraps_nor_saturates() {
    let most = Amount::new(u128::MAX);
    assert_eq!(most.plus(Amount::new(1)), None);
    assert_eq!(Amount::ZERO.minus(Amount::new(1)), None);
    assert_eq!(most.share(2, 2), None, "the product leaves 128 bits");
    assert_eq!(most.share(1, 0), None);
}

#[test]
fn an_amount_is_decimal_digits_and_nothing_else() {
    for text in ["", " 1", "1 ", "-1", "1.0", "1e3", "0x1", "340282366920938463463374607431768211456"] {
        assert!(text.parse::<Amount>().is_err(), "{text:?} was taken for an amount");
    }
}

proptest! {
    #[test]
    fn shares_are_rounded_down(amount in 0..1u128 << 60, part in 0..1u128 << 60, whole in 1..1u128 << 60) {
        let share = Amount::new(amount).share(part, whole).expect("fits").0;
        prop_assert!(share * whole <= amount * part && amount * part < (share + 1) * whole);
    }

    #[test]
    fn an_amount_reads_back_from_its_text(amount: u128) {
        prop_assert_eq!(Amount::new(amount).to_string().parse(), Ok(Amount::new(amount)));
    }
}
