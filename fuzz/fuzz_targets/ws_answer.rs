//! Feeds [`proto::ws::fuzz::answer`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| proto::ws::fuzz::answer(bytes));
