use super::{AllocationForm, GenesisError, GenesisFile, OriginForm};
use crate::keys::dev_name;
use leither_types::{
    Allocation, Amount, BLOCK_BYTES_MAX, GENESIS_RECOVERED, GENESIS_VERSION, Genesis, GenesisHead, Hash, List, Origin, Params,
    PublicKey, RULES_VERSION, SUPPLY_MAX, Text, VALIDATORS_MAX, Validator, ValidatorSet,
};

const NAME_BYTES_MAX: usize = 64;
const PROPOSE_TIMEOUT_MS_MAX: u64 = 500;
const YEAR_MS: u64 = 366 * 24 * 3_600_000;
/// From this many validators on none may hold more than a quarter of the power.
const CAPPED_FROM: usize = 5;

fn unfit<T>(what: impl Into<String>) -> Result<T, GenesisError> {
    Err(GenesisError::Unfit(what.into()))
}

/// HOME-9: checks all, builds all.
pub(super) fn whole(file: &GenesisFile) -> Result<Genesis, GenesisError> {
    let stated = if file.origin.is_some() { GENESIS_RECOVERED } else { GENESIS_VERSION };
    if file.version != stated {
        let known = format!("{GENESIS_VERSION} without an origin and {GENESIS_RECOVERED} with one");
        return unfit(format!("its version is {}, this program knows {known}", file.version));
    }
    if file.origin.is_none() && file.validators.iter().any(|v| v.possession.is_some()) {
        return unfit("a validator has a proof of possession, which only a recovered chain asks for");
    }
    let plain = |c: char| matches!(c, 'a'..='z' | '0'..='9' | '-' | '.');
    if file.name.is_empty() || file.name.len() > NAME_BYTES_MAX || !file.name.chars().all(plain) {
        return unfit(format!("its name must be 1 to {NAME_BYTES_MAX} of a-z, 0-9, `-` and `.`"));
    }
    let Some(name) = Text::new(file.name.as_str()) else { return unfit("its name is too long") };
    let params = Params::from(&file.params);
    numbers(&params)?;
    let validators = validators(file)?;
    let allocations = allocations(file)?;
    let origin = file.origin.as_ref().map(|form| origin(file, form, &validators)).transpose()?;
    let head = GenesisHead {
        version: file.version,
        name,
        time: file.time_ms,
        validators,
        params,
        dev: file.dev,
        allocations: Hash::ZERO,
        origin,
    };
    let Some(genesis) = Genesis::new(head, allocations) else { return unfit("it has too many allocations") };
    if !genesis.head.has_all_keys() {
        return unfit(
            "the proof of possession of a validator is not by its key, for its operator, in the recovery of this old chain",
        );
    }
    match file.chain {
        Some(stated) if stated != genesis.chain() => {
            Err(GenesisError::Chain { stated: stated.to_string(), found: genesis.chain().to_string() })
        }
        _ => Ok(genesis),
    }
}

/// RECOVER-1, RECOVER-4: where it comes from, and each validator's proof, in the set's order.
fn origin(file: &GenesisFile, form: &OriginForm, set: &ValidatorSet) -> Result<Origin, GenesisError> {
    if !file.allocations.is_empty() {
        return unfit("a recovered chain has the balances of the old one, and no allocation beside them");
    }
    let mut possessions = List::default();
    for seat in set.iter() {
        let proof = file.validators.iter().find(|v| v.key == seat.key).and_then(|v| v.possession);
        let Some(proof) = proof else {
            return unfit(format!(
                "the validator {} has no proof of possession: its owner's `leither recover offer` makes one",
                seat.key
            ));
        };
        if possessions.push(proof).is_err() {
            return unfit(format!("no chain has more than {VALIDATORS_MAX} validators"));
        }
    }
    let OriginForm { chain, height, block, state_root, first_root } = *form;
    Ok(Origin { chain, height, block, state_root, first_root, possessions })
}

/// Whether this validator may be added.
pub(super) fn validator(file: &GenesisFile, key: &PublicKey, power: u64) -> Result<(), GenesisError> {
    if file.validators.len() >= VALIDATORS_MAX {
        return unfit(format!("it has {VALIDATORS_MAX} validators already, and no chain may have more"));
    }
    if file.validators.iter().any(|v| v.key == *key) {
        return unfit(format!("the consensus key {key} is in it already"));
    }
    if power == 0 || !key.may_be_bound() {
        return unfit(format!("the validator {key} has no power, or a key that is no safe point of the curve"));
    }
    Ok(())
}

/// Whether this allocation may stand at place `at`.
pub(super) fn allocation(at: usize, allocation: &AllocationForm) -> Result<(), GenesisError> {
    let reason = allocation.reason.trim();
    if reason.is_empty() || Text::<128>::new(allocation.reason.as_str()).is_none() || reason.chars().any(char::is_control) {
        return unfit(format!("allocation {at} needs a reason of 1 to 128 bytes: every token is issued for a stated reason"));
    }
    if allocation.amount.is_zero() || allocation.amount > SUPPLY_MAX {
        return unfit(format!("allocation {at} must be more than 0 and at most {SUPPLY_MAX}"));
    }
    Ok(())
}

fn validators(file: &GenesisFile) -> Result<ValidatorSet, GenesisError> {
    if file.validators.is_empty() {
        return unfit("it has no validator: add one with `leither genesis add-validator`");
    }
    let total: u128 = file.validators.iter().map(|v| u128::from(v.power)).sum();
    let dear = file.validators.iter().find(|v| u128::from(v.power) * 4 > total);
    if let Some(dear) = dear.filter(|_| file.validators.len() >= CAPPED_FROM) {
        return unfit(format!(
            "with {CAPPED_FROM} validators or more none may have above a quarter of the power; {} has",
            dear.key
        ));
    }
    for (at, one) in file.validators.iter().enumerate() {
        if file.validators.iter().take(at).any(|other| other.operator == one.operator) {
            return unfit(format!(
                "two validators have the operator {}: a pledge stands behind one, so give each an account",
                one.operator
            ));
        }
    }
    for validator in file.validators.iter().filter(|_| !file.dev) {
        dev_account(&validator.operator)?;
    }
    let list = file.validators.iter().map(|v| Validator { key: v.key, power: v.power, operator: v.operator }).collect();
    ValidatorSet::new(list).or_else(|e| unfit(e.to_string()))
}

fn allocations(file: &GenesisFile) -> Result<Vec<Allocation>, GenesisError> {
    let mut supply = Amount::ZERO;
    let mut list = Vec::with_capacity(file.allocations.len());
    for (at, form) in file.allocations.iter().enumerate() {
        allocation(at, form)?;
        if !file.dev {
            dev_account(&form.account)?;
        }
        supply = match supply.plus(form.amount) {
            Some(sum) if sum <= SUPPLY_MAX => sum,
            _ => return unfit(format!("its allocations exceed the greatest supply, {SUPPLY_MAX}")),
        };
        let Some(reason) = Text::new(form.reason.as_str()) else {
            return unfit(format!("the reason of allocation {at} is too long"));
        };
        list.push(Allocation { account: form.account, amount: form.amount, reason, evidence: form.evidence });
    }
    Ok(list)
}

/// Everybody has the keys of dev accounts.
fn dev_account(account: &leither_types::AccountId) -> Result<(), GenesisError> {
    match dev_name(account) {
        Some(name) => {
            unfit(format!("{account} is the public dev account `{name}`, whose key everybody has: only a dev chain may name it"))
        }
        None => Ok(()),
    }
}

fn numbers(params: &Params) -> Result<(), GenesisError> {
    let rules = [
        (params.pulse_min_ms >= 1, "params.pulse_min_ms must be at least 1"),
        (params.pulse_min_ms <= params.pulse_ms, "params.pulse_min_ms may not exceed params.pulse_ms"),
        (params.pulse_ms <= params.heartbeat_ms, "params.pulse_ms may not exceed params.heartbeat_ms"),
        (
            (1..=PROPOSE_TIMEOUT_MS_MAX).contains(&params.propose_timeout_ms),
            "params.propose_timeout_ms must be 1 to 500",
        ),
        ((1..=60_000).contains(&params.vote_timeout_ms), "params.vote_timeout_ms must be 1 to 60000"),
        (params.heartbeat_ms <= params.epoch_ms, "params.heartbeat_ms may not exceed params.epoch_ms"),
        (
            params.epoch_ms <= YEAR_MS && params.publicity_ms <= YEAR_MS,
            "params.epoch_ms and params.publicity_ms may not exceed a year",
        ),
        (params.block_weight_max >= 1, "params.block_weight_max must be at least 1"),
        (
            (65_536..=BLOCK_BYTES_MAX as u32).contains(&params.block_bytes_max),
            "params.block_bytes_max must hold one transaction (65536) and be at most 2097152",
        ),
        (
            params.base_fee_min <= SUPPLY_MAX && params.byte_deposit <= SUPPLY_MAX && params.emission <= SUPPLY_MAX,
            "params.base_fee_min, byte_deposit and emission may not exceed the greatest supply",
        ),
        (params.pushes_max >= 1, "params.pushes_max must be at least 1"),
        (
            (1..=RULES_VERSION).contains(&params.version),
            "params.version must be that of rules which this program knows: 1 or 2",
        ),
        (
            params.pledge_min <= SUPPLY_MAX && !params.pledge_unit.is_zero() && params.pledge_unit <= SUPPLY_MAX,
            "params.pledge_min and pledge_unit may not exceed the greatest supply, and a unit is not nothing",
        ),
        (
            params.unbonding_ms <= YEAR_MS && params.jail_ms <= YEAR_MS,
            "params.unbonding_ms and params.jail_ms may not exceed a year",
        ),
        (params.misses_max >= 1, "params.misses_max must be at least 1"),
        (params.slash_permille <= 1_000, "params.slash_permille may not exceed 1000"),
        ((1..=VALIDATORS_MAX as u32).contains(&params.validators_max), "params.validators_max must be 1 to 64"),
    ];
    match rules.iter().find(|(holds, _)| !holds) {
        Some((_, rule)) => unfit(*rule),
        None => Ok(()),
    }
}
