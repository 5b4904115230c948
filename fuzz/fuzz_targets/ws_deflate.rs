//! Feeds [`proto::ws::fuzz::deflate`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| proto::ws::fuzz::deflate(bytes));
