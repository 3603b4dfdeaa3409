use super::msg::{Share, WHOLE_BP};

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
    fn who_is_named_twice_has_one_share() {
        let mut shares = Vec::new();
        [("a", 1), ("b", 2), ("a", 3)].iter().for_each(|(to, bp)| add_share(&mut shares, to, *bp));
        assert_eq!(shares, [Share { to: "a".into(), bp: 4 }, Share { to: "b".into(), bp: 2 }]);
    }
}
