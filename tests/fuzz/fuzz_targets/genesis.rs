#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| leither_conformance::targets::genesis(bytes));
