use jsonrpsee::types::ErrorObjectOwned;
use serde_json::{Map, Value};

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $word:literal, $meaning:literal;)*) => {
        /// Why a request was refused: a stable word (`data.reason`) with a code of its own and what it means.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Reason {
            $(#[doc = $meaning] $name,)*
        }

        impl Reason {
            /// Every reason, in the order of the table in `spec/rpc.md`.
            pub const ALL: &[Reason] = &[$(Reason::$name),*];

            /// The JSON-RPC error code.
            pub const fn code(self) -> i32 {
                match self { $(Reason::$name => $code),* }
            }

            /// The stable machine word.
            pub const fn word(self) -> &'static str {
                match self { $(Reason::$name => $word),* }
            }

            /// What it means, in a sentence.
            pub const fn meaning(self) -> &'static str {
                match self { $(Reason::$name => $meaning),* }
            }
        }
    };
}

reasons! {
    UnknownMethod = -32601, "unknown_method", "There is no such method.";
    InvalidParams = -32602, "invalid_params", "A parameter is missing, unknown, of the wrong form or out of range.";
    Internal = -32603, "internal", "The node could not answer because of a fault of its own machine.";
    TooManySubscriptions = -32006, "too_many_subscriptions", "This connection has as many subscriptions as it may.";
    RequestTooLarge = -32007, "request_too_large", "The request has more bytes than the node takes.";
    ResponseTooLarge = -32008, "response_too_large", "The answer would have more bytes than the node gives; ask for less at a time.";
    BatchTooLarge = -32010, "batch_too_large", "The batch has more calls than the node takes.";
    WebsocketOnly = -32012, "websocket_only", "Subscriptions need a WebSocket connection to the same address.";
    RateLimited = -32013, "rate_limited", "Too many requests from this address; data.retry_after_ms says how long to wait.";
    Busy = -32014, "busy", "Too many unanswered calls on this connection, or the node has too much to do.";
    Timeout = -32015, "timeout", "The node took too long to answer and gave up.";
    NotReady = -32016, "not_ready", "The node is still starting or catching up.";
    DevOnly = -32017, "dev_only", "The method exists on throw-away development chains only.";
    LocalOnly = -32018, "local_only", "The method answers the node's own machine alone.";
    TxMalformed = -32020, "tx_malformed", "The bytes are no transaction in the canonical form.";
    TxTooLarge = -32021, "tx_too_large", "The transaction is longer than 64 KiB.";
    TxWrongChain = -32022, "tx_wrong_chain", "The transaction was signed for another chain.";
    TxBadSignature = -32023, "tx_bad_signature", "A signature is missing, of another key, or wrong.";
    TxNonceUsed = -32024, "tx_nonce_used", "The account has already used this nonce.";
    TxNonceGap = -32025, "tx_nonce_gap", "The nonce is too far ahead of the account's next one.";
    TxExpired = -32026, "tx_expired", "valid_until has passed, or lies too far in the future.";
    TxFeeTooLow = -32027, "tx_fee_too_low", "max_fee does not cover the weight at the present base fee.";
    TxCannotPay = -32028, "tx_cannot_pay", "The payer does not have the fee, or does not sponsor this transaction.";
    TxRefused = -32029, "tx_refused", "The transaction breaks another rule of form; the message names it.";
    PoolFull = -32030, "pool_full", "The pool has no room for this transaction now.";
    TxUnknown = -32031, "tx_unknown", "The node knows no transaction of this id.";
    UnknownBlock = -32040, "unknown_block", "There is no such final block.";
    UnknownToken = -32041, "unknown_token", "There is no such token.";
    UnknownOrg = -32042, "unknown_org", "There is no such organization.";
    UnknownMimei = -32043, "unknown_mimei", "There is no such MiMei.";
    UnknownContract = -32045, "unknown_contract", "There is no contract at this address.";
    UnknownCode = -32046, "unknown_code", "There is no such code.";
    UnknownStream = -32048, "unknown_stream", "No stream of this number is open.";
    ContractRefused = -32047, "contract_refused", "The contract does not answer; the message says why.";
    Pruned = -32044, "pruned", "This node no longer keeps history that old; ask an archive node.";
}

/// A refusal: why (for machines), a sentence that says what happened and what to do (for people), and values behind it.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct ApiError {
    /// Why.
    pub reason: Reason,
    /// The sentence.
    pub message: String,
    /// Values beside `reason` in the error's `data`.
    pub details: Map<String, Value>,
}

impl ApiError {
    /// A refusal without further values.
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self { reason, message: message.into(), details: Map::new() }
    }

    /// Adds a value to the error's `data`.
    pub fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.details.insert(key.to_owned(), value.into());
        self
    }

    /// A parameter that cannot be used.
    pub fn params(message: impl Into<String>) -> Self {
        Self::new(Reason::InvalidParams, message)
    }

    /// The error's `data`.
    pub fn data(&self) -> Value {
        let mut data = self.details.clone();
        data.insert("reason".to_owned(), self.reason.word().into());
        Value::Object(data)
    }
}

impl From<ApiError> for ErrorObjectOwned {
    fn from(error: ApiError) -> Self {
        let data = error.data();
        ErrorObjectOwned::owned(error.reason.code(), error.message, Some(data))
    }
}
