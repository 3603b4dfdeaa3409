//! What fuzzing starts from: valid bytes of each kind. `cargo run -p leither-conformance --bin seeds -- <folder>` writes them out.

use crate::samples;
use crate::targets::ALL;
use leither_consensus::{Head, cut};
use leither_state::{Holding, LeafProof, Ledger, StateProof, WriteSet};
use leither_types::*;
use parity_scale_codec::Encode;

/// The seeds of a target; none where there is no such target.
pub fn of(target: &str) -> Vec<Vec<u8>> {
    match target {
        "signed_tx" => samples::txs().iter().map(|(_, tx)| tx.encode()).collect(),
        "block" => vec![samples::block().encode()],
        "certificate" => vec![Certificate::genesis().encode(), samples::certificate(1, samples::hash("parent")).encode()],
        "receipt" => samples::receipts().iter().map(Encode::encode).collect(),
        "call" => {
            let calls = samples::calls().iter().map(Encode::encode).collect::<Vec<_>>();
            let events = samples::events().iter().map(Encode::encode).collect::<Vec<_>>();
            [calls, events, samples::errors().iter().map(Encode::encode).collect()].concat()
        }
        "genesis" => vec![samples::genesis().encode()],
        "proofs" => proofs(),
        "consensus" => consensus(),
        "ids" => ids(),
        "rpc_params" => rpc_params(),
        _ => Vec::new(),
    }
}

/// Every target with its seeds.
pub fn all() -> impl Iterator<Item = (&'static str, Vec<Vec<u8>>)> {
    ALL.iter().map(|(name, _)| (*name, of(name)))
}

fn marked(kind: u8, value: &impl Encode) -> Vec<u8> {
    let mut bytes = vec![kind];
    value.encode_to(&mut bytes);
    bytes
}

/// A ledger of a few holders and records.
fn ledger() -> (Ledger, Vec<u8>) {
    let mut writes = WriteSet::default();
    for n in 1..=9 {
        let holding = Holding {
            free: Amount::new(1_000 * u128::from(n)),
            nonce: u64::from(n),
            key: samples::key(n).public(),
            ..Holding::default()
        };
        writes.holdings.insert((TokenId::NATIVE, samples::account(n)), Some(holding));
        writes.records.insert(vec![b'r', n], Some(vec![n; usize::from(n)]));
    }
    let value = samples::params().encode();
    writes.records.insert(b"pp".to_vec(), Some(value.clone()));
    let mut ledger = Ledger::new();
    ledger.apply(&writes).expect("small sums");
    (ledger, value)
}

fn proofs() -> Vec<Vec<u8>> {
    let (ledger, value) = ledger();
    let holding = ledger.prove_holding(&TokenId::NATIVE, &samples::account(1));
    let absent = ledger.prove_holding(&TokenId::NATIVE, &samples::account(99));
    let record = ledger.prove_record(b"pp", Some(value));
    let header = Header { state_root: ledger.root(), ..samples::header() };
    let state = |leaf| StateProof {
        leaf,
        header: header.clone(),
        certificate: samples::certificate(header.height, header.id()),
        validators: samples::validators(),
        genesis: samples::genesis().head,
        handovers: List::default(),
    };
    // The fourth validator leaves with block 1.
    let three = ValidatorSet::new(samples::validators().iter().take(3).cloned().collect()).expect("three validators");
    let turn = Header { height: 1, next_validators: three.hash(), ..samples::header() };
    let handover = Handover { certificate: samples::certificate(1, turn.id()), header: turn, set: three.clone() };
    let later = Header { validators: three.hash(), next_validators: three.hash(), ..header.clone() };
    let over_a_handover = StateProof {
        certificate: samples::certificate(later.height, later.id()),
        header: later,
        validators: three,
        handovers: samples::list(vec![handover]),
        ..state(LeafProof::Holding(holding.clone()))
    };
    let items: Vec<Hash> = (0..11u8).map(|n| tagged("item", &[&[n]])).collect();
    vec![
        marked(0, &holding),
        marked(0, &absent),
        marked(1, &record),
        marked(2, &state(LeafProof::Holding(holding))),
        marked(2, &state(LeafProof::Record(record))),
        marked(2, &over_a_handover),
        marked(3, &list_proof(&items, 10).expect("within")),
    ]
}

fn consensus() -> Vec<Vec<u8>> {
    let validator = samples::validators().proposer(2, 0).id();
    let (signature, block) = (samples::key(101).sign(b"any"), samples::block());
    let vote = Vote { kind: VoteKind::Prevote, height: 2, round: 0, block: Some(block.id()), validator };
    let nil = Vote { block: None, kind: VoteKind::Precommit, ..vote.clone() };
    // The twins' layouts, as `chain/consensus/src/wire` has them: a change there is a change of these bytes.
    let proposal = (1u8, (2u64, 0u32, Some(1u32), block.id(), validator), signature);
    let certificate = samples::certificate(2, block.id());
    let polka = (2u64, 0u32, block.id(), certificate.signatures.clone());
    let skip = (2u8, (2u64, 0u32, true, vec![(VoteKind::Prevote, None::<Hash>, validator, signature)]));
    let bytes = block.encode();
    let head = Head { height: 2, round: 0, pol_round: None, publisher: validator, block: block.id(), len: bytes.len() as u32 };
    let parts = cut(head, signature, &bytes).expect("one block");
    let tiny = Head { len: 3, ..head };
    let mut stream = vec![7];
    for part in cut(tiny, signature, &bytes[..3]).expect("three bytes") {
        let part = part.encode();
        stream.push(part.len() as u8);
        stream.extend(part);
    }
    let mut seeds = vec![
        marked(0, &(0u8, &vote, signature)),
        marked(0, &(0u8, &nil, signature)),
        marked(0, &proposal),
        marked(1, &(0u8, &vote, signature)),
        marked(1, &(1u8, &polka)),
        marked(1, &skip),
        marked(3, &(2u64, Some(0u32), None::<u32>, validator, block.id(), true)),
        marked(4, &polka),
        marked(5, &(vec![7u8; 32], vec![8u8; 38], signature)),
        marked(6, &certificate),
        stream,
    ];
    seeds.extend(parts.iter().map(|part| marked(2, part)));
    seeds
}

fn ids() -> Vec<Vec<u8>> {
    let texts = [
        samples::account(1).to_string(),
        samples::org().to_string(),
        samples::mimei_id().to_string(),
        TokenId::NATIVE.to_string(),
        samples::validators().proposer(0, 0).id().to_string(),
        samples::hash("any").to_string(),
        samples::content().to_string(),
        "AAAAAAAAAAAAAAAAAAAAAAAAAAA".into(),
        "340282366920938463463374607431768211455".into(),
    ];
    texts.into_iter().map(String::into_bytes).collect()
}

fn rpc_params() -> Vec<Vec<u8>> {
    let (account, hash) = (samples::account(1), samples::hash("any"));
    let raw = json::hex_of(&samples::txs()[0].1.encode());
    let texts = [
        (0, "[]".into()),
        (0, "{}".into()),
        (1, format!("[\"{raw}\"]")),
        (1, format!("{{\"raw\":\"{raw}\"}}")),
        (2, format!("[[\"{raw}\",\"0x00\"]]")),
        (3, format!("{{\"account\":\"{account}\",\"after\":null,\"limit\":10}}")),
        (4, format!("{{\"subject\":{{\"account\":\"{account}\",\"token\":\"mei\"}}}}")),
        (4, "{\"subject\":{\"record\":\"0x7070\"}}".into()),
        (5, "[\"mei\"]".into()),
        (6, "{\"from\":\"12\",\"txs\":true}".into()),
        (7, "[\"12\"]".into()),
        (7, format!("[\"{hash}\"]")),
        (8, format!("[\"{hash}\"]")),
        (8, format!("{{\"tx\":\"{hash}\"}}")),
    ];
    texts.into_iter().map(|(kind, text): (u8, String)| [vec![kind], text.into_bytes()].concat()).collect()
}
