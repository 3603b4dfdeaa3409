//! Submissions that are kept: by number, and by doer. All stay open equally long, so the oldest lapse first.

use crate::state::{NUMBERS, Numbers, OF, SUBMISSION, Submission};
use cosmwasm_std::{Addr, StdError, StdResult, Storage};

/// Keeps one.
pub fn add(storage: &mut dyn Storage, submission: &Submission) -> StdResult<u64> {
    let mut numbers = NUMBERS.may_load(storage)?.unwrap_or_default();
    let number = numbers.next;
    numbers.next = number.checked_add(1).ok_or_else(|| StdError::msg("there are no more numbers"))?;
    numbers.outsiders = numbers.outsiders.saturating_add(u32::from(submission.outsider));
    NUMBERS.save(storage, &numbers)?;
    SUBMISSION.save(storage, number, submission)?;
    let mut of = OF.may_load(storage, &submission.who)?.unwrap_or_default();
    of.push(number);
    OF.save(storage, &submission.who, &of)?;
    Ok(number)
}

/// Keeps it no longer.
pub fn remove(storage: &mut dyn Storage, number: u64, submission: &Submission) -> StdResult<()> {
    let mut numbers = NUMBERS.load(storage)?;
    forget(storage, &mut numbers, number, submission)?;
    NUMBERS.save(storage, &numbers)
}

fn forget(storage: &mut dyn Storage, numbers: &mut Numbers, number: u64, submission: &Submission) -> StdResult<()> {
    SUBMISSION.remove(storage, number)?;
    numbers.outsiders = numbers.outsiders.saturating_sub(u32::from(submission.outsider));
    let who = &submission.who;
    let mut of = OF.may_load(storage, who)?.unwrap_or_default();
    of.retain(|known| *known != number);
    if of.is_empty() { OF.remove(storage, who) } else { OF.save(storage, who, &of) }
}

/// All that is kept of somebody, lapsed or not: 4 at most.
pub fn of(storage: &dyn Storage, who: &Addr) -> StdResult<Vec<(u64, Submission)>> {
    let numbers = OF.may_load(storage, who)?.unwrap_or_default();
    numbers.into_iter().map(|number| Ok((number, SUBMISSION.load(storage, number)?))).collect()
}

/// Somebody's open one of a task.
pub fn open(storage: &dyn Storage, who: &Addr, task: &str, now: u64) -> StdResult<Option<(u64, Submission)>> {
    Ok(of(storage, who)?.into_iter().find(|(_, submission)| submission.task == task && submission.until > now))
}

/// Looks through the oldest numbers, at most so many, and clears away what has lapsed. How many outsiders' are kept then?
pub fn clear(storage: &mut dyn Storage, now: u64, most: usize) -> StdResult<u32> {
    let mut numbers = NUMBERS.may_load(storage)?.unwrap_or_default();
    for _ in 0..most {
        if numbers.first >= numbers.next {
            break;
        }
        let first = numbers.first;
        match SUBMISSION.may_load(storage, first)? {
            Some(oldest) if oldest.until > now => break,
            Some(oldest) => forget(storage, &mut numbers, first, &oldest)?,
            None => {}
        }
        numbers.first = first.saturating_add(1);
    }
    NUMBERS.save(storage, &numbers)?;
    Ok(numbers.outsiders)
}
