//! Feeds [`proto::fuzz::rpc`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| proto::fuzz::rpc(bytes));
