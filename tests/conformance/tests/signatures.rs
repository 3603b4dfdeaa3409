//! One rule for signatures, ZIP-215, on every path: our single and batch verification, and a second implementation, agree on all of
//! wycheproof's cases and on those at the edges of the curve.

mod points;

use leither_types::sign::{Claim, verify_batch};
use leither_types::{PublicKey, Signature, Validator, ValidatorSet};
use points::{Case, cases, small_order};
use proptest::prelude::*;
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};

/// Wycheproof's cases (of well-formed length) whose verdict under ZIP-215 is not wycheproof's, which is RFC 8032's:
/// 151: R is y = 1 with the sign of x set, an encoding that no encoder writes. ZIP-215 takes it for the neutral point.
const OTHER_VERDICTS: &[usize] = &[151];

/// ed25519-consensus, which shares no code with ours: its field arithmetic is another crate's, too.
fn second_opinion(case: &Case) -> bool {
    let Ok(key) = ed25519_consensus::VerificationKey::try_from(case.key.0) else { return false };
    key.verify(&ed25519_consensus::Signature::from(case.signature.0), &case.message).is_ok()
}

fn single(case: &Case) -> bool {
    case.key.verify(&case.message, &case.signature)
}

fn batch(cases: &[&Case]) -> Vec<bool> {
    let claims: Vec<Claim<'_>> =
        cases.iter().map(|c| Claim { key: c.key, message: &c.message, signature: c.signature }).collect();
    verify_batch(&claims, ChaCha20Rng::from_seed([1; 32]))
}

fn wycheproof() -> Vec<(usize, bool, Case)> {
    let set = wycheproof::eddsa::TestSet::load(wycheproof::eddsa::TestName::Ed25519).expect("the cases are part of the crate");
    let mut cases = Vec::new();
    for group in set.test_groups {
        let key: [u8; 32] = group.key.pk[..].try_into().expect("32 bytes");
        for test in group.tests {
            // Another length is refused where bytes are read, long before anything is verified.
            let Ok(signature) = <[u8; 64]>::try_from(&test.sig[..]) else {
                assert!(test.result.must_fail());
                continue;
            };
            let case = Case {
                name: format!("wycheproof {}", test.tc_id),
                key: PublicKey(key),
                message: test.msg.to_vec(),
                signature: Signature(signature),
            };
            cases.push((test.tc_id, !test.result.must_fail(), case));
        }
    }
    assert!(cases.len() > 100, "{} cases", cases.len());
    cases
}

#[test]
fn wycheproof_agrees_save_where_it_is_listed() {
    let mut others = Vec::new();
    for (id, expected, case) in wycheproof() {
        if single(&case) != expected {
            others.push(id);
        }
    }
    assert_eq!(others, OTHER_VERDICTS);
}

#[test]
fn single_batch_and_a_second_implementation_give_one_verdict_on_every_case() {
    let mut cases = cases();
    cases.extend(wycheproof().into_iter().map(|(_, _, case)| case));
    let alone: Vec<bool> = cases.iter().map(single).collect();
    let together = batch(&cases.iter().collect::<Vec<_>>());
    for (n, case) in cases.iter().enumerate() {
        assert_eq!(alone[n], together[n], "batch, {}", case.name);
        assert_eq!(alone[n], second_opinion(case), "second implementation, {}", case.name);
        // A batch of one takes the batch equation alone: the verdict is not that of the fall-back.
        assert_eq!(alone[n], batch(&[case])[0], "batch of one, {}", case.name);
    }
    let valid: Vec<&Case> = cases.iter().zip(&alone).filter(|(_, valid)| **valid).map(|(case, _)| case).collect();
    assert!(valid.len() > 196 && batch(&valid).iter().all(|valid| *valid), "all valid ones make one valid batch");
}

#[test]
fn there_are_fourteen_encodings_of_small_order_and_all_their_pairs_verify() {
    let mut points = small_order();
    points.sort_unstable();
    points.dedup();
    assert_eq!(points.len(), 14);
    let pairs: Vec<Case> = cases().into_iter().filter(|case| case.name.starts_with("small order")).collect();
    assert_eq!(pairs.len(), 196);
    assert!(pairs.iter().all(single));
}

/// What dalek's own verification says about the same pairs: the reason for having one rule.
#[test]
fn other_rules_would_split_the_chain() {
    let verdicts = |strict: bool| {
        let verify = |case: &Case| {
            let Ok(key) = ed25519_dalek::VerifyingKey::from_bytes(&case.key.0) else { return false };
            let signature = ed25519_dalek::Signature::from_bytes(&case.signature.0);
            let result = if strict {
                key.verify_strict(&case.message, &signature)
            } else {
                ed25519_dalek::Verifier::verify(&key, &case.message, &signature)
            };
            result.is_ok()
        };
        cases().iter().filter(|case| verify(case) != single(case)).count()
    };
    assert!(verdicts(true) >= 196, "strict verification refuses every pair of small order");
    assert!(verdicts(false) > 0, "plain verification refuses what has no canonical encoding or needs the cofactor");
}

#[test]
fn parts_of_small_order_do_not_matter_and_a_long_s_is_refused() {
    for case in cases() {
        let long = case.name.contains("beyond the order");
        if case.name.contains("mixed order") || case.name.starts_with("honest") {
            assert_eq!(single(&case), !long, "{}", case.name);
        }
        if case.name.starts_with("another") || case.name.starts_with("no point") {
            assert!(!single(&case), "{}", case.name);
        }
    }
}

/// A key of small order verifies anything, so nobody may own something by it.
#[test]
fn keys_of_small_order_are_never_bound() {
    for bytes in small_order() {
        let key = PublicKey(bytes);
        let mut signature = [0; 64];
        signature[0] = 1;
        assert!(key.verify(b"whatever it says", &Signature(signature)), "{key}: anybody can sign for it");
        assert!(!key.may_be_bound(), "{key}");
        let validator = Validator { key, power: 1, operator: leither_types::AccountId::default() };
        assert!(ValidatorSet::new(vec![validator]).is_err(), "{key}");
    }
    assert!(!PublicKey([2; 32]).may_be_bound(), "no point on the curve");
    assert!(cases().iter().filter(|case| case.name.starts_with("honest")).all(|case| case.key.may_be_bound()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Whatever stands beside a claim in a batch, its verdict is its own.
    #[test]
    fn a_batch_answers_for_each_claim_as_if_it_were_alone(picks in proptest::collection::vec(0..208usize, 1..40)) {
        let cases = cases();
        let picked: Vec<&Case> = picks.iter().map(|n| &cases[n % cases.len()]).collect();
        let alone: Vec<bool> = picked.iter().map(|case| single(case)).collect();
        prop_assert_eq!(batch(&picked), alone);
    }

    #[test]
    fn a_changed_bit_anywhere_makes_an_honest_claim_invalid(n in 1..5u8, bit in 0..512usize, message in proptest::collection::vec(any::<u8>(), 0..64)) {
        let key = leither_conformance::samples::key(n);
        let mut signature = key.sign(&message);
        prop_assert!(key.public().verify(&message, &signature));
        signature.0[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(!key.public().verify(&message, &signature));
    }
}
