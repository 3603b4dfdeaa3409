//! The way in for untrusted bytes: what is refused, and that what is taken has one form.

use leither_conformance::samples;
use leither_executor::check_form;
use leither_types::*;
use parity_scale_codec::{Compact, Decode, DecodeWithMemTracking, Encode};

fn signed() -> SignedTx {
    samples::txs().remove(1).1
}

/// TX-1.
#[test]
fn more_bytes_than_allowed_are_refused_before_anything_is_read() {
    let bytes = signed().encode();
    let refused = decode_within::<SignedTx>(&bytes, bytes.len() - 1);
    assert_eq!(refused, Err(DecodeError::TooLong { len: bytes.len(), max: bytes.len() - 1 }));
    let too_long = vec![0; TX_BYTES_MAX + 1];
    assert!(matches!(decode_within::<SignedTx>(&too_long, TX_BYTES_MAX), Err(DecodeError::TooLong { .. })));
}

/// TX-1.
#[test]
fn trailing_and_missing_bytes_are_refused() {
    let bytes = signed().encode();
    assert!(decode_within::<SignedTx>(&bytes, TX_BYTES_MAX).is_ok());
    assert!(decode_within::<SignedTx>(&[&bytes[..], &[0]].concat(), TX_BYTES_MAX).is_err());
    for len in 0..bytes.len() {
        assert!(decode_within::<SignedTx>(&bytes[..len], TX_BYTES_MAX).is_err(), "the first {len} of {}", bytes.len());
    }
}

/// SCALE has four lengths of a length; only the shortest may be written.
/// TX-1.
#[test]
fn lengths_in_a_longer_form_than_needed_are_refused() {
    let one = [vec![0b0000_0100], vec![0b0000_0101, 0], vec![0b0000_0110, 0, 0, 0], vec![0b0000_0011, 1, 0, 0, 0]];
    for (n, length) in one.into_iter().enumerate() {
        let bytes = [length, vec![7]].concat();
        assert_eq!(decode_within::<Blob<4>>(&bytes, 16).is_ok(), n == 0, "{bytes:?}");
    }
}

#[test]
fn a_list_of_one_too_many_is_refused_though_all_its_items_are_there() {
    let mut tx = signed().tx.encode();
    let at = 1 + 32;
    assert_eq!(tx[at], 2 << 2, "the length of the signers");
    let nine: Vec<AccountId> = (0..9).map(samples::account).collect();
    tx.splice(at..at + 1 + 2 * 20, nine.encode());
    let refused = decode_within::<Tx>(&tx, TX_BYTES_MAX).expect_err("nine signers");
    assert!(refused.to_string().contains("longer than its bound"), "{refused}");
}

#[derive(Debug, PartialEq, Encode, Decode, DecodeWithMemTracking)]
enum Nest {
    Empty,
    Deeper(Box<Nest>),
}

#[test]
fn what_nests_too_deeply_is_refused() {
    let nested = |depth: usize| [vec![1; depth], vec![0]].concat();
    assert!(decode_within::<Nest>(&nested(8), 1 << 20).is_ok());
    assert!(decode_within::<Nest>(&nested(codec::DEPTH_MAX as usize + 1), 1 << 20).is_err());
}

/// Many thousand levels would overflow the stack of a decoder that counts them afterwards.
#[test]
fn a_nest_of_a_million_levels_does_not_end_the_program() {
    let bytes = vec![1; 1_000_000];
    assert!(decode_within::<Nest>(&bytes, 1 << 20).is_err());
}

#[test]
fn other_bytes_are_another_transaction_or_none() {
    for (name, signed) in samples::txs() {
        let (bytes, payload) = (signed.encode(), signed.tx.encode().len());
        let mut taken = 0;
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut other = bytes.clone();
                other[at] ^= 1 << bit;
                let Ok(read) = decode_within::<SignedTx>(&other, TX_BYTES_MAX) else { continue };
                taken += 1;
                assert_ne!(read.full_hash(), signed.full_hash(), "{name}, byte {at}");
                assert_eq!(read.id() == signed.id(), at >= payload, "{name}, byte {at}: the id is that of the payload");
                if check_form(&other, &samples::chain()).is_ok() {
                    let message = read.tx.sign_bytes();
                    let honest = read.claims(&message).iter().all(|claim| claim.key.verify(claim.message, &claim.signature));
                    assert!(!honest, "{name}, byte {at}: another transaction under the same signatures");
                }
            }
        }
        assert!(taken > 500, "{name}: the check is not empty");
    }
}

#[test]
fn any_change_of_a_block_changes_its_id_or_what_its_header_states() {
    let block = samples::block();
    let bytes = block.encode();
    let header = block.header.encode().len();
    for at in 0..bytes.len() {
        let mut other = bytes.clone();
        other[at] ^= 0x10;
        let Ok(read) = decode_within::<Block>(&other, BLOCK_BYTES_MAX) else { continue };
        assert_eq!(read.id() == block.id(), at >= header, "byte {at}");
        let stated = Block::txs_root(&read.txs) == read.header.txs_root
            && Block::evidence_root(&read.evidence) == read.header.evidence_root
            && read.last_certificate.hash() == read.header.last_certificate;
        assert!(read.id() != block.id() || !stated, "byte {at}");
    }
}

#[test]
fn a_compact_length_beyond_32_bits_is_refused() {
    let bytes = Compact(u64::MAX).encode();
    assert!(decode_within::<Blob<4096>>(&bytes, 64).is_err());
}
