//! Feeds [`gateway::handover::fuzz::message`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| gateway::handover::fuzz::message(bytes));
