//! Feeds [`proto::fuzz::link`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| proto::fuzz::link(bytes));
