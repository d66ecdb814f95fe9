//! One client's task: read, parse, execute, write.
//!
//! Invariants:
//! * What was read is parsed in the worker's shared buffer where the connection has no unfinished input of its own, so that an
//!   idle connection holds no buffer; what is left of a request is kept in `input`, whose room the upkeep gives back later.
//! * Requests run in order: while one waits (`postponed`), nothing behind it is parsed.
//! * Messages from others are appended between batches, never inside a reply.

use std::future::poll_fn;
use std::io;
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;

use larder_proto::resp::{Limits, RequestParser};

use super::executor::BatchExecutor;
use super::inbox::{Parsed, Waiting};
use super::listener::{Accepted, describe};
use super::output::Output;
use super::pipeline::{self, Postponed, Progress};
use super::round::{self, Slot};
use super::sending::FLUSH_LEN;
use super::stream::Stream;
use super::upkeep::Upkeep;
use super::worker::{RoundStart, Worker};
use crate::base::clock;
use crate::base::limits::{BATCH_REQUESTS_MAX, BATCHES_PER_TURN_MAX, READ_BUFFER_LEN, TURN_OUTPUT_LEN_MAX};
use crate::clients::client::ask;
use crate::clients::session::Close;
use crate::clients::{Caller, Client, Session, bit};
use crate::config::Config;
use crate::metrics::WorkerMetrics;

/// First size of a private input buffer: a client that sends a request in pieces is likely to do so again.
const INPUT_LEN_MIN: usize = 16 * 1024;
/// How long a connection that held a stripe for long waits before it goes on: those who wait for the stripe are awake long before.
const GIVE_WAY: Duration = Duration::from_millis(1);
/// Longest inline request.
const INLINE_LEN_MAX: usize = 64 * 1024;
/// Requests of a pipeline that is so short that its cache misses do not overlap.
const SHORT_LEN_MAX: usize = 4;
/// Most arguments of a request.
const MULTIBULK_LEN_MAX: i64 = i32::MAX as i64;

/// See the module's page.
pub(super) struct Connection {
    pub(super) worker: Rc<Worker>,
    pub(super) stream: Stream,
    pub(super) caller: Caller,
    pub(super) session: Session,
    pub(super) output: Output,
    pub(super) parser: RequestParser,
    pub(super) input: Vec<u8>,
    /// Requests that let other connections read theirs first.
    pub(super) waiting: Option<Waiting>,
    /// Requests that wait or run asynchronously, in order.
    pub(super) postponed: std::collections::VecDeque<Postponed>,
    /// Requests wait in `input` for the next turn, or for some of the output to be sent.
    held_back: bool,
    /// Bytes of replies in this turn.
    pub(super) produced: usize,
    /// A command of this turn held stripes for long that others wait for.
    pub(super) gives_way: bool,
    /// The round that the worker ran for it said that it ends.
    pub(super) is_over: bool,
    /// Nothing but commands on one key has run since the last report.
    pub(super) is_simple_round: bool,
    /// A protocol error or the end of the stream was seen: nothing more is read.
    input_closed: bool,
    pub(super) batches: usize,
    /// When the round began, then when its last command so far ended.
    pub(super) now: clock::Ticks,
    pub(super) upkeep: Upkeep,
}

enum Event {
    /// So many bytes are in the worker's buffer.
    Read(usize),
    /// The socket takes more output, or somebody put messages into the outbox.
    Woken,
    /// The worker's timer found something to tidy up.
    Tidy,
    /// The connection is over.
    Closed,
}

/// How a turn ended.
enum Next {
    Turn,
    /// With requests that wait for others to read theirs.
    OthersFirst,
}

/// Why a connection ends.
pub(super) struct Gone;

/// Starts a connection's task.
pub(super) fn start(worker: &Rc<Worker>, socket: Accepted) {
    let (addr, laddr, fd) = describe(&socket);
    let is_unix = matches!(socket, Accepted::Unix(..));
    let stream = match socket {
        Accepted::Tcp(stream, _) => tokio::net::TcpStream::from_std(stream).map(Stream::Tcp),
        Accepted::Unix(stream, _) => tokio::net::UnixStream::from_std(stream).map(Stream::Unix),
    };
    let Ok(stream) = stream else {
        worker.connections.fetch_sub(1, Ordering::Relaxed);
        return;
    };
    let shared = &worker.shared;
    let client = Client::new(shared.clients.next_id(), addr, laddr, fd, worker.number as u32, clock::monotonic_ms());
    client.set(bit::UNIX_SOCKET, is_unix);
    shared.clients.add(Arc::clone(&client));
    worker.clients.borrow_mut().insert(client.id, Arc::clone(&client));
    let authenticated = worker.config().requirepass.is_empty();
    let connection = Box::new(Connection {
        worker: Rc::clone(worker),
        stream,
        session: Session::new(&client),
        caller: Caller::new(client, authenticated),
        output: Output::default(),
        parser: RequestParser::default(),
        input: Vec::new(),
        waiting: None,
        postponed: std::collections::VecDeque::new(),
        held_back: false,
        produced: 0,
        gives_way: false,
        is_over: false,
        is_simple_round: false,
        input_closed: false,
        batches: 0,
        now: clock::ticks(),
        upkeep: Upkeep::new(),
    });
    tokio::task::spawn_local(connection.run());
}

impl Connection {
    async fn run(mut self: Box<Self>) {
        let slot = Rc::new(Slot::default());
        loop {
            match self.turn().await {
                Ok(Next::Turn) => {}
                Ok(Next::OthersFirst) => self = round::let_others_read(self, &slot).await,
                Err(Gone) => break,
            }
        }
        // What is rare has its state in a box: inside this one, every idle connection would have room for it.
        let worker = Rc::clone(&self.worker);
        if worker.shared.stop.is_requested() {
            Box::pin(worker.timers.within(self.linger())).await;
        }
        self.end();
    }

    /// Waits for the next event and handles it.
    async fn turn(&mut self) -> Result<Next, Gone> {
        if self.is_over {
            return Err(Gone);
        }
        if std::mem::take(&mut self.gives_way) {
            Box::pin(self.worker.timers.sleep(GIVE_WAY)).await;
        } else if self.batches >= BATCHES_PER_TURN_MAX || self.produced > TURN_OUTPUT_LEN_MAX {
            self.batches = 0;
            tokio::task::yield_now().await;
        }
        self.produced = 0;
        let started;
        if self.waiting.is_some() {
            started = self.begin_round();
            self.run_waiting()?;
        } else if (!self.postponed.is_empty() || self.held_back) && !self.output.is_full() {
            self.is_simple_round = true;
            self.held_back = false;
            let worker = Rc::clone(&self.worker);
            Box::pin(worker.timers.within(self.run_postponed())).await?;
            started = self.begin_round();
            self.process(0)?;
        } else {
            self.is_simple_round = true;
            let event = poll_fn(|cx| self.poll_event(cx)).await;
            started = self.begin_round();
            match event {
                Event::Closed => {
                    self.check_closed()?;
                    return Err(Gone);
                }
                Event::Read(len) => {
                    self.process(len)?;
                    if self.waiting.is_some() {
                        return Ok(Next::OthersFirst);
                    }
                }
                Event::Tidy => self.tidy(),
                Event::Woken => self.touch(),
            }
        }
        self.settle()?;
        self.worker.end_round(started);
        Ok(Next::Turn)
    }

    /// Ends a round: sends what there is to be sent, and publishes figures.
    pub(super) fn settle(&mut self) -> Result<(), Gone> {
        self.take_messages();
        self.flush()?;
        self.report();
        if self.session.close == Close::AfterReply && self.output.is_empty() { Err(Gone) } else { Ok(()) }
    }

    /// True if there is something to do that only its own task does, or goes on with.
    #[inline]
    pub(super) fn needs_its_task(&self) -> bool {
        let has_requests = self.held_back || !self.postponed.is_empty();
        self.is_over || self.gives_way || has_requests || self.session.close != Close::No || self.output.has_sendable()
    }

    #[inline]
    fn begin_round(&mut self) -> RoundStart {
        let started = self.worker.begin_round();
        self.now = started.ticks;
        started
    }

    pub(super) fn metrics(&self) -> &WorkerMetrics {
        self.worker.metrics()
    }

    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Event> {
        self.caller.client.outbox.register(cx.waker());
        if let Some(event) = self.asked_for() {
            return Poll::Ready(event);
        }
        self.release();
        if self.output.has_sendable() && self.stream.poll_write_ready(cx).is_ready() {
            return Poll::Ready(Event::Woken);
        }
        let is_ending = self.worker.shared.stop.is_requested();
        // The end takes in nothing more, or a client that goes on sending would put it off.
        if !(is_ending || self.input_closed || self.output.is_full() || self.session.close == Close::AfterReply)
            && let Poll::Ready(event) = self.poll_input(cx)
        {
            return Poll::Ready(event);
        }
        if is_ending && self.output.is_empty() {
            // Everything that was received is answered and sent.
            return Poll::Ready(Event::Closed);
        }
        self.batches = 0;
        Poll::Pending
    }

    /// True if its task may sleep after a read: it will be woken by whatever is an event.
    #[inline]
    pub(super) fn is_asleep(&mut self, cx: &mut Context<'_>) -> bool {
        let is_asleep = !self.output.has_sendable() && self.stream.poll_read_ready(cx).is_pending();
        if is_asleep {
            self.batches = 0;
        }
        is_asleep
    }

    /// What others want of this connection.
    #[inline]
    fn asked_for(&self) -> Option<Event> {
        let client = &self.caller.client;
        match client.asked() {
            0 if client.outbox.is_empty() => None,
            0 => Some(Event::Woken),
            asked if asked & ask::CLOSE != 0 => Some(Event::Closed),
            _ => Some(Event::Tidy),
        }
    }

    fn poll_input(&mut self, cx: &mut Context<'_>) -> Poll<Event> {
        let wanted = self.parser.wanted_len();
        let read = if wanted > READ_BUFFER_LEN && self.input.len() < wanted {
            self.poll_read_large(cx, wanted)
        } else {
            let worker = Rc::clone(&self.worker);
            let mut buffer = worker.inbox.buffer.borrow_mut();
            self.stream.poll_read(cx, &mut buffer[worker.inbox.free()])
        };
        match read {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok(0) | Err(_)) => Poll::Ready(Event::Closed),
            Poll::Ready(Ok(len)) => Poll::Ready(Event::Read(len)),
        }
    }

    /// Reads a large argument straight into the private buffer.
    fn poll_read_large(&mut self, cx: &mut Context<'_>, wanted: usize) -> Poll<io::Result<usize>> {
        let have = self.input.len();
        let room = (wanted - have).min(READ_BUFFER_LEN * 16);
        self.input.reserve_exact(wanted - have);
        self.input.resize(have + room, 0);
        let read = self.stream.poll_read(cx, &mut self.input[have..]);
        let got = if let Poll::Ready(Ok(len)) = read { len } else { 0 };
        self.input.truncate(have + got);
        match read {
            // The bytes are where they belong: process() is told of none in the shared buffer, and of the count for statistics.
            Poll::Ready(Ok(len)) if len > 0 => {
                self.count_input(len);
                Poll::Ready(Ok(usize::MAX))
            }
            other => other,
        }
    }

    pub(super) fn count_input(&self, len: usize) {
        let metrics = self.metrics();
        WorkerMetrics::add(&metrics.net_input, len as u64);
        WorkerMetrics::add(&metrics.reads, 1);
        WorkerMetrics::add(&self.caller.client.figures.net_input, len as u64);
        self.touch();
    }

    /// Notes that the client was heard of, or was sent something.
    fn touch(&self) {
        self.caller.client.last_interaction_ms.store(clock::monotonic_ms_at(self.now), Ordering::Relaxed);
    }

    /// Runs what can be run: of the `len` new bytes in the worker's buffer, and of the private buffer.
    fn process(&mut self, len: usize) -> Result<(), Gone> {
        let worker = Rc::clone(&self.worker);
        let config = worker.config();
        if len != usize::MAX && len > 0 {
            self.count_input(len);
            let mut buffer = worker.inbox.buffer.borrow_mut();
            let read = &mut buffer[worker.inbox.free()][..len];
            if self.input.is_empty() {
                let has_company = worker.inbox.note_reader();
                let consumed = self.run_requests(read, &config, has_company)?;
                if self.waiting.is_some() {
                    return Ok(());
                }
                self.keep_input(&read[consumed..]);
                self.make_room_for_argument();
                return self.check_query_buffer(&config);
            }
            self.keep_input(read);
        }
        if !self.input.is_empty() {
            self.upkeep.note_input(self.input.len());
            // A request that takes more memory than clients may have is not run.
            self.report();
            self.check_closed()?;
            let mut input = std::mem::take(&mut self.input);
            let consumed = self.run_requests(&mut input, &config, false)?;
            input.drain(..consumed);
            self.input = input;
            self.make_room_for_argument();
        }
        self.check_query_buffer(&config)
    }

    /// Appends bytes to the private buffer.
    pub(super) fn keep_input(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        if self.input.capacity() == 0 {
            self.input.reserve_exact(bytes.len().max(INPUT_LEN_MIN));
        }
        self.input.extend_from_slice(bytes);
        self.upkeep.note_input(self.input.len());
    }

    /// Sizes the private buffer once for the whole of a large argument, so that it counts before it has arrived.
    fn make_room_for_argument(&mut self) {
        let wanted = self.parser.wanted_len();
        if wanted > READ_BUFFER_LEN && self.input.len() < wanted {
            self.input.reserve_exact(wanted - self.input.len());
        }
    }

    /// Parses and executes batch after batch until the input is used up or a request has to wait. Returns the bytes consumed. If it
    /// `may_wait`, complete requests that were all there is are left to [`Connection::run_waiting`].
    fn run_requests(&mut self, buffer: &mut [u8], config: &Config, may_wait: bool) -> Result<usize, Gone> {
        let worker = Rc::clone(&self.worker);
        let mut parsed = worker.inbox.parsed.borrow_mut();
        let mut consumed = 0;
        while consumed < buffer.len() && self.postponed.is_empty() && self.session.close == Close::No && !self.input_closed {
            if self.must_hold_back() {
                self.held_back = true;
                break;
            }
            let limits = Limits {
                max_bulk_len: config.proto_max_bulk_len,
                max_multibulk_len: MULTIBULK_LEN_MAX,
                max_inline_len: INLINE_LEN_MAX,
                authenticated: self.caller.authenticated || config.requirepass.is_empty(),
            };
            let mark = parsed.mark();
            let outcome = self.parser.parse(&mut buffer[consumed..], &limits, &mut parsed.batch, BATCH_REQUESTS_MAX);
            let requests = parsed.since(mark);
            let rest = &buffer[consumed..];
            let mut result = Ok(());
            if !requests.is_empty() {
                // What a transaction queues needs no key yet.
                let db = self.session.multi.is_none().then_some(self.caller.db);
                parsed.prepare(&worker.shared, rest, db);
                let is_all = matches!(outcome, Ok(len) if len == buffer.len());
                if is_all && may_wait && requests.len() <= SHORT_LEN_MAX && parsed.prepared[requests.start].has_key() {
                    self.waiting = worker.inbox.hold(buffer.len(), &requests);
                    if self.waiting.is_some() {
                        return Ok(buffer.len());
                    }
                }
                if requests.len() > 1 {
                    parsed.look_ahead(&worker.shared.keyspace, requests.end);
                }
                result = self.run_batch(rest, &parsed, requests, config);
            }
            parsed.forget(mark);
            result?;
            match outcome {
                Ok(0) => break,
                Ok(len) => consumed += len,
                Err(error) => {
                    self.protocol_error(&String::from_utf8_lossy(&error.message()));
                    return Ok(buffer.len());
                }
            }
            self.relieve()?;
        }
        self.batches += 1;
        Ok(consumed)
    }

    /// Runs the requests that have let others read theirs.
    pub(super) fn run_waiting(&mut self) -> Result<(), Gone> {
        let Some(Waiting { bytes, requests }) = self.waiting.take() else { return Ok(()) };
        let worker = Rc::clone(&self.worker);
        let config = worker.config();
        let requests = requests.start as usize..requests.end as usize;
        let result = self.check_closed().and_then(|()| {
            let mut parsed = worker.inbox.parsed.borrow_mut();
            parsed.look_ahead(&worker.shared.keyspace, requests.end);
            let buffer = worker.inbox.buffer.borrow();
            self.run_batch(&buffer[bytes.start as usize..bytes.end as usize], &parsed, requests, &config)
        });
        worker.inbox.release();
        self.batches += 1;
        result
    }

    /// Executes a batch. Replies that grow are sent in between, and looked at by the limits: a batch may ask for many large values.
    fn run_batch(&mut self, buffer: &[u8], parsed: &Parsed, mut requests: Range<usize>, config: &Config) -> Result<(), Gone> {
        let worker = Rc::clone(&self.worker);
        loop {
            self.limit_reply(config);
            let before = self.output.reply.len();
            let enough = before.saturating_add(FLUSH_LEN);
            let now = worker.wall_clock.at(self.now);
            let connection = (&mut self.caller, &mut self.session);
            let mut executor = BatchExecutor::new(worker.turn(), config, connection, &mut self.output.reply, now, buffer.len());
            let progress = pipeline::execute(&mut executor, buffer, parsed, requests.clone(), enough);
            executor.measure();
            self.gives_way |= executor.context.yields_to_waiters;
            self.is_simple_round &= executor.is_simple;
            self.now = executor.ticks();
            let required_offset = executor.context.keys.required_offset;
            drop(executor);
            self.produced += self.output.reply.len() - before;
            self.hold(required_offset);
            self.check_closed()?;
            if self.session.close != Close::No {
                // What follows a request that ends the connection is not run.
                return Ok(());
            }
            match progress {
                Progress::Done => return Ok(()),
                Progress::Postponed(at) => {
                    self.postponed.extend(pipeline::rest(buffer, &parsed.batch, at..requests.end));
                    return Ok(());
                }
                Progress::Stopped(at) => requests.start = at,
            }
            self.flush()?;
            self.report();
            self.check_closed()?;
            if self.must_hold_back() {
                self.postponed.extend(pipeline::rest(buffer, &parsed.batch, requests));
                return Ok(());
            }
        }
    }

    fn protocol_error(&mut self, message: &str) {
        tracing::debug!("Protocol error ({message}) from client {}", self.caller.client.addr);
        let text = format!("ERR {message}");
        self.worker.shared.errors.count(&text);
        self.output.reply.error(text);
        self.session.close_after_reply(&self.caller.client);
        self.input_closed = true;
    }
}
