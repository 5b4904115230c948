//! Feeds [`proto::ws::fuzz::upgrade`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| proto::ws::fuzz::upgrade(bytes));
