use async_trait::async_trait;
use leither_rpc_api::*;
use leither_rpc_server::{Answer, Backend};
use leither_types::{AccountId, Hash, MimeiId, OrgId, TokenId, ValidatorId, tagged};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;
use tokio::sync::watch;

/// A node whose head a test moves, and whose other answers are made from the methods' own schemas.
pub struct Fake {
    pub head: watch::Sender<u64>,
    pub oldest: AtomicU64,
    pub pulses_read: AtomicU64,
    pub blocks_read: AtomicU64,
    schemas: Value,
    results: BTreeMap<String, Value>,
}

impl Fake {
    pub fn new() -> Self {
        let document = document();
        let methods = document["methods"].as_array().unwrap().iter();
        let results = methods.map(|m| (m["name"].as_str().unwrap().to_owned(), m["result"]["schema"].clone())).collect();
        Self {
            head: watch::Sender::new(0),
            oldest: 1.into(),
            pulses_read: 0.into(),
            blocks_read: 0.into(),
            schemas: document["components"]["schemas"].clone(),
            results,
        }
    }

    /// Some answer of the method's type.
    fn some<R: DeserializeOwned>(&self, method: &str) -> Answer<R> {
        let example = example(&self.results[method], &self.schemas);
        Ok(serde_json::from_value(example.clone()).unwrap_or_else(|e| panic!("{method}: {e}: {example}")))
    }
}

/// A value that the schema allows: every required field, the simplest form.
pub fn example(schema: &Value, schemas: &Value) -> Value {
    if let Some(path) = schema["$ref"].as_str() {
        let name = path.rsplit('/').next().unwrap();
        return match name {
            "AccountId" => json!(Id(AccountId([1; 20]))),
            "OrgId" => json!(Id(OrgId([1; 20]))),
            "TokenId" => json!(Id(TokenId([1; 20]))),
            "MimeiId" => json!(Id(MimeiId([1; 20]))),
            "ValidatorId" => json!(Id(ValidatorId([1; 20]))),
            "U64" | "U128" | "BlockRef" => json!("7"),
            "Bytes" => json!("0x00"),
            "Hash32" => json!(Hash32(Hash([1; 32]))),
            "TokenRef" => json!("mei"),
            "OrgRef" => json!("demo-tube"),
            _ => example(&schemas[name], schemas),
        };
    }
    for choice in ["oneOf", "anyOf", "allOf"] {
        if let Some(first) = schema[choice].as_array().and_then(|all| all.first()) {
            return example(first, schemas);
        }
    }
    if let Some(value) = schema["enum"].as_array().and_then(|all| all.first()).or(schema.get("const")) {
        return value.clone();
    }
    let kind = schema["type"].as_array().map_or(&schema["type"], |all| &all[0]);
    match kind.as_str() {
        Some("object") => {
            let required = schema["required"].as_array().cloned().unwrap_or_default();
            let field = |name: &Value| {
                (name.as_str().unwrap().to_owned(), example(&schema["properties"][name.as_str().unwrap()], schemas))
            };
            Value::Object(required.iter().map(field).collect())
        }
        Some("array") if schema["minItems"].is_u64() => json!([example(&schema["items"], schemas)]),
        Some("array") => json!([]),
        Some("string") => json!("text"),
        Some("integer" | "number") => json!(1),
        Some("boolean") => json!(true),
        _ => json!({}),
    }
}

#[async_trait]
impl Backend for Fake {
    fn head(&self) -> watch::Receiver<u64> {
        self.head.subscribe()
    }
    async fn pulse(&self, height: u64) -> Answer<Option<Pulse>> {
        self.pulses_read.fetch_add(1, Relaxed);
        let id = Hash32(tagged("pulse", &[&height.to_le_bytes()]));
        let txs = Some(vec![id; 200]);
        let (proposer, time) = (Id(ValidatorId([1; 20])), U64(height * 1000));
        let kept = (self.oldest.load(Relaxed)..=*self.head.borrow()).contains(&height);
        Ok(kept.then_some(Pulse { height: U64(height), id, time, proposer, state_root: id, tx_count: 200, txs }))
    }
    async fn oldest_pulse(&self) -> Answer<u64> {
        Ok(self.oldest.load(Relaxed))
    }
    async fn chain_get_info(&self) -> Answer<ChainInfo> {
        self.some("chain_getInfo")
    }
    async fn chain_get_head(&self) -> Answer<Header> {
        self.some("chain_getHead")
    }
    async fn chain_get_header(&self, block: BlockRef) -> Answer<FinalHeader> {
        match block {
            BlockRef::Height(404) => Err(ApiError::new(Reason::UnknownBlock, "block 404 is not final yet: the head is 0")),
            _ => self.some("chain_getHeader"),
        }
    }
    async fn chain_get_block(&self, _: BlockRef, from: u32, limit: usize) -> Answer<Block> {
        self.blocks_read.fetch_add(1, Relaxed);
        // As long as asked for, so that a test can ask for too much.
        let mut block: Block = self.some("chain_getBlock")?;
        let mut tx: BlockTx = serde_json::from_value(example(&self.schemas["BlockTx"], &self.schemas)).unwrap();
        tx.tx.raw = Bytes(vec![7; 4096]);
        block.txs = (from..from + limit as u32).map(|index| BlockTx { index, ..tx.clone() }).collect();
        Ok(block)
    }
    async fn tx_submit(&self, raw: Vec<u8>) -> Answer<Hash> {
        match raw.first() {
            Some(0xff) | None => Err(ApiError::new(Reason::TxMalformed, "these bytes are no transaction")),
            Some(_) => Ok(tagged("fake", &[&raw])),
        }
    }
    async fn tx_submit_batch(&self, raws: Vec<Vec<u8>>) -> Answer<Vec<Answer<Hash>>> {
        let mut outcomes = Vec::new();
        for raw in raws {
            outcomes.push(self.tx_submit(raw).await);
        }
        Ok(outcomes)
    }
    async fn tx_wait(&self, _: Hash, timeout_ms: u32) -> Answer<TxView> {
        tokio::time::sleep(Duration::from_millis(timeout_ms.into())).await;
        self.some("tx_wait")
    }
    async fn tx_get(&self, _: Hash) -> Answer<TxView> {
        self.some("tx_get")
    }
    async fn tx_simulate(&self, _: Vec<u8>) -> Answer<Simulation> {
        self.some("tx_simulate")
    }
    async fn tx_trace(&self, _: Hash) -> Answer<Trace> {
        self.some("tx_trace")
    }
    async fn tx_describe(&self, _: Vec<u8>) -> Answer<Description> {
        self.some("tx_describe")
    }
    async fn account_get(&self, _: Account) -> Answer<AccountView> {
        self.some("account_get")
    }
    async fn account_get_history(&self, _: GetHistory) -> Answer<Page<HistoryEntry>> {
        self.some("account_getHistory")
    }
    async fn state_get_proof(&self, _: GetProof) -> Answer<Proof> {
        self.some("state_getProof")
    }
    async fn token_get(&self, _: TokenRef) -> Answer<TokenView> {
        self.some("token_get")
    }
    async fn token_get_balance(&self, _: TokenRef, _: Account) -> Answer<BalanceView> {
        self.some("token_getBalance")
    }
    async fn token_get_holders(&self, _: GetHolders) -> Answer<Page<Holder>> {
        self.some("token_getHolders")
    }
    async fn org_get(&self, _: OrgRef) -> Answer<OrgView> {
        self.some("org_get")
    }
    async fn org_list(&self, _: GetPage) -> Answer<Page<OrgSummary>> {
        self.some("org_list")
    }
    async fn org_get_members(&self, _: GetOrgPage) -> Answer<Page<MemberView>> {
        self.some("org_getMembers")
    }
    async fn org_get_applications(&self, _: GetOrgPage) -> Answer<Page<ApplicationView>> {
        self.some("org_getApplications")
    }
    async fn org_get_ledger(&self, _: GetOrgPage) -> Answer<Page<LedgerEntry>> {
        self.some("org_getLedger")
    }
    async fn org_get_proposals(&self, _: GetOrgPage) -> Answer<Page<ProposalView>> {
        self.some("org_getProposals")
    }
    async fn mimei_get(&self, _: MimeiKey) -> Answer<MimeiView> {
        self.some("mimei_get")
    }
    async fn mimei_get_rights(&self, _: GetMimeiRights) -> Answer<RightsView> {
        self.some("mimei_getRights")
    }
    async fn mimei_get_versions(&self, _: GetMimeiPage) -> Answer<Page<VersionView>> {
        self.some("mimei_getVersions")
    }
    async fn mimei_get_references(&self, _: GetMimeiPage) -> Answer<Page<ReferenceView>> {
        self.some("mimei_getReferences")
    }
    async fn mimei_list(&self, _: ListMimei) -> Answer<Page<MimeiSummary>> {
        self.some("mimei_list")
    }
    async fn stream_get(&self, _: u64) -> Answer<StreamView> {
        self.some("stream_get")
    }
    async fn stream_list(&self, _: ListStreams) -> Answer<Page<StreamView>> {
        self.some("stream_list")
    }
    async fn contract_get(&self, _: Account) -> Answer<ContractView> {
        self.some("contract_get")
    }
    async fn contract_query(&self, _: QueryContract) -> Answer<ContractAnswer> {
        self.some("contract_query")
    }
    async fn contract_get_code(&self, _: GetCode) -> Answer<CodeView> {
        self.some("contract_getCode")
    }
    async fn contract_list(&self, _: ListContracts) -> Answer<Page<Account>> {
        self.some("contract_list")
    }
    async fn validator_list(&self) -> Answer<ValidatorList> {
        self.some("validator_list")
    }
    async fn node_get_status(&self) -> Answer<NodeStatus> {
        self.some("node_getStatus")
    }
    async fn node_get_peers(&self, _: GetPage) -> Answer<Page<PeerView>> {
        // A query that hangs, for the timeout.
        std::future::pending().await
    }
    async fn dev_get_accounts(&self) -> Answer<DevAccounts> {
        self.some("dev_getAccounts")
    }
}
