#[path = "../../../../tests/fuzz/src/bitswap.rs"]
mod properties;

use super::*;
use crate::wire;
use bytes::BytesMut;
use proptest::collection::vec;
use proptest::prelude::*;

fn cid_of(data: &[u8], kind: u8) -> Cid {
    let sha = digest(0x12, data).unwrap();
    match kind % 4 {
        0 => Cid::new_v0(sha).unwrap(),
        1 => Cid::new_v1(0x55, sha),
        2 => Cid::new_v1(0x70, sha),
        _ => Cid::new_v1(0x55, digest(0x1e, data).unwrap()),
    }
}

fn joined(pieces: &[Bytes]) -> Bytes {
    let mut out = BytesMut::new();
    pieces.iter().for_each(|piece| out.extend_from_slice(piece));
    out.freeze()
}

/// The message without its length, which is checked.
fn framed(message: &Message, version: Version) -> Bytes {
    let wire = joined(&encode(message, version));
    let len = length(&wire).unwrap().unwrap();
    let body = wire.slice(wire.len() - len..);
    assert!(wire.len() - len <= 4 && length(&wire[..wire.len() - len]).unwrap() == Some(body.len()));
    body
}

fn messages() -> impl Strategy<Value = Message> {
    let cid = (vec(any::<u8>(), 0..8), any::<u8>()).prop_map(|(data, kind)| cid_of(&data, kind));
    let ask = prop_oneof![Just(Ask::Block), Just(Ask::Have), Just(Ask::Cancel)];
    let want = (cid.clone(), any::<i32>(), ask, any::<bool>()).prop_map(|(cid, priority, ask, send_dont_have)| Want {
        cid,
        priority,
        ask,
        send_dont_have,
    });
    let block =
        (vec(any::<u8>(), 0..300), any::<u8>()).prop_map(|(data, kind)| Block { cid: cid_of(&data, kind), data: data.into() });
    let presence = (cid, any::<bool>()).prop_map(|(cid, have)| Presence { cid, have });
    (any::<bool>(), vec(want, 0..20), vec(block, 0..8), vec(presence, 0..20), 0..i32::MAX)
        .prop_map(|(full, wants, blocks, presences, pending)| Message { full, wants, blocks, presences, pending })
}

proptest! {
    /// BITSWAP-2
    #[test]
    fn what_is_written_is_read(message in messages()) {
        if message != Message::default() {
            prop_assert_eq!(decode(&framed(&message, Version::V120)).unwrap(), message);
        }
    }

    /// BITSWAP-2
    #[test]
    fn junk_never_panics_and_never_grows(bytes in vec(any::<u8>(), 0..600)) {
        if let Ok(message) = decode(&bytes) {
            prop_assert!(message.block_bytes() <= bytes.len() && message.wants.len() <= bytes.len());
        }
    }

    /// BITSWAP-2: a message with a few bytes changed is another message or junk.
    #[test]
    fn a_damaged_message_never_panics(message in messages(), at in any::<prop::sample::Index>(), to in any::<u8>(), cut in any::<prop::sample::Index>()) {
        let mut bytes = framed(&Message { pending: 1, ..message }, Version::V120).to_vec();
        let place = at.index(bytes.len());
        bytes[place] = to;
        let _ = decode(&bytes);
        bytes.truncate(cut.index(bytes.len()));
        let _ = decode(&bytes);
    }

    #[test]
    fn bitswap_2_what_is_read_of_a_damaged_message_keeps_its_bounds_and_its_form(
        message in messages(), at in any::<prop::sample::Index>(), to in any::<u8>(), junk in vec(any::<u8>(), 0..200)
    ) {
        let mut bytes = framed(&Message { pending: 1, ..message }, Version::V120).to_vec();
        properties::messages(&bytes);
        let place = at.index(bytes.len());
        bytes[place] = to;
        properties::messages(&bytes);
        properties::messages(&junk);
    }

    /// BITSWAP-11: whatever a block's prefix says, its id is that of its bytes.
    #[test]
    fn a_blocks_id_is_computed_from_its_bytes(data in vec(any::<u8>(), 0..100), kind in any::<u8>()) {
        let lie = Message { blocks: vec![Block { cid: cid_of(b"other", kind), data: data.clone().into() }], ..Message::default() };
        let read = decode(&framed(&lie, Version::V120)).unwrap();
        prop_assert_eq!(read.blocks[0].cid, cid_of(&data, kind));
    }
}

fn whole() -> Message {
    let data = Bytes::from_static(b"abc");
    let want = |ask| Want { cid: cid_of(b"x", 1), priority: 7, ask, send_dont_have: true };
    Message {
        full: true,
        wants: vec![want(Ask::Block), want(Ask::Have)],
        blocks: vec![Block { cid: cid_of(&data, 0), data }],
        presences: vec![Presence { cid: cid_of(b"y", 1), have: false }],
        pending: 5,
    }
}

#[test]
fn bitswap_1_older_versions_are_told_only_what_they_have_words_for() {
    let older = decode(&framed(&whole(), Version::V110)).unwrap();
    assert_eq!(older.wants, [Want { send_dont_have: false, ..whole().wants[0].clone() }]);
    assert_eq!((older.blocks, older.presences.len(), older.pending), (whole().blocks, 0, 0));
    let oldest = framed(&whole(), Version::V100);
    assert_eq!(decode(&oldest).unwrap().blocks, whole().blocks);
    assert!(oldest.ends_with(b"\x12\x03abc"), "{oldest:?}");
    let only_presences = Message { presences: whole().presences, ..Message::default() };
    assert!(encode(&only_presences, Version::V110).is_empty());
}

/// Bytes as the protocol's own definition gives them, written by hand.
#[test]
fn bitswap_2_the_form_is_that_of_the_protocol() {
    let cid = cid_of(b"x", 1);
    let id = cid.to_bytes();
    let mut entry = [&[0x0a, 36][..], &id, &[0x10, 7, 0x28, 1]].concat();
    let mut list = [&[0x0a, entry.len() as u8][..], &entry, &[0x10, 1]].concat();
    let mut wire = [&[0x0a, list.len() as u8][..], &list].concat();
    let message = Message {
        full: true,
        wants: vec![Want { cid, priority: 7, ask: Ask::Block, send_dont_have: true }],
        ..Message::default()
    };
    assert_eq!(framed(&message, Version::V120), wire);
    // Fields that are not known are passed over, whatever their kind.
    wire.extend([0x98, 0x06, 1, 0xa2, 0x06, 2, 9, 9, 0xad, 0x06, 1, 2, 3, 4, 0xa9, 0x06, 1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(decode(&wire).unwrap(), message);
    // A negative priority takes ten bytes.
    entry.splice(38..40, [0x10, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]);
    list = [&[0x0a, entry.len() as u8][..], &entry].concat();
    assert_eq!(decode(&[&[0x0a, list.len() as u8][..], &list].concat()).unwrap().wants[0].priority, -1);
}

#[test]
fn bitswap_2_what_is_beyond_a_bound_is_refused_by_name() {
    let many = |wants: usize, presences: usize| {
        let cid = cid_of(b"x", 1);
        let want = Want { cid, priority: 1, ask: Ask::Have, send_dont_have: false };
        let presence = Presence { cid, have: true };
        let message = Message { wants: vec![want; wants], presences: vec![presence; presences], ..Message::default() };
        decode(&framed(&message, Version::V120))
    };
    assert!(many(WANTS_MAX, PRESENCES_MAX).is_ok());
    assert_eq!(many(WANTS_MAX + 1, 0), Err(Junk::TooMany { what: "wants", max: WANTS_MAX }));
    assert_eq!(many(0, PRESENCES_MAX + 1), Err(Junk::TooMany { what: "presences", max: PRESENCES_MAX }));
    let blocks = |count: usize, len: usize| {
        let data = Bytes::from(vec![1; len]);
        let block = Block { cid: cid_of(&data, 1), data };
        decode(&framed(&Message { blocks: vec![block; count], ..Message::default() }, Version::V120))
    };
    assert!(blocks(BLOCKS_MAX, 1).is_ok() && blocks(1, BLOCK_BYTES_MAX).is_ok());
    assert_eq!(blocks(BLOCKS_MAX + 1, 1), Err(Junk::TooMany { what: "blocks", max: BLOCKS_MAX }));
    assert_eq!(blocks(1, BLOCK_BYTES_MAX + 1), Err(Junk::BlockTooBig { len: BLOCK_BYTES_MAX + 1 }));
    assert_eq!(decode(&vec![0; MESSAGE_BYTES_MAX + 1]), Err(Junk::TooLong { len: MESSAGE_BYTES_MAX as u64 + 1 }));
    for (head, says) in [(&[0xff; 5][..], u64::MAX), (&[0x81, 0x80, 0x80, 0x02], MESSAGE_BYTES_MAX as u64 + 1)] {
        assert_eq!(length(head), Err(Junk::TooLong { len: says }));
    }
    assert_eq!((length(&[]), length(&[0x80, 0x80]), length(&[0x80, 0x01, 9])), (Ok(None), Ok(None), Ok(Some(128))));
}

#[test]
fn bitswap_2_a_content_id_has_one_form_and_a_block_a_hash_that_is_computed_here() {
    let want = |id: &[u8]| {
        let entry = [&[0x0a, id.len() as u8][..], id].concat();
        let list = [&[0x0a, entry.len() as u8][..], &entry].concat();
        decode(&[&[0x0a, list.len() as u8][..], &list].concat()).map(|message| message.wants.len())
    };
    let id = cid_of(b"x", 1).to_bytes();
    assert_eq!(want(&id), Ok(1));
    assert_eq!(want(&[&id[..], &[0]].concat()), Err(Junk::Cid));
    assert_eq!(want(&id[..35]), Err(Junk::Cid));
    assert_eq!(want(&[]), Err(Junk::Cid));
    let block = |prefix: &[u8]| {
        let inner = [&[0x0a, prefix.len() as u8][..], prefix, &[0x12, 1, 9]].concat();
        decode(&[&[0x1a, inner.len() as u8][..], &inner].concat()).map(|message| message.blocks[0].cid)
    };
    assert_eq!(block(&[1, 0x55, 0x12, 32]), Ok(cid_of(&[9], 1)));
    assert_eq!(block(&[1, 0x55, 0x13, 64]), Err(Junk::Hash { code: 0x13 }));
    assert_eq!(block(&[1, 0x55, 0x12, 20]), Err(Junk::Hash { code: 0x12 }));
    assert_eq!(block(&[1, 0x55, 0, 1]), Err(Junk::Hash { code: 0 }));
    assert_eq!(block(&[0, 0x55, 0x12, 32]), Err(Junk::Cid));
}

/// BITSWAP-2: whatever the digest of an id of version 0 is, it is no number that could be wrong.
#[test]
fn ids_of_version_0_are_read_whatever_their_digest() {
    for byte in [0, 0x7f, 0x80, 0xff] {
        let cid = Cid::new_v0(cid::multihash::Multihash::wrap(0x12, &[byte; 32]).unwrap()).unwrap();
        let message = Message { presences: vec![Presence { cid, have: true }], ..Message::default() };
        assert_eq!(decode(&framed(&message, Version::V120)), Ok(message));
    }
}

#[test]
fn bitswap_14_a_want_of_an_id_that_holds_its_own_bytes_is_passed_over() {
    for len in [0u8, 5, 120] {
        let id = [&[1, 0x55, 0, len][..], &vec![7; usize::from(len)]].concat();
        let entry = [&[0x0a, id.len() as u8][..], &id].concat();
        let mut list = [&[0x0a][..], &[entry.len() as u8], &entry].concat();
        if entry.len() > 127 {
            list = [&[0x0a, entry.len() as u8, 1][..], &entry].concat();
        }
        let mut wire = vec![0x0a];
        let mut len = list.len();
        while len > 127 {
            wire.push(len as u8 | 0x80);
            len >>= 7;
        }
        wire.push(len as u8);
        wire.extend(list);
        assert_eq!(decode(&wire).map(|message| message.wants.len()), Ok(0));
    }
}
