//! The command line as it is read.

use crate::commands::{
    account, bench, contract, db, dev, genesis, keys, localnet, localtx, mimei, node, org, prove, recover, snapshot, storage,
    stream, swarm, token, validator,
};
use clap::{Parser, Subcommand};
use std::path::PathBuf;

/// Leither: a node, a wallet and a toolbox in one binary.
///
/// Exit codes: 0 done, 1 refused, 2 usage, 3 cannot reach the node, 4 a fault of this machine.
#[derive(Parser, Debug)]
#[command(name = "leither", version, propagate_version = true, arg_required_else_help = true)]
pub struct Cli {
    /// The home directory; ~/.leither where it is not given.
    #[arg(long, global = true, env = "LEITHER_HOME")]
    pub home: Option<PathBuf>,
    /// The node to ask; where it is not given, this home's, by its rpc.listen, else http://127.0.0.1:4802.
    #[arg(long, global = true, env = "LEITHER_NODE")]
    pub node: Option<String>,
    /// Prints exactly one JSON object (one a line for streams) on stdout and nothing else.
    #[arg(long, global = true)]
    pub json: bool,
    /// With --json: before the object a line for each step of long work, {"event":"progress","blocks":…,"bytes":…}.
    #[arg(long, global = true)]
    pub progress: bool,
    /// A file whose first line is the password of the key that signs.
    #[arg(long, global = true)]
    pub password_file: Option<PathBuf>,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Every verb.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Starts a throw-away chain with funded accounts and an organization at work.
    Dev(dev::Dev),
    /// Runs several nodes of a throw-away network on this machine, and lets them fail.
    Localnet(localnet::Localnet),
    /// Makes and checks the start of a chain.
    #[command(subcommand)]
    Genesis(genesis::Genesis),
    /// Makes a home directory for a node of a chain.
    Init(node::Init),
    /// Runs the node of this home.
    Run(node::Run),
    /// How the node is.
    Status,
    /// Keys of this wallet.
    #[command(subcommand)]
    Keys(keys::Keys),
    /// Accounts: balances and history.
    #[command(subcommand)]
    Account(account::Account),
    /// Pays.
    Transfer(account::Transfer),
    /// Organizations: founding, joining, voting, issuing, income.
    #[command(subcommand)]
    Org(org::Org),
    /// Tokens and who holds them.
    #[command(subcommand)]
    Token(token::Token),
    /// MiMei: versioned files and directories.
    #[command(subcommand)]
    Mimei(mimei::Mimei),
    /// What content the node of this machine keeps.
    #[command(subcommand)]
    Storage(storage::Storage),
    /// The content swarm: who is connected, and who reaches this node.
    #[command(subcommand)]
    Swarm(swarm::Swarm),
    /// Who has what, and where a peer is.
    #[command(subcommand)]
    Dht(swarm::Dht),
    /// Streams: money that is paid over time, or becomes free over time.
    #[command(subcommand)]
    Stream(stream::Stream),
    /// Contracts: code, instances, messages, questions.
    #[command(subcommand)]
    Contract(contract::Contract),
    /// Who keeps the books: pledging, leaving, coming back, changing keys.
    #[command(subcommand)]
    Validator(validator::Validator),
    /// Snapshots of the state.
    #[command(subcommand)]
    Snapshot(snapshot::Snapshot),
    /// The database of a node that does not run.
    #[command(subcommand)]
    Db(db::Db),
    /// A new start of a chain that stands still, since more than a third of the power has gone for good.
    #[command(subcommand)]
    Recover(recover::Recover),
    /// Transactions: looking up, looking into and waiting.
    #[command(subcommand)]
    Tx(localtx::Tx),
    /// Proves what the state holds, offline but for the asking.
    Prove(prove::Prove),
    /// Load, measured from outside and audited.
    #[command(subcommand)]
    Bench(bench::Bench),
}
