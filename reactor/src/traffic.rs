//! Bytes that went through sockets: [`Traffic`]. Counted where the system is called, an add for each call.

/// How many bytes were read and written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Bytes that came.
    pub read: u64,
    /// Bytes that the kernel took.
    pub written: u64,
}
