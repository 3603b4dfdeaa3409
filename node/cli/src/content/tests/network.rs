//! Calls about what others have: fetched, announced, followed.

use super::{ME, Node, OTHER, open, pins, tree, until};
use crate::content::admin::{Admin, Link};
use crate::content::api::{ListedAll, Published, Stat};
use crate::content::cache::hash_of;
use crate::content::client;
use crate::content::fakes::{FakeChain, FakeNet};
use crate::content::far;
use crate::content::follow::Follow;
use crate::content::local::Local;
use crate::content::socket_of;
use crate::content::wants::What;
use crate::exit::Exit;
use hyper::body::Bytes;
use leither_kit::Cid;
use leither_kit::source::{Source, SourceError};
use leither_storage::content::Profile;
use std::time::Duration;

/// A socket over a swarm and a chain of the test's own.
fn linked() -> (Node, FakeNet, FakeChain) {
    let (node, net, chain, _) = desk();
    (node, net, chain)
}

/// The same, with what it follows by.
fn desk() -> (Node, FakeNet, FakeChain, Follow) {
    let (dir, store) = open(1 << 30);
    let (net, chain) = (FakeNet::default(), FakeChain::default());
    let follow = Follow {
        store: store.clone(),
        chain: std::sync::Arc::new(chain.clone()),
        network: std::sync::Arc::new(net.clone()),
        book: Default::default(),
    };
    let (source, browse) = far::far(Local::new(store.clone()), std::sync::Arc::new(net.clone()));
    tokio::spawn(browse.run(std::future::pending()));
    let path = socket_of(dir.path());
    let link = Link { follow: follow.clone(), source: std::sync::Arc::new(source), routing: None, met: Default::default() };
    let admin = Admin::bind(store.clone(), &path, Some(link)).unwrap();
    tokio::spawn(admin.run(std::future::pending()));
    (Node { dir, store, path }, net, chain, follow)
}

#[tokio::test(flavor = "multi_thread")]
async fn sock_7_a_call_that_takes_long_tells_how_far_it_is_and_what_came_of_it() {
    let (node, net, chain) = linked();
    let socket = node.socket().await;
    let said = socket.events(&format!("/mimei/{ME}/sync"), |_| ()).await.unwrap_err();
    assert_eq!((said.reason.as_str(), said.failure.exit), ("absent", Exit::Refused), "{}", said.failure.sentence);
    let dir = node.dir.path().join("site");
    std::fs::create_dir(&dir).unwrap();
    (0..50).for_each(|n| std::fs::write(dir.join(format!("{n}")), format!("file {n}")).unwrap());
    let (root, count) = net.have(&dir, Profile::default());
    let (last, _) = FakeNet::default().have(&dir.join("49"), Profile::default());
    let bytes = net.lose(&last).unwrap();
    chain.moves(ME, 0, root);
    let (net, steps) = (net.clone(), std::sync::Mutex::new(Vec::new()));
    let moved = socket
        .events(&format!("/mimei/{ME}/sync"), |progress| {
            steps.lock().unwrap().push(progress.clone());
            // The rest comes once something was told.
            net.0.blocks.lock().unwrap().insert(hash_of(&last), bytes.clone());
        })
        .await
        .unwrap();
    assert_eq!(
        (moved.version.as_deref(), moved.cid.as_str(), moved.blocks.as_str()),
        (Some("0"), root.to_string().as_str(), count.to_string().as_str())
    );
    assert!(!steps.lock().unwrap().is_empty());
    assert_eq!(pins(&node.store), [format!("version/{ME}/0")], "it is kept as what it is");
    // What is fetched to be read alone goes with the connection, and one that hangs up ends the work.
    let (other, _) = net.have(&node.file("other", b"other"), Profile::default());
    let reader = node.socket().await;
    reader.events(&format!("/fetch?cid={other}"), |_| ()).await.unwrap();
    assert_eq!(reader.block(&other).await.unwrap(), "other");
    assert_eq!(pins(&node.store).len(), 2);
    drop(reader);
    until("what was fetched to be read is let go of", || pins(&node.store).len() == 1).await;
    let gone = node.socket().await;
    let absent: Cid = "bafkreifzjut3te7nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e".parse().unwrap();
    let call = format!("/fetch?cid={absent}");
    let asked = tokio::time::timeout(Duration::from_millis(300), gone.events(&call, |_| ())).await;
    assert!(asked.is_err(), "nobody has it");
    drop(gone);
    assert_eq!(pins(&node.store).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn sock_7_blocks_that_are_not_here_are_fetched_only_for_who_asks_for_that() {
    let (node, net, _) = linked();
    let (there, _) = net.have(&node.file("there", b"there"), Profile::default());
    let socket = std::sync::Arc::new(node.socket().await);
    assert_eq!(socket.block(&there).await, Err(SourceError::NotFound(there)));
    assert_eq!(client::Afar(socket).block(&there).await.unwrap(), "there");
    let alone = super::node(1 << 30);
    let said = alone.socket().await.get::<Stat>("/swarm/peers").await.unwrap_err();
    assert_eq!((said.reason.as_str(), said.failure.exit), ("unreachable", Exit::Refused), "the node was reached");
}

#[tokio::test(flavor = "multi_thread")]
async fn hold_9_what_is_published_is_so_to_the_end_though_the_command_was_cut_off() {
    let (node, net, chain, follow) = desk();
    let cid = tree(&node.store, node.dir.path(), "tree");
    chain.moves(ME, 0, cid);
    // It gets no further than this while somebody else is at it.
    let held = follow.book.board.open(&node.store).await.unwrap();
    let socket = node.socket().await;
    let call = format!("/mimei/{ME}/publish?lifetime_ms=600000");
    assert!(tokio::time::timeout(Duration::from_secs(3), socket.post::<Published>(&call)).await.is_err());
    drop(socket);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(pins(&node.store).is_empty() && net.provided().is_empty());
    drop(held);
    let version = format!("version/{ME}/0");
    until("it is published all the same", || pins(&node.store) == [format!("pin/publish/{ME}"), version.clone()]).await;
    until("and announced", || net.provided() == [What::Mimei(ME), What::Tree(cid)]).await;
    // Its pin is let go of by hand: that ends it.
    let socket = node.socket().await;
    socket.delete(&format!("/storage/roots?root=pin%2Fpublish%2F{ME}")).await.unwrap();
    assert!(pins(&node.store) == [version] && net.provided().is_empty());
    let again = socket.delete(&format!("/storage/roots?root=pin%2Fpublish%2F{ME}")).await.unwrap_err();
    assert_eq!(again.reason, "absent", "{}", again.failure.sentence);
}

#[tokio::test(flavor = "multi_thread")]
async fn hold_10_a_list_is_answered_for_one_by_one() {
    let (node, net, chain) = linked();
    let cid = tree(&node.store, node.dir.path(), "tree");
    chain.moves(ME, 3, cid);
    let socket = node.socket().await;
    let both = Bytes::from(format!("{ME}\n{OTHER}\n"));
    let ask = async |call: &str| socket.post_with::<ListedAll>(call, both.clone()).await.map(|all| all.items);
    let items = ask("/publish?lifetime_ms=600000").await.unwrap();
    assert_eq!((items[0].mimei.clone(), items[0].version.as_deref()), (ME.to_string(), Some("3")));
    assert!(items[0].failure.is_none() && items[0].until_ms.is_some());
    assert_eq!(items[1].failure.as_ref().map(|no| no.reason.as_str()), Some("absent"));
    assert_eq!(net.provided(), [What::Mimei(ME), What::Tree(cid)]);
    let items = ask("/follow").await.unwrap();
    assert!(items[0].failure.is_none() && items[1].failure.as_ref().unwrap().message.contains("knows no MiMei"));
    let twice = Bytes::from(format!("{ME}\n{OTHER}\n{ME}\n"));
    let items = socket.post_with::<ListedAll>("/unfollow", twice).await.unwrap().items;
    assert!(items[2].failure.is_none(), "it was provided, though its second line found it ended");
    assert!(items[0].failure.is_none() && items[1].failure.as_ref().unwrap().message.contains("was not provided"));
    assert_eq!(ask("/publish?lifetime_ms=0").await.unwrap_err().reason, "usage");
    for wrong in ["", "junk", &format!("{ME}\n").repeat(1_001), &"x".repeat(200_000)] {
        let said = node.socket().await.post_with::<ListedAll>("/follow", Bytes::from(wrong.to_string())).await.unwrap_err();
        assert_eq!(said.reason, "usage", "{}", said.failure.sentence);
    }
    assert_eq!(pins(&node.store), [format!("pin/publish/{ME}"), format!("version/{ME}/3")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn hold_6_what_the_chain_knows_not_is_not_followed_from_now_on() {
    let (node, _net, chain, follow) = desk();
    let cid = tree(&node.store, node.dir.path(), "tree");
    chain.moves(ME, 3, cid);
    let said = node.socket().await.events(&format!("/mimei/{OTHER}/follow"), |_| ()).await.unwrap_err();
    assert!(said.reason == "absent" && said.failure.sentence.contains("knows no MiMei"), "{}", said.failure.sentence);
    assert!(pins(&node.store).is_empty() && follow.book.enter(OTHER).is_some());
    node.socket().await.events(&format!("/mimei/{ME}/follow"), |_| ()).await.unwrap();
    assert!(pins(&node.store).contains(&format!("pin/follow/{ME}")));
}
