use super::election::{bind, drop_next_key, is_seated};
use super::types::{Contact, NextKey, Service, Stake, Standing};
use super::{Error, Event, ROSTER_MAX, keys, there};
use crate::{Ctx, Stop, accounts};
use leither_state::{Fault, Overlay};
use leither_types::{AccountId, Amount, List, PublicKey, Signature, TokenId, ValidatorId, Weight, possession_bytes, swarm_bytes};
use parity_scale_codec::{Decode, DecodeWithMemTracking, Encode};
use serde::{Deserialize, Serialize};

/// What an operator can do with its validator.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Call {
    /// STAKING-3: pledges for a validator, which is a candidate from then on.
    #[codec(index = 0)]
    Join {
        /// Its consensus key.
        key: PublicKey,
        /// By that key, over [`leither_types::possession_bytes`].
        possession: Signature,
        /// Where it is found.
        contact: Contact,
        /// By the contact's swarm key, over [`leither_types::swarm_bytes`].
        swarm_possession: Signature,
        /// How many smallest units of `mei`.
        pledge: Amount,
    },
    /// Raises the pledge.
    #[codec(index = 1)]
    Raise {
        /// By how many smallest units of `mei`.
        amount: Amount,
    },
    /// STAKING-5.
    #[codec(index = 2)]
    Leave,
    /// STAKING-6: comes back from jail.
    #[codec(index = 3)]
    Unjail,
    /// STAKING-10.
    #[codec(index = 4)]
    Rotate {
        /// The new consensus key.
        key: PublicKey,
        /// By that key, over [`leither_types::possession_bytes`].
        possession: Signature,
        /// The name in the consensus swarm that goes with it.
        swarm: PublicKey,
        /// By that one, over [`leither_types::swarm_bytes`].
        swarm_possession: Signature,
    },
    /// It is found elsewhere.
    #[codec(index = 5)]
    Move {
        /// Where.
        contact: Contact,
        /// By the contact's swarm key, over [`leither_types::swarm_bytes`].
        swarm_possession: Signature,
    },
    /// STAKING-11: the operator's node can play by these rules.
    #[codec(index = 6)]
    Ready {
        /// Which.
        rules: u32,
    },
}

impl Call {
    pub(crate) fn check(&self) -> Result<(), Error> {
        match self {
            Call::Join { contact, .. } | Call::Move { contact, .. } => check_address(&contact.address),
            Call::Raise { amount } if amount.is_zero() => Err(Error::Pledge { have: *amount, need: Amount::new(1) }),
            _ => Ok(()),
        }
    }

    pub(crate) fn weight(&self) -> Weight {
        match self {
            // Two signatures to verify, three records, and the roster, which may have to be read through for room.
            Call::Join { .. } => 1_000_000,
            Call::Rotate { .. } => 150_000,
            Call::Move { .. } => 100_000,
            Call::Raise { .. } | Call::Leave | Call::Unjail | Call::Ready { .. } => 40_000,
        }
    }
}

/// Nodes print addresses and hand them to their dialler, so only what a multiaddr is made of passes.
fn check_address(address: &str) -> Result<(), Error> {
    let printable = address.bytes().all(|byte| byte.is_ascii_graphic());
    let named = address.split('/').any(|part| part == "p2p");
    let fine = address.is_empty() || (address.starts_with('/') && printable && !named);
    if fine { Ok(()) } else { Err(Error::Address) }
}

/// Does a call.
pub fn apply(ctx: &mut Ctx<'_>, call: &Call) -> Result<(), Stop> {
    let operator = ctx.actor();
    match call {
        Call::Join { key, possession, contact, swarm_possession, pledge } => {
            join(ctx, operator, key, possession, contact, *pledge)?;
            check_swarm(ctx, &operator, &contact.swarm, swarm_possession)
        }
        Call::Raise { amount } => raise(ctx, &operator, *amount),
        Call::Leave => leave(ctx, &operator),
        Call::Unjail => unjail(ctx, &operator),
        Call::Rotate { key, possession, swarm, swarm_possession } => {
            rotate(ctx, &operator, key, possession, swarm)?;
            check_swarm(ctx, &operator, swarm, swarm_possession)
        }
        Call::Move { contact, swarm_possession } => {
            check_swarm(ctx, &operator, &contact.swarm, swarm_possession)?;
            change(ctx, &operator, Event::Moved { operator }, |stake| stake.contact = Some(contact.clone()))
        }
        Call::Ready { rules } => ready(ctx, &operator, *rules),
    }
}

/// STAKING-15.
fn check_swarm(ctx: &Ctx<'_>, operator: &AccountId, swarm: &PublicKey, possession: &Signature) -> Result<(), Stop> {
    let is_theirs = swarm.may_be_bound() && swarm.verify(&swarm_bytes(&ctx.block.chain, operator, swarm), possession);
    if is_theirs { Ok(()) } else { Err(Error::Swarm.into()) }
}

/// The stake of an operator that has not left and was not ejected.
fn standing_stake(state: &Overlay, operator: &AccountId) -> Result<Stake, Stop> {
    let stake = keys::STAKE.get(state, operator)?.ok_or(Error::None)?;
    match stake.standing {
        Standing::Active | Standing::Jailed { .. } => Ok(stake),
        Standing::Ejected { .. } => Err(Error::Ejected.into()),
        Standing::Leaving { .. } => Err(Error::None.into()),
    }
}

fn change(ctx: &mut Ctx<'_>, operator: &AccountId, event: Event, how: impl FnOnce(&mut Stake)) -> Result<(), Stop> {
    let mut stake = standing_stake(ctx.state, operator)?;
    how(&mut stake);
    keys::STAKE.put(ctx.state, operator, &stake);
    ctx.emit(event);
    Ok(())
}

fn join(
    ctx: &mut Ctx<'_>,
    operator: AccountId,
    key: &PublicKey,
    possession: &Signature,
    contact: &Contact,
    pledge: Amount,
) -> Result<(), Stop> {
    match keys::STAKE.get(ctx.state, &operator)?.map(|stake| stake.standing) {
        None => {}
        Some(Standing::Ejected { .. }) => return Err(Error::Ejected.into()),
        Some(_) => return Err(Error::Already.into()),
    }
    let need = ctx.block.params.pledge_min;
    if pledge < need || pledge.is_zero() {
        return Err(Error::Pledge { have: pledge, need }.into());
    }
    bind_key(ctx, &operator, key, possession)?;
    let mut roster = there(keys::ROSTER.get(ctx.state)?, "roster")?.into_vec();
    // One who is not on it: it has no stake.
    let at = roster.binary_search(&operator).unwrap_or_else(|at| at);
    roster.insert(at, operator);
    if roster.len() > ROSTER_MAX {
        roster = displace(ctx, roster, pledge)?;
    }
    let roster = List::new(roster).ok_or(Error::Full { max: ROSTER_MAX as u32 })?;
    accounts::lock(ctx.state, &TokenId::NATIVE, &operator, pledge)?;
    keys::ROSTER.put(ctx.state, &roster);
    let stake = Stake {
        key: *key,
        contact: Some(contact.clone()),
        pledge,
        granted: 0,
        standing: Standing::Active,
        next_key: None,
        ready: ctx.block.params.version,
        service: Service::Fresh,
    };
    keys::STAKE.put(ctx.state, &operator, &stake);
    ctx.emit(Event::Joined { operator, validator: ValidatorId::of_key(key), pledge });
    Ok(())
}

/// STAKING-14: the roster without the least of those who were never elected; nobody is behind in duties with it, so its pledge is free at once.
fn displace(ctx: &mut Ctx<'_>, roster: Vec<AccountId>, pledge: Amount) -> Result<Vec<AccountId>, Stop> {
    let mut least: Option<(AccountId, Stake)> = None;
    for operator in &roster {
        // The newcomer has none yet.
        let Some(stake) = keys::STAKE.get(ctx.state, operator)? else { continue };
        let is_less = least.as_ref().is_none_or(|(_, least)| stake.pledge < least.pledge);
        // The pledge of who was convicted stays for as long as it was told to.
        let may_go = stake.service == Service::Fresh && !matches!(stake.standing, Standing::Ejected { .. });
        if may_go && stake.pledge < pledge && is_less {
            least = Some((*operator, stake));
        }
    }
    let (operator, stake) = least.ok_or(Error::Full { max: ROSTER_MAX as u32 })?;
    accounts::unlock(ctx.state, &TokenId::NATIVE, &operator, stake.pledge)?;
    keys::STAKE.remove(ctx.state, &operator);
    // They never voted, so nothing can come up against these keys.
    for key in std::iter::once(stake.key).chain(stake.next_key.map(|next| next.key)) {
        keys::OWNER.remove(ctx.state, &ValidatorId::of_key(&key));
    }
    ctx.emit(Event::Released { operator, amount: stake.pledge });
    Ok(roster.into_iter().filter(|one| *one != operator).collect())
}

/// STAKING-3: one that was never bound, by whoever has it.
fn bind_key(ctx: &mut Ctx<'_>, operator: &AccountId, key: &PublicKey, possession: &Signature) -> Result<(), Stop> {
    if !key.verify(&possession_bytes(&ctx.block.chain, operator, key), possession) {
        return Err(Error::Possession.into());
    }
    if !bind(ctx.state, operator, *key)? {
        return Err(Error::Key.into());
    }
    Ok(())
}

fn raise(ctx: &mut Ctx<'_>, operator: &AccountId, amount: Amount) -> Result<(), Stop> {
    let mut stake = standing_stake(ctx.state, operator)?;
    accounts::lock(ctx.state, &TokenId::NATIVE, operator, amount)?;
    // All of it is locked with one account, so the sum is below the supply.
    stake.pledge = stake.pledge.plus(amount).ok_or_else(|| Fault::Corrupt("a pledge beyond the supply".into()))?;
    keys::STAKE.put(ctx.state, operator, &stake);
    ctx.emit(Event::Raised { operator: *operator, pledge: stake.pledge });
    Ok(())
}

fn leave(ctx: &mut Ctx<'_>, operator: &AccountId) -> Result<(), Stop> {
    let mut stake = standing_stake(ctx.state, operator)?;
    let release = match is_seated(ctx.state, operator)? {
        true => None,
        false => Some(ctx.block.time.saturating_add(ctx.block.params.unbonding_ms)),
    };
    stake.standing = Standing::Leaving { release };
    drop_next_key(ctx.state, &mut stake)?;
    keys::STAKE.put(ctx.state, operator, &stake);
    ctx.emit(Event::Leaving { operator: *operator });
    Ok(())
}

fn unjail(ctx: &mut Ctx<'_>, operator: &AccountId) -> Result<(), Stop> {
    let stake = standing_stake(ctx.state, operator)?;
    let Standing::Jailed { until } = stake.standing else { return Err(Error::NotJailed.into()) };
    if ctx.block.time < until {
        return Err(Error::JailedUntil { until }.into());
    }
    change(ctx, operator, Event::Unjailed { operator: *operator }, |stake| stake.standing = Standing::Active)
}

fn rotate(
    ctx: &mut Ctx<'_>,
    operator: &AccountId,
    key: &PublicKey,
    possession: &Signature,
    swarm: &PublicKey,
) -> Result<(), Stop> {
    if standing_stake(ctx.state, operator)?.next_key.is_some() {
        return Err(Error::Rotating.into());
    }
    bind_key(ctx, operator, key, possession)?;
    let event = Event::Rotating { operator: *operator, validator: ValidatorId::of_key(key) };
    change(ctx, operator, event, |stake| stake.next_key = Some(NextKey { key: *key, swarm: *swarm }))
}

fn ready(ctx: &mut Ctx<'_>, operator: &AccountId, rules: u32) -> Result<(), Stop> {
    let now = ctx.block.params.version;
    if Some(rules) != now.checked_add(1) {
        return Err(Error::Rules { wanted: rules, now }.into());
    }
    change(ctx, operator, Event::Ready { operator: *operator, rules }, |stake| stake.ready = rules)
}
