//! The floor under the server's speed: it reads, parses and answers a constant, on the same runtime and the same parser as the server.
//!
//! `scripts/bench` runs it beside Larder and Valkey. What it costs belongs to the kernel, the runtime and the protocol; what Larder costs above it is
//! Larder's own. It answers `+OK` to SET and 64 bytes to everything else, and keeps nothing.
//!
//! `cargo run --release --example floor -- <port> [<workers>]`. With several workers it shows what the machine makes of a second thread: each
//! serves connections of its own and shares nothing with the others.

use std::cell::RefCell;
use std::future::poll_fn;
use std::net::Ipv4Addr;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;

use larder_proto::resp::{Batch, Limits, RequestParser};
use tokio::io::{AsyncRead, AsyncWriteExt, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::LocalSet;

/// One buffer serves all connections, since a request is answered before the next connection is read: it stays in the cache.
const READ_BUFFER_LEN: usize = 64 * 1024;
/// Requests parsed before the first of them is answered.
const BATCH_REQUESTS_MAX: usize = 64;
const VALUE_LEN: usize = 64;
const ACCEPT_QUEUE_LEN: usize = 64;

/// What the connections of a worker share; workers share nothing.
struct Shared {
    scratch: RefCell<Vec<u8>>,
    batch: RefCell<Batch>,
    value: Vec<u8>,
}

impl Shared {
    fn new() -> Rc<Shared> {
        let value = format!("${VALUE_LEN}\r\n{}\r\n", "x".repeat(VALUE_LEN)).into_bytes();
        Rc::new(Shared { scratch: RefCell::new(vec![0; READ_BUFFER_LEN]), batch: RefCell::default(), value })
    }
}

fn main() -> anyhow::Result<()> {
    let mut args = std::env::args().skip(1);
    let port: u16 = args.next().ok_or_else(|| anyhow::anyhow!("usage: floor <port> [<workers>]"))?.parse()?;
    let workers: usize = args.next().map_or(Ok(1), |workers| workers.parse())?;
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
    listener.set_nonblocking(true)?;
    if workers == 1 {
        return on_runtime(async move {
            let (listener, shared) = (TcpListener::from_std(listener)?, Shared::new());
            loop {
                start(listener.accept().await?.0, &shared)?;
            }
        });
    }
    let mut queues = Vec::new();
    for _ in 0..workers {
        let (queue, mut accepted) = mpsc::channel::<std::net::TcpStream>(ACCEPT_QUEUE_LEN);
        queues.push(queue);
        std::thread::spawn(move || {
            on_runtime(async move {
                let shared = Shared::new();
                while let Some(stream) = accepted.recv().await {
                    start(TcpStream::from_std(stream)?, &shared)?;
                }
                Ok(())
            })
        });
    }
    on_runtime(async move {
        let listener = TcpListener::from_std(listener)?;
        for queue in queues.iter().cycle() {
            queue.send(listener.accept().await?.0.into_std()?).await?;
        }
        Ok(())
    })
}

fn on_runtime(work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    LocalSet::new().block_on(&runtime, work)
}

fn start(stream: TcpStream, shared: &Rc<Shared>) -> anyhow::Result<()> {
    stream.set_nodelay(true)?;
    let shared = Rc::clone(shared);
    tokio::task::spawn_local(async move {
        // A client that hangs up is no event for a server that keeps nothing.
        let _ = serve(stream, &shared).await;
    });
    Ok(())
}

async fn serve(mut stream: TcpStream, shared: &Shared) -> anyhow::Result<()> {
    let mut parser = RequestParser::default();
    let (mut kept, mut reply) = (Vec::new(), Vec::new());
    loop {
        let len = poll_fn(|context| {
            let mut scratch = shared.scratch.borrow_mut();
            let mut buffer = ReadBuf::new(&mut scratch);
            match Pin::new(&mut stream).poll_read(context, &mut buffer) {
                Poll::Pending => Poll::Pending,
                Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
                Poll::Ready(Ok(())) => Poll::Ready(Ok(buffer.filled().len())),
            }
        })
        .await?;
        if len == 0 {
            return Ok(());
        }
        answer(shared, len, &mut parser, &mut kept, &mut reply)?;
        stream.write_all(&reply).await?;
        reply.clear();
    }
}

/// Parses what is there, the `len` bytes just read included, and appends a constant for each request. What is left of an incomplete
/// one stays in `kept`.
fn answer(shared: &Shared, len: usize, parser: &mut RequestParser, kept: &mut Vec<u8>, reply: &mut Vec<u8>) -> anyhow::Result<()> {
    let (mut batch, limits) = (shared.batch.borrow_mut(), Limits::default());
    let mut scratch = shared.scratch.borrow_mut();
    let whole = kept.is_empty();
    if !whole {
        kept.extend_from_slice(&scratch[..len]);
    }
    let input: &mut [u8] = if whole { &mut scratch[..len] } else { kept };
    let mut consumed = 0;
    loop {
        batch.clear();
        let taken = parser.parse(&mut input[consumed..], &limits, &mut batch, BATCH_REQUESTS_MAX);
        for request in &batch.requests {
            let name = batch.args_of(request)[0].of(&input[consumed..]);
            reply.extend_from_slice(if name.eq_ignore_ascii_case(b"SET") { b"+OK\r\n" } else { &shared.value });
        }
        match taken.map_err(|error| anyhow::anyhow!("{}", String::from_utf8_lossy(&error.message())))? {
            0 => break,
            taken => consumed += taken,
        }
    }
    let rest = input[consumed..].to_vec();
    *kept = rest;
    Ok(())
}
