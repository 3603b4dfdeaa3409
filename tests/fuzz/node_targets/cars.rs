#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| leither_fuzz::nodes::cars(bytes));
