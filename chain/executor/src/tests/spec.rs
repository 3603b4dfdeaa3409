//! The bytes of spec/transaction.md and spec/block.md, written here by hand from those pages.

use super::MEI;
use leither_harness::{Chain, account, key, transfer};
use leither_types::{Hash, PublicKey, Vote, VoteKind, hash_of, tagged};
use parity_scale_codec::Encode;

/// `tagged` as the page of the ledger tree has it: each part, the tag first, behind its length.
fn lengths(parts: &[&[u8]]) -> Hash {
    let mut bytes = Vec::new();
    for part in parts {
        bytes.extend((part.len() as u64).to_le_bytes());
        bytes.extend(*part);
    }
    Hash(*blake3::hash(&bytes).as_bytes())
}

#[test]
fn transaction_bytes_are_those_of_the_spec() {
    let chain = Chain::default();
    let (alice, bob) = (account("alice"), account("bob"));
    let plan = chain.plan(&["alice"], &[transfer(MEI, bob, 5)]);
    let mut call = vec![1, 0];
    call.extend([0; 20]);
    call.extend(bob.0);
    call.extend(5u128.to_le_bytes());
    call.push(0);
    assert_eq!(plan.calls[0].to_vec(), call);
    let mut tx = vec![1];
    tx.extend(chain.id().0);
    tx.push(1 << 2);
    tx.extend(alice.0);
    tx.push(0);
    tx.extend(0u64.to_le_bytes());
    tx.extend(plan.valid_until.to_le_bytes());
    tx.extend(u128::MAX.to_le_bytes());
    tx.extend(u64::MAX.to_le_bytes());
    tx.push(1 << 2);
    tx.push((call.len() as u8) << 2);
    tx.extend(&call);
    assert!(call.len() < 64);
    assert_eq!(plan.tx().encode(), tx);
    assert_eq!(plan.tx().sign_bytes(), [&b"leither/tx/v1:"[..], &tx].concat());
    assert_eq!(plan.tx().id(), lengths(&[b"leither/txid/v1", &tx]));
    let signed = plan.sign();
    let PublicKey(public) = key("alice").public();
    assert_eq!(alice.0, lengths(&[b"leither/account/v1", &public]).0[..20]);
    let whole = [&tx[..], &[1 << 2], &public, &signed.witnesses[0].signature.0].concat();
    assert_eq!(signed.full_hash(), lengths(&[b"leither/signed-tx/v1", &whole]));
}

#[test]
fn block_bytes_are_those_of_the_spec() {
    let mut chain = Chain::default();
    let txs: Vec<_> =
        ["alice", "bob", "carol"].iter().map(|who| chain.sign(&[who], &[transfer(MEI, account("dave"), 1)])).collect();
    chain.block(&txs);
    let header = &chain.blocks[0].header;
    let bytes = header.encode();
    assert_eq!(bytes.len(), 325);
    assert_eq!(header.id(), lengths(&[b"leither/header/v1", &bytes]));
    let leaf = |tx: &leither_types::SignedTx| lengths(&[b"leither/list-leaf/v1", &tx.full_hash().0]);
    let node = |left: Hash, right: Hash| lengths(&[b"leither/list-node/v1", &left.0, &right.0]);
    let top = node(node(leaf(&txs[0]), leaf(&txs[1])), leaf(&txs[2]));
    assert_eq!(header.txs_root, lengths(&[b"leither/list/v1", &3u64.to_le_bytes(), &top.0]), "an odd last one is lifted");
    assert_eq!(header.evidence_root, lengths(&[b"leither/list/v1", &[0; 8], &[0; 32]]));
    let certificate = &chain.parent().certificate;
    let validator = certificate.signatures[0].validator;
    let vote = Vote { kind: VoteKind::Precommit, height: 1, round: 0, block: Some(header.id()), validator };
    let mut signed = b"leither/vote/v1:".to_vec();
    signed.extend(chain.id().0);
    signed.push(1);
    signed.extend(1u64.to_le_bytes());
    signed.extend(0u32.to_le_bytes());
    signed.push(1);
    signed.extend(header.id().0);
    signed.extend(validator.0);
    assert_eq!(vote.sign_bytes(&chain.id()), signed);
    assert!(key("validator-0").public().verify(&signed, &certificate.signatures[0].signature));
    assert_eq!(certificate.hash(), lengths(&[b"leither/certificate/v1", &certificate.encode()]));
    assert_eq!(chain.id(), hash_of("leither/genesis/v1", &chain.genesis.head));
    assert_eq!(tagged("a", &[b"b"]), lengths(&[b"a", b"b"]));
}
