//! One handler a method: read the parameters, ask the node, answer in time.

use crate::backend::{Answer, Backend};
use crate::follow::Feed;
use jsonrpsee::RpcModule;
use jsonrpsee::core::SubscriptionError;
use jsonrpsee::server::{Methods, PendingSubscriptionSink, RegisterMethodError};
use leither_rpc_api::methods::*;
use leither_rpc_api::*;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

type Node = Arc<dyn Backend>;

/// What every handler needs.
struct Desk {
    node: Node,
    feed: Feed,
    query_timeout: Duration,
    document: Value,
}

struct Table(RpcModule<Desk>);

/// A handler for each method of `leither_rpc_api::methods::ALL`.
pub(crate) fn table(node: Node, query_timeout: Duration, behind_max: u64) -> Result<Methods, RegisterMethodError> {
    let feed = Feed::new(node.clone(), behind_max);
    let mut t = Table(RpcModule::new(Desk { node, feed, query_timeout, document: document() }));

    t.on(&CHAIN_GET_INFO, |n, _| async move { n.chain_get_info().await })?;
    t.on(&CHAIN_GET_HEAD, |n, _| async move { n.chain_get_head().await })?;
    t.on(&CHAIN_GET_HEADER, |n, p| async move { n.chain_get_header(p.block).await })?;
    t.on(&CHAIN_GET_BLOCK, |n, p| async move {
        n.chain_get_block(p.block, p.from.unwrap_or(0), BlockTxLimit::of(p.limit)).await
    })?;
    t.on(&TX_SUBMIT, |n, p| async move { n.tx_submit(p.raw.0).await.map(|id| Submitted { tx: id.into() }) })?;
    t.on(&TX_SUBMIT_BATCH, |n, p| async move { submit_batch(n, p).await })?;
    t.on(&TX_GET, |n, p| async move { n.tx_get(p.tx.0).await })?;
    t.on(&TX_SIMULATE, |n, p| async move { n.tx_simulate(p.raw.0).await })?;
    t.on(&TX_TRACE, |n, p| async move { n.tx_trace(p.tx.0).await })?;
    t.on(&TX_DESCRIBE, |n, p| async move { n.tx_describe(p.raw.0).await })?;
    t.on(&ACCOUNT_GET, |n, p| async move { n.account_get(p.account).await })?;
    t.on(&ACCOUNT_GET_HISTORY, |n, p| async move { n.account_get_history(p).await })?;
    t.on(&STATE_GET_PROOF, |n, p| async move { n.state_get_proof(p).await })?;
    t.on(&TOKEN_GET, |n, p| async move { n.token_get(p.token).await })?;
    t.on(&TOKEN_GET_BALANCE, |n, p| async move { n.token_get_balance(p.token, p.account).await })?;
    t.on(&TOKEN_GET_HOLDERS, |n, p| async move { n.token_get_holders(p).await })?;
    t.on(&ORG_GET, |n, p| async move { n.org_get(p.org).await })?;
    t.on(&ORG_LIST, |n, p| async move { n.org_list(p).await })?;
    t.on(&ORG_GET_MEMBERS, |n, p| async move { n.org_get_members(p).await })?;
    t.on(&ORG_GET_APPLICATIONS, |n, p| async move { n.org_get_applications(p).await })?;
    t.on(&ORG_GET_LEDGER, |n, p| async move { n.org_get_ledger(p).await })?;
    t.on(&ORG_GET_PROPOSALS, |n, p| async move { n.org_get_proposals(p).await })?;
    t.on(&MIMEI_GET, |n, p| async move { n.mimei_get(p.mimei).await })?;
    t.on(&MIMEI_GET_RIGHTS, |n, p| async move { n.mimei_get_rights(p).await })?;
    t.on(&MIMEI_GET_VERSIONS, |n, p| async move { n.mimei_get_versions(p).await })?;
    t.on(&MIMEI_GET_REFERENCES, |n, p| async move { n.mimei_get_references(p).await })?;
    t.on(&MIMEI_LIST, |n, p| async move { n.mimei_list(p).await })?;
    t.on(&STREAM_GET, |n, p| async move { n.stream_get(p.stream.0).await })?;
    t.on(&STREAM_LIST, |n, p| async move { n.stream_list(p).await })?;
    t.on(&CONTRACT_GET, |n, p| async move { n.contract_get(p.contract).await })?;
    t.on(&CONTRACT_QUERY, |n, p| async move { n.contract_query(p).await })?;
    t.on(&CONTRACT_GET_CODE, |n, p| async move { n.contract_get_code(p).await })?;
    t.on(&CONTRACT_LIST, |n, p| async move { n.contract_list(p).await })?;
    t.on(&VALIDATOR_LIST, |n, _| async move { n.validator_list().await })?;
    t.on(&NODE_GET_STATUS, |n, _| async move { n.node_get_status().await })?;
    t.on(&NODE_GET_PEERS, |n, p| async move { n.node_get_peers(p).await })?;
    t.on(&DEV_GET_ACCOUNTS, |n, _| async move { n.dev_get_accounts().await })?;
    t.on_wait()?;
    t.on_discover()?;
    t.on_subscribe()?;
    Ok(t.0.into())
}

impl Table {
    fn on<P, R, F, A>(&mut self, method: &Method<P, R>, ask: F) -> Result<(), RegisterMethodError>
    where
        P: DeserializeOwned + Send + 'static,
        R: Serialize + Clone + Send + 'static,
        F: Fn(Node, P) -> A + Clone + Send + Sync + 'static,
        A: Future<Output = Answer<R>> + Send,
    {
        let handler = self.0.register_async_method(method.name, move |params, desk, _| {
            let ask = ask.clone();
            async move {
                let params = parse_params::<P>(params.as_str())?;
                in_time(desk.query_timeout, ask(desk.node.clone(), params)).await
            }
        });
        handler.map(drop)
    }

    fn on_wait(&mut self) -> Result<(), RegisterMethodError> {
        let handler = self.0.register_async_method(TX_WAIT.name, |params, desk, _| async move {
            let WaitTx { tx, timeout_ms } = parse_params(params.as_str())?;
            let limit = desk.query_timeout + Duration::from_millis(timeout_ms.ms().into());
            in_time(limit, desk.node.tx_wait(tx.0, timeout_ms.ms())).await
        });
        handler.map(drop)
    }

    fn on_discover(&mut self) -> Result<(), RegisterMethodError> {
        let handler = self.0.register_method(RPC_DISCOVER.name, |params, desk, _| {
            parse_params::<NoParams>(params.as_str()).map(|_| desk.document.clone())
        });
        handler.map(drop)
    }

    fn on_subscribe(&mut self) -> Result<(), RegisterMethodError> {
        let Kind::Subscription { notification, end } = CHAIN_SUBSCRIBE.kind else { return Ok(()) };
        let open = |params: jsonrpsee::types::Params<'static>, pending: PendingSubscriptionSink, desk: Arc<Desk>, _| async move {
            match parse_params::<Subscribe>(params.as_str()) {
                Ok(ask) => desk.feed.follow(pending, ask).await,
                Err(refusal) => {
                    pending.reject(refusal).await;
                    Ok::<(), SubscriptionError>(())
                }
            }
        };
        self.0.register_subscription(CHAIN_SUBSCRIBE.name, notification, end, open).map(drop)
    }
}

async fn in_time<R>(limit: Duration, answer: impl Future<Output = Answer<R>>) -> Answer<R> {
    let late = || ApiError::new(Reason::Timeout, format!("no answer within {} s: ask for less, or try again", limit.as_secs()));
    timeout(limit, answer).await.unwrap_or_else(|_| Err(late()))
}

async fn submit_batch(node: Node, batch: RawTxBatch) -> Answer<Vec<BatchItem>> {
    let raws = batch.raws.into_vec().into_iter().map(|raw| raw.0).collect();
    let item = |outcome: Answer<leither_types::Hash>| match outcome {
        Ok(id) => BatchItem::Taken(Submitted { tx: id.into() }),
        Err(refusal) => BatchItem::Refused { error: refusal.into() },
    };
    Ok(node.tx_submit_batch(raws).await?.into_iter().map(item).collect())
}
