//! The oracle's own register of validators: who votes at which height, with which power, reckoned from the committed blocks and from what
//! the operators signed, in plain maps, by the words of `spec/staking.md`.

use crate::client::Want;
use crate::weights::{Ranked, weights};
use leither_harness::Memory;
use leither_pallets::staking::{self, views};
use leither_state::Fault;
use leither_types::{AccountId, Block, Certificate, Genesis, Height, Params, PublicKey, ValidatorId, ValidatorSet};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// STAKING-12: of so few nobody is taken out for absence.
const SEATED_MIN: usize = 4;

/// How a stake stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// A candidate.
    Active,
    /// Until then at least.
    Jailed(u64),
    /// From when on the pledge is free.
    Leaving(Option<u64>),
    /// For good; from when on the rest of the pledge is free.
    Ejected(u64),
}

/// What stands behind a validator.
#[derive(Clone, Debug)]
pub struct Stake {
    /// Its consensus key.
    pub key: PublicKey,
    /// Locked, in smallest units.
    pub pledge: u128,
    /// Power by genesis.
    pub granted: u64,
    /// How it stands.
    pub standing: Standing,
    /// From the next election on.
    pub next_key: Option<PublicKey>,
    /// STAKING-13: what it has shown.
    pub service: Service,
    /// Under election or waiting for release.
    listed: bool,
}

/// STAKING-13: whether a validator has shown that it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// Never elected.
    Fresh,
    /// Elected, or jailed, and in no certificate since.
    Probation,
    /// It runs, or is a founder.
    Proven,
}

/// One of those who vote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Voter {
    /// Its power.
    pub power: u64,
    /// Whose it is.
    pub operator: AccountId,
}

/// Who votes at a height.
pub type Voters = BTreeMap<ValidatorId, Voter>;

/// How often what became of validators.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Turnover {
    /// Heights after which others vote, or with other power.
    pub set_changes: u64,
    /// Elections.
    pub elections: u64,
    /// Candidates that pledged.
    pub joins: u64,
    /// Pledges that were raised.
    pub raises: u64,
    /// Validators and candidates that left.
    pub leaves: u64,
    /// Pledges that came back.
    pub releases: u64,
    /// Key changes that took effect.
    pub rotations: u64,
    /// Validators that were jailed.
    pub jailings: u64,
    /// Those that came back from it.
    pub unjails: u64,
    /// Those that were ejected by evidence.
    pub convictions: u64,
}

impl Turnover {
    /// Adds up.
    pub fn add(&mut self, other: &Self) {
        self.set_changes += other.set_changes;
        self.elections += other.elections;
        self.joins += other.joins;
        self.raises += other.raises;
        self.leaves += other.leaves;
        self.releases += other.releases;
        self.rotations += other.rotations;
        self.jailings += other.jailings;
        self.unjails += other.unjails;
        self.convictions += other.convictions;
    }
}

/// What evidence cost somebody.
pub struct Penalty {
    /// Whom.
    pub operator: AccountId,
    /// What left the pledge, in smallest units.
    pub lost: u128,
    /// Who gets how much of it.
    pub reporter: Option<(AccountId, u128)>,
}

/// Who is who, and who votes when.
pub struct Register {
    params: Params,
    /// Its number, and the block that ended with its election.
    epoch: (u64, Height),
    stakes: BTreeMap<AccountId, Stake>,
    /// Every key that was ever bound.
    bound: BTreeMap<ValidatorId, AccountId>,
    sets: BTreeMap<Height, Voters>,
    /// STAKING-6: pulses that an operator's validator missed, and how many there were before this epoch.
    missed: BTreeMap<AccountId, (u64, u64)>,
    /// STAKING-12: the power of who was jailed, and until when it counts.
    absent: BTreeMap<AccountId, (u64, u64)>,
    /// STAKING-13: of the elected those on probation.
    probation: BTreeSet<AccountId>,
    turnover: Turnover,
}

/// The power of all.
pub fn total(voters: &Voters) -> u128 {
    voters.values().map(|voter| u128::from(voter.power)).sum()
}

fn plain(set: &ValidatorSet) -> Voters {
    set.iter().map(|v| (v.id(), Voter { power: v.power, operator: v.operator })).collect()
}

impl Register {
    /// The founders.
    pub fn new(genesis: &Genesis) -> Self {
        let (params, founders) = (genesis.head.params.clone(), &genesis.head.validators);
        let stake = |key: PublicKey, granted: u64| Stake {
            key,
            pledge: 0,
            granted,
            standing: Standing::Active,
            next_key: None,
            service: Service::Proven,
            listed: true,
        };
        Self {
            epoch: (genesis.head.time / params.epoch_ms.max(1), 0),
            params,
            stakes: founders.iter().map(|v| (v.operator, stake(v.key, v.power))).collect(),
            bound: founders.iter().map(|v| (v.id(), v.operator)).collect(),
            sets: [(1, plain(founders)), (2, plain(founders))].into(),
            missed: BTreeMap::new(),
            absent: BTreeMap::new(),
            probation: BTreeSet::new(),
            turnover: Turnover::default(),
        }
    }

    /// Who votes at a height, where that is known.
    pub fn voters(&self, height: Height) -> Option<&Voters> {
        self.sets.get(&height)
    }

    /// The stake of an operator.
    pub fn stake(&self, operator: &AccountId) -> Option<&Stake> {
        self.stakes.get(operator)
    }

    /// All stakes.
    pub fn stakes(&self) -> impl Iterator<Item = (&AccountId, &Stake)> {
        self.stakes.iter()
    }

    /// Whose a key is, if it was ever bound.
    pub fn owner(&self, validator: &ValidatorId) -> Option<&AccountId> {
        self.bound.get(validator)
    }

    /// What an operator has locked.
    pub fn locked(&self, operator: &AccountId) -> u128 {
        self.stakes.get(operator).map_or(0, |stake| stake.pledge)
    }

    /// How often what.
    pub fn turnover(&self) -> Turnover {
        self.turnover
    }

    /// What a stake weighs before any cap.
    pub fn power(&self, stake: &Stake) -> u64 {
        let pledged = u64::try_from(stake.pledge / self.params.pledge_unit.0.max(1)).unwrap_or(u64::MAX);
        pledged.saturating_add(stake.granted).min(1 << 56)
    }

    /// Does what an operator wants in a block of this height and time, who has so much free. Says whether it can be done.
    pub fn order(&mut self, who: &AccountId, want: &Want, free: u128, height: Height, time: u64) -> bool {
        let seated = [height, height + 1].iter().any(|at| {
            let voters = self.sets.get(at);
            voters.is_some_and(|voters| voters.values().any(|voter| voter.operator == *who))
        });
        let unbound = |key: &PublicKey| !self.bound.contains_key(&ValidatorId::of_key(key));
        let stands = |stake: &Stake| matches!(stake.standing, Standing::Active | Standing::Jailed(_));
        let release = time + self.params.unbonding_ms;
        match (want, self.stakes.get_mut(who)) {
            (Want::Join(key, pledge), None)
                if *pledge > 0 && *pledge >= self.params.pledge_min.0 && *pledge <= free && unbound(key) =>
            {
                let (key, pledge, standing, service) = (*key, *pledge, Standing::Active, Service::Fresh);
                let stake = Stake { key, pledge, granted: 0, standing, next_key: None, service, listed: true };
                self.stakes.insert(*who, stake);
                self.bound.insert(ValidatorId::of_key(&key), *who);
                self.turnover.joins += 1;
                true
            }
            (Want::Raise(amount), Some(stake)) if stands(stake) && *amount <= free => {
                stake.pledge += amount;
                self.turnover.raises += 1;
                true
            }
            (Want::Leave, Some(stake)) if stands(stake) => {
                stake.standing = Standing::Leaving((!seated).then_some(release));
                stake.next_key = None;
                self.turnover.leaves += 1;
                true
            }
            (Want::Unjail, Some(stake)) if matches!(stake.standing, Standing::Jailed(until) if until <= time) => {
                stake.standing = Standing::Active;
                self.turnover.unjails += 1;
                true
            }
            (Want::Rotate(key), Some(stake)) if stands(stake) && stake.next_key.is_none() && unbound(key) => {
                stake.next_key = Some(*key);
                self.bound.insert(ValidatorId::of_key(key), *who);
                true
            }
            _ => false,
        }
    }

    /// The end of a block: `told` is whom its events say to have been jailed, and until when. Gives what evidence cost, and what cannot be.
    pub fn end(&mut self, block: &Block, told: &[(AccountId, u64)]) -> (Vec<Penalty>, Vec<String>) {
        let (height, time) = (block.header.height, block.header.time);
        let mut wrong = Vec::new();
        let mut after = self.sets.get(&(height + 1)).cloned().unwrap_or_default();
        let jailed = self.misses(&mut after, height, time, &block.last_certificate);
        if jailed != told {
            wrong.push(format!("it jails {told:?}, it should jail {jailed:?}"));
        }
        let mut penalties = Vec::new();
        for proof in &block.evidence {
            let Some(operator) = self.bound.get(&proof.offender()).copied() else {
                wrong.push(format!("it convicts {}, whom nobody knows", proof.offender()));
                continue;
            };
            penalties.extend(self.eject(operator, block));
            remove(&mut after, &operator);
        }
        let epoch = time / self.params.epoch_ms.max(1);
        if epoch > self.epoch.0 {
            let pulses = height - self.epoch.1;
            self.epoch = (epoch, height);
            self.elect(&mut after, time, pulses);
        }
        self.turnover.set_changes += u64::from(self.sets.get(&(height + 1)) != Some(&after));
        self.sets.insert(height + 2, after);
        (penalties, wrong)
    }

    /// STAKING-6, STAKING-13: who voted on the parent and is not in its certificate has missed it, and may be jailed for it; who is has shown that
    /// it runs. Gives whom that jails, the most powerful first.
    fn misses(&mut self, after: &mut Voters, height: Height, time: u64, certificate: &Certificate) -> Vec<(AccountId, u64)> {
        let signed: BTreeSet<_> = certificate.signatures.iter().map(|commit| commit.validator).collect();
        let pulses = height - self.epoch.1;
        let voted = self.sets.get(&(height - 1)).cloned().unwrap_or_default();
        let mut ranked: Vec<_> = voted.iter().map(|(id, voter)| (Reverse(voter.power), *id, voter.operator)).collect();
        ranked.sort_unstable();
        let mut jailed = Vec::new();
        for (_, id, operator) in &ranked {
            if signed.contains(id) {
                continue;
            }
            let missed = self.missed.entry(*operator).or_default();
            missed.0 += 1;
            let (count, before) = *missed;
            if count >= u64::from(self.params.misses_max) && count * 2 > before + pulses && self.jail(after, operator, time) {
                jailed.push((*operator, time + self.params.jail_ms));
            }
        }
        for operator in ranked.iter().filter(|(_, id, _)| signed.contains(id)).map(|(.., operator)| operator) {
            if self.probation.remove(operator)
                && let Some(stake) = self.stakes.get_mut(operator)
                && stake.service == Service::Probation
                && stake.standing == Standing::Active
            {
                stake.service = Service::Proven;
                self.absent.remove(operator);
            }
        }
        jailed
    }

    /// Whether a candidate can be spared, who is jailed then.
    fn jail(&mut self, after: &mut Voters, operator: &AccountId, time: u64) -> bool {
        let Some(stake) = self.stakes.get_mut(operator).filter(|stake| stake.standing == Standing::Active) else { return false };
        let power = after.values().find(|voter| voter.operator == *operator).map(|voter| voter.power);
        if let Some(power) = power.filter(|_| stake.service == Service::Proven) {
            self.absent.retain(|who, (_, until)| *until > time && who != operator);
            // STAKING-12: at least four stay, and absence takes out less than a quarter of what there is with it.
            let gone: u128 = self.absent.values().map(|(power, _)| u128::from(*power)).sum();
            let here = after.values().filter(|voter| !self.absent.contains_key(&voter.operator));
            let all = gone + here.map(|voter| u128::from(voter.power)).sum::<u128>();
            if after.len() <= SEATED_MIN || (gone + u128::from(power)) * 4 >= all {
                return false;
            }
            self.absent.insert(*operator, (power, time + self.params.unbonding_ms));
        }
        stake.standing = Standing::Jailed(time + self.params.jail_ms);
        stake.service = Service::Probation;
        self.missed.remove(operator);
        self.turnover.jailings += 1;
        remove(after, operator);
        true
    }

    fn eject(&mut self, operator: AccountId, block: &Block) -> Option<Penalty> {
        let voters = self.sets.get(&block.header.height)?;
        let proposer = voters.get(&block.header.proposer).map(|voter| voter.operator);
        let stake = self.stakes.get_mut(&operator)?;
        let lost = stake.pledge * u128::from(self.params.slash_permille) / 1_000;
        stake.pledge -= lost;
        stake.standing = Standing::Ejected(block.header.time + self.params.unbonding_ms);
        stake.next_key = None;
        self.absent.remove(&operator);
        self.turnover.convictions += 1;
        // A tenth is the reporter's, from the second version of the rules on.
        let reporter = proposer.filter(|who| *who != operator && self.params.version >= 2).map(|who| (who, lost / 10));
        Some(Penalty { operator, lost, reporter })
    }

    /// STAKING-4, after an epoch of so many pulses.
    fn elect(&mut self, after: &mut Voters, time: u64, pulses: u64) {
        for operator in self.stakes.iter().filter(|(_, stake)| stake.listed).map(|(operator, _)| operator) {
            match self.missed.get_mut(operator) {
                Some((count, before)) if *count * 2 > *before + pulses => *before += pulses,
                _ => drop(self.missed.remove(operator)),
            }
        }
        let mut ranked = Vec::new();
        for (operator, stake) in self.stakes.iter().filter(|(_, stake)| stake.listed && stake.standing == Standing::Active) {
            let id = ValidatorId::of_key(&stake.next_key.unwrap_or(stake.key));
            ranked.push(Ranked { power: self.power(stake), id, operator: *operator, known: stake.service == Service::Proven });
        }
        let elected = weights(ranked, self.params.validators_max as usize);
        if !elected.is_empty() {
            self.turnover.elections += 1;
            let voter = |one: Ranked| (one.id, Voter { power: one.power, operator: one.operator });
            *after = elected.into_iter().map(voter).collect();
            self.seat(after, time);
        }
        self.release(time);
    }

    /// What an election does to the stakes.
    fn seat(&mut self, after: &Voters, time: u64) {
        let seated: BTreeSet<_> = after.values().map(|voter| voter.operator).collect();
        self.probation.clear();
        for (operator, stake) in self.stakes.iter_mut().filter(|(_, stake)| stake.listed) {
            if let Some(key) = stake.next_key.take() {
                stake.key = key;
                self.turnover.rotations += 1;
            }
            let for_good = matches!(stake.standing, Standing::Jailed(until) if until + self.params.unbonding_ms <= time);
            if for_good || stake.standing == Standing::Leaving(None) {
                stake.standing = Standing::Leaving(Some(time + self.params.unbonding_ms));
            }
            if stake.service != Service::Proven && seated.contains(operator) {
                stake.service = Service::Probation;
                self.probation.insert(*operator);
            }
        }
        self.absent.retain(|_, (_, until)| *until > time);
    }

    fn release(&mut self, time: u64) {
        let turnover = &mut self.turnover;
        self.stakes.retain(|_, stake| {
            let (Standing::Leaving(Some(at)) | Standing::Ejected(at)) = stake.standing else { return true };
            if !stake.listed || at > time {
                return true;
            }
            turnover.releases += 1;
            stake.pledge = 0;
            stake.listed = false;
            let ejected = matches!(stake.standing, Standing::Ejected(_));
            stake.standing = Standing::Ejected(u64::MAX);
            ejected
        });
    }

    /// SIM-14: what of a state's sets and stakes after this height is not as reckoned here.
    pub fn differs(&self, height: Height, state: &Memory) -> Result<Vec<String>, Fault> {
        let mut wrong = Vec::new();
        let sets = [views::set_before(state)?, views::set(state)?, views::set_after(state)?];
        for (at, set) in (height..).zip(&sets) {
            if self.sets.get(&at) != Some(&plain(set)) {
                wrong.push(format!(
                    "the state says that {:?} vote at height {at}, it should be {:?}",
                    plain(set),
                    self.sets.get(&at)
                ));
            }
        }
        let mut listed: BTreeMap<_, _> = self.stakes.iter().filter(|(_, stake)| stake.listed).collect();
        for (operator, stake) in views::stakes(state)? {
            let own = listed.remove(&operator);
            let standing = match stake.standing {
                staking::Standing::Active => Standing::Active,
                staking::Standing::Jailed { until } => Standing::Jailed(until),
                staking::Standing::Leaving { release } => Standing::Leaving(release),
                staking::Standing::Ejected { release } => Standing::Ejected(release),
            };
            let service = match stake.service {
                staking::Service::Fresh => Service::Fresh,
                staking::Service::Probation => Service::Probation,
                staking::Service::Proven => Service::Proven,
            };
            let next_key = stake.next_key.map(|next| next.key);
            let same = own.is_some_and(|own| {
                (own.key, own.pledge, own.standing, own.next_key, own.service)
                    == (stake.key, stake.pledge.0, standing, next_key, service)
            });
            if !same {
                wrong.push(format!("the state has {operator} {standing:?} with {}, it should be {own:?}", stake.pledge));
            }
        }
        if !listed.is_empty() {
            wrong.push(format!("the state has no stake of {:?}", listed.keys()));
        }
        Ok(wrong)
    }
}

/// Nobody is taken out who is the last.
fn remove(voters: &mut Voters, operator: &AccountId) {
    if voters.values().any(|voter| voter.operator != *operator) {
        voters.retain(|_, voter| voter.operator != *operator);
    }
}
