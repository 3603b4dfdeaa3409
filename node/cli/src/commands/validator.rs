//! `leither validator …`: pledging for a validator, leaving, coming back, changing its key.

use super::Session;
use super::node::{CONSENSUS_KEY, consensus_keys, new_consensus_key};
use crate::config::Config;
use crate::exit::{Done, Failure};
use crate::home::Home;
use crate::keys::{Purpose, load_node_key};
use crate::print::complain;
use crate::wallet::{TxFlags, Wallet};
use clap::{Args, Subcommand};
use leither_engine::swarm_key;
use leither_failpoints::hit;
use leither_pallets::Call;
use leither_pallets::staking::{self, Contact};
use leither_rpc_api::{NoParams, StakeView, methods};
use leither_types::{AccountId, SecretKey, Signature, Text, ValidatorId, possession_bytes, swarm_bytes};
use serde_json::json;

/// Who keeps the books, and this home's part in it.
#[derive(Subcommand, Debug)]
pub enum Validator {
    /// Who votes on the next block, and what stands behind every candidate.
    List,
    /// Pledges for this home's validator, a candidate from the next epoch on. Its node must run: a validator that is absent is jailed.
    Join(Join),
    /// Raises the pledge.
    Raise {
        /// By how much: 50mei.
        amount: String,
        /// How it is signed and sent.
        #[command(flatten)]
        tx: TxFlags,
    },
    /// Leaves the set at the next epoch; the pledge comes back after the unbonding time.
    Leave {
        /// How it is signed and sent.
        #[command(flatten)]
        tx: TxFlags,
    },
    /// Comes back from jail.
    Unjail {
        /// How it is signed and sent.
        #[command(flatten)]
        tx: TxFlags,
    },
    /// Makes a new consensus key, which takes over at the next epoch. Start the node again before that: it then has both.
    Rotate {
        /// How it is signed and sent.
        #[command(flatten)]
        tx: TxFlags,
    },
    /// Tells the chain where this home's validator is found.
    Move {
        /// Where.
        #[command(flatten)]
        place: Place,
        /// How it is signed and sent.
        #[command(flatten)]
        tx: TxFlags,
    },
    /// Says that this operator's node can play by the next rules.
    Ready {
        /// Their version.
        rules: u32,
        /// How it is signed and sent.
        #[command(flatten)]
        tx: TxFlags,
    },
}

/// Pledges.
#[derive(Args, Debug)]
pub struct Join {
    /// How much, of the signer's free mei: 100mei.
    #[arg(long)]
    pledge: String,
    /// Where.
    #[command(flatten)]
    place: Place,
    /// How it is signed and sent.
    #[command(flatten)]
    tx: TxFlags,
}

/// Where a validator is found.
#[derive(Args, Clone, Debug)]
pub struct Place {
    /// Where other validators reach this one's consensus port: /ip4/203.0.113.7/tcp/4804. Without it, it only dials out.
    #[arg(long, default_value = "")]
    address: String,
}

/// Votes travel between validators that know where to find each other. Founders have not said so on chain before their first `move`.
async fn warn_of_silence(wallet: &Wallet, home: &Home) -> Done {
    let config = Config::load(&home.config(), &mut std::iter::empty(), &[])?;
    let list = wallet.client.call(&methods::VALIDATOR_LIST, NoParams {}).await?;
    let is_found = list.stakes.iter().any(|stake| stake.seated && !stake.address.is_empty());
    if config.consensus.persistent_peers.is_empty() && !is_found {
        complain(
            "no validator has told the chain where its consensus port is, and consensus.persistent_peers names none: once seated, \
             this validator would reach nobody. Ask one of them to run `leither validator move --address /ip4/…/tcp/4804`",
        );
    }
    Ok(())
}

fn call(call: staking::Call) -> Vec<Call> {
    vec![Call::Staking(call)]
}

/// The key's proof that this operator has it.
fn possession(wallet: &Wallet, operator: &AccountId, key: &SecretKey) -> Signature {
    key.sign(&possession_bytes(&wallet.chain(), operator, &key.public()))
}

/// STAKING-15: the swarm key's.
fn swarm_possession(wallet: &Wallet, operator: &AccountId, consensus: &SecretKey) -> Signature {
    let swarm = swarm_key(consensus);
    swarm.sign(&swarm_bytes(&wallet.chain(), operator, &swarm.public()))
}

/// The one that the chain knows as the operator's, else the newest.
fn current_key(home: &Home, known: Option<&StakeView>) -> Done<SecretKey> {
    let mut keys: Vec<SecretKey> = consensus_keys(home)?.into_iter().map(|(_, key)| key).collect();
    let at = keys.iter().position(|key| known.is_some_and(|stake| stake.validator.0 == ValidatorId::of_key(&key.public())));
    let at = at.or_else(|| keys.len().checked_sub(1)).ok_or_else(|| {
        let root = home.root().display();
        Failure::usage(format!("{root} has no consensus key: make one with `leither init --validator`, and start its node"))
    })?;
    Ok(keys.swap_remove(at))
}

/// What the chain has of an operator.
async fn stake(wallet: &Wallet, operator: &AccountId) -> Done<Option<StakeView>> {
    let list = wallet.client.call(&methods::VALIDATOR_LIST, NoParams {}).await?;
    Ok(list.stakes.into_iter().find(|stake| stake.operator.0 == *operator))
}

fn contact(home: &Home, consensus: &SecretKey, place: &Place) -> Done<Contact> {
    let address = Text::new(place.address.as_str()).ok_or_else(|| Failure::usage("--address is at most 128 bytes"))?;
    let node = load_node_key(&home.node_key(), Purpose::Node)?;
    Ok(Contact { swarm: swarm_key(consensus).public(), data: node.public(), address })
}

async fn operator(wallet: &Wallet, tx: &TxFlags) -> Done<AccountId> {
    if tx.propose.is_some() {
        return Err(Failure::usage("--propose: a validator's operator is an account of its own"));
    }
    Ok(AccountId::of_key(&wallet.signer(&tx.from).await?.public()))
}

impl Validator {
    pub(super) async fn run(self, session: &Session) -> Done {
        let wallet = session.wallet().await?;
        let home = &session.home;
        match self {
            Validator::List => {
                session.printer.answer(&wallet.client.call(&methods::VALIDATOR_LIST, NoParams {}).await?);
                Ok(())
            }
            Validator::Join(Join { pledge, place, tx }) => {
                let consensus = current_key(home, None)?;
                let (key, pledge) = (consensus.public(), wallet.mei(&pledge)?);
                let operator = operator(&wallet, &tx).await?;
                let possession = possession(&wallet, &operator, &consensus);
                let swarm_possession = swarm_possession(&wallet, &operator, &consensus);
                let contact = contact(home, &consensus, &place)?;
                warn_of_silence(&wallet, home).await?;
                let more = json!({ "validator": ValidatorId::of_key(&key).to_string() });
                wallet
                    .send_and_print(&tx, call(staking::Call::Join { key, possession, contact, swarm_possession, pledge }), &more)
                    .await
            }
            Validator::Raise { amount, tx } => {
                let amount = wallet.mei(&amount)?;
                wallet.send_and_print(&tx, call(staking::Call::Raise { amount }), &json!({})).await
            }
            Validator::Leave { tx } => wallet.send_and_print(&tx, call(staking::Call::Leave), &json!({})).await,
            Validator::Unjail { tx } => wallet.send_and_print(&tx, call(staking::Call::Unjail), &json!({})).await,
            Validator::Rotate { tx } => rotate(&wallet, home, &tx).await,
            Validator::Move { place, tx } => {
                let operator = operator(&wallet, &tx).await?;
                let consensus = current_key(home, stake(&wallet, &operator).await?.as_ref())?;
                let contact = contact(home, &consensus, &place)?;
                let swarm_possession = swarm_possession(&wallet, &operator, &consensus);
                wallet.send_and_print(&tx, call(staking::Call::Move { contact, swarm_possession }), &json!({})).await
            }
            Validator::Ready { rules, tx } => wallet.send_and_print(&tx, call(staking::Call::Ready { rules }), &json!({})).await,
        }
    }
}

/// STAKING-10. The new key lies beside the old one, with a record of its own; the node uses whichever the chain names.
async fn rotate(wallet: &Wallet, home: &Home, tx: &TxFlags) -> Done {
    let operator = operator(wallet, tx).await?;
    let known = stake(wallet, &operator).await?;
    let mut keys = consensus_keys(home)?;
    let count = keys.len();
    let Some((dir, newest)) = keys.pop() else {
        return Err(Failure::usage("this home has no consensus key that another could replace"));
    };
    let in_use = known.as_ref().is_some_and(|stake| stake.validator.0 == ValidatorId::of_key(&newest.public()));
    // One that is not the first and not in use was made before, by a transaction that did not come through.
    let (dir, consensus) = if count > 1 && !in_use {
        (dir, newest)
    } else {
        let dir = home.next_validator(count);
        crate::files::private_dir(&dir).map_err(|e| Failure::fault(format!("cannot create {}: {e}", dir.display())))?;
        let key = new_consensus_key(&dir)?;
        (dir, key)
    };
    let key = consensus.public();
    let possession = possession(wallet, &operator, &consensus);
    let swarm = swarm_key(&consensus).public();
    let swarm_possession = swarm_possession(wallet, &operator, &consensus);
    let file = dir.join(CONSENSUS_KEY);
    let more = json!({ "validator": ValidatorId::of_key(&key).to_string(), "key_file": file.display().to_string() });
    wallet
        .send_and_print(tx, call(staking::Call::Rotate { key, possession, swarm, swarm_possession }), &more)
        .await?;
    hit("key/rotated");
    Ok(())
}
