//! CARs, written and read.

use super::*;
use crate::car::CarError;
use futures_util::StreamExt;
use proptest::prelude::*;

#[tokio::test]
async fn kit_12_a_car_holds_the_way_to_the_target_and_of_the_target_what_was_asked() {
    let mut writer = Writer::default();
    let leaves: Vec<(Cid, u64)> = (0..4u8).map(|n| (writer.raw(&[n; 10]), 10)).collect();
    let twice = [leaves[0], leaves[1], leaves[0], leaves[3]];
    let file = writer.file(&[], &twice);
    let held = Cid::new_v1(codec::RAW, Multihash::wrap(0, b"held").unwrap());
    let names: Vec<String> = (0..40).map(|n| format!("n{n}")).collect();
    let shards = writer.sharded(&names, leaves[2].0, 8, 0);
    let root = writer.directory(&[("file", file), ("held", held), ("shards", shards)]);
    let source = writer.source();
    let plan = |scope, bytes: Option<&str>, duplicates| CarPlan { scope, bytes: bytes.map(|b| b.parse().unwrap()), duplicates };
    let export = async |path: &[&str], plan| exported(&source, &root, path, plan).await.unwrap();
    let leaf = |n: usize| leaves[n].0;
    assert_eq!(export(&["file"], plan(Scope::Block, None, true)).await, [root, file]);
    assert_eq!(export(&["file"], plan(Scope::Entity, None, false)).await, [root, file, leaf(0), leaf(1), leaf(3)]);
    assert_eq!(export(&["file"], plan(Scope::Entity, None, true)).await, [root, file, leaf(0), leaf(1), leaf(0), leaf(3)]);
    assert_eq!(export(&["file"], plan(Scope::Entity, Some("10:29"), true)).await, [root, file, leaf(1), leaf(0)]);
    assert_eq!(export(&["file"], plan(Scope::Entity, Some("-5:*"), true)).await, [root, file, leaf(3)]);
    assert_eq!(export(&["file"], plan(Scope::Entity, Some("99:*"), true)).await, [root, file]);
    assert_eq!(export(&["held"], plan(Scope::All, None, true)).await, [root]);
    assert_eq!(export(&[], plan(Scope::Entity, None, true)).await, [root]);
    let listing = export(&["shards"], plan(Scope::Entity, None, false)).await;
    assert!(listing.len() > 9 && !listing.contains(&leaf(2)));
    assert_eq!(export(&[], plan(Scope::All, None, false)).await.len(), 1 + 4 + listing.len());
}

#[tokio::test]
async fn kit_13_small_blocks_are_read_together_and_given_together() {
    let mut writer = Writer::default();
    let (mut folders, mut order) = (Vec::new(), Vec::new());
    for folder in 0..10u32 {
        let leaves: Vec<Cid> = (0..100u32).map(|n| writer.raw(&[[folder as u8, n as u8]; 50].concat())).collect();
        let names: Vec<String> = (0..100).map(|n| format!("{n:02}")).collect();
        let entries: Vec<(&str, Cid)> = names.iter().map(String::as_str).zip(leaves.iter().copied()).collect();
        let cid = writer.directory(&entries);
        folders.push((format!("{folder}"), cid));
        order.push(cid);
        order.extend(leaves);
    }
    let entries: Vec<(&str, Cid)> = folders.iter().map(|(name, cid)| (name.as_str(), *cid)).collect();
    let root = writer.directory(&entries);
    order.insert(0, root);
    let counting = Arc::new(Counting { inner: writer.0, ..Counting::default() });
    let source: Arc<dyn Source> = counting.clone();
    let resolved = resolve(&*source, &root, &[]).await.unwrap();
    let pieces: Vec<Bytes> = car(source.clone(), resolved, &all()).unwrap().try_collect().await.unwrap();
    let whole = pieces.concat();
    let given: Vec<Cid> = car::Reader::new(&whole[..]).unwrap().map(|section| section.unwrap().0).collect();
    assert_eq!(given, order);
    assert!(pieces.len() <= 2 + whole.len() / BUNDLE_BYTES, "{} pieces of {} bytes", pieces.len(), whole.len());
    assert!(pieces.iter().all(|piece| piece.len() < BUNDLE_BYTES + 10_000));
    let (together, alone) = (counting.together.load(Ordering::SeqCst), counting.alone.load(Ordering::SeqCst));
    assert!(together <= 10 * 4 && alone == 1, "{together} and {alone} times the source was asked for 1011 blocks");
}

#[tokio::test]
async fn kit_13_what_is_here_does_not_wait_for_what_is_not() {
    let mut writer = Writer::default();
    let leaves: Vec<Cid> = (0..6u8).map(|n| writer.raw(&[n; 10])).collect();
    let names = ["0", "1", "2", "3", "4", "5"];
    let entries: Vec<(&str, Cid)> = names.into_iter().zip(leaves.iter().copied()).collect();
    let root = writer.directory(&entries);
    let counting = Arc::new(Counting { inner: writer.0, afar: vec![leaves[3]], ..Counting::default() });
    let source: Arc<dyn Source> = counting.clone();
    let resolved = resolve(&*source, &root, &[]).await.unwrap();
    let mut pieces = Box::pin(car(source.clone(), resolved, &all()).unwrap());
    let header = pieces.next().await.unwrap().unwrap();
    let first = pieces.next().await.unwrap().unwrap();
    let ids = |part: &[u8]| -> Vec<Cid> {
        let whole = [&header[..], part].concat();
        car::Reader::new(&whole[..]).unwrap().map(|section| section.unwrap().0).collect()
    };
    assert_eq!(ids(&first), [root, leaves[0], leaves[1], leaves[2]]);
    assert_eq!(counting.alone.load(Ordering::SeqCst), 1, "the network has not been asked yet");
    let rest = pieces.next().await.unwrap().unwrap();
    assert_eq!(ids(&rest), leaves[3..]);
    assert!(pieces.next().await.is_none());
}

#[test]
fn kit_12_ranges_of_bytes_are_counted_from_either_end() {
    for (text, size, range) in [
        ("0:*", 10, 0..10),
        ("0:0", 10, 0..1),
        ("-3:*", 10, 7..10),
        ("-99:-3", 10, 0..8),
        ("2:-2", 10, 2..9),
        ("5:99", 10, 5..10),
        ("99:*", 10, 10..10),
        ("0:-99", 10, 0..0),
        ("0:*", 0, 0..0),
        ("-9223372036854775808:9223372036854775807", 10, 0..10),
    ] {
        let parsed: EntityBytes = text.parse().unwrap();
        assert_eq!(parsed.range(size), range, "{text}");
    }
    for odd in ["", "5", ":", "a:b", "5:3", "-3:-5", "*:*", "1:2:3", "99999999999999999999:*"] {
        assert!(odd.parse::<EntityBytes>().is_err(), "{odd}");
    }
}

#[test]
fn kit_12_a_car_that_is_cut_or_lies_is_refused_by_name() {
    let block = b"hello";
    let cid = Cid::new_v1(codec::RAW, Multihash::wrap(0x12, &Sha256::digest(block)).unwrap());
    let roots: Vec<Cid> = std::iter::repeat_n(cid, 300).collect();
    let whole = [&car::header(&roots)[..], &car::section(&cid, block), &car::section(&cid, block)].concat();
    let reader = car::Reader::new(&whole[..]).unwrap();
    assert_eq!(reader.roots(), roots);
    assert_eq!(
        reader.map(Result::unwrap).collect::<Vec<_>>(),
        [(cid, Bytes::from_static(block)), (cid, Bytes::from_static(block))]
    );
    let header = car::header(&roots).len();
    let section = car::section(&cid, block).len();
    for cut in 0..whole.len() {
        match car::Reader::new(&whole[..cut]) {
            Err(_) => assert!(cut < header),
            Ok(reader) => {
                let all: Vec<_> = reader.collect();
                let whole = (cut - header).is_multiple_of(section);
                assert_eq!(all.iter().all(Result::is_ok), whole, "{cut}");
                assert!(all.iter().filter_map(|one| one.as_ref().err()).all(|error| matches!(error, CarError::Cut)));
            }
        }
    }
    let lie = [&car::header(&[cid])[..], &car::section(&cid, b"hullo"), &car::section(&cid, block)].concat();
    let sections: Vec<_> = car::Reader::new(&lie[..]).unwrap().collect();
    assert!(matches!(sections[..], [Err(CarError::Block(_))]), "nothing is read behind a lie");
    let long = [&car::header(&[cid])[..], &[0xff, 0xff, 0xff, 0x7f]].concat();
    assert!(matches!(car::Reader::new(&long[..]).unwrap().next(), Some(Err(CarError::Section(_)))));
}

#[test]
fn kit_12_version_2_is_read_without_its_index() {
    let cid = Cid::new_v1(codec::RAW, Multihash::wrap(0x12, &Sha256::digest(b"hello")).unwrap());
    let inner = [&car::header(&[cid])[..], &car::section(&cid, b"hello")].concat();
    let mut whole = b"\x0a\xa1\x67version\x02".to_vec();
    whole.extend([0; 16]);
    for number in [51 + 3, inner.len() as u64, 0] {
        whole.extend(number.to_le_bytes());
    }
    whole.extend([&[0; 3][..], &inner, b"an index"].concat());
    let reader = car::Reader::new(&whole[..]).unwrap();
    assert_eq!(reader.roots(), [cid]);
    assert_eq!(reader.map(|section| section.unwrap().0).collect::<Vec<_>>(), [cid]);
}

proptest! {
    #[test]
    fn kit_12_junk_is_no_car_and_never_panics(junk in prop::collection::vec(any::<u8>(), 0..400), prefix in any::<bool>()) {
        let cid = Cid::new_v1(codec::RAW, Multihash::wrap(0x12, &[1; 32]).unwrap());
        let start = if prefix { car::header(&[cid]).to_vec() } else { Vec::new() };
        if let Ok(reader) = car::Reader::new(&[start, junk].concat()[..]) {
            prop_assert!(reader.filter(Result::is_ok).count() == 0);
        }
    }
}
