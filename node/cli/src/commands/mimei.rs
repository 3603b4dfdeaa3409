//! `leither mimei …`: heads on chain, and the bytes behind them in the node of this machine.
//!
//! | module | holds |
//! |---|---|
//! | `add` | files -> blocks in the node -> the newest version |
//! | `backup` | the working copy -> the newest version, and back |
//! | `closing` | with what content is closed; nothing is opened or closed by chance |
//! | `cur` | the working copy, file by file |
//! | `get` | a version -> files |
//! | `list` | announcing and providing many |
//! | `network` | announcing, providing, finding, fetching |
//! | `place` | `MIMEI[@VERSION][/path]` |
//! | `private` | content that only its readers read, opened |
//! | `readers` | who they are |
//! | `rights` | who may what |
//! | `standing` | how the working copy stands to the chain |

mod add;
mod backup;
mod closing;
mod cur;
mod get;
mod list;
pub(super) mod network;
pub(super) mod place;
mod private;
mod readers;
mod rights;
mod standing;

use super::Session;
use super::account::PageFlags;
use crate::content::client::Socket;
use crate::exit::{Done, Failure};
use crate::wallet::{Sent, TxFlags, Wallet};
use add::Add;
use backup::{Backup, Restore};
use clap::{Args, Subcommand};
use leither_pallets::Call;
use leither_pallets::mimei::{Call as MimeiCall, MARK_AUTO};
use leither_rpc_api::{ClientError, GetMimei, GetMimeiPage, ListMimei, MimeiView, Reason, methods};
use leither_types::{AccountId, MimeiId, Text};
use serde_json::{Value, json};

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
    /// Stores a file or directory in the node of this machine and records it as the newest version.
    Add(Add),
    /// Writes a version's files, or one of them, to this machine.
    Get(get::Get),
    /// The working copy, file by file.
    #[command(subcommand)]
    Cur(cur::Cur),
    /// Makes the working copy the newest version.
    Backup(Backup),
    /// Makes a version the working copy.
    Restore(Restore),
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
    /// Makes a variation of the newest version, with the same content.
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
    /// Announces the newest version, so that others find it here.
    Publish(network::Publish),
    /// Keeps the newest version here from now on, and announces it.
    Provide(network::Provide),
    /// Who provides a MiMei, and which version each of them holds.
    Findprovs(network::Findprovs),
    /// Fetches the newest version once, and keeps it.
    Sync(network::Fetch),
    /// Head, release, history, what the node of this machine has of it, and what others say they have.
    Show {
        /// Which.
        mimei: String,
        /// Asks no others.
        #[arg(long)]
        offline: bool,
    },
    /// Versions, the newest first.
    Versions {
        /// Which.
        mimei: String,
        /// Which part of the list.
        #[command(flatten)]
        page: PageFlags,
    },
    /// Those that an account has made, whoever owns them now.
    List {
        /// Who made them: what was given away stands with its author, not with its owner, and `show` says who that is.
        author: String,
        /// Which part of the list.
        #[command(flatten)]
        page: PageFlags,
    },
    /// References to others.
    #[command(subcommand)]
    Ref(Ref),
    /// Who reads private content.
    #[command(subcommand)]
    Readers(readers::Readers),
    /// Who may what; with a group's name: what all of that group may.
    Rights(rights::Groups),
    /// Grants one account rights, whatever its groups may, or denies them.
    Grant(rights::Grant),
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
    /// What it refers to, and how often.
    List {
        /// Which one refers.
        mimei: String,
        /// Which part of the list.
        #[command(flatten)]
        page: PageFlags,
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
    /// MIMEI-1: the id that it has or will have; none where the mark is a new one each time.
    fn id(&self, author: &AccountId, kind: &str) -> Option<MimeiId> {
        let kind = self.kind.as_deref().unwrap_or(kind);
        (self.mark != MARK_AUTO).then(|| MimeiId::derive(author, &self.app, kind, &self.mark))
    }

    fn call(&self, kind: &str) -> Done<Call> {
        let long = |what: &str, max: usize| Failure::usage(format!("{what} is at most {max} bytes"));
        Ok(Call::Mimei(MimeiCall::Create {
            app: Text::new(self.app.clone()).ok_or_else(|| long("--app", 64))?,
            kind: Text::new(self.kind.clone().unwrap_or_else(|| kind.into())).ok_or_else(|| long("--type", 16))?,
            mark: Text::new(self.mark.clone()).ok_or_else(|| long("--mark", 128))?,
        }))
    }
}

fn id(text: &str) -> Done<MimeiId> {
    Ok(text.parse()?)
}

async fn view(wallet: &Wallet, id: MimeiId) -> Done<MimeiView> {
    Ok(wallet.client.call(&methods::MIMEI_GET, GetMimei { mimei: id.into() }).await?)
}

/// The same; nothing where the chain knows no such MiMei. Whatever else is refused says nothing of whether it is there.
async fn view_if_made(wallet: &Wallet, id: MimeiId) -> Done<Option<MimeiView>> {
    made(wallet.client.call(&methods::MIMEI_GET, GetMimei { mimei: id.into() }).await)
}

fn made(answer: Result<MimeiView, ClientError>) -> Done<Option<MimeiView>> {
    match answer {
        Ok(view) => Ok(Some(view)),
        Err(ClientError::Refused { reason, .. }) if reason == Reason::UnknownMimei.word() => Ok(None),
        Err(error) => Err(error.into()),
    }
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
            Mimei::Add(add) => add.run(session, &wallet).await,
            Mimei::Get(get) => get.run(session).await,
            Mimei::Cur(cur) => cur.run(session).await,
            Mimei::Backup(backup) => backup.run(session).await,
            Mimei::Restore(restore) => restore.run(session).await,
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
                let shown = view(&wallet, parent).await?;
                let number = newest(&shown)?;
                closing::refuse_stranger(session, &wallet, &shown, &tx.from).await?;
                let mark = Text::new(mark).ok_or_else(|| Failure::usage("--mark is at most 128 bytes"))?;
                let sent = wallet.send(&tx, vec![Call::Mimei(MimeiCall::Fork { parent, number, mark })]).await?;
                let mut more = created(&sent);
                if let Some(fork) = more.get("mimei").and_then(Value::as_str).filter(|_| sent.is_sent()) {
                    more["content"] = share(session, &wallet, parent, number, id(fork)?).await.into();
                }
                wallet.print_sent(&sent, &more)
            }
            Mimei::Publish(publish) => publish.run(session).await,
            Mimei::Provide(provide) => provide.run(session).await,
            Mimei::Findprovs(find) => find.run(session).await,
            Mimei::Sync(fetch) => fetch.run(session).await,
            Mimei::Show { mimei, offline } => {
                let view = view(&wallet, id(&mimei)?).await?;
                match session.socket(&wallet).await {
                    Ok(socket) => {
                        let mut shown = standing::shown(&view, &standing::local(&wallet, &socket, &view).await?)?;
                        if !offline {
                            shown["network"] = network(&socket, &view).await?;
                        }
                        session.printer.answer(&shown);
                    }
                    // Another machine's node: what the chain says is all there is to show.
                    Err(_) => session.printer.answer(&view),
                }
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
            Mimei::Ref(Ref::List { mimei, page }) => {
                let (after, limit) = page.ask()?;
                let ask = GetMimeiPage { mimei: id(&mimei)?.into(), after, limit };
                session.printer.answer(&wallet.client.call(&methods::MIMEI_GET_REFERENCES, ask).await?);
                Ok(())
            }
            Mimei::Readers(readers) => readers.run(session, &wallet).await,
            Mimei::Rights(groups) => groups.run(&wallet).await,
            Mimei::Grant(grant) => grant.run(&wallet).await,
            Mimei::Give { mimei, to, tx } => {
                let to = wallet.account(&to).await?;
                let call = MimeiCall::Give { mimei: id(&mimei)?, to };
                wallet.send_and_print(&tx, vec![Call::Mimei(call)], &none).await
            }
        }
    }
}

/// HOLD-4: a fork begins with the parent's content, not one block of which is copied. `here`, or `absent` where this node has not got it.
async fn share(session: &Session, wallet: &Wallet, parent: MimeiId, number: u64, fork: MimeiId) -> &'static str {
    let shared = async {
        let socket: Socket = session.socket(wallet).await?;
        backup::hold(wallet, &socket, &view(wallet, parent).await?, number).await?;
        Ok::<_, Failure>(socket.fork(&parent, number, &fork).await?)
    };
    if shared.await.is_ok() { "here" } else { "absent" }
}

/// NETWORK-1: what the others say; a network that says nothing hides nothing of what the chain says.
async fn network(socket: &Socket, view: &MimeiView) -> Done<Value> {
    match socket.get(&format!("/mimei/{}/network", view.mimei.0)).await {
        Ok(found) => network::seen(&found),
        Err(said) => Ok(json!({ "failure": said.failure.sentence })),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_9_only_a_mimei_that_the_chain_says_it_has_not_got_is_not_made_yet() {
        let refused = |reason: &str| {
            let message = format!("refused: {reason}");
            made(Err(ClientError::Refused { code: -32_000, reason: reason.into(), message, data: serde_json::Map::new() }))
        };
        assert!(refused(Reason::UnknownMimei.word()).unwrap().is_none());
        for reason in Reason::ALL.iter().filter(|reason| **reason != Reason::UnknownMimei) {
            assert!(refused(reason.word()).is_err(), "{}", reason.word());
        }
        assert!(refused("").is_err(), "no word at all");
        assert!(made(Err(ClientError::Timeout { url: "http://127.0.0.1:1".into() })).is_err());
    }
}
