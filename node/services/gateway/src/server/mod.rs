//! Connections.

mod blocks;
mod cache;
mod paced;
mod quota;
mod shares;

pub(crate) use blocks::{Counted, Pool};
pub(crate) use quota::{Quota, Quotas};

use crate::Gateway;
use crate::core::asker;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use paced::Paced;
use shares::{Share, Shares};
use std::future::Future;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Shutdown};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;

/// GW-13: what one connection buffers in each direction, beside the piece that is being sent: a request's head must fit.
const BUFFER_BYTES: usize = 16 * 1024;
/// Headers of a request.
const HEADERS_MAX: usize = 64;
/// Connections that are told at the same time that there are too many, and get time to hear it. Others are told as well.
const REFUSALS_MAX: usize = 256;
/// What hearing so may take.
const REFUSAL_WAIT: Duration = Duration::from_secs(1);
/// Of a request that is refused so much is looked at.
const REFUSED_BYTES: usize = 1024;
/// A pause after a failure to accept, such as too many open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// What answers under way get to end when the gateway stops.
const GRACE: Duration = Duration::from_secs(2);

const TOO_MANY: &str = "this gateway has too many connections; try again, or elsewhere\n";
const TOO_MANY_OF_ONE: &str = "this gateway has too many connections from your address; close some, or try again\n";

fn refusal(text: &str) -> Vec<u8> {
    let len = text.len();
    format!(
        "HTTP/1.1 503 Service Unavailable\r\nretry-after: 5\r\ncontent-type: text/plain; charset=utf-8\r\n\
         content-length: {len}\r\nconnection: close\r\n\r\n{text}"
    )
    .into_bytes()
}

/// Answers on `listener` until `stop`. GW-13: connections are bounded, and who is one too many is told so.
pub async fn serve(listener: TcpListener, gateway: Gateway, stop: impl Future<Output = ()> + Send) -> io::Result<()> {
    let connections_max = gateway.config().connections_max;
    let places = Arc::new(Semaphore::new(connections_max));
    let shares = Shares::new(connections_max);
    let refusals = Arc::new(Semaphore::new((connections_max / 4).clamp(1, REFUSALS_MAX)));
    let mut tasks = JoinSet::new();
    tokio::pin!(stop);
    loop {
        let accepted = tokio::select! {
            () = &mut stop => break,
            Some(_) = tasks.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok((stream, peer)) => (stream, peer.ip()),
            Err(error) => {
                tracing::warn!(%error, "a connection to the gateway could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        match place(&places, &shares, peer) {
            Ok(place) => drop(tasks.spawn(converse(stream, peer, gateway.clone(), place))),
            Err(text) => match Arc::clone(&refusals).try_acquire_owned() {
                Ok(place) => drop(tasks.spawn(refuse(stream, text, place))),
                Err(_) => tell(stream, text),
            },
        }
    }
    drop(listener);
    let end = async { while tasks.join_next().await.is_some() {} };
    // What has not ended by then is cut: a slow reader does not keep a node from stopping.
    let _ = tokio::time::timeout(GRACE, end).await;
    tasks.shutdown().await;
    Ok(())
}

/// A connection's place among all, and among those of its address.
type Place = (OwnedSemaphorePermit, Option<Share>);

fn place(places: &Arc<Semaphore>, shares: &Shares, peer: IpAddr) -> Result<Place, &'static str> {
    let place = Arc::clone(places).try_acquire_owned().map_err(|_| TOO_MANY)?;
    let share = match asker::peer(peer) {
        Some(asker) => Some(shares.take(asker).ok_or(TOO_MANY_OF_ONE)?),
        None => None,
    };
    Ok((place, share))
}

async fn converse(stream: TcpStream, peer: IpAddr, gateway: Gateway, _place: Place) {
    // Small answers go out at once; a failure only makes them later.
    let _ = stream.set_nodelay(true);
    let patience = gateway.config().patience;
    let end_tells = Arc::new(AtomicBool::new(false));
    let service = TowerToHyperService::new(gateway.router_of(Some(peer), Arc::clone(&end_tells)));
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(patience)
        .max_buf_size(BUFFER_BYTES)
        .max_headers(HEADERS_MAX);
    let connection = builder.serve_connection(TokioIo::new(Paced::new(stream, patience, end_tells)), service);
    if let Err(error) = connection.await {
        tracing::debug!(%error, "a connection to the gateway ended early");
    }
}

async fn refuse(mut stream: TcpStream, text: &'static str, _place: OwnedSemaphorePermit) {
    let told = async {
        stream.write_all(&refusal(text)).await?;
        stream.shutdown().await?;
        // A connection that is closed over an unread request is reset, and the answer may be lost with it.
        stream.read(&mut [0; REFUSED_BYTES]).await
    };
    // Who does not even take that has had its answer.
    let _ = tokio::time::timeout(REFUSAL_WAIT, told).await;
}

/// The same without waiting for anything: so little fits on the way, and what was asked by now is read.
fn tell(stream: TcpStream, text: &str) {
    let told = stream.into_std().and_then(|mut stream| {
        stream.write_all(&refusal(text))?;
        stream.shutdown(Shutdown::Write)?;
        stream.read(&mut [0; REFUSED_BYTES])
    });
    if let Err(error) = told {
        tracing::trace!(%error, "who was turned away may not have heard why");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn gw_13_who_is_turned_away_is_told_why_whether_there_is_time_or_not() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        for waits in [true, false] {
            let (asked, accepted) = tokio::join!(TcpStream::connect(address), listener.accept());
            let (mut asked, (stream, _)) = (asked.unwrap(), accepted.unwrap());
            if waits {
                let place = Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap();
                tokio::spawn(refuse(stream, TOO_MANY_OF_ONE, place));
            } else {
                tell(stream, TOO_MANY_OF_ONE);
            }
            let mut told = String::new();
            asked.read_to_string(&mut told).await.unwrap();
            assert!(told.starts_with("HTTP/1.1 503 ") && told.ends_with(TOO_MANY_OF_ONE), "{told}");
            assert!(
                told.contains(&format!("\r\ncontent-length: {}\r\n", TOO_MANY_OF_ONE.len())) && told.contains("retry-after: ")
            );
        }
    }

    #[test]
    fn gw_13_an_address_that_has_its_share_is_turned_away_by_name_and_this_machine_is_not() {
        let (places, shares) = (Arc::new(Semaphore::new(8)), Shares::new(8));
        let far: IpAddr = [192, 0, 2, 1].into();
        let here: IpAddr = [127, 0, 0, 1].into();
        let held: Vec<Place> =
            [far, far, here, here, here].into_iter().map(|peer| place(&places, &shares, peer).unwrap()).collect();
        assert_eq!(place(&places, &shares, far).err(), Some(TOO_MANY_OF_ONE));
        assert_eq!(places.available_permits(), 3, "who is turned away has no place");
        let more: Vec<Place> = [here; 3].into_iter().map(|peer| place(&places, &shares, peer).unwrap()).collect();
        assert_eq!(place(&places, &shares, here).err(), Some(TOO_MANY));
        drop((held, more));
        assert!(place(&places, &shares, far).is_ok());
    }
}
