//! A whole run: [`run`]. Owns its stages (checks, ramp, messages, last answers) and the putting together of what the workers tell; what each thread does is
//! [`Worker`]'s, and how a report looks is told in `report`.

use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::checks::{self, Layout, System};
use crate::crowd::{Books, Span};
use crate::dial::{self, Dialer};
use crate::plan::{Occasion, Plan};
use crate::report::{Ended, Memory, PartReport, Report, Tool};
use crate::series::{Series, Snapshot};
use crate::worker::{Done, News, Order, Post, Seat, Worker};
use crate::{StartError, process};

/// How often the coordinator looks around.
const LOOK: Duration = Duration::from_millis(10);
/// Between the order to send and the first message, so that all threads have read it.
pub(crate) const HEAD_START: Duration = Duration::from_millis(100);
/// Nobody has been connected for so long: there is no target any more.
const DEAD_AFTER: Duration = Duration::from_secs(10);
/// Attempts for so long, all of them in vain: there was never one.
const NOBODY_AFTER: Duration = Duration::from_secs(3);

/// How a run is watched from outside.
pub struct Watch<'a> {
    /// Told once a second how it goes.
    pub progress: &'a mut dyn FnMut(&Snapshot),
    /// Set by who wants it to end early.
    pub stop: &'a AtomicBool,
}

impl fmt::Debug for Watch<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").field("stop", &self.stop).finish_non_exhaustive()
    }
}

/// Runs a plan and reports. What goes wrong once it has begun is in the report.
pub fn run(plan: &Plan, watch: &mut Watch<'_>) -> Result<Report, StartError> {
    plan.check().map_err(StartError::Usage)?;
    let peer = dial::resolve(&plan.target)
        .map_err(|error| StartError::Runtime(format!("{}: {error}", plan.target)))?;
    let files = reactor::sys::raise_open_files()
        .map_err(|error| StartError::Runtime(format!("open files: {error}")))?;
    let layout = checks::layout(plan, peer, System::look(files)).map_err(StartError::Runtime)?;
    for pid in &plan.pids {
        process::used(pid.pid).map_err(|error| {
            StartError::Usage(format!("process {} ({}) is not there: {error}", pid.name, pid.pid))
        })?;
    }
    let mut run = Run::start(plan, peer, layout)?;
    let ended = run.stages(watch);
    Ok(run.report(ended))
}

struct Run<'a> {
    plan: &'a Plan,
    began: SystemTime,
    epoch: Instant,
    workers: Vec<Hand>,
    news: Receiver<News>,
    series: Series,
    memory: Memory,
    books: Vec<Books>,
    done: usize,
    busy: Vec<u64>,
    ramp: Duration,
    sending: Duration,
    peak_ready: u32,
}

/// A worker, from the coordinator's side.
struct Hand {
    orders: Option<Sender<Order>>,
    ready: Arc<AtomicU32>,
    thread: JoinHandle<()>,
}

impl<'a> Run<'a> {
    fn start(plan: &'a Plan, peer: SocketAddr, layout: Layout) -> Result<Self, StartError> {
        let (epoch, began) = (Instant::now(), SystemTime::now());
        let memory = Memory::before(plan);
        let (tell, news) = mpsc::channel();
        let occasion = Occasion { run: RandomState::new().hash_one(began), unix_ms: unix_ms(began) };
        let workers = (0..layout.workers)
            .map(|number| hire(plan, (peer, layout), number, occasion, (epoch, tell.clone())))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            plan,
            began,
            epoch,
            workers,
            news,
            series: Series::new(plan),
            memory,
            books: vec![Books::new(); plan.parts.len()],
            done: 0,
            busy: Vec::new(),
            ramp: Duration::ZERO,
            sending: Duration::ZERO,
            peak_ready: 0,
        })
    }

    fn stages(&mut self, watch: &mut Watch<'_>) -> Ended {
        let ended = self.ramp(watch).and_then(|()| self.send(watch));
        let last = self.finish(watch);
        ended.and(last).err().unwrap_or(Ended::Complete)
    }

    /// Waits until all clients are where they should be, or have had their time.
    fn ramp(&mut self, watch: &mut Watch<'_>) -> Result<(), Ended> {
        let clients = self.plan.clients();
        let planned = Duration::from_secs_f64(f64::from(clients) / self.plan.ramp);
        let deadline = planned * 2 + self.plan.open_patience;
        loop {
            self.look(watch)?;
            self.ramp = self.epoch.elapsed();
            let ready = self.ready();
            if ready == clients || (self.ramp > deadline && ready > 0) {
                self.memory.after_ramp(self.plan, ready);
                return Ok(());
            }
            let in_vain = self.peak_ready == 0 && self.series.failures() > 0 && self.ramp > NOBODY_AFTER;
            if in_vain || self.ramp > deadline {
                return Err(Ended::Nobody);
            }
        }
    }

    /// Has messages sent, and waits until the last answer has come or patience has ended.
    fn send(&mut self, watch: &mut Watch<'_>) -> Result<(), Ended> {
        let start = self.epoch.elapsed() + HEAD_START;
        let span = Span { start: start.as_nanos() as u64, length: self.plan.duration };
        self.order(Order::Run { span, patience: self.plan.patience });
        self.series.running(start);
        let mut seen = Instant::now();
        while self.done < self.workers.len() {
            self.look(watch)?;
            self.sending = self.epoch.elapsed().saturating_sub(start).min(self.plan.duration);
            if self.ready() > 0 {
                seen = Instant::now();
            } else if seen.elapsed() > DEAD_AFTER {
                return Err(Ended::Died);
            }
        }
        Ok(())
    }

    /// Has everybody report who has not, and keeps what there is.
    fn finish(&mut self, watch: &mut Watch<'_>) -> Result<(), Ended> {
        self.memory.at_the_end(self.plan);
        self.order(Order::Report);
        let patience = Instant::now();
        while self.done < self.workers.len() && patience.elapsed() < DEAD_AFTER {
            match self.look(watch) {
                // The wish to stop has been seen.
                Ok(()) | Err(Ended::Interrupted) => {}
                Err(ended) => return Err(ended),
            }
        }
        Ok(())
    }

    fn order(&self, order: Order) {
        for orders in self.workers.iter().filter_map(|worker| worker.orders.as_ref()) {
            // One that has failed has told so.
            let _ = orders.send(order);
        }
    }

    fn ready(&self) -> u32 {
        self.workers.iter().map(|worker| worker.ready.load(Ordering::Relaxed)).sum()
    }

    /// Takes what workers have told.
    fn look(&mut self, watch: &mut Watch<'_>) -> Result<(), Ended> {
        let until = Instant::now() + LOOK;
        loop {
            match self.news.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(News::Second(second)) => self.series.add(*second),
                Ok(News::Done(done)) => self.take(&done),
                Ok(News::Failed(why)) => return Err(Ended::Tool(why)),
                Err(RecvTimeoutError::Timeout) => break,
                Err(RecvTimeoutError::Disconnected) => return Err(Ended::Tool("all threads ended".into())),
            }
        }
        let ready = self.ready();
        self.peak_ready = self.peak_ready.max(ready);
        if let Some(snapshot) = self.series.look(self.epoch.elapsed(), ready, self.plan) {
            (watch.progress)(&snapshot);
        }
        if watch.stop.load(Ordering::Relaxed) { Err(Ended::Interrupted) } else { Ok(()) }
    }

    fn take(&mut self, done: &Done) {
        self.done += 1;
        self.books.iter_mut().zip(&done.books).for_each(|(ours, theirs)| ours.merge(theirs));
        self.busy.push(done.busy);
    }

    fn report(mut self, ended: Ended) -> Report {
        let threads = self.workers.len();
        for worker in &mut self.workers {
            worker.orders = None;
        }
        let ready = self.ready();
        for worker in self.workers {
            // A panic has ended the process.
            drop(worker.thread.join());
        }
        let parts = self.plan.parts.iter().zip(self.books).map(|(part, books)| PartReport {
            name: part.name.clone(),
            task: part.task.to_string(),
            clients: part.clients,
            after: part.after,
            main: part.task.main_timing(),
            ramp: books.ramp,
            run: books.run,
        });
        let parts: Vec<_> = parts.collect();
        let busiest = self.busy.iter().max().copied().unwrap_or(0);
        Report {
            target: self.plan.target.to_string(),
            started_unix_ms: unix_ms(self.began),
            ended,
            clients: self.plan.clients(),
            connected: self.peak_ready,
            connected_at_the_end: ready,
            ramp: self.ramp,
            sending: self.sending,
            tool: Tool::new(threads, &parts, Duration::from_nanos(busiest), self.sending)
                .coalescing(self.plan.coalesce),
            parts,
            memory: self.memory,
            seconds: self.series.rows(),
        }
    }
}

fn unix_ms(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64
}

/// Starts a thread with its share of every part.
fn hire(
    plan: &Plan,
    (peer, layout): (SocketAddr, Layout),
    number: u32,
    occasion: Occasion,
    (epoch, news): (Instant, Sender<News>),
) -> Result<Hand, StartError> {
    let seats = plan.parts.iter().enumerate().map(|(place, part)| {
        let mut share = layout.share(part, number);
        share.first += plan.first_user(place);
        let crowd = part.task.crowd(plan, share, occasion)?;
        Ok(Seat { crowd, clients: share.count, after: part.after, begun: false })
    });
    let seats: Vec<Seat> = seats.collect::<Result<_, _>>().map_err(StartError::Usage)?;
    let exact = seats.iter().zip(&plan.parts).any(|(seat, part)| seat.clients > 0 && part.task.is_exact());
    let sources = match layout.loopback_sources {
        0 => plan.sources.clone(),
        each => dial::loopback_sources(number, each),
    };
    let (orders, obeyed) = mpsc::channel();
    let ready = Arc::new(AtomicU32::new(0));
    let post = Post {
        seats,
        dialer: Dialer::new(peer, sources),
        threads: layout.workers,
        ramp: plan.ramp / f64::from(layout.workers),
        coalesce: if exact { Duration::ZERO } else { plan.coalesce },
        open_patience: plan.open_patience,
        epoch,
        ready: Arc::clone(&ready),
        orders: obeyed,
        news: news.clone(),
    };
    let several = layout.workers > 1;
    let work = move || {
        let own = if several { reactor::sys::own_descriptors(&[]) } else { Ok(()) };
        match own.and_then(|()| Worker::new(post)) {
            Ok(worker) => worker.run(),
            Err(error) => drop(news.send(News::Failed(format!("a thread cannot begin: {error}")))),
        }
    };
    let thread = thread::Builder::new().name(format!("load-{number}")).spawn(work);
    let thread = thread.map_err(|error| StartError::Runtime(format!("threads: {error}")))?;
    Ok(Hand { orders: Some(orders), ready, thread })
}
