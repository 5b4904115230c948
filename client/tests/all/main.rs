//! What the client promises, a file for each promise, against a model of the edge.

#![allow(clippy::unwrap_used, reason = "these are tests")]

mod clients_talk_over_every_transport_and_survive_cuts;
mod edge;
mod every_command_is_answered_once_and_every_conversation_is_in_order;
