//! The golden files: `spec/vectors/{tx,tx-calls,block,signatures}.json`. A difference here is a broken chain (see `src/lib.rs`).

mod points;

use leither_conformance::{golden::assert_golden, samples};
use leither_pallets::{Call, Error, Event};
use leither_types::json::hex_of;
use leither_types::*;
use parity_scale_codec::{Decode, Encode};
use serde_json::{Value, json};

fn hex(value: &impl Encode) -> String {
    hex_of(&value.encode())
}

fn tx_row((name, signed): &(&str, SignedTx)) -> Value {
    let tx = &signed.tx;
    let witness = |w: &Witness| json!({"key": w.key, "signature": hex(&w.signature)});
    json!({
        "name": name,
        "fields": {
            "version": tx.version,
            "chain": tx.chain,
            "signers": tx.signers,
            "payer": tx.payer,
            "nonce": tx.nonce.to_string(),
            "valid_until": tx.valid_until.to_string(),
            "max_fee": tx.max_fee,
            "weight_limit": tx.weight_limit.to_string(),
            "calls": tx.calls.iter().map(|call| hex_of(call)).collect::<Vec<_>>(),
        },
        "tx": hex(tx),
        "id": tx.id(),
        "sign_bytes": hex_of(&tx.sign_bytes()),
        "witnesses": signed.witnesses.iter().map(witness).collect::<Vec<_>>(),
        "signed_tx": hex(signed),
        "full_hash": signed.full_hash(),
    })
}

/// Ids of all kinds, as bytes and texts, from what they are made of.
fn ids() -> Value {
    let key = |n: u8| {
        let key = samples::key(n).public();
        let (account, validator) = (AccountId::of_key(&key), ValidatorId::of_key(&key));
        json!({
            "seed": hex_of(&[n; 32]),
            "key": key,
            "account": account,
            "account_bytes": hex(&account),
            "validator": validator,
            "validator_bytes": hex(&validator),
        })
    };
    let keys = [1, 2, 101].map(key);
    let (org, mimei) = (samples::org(), samples::mimei_id());
    json!({
        "keys": keys,
        "org": {"founder": samples::account(1), "nonce": "0", "index": 0, "id": org, "bytes": hex(&org), "treasury": org.treasury(), "token": TokenId::of_org(&org)},
        "mimei": {"author": samples::account(1), "app": "demo", "kind": "file", "mark": "readme", "id": mimei, "bytes": hex(&mimei)},
        "native_token": TokenId::NATIVE,
        "base64url_27": {"text": "AQEBAQEBAQEBAQEBAQEBAQEBAQE", "is": "AQEBAQEBAQEBAQEBAQEBAQEBAQE".parse::<AccountId>().expect("the older form")},
        "tagged": {"tag": "leither/sample", "parts": [hex_of(b"a"), hex_of(b"bc")], "hash": tagged("leither/sample", &[b"a", b"bc"])},
    })
}

#[test]
fn bytes_of_transactions_and_ids_are_frozen() {
    let txs = samples::txs();
    assert_golden(
        "tx",
        &json!({"chain": samples::chain(), "ids": ids(), "transactions": txs.iter().map(tx_row).collect::<Vec<_>>()}),
    );
}

#[test]
fn bytes_of_calls_events_and_errors_are_frozen() {
    let call = |call: &Call| json!({"bytes": hex(call), "weight": call.weight().to_string(), "value": call});
    let event = |event: &Event| json!({"bytes": hex(event), "value": event});
    let error = |error: &Error| json!({"bytes": hex(error), "value": error, "text": error.to_string()});
    let made = json!({
        "calls": samples::calls().iter().map(call).collect::<Vec<_>>(),
        "events": samples::events().iter().map(event).collect::<Vec<_>>(),
        "errors": samples::errors().iter().map(error).collect::<Vec<_>>(),
    });
    assert_golden("tx-calls", &made);
}

/// A variant without a sample would not be frozen. Zeros decode as the fields of any variant there is.
#[test]
fn every_call_event_and_error_has_a_sample() {
    fn missing<T: Decode + Encode>(samples: &[T]) -> Vec<[u8; 2]> {
        let known: Vec<Vec<u8>> = samples.iter().map(|sample| sample.encode()[..2].to_vec()).collect();
        let all = (0..=255).flat_map(|pallet| (0..=255).map(move |variant| [pallet, variant]));
        let there = |head: &[u8; 2]| T::decode(&mut &[&head[..], &[0; 1024]].concat()[..]).is_ok();
        all.filter(|head| there(head) && !known.contains(&head.to_vec())).collect()
    }
    assert_eq!(missing(&samples::calls()), Vec::<[u8; 2]>::new());
    assert_eq!(missing(&samples::events()), Vec::<[u8; 2]>::new());
    assert_eq!(missing(&samples::errors()), Vec::<[u8; 2]>::new());
}

fn params(params: &Params) -> Value {
    json!({
        "fields": {
            "version": params.version,
            "pulse_ms": params.pulse_ms.to_string(),
            "pulse_min_ms": params.pulse_min_ms.to_string(),
            "heartbeat_ms": params.heartbeat_ms.to_string(),
            "propose_timeout_ms": params.propose_timeout_ms.to_string(),
            "vote_timeout_ms": params.vote_timeout_ms.to_string(),
            "epoch_ms": params.epoch_ms.to_string(),
            "publicity_ms": params.publicity_ms.to_string(),
            "block_weight_max": params.block_weight_max.to_string(),
            "block_bytes_max": params.block_bytes_max,
            "base_fee_min": params.base_fee_min,
            "byte_deposit": params.byte_deposit,
            "emission": params.emission,
            "pushes_max": params.pushes_max,
            "pledge_min": params.pledge_min,
            "pledge_unit": params.pledge_unit,
            "unbonding_ms": params.unbonding_ms.to_string(),
            "jail_ms": params.jail_ms.to_string(),
            "misses_max": params.misses_max,
            "slash_permille": params.slash_permille,
            "validators_max": params.validators_max,
        },
        "bytes": hex(params),
    })
}

fn genesis() -> Value {
    let genesis = samples::genesis();
    let head = &genesis.head;
    let allocation =
        |a: &Allocation| json!({"account": a.account, "amount": a.amount, "reason": a.reason, "evidence": a.evidence});
    let validator = |v: &Validator| json!({"key": v.key, "power": v.power.to_string(), "operator": v.operator, "id": v.id()});
    json!({
        "version": head.version,
        "name": head.name,
        "time": head.time.to_string(),
        "dev": head.dev,
        "params": params(&head.params),
        "validators": head.validators.iter().map(validator).collect::<Vec<_>>(),
        "validators_hash": head.validators.hash(),
        "allocations": genesis.allocations.iter().map(allocation).collect::<Vec<_>>(),
        "allocations_root": head.allocations,
        "head": hex(head),
        "bytes": hex(&genesis),
        "chain": genesis.chain(),
    })
}

fn recovered() -> Value {
    let head = samples::recovered();
    let origin = head.origin.as_ref().expect("a recovery");
    let old = origin.chain;
    let seat = |v: &Validator| json!({"operator": v.operator, "sign_bytes": hex_of(&recovery_bytes(&old, &v.operator, &v.key))});
    json!({
        "origin": {
            "chain": old,
            "height": origin.height.to_string(),
            "block": origin.block,
            "state_root": origin.state_root,
            "first_root": origin.first_root,
            "possessions": origin.possessions.iter().map(hex).collect::<Vec<_>>(),
        },
        "seats": head.validators.iter().map(seat).collect::<Vec<_>>(),
        "has_all_keys": head.has_all_keys(),
        "head": hex(&head),
        "chain": head.chain(),
    })
}

fn header() -> Value {
    let header = samples::header();
    json!({
        "version": header.version,
        "chain": header.chain,
        "height": header.height.to_string(),
        "time": header.time.to_string(),
        "parent": header.parent,
        "proposer": header.proposer,
        "state_root": header.state_root,
        "txs_root": header.txs_root,
        "receipts_root": header.receipts_root,
        "evidence_root": header.evidence_root,
        "last_certificate": header.last_certificate,
        "validators": header.validators,
        "next_validators": header.next_validators,
        "bytes": hex(&header),
        "id": header.id(),
    })
}

fn votes() -> Vec<Value> {
    let validator = ValidatorId::of_key(&samples::key(101).public());
    let row = |kind, block: Option<Hash>| {
        let vote = Vote { kind, height: 2, round: 1, block, validator };
        let bytes = vote.sign_bytes(&samples::chain());
        let signature = hex(&samples::key(101).sign(&bytes));
        json!({"kind": format!("{kind:?}"), "height": "2", "round": 1, "block": block, "validator": validator, "sign_bytes": hex_of(&bytes), "signature": signature})
    };
    let block = Some(samples::header().id());
    vec![row(VoteKind::Prevote, block), row(VoteKind::Precommit, block), row(VoteKind::Precommit, None)]
}

/// What validators sign beside votes: the proposal and the head of a block's parts.
fn proposals() -> Value {
    let set = leither_consensus::Validators::new(samples::validators()).expect("fit validators");
    let seat = set.proposer(2, 1).id();
    let block = samples::header().id();
    let proposal = leither_consensus::Proposal {
        height: leither_consensus::BlockHeight(2),
        round: 1,
        value: leither_consensus::Value(block),
        pol_round: Some(0),
        proposer: leither_consensus::Address(seat),
    };
    let head = leither_consensus::Head { height: 2, round: 1, pol_round: Some(0), publisher: seat, block, len: 1_000 };
    json!({
        "height": "2", "round": 1, "pol_round": 0, "block": block, "proposer": seat, "len": 1_000,
        "proposal_sign_bytes": hex_of(&proposal.sign_bytes(&samples::chain())),
        "parts_head_sign_bytes": hex_of(&head.sign_bytes(&samples::chain())),
    })
}

fn certificate() -> Value {
    let certificate = samples::certificate(1, samples::hash("parent"));
    let commit = |c: &CommitSig| json!({"validator": c.validator, "signature": hex(&c.signature)});
    json!({
        "height": "1", "round": 0, "block": certificate.block,
        "signatures": certificate.signatures.iter().map(commit).collect::<Vec<_>>(),
        "bytes": hex(&certificate),
        "hash": certificate.hash(),
        "genesis_bytes": hex(&Certificate::genesis()),
        "genesis_hash": Certificate::genesis().hash(),
    })
}

fn receipt(receipt: &Receipt) -> Value {
    let status = match &receipt.status {
        Status::Done => json!("done"),
        Status::Failed(failure) => json!({"call": failure.call, "error": hex_of(&failure.error)}),
    };
    json!({
        "tx": receipt.tx,
        "status": status,
        "weight": receipt.weight.to_string(),
        "fee": receipt.fee,
        "events": receipt.events.iter().map(|event| hex_of(event)).collect::<Vec<_>>(),
        "bytes": hex(receipt),
        "hash": receipt.hash(),
    })
}

fn lists() -> Vec<Value> {
    let row = |len: u8| {
        let items: Vec<Hash> = (0..len).map(|n| Hash([n; 32])).collect();
        let proof = |at: usize| {
            let proof = list_proof(&items, at).expect("within");
            json!({"index": proof.index, "path": proof.path, "bytes": hex(&proof)})
        };
        json!({"items": items, "root": list_root(&items), "proofs": (0..items.len()).map(proof).collect::<Vec<_>>()})
    };
    [0, 1, 2, 3, 5, 8].map(row).to_vec()
}

/// Who proposes at the first heights, and in later rounds: every client that follows the chain may check it.
fn proposers() -> Value {
    let set = samples::validators();
    let at = |height, round| set.proposer(height, round).id();
    json!({"round_0_heights_1_to_10": (1..=10).map(|height| at(height, 0)).collect::<Vec<_>>(), "height_1_rounds_0_to_4": (0..=4).map(|round| at(1, round)).collect::<Vec<_>>()})
}

#[test]
fn bytes_of_blocks_and_all_that_is_in_them_are_frozen() {
    let block = samples::block();
    let made = json!({
        "params": {"standard": params(&Params::standard()), "dev": params(&Params::dev())},
        "genesis": genesis(),
        "recovered": recovered(),
        "header": header(),
        "votes": votes(),
        "evidence": samples::evidence().iter().map(|proof| json!({"bytes": hex(proof), "hash": proof.hash()})).collect::<Vec<_>>(),
        "proposal": proposals(),
        "proposers": proposers(),
        "certificate": certificate(),
        "receipts": samples::receipts().iter().map(receipt).collect::<Vec<_>>(),
        "block": {"transactions": "those of tx.json", "bytes": hex(&block), "id": block.id()},
        "lists": lists(),
    });
    assert_golden("block", &made);
}

#[test]
fn verdicts_over_signatures_are_frozen() {
    let row = |case: &points::Case| {
        json!({
            "name": case.name,
            "key": case.key,
            "message": hex_of(&case.message),
            "signature": hex(&case.signature),
            "valid": case.key.verify(&case.message, &case.signature),
            "may_be_bound": case.key.may_be_bound(),
        })
    };
    assert_golden("signatures", &json!({"rule": "ZIP-215", "cases": points::cases().iter().map(row).collect::<Vec<_>>()}));
}

#[test]
fn a_golden_file_that_differs_is_told_by_place() {
    let difference =
        leither_conformance::golden::difference(&json!({"a": [1, {"b": 2}]}), &json!({"a": [1, {"b": 3}]}), String::new());
    assert_eq!(difference.as_deref(), Some("at /a/1/b\n kept: 2\n made: 3"));
    assert_eq!(leither_conformance::golden::difference(&json!({"a": 1}), &json!({"a": 1}), String::new()), None);
}
