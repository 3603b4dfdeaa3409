//! What every call passes, single or in a batch: is there such a method, may it be called this way, has the connection too many calls
//! unanswered, has the address called too often.

use crate::flow::{Held, Open};
use crate::limits::Limits;
use http::Extensions;
use jsonrpsee::core::middleware::{Batch, BatchEntry, Notification};
use jsonrpsee::server::middleware::rpc::RpcServiceT;
use jsonrpsee::server::{BatchResponseBuilder, MethodResponse};
use jsonrpsee::types::error::{OVERSIZED_RESPONSE_CODE, TOO_BIG_BATCH_RESPONSE_CODE, TOO_MANY_SUBSCRIPTIONS_CODE};
use jsonrpsee::types::{ErrorObjectOwned, Id, Request};
use leither_rpc_api::{ApiError, Kind, Reason, methods};
use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::Arc;
use tower::Layer;

/// Who calls: handed to each request as an extension.
#[derive(Clone)]
pub(crate) struct Caller {
    pub(crate) ip: IpAddr,
    pub(crate) websocket: bool,
    pub(crate) open: Arc<Open>,
}

/// What all connections' gates share.
pub(crate) struct Rules {
    limits: Arc<Limits>,
    calls_max: usize,
    response_bytes_max: usize,
    names: HashSet<&'static str>,
    subscriptions: HashSet<&'static str>,
}

impl Rules {
    pub(crate) fn new(limits: Arc<Limits>, calls_max: usize, response_bytes_max: usize) -> Self {
        let mut names: HashSet<_> = methods::ALL.iter().map(|info| info.name).collect();
        let mut subscriptions = HashSet::new();
        for info in methods::ALL {
            if let Kind::Subscription { end, .. } = info.kind {
                names.insert(end);
                subscriptions.extend([info.name, end]);
            }
        }
        Self { limits, calls_max, response_bytes_max, names, subscriptions }
    }

    /// The outstanding things of the caller's connection, where answers can pile up: on a WebSocket.
    fn open_of(&self, extensions: &Extensions) -> Option<Arc<Open>> {
        extensions.get::<Caller>().filter(|caller| caller.websocket).map(|caller| caller.open.clone())
    }

    fn admit(&self, request: &Request<'_>) -> Result<Held, ApiError> {
        let name = request.method_name();
        if !self.names.contains(name) {
            let shown: String = name.chars().take(60).collect();
            return Err(ApiError::new(
                Reason::UnknownMethod,
                format!("there is no method `{shown}`: rpc.discover lists them all"),
            ));
        }
        let Some(caller) = request.extensions().get::<Caller>() else {
            return Err(ApiError::new(Reason::Internal, "the server lost track of who is calling"));
        };
        if !is_for(name, caller.ip) {
            return Err(ApiError::new(
                Reason::LocalOnly,
                format!("`{name}` answers the node's own machine alone: ask there, or ask a node of your own"),
            ));
        }
        if !caller.websocket && self.subscriptions.contains(name) {
            return Err(ApiError::new(
                Reason::WebsocketOnly,
                format!("`{name}` needs a WebSocket: connect to ws:// at this address"),
            ));
        }
        let bytes = request.params.as_ref().map_or(0, |params| params.get().len());
        self.limits.take(caller.ip, cost(name).saturating_add((bytes / 1024) as u32))?;
        Held::new(&caller.open, bytes, self.calls_max)
    }
}

/// RPC-20: what may take as long as a block, and shows what no receipt does, is for the node's owner.
fn is_for(method: &str, ip: IpAddr) -> bool {
    method != methods::TX_TRACE.name || ip.to_canonical().is_loopback()
}

/// RPC-6: what a call takes from the caller's bucket, beside one unit for each KiB of its parameters.
fn cost(method: &str) -> u32 {
    match method {
        "tx_trace" => 50,
        "chain_getBlock" => 20,
        "tx_simulate" | "state_getProof" | "account_getHistory" | "mimei_getVersions" => 10,
        "rpc.discover" | "chain_subscribe" => 5,
        _ => 1,
    }
}

/// The protocol library's own refusals, in our words and with a reason.
fn worded(id: Id<'_>, answer: MethodResponse) -> MethodResponse {
    let refusal = match answer.as_error_code() {
        Some(OVERSIZED_RESPONSE_CODE | TOO_BIG_BATCH_RESPONSE_CODE) => ApiError::new(
            Reason::ResponseTooLarge,
            "the answer is too long: ask for less at a time (a smaller limit, a smaller batch)",
        ),
        Some(TOO_MANY_SUBSCRIPTIONS_CODE) => ApiError::new(
            Reason::TooManySubscriptions,
            "this connection has as many subscriptions as it may: end one, or open another",
        ),
        _ => return answer,
    };
    MethodResponse::error(id, ErrorObjectOwned::from(refusal))
}

#[derive(Clone)]
pub(crate) struct GateLayer(pub(crate) Arc<Rules>);

impl<S> Layer<S> for GateLayer {
    type Service = Gate<S>;
    fn layer(&self, inner: S) -> Gate<S> {
        Gate { inner: Arc::new(inner), rules: self.0.clone() }
    }
}

pub(crate) struct Gate<S> {
    inner: Arc<S>,
    rules: Arc<Rules>,
}

impl<S> RpcServiceT for Gate<S>
where
    S: RpcServiceT<MethodResponse = MethodResponse, NotificationResponse = MethodResponse> + Send + Sync + 'static,
{
    type MethodResponse = MethodResponse;
    type NotificationResponse = MethodResponse;
    type BatchResponse = MethodResponse;

    fn call<'a>(&self, request: Request<'a>) -> impl Future<Output = MethodResponse> + Send + 'a {
        let (open, inner) = (self.rules.open_of(request.extensions()), self.inner.clone());
        let admitted = self.rules.admit(&request);
        async move {
            let answer = perform(&*inner, open.as_deref(), admitted, request).await;
            // A subscription's answer was written while it was opened.
            if let Some(open) = open.filter(|_| !answer.is_subscription()) {
                open.made(answer.as_json().get().len());
            }
            answer
        }
    }

    fn batch<'a>(&self, batch: Batch<'a>) -> impl Future<Output = MethodResponse> + Send + 'a {
        let (inner, rules) = (self.inner.clone(), self.rules.clone());
        async move {
            let mut answers = BatchResponseBuilder::new_with_limit(rules.response_bytes_max);
            let (mut notified, mut open) = (false, None);
            for entry in batch {
                let answer = match entry {
                    Ok(BatchEntry::Call(request)) => {
                        open = rules.open_of(request.extensions()).or(open);
                        perform(&*inner, open.as_deref(), rules.admit(&request), request).await
                    }
                    Ok(BatchEntry::Notification(_)) => {
                        notified = true;
                        continue;
                    }
                    Err(wrong) => {
                        let (error, id) = wrong.into_parts();
                        MethodResponse::error(id, error)
                    }
                };
                if let Err(too_long) = answers.append(answer) {
                    return worded(Id::Null, too_long);
                }
            }
            // JSON-RPC: a batch of nothing but notifications has no answer; an empty one is an invalid request.
            if notified && answers.is_empty() {
                return MethodResponse::notification();
            }
            let answer = MethodResponse::from_batch(answers.finish());
            if let Some(open) = open {
                open.made(answer.as_json().get().len());
            }
            answer
        }
    }

    fn notification<'a>(&self, notification: Notification<'a>) -> impl Future<Output = MethodResponse> + Send + 'a {
        self.inner.notification(notification)
    }
}

/// Works on one call when it is its turn. Over HTTP each connection has one at a time anyway.
async fn perform<S: RpcServiceT<MethodResponse = MethodResponse>>(
    inner: &S,
    open: Option<&Open>,
    admitted: Result<Held, ApiError>,
    request: Request<'_>,
) -> MethodResponse {
    let id = request.id();
    let held = match admitted {
        Ok(held) => held,
        Err(refusal) => return MethodResponse::error(id, ErrorObjectOwned::from(refusal)),
    };
    // Who waits for a transaction does no work, and must not keep others from it.
    let waits = request.method_name() == methods::TX_WAIT.name;
    let turn = match open.filter(|_| !waits) {
        Some(open) => open.turn().await,
        None => None,
    };
    let answer = worded(id, inner.call(request).await);
    drop((turn, held));
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rpc_20_a_trace_is_for_the_nodes_own_machine() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        for (from, may) in
            [("127.0.0.1", true), ("::1", true), ("::ffff:127.0.0.1", true), ("10.0.0.7", false), ("2001:db8::1", false)]
        {
            assert_eq!(is_for("tx_trace", ip(from)), may, "{from}");
            assert!(is_for("tx_simulate", ip(from)));
        }
    }
}
