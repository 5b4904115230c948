//! Feeds [`proto::fuzz::backend`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| proto::fuzz::backend(bytes));
