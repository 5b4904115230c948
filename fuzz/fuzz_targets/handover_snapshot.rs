//! Feeds [`gateway::handover::fuzz::snapshot`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| gateway::handover::fuzz::snapshot(bytes));
