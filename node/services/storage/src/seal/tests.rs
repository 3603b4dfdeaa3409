use super::*;
use leither_types::{PublicKey, SecretKey};
use proptest::prelude::*;
use std::io::{self, Read};

fn key(n: u8) -> TreeKey {
    TreeKey::new([n; 32])
}

fn account(n: u8) -> SecretKey {
    SecretKey::from_seed(&[n; 32])
}

/// As long as one segment and some of the next.
fn content(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at % 251) as u8 ^ (at / 251) as u8).collect()
}

fn seal(key: &TreeKey, content: &[u8]) -> Vec<u8> {
    let known = Known::read(key, content, content.len() as u64).unwrap();
    let mut sealing = Sealing::new(key, content, known);
    let size = sealing.size();
    let mut bytes = Vec::new();
    sealing.read_to_end(&mut bytes).unwrap();
    assert_eq!(bytes.len() as u64, size, "it says before how much it will be");
    bytes
}

/// Opens what comes in pieces of this size.
fn open(key: &TreeKey, sealed: &[u8], piece: usize) -> Result<Vec<u8>, SealError> {
    let mut opening = Opening::new(key, sealed.len() as u64, None);
    let mut content = Vec::new();
    for piece in sealed.chunks(piece) {
        opening.push(piece, &mut |bytes| {
            content.extend_from_slice(bytes);
            Ok(())
        })?;
    }
    opening.finish()?;
    Ok(content)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn private_1_a_file_comes_back_whatever_is_in_it(bytes in prop::collection::vec(any::<u8>(), 0..2_000), piece in 1usize..700) {
        prop_assert_eq!(open(&key(1), &seal(&key(1), &bytes), piece).unwrap(), bytes);
    }

    #[test]
    fn private_3_a_name_comes_back_and_is_that_of_what_it_names(name in "[^\0/]{1,63}", child in any::<[u8; 32]>()) {
        let sealed = key(1).seal_name(&name, &child).unwrap();
        prop_assert!(sealed.text.len() <= 255);
        prop_assert!(sealed.text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()), "{}", sealed.text);
        prop_assert_eq!(key(1).seal_name(&name, &child).unwrap(), sealed.clone(), "the same each time");
        let beside = sealed.beside.as_ref().map(|(_, bytes)| bytes.as_slice());
        let opened = key(1).open_name(&sealed.text, beside).unwrap();
        prop_assert_eq!(&opened.text, &name);
        prop_assert!(opened.check(&key(1), &child).is_ok());
        prop_assert!(opened.check(&key(1), &[0xaa; 32]).is_err(), "of something else");
        prop_assert!(key(2).open_name(&sealed.text, beside).map_or(true, |other| other.check(&key(2), &child).is_err()));
    }

    #[test]
    fn private_3_a_link_comes_back(target in "[^\0]{1,600}") {
        let (text, id) = key(1).seal_link(&target).unwrap();
        prop_assert_eq!(key(1).open_link(&text).unwrap(), (target, id));
        prop_assert!(key(2).open_link(&text).is_err());
    }

    #[test]
    fn private_7_a_sealed_size_is_a_little_more_than_the_content(len in 0u64..1 << 50) {
        let size = padded(len);
        prop_assert!(size >= len + 8);
        prop_assert!(size <= (len + 8).max(256) / 8 * 9 + 8, "{} becomes {}", len, size);
        prop_assert!(padded(len + 1) >= size);
        prop_assert_eq!(padded(size - 8), size, "what is that long is not padded");
    }

    #[test]
    fn private_5_junk_is_no_head_and_no_name_and_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..400), text in ".{0,60}") {
        prop_assert!(Head::read(&bytes).is_err());
        let _ = key(1).open_name(&text, None);
        let _ = key(1).open_name(&format!("n{text}"), None);
        let _ = key(1).open_name(&format!("l{text}"), Some(&bytes));
        prop_assert!(key(1).open_link(&text).is_err());
        prop_assert!(open(&key(1), &bytes, 7).is_err());
    }
}

#[test]
fn private_1_lengths_at_the_edges_of_segments_come_back() {
    for len in
        [0, 1, 247, 248, 249, SEGMENT_BYTES - 9, SEGMENT_BYTES - 8, SEGMENT_BYTES - 7, SEGMENT_BYTES, 3 * SEGMENT_BYTES - 8]
    {
        let bytes = content(len);
        assert_eq!(open(&key(1), &seal(&key(1), &bytes), 100_000).unwrap(), bytes, "{len}");
    }
}

#[test]
fn private_1_every_flipped_byte_of_a_file_is_noticed() {
    let sealed = seal(&key(1), b"what was in it");
    for at in 0..sealed.len() {
        for bit in [1, 0x80] {
            let mut other = sealed.clone();
            other[at] ^= bit;
            assert!(open(&key(1), &other, 1_000).is_err(), "byte {at}");
        }
    }
    let long = seal(&key(1), &content(200_000));
    for at in (0..long.len()).step_by(4_099) {
        let mut other = long.clone();
        other[at] ^= 4;
        assert!(open(&key(1), &other, 70_000).is_err(), "byte {at}");
    }
}

#[test]
fn private_1_equal_files_are_equal_and_nobody_without_the_key_can_tell_what_they_are() {
    assert_eq!(seal(&key(1), b"hello"), seal(&key(1), b"hello"));
    let (one, other) = (seal(&key(1), b"hello"), seal(&key(2), b"hello"));
    assert_eq!(one.len(), other.len());
    // Neither the id nor anything after it is the same under another key.
    assert!(one.chunks(16).zip(other.chunks(16)).all(|(a, b)| a != b));
    assert_ne!(&seal(&key(1), b"hellp")[..32], &one[..32]);
    assert!(open(&key(2), &one, 1_000).is_err());
}

#[test]
fn private_1_of_content_that_changes_no_changed_byte_is_ever_sealed() {
    let before = content(5 * SEGMENT_BYTES);
    let whole = seal(&key(1), &before);
    let flipped = |at: usize| {
        let mut other = before.clone();
        other[at] ^= 1;
        other
    };
    let swapped = [&before[SEGMENT_BYTES..2 * SEGMENT_BYTES], &before[..SEGMENT_BYTES], &before[2 * SEGMENT_BYTES..]].concat();
    let short = before[..before.len() - 1].to_vec();
    // What was read the second time, and how many of its segments are those of the first.
    let cases = [
        (flipped(0), 0),
        (flipped(SEGMENT_BYTES - 8), 0),
        (flipped(SEGMENT_BYTES), 1),
        (flipped(3 * SEGMENT_BYTES + 5), 3),
        (flipped(before.len() - 1), 4),
        (short, 4),
        (swapped, 0),
        (Vec::new(), 0),
    ];
    for (n, (after, good)) in cases.into_iter().enumerate() {
        let known = Known::read(&key(1), &before[..], before.len() as u64).unwrap();
        let mut sealing = Sealing::new(&key(1), &after[..], known);
        let mut given = Vec::new();
        let error = sealing.read_to_end(&mut given).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData, "case {n}");
        assert_eq!(given.len(), 32 + good * (SEGMENT_BYTES + 16), "case {n}");
        assert!(whole.starts_with(&given), "case {n}: a segment that the content as it was has not got");
        assert!(sealing.read_to_end(&mut given).is_err(), "case {n}: who goes on gets no more");
        assert_eq!(given.len(), 32 + good * (SEGMENT_BYTES + 16), "case {n}");
    }
}

#[test]
fn private_1_a_file_of_another_length_than_it_says_is_noticed_at_the_first_reading() {
    let bytes = content(100_000);
    for len in [0, 99_999, 100_001] {
        let error = Known::read(&key(1), &bytes[..], len).err().map(|error| error.kind());
        assert_eq!(error, Some(io::ErrorKind::InvalidData), "{len}");
    }
    assert!(Known::read(&key(1), &bytes[..], 100_000).is_ok());
}

#[test]
fn private_1_what_is_known_of_a_file_is_bounded() {
    for len in [0, 1, 64 << 10, 64 << 30, (64 << 30) + 1, 1 << 40, 1 << 50, u64::MAX] {
        let piece = file::piece_bytes(len);
        assert!(len.div_ceil(piece) <= 1 << 20, "{len}");
        assert!(piece <= (len >> 19).max(64 << 10), "{len}: no longer than need be");
    }
    assert_eq!((file::piece_bytes(64 << 30), file::piece_bytes(1 << 40)), (64 << 10, 1 << 20));
}

#[test]
fn private_2_segments_that_are_left_out_doubled_or_moved_are_noticed() {
    let whole = SEGMENT_BYTES + 16;
    let sealed = seal(&key(1), &content(4 * SEGMENT_BYTES - 8));
    assert_eq!(sealed.len(), 32 + 4 * whole, "four whole ones");
    let part = |n: usize| &sealed[32 + n * whole..32 + (n + 1) * whole];
    let head = &sealed[..32];
    let cases: [Vec<&[u8]>; 7] = [
        vec![head, part(0), part(1), part(2)],
        vec![head, part(0), part(2), part(1), part(3)],
        vec![head, part(0), part(1), part(1), part(3)],
        vec![head, part(1), part(0), part(2), part(3)],
        vec![head, part(0), part(1), part(2), part(3), part(3)],
        vec![head, part(3)],
        vec![head],
    ];
    for (n, case) in cases.iter().enumerate() {
        assert!(open(&key(1), &case.concat(), 50_000).is_err(), "case {n}");
    }
    // A piece of another file in its place.
    let other = seal(&key(1), &content(4 * SEGMENT_BYTES - 9));
    assert!(open(&key(1), &[head, part(0), &other[32 + whole..32 + 2 * whole], part(2), part(3)].concat(), 50_000).is_err());
    // Cut short while its size says that it is whole.
    let mut opening = Opening::new(&key(1), sealed.len() as u64, None);
    opening.push(&sealed[..sealed.len() - 1], &mut |_| Ok(())).unwrap();
    assert!(matches!(opening.finish(), Err(SealError::Altered(_))));
}

#[test]
fn private_2_a_file_of_any_length_comes_and_goes_by_segments() {
    let len = 40 << 20;
    let zeros = || io::repeat(7).take(len);
    let known = Known::read(&key(1), zeros(), len).unwrap();
    let mut sealing = Sealing::new(&key(1), zeros(), known);
    let mut opening = Opening::new(&key(1), sealing.size(), None);
    let (mut piece, mut opened) = (vec![0; 1 << 20], 0u64);
    loop {
        let read = sealing.read(&mut piece).unwrap();
        assert!(read <= SEGMENT_BYTES + 16, "it holds no more than one");
        if read == 0 {
            break;
        }
        opening
            .push(&piece[..read], &mut |bytes| {
                assert!(bytes.len() <= SEGMENT_BYTES && bytes.iter().all(|byte| *byte == 7));
                opened += bytes.len() as u64;
                Ok(())
            })
            .unwrap();
    }
    opening.finish().unwrap();
    assert_eq!(opened, len);
}

#[test]
fn private_3_long_names_stand_in_a_file_beside() {
    for len in [1, 127, 128, 129, 254, 255] {
        let name = "x".repeat(len);
        let sealed = key(1).seal_name(&name, &[5; 32]).unwrap();
        assert_eq!(sealed.beside.is_some(), len > 128, "{len}");
        if let Some((beside, bytes)) = &sealed.beside {
            assert_eq!(TreeKey::beside(&sealed.text).as_ref(), Some(beside));
            assert!(TreeKey::is_beside(beside) && !TreeKey::is_beside(&sealed.text));
            for at in [0, len - 1, len.min(255), 255] {
                let mut other = bytes.clone();
                other[at] ^= 1;
                let opened = key(1).open_name(&sealed.text, Some(&other));
                assert!(opened.map_or(true, |name| name.check(&key(1), &[5; 32]).is_err()), "byte {at} of {len}");
            }
        } else {
            assert_eq!(TreeKey::beside(&sealed.text), None);
        }
    }
    for wrong in ["", "a/b", "a\0", &"x".repeat(256)] {
        assert!(matches!(key(1).seal_name(wrong, &[5; 32]), Err(SealError::TooLong(_))), "{wrong:?}");
    }
    let odd = [" ", ".", "..", ".leither-private", "-rf", "ü", "e\u{301}", "\u{202e}cod.exe", "a\nb", "n", "\u{1F600}", "CON"];
    for name in odd {
        let sealed = key(1).seal_name(name, &[5; 32]).unwrap();
        assert_eq!(key(1).open_name(&sealed.text, None).unwrap().text, name);
    }
}

#[test]
fn private_3_a_long_name_whose_file_was_altered_is_named() {
    let name = "x".repeat(200);
    let SealedName { text, beside } = key(1).seal_name(&name, &[5; 32]).unwrap();
    let (_, bytes) = beside.unwrap();
    let mut padding = bytes.clone();
    padding[255] ^= 1;
    let mut short = bytes.clone();
    // The mask is over it still: a name of 128 bytes, which would stand in its directory.
    short[128..200].iter_mut().for_each(|byte| *byte ^= b'x');
    let long = [&bytes[..], &[0]].concat();
    for (n, other) in [&bytes[..255], &long[..], &[], &padding[..], &short[..]].into_iter().enumerate() {
        let error = key(1).open_name(&text, Some(other)).unwrap_err();
        assert!(matches!(error, SealError::Altered("the file that a long name stands in")), "case {n}: {error}");
    }
    let error = key(1).open_name(&text, None).unwrap_err();
    assert!(matches!(error, SealError::Form("a long name without the file that it stands in")), "{error}");
    let error = key(1).open_name("l", Some(&bytes[..])).unwrap_err();
    assert!(matches!(error, SealError::Form("a long name")), "{error}");
    assert_eq!(key(1).open_name(&text, Some(&bytes[..])).unwrap().text, name);
}

#[test]
fn private_3_every_other_letter_of_a_name_or_link_is_noticed() {
    let name = key(1).seal_name("holiday.jpg", &[5; 32]).unwrap().text;
    let (link, _) = key(1).seal_link("../other").unwrap();
    let others = |text: &str, at: usize| {
        let letter = if text.as_bytes()[at] == b'a' { "b" } else { "a" };
        format!("{}{letter}{}", &text[..at], &text[at + 1..])
    };
    for at in 0..name.len() {
        let opened = key(1).open_name(&others(&name, at), None);
        assert!(opened.map_or(true, |name| name.check(&key(1), &[5; 32]).is_err()), "letter {at}");
    }
    for at in 0..link.len() {
        assert!(key(1).open_link(&others(&link, at)).is_err(), "letter {at}");
    }
    assert!(key(1).open_name(&name.to_uppercase(), None).is_err(), "there is one spelling");
    assert_eq!(key(1).seal_name("holiday.png", &[5; 32]).unwrap().text.len(), name.len(), "lengths tell little");
}

#[test]
fn private_4_a_directory_is_known_by_all_its_names_in_any_order() {
    let id = key(1).directory_id(vec!["a", "b", "c"]);
    assert_eq!(key(1).directory_id(vec!["c", "a", "b"]), id);
    for other in [vec!["a", "b"], vec!["a", "b", "c", "d"], vec!["ab", "c"], vec!["a", "bc"], vec![]] {
        assert_ne!(key(1).directory_id(other), id);
    }
    assert_ne!(key(2).directory_id(vec!["a", "b", "c"]), id);
}

fn shared(readers: &[u8]) -> Seal {
    let mut seal = Seal::new(key(1));
    for reader in readers {
        assert!(seal.add(account(*reader).public(), &[reader ^ 0x55; 32]).unwrap());
    }
    seal
}

#[test]
fn private_5_each_reader_gets_the_key_and_nobody_else() {
    let seal = shared(&[1, 2, 3]);
    let bytes = seal.head(&[9; 32]);
    let head = Head::read(&bytes).unwrap();
    assert_eq!(head.root(), &[9; 32]);
    for reader in [1, 2, 3] {
        let opened = head.unlock(&account(reader)).unwrap();
        assert_eq!(opened.key().id(), key(1).id());
        assert_eq!(opened.head(&[9; 32]), bytes, "the same readers, key and root: the same bytes");
        assert_ne!(opened.head(&[8; 32]), bytes);
    }
    assert!(matches!(head.unlock(&account(4)), Err(SealError::NotReader(3))));
    assert_eq!(head.readers().count(), 3);
}

#[test]
fn private_5_every_flipped_byte_of_a_head_is_noticed() {
    let bytes = shared(&[1, 2]).head(&[9; 32]);
    for at in 0..bytes.len() {
        let mut other = bytes.clone();
        other[at] ^= 1;
        let opened = Head::read(&other).and_then(|head| head.unlock(&account(1)));
        assert!(opened.is_err(), "byte {at}");
    }
    for wrong in [&bytes[..bytes.len() - 1], &[&bytes[..], &[0]].concat(), &[]] {
        assert!(matches!(Head::read(wrong), Err(SealError::Form(_))));
    }
    let mut later = bytes.clone();
    later[15] = 2;
    assert!(matches!(Head::read(&later), Err(SealError::Newer(2))));
}

#[test]
fn private_10_a_file_that_is_only_called_like_the_head_is_none() {
    let head = shared(&[1]).head(&[9; 32]);
    assert!(Head::is_one(&head) && Head::find(&head).unwrap().is_some());
    let later = |format: u8| {
        let mut bytes = head.clone();
        bytes[15] = format;
        bytes.resize(HEAD_BYTES_MAX + 1, 1);
        bytes
    };
    for format in 2..=8 {
        assert!(Head::is_one(&later(format)), "format {format} is a newer program's, of any length");
        assert!(matches!(Head::find(&later(format)), Err(SealError::Newer(_))));
    }
    let with = |at: usize, byte: u8| {
        let mut bytes = head.clone();
        bytes[at] = byte;
        bytes
    };
    let none = [
        Vec::new(),
        b"notes".to_vec(),
        b"leither-private".to_vec(),
        b"leither-private\n".to_vec(),
        b"leither-private\tkeys".to_vec(),
        b"leither-private is what I keep here".to_vec(),
        head[..head.len() - 1].to_vec(),
        [&head[..], b"x"].concat(),
        // Another first letter, format 0, unknown flags, more readers than there are, than there may be.
        with(0, b'L'),
        with(15, 0),
        later(1),
        with(48, 2),
        with(81, 2),
        with(82, 0xff),
    ];
    for (n, bytes) in none.iter().enumerate() {
        assert!(!Head::is_one(bytes), "case {n}");
        assert!(matches!(Head::find(bytes), Ok(None)), "case {n}");
    }
}

#[test]
fn private_9_heads_are_alike_where_key_readers_and_mark_are() {
    let head = |seal: &Seal, root: u8| Head::read(&seal.head(&[root; 32])).unwrap();
    let (one, two) = (shared(&[1]), shared(&[1, 2]));
    assert!(head(&two, 9).is_as(&head(&two, 8)), "of another root");
    assert!(!head(&one, 9).is_as(&head(&two, 9)) && !head(&two, 9).is_as(&head(&one, 9)), "a reader more or less");
    let mut removed = two.clone();
    removed.remove(&account(2).public());
    assert!(!head(&one, 9).is_as(&head(&removed, 9)), "the same reader, but another key is due");
    let mut other = Seal::new(key(2));
    other.add(account(1).public(), &[7; 32]).unwrap();
    assert!(!head(&one, 9).is_as(&head(&other, 9)), "another key");
}

#[test]
fn private_5_a_wrapping_of_another_key_is_refused_by_name() {
    // What was wrapped for reader 1 under another tree key, in a head of this one.
    let mut other = Seal::new(key(2));
    other.add(account(1).public(), &[7; 32]).unwrap();
    let (mine, others) = (shared(&[1]).head(&[9; 32]), other.head(&[9; 32]));
    let readers = 83..mine.len() - 32;
    let mut mixed = mine.clone();
    mixed[readers.clone()].copy_from_slice(&others[readers]);
    assert!(matches!(Head::read(&mixed).unwrap().unlock(&account(1)), Err(SealError::WrongKey)));
}

#[test]
fn private_5_there_are_at_most_1024_readers_and_none_with_a_weak_key() {
    let mut seal = Seal::new(key(1));
    let reader = |n: usize| SecretKey::from_seed(&leither_types::tagged("reader", &[&n.to_le_bytes()]).0).public();
    for n in 0..READERS_MAX {
        assert!(seal.add(reader(n), &[3; 32]).unwrap());
    }
    assert!(!seal.add(reader(7), &[4; 32]).unwrap(), "twice is once");
    assert!(matches!(seal.add(reader(READERS_MAX), &[3; 32]), Err(SealError::TooManyReaders)));
    let bytes = seal.head(&[9; 32]);
    assert_eq!(bytes.len(), HEAD_BYTES_MAX);
    assert_eq!(Head::read(&bytes).unwrap().readers().count(), READERS_MAX);
    let mut one = [0; 32];
    one[0] = 1;
    for weak in [[0; 32], one] {
        assert!(matches!(shared(&[1]).add(PublicKey(weak), &[3; 32]), Err(SealError::WeakReader(_))), "{weak:?}");
    }
}

#[test]
fn private_8_a_reader_less_means_another_key_next_time() {
    let mut seal = shared(&[1, 2]);
    assert!(!seal.rotates());
    assert!(!seal.remove(&account(3).public()), "it was none");
    assert!(!seal.rotates());
    assert!(seal.remove(&account(2).public()));
    let head = Head::read(&seal.head(&[9; 32])).unwrap();
    assert!(head.rotates());
    assert!(matches!(head.unlock(&account(2)), Err(SealError::NotReader(1))));
    let kept = head.unlock(&account(1)).unwrap();
    let next = kept.rotated(key(2), &mut || Ok::<_, SealError>([8; 32])).unwrap();
    assert!(!next.rotates());
    let head = Head::read(&next.head(&[9; 32])).unwrap();
    assert_eq!(head.unlock(&account(1)).unwrap().key().id(), key(2).id());
    assert_ne!(seal_one(next.key()), seal_one(kept.key()));
}

fn seal_one(key: &TreeKey) -> Vec<u8> {
    seal(key, b"hello")
}

#[test]
fn private_7_small_files_have_one_size_and_long_ones_few() {
    assert!((0..=248).all(|len| padded(len) == 256));
    let mut sizes: Vec<u64> = (0..1_000_000).map(padded).collect();
    sizes.dedup();
    assert!(sizes.len() < 300, "{} sizes for a million lengths", sizes.len());
}
