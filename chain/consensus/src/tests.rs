use crate::wire::{Wire, WireCommit};
use crate::*;
use arc_malachitebft_core_consensus::{LivenessMsg, ProposedValue, SignedConsensusMsg};
use arc_malachitebft_core_types as bft;
use arc_malachitebft_signing::{Signer as _, Verifier as _, VerifierExt};
use bft::{
    CommitCertificate, CommitSignature, Context as _, ExtendedCommitCertificate, Height as _, NilOrVal, PolkaCertificate,
    PolkaSignature, Round, RoundCertificate, RoundCertificateType, RoundSignature, SignedMessage, ThresholdParams,
    ValidatorProof, ValidatorSet as _, Validity, Value as _, VoteType,
};
use futures::executor::block_on;
use leither_types::{AccountId, Hash, SecretKey, ValidatorId, VoteKind};
use proptest::prelude::*;
use std::sync::LazyLock;

const CHAIN: Hash = Hash([7; 32]);
const BLOCK: Hash = Hash([9; 32]);

fn key(n: u8) -> SecretKey {
    SecretKey::from_seed(&[n; 32])
}

fn id(n: u8) -> ValidatorId {
    ValidatorId::of_key(&key(n).public())
}

fn set(powers: &[(u8, u64)]) -> leither_types::ValidatorSet {
    let one =
        |(n, power): &(u8, u64)| leither_types::Validator { key: key(*n).public(), power: *power, operator: AccountId([*n; 20]) };
    leither_types::ValidatorSet::new(powers.iter().map(one).collect()).unwrap()
}

fn vote(n: u8, kind: VoteKind, value: Option<Hash>) -> bft::SignedVote<Leither> {
    let value = value.map_or(NilOrVal::Nil, NilOrVal::Val);
    let vote = Vote { kind, height: BlockHeight(5), round: 2, value, validator: Address(id(n)) };
    block_on(Signer::new(CHAIN, key(n)).sign_vote(vote)).unwrap()
}

fn proposal(pol_round: Option<u32>) -> Proposal {
    Proposal { height: BlockHeight(5), round: 2, value: Value(BLOCK), pol_round, proposer: Address(id(1)) }
}

fn commit(signers: &[u8]) -> CommitCertificate<Leither> {
    let votes = signers.iter().map(|n| vote(*n, VoteKind::Precommit, Some(BLOCK))).collect();
    CommitCertificate::new(BlockHeight(5), Round::new(2), BLOCK, votes)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// Comes back from its bytes, its bytes are stable, and none of them is spare.
fn round_trip<T: Wire + PartialEq + std::fmt::Debug>(value: T) -> Vec<u8> {
    let bytes = value.to_wire().unwrap();
    assert!(bytes.len() <= T::BYTES_MAX, "{} has {} bytes", T::WHAT, bytes.len());
    assert_eq!(T::from_wire(&bytes).unwrap(), value);
    for cut in 0..bytes.len() {
        assert!(T::from_wire(&bytes[..cut]).is_err(), "{} cut at {cut}", T::WHAT);
    }
    let mut longer = bytes.clone();
    longer.push(0);
    assert!(T::from_wire(&longer).is_err());
    assert!(T::from_wire(&vec![0xff; T::BYTES_MAX + 1]).is_err());
    bytes
}

fn samples() -> Vec<Vec<u8>> {
    let liveness = |n| LivenessMsg::Vote(vote(n, VoteKind::Precommit, None));
    let polka = PolkaCertificate {
        height: BlockHeight(5),
        round: Round::new(0),
        value_id: BLOCK,
        polka_signatures: (1..=64).map(|n| PolkaSignature::new(Address(id(n)), key(n).sign(b"x"))).collect(),
    };
    let round_signature = |n| RoundSignature::new(VoteType::Precommit, NilOrVal::Val(BLOCK), Address(id(n)), key(n).sign(b"x"));
    let skip = RoundCertificate {
        height: BlockHeight(5),
        round: Round::new(3),
        cert_type: RoundCertificateType::Skip,
        round_signatures: (1..=64).map(round_signature).collect(),
    };
    let proposed = ProposedValue {
        height: BlockHeight(u64::MAX),
        round: Round::new(1),
        valid_round: Round::Nil,
        proposer: Address(id(3)),
        value: Value(BLOCK),
        validity: Validity::Invalid,
    };
    let head = Head { height: 5, round: 2, pol_round: Some(1), publisher: id(1), block: BLOCK, len: 3 };
    let part = cut(head, Signer::new(CHAIN, key(1)).head(&head), b"abc").unwrap().remove(0);
    vec![
        round_trip(SignedConsensusMsg::Vote(vote(1, VoteKind::Prevote, Some(BLOCK)))),
        round_trip(SignedConsensusMsg::Vote(vote(2, VoteKind::Precommit, None))),
        round_trip(SignedConsensusMsg::Proposal(SignedMessage::new(proposal(Some(1)), key(1).sign(b"x")))),
        round_trip(liveness(3)),
        round_trip(LivenessMsg::PolkaCertificate(polka.clone())),
        round_trip(LivenessMsg::SkipRoundCertificate(skip)),
        round_trip(polka),
        round_trip(proposed),
        round_trip(Signer::new(CHAIN, key(1)).validator_proof(vec![0; 38])),
        round_trip(part),
    ]
}

fn decode_as_everything(bytes: &[u8]) {
    let _ = SignedConsensusMsg::<Leither>::from_wire(bytes);
    let _ = LivenessMsg::<Leither>::from_wire(bytes);
    let _ = PolkaCertificate::<Leither>::from_wire(bytes);
    let _ = ProposedValue::<Leither>::from_wire(bytes);
    let _ = ValidatorProof::<Leither>::from_wire(bytes);
    let _ = Part::from_wire(bytes);
}

#[test]
fn every_message_comes_back_from_its_bytes_and_only_from_those() {
    samples();
}

proptest! {
    #[test]
    fn no_bytes_of_a_peer_can_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        decode_as_everything(&bytes);
    }

    #[test]
    fn no_damage_to_good_bytes_can_panic(at in any::<prop::sample::Index>(), which in 0usize..10, to in any::<u8>()) {
        static SAMPLES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(samples);
        let mut bytes = SAMPLES[which].clone();
        let at = at.index(bytes.len());
        bytes[at] = to;
        decode_as_everything(&bytes);
    }

    #[test]
    fn parts_make_their_block_in_any_order(len in 1usize..300_000, order in any::<u64>()) {
        let block: Vec<u8> = (0..len).map(|i| (i % 251) as u8).collect();
        let head = Head { height: 1, round: 0, pol_round: None, publisher: id(1), block: BLOCK, len: len as u32 };
        let mut parts = cut(head, Signer::new(CHAIN, key(1)).head(&head), &block).unwrap();
        let turn = (order % parts.len() as u64) as usize;
        parts.rotate_left(turn);
        if order % 2 == 0 { parts.reverse(); }
        let mut assembly = Assembly::default();
        let last = parts.pop().unwrap();
        for part in parts {
            prop_assert_eq!(assembly.add(part.clone()).unwrap(), None);
            prop_assert_eq!(assembly.add(part).unwrap(), None, "a part twice changes nothing");
        }
        prop_assert_eq!(assembly.add(last).unwrap(), Some(block));
    }
}

#[test]
fn parts_that_fit_no_block_are_refused() {
    let bytes = |n: usize| leither_types::Blob::new(vec![1; n]).unwrap();
    let head = |len| Head { height: 1, round: 0, pol_round: None, publisher: id(1), block: BLOCK, len };
    let signature = key(1).sign(b"x");
    let first = |len, n| Part::Head { head: head(len), signature, bytes: bytes(n) };
    assert_eq!(Assembly::default().add(first(0, 0)), Err(PartError::Length(0)));
    assert!(matches!(Assembly::default().add(first(u32::MAX, CHUNK_BYTES_MAX)), Err(PartError::Length(_))));
    assert!(Assembly::default().add(first(10, 9)).is_err());
    assert!(Assembly::default().add(first(10, 11)).is_err());
    assert!(Assembly::default().add(Part::Data { index: 0, bytes: bytes(1) }).is_err());
    assert!(Assembly::default().add(Part::Data { index: 32, bytes: bytes(1) }).is_err(), "no block has so many pieces");
    assert!(Assembly::default().add(Part::Data { index: 1, bytes: bytes(0) }).is_err());

    let mut early = Assembly::default();
    early.add(Part::Data { index: 1, bytes: bytes(5) }).unwrap();
    assert!(early.add(first(10, 10)).is_err(), "a piece beyond the block came before its head");

    let mut twice = Assembly::default();
    twice.add(first(CHUNK_BYTES_MAX as u32 + 5, CHUNK_BYTES_MAX)).unwrap();
    assert!(twice.add(first(CHUNK_BYTES_MAX as u32 + 6, CHUNK_BYTES_MAX)).is_err(), "a second head");
    assert!(twice.add(Part::Data { index: 1, bytes: bytes(6) }).is_err());
    assert!(twice.add(Part::Data { index: 1, bytes: bytes(5) }).unwrap().is_some());
}

#[test]
fn what_is_signed_is_frozen() {
    let head = Head { height: 5, round: 2, pol_round: Some(1), publisher: id(1), block: BLOCK, len: 3 };
    let tail = "0909090909090909090909090909090909090909090909090909090909090909";
    let chain = "0707070707070707070707070707070707070707070707070707070707070707";
    let who = hex(&id(1).0);
    assert_eq!(
        hex(&vote(1, VoteKind::Precommit, Some(BLOCK)).message.sign_bytes(&CHAIN)),
        format!("{}{chain}0105000000000000000200000001{tail}{who}", hex(b"leither/vote/v1:"))
    );
    assert_eq!(
        hex(&proposal(Some(1)).sign_bytes(&CHAIN)),
        format!("{}{chain}0500000000000000020000000101000000{tail}{who}", hex(b"leither/proposal/v1:"))
    );
    assert_eq!(
        hex(&head.sign_bytes(&CHAIN)),
        format!("{}{chain}0500000000000000020000000101000000{who}{tail}03000000", hex(b"leither/parts/v1:"))
    );
}

#[test]
fn a_signature_is_good_for_one_message_on_one_chain() {
    let signer = Signer::new(CHAIN, key(1));
    let (verifier, other) = (Verifier::new(CHAIN), Verifier::new(Hash([8; 32])));
    let signed = vote(1, VoteKind::Prevote, Some(BLOCK));
    assert!(verifier.vote(&signed.message, &signed.signature, &key(1).public()));
    assert!(!other.vote(&signed.message, &signed.signature, &key(1).public()));
    assert!(!verifier.vote(&signed.message, &signed.signature, &key(2).public()));
    let changes: [fn(&mut Vote); 5] = [
        |v| v.kind = VoteKind::Precommit,
        |v| v.height = v.height.increment(),
        |v| v.round += 1,
        |v| v.value = NilOrVal::Nil,
        |v| v.validator = Address(id(2)),
    ];
    for change in changes {
        let mut changed = signed.message.clone();
        change(&mut changed);
        assert!(!verifier.vote(&changed, &signed.signature, &key(1).public()), "{changed:?}");
    }
    let signature = signer.proposal(&proposal(None));
    assert!(verifier.proposal(&proposal(None), &signature, &key(1).public()));
    assert!(!verifier.proposal(&proposal(Some(0)), &signature, &key(1).public()));
    let mut proof = signer.validator_proof(vec![1; 38]);
    assert!(block_on(verifier.verify_validator_proof(&proof)).unwrap().is_valid());
    proof.peer_id[0] ^= 1;
    assert!(block_on(verifier.verify_validator_proof(&proof)).unwrap().is_invalid());
    proof.public_key.pop();
    assert!(block_on(verifier.verify_validator_proof(&proof)).unwrap().is_invalid());
}

#[test]
fn a_certificate_of_the_engine_convinces_who_has_the_types_alone() {
    let set = set(&[(1, 1), (2, 1), (3, 1), (4, 1)]);
    let engines = commit(&[4, 1, 3]);
    let ours = certificate(&engines).unwrap();
    assert!(ours.is_valid(&CHAIN, &set));
    assert!(!ours.is_valid(&Hash([8; 32]), &set));
    assert!(!certificate(&commit(&[1, 2])).unwrap().is_valid(&CHAIN, &set), "two of four are not enough");
    let sorted: Vec<_> = ours.signatures.iter().map(|c| c.validator).collect();
    assert!(sorted.is_sorted());

    let validators = Validators::new(set).unwrap();
    let check = |c: &CommitCertificate<Leither>| {
        let thresholds = ThresholdParams::default();
        block_on(Verifier::new(CHAIN).verify_commit_certificate(&Leither, c, &validators, thresholds))
    };
    assert!(check(&engines).is_ok());
    assert!(check(&commit_certificate(&ours)).is_ok());
    assert!(check(&commit(&[1, 2])).is_err());

    let mut outside = engines;
    outside.round = Round::Nil;
    assert_eq!(certificate(&outside), Err(CertificateFormError::NoRound));
}

#[test]
fn a_commit_keeps_its_bytes_through_the_engine() {
    let ours = certificate(&commit(&[1, 2, 3])).unwrap();
    let engines = WireCommit(ours.clone()).into_engine();
    assert_eq!(WireCommit::new(&engines).unwrap(), WireCommit(ours));
    let crowd = ExtendedCommitCertificate { commit_signatures: vec![engines.commit_signatures[0].clone(); 65], ..engines };
    assert!(WireCommit::new(&crowd).is_err());
}

#[test]
fn validators_stand_in_the_order_of_the_set_and_take_its_turns() {
    let chain = set(&[(1, 1), (2, 5), (3, 5), (4, 2)]);
    let engine = Validators::new(chain.clone()).unwrap();
    assert_eq!(engine.count(), 4);
    assert_eq!(engine.total_voting_power(), 13);
    for (index, validator) in chain.iter().enumerate() {
        assert_eq!(engine.get_by_index(index).unwrap().id(), validator.id());
        assert!(engine.get_by_address(&Address(validator.id())).is_some());
    }
    assert!(engine.get_by_address(&Address(id(9))).is_none());
    for height in 1..40 {
        for round in 0..4 {
            let chosen = Leither.select_proposer(&engine, BlockHeight(height), Round::new(round));
            assert_eq!(chosen.id(), chain.proposer(height, round).id());
        }
    }
    let heavy = set(&[(1, u64::MAX / 3), (2, 1)]);
    assert!(matches!(Validators::new(heavy), Err(ValidatorsError::TooPowerful(_))));
}

#[test]
fn heights_and_values_behave_as_the_engine_expects() {
    assert_eq!(BlockHeight::ZERO, BlockHeight::default());
    assert_eq!(BlockHeight::INITIAL.decrement(), Some(BlockHeight::ZERO));
    assert_eq!(BlockHeight::ZERO.decrement(), None);
    assert_eq!(BlockHeight(u64::MAX).increment(), BlockHeight(u64::MAX));
    assert_eq!(Value(BLOCK).id(), BLOCK);
    let prevote = Leither.new_prevote(BlockHeight(1), Round::new(3), NilOrVal::Val(BLOCK), Address(id(1)));
    assert_eq!((prevote.kind, prevote.round), (VoteKind::Prevote, 3));
    assert_eq!(Vote::from_chain(&prevote.to_chain()), prevote);
    let one = CommitSignature::<Leither>::new(Address(id(1)), key(1).sign(b"x"));
    assert_eq!(one.address.to_string(), id(1).to_string());
}
