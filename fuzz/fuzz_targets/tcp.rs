//! Feeds [`proto::fuzz::tcp`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| proto::fuzz::tcp(bytes));
