//! One client's task: read, parse, execute, write.
//!
//! Invariants:
//! * What was read is parsed in the worker's shared buffer where the connection has no unfinished input of its own, so that an
//!   idle connection holds no buffer; what is left of a request is kept in `input`.
//! * Requests run in order: while one waits (`postponed`), nothing behind it is parsed.
//! * Messages from others are appended between batches, never inside a reply.

use std::future::poll_fn;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use bytes::{Buf, BytesMut};
use larder_proto::resp::{Limits, ReplyBuf, RequestParser};

use super::dispatch::Turn;
use super::listener::{Accepted, describe};
use super::pipeline::{self, Postponed};
use super::stream::Stream;
use super::worker::Worker;
use crate::base::clock;
use crate::base::limits::{BATCH_REQUESTS_MAX, BATCHES_PER_TURN_MAX, OUTPUT_PAUSE_LEN, READ_BUFFER_LEN};
use crate::clients::client::OUTPUT_BUFFER_LEN;
use crate::clients::session::Close;
use crate::clients::{Client, ClientClass, Session, bit, evict};
use crate::config::Config;
use crate::metrics::{Counters, WorkerMetrics};

/// A private input or output buffer larger than this is given back once it is empty.
const BUFFER_KEPT_LEN: usize = 16 * 1024;
/// Replies are sent before they grow beyond this, so that a long pipeline does not pile them up.
const FLUSH_LEN: usize = 256 * 1024;
/// Output that may wait for a client that never proved who it is.
const STRANGER_OUTPUT_LEN_MAX: u64 = 1024;
/// Longest inline request.
const INLINE_LEN_MAX: usize = 64 * 1024;
/// Most reads that throw away what a client has sent when the node ends.
const END_READS_MAX: usize = 64;
/// Most arguments of a request.
const MULTIBULK_LEN_MAX: i64 = i32::MAX as i64;

/// Whether an emptied buffer holds more room than is worth keeping. What was consumed with `advance` hides its room from `capacity`
/// until it is asked back.
fn is_large(buffer: &mut BytesMut) -> bool {
    debug_assert!(buffer.is_empty());
    let visible = buffer.capacity();
    let _ = buffer.try_reclaim(visible + 1);
    buffer.capacity() > BUFFER_KEPT_LEN
}

/// See the module's page.
pub(super) struct Connection {
    pub(super) worker: Rc<Worker>,
    stream: Stream,
    pub(super) session: Session,
    pub(super) reply: ReplyBuf,
    parser: RequestParser,
    input: BytesMut,
    /// Requests that wait or run asynchronously, in order.
    pub(super) postponed: std::collections::VecDeque<Postponed>,
    /// A protocol error or the end of the stream was seen: nothing more is read.
    input_closed: bool,
    batches: usize,
}

enum Event {
    /// So many bytes are in the worker's buffer.
    Read(usize),
    /// The socket takes more output, or somebody put messages into the outbox.
    Woken,
    /// The connection is over.
    Closed,
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
    let authenticated = worker.config().requirepass.is_empty();
    let connection = Connection {
        worker: Rc::clone(worker),
        stream,
        session: Session::new(client, authenticated),
        reply: ReplyBuf::default(),
        parser: RequestParser::default(),
        input: BytesMut::new(),
        postponed: std::collections::VecDeque::new(),
        input_closed: false,
        batches: 0,
    };
    tokio::task::spawn_local(connection.run());
}

impl Connection {
    async fn run(mut self) {
        while self.turn().await.is_ok() {}
        self.end();
    }

    /// Waits for the next event and handles it.
    async fn turn(&mut self) -> Result<(), Gone> {
        let started;
        if !self.postponed.is_empty() {
            self.run_postponed().await?;
            started = self.begin_round();
            self.process(0)?;
        } else {
            let event = poll_fn(|cx| self.poll_event(cx)).await;
            started = self.begin_round();
            match event {
                Event::Closed => return Err(Gone),
                Event::Read(len) => self.process(len)?,
                Event::Woken => {}
            }
        }
        self.take_messages();
        self.flush()?;
        self.report();
        self.end_round(started);
        self.evict_clients()?;
        if self.session.close == Close::AfterReply && self.reply.is_empty() {
            return Err(Gone);
        }
        if self.batches >= BATCHES_PER_TURN_MAX {
            self.batches = 0;
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Event> {
        self.session.client.outbox.register(cx.waker());
        if self.session.client.must_close() {
            return Poll::Ready(Event::Closed);
        }
        if !self.session.client.outbox.is_empty() {
            return Poll::Ready(Event::Woken);
        }
        if !self.reply.is_empty() && self.stream.poll_write_ready(cx).is_ready() {
            return Poll::Ready(Event::Woken);
        }
        if self.worker.shared.stop.is_requested() && self.reply.is_empty() {
            // Everything that was received is answered and sent: the node is ending.
            return Poll::Ready(Event::Closed);
        }
        if self.input_closed || self.reply.len() > OUTPUT_PAUSE_LEN || self.session.close == Close::AfterReply {
            return Poll::Pending;
        }
        self.poll_input(cx)
    }

    fn poll_input(&mut self, cx: &mut Context<'_>) -> Poll<Event> {
        let wanted = self.parser.wanted_len();
        let read = if wanted > READ_BUFFER_LEN && self.input.len() < wanted {
            self.poll_read_large(cx, wanted)
        } else {
            let worker = Rc::clone(&self.worker);
            let mut scratch = worker.scratch.borrow_mut();
            self.stream.poll_read(cx, &mut scratch)
        };
        match read {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok(0) | Err(_)) => Poll::Ready(Event::Closed),
            Poll::Ready(Ok(len)) => Poll::Ready(Event::Read(len)),
        }
    }

    /// Reads a large argument straight into the private buffer, sized once for the whole of it.
    fn poll_read_large(&mut self, cx: &mut Context<'_>, wanted: usize) -> Poll<io::Result<usize>> {
        let have = self.input.len();
        let room = (wanted - have).min(READ_BUFFER_LEN * 16);
        self.input.reserve(wanted - have);
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

    fn count_input(&self, len: usize) {
        WorkerMetrics::add(&self.worker.shared.workers[self.worker.number].net_input, len as u64);
        WorkerMetrics::add(&self.worker.shared.workers[self.worker.number].reads, 1);
        self.session.client.figures.net_input.fetch_add(len as u64, Ordering::Relaxed);
    }

    /// Runs what can be run: of the `len` new bytes in the worker's buffer, and of the private buffer.
    fn process(&mut self, len: usize) -> Result<(), Gone> {
        let worker = Rc::clone(&self.worker);
        let config = worker.config();
        if len != usize::MAX && len > 0 {
            self.count_input(len);
            let mut scratch = worker.scratch.borrow_mut();
            if self.input.is_empty() {
                let consumed = self.run_requests(&mut scratch[..len], &config)?;
                self.input.extend_from_slice(&scratch[consumed..len]);
                return self.check_query_buffer(&config);
            }
            self.input.extend_from_slice(&scratch[..len]);
        }
        if !self.input.is_empty() {
            let mut input = std::mem::take(&mut self.input);
            let consumed = self.run_requests(&mut input, &config)?;
            input.advance(consumed);
            self.input = if input.is_empty() && is_large(&mut input) { BytesMut::new() } else { input };
        }
        self.check_query_buffer(&config)
    }

    /// Parses and executes batch after batch until the input is used up or a request has to wait. Returns the bytes consumed.
    fn run_requests(&mut self, buffer: &mut [u8], config: &Config) -> Result<usize, Gone> {
        let worker = Rc::clone(&self.worker);
        let mut batch = worker.batch.borrow_mut();
        let mut consumed = 0;
        while consumed < buffer.len() && self.postponed.is_empty() && self.session.close == Close::No && !self.input_closed {
            let limits = Limits {
                max_bulk_len: config.proto_max_bulk_len,
                max_multibulk_len: MULTIBULK_LEN_MAX,
                max_inline_len: INLINE_LEN_MAX,
                authenticated: self.session.authenticated,
            };
            batch.clear();
            let parsed = self.parser.parse(&mut buffer[consumed..], &limits, &mut batch, BATCH_REQUESTS_MAX);
            let count = batch.requests.len();
            if count > 0 {
                let rest = &buffer[consumed..];
                self.run_batch(rest, &batch, config)?;
            }
            match parsed {
                Ok(0) => break,
                Ok(len) => consumed += len,
                Err(error) => {
                    self.protocol_error(&String::from_utf8_lossy(&error.message()));
                    return Ok(buffer.len());
                }
            }
            if self.reply.len() > FLUSH_LEN {
                self.flush()?;
            }
        }
        self.batches += 1;
        Ok(consumed)
    }

    fn run_batch(&mut self, buffer: &[u8], batch: &larder_proto::resp::Batch, config: &Config) -> Result<(), Gone> {
        let worker = Rc::clone(&self.worker);
        let client = &self.session.client;
        client.last_interaction_ms.store(clock::monotonic_ms(), Ordering::Relaxed);
        client.figures.commands.fetch_add(batch.requests.len() as u64, Ordering::Relaxed);
        let mut turn = Turn::new(&worker.shared, config, &mut self.session, &mut self.reply, worker.number);
        let stop = pipeline::execute(&mut turn, buffer, batch, |turn| {
            turn.context.session.close != Close::No || turn.context.session.client.must_close()
        });
        drop(turn);
        if let Some(postponed) = stop {
            self.postponed.extend(postponed);
        }
        if self.session.client.must_close() {
            return Err(Gone);
        }
        Ok(())
    }

    fn protocol_error(&mut self, message: &str) {
        tracing::debug!("Protocol error ({message}) from client {}", self.session.client.addr);
        let text = format!("ERR {message}");
        self.worker.shared.errors.count(&text);
        self.reply.error(text);
        self.session.close = Close::AfterReply;
        self.session.client.set(bit::CLOSE_AFTER_REPLY, true);
        self.input_closed = true;
    }

    fn check_query_buffer(&mut self, config: &Config) -> Result<(), Gone> {
        let len = self.input.len() as u64 + self.session.multi.as_ref().map_or(0, |multi| multi.bytes as u64);
        if len <= config.client_query_buffer_limit {
            return Ok(());
        }
        tracing::warn!("Closing client {} that reached max query buffer length ({len} bytes)", self.session.client.addr);
        Counters::one(&self.worker.shared.counters.query_buffer_closed);
        Err(Gone)
    }

    /// Appends what others put into the outbox.
    pub(super) fn take_messages(&mut self) {
        if !self.session.client.outbox.is_empty() {
            self.session.client.outbox.take().iter().for_each(|message| self.reply.raw(message));
        }
    }

    /// Enforces the output limit, and sends as much as the socket takes now.
    pub(super) fn flush(&mut self) -> Result<(), Gone> {
        // Before anything is sent, as Valkey counts: a reply above the limit is not for this client, however fast it reads.
        if self.reply.len() as u64 > OUTPUT_BUFFER_LEN || !self.session.was_authenticated {
            self.check_output_limit()?;
        }
        while !self.reply.is_empty() {
            match self.stream.try_write(&self.reply.buf) {
                Ok(sent) => {
                    WorkerMetrics::add(&self.metrics().net_output, sent as u64);
                    WorkerMetrics::add(&self.metrics().writes, 1);
                    self.session.client.figures.net_output.fetch_add(sent as u64, Ordering::Relaxed);
                    self.reply.buf.advance(sent);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return Err(Gone),
            }
        }
        if self.reply.is_empty() {
            if is_large(&mut self.reply.buf) && self.worker.shared.debug.reply_resizing.load(Ordering::Relaxed) {
                self.reply.buf = BytesMut::new();
                Counters::one(&self.worker.shared.counters.reply_buffer_shrinks);
            }
        }
        if !self.reply.is_empty() || self.session.client.soft_limit_since_ms.load(Ordering::Relaxed) > 0 {
            self.check_output_limit()?;
        }
        Ok(())
    }

    /// Output that counts for the limits: nothing that the client's own buffer can hold.
    fn counted_output(&self) -> u64 {
        let pending = self.reply.len() as u64 + self.session.client.outbox.len_bytes() as u64;
        if self.worker.shared.debug.reply_blocks.load(Ordering::Relaxed) {
            return pending.next_multiple_of(OUTPUT_BUFFER_LEN);
        }
        if pending > OUTPUT_BUFFER_LEN { pending } else { 0 }
    }

    fn check_output_limit(&mut self) -> Result<(), Gone> {
        let config = self.worker.config();
        let client = &self.session.client;
        let limits = match client.class() {
            ClientClass::Normal => config.client_output_buffer_limit.normal,
            ClientClass::PubSub => config.client_output_buffer_limit.pubsub,
        };
        let counted = self.counted_output();
        let now_ms = clock::monotonic_ms();
        let over_soft = limits.soft_bytes > 0 && counted > limits.soft_bytes;
        let since = client.soft_limit_since_ms.load(Ordering::Relaxed);
        if over_soft && since == 0 {
            client.soft_limit_since_ms.store(now_ms.max(1), Ordering::Relaxed);
        } else if !over_soft {
            client.soft_limit_since_ms.store(0, Ordering::Relaxed);
        }
        let soft_expired = over_soft && since > 0 && now_ms - since > limits.soft_seconds * 1000;
        let is_stranger = !self.session.was_authenticated && !config.requirepass.is_empty();
        let too_much = (limits.hard_bytes > 0 && counted > limits.hard_bytes) || (is_stranger && counted > STRANGER_OUTPUT_LEN_MAX);
        if soft_expired || too_much {
            tracing::warn!("Client {} closed for overcoming of output buffer limits.", client.addr);
            Counters::one(&self.worker.shared.counters.output_buffer_closed);
            return Err(Gone);
        }
        Ok(())
    }

    /// Publishes the figures that others read.
    fn report(&self) {
        let figures = &self.session.client.figures;
        let (input, output) = (self.input.len() as u64, self.reply.len() as u64);
        figures.query_buffer.store(input, Ordering::Relaxed);
        figures.query_buffer_free.store(self.input.capacity() as u64 - input, Ordering::Relaxed);
        figures.output.store(output, Ordering::Relaxed);
        figures.output_capacity.store(self.reply.buf.capacity() as u64, Ordering::Relaxed);
        if input > figures.query_buffer_peak.load(Ordering::Relaxed) {
            figures.query_buffer_peak.store(input, Ordering::Relaxed);
        }
        if output > figures.output_peak.load(Ordering::Relaxed) {
            figures.output_peak.store(output, Ordering::Relaxed);
        }
    }

    /// When a round of work begins, and how many commands the worker has run.
    #[inline]
    fn begin_round(&self) -> (clock::Ticks, u64) {
        self.worker.shared.debug.sleep_if_told();
        (clock::ticks(), self.metrics().total_commands.load(Ordering::Relaxed))
    }

    #[inline]
    fn end_round(&self, (started, commands): (clock::Ticks, u64)) {
        self.metrics().round(clock::elapsed_ns(started, clock::ticks()), commands);
    }

    fn metrics(&self) -> &WorkerMetrics {
        &self.worker.shared.workers[self.worker.number]
    }

    /// Closes the largest clients if all together take more than `maxmemory-clients`; that may be this one.
    fn evict_clients(&self) -> Result<(), Gone> {
        let config = self.worker.config();
        let Some(limit_bytes) = config.maxmemory_clients.limit_bytes(config.maxmemory) else { return Ok(()) };
        let shared = &self.worker.shared;
        if evict::account(&shared.clients, &self.session.client) > limit_bytes {
            for client in evict::evict(&shared.clients, limit_bytes) {
                tracing::info!("Evicting client: id={} addr={} tot-mem={}", client.id, client.addr, evict::memory(&client).total());
                Counters::one(&shared.counters.clients_evicted);
            }
        }
        if self.session.client.must_close() { Err(Gone) } else { Ok(()) }
    }

    /// Takes the client out of everything it is part of.
    fn end(mut self) {
        let worker = Rc::clone(&self.worker);
        if worker.shared.stop.is_requested() {
            self.stream.end(&mut worker.scratch.borrow_mut(), END_READS_MAX);
        }
        super::waiting::leave(&worker, &mut self.session, &mut self.reply);
        worker.shared.clients.remove(self.session.client.id);
        worker.shared.clients.account(&self.session.client, 0);
        worker.connections.fetch_sub(1, Ordering::Relaxed);
    }
}
