//! The server over real sockets, in front of a small made-up node.

mod backend;
mod http;
mod methods;
mod subscription;

use backend::Fake;
use leither_rpc_server::{Config, RpcServer};
use std::sync::Arc;

/// A server on a free port; `adjust` changes its settings.
async fn server(adjust: impl FnOnce(&mut Config)) -> (RpcServer, Arc<Fake>) {
    let fake = Arc::new(Fake::new());
    let mut config = Config::new(([127, 0, 0, 1], 0).into());
    adjust(&mut config);
    (RpcServer::start(config, fake.clone()).await.unwrap(), fake)
}
