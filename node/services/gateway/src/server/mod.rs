//! Connections.

mod blocks;
mod paced;

pub(crate) use blocks::Counted;

use crate::Gateway;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use paced::Paced;
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;

/// What one connection buffers in each direction: a request's head must fit.
const BUFFER_BYTES: usize = 64 * 1024;
/// Headers of a request.
const HEADERS_MAX: usize = 64;
/// Connections that are told at the same time that there are too many.
const REFUSALS_MAX: usize = 64;
/// What hearing so may take.
const REFUSAL_WAIT: Duration = Duration::from_secs(1);
/// A pause after a failure to accept, such as too many open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// What answers under way get to end when the gateway stops.
const GRACE: Duration = Duration::from_secs(2);

const REFUSAL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 5\r\ncontent-type: text/plain; charset=utf-8\r\n\
    content-length: 63\r\nconnection: close\r\n\r\nthis gateway has too many connections; try again, or elsewhere\n";

/// Answers on `listener` until `stop`. GW-13: connections are bounded, and who is one too many is told so.
pub async fn serve(listener: TcpListener, gateway: Gateway, stop: impl Future<Output = ()> + Send) -> io::Result<()> {
    let places = Arc::new(Semaphore::new(gateway.config().connections_max));
    let refusals = Arc::new(Semaphore::new(REFUSALS_MAX));
    let mut tasks = JoinSet::new();
    tokio::pin!(stop);
    loop {
        let accepted = tokio::select! {
            () = &mut stop => break,
            Some(_) = tasks.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "a connection to the gateway could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        match Arc::clone(&places).try_acquire_owned() {
            Ok(place) => drop(tasks.spawn(converse(stream, gateway.clone(), place))),
            Err(_) => {
                if let Ok(place) = Arc::clone(&refusals).try_acquire_owned() {
                    tasks.spawn(refuse(stream, place));
                }
            }
        }
    }
    drop(listener);
    let end = async { while tasks.join_next().await.is_some() {} };
    // What has not ended by then is cut: a slow reader does not keep a node from stopping.
    let _ = tokio::time::timeout(GRACE, end).await;
    tasks.shutdown().await;
    Ok(())
}

async fn converse(stream: TcpStream, gateway: Gateway, _place: OwnedSemaphorePermit) {
    // Small answers go out at once; a failure only makes them later.
    let _ = stream.set_nodelay(true);
    let patience = gateway.config().patience;
    let service = TowerToHyperService::new(gateway.router());
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(patience)
        .max_buf_size(BUFFER_BYTES)
        .max_headers(HEADERS_MAX);
    let connection = builder.serve_connection(TokioIo::new(Paced::new(stream, patience)), service);
    if let Err(error) = connection.await {
        tracing::debug!(%error, "a connection to the gateway ended early");
    }
}

async fn refuse(mut stream: TcpStream, _place: OwnedSemaphorePermit) {
    let told = async {
        stream.write_all(REFUSAL).await?;
        stream.shutdown().await?;
        // A connection that is closed over an unread request is reset, and the answer may be lost with it.
        stream.read(&mut [0; 4096]).await
    };
    // Who does not even take that has had its answer.
    let _ = tokio::time::timeout(REFUSAL_WAIT, told).await;
}
