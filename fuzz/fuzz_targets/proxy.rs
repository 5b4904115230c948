//! Feeds [`proto::proxy::fuzz`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| proto::proxy::fuzz(bytes));
