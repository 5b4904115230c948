//! Feeds [`proto::fuzz::auth`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| proto::fuzz::auth(bytes));
