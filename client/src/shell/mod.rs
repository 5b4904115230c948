//! placeholder
#![allow(missing_docs, missing_debug_implementations, reason = "p")]
pub struct Client;
pub struct ClientError;
pub struct Options;
