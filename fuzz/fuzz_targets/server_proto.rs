//! Feeds [`proto::fuzz::server_proto`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| proto::fuzz::server_proto(bytes));
