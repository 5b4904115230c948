//! The floor: the barest echo over TCP that epoll allows. One `recv` and one `send` for each event, one shared buffer, nothing parsed. What a
//! WebSocket echo costs above this is what its protocol costs. With `--fan-out` what one says goes to all: a bare loop of `send` calls.

#![allow(clippy::print_stdout, reason = "a benchmark prints what it found")]

use std::io::{self, Read as _, Write as _};

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};

const BUFFER_BYTES: usize = 512 * 1024;
const LISTENER: Token = Token(usize::MAX);

struct Conn {
    stream: TcpStream,
    /// What the client did not take yet; while there is any, nothing is read.
    queued: Vec<u8>,
}

fn main() -> io::Result<()> {
    let to_all = std::env::args().nth(1).is_some_and(|option| option == "--fan-out");
    reactor::sys::raise_open_files()?;
    let mut poll = Poll::new()?;
    let mut events = Events::with_capacity(1024);
    let mut listener = TcpListener::bind(([127, 0, 0, 1], 0).into())?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    println!("{}", listener.local_addr()?);
    let mut table: Vec<Option<Conn>> = Vec::new();
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        poll.poll(&mut events, None)?;
        for event in &events {
            if event.token() == LISTENER {
                while let Ok((mut stream, _)) = listener.accept() {
                    stream.set_nodelay(true)?;
                    let token = Token(table.len());
                    poll.registry().register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
                    table.push(Some(Conn { stream, queued: Vec::new() }));
                }
                continue;
            }
            if to_all {
                send_to_all(&mut table, event.token().0, &mut buffer)?;
                continue;
            }
            let slot = &mut table[event.token().0];
            if slot.as_mut().is_some_and(|conn| !conn.serve(&mut buffer)) {
                *slot = None;
            }
        }
    }
}

/// Every receiver has taken the last message before the next is asked for, so that no send is cut short.
fn send_to_all(table: &mut [Option<Conn>], from: usize, buffer: &mut [u8]) -> io::Result<()> {
    let received = match table[from].as_mut().map(|conn| conn.stream.read(buffer)) {
        Some(Ok(received)) if received > 0 => received,
        _ => return Ok(()),
    };
    table.iter_mut().flatten().try_for_each(|conn| conn.stream.write_all(&buffer[..received]))
}

impl Conn {
    /// Whether the connection goes on.
    fn serve(&mut self, buffer: &mut [u8]) -> bool {
        loop {
            if !self.queued.is_empty() {
                match self.stream.write(&self.queued) {
                    Ok(sent) => drop(self.queued.drain(..sent)),
                    Err(error) => return error.kind() == io::ErrorKind::WouldBlock,
                }
                if !self.queued.is_empty() {
                    return true;
                }
            }
            let received = match self.stream.read(buffer) {
                Ok(0) => return false,
                Ok(received) => received,
                Err(error) => return error.kind() == io::ErrorKind::WouldBlock,
            };
            match self.stream.write(&buffer[..received]) {
                Ok(sent) => self.queued.extend_from_slice(&buffer[sent..received]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.queued.extend_from_slice(&buffer[..received]);
                }
                Err(_) => return false,
            }
            if received < buffer.len() && self.queued.is_empty() {
                return true;
            }
        }
    }
}
