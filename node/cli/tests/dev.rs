//! `leither dev` as a process of its own: how it ends.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(60);

/// Ended with the test, whatever comes of it.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ended = self.0.kill();
        let _reaped = self.0.wait();
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn entries(dir: &Path) -> usize {
    std::fs::read_dir(dir).unwrap().count()
}

fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < until, "{what}: not within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_chain_that_is_interrupted_while_it_is_founded_is_thrown_away() {
    let (temporary, home) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut command = Command::new(env!("CARGO_BIN_EXE_leither"));
    command.arg("--json").arg("dev").env("TMPDIR", temporary.path()).env("LEITHER_HOME", home.path());
    for key in ["rpc.listen", "consensus.listen", "p2p.listen", "gateway.listen"] {
        command.arg("--set").arg(format!("{key}=127.0.0.1:{}", free_port()));
    }
    command.stdin(Stdio::null()).stdout(Stdio::null());
    let mut node = Running(command.spawn().unwrap());
    // It listens for signals before it makes its directory; the demo organization takes seconds from then on.
    wait_until("the chain's directory", || entries(temporary.path()) > 0);
    let interrupt = format!("kill -INT {}", node.0.id());
    assert!(Command::new("sh").args(["-c", &interrupt]).status().unwrap().success());
    let mut status = None;
    wait_until("its end", || {
        status = node.0.try_wait().unwrap();
        status.is_some()
    });
    assert!(status.is_some_and(|status| status.success()), "{status:?}");
    assert_eq!(entries(temporary.path()), 0, "something is left behind");
}
