use async_trait::async_trait;
use leither_rpc_api::*;
use leither_types::Hash;
use tokio::sync::watch;

/// What the node answers, or why it does not.
pub type Answer<T> = Result<T, ApiError>;

/// The node, as far as the server knows it. Every answer tells of final state only; lists keep to the limits that are asked for.
#[async_trait]
pub trait Backend: Send + Sync + 'static {
    /// The newest final height, and each new one as it becomes final. Heights only grow.
    fn head(&self) -> watch::Receiver<u64>;
    /// A final pulse with its transactions' ids; nothing where the height is not final or no longer kept.
    async fn pulse(&self, height: u64) -> Answer<Option<Pulse>>;
    /// The first height that `pulse` still answers.
    async fn oldest_pulse(&self) -> Answer<u64>;

    /// `chain_getInfo`
    async fn chain_get_info(&self) -> Answer<ChainInfo>;
    /// `chain_getHead`
    async fn chain_get_head(&self) -> Answer<Header>;
    /// `chain_getHeader`
    async fn chain_get_header(&self, block: BlockRef) -> Answer<FinalHeader>;
    /// `chain_getBlock`: at most `limit` transactions from the index `from` on.
    async fn chain_get_block(&self, block: BlockRef, from: u32, limit: usize) -> Answer<Block>;

    /// `tx_submit`: takes the transaction into the pool, or says why not. A known one is taken again without harm.
    async fn tx_submit(&self, raw: Vec<u8>) -> Answer<Hash>;
    /// `tx_submitBatch`: one answer for each, in their order.
    async fn tx_submit_batch(&self, raws: Vec<Vec<u8>>) -> Answer<Vec<Answer<Hash>>>;
    /// `tx_wait`: returns once the transaction is in a final block, or after `timeout_ms` with what is known then.
    async fn tx_wait(&self, tx: Hash, timeout_ms: u32) -> Answer<TxView>;
    /// `tx_get`
    async fn tx_get(&self, tx: Hash) -> Answer<TxView>;
    /// `tx_simulate`
    async fn tx_simulate(&self, raw: Vec<u8>) -> Answer<Simulation>;
    /// `tx_trace`
    async fn tx_trace(&self, tx: Hash) -> Answer<Trace>;
    /// `tx_describe`
    async fn tx_describe(&self, raw: Vec<u8>) -> Answer<Description>;

    /// `account_get`
    async fn account_get(&self, account: Account) -> Answer<AccountView>;
    /// `account_getHistory`
    async fn account_get_history(&self, ask: GetHistory) -> Answer<Page<HistoryEntry>>;
    /// `state_getProof`
    async fn state_get_proof(&self, ask: GetProof) -> Answer<Proof>;

    /// `token_get`
    async fn token_get(&self, token: TokenRef) -> Answer<TokenView>;
    /// `token_getBalance`
    async fn token_get_balance(&self, token: TokenRef, account: Account) -> Answer<BalanceView>;
    /// `token_getHolders`
    async fn token_get_holders(&self, ask: GetHolders) -> Answer<Page<Holder>>;

    /// `org_get`
    async fn org_get(&self, org: OrgRef) -> Answer<OrgView>;
    /// `org_list`
    async fn org_list(&self, ask: GetPage) -> Answer<Page<OrgSummary>>;
    /// `org_getMembers`
    async fn org_get_members(&self, ask: GetOrgPage) -> Answer<Page<MemberView>>;
    /// `org_getApplications`
    async fn org_get_applications(&self, ask: GetOrgPage) -> Answer<Page<ApplicationView>>;
    /// `org_getLedger`
    async fn org_get_ledger(&self, ask: GetOrgPage) -> Answer<Page<LedgerEntry>>;
    /// `org_getProposals`
    async fn org_get_proposals(&self, ask: GetOrgPage) -> Answer<Page<ProposalView>>;

    /// `mimei_get`
    async fn mimei_get(&self, mimei: MimeiKey) -> Answer<MimeiView>;
    /// `mimei_getRights`
    async fn mimei_get_rights(&self, ask: GetMimeiRights) -> Answer<RightsView>;
    /// `mimei_getVersions`
    async fn mimei_get_versions(&self, ask: GetMimeiPage) -> Answer<Page<VersionView>>;
    /// `mimei_getReferences`
    async fn mimei_get_references(&self, ask: GetMimeiPage) -> Answer<Page<ReferenceView>>;
    /// `mimei_list`
    async fn mimei_list(&self, ask: ListMimei) -> Answer<Page<MimeiSummary>>;

    /// `stream_get`
    async fn stream_get(&self, stream: u64) -> Answer<StreamView>;
    /// `stream_list`
    async fn stream_list(&self, ask: ListStreams) -> Answer<Page<StreamView>>;

    /// `contract_get`
    async fn contract_get(&self, contract: Account) -> Answer<ContractView>;
    /// `contract_query`
    async fn contract_query(&self, ask: QueryContract) -> Answer<ContractAnswer>;
    /// `contract_getCode`
    async fn contract_get_code(&self, ask: GetCode) -> Answer<CodeView>;
    /// `contract_list`
    async fn contract_list(&self, ask: ListContracts) -> Answer<Page<Account>>;

    /// `validator_list`
    async fn validator_list(&self) -> Answer<ValidatorList>;
    /// `node_getStatus`
    async fn node_get_status(&self) -> Answer<NodeStatus>;
    /// `node_getPeers`
    async fn node_get_peers(&self, ask: GetPage) -> Answer<Page<PeerView>>;
    /// `dev_getAccounts`
    async fn dev_get_accounts(&self) -> Answer<DevAccounts>;
}
