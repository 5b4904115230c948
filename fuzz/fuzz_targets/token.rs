//! Feeds [`state::token::fuzz::token`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| state::token::fuzz::token(bytes));
