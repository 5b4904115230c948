//! Feeds [`gateway::fuzz::machine`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| gateway::fuzz::machine(bytes));
