use super::absence;
use super::election::{bind, drop_next_key, lay_down};
use super::power::power_of;
use super::types::{Epoch, Owner, Service, Stake, Standing};
use super::{ROSTER_MAX, keys, there};
use leither_state::{Fault, Overlay};
use leither_types::{AccountId, Amount, List, Millis, Params, Validator, ValidatorSet};

/// Why a set cannot keep a recovered chain's books.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unseatable {
    /// Each validator is its operator's only one.
    #[error("two validators have the operator {0}")]
    Twice(AccountId),
    /// STAKING-7: for good, on the recovered chain, too.
    #[error("the operator {0} was convicted of signing twice")]
    Convicted(AccountId),
    /// STAKING-3: nobody's key is another's.
    #[error("the consensus key of {0} is another operator's")]
    Key(AccountId),
    /// Nobody whom the old chain had elected: a plan of strangers.
    #[error("none of the validators kept the old chain's books")]
    Strangers,
    /// More stakes than there may be.
    #[error("there are more than {ROSTER_MAX} stakes")]
    Full,
}

/// RECOVER-5: `set` keeps the books from height 1 on. All other stakes leave it, by the unbonding that `time` begins; the convicted stay so.
pub(crate) fn reseat(
    state: &mut Overlay,
    set: &ValidatorSet,
    params: &Params,
    time: Millis,
) -> Result<Result<(), Unseatable>, Fault> {
    let before = there(keys::SET.get(state)?, "validator set")?;
    if !set.iter().any(|seat| before.iter().any(|old| old.operator == seat.operator)) {
        return Ok(Err(Unseatable::Strangers));
    }
    let roster = there(keys::ROSTER.get(state)?, "roster")?;
    absence::begin_anew(state, &roster);
    let mut operators = roster.into_vec();
    for operator in &operators {
        if !set.iter().any(|seat| seat.operator == *operator) {
            retire(state, operator, time.saturating_add(params.unbonding_ms))?;
        }
    }
    let mut seated: Vec<AccountId> = Vec::with_capacity(set.len());
    for seat in set.iter() {
        if seated.contains(&seat.operator) {
            return Ok(Err(Unseatable::Twice(seat.operator)));
        }
        seated.push(seat.operator);
        if let Err(why) = give_seat(state, seat, params)? {
            return Ok(Err(why));
        }
        if let Err(at) = operators.binary_search(&seat.operator) {
            operators.insert(at, seat.operator);
        }
    }
    let Some(roster) = List::new(operators) else { return Ok(Err(Unseatable::Full)) };
    keys::ROSTER.put(state, &roster);
    for item in [keys::SET, keys::BEFORE, keys::AFTER] {
        item.put(state, set);
    }
    keys::EPOCH.put(state, &Epoch { number: time / params.epoch_ms.max(1), elected_at: 0 });
    Ok(Ok(()))
}

/// As if it had left, and the election had let it go.
fn retire(state: &mut Overlay, operator: &AccountId, release: Millis) -> Result<(), Fault> {
    let mut stake = there(keys::STAKE.get(state, operator)?, "stake of the roster")?;
    match stake.standing {
        Standing::Active | Standing::Jailed { .. } | Standing::Leaving { release: None } => {
            stake.standing = Standing::Leaving { release: Some(release) };
            drop_next_key(state, &mut stake)?;
            keys::STAKE.put(state, operator, &stake);
        }
        // Its time is set already.
        Standing::Leaving { release: Some(_) } | Standing::Ejected { .. } => {}
    }
    Ok(())
}

/// What it pledged stays pledged; what that lacks for its power is granted, as to a founder.
fn give_seat(state: &mut Overlay, seat: &Validator, params: &Params) -> Result<Result<(), Unseatable>, Fault> {
    let operator = seat.operator;
    match keys::OWNER.get(state, &seat.id())? {
        Some(owner) if owner.operator != operator => return Ok(Err(Unseatable::Key(operator))),
        Some(owner) if owner.convicted => return Ok(Err(Unseatable::Convicted(operator))),
        // One that was laid down is taken up again.
        Some(owner) => keys::OWNER.put(state, &seat.id(), &Owner { until: None, ..owner }),
        None if bind(state, &operator, seat.key)? => {}
        None => return Ok(Err(Unseatable::Key(operator))),
    }
    let known = keys::STAKE.get(state, &operator)?;
    if known.as_ref().is_some_and(|stake| matches!(stake.standing, Standing::Ejected { .. })) {
        return Ok(Err(Unseatable::Convicted(operator)));
    }
    // What was signed on the old chain counts on no other, so a key that gives way owes nothing.
    let former = known.iter().flat_map(|stake| std::iter::once(stake.key).chain(stake.next_key.as_ref().map(|next| next.key)));
    for key in former.filter(|key| *key != seat.key) {
        lay_down(state, &key, 0)?;
    }
    let mut stake = Stake {
        key: seat.key,
        // The name in the consensus swarm goes with the key.
        contact: known.as_ref().filter(|stake| stake.key == seat.key).and_then(|stake| stake.contact.clone()),
        pledge: known.as_ref().map_or(Amount::ZERO, |stake| stake.pledge),
        granted: 0,
        standing: Standing::Active,
        next_key: None,
        ready: known.as_ref().map_or(params.version, |stake| stake.ready),
        // The genesis vouches for it.
        service: Service::Proven,
    };
    stake.granted = seat.power.saturating_sub(power_of(&stake, params));
    keys::STAKE.put(state, &operator, &stake);
    Ok(Ok(()))
}
