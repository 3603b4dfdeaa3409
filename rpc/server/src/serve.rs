use crate::backend::Backend;
use crate::config::{Config, ConfigError};
use crate::flow::Open;
use crate::gate::{Caller, GateLayer, Rules};
use crate::guard::Guard;
use crate::limits::{Limits, Seat};
use crate::methods;
use crate::stream::Stream;
use http::header::{self, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use jsonrpsee::core::middleware::RpcServiceBuilder;
use jsonrpsee::server::{
    BatchRequestConfig, HttpBody, MethodResponse, Methods, PingConfig, RegisterMethodError, Server, ServerConfig, ServerHandle,
    StopHandle, TowerService, TowerServiceBuilder, stop_channel, ws,
};
use jsonrpsee::types::{ErrorObjectOwned, Id};
use leither_rpc_api::{ApiError, Reason};
use std::convert::Infallible;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tower::Service;
use tower::layer::util::{Identity, Stack};

/// Messages that wait to be written to one WebSocket.
const WS_QUEUE: u32 = 16;
/// How long open connections may take to finish when the server stops.
const FAREWELL: Duration = Duration::from_secs(3);
/// A request's head is no longer than this.
const HEAD_BYTES_MAX: usize = 64 * 1024;

const HELP: &str = "This is a Leither node's JSON-RPC. Ask it like this:\n\
    curl -H 'content-type: application/json' -d '{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"chain_getInfo\"}' http://127.0.0.1:4802\n\
    rpc.discover lists the methods; chain_subscribe needs a WebSocket.\n";

/// Why the server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The settings cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The address cannot be listened on.
    #[error("cannot listen on {listen}: {cause}; is another node running? set rpc.listen to another port")]
    Bind {
        /// Where.
        listen: SocketAddr,
        /// What the system said.
        cause: std::io::Error,
    },
    /// Two methods of one name: a mistake in this program.
    #[error("the methods' table is wrong: {0}")]
    Table(#[from] RegisterMethodError),
}

type Rpc = TowerService<Stack<GateLayer, Identity>, Identity>;
type RpcBuilder = TowerServiceBuilder<Stack<GateLayer, Identity>, Identity>;

/// A running server.
pub struct RpcServer {
    address: SocketAddr,
    stop: ServerHandle,
    accepting: JoinHandle<()>,
}

impl RpcServer {
    /// RPC-1: listens, and answers HTTP and WebSocket on one port from now on.
    pub async fn start(config: Config, node: Arc<dyn Backend>) -> Result<Self, StartError> {
        config.check()?;
        let bind = |cause| StartError::Bind { listen: config.listen, cause };
        let listener = TcpListener::bind(config.listen).await.map_err(bind)?;
        let address = listener.local_addr().map_err(bind)?;
        let guard = Guard::new(&config, address)?;
        let methods = methods::table(node, config.query_timeout, config.behind_max)?;
        let limits = Arc::new(Limits::new(&config));
        let rules = Rules::new(limits.clone(), config.calls_max, config.response_bytes_max as usize);
        let ping = PingConfig::new().ping_interval(Duration::from_secs(20)).inactive_limit(Duration::from_secs(60));
        let protocol = ServerConfig::builder()
            .max_request_body_size(config.body_bytes_max)
            .max_response_body_size(config.response_bytes_max)
            .max_connections(u32::try_from(config.connections_max).unwrap_or(u32::MAX))
            .max_subscriptions_per_connection(config.subscriptions_max)
            .set_batch_request_config(BatchRequestConfig::Limit(config.batch_max))
            .set_message_buffer_capacity(WS_QUEUE)
            .enable_ws_ping(ping)
            .build();
        let rpc = Server::builder()
            .set_config(protocol)
            .set_rpc_middleware(RpcServiceBuilder::new().layer(GateLayer(Arc::new(rules))))
            .to_service_builder();
        let (stopped, stop) = stop_channel();
        let house = Arc::new(House { guard, limits, methods, seats: Arc::new(Semaphore::new(config.connections_max)), config });
        let accepting = tokio::spawn(accept(listener, house, rpc, stopped));
        Ok(Self { address, stop, accepting })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes no more connections, lets the open ones finish for a moment, and ends.
    pub async fn stop(self) {
        // An error only says that it has stopped already.
        let _ = self.stop.stop();
        let _ = self.accepting.await;
    }
}

/// What all connections share.
struct House {
    guard: Guard,
    limits: Arc<Limits>,
    methods: Methods,
    seats: Arc<Semaphore>,
    config: Config,
}

async fn accept(listener: TcpListener, house: Arc<House>, rpc: RpcBuilder, stopped: StopHandle) {
    let all = house.config.connections_max as u32;
    let end = stopped.clone().shutdown();
    tokio::pin!(end);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut end => break,
        };
        let (socket, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Mostly "too many open files": it passes when connections end.
                tracing::warn!(%error, "the RPC port could not take a connection");
                sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let seats = house.seats.clone().try_acquire_owned().ok().zip(house.limits.connection(peer.ip()));
        let Some(seats) = seats else {
            turn_away(socket);
            continue;
        };
        let rpc = rpc.clone().build(house.methods.clone(), stopped.clone());
        tokio::spawn(connection(socket, peer, house.clone(), rpc, seats, stopped.clone()));
    }
    drop(listener);
    // Every connection holds a seat: when all are free again, all have ended.
    let _ = timeout(FAREWELL, house.seats.acquire_many(all)).await;
}

/// Says why in the one packet that fits without waiting.
fn turn_away(socket: TcpStream) {
    const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\ncontent-length: 53\r\n\r\n\
        Too many connections: try again later or reuse them.\n";
    // A fresh socket has room for it; who does not listen is not waited for.
    let _ = socket.into_std().and_then(|mut socket| socket.write(FULL));
}

async fn connection(
    socket: TcpStream,
    peer: SocketAddr,
    house: Arc<House>,
    rpc: Rpc,
    seats: (OwnedSemaphorePermit, Seat),
    stopped: StopHandle,
) {
    // Without it small answers wait for the client's acknowledgement.
    if socket.set_nodelay(true).is_err() {
        return;
    }
    let idle = house.config.idle_timeout;
    let seats = Seated(Arc::new(seats));
    let open = Arc::new(Open::new());
    let service = service_fn(|request: Request<Incoming>| {
        let caller = Caller { ip: peer.ip(), websocket: false, open: open.clone() };
        let (house, rpc, seats) = (house.clone(), rpc.clone(), seats.clone());
        async move { Ok::<_, Infallible>(answer(request, caller, &house, rpc, seats).await) }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(idle).max_buf_size(HEAD_BYTES_MAX);
    let serving = http.serve_connection(TokioIo::new(Stream::new(socket, open.clone(), idle)), service).with_upgrades();
    tokio::pin!(serving);
    tokio::select! {
        done = &mut serving => if let Err(error) = done { tracing::debug!(%peer, %error, "an RPC connection broke") },
        () = stopped.shutdown() => {
            serving.as_mut().graceful_shutdown();
            let _ = timeout(FAREWELL, serving).await;
        }
    }
}

async fn answer(
    request: Request<Incoming>,
    mut caller: Caller,
    house: &House,
    mut rpc: Rpc,
    seats: Seated,
) -> Response<HttpBody> {
    let origin = match house.guard.check(request.headers(), request.uri()) {
        Ok(origin) => origin,
        Err(sentence) => {
            let mut response = text(StatusCode::FORBIDDEN, sentence);
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            return response;
        }
    };
    let mut response = if request.method() == Method::OPTIONS && origin.is_some() {
        preflight()
    } else if ws::is_upgrade_request(&request) {
        caller.websocket = true;
        // The upgraded connection outlives this request: it keeps the seat.
        let request = ready(request.into_parts().0, Bytes::new(), caller, seats);
        call(&mut rpc, request).await
    } else if request.method() != Method::POST {
        text(StatusCode::METHOD_NOT_ALLOWED, HELP.to_owned())
    } else if !is_json(&request) {
        text(StatusCode::UNSUPPORTED_MEDIA_TYPE, "The request must say `content-type: application/json`.\n".to_owned())
    } else {
        let (parts, body) = request.into_parts();
        match read(body, &house.config).await {
            Ok(body) => call(&mut rpc, ready(parts, body, caller, seats)).await,
            Err(refusal) => *refusal,
        }
    };
    if let Some(origin) = origin {
        response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        response.headers_mut().insert(header::VARY, HeaderValue::from_static("origin"));
    }
    response
}

fn ready(mut parts: http::request::Parts, body: Bytes, caller: Caller, seats: Seated) -> Request<Full<Bytes>> {
    parts.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    parts.extensions.insert(caller);
    parts.extensions.insert(seats);
    Request::from_parts(parts, Full::new(body))
}

/// A connection's seats, among all and among those of its address, taken as long as anything that came over it is at work.
#[derive(Clone)]
struct Seated(#[allow(dead_code, reason = "held for its drop")] Arc<(OwnedSemaphorePermit, Seat)>);

async fn call(rpc: &mut Rpc, request: Request<Full<Bytes>>) -> Response<HttpBody> {
    match rpc.call(request).await {
        Ok(response) => response,
        Err(error) => {
            tracing::warn!(%error, "an RPC request could not be answered");
            text(StatusCode::INTERNAL_SERVER_ERROR, "The node could not answer: see its log.\n".to_owned())
        }
    }
}

/// Reads a body that is neither too long nor too slow.
async fn read(body: Incoming, config: &Config) -> Result<Bytes, Box<Response<HttpBody>>> {
    let max = config.body_bytes_max as usize;
    match timeout(config.idle_timeout, Limited::new(body, max).collect()).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            let sentence = format!("a request may have {max} bytes at most: send it in parts");
            Err(Box::new(json(StatusCode::PAYLOAD_TOO_LARGE, ApiError::new(Reason::RequestTooLarge, sentence))))
        }
        Ok(Err(_)) => Err(Box::new(text(StatusCode::BAD_REQUEST, "The request broke off.\n".to_owned()))),
        Err(_) => Err(Box::new(text(StatusCode::REQUEST_TIMEOUT, "The request took too long to arrive.\n".to_owned()))),
    }
}

/// A browser asks before it lets a page post JSON elsewhere.
fn preflight() -> Response<HttpBody> {
    let mut response = Response::new(HttpBody::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("POST"));
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("content-type"));
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    response
}

/// RPC-4: pages cannot send this type without asking first: it is a second wall before those of other origins.
fn is_json(request: &Request<Incoming>) -> bool {
    let value = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = value.and_then(|value| value.split(';').next()).unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json") || essence.eq_ignore_ascii_case("application/json-rpc")
}

fn text(status: StatusCode, sentence: String) -> Response<HttpBody> {
    let mut response = Response::new(HttpBody::from(sentence));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

/// A refusal of a request whose id is not known.
fn json(status: StatusCode, refusal: ApiError) -> Response<HttpBody> {
    let (body, _, _) = MethodResponse::error(Id::Null, ErrorObjectOwned::from(refusal)).into_parts();
    let mut response = Response::new(HttpBody::from(String::from(Box::<str>::from(body))));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
