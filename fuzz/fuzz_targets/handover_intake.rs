//! Feeds [`gateway::handover::fuzz::intake`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| gateway::handover::fuzz::intake(bytes));
