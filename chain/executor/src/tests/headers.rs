use super::{MEI, invalid, judge};
use leither_harness::executor::{Draft, Invalid, NobodyVerified, Unfit, build};
use leither_harness::pallets::{Call, wasm};
use leither_harness::{Chain, Setup, account, key, transfer};
use leither_types::{Blob, Block, Certificate, Hash, Header, List, Params, ValidatorId};

fn with_one_tx() -> (Chain, Block) {
    let mut chain = Chain::default();
    chain.ok("alice", transfer(MEI, account("bob"), 1));
    let tx = chain.sign(&["alice"], &[transfer(MEI, account("bob"), 1)]);
    let (block, _, _) = chain.propose(&[tx]);
    assert!(judge(&chain, &block).is_ok());
    (chain, block)
}

#[test]
fn exec_2_a_block_with_any_header_field_changed_is_invalid() {
    let (chain, block) = with_one_tx();
    type Spoil = fn(&mut Header);
    let cases: [(&str, Spoil); 13] = [
        ("version", |h| h.version += 1),
        ("chain", |h| h.chain.0[0] ^= 1),
        ("height", |h| h.height += 1),
        ("height", |h| h.height -= 1),
        ("parent", |h| h.parent.0[31] ^= 1),
        ("proposer", |h| h.proposer = ValidatorId::of_key(&key("mallory").public())),
        ("state root", |h| h.state_root.0[0] ^= 1),
        ("transactions root", |h| h.txs_root = Hash::ZERO),
        ("receipts root", |h| h.receipts_root.0[7] ^= 1),
        ("evidence root", |h| h.evidence_root.0[0] ^= 1),
        ("last certificate", |h| h.last_certificate.0[0] ^= 1),
        ("validators", |h| h.validators.0[0] ^= 1),
        ("next validators", |h| h.next_validators.0[0] ^= 1),
    ];
    for (field, spoil) in cases {
        let mut spoilt = block.clone();
        spoil(&mut spoilt.header);
        assert_eq!(invalid(judge(&chain, &spoilt)), Invalid::Header(field));
    }
}

#[test]
fn exec_2_time_goes_on_and_another_time_is_another_block() {
    let (chain, block) = with_one_tx();
    for time in [0, chain.parent().time - 1, chain.parent().time] {
        let mut early = block.clone();
        early.header.time = time;
        assert_eq!(invalid(judge(&chain, &early)), Invalid::Header("time"));
    }
    let mut later = block.clone();
    later.header.time += 1;
    // Whether a clock agrees, voters ask (500 ms); here it is another block, and as good as the first.
    assert_ne!(later.id(), block.id());
    let (said, first) = (judge(&chain, &later).expect("it executes"), judge(&chain, &block).expect("it executes"));
    assert_eq!((said.state_root, said.receipts), (first.state_root, first.receipts), "a payment does not depend on the time");
    later.header.time = chain.parent().time + 86_400_000;
    assert_eq!(invalid(judge(&chain, &later)), Invalid::Tx { index: 0, why: expired(&later) }, "what is in it does");
}

fn expired(block: &Block) -> Unfit {
    Unfit::Expired { until: block.txs[0].tx.valid_until, now: block.header.time }
}

#[test]
fn pace_6_a_block_is_no_closer_to_its_parent_than_the_parents_rules_allow() {
    let cases = [(200, 1_000, 200), (700, 300, 300), (0, 1_000, 1)];
    for (pulse_min_ms, pulse_ms, least) in cases {
        let params = Params { pulse_min_ms, pulse_ms, ..Params::dev() };
        let mut chain = Chain::new(&Setup { params, ..Setup::default() });
        for _ in 0..2 {
            let parent = chain.parent().time;
            let draft = Draft { time: parent - 5, ..chain.draft() };
            let (block, _, _) = build(chain.parent(), &draft, &[], &NobodyVerified).expect("memory does not fail");
            assert_eq!(block.header.time, parent + least, "a proposer whose clock is behind stamps the earliest time");
            assert!(judge(&chain, &block).is_ok());
            let mut early = block;
            early.header.time -= 1;
            assert_eq!(invalid(judge(&chain, &early)), Invalid::Header("time"));
            chain.idle();
        }
    }
}

#[test]
fn exec_2_the_content_is_bound_by_the_header() {
    let (chain, block) = with_one_tx();
    let mut without = block.clone();
    without.txs = List::default();
    assert_eq!(invalid(judge(&chain, &without)), Invalid::Header("transactions root"));
    let mut certificate = block.clone();
    certificate.last_certificate.round += 1;
    assert_eq!(invalid(judge(&chain, &certificate)), Invalid::Header("last certificate"));
}

#[test]
fn exec_2_the_parents_certificate_must_prove_it_final() {
    let mut chain = Chain::new(&Setup { powers: vec![1; 4], ..Setup::default() });
    chain.idle();
    let (block, _, _) = chain.propose(&[]);
    let with = |certificate: Certificate| {
        let mut block = block.clone();
        block.header.last_certificate = certificate.hash();
        block.last_certificate = certificate;
        block
    };
    let height = chain.parent().height;
    let mut others = chain.clone();
    others.signing = vec![1, 2, 3];
    let three = with(others.certify(&others.set(), height, chain.parent().id));
    let state_moves = invalid(judge(&chain, &{
        let mut forged = three.clone();
        forged.header.state_root = Hash::ZERO;
        forged
    }));
    assert_eq!(
        state_moves,
        Invalid::Header("state root"),
        "another valid certificate than this node's own is accepted as such"
    );
    let mut three_signed = Chain::new(&Setup { powers: vec![1; 4], ..Setup::default() });
    three_signed.signing = vec![1, 2, 3];
    three_signed.idle();
    let (theirs, _, _) = three_signed.propose(&[]);
    assert!(
        theirs.last_certificate != chain.parent().certificate && judge(&chain, &theirs).is_ok(),
        "a block upon it is good"
    );
    others.signing = vec![1, 2];
    assert_eq!(
        invalid(judge(&chain, &with(others.certify(&others.set(), height, chain.parent().id)))),
        Invalid::Certificate,
        "half is too few"
    );
    others.signing = vec![1, 2, 3];
    assert_eq!(
        invalid(judge(&chain, &with(others.certify(&others.set(), height, Hash([1; 32]))))),
        Invalid::Certificate,
        "of another block"
    );
    assert_eq!(
        invalid(judge(&chain, &with(others.certify(&others.set(), height + 1, chain.parent().id)))),
        Invalid::Certificate
    );
    assert_eq!(invalid(judge(&chain, &with(Certificate::genesis()))), Invalid::Certificate);
    let mut twice = others.certify(&others.set(), height, chain.parent().id);
    let one = twice.signatures[0];
    twice.signatures = List::new(vec![one; 3]).expect("three");
    assert_eq!(invalid(judge(&chain, &with(twice))), Invalid::Certificate, "one signature three times");
}

#[test]
fn exec_2_the_first_block_has_the_genesis_certificate() {
    let chain = Chain::default();
    let (mut block, _, _) = chain.propose(&[]);
    assert!(judge(&chain, &block).is_ok());
    block.last_certificate = chain.certify(&chain.set(), 0, Hash::ZERO);
    block.header.last_certificate = block.last_certificate.hash();
    assert_eq!(invalid(judge(&chain, &block)), Invalid::Certificate);
}

#[test]
fn exec_2_a_block_within_neither_bound_is_invalid_and_is_never_built() {
    let pay = |chain: &Chain, who: &str| chain.sign(&[who], &[transfer(MEI, account("judy"), 1)]);
    for (params, what) in [
        (Params { block_weight_max: 80_000, ..Params::dev() }, "weight"),
        (Params { block_bytes_max: 1_200, ..Params::dev() }, "bytes"),
    ] {
        let small = Chain::new(&Setup { params, ..Setup::default() });
        let txs: Vec<_> = ["alice", "bob", "carol", "dave"].iter().map(|who| pay(&small, who)).collect();
        let (block, _, unfit) = small.propose(&txs);
        assert!(block.txs.len() < 4 && !block.txs.is_empty() && unfit.is_empty(), "the rest waits");
        assert!(judge(&small, &block).is_ok());
        assert_eq!(invalid(judge(&small, &super::forced(&small, &txs))), Invalid::TooBig(what));
    }
}

/// BLOCK-7.
#[test]
fn exec_2_half_of_a_block_is_the_most_that_contracts_have() {
    let params = Params { block_weight_max: 2_000_000, ..Params::dev() };
    let small = Chain::new(&Setup { params, ..Setup::default() });
    let enter = |who: &str, gas: u64| {
        let (contract, msg) = (account("judy"), Blob::new(b"{}".to_vec()).expect("short"));
        small.sign(&[who], &[Call::Wasm(wasm::Call::Execute { contract, msg, funds: List::default(), gas })])
    };
    let pay = |who: &str| small.sign(&[who], &[transfer(MEI, account("judy"), 1)]);
    let entries = ["alice", "bob", "carol", "dave"].map(|who| enter(who, 140_000_000));
    let (block, _, unfit) = small.propose(&entries);
    assert!(block.txs.len() < 4 && !block.txs.is_empty() && unfit.is_empty(), "the rest waits");
    assert!(judge(&small, &block).is_ok());
    assert_eq!(invalid(judge(&small, &super::forced(&small, &entries))), Invalid::TooBig("contracts"));
    let (with_others, _, _) = small.propose(&[block.txs.iter().cloned().collect(), vec![pay("erin"), pay("frank")]].concat());
    assert_eq!(with_others.txs.len(), block.txs.len() + 2, "the other half is others'");
    // One that alone is beyond it keeps nobody out.
    let (block, _, unfit) = small.propose(&[enter("alice", 600_000_000), pay("bob")]);
    assert_eq!((block.txs.len(), unfit.len()), (1, 0));
}

#[test]
fn exec_4_what_no_block_has_room_for_keeps_no_other_out() {
    let params = Params { block_weight_max: 80_000, ..Params::dev() };
    let chain = Chain::new(&Setup { params, ..Setup::default() });
    let heavy = chain.sign(&["alice"], &[0; 16].map(|_| transfer(MEI, account("judy"), 1)));
    let light = chain.sign(&["bob"], &[transfer(MEI, account("judy"), 1)]);
    let mut malformed = chain.plan(&["carol"], &[transfer(MEI, account("judy"), 1)]);
    malformed.calls[0] = leither_types::CallBytes::new(vec![77]).expect("short");
    let (block, _, unfit) = chain.propose(&[heavy, malformed.sign(), light.clone()]);
    assert_eq!((block.txs.len(), block.txs[0].id()), (1, light.id()));
    assert_eq!(unfit.len(), 1, "the malformed one is named, to be dropped");
}
