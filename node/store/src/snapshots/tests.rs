use super::rows::{Cutter, HOLDING, RECORD, Row, Rows};
use super::*;
use leither_types::SecretKey;

fn manifest() -> Manifest {
    let header = Header {
        version: 1,
        chain: Hash([1; 32]),
        height: 9,
        time: 0,
        parent: Hash::ZERO,
        proposer: Default::default(),
        state_root: Hash([2; 32]),
        txs_root: Hash::ZERO,
        receipts_root: Hash::ZERO,
        evidence_root: Hash::ZERO,
        last_certificate: Hash::ZERO,
        validators: Hash::ZERO,
        next_validators: Hash::ZERO,
    };
    let certificate = Certificate { height: 9, round: 0, block: header.id(), signatures: List::default() };
    let chunks = List::new(vec![(Hash([3; 32]), 1_048_576), (Hash([4; 32]), 1)]).unwrap();
    Manifest {
        version: MANIFEST_VERSION,
        chain: Hash([1; 32]),
        height: 9,
        header,
        certificate,
        state_root: Hash([2; 32]),
        handovers: 0,
        chunks,
        holdings: 1,
        records: 16,
        bytes: 1_048_577,
    }
}

#[test]
fn store_15_a_manifest_is_read_back_and_every_one_that_contradicts_itself_is_refused() {
    let good = manifest();
    assert_eq!(Manifest::read(&good.encode()).unwrap(), good);
    type Spoil = fn(&mut Manifest);
    let spoils: [Spoil; 16] = [
        |m| m.version = 0,
        |m| m.version = MANIFEST_VERSION + 1,
        |m| m.chain = Hash([9; 32]),
        |m| m.height = 10,
        |m| m.height = 0,
        |m| m.header.height = 10,
        |m| m.header.time = 5,
        |m| m.header.chain = Hash([9; 32]),
        |m| m.certificate.height = 10,
        |m| m.certificate.block = Hash([9; 32]),
        |m| m.state_root = Hash([9; 32]),
        |m| m.bytes += 1,
        // More bytes than so many rows can have, and fewer.
        |m| m.records = 15,
        |m| m.holdings = 9_040,
        |m| (m.chunks, m.bytes) = (List::new(vec![(Hash::ZERO, 0)]).unwrap(), 0),
        |m| (m.chunks, m.bytes) = (List::new(vec![(Hash::ZERO, 1_048_577)]).unwrap(), 1_048_577),
    ];
    for (n, spoil) in spoils.iter().enumerate() {
        let mut bad = good.clone();
        spoil(&mut bad);
        assert_ne!(bad.id(), good.id(), "{n}");
        assert!(Manifest::read(&bad.encode()).is_err(), "{n}");
    }
    let bytes = good.encode();
    assert!(matches!(Manifest::read(&[bytes.as_slice(), &[0]].concat()), Err(SnapshotError::Malformed(_))));
    assert!(matches!(Manifest::read(&bytes[1..]), Err(SnapshotError::Malformed(_))));
    let long = vec![0; MANIFEST_BYTES_MAX + 1];
    assert!(matches!(Manifest::read(&long), Err(SnapshotError::Malformed(DecodeError::TooLong { .. }))));
}

#[test]
fn store_15_the_longest_manifest_fits_its_bound() {
    let mut long = manifest();
    long.chunks = List::new(vec![(Hash([7; 32]), 1); CHUNKS_MAX]).unwrap();
    long.bytes = CHUNKS_MAX as u64;
    let signature = SecretKey::from_seed(&[1; 32]).sign(b"");
    let signed = leither_types::CommitSig { validator: Default::default(), signature };
    long.certificate.signatures = List::new(vec![signed; leither_types::SIGNATURES_MAX]).unwrap();
    assert_eq!(Manifest::read(&long.encode()).unwrap(), long);
}

fn rows(n: u32) -> Vec<Row> {
    let row = |n: u32| {
        let hash = blake3::hash(&n.to_le_bytes());
        let key = [&n.to_be_bytes()[..], &hash.as_bytes()[..16]].concat();
        (if n < 3_000 { HOLDING } else { RECORD }, key, vec![n as u8; 90 + n as usize % 300])
    };
    (0..n).map(row).collect()
}

fn cut(rows: &[Row]) -> Vec<Vec<u8>> {
    let mut cutter = Cutter::default();
    let mut chunks: Vec<_> = rows.iter().filter_map(|(kind, key, value)| cutter.push(*kind, key, value)).collect();
    chunks.extend(cutter.last());
    chunks
}

#[test]
fn store_14_chunks_hold_all_rows_in_order_within_their_bound_and_a_changed_row_changes_few_of_them() {
    let rows = rows(40_000);
    let chunks = cut(&rows);
    assert!(chunks.len() > 9 && chunks.iter().all(|chunk| !chunk.is_empty() && chunk.len() <= CHUNK_BYTES_MAX));
    let again: Vec<Row> = chunks.iter().flat_map(|chunk| Rows(chunk)).collect::<Result<_, _>>().unwrap();
    assert!(again == rows);
    // One row more near the start: without cuts that follow the keys, every later chunk would be another.
    let mut more = rows.clone();
    more.insert(100, (HOLDING, [rows[99].1.as_slice(), &[0]].concat(), vec![5; 200]));
    let changed = cut(&more).iter().filter(|chunk| !chunks.contains(chunk)).count();
    assert!((1..=4).contains(&changed), "{changed} of {} chunks", chunks.len());
    // The longest rows there can be.
    let long: Vec<Row> = (0..40u8).map(|n| (RECORD, vec![n; 256], vec![n; 65_536])).collect();
    assert!(cut(&long).iter().all(|chunk| chunk.len() <= CHUNK_BYTES_MAX));
    assert_eq!(cut(&[]), Vec::<Vec<u8>>::new());
}

#[test]
fn store_16_rows_that_end_early_or_write_a_length_the_long_way_are_refused() {
    let whole = cut(&rows(3)).remove(0);
    for end in 1..whole.len() {
        let (mut good, mut bad) = (0, 0);
        for row in Rows(&whole[..end]) {
            *(if row.is_ok() { &mut good } else { &mut bad }) += 1;
        }
        // A cut between two rows is not for a chunk to notice: its name and the manifest's count are.
        assert!(bad == 1 || (bad == 0 && (good == 1 || good == 2)), "cut at {end}");
    }
    // A key of one byte whose length takes four bytes where one would do, and one that says more than there is.
    for bytes in [vec![0, 6, 0, 0, 0, 1, 0], vec![0, 4, 1, 2, 0, 0], vec![0, 0xfe, 0xff, 0xff, 0xff, 1]] {
        assert!(Rows(&bytes).any(|row| row.is_err()), "{bytes:?}");
    }
    assert_eq!(Rows(&[]).count(), 0);
}

#[test]
fn every_error_tells_what_to_do_next() {
    let errors = [
        SnapshotError::NoBlock,
        SnapshotError::Busy,
        SnapshotError::TooLarge,
        SnapshotError::Ending,
        SnapshotError::NoRoom { needs: 2, has: 1 },
        SnapshotError::Disk { path: "there".into(), what: "no space".into() },
        SnapshotError::Malformed(DecodeError::NotCanonical),
        SnapshotError::Version(3),
        SnapshotError::Contradiction("x"),
        SnapshotError::OtherChain { found: Hash::ZERO, expected: Hash::ZERO },
        SnapshotError::Handovers("x"),
        SnapshotError::NoChunk(Hash::ZERO),
        SnapshotError::BadChunk(Hash::ZERO),
        SnapshotError::BadRows { chunk: Hash::ZERO, what: "x" },
        SnapshotError::Count { what: "records", found: 1, expected: 2 },
        SnapshotError::Root { found: Hash::ZERO, expected: Hash::ZERO },
        SnapshotError::Ledger("x".into()),
        SnapshotError::Versions(MimeiId([1; 20])),
        SnapshotError::Occupied("there".into()),
    ];
    for error in errors {
        let text = error.to_string();
        assert!(["ask", "take", "wait", "check", "choose", "join", "install"].iter().any(|word| text.contains(word)), "{text}");
        assert!(!text.contains('\n'), "one line: {text}");
    }
}
