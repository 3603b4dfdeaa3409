//! One file a noun; each command asks the node, prints one answer, and says what went wrong in one sentence.

pub mod account;
pub mod bench;
pub mod contract;
pub mod db;
pub mod dev;
pub mod genesis;
pub mod join;
mod keymove;
pub mod keys;
pub mod localnet;
pub mod localtx;
pub mod mimei;
pub mod node;
pub mod org;
pub mod prove;
pub mod recover;
pub mod snapshot;
pub mod storage;
pub mod stream;
pub mod swarm;
pub mod token;
pub mod validator;

use crate::args::{Cli, Command};
use crate::config::Config;
use crate::content::client::Socket;
use crate::exit::{Done, Exit, Failure};
use crate::home::Home;
use crate::keys::PasswordSource;
use crate::print::Printer;
use crate::wallet::Wallet;
use leither_engine::meddle::Meddler;
use leither_rpc_api::{NoParams, methods};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

/// What every command has at hand.
pub struct Session {
    /// The home directory; it need not exist.
    pub home: Home,
    /// Whether it was named.
    pub home_given: bool,
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

    /// SOCK-1: the socket of this machine's node: of the home that was named, if its node runs; else of the node that is asked, which tells it.
    pub async fn socket(&self, wallet: &Wallet) -> Done<Socket> {
        if self.home_given
            && self.home.socket().exists()
            && let Ok(socket) = Socket::open(&self.home.socket()).await
        {
            return Ok(socket);
        }
        let status = wallet.client.call(&methods::NODE_GET_STATUS, NoParams {}).await?;
        let path = status.socket.ok_or_else(|| {
            let sentence = format!(
                "the node at {} takes content from its own machine alone: run this there, with --home of that node",
                self.node
            );
            Failure::new(Exit::Unreachable, sentence)
        })?;
        Socket::open(std::path::Path::new(&path)).await
    }

    /// Where passwords come from.
    pub fn passwords(&self) -> PasswordSource {
        PasswordSource::from_environment(self.password_file.clone())
    }
}

/// Where this home's node answers, as far as its configuration tells: a port that the system chose, only the node's first line does.
fn node_of(home: &Home) -> String {
    let config = Config::load(&home.config(), &mut std::iter::empty(), &[]);
    // What is wrong with a file `run` says.
    let mut listen = config.unwrap_or_default().rpc.listen;
    if listen.port() == 0 {
        listen = Config::default().rpc.listen;
    }
    if listen.ip().is_unspecified() {
        let local = match listen.is_ipv4() {
            true => IpAddr::V4(Ipv4Addr::LOCALHOST),
            false => IpAddr::V6(Ipv6Addr::LOCALHOST),
        };
        listen.set_ip(local);
    }
    format!("http://{listen}")
}

/// Does what the command line says.
pub async fn run(cli: Cli, meddler: Option<Arc<dyn Meddler>>) -> Done {
    let home_given = cli.home.is_some();
    let home = Home::locate(cli.home, &|name| std::env::var_os(name))?;
    let node = cli.node.unwrap_or_else(|| node_of(&home));
    let printer = Printer { json: cli.json, steps: cli.progress };
    let session = Session { home, home_given, node, printer, password_file: cli.password_file, meddler };
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
        Command::Storage(storage) => storage.run(&session).await,
        Command::Swarm(swarm) => swarm.run(&session).await,
        Command::Dht(dht) => dht.run(&session).await,
        Command::Stream(stream) => stream.run(&session).await,
        Command::Contract(contract) => contract.run(&session).await,
        Command::Validator(validator) => validator.run(&session).await,
        Command::Snapshot(snapshot) => snapshot.run(&session),
        Command::Db(db) => db.run(&session),
        Command::Recover(recover) => recover.run(&session),
        Command::Localnet(localnet) => localnet.run(&session).await,
        Command::Tx(tx) => tx.run(&session).await,
        Command::Prove(prove) => prove.run(&session).await,
        Command::Bench(bench) => bench.run(&session).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_home_knows_where_its_node_answers() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::locate(Some(dir.path().join("home")), &|_| None).unwrap();
        assert_eq!(node_of(&home), "http://127.0.0.1:4802", "no home yet");
        home.create().unwrap();
        for (listen, url) in [
            ("127.0.0.1:4902", "http://127.0.0.1:4902"),
            ("[::1]:4902", "http://[::1]:4902"),
            ("127.0.0.1:0", "http://127.0.0.1:4802"),
        ] {
            std::fs::write(home.config(), format!("[rpc]\nlisten = \"{listen}\"\n")).unwrap();
            assert_eq!(node_of(&home), url, "{listen}");
        }
        std::fs::write(home.config(), "[rpc]\nlisten = \"0.0.0.0:4902\"\nallowed_hosts = [\"node.example\"]\n").unwrap();
        assert_eq!(node_of(&home), "http://127.0.0.1:4902");
        std::fs::write(home.config(), "no configuration").unwrap();
        assert_eq!(node_of(&home), "http://127.0.0.1:4802");
    }
}
