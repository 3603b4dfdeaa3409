//! A typed client: the only part of this crate that opens sockets.
//!
//! ```no_run
//! # async fn example() -> Result<(), leither_rpc_api::ClientError> {
//! use leither_rpc_api::{Client, NoParams, methods};
//! let client = Client::connect("http://127.0.0.1:4802").await?;
//! println!("{}", client.call(&methods::CHAIN_GET_HEAD, NoParams {}).await?.height);
//! # Ok(())
//! # }
//! ```

use crate::{Kind, Method, types::WAIT_MS_MAX};
use jsonrpsee::core::client::{ClientT, Error, Subscription, SubscriptionClientT};
use jsonrpsee::core::traits::ToRpcParams;
use jsonrpsee::http_client::{HttpClient, HttpClientBuilder};
use jsonrpsee::types::ErrorObjectOwned;
use jsonrpsee::ws_client::{WsClient, WsClientBuilder};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value};
use std::{marker::PhantomData, time::Duration};

/// Requests are no longer than the server takes.
const REQUEST_BYTES_MAX: u32 = 2 * 1024 * 1024;
/// Answers are no longer than the server gives.
const RESPONSE_BYTES_MAX: u32 = 10 * 1024 * 1024;
/// Longer than the longest `tx_wait`.
const REQUEST_TIMEOUT: Duration = Duration::from_millis(WAIT_MS_MAX as u64 + 15_000);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Why a call gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// No node answers there.
    #[error("cannot reach the node at {url}: is it running? start it with `leither run` ({cause})")]
    Unreachable {
        /// Where it was looked for.
        url: String,
        /// What the system said.
        cause: String,
    },
    /// The node answered that it will not.
    #[error("{message}")]
    Refused {
        /// The JSON-RPC code.
        code: i32,
        /// The stable machine word; empty where the other end gave none.
        reason: String,
        /// The sentence.
        message: String,
        /// Everything in the error's `data`.
        data: Map<String, Value>,
    },
    /// The node did not answer in time.
    #[error("the node at {url} did not answer in time: try again, or look at its log")]
    Timeout {
        /// Which node.
        url: String,
    },
    /// What answered there does not speak this interface.
    #[error("what answers at {url} is no Leither node of this version: {cause}")]
    Protocol {
        /// Where.
        url: String,
        /// What was wrong.
        cause: String,
    },
    /// The address cannot be used.
    #[error("`{url}` is no address of a node: expected http://HOST:PORT or ws://HOST:PORT")]
    Address {
        /// What was given.
        url: String,
    },
}

enum Transport {
    Http(HttpClient),
    Ws(WsClient),
}

/// A connection to a node.
pub struct Client {
    url: String,
    transport: Transport,
}

/// Parameters that are JSON already.
struct Ready(Box<RawValue>);

impl ToRpcParams for Ready {
    fn to_rpc_params(self) -> Result<Option<Box<RawValue>>, serde_json::Error> {
        Ok(Some(self.0))
    }
}

impl Client {
    /// Prepares calls to `http://…` (a connection is made when first needed) or connects to `ws://…` at once.
    pub async fn connect(url: &str) -> Result<Self, ClientError> {
        let url = url.trim_end_matches('/').to_owned();
        let transport = match url.split_once("://") {
            Some(("http" | "https", _)) => HttpClientBuilder::new()
                .max_request_size(REQUEST_BYTES_MAX)
                .max_response_size(RESPONSE_BYTES_MAX)
                .request_timeout(REQUEST_TIMEOUT)
                .connect_timeout(CONNECT_TIMEOUT)
                .build(&url)
                .map(Transport::Http)
                .map_err(|_| ClientError::Address { url: url.clone() })?,
            Some(("ws" | "wss", _)) => Transport::Ws(open(&url, &url).await?),
            _ => return Err(ClientError::Address { url }),
        };
        Ok(Self { url, transport })
    }

    /// Calls a method.
    pub async fn call<P: Serialize, R: DeserializeOwned>(&self, method: &Method<P, R>, params: P) -> Result<R, ClientError> {
        let params = to_raw_value(&params).map_err(|e| self.failure(Error::ParseError(e)))?;
        self.call_named(method.name, params).await
    }

    /// Calls a method by its name, for tools that pass on what they are given. `params` is an object or an array.
    pub async fn call_named<R: DeserializeOwned>(&self, name: &str, params: Box<RawValue>) -> Result<R, ClientError> {
        let answer = match &self.transport {
            Transport::Http(client) => client.request(name, Ready(params)).await,
            Transport::Ws(client) => client.request(name, Ready(params)).await,
        };
        answer.map_err(|e| self.failure(e))
    }

    /// Opens a subscription. Over `http://` a WebSocket to the same address is opened for it.
    pub async fn subscribe<P: Serialize, N: DeserializeOwned>(
        &self,
        method: &Method<P, N>,
        params: P,
    ) -> Result<Notices<N>, ClientError> {
        let Kind::Subscription { end, .. } = method.kind else {
            return Err(ClientError::Protocol { url: self.url.clone(), cause: format!("`{}` is no subscription", method.name) });
        };
        let raw = to_raw_value(&params).map_err(|e| self.failure(Error::ParseError(e)))?;
        let (opened, own) = match &self.transport {
            Transport::Ws(client) => (client.subscribe(method.name, Ready(raw), end).await, None),
            Transport::Http(_) => {
                let client = open(&self.url.replacen("http", "ws", 1), &self.url).await?;
                (client.subscribe(method.name, Ready(raw), end).await, Some(client))
            }
        };
        let inner = opened.map_err(|e| self.failure(e))?;
        Ok(Notices { url: self.url.clone(), inner, _own: own, kind: PhantomData })
    }

    /// Where this client connects to.
    pub fn url(&self) -> &str {
        &self.url
    }

    fn failure(&self, error: Error) -> ClientError {
        failure(&self.url, error)
    }
}

async fn open(ws_url: &str, url: &str) -> Result<WsClient, ClientError> {
    WsClientBuilder::new()
        .max_request_size(REQUEST_BYTES_MAX)
        .max_response_size(RESPONSE_BYTES_MAX)
        .request_timeout(REQUEST_TIMEOUT)
        .connection_timeout(CONNECT_TIMEOUT)
        .build(ws_url)
        .await
        .map_err(|e| failure(url, e))
}

fn failure(url: &str, error: Error) -> ClientError {
    let url = url.to_owned();
    match error {
        Error::Call(refusal) => refused(&refusal),
        Error::RequestTimeout => ClientError::Timeout { url },
        Error::Transport(cause) => unreachable_or_other(url, innermost(cause.as_ref())),
        Error::RestartNeeded(cause) => ClientError::Unreachable { url, cause: format!("the connection broke: {cause}") },
        Error::ServiceDisconnect => ClientError::Unreachable { url, cause: "the connection broke".to_owned() },
        other => ClientError::Protocol { url, cause: other.to_string() },
    }
}

/// A status that an HTTP server gave means that somebody is there, only not a node that takes this request.
fn unreachable_or_other(url: String, cause: String) -> ClientError {
    if cause.contains("status code") || cause.contains("rejected") {
        ClientError::Protocol { url, cause }
    } else {
        ClientError::Unreachable { url, cause }
    }
}

/// The last of a chain of causes says what the system said.
fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut last = error;
    while let Some(next) = last.source() {
        last = next;
    }
    last.to_string()
}

fn refused(error: &ErrorObjectOwned) -> ClientError {
    let data = error.data().and_then(|raw| serde_json::from_str::<Value>(raw.get()).ok());
    let data = match data {
        Some(Value::Object(data)) => data,
        _ => Map::new(),
    };
    let reason = data.get("reason").and_then(Value::as_str).unwrap_or_default().to_owned();
    ClientError::Refused { code: error.code(), reason, message: error.message().to_owned(), data }
}

/// What a subscription tells, one after the other.
pub struct Notices<N> {
    url: String,
    inner: Subscription<Box<RawValue>>,
    /// A WebSocket that was opened for this subscription alone lives as long as it.
    _own: Option<WsClient>,
    kind: PhantomData<fn() -> N>,
}

impl<N: DeserializeOwned> Notices<N> {
    /// The next one; an error where the connection broke: subscribe again from one after the last height that was seen.
    pub async fn next(&mut self) -> Result<N, ClientError> {
        match self.inner.next().await {
            Some(Ok(raw)) => {
                serde_json::from_str(raw.get()).map_err(|e| ClientError::Protocol { url: self.url.clone(), cause: e.to_string() })
            }
            Some(Err(e)) => Err(ClientError::Protocol { url: self.url.clone(), cause: e.to_string() }),
            None => Err(ClientError::Unreachable { url: self.url.clone(), cause: "the subscription ended".to_owned() }),
        }
    }
}
