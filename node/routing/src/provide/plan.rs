//! When a key is announced, and which keys go together. Pure: it is told what time it is.

use crate::records::{Place, place};
use libp2p::PeerId;

const HOUR_MS: u64 = 3_600_000;
/// Announced again so long after it was announced: before it expires by 26 hours, so that one missed day does no harm.
pub const AGAIN_MS: u64 = 22 * HOUR_MS;
/// After a failure: so long at first, twice as long each time, an hour at most.
pub const RETRY_MS: u64 = 60_000;
/// As many peers as keep a key.
pub const CLOSEST: usize = 20;

/// ROUTE-8: when a key that was announced is due again.
pub fn after_success(now: u64) -> u64 {
    now.saturating_add(AGAIN_MS)
}

/// ROUTE-8: when a key that nobody took is due again, after so many failures before this one.
pub fn after_failure(now: u64, failures: u32) -> u64 {
    let pause = RETRY_MS.saturating_mul(1_u64.checked_shl(failures.min(16)).unwrap_or(u64::MAX)).min(HOUR_MS);
    now.saturating_add(pause)
}

/// How many bits two places have in common, from the first on.
pub fn common_bits(one: &Place, other: &Place) -> u32 {
    let mut bits = 0_u32;
    for (a, b) in one.iter().zip(other) {
        let same = (a ^ b).leading_zeros();
        bits = bits.saturating_add(same);
        if same < 8 {
            break;
        }
    }
    bits
}

/// The first place that has these bits in common with it.
pub fn first_of(place: &Place, bits: u32) -> Place {
    let mut left = bits;
    place.map(|byte| {
        let of_this = left.min(8);
        left = left.saturating_sub(8);
        // What follows the common bits is zero.
        byte & !0xff_u8.checked_shr(of_this).unwrap_or(0)
    })
}

/// ROUTE-9: how deep the region is whose keys may go to the peers closest to this place. All peers that share one bit more with it than
/// the farthest of these are among them. With fewer than 20 there are no others: the region is all there is.
pub fn region_bits(around: &Place, closest: &[PeerId]) -> u32 {
    if closest.len() < CLOSEST {
        return 0;
    }
    let farthest = closest.iter().map(|peer| common_bits(&place(&peer.to_bytes()), around)).min();
    farthest.map_or(0, |bits| bits.saturating_add(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn route_8_what_was_announced_is_due_again_before_it_expires_and_failures_are_tried_again_with_growing_pauses() {
        assert_eq!(after_success(5), 5 + 22 * HOUR_MS);
        const { assert!(AGAIN_MS * 2 < crate::records::PROVIDER_TTL_MS, "one round may be missed") };
        let pauses: Vec<u64> = (0..9).map(|failures| after_failure(0, failures) / 60_000).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        assert_eq!(after_failure(u64::MAX, u32::MAX), u64::MAX);
    }

    #[test]
    fn route_9_few_peers_make_one_region_and_many_make_regions_that_they_cover() {
        let peers: Vec<PeerId> = (0..1_000).map(|_| PeerId::random()).collect();
        let around = place(b"a key");
        assert_eq!(region_bits(&around, &peers[..19]), 0);
        let mut sorted = peers.clone();
        let distance = |peer: &PeerId| {
            let mut far = place(&peer.to_bytes());
            far.iter_mut().zip(around).for_each(|(byte, of)| *byte ^= of);
            far
        };
        sorted.sort_by_key(distance);
        let bits = region_bits(&around, &sorted[..20]);
        assert!(bits > 0);
        let inside = |peer: &&PeerId| common_bits(&place(&peer.to_bytes()), &around) >= bits;
        assert_eq!(sorted.iter().filter(inside).count(), sorted[..20].iter().filter(inside).count());
    }

    proptest! {
        #[test]
        fn route_9_a_region_begins_with_its_bits_and_zeros(a: [u8; 32], b: [u8; 32], bits in 0_u32..=256) {
            let first = first_of(&a, bits);
            prop_assert!(common_bits(&first, &a) >= bits);
            prop_assert!(first <= a && first_of(&first, bits) == first);
            if common_bits(&a, &b) >= bits {
                prop_assert!(first <= b && first_of(&b, bits) == first);
            }
            prop_assert_eq!(common_bits(&a, &b), common_bits(&b, &a));
            prop_assert_eq!(common_bits(&a, &a), 256);
        }
    }
}
