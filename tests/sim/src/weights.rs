//! The oracle's own arithmetic of elections: who is elected of those who stand, and what each weighs.

use leither_types::{AccountId, ValidatorId};
use std::cmp::Reverse;

/// A candidate, and what it weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ranked {
    /// Its power.
    pub power: u64,
    /// By the key that it will vote with.
    pub id: ValidatorId,
    /// Whose it is.
    pub operator: AccountId,
    /// STAKING-13: it has shown that it runs.
    pub known: bool,
}

/// STAKING-4, STAKING-13: the most powerful, equals by id; of those who have yet to show that they run no more than take what seats are left, or
/// a quarter of all, or one; capped, and those together weighing a third of what the known ones weigh.
pub fn weights(mut standing: Vec<Ranked>, seats: usize) -> Vec<Ranked> {
    standing.retain(|one| one.power > 0);
    standing.sort_by_key(|one| (Reverse(one.power), one.id));
    let known = standing.iter().filter(|one| one.known).count();
    let room = [seats.saturating_sub(known), seats / 4, 1].into_iter().max().unwrap_or(1);
    let mut new = 0;
    standing.retain(|one| {
        new += usize::from(!one.known);
        one.known || new <= room
    });
    standing.truncate(seats);
    let (mut known, mut new): (Vec<_>, Vec<_>) = standing.into_iter().partition(|one| one.known);
    if known.is_empty() {
        cap(&mut new);
        return new;
    }
    cap(&mut known);
    if sum(&known) < 3 && !new.is_empty() {
        known.iter_mut().for_each(|one| one.power *= 3);
    }
    let (most, asked) = (sum(&known) / 3, sum(&new));
    if asked > most {
        for (n, one) in new.iter_mut().enumerate() {
            let part = u64::try_from(u128::from(one.power) * most / asked).unwrap_or(u64::MAX);
            one.power = if n == 0 { part.max(1) } else { part };
        }
        new.retain(|one| one.power > 0);
    }
    known.extend(new);
    known
}

fn sum(of: &[Ranked]) -> u128 {
    of.iter().map(|one| u128::from(one.power)).sum()
}

/// From five on, and where the first has more than a third of the others: the least number of the first are cut to one part each of four, of
/// which the others have the rest, for which the next one has no more than that.
fn cap(of: &mut [Ranked]) {
    let at = |n: usize| of.get(n).map_or(0, |one| u128::from(one.power));
    let part = |n: usize| sum(of.get(n..).unwrap_or_default()) / (4 - n as u128);
    if of.len() < 5 || at(0) <= part(1) {
        return;
    }
    if let Some(cut) = (1..=3).find(|n| at(*n) <= part(*n)) {
        let most = u64::try_from(part(cut)).unwrap_or(u64::MAX).max(1);
        of.iter_mut().take(cut).for_each(|one| one.power = one.power.min(most));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weighed(known: &[u64], new: &[u64], seats: usize) -> Vec<u64> {
        let one = |n: usize, power: u64, known: bool| {
            let id = ValidatorId([n as u8 + if known { 0 } else { 100 }; 20]);
            Ranked { power, id, operator: AccountId([n as u8; 20]), known }
        };
        let old = known.iter().enumerate().map(|(n, power)| one(n, *power, true));
        let all = old.chain(new.iter().enumerate().map(|(n, power)| one(n, *power, false))).collect();
        weights(all, seats).iter().map(|one| one.power).collect()
    }

    #[test]
    fn from_five_on_none_has_more_than_a_quarter() {
        assert_eq!(weighed(&[100, 1, 1, 1], &[], 64), [100, 1, 1, 1]);
        assert_eq!(weighed(&[3, 3, 100, 3, 3], &[], 64), [4, 3, 3, 3, 3]);
        assert_eq!(weighed(&[100, 100, 100, 3, 3], &[], 64), [6, 6, 6, 3, 3]);
        assert_eq!(weighed(&[100, 100, 100, 100, 1], &[], 64), [100, 100, 100, 100, 1]);
    }

    #[test]
    fn who_is_new_has_with_its_like_a_third_of_what_the_others_have() {
        assert_eq!(weighed(&[100, 100, 100], &[100], 64), [100, 100, 100, 100]);
        assert_eq!(weighed(&[100, 100, 100], &[600, 300, 1], 64), [100, 100, 100, 66, 33]);
        assert_eq!(weighed(&[], &[100, 3, 3, 3, 3], 64), [4, 3, 3, 3, 3]);
        assert_eq!(weighed(&[9, 8, 7, 6], &[5, 4], 4), [9, 8, 7, 6], "known ones with more come first");
        assert_eq!(weighed(&[9, 8, 7, 6], &[10, 10], 4), [9, 8, 7, 8], "but for one seat");
    }
}
