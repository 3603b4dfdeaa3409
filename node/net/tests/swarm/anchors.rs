//! Who is dialled after a restart, and who is not.
use super::*;
use std::path::{Path, PathBuf};

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("leither-net-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn file(&self) -> PathBuf {
        self.0.join("anchors")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

async fn keeping(seed: u8, listen: &[&str], peers: &[Multiaddr], file: &Path) -> (Net, Receiver<Incoming>) {
    Net::start(NetConfig { anchors: Some(file.into()), ..config(seed, listen, peers) }).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn net_15_a_named_address_that_worked_is_dialled_after_a_restart_and_nobody_else() {
    let folder = Folder::new("kept");
    let (b, _b_in) = node(230, &[QUIC], &[]).await;
    // Named, but nobody is there yet.
    let (c, _c_in) = node(231, &[TCP], &[]).await;
    let c_at = address(&c).await;
    c.shutdown().await;
    let (a, _a_in) = keeping(232, &[TCP], &[address(&b).await, c_at.clone()], &folder.file()).await;
    // It comes by itself, and says where it listens.
    let (d, _d_in) = node(233, &[TCP], &[address(&a).await]).await;
    greeted(&a, 2).await;
    sleep(Duration::from_secs(1)).await;
    a.shutdown().await;

    let c_port = c_at.to_string().split("/p2p/").next().unwrap().to_string();
    let (c, _c_in) = node(231, &[&c_port], &[]).await;
    let (a, _a_in) = keeping(232, &[], &[], &folder.file()).await;
    greeted(&a, 1).await;
    for _ in 0..30 {
        sleep(Duration::from_millis(100)).await;
        assert_eq!(
            a.peers().await,
            [b.local_peer_id()],
            "{} never worked, {} was never named",
            c.local_peer_id(),
            d.local_peer_id()
        );
    }
    a.shutdown().await;
    let (a, _a_in) = node(232, &[], &[]).await;
    sleep(Duration::from_secs(2)).await;
    assert!(a.peers().await.is_empty(), "without the file it knows nobody");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn net_15_whom_it_found_to_lie_it_does_not_dial_after_a_restart() {
    let folder = Folder::new("liar");
    let (b, _b_in) = node(235, &[QUIC], &[]).await;
    let (a, _a_in) = keeping(236, &[], &[address(&b).await], &folder.file()).await;
    greeted(&a, 1).await;
    sleep(Duration::from_secs(1)).await;
    a.report(b.local_peer_id(), leither_net::Offence::BadBlock).await;
    connected(&a, 0).await;
    a.shutdown().await;
    let (a, _a_in) = keeping(236, &[], &[], &folder.file()).await;
    for _ in 0..20 {
        sleep(Duration::from_millis(100)).await;
        assert!(a.peers().await.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn net_7_a_peer_named_at_run_time_is_dialled_and_kept() {
    let folder = Folder::new("named");
    let (b, _b_in) = node(240, &[QUIC], &[]).await;
    let (a, _a_in) = keeping(241, &[], &[], &folder.file()).await;
    a.add_peer(address(&b).await).await.unwrap();
    greeted(&a, 1).await;
    let refused = a.add_peer("/dns4/example.org/tcp/1".parse().unwrap()).await;
    assert!(matches!(refused, Err(StartError::Peer { .. })));
    a.shutdown().await;
    let (a, _a_in) = keeping(241, &[], &[], &folder.file()).await;
    greeted(&a, 1).await;
}
