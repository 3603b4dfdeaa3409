//! Every method there is, one constant each, and the list of them all.

use crate::types::*;
use crate::{Method, MethodInfo, Page, Reason};
use serde_json::Value;

const TX_REFUSALS: &[Reason] = &[
    Reason::TxMalformed,
    Reason::TxTooLarge,
    Reason::TxWrongChain,
    Reason::TxBadSignature,
    Reason::TxNonceUsed,
    Reason::TxNonceGap,
    Reason::TxExpired,
    Reason::TxFeeTooLow,
    Reason::TxCannotPay,
    Reason::TxRefused,
    Reason::PoolFull,
    Reason::NotReady,
];
const BLOCK: &[Reason] = &[Reason::UnknownBlock, Reason::Pruned];
const TOKEN: &[Reason] = &[Reason::UnknownToken];
const ORG: &[Reason] = &[Reason::UnknownOrg];
const MIMEI: &[Reason] = &[Reason::UnknownMimei];
const STREAM: &[Reason] = &[Reason::UnknownStream];
const CONTRACT: &[Reason] = &[Reason::UnknownContract];
const DECODE: &[Reason] = &[Reason::TxMalformed, Reason::TxTooLarge];

/// The OpenRPC document.
pub const RPC_DISCOVER: Method<NoParams, Value> =
    Method::new("rpc.discover", "Describes every method in one OpenRPC document.", &[]);

/// The chain's identity, head and rules.
pub const CHAIN_GET_INFO: Method<NoParams, ChainInfo> =
    Method::new("chain_getInfo", "Answers the chain's name and id, its newest final block, base fee and rules.", &[]);
/// The newest final header.
pub const CHAIN_GET_HEAD: Method<NoParams, Header> =
    Method::new("chain_getHead", "Answers the newest final block's header.", &[Reason::UnknownBlock]);
/// A header with its certificate.
pub const CHAIN_GET_HEADER: Method<GetHeader, FinalHeader> =
    Method::new("chain_getHeader", "Answers a final block's header and the certificate that made it final.", BLOCK);
/// A block with its transactions and receipts.
pub const CHAIN_GET_BLOCK: Method<GetBlock, Block> =
    Method::new("chain_getBlock", "Answers a final block with its transactions, decoded and raw, and their receipts.", BLOCK);
/// Every final pulse in order.
pub const CHAIN_SUBSCRIBE: Method<Subscribe, Notice> = Method::subscription(
    "chain_subscribe",
    "chain_subscription",
    "chain_unsubscribe",
    "Tells of every final pulse, in order and without gaps but for those that it announces. WebSocket only.",
    &[Reason::WebsocketOnly],
);

/// Hands in a transaction.
pub const TX_SUBMIT: Method<RawTx, Submitted> = Method::new(
    "tx_submit",
    "Hands in a signed transaction; answers once it is in the pool, not once it is final. Doing it twice is no error.",
    TX_REFUSALS,
);
/// Hands in many transactions.
pub const TX_SUBMIT_BATCH: Method<RawTxBatch, Vec<BatchItem>> = Method::new(
    "tx_submitBatch",
    "Hands in up to 1,000 signed transactions; answers for each, in their order, whether it is in the pool.",
    &[Reason::NotReady],
);
/// Waits for a transaction to be final.
pub const TX_WAIT: Method<WaitTx, TxView> = Method::new(
    "tx_wait",
    "Waits until a transaction is in a final block or the time is up, and answers how far it is then; an error once it left the pool for no block.",
    &[Reason::TxUnknown],
);
/// A transaction and what became of it.
pub const TX_GET: Method<GetTx, TxView> = Method::new(
    "tx_get",
    "Answers a transaction, how far it is, and its receipt once it has one.",
    &[Reason::TxUnknown, Reason::Pruned],
);
/// What a transaction would do.
pub const TX_SIMULATE: Method<RawTx, Simulation> = Method::new(
    "tx_simulate",
    "Runs a transaction on the newest final state, tells gas, events and what would change, and takes it back. Signatures may be missing or wrong.",
    DECODE,
);
/// What happened inside a transaction.
pub const TX_TRACE: Method<GetTx, Trace> = Method::new(
    "tx_trace",
    "Does a final transaction once more and tells what happened inside: each entry into a contract, and what it changed. For this machine's own \
     programs; one at a time.",
    &[Reason::TxUnknown, Reason::Pruned, Reason::LocalOnly],
);
/// A transaction in words.
pub const TX_DESCRIBE: Method<RawTx, Description> =
    Method::new("tx_describe", "Says in words what a transaction does. Signatures may be missing.", DECODE);

/// An account.
pub const ACCOUNT_GET: Method<GetAccount, AccountView> =
    Method::new("account_get", "Answers an account's balances, nonce and key. Any id has an account, empty at first.", &[]);
/// What concerned an account.
pub const ACCOUNT_GET_HISTORY: Method<GetHistory, Page<HistoryEntry>> =
    Method::new("account_getHistory", "Lists the transactions that concerned an account, the newest first.", &[]);

/// A proof of state.
pub const STATE_GET_PROOF: Method<GetProof, Proof> = Method::new(
    "state_getProof",
    "Proves what the state holds, or that it does not, all the way to the genesis hash, or to a later block that the caller trusts.",
    &[Reason::UnknownToken, Reason::UnknownOrg, Reason::UnknownBlock, Reason::Pruned],
);

/// A token.
pub const TOKEN_GET: Method<GetToken, TokenView> =
    Method::new("token_get", "Answers a token: whose it is and its supply.", TOKEN);
/// A balance.
pub const TOKEN_GET_BALANCE: Method<GetBalance, BalanceView> =
    Method::new("token_getBalance", "Answers what an account has of a token, and dividends that wait for it.", TOKEN);
/// Who holds a token.
pub const TOKEN_GET_HOLDERS: Method<GetHolders, Page<Holder>> =
    Method::new("token_getHolders", "Lists who holds a token, in account order.", TOKEN);

/// An organization.
pub const ORG_GET: Method<GetOrg, OrgView> =
    Method::new("org_get", "Answers an organization: charter, treasury, supply and what its units have earned.", ORG);
/// Organizations.
pub const ORG_LIST: Method<GetPage, Page<OrgSummary>> = Method::new("org_list", "Lists organizations, in id order.", &[]);
/// Members.
pub const ORG_GET_MEMBERS: Method<GetOrgPage, Page<MemberView>> =
    Method::new("org_getMembers", "Lists an organization's members and what admitted each, in account order.", ORG);
/// Wishes to join.
pub const ORG_GET_APPLICATIONS: Method<GetOrgPage, Page<ApplicationView>> =
    Method::new("org_getApplications", "Lists who wishes to join an organization, in account order.", ORG);
/// The ledger.
pub const ORG_GET_LEDGER: Method<GetOrgPage, Page<LedgerEntry>> = Method::new(
    "org_getLedger",
    "Lists what an organization issued, took in and paid, with the transactions, oldest first.",
    ORG,
);
/// Proposals.
pub const ORG_GET_PROPOSALS: Method<GetOrgPage, Page<ProposalView>> =
    Method::new("org_getProposals", "Lists an organization's proposals, oldest first.", ORG);

/// A MiMei.
pub const MIMEI_GET: Method<GetMimei, MimeiView> = Method::new("mimei_get", "Answers a MiMei and its newest version.", MIMEI);
/// Somebody's rights on a MiMei.
pub const MIMEI_GET_RIGHTS: Method<GetMimeiRights, RightsView> =
    Method::new("mimei_getRights", "Answers what an account may do with a MiMei, by itself or with a group.", MIMEI);
/// Versions of a MiMei.
pub const MIMEI_GET_VERSIONS: Method<GetMimeiPage, Page<VersionView>> =
    Method::new("mimei_getVersions", "Lists a MiMei's versions, the newest first.", MIMEI);
/// What a MiMei refers to.
pub const MIMEI_GET_REFERENCES: Method<GetMimeiPage, Page<ReferenceView>> =
    Method::new("mimei_getReferences", "Lists what a MiMei refers to, and how often, in id order.", MIMEI);
/// MiMei of an author.
pub const MIMEI_LIST: Method<ListMimei, Page<MimeiSummary>> =
    Method::new("mimei_list", "Lists an author's MiMei, in id order.", &[]);

/// A stream.
pub const STREAM_GET: Method<GetStream, StreamView> =
    Method::new("stream_get", "Answers an open stream: who pays whom how much by when, and what is due now.", STREAM);
/// Streams of an account.
pub const STREAM_LIST: Method<ListStreams, Page<StreamView>> =
    Method::new("stream_list", "Lists the open streams that pay an account, or that it has opened, the oldest first.", &[]);

/// A contract.
pub const CONTRACT_GET: Method<GetContract, ContractView> =
    Method::new("contract_get", "Answers a contract: its code, who made it and who may give it new code.", CONTRACT);
/// What a contract answers.
pub const CONTRACT_QUERY: Method<QueryContract, ContractAnswer> = Method::new(
    "contract_query",
    "Asks a contract, by the newest final state.",
    &[Reason::UnknownContract, Reason::ContractRefused],
);
/// Code.
pub const CONTRACT_GET_CODE: Method<GetCode, CodeView> =
    Method::new("contract_getCode", "Answers code by its number or its sha256.", &[Reason::UnknownCode]);
/// The contracts of a code.
pub const CONTRACT_LIST: Method<ListContracts, Page<Account>> =
    Method::new("contract_list", "Lists the contracts of a code, in address order.", &[]);

/// Who keeps the books.
pub const VALIDATOR_LIST: Method<NoParams, ValidatorList> =
    Method::new("validator_list", "Lists who votes on the next block, and what stands behind every candidate.", &[]);

/// How the node is.
pub const NODE_GET_STATUS: Method<NoParams, NodeStatus> =
    Method::new("node_getStatus", "Answers how far the node is, what waits in its pool and how many peers it has.", &[]);
/// Whom the node is connected to.
pub const NODE_GET_PEERS: Method<GetPage, Page<PeerView>> =
    Method::new("node_getPeers", "Lists the peers that the node is connected to.", &[]);

/// The funded accounts of a development chain.
pub const DEV_GET_ACCOUNTS: Method<NoParams, DevAccounts> = Method::new(
    "dev_getAccounts",
    "Lists the funded accounts of a development chain and their public words.",
    &[Reason::DevOnly],
);

/// Every method, in the order of the documentation.
pub const ALL: &[MethodInfo] = &[
    CHAIN_GET_INFO.info(),
    CHAIN_GET_HEAD.info(),
    CHAIN_GET_HEADER.info(),
    CHAIN_GET_BLOCK.info(),
    CHAIN_SUBSCRIBE.info(),
    TX_SUBMIT.info(),
    TX_SUBMIT_BATCH.info(),
    TX_WAIT.info(),
    TX_GET.info(),
    TX_SIMULATE.info(),
    TX_TRACE.info(),
    TX_DESCRIBE.info(),
    ACCOUNT_GET.info(),
    ACCOUNT_GET_HISTORY.info(),
    STATE_GET_PROOF.info(),
    TOKEN_GET.info(),
    TOKEN_GET_BALANCE.info(),
    TOKEN_GET_HOLDERS.info(),
    ORG_GET.info(),
    ORG_LIST.info(),
    ORG_GET_MEMBERS.info(),
    ORG_GET_APPLICATIONS.info(),
    ORG_GET_LEDGER.info(),
    ORG_GET_PROPOSALS.info(),
    MIMEI_GET.info(),
    MIMEI_GET_RIGHTS.info(),
    MIMEI_GET_VERSIONS.info(),
    MIMEI_GET_REFERENCES.info(),
    MIMEI_LIST.info(),
    STREAM_GET.info(),
    STREAM_LIST.info(),
    CONTRACT_GET.info(),
    CONTRACT_QUERY.info(),
    CONTRACT_GET_CODE.info(),
    CONTRACT_LIST.info(),
    VALIDATOR_LIST.info(),
    NODE_GET_STATUS.info(),
    NODE_GET_PEERS.info(),
    DEV_GET_ACCOUNTS.info(),
    RPC_DISCOVER.info(),
];
