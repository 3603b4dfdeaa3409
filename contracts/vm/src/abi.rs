//! The JSON between contracts and chain, as contracts of every version of the ABI write it (cosmwasm-std 1.0 to 3): a superset for what is read,
//! so that nothing that some version can say is taken for another thing. What is written to contracts is in cosmwasm-std's own types.

use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

pub use cosmwasm_std::{
    Addr, Binary, BlockInfo, Coin as StdCoin, ContractInfo, Env, Event as ContractEvent, MessageInfo, MigrateInfo, MsgResponse,
    Reply, SubMsgResponse, SubMsgResult, Timestamp, TransactionInfo, Uint128,
};
pub use leither_sdk as custom;
pub use leither_sdk::{LeitherMsg, LeitherQuery};

/// An amount as text: digits alone, below 2^128. Contracts may write up to 256 bits; no supply here is so great.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Number(pub u128);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let digits = !text.is_empty() && text.bytes().all(|c| c.is_ascii_digit());
        let number = if digits { text.parse().ok() } else { None };
        number.map(Self).ok_or_else(|| serde::de::Error::custom("no amount below 2^128"))
    }
}

impl Serialize for Number {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&self.0)
    }
}

/// An amount of something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coin {
    /// Its name in contracts.
    pub denom: String,
    /// Smallest units.
    pub amount: Number,
}

/// What a contract answers to every entry but a question.
#[derive(Debug, Deserialize)]
pub enum Answer<T> {
    /// It did it.
    #[serde(rename = "ok")]
    Ok(T),
    /// Its own error, in its own words.
    #[serde(rename = "error")]
    Error(String),
}

/// What a contract wants done.
#[derive(Debug, Deserialize)]
pub struct Response {
    /// In this order, each with all that follows from it.
    pub messages: Vec<SubMsg>,
    /// Of the event `wasm`.
    pub attributes: Vec<Attribute>,
    /// Others; absent in contracts before 1.0's end.
    #[serde(default)]
    pub events: Vec<Event>,
    /// For whoever called.
    pub data: Option<Binary>,
}

/// A word and what it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attribute {
    /// The word.
    pub key: String,
    /// What it is.
    pub value: String,
}

/// Something to be told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// What kind.
    #[serde(rename = "type")]
    pub kind: String,
    /// What of it.
    pub attributes: Vec<Attribute>,
}

/// A message and whether its outcome is to be told.
#[derive(Debug, Deserialize)]
pub struct SubMsg {
    /// The sender's own number for it.
    pub id: u64,
    /// Handed back with the outcome; from 2.0 on.
    #[serde(default)]
    pub payload: Binary,
    /// What.
    pub msg: Message,
    /// The most that it may use, in the ABI's unit ([`crate::GAS_PER_SDK_GAS`]).
    pub gas_limit: Option<u64>,
    /// When to come back.
    pub reply_on: ReplyOn,
}

/// When a contract is told what became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReplyOn {
    /// In any case.
    Always,
    /// When it failed; the failure then harms nobody.
    Error,
    /// When it did not fail.
    Success,
    /// Never.
    Never,
}

/// What a contract can send. The kinds that other chains have are read and refused.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Message {
    /// Money.
    Bank(BankMsg),
    /// Other contracts.
    Wasm(WasmMsg),
    /// What this chain adds: [`LeitherMsg`], or what another chain has.
    Custom(Box<RawValue>),
    /// Not here.
    Staking(IgnoredAny),
    /// Not here.
    Distribution(IgnoredAny),
    /// Not here.
    Stargate(IgnoredAny),
    /// Not here.
    Any(IgnoredAny),
    /// Not here.
    Ibc(IgnoredAny),
    /// Not here.
    Ibc2(IgnoredAny),
    /// Not here.
    Gov(IgnoredAny),
}

/// Money moves.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BankMsg {
    /// From the contract.
    Send {
        /// To whom.
        to_address: String,
        /// What.
        amount: Vec<Coin>,
    },
    /// Of the contract's.
    Burn {
        /// What.
        amount: Vec<Coin>,
    },
}

/// To contracts.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WasmMsg {
    /// Enters one.
    Execute {
        /// Which.
        contract_addr: String,
        /// With what.
        msg: Binary,
        /// And how much.
        funds: Vec<Coin>,
    },
    /// Makes one.
    Instantiate {
        /// Who may give it new code.
        admin: Option<String>,
        /// Of which code.
        code_id: u64,
        /// With what.
        msg: Binary,
        /// And how much.
        funds: Vec<Coin>,
        /// For people.
        label: String,
    },
    /// Makes one at an address that can be told beforehand.
    Instantiate2 {
        /// Who may give it new code.
        admin: Option<String>,
        /// Of which code.
        code_id: u64,
        /// For people.
        label: String,
        /// With what.
        msg: Binary,
        /// And how much.
        funds: Vec<Coin>,
        /// Tells the creator's apart: 1 to 64 bytes.
        salt: Binary,
    },
    /// Gives one new code.
    Migrate {
        /// Which.
        contract_addr: String,
        /// Of which code it is from then on.
        new_code_id: u64,
        /// With what.
        msg: Binary,
    },
    /// Names who may do that.
    UpdateAdmin {
        /// Of which.
        contract_addr: String,
        /// Whom.
        admin: String,
    },
    /// Nobody may any more.
    ClearAdmin {
        /// Of which.
        contract_addr: String,
    },
}

/// What a contract can ask.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Query {
    /// Of money.
    Bank(BankQuery),
    /// Of contracts.
    Wasm(WasmQuery),
    /// Of what this chain adds.
    Custom(Box<RawValue>),
    /// Of stakes: only what money they are in.
    Staking(StakingQuery),
    /// Not here.
    Distribution(IgnoredAny),
    /// Not here.
    Stargate(IgnoredAny),
    /// Not here.
    Grpc(IgnoredAny),
    /// Not here.
    Ibc(IgnoredAny),
}

/// Of money.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BankQuery {
    /// What somebody has of one kind.
    Balance {
        /// Who.
        address: String,
        /// Of which.
        denom: String,
    },
    /// What somebody has; gone in 3.0, asked by contracts before it.
    AllBalances {
        /// Who.
        address: String,
    },
    /// How much there is.
    Supply {
        /// Of which.
        denom: String,
    },
    /// Not here.
    DenomMetadata(IgnoredAny),
    /// Not here.
    AllDenomMetadata(IgnoredAny),
}

/// Of contracts.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WasmQuery {
    /// Asks one.
    Smart {
        /// Which.
        contract_addr: String,
        /// What.
        msg: Binary,
    },
    /// A value of its data.
    Raw {
        /// Of which.
        contract_addr: String,
        /// Its key.
        key: Binary,
    },
    /// What it is.
    ContractInfo {
        /// Which.
        contract_addr: String,
    },
    /// What code is.
    CodeInfo {
        /// Which.
        code_id: u64,
    },
    /// Not here.
    RawRange(IgnoredAny),
}

/// Of stakes.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StakingQuery {
    /// In which money.
    BondedDenom {},
    /// Not here.
    AllDelegations(IgnoredAny),
    /// Not here.
    Delegation(IgnoredAny),
    /// Not here.
    AllValidators(IgnoredAny),
    /// Not here.
    Validator(IgnoredAny),
}

/// What a question comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QueryAnswer {
    /// JSON, or for raw data its bytes.
    Bytes(Vec<u8>),
    /// What was asked refused, in a sentence that is the same on every node.
    Failed(String),
    /// It is no question.
    Malformed,
    /// This chain does not answer such questions.
    Unsupported(String),
    /// There is no such contract.
    NoContract(String),
    /// There is no such code.
    NoCode(u64),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_digits_below_two_to_the_128() {
        let read = |text: &str| serde_json::from_str::<Number>(text).ok().map(|number| number.0);
        assert_eq!(read("\"0\""), Some(0));
        assert_eq!(read("\"340282366920938463463374607431768211455\""), Some(u128::MAX));
        for wrong in [
            "\"340282366920938463463374607431768211456\"",
            "\"\"",
            "\"+1\"",
            "\"-1\"",
            "\" 1\"",
            "\"1.0\"",
            "1",
            "null",
            "\"0x1\"",
        ] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn what_old_and_new_contracts_write_is_read() {
        let old = r#"{"ok":{"messages":[{"id":7,"msg":{"bank":{"send":{"to_address":"a","amount":[{"denom":"nmei","amount":"5"}]}}},
            "gas_limit":null,"reply_on":"never"}],"attributes":[],"data":null}}"#;
        let Answer::Ok(response) = serde_json::from_str::<Answer<Response>>(old).unwrap() else { panic!("an error") };
        assert!(response.events.is_empty() && response.messages[0].payload.is_empty());
        let new = r#"{"ok":{"messages":[{"id":7,"payload":"AQ==","msg":{"ibc2":{"send_packet":{}}},"gas_limit":3,"reply_on":"always"}],
            "attributes":[],"events":[{"type":"x","attributes":[]}],"data":"AA=="}}"#;
        let Answer::Ok(response) = serde_json::from_str::<Answer<Response>>(new).unwrap() else { panic!("an error") };
        assert!(matches!(response.messages[0].msg, Message::Ibc2(_)));
        assert!(serde_json::from_str::<Answer<Response>>(r#"{"error":"no"}"#).is_ok());
        assert!(serde_json::from_str::<Query>(r#"{"bank":{"all_balances":{"address":"a"}}}"#).is_ok());
        assert!(serde_json::from_str::<Query>(r#"{"something":{}}"#).is_err());
        // What other chains call custom is read, and known by nobody.
        let Ok(Message::Custom(raw)) = serde_json::from_str(r#"{"custom":{"mint":{"x":[1.5]}}}"#) else { panic!("unread") };
        assert!(serde_json::from_str::<LeitherMsg>(raw.get()).is_err());
    }
}
