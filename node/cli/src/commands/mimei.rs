//! `leither mimei …`: heads on chain. The bytes behind them are computed here, not yet kept and served.

use super::Session;
use super::account::PageFlags;
use crate::content::{self, Profile};
use crate::exit::{Done, Failure};
use crate::wallet::{Sent, TxFlags, Wallet};
use clap::{Args, Subcommand};
use leither_pallets::Call;
use leither_pallets::mimei::{Call as MimeiCall, MARK_AUTO, Right, Rights};
use leither_rpc_api::{GetMimei, GetMimeiPage, ListMimei, MimeiView, methods};
use leither_types::{ContentId, MimeiId, Text};
use serde_json::{Value, json};
use std::path::PathBuf;

/// MiMei: versioned files and directories.
#[derive(Subcommand, Debug)]
pub enum Mimei {
    /// Makes one (or finds the one with the same app, type and mark).
    Create {
        /// What the id follows from.
        #[command(flatten)]
        named: Named,
        /// How it is signed and sent.
        #[command(flatten)]
        tx: TxFlags,
    },
    /// Computes the content id of a file or directory and records it as the newest version.
    Add(Add),
    /// Says which version readers shall open.
    Release {
        /// Which.
        mimei: String,
        /// Which version; the newest where it is not given.
        #[arg(long)]
        version: Option<u64>,
        /// How it is signed and sent.
        #[command(flatten)]
        tx: TxFlags,
    },
    /// Makes a variation of the newest version.
    Fork {
        /// Of which.
        mimei: String,
        /// The new one's mark; none like any other where it is not given.
        #[arg(long, default_value = MARK_AUTO, hide_default_value = true)]
        mark: String,
        /// How it is signed and sent.
        #[command(flatten)]
        tx: TxFlags,
    },
    /// Head, release, history.
    Show {
        /// Which.
        mimei: String,
    },
    /// Versions, the newest first.
    Versions {
        /// Which.
        mimei: String,
        /// Which part of the list.
        #[command(flatten)]
        page: PageFlags,
    },
    /// An author's.
    List {
        /// Whose.
        author: String,
        /// Which part of the list.
        #[command(flatten)]
        page: PageFlags,
    },
    /// References to others.
    #[command(subcommand)]
    Ref(Ref),
    /// Grants the right to write (or with --none takes all).
    Grant {
        /// On which.
        mimei: String,
        /// To whom.
        who: String,
        /// backup, release, refer; several with commas.
        #[arg(long, value_delimiter = ',', required_unless_present = "none")]
        rights: Vec<String>,
        /// Takes all rights.
        #[arg(long)]
        none: bool,
        /// How it is signed and sent.
        #[command(flatten)]
        tx: TxFlags,
    },
    /// Gives it to another owner.
    Give {
        /// Which.
        mimei: String,
        /// To whom.
        to: String,
        /// How it is signed and sent.
        #[command(flatten)]
        tx: TxFlags,
    },
}

/// References between MiMei.
#[derive(Subcommand, Debug)]
pub enum Ref {
    /// One more.
    Add {
        /// Which one refers.
        mimei: String,
        /// To which.
        to: String,
        /// How it is signed and sent.
        #[command(flatten)]
        tx: TxFlags,
    },
    /// One less.
    Del {
        /// Which one refers.
        mimei: String,
        /// To which.
        to: String,
        /// How it is signed and sent.
        #[command(flatten)]
        tx: TxFlags,
    },
}

/// What the id follows from, beside the author.
#[derive(Args, Clone, Debug)]
pub struct Named {
    /// Which app it belongs to.
    #[arg(long, default_value = "files")]
    app: String,
    /// file, dir, db, …; told from the path where it is not given.
    #[arg(long = "type")]
    kind: Option<String>,
    /// Tells this author's apart; a new one each time where it is not given.
    #[arg(long, default_value = MARK_AUTO, hide_default_value = true)]
    mark: String,
}

impl Named {
    fn call(&self, kind: &str) -> Done<Call> {
        let long = |what: &str, max: usize| Failure::usage(format!("{what} is at most {max} bytes"));
        Ok(Call::Mimei(MimeiCall::Create {
            app: Text::new(self.app.clone()).ok_or_else(|| long("--app", 64))?,
            kind: Text::new(self.kind.clone().unwrap_or_else(|| kind.into())).ok_or_else(|| long("--type", 16))?,
            mark: Text::new(self.mark.clone()).ok_or_else(|| long("--mark", 128))?,
        }))
    }
}

/// Computes a content id and records it as the newest version.
#[derive(Args, Debug)]
pub struct Add {
    /// A file or a directory.
    path: PathBuf,
    /// Which MiMei; a new one where it is not given.
    #[arg(long)]
    mimei: Option<String>,
    /// The newest version that the change is based on; the chain's where it is not given.
    #[arg(long, requires = "mimei")]
    base: Option<u64>,
    /// How content is cut and hashed: unixfs-v1-2025 or unixfs-v0-2015.
    #[arg(long, default_value = "unixfs-v1-2025")]
    profile: String,
    /// What the id follows from.
    #[command(flatten)]
    named: Named,
    /// How it is signed and sent.
    #[command(flatten)]
    tx: TxFlags,
}

fn id(text: &str) -> Done<MimeiId> {
    Ok(text.parse()?)
}

async fn view(wallet: &Wallet, id: MimeiId) -> Done<MimeiView> {
    Ok(wallet.client.call(&methods::MIMEI_GET, GetMimei { mimei: id.into() }).await?)
}

impl Mimei {
    pub(super) async fn run(self, session: &Session) -> Done {
        let wallet = session.wallet().await?;
        let none = json!({});
        match self {
            Mimei::Create { named, tx } => {
                let sent = wallet.send(&tx, vec![named.call("dir")?]).await?;
                wallet.print_sent(&sent, &created(&sent))
            }
            Mimei::Add(add) => add.run(&wallet).await,
            Mimei::Release { mimei, version, tx } => {
                let mimei = id(&mimei)?;
                let number = match version {
                    Some(number) => number,
                    None => newest(&view(&wallet, mimei).await?)?,
                };
                let call = Call::Mimei(MimeiCall::Release { mimei, number });
                wallet
                    .send_and_print(&tx, vec![call], &json!({ "mimei": mimei.to_string(), "release": number.to_string() }))
                    .await
            }
            Mimei::Fork { mimei, mark, tx } => {
                let parent = id(&mimei)?;
                let number = newest(&view(&wallet, parent).await?)?;
                let mark = Text::new(mark).ok_or_else(|| Failure::usage("--mark is at most 128 bytes"))?;
                let sent = wallet.send(&tx, vec![Call::Mimei(MimeiCall::Fork { parent, number, mark })]).await?;
                wallet.print_sent(&sent, &created(&sent))
            }
            Mimei::Show { mimei } => {
                session.printer.answer(&view(&wallet, id(&mimei)?).await?);
                Ok(())
            }
            Mimei::Versions { mimei, page } => {
                let (after, limit) = page.ask()?;
                let ask = GetMimeiPage { mimei: id(&mimei)?.into(), after, limit };
                session.printer.answer(&wallet.client.call(&methods::MIMEI_GET_VERSIONS, ask).await?);
                Ok(())
            }
            Mimei::List { author, page } => {
                let (after, limit) = page.ask()?;
                let author = wallet.account(&author).await?.into();
                let ask = ListMimei { author, after, limit };
                session.printer.answer(&wallet.client.call(&methods::MIMEI_LIST, ask).await?);
                Ok(())
            }
            Mimei::Ref(Ref::Add { mimei, to, tx }) => {
                let call = MimeiCall::Refer { from: id(&mimei)?, to: id(&to)?, add: true };
                wallet.send_and_print(&tx, vec![Call::Mimei(call)], &none).await
            }
            Mimei::Ref(Ref::Del { mimei, to, tx }) => {
                let call = MimeiCall::Refer { from: id(&mimei)?, to: id(&to)?, add: false };
                wallet.send_and_print(&tx, vec![Call::Mimei(call)], &none).await
            }
            Mimei::Grant { mimei, who, rights: named, none: _, tx } => {
                let who = wallet.account(&who).await?;
                let call = MimeiCall::Grant { mimei: id(&mimei)?, who, rights: rights(&named)? };
                wallet.send_and_print(&tx, vec![Call::Mimei(call)], &none).await
            }
            Mimei::Give { mimei, to, tx } => {
                let to = wallet.account(&to).await?;
                let call = MimeiCall::Give { mimei: id(&mimei)?, to };
                wallet.send_and_print(&tx, vec![Call::Mimei(call)], &none).await
            }
        }
    }
}

fn rights(named: &[String]) -> Done<Rights> {
    let mut mask = 0u64;
    for name in named {
        let right: Right = serde_json::from_value(Value::String(name.clone()))
            .map_err(|_| Failure::usage(format!("`{name}` is no right: backup, release or refer")))?;
        mask |= 1 << right as u64;
    }
    Ok(Rights(mask))
}

fn newest(view: &MimeiView) -> Done<u64> {
    view.head
        .as_ref()
        .map(|head| head.version.0)
        .ok_or_else(|| Failure::usage("it has no version yet: `leither mimei add` makes one"))
}

/// The id that a transaction made or found.
fn created(sent: &Sent) -> Value {
    let mut events = sent.receipt.iter().flat_map(|receipt| &receipt.events);
    let id = events.find(|event| event.pallet == "mimei" && event.event == "created");
    id.and_then(|event| event.args.get("mimei").cloned()).map_or_else(|| json!({}), |id| json!({ "mimei": id }))
}

impl Add {
    async fn run(self, wallet: &Wallet) -> Done {
        let profile: Profile = self.profile.parse()?;
        let printer = wallet.printer;
        let added = content::add(&self.path, profile, &mut |_, _| Ok(()), &mut |progress| {
            if progress.entries % 64 == 0 {
                printer.progress(&format!("{} entries, {} MiB", progress.entries, progress.bytes >> 20));
            }
        });
        printer.progress_over();
        let added = added?;
        let content = added.content_id().ok_or_else(|| Failure::fault("the content id is too long to be recorded"))?;
        let more = json!({
            "cid": added.cid.to_string(),
            "profile": profile.name(),
            "size": added.size.to_string(),
            "files": added.files.to_string(),
            "blocks": added.blocks.to_string(),
        });
        match &self.mimei {
            Some(text) => {
                let (sent, more) = self.next_version(wallet, id(text)?, content, more).await?;
                wallet.print_sent(&sent, &more)
            }
            None => self.first_version(wallet, content, more).await,
        }
    }

    /// Sends it, and says what is to be printed beside.
    async fn next_version(&self, wallet: &Wallet, mimei: MimeiId, content: ContentId, mut more: Value) -> Done<(Sent, Value)> {
        let base = match self.base {
            Some(number) => Some(number),
            None => view(wallet, mimei).await?.head.map(|head| head.version.0),
        };
        more["mimei"] = mimei.to_string().into();
        more["version"] = base.map_or(0, |n| n.saturating_add(1)).to_string().into();
        let call = Call::Mimei(MimeiCall::Backup { mimei, base, content });
        Ok((wallet.send(&self.tx, vec![call]).await?, more))
    }

    /// The id of a MiMei with mark `{{auto}}` follows from its transaction, so it is made first.
    async fn first_version(&self, wallet: &Wallet, content: ContentId, more: Value) -> Done {
        let kind = if self.path.is_dir() { "dir" } else { "file" };
        let made = wallet.send(&TxFlags { no_wait: false, ..self.tx.clone() }, vec![self.named.call(kind)?]).await?;
        if self.tx.dry_run {
            return wallet.print_sent(&made, &more);
        }
        let mimei = created(&made);
        let Some(text) = mimei.get("mimei").and_then(Value::as_str) else { return wallet.print_sent(&made, &more) };
        match self.next_version(wallet, id(text)?, content, more).await {
            Ok((sent, more)) => wallet.print_sent(&sent, &more),
            // It is there, without a version: the next try must find it and not make another.
            Err(failure) => {
                let sentence = format!("{}. The MiMei was made: go on with --mimei {text}", failure.sentence);
                let unknown = Some(Failure::new(failure.exit, sentence));
                wallet.print_sent(&Sent { unknown, ..made }, &mimei)
            }
        }
    }
}
