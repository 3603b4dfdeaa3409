//! Who is believed about a header, and who is not: the walk from the genesis set over each handover.
mod common;

use common::{genesis, genesis_named, secret};
use leither_store::{Handover, TrustError, check_chain_of_trust};
use leither_types::*;

fn key(n: u8) -> SecretKey {
    if n == 0 { secret() } else { SecretKey::from_seed(&[n; 32]) }
}

/// The set of these keys; that of key 0 alone is the genesis set.
fn set(keys: &[u8]) -> ValidatorSet {
    let of = |n: &u8| Validator { key: key(*n).public(), power: 1, operator: AccountId([9; 20]) };
    ValidatorSet::new(keys.iter().map(of).collect()).unwrap()
}

fn header(height: Height, now: &[u8], next: &[u8]) -> Header {
    Header {
        version: BLOCK_VERSION,
        chain: genesis().chain(),
        height,
        time: 1_000 + height,
        parent: Hash([1; 32]),
        proposer: set(now).proposer(height, 0).id(),
        state_root: Hash([height as u8; 32]),
        txs_root: Hash::ZERO,
        receipts_root: Hash::ZERO,
        evidence_root: Hash::ZERO,
        last_certificate: Hash::ZERO,
        validators: set(now).hash(),
        next_validators: set(next).hash(),
    }
}

/// Signed by these keys, whatever the header says.
fn signed(header: &Header, by: &[u8]) -> Certificate {
    let (height, block) = (header.height, header.id());
    let mut signatures: Vec<CommitSig> = by
        .iter()
        .map(|n| {
            let validator = ValidatorId::of_key(&key(*n).public());
            let vote = Vote { kind: VoteKind::Precommit, height, round: 0, block: Some(block), validator };
            CommitSig { validator, signature: key(*n).sign(&vote.sign_bytes(&header.chain)) }
        })
        .collect();
    signatures.sort_unstable_by_key(|s| s.validator);
    Certificate { height, round: 0, block, signatures: List::new(signatures).unwrap() }
}

fn handover(height: Height, now: &[u8], next: &[u8]) -> Handover {
    let header = header(height, now, next);
    Handover { certificate: signed(&header, now), set: set(next), header }
}

const A: &[u8] = &[0];
const B: &[u8] = &[1, 2, 3, 4];
const C: &[u8] = &[3, 4, 5, 6];

/// Genesis A, from 11 on B, from 21 on C.
fn chain() -> (Vec<Handover>, Header, Certificate) {
    let header = header(25, C, C);
    let certificate = signed(&header, C);
    (vec![handover(10, A, B), handover(20, B, C)], header, certificate)
}

fn walk(handovers: &[Handover], header: &Header, certificate: &Certificate) -> Result<ValidatorSet, TrustError> {
    check_chain_of_trust(&genesis(), None, handovers, header, certificate)
}

#[test]
fn store_17_the_walk_leads_from_the_genesis_set_to_those_who_vote_next() {
    let (handovers, last, certificate) = chain();
    assert_eq!(walk(&handovers, &last, &certificate), Ok(set(C)));
    let early = header(9, A, A);
    assert_eq!(walk(&[], &early, &signed(&early, A)), Ok(set(A)));
    // The header may be a handover itself: then it comes with the set that it names, and that one is next.
    let itself = handover(20, B, C);
    assert_eq!(walk(&handovers, &itself.header, &itself.certificate), Ok(set(C)));
    assert_eq!(walk(&handovers[..1], &itself.header, &itself.certificate), Err(TrustError::NextSet(20)));
    // Three of four are more than two thirds.
    assert_eq!(walk(&handovers, &last, &signed(&last, &C[1..])), Ok(set(C)));
}

#[test]
fn store_17_a_forged_certificate_is_refused_wherever_it_stands() {
    let (handovers, last, _) = chain();
    for by in [B, A, &C[..2], &[]] {
        assert_eq!(walk(&handovers, &last, &signed(&last, by)), Err(TrustError::Certificate(25)));
    }
    let mut other = last.clone();
    other.time += 1;
    assert_eq!(walk(&handovers, &last, &signed(&other, C)), Err(TrustError::Certificate(25)), "another block's");
    let mut later = signed(&last, C);
    later.height = 26;
    assert_eq!(walk(&handovers, &last, &later), Err(TrustError::Certificate(25)));
    for at in 0..2 {
        let mut bad = handovers.clone();
        bad[at].certificate = signed(&bad[at].header, C);
        let height = bad[at].header.height;
        assert_eq!(walk(&bad, &last, &signed(&last, C)), Err(TrustError::Certificate(height)));
    }
}

#[test]
fn store_17_a_handover_that_is_left_out_or_given_twice_or_in_the_wrong_order_is_noticed() {
    let (handovers, last, certificate) = chain();
    assert_eq!(walk(&handovers[1..], &last, &certificate), Err(TrustError::Validators(20)));
    assert_eq!(walk(&handovers[..1], &last, &certificate), Err(TrustError::Validators(25)));
    assert_eq!(walk(&[], &last, &certificate), Err(TrustError::Validators(25)));
    let [first, second] = [handovers[0].clone(), handovers[1].clone()];
    assert_eq!(walk(&[first.clone(), first.clone(), second.clone()], &last, &certificate), Err(TrustError::Order(10)));
    assert_eq!(walk(&[second.clone(), first.clone()], &last, &certificate), Err(TrustError::Validators(20)));
    assert_eq!(walk(&[first.clone(), second, handover(30, C, A)], &last, &certificate), Err(TrustError::Order(30)));
    let idle = handover(15, B, B);
    assert_eq!(walk(&[first, idle], &last, &certificate), Err(TrustError::NoHandover(15)));
}

#[test]
fn store_17_exchanged_sets_and_other_chains_are_refused() {
    let (handovers, last, certificate) = chain();
    let mut swapped = handovers.clone();
    swapped[0].set = set(C);
    assert_eq!(walk(&swapped, &last, &certificate), Err(TrustError::NextSet(10)));
    // A set of their own, with certificates of their own, from the genesis on.
    let usurped = [handover(10, &[7, 8], &[7, 9])];
    assert_eq!(walk(&usurped, &last, &certificate), Err(TrustError::Validators(10)));
    let other = check_chain_of_trust(&genesis_named("another"), None, &handovers, &last, &certificate);
    assert_eq!(other, Err(TrustError::OtherChain(10)));
    let mut foreign = handovers.clone();
    foreign[1].header.chain = Hash([5; 32]);
    assert_eq!(walk(&foreign, &last, &certificate), Err(TrustError::OtherChain(20)));
    let mut moved = last.clone();
    moved.height = 26;
    assert_eq!(walk(&handovers, &moved, &certificate), Err(TrustError::Certificate(26)), "a wrong height is another block");
    let zero = header(0, A, A);
    assert_eq!(walk(&[], &zero, &signed(&zero, A)), Err(TrustError::Order(0)));
}

#[test]
fn store_17_a_trusted_block_is_one_of_those_that_are_shown_or_nothing_is_believed() {
    let (handovers, last, certificate) = chain();
    let with = |height, block, handovers: &[Handover]| {
        check_chain_of_trust(&genesis(), Some(&Trusted { height, block }), handovers, &last, &certificate)
    };
    assert_eq!(with(25, last.id(), &handovers), Ok(set(C)));
    assert_eq!(with(10, handovers[0].header.id(), &handovers), Ok(set(C)));
    assert_eq!(with(20, handovers[1].header.id(), &handovers), Ok(set(C)));
    for height in [10, 20, 25] {
        assert_eq!(with(height, Hash([3; 32]), &handovers), Err(TrustError::NotTrusted(height)));
    }
    for height in [0, 9, 15, 24, 26] {
        assert_eq!(with(height, last.id(), &handovers), Err(TrustError::NotShown(height)));
    }
    // To know a block does not replace the walk to it.
    assert_eq!(with(20, handovers[1].header.id(), &handovers[1..]), Err(TrustError::Validators(20)));
    // Two blocks of one height, of which one is the trusted one.
    let other = Header { time: 5, ..handovers[1].header.clone() };
    let twin = Handover { certificate: signed(&other, B), header: other, set: set(C) };
    let both = [handovers[0].clone(), twin, handovers[1].clone()];
    assert_eq!(with(20, handovers[1].header.id(), &both), Err(TrustError::NotTrusted(20)));
    for error in [TrustError::Order(1), TrustError::Certificate(1), TrustError::NotShown(1), TrustError::NotTrusted(1)] {
        assert!(error.to_string().contains("ask"), "{error}");
    }
}
