//! The whole cluster in one thread on virtual time: the pure machines of client, gateway, state and logic, with the test in the place of every
//! socket, disk and clock. Nothing here waits, and everything here can be stopped between any two steps.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod faults;
mod lost_pushes;
mod one_message;
mod world;
