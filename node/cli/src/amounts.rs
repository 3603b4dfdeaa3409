//! Amounts as people write them: `5mei`, `0.25mei`, `10tube`. No floating point anywhere: digits in, digits out.

use leither_types::{Amount, SUPPLY_MAX};

/// The native token's symbol.
pub const NATIVE_SYMBOL: &str = "mei";
/// The native token's decimals: one `mei` is 10^9 smallest units.
pub const NATIVE_DECIMALS: u8 = 9;
/// More decimals than this no token has: 10^28 is the highest power of ten below the greatest supply.
pub const DECIMALS_MAX: u8 = 28;
const DIGITS_MAX: usize = 40;

/// Why a text is no amount.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AmountError {
    /// Not `<number><symbol>`.
    #[error("`{0}` is no amount: write a number and a symbol, like 5mei, 0.25mei or 10tube")]
    Form(String),
    /// The symbol breaks the rule.
    #[error("`{0}` is no token symbol: 3 to 12 of a-z and 0-9")]
    Symbol(String),
    /// More digits behind the point than the token has.
    #[error("{symbol} has {decimals} decimals, `{number}` has more: the smallest amount is {smallest}")]
    TooFine {
        /// Of which token.
        symbol: String,
        /// How many it has.
        decimals: u8,
        /// What was written.
        number: String,
        /// The smallest amount that can be written.
        smallest: String,
    },
    /// Above what any token may have.
    #[error("{0} is more than any token's supply can be")]
    TooMuch(String),
}

/// What was written: digits and the symbol of a token whose decimals are not known yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    whole: String,
    fraction: String,
    /// Which token.
    pub symbol: String,
}

/// AMOUNT-1: reads `<number><symbol>`; one space between them is allowed, which a symbol that begins with a digit needs.
pub fn parse(text: &str) -> Result<Written, AmountError> {
    let form = || AmountError::Form(text.chars().take(80).collect());
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(form)?;
    let (number, rest) = text.split_at(end);
    let symbol = rest.strip_prefix(' ').unwrap_or(rest);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let dangling = number.contains('.') && fraction.is_empty();
    if whole.is_empty() || dangling || fraction.contains('.') || number.len() > DIGITS_MAX {
        return Err(form());
    }
    if !is_symbol(symbol) {
        return Err(AmountError::Symbol(symbol.chars().take(40).collect()));
    }
    Ok(Written { whole: whole.into(), fraction: fraction.into(), symbol: symbol.into() })
}

/// Reads an amount of `mei`.
pub fn parse_native(text: &str) -> Result<Amount, AmountError> {
    let written = parse(text)?;
    if written.symbol == NATIVE_SYMBOL { written.units(NATIVE_DECIMALS) } else { Err(AmountError::Symbol(written.symbol)) }
}

/// Whether `text` may be a token's symbol.
pub fn is_symbol(text: &str) -> bool {
    (3..=12).contains(&text.len()) && text.bytes().all(|c| matches!(c, b'a'..=b'z' | b'0'..=b'9'))
}

impl Written {
    /// AMOUNT-2: in smallest units of a token with so many decimals. Nothing is rounded: what does not fit is refused.
    pub fn units(&self, decimals: u8) -> Result<Amount, AmountError> {
        let number = || match self.fraction.as_str() {
            "" => self.whole.clone(),
            fraction => format!("{}.{fraction}", self.whole),
        };
        let fraction = self.fraction.trim_end_matches('0');
        let Some(missing) = usize::from(decimals).checked_sub(fraction.len()) else {
            return Err(AmountError::TooFine {
                symbol: self.symbol.clone(),
                decimals,
                number: number(),
                smallest: show(Amount::new(1), decimals, &self.symbol),
            });
        };
        let too_much = || AmountError::TooMuch(format!("{}{}", number(), self.symbol));
        let digits = format!("{}{fraction}{}", self.whole.trim_start_matches('0'), "0".repeat(missing));
        let digits = digits.trim_start_matches('0');
        if digits.is_empty() {
            return Ok(Amount::ZERO);
        }
        let units: u128 = digits.parse().map_err(|_| too_much())?;
        if units > SUPPLY_MAX.0 { Err(too_much()) } else { Ok(Amount::new(units)) }
    }
}

/// AMOUNT-3: prints an amount as it is read: no digit lost, no zero behind the point, the symbol at the end.
pub fn show(amount: Amount, decimals: u8, symbol: &str) -> String {
    let number = number(amount, decimals);
    let space = if symbol.starts_with(|c: char| c.is_ascii_digit()) { " " } else { "" };
    format!("{number}{space}{symbol}")
}

/// The number alone.
pub fn number(amount: Amount, decimals: u8) -> String {
    let places = usize::from(decimals);
    let digits = format!("{:0>width$}", amount.0, width = places.saturating_add(1));
    let (whole, fraction) = digits.split_at(digits.len().saturating_sub(places));
    match fraction.trim_end_matches('0') {
        "" => whole.to_string(),
        fraction => format!("{whole}.{fraction}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn units(text: &str, decimals: u8) -> Result<u128, AmountError> {
        parse(text)?.units(decimals).map(|a| a.0)
    }

    // AMOUNT-1
    #[test]
    fn amounts_are_read_to_the_last_unit() {
        assert_eq!(units("5mei", 9), Ok(5_000_000_000));
        assert_eq!(units("0.25mei", 9), Ok(250_000_000));
        assert_eq!(units("10tube", 0), Ok(10));
        assert_eq!(units("10.000tube", 0), Ok(10));
        assert_eq!(units("0.000000001mei", 9), Ok(1));
        assert_eq!(units("0.0000000010mei", 9), Ok(1));
        assert_eq!(units("007.50mei", 2), Ok(750));
        assert_eq!(units("0mei", 9), Ok(0));
        assert_eq!(units("5 1inch", 0), Ok(5));
        // A symbol may begin with any letter, so this is no exponent but one unit of a token `e9mei`.
        assert_eq!(parse("1e9mei").map(|w| w.symbol), Ok("e9mei".to_string()));
        assert_eq!(parse_native("1mei").map(|a| a.0), Ok(1_000_000_000));
    }

    // AMOUNT-1
    #[test]
    fn what_is_no_amount_is_refused_with_its_reason() {
        for text in ["", "5", "mei", ".5mei", "5.mei", "1.2.3mei", "-5mei", "+5mei", "٣mei", "1,5mei", "5  mei"] {
            let error = parse(text).unwrap_err();
            assert!(matches!(error, AmountError::Form(_) | AmountError::Symbol(_)), "{text}: {error}");
        }
        assert!(matches!(parse("5me"), Err(AmountError::Symbol(_))));
        assert!(matches!(parse("5MEI"), Err(AmountError::Symbol(_))));
        assert!(matches!(parse("5abcdefghijklm"), Err(AmountError::Symbol(_))));
        assert!(matches!(parse(&format!("{}mei", "9".repeat(41))), Err(AmountError::Form(_))));
        assert!(matches!(parse_native("5tube"), Err(AmountError::Symbol(_))));
    }

    // AMOUNT-2
    #[test]
    fn a_digit_too_fine_is_refused_and_never_rounded() {
        let error = units("0.0000000001mei", 9).unwrap_err();
        assert_eq!(error.to_string(), "mei has 9 decimals, `0.0000000001` has more: the smallest amount is 0.000000001mei");
        assert!(matches!(units("0.1tube", 0), Err(AmountError::TooFine { .. })));
    }

    // AMOUNT-2
    #[test]
    fn more_than_a_supply_is_refused() {
        assert_eq!(units("79228162514264337593543950335abc", 0), Ok(SUPPLY_MAX.0));
        assert!(matches!(units("79228162514264337593543950336abc", 0), Err(AmountError::TooMuch(_))));
        assert!(matches!(units(&format!("{}mei", "9".repeat(40)), 9), Err(AmountError::TooMuch(_))));
    }

    proptest! {
        // AMOUNT-3
        #[test]
        fn what_is_printed_reads_back(units in 0..=SUPPLY_MAX.0, decimals in 0..=DECIMALS_MAX, symbol in "[a-z0-9]{3,12}") {
            let text = show(Amount::new(units), decimals, &symbol);
            let written = parse(&text).unwrap();
            prop_assert_eq!(written.units(decimals), Ok(Amount::new(units)));
            prop_assert_eq!(written.symbol, symbol);
        }
    }
}
