//! `leither init`, `run`, `status`.

use super::db::has_database;
use super::{Session, join};
use crate::compose::{End, Parts};
use crate::config::{self, Config, LogFormat};
use crate::escape::log_field;
use crate::exit::{Done, Failure};
use crate::files;
use crate::genesis::{self, GenesisFile};
use crate::home::Home;
use crate::keys::{KeyError, Purpose, create_node_key, load_node_key, random_node_key, write_node_key};
use crate::watch;
use clap::Args;
use leither_engine::join::Trusted;
use leither_engine::{SignState, ValidatorKey, swarm_key, swarm_peer_id};
use leither_failpoints::hit;
use leither_rpc_api::{NoParams, methods};
use leither_types::{Hash, RULES_VERSION, SecretKey, ValidatorId};
use multiaddr::Multiaddr;
use serde_json::json;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

/// The file of a consensus key in its directory.
pub(super) const CONSENSUS_KEY: &str = "consensus_key.json";

/// Makes a home directory for a node of a chain.
#[derive(Args, Debug)]
pub struct Init {
    /// The chain's genesis.json; a new validator's keys can be made before there is one.
    #[arg(long)]
    genesis: Option<PathBuf>,
    /// An invitation: a node's multiaddress, from which the genesis is fetched. /ip4/203.0.113.7/tcp/4801/p2p/12D3…
    #[arg(long, value_name = "MULTIADDR", conflicts_with = "genesis", requires = "chain")]
    join: Option<Multiaddr>,
    /// The genesis hash of the chain to join: whoever invites tells it, and nothing else is believed.
    #[arg(long, value_name = "HASH", requires = "join")]
    chain: Option<Hash>,
    /// A recent block of it that somebody whom you trust told you, `HEIGHT:ID`, for the first `run`. Needed where the chain began longer ago than
    /// pledges are bound.
    #[arg(long, value_name = "HEIGHT:ID", requires = "join", value_parser = trusted)]
    trust: Option<Trusted>,
    /// Writes a unit for systemd, which runs this node as the owner of its home.
    #[arg(long)]
    systemd: bool,
    /// Makes a consensus key, so that this node can keep the books.
    #[arg(long)]
    validator: bool,
    /// Settings that differ from the defaults, `key=value`; several times. On a home that has settings, these change and the others stay.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
}

/// Runs the node of this home.
#[derive(Args, Debug)]
pub struct Run {
    /// Settings for this run, `key=value`; several times.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// A block that somebody whom you trust told you, `HEIGHT:ID`: a chain without it is not followed. Needed where this node has not seen the
    /// chain for longer than pledges are bound. This node's own newest block says, for this start, that the chain has stood still since.
    #[arg(long, value_name = "HEIGHT:ID", value_parser = trusted)]
    trust: Option<Trusted>,
    /// How a new node gets the chain: auto, blocks or snapshot. `snapshot` also replaces a database that has fallen behind all its peers.
    #[arg(long, value_name = "MODE")]
    sync: Option<String>,
    /// The most that everything under the home directory may take, e.g. 20GiB.
    #[arg(long, value_name = "SIZE")]
    disk_cap: Option<String>,
    /// Ends this validator's abstention at once: it may sign otherwise what it signed before. Only where the chain stands still because so
    /// many abstain, and never by a third of the power or more.
    #[arg(long)]
    vote_again: bool,
    /// Stands for an older program: plays by no newer rules than these, and stops where the chain does. It cannot do more than that.
    #[arg(long, hide = true, value_name = "VERSION", default_value_t = RULES_VERSION)]
    rules_max: u32,
}

pub(super) fn trusted(text: &str) -> Result<Trusted, String> {
    let (height, block) = text.split_once(':').ok_or("write HEIGHT:ID, as `leither status` shows them")?;
    let height = height.parse().map_err(|_| format!("`{height}` is no height"))?;
    Ok(Trusted { height, block: block.parse().map_err(|e| format!("`{block}` is no block id: {e}"))? })
}

/// Settings that are lists.
const LISTS: [&str; 7] = [
    "p2p.peers",
    "swarm.peers",
    "swarm.external",
    "swarm.relays",
    "consensus.persistent_peers",
    "rpc.allowed_hosts",
    "rpc.allowed_origins",
];

fn settings(set: &[String]) -> Done<Vec<(String, String)>> {
    let pair = |text: &String| {
        let pair = text.split_once('=').map(|(key, value)| (key.trim().to_string(), value.trim().to_string()));
        pair.ok_or_else(|| Failure::usage(format!("--set {text}: write KEY=VALUE, e.g. --set rpc.listen=127.0.0.1:4902")))
    };
    let pairs: Vec<(String, String)> = set.iter().map(pair).collect::<Done<_>>()?;
    // The last one counts, which is what nobody means of a list.
    let is_twice = |key: &str| pairs.iter().filter(|(other, _)| other == key).count() > 1;
    match LISTS.into_iter().find(|key| is_twice(key)) {
        Some(key) => Err(Failure::usage(format!("--set {key}: given twice; several values stand behind one `=`, with commas"))),
        None => Ok(pairs),
    }
}

/// This home's consensus keys with their directories, the newest last.
pub(super) fn consensus_keys(home: &Home) -> Done<Vec<(PathBuf, SecretKey)>> {
    let load = |dir: PathBuf| Ok((dir.clone(), load_node_key(&dir.join(CONSENSUS_KEY), Purpose::Consensus)?));
    home.validators().into_iter().map(load).collect()
}

/// A new consensus key, and beside it the record of what it has signed: nothing yet. The record is made here and nowhere else: where it is
/// missing later, nobody can say what the key has signed, and the engine refuses to start. So it comes first: a crash between the two leaves
/// no key without a record.
pub(super) fn new_consensus_key(dir: &Path) -> Done<SecretKey> {
    let path = dir.join(CONSENSUS_KEY);
    if path.exists() {
        let source = std::io::ErrorKind::AlreadyExists.into();
        return Err(KeyError::Io { what: "write", path, source }.into());
    }
    let key = random_node_key()?;
    SignState::create(dir, &ValidatorId::of_key(&key.public()).to_string()).map_err(Failure::fault)?;
    hit("key/recorded");
    write_node_key(&path, Purpose::Consensus, &key)?;
    hit("key/made");
    Ok(key)
}

/// HOME-6: a file that is there is its owner's, comments included: it is written anew only where a setting is given, from itself and
/// that setting. Variables are for a run and never end up in it.
fn write_settings(home: &Home, set: &[(String, String)]) -> Done {
    let path = home.config();
    // Read even where nothing is written, so that a mistake in it is told now and not at the first run.
    let config = Config::load(&path, &mut std::iter::empty(), set)?;
    if path.exists() && set.is_empty() {
        return Ok(());
    }
    let written = files::replace(&path, config.file_text().as_bytes(), files::OPEN_MODE);
    written.map_err(|e| Failure::fault(format!("cannot write {}: {e}", path.display())))
}

impl Init {
    pub(super) async fn run(self, session: &Session) -> Done {
        let home = &session.home;
        home.create()?;
        let mut set = settings(&self.set)?;
        if let Some(peer) = &self.join
            && !set.iter().any(|(key, _)| key == "p2p.peers")
        {
            set.push(("p2p.peers".into(), peer.to_string()));
        }
        write_settings(home, &set)?;
        let node = match home.node_key().exists() {
            true => load_node_key(&home.node_key(), Purpose::Node)?,
            false => create_node_key(&home.node_key(), Purpose::Node)?,
        };
        let mut shown = json!({
            "home": home.root().display().to_string(),
            "config": home.config().display().to_string(),
            "data_peer_id": swarm_peer_id(&node).map_err(Failure::fault)?,
        });
        if self.validator {
            let key = match home.consensus_key().exists() {
                true => load_node_key(&home.consensus_key(), Purpose::Consensus)?,
                false => new_consensus_key(&home.validator())?,
            };
            shown["consensus_key"] = key.public().to_string().into();
            shown["validator"] = ValidatorId::of_key(&key.public()).to_string().into();
            shown["consensus_peer_id"] = swarm_peer_id(&swarm_key(&key)).map_err(Failure::fault)?.into();
        }
        if let (Some(_), Some(chain)) = (&self.join, &self.chain) {
            if home.genesis().exists() && genesis::load(&home.genesis())?.chain() != *chain {
                let sentence = format!("{} is another chain's genesis: choose another --home", home.genesis().display());
                return Err(Failure::usage(sentence));
            }
            let genesis = join::genesis(home, &node, chain).await?;
            genesis::write(&home.genesis(), &GenesisFile::from(&genesis))?;
            join::remember(home, self.trust)?;
            shown["chain"] = chain.to_string().into();
        }
        if self.systemd {
            shown["systemd"] = write_unit(home)?.into();
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

/// The unit's path.
fn write_unit(home: &Home) -> Done<String> {
    let binary = std::env::current_exe().map_err(|e| Failure::fault(format!("cannot tell where this program is: {e}")))?;
    let owner =
        watch::owner(home.root()).map_err(|e| Failure::fault(format!("cannot tell who owns {}: {e}", home.root().display())))?;
    let unit = watch::unit(&binary, home.root(), &owner).map_err(Failure::usage)?;
    let path = home.root().join("config/leither.service");
    let written = files::replace(&path, unit.as_bytes(), files::OPEN_MODE);
    written.map_err(|e| Failure::fault(format!("cannot write {}: {e}", path.display())))?;
    Ok(path.display().to_string())
}

/// What is logged: what `log.level` says, without some that others' code tells of itself, unless that is named there.
fn logged(level: &str, is_alone: bool) -> String {
    let mut logged = level.to_string();
    if is_alone && !level.contains("arc_malachitebft_network") {
        // With nobody to talk to, the engine's network calls each of its own messages an error.
        logged += ",arc_malachitebft_network=off";
    }
    if !level.contains("arc_malachitebft=") {
        // The engine tells of each step of each round; that is for who looks for a fault in it.
        logged += ",arc_malachitebft=warn,arc_malachitebft_discovery=error,libp2p_request_response=error";
    }
    if !level.contains("yamux") {
        // It calls each frame an error that is not as it should be: a stranger could fill the disk with them.
        logged += ",yamux=off";
    }
    logged
}

/// Starts the log. Twice in a process does nothing.
pub(super) fn start_log(config: &Config) -> Done {
    use tracing_subscriber::{EnvFilter, fmt};
    let level = logged(&config.log.level, config.consensus.persistent_peers.is_empty());
    let filter = EnvFilter::try_new(&level).map_err(|e| Failure::usage(format!("log.level: {e}")))?;
    let builder = fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_target(true)
        .with_ansi(std::io::stderr().is_terminal());
    let _already = match config.log.format {
        LogFormat::Json => builder.json().try_init(),
        LogFormat::Text => builder.fmt_fields(fmt::format::debug_fn(log_field)).try_init(),
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
        if super::recover::is_cut_short(home) {
            return Err(Failure::usage(
                "a recovery of this home was cut short: end it with `leither recover start PLAN`, by the same plan",
            ));
        }
        let variables = config::variables(std::env::vars_os())?;
        let mut set = settings(&self.set)?;
        set.extend(self.sync.map(|mode| ("sync.mode".to_string(), mode)));
        set.extend(self.disk_cap.map(|size| ("disk.cap".to_string(), size)));
        let config = Config::load(&home.config(), &mut variables.into_iter(), &set)?;
        start_log(&config)?;
        let genesis = genesis::load(&home.genesis())?;
        let key = |(dir, key)| ValidatorKey { key, dir, vote_again: self.vote_again };
        let consensus_keys = consensus_keys(home)?;
        let validators: Vec<_> = consensus_keys.iter().cloned().map(key).collect();
        let node_key = load_node_key(&home.node_key(), Purpose::Node)?;
        let trusted = join::remember(home, self.trust)?;
        let is_founder = join::is_founder(&consensus_keys, &genesis.head);
        if !is_founder && !consensus_keys.is_empty() && !has_database(&home.data()) {
            tracing::warn!(
                "this home's consensus key is none of the genesis: the node follows the chain and votes from `leither validator join` on. If it is \
                 to be a founder, the genesis was made with another key; `leither init --validator` shows this home's"
            );
        }
        let word = join::Word { is_founder, trusted, given: self.trust };
        join::chain(home, &config, &node_key, &genesis.head, &word).await?;
        let rules_max = self.rules_max;
        let swarm = swarm_key(validators.first().map_or(&node_key, |validator| &validator.key));
        let parts = Parts {
            config,
            genesis,
            data: home.data(),
            home: home.root().to_path_buf(),
            snapshots: Some(home.snapshots()),
            validators,
            trusted,
            node_key,
            swarm_key: swarm,
            rules_max,
            joinable: true,
            meddler: session.meddler.clone(),
        };
        let running = parts.start().await?;
        // Before the line below, which tells a script that the node may be ended.
        let end = End::listen()?;
        session.printer.answer(&json!({
            "rpc": format!("http://{}", running.rpc_address()),
            "gateway": format!("http://{}", running.gateway_address()),
            "metrics": format!("http://{}", running.metrics_address()),
            "chain": running.store.genesis().chain().to_string(),
            "height": running.store.head().map_err(Failure::fault)?.height.to_string(),
        }));
        running.until_the_end(end).await
    }
}

/// How the node is.
pub(super) async fn status(session: &Session) -> Done {
    let wallet = session.wallet().await?;
    session.printer.answer(&wallet.client.call(&methods::NODE_GET_STATUS, NoParams {}).await?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(key: &str, value: &str) -> Vec<(String, String)> {
        vec![(key.into(), value.into())]
    }

    #[test]
    fn a_list_is_given_once_and_another_setting_as_it_is_given_last() {
        let set = |texts: &[&str]| settings(&texts.iter().map(ToString::to_string).collect::<Vec<_>>());
        let one = "p2p.peers=/ip4/192.0.2.1/tcp/1,/ip4/192.0.2.2/tcp/1";
        assert_eq!(set(&[one, "moniker=a", "moniker=b"]).unwrap().len(), 3);
        let twice = set(&[one, "moniker=a", "p2p.peers=/ip4/192.0.2.3/tcp/1"]).unwrap_err();
        assert!(twice.exit == crate::exit::Exit::Usage && twice.sentence.contains("with commas"), "{}", twice.sentence);
    }

    // SIGN-3
    #[test]
    fn a_consensus_key_is_made_with_the_record_of_what_it_has_signed() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::at(dir.path()).unwrap();
        home.create().unwrap();
        let key = new_consensus_key(&home.validator()).unwrap();
        let record = std::fs::read_to_string(home.sign_state()).unwrap();
        assert!(record.contains(&ValidatorId::of_key(&key.public()).to_string()), "{record}");
        assert!(new_consensus_key(&home.validator()).is_err(), "a key that is there is not replaced");
    }

    #[test]
    fn what_a_stranger_can_have_logged_without_end_is_not_logged_unless_it_is_named() {
        for (level, is_off) in [("info", true), ("warn,leither_net=debug", true), ("info,yamux=debug", false)] {
            for is_alone in [true, false] {
                let logged = logged(level, is_alone);
                assert!(logged.starts_with(level) && logged.contains(",yamux=off") == is_off, "{logged}");
                tracing_subscriber::EnvFilter::try_new(&logged).unwrap();
            }
        }
    }

    // HOME-6
    #[test]
    fn settings_that_are_there_stay_as_their_owner_wrote_them() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::at(dir.path()).unwrap();
        home.create().unwrap();
        let text = || std::fs::read_to_string(home.config()).unwrap();
        write_settings(&home, &[]).unwrap();
        assert_eq!(text(), Config::default().file_text());

        let own = "# mine\nmoniker = \"mill\"\n";
        std::fs::write(home.config(), own).unwrap();
        write_settings(&home, &[]).unwrap();
        assert_eq!(text(), own);

        write_settings(&home, &set("rpc.max_connections", "7")).unwrap();
        let mut wanted = Config { moniker: "mill".into(), ..Config::default() };
        wanted.rpc.max_connections = 7;
        assert_eq!(text(), wanted.file_text());

        std::fs::write(home.config(), "moniker = 5").unwrap();
        assert!(write_settings(&home, &[]).unwrap_err().sentence.contains("must be a text"));
        assert_eq!(text(), "moniker = 5");
    }
}
