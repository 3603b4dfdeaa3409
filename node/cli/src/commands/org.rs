//! `leither org …`.

use super::Session;
use super::account::PageFlags;
use crate::exit::{Done, Failure};
use crate::wallet::{TxFlags, Wallet, evidence};
use clap::{Args, Subcommand};
use leither_pallets::Call;
use leither_pallets::orgs::{Call as OrgCall, Charter, JoinPolicy, Role};
use leither_rpc_api::{GetOrgPage, GetPage, OrgRef, methods};
use leither_types::{AccountId, Amount, List, OrgId, Text, TokenId};
use serde_json::{Value, json};
use std::path::PathBuf;

/// Organizations: founding, joining, voting, issuing, income.
#[derive(Subcommand, Debug)]
pub enum Org {
    /// Founds an organization.
    Create(Create),
    /// Prints a charter to edit and to give to `org create --charter`.
    Charter {
        /// Who confirms members; the founder first.
        supervisors: Vec<String>,
    },
    /// Charter, treasury, supply, dividends.
    Show {
        /// Name or id.
        org: String,
    },
    /// All organizations.
    List {
        /// Which part of the list.
        #[command(flatten)]
        page: PageFlags,
    },
    /// Members and their roles.
    Members(OfOrg),
    /// Wishes to join.
    Applications(OfOrg),
    /// Issuances and incomes with their transactions.
    Ledger(OfOrg),
    /// Proposals and votes.
    Proposals(OfOrg),
    /// Asks to join.
    Apply {
        /// Name or id.
        org: String,
        /// That the charter's task was done: a hash, or a file.
        #[arg(long)]
        evidence: Option<String>,
        /// A word to the supervisors.
        #[arg(long, default_value = "")]
        note: String,
        /// How it is signed and sent.
        #[command(flatten)]
        tx: TxFlags,
    },
    /// Vouches for somebody.
    Sponsor(Person),
    /// Confirms an application.
    Admit(Person),
    /// Takes an application off the list.
    Withdraw(Person),
    /// Ends one's membership.
    Leave {
        /// Name or id.
        org: String,
        /// How it is signed and sent.
        #[command(flatten)]
        tx: TxFlags,
    },
    /// Ends another's membership.
    Expel(Person),
    /// Grants (or with --take takes) an economic role.
    Role {
        /// Name or id.
        org: String,
        /// Whose.
        who: String,
        /// initiator, investor, developer, content_provider, service_provider, device_owner, operations or marketing.
        role: String,
        /// Takes it away.
        #[arg(long)]
        take: bool,
        /// How it is signed and sent.
        #[command(flatten)]
        tx: TxFlags,
    },
    /// Issues units for work done.
    Issue {
        /// Name or id.
        org: String,
        /// To which member.
        to: String,
        /// How many: 100tube.
        amount: String,
        /// As whom the member did the work.
        #[arg(long)]
        role: String,
        /// For what.
        #[arg(long)]
        reason: String,
        /// A hash, or a file that is the evidence.
        #[arg(long)]
        evidence: String,
        /// How it is signed and sent.
        #[command(flatten)]
        tx: TxFlags,
    },
    /// Pays income to an organization; it is shared at once.
    Income {
        /// Name or id.
        org: String,
        /// How much: 10mei.
        amount: String,
        /// What it is for.
        #[arg(long, default_value = "")]
        note: String,
        /// How it is signed and sent.
        #[command(flatten)]
        tx: TxFlags,
    },
    /// Takes one's dividend.
    Claim {
        /// Name or id.
        org: String,
        /// In which income token.
        #[arg(long, default_value = "mei")]
        token: String,
        /// How it is signed and sent.
        #[command(flatten)]
        tx: TxFlags,
    },
    /// Opens a proposal of calls in JSON.
    Propose {
        /// Name or id.
        org: String,
        /// What for.
        #[arg(long)]
        title: String,
        /// A file with a JSON list of calls; each as `chain_getBlock` shows them.
        #[arg(long)]
        calls: PathBuf,
        /// How it is signed and sent.
        #[command(flatten)]
        tx: TxFlags,
    },
    /// Votes on a proposal; units that are cast are locked until it closes.
    Vote {
        /// Name or id.
        org: String,
        /// Its number.
        proposal: u64,
        /// yes or no.
        side: Side,
        /// Units to cast: 10tube; all that are free where it is not given.
        #[arg(long)]
        weight: Option<String>,
        /// How it is signed and sent.
        #[command(flatten)]
        tx: TxFlags,
    },
    /// Stops what has passed, within the veto delay.
    Veto {
        /// Name or id.
        org: String,
        /// Its number.
        proposal: u64,
        /// How it is signed and sent.
        #[command(flatten)]
        tx: TxFlags,
    },
    /// Unlocks a voter's units of a closed proposal at once.
    Release {
        /// Name or id.
        org: String,
        /// Its number.
        proposal: u64,
        /// Whose.
        who: String,
        /// How it is signed and sent.
        #[command(flatten)]
        tx: TxFlags,
    },
    /// Changes the charter, by vote (--propose).
    Amend {
        /// Name or id.
        org: String,
        /// The new charter in JSON.
        #[arg(long)]
        charter: PathBuf,
        /// How it is signed and sent.
        #[command(flatten)]
        tx: TxFlags,
    },
}

/// For or against.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Side {
    /// For.
    Yes,
    /// Against.
    No,
}

/// Founds an organization.
#[derive(Args, Debug)]
pub struct Create {
    /// a-z, 0-9 and -, 3 to 32.
    name: String,
    /// The token's symbol, a-z and 0-9, 3 to 12.
    #[arg(long)]
    symbol: String,
    /// The token's decimal places.
    #[arg(long, default_value_t = 6)]
    decimals: u8,
    /// The charter in JSON (`leither org charter` prints one); else that one, with the signers as supervisors.
    #[arg(long)]
    charter: Option<PathBuf>,
    /// How it is signed and sent.
    #[command(flatten)]
    tx: TxFlags,
}

/// An organization, and which part of a list of its.
#[derive(Args, Debug)]
pub struct OfOrg {
    /// Name or id.
    org: String,
    /// Which part of the list.
    #[command(flatten)]
    page: PageFlags,
}

/// An organization and a person.
#[derive(Args, Debug)]
pub struct Person {
    /// Name or id.
    org: String,
    /// Who.
    who: String,
    /// How it is signed and sent.
    #[command(flatten)]
    tx: TxFlags,
}

/// The charter that a founder starts from: open to applications and sponsors, issue by vote, a tenth to the treasury.
pub fn standard_charter(supervisors: Vec<AccountId>) -> Option<Charter> {
    Some(Charter {
        threshold: 1,
        supervisors: List::new(supervisors)?,
        join: JoinPolicy { application: true, sponsorship: true, task: None },
        quorum_bp: 2_000,
        pass_bp: 5_000,
        period_ms: 24 * 3600 * 1000,
        veto_ms: 0,
        issuance_cap: Amount::ZERO,
        income_tokens: List::new(vec![TokenId::NATIVE])?,
        treasury_bp: 1_000,
        push_least: Amount::new(1_000_000),
        allowance: Amount::ZERO,
    })
}

/// With `--propose` the call becomes a proposal that the organization shall do it.
pub fn as_organization(flags: &TxFlags, org: OrgId, call: Call) -> Done<Vec<Call>> {
    let Some(title) = &flags.propose else { return Ok(vec![call]) };
    let title = Text::new(title.clone()).ok_or_else(|| Failure::usage("--propose is at most 128 bytes"))?;
    let calls = call.write().and_then(|bytes| List::new(vec![bytes])).ok_or_else(|| Failure::usage("the call is too long"))?;
    Ok(vec![Call::Orgs(OrgCall::Propose { org, title, calls })])
}

fn role(text: &str) -> Done<Role> {
    serde_json::from_value(Value::String(text.replace('-', "_"))).map_err(|_| {
        Failure::usage(format!(
            "`{text}` is no role: initiator, investor, developer, content_provider, service_provider, device_owner, operations, marketing"
        ))
    })
}

fn text<const MAX: usize>(text: &str, what: &str) -> Done<Text<MAX>> {
    Text::new(text).ok_or_else(|| Failure::usage(format!("{what} is at most {MAX} bytes")))
}

/// A call as a person finds it: shown by `chain_getBlock`, or in its own form.
#[derive(serde::Deserialize)]
#[serde(untagged)]
enum WrittenCall {
    Shown { pallet: String, call: String, args: serde_json::Value },
    Own(serde_json::Value),
}

impl WrittenCall {
    fn read(self) -> Done<Call> {
        let own = match self {
            Self::Shown { pallet, call, args } => serde_json::json!({ pallet: { call: args } }),
            Self::Own(own) => own,
        };
        serde_json::from_value(own)
            .map_err(|e| Failure::usage(format!("--calls: {e}: write each call as chain_getBlock shows it")))
    }
}

fn read_json<T: serde::de::DeserializeOwned>(path: &PathBuf) -> Done<T> {
    let bytes = std::fs::read(path).map_err(|e| Failure::usage(format!("cannot read {}: {e}", path.display())))?;
    serde_json::from_slice(&bytes).map_err(|e| Failure::usage(format!("{} is not what it should be: {e}", path.display())))
}

impl Org {
    pub(super) async fn run(self, session: &Session) -> Done {
        let wallet = session.wallet().await?;
        match self {
            Org::Create(create) => create.run(&wallet).await,
            Org::Charter { supervisors } => {
                let mut accounts = Vec::new();
                for name in &supervisors {
                    accounts.push(wallet.account(name).await?);
                }
                let charter = standard_charter(accounts).ok_or_else(|| Failure::usage("at most 16 supervisors"))?;
                if session.printer.json {
                    session.printer.answer(&charter);
                } else {
                    // To be edited and given back: JSON for people, too.
                    session.printer.lines(&serde_json::to_string_pretty(&charter).map_err(Failure::fault)?);
                }
                Ok(())
            }
            Org::Show { .. } | Org::List { .. } | Org::Members(_) | Org::Applications(_) | Org::Ledger(_) | Org::Proposals(_) => {
                self.show(&wallet).await
            }
            act => act.act(&wallet).await,
        }
    }

    async fn show(self, wallet: &Wallet) -> Done {
        let printer = wallet.printer;
        let ask = |of: OfOrg| -> Done<GetOrgPage> {
            let org: OrgRef = of.org.trim_start_matches('@').parse().map_err(Failure::usage)?;
            let (after, limit) = of.page.ask()?;
            Ok(GetOrgPage { org, after, limit })
        };
        match self {
            Org::Show { org } => printer.answer(&wallet.org(&org).await?),
            Org::List { page } => {
                let (after, limit) = page.ask()?;
                printer.answer(&wallet.client.call(&methods::ORG_LIST, GetPage { after, limit }).await?);
            }
            Org::Members(of) => printer.answer(&wallet.client.call(&methods::ORG_GET_MEMBERS, ask(of)?).await?),
            Org::Applications(of) => printer.answer(&wallet.client.call(&methods::ORG_GET_APPLICATIONS, ask(of)?).await?),
            Org::Ledger(of) => printer.answer(&wallet.client.call(&methods::ORG_GET_LEDGER, ask(of)?).await?),
            Org::Proposals(of) => printer.answer(&wallet.client.call(&methods::ORG_GET_PROPOSALS, ask(of)?).await?),
            _ => {}
        }
        Ok(())
    }

    /// What changes something: the organization, the call, and the flags.
    async fn act(self, wallet: &Wallet) -> Done {
        let (flags, org, call) = match self {
            Org::Apply { org, evidence: shown, note, tx } => {
                let org = wallet.org_id(&org).await?;
                let evidence = shown.as_deref().map(evidence).transpose()?;
                (tx, org, OrgCall::Apply { org, evidence, note: text(&note, "--note")? })
            }
            Org::Sponsor(p) => p.call(wallet, |org, who| OrgCall::Sponsor { org, who }).await?,
            Org::Admit(p) => p.call(wallet, |org, who| OrgCall::Admit { org, who }).await?,
            Org::Withdraw(p) => p.call(wallet, |org, who| OrgCall::Withdraw { org, who }).await?,
            Org::Expel(p) => p.call(wallet, |org, who| OrgCall::Expel { org, who }).await?,
            Org::Leave { org, tx } => {
                let org = wallet.org_id(&org).await?;
                (tx, org, OrgCall::Leave { org })
            }
            Org::Role { org, who, role: named, take, tx } => {
                let org = wallet.org_id(&org).await?;
                let who = wallet.account(&who).await?;
                (tx, org, OrgCall::SetRole { org, who, role: role(&named)?, granted: !take })
            }
            Org::Issue { org, to, amount, role: named, reason, evidence: shown, tx } => {
                let view = wallet.org(&org).await?;
                let org = view.org.0;
                let to = wallet.account(&to).await?;
                let amount = wallet.amount_of(&amount, &view.token.0, &view.symbol).await?;
                let call = OrgCall::Issue {
                    org,
                    to,
                    amount,
                    role: role(&named)?,
                    reason: text(&reason, "--reason")?,
                    evidence: evidence(&shown)?,
                };
                (tx, org, call)
            }
            Org::Income { org, amount, note, tx } => {
                let org = wallet.org_id(&org).await?;
                let (token, amount) = wallet.amount(&amount).await?;
                (tx, org, OrgCall::Income { org, token, amount, note: text(&note, "--note")? })
            }
            Org::Claim { org, token, tx } => {
                let org = wallet.org_id(&org).await?;
                let (token, _) = wallet.amount(&format!("0 {token}")).await?;
                (tx, org, OrgCall::Claim { org, token })
            }
            Org::Propose { org, title, calls, tx } => {
                let org = wallet.org_id(&org).await?;
                let calls =
                    read_json::<Vec<WrittenCall>>(&calls)?.into_iter().map(WrittenCall::read).collect::<Done<Vec<_>>>()?;
                let bytes: Option<Vec<_>> = calls.iter().map(Call::write).collect();
                let calls =
                    bytes.and_then(List::new).ok_or_else(|| Failure::usage("a proposal has at most 8 calls of 60 KiB"))?;
                (tx, org, OrgCall::Propose { org, title: text(&title, "--title")?, calls })
            }
            Org::Vote { org, proposal, side, weight, tx } => {
                let view = wallet.org(&org).await?;
                let weight = match weight {
                    Some(amount) => Some(wallet.amount_of(&amount, &view.token.0, &view.symbol).await?),
                    None => None,
                };
                let org = view.org.0;
                (tx, org, OrgCall::Vote { org, proposal, yes: side == Side::Yes, weight })
            }
            Org::Veto { org, proposal, tx } => {
                let org = wallet.org_id(&org).await?;
                (tx, org, OrgCall::Veto { org, proposal })
            }
            Org::Release { org, proposal, who, tx } => {
                let org = wallet.org_id(&org).await?;
                let who = wallet.account(&who).await?;
                (tx, org, OrgCall::Release { org, proposal, who })
            }
            Org::Amend { org, charter, tx } => {
                let org = wallet.org_id(&org).await?;
                (tx, org, OrgCall::Amend { org, charter: read_json(&charter)? })
            }
            _ => return Ok(()),
        };
        let calls = as_organization(&flags, org, Call::Orgs(call))?;
        wallet.send_and_print(&flags, calls, &json!({})).await
    }
}

impl Person {
    async fn call(self, wallet: &Wallet, make: impl Fn(OrgId, AccountId) -> OrgCall) -> Done<(TxFlags, OrgId, OrgCall)> {
        let org = wallet.org_id(&self.org).await?;
        let who = wallet.account(&self.who).await?;
        Ok((self.tx, org, make(org, who)))
    }
}

impl Create {
    async fn run(self, wallet: &Wallet) -> Done {
        let charter = match &self.charter {
            Some(path) => read_json(path)?,
            None => {
                let mut supervisors = vec![wallet.account(&self.tx.from).await?];
                for name in &self.tx.cosign {
                    supervisors.push(wallet.account(name).await?);
                }
                standard_charter(supervisors).ok_or_else(|| Failure::usage("at most 16 supervisors"))?
            }
        };
        let call = OrgCall::Create {
            name: text(&self.name, "the name")?,
            symbol: text(&self.symbol, "--symbol")?,
            decimals: self.decimals,
            charter,
        };
        let sent = wallet.send(&self.tx, vec![Call::Orgs(call)]).await?;
        let events = sent.receipt.iter().flat_map(|receipt| &receipt.events);
        let created = events.filter(|event| event.event == "created").find_map(|event| event.args.as_object().cloned());
        wallet.print_sent(&sent, &created.map_or_else(|| json!({}), Value::Object))
    }
}
