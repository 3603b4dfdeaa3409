//! `leither contract …`: code and instances.

use super::Session;
use super::account::PageFlags;
use crate::exit::{Done, Exit, Failure};
use crate::wallet::{Sent, TxFlags, Wallet};
use clap::{Args, Subcommand};
use leither_pallets::Call;
use leither_pallets::wasm::{self, Call as WasmCall, Coin, PIECE_BYTES_MAX};
use leither_rpc_api::{ClientError, CodeView, GetCode, GetContract, ListContracts, QueryContract, Receipt, methods};
use leither_types::{AccountId, Blob, Hash, List, Text};
use leither_vm::{Engine, Entry, INSTANCE_GAS, Module, StoreError, WasmEngine, sha256};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Contracts: code, instances, messages, questions.
#[derive(Subcommand, Debug)]
pub enum Contract {
    /// Says whether code can run on a chain, and what it has, without asking anybody.
    Check {
        /// A .wasm file.
        file: PathBuf,
    },
    /// Stores code on chain; code that is there already is found.
    Store {
        /// A .wasm file.
        file: PathBuf,
        /// How it is signed and sent.
        #[command(flatten)]
        tx: TxFlags,
    },
    /// Stores code and makes an instance of it.
    Deploy {
        /// A .wasm file.
        file: PathBuf,
        /// The instance.
        #[command(flatten)]
        born: Born,
    },
    /// Makes an instance of code that is stored.
    Instantiate {
        /// The number of the code.
        code: u64,
        /// The instance.
        #[command(flatten)]
        born: Born,
    },
    /// Sends a message.
    Execute {
        /// To which.
        contract: String,
        /// JSON, or a file with it.
        msg: String,
        /// What comes with it: 5mei; several with commas.
        #[arg(long, value_delimiter = ',')]
        funds: Vec<String>,
        /// The most gas; what a trial run uses and a fourth more, where it is not given.
        #[arg(long)]
        gas: Option<u64>,
        /// How it is signed and sent.
        #[command(flatten)]
        tx: TxFlags,
    },
    /// Asks a contract.
    Query {
        /// Which.
        contract: String,
        /// JSON, or a file with it.
        msg: String,
    },
    /// Gives a contract new code.
    Migrate {
        /// Which.
        contract: String,
        /// The number of the code.
        code: u64,
        /// JSON, or a file with it.
        msg: String,
        /// The most gas.
        #[arg(long)]
        gas: Option<u64>,
        /// How it is signed and sent.
        #[command(flatten)]
        tx: TxFlags,
    },
    /// Names who may give a contract new code.
    SetAdmin {
        /// Which.
        contract: String,
        /// Whom.
        #[arg(required_unless_present = "none")]
        admin: Option<String>,
        /// Nobody, for ever.
        #[arg(long, conflicts_with = "admin")]
        none: bool,
        /// How it is signed and sent.
        #[command(flatten)]
        tx: TxFlags,
    },
    /// What a contract is.
    Show {
        /// Which.
        contract: String,
    },
    /// What code is.
    Code {
        /// Its number, or its sha256.
        code: String,
    },
    /// The contracts of a code.
    List {
        /// The number of the code.
        code: u64,
        /// Which part of the list.
        #[command(flatten)]
        page: PageFlags,
    },
}

/// An instance to be made.
#[derive(Args, Clone, Debug)]
pub struct Born {
    /// What it begins with: JSON, or a file with it.
    #[arg(long, default_value = "{}")]
    init: String,
    /// What it is called.
    #[arg(long, default_value = "contract")]
    label: String,
    /// What comes with it: 5mei; several with commas.
    #[arg(long, value_delimiter = ',')]
    funds: Vec<String>,
    /// Who may give it new code; who signs, where it is not given.
    #[arg(long)]
    admin: Option<String>,
    /// Nobody may ever give it new code.
    #[arg(long, conflicts_with = "admin")]
    no_admin: bool,
    /// Makes the address follow from code, signer and this text.
    #[arg(long)]
    salt: Option<String>,
    /// The most gas; what a trial run uses and a fourth more, where it is not given.
    #[arg(long)]
    gas: Option<u64>,
    /// How it is signed and sent.
    #[command(flatten)]
    tx: TxFlags,
}

/// JSON as it is written, or a file with it.
fn message<const MAX: usize>(text: &str) -> Done<Blob<MAX>> {
    let read = |text: &str| serde_json::from_str::<Value>(text);
    let value = match read(text) {
        Ok(value) => value,
        Err(why) => {
            let written = std::fs::read_to_string(text)
                .map_err(|e| Failure::usage(format!("`{text}` is neither JSON ({why}) nor a file that can be read ({e})")))?;
            read(&written).map_err(|why| Failure::usage(format!("{text} has no JSON: {why}")))?
        }
    };
    Blob::new(value.to_string().into_bytes()).ok_or_else(|| Failure::usage(format!("a message has at most {MAX} bytes")))
}

fn code_of(file: &Path) -> Done<Vec<u8>> {
    std::fs::read(file).map_err(|e| Failure::usage(format!("cannot read {}: {e}", file.display())))
}

/// As a node would judge it.
fn checked(file: &Path, wasm: &[u8]) -> Done<Module> {
    let fault = |why: &dyn std::fmt::Display| Failure::fault(format!("cannot check code on this machine: {why}"));
    let dir = tempfile::tempdir().map_err(|e| fault(&e))?;
    let engine = WasmEngine::open(dir.path()).map_err(|e| fault(&e))?;
    engine.store(wasm).map_err(|error| match error {
        StoreError::Refusal(why) => {
            Failure::new(Exit::Refused, format!("{}: no contract that can run here: {why}", file.display()))
        }
        StoreError::Broken(broken) => fault(&broken),
    })
}

fn entries(module: &Module) -> Vec<&'static str> {
    Entry::ALL.into_iter().filter(|entry| module.has(*entry)).map(Entry::name).collect()
}

async fn coins(wallet: &Wallet, written: &[String]) -> Done<List<Coin, { wasm::COINS_MAX }>> {
    let mut coins = Vec::new();
    for text in written {
        let (token, amount) = wallet.amount(text).await?;
        coins.push(Coin { token, amount });
    }
    List::new(coins).ok_or_else(|| Failure::usage(format!("--funds: at most {} kinds of money", wasm::COINS_MAX)))
}

/// What an event of contracts says under a name; the last such event's.
pub(super) fn said(receipt: &Receipt, event: &str, field: &str) -> Option<Value> {
    let last = receipt.events.iter().rfind(|e| e.pallet == "wasm" && e.event == event);
    last.and_then(|e| e.args.get(field).cloned())
}

/// The same of a transaction that may have no receipt.
fn said_by(sent: &Sent, event: &str, field: &str) -> Option<Value> {
    sent.receipt.as_ref().and_then(|receipt| said(receipt, event, field))
}

/// What a call of contracts came to.
fn outcome(sent: &Sent, mut more: Value) -> Value {
    for (name, event, field) in [("gas", "ended", "gas"), ("data", "ended", "data")] {
        if let Some(value) = said_by(sent, event, field) {
            more[name] = value;
        }
    }
    more
}

/// Sends a call with as much gas as a trial run says, and a fourth more.
async fn send(wallet: &Wallet, tx: &TxFlags, gas: Option<u64>, call: &(dyn Fn(u64) -> WasmCall + Sync)) -> Done<Sent> {
    let gas = match gas {
        Some(gas) => gas,
        None => match wallet.trial(tx, Call::Wasm(call(wasm::GAS_MAX))).await? {
            Ok(receipt) => {
                let used = said(&receipt, "ended", "gas").and_then(|gas| gas.as_str()?.parse::<u64>().ok()).unwrap_or(0);
                used.saturating_add(used / 4).saturating_add(INSTANCE_GAS).min(wasm::GAS_MAX)
            }
            Err(refused) => return Ok(refused),
        },
    };
    wallet.send(tx, vec![Call::Wasm(call(gas))]).await
}

/// The code's number on chain, if it is there.
async fn stored(wallet: &Wallet, checksum: &Hash) -> Done<Option<CodeView>> {
    match wallet.client.call(&methods::CONTRACT_GET_CODE, GetCode { code: checksum.to_string() }).await {
        Ok(code) => Ok(Some(code)),
        Err(ClientError::Refused { reason, .. }) if reason == "unknown_code" => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Uploads and stores code that is not there yet; its number, and the last transaction.
async fn store(wallet: &Wallet, tx: &TxFlags, file: &Path) -> Done<(Hash, u64, Option<Sent>)> {
    let wasm = code_of(file)?;
    let checksum = Hash(sha256(&wasm));
    if let Some(code) = stored(wallet, &checksum).await? {
        return Ok((checksum, code.code.0, None));
    }
    checked(file, &wasm)?;
    if tx.dry_run {
        return Err(Failure::usage(
            "--dry-run: the code is good, and not on chain yet; what an instance would do can be tried once it is",
        ));
    }
    let pieces: Vec<&[u8]> = wasm.chunks(PIECE_BYTES_MAX).collect();
    for (piece, bytes) in pieces.iter().enumerate() {
        wallet.printer.progress(&format!("piece {} of {}", piece + 1, pieces.len()));
        let bytes = Blob::new(bytes.to_vec()).ok_or_else(|| Failure::fault("a piece beyond its bound"))?;
        let call = WasmCall::Upload { code: checksum, piece: piece as u16, bytes };
        wallet.send(&TxFlags { no_wait: true, ..tx.clone() }, vec![Call::Wasm(call)]).await?;
    }
    wallet.printer.progress("checked and compiled");
    let call = WasmCall::Store { code: checksum, pieces: pieces.len() as u16 };
    let sent = wallet.send(&TxFlags { no_wait: false, ..tx.clone() }, vec![Call::Wasm(call)]).await?;
    wallet.printer.progress_over();
    sent.outcome()?;
    let number = said_by(&sent, "stored", "code").and_then(|code| code.as_str()?.parse().ok());
    let number = number.ok_or_else(|| Failure::fault("the node does not say which number the code has"))?;
    Ok((checksum, number, Some(sent)))
}

impl Born {
    async fn run(self, wallet: &Wallet, code: u64, mut more: Value) -> Done {
        let admin = match (&self.admin, self.no_admin) {
            (_, true) => None,
            (Some(text), false) => Some(wallet.account(text).await?),
            (None, false) => Some(wallet.account(&self.tx.from).await?),
        };
        let (msg, funds) = (message(&self.init)?, coins(wallet, &self.funds).await?);
        let label = Text::new(self.label.clone()).ok_or_else(|| Failure::usage("--label is at most 128 bytes"))?;
        let salt = self
            .salt
            .as_ref()
            .map(|text| Blob::new(text.clone().into_bytes()).ok_or_else(|| Failure::usage("--salt is at most 64 bytes")));
        let salt = salt.transpose()?;
        let call = |gas| WasmCall::Instantiate {
            code,
            msg: Blob::clone(&msg),
            funds: funds.clone(),
            label: label.clone(),
            admin,
            salt: salt.clone(),
            gas,
        };
        let sent = send(wallet, &self.tx, self.gas, &call).await?;
        more["code"] = code.to_string().into();
        if let Some(address) = said_by(&sent, "instantiated", "contract") {
            more["address"] = address;
        }
        wallet.print_sent(&sent, &outcome(&sent, more))
    }
}

impl Contract {
    pub(super) async fn run(self, session: &Session) -> Done {
        if let Contract::Check { file } = &self {
            let wasm = code_of(file)?;
            let module = checked(file, &wasm)?;
            session.printer.answer(&json!({
                "checksum": Hash(module.code.0).to_string(),
                "bytes": wasm.len().to_string(),
                "entries": entries(&module),
                "migrate_version": module.migrate_version.map(|n| n.to_string()),
            }));
            return Ok(());
        }
        let wallet = session.wallet().await?;
        match self {
            Contract::Check { .. } => Ok(()),
            Contract::Store { file, tx } => {
                let (checksum, code, sent) = store(&wallet, &tx, &file).await?;
                let more = json!({ "code": code.to_string(), "checksum": checksum.to_string(), "existed": sent.is_none() });
                match sent {
                    Some(sent) => wallet.print_sent(&sent, &more),
                    None => {
                        session.printer.answer(&more);
                        Ok(())
                    }
                }
            }
            Contract::Deploy { file, born } => {
                let (checksum, code, _) = store(&wallet, &born.tx, &file).await?;
                born.run(&wallet, code, json!({ "checksum": checksum.to_string() })).await
            }
            Contract::Instantiate { code, born } => born.run(&wallet, code, json!({})).await,
            Contract::Execute { contract, msg, funds, gas, tx } => {
                let contract = wallet.account(&contract).await?;
                let (msg, funds) = (message(&msg)?, coins(&wallet, &funds).await?);
                let call = |gas| WasmCall::Execute { contract, msg: Blob::clone(&msg), funds: funds.clone(), gas };
                let sent = send(&wallet, &tx, gas, &call).await?;
                wallet.print_sent(&sent, &outcome(&sent, json!({})))
            }
            Contract::Query { contract, msg } => {
                let contract: AccountId = wallet.account(&contract).await?;
                let msg: Blob<{ wasm::MESSAGE_BYTES_MAX }> = message(&msg)?;
                let msg = serde_json::from_slice(&msg).map_err(Failure::fault)?;
                let ask = QueryContract { contract: contract.into(), msg, gas: None };
                session.printer.answer(&wallet.client.call(&methods::CONTRACT_QUERY, ask).await?);
                Ok(())
            }
            Contract::Migrate { contract, code, msg, gas, tx } => {
                let contract = wallet.account(&contract).await?;
                let msg = message(&msg)?;
                let call = |gas| WasmCall::Migrate { contract, code, msg: Blob::clone(&msg), gas };
                let sent = send(&wallet, &tx, gas, &call).await?;
                wallet.print_sent(&sent, &outcome(&sent, json!({})))
            }
            Contract::SetAdmin { contract, admin, none: _, tx } => {
                let contract = wallet.account(&contract).await?;
                let admin = match admin {
                    Some(text) => Some(wallet.account(&text).await?),
                    None => None,
                };
                wallet.send_and_print(&tx, vec![Call::Wasm(WasmCall::SetAdmin { contract, admin })], &json!({})).await
            }
            Contract::Show { contract } => {
                let contract = wallet.account(&contract).await?.into();
                session.printer.answer(&wallet.client.call(&methods::CONTRACT_GET, GetContract { contract }).await?);
                Ok(())
            }
            Contract::Code { code } => {
                session.printer.answer(&wallet.client.call(&methods::CONTRACT_GET_CODE, GetCode { code }).await?);
                Ok(())
            }
            Contract::List { code, page } => {
                let (after, limit) = page.ask()?;
                let ask = ListContracts { code: code.into(), after, limit };
                session.printer.answer(&wallet.client.call(&methods::CONTRACT_LIST, ask).await?);
                Ok(())
            }
        }
    }
}
