//! Feeds [`proto::fuzz::client_proto`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| proto::fuzz::client_proto(bytes));
