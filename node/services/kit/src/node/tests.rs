use super::*;
use crate::tests::{block, bytes, link, number, varint};
use cid::multihash::Multihash;
use proptest::prelude::*;

fn id(codec: u64, n: u8) -> Cid {
    Cid::new_v1(codec, Multihash::wrap(0x12, &[n; 32]).unwrap())
}

fn pb(links: &[Vec<u8>], data: &[Vec<u8>]) -> Result<Node, NodeError> {
    decode(&id(codec::DAG_PB, 0), &block(links, data))
}

const RAW: u64 = codec::RAW;

#[test]
fn kit_4_files_say_their_parts_and_sizes() {
    let (a, b) = (id(RAW, 1), id(RAW, 2));
    let node = pb(&[link(&a, "", 9), link(&b, "", 9)], &[number(1, 2), number(3, 12), number(4, 5), number(4, 7)]).unwrap();
    let Node::File(file) = &node else { panic!("{node:?}") };
    assert_eq!((file.size, file.parts.len(), file.inline.clone()), (12, 2, 0..0));
    assert_eq!(file.parts[1], Part { cid: b, size: 7 });
    assert_eq!(node.links().copied().collect::<Vec<_>>(), [a, b]);
    // The same, with the sizes packed.
    let packed = bytes(4, &[varint(5), varint(7)].concat());
    assert_eq!(pb(&[link(&a, "", 9), link(&b, "", 9)], &[number(1, 2), number(3, 12), packed]).unwrap(), node);
    // A leaf: its content stands in the block.
    let leaf = block(&[], &[number(1, 2), bytes(2, b"hello"), number(3, 5)]);
    let Ok(Node::File(file)) = decode(&id(codec::DAG_PB, 0), &leaf) else { panic!() };
    assert_eq!(&leaf[file.inline], b"hello");
    assert_eq!(decode(&id(RAW, 0), b"hello"), Ok(Node::Raw(5)));
}

#[test]
fn kit_4_a_node_that_contradicts_itself_is_refused_by_name() {
    let a = || link(&id(RAW, 1), "", 9);
    let wrong = [
        pb(&[a()], &[number(1, 2), number(3, 5)]),
        pb(&[], &[number(1, 2), number(3, 5), number(4, 5)]),
        pb(&[a()], &[number(1, 2), number(3, 6), number(4, 5)]),
        pb(&[a(), a()], &[number(1, 2), number(4, u64::MAX), number(4, 1)]),
        pb(&[], &[number(1, 4), bytes(2, &[b'x'; SYMLINK_BYTES_MAX + 1])]),
        pb(&[], &[number(1, 4), bytes(2, &[0xff])]),
        pb(&[], &[number(1, 5), number(5, 0x12), number(6, 256)]),
        pb(&[], &[number(1, 5), number(5, 0x22), number(6, 100)]),
        pb(&[], &[number(1, 5), number(5, 0x22), number(6, 1 << 20)]),
        pb(&[a()], &[number(1, 5), number(5, 0x22), number(6, 256)]),
        pb(&[link(&id(RAW, 1), "+1x", 1)], &[number(1, 5), number(5, 0x22), number(6, 256)]),
    ];
    for (n, result) in wrong.into_iter().enumerate() {
        assert!(matches!(result, Err(NodeError::Inconsistent(_))), "{n}: {result:?}");
    }
    assert_eq!(pb(&[], &[number(1, 3)]), Err(NodeError::Kind("metadata")));
    assert_eq!(pb(&[], &[number(1, 77)]), Err(NodeError::Kind("unknown")));
    let no_id = bytes(2, &bytes(2, b"name"));
    assert_eq!(pb(&[no_id], &[number(1, 1)]), Err(NodeError::LinkId));
    let longer = bytes(2, &bytes(1, &[&id(RAW, 1).to_bytes()[..], &[0]].concat()));
    assert_eq!(pb(&[longer], &[number(1, 1)]), Err(NodeError::LinkId));
}

#[test]
fn kit_5_no_entry_has_a_name_that_leads_elsewhere() {
    for name in ["", ".", "..", "a/b", "/", "a\0"] {
        let result = pb(&[link(&id(RAW, 1), name, 1)], &[number(1, 1)]);
        assert_eq!(result, Err(NodeError::Name(name.into())));
    }
    let invalid = bytes(2, &[bytes(1, &id(RAW, 1).to_bytes()), bytes(2, b"caf\xe9")].concat());
    assert!(matches!(pb(&[invalid], &[number(1, 1)]), Err(NodeError::Name(_))));
    for name in ["...", "\u{202e}", "a\\b", " ", "e\u{301}", "\u{e9}"] {
        let Ok(Node::Directory(directory)) = pb(&[link(&id(RAW, 1), name, 1)], &[number(1, 1)]) else { panic!("{name}") };
        assert_eq!(directory.find(name).unwrap().name, name);
        assert!(directory.find("e").is_none());
    }
}

#[test]
fn kit_4_links_are_counted_before_they_are_kept() {
    let identity = Cid::new_v1(RAW, Multihash::wrap(0, b"").unwrap());
    let one = bytes(2, &bytes(1, &identity.to_bytes()));
    let decode = |count: usize| decode(&id(codec::DAG_PB, 0), &one.repeat(count));
    assert_eq!(decode(LINKS_MAX).unwrap().links().count(), LINKS_MAX);
    assert_eq!(decode(LINKS_MAX + 1), Err(NodeError::TooManyLinks));
    let sizes = bytes(4, &vec![0; LINKS_MAX + 1]);
    let node = pb(&[], &[number(1, 2), sizes]).unwrap();
    assert!(matches!(node, Node::Other(_)), "what is no UnixFS is a node without meaning");
}

#[test]
fn kit_4_dag_pb_that_is_no_unixfs_still_has_links() {
    let bare = bytes(2, &bytes(1, &id(RAW, 7).to_bytes()));
    let Ok(Node::Other(other)) = decode(&id(codec::DAG_PB, 0), &bare) else { panic!() };
    assert_eq!((other.codec, other.links), (codec::DAG_PB, vec![id(RAW, 7)]));
}

#[test]
fn kit_7_places_follow_the_hash_of_the_name() {
    // From the public fixtures: 685.txt lies in the place 0xD0 or so of a 256-way directory; here: by the definition.
    let name = "685.txt";
    let hash = murmur3::murmur3_x64_128(&mut name.as_bytes(), 0).unwrap() as u64;
    let shard = |fanout| Shard { fanout, slots: Vec::new() };
    for level in 0..8 {
        assert_eq!(shard(256).place(name, level), Some(u32::from(hash.to_be_bytes()[level as usize])));
    }
    assert_eq!(shard(256).place(name, 8), None);
    assert_eq!(shard(1024).place(name, 5).map(|n| n < 1024), Some(true));
    assert_eq!(shard(1024).place(name, 6), None);
    assert_eq!(shard(256).place(name, u32::MAX), None);
}

#[test]
fn kit_7_a_name_is_found_in_its_place_or_one_level_down() {
    let empty = Shard { fanout: 256, slots: Vec::new() };
    let (here, there) = (empty.place("here", 0).unwrap(), empty.place("there", 0).unwrap());
    let links = [link(&id(RAW, 1), &format!("{here:02X}here"), 1), link(&id(codec::DAG_PB, 2), &format!("{there:02X}"), 1)];
    let Ok(Node::Shard(shard)) = pb(&links, &[number(1, 5), number(5, 0x22), number(6, 256)]) else { panic!() };
    assert_eq!(shard.find("here", 0), Found::Entry(id(RAW, 1)));
    assert_eq!(shard.find("there", 0), Found::Shard(id(codec::DAG_PB, 2)));
    assert_eq!(shard.find("nowhere", 0), Found::Absent);
}

fn cbor_link(cid: &Cid) -> Vec<u8> {
    let id = cid.to_bytes();
    [&[0xd8, 42, 0x58, id.len() as u8 + 1, 0][..], &id].concat()
}

#[test]
fn kit_6_a_path_goes_through_a_document_to_its_first_link() {
    let leaf = id(RAW, 9);
    // {"a": [1, {"b": <link>}], "c": 2}
    let cbor = [&[0xa2, 0x61, b'a', 0x82, 0x01, 0xa1, 0x61, b'b'][..], &cbor_link(&leaf), &[0x61, b'c', 0x02]].concat();
    let json = format!(r#"{{"a":[1,{{"b":{{"/":"{leaf}"}}}}],"c":2}}"#).into_bytes();
    for (codec, block) in [(codec::DAG_CBOR, cbor), (codec::DAG_JSON, json)] {
        let cid = id(codec, 0);
        let select = |path: &[&str]| select(&cid, &block, path).unwrap();
        assert_eq!(decode(&cid, &block).unwrap().links().copied().collect::<Vec<_>>(), [leaf]);
        assert_eq!(select(&["a", "1", "b"]), Selected::Link(leaf, 3));
        assert_eq!(select(&["a", "1", "b", "x", "y"]), Selected::Link(leaf, 3));
        assert_eq!(select(&[]), Selected::Inside);
        assert_eq!(select(&["c"]), Selected::Inside);
        assert_eq!(select(&["a", "1"]), Selected::Inside);
        for absent in [&["b"][..], &["a", "2"], &["a", "b"], &["c", "0"], &["a", "-1"], &["a", "0", "x"]] {
            assert_eq!(select(absent), Selected::Absent, "{absent:?}");
        }
        assert_eq!(select(&["a"; 1000]), Selected::Absent);
    }
}

#[test]
fn kit_4_documents_nest_to_a_bound_and_lying_counts_end_with_the_bytes() {
    let deep = |n: usize| [vec![0x81; n], vec![0x00]].concat();
    let json = |n: usize| ["[".repeat(n), "]".repeat(n)].concat().into_bytes();
    assert!(decode(&id(codec::DAG_CBOR, 0), &deep(DOCUMENT_DEPTH_MAX - 1)).is_ok());
    assert_eq!(decode(&id(codec::DAG_CBOR, 0), &deep(DOCUMENT_DEPTH_MAX)), Err(NodeError::TooDeep));
    assert!(decode(&id(codec::DAG_JSON, 0), &json(DOCUMENT_DEPTH_MAX)).is_ok());
    assert_eq!(decode(&id(codec::DAG_JSON, 0), &json(DOCUMENT_DEPTH_MAX + 1)), Err(NodeError::TooDeep));
    let lie = [0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00];
    assert_eq!(decode(&id(codec::DAG_CBOR, 0), &lie), Err(NodeError::Junk("dag-cbor")));
    assert_eq!(decode(&id(codec::DAG_CBOR, 0), &[0x9f, 0xff]), Err(NodeError::Junk("dag-cbor")));
    assert_eq!(decode(&id(codec::DAG_CBOR, 0), &[0x00, 0x00]), Err(NodeError::Junk("dag-cbor")));
    assert_eq!(decode(&id(codec::DAG_JSON, 0), b"{} {}"), Err(NodeError::Junk("dag-json")));
}

#[test]
fn an_id_is_read_only_if_it_stands_alone() {
    let cid = id(RAW, 1);
    assert_eq!(id_of(&cid.to_string()), Some(cid));
    assert_eq!(id_of(&format!("/ipfs/{cid}")), None);
    assert_eq!(id_of("QmInvalidCID"), None);
    assert_eq!(decode(&id(0x99, 1), b""), Err(NodeError::Codec(0x99)));
    assert_eq!(decode(&cid, &vec![0; BLOCK_BYTES_MAX + 1]), Err(NodeError::TooLong(BLOCK_BYTES_MAX + 1)));
}

proptest! {
    #[test]
    fn kit_4_junk_is_refused_and_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..600), path in "[a-z0-9/]{0,8}") {
        let path: Vec<&str> = path.split('/').collect();
        for codec in [codec::RAW, codec::DAG_PB, codec::DAG_CBOR, codec::DAG_JSON, codec::CBOR, codec::JSON] {
            let cid = id(codec, 0);
            if let Ok(node) = decode(&cid, &bytes) {
                prop_assert!(node.links().count() <= LINKS_MAX);
                if let Node::File(file) = node {
                    prop_assert!(bytes.get(file.inline).is_some());
                }
            }
            let _ = select(&cid, &bytes, &path);
        }
    }

    #[test]
    fn kit_4_a_node_with_one_byte_changed_never_panics(at in 0usize..200, to in any::<u8>(), kind in 0u64..7) {
        let links = [link(&id(RAW, 1), "0Aname", 1), link(&id(RAW, 2), "0B", 2)];
        let mut block = block(&links, &[number(1, kind), bytes(2, b"hi"), number(3, 4), number(4, 1), number(4, 1), number(5, 0x22), number(6, 256)]);
        let len = block.len();
        block[at % len] = to;
        if let Ok(Node::File(file)) = decode(&id(codec::DAG_PB, 0), &block) {
            prop_assert!(block.get(file.inline).is_some());
        }
    }
}
