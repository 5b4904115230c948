//! The machine alone. Only the time in [`Shard::handle`] and its kin is counted: what gateway and logic say is made ready between.

use std::time::{Duration, Instant};
use std::{fs, io};

use benches::table;
use proto::rpc;
use proto::time::Now;
use state::journal::Record;
use state::token::{KeySpec, Keys};
use state::{Event, GatewayLink, Input, Output, Settings, Shard};

use crate::talk::{KEY, Talk};

const GATEWAY: GatewayLink = GatewayLink(0);
/// Logins made ready together.
const LOGINS: u32 = 1000;

#[derive(Default)]
struct Wires {
    gateway: Vec<u8>,
    logic: Vec<u8>,
}

impl Output for Wires {
    fn gateway(&mut self, _: GatewayLink) -> &mut Vec<u8> {
        &mut self.gateway
    }
    fn logic(&mut self) -> &mut Vec<u8> {
        &mut self.logic
    }
    fn drop_gateway(&mut self, _: GatewayLink) {
        panic!("the gateway was dropped");
    }
    fn drop_logic(&mut self) {
        panic!("logic was dropped");
    }
    fn event(&mut self, _: Event<'_>) {}
    fn record(&mut self, _: Record<'_>) {}
}

struct Stage {
    shard: Shard,
    wires: Wires,
    now: Now,
    /// In the machine.
    spent: Duration,
}

impl Stage {
    /// A shard where all people of a talk are online.
    fn new(talk: &mut Talk, people: u32) -> Self {
        let keys = Keys::new("holdfast", vec![KeySpec::parse(KEY).expect("a key").key(b"").expect("a key")]);
        let settings = Settings { heartbeat_deadline: Duration::from_secs(75), ..Settings::new(keys) };
        let now = Now { mono_ms: 1_000, unix_ms: 1_800_000_000_000 };
        let mut stage =
            Self { shard: Shard::new(settings), wires: Wires::default(), now, spent: Duration::ZERO };
        let mut said = Vec::new();
        stage.shard.handle(now, Input::LogicUp, &mut stage.wires);
        stage.ask_logic(talk, &mut said);
        stage.shard.handle(now, Input::GatewayUp(GATEWAY), &mut stage.wires);
        Talk::introduce(&mut said);
        stage.tell(&mut said, true);
        stage.wires.gateway.clear();
        for first in (0..people).step_by(LOGINS as usize) {
            (first..people.min(first + LOGINS)).for_each(|place| talk.log_in(place, now, &mut said));
            stage.tell(&mut said, true);
            stage.ask_logic(talk, &mut said);
            stage.hear(talk, &mut said, |_, _, _| ());
        }
        assert_eq!((talk.online, stage.shard.sessions()), (people, people as usize));
        stage.spent = Duration::ZERO;
        stage
    }

    /// Has the machine take in frames, from the gateway or from logic.
    fn tell(&mut self, frames: &mut Vec<u8>, gateway: bool) {
        let (began, mut at) = (Instant::now(), 0);
        while let Some(found) = rpc::next(frames, at).expect("whole frames") {
            at = found.body.end;
            let (kind, body) = (found.kind, &frames[found.body]);
            let input = if gateway {
                Input::FromGateway { link: GATEWAY, kind, body }
            } else {
                Input::FromLogic { kind, body }
            };
            self.shard.handle(self.now, input, &mut self.wires);
        }
        self.shard.expire(self.now, &mut self.wires);
        self.shard.end_turn(&mut self.wires);
        self.spent += began.elapsed();
        frames.clear();
    }

    /// Logic answers all that it was asked.
    fn ask_logic(&mut self, talk: &mut Talk, scratch: &mut Vec<u8>) {
        let (asked, mut at) = (std::mem::take(&mut self.wires.logic), 0);
        while let Some(found) = rpc::next(&asked, at).expect("whole frames") {
            at = found.body.end;
            talk.hear_as_logic(found.kind, &asked[found.body], scratch);
        }
        self.tell(scratch, false);
    }

    /// What the gateway hears becomes what its clients say next, in `said`.
    fn hear(
        &mut self,
        talk: &mut Talk,
        said: &mut Vec<u8>,
        mut next: impl FnMut(&mut Talk, u32, &mut Vec<u8>),
    ) {
        let (heard, mut at) = (std::mem::take(&mut self.wires.gateway), 0);
        while let Some(found) = rpc::next(&heard, at).expect("whole frames") {
            at = found.body.end;
            talk.hear_as_gateway(found.kind, &heard[found.body], said, &mut next);
        }
    }
}

pub(crate) fn cycles(pairs: u32, cycles: u64, in_flight: u32) {
    let mut talk = Talk::new(pairs * 2);
    let mut stage = Stage::new(&mut talk, pairs * 2);
    let (mut said, mut scratch) = (Vec::new(), Vec::new());
    let mut turn = 0;
    while talk.done < cycles {
        for pair in 0..in_flight {
            talk.speak((turn + pair) % pairs, &mut said);
        }
        turn = (turn + in_flight) % pairs;
        stage.now.mono_ms += 1;
        stage.tell(&mut said, true);
        stage.ask_logic(&mut talk, &mut scratch);
        stage.hear(&mut talk, &mut said, |_, _, _| ());
        stage.tell(&mut said, true);
    }
    assert_eq!((stage.shard.in_flight(), stage.shard.calls()), (0, 0), "all is acknowledged");
    let rate = talk.done as f64 / stage.spent.as_secs_f64();
    println!("{rate:.0} cycles/s of the machine's time; {}", table::at_least(rate.round(), Some(1e6)));
}

/// The resident memory of this process, bytes.
fn resident() -> io::Result<f64> {
    let pages = fs::read_to_string("/proc/self/statm")?;
    let pages: f64 = pages.split(' ').nth(1).and_then(|text| text.parse().ok()).unwrap_or(f64::NAN);
    Ok(pages * 4096.0)
}

pub(crate) fn sessions(count: u32) -> io::Result<()> {
    let mut talk = Talk::new(count);
    let before = resident()?;
    let mut stage = Stage::new(&mut talk, count);
    stage.wires = Wires::default();
    let each = (resident()? - before) / f64::from(count);
    println!("{each:.0} bytes of memory a session; {}", table::at_most(each.round(), Some(200.0)));
    // Three minutes: a report of everybody each 30 s, and a look at the timers each 64 ms.
    let (mut said, mut reports, mut turns) = (Vec::new(), 0_u32, Duration::ZERO);
    for step in 0..(180_000 / 64) {
        stage.now.mono_ms += 64;
        if step % 468 == 0 {
            let pieces = (0..count).step_by(10_000);
            pieces.for_each(|first| talk.alive(first..count.min(first + 10_000), &mut said));
            stage.tell(&mut said, true);
            reports += 1;
        }
        let began = Instant::now();
        stage.shard.expire(stage.now, &mut stage.wires);
        turns += began.elapsed();
    }
    assert_eq!(stage.shard.away(), 0, "nobody is given up");
    let told = stage.spent.as_secs_f64() * 1e9 / f64::from(reports) / f64::from(count);
    let all = (stage.spent + turns).as_secs_f64() * 1e9 / f64::from(reports) / f64::from(count);
    println!(
        "{told:.1} ns a heartbeat; {}; with the looks of its session's timer {all:.1} ns",
        table::at_most((told * 10.0).round() / 10.0, Some(10.0))
    );
    Ok(())
}
