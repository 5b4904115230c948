//! The state server: holds the sessions.

pub mod token;
pub mod wheel;
