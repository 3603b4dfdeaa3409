mod network;
mod storage;

use super::admin::Admin;
use super::api::{FRAMES_END, Outgoing, Stat, frame};
use super::calls;
use super::client::{self, Socket};
use crate::exit::Exit;
use hyper::body::Bytes;
use leither_kit::Cid;
use leither_kit::source::{Source, SourceError};
use leither_storage::content::{self, Profile};
use leither_storage::{Config, ContentStore, Kind, Root};
use leither_types::MimeiId;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

pub(super) const ME: MimeiId = MimeiId([7; 20]);
pub(super) const OTHER: MimeiId = MimeiId([8; 20]);
const PROFILE: &str = "unixfs-v1-2025";

struct Node {
    dir: TempDir,
    store: ContentStore,
    path: PathBuf,
}

pub(super) fn open(quota_bytes: u64) -> (TempDir, ContentStore) {
    let dir = tempfile::tempdir().unwrap();
    let config = Config { quota_bytes, ..Config::new(dir.path().join("content")) };
    let store = ContentStore::open(&config).unwrap();
    (dir, store)
}

/// A socket that answers for as long as the test's runtime lives.
fn node(quota: u64) -> Node {
    let (dir, store) = open(quota);
    let path = super::socket_of(dir.path());
    let admin = Admin::bind(store.clone(), &path, None).unwrap();
    tokio::spawn(admin.run(std::future::pending()));
    Node { dir, store, path }
}

impl Node {
    async fn socket(&self) -> Socket {
        Socket::open(&self.path).await.unwrap()
    }

    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.dir.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }
}

/// Bytes that do not repeat.
fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let step = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    (0..len).map(step).collect()
}

fn blocks_of(path: &Path) -> Vec<(Cid, Vec<u8>)> {
    let mut blocks = Vec::new();
    let mut sink = |cid: &Cid, block: Vec<u8>| {
        blocks.push((*cid, block));
        Ok(())
    };
    content::add(path, Profile::default(), &mut sink, &mut |_| ()).unwrap();
    blocks
}

/// A tree in the store, under no root but a pin.
pub(super) fn tree(store: &ContentStore, dir: &Path, text: &str) -> Cid {
    let path = dir.join("tree");
    let _ = std::fs::remove_dir_all(&path);
    std::fs::create_dir(&path).unwrap();
    std::fs::write(path.join("a"), text).unwrap();
    store.add(&path, Profile::default(), &Root::Pin(format!("test/{text}")), 0, &mut |_| ()).unwrap().cid
}

pub(super) fn pins(store: &ContentStore) -> Vec<String> {
    let roots = store.roots(None, 1000).unwrap().into_iter();
    roots.map(|(root, _)| calls::root_text(&root)).filter(|root| !root.starts_with("pin/test/")).collect()
}

#[tokio::test]
async fn sock_1_the_socket_is_its_owners_alone_and_made_anew() {
    let (dir, store) = open(1 << 30);
    let path = super::socket_of(dir.path());
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, "left by an earlier run").unwrap();
    let _admin = Admin::bind(store, &path, None).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(Socket::open(&path).await.is_ok());
    let nobody = Socket::open(&dir.path().join("other.sock")).await.err().unwrap();
    assert_eq!(nobody.exit, Exit::Unreachable, "{}", nobody.sentence);
}

#[tokio::test]
async fn sock_2_a_refusal_has_a_status_a_word_and_a_sentence() {
    let node = node(1 << 30);
    let socket = node.socket().await;
    let said = socket.get::<Stat>("/nothing").await.unwrap_err();
    assert_eq!((said.reason.as_str(), said.failure.exit), ("unknown_call", Exit::Refused));
    let said = socket.get::<Stat>(&format!("/mimei/{ME}/versions/3")).await.unwrap_err();
    assert_eq!((said.reason.as_str(), said.failure.exit), ("absent", Exit::Refused), "{}", said.failure.sentence);
    let said = socket.post::<Stat>("/mimei/nobody/cur").await.unwrap_err();
    assert_eq!((said.reason.as_str(), said.failure.exit), ("usage", Exit::Usage));
    assert_eq!(socket.held(&ME, 3).await.unwrap(), None);
    for root in [Root::Pin("a/b c".into()), Root::Cur(ME), Root::Version(ME, 12)] {
        assert_eq!(calls::read_root(&calls::root_text(&root)).unwrap(), root);
    }
    for wrong in ["", "pin", "cur/x", "version/x/1", &format!("version/{ME}"), &format!("version/{ME}/x"), "dir/x"] {
        assert!(calls::read_root(wrong).is_err(), "{wrong}");
    }
}

#[tokio::test]
async fn sock_3_what_was_answered_is_kept_and_comes_only_once() {
    let node = node(1 << 30);
    let socket = node.socket().await;
    let path = node.file("film", &noise(1, (3 << 20) + 5));
    let (added, stored) = socket.add(&path, Profile::default(), None, |_, _| ()).await.unwrap();
    assert_eq!(stored.blocks, "5", "four leaves and a node");
    assert_eq!(pins(&node.store), [format!("pin/add/{}", added.cid)]);
    let (again, stored) = socket.add(&path, Profile::default(), None, |_, _| ()).await.unwrap();
    assert_eq!((again.cid, stored.blocks.as_str()), (added.cid, "0"));
    assert!(client::roots(&socket).await.unwrap().iter().any(|root| root.cid == added.cid.to_string()));
}

#[tokio::test]
async fn sock_3_a_stream_that_is_cut_wrong_or_too_long_leaves_nothing() {
    let node = node(1 << 30);
    let path = node.file("film", &noise(2, (2 << 20) + 5));
    let blocks = blocks_of(&path);
    let good: Vec<u8> = blocks.iter().flat_map(|(cid, block)| frame(cid, block)).collect();
    let (root, root_block) = blocks.last().cloned().unwrap();
    let lie = [frame(&root, b"other bytes").to_vec(), FRAMES_END.to_vec()].concat();
    let orphan = [frame(&root, &root_block).to_vec(), FRAMES_END.to_vec()].concat();
    for (name, body) in [
        ("cut", good.clone()),
        ("half a frame", good[..good.len() - 1].to_vec()),
        ("empty", FRAMES_END.to_vec()),
        ("nothing", Vec::new()),
        ("a lie", lie),
        ("a parent alone", orphan),
        ("too long", u32::MAX.to_be_bytes().to_vec()),
        ("junk", noise(3, 4000)),
    ] {
        let mut stream = UnixStream::connect(&node.path).await.unwrap();
        let head = format!("POST /blocks HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len());
        stream.write_all(head.as_bytes()).await.unwrap();
        // It may have hung up by then.
        let _ = stream.write_all(&body).await;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.starts_with("HTTP/1.1 4"), "{name}: {answer}");
        assert_eq!(node.store.stat().unwrap().blocks, 0, "{name}");
    }
    // With its end it is whole.
    let (added, _) = node.socket().await.add(&path, Profile::default(), None, |_, _| ()).await.unwrap();
    assert_eq!(added.cid, root);
}

#[tokio::test]
async fn sock_3_an_add_beyond_the_quota_is_refused_and_the_socket_goes_on() {
    let node = node(2 << 20);
    let socket = node.socket().await;
    let path = node.file("film", &noise(4, 40 << 20));
    let failure = socket.add(&path, Profile::default(), None, |_, _| ()).await.unwrap_err();
    assert!(failure.exit == Exit::Refused && failure.sentence.contains("quota"), "{}", failure.sentence);
    assert_eq!(node.store.stat().unwrap().blocks, 0);
    let small = node.file("small", b"fits");
    let (added, _) = node.socket().await.add(&small, Profile::default(), None, |_, _| ()).await.unwrap();
    assert_eq!(node.store.get(&added.cid).unwrap().unwrap(), "fits");
}

#[tokio::test]
async fn sock_4_a_block_is_checked_where_it_arrives() {
    let node = node(1 << 30);
    let socket = node.socket().await;
    let path = node.file("small", b"small");
    let (added, _) = socket.add(&path, Profile::default(), None, |_, _| ()).await.unwrap();
    assert_eq!(socket.block(&added.cid).await.unwrap(), "small");
    let absent: Cid = "bafkreifzjut3te7nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e".parse().unwrap();
    assert_eq!(socket.block(&absent).await, Err(SourceError::NotFound(absent)));
    // A node that lies.
    let liar = node.dir.path().join("liar.sock");
    let listener = tokio::net::UnixListener::bind(&liar).unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let _ = stream.read(&mut [0; 4096]).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nwrong").await;
    });
    let lied = Socket::open(&liar).await.unwrap().block(&added.cid).await;
    assert!(matches!(&lied, Err(SourceError::Other(why)) if why.contains("another block")), "{lied:?}");
}

#[tokio::test]
async fn sock_5_an_edit_is_done_whole_or_not_at_all() {
    let node = node(1 << 30);
    let socket = node.socket().await;
    let start = socket.restore(&ME, None, None, None).await.unwrap();
    assert_eq!(start.generation, "0");
    let bytes = noise(5, (9 << 20) + 3);
    let input = |bytes: Vec<u8>| Some(Box::new(std::io::Cursor::new(bytes)) as Box<dyn tokio::io::AsyncRead + Send + Unpin>);
    socket.edit(&ME, &[("op", "mkdir"), ("path", "a/b"), ("parents", "true")], None).await.unwrap();
    let wrote = socket.edit(&ME, &[("op", "write"), ("path", "a/b/ä c")], input(bytes.clone())).await.unwrap();
    assert_eq!(wrote.generation, "2");
    // Shorter than what was there: all of it is replaced.
    let short = socket.edit(&ME, &[("op", "write"), ("path", "a/b/ä c")], input(b"short".to_vec())).await.unwrap();
    let appended = socket.edit(&ME, &[("op", "append"), ("path", "a/b/ä c")], input(b", longer".to_vec())).await.unwrap();
    assert_ne!(short.cid, appended.cid);
    let view = node.store.view(&appended.cid.parse().unwrap(), Profile::default());
    let mut out = [0; 64];
    let len = view.read("a/b/ä c", 0, &mut out).unwrap();
    assert_eq!(&out[..len], b"short, longer");
    for (query, exit) in [
        (vec![("op", "rm"), ("path", "a")], Exit::Usage),
        (vec![("op", "rm"), ("path", "x")], Exit::Refused),
        (vec![("op", "mkdir"), ("path", "a")], Exit::Refused),
        (vec![("op", "mv"), ("path", "a"), ("to", "a/b/c")], Exit::Usage),
        (vec![("op", "mkdir"), ("path", "../a")], Exit::Usage),
        (vec![("op", "cp"), ("path", "a"), ("to", "a/b/c")], Exit::Usage),
        (vec![("op", "cp"), ("path", "a"), ("to", "a")], Exit::Refused),
        (vec![("op", "ln"), ("path", "a/l"), ("target", "../../etc/passwd")], Exit::Usage),
        (vec![("op", "ln"), ("path", "a/l")], Exit::Usage),
        (vec![("op", "write"), ("path", "a/b/ä c"), ("at", "-14")], Exit::Usage),
        (vec![("op", "write"), ("path", "a/b/ä c"), ("at", "--1")], Exit::Usage),
        (vec![("op", "fly"), ("path", "a")], Exit::Usage),
        (vec![("op", "truncate"), ("path", "a")], Exit::Usage),
        (vec![("op", "truncate"), ("path", "missing"), ("size", "5")], Exit::Refused),
    ] {
        let failure = socket.edit(&ME, &query, None).await.unwrap_err();
        assert_eq!(failure.exit, exit, "{query:?}: {}", failure.sentence);
    }
    assert_eq!(socket.local(&ME).await.unwrap().cur, Some(appended.clone()), "what was refused has changed nothing");
    // Of the generation that was seen, or not at all: somebody else may have changed it since.
    for (generation, is_done) in [(short.generation.as_str(), false), (appended.generation.as_str(), true)] {
        let query = [("op", "write"), ("path", "head"), ("generation", generation)];
        let done = socket.edit(&ME, &query, input(b"head".to_vec())).await;
        assert_eq!(done.is_ok(), is_done, "{generation}");
        match done {
            Ok(cur) => assert_ne!(cur.cid, appended.cid),
            Err(failure) => {
                assert!(failure.exit == Exit::Refused && failure.sentence.contains("moved"), "{}", failure.sentence);
                assert_eq!(socket.local(&ME).await.unwrap().cur, Some(appended.clone()));
            }
        }
    }
    assert_eq!(
        socket.edit(&OTHER, &[("op", "mkdir"), ("path", "a")], None).await.unwrap_err().exit,
        Exit::Refused,
        "no working copy"
    );
}

#[tokio::test]
async fn read_1_a_page_of_a_directory_is_one_call() {
    let node = node(1 << 30);
    let socket = node.socket().await;
    assert_eq!(socket.entries(&ME, "", None, 10).await.unwrap_err().reason, "absent", "no working copy");
    socket.restore(&ME, None, None, None).await.unwrap();
    let evil = "b\n\u{1b}&after=é";
    for query in [[("op", "mkdir"), ("path", "a/in"), ("parents", "true")], [("op", "ln"), ("path", evil), ("target", "a")]] {
        socket.edit(&ME, &query, None).await.unwrap();
    }
    let input = Some(Box::new(std::io::Cursor::new(b"12345")) as Box<dyn tokio::io::AsyncRead + Send + Unpin>);
    socket.edit(&ME, &[("op", "write"), ("path", "c")], input).await.unwrap();
    let first = socket.entries(&ME, "", None, 2).await.unwrap();
    let kinds: Vec<(&str, &str)> = first.items.iter().map(|item| (item.path.as_str(), item.kind.as_str())).collect();
    assert_eq!((kinds, first.next.as_deref()), (vec![("a", "dir"), (evil, "link")], Some(evil)));
    assert_eq!(first.items[1].target.as_deref(), Some("a"));
    let second = socket.entries(&ME, "", Some(evil), 2).await.unwrap();
    assert_eq!((second.items[0].size.as_deref(), second.items.len(), second.next), (Some("5"), 1, None));
    assert_eq!(socket.entries(&ME, "a", Some("i"), 2).await.unwrap().items[0].path, "in", "after a name that is not there");
    assert_eq!(socket.entries(&ME, "none", None, 2).await.unwrap_err().failure.exit, Exit::Refused);
    assert_eq!(socket.entries(&ME, "c", None, 2).await.unwrap_err().failure.exit, Exit::Usage);
}

#[tokio::test]
async fn sock_5_what_is_copied_or_linked_is_there_and_a_place_may_be_counted_from_the_end() {
    let node = node(1 << 30);
    let socket = node.socket().await;
    socket.restore(&ME, None, None, None).await.unwrap();
    let input =
        |bytes: &[u8]| Some(Box::new(std::io::Cursor::new(bytes.to_vec())) as Box<dyn tokio::io::AsyncRead + Send + Unpin>);
    socket.edit(&ME, &[("op", "write"), ("path", "a")], input(b"0123456789")).await.unwrap();
    socket.edit(&ME, &[("op", "cp"), ("path", "a"), ("to", "b")], None).await.unwrap();
    socket.edit(&ME, &[("op", "ln"), ("path", "l"), ("target", "a")], None).await.unwrap();
    socket.edit(&ME, &[("op", "write"), ("path", "a"), ("at", "-3")], input(b"ABCDE")).await.unwrap();
    let last = socket.edit(&ME, &[("op", "write"), ("path", "b"), ("at", "-0")], input(b"+")).await.unwrap();
    let view = node.store.view(&last.cid.parse().unwrap(), Profile::default());
    let text = |path: &str| {
        let mut out = [0; 64];
        let len = view.read(path, 0, &mut out).unwrap();
        String::from_utf8(out[..len].to_vec()).unwrap()
    };
    assert_eq!((text("a").as_str(), text("b").as_str()), ("0123456ABCDE", "0123456789+"));
    assert_eq!(view.stat("l").unwrap().kind, Kind::Symlink("a".into()));
}

#[tokio::test]
async fn sock_6_connections_are_bounded_and_one_more_waits() {
    let node = node(1 << 30);
    let mut open = Vec::new();
    for _ in 0..64 {
        let socket = node.socket().await;
        socket.get::<Stat>("/storage").await.unwrap();
        open.push(socket);
    }
    let late = node.socket().await;
    let ask = late.get::<Stat>("/storage");
    tokio::pin!(ask);
    assert!(tokio::time::timeout(Duration::from_millis(200), &mut ask).await.is_err(), "all places are taken");
    open.pop();
    tokio::time::timeout(Duration::from_secs(20), ask).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_body_of_one_piece_says_how_long_it_is() {
    use hyper::body::Body;
    let whole = Outgoing::Whole(Some(Bytes::from_static(b"four")));
    assert_eq!((whole.size_hint().exact(), whole.is_end_stream()), (Some(4), false));
    assert!(Outgoing::Whole(None).is_end_stream());
    assert_eq!(PROFILE.parse::<Profile>().unwrap(), Profile::default());
}

async fn until(what: &str, holds: impl Fn() -> bool) {
    for _ in 0..500 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{what}");
}

#[tokio::test]
async fn hold_7_what_a_command_left_behind_goes_with_its_connection() {
    let node = node(1 << 30);
    let path = node.file("film", b"film");
    let (first, second) = (node.socket().await, node.socket().await);
    let (added, _) = first.add(&path, Profile::default(), None, |_, _| ()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(5)).await;
    second.add(&path, Profile::default(), None, |_, _| ()).await.unwrap();
    drop(first);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(pins(&node.store), [format!("pin/add/{}", added.cid)], "another command added it since");
    drop(second);
    until("it is let go of", || pins(&node.store).is_empty()).await;
    assert_eq!(node.store.get(&added.cid).unwrap().unwrap(), "film", "and can be taken back for a day");
    // What was said to become a version stays.
    let third = node.socket().await;
    third.add(&path, Profile::default(), None, |_, _| ()).await.unwrap();
    third.expect(&ME, 0, &added.cid.to_string(), PROFILE, false).await.unwrap();
    drop(third);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(pins(&node.store), [format!("pin/next/add/{ME}/0/{}", added.cid)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn sock_8_a_car_goes_out_and_comes_in_whole_or_not_at_all() {
    let (one, two) = (node(1 << 30), node(1 << 30));
    let tree = tree(&one.store, one.dir.path(), "tree");
    let film = one.file("film", &noise(6, 3 << 20));
    let film = one.store.add(&film, Profile::default(), &Root::Pin("test/film".into()), 0, &mut |_| ()).unwrap().cid;
    let socket = one.socket().await;
    let mut car = Vec::new();
    let bytes = socket
        .export(&film, &mut |piece| {
            car.extend_from_slice(piece);
            Ok(())
        })
        .await
        .unwrap();
    assert_eq!(bytes, car.len() as u64);
    let input = |bytes: &[u8]| Box::new(std::io::Cursor::new(bytes.to_vec())) as Box<dyn tokio::io::AsyncRead + Send + Unpin>;
    for cut in [0, 10, car.len() / 2, car.len() - 1] {
        let socket = two.socket().await;
        assert!(socket.import(None, input(&car[..cut])).await.is_err(), "{cut}");
        assert_eq!(two.store.stat().unwrap().blocks, 0, "{cut}");
    }
    let done = two.socket().await.import(None, input(&car)).await.unwrap();
    assert_eq!((done.cid.as_str(), done.root), (film.to_string().as_str(), format!("pin/car/{film}")));
    let done = two.socket().await.import(Some("a b/ü"), input(&car)).await.unwrap();
    assert_eq!(done.root, "pin/car/a b/ü");
    assert!(two.socket().await.import(Some(&"x".repeat(129)), input(&car)).await.is_err());
    assert!(two.store.verify(true).unwrap().wrong.is_empty());
    let absent = two.socket().await.export(&tree, &mut |_| Ok(())).await.unwrap_err();
    assert_eq!(absent.exit, Exit::Refused, "{}", absent.sentence);
}
