mod faults;
mod joining;
mod pay;
mod recovery;
mod rules;

use leither_harness::pallets::staking::{self, Contact, Service, Stake, Standing, views};
use leither_harness::pallets::{Call, Event};
use leither_harness::{Chain, Setup, account, key, text};
use leither_types::{AccountId, Amount, Params, Signature, ValidatorId, possession_bytes, swarm_bytes};

/// One `mei`.
const UNIT: u128 = 1_000_000_000;

fn params() -> Params {
    Params { misses_max: 4, ..Params::dev() }
}

/// Founders of this power each, `validator-0` and so on.
fn chain_of(powers: &[u64]) -> Chain {
    Chain::new(&Setup { params: params(), powers: powers.to_vec(), ..Setup::default() })
}

fn contact(n: usize) -> Contact {
    let name = |swarm: &str| key(&format!("{swarm}-{n}")).public();
    Contact { swarm: name("swarm"), data: name("data"), address: text("/ip4/192.0.2.1/tcp/4804") }
}

/// `who` pledges so many `mei` for `validator-n`.
fn join_call(chain: &Chain, who: &str, n: usize, mei: u128) -> Call {
    let consensus = key(&format!("validator-{n}"));
    let possession = consensus.sign(&possession_bytes(&chain.id(), &account(who), &consensus.public()));
    let (contact, pledge) = (contact(n), Amount(mei * UNIT));
    let swarm_possession = swarm_proof(chain, who, n);
    Call::Staking(staking::Call::Join { key: consensus.public(), possession, contact, swarm_possession, pledge })
}

/// By `swarm-n`, for `who`.
fn swarm_proof(chain: &Chain, who: &str, n: usize) -> Signature {
    let swarm = key(&format!("swarm-{n}"));
    swarm.sign(&swarm_bytes(&chain.id(), &account(who), &swarm.public()))
}

fn join(chain: &mut Chain, who: &str, n: usize, mei: u128) {
    let call = join_call(chain, who, n, mei);
    chain.ok(who, call);
    chain.signing.push(n);
}

fn stake(chain: &Chain, who: &str) -> Option<Stake> {
    views::stake(&**chain.state(), &account(who)).unwrap()
}

fn standing(chain: &Chain, who: &str) -> Standing {
    stake(chain, who).expect("a stake").standing
}

/// Operators of who votes on the next block, with their power, in the set's order.
fn seats(chain: &Chain) -> Vec<(AccountId, u64)> {
    chain.set().iter().map(|v| (v.operator, v.power)).collect()
}

fn is_seated(chain: &Chain, who: &str) -> bool {
    seats(chain).iter().any(|(operator, _)| *operator == account(who))
}

/// Lets an epoch pass: its first block elects, and the set is there a block after that.
fn next_epoch(chain: &mut Chain) -> Vec<Event> {
    chain.pass(chain.genesis.head.params.epoch_ms);
    chain.idle();
    let events = chain.events();
    chain.idle();
    events
}

fn id(n: usize) -> ValidatorId {
    ValidatorId::of_key(&key(&format!("validator-{n}")).public())
}

fn leave() -> Call {
    Call::Staking(staking::Call::Leave)
}
