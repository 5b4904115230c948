//! What is to be run: [`Plan`]. Owns what can be asked for and its bounds; where it was asked for, on a command line or in a scenario file, is told there.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use client::wire::{Address, Transport};
use proto::limits::{BODY_BYTES_MAX, CLIENT_COMMANDS_MAX, GROUP_MEMBERS_MAX};
use proto::packet::Codec;
use proto::ws::Subprotocol;

use crate::crowd::{
    Crowd, Gathering, Groups, Pace, Plain, STAMP_BYTES, Sitters, Speech, Talk, Talkers, Trouble,
};
use crate::identity::Identity;
use crate::ledger::Timing;
use crate::process::Pid;

/// Clients of a run, at most: what a machine's descriptors bear, with air.
pub const CLIENTS_MAX: u32 = 4_000_000;
/// Messages of an echo: they begin with a number, and fit what servers take.
pub const ECHO_BYTES_MIN: usize = 8;
/// See [`ECHO_BYTES_MIN`].
pub const ECHO_BYTES_MAX: usize = 16 * 1024 * 1024;
/// The longest run.
pub const DURATION_MAX: Duration = Duration::from_hours(24);
/// The fastest schedule, in messages or connections a second.
pub const RATE_MAX: f64 = 10_000_000.0;
/// How long events may gather, at most.
pub const COALESCE_MAX: Duration = Duration::from_millis(100);
/// Threads of a run, at most.
pub const WORKERS_MAX: u32 = 1024;
/// Messages of one connection on the way, at most.
pub const UNANSWERED_MAX: u32 = 100_000;

/// A run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The server.
    pub target: Address,
    /// Over TCP, messages have Holdfast's framing: a magic, and a length before each.
    pub lengths: bool,
    /// What WebSocket subprotocol is asked for, if any.
    pub subprotocol: Option<String>,
    /// Who the clients of Holdfast are; needed where they log in.
    pub identity: Option<Identity>,
    /// Addresses that connections come from, in turn; none: the kernel's choice, or of the loopback interface one for each thread.
    pub sources: Vec<IpAddr>,
    /// Threads; none: as many as open files ask for.
    pub workers: Option<u32>,
    /// Connections begun in a second.
    pub ramp: f64,
    /// How long events of parts whose times need not be exact ([`Task::is_exact`]) may gather, so that one waking of a thread serves many clients. The other parts then
    /// have threads of their own. Zero: not at all.
    pub coalesce: Duration,
    /// How long a connection may take to be ready.
    pub open_patience: Duration,
    /// How long messages are sent, or connections held.
    pub duration: Duration,
    /// How long the last answers are waited for.
    pub patience: Duration,
    /// What clients do. At least one.
    pub parts: Vec<Part>,
    /// Processes whose CPU time and memory are reported.
    pub pids: Vec<Pid>,
}

/// Clients that do the same.
#[derive(Clone, Debug)]
pub struct Part {
    /// What reports call it.
    pub name: String,
    /// How many they are.
    pub clients: u32,
    /// How long after the others their first message is due.
    pub after: Duration,
    /// What they do.
    pub task: Task,
}

/// What clients do.
#[derive(Clone, Debug)]
pub enum Task {
    /// They sit there, and ping.
    Idle {
        /// How often; of WebSockets only.
        heartbeat: Option<Duration>,
    },
    /// They have messages echoed.
    Echo {
        /// Bytes of a message.
        bytes: usize,
        /// When messages are sent.
        load: Load,
        /// As with [`Task::Idle`].
        heartbeat: Option<Duration>,
    },
    /// Users of Holdfast log in and sit there, alone or in groups that are told something.
    Sit {
        /// Their groups.
        groups: Option<GroupPlan>,
    },
    /// Pairs of SDK clients: one says, the other hears. Two clients each.
    Chat {
        /// Bytes of a message.
        bytes: usize,
        /// When messages are sent.
        load: Load,
        /// The form of packets over WebSocket.
        codec: Codec,
        /// What is done to the server meanwhile.
        hardship: Option<Hardship>,
    },
}

/// Groups, in which one says and all others hear.
#[derive(Clone, Copy, Debug)]
pub struct GroupPlan {
    /// How many are in each.
    pub size: u32,
    /// Bytes of a message.
    pub bytes: usize,
    /// When messages are sent.
    pub calls: Calls,
}

/// When groups are told something.
#[derive(Clone, Copy, Debug)]
pub enum Calls {
    /// All groups at the same moment, every so often.
    Together(Duration),
    /// One after the other, so many a second.
    InTurn(f64),
}

/// What clients do to a server on purpose.
#[derive(Clone, Copy, Debug)]
pub enum Hardship {
    /// Every so often this share (0 to 1) of all connections is cut at once; the clients come back and take their sessions up.
    Storm {
        /// Between one cut and the next; the first comes after half of that.
        every: Duration,
        /// Of the connections.
        share: f64,
    },
    /// Every so often those who hear do not read for a while.
    Slow {
        /// Between one stall's beginning and the next; the first comes after half of that.
        every: Duration,
        /// How long.
        stall: Duration,
    },
}

/// What tells a run from others.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Occasion {
    pub(crate) run: u64,
    /// Unix time in milliseconds when it began.
    pub(crate) unix_ms: u64,
}

/// When messages are sent.
#[derive(Clone, Copy, Debug)]
pub enum Load {
    /// An open model: so many a second of all clients together, whatever the server does. At most so many of one connection are unanswered; one that is
    /// due beyond that is missed.
    Open {
        /// Messages a second.
        rate: f64,
        /// Of one connection.
        unanswered_max: u32,
    },
    /// A closed loop: the next one goes when one has come back, so a slow server is asked for less.
    Closed {
        /// Messages of one connection that are on the way.
        in_flight: u32,
    },
}

impl Plan {
    /// All clients.
    pub fn clients(&self) -> u32 {
        self.parts.iter().fold(0, |sum, part| sum.saturating_add(part.clients))
    }

    /// Refuses what cannot be, in words for the operator.
    pub fn check(&self) -> Result<(), String> {
        if self.parts.is_empty() {
            return Err("there is nothing to do".into());
        }
        within("connections", f64::from(self.clients()), 1.0, f64::from(CLIENTS_MAX))?;
        within("ramp", self.ramp, 0.001, RATE_MAX)?;
        within("duration in seconds", self.duration.as_secs_f64(), 0.001, DURATION_MAX.as_secs_f64())?;
        within(
            "coalesce in milliseconds",
            self.coalesce.as_secs_f64() * 1e3,
            0.0,
            COALESCE_MAX.as_secs_f64() * 1e3,
        )?;
        within("workers", f64::from(self.workers.unwrap_or(1)), 1.0, f64::from(WORKERS_MAX))?;
        if let Some(identity) = &self.identity {
            // The longest name is the last one's: all others are good if it is.
            identity
                .uid(self.clients().into())
                .map_err(|error| format!("the prefix makes a uid that {error}"))?;
        }
        self.parts.iter().try_for_each(|part| {
            part.task.check(self, part.clients).map_err(|why| format!("{}: {why}", part.name))?;
            if part.after >= self.duration {
                return Err(format!("{}: the run is over before its first message is due", part.name));
            }
            if part.clients == 0 { Err(format!("{}: has no connections", part.name)) } else { Ok(()) }
        })
    }

    /// Clients of parts that have threads of their own because the others' events may gather.
    pub(crate) fn exact_clients(&self) -> u32 {
        let clients = |exact| -> u32 {
            let parts = self.parts.iter().filter(|part| part.task.is_exact() == exact);
            parts.fold(0, |sum, part| sum.saturating_add(part.clients))
        };
        if self.coalesce.is_zero() || clients(false) == 0 { 0 } else { clients(true) }
    }

    /// The number of a part's first user.
    pub(crate) fn first_user(&self, part: usize) -> u64 {
        self.parts[..part].iter().map(|part| u64::from(part.clients)).sum()
    }

    /// Who its clients are.
    fn identity(&self) -> Result<&Identity, String> {
        self.identity.as_ref().ok_or_else(|| "its clients have no names to log in with".into())
    }

    fn speech(&self) -> Speech {
        Speech::of(&self.target, self.lengths, self.subprotocol.as_deref())
    }
}

impl Task {
    fn check(&self, plan: &Plan, clients: u32) -> Result<(), String> {
        match self {
            Self::Idle { heartbeat } => check_heartbeat(*heartbeat),
            Self::Echo { bytes, load, heartbeat } => {
                check_heartbeat(*heartbeat)?;
                let max = if plan.lengths { proto::limits::PACKET_BYTES_MAX } else { ECHO_BYTES_MAX };
                within("bytes of a message", *bytes as f64, ECHO_BYTES_MIN as f64, max as f64)?;
                load.check(UNANSWERED_MAX)
            }
            Self::Sit { groups: None } => plan.identity().map(drop),
            Self::Sit { groups: Some(GroupPlan { size, bytes, calls }) } => {
                within("clients of a group", f64::from(*size), 2.0, GROUP_MEMBERS_MAX as f64)?;
                check_body(*bytes)?;
                if !clients.is_multiple_of(*size) {
                    return Err(format!("{clients} clients are no whole number of groups of {size}"));
                }
                plan.identity()?;
                match calls {
                    Calls::Together(every) => check_every(*every),
                    Calls::InTurn(rate) => within("rate", *rate, 0.001, RATE_MAX),
                }
            }
            Self::Chat { bytes, load, hardship, .. } => {
                check_body(*bytes)?;
                if !clients.is_multiple_of(2) {
                    return Err(format!("{clients} clients are no whole number of pairs"));
                }
                plan.identity()?;
                load.check(CLIENT_COMMANDS_MAX as u32)?;
                match hardship {
                    None => Ok(()),
                    Some(Hardship::Storm { every, share }) => {
                        within("share", *share, 0.0, 1.0)?;
                        check_every(*every)
                    }
                    Some(Hardship::Slow { every, stall }) => {
                        check_every(*every)?;
                        within("stall in seconds", stall.as_secs_f64(), 0.001, every.as_secs_f64())
                    }
                }
            }
        }
    }

    /// Whether its clients are users who log in.
    pub fn logs_in(&self) -> bool {
        matches!(self, Self::Sit { .. } | Self::Chat { .. })
    }

    /// Whether its times are of single messages, as against those of many people who sit there and hear something now and then.
    pub fn is_exact(&self) -> bool {
        matches!(self, Self::Echo { .. } | Self::Chat { .. })
    }

    /// The times that matter most.
    pub fn main_timing(&self) -> Timing {
        match self {
            Self::Idle { .. } | Self::Sit { groups: None } => Timing::Connect,
            Self::Echo { .. } => Timing::Echo,
            Self::Sit { groups: Some(_) } | Self::Chat { .. } => Timing::Delivery,
        }
    }

    /// Clients that belong on one thread.
    pub(crate) fn together(&self) -> u32 {
        match self {
            Self::Idle { .. } | Self::Echo { .. } | Self::Sit { groups: None } => 1,
            Self::Sit { groups: Some(groups) } => groups.size,
            Self::Chat { .. } => 2,
        }
    }

    /// What this task's clients do, those of one thread.
    ///
    /// # Errors
    /// What [`Plan::check`] tells, too.
    pub(crate) fn crowd(
        &self,
        plan: &Plan,
        share: Share,
        occasion: Occasion,
    ) -> Result<Box<dyn Crowd>, String> {
        let Share { first, count, thread, threads } = share;
        let plain = |pace, heartbeat, bytes| {
            Box::new(Plain::new(plan.speech(), pace, heartbeat, bytes).with_clients(first, count))
        };
        Ok(match *self {
            Self::Idle { heartbeat } => plain(Pace::Idle, heartbeat, 0),
            Self::Echo { bytes, load: Load::Closed { in_flight }, heartbeat } => {
                plain(Pace::Closed { in_flight }, heartbeat, bytes)
            }
            Self::Echo { bytes, load: Load::Open { rate, unanswered_max }, heartbeat } => {
                plain(Pace::Open { rate, thread, threads, unanswered_max }, heartbeat, bytes)
            }
            Self::Sit { groups } => {
                let speech = Speech::of(&plan.target, true, Some(Subprotocol::Proto.name()));
                let sitters = Sitters::new(speech, plan.identity()?.clone(), occasion.run, share);
                Box::new(match groups {
                    None => sitters,
                    Some(GroupPlan { size, bytes, calls }) => {
                        let gathering = match calls {
                            Calls::Together(every) => Gathering::Together { every },
                            Calls::InTurn(rate) => Gathering::InTurn { rate },
                        };
                        sitters.in_groups(Groups::new(size, bytes, gathering, share, occasion.run))
                    }
                })
            }
            Self::Chat { bytes, load, codec, hardship } => {
                let websocket = plan.target.is_websocket();
                let talk = Talk {
                    address: plan.target.clone(),
                    transport: if websocket { Transport::WebSocket(codec) } else { Transport::Tcp },
                    identity: plan.identity()?.clone(),
                    load,
                    body_bytes: bytes,
                    trouble: hardship.map(|hardship| match hardship {
                        Hardship::Storm { every, share } => Trouble::Storm { every, share },
                        Hardship::Slow { every, stall } => Trouble::Slow { every, stall },
                    }),
                    run: occasion.run,
                    unix_ms: occasion.unix_ms,
                };
                Box::new(Talkers::new(talk, share))
            }
        })
    }
}

impl Load {
    fn check(self, unanswered_most: u32) -> Result<(), String> {
        let most = f64::from(unanswered_most);
        match self {
            Self::Open { rate, unanswered_max } => {
                within("rate", rate, 0.001, RATE_MAX)?;
                within("messages unanswered", f64::from(unanswered_max), 1.0, most)
            }
            Self::Closed { in_flight } => within("messages in flight", f64::from(in_flight), 1.0, most),
        }
    }
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Idle { heartbeat: None } => f.write_str("idle"),
            Self::Idle { heartbeat: Some(every) } => write!(f, "idle, a ping every {every:?}"),
            Self::Echo { bytes, load, .. } => write!(f, "echo of {bytes} bytes, {load}"),
            Self::Sit { groups: None } => f.write_str("logged in and idle"),
            Self::Sit { groups: Some(GroupPlan { size, bytes, calls: Calls::Together(every) }) } => {
                write!(f, "groups of {size}, all told {bytes} bytes at once every {every:?}")
            }
            Self::Sit { groups: Some(GroupPlan { size, bytes, calls: Calls::InTurn(rate) }) } => {
                write!(f, "groups of {size}, told {bytes} bytes in turn, {rate} messages a second")
            }
            Self::Chat { bytes, load, hardship, .. } => {
                write!(f, "pairs that chat {bytes} bytes, {load}")?;
                match hardship {
                    None => Ok(()),
                    Some(Hardship::Storm { every, share }) => {
                        write!(f, "; {} % of all connections cut every {every:?}", share * 100.0)
                    }
                    Some(Hardship::Slow { every, stall }) => {
                        write!(f, "; those who hear do not read for {stall:?} of every {every:?}")
                    }
                }
            }
        }
    }
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open { rate, .. } => write!(f, "open model, {rate} a second"),
            Self::Closed { in_flight } => {
                write!(f, "CLOSED LOOP, {in_flight} in flight each: a slow server is asked for less")
            }
        }
    }
}

/// A thread's stretch of a part's clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Share {
    /// The number of the first one.
    pub(crate) first: u64,
    pub(crate) count: u32,
    /// Among the threads that have clients of this part.
    pub(crate) thread: u32,
    pub(crate) threads: u32,
}

impl Share {
    /// That of a thread which has no part in it.
    pub(crate) fn none(thread: u32, threads: u32) -> Self {
        Self { first: 0, count: 0, thread, threads }
    }

    /// What thread `thread` of `threads` has of `clients`, of whom `together` may not be parted.
    pub(crate) fn of(clients: u32, together: u32, thread: u32, threads: u32) -> Self {
        let units = clients / together;
        let begin =
            |thread: u32| (u64::from(units) * u64::from(thread) / u64::from(threads)) as u32 * together;
        let (first, end) = (begin(thread), if thread + 1 == threads { clients } else { begin(thread + 1) });
        Self { first: u64::from(first), count: end - first, thread, threads }
    }
}

fn check_heartbeat(heartbeat: Option<Duration>) -> Result<(), String> {
    let Some(every) = heartbeat else { return Ok(()) };
    within("heartbeat in seconds", every.as_secs_f64(), 0.01, DURATION_MAX.as_secs_f64())
}

fn check_every(every: Duration) -> Result<(), String> {
    within("the time between two in seconds", every.as_secs_f64(), 0.01, DURATION_MAX.as_secs_f64())
}

fn check_body(bytes: usize) -> Result<(), String> {
    within("bytes of a message", bytes as f64, STAMP_BYTES as f64, BODY_BYTES_MAX as f64)
}

fn within(what: &str, value: f64, least: f64, most: f64) -> Result<(), String> {
    if (least..=most).contains(&value) {
        Ok(())
    } else {
        Err(format!("{what}: {value} is not from {least} to {most}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_the_whole_and_part_nobody_who_belongs_together() {
        for (clients, together, threads) in [(10, 1, 3), (10, 2, 3), (1, 1, 4), (1024, 512, 3), (7, 7, 2)] {
            let shares: Vec<_> =
                (0..threads).map(|thread| Share::of(clients, together, thread, threads)).collect();
            assert_eq!(shares.iter().map(|share| share.count).sum::<u32>(), clients);
            assert!(shares.iter().all(|share| share.count % together == 0));
            assert!(shares.windows(2).all(|two| two[0].first + u64::from(two[0].count) == two[1].first));
        }
    }
}
