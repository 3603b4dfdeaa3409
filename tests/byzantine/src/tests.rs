use crate::Villain;
use arc_malachitebft_core_types::{NilOrVal, Round};
use leither_consensus::{Address, BlockHeight, Signer, Value, Vote};
use leither_engine::meddle::Meddler;
use leither_types::{Hash, SecretKey, ValidatorId, VoteKind};

fn signer() -> Signer {
    Signer::new(Hash::ZERO, SecretKey::from_seed(&[7; 32]))
}

fn vote(kind: VoteKind, round: u32, value: NilOrVal<Hash>) -> Vote {
    let me = Address(ValidatorId::of_key(&signer().public()));
    Vote { kind, height: BlockHeight(3), round, value, validator: me }
}

#[test]
fn a_villain_that_would_do_nothing_is_refused() {
    let refused = |text: &str, words: &str| {
        let why = Villain::parse(text).err().unwrap_or_default();
        assert!(why.contains(words), "{text}: {why:?}");
    };
    refused("", "EOF");
    refused("[]", "1 to 8");
    refused("7", "JSON object");
    refused("{}", "breaks no rule");
    refused(r#"{"seed": 5}"#, "breaks no rule");
    refused(r#"{"drop_vote": {"mode": "always"}}"#, "no behaviour is called \"drop_vote\"");
    refused(r#"{"drop_votes": {"mode": "random", "probability": 2.0}}"#, "probability");
    refused(r#"{"drop_votes": {"mode": "always"}, "equivocate_votes": {"mode": "always"}}"#, "cannot both");
    refused(&" ".repeat(70_000), "at most");
    assert!(Villain::parse(r#"[{"drop_votes": {"mode": "always"}}, {"equivocate_votes": {"mode": "always"}}]"#).is_ok());
}

#[tokio::test]
async fn it_signs_twice_in_one_step_and_other_than_the_rules_say() {
    let villain =
        Villain::parse(r#"{"ignore_locks": {"mode": "always"}, "force_precommit_nil": {"mode": "at_rounds", "rounds": [1]}}"#)
            .unwrap();
    let loose = villain.signer(signer());
    let (one, two) = (Hash([1; 32]), Hash([2; 32]));
    let signed = async |vote: Vote| loose.sign_vote(vote).await.unwrap().message.value;

    // No guard stands before the key.
    for id in [one, two] {
        assert_eq!(signed(vote(VoteKind::Prevote, 0, NilOrVal::Val(id))).await, NilOrVal::Val(id));
    }
    assert_eq!(signed(vote(VoteKind::Precommit, 0, NilOrVal::Val(one))).await, NilOrVal::Val(one));
    assert_eq!(signed(vote(VoteKind::Precommit, 1, NilOrVal::Val(one))).await, NilOrVal::Nil, "round 1 is forced to nil");

    // Locked on `one`, it votes for whatever is proposed.
    assert_eq!(signed(vote(VoteKind::Prevote, 2, NilOrVal::Nil)).await, NilOrVal::Nil, "nothing was proposed");
    villain.amnesia.record_proposed_value(BlockHeight(3), Round::new(2), two);
    assert_eq!(signed(vote(VoteKind::Prevote, 2, NilOrVal::Nil)).await, NilOrVal::Val(two));
    // What it signed, it signed as it stands.
    let said = loose.sign_vote(vote(VoteKind::Precommit, 1, NilOrVal::Val(one))).await.unwrap();
    assert!(signer().public().verify(&said.message.sign_bytes(&Hash::ZERO), &said.signature));
}

#[test]
fn another_value_is_another() {
    let id = Hash([9; 32]);
    assert_ne!(Value(crate::other(&id)), Value(id));
}
