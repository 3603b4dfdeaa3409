//! ENGINE-17: a TCP connection whose other end has fallen silent ends after [`SILENCE`]. The system waits for a quarter of an hour, and the
//! consensus swarm goes by that: a validator whose router was given another address at night, or whose cable was pulled, would be away as long.
//!
//! Who was dialled gives up sooner than who dials: its swarm has to have let the former connection go when the next one comes, else it takes
//! it for one more, and does not say again what it subscribes to.
//!
//! The swarm makes its own sockets and shows them to nobody, so all of this process are gone through; for any other connection the bound is
//! as good.

use rustix::net::sockopt::{set_socket_keepalive, set_tcp_keepidle, set_tcp_keepintvl, set_tcp_user_timeout, tcp_user_timeout};
use rustix::process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};
use std::io;
use std::os::fd::AsFd;
use std::path::Path;
use std::time::Duration;
use tokio::time::{MissedTickBehavior, interval};

/// What was sent is to be acknowledged within this time.
const SILENCE: Duration = Duration::from_secs(20);
/// The same where the other end has dialled.
const SILENCE_OF_A_CALLER: Duration = Duration::from_secs(9);
/// Where nothing is sent the other end is asked after so long, and again each such time.
const ASK: Duration = Duration::from_secs(3);
const LOOK: Duration = Duration::from_secs(5);

/// For as long as the engine runs.
pub(crate) async fn bound() {
    let mut tick = interval(LOOK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut told = false;
    loop {
        tick.tick().await;
        if let Err(error) = bound_all()
            && !told
        {
            told = true;
            tracing::warn!(%error, "connections to who fell silent last until the system gives them up, a quarter of an hour");
        }
    }
}

fn bound_all() -> io::Result<usize> {
    let me = pidfd_open(getpid(), PidfdFlags::empty())?;
    let mut bounded = 0;
    for entry in std::fs::read_dir("/proc/self/fd")?.flatten() {
        let number = entry.file_name().to_str().and_then(|name| name.parse().ok());
        let Some(number) = number.filter(|_| is_socket(&entry.path())) else { continue };
        // A second handle of it, since its owner may close it at any moment.
        if let Ok(socket) = pidfd_getfd(&me, number, PidfdGetfdFlags::empty()) {
            let is_free = tcp_user_timeout(&socket).is_ok_and(|bound| bound == 0);
            bounded += usize::from(is_free && bound_one(&socket, SILENCE).is_ok());
        }
    }
    Ok(bounded)
}

fn is_socket(path: &Path) -> bool {
    std::fs::read_link(path).is_ok_and(|to| to.to_string_lossy().starts_with("socket:"))
}

/// A connection that was accepted: no later than who made it.
pub(crate) fn bound_first(socket: &impl AsFd) {
    if let Err(error) = bound_one(socket, SILENCE_OF_A_CALLER) {
        tracing::debug!(%error, "a connection is not bounded");
    }
}

/// Fails where it is no TCP socket.
fn bound_one(socket: &impl AsFd, silence: Duration) -> rustix::io::Result<()> {
    set_tcp_user_timeout(socket, silence.as_millis() as u32)?;
    set_tcp_keepidle(socket, ASK)?;
    set_tcp_keepintvl(socket, ASK)?;
    set_socket_keepalive(socket, true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::net::sockopt::socket_keepalive;
    use std::net::{TcpListener, TcpStream, UdpSocket};

    // ENGINE-17
    #[test]
    fn every_tcp_connection_of_this_process_is_bounded_and_no_other_socket_minds() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (far, _) = listener.accept().unwrap();
        bound_first(&far);
        let _udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        assert!(bound_all().unwrap() >= 1);
        for (end, silence) in [(&near, 20_000), (&far, 9_000)] {
            assert_eq!(tcp_user_timeout(end).unwrap(), silence);
            assert!(socket_keepalive(end).unwrap());
        }
    }
}
