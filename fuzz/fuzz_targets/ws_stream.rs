//! Feeds [`proto::ws::fuzz::stream`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| proto::ws::fuzz::stream(bytes));
