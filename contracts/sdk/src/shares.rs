use super::msg::{Share, WHOLE_BP};
use cosmwasm_std::{Api, StdResult};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

const NAME_BYTES_MAX: usize = 32;

/// Somebody who is paid, beside others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub struct Payee {
    /// Who.
    pub who: String,
    /// How much, beside the others.
    pub weight: u32,
}

/// Whether they are 1 to `max`, each once and with a weight. One whose address is none is an error of its own.
pub fn are_payees(api: &dyn Api, payees: &[Payee], max: usize) -> StdResult<bool> {
    for payee in payees {
        api.addr_validate(&payee.who)?;
    }
    let once: BTreeSet<&str> = payees.iter().map(|payee| payee.who.as_str()).collect();
    let weighed = payees.iter().all(|payee| payee.weight > 0);
    Ok((1..=max).contains(&payees.len()) && once.len() == payees.len() && weighed)
}

/// Whether they are 1 to `max` names of 1 to 32 bytes, each once.
pub fn are_names<'a>(names: impl ExactSizeIterator<Item = &'a str>, max: usize) -> bool {
    let count = names.len();
    let once: BTreeSet<&str> = names.collect();
    let short = once.iter().all(|name| (1..=NAME_BYTES_MAX).contains(&name.len()));
    (1..=max).contains(&count) && once.len() == count && short
}

/// Divides `bp` by weights, to the last one: what is left over is the first one's. Without weight nobody gets anything.
pub fn divide_bp(bp: u16, weights: &[u32]) -> Vec<u16> {
    let all: u64 = weights.iter().map(|weight| u64::from(*weight)).sum();
    if all == 0 {
        return vec![0; weights.len()];
    }
    // A part of a number of 16 bits.
    let mut parts: Vec<u16> = weights.iter().map(|weight| (u64::from(bp) * u64::from(*weight) / all) as u16).collect();
    let given: u16 = parts.iter().sum();
    if let Some(first) = parts.first_mut() {
        *first += bp - given;
    }
    parts
}

/// Whether shares are one whole.
pub fn is_whole<'a>(bps: impl IntoIterator<Item = &'a u16>) -> bool {
    bps.into_iter().map(|bp| u32::from(*bp)).sum::<u32>() == u32::from(WHOLE_BP)
}

/// Puts a part where its owner has one already, so that each is paid once.
pub fn add_share(shares: &mut Vec<Share>, to: &str, bp: u16) {
    match shares.iter_mut().find(|share| share.to == to) {
        Some(share) => share.bp += bp,
        None => shares.push(Share { to: to.into(), bp }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_the_whole_whatever_the_weights() {
        for bp in [0, 1, 2, 3_333, 10_000] {
            for weights in [&[1][..], &[1, 1, 1], &[7, 0, 5, 1], &[u32::MAX, 1, u32::MAX]] {
                assert_eq!(divide_bp(bp, weights).iter().sum::<u16>(), bp, "{bp} by {weights:?}");
            }
        }
        assert_eq!(divide_bp(10, &[0, 0]), [0, 0]);
        assert_eq!(divide_bp(1_000, &[1, 1, 1]), [334, 333, 333]);
    }

    #[test]
    fn payees_and_names_are_some_and_each_once() {
        let api = cosmwasm_std::testing::MockApi::default();
        let (a, b) = (api.addr_make("a").to_string(), api.addr_make("b").to_string());
        let of = |rows: &[(&str, u32)]| -> Vec<Payee> {
            rows.iter().map(|(who, weight)| Payee { who: who.to_string(), weight: *weight }).collect()
        };
        assert!(are_payees(&api, &of(&[(&a, 1), (&b, 2)]), 2).unwrap());
        for wrong in [of(&[]), of(&[(&a, 1), (&b, 0)]), of(&[(&a, 1), (&a, 2)])] {
            assert!(!are_payees(&api, &wrong, 2).unwrap(), "{wrong:?}");
        }
        assert!(!are_payees(&api, &of(&[(&a, 1), (&b, 1)]), 1).unwrap() && are_payees(&api, &of(&[("x", 1)]), 1).is_err());
        let long = "n".repeat(33);
        assert!(are_names(["a", "b", &long[1..]].into_iter(), 3));
        for wrong in [&[][..], &["a", "a"], &["a", ""], &[long.as_str()], &["a", "b", "c", "d"]] {
            assert!(!are_names(wrong.iter().copied(), 3), "{wrong:?}");
        }
    }

    #[test]
    fn who_is_named_twice_has_one_share() {
        let mut shares = Vec::new();
        [("a", 1), ("b", 2), ("a", 3)].iter().for_each(|(to, bp)| add_share(&mut shares, to, *bp));
        assert_eq!(shares, [Share { to: "a".into(), bp: 4 }, Share { to: "b".into(), bp: 2 }]);
    }
}
