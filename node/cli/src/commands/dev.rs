//! `leither dev`: one process, no set-up, throw-away by default.

mod demo;

use super::Session;
use super::node::start_log;
use crate::compose::{End, Parts, Running};
use crate::config::Config;
use crate::exit::{Done, Failure};
use crate::genesis::{self, GenesisFile};
use crate::keys::{DEV_NAMES, DEV_WORDS, Role, dev_account, dev_key};
use crate::wallet::now_ms;
use clap::Args;
use leither_engine::{SignState, ValidatorKey, swarm_key};
use leither_types::{AccountId, Amount, Genesis, ValidatorId, tagged};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;

/// What each funded account starts with, in mei.
const FUNDS_MEI: u128 = 1_000_000;

/// So often a directory is tried to be removed,
const REMOVALS: usize = 40;
/// with such a pause.
const REMOVAL_PAUSE: Duration = Duration::from_millis(50);

/// Starts a throw-away chain with funded accounts and an organization at work.
#[derive(Args, Debug)]
pub struct Dev {
    /// Keeps the chain in this directory, and goes on with the one that is there.
    #[arg(long)]
    state: Option<PathBuf>,
    /// Settings for this run, `key=value`; several times.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Leaves the demo organization out.
    #[arg(long)]
    bare: bool,
}

impl Dev {
    pub(super) async fn run(self, session: &Session) -> Done {
        // Before there is anything on disk: who is interrupted early cleans up, too.
        let end = End::listen()?;
        let temporary = if self.state.is_none() { Some(tempfile::tempdir().map_err(Failure::fault)?) } else { None };
        let dir = match (&self.state, &temporary) {
            (Some(dir), _) => dir.clone(),
            (None, Some(dir)) => dir.path().to_path_buf(),
            (None, None) => return Err(Failure::fault("no directory for the chain")),
        };
        // Any port for metrics: several chains on a machine get on without being told.
        let flag = |key: &str, value: &str| (key.to_string(), value.to_string());
        let mut flags = vec![flag("log.level", "warn"), flag("metrics.listen", "127.0.0.1:0")];
        for text in &self.set {
            let pair = text.split_once('=').ok_or_else(|| Failure::usage(format!("--set {text}: write KEY=VALUE")))?;
            flags.push((pair.0.trim().into(), pair.1.trim().into()));
        }
        // A home's settings are for its node; a dev chain starts from the defaults.
        let mut config = Config::load(Path::new("/nonexistent/node.toml"), &mut std::iter::empty(), &flags)?;
        if !flags.iter().any(|(key, _)| key == "swarm.listen") {
            choose_swarm_port(&mut config);
        }
        start_log(&config)?;
        let done = Box::pin(self.live(session, &dir, config, end)).await;
        if let Some(temporary) = temporary {
            throw_away(temporary).await;
        }
        done
    }

    async fn live(&self, session: &Session, dir: &Path, config: Config, mut end: End) -> Done {
        let running = start(dir, config).await?;
        let url = format!("http://{}", running.rpc_address());
        if !self.bare {
            let over = tokio::select! {
                founded = demo::found(&url, session) => founded.err().map(Err),
                () = end.asked() => Some(Ok(())),
            };
            if let Some(over) = over {
                running.stop().await;
                return over;
            }
        }
        let gateway = format!("http://{}", running.gateway_address());
        welcome(session, &url, &gateway, self.state.as_deref());
        running.until_the_end(end).await
    }
}

/// The content swarm of a dev chain listens where a node's does, and where others listen there, or its other ports are any, on any.
fn choose_swarm_port(config: &mut Config) {
    let mut listen = config.swarm_listen();
    let is_any = config.gateway.listen.port() == 0 || config.rpc.listen.port() == 0;
    let is_taken = std::net::TcpListener::bind(listen).is_err() || std::net::UdpSocket::bind(listen).is_err();
    if is_any || is_taken {
        listen.set_port(0);
        config.swarm.listen = Some(listen);
    }
}

/// A thread of the database that has not ended yet may make a file while the directory is emptied: then it is emptied again.
async fn throw_away(temporary: TempDir) {
    let dir = temporary.keep();
    for _ in 0..REMOVALS {
        if std::fs::remove_dir_all(&dir).is_ok() || !dir.exists() {
            return;
        }
        tokio::time::sleep(REMOVAL_PAUSE).await;
    }
    tracing::warn!(dir = %dir.display(), "the chain's directory could not be removed");
}

async fn start(dir: &Path, config: Config) -> Done<Running> {
    std::fs::create_dir_all(dir).map_err(|e| Failure::fault(format!("cannot create {}: {e}", dir.display())))?;
    let path = dir.join("genesis.json");
    let genesis = if path.exists() { genesis::load(&path)? } else { new_genesis(&path)? };
    let missing = || Failure::fault("the public words give no key");
    let consensus = dev_key(Role::Consensus, 0).ok_or_else(missing)?;
    let swarm = swarm_key(&consensus);
    let (data, validator) = (dir.join("data"), dir.join("validator"));
    if !data.exists() {
        // A new chain: on it the key has signed nothing.
        SignState::create(&validator, &ValidatorId::of_key(&consensus.public()).to_string()).map_err(Failure::fault)?;
    }
    let parts = Parts {
        config,
        genesis,
        data,
        home: dir.to_path_buf(),
        snapshots: None,
        validators: vec![ValidatorKey { key: consensus, dir: validator, vote_again: false }],
        trusted: None,
        node_key: dev_key(Role::Node, 0).ok_or_else(missing)?,
        swarm_key: swarm,
        rules_max: leither_types::RULES_VERSION,
        joinable: false,
        meddler: None,
    };
    parts.start().await
}

fn new_genesis(path: &Path) -> Done<Genesis> {
    let form = dev_genesis(now_ms()?)?;
    genesis::write(path, &form)?;
    Ok(genesis::validate(&form)?)
}

/// Ten funded accounts and one validator, whose operator is the last of them.
pub fn dev_genesis(time_ms: u64) -> Done<GenesisFile> {
    let mut form = genesis::new("leither-dev", time_ms, true);
    let missing = || Failure::fault("the public words give no key");
    let mut operator = AccountId::default();
    for name in DEV_NAMES {
        operator = AccountId::of_key(&dev_account(name).ok_or_else(missing)?.public());
        let amount = Amount::new(FUNDS_MEI * 1_000_000_000);
        let evidence = tagged("leither/evidence/v1", &[b"a development chain's play money"]);
        genesis::add_allocation(&mut form, operator, amount, "play money of a development chain", evidence)?;
    }
    let key = dev_key(Role::Consensus, 0).ok_or_else(missing)?.public();
    // As if it had pledged a thousand mei: who joins with the least pledge does not hold the majority.
    genesis::add_validator(&mut form, key, 1_000, operator)?;
    Ok(form)
}

fn welcome(session: &Session, url: &str, gateway: &str, state: Option<&Path>) {
    if session.printer.json {
        let accounts: Vec<_> = DEV_NAMES.iter().filter_map(|name| Some((name, account_of(name)?))).collect();
        let accounts: serde_json::Map<_, _> = accounts.into_iter().map(|(name, id)| (name.to_string(), id.into())).collect();
        session
            .printer
            .answer(&json!({ "rpc": url, "gateway": gateway, "accounts": accounts, "organization": "demo-tube", "ready": true }));
        return;
    }
    let mut text =
        String::from("A Leither development chain is running. Its keys are public: nothing here is worth anything.\n\n");
    for name in DEV_NAMES {
        text += &format!("  {name:<6} {}   {FUNDS_MEI} mei\n", account_of(name).unwrap_or_default());
    }
    text += &format!("\n  words  {DEV_WORDS}\n");
    let ws = url.replacen("http", "ws", 1);
    text += &format!("\n  JSON-RPC   {url}   (WebSocket: {ws})\n");
    text += &format!("  gateway    {gateway}\n");
    text += &match state {
        Some(dir) => format!("  state      {} (kept)\n", dir.display()),
        None => "  state      thrown away at the end (keep it with --state DIR)\n".into(),
    };
    text += "\nFrom a second terminal, try\n\n";
    let node = if url.ends_with(":4802") { String::new() } else { format!(" --node {url}") };
    for line in [
        "leither org show demo-tube",
        "leither token holders tube",
        "leither transfer --from alice bob 5mei",
        "leither org income demo-tube 10mei --note \"an ad\" --from judy",
        "leither mimei add --from alice ./README.md",
    ] {
        text += &format!("  {line}{node}\n");
    }
    text += "\nCtrl-C ends it.";
    session.printer.lines(&text);
}

fn account_of(name: &str) -> Option<String> {
    Some(AccountId::of_key(&dev_account(name)?.public()).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dev_chains_content_swarm_goes_out_of_the_way() {
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let mut config = Config::default();
        config.swarm.listen = Some(taken.local_addr().unwrap());
        choose_swarm_port(&mut config);
        assert_eq!(config.swarm_listen().port(), 0, "another listens there");
        let free = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        config.swarm.listen = Some(free);
        config.gateway.listen.set_port(0);
        choose_swarm_port(&mut config);
        assert_eq!(config.swarm_listen().port(), 0, "its other ports are any");
    }
}
