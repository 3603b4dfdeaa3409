//! `Overlay::first` against a map that is simply read.

use leither_harness::Memory;
use leither_state::{Overlay, WriteSet};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;

fn key() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(0u8..3, 1..4)
}

proptest! {
    #[test]
    fn the_first_record_within_bounds_is_found_from_either_end_whatever_was_written_and_removed(
        below in proptest::collection::btree_map(key(), 0u8..9, 0..40),
        above in proptest::collection::btree_map(key(), proptest::option::of(0u8..9), 0..40),
        from in key(), to in key(), backwards in any::<bool>(),
    ) {
        let value = |n: &u8| vec![*n];
        let mut memory = Memory::default();
        let records = below.iter().map(|(key, n)| (key.clone(), Some(value(n)))).collect();
        memory.commit(&WriteSet { records, ..WriteSet::default() });
        let mut overlay = Overlay::new(Arc::new(memory));
        let mut plain: BTreeMap<Vec<u8>, Vec<u8>> = below.iter().map(|(key, n)| (key.clone(), value(n))).collect();
        for (key, n) in &above {
            overlay.put_record(key.clone(), n.as_ref().map(value));
            match n {
                Some(n) => drop(plain.insert(key.clone(), value(n))),
                None => drop(plain.remove(key)),
            }
        }
        let mut within = plain.iter().filter(|(key, _)| **key >= from && **key < to);
        let wanted = if backwards { within.next_back() } else { within.next() };
        let (found, passed) = overlay.first(&from, &to, backwards, u64::MAX).unwrap();
        prop_assert_eq!(found.as_ref().map(|(key, value)| (key, value)), wanted);
        let removed = above.iter().filter(|(key, n)| n.is_none() && **key >= from && **key < to).count();
        prop_assert!(passed <= removed as u64, "{} of {} passed", passed, removed);
    }
}
