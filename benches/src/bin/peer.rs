//! Echo servers upon the best WebSocket libraries of Rust, each written as well as its library allows: one thread, no delay, all messages of a read answered
//! in one write. They are what the gateway's echo is compared with, beside the floor.

#![allow(clippy::print_stdout, reason = "a server prints its address")]

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use clap::Parser;
use fastwebsockets::{FragmentCollector, Frame, OpCode, Role};
use futures_util::{FutureExt as _, Sink, SinkExt as _, Stream, StreamExt as _};
use proto::ws::upgrade;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite;
use tungstenite::protocol::WebSocketConfig;

/// With so much gathered it is time to write.
const GATHERED_BYTES: usize = 64 * 1024;
/// This library clears its buffer before each read; with the default of 128 KiB a short message costs four times as much.
const TUNGSTENITE_READ_BYTES: usize = 16 * 1024;

/// Answers every message by itself.
#[derive(Parser)]
struct Options {
    #[arg(value_enum)]
    library: Library,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Library {
    Fastwebsockets,
    TokioWebsockets,
    TokioTungstenite,
}

fn main() -> io::Result<()> {
    let Options { library } = Options::parse();
    reactor::sys::raise_open_files()?;
    tokio::runtime::Builder::new_current_thread().enable_io().build()?.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        println!("{}", listener.local_addr()?);
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            // A connection that ends takes its reason with it.
            match library {
                Library::Fastwebsockets => drop(tokio::spawn(fastwebsockets(stream))),
                Library::TokioWebsockets => drop(tokio::spawn(tokio_websockets(stream))),
                Library::TokioTungstenite => drop(tokio::spawn(tokio_tungstenite(stream))),
            }
        }
    })
}

async fn tokio_websockets(stream: TcpStream) -> Option<()> {
    let config = tokio_websockets::Config::default().flush_threshold(GATHERED_BYTES);
    let (_, socket) = tokio_websockets::ServerBuilder::new().config(config).accept(stream).await.ok()?;
    echo(socket, |message| (message.is_text() || message.is_binary()).then_some(message)).await
}

async fn tokio_tungstenite(stream: TcpStream) -> Option<()> {
    let config = WebSocketConfig::default().read_buffer_size(TUNGSTENITE_READ_BYTES);
    let socket = tokio_tungstenite::accept_async_with_config(stream, Some(config)).await.ok()?;
    echo(socket, |message: tungstenite::Message| {
        (message.is_text() || message.is_binary()).then_some(message)
    })
    .await
}

/// Feeds the answers to all messages that are there, then flushes once.
async fn echo<M, E, S>(mut socket: S, answer: impl Fn(M) -> Option<M>) -> Option<()>
where
    S: Stream<Item = Result<M, E>> + Sink<M> + Unpin,
{
    loop {
        let mut next = socket.next().await;
        loop {
            if let Some(answer) = answer(next?.ok()?) {
                socket.feed(answer).await.ok()?;
            }
            match socket.next().now_or_never() {
                Some(another) => next = another,
                None => break,
            }
        }
        socket.flush().await.ok()?;
    }
}

/// This library opens connections by way of an HTTP server; the request is read and answered here instead, as the gateway does it.
async fn fastwebsockets(mut stream: TcpStream) -> Option<()> {
    let (mut request, mut answer) = (Vec::new(), Vec::new());
    while answer.is_empty() {
        if stream.read_buf(&mut request).await.ok()? == 0 {
            return None;
        }
        if let Some(request) = upgrade::parse(&request).ok()? {
            upgrade::accept(&mut answer, request.key, None);
        }
    }
    stream.write_all(&answer).await.ok()?;
    let gathered = Gathered { stream, out: Vec::new(), sent: 0 };
    let mut socket = fastwebsockets::WebSocket::after_handshake(gathered, Role::Server);
    // Its vectored write would be one for each frame.
    socket.set_writev(false);
    let mut socket = FragmentCollector::new(socket);
    loop {
        let frame = socket.read_frame().await.ok()?;
        match frame.opcode {
            OpCode::Text | OpCode::Binary => {
                socket.write_frame(Frame::new(true, frame.opcode, None, frame.payload)).await.ok()?;
            }
            OpCode::Close => return None,
            _ => {}
        }
    }
}

/// A stream that keeps what is written until there is nothing more to read: the library writes each frame by itself, and offers no better place to gather.
struct Gathered {
    stream: TcpStream,
    out: Vec<u8>,
    sent: usize,
}

impl Gathered {
    fn write_out(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.sent < self.out.len() {
            self.sent += ready!(Pin::new(&mut self.stream).poll_write(context, &self.out[self.sent..]))?;
        }
        self.out.clear();
        self.sent = 0;
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Gathered {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.stream).poll_read(context, into);
        if read.is_pending()
            && let Poll::Ready(Err(error)) = self.write_out(context)
        {
            return Poll::Ready(Err(error));
        }
        read
    }
}

impl AsyncWrite for Gathered {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.out.len() >= GATHERED_BYTES {
            ready!(self.write_out(context))?;
        }
        self.out.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.write_out(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.write_out(context))?;
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
