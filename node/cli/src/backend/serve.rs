//! The questions of `rpc/server`, one line each: disk is read on threads that may wait.

use super::Node;
use super::reads::{AT_ONCE, RUNS_AT_ONCE, Readers};
use super::tx::refused;
use super::wallet::{page, place};
use async_trait::async_trait;
use leither_engine::Listener;
use leither_net::PeerId;
use leither_rpc_api::*;
use leither_rpc_server::{Answer, Backend};
use leither_types::Hash;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, watch};
use tokio::time::Instant;

/// What the RPC server is given: the node, shared.
#[derive(Clone)]
pub struct Served {
    node: Arc<Node>,
    readers: Readers,
    /// Contracts are asked and trials run on threads of their own: however dear they are, reads go on.
    runs: Readers,
    /// RPC-20: one transaction at a time is done again.
    replay: Arc<Semaphore>,
}

impl Served {
    /// Over a node.
    pub fn new(node: Node) -> Self {
        Self {
            node: Arc::new(node),
            readers: Readers::new(AT_ONCE),
            runs: Readers::new(RUNS_AT_ONCE),
            replay: Arc::new(Semaphore::new(1)),
        }
    }

    /// What is told of the gateway and the socket.
    pub fn places(&self) -> &super::Places {
        &self.node.places
    }

    /// Hears of every pulse from the next one on.
    pub fn listen(&self) -> Listener {
        self.node.engine.listen()
    }

    /// Runs a question off the async threads.
    pub(super) async fn ask<T: Send + 'static>(&self, question: impl FnOnce(&Node) -> Answer<T> + Send + 'static) -> Answer<T> {
        let node = self.node.clone();
        self.readers.ask(move || question(&node)).await
    }

    /// The same for what runs contracts.
    async fn run<T: Send + 'static>(&self, question: impl FnOnce(&Node) -> Answer<T> + Send + 'static) -> Answer<T> {
        let node = self.node.clone();
        self.runs.ask(move || question(&node)).await
    }
}

/// Peers in id order. A place in the list is an id, so that who comes or goes between two pages shifts nobody.
fn peers(mut connected: Vec<PeerId>, after: Option<PeerId>, limit: usize, height: u64) -> Page<PeerView> {
    connected.sort_unstable();
    let view = |id: PeerId| PeerView { peer: id.to_string(), swarm: "data".into() };
    let rest = connected.into_iter().filter(|id| after.is_none_or(|after| *id > after));
    page(rest.take(limit + 1).map(|id| (id, view(id))).collect(), limit, height, PeerId::to_string)
}

#[async_trait]
impl Backend for Served {
    fn head(&self) -> watch::Receiver<u64> {
        self.node.heights.clone()
    }

    async fn pulse(&self, height: u64) -> Answer<Option<Pulse>> {
        self.ask(move |node| node.pulse_at(height)).await
    }

    async fn oldest_pulse(&self) -> Answer<u64> {
        Ok(1)
    }

    async fn chain_get_info(&self) -> Answer<ChainInfo> {
        self.ask(|node| node.read(|at| node.info(at))).await
    }

    async fn chain_get_head(&self) -> Answer<Header> {
        self.ask(|node| node.final_header(&BlockRef::Latest).map(|found| found.header)).await
    }

    async fn chain_get_header(&self, block: BlockRef) -> Answer<FinalHeader> {
        self.ask(move |node| node.final_header(&block)).await
    }

    async fn chain_get_block(&self, block: BlockRef, from: u32, limit: usize) -> Answer<Block> {
        self.ask(move |node| node.block(&block, from, limit)).await
    }

    async fn tx_submit(&self, raw: Vec<u8>) -> Answer<Hash> {
        self.node.engine.submit(raw).await.map_err(|e| refused(&e))
    }

    async fn tx_submit_batch(&self, raws: Vec<Vec<u8>>) -> Answer<Vec<Answer<Hash>>> {
        let answers = self.node.engine.submit_many(raws).await.map_err(|e| refused(&e))?;
        Ok(answers.into_iter().map(|answer| answer.map_err(|e| refused(&e))).collect())
    }

    async fn tx_wait(&self, tx: Hash, timeout_ms: u32) -> Answer<TxView> {
        let until = Instant::now() + Duration::from_millis(timeout_ms.into());
        let mut heights = self.node.heights.clone();
        // Whether it has waited here, and whether it was gone when last looked for.
        let (mut waited, mut gone) = (false, false);
        loop {
            // Marked as seen before looking, so that a block that comes meanwhile wakes the wait below.
            heights.borrow_and_update();
            let found = self.ask(move |node| node.tx_view(&tx)).await?;
            match found {
                Some(view) if view.status != TxStatus::Pending => return Ok(view),
                Some(view) if Instant::now() >= until => return Ok(view),
                Some(_) => (waited, gone) = (true, false),
                None if gone => return Err(Node::displaced_tx(&tx)),
                None if Instant::now() >= until => return Err(Node::unknown_tx(&tx)),
                // It may have come into a block between the look at the blocks and the look at the pool.
                None if waited => {
                    gone = true;
                    continue;
                }
                None => {}
            }
            let changed = tokio::time::timeout_at(until, heights.changed()).await;
            if matches!(changed, Ok(Err(_))) {
                return Err(ApiError::new(Reason::NotReady, "the node is stopping"));
            }
        }
    }

    async fn tx_get(&self, tx: Hash) -> Answer<TxView> {
        self.ask(move |node| node.tx_view(&tx)?.ok_or_else(|| Node::unknown_tx(&tx))).await
    }

    async fn tx_simulate(&self, raw: Vec<u8>) -> Answer<Simulation> {
        self.run(move |node| node.read(|at| node.simulated(at, &raw))).await
    }

    async fn tx_trace(&self, tx: Hash) -> Answer<Trace> {
        let busy = || ApiError::new(Reason::Busy, "another transaction is being traced: ask again in a moment");
        let only = self.replay.clone().try_acquire_owned().map_err(|_| busy())?;
        self.ask(move |node| {
            let answer = node.traced(&tx);
            drop(only);
            answer
        })
        .await
    }

    async fn tx_describe(&self, raw: Vec<u8>) -> Answer<Description> {
        self.ask(move |node| node.described(&raw)).await
    }

    async fn account_get(&self, account: Account) -> Answer<AccountView> {
        self.ask(move |node| node.read(|at| node.account(at, account.0))).await
    }

    async fn account_get_history(&self, ask: GetHistory) -> Answer<Page<HistoryEntry>> {
        self.ask(move |node| node.history(&ask)).await
    }

    async fn state_get_proof(&self, ask: GetProof) -> Answer<Proof> {
        self.ask(move |node| node.proof(&ask)).await
    }

    async fn token_get(&self, token: TokenRef) -> Answer<TokenView> {
        self.ask(move |node| node.read(|at| node.token(at, &token))).await
    }

    async fn token_get_balance(&self, token: TokenRef, account: Account) -> Answer<BalanceView> {
        self.ask(move |node| node.read(|at| node.balance_of(at, &token, account.0))).await
    }

    async fn token_get_holders(&self, ask: GetHolders) -> Answer<Page<Holder>> {
        self.ask(move |node| node.read(|at| node.holders(at, &ask))).await
    }

    async fn org_get(&self, org: OrgRef) -> Answer<OrgView> {
        self.ask(move |node| node.read(|at| node.org(at, &org))).await
    }

    async fn org_list(&self, ask: GetPage) -> Answer<Page<OrgSummary>> {
        self.ask(move |node| node.read(|at| node.orgs(at, &ask))).await
    }

    async fn org_get_members(&self, ask: GetOrgPage) -> Answer<Page<MemberView>> {
        self.ask(move |node| node.read(|at| node.members(at, &ask))).await
    }

    async fn org_get_applications(&self, ask: GetOrgPage) -> Answer<Page<ApplicationView>> {
        self.ask(move |node| node.read(|at| node.applications(at, &ask))).await
    }

    async fn org_get_ledger(&self, ask: GetOrgPage) -> Answer<Page<LedgerEntry>> {
        self.ask(move |node| node.read(|at| node.ledger(at, &ask))).await
    }

    async fn org_get_proposals(&self, ask: GetOrgPage) -> Answer<Page<ProposalView>> {
        self.ask(move |node| node.read(|at| node.proposals(at, &ask))).await
    }

    async fn mimei_get(&self, mimei: MimeiKey) -> Answer<MimeiView> {
        self.ask(move |node| node.read(|at| node.mimei(at, mimei.0))).await
    }

    async fn mimei_get_rights(&self, ask: GetMimeiRights) -> Answer<RightsView> {
        self.ask(move |node| node.read(|at| node.mimei_rights(at, ask))).await
    }

    async fn mimei_get_versions(&self, ask: GetMimeiPage) -> Answer<Page<VersionView>> {
        self.ask(move |node| node.read(|at| node.versions(at, &ask))).await
    }

    async fn mimei_get_references(&self, ask: GetMimeiPage) -> Answer<Page<ReferenceView>> {
        self.ask(move |node| node.read(|at| node.references(at, &ask))).await
    }

    async fn mimei_list(&self, ask: ListMimei) -> Answer<Page<MimeiSummary>> {
        self.ask(move |node| node.read(|at| node.mimeis(at, &ask))).await
    }

    async fn stream_get(&self, stream: u64) -> Answer<StreamView> {
        self.ask(move |node| node.read(|at| node.stream(at, stream))).await
    }

    async fn stream_list(&self, ask: ListStreams) -> Answer<Page<StreamView>> {
        self.ask(move |node| node.read(|at| node.streams(at, &ask))).await
    }

    async fn contract_get(&self, contract: Account) -> Answer<ContractView> {
        self.ask(move |node| node.read(|at| node.contract(at, contract.0))).await
    }

    async fn contract_query(&self, ask: QueryContract) -> Answer<ContractAnswer> {
        self.run(move |node| node.read(|at| node.contract_answer(at, &ask))).await
    }

    async fn contract_get_code(&self, ask: GetCode) -> Answer<CodeView> {
        self.ask(move |node| node.read(|at| node.code(at, &ask))).await
    }

    async fn contract_list(&self, ask: ListContracts) -> Answer<Page<Account>> {
        self.ask(move |node| node.read(|at| node.contracts(at, &ask))).await
    }

    async fn validator_list(&self) -> Answer<ValidatorList> {
        self.ask(|node| node.read(|at| node.validators(at))).await
    }

    async fn node_get_status(&self) -> Answer<NodeStatus> {
        let data_peers = match &self.node.net {
            Some(net) => net.peers_known().await.len(),
            None => 0,
        };
        self.ask(move |node| node.status(data_peers)).await
    }

    async fn node_get_peers(&self, ask: GetPage) -> Answer<Page<PeerView>> {
        let limit = Limit::of(ask.limit);
        let after = place::<PeerId>(&ask.after)?;
        let connected = match &self.node.net {
            Some(net) => net.peers().await,
            None => Vec::new(),
        };
        let height = *self.node.heights.borrow();
        Ok(peers(connected, after, limit, height))
    }

    async fn dev_get_accounts(&self) -> Answer<DevAccounts> {
        self.ask(|node| node.read(|at| node.dev_accounts(at))).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peers_are_listed_by_id_whoever_comes_and_goes() {
        let mut all: Vec<PeerId> = (0..7).map(|_| PeerId::random()).collect();
        let first = peers(all.clone(), None, 3, 5);
        let after = place::<PeerId>(&first.next).unwrap();
        // One that was listed goes, and the others come in another order.
        all.retain(|id| id.to_string() != first.items[0].peer);
        all.reverse();
        let second = peers(all.clone(), after, 9, 6);
        assert_eq!((first.items.len(), second.items.len(), second.next), (3, 4, None));
        let mut listed: Vec<String> = first.items.into_iter().chain(second.items).map(|view| view.peer).skip(1).collect();
        let mut wanted: Vec<String> = all.iter().map(ToString::to_string).collect();
        listed.sort();
        wanted.sort();
        assert_eq!(listed, wanted);
        assert!(place::<PeerId>(&Some(Cursor::new("no id"))).is_err());
    }
}
