//! The processes and threads of a handover: what `crate::handover` decides is done here. `give` is the side that has the connections, `take` the one that gets them; each reactor's own part
//! is in `worker::give` and `worker::take`. `control` is the socket by which an operator asks for a handover.

pub(super) mod channel;
pub mod control;
pub(super) mod fault;
mod give;
mod report;
pub(super) mod take;

pub(super) use give::Giving;
pub use report::{Passed, Report};
