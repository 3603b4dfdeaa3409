//! A few bytes from a peer cannot make a node allocate much: lengths are believed only as far as there are bytes behind them.

use leither_conformance::{samples, seeds, targets};
use leither_types::*;
use parity_scale_codec::{Compact, Encode};
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

struct Counting;

static NOW: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

// SAFETY: everything is the system's allocator; counting beside it touches no memory that it hands out.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        MOST.fetch_max(NOW.fetch_add(layout.size(), Relaxed) + layout.size(), Relaxed);
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Relaxed);
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The most that was allocated at once while `run` ran, beyond what was there before.
fn peak(run: impl FnOnce()) -> usize {
    let before = NOW.load(Relaxed);
    MOST.store(before, Relaxed);
    run();
    MOST.load(Relaxed).saturating_sub(before)
}

/// One test: the counter is the process's, and tests of one file run side by side.
#[test]
fn memory_is_bounded_by_what_was_sent() {
    let greatest = Compact(u32::MAX).encode();
    let most = |max: u32| Compact(max).encode();
    let header = samples::block().header.encode();
    let certificate = Certificate::genesis().encode();
    let cases: Vec<(&str, usize, Box<dyn Fn()>)> = vec![
        ("a text of 4 GiB", 64, {
            let b = greatest.clone();
            Box::new(move || drop(decode_within::<Text<128>>(&b, 64)))
        }),
        ("a list at its bound, empty", 8, {
            let b = most(BLOCK_TXS_MAX as u32);
            Box::new(move || drop(decode_within::<List<SignedTx, BLOCK_TXS_MAX>>(&b, 64)))
        }),
        ("a block of 16,384 transactions, none there", header.len() + 64, {
            let b = [header, certificate, most(BLOCK_TXS_MAX as u32)].concat();
            Box::new(move || drop(decode_within::<Block>(&b, BLOCK_BYTES_MAX)))
        }),
        ("a genesis of a million allocations, none there", 1024, {
            let b = [samples::genesis().head.encode(), most(1_048_576)].concat();
            Box::new(move || drop(decode_within::<Genesis>(&b, BLOCK_BYTES_MAX)))
        }),
    ];
    for (name, sent, run) in cases {
        let peak = peak(run);
        assert!(peak <= 64 * 1024 + 64 * sent, "{name}: {peak} bytes for {sent}");
    }
    for (name, target) in targets::ALL {
        for seed in seeds::of(name) {
            target(&seed);
            let peak = peak(|| target(&seed));
            // Texts for people are longer than bytes; 64 KiB is what any answer may cost.
            assert!(peak <= 256 * 1024 + 64 * seed.len(), "{name}: {peak} bytes for {}", seed.len());
        }
    }
}
