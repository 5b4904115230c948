//! Feeds [`proto::ws::fuzz::utf8`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| proto::ws::fuzz::utf8(bytes));
