//! A stand-in for the state server: one shard that welcomes a gateway, lets everybody in and answers at once. What it costs the gateway to ask somebody
//! else can be measured with it, and nothing else: it has no session, no order, no timer.

use std::io;
use std::iter;
use std::thread;

use mio::Token;
use proto::ids::ConnId;
use proto::limits::DOWNLINK_TARGETS_MAX;
use proto::link::{self, FromGateway, Welcome};
use reactor::clock::Clock;
use reactor::link::{Filled, Link};
use reactor::link_listener::LinkListener;
use reactor::poll::Poller;
use settings::LinkAddress;

use crate::server::CLIENT_CORE;

/// What a login is answered with, for clients that count bytes.
pub const LOGGED_IN: &[u8] = b"welcome";

/// What becomes of a client's packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It goes back to its sender.
    Sender,
    /// It goes to everybody, once for each.
    Everybody,
}

/// Where a shard listens if it does not matter.
pub fn any_port() -> LinkAddress {
    LinkAddress::Tcp(([127, 0, 0, 1], 0).into())
}

/// Starts a shard on a thread of its own, on the clients' core, and returns where it listens. It serves one gateway of one reactor and ends with it.
pub fn start(answer: Answer, listen: &LinkAddress) -> io::Result<LinkAddress> {
    let listener = LinkListener::for_links(listen)?;
    let address = listener.link_address()?;
    thread::Builder::new().name("stub".into()).spawn(move || {
        // A link that is lost is a gateway that has ended.
        drop(reactor::sys::pin_to_core(CLIENT_CORE).and_then(|()| serve(listener, answer)));
    })?;
    Ok(address)
}

const LISTENER: Token = Token(0);
const LINK: Token = Token(1);

fn serve(mut listener: LinkListener, answer: Answer) -> io::Result<()> {
    let mut poller = Poller::new(16)?;
    listener.register(poller.registry(), LISTENER)?;
    let (mut ready, mut stub) = (Vec::new(), Stub { answer, everybody: Vec::new(), out: Vec::new() });
    let (clock, mut gateway) = (Clock::start(), None);
    let mut link = loop {
        poller.turn(None, &mut ready)?;
        listener.accept(clock.now(), 1, |stream, _| gateway = Some(stream));
        if let Some(stream) = gateway.take() {
            break Link::new(stream, poller.registry(), LINK)?;
        }
    };
    poller.again(LINK);
    loop {
        poller.turn(None, &mut ready)?;
        if ready.iter().any(|event| event.token == LINK && event.writable) {
            link.writable();
        }
        loop {
            let filled = link.fill(false)?;
            while let Some((kind, body)) = link.next_frame().map_err(io::Error::other)? {
                stub.hear(FromGateway::decode(kind, body).map_err(io::Error::other)?);
            }
            link.flush(&mut stub.out)?;
            if filled == Filled::Drained {
                break;
            }
        }
    }
}

struct Stub {
    answer: Answer,
    everybody: Vec<ConnId>,
    out: Vec<u8>,
}

impl Stub {
    fn hear(&mut self, frame: FromGateway<'_>) {
        let out = &mut self.out;
        match frame {
            FromGateway::Hello(_) => {
                link::welcome(out, Welcome { shard: 0, shard_count: 1, boot_epoch: 1 });
            }
            FromGateway::Open { conn, .. } => {
                self.everybody.push(conn);
                link::downlink(out, iter::once((conn, &b""[..])), LOGGED_IN);
            }
            FromGateway::Uplink { conn, packet } => match self.answer {
                Answer::Sender => link::downlink(out, iter::once((conn, &b""[..])), packet),
                Answer::Everybody => {
                    for some in self.everybody.chunks(DOWNLINK_TARGETS_MAX) {
                        link::downlink(out, some.iter().map(|conn| (*conn, &b""[..])), packet);
                    }
                }
            },
            FromGateway::Live { .. }
            | FromGateway::Alive(_)
            | FromGateway::Closed { .. }
            | FromGateway::Blocked(_)
            | FromGateway::Writable(_) => {}
        }
    }
}
