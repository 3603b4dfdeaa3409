//! Proofs of misbehaviour are kept until a block has punished it.
mod common;

use common::*;
use leither_types::*;

fn proof(n: u8) -> Evidence {
    let signed = |block: u8| {
        let vote = Vote {
            kind: VoteKind::Prevote,
            height: u64::from(n),
            round: 0,
            block: Some(Hash([block; 32])),
            validator: validator().id(),
        };
        let signature = secret().sign(&vote.sign_bytes(&genesis().chain()));
        (vote, signature)
    };
    Evidence::votes(signed(1), signed(2))
}

#[test]
fn store_20_evidence_is_kept_once_over_restarts_and_beside_blocks_until_it_is_forgotten() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).unwrap();
    assert_eq!(store.evidence().unwrap(), []);
    for n in [1, 2, 1, 3] {
        store.put_evidence(&proof(n)).unwrap();
    }
    grow(&store, 120);
    store.prune(20).unwrap();
    drop(store);
    let store = open(dir.path()).unwrap();
    let kept = store.evidence().unwrap();
    assert_eq!(kept.len(), 3);
    assert!((1..=3).all(|n| kept.contains(&proof(n))));
    store.forget_evidence(&proof(2)).unwrap();
    store.forget_evidence(&proof(9)).unwrap();
    let kept = store.evidence().unwrap();
    assert!(kept.len() == 2 && !kept.contains(&proof(2)));
}

#[test]
fn store_2_and_store_20_a_blocks_evidence_is_stored_with_it_and_checked_when_the_database_opens() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).unwrap();
    let mut made = next(&store);
    made.block.evidence = List::new(vec![proof(1)]).unwrap();
    made.block.header.evidence_root = Block::evidence_root(&made.block.evidence);
    made.certify();
    store.commit(&made.commit()).unwrap();
    assert_eq!(store.block(1).unwrap().unwrap(), made.block);
    drop(store);
    assert_eq!(open(dir.path()).unwrap().block(1).unwrap().unwrap(), made.block);
    // The same transactions without the evidence are not the block that was committed.
    let names = rocksdb::DB::list_cf(&rocksdb::Options::default(), dir.path()).unwrap();
    let db = rocksdb::DB::open_cf(&rocksdb::Options::default(), dir.path(), names).unwrap();
    let body = parity_scale_codec::Encode::encode(&(&made.block.txs, Vec::<Evidence>::new()));
    db.put_cf(db.cf_handle("bodies").unwrap(), 1u64.to_be_bytes(), body).unwrap();
    drop(db);
    assert!(open(dir.path()).err().unwrap().to_string().contains("not the one that was committed"));
}
