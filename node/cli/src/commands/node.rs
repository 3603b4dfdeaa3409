//! `leither init`, `run`, `status`, `validator list`.

use super::Session;
use crate::compose::Parts;
use crate::config::{Config, LogFormat};
use crate::exit::{Done, Failure};
use crate::genesis;
use crate::keys::{Purpose, create_node_key, load_node_key};
use clap::{Args, Subcommand};
use leither_engine::{ValidatorKey, swarm_key, swarm_peer_id};
use leither_rpc_api::{NoParams, methods};
use leither_types::{SecretKey, ValidatorId};
use serde_json::json;
use std::path::PathBuf;

/// Makes a home directory for a node of a chain.
#[derive(Args, Debug)]
pub struct Init {
    /// The chain's genesis.json; a new validator's keys can be made before there is one.
    #[arg(long)]
    genesis: Option<PathBuf>,
    /// Makes a consensus key, so that this node can keep the books.
    #[arg(long)]
    validator: bool,
    /// Settings that differ from the defaults, `key=value`; several times.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
}

/// Runs the node of this home.
#[derive(Args, Debug)]
pub struct Run {
    /// Settings for this run, `key=value`; several times.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
}

/// Who keeps the books.
#[derive(Subcommand, Debug)]
pub enum Validator {
    /// Who votes on the next block.
    List,
}

fn settings(set: &[String]) -> Done<Vec<(String, String)>> {
    let pair = |text: &String| {
        let pair = text.split_once('=').map(|(key, value)| (key.trim().to_string(), value.trim().to_string()));
        pair.ok_or_else(|| Failure::usage(format!("--set {text}: write KEY=VALUE, e.g. --set rpc.listen=127.0.0.1:4902")))
    };
    set.iter().map(pair).collect()
}

/// A file that may be there already is left alone.
fn key_or_new(path: &std::path::Path, purpose: Purpose) -> Done<SecretKey> {
    if path.exists() { Ok(load_node_key(path, purpose)?) } else { Ok(create_node_key(path, purpose)?) }
}

impl Init {
    pub(super) fn run(self, session: &Session) -> Done {
        let home = &session.home;
        home.create()?;
        let config = Config::load(&home.config(), &mut std::env::vars(), &settings(&self.set)?)?;
        crate::files::replace(&home.config(), config.file_text().as_bytes(), crate::files::OPEN_MODE).map_err(Failure::fault)?;
        let node = key_or_new(&home.node_key(), Purpose::Node)?;
        let mut shown = json!({
            "home": home.root().display().to_string(),
            "config": home.config().display().to_string(),
            "node_key": node.public().to_string(),
            "data_peer_id": swarm_peer_id(&node).map_err(Failure::fault)?,
        });
        if self.validator {
            let key = key_or_new(&home.consensus_key(), Purpose::Consensus)?;
            shown["consensus_key"] = key.public().to_string().into();
            shown["validator"] = ValidatorId::of_key(&key.public()).to_string().into();
            shown["consensus_peer_id"] = swarm_peer_id(&swarm_key(&key)).map_err(Failure::fault)?.into();
        }
        if let Some(path) = &self.genesis {
            let file = genesis::read(path)?;
            let checked = genesis::validate(&file)?;
            if home.genesis().exists() && genesis::load(&home.genesis())?.chain() != checked.chain() {
                let sentence = format!("{} is another chain's genesis: choose another --home", home.genesis().display());
                return Err(Failure::usage(sentence));
            }
            genesis::write(&home.genesis(), &file)?;
            shown["chain"] = checked.chain().to_string().into();
        }
        session.printer.answer(&shown);
        Ok(())
    }
}

/// Starts the log. Twice in a process does nothing.
pub(super) fn start_log(config: &Config) -> Done {
    use tracing_subscriber::{EnvFilter, fmt};
    let mut level = config.log.level.clone();
    if config.consensus.persistent_peers.is_empty() && !level.contains("arc_malachitebft_network") {
        // With nobody to talk to, the engine's network calls each of its own messages an error.
        level += ",arc_malachitebft_network=off";
    }
    let filter = EnvFilter::try_new(&level).map_err(|e| Failure::usage(format!("log.level: {e}")))?;
    let builder = fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(true);
    let _already = match config.log.format {
        LogFormat::Json => builder.json().try_init(),
        LogFormat::Text => builder.try_init(),
    };
    Ok(())
}

impl Run {
    pub(super) async fn run(self, session: &Session) -> Done {
        let home = &session.home;
        if !home.config().exists() {
            let root = home.root().display();
            return Err(Failure::usage(format!("{root} is no home of a node: make one with `leither init --genesis FILE`")));
        }
        let config = Config::load(&home.config(), &mut std::env::vars(), &settings(&self.set)?)?;
        start_log(&config)?;
        let genesis = genesis::load(&home.genesis())?;
        let validator = match home.consensus_key().exists() {
            true => Some(load_node_key(&home.consensus_key(), Purpose::Consensus)?),
            false => None,
        };
        let node_key = load_node_key(&home.node_key(), Purpose::Node)?;
        let swarm = swarm_key(validator.as_ref().unwrap_or(&node_key));
        let dir = home.sign_state().parent().map(PathBuf::from).unwrap_or_default();
        let parts = Parts {
            config,
            genesis,
            data: home.data(),
            validator: validator.map(|key| ValidatorKey { key, dir }),
            node_key,
            swarm_key: swarm,
        };
        let running = parts.start().await?;
        session.printer.answer(&json!({
            "rpc": format!("http://{}", running.rpc_address()),
            "chain": running.store.genesis().chain().to_string(),
            "height": running.store.head().map_err(Failure::fault)?.height.to_string(),
        }));
        running.until_the_end().await
    }
}

/// How the node is.
pub(super) async fn status(session: &Session) -> Done {
    let wallet = session.wallet().await?;
    session.printer.answer(&wallet.client.call(&methods::NODE_GET_STATUS, NoParams {}).await?);
    Ok(())
}

impl Validator {
    pub(super) async fn run(self, session: &Session) -> Done {
        let wallet = session.wallet().await?;
        match self {
            Validator::List => session.printer.answer(&wallet.client.call(&methods::VALIDATOR_LIST, NoParams {}).await?),
        }
        Ok(())
    }
}
