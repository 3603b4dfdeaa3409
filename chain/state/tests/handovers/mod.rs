//! Proofs that lead over changes of the set (LEDGER-16): every step is bound to the one before it.

use super::{Net, OURS, certify, changed, key_of, ledger, questions, set_of};
use leither_state::{
    Answer, HolderPart, Holding, HoldingProof, Leaf, LeafProof, PROOF_HANDOVERS_MAX, ProofError, Question, RECORD_BYTES_MAX,
    RecordProof, STATE_PROOF_BYTES_MAX, StateProof, Step, TreeProof,
};
use leither_types::{
    AccountId, Certificate, CommitSig, DecodeError, Handover, Hash, Header, Height, List, Signature, Text, Trusted,
    VALIDATORS_MAX, Validator, ValidatorId, ValidatorSet, decode_within,
};
use parity_scale_codec::Encode;

/// Who votes after the first handover, and who after the second.
const THEIRS: [u8; 4] = [3, 4, 5, 6];
const LAST: [u8; 3] = [7, 8, 9];
/// Who has no say on this chain.
const STRANGERS: [u8; 3] = [97, 98, 99];

/// A proof over two handovers, with what it takes to forge one.
struct Walk {
    chain: Hash,
    question: Question,
    answer: Answer,
    good: StateProof,
}

impl Walk {
    /// OURS hand over to THEIRS at height 3, these to LAST at height 5; the answer is of height 7.
    fn new(asked: usize) -> Self {
        let (net, ledger) = (Net::new("leither-test"), ledger());
        let chain = net.genesis.chain();
        let (question, leaf, answer) = questions(&ledger).remove(asked);
        let turn = |height, by: &[u8], to: &[u8]| {
            let header = Header {
                height,
                validators: set_of(by).hash(),
                next_validators: set_of(to).hash(),
                state_root: Hash([6; 32]),
                ..net.header(&ledger)
            };
            Handover { certificate: certify(&chain, &header, by), header, set: set_of(to) }
        };
        let handovers = handovers([turn(3, &OURS, &THEIRS), turn(5, &THEIRS, &LAST)]);
        let validators = set_of(&LAST);
        let now = validators.hash();
        let header = Header { validators: now, next_validators: now, ..net.header(&ledger) };
        let certificate = certify(&chain, &header, &LAST);
        let good = StateProof { leaf, header, certificate, validators, genesis: net.genesis, handovers };
        Self { chain, question, answer, good }
    }

    fn first(&self) -> Handover {
        self.good.handovers[0].clone()
    }

    fn second(&self) -> Handover {
        self.good.handovers[1].clone()
    }

    /// The second handover with another header, certified by these.
    fn turned(&self, by: &[u8], change: impl FnOnce(&mut Header)) -> Handover {
        turned(&self.chain, self.second(), by, change)
    }

    /// What verifying the proof says where it leads over these instead.
    fn over<const N: usize>(&self, list: [Handover; N]) -> Result<Answer, ProofError> {
        self.verify(&StateProof { handovers: handovers(list), ..self.good.clone() })
    }

    /// What verifying it says where it begins at this block.
    fn since<const N: usize>(&self, trusted: Trusted, list: [Handover; N]) -> Result<Answer, ProofError> {
        StateProof { handovers: handovers(list), ..self.good.clone() }.verify_from(&self.chain, Some(&trusted), &self.question)
    }

    fn verify(&self, proof: &StateProof) -> Result<Answer, ProofError> {
        proof.verify(&self.chain, &self.question)
    }

    fn proven(&self) -> Result<Answer, ProofError> {
        Ok(self.answer.clone())
    }
}

fn handovers<const N: usize>(list: [Handover; N]) -> List<Handover, PROOF_HANDOVERS_MAX> {
    List::new(Vec::from(list)).expect("few")
}

/// A handover with another header, certified on this chain by these.
fn turned(chain: &Hash, handover: Handover, by: &[u8], change: impl FnOnce(&mut Header)) -> Handover {
    let mut header = handover.header;
    change(&mut header);
    Handover { certificate: certify(chain, &header, by), header, set: handover.set }
}

const LED_NOWHERE: Result<Answer, ProofError> = Err(ProofError::Validators);

#[test]
fn ledger_16_over_two_handovers_an_answer_is_proven_and_every_one_byte_change_fails() {
    for asked in 0..4 {
        let walk = Walk::new(asked);
        assert_eq!(walk.verify(&walk.good), walk.proven());
    }
    let walk = Walk::new(0);
    changed::<StateProof>(&walk.good.encode(), &[1, 128], |proof| walk.verify(proof).is_ok());
}

#[test]
fn ledger_16_a_handover_left_out_doubled_or_out_of_order_leads_nowhere() {
    let walk = Walk::new(0);
    let (first, second) = (|| walk.first(), || walk.second());
    assert_eq!(walk.over([first(), second()]), walk.proven());
    assert_eq!(walk.over([]), LED_NOWHERE);
    assert_eq!(walk.over([first()]), LED_NOWHERE);
    assert_eq!(walk.over([second()]), LED_NOWHERE);
    assert_eq!(walk.over([second(), first()]), LED_NOWHERE);
    assert_eq!(walk.over([first(), first(), second()]), LED_NOWHERE);
    assert_eq!(walk.over([first(), second(), second()]), LED_NOWHERE);
    // The set that is reached is not the one beside the header, or the header names another.
    for before in [OURS, THEIRS] {
        let proof = StateProof { validators: set_of(&before), ..walk.good.clone() };
        assert_eq!(walk.verify(&proof), LED_NOWHERE);
        let header = Header { validators: set_of(&before).hash(), ..walk.good.header.clone() };
        let certificate = certify(&walk.chain, &header, &LAST);
        assert_eq!(walk.verify(&StateProof { header, certificate, ..walk.good.clone() }), LED_NOWHERE);
    }
}

#[test]
fn ledger_16_a_handover_ascends_and_stays_below_the_header() {
    let walk = Walk::new(0);
    let at = |height: Height| walk.over([walk.first(), walk.turned(&THEIRS, |header| header.height = height)]);
    for height in [0, 1, 3, 7, 8, Height::MAX] {
        assert_eq!(at(height), LED_NOWHERE, "{height}");
    }
    for height in [4, 5, 6] {
        assert_eq!(at(height), walk.proven(), "{height}");
    }
    let genesis = turned(&walk.chain, walk.first(), &OURS, |header| header.height = 0);
    assert_eq!(walk.over([genesis, walk.second()]), LED_NOWHERE);
}

#[test]
fn ledger_16_a_handover_comes_with_the_set_that_its_header_names_and_that_its_voters_signed() {
    let walk = Walk::new(0);
    let strangers = set_of(&STRANGERS);
    assert_eq!(walk.over([walk.first(), Handover { set: strangers.clone(), ..walk.second() }]), LED_NOWHERE);
    assert_eq!(walk.over([Handover { set: set_of(&OURS), ..walk.first() }, walk.second()]), LED_NOWHERE);

    // A header of the strangers, and a handover that names them.
    let header = Header { validators: strangers.hash(), ..walk.good.header.clone() };
    let certificate = certify(&walk.chain, &header, &STRANGERS);
    let theirs = StateProof { header, certificate, validators: strangers.clone(), ..walk.good.clone() };
    let to_strangers = |by: &[u8], change: fn(&mut Header)| {
        let named = Handover { set: set_of(&STRANGERS), ..walk.second() };
        let handover = turned(&walk.chain, named, by, |header| {
            header.next_validators = set_of(&STRANGERS).hash();
            change(header);
        });
        walk.verify(&StateProof { handovers: handovers([walk.first(), handover]), ..theirs.clone() })
    };
    assert_eq!(walk.verify(&theirs), LED_NOWHERE);
    assert_eq!(to_strangers(&STRANGERS, |_| ()), LED_NOWHERE);
    assert_eq!(to_strangers(&STRANGERS, |header| header.validators = set_of(&STRANGERS).hash()), LED_NOWHERE);
    assert_eq!(to_strangers(&LAST, |_| ()), LED_NOWHERE);
    // The strangers beside a header that names others.
    let beside = handovers([walk.first(), Handover { set: strangers, ..walk.second() }]);
    assert_eq!(walk.verify(&StateProof { handovers: beside, ..theirs.clone() }), LED_NOWHERE);
    // Signed by those who vote, but the header says that others do.
    let misnamed = |set: &[u8]| walk.over([walk.first(), walk.turned(&THEIRS, |header| header.validators = set_of(set).hash())]);
    assert_eq!(misnamed(&OURS), LED_NOWHERE);
    assert_eq!(misnamed(&THEIRS), walk.proven());
    // Those who vote may hand over to whom they like.
    assert_eq!(to_strangers(&THEIRS, |_| ()), walk.proven());
}

#[test]
fn ledger_16_a_handover_takes_more_than_two_thirds_of_those_who_voted_then() {
    let walk = Walk::new(0);
    let by = |seeds: &[u8]| walk.over([walk.first(), walk.turned(seeds, |_| ())]);
    assert_eq!(by(&THEIRS[..3]), walk.proven());
    for seeds in [&THEIRS[..2], &[], &OURS, &LAST, &[3, 4, 97, 98], &[3, 4, 5, 97], &[3, 3, 4, 5]] {
        assert_eq!(by(seeds), LED_NOWHERE, "{seeds:?}");
    }
    let with = |certificate: Certificate| walk.over([walk.first(), Handover { certificate, ..walk.second() }]);
    assert_eq!(with(walk.first().certificate), LED_NOWHERE);
    let good = walk.second().certificate;
    assert_eq!(with(Certificate { height: 6, ..good.clone() }), LED_NOWHERE);
    assert_eq!(with(Certificate { block: walk.good.header.id(), ..good.clone() }), LED_NOWHERE);
    assert_eq!(with(Certificate { round: 0, ..good.clone() }), LED_NOWHERE);
    let mut signatures = good.signatures.to_vec();
    signatures.reverse();
    assert_eq!(with(Certificate { signatures: List::new(signatures).expect("four"), ..good }), LED_NOWHERE);
    // By those who vote, for another block of their height, for another height, on another chain.
    let header = walk.second().header;
    assert_eq!(with(certify(&walk.chain, &Header { time: 8, ..header.clone() }, &THEIRS)), LED_NOWHERE);
    assert_eq!(with(certify(&walk.chain, &Header { height: 6, ..header.clone() }, &THEIRS)), LED_NOWHERE);
    assert_eq!(with(certify(&Hash([8; 32]), &header, &THEIRS)), LED_NOWHERE);
}

#[test]
fn ledger_16_a_handover_or_header_of_another_chain_or_version_proves_nothing() {
    let walk = Walk::new(0);
    let other = Net::new("leither-other").genesis.chain();
    let changes: [&dyn Fn(&mut Header); 3] =
        [&|header| header.chain = other, &|header| header.version = 2, &|header| header.version = 0];
    for change in changes {
        // Certified on this chain, so that nothing but the header speaks against it.
        let mut header = walk.good.header.clone();
        change(&mut header);
        let certificate = certify(&walk.chain, &header, &LAST);
        assert_eq!(walk.verify(&StateProof { header, certificate, ..walk.good.clone() }), Err(ProofError::Chain));
        assert_eq!(walk.over([walk.first(), walk.turned(&THEIRS, change)]), LED_NOWHERE);
        assert_eq!(walk.over([turned(&walk.chain, walk.first(), &OURS, change), walk.second()]), LED_NOWHERE);
    }
}

#[test]
fn ledger_16_who_voted_before_a_handover_does_not_make_the_header_final() {
    let walk = Walk::new(0);
    for seeds in [&OURS[..], &THEIRS, &LAST[..2], &STRANGERS] {
        let certificate = certify(&walk.chain, &walk.good.header, seeds);
        assert_eq!(walk.verify(&StateProof { certificate, ..walk.good.clone() }), Err(ProofError::Certificate));
    }
}

#[test]
fn ledger_16_a_block_that_changes_nothing_does_no_harm_between_handovers() {
    let walk = Walk::new(0);
    let same = turned(&walk.chain, Handover { set: set_of(&THEIRS), ..walk.second() }, &THEIRS, |header| {
        header.height = 4;
        header.next_validators = header.validators;
    });
    assert_eq!(walk.over([walk.first(), same, walk.second()]), walk.proven());
}

/// A handover's block, as a proof from it begins.
fn bare(handover: Handover) -> Handover {
    Handover::unsigned(handover.header, handover.set)
}

fn trusted(handover: &Handover) -> Trusted {
    Trusted { height: handover.header.height, block: handover.header.id() }
}

const ELSEWHERE: Result<Answer, ProofError> = Err(ProofError::Trusted);

#[test]
fn ledger_17_from_a_trusted_block_an_answer_is_proven_by_what_came_after_it() {
    let walk = Walk::new(0);
    let (first, second) = (walk.first(), walk.second());
    assert_eq!(walk.since(trusted(&first), [bare(first.clone()), second.clone()]), walk.proven());
    assert_eq!(walk.since(trusted(&second), [bare(second.clone())]), walk.proven());
    // Any block will do, not only one after which others vote.
    let header = Header { height: 6, validators: second.header.next_validators, ..second.header.clone() };
    let idle = Handover::unsigned(header, second.set.clone());
    assert_eq!(walk.since(trusted(&idle), [idle]), walk.proven());
    let proof = StateProof { handovers: handovers([bare(first.clone()), second]), ..walk.good.clone() };
    changed::<StateProof>(&proof.encode(), &[1, 128], |proof| {
        proof.verify_from(&walk.chain, Some(&trusted(&first)), &walk.question).is_ok()
    });
}

#[test]
fn ledger_17_a_proof_that_begins_elsewhere_or_with_another_set_proves_nothing() {
    let walk = Walk::new(0);
    let (first, second) = (walk.first(), walk.second());
    let (start, from) = (bare(first.clone()), trusted(&first));
    assert_eq!(walk.since(from, []), ELSEWHERE);
    assert_eq!(walk.since(from, [bare(second.clone())]), ELSEWHERE);
    assert_eq!(walk.since(Trusted { height: 4, ..from }, [start.clone(), second.clone()]), ELSEWHERE);
    assert_eq!(walk.since(Trusted { block: Hash([9; 32]), ..from }, [start.clone(), second.clone()]), ELSEWHERE);
    // A proof from genesis is none from a block, nor the other way round.
    assert_eq!(walk.since(from, [first.clone(), second.clone()]), ELSEWHERE);
    assert_eq!(walk.over([start.clone(), second.clone()]), LED_NOWHERE);
    assert_eq!(walk.since(from, [Handover { set: set_of(&STRANGERS), ..start.clone() }, second.clone()]), ELSEWHERE);
    assert_eq!(walk.since(from, [start.clone()]), LED_NOWHERE);
    assert_eq!(walk.since(trusted(&second), [bare(second.clone()), second.clone()]), LED_NOWHERE);
    for change in [
        (|c: &mut Certificate| c.round = 1) as fn(&mut Certificate),
        |c| c.height = 4,
        |c| c.block = Hash::ZERO,
        |c| {
            c.signatures =
                List::new(vec![CommitSig { validator: ValidatorId([1; 20]), signature: Signature([1; 64]) }]).expect("one")
        },
    ] {
        let mut spoilt = start.clone();
        change(&mut spoilt.certificate);
        assert_eq!(walk.since(from, [spoilt, second.clone()]), ELSEWHERE);
    }
    // Of another chain or version, though the caller trusts its id.
    for change in [(|h: &mut Header| h.chain = Hash([8; 32])) as fn(&mut Header), |h| h.version = 2] {
        let mut header = first.header.clone();
        change(&mut header);
        let other = Handover::unsigned(header, first.set.clone());
        assert_eq!(walk.since(trusted(&other), [other, second.clone()]), ELSEWHERE);
    }
    // The trusted block is not below the header.
    let late = Handover::unsigned(walk.good.header.clone(), walk.good.validators.clone());
    assert_eq!(walk.since(trusted(&late), [late]), LED_NOWHERE);
}

#[test]
fn ledger_17_a_chain_with_more_changes_than_a_proof_holds_is_proven_from_the_last_ones() {
    let walk = Walk::new(0);
    // By turns they hand over to each other, a thousand times.
    let turns: Vec<Handover> = (0..1_000u64)
        .map(|n| {
            let (now, next): (&[u8], &[u8]) = if n % 2 == 0 { (&LAST, &THEIRS) } else { (&THEIRS, &LAST) };
            let height = 10 + n;
            let (validators, next_validators) = (set_of(now).hash(), set_of(next).hash());
            let header = Header { height, validators, next_validators, ..walk.good.header.clone() };
            Handover { certificate: certify(&walk.chain, &header, now), header, set: set_of(next) }
        })
        .collect();
    let header = Header { height: 2_000, ..walk.good.header.clone() };
    let certificate = certify(&walk.chain, &header, &LAST);
    let proof = |from: usize| {
        let mut list: Vec<Handover> = turns[from..].to_vec();
        list[0] = bare(list[0].clone());
        let handovers = List::<_, PROOF_HANDOVERS_MAX>::new(list)?;
        let proof = StateProof { header: header.clone(), certificate: certificate.clone(), handovers, ..walk.good.clone() };
        Some(proof.verify_from(&walk.chain, Some(&trusted(&turns[from])), &walk.question))
    };
    assert_eq!(proof(1_000 - PROOF_HANDOVERS_MAX), Some(walk.proven()));
    assert_eq!(proof(999), Some(walk.proven()));
    assert_eq!(proof(1_000 - PROOF_HANDOVERS_MAX - 1), None);
}

/// As many validators as there may be.
fn full_set() -> ValidatorSet {
    let one = |n: u8| Validator { key: key_of(n).public(), power: 1, operator: AccountId([n; 20]) };
    ValidatorSet::new((1..=64).map(one).collect()).expect("64 validators")
}

/// The server's answers have at most 10 MiB, and a proof is hex in them.
const ANSWER_BYTES_MAX: usize = 10 * 1024 * 1024;

#[test]
fn ledger_16_the_largest_proof_is_within_its_bound_and_fits_an_answer_as_hex() {
    let mut proof = Walk::new(0).good;
    let set = full_set();
    assert_eq!(set.len(), VALIDATORS_MAX);
    let signature = |n: u8| CommitSig { validator: ValidatorId([n; 20]), signature: Signature([n; 64]) };
    let signatures = List::new((1..=64).map(signature).collect()).expect("64 signatures");
    proof.certificate = Certificate { signatures, ..proof.certificate };
    proof.validators = set.clone();
    (proof.genesis.validators, proof.genesis.name) = (set.clone(), Text::new("n".repeat(64)).expect("64 bytes"));
    let handover = Handover { header: proof.header.clone(), certificate: proof.certificate.clone(), set };
    assert!(handover.encode().len() <= 10 * 1024);
    proof.handovers = List::new(vec![handover; PROOF_HANDOVERS_MAX]).expect("as many as there may be");

    let path = || {
        let step = Step { bit: 0, hash: Hash::ZERO, sum: 0 };
        let other = Some(Leaf { key: [0; 32], commitment: Hash::ZERO, sum: 0 });
        TreeProof { other, path: List::new(vec![step; 256]).expect("256 steps") }
    };
    let value = Some(List::new(vec![0; RECORD_BYTES_MAX]).expect("as long as there may be"));
    let record = LeafProof::Record(RecordProof { value, path: path(), tokens: Hash::ZERO });
    let holder = Some(HolderPart { holding: Some(Holding::default()), path: path() });
    let holding = LeafProof::Holding(HoldingProof { holder, token: path(), records: Hash::ZERO });
    for leaf in [record, holding] {
        let proof = StateProof { leaf, ..proof.clone() };
        let bytes = proof.encode();
        assert!(bytes.len() <= STATE_PROOF_BYTES_MAX);
        // What stands beside it: the value once more as hex; header, certificate and genesis.
        let beside = 2 * RECORD_BYTES_MAX + 64 * 1024;
        assert!(2 * bytes.len() + beside <= ANSWER_BYTES_MAX, "{} bytes", bytes.len());
        assert!(decode_within::<StateProof>(&bytes, STATE_PROOF_BYTES_MAX).as_ref() == Ok(&proof));
    }
}

#[test]
fn ledger_16_more_handovers_than_there_may_be_do_not_decode() {
    let walk = Walk::new(0);
    let mut bytes = StateProof { handovers: List::default(), ..walk.good.clone() }.encode();
    assert_eq!(bytes.pop(), Some(0));
    bytes.extend(vec![walk.first(); PROOF_HANDOVERS_MAX + 1].encode());
    let refused = decode_within::<StateProof>(&bytes, STATE_PROOF_BYTES_MAX);
    assert!(matches!(refused, Err(DecodeError::Malformed(_))), "{refused:?}");
}
