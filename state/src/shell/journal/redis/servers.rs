//! The Redis servers that a journal is kept on, one or a cluster: [`Servers`]. Owns which of them has what, following them when that changes, and when to try again what did not
//! work; whether a commit was done is for the scripts to say.

use std::hash::{BuildHasher as _, RandomState};
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use proto::limits::{REDIS_RECONNECT_BASE, REDIS_RECONNECT_MAX, REDIS_REDIRECTS_MAX};
use redis::{ConnectionAddr, ConnectionInfo, Value};

use super::super::super::counters::JournalCounters;
use super::node::{Node, Refusal, Told};
use super::request::{HASH_SLOTS, Requests, command};
use super::url::RedisUrl;

/// One server, or those of a cluster.
pub(super) struct Servers {
    /// Where to look first.
    seeds: Vec<ConnectionInfo>,
    nodes: Vec<Node>,
    /// Which node has each hash slot. Empty: nobody has been asked yet, or not all is as it was told.
    places: Vec<u16>,
    /// Whether they are a cluster, as far as is known.
    cluster: bool,
    /// Connections that were ever made.
    connections: u64,
    /// Failures since the last success, and until when nothing is tried because of them.
    failures: u32,
    again: Option<Instant>,
    /// What went wrong last.
    trouble: String,
    counters: Arc<JournalCounters>,
}

/// What one command came to, for now.
enum Outcome {
    Done(Value),
    /// It has to be asked again: of whoever has its hash slot, or for once of another server.
    Again(Option<usize>),
}

impl Servers {
    /// Connects to nobody yet.
    pub(super) fn new(urls: &[RedisUrl], counters: Arc<JournalCounters>) -> Self {
        let seeds: Vec<_> = urls.iter().map(|url| url.info().clone()).collect();
        Self {
            seeds,
            nodes: Vec::new(),
            places: Vec::new(),
            cluster: false,
            connections: 0,
            failures: 0,
            again: None,
            trouble: String::new(),
            counters,
        }
    }

    /// Asks, and gives the answers in the order of the requests; `Err` if not all of them came. Then some may have been done, and for a while nothing is tried.
    pub(super) fn ask(&mut self, requests: &Requests) -> io::Result<Vec<Value>> {
        self.attempt(|servers| servers.ask_at_once(requests))
    }

    fn attempt<T>(&mut self, work: impl FnOnce(&mut Self) -> io::Result<T>) -> io::Result<T> {
        if self.again.is_some_and(|again| Instant::now() < again) {
            return Err(io::Error::new(io::ErrorKind::WouldBlock, self.trouble.clone()));
        }
        let done = work(self);
        match &done {
            Ok(_) => (self.failures, self.again) = (0, None),
            Err(error) => {
                let wait = back_off(self.failures);
                (self.failures, self.again) = (self.failures.saturating_add(1), Some(Instant::now() + wait));
                self.trouble = error.to_string();
                // Whatever it was, roles may have changed.
                self.places.clear();
            }
        }
        done
    }

    /// How long nothing will be tried.
    pub(super) fn pause(&self) -> Duration {
        self.again.map_or(Duration::ZERO, |again| again.saturating_duration_since(Instant::now()))
    }

    /// How many connections were ever made: behind a new one may be another process, or the same after its death.
    pub(super) fn connections(&self) -> u64 {
        self.connections
    }

    /// Whether they are a cluster: then what is asked at once must be about keys of one hash slot.
    pub(super) fn is_cluster(&self) -> bool {
        self.cluster
    }

    /// How often a server has said that another has what was asked for.
    #[cfg(test)]
    pub(super) fn redirects(&self) -> u64 {
        self.counters.redis_redirects.get()
    }

    /// What the server with a hash slot has told of itself.
    pub(super) fn told(&mut self, hash_slot: u16) -> io::Result<Told> {
        self.attempt(|servers| {
            servers.look()?;
            let number = usize::from(servers.places[usize::from(hash_slot)]);
            let connected = servers.connect(number);
            connected.map_err(|refusal| servers.trouble_with(number, refusal))?;
            Ok(servers.nodes[number].told.clone())
        })
    }

    fn ask_at_once(&mut self, requests: &Requests) -> io::Result<Vec<Value>> {
        let mut answers: Vec<Option<Value>> = (0..requests.len()).map(|_| None).collect();
        let mut open: Vec<(usize, Option<usize>)> = (0..requests.len()).map(|at| (at, None)).collect();
        for _ in 0..REDIS_REDIRECTS_MAX {
            self.look()?;
            for (at, outcome) in self.round(requests, &std::mem::take(&mut open))? {
                match outcome {
                    Outcome::Done(answer) => answers[at] = Some(answer),
                    Outcome::Again(by) => open.push((at, by)),
                }
            }
            if open.is_empty() {
                return Ok(answers.into_iter().flatten().collect());
            }
        }
        Err(io::Error::other("the servers of the Redis cluster do not agree on who has what"))
    }

    /// Sends each command to one server, all servers at the same time, and takes all answers.
    fn round(
        &mut self,
        requests: &Requests,
        open: &[(usize, Option<usize>)],
    ) -> io::Result<Vec<(usize, Outcome)>> {
        let mut of_node: Vec<Vec<(usize, bool)>> = vec![Vec::new(); self.nodes.len()];
        for (at, by) in open {
            let usual = usize::from(self.places[usize::from(requests.hash_slot(*at))]);
            of_node[by.unwrap_or(usual)].push((*at, by.is_some()));
        }
        let mut trouble = None;
        let mut sent = Vec::new();
        for (number, mine) in of_node.into_iter().enumerate().filter(|(_, mine)| !mine.is_empty()) {
            let mut commands = Vec::new();
            for (at, asking) in &mine {
                if *asking {
                    command(&[b"ASKING"], &mut commands);
                }
                commands.extend_from_slice(requests.bytes(*at));
            }
            match self.connect(number).and_then(|()| self.nodes[number].send(&commands)) {
                Ok(()) => sent.push((number, mine)),
                Err(refusal) => trouble = Some(self.trouble_with(number, refusal)),
            }
        }
        let mut outcomes = Vec::new();
        for (number, mine) in sent {
            for (at, asking) in mine {
                match self.answer(number, asking) {
                    Ok(outcome) => outcomes.push((at, outcome)),
                    Err(refusal @ Refusal::Lost(_)) => {
                        trouble = Some(self.trouble_with(number, refusal));
                        break;
                    }
                    // The others' answers must be taken all the same.
                    Err(said) => trouble = Some(self.trouble_with(number, said)),
                }
            }
        }
        trouble.map_or(Ok(outcomes), Err)
    }

    /// Takes one answer, and does what it demands.
    fn answer(&mut self, number: usize, asking: bool) -> Result<Outcome, Refusal> {
        if asking {
            self.nodes[number].answer()?;
        }
        match self.nodes[number].answer() {
            Ok(answer) => Ok(Outcome::Done(answer)),
            Err(Refusal::Said(code, text)) => match &*code {
                "MOVED" => {
                    self.counters.redis_redirects.add(1);
                    self.places.clear();
                    Ok(Outcome::Again(None))
                }
                "NOSCRIPT" => {
                    self.nodes[number].lacks_scripts();
                    Ok(Outcome::Again(None))
                }
                "ASK" => {
                    self.counters.redis_redirects.add(1);
                    let by = text.split_whitespace().nth(1).and_then(|address| address.rsplit_once(':'));
                    let by = by.and_then(|(host, port)| Some((host, port.parse().ok()?)));
                    match by {
                        Some((host, port)) => Ok(Outcome::Again(Some(self.known(number, host, port)))),
                        None => Err(Refusal::Said(code, text)),
                    }
                }
                _ => Err(Refusal::Said(code, text)),
            },
            Err(lost) => Err(lost),
        }
    }

    fn trouble_with(&self, number: usize, refusal: Refusal) -> io::Error {
        refusal.into_io(&self.nodes[number].address())
    }

    fn connect(&mut self, number: usize) -> Result<(), Refusal> {
        if self.nodes[number].connect()? {
            self.connections += 1;
            self.counters.redis_connections.add(1);
        }
        Ok(())
    }

    /// Finds out which server has what, if that is not known.
    fn look(&mut self) -> io::Result<()> {
        if !self.places.is_empty() {
            return Ok(());
        }
        for seed in self.seeds.clone() {
            self.node_at(seed);
        }
        let mut trouble = io::Error::other("there is no Redis to ask");
        for number in 0..self.nodes.len() {
            let told = self.connect(number).and_then(|()| self.nodes[number].ask(&[b"CLUSTER", b"SLOTS"]));
            match told {
                Ok(told) => return self.learn(number, told),
                // No part of a cluster.
                Err(Refusal::Said(code, _)) if code == "ERR" && self.seeds.len() == 1 => {
                    (self.places, self.cluster) = (vec![number as u16; HASH_SLOTS], false);
                    return Ok(());
                }
                Err(Refusal::Said(code, _)) if code == "ERR" => {
                    let text = "redis_urls may have more than one only if they are servers of one cluster, and this one is of none";
                    trouble = io::Error::new(
                        io::ErrorKind::InvalidInput,
                        format!("{}: {text}", self.nodes[number].address()),
                    );
                }
                Err(refusal) => trouble = self.trouble_with(number, refusal),
            }
        }
        Err(trouble)
    }

    /// Takes what `CLUSTER SLOTS` has answered: ranges of hash slots, each with its servers, the master first.
    fn learn(&mut self, by: usize, told: Value) -> io::Result<()> {
        type Range = (u16, u16, Vec<Value>);
        let nonsense = || io::Error::other("the answer to CLUSTER SLOTS cannot be understood");
        let Value::Array(ranges) = told else { return Err(nonsense()) };
        let mut places = vec![u16::MAX; HASH_SLOTS];
        for range in ranges {
            let range = as_range(range).ok_or_else(nonsense)?;
            let (from, to, master): Range = range;
            let host: String = match master.first() {
                Some(Value::BulkString(host)) => String::from_utf8_lossy(host).into_owned(),
                _ => String::new(),
            };
            let Some(Value::Int(port)) = master.get(1) else { return Err(nonsense()) };
            let number = self.known(by, &host, *port as u16);
            places.get_mut(usize::from(from)..=usize::from(to)).ok_or_else(nonsense)?.fill(number as u16);
        }
        if places.contains(&u16::MAX) {
            return Err(io::Error::other("the Redis cluster does not serve all of its hash slots"));
        }
        (self.places, self.cluster) = (places, true);
        Ok(())
    }

    /// The place of a server in our list by its address; no host is that of whoever told of it. It has the same user and password.
    fn known(&mut self, by: usize, host: &str, port: u16) -> usize {
        let teller = self.nodes[by].info();
        let host = match (host, teller.addr()) {
            ("" | "?", ConnectionAddr::Tcp(host, _)) => host.clone(),
            ("" | "?", _) => "127.0.0.1".into(),
            (host, _) => host.to_owned(),
        };
        let info = teller.clone().set_addr(ConnectionAddr::Tcp(host, port));
        self.node_at(info)
    }

    fn node_at(&mut self, info: ConnectionInfo) -> usize {
        let known = self.nodes.iter().position(|node| node.info().addr() == info.addr());
        known.unwrap_or_else(|| {
            self.nodes.push(Node::new(info));
            self.nodes.len() - 1
        })
    }
}

fn as_range(range: Value) -> Option<(u16, u16, Vec<Value>)> {
    let Value::Array(parts) = range else { return None };
    match <[Value; 3]>::try_from(parts.into_iter().take(3).collect::<Vec<_>>()).ok()? {
        [Value::Int(from), Value::Int(to), Value::Array(master)] => {
            Some((from.try_into().ok()?, to.try_into().ok()?, master))
        }
        _ => None,
    }
}

/// A random time below twice the base, doubled with every failure before: those who lost the same server do not come back at once.
fn back_off(failures: u32) -> Duration {
    let ceiling = REDIS_RECONNECT_BASE.saturating_mul(2 << failures.min(16)).min(REDIS_RECONNECT_MAX);
    let random = RandomState::new().hash_one(failures);
    ceiling.mul_f64((random >> 11) as f64 / (1u64 << 53) as f64)
}
