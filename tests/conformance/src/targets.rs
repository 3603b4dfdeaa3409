//! What is done with bytes from anybody: each target takes any bytes and must come back, whatever they are. Where something decodes, it
//! must be the only form of what it is.

use crate::samples;
use arc_malachitebft_core_consensus::{LivenessMsg, ProposedValue, SignedConsensusMsg};
use arc_malachitebft_core_types::{PolkaCertificate, ValidatorProof};
use leither_consensus::wire::{PROOF_BYTES_MAX, Wire, WireCommit};
use leither_consensus::{Assembly, Leither, Part};
use leither_pallets::{Call, describe_call, describe_error, describe_event};
use leither_rpc_api as api;
use leither_state::{Answer, HoldingProof, LeafProof, Question, RecordProof, STATE_PROOF_BYTES_MAX, StateProof};
use leither_types::*;
use parity_scale_codec::{DecodeWithMemTracking, Encode};
use std::str::FromStr;
use std::sync::LazyLock;

/// A receipt is no longer than this: all its events at their bound.
const RECEIPT_BYTES_MAX: usize = EVENTS_MAX * 4100 + 1024;
/// What a genesis of a fuzzer's size may have.
const GENESIS_BYTES_MAX: usize = 1 << 20;

/// Where bytes go in.
pub type Target = fn(&[u8]);

/// Every target by its name, which is that of its corpus.
pub const ALL: &[(&str, Target)] = &[
    ("signed_tx", signed_tx),
    ("block", block),
    ("certificate", certificate),
    ("receipt", receipt),
    ("call", call),
    ("genesis", genesis),
    ("proofs", proofs),
    ("consensus", consensus),
    ("ids", ids),
    ("rpc_params", rpc_params),
];

static CHAIN: LazyLock<Hash> = LazyLock::new(samples::chain);
static VALIDATORS: LazyLock<ValidatorSet> = LazyLock::new(samples::validators);

fn canonical<T: DecodeWithMemTracking + Encode>(bytes: &[u8], max: usize) -> Option<T> {
    let value: T = decode_within(bytes, max).ok()?;
    assert!(bytes.len() <= max, "longer than its kind may be");
    assert_eq!(value.encode(), bytes, "two forms of one value");
    Some(value)
}

/// A transaction as a peer or a client sends it.
pub fn signed_tx(bytes: &[u8]) {
    let Some(tx) = canonical::<SignedTx>(bytes, TX_BYTES_MAX) else { return };
    assert_eq!(tx.id(), tx.tx.id());
    assert_ne!(tx.id(), tx.full_hash());
    for call in &tx.tx.calls {
        let _words = describe_call(call).map(|call| serde_json::to_string(&call).expect("calls have a JSON form"));
    }
    let weight = leither_executor::weight(&tx.tx);
    if leither_executor::check_form(bytes, &CHAIN).is_ok() {
        assert!(weight.is_some_and(|weight| weight <= tx.tx.weight_limit));
        assert_eq!(tx.witnesses.len(), tx.tx.signers.len());
        let message = tx.tx.sign_bytes();
        let _verified: Vec<bool> =
            tx.claims(&message).iter().map(|claim| claim.key.verify(claim.message, &claim.signature)).collect();
    }
}

/// A block as a peer sends it.
pub fn block(bytes: &[u8]) {
    let Some(block) = canonical::<Block>(bytes, BLOCK_BYTES_MAX) else { return };
    assert_eq!(block.id(), block.header.id());
    let _root = Block::txs_root(&block.txs);
    let _hash = block.last_certificate.hash();
}

/// A certificate as a peer sends it.
pub fn certificate(bytes: &[u8]) {
    let Some(certificate) = canonical::<Certificate>(bytes, PROOF_BYTES_MAX) else { return };
    if certificate.is_valid(&CHAIN, &VALIDATORS) {
        let power: u128 =
            certificate.signatures.iter().filter_map(|c| VALIDATORS.get(&c.validator)).map(|v| u128::from(v.power)).sum();
        assert!(power * 3 > VALIDATORS.total_power() * 2);
    }
    let engine = leither_consensus::commit_certificate(&certificate);
    let _chain = leither_consensus::certificate(&engine);
}

/// A receipt as a server hands it to a client.
pub fn receipt(bytes: &[u8]) {
    let Some(receipt) = canonical::<Receipt>(bytes, RECEIPT_BYTES_MAX) else { return };
    let _hash = receipt.hash();
    for event in &receipt.events {
        let _words = describe_event(event).map(|event| serde_json::to_string(&event).expect("events have a JSON form"));
    }
    if let Status::Failed(failure) = &receipt.status {
        let _words = describe_error(&failure.error).map(|error| error.to_string());
    }
}

/// A call within a transaction, an event and an error within a receipt.
pub fn call(bytes: &[u8]) {
    let _words = describe_event(bytes).map(|event| serde_json::to_string(&event).expect("events have a JSON form"));
    let _words = describe_error(bytes).map(|error| error.to_string());
    let Some(bytes) = CallBytes::new(bytes.to_vec()) else { return };
    let Ok(call) = Call::read(&bytes) else { return };
    assert_eq!(call.write(), Some(bytes), "two forms of one call");
    let _verdict = call.check();
    assert!(call.weight() > 0);
    let text = serde_json::to_string(&call).expect("calls have a JSON form");
    let again: Call = serde_json::from_str(&text).expect("what a wallet is shown can be handed back");
    assert_eq!(again, call, "{text}");
}

/// A genesis that somebody hands over with an invitation.
pub fn genesis(bytes: &[u8]) {
    let Some(genesis) = canonical::<Genesis>(bytes, GENESIS_BYTES_MAX) else { return };
    if leither_pallets::genesis_state(&genesis).is_ok() {
        assert!(!genesis.head.validators.is_empty());
        assert_eq!(genesis.chain(), genesis.head.chain());
    }
    let set = &genesis.head.validators;
    assert!(set.get(&set.proposer(genesis.head.time, u32::MAX).id()).is_some());
}

/// Proofs as a light client takes them: what they say, and of which list an item is.
pub fn proofs(bytes: &[u8]) {
    let Some((kind, rest)) = bytes.split_first() else { return };
    let (token, id) = (TokenId::NATIVE, samples::account(1));
    match kind % 4 {
        0 => {
            let Some(proof) = canonical::<HoldingProof>(rest, STATE_PROOF_BYTES_MAX) else { return };
            let _answer = proof.verify(&CHAIN, &token, &id);
        }
        1 => {
            let Some(proof) = canonical::<RecordProof>(rest, STATE_PROOF_BYTES_MAX) else { return };
            let _answer = proof.verify(&CHAIN, b"pp");
        }
        2 => {
            let Some(proof) = canonical::<StateProof>(rest, STATE_PROOF_BYTES_MAX) else { return };
            let question = match proof.leaf {
                LeafProof::Holding(_) => Question::Holding { token, id },
                LeafProof::Record(_) => Question::Record(samples::list(b"pp".to_vec())),
            };
            let answer = proof.verify(&CHAIN, &question);
            assert!(matches!(
                (answer, &question),
                (Err(_), _) | (Ok(Answer::Holding(_)), Question::Holding { .. }) | (Ok(Answer::Record(_)), Question::Record(_))
            ));
        }
        _ => {
            let Some(proof) = canonical::<ListProof>(rest, 1024) else { return };
            let _root = proof.root(&CHAIN);
        }
    }
}

fn wire<T: Wire>(bytes: &[u8]) {
    let Ok(value) = T::from_wire(bytes) else { return };
    assert!(bytes.len() <= T::BYTES_MAX);
    assert_eq!(value.to_wire().expect("what was read can be written"), bytes, "two forms of one {}", T::WHAT);
}

/// What validators send each other and write into their logs.
pub fn consensus(bytes: &[u8]) {
    let Some((kind, rest)) = bytes.split_first() else { return };
    match kind % 8 {
        0 => wire::<SignedConsensusMsg<Leither>>(rest),
        1 => wire::<LivenessMsg<Leither>>(rest),
        2 => wire::<Part>(rest),
        3 => wire::<ProposedValue<Leither>>(rest),
        4 => wire::<PolkaCertificate<Leither>>(rest),
        5 => wire::<ValidatorProof<Leither>>(rest),
        6 => {
            let Some(commit) = canonical::<WireCommit>(rest, PROOF_BYTES_MAX) else { return };
            assert_eq!(WireCommit::new(&commit.clone().into_engine()), Ok(commit));
        }
        _ => assembly(rest),
    }
}

/// Parts in any order: each is one byte of length and so many bytes.
fn assembly(mut bytes: &[u8]) {
    let mut assembly = Assembly::default();
    while let Some((len, rest)) = bytes.split_first() {
        let (part, rest) = rest.split_at(rest.len().min(usize::from(*len)));
        bytes = rest;
        let Ok(part) = Part::from_wire(part) else { continue };
        if let Ok(Some(block)) = assembly.add(part) {
            let head = assembly.head().expect("a whole block has a head").0;
            assert_eq!(block.len(), head.len as usize);
        }
    }
}

fn reads<T>(text: &str) -> bool
where
    T: FromStr + std::fmt::Display + PartialEq + std::fmt::Debug,
    T::Err: std::fmt::Debug,
{
    let Ok(value) = text.parse::<T>() else { return false };
    assert_eq!(value.to_string().parse::<T>().expect("its own text"), value);
    true
}

/// Texts that people type: ids, hashes, keys, amounts, content ids.
pub fn ids(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let kinds = [
        reads::<AccountId>(text),
        reads::<OrgId>(text),
        reads::<ValidatorId>(text),
        reads::<MimeiId>(text),
        reads::<TokenId>(text),
    ];
    // The older form, 27 characters, names no kind and is all of them; any other text is of one kind at most.
    let most = if text.len() == 27 { 5 } else { 1 };
    assert!(kinds.iter().filter(|is| **is).count() <= most, "{text} is of two kinds");
    assert_eq!(reads::<Hash>(text), reads::<PublicKey>(text));
    let _others = (reads::<Amount>(text), reads::<ContentId>(text));
}

/// Parameters of a JSON-RPC call: the first byte says which method's.
pub fn rpc_params(bytes: &[u8]) {
    let Some((kind, rest)) = bytes.split_first() else { return };
    let Ok(text) = std::str::from_utf8(rest) else { return };
    let read: [fn(&str) -> Result<(), api::ApiError>; 9] = [
        |t| api::parse_params::<api::NoParams>(Some(t)).map(drop),
        |t| api::parse_params::<api::RawTx>(Some(t)).map(drop),
        |t| api::parse_params::<api::RawTxBatch>(Some(t)).map(drop),
        |t| api::parse_params::<api::GetHistory>(Some(t)).map(drop),
        |t| api::parse_params::<api::GetProof>(Some(t)).map(drop),
        |t| api::parse_params::<api::GetHolders>(Some(t)).map(drop),
        |t| api::parse_params::<api::Subscribe>(Some(t)).map(drop),
        |t| api::parse_params::<api::GetBlock>(Some(t)).map(drop),
        |t| api::parse_params::<api::WaitTx>(Some(t)).map(drop),
    ];
    let _refused = read[usize::from(*kind) % read.len()](text);
}
