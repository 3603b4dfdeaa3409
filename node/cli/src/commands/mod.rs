//! One file a noun; each command asks the node, prints one answer, and says what went wrong in one sentence.

pub mod account;
pub mod bench;
pub mod db;
pub mod dev;
pub mod genesis;
pub mod join;
pub mod keys;
pub mod localnet;
pub mod localtx;
pub mod mimei;
pub mod node;
pub mod org;
pub mod prove;
pub mod snapshot;
pub mod token;
pub mod validator;

use crate::args::{Cli, Command};
use crate::exit::Done;
use crate::home::Home;
use crate::keys::PasswordSource;
use crate::print::Printer;
use crate::wallet::Wallet;
use leither_engine::meddle::Meddler;
use std::sync::Arc;

/// What every command has at hand.
pub struct Session {
    /// The home directory; it need not exist.
    pub home: Home,
    /// The node's address.
    pub node: String,
    /// Where answers go.
    pub printer: Printer,
    /// `--password-file`.
    pub password_file: Option<std::path::PathBuf>,
    /// What a test puts between `run`'s node and the others; nothing in `leither` itself.
    pub meddler: Option<Arc<dyn Meddler>>,
}

impl Session {
    /// A wallet on the node.
    pub async fn wallet(&self) -> Done<Wallet> {
        Wallet::open(&self.node, &self.home, self.passwords(), self.printer).await
    }

    /// Where passwords come from.
    pub fn passwords(&self) -> PasswordSource {
        PasswordSource::from_environment(self.password_file.clone())
    }
}

/// Does what the command line says.
pub async fn run(cli: Cli, meddler: Option<Arc<dyn Meddler>>) -> Done {
    let home = Home::locate(cli.home, &|name| std::env::var_os(name))?;
    let printer = Printer { json: cli.json };
    let session = Session { home, node: cli.node, printer, password_file: cli.password_file, meddler };
    match cli.command {
        Command::Dev(dev) => dev.run(&session).await,
        Command::Genesis(genesis) => genesis.run(&session),
        Command::Init(init) => init.run(&session).await,
        Command::Run(run) => run.run(&session).await,
        Command::Status => node::status(&session).await,
        Command::Keys(keys) => keys.run(&session),
        Command::Account(account) => account.run(&session).await,
        Command::Transfer(transfer) => transfer.run(&session).await,
        Command::Org(org) => org.run(&session).await,
        Command::Token(token) => token.run(&session).await,
        Command::Mimei(mimei) => mimei.run(&session).await,
        Command::Validator(validator) => validator.run(&session).await,
        Command::Snapshot(snapshot) => snapshot.run(&session),
        Command::Db(db) => db.run(&session),
        Command::Localnet(localnet) => localnet.run(&session).await,
        Command::Tx(tx) => tx.run(&session).await,
        Command::Prove(prove) => prove.run(&session).await,
        Command::Bench(bench) => bench.run(&session).await,
    }
}
