//! `leither contract …`: code and instances.

mod bind;
mod build;
mod code;
mod fits;
mod json;
mod receipt;
mod schema;
mod verify;

use super::Session;
use super::account::PageFlags;
use crate::exit::{Done, Failure};
use crate::templates::{Door, TEMPLATES, Template};
use crate::wallet::{Sent, TxFlags, Wallet};
use bind::MandateFlags;
use clap::{Args, Subcommand};
use code::{checked, code_named, code_of, judged};
use leither_pallets::Call;
use leither_pallets::orgs::Mandate;
use leither_pallets::wasm::{self, Call as WasmCall, Chosen, Coin, PIECE_BYTES_MAX};
use leither_rpc_api::{ClientError, CodeView, GetCode, GetContract, ListContracts, OrgView, QueryContract, Receipt, methods};
use leither_types::{AccountId, Blob, Hash, List, Text};
use leither_vm::{INSTANCE_GAS, sha256};
use schema::SchemaFlag;
use serde_json::{Value, json};
use std::path::PathBuf;

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
    /// The contracts that come with the program; of one, the schema of what it is told.
    Template {
        /// Which.
        name: Option<String>,
    },
    /// Builds a crate's contract, and says whether it can run on a chain.
    Build {
        /// The crate's folder.
        dir: PathBuf,
    },
    /// Builds, checks and stores code, makes an instance of it, and names it an organization's consensus contract.
    Deploy {
        /// A template, a .wasm file, or a crate's folder.
        what: String,
        /// Whose consensus contract it shall be: at once where its founders are alone, else by a proposal.
        #[arg(long)]
        org: Option<String>,
        /// It is the organization's without being its consensus contract: a vote gives it new code.
        #[arg(long, requires = "org")]
        no_bind: bool,
        /// What it may do as the organization.
        #[command(flatten)]
        mandate: MandateFlags,
        /// The instance.
        #[command(flatten)]
        born: Born,
    },
    /// Whether code on chain is what a source makes: both checksums; exit code 1 where they differ.
    Verify {
        /// A contract, or code by its number or sha256.
        what: String,
        /// A template, a crate's folder (it is built), or a .wasm file.
        source: String,
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
        /// JSON, or a file with it. `$alice`, `$@demo-tube`, `$org:demo-tube` and `$token:tube` are filled in.
        msg: String,
        /// What comes with it: 5mei; several with commas.
        #[arg(long, value_delimiter = ',')]
        funds: Vec<String>,
        /// The most gas; what a trial run uses and a fourth more, where it is not given.
        #[arg(long)]
        gas: Option<u64>,
        /// What it understands.
        #[command(flatten)]
        schema: SchemaFlag,
        /// How it is signed and sent.
        #[command(flatten)]
        tx: TxFlags,
    },
    /// Asks a contract.
    Query {
        /// Which.
        contract: String,
        /// JSON, or a file with it. `$alice`, `$@demo-tube`, `$org:demo-tube` and `$token:tube` are filled in.
        msg: String,
        /// What it understands.
        #[command(flatten)]
        schema: SchemaFlag,
    },
    /// Gives a contract new code.
    Migrate {
        /// Which.
        contract: String,
        /// The number of the code.
        code: u64,
        /// JSON, or a file with it. `$alice`, `$@demo-tube`, `$org:demo-tube` and `$token:tube` are filled in.
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
    /// Names an organization's consensus contract: at once where its founders are alone, else by a proposal.
    Bind {
        /// Whose.
        org: String,
        /// Which.
        #[arg(required_unless_present = "none")]
        contract: Option<String>,
        /// None any more.
        #[arg(long, conflicts_with = "contract")]
        none: bool,
        /// What it may do as the organization.
        #[command(flatten)]
        mandate: MandateFlags,
        /// How it is signed and sent.
        #[command(flatten)]
        tx: TxFlags,
    },
    /// Signs a view or a voucher, for whoever is paid by it.
    #[command(subcommand)]
    Receipt(receipt::Receipt),
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
    /// What it begins with: JSON, or a file with it. `$alice`, `$@demo-tube`, `$org:demo-tube` and `$token:tube` are filled in.
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
    /// What it understands.
    #[command(flatten)]
    schema: SchemaFlag,
    /// How it is signed and sent.
    #[command(flatten)]
    tx: TxFlags,
}

/// What a person wrote, with names filled in, as a template or a schema would understand it.
async fn message<const MAX: usize>(
    wallet: &Wallet,
    written: Value,
    door: Door,
    code: Option<&Hash>,
    schema: &SchemaFlag,
) -> Done<Blob<MAX>> {
    let value = json::named(wallet, written).await?;
    if let Some(template) = code.and_then(Template::of_code) {
        template.check(door, &value)?;
    }
    schema.check(door, &value)?;
    json::bytes(&value)
}

/// The sha256 of a contract's code.
async fn code_at(wallet: &Wallet, contract: AccountId) -> Done<Hash> {
    let view = wallet.client.call(&methods::CONTRACT_GET, GetContract { contract: contract.into() }).await?;
    Ok(view.checksum.0)
}

/// The contracts that come with the program, or what one of them is told.
fn templates(session: &Session, name: Option<&str>) -> Done {
    let Some(name) = name else {
        let rows = TEMPLATES
            .iter()
            .map(|t| json!({ "template": t.name, "about": t.about, "checksum": t.checksum().to_string() }));
        session.printer.answer(&json!({ "templates": rows.collect::<Vec<_>>() }));
        return Ok(());
    };
    let template = Template::named(name)
        .ok_or_else(|| Failure::usage(format!("there is no template `{name}`: `leither contract template` lists them")))?;
    session.printer.answer(&template.schemas());
    Ok(())
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

/// What a transaction cost; one that was not sent, nothing.
fn fee(sent: &Sent) -> u128 {
    if !sent.is_sent() {
        return 0;
    }
    sent.receipt.as_ref().map_or(0, |receipt| receipt.fee.0)
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
async fn store(wallet: &Wallet, tx: &TxFlags, name: &str, wasm: &[u8]) -> Done<(Hash, u64, Option<Sent>, u128)> {
    let checksum = Hash(sha256(wasm));
    if let Some(code) = stored(wallet, &checksum).await? {
        return Ok((checksum, code.code.0, None, 0));
    }
    checked(name, wasm)?;
    if tx.dry_run {
        return Err(Failure::usage(
            "--dry-run: the code is good, and not on chain yet; what an instance would do can be tried once it is",
        ));
    }
    let pieces: Vec<&[u8]> = wasm.chunks(PIECE_BYTES_MAX).collect();
    let mut sent_pieces = Vec::new();
    for (piece, bytes) in pieces.iter().enumerate() {
        wallet.printer.progress(&format!("piece {} of {}", piece + 1, pieces.len()));
        let bytes = Blob::new(bytes.to_vec()).ok_or_else(|| Failure::fault("a piece beyond its bound"))?;
        let call = WasmCall::Upload { code: checksum, piece: piece as u16, bytes };
        sent_pieces.push(wallet.send(&TxFlags { no_wait: true, ..tx.clone() }, vec![Call::Wasm(call)]).await?.tx);
    }
    wallet.printer.progress("checked and compiled");
    let call = WasmCall::Store { code: checksum, pieces: pieces.len() as u16 };
    let sent = wallet.send(&TxFlags { no_wait: false, ..tx.clone() }, vec![Call::Wasm(call)]).await?;
    wallet.printer.progress_over();
    sent.outcome()?;
    let number = said_by(&sent, "stored", "code").and_then(|code| code.as_str()?.parse().ok());
    let number = number.ok_or_else(|| Failure::fault("the node does not say which number the code has"))?;
    let mut fees = fee(&sent);
    for piece in sent_pieces {
        fees = fees.saturating_add(fee(&wallet.wait(piece, 1_000).await?));
    }
    Ok((checksum, number, Some(sent), fees))
}

impl Born {
    /// What it begins with, as a template would understand it.
    async fn init(&self, wallet: &Wallet, checksum: &Hash, org: Option<&OrgView>) -> Done<Blob<{ wasm::MESSAGE_BYTES_MAX }>> {
        let mut init = json::read(&self.init)?;
        // A template begins with whose contract it is; of two that stand side by side, one may ask the other.
        let wants = Template::of_code(checksum).is_some_and(|t| t.schemas()["instantiate"]["properties"].get("org").is_some());
        if let Some(fields) = init.as_object_mut().filter(|fields| wants && !fields.contains_key("org")) {
            let org = org.ok_or_else(|| Failure::usage("whose contract shall it be? Name the organization: --org ORG"))?;
            fields.insert("org".into(), org.org.0.to_string().into());
        }
        message(wallet, init, Door::Instantiate, Some(checksum), &self.schema).await
    }

    /// Sends it. With an organization, that is its admin.
    async fn send(&self, wallet: &Wallet, code: u64, checksum: &Hash, org: Option<&OrgView>) -> Done<Sent> {
        let admin = match (&self.admin, self.no_admin, org) {
            (_, true, _) => None,
            (Some(text), ..) => Some(wallet.account(text).await?),
            (None, false, Some(org)) => Some(org.treasury.0),
            (None, false, None) => Some(wallet.account(&self.tx.from).await?),
        };
        let (msg, funds) = (self.init(wallet, checksum, org).await?, coins(wallet, &self.funds).await?);
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
        send(wallet, &self.tx, self.gas, &call).await
    }
}

/// What is told of an instance.
fn born(sent: &Sent, code: u64, mut more: Value) -> Value {
    more["code"] = code.to_string().into();
    // Not the last that was instantiated: it may have made others in its turn.
    if let Some(address) = said_by(sent, "ended", "contract") {
        more["address"] = address;
    }
    outcome(sent, more)
}

/// Everything from a name to a consensus contract.
async fn deploy(wallet: &Wallet, what: &str, org: Option<String>, is_bound: bool, mandate: MandateFlags, instance: Born) -> Done {
    let org = match org {
        Some(name) => Some(wallet.org(&name).await?),
        None => None,
    };
    let refuse = |flag: bool, words: &str| if flag { Err(Failure::usage(words)) } else { Ok(()) };
    refuse(instance.tx.no_wait, "deploy waits for each of its transactions: leave --no-wait out")?;
    let own = is_bound && org.is_some();
    refuse(
        own && instance.admin.is_some(),
        "a consensus contract has no admin but its organization: leave --admin out, or add --no-bind",
    )?;
    // Before anything is sent or paid.
    if let (Some(org), true) = (&org, is_bound && !instance.tx.dry_run) {
        bind::may_bind(wallet, &instance.tx, org).await?;
    }
    // The title is the proposal's alone.
    let title = instance.tx.propose.clone();
    let instance = Born { tx: TxFlags { propose: None, ..instance.tx.clone() }, ..instance };
    let mandate = match &org {
        Some(org) => mandate.read(wallet, org).await?,
        None => Mandate::default(),
    };
    let (name, wasm) = code_named(what)?;
    instance.init(wallet, &Hash(sha256(&wasm)), org.as_ref()).await?;
    let (checksum, code, _, mut fees) = store(wallet, &instance.tx, &name, &wasm).await?;
    let sent = instance.send(wallet, code, &checksum, org.as_ref()).await?;
    fees = fees.saturating_add(fee(&sent));
    let mut more = born(&sent, code, json!({ "checksum": checksum.to_string() }));
    let address = more["address"].as_str().and_then(|text| text.parse::<AccountId>().ok());
    let (Some(org), Some(contract), true) = (org, address, is_bound && sent.outcome().is_ok() && !instance.tx.dry_run) else {
        more["fees"] = fees.to_string().into();
        return wallet.print_sent(&sent, &more);
    };
    let binder = TxFlags { propose: title, ..instance.tx.clone() };
    let bound = bind::bind(wallet, &binder, org.org.0, Some(Chosen { contract, code }), mandate).await?;
    fees = fees.saturating_add(fee(&bound));
    more["fees"] = fees.to_string().into();
    let proposal = bound.proposal().and_then(Value::as_str);
    more["bound"] = (bound.outcome().is_ok() && proposal.is_none()).into();
    if let Some(number) = proposal {
        more["next"] = format!("its members vote: leither org vote {} {number} yes --from NAME", org.name).into();
    }
    wallet.printer.answer(&bound.shown(&more)?);
    bound.outcome().map_err(|why| Failure {
        sentence: format!(
            "the contract {contract} is there, and paid for, but is not bound: {}. Try `leither contract bind {} {contract}`",
            why.sentence, org.name
        ),
        ..why
    })
}

impl Contract {
    pub(super) async fn run(self, session: &Session) -> Done {
        if let Contract::Check { file } = &self {
            session.printer.answer(&judged(&file.display().to_string(), &code_of(file)?)?);
            return Ok(());
        }
        if let Contract::Build { dir } = &self {
            let file = build::build(dir)?;
            let mut told = judged(&file.display().to_string(), &code_of(&file)?)?;
            told["file"] = file.display().to_string().into();
            session.printer.answer(&told);
            return Ok(());
        }
        if let Contract::Template { name } = &self {
            return templates(session, name.as_deref());
        }
        let wallet = session.wallet().await?;
        match self {
            Contract::Check { .. } | Contract::Build { .. } | Contract::Template { .. } => Ok(()),
            Contract::Store { file, tx } => {
                let (name, wasm) = (file.display().to_string(), code_of(&file)?);
                let (checksum, code, sent, fees) = store(&wallet, &tx, &name, &wasm).await?;
                let (checksum, fees) = (checksum.to_string(), fees.to_string());
                let more = json!({ "code": code.to_string(), "checksum": checksum, "existed": sent.is_none(), "fees": fees });
                match sent {
                    Some(sent) => wallet.print_sent(&sent, &more),
                    None => {
                        session.printer.answer(&more);
                        Ok(())
                    }
                }
            }
            Contract::Verify { what, source } => verify::verify(&wallet, &what, &source).await,
            Contract::Deploy { what, org, no_bind, mandate, born } => deploy(&wallet, &what, org, !no_bind, mandate, born).await,
            Contract::Instantiate { code, born: instance } => {
                let view = wallet.client.call(&methods::CONTRACT_GET_CODE, GetCode { code: code.to_string() }).await?;
                let sent = instance.send(&wallet, code, &view.checksum.0, None).await?;
                wallet.print_sent(&sent, &born(&sent, code, json!({})))
            }
            Contract::Bind { org, contract, none: _, mandate, tx } => {
                let contract = match contract {
                    Some(text) => {
                        let contract = wallet.account(&text).await?;
                        let asked = GetContract { contract: contract.into() };
                        let code = wallet.client.call(&methods::CONTRACT_GET, asked).await?.code.0;
                        Some(Chosen { contract, code })
                    }
                    None => None,
                };
                let org = wallet.org(&org).await?;
                let mandate = mandate.read(&wallet, &org).await?;
                let sent = bind::bind(&wallet, &tx, org.org.0, contract, mandate).await?;
                wallet.print_sent(&sent, &json!({}))
            }
            Contract::Execute { contract, msg, funds, gas, schema, tx } => {
                let contract = wallet.account(&contract).await?;
                let code = code_at(&wallet, contract).await?;
                let msg = message(&wallet, json::read(&msg)?, Door::Execute, Some(&code), &schema).await?;
                let funds = coins(&wallet, &funds).await?;
                let call = |gas| WasmCall::Execute { contract, msg: Blob::clone(&msg), funds: funds.clone(), gas };
                let sent = send(&wallet, &tx, gas, &call).await?;
                wallet.print_sent(&sent, &outcome(&sent, json!({})))
            }
            Contract::Query { contract, msg, schema } => {
                let contract: AccountId = wallet.account(&contract).await?;
                let code = code_at(&wallet, contract).await?;
                let msg: Blob<{ wasm::MESSAGE_BYTES_MAX }> =
                    message(&wallet, json::read(&msg)?, Door::Query, Some(&code), &schema).await?;
                let msg = serde_json::from_slice(&msg).map_err(Failure::fault)?;
                let ask = QueryContract { contract: contract.into(), msg, gas: None };
                session.printer.answer(&wallet.client.call(&methods::CONTRACT_QUERY, ask).await?);
                Ok(())
            }
            Contract::Migrate { contract, code, msg, gas, tx } => {
                let contract = wallet.account(&contract).await?;
                let msg = message(&wallet, json::read(&msg)?, Door::Instantiate, None, &SchemaFlag::default()).await?;
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
            Contract::Receipt(receipt) => receipt.run(&wallet).await,
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
