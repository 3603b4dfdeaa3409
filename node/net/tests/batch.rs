//! NET-2: messages and their bounds.
use leither_net::{BATCH_BYTES_MAX, BATCH_TXS_MAX, Batch};
use leither_types::*;
use parity_scale_codec::{Decode, Encode};

fn tx(nonce: u64, len: usize) -> SignedTx {
    let tx = Tx {
        version: TX_VERSION,
        chain: Hash::ZERO,
        signers: List::new(vec![AccountId([1; 20])]).unwrap(),
        payer: None,
        nonce,
        valid_until: 0,
        max_fee: Amount::ZERO,
        weight_limit: 0,
        calls: List::new(vec![Blob::new(vec![0; len.min(CALL_BYTES_MAX)]).unwrap(); 1 + len / CALL_BYTES_MAX]).unwrap(),
    };
    SignedTx { tx, witnesses: List::default() }
}

#[test]
fn net_2_messages_hold_all_transactions_in_order_and_none_is_too_long() {
    let (mut batch, mut messages) = (Batch::default(), Vec::new());
    let all: Vec<_> = (0..9_000u64).map(|n| tx(n, if n % 500 == 0 { 50_000 } else { (n % 300) as usize })).collect();
    all.iter().for_each(|tx| messages.extend(batch.push(tx)));
    messages.extend(batch.take());
    assert!(batch.is_empty() && batch.take().is_none());
    let mut read = Vec::new();
    for message in &messages {
        assert!(message.len() <= BATCH_BYTES_MAX);
        let list = List::<SignedTx, BATCH_TXS_MAX>::decode(&mut &message[..]).unwrap();
        assert_eq!(list.encode(), *message);
        read.extend(list.into_vec());
    }
    assert_eq!(read, all);
    assert!(messages.len() > 4);
}

#[test]
fn net_2_a_transaction_too_long_to_be_one_is_left_out() {
    let mut batch = Batch::default();
    assert!(batch.push(&tx(0, 70_000)).is_none() && batch.is_empty());
    assert!(batch.push(&tx(1, 10)).is_none());
    assert!(batch.push(&tx(2, 70_000)).is_none());
    let message = batch.take().unwrap();
    assert_eq!(Vec::<SignedTx>::decode(&mut &message[..]).unwrap(), [tx(1, 10)]);
}
