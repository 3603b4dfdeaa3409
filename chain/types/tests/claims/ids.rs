use bech32::{Bech32, Bech32m, ByteIterExt, Fe32, Fe32IterExt, Hrp};
use leither_types::{AccountId, IdError, MimeiId, OrgId, PublicKey, TokenId, ValidatorId};
use proptest::prelude::*;
use std::fmt::{Debug, Display};
use std::str::FromStr;

fn base64url(id: &[u8; 20]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let bit = |n: usize| id.get(n / 8).map_or(0, |byte| byte >> (7 - n % 8) & 1);
    let six = |at: usize| (0..6).fold(0usize, |acc, n| acc << 1 | usize::from(bit(at * 6 + n)));
    (0..27).map(|at| char::from(ALPHABET[six(at)])).collect()
}

/// Reads back from its text, from the same in capitals, and from the papers' older form.
fn reads_back<I: FromStr<Err = IdError> + Display + PartialEq + Debug>(id: I, bytes: [u8; 20]) {
    let text = id.to_string();
    assert_eq!(text.parse::<I>().as_ref(), Ok(&id));
    assert_eq!(text.to_uppercase().parse::<I>().as_ref(), Ok(&id));
    assert_eq!(base64url(&bytes).parse::<I>().as_ref(), Ok(&id));
}

proptest! {
    #[test]
    fn every_id_reads_back_from_its_texts(bytes: [u8; 20]) {
        reads_back(AccountId(bytes), bytes);
        reads_back(OrgId(bytes), bytes);
        reads_back(ValidatorId(bytes), bytes);
        reads_back(MimeiId(bytes), bytes);
        reads_back(TokenId(bytes), bytes);
    }

    #[test]
    fn a_mistyped_id_is_none(bytes: [u8; 20], at in 4..42usize, to in 0..31usize) {
        let mut text = AccountId(bytes).to_string().into_bytes();
        let others: Vec<u8> = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l".iter().copied().filter(|c| *c != text[at]).collect();
        text[at] = others[to];
        let text = String::from_utf8(text).expect("ASCII");
        prop_assert_eq!(text.parse::<AccountId>(), Err(IdError::Form("lth")));
    }

    #[test]
    fn any_text_is_an_id_or_an_error(text in ".{0,80}") {
        let _answer = text.parse::<AccountId>();
    }

    /// Whoever compares ids as text must not be fooled: small letters of one kind are one text.
    #[test]
    fn what_reads_as_an_id_is_its_text_or_the_older_form(text in "[a-zA-Z0-9_-]{27}|lth1[a-z0-9]{38}") {
        if let Ok(id) = text.parse::<AccountId>() {
            prop_assert!(text == id.to_string() || text == base64url(&id.0));
        }
    }
}

#[test]
fn an_id_of_another_kind_is_named() {
    let org = OrgId([7; 20]).to_string();
    let wrong = IdError::Kind { expected: "lth", found: "lthorg".into() };
    assert_eq!(org.parse::<AccountId>(), Err(wrong.clone()));
    assert_eq!(wrong.to_string(), "this id is of another kind: expected lth1…, got lthorg1…");
    assert!(matches!(AccountId([7; 20]).to_string().parse::<TokenId>(), Err(IdError::Kind { expected: "lthtok", .. })));
}

#[test]
fn other_lengths_checksums_and_spare_bits_are_no_ids() {
    let hrp = Hrp::parse("lth").expect("a prefix");
    for len in [0, 19, 21, 32] {
        let text = bech32::encode::<Bech32m>(hrp, &vec![7; len]).expect("short");
        assert_eq!(text.parse::<AccountId>(), Err(IdError::Form("lth")), "{len} bytes");
    }
    let older = bech32::encode::<Bech32>(hrp, &[7; 20]).expect("short");
    assert_eq!(older.parse::<AccountId>(), Err(IdError::Form("lth")), "BIP-173's checksum is not BIP-350's");
    // A 33rd character holds five bits of no byte; its checksum is right.
    let fes = [7u8; 20].iter().copied().bytes_to_fes().chain([Fe32::Q]);
    let text: String = fes.with_checksum::<Bech32m>(&hrp).chars().collect();
    assert_eq!(text.parse::<AccountId>(), Err(IdError::Form("lth")));
    // Of 27 x 6 bits two are spare, and must be zero.
    let mut text = base64url(&[7; 20]);
    assert_eq!(text.pop(), Some('c'));
    for last in ['d', 'e', 'f'] {
        assert!(format!("{text}{last}").parse::<AccountId>().is_err());
    }
}

#[test]
fn ids_of_different_things_differ() {
    let founder = AccountId::of_key(&PublicKey([1; 32]));
    assert_ne!(OrgId::derive(&founder, 1, 0), OrgId::derive(&founder, 0, 1));
    assert_ne!(
        MimeiId::derive(&founder, "ab", "c", ""),
        MimeiId::derive(&founder, "a", "bc", ""),
        "parts cannot run together"
    );
    assert_ne!(AccountId::of_key(&PublicKey([1; 32])).0, ValidatorId::of_key(&PublicKey([1; 32])).0);
    let org = OrgId::derive(&founder, 0, 0);
    assert_ne!(TokenId::of_org(&org).0, org.0);
    assert_eq!(org.treasury().0, org.0, "the same 160 bits, as a holder");
}
