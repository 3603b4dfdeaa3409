use super::hosts::Hosts;
use super::reader::{READ_MAX, Reader};
use super::{Meters, Verdict, Vitals, health, ready, verdict};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{sleep, timeout};

/// Connections at one time.
pub(super) const CONNECTIONS_MAX: usize = 32;
/// A request's head is no longer.
pub(super) const HEAD_BYTES_MAX: usize = 8 * 1024;
/// How long a request's head may take to arrive.
pub(super) const HEAD_TIME_MAX: Duration = Duration::from_secs(5);
/// How long a connection may last: its head, the reading, and as long again for the answer to be fetched.
const CONNECTION_TIME_MAX: Duration = Duration::from_secs(2 * (HEAD_TIME_MAX.as_secs() + READ_MAX.as_secs()));

const TEXT: &str = "text/plain; charset=utf-8";
const METRICS: &str = "text/plain; version=0.0.4; charset=utf-8";
const JSON: &str = "application/json";

/// The settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchConfig {
    /// Where to listen: `metrics.listen`.
    pub listen: SocketAddr,
    /// Names under which it may be addressed, beside `localhost` and any number: `rpc.allowed_hosts`.
    pub hosts: Vec<String>,
}

/// Why it does not listen.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    /// The address cannot be listened on.
    #[error("cannot listen on {listen}: {cause}; is another node running? set metrics.listen to another port")]
    Bind {
        /// Where.
        listen: SocketAddr,
        /// What the system said.
        cause: std::io::Error,
    },
}

/// The running server; it ends when this is dropped.
pub struct Watch {
    address: SocketAddr,
    accepting: JoinHandle<()>,
}

impl Watch {
    /// WATCH-1: listens, and answers from now on.
    pub async fn start(config: WatchConfig, vitals: Arc<dyn Vitals>, meters: Arc<Meters>) -> Result<Self, WatchError> {
        let bind = |cause| WatchError::Bind { listen: config.listen, cause };
        let listener = TcpListener::bind(config.listen).await.map_err(bind)?;
        let address = listener.local_addr().map_err(bind)?;
        let house = House { hosts: Hosts::new(&config.hosts, address.port()), reader: Reader::new(vitals), meters };
        Ok(Self { address, accepting: tokio::spawn(accept(listener, Arc::new(house))) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends it, with what is being answered.
    pub async fn stop(mut self) {
        self.accepting.abort();
        // It says only that it was ended.
        let _ = (&mut self.accepting).await;
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// What all connections share.
struct House {
    hosts: Hosts,
    reader: Reader,
    meters: Arc<Meters>,
}

async fn accept(listener: TcpListener, house: Arc<House>) {
    // Dropped with this task, and the connections with it.
    let mut open = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = open.join_next() => continue,
        };
        // Those that have ended but were not looked at yet take no room.
        while open.try_join_next().is_some() {}
        match accepted {
            Ok((socket, _)) if open.len() < CONNECTIONS_MAX => {
                let house = house.clone();
                open.spawn(async move { timeout(CONNECTION_TIME_MAX, connection(socket, &house)).await });
            }
            Ok((socket, _)) => turn_away(socket),
            Err(error) => {
                // Mostly "too many open files": it passes when connections end.
                tracing::warn!(%error, "the metrics port could not take a connection");
                sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

/// Says why in the one packet that fits without waiting.
fn turn_away(socket: TcpStream) {
    let why = "Too many connections: ask again later.\n";
    let answer = format!("HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{why}", why.len());
    // A fresh socket has room for it; who does not listen is not waited for.
    let _ = socket.into_std().and_then(|mut socket| socket.write(answer.as_bytes()));
}

/// WATCH-3: one request, short and in time.
async fn connection(socket: TcpStream, house: &House) {
    let service = service_fn(|request: Request<Incoming>| async move { Ok::<_, Infallible>(answer(&request, house).await) });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME_MAX)
        .max_header_size(HEAD_BYTES_MAX)
        .max_buf_size(2 * HEAD_BYTES_MAX)
        .keep_alive(false);
    if let Err(error) = http.serve_connection(TokioIo::new(socket), service).await {
        tracing::debug!(%error, "a metrics connection broke");
    }
}

async fn answer(request: &Request<Incoming>, house: &House) -> Response<Full<Bytes>> {
    if let Err(sentence) = house.hosts.check(request.headers(), request.uri()) {
        return response(StatusCode::FORBIDDEN, TEXT, sentence);
    }
    let page = match request.uri().path() {
        "/metrics" => Page::Metrics,
        "/health" => Page::Health,
        "/ready" => Page::Ready,
        _ => return response(StatusCode::NOT_FOUND, TEXT, "There is /metrics, /health and /ready.\n".into()),
    };
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut refusal = response(StatusCode::METHOD_NOT_ALLOWED, TEXT, "This is only read: use GET or HEAD.\n".into());
        refusal.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return refusal;
    }
    let reading = house.reader.reading().await;
    let meters = &house.meters;
    match (page, reading) {
        (Page::Metrics, Some(reading)) => match meters.text(&reading) {
            Ok(text) => response(StatusCode::OK, METRICS, text),
            Err(_) => response(StatusCode::INTERNAL_SERVER_ERROR, TEXT, "The metrics cannot be written down.\n".into()),
        },
        (Page::Metrics, None) => response(
            StatusCode::SERVICE_UNAVAILABLE,
            TEXT,
            "The node does not come to read its own numbers: see its log.\n".into(),
        ),
        (Page::Health, Some(reading)) => judged(health(&reading, meters.idle())),
        (Page::Ready, Some(reading)) => judged(ready(&reading, meters.has_heard())),
        (Page::Health, None) => judged(verdict::unreadable("healthy")),
        (Page::Ready, None) => judged(verdict::unreadable("ready")),
    }
}

enum Page {
    Metrics,
    Health,
    Ready,
}

fn judged(verdict: Verdict) -> Response<Full<Bytes>> {
    let status = if verdict.well { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    response(status, JSON, format!("{}\n", verdict.body))
}

fn response(status: StatusCode, kind: &'static str, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
