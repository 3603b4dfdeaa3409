use crate::{key, set};
use leither_types::{Certificate, CommitSig, Hash, List, ValidatorId, ValidatorSet, Vote, VoteKind};
use proptest::prelude::*;

const CHAIN: Hash = Hash([9; 32]);
const BLOCK: Hash = Hash([5; 32]);

fn commit(n: u8, kind: VoteKind, block: Option<Hash>) -> CommitSig {
    let validator = ValidatorId::of_key(&key(n).public());
    let vote = Vote { kind, height: 4, round: 1, block, validator };
    CommitSig { validator, signature: key(n).sign(&vote.sign_bytes(&CHAIN)) }
}

fn precommit(n: u8) -> CommitSig {
    commit(n, VoteKind::Precommit, Some(BLOCK))
}

fn certificate(mut signatures: Vec<CommitSig>) -> Certificate {
    signatures.sort();
    unsorted(signatures)
}

fn unsorted(signatures: Vec<CommitSig>) -> Certificate {
    Certificate { height: 4, round: 1, block: BLOCK, signatures: List::new(signatures).expect("at most 64") }
}

fn by(signers: &[u8]) -> Certificate {
    certificate(signers.iter().map(|n| precommit(*n)).collect())
}

#[test]
fn more_than_two_thirds_is_a_certificate_and_exactly_two_thirds_is_none() {
    let three = set(&[1, 1, 1]);
    assert!(!by(&[0, 1]).is_valid(&CHAIN, &three), "2 of 3 is not more than two thirds");
    assert!(by(&[0, 1, 2]).is_valid(&CHAIN, &three));
    let four = set(&[1, 1, 1, 1]);
    assert!(!by(&[0, 1]).is_valid(&CHAIN, &four));
    assert!(by(&[0, 1, 2]).is_valid(&CHAIN, &four), "3 of 4 is");
    let uneven = set(&[66, 33, 1]);
    assert!(!by(&[0]).is_valid(&CHAIN, &uneven), "66 of 100");
    assert!(by(&[0, 2]).is_valid(&CHAIN, &uneven), "67 of 100");
    assert!(!by(&[]).is_valid(&CHAIN, &set(&[1])));
}

#[test]
fn the_greatest_powers_do_not_overflow_the_count() {
    let set = set(&[u64::MAX; 64]);
    let all: Vec<u8> = (0..64).collect();
    assert!(by(&all[..43]).is_valid(&CHAIN, &set), "43 of 64");
    assert!(!by(&all[..42]).is_valid(&CHAIN, &set), "42 of 64");
}

#[test]
fn nobody_counts_twice() {
    let set = set(&[1, 1, 1, 1]);
    assert!(!by(&[0, 1, 1]).is_valid(&CHAIN, &set));
    assert!(!by(&[0, 1, 2, 2]).is_valid(&CHAIN, &set), "enough without the repetition, but no certificate has junk in it");
}

#[test]
fn an_unsorted_certificate_is_none() {
    let set = set(&[1, 1, 1, 1]);
    let mut signatures: Vec<_> = by(&[0, 1, 2]).signatures.into_vec();
    signatures.reverse();
    assert!(!unsorted(signatures).is_valid(&CHAIN, &set));
}

#[test]
fn a_stranger_spoils_a_certificate() {
    let set = set(&[1, 1, 1, 1]);
    assert!(!by(&[0, 1, 2, 77]).is_valid(&CHAIN, &set));
}

#[test]
fn one_bad_signature_spoils_a_certificate_that_has_enough_without_it() {
    let set = set(&[1, 1, 1, 1]);
    let with = |commit| certificate(vec![precommit(0), precommit(1), precommit(2), commit]).is_valid(&CHAIN, &set);
    assert!(with(precommit(3)));
    assert!(!with(commit(3, VoteKind::Prevote, Some(BLOCK))), "a prevote is no precommit");
    assert!(!with(commit(3, VoteKind::Precommit, None)), "a vote against the round");
    assert!(!with(commit(3, VoteKind::Precommit, Some(Hash([6; 32])))), "another block");
    let swapped = CommitSig { signature: precommit(2).signature, ..precommit(3) };
    assert!(!with(swapped), "another's signature");
}

#[test]
fn a_certificate_is_of_one_chain_height_round_and_block() {
    let set = set(&[1, 1, 1, 1]);
    let good = by(&[0, 1, 2]);
    assert!(good.is_valid(&CHAIN, &set));
    assert!(!good.is_valid(&Hash([8; 32]), &set));
    assert!(!Certificate { height: 5, ..good.clone() }.is_valid(&CHAIN, &set));
    assert!(!Certificate { round: 0, ..good.clone() }.is_valid(&CHAIN, &set));
    assert!(!Certificate { block: Hash([6; 32]), ..good }.is_valid(&CHAIN, &set));
    assert!(!Certificate::genesis().is_valid(&CHAIN, &set), "the stand-in for a parent of block 1 certifies nothing");
}

/// The rule restated: sum of signers' power, three times, against twice the whole.
fn enough(set: &ValidatorSet, powers: &[u64], signers: &[u8]) -> bool {
    let signed: u128 = signers.iter().map(|n| u128::from(powers[usize::from(*n)])).sum();
    let all: u128 = set.iter().map(|v| u128::from(v.power)).sum();
    signed > all - signed && signed - (all - signed) > all - signed
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_certificate_is_valid_just_when_its_signers_have_enough(powers in proptest::collection::vec(1..20u64, 1..7), mask: u8) {
        let set = set(&powers);
        let signers: Vec<u8> = (0..powers.len() as u8).filter(|n| mask >> n & 1 == 1).collect();
        prop_assert_eq!(by(&signers).is_valid(&CHAIN, &set), enough(&set, &powers, &signers));
    }
}
