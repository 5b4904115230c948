//! The epoll loop that every shell of Holdfast shares: a turn gives the ready set as data, the shell handles it, and everything that was
//! written leaves in one flush at the turn's end.
//!
//! No word of instant messaging stands in this crate. It decides nothing about a connection but how its bytes move; who may speak,
//! and what is said, is left to the machines. It is the only home of `unsafe` ([`sys`]).
//!
//! Reading order: [`poll`] (one turn), [`sockets`] (the many connections of clients), [`link`] (the few connections between our own
//! processes, over a [`stream`] of TCP or a Unix socket: a [`dialer`] keeps them up, a [`link_listener`] takes them in, and they are [`newcomers`] until they have
//! proved themselves with a secret of the [`keyring`]), [`listener`], [`wake`] (what reaches a loop from another thread), then [`mod@counters`] and [`histogram`],
//! [`admin`], [`clock`] and [`alarm`].

pub mod activation;
pub mod admin;
pub mod alarm;
pub mod clock;
pub mod counters;
pub mod dialer;
pub mod histogram;
pub mod keyring;
pub mod link;
pub mod link_listener;
pub mod listener;
pub mod newcomers;
pub mod poll;
pub mod sockets;
pub mod stream;
pub mod sys;
pub mod traffic;
pub mod wake;
