//! Parses what a connection has read, and runs it batch by batch.

use std::ops::Range;
use std::rc::Rc;

use larder_proto::resp::Limits;

use super::connection::{Connection, Gone};
use super::executor::BatchExecutor;
use super::owned_request::OwnedRequest;
use super::pipeline::{self, Progress};
use super::sending::FLUSH_LEN;
use crate::base::limits::BATCH_REQUESTS_MAX;
use crate::config::Config;
use crate::engine::lookahead::Parsed;

/// Longest inline request.
const INLINE_LEN_MAX: usize = 64 * 1024;
/// Requests of a pipeline that is so short that its cache misses do not overlap.
const SHORT_LEN_MAX: usize = 4;
/// Most arguments of a request.
const MULTIBULK_LEN_MAX: i64 = i32::MAX as i64;

impl Connection {
    /// Requests have to wait: for the client, for the turn of the worker's other connections, or for those who wait for a stripe.
    pub(super) fn must_hold_back(&self) -> bool {
        self.output.is_full() || self.share.is_used_up()
    }

    /// Runs what can be run of `len` bytes that were read into the worker's buffer, unless it parks them.
    pub(super) fn process_read(&mut self, len: usize) -> Result<(), Gone> {
        self.count_input(len);
        let worker = Rc::clone(&self.worker);
        let mut buffer = worker.gather.buffer.borrow_mut();
        let read = &mut buffer[worker.gather.free()][..len];
        if !self.input.is_empty() {
            self.keep_input(read);
            return self.process_input();
        }
        let config = worker.config();
        let may_park = worker.gather.note_reader();
        let consumed = self.run_requests(read, &config, may_park)?;
        if self.stage.is_parked() {
            return Ok(());
        }
        self.keep_input(&read[consumed..]);
        self.check_query_buffer(&config)
    }

    /// Runs what can be run of the private buffer.
    pub(super) fn process_input(&mut self) -> Result<(), Gone> {
        let worker = Rc::clone(&self.worker);
        let config = worker.config();
        if !self.input.is_empty() {
            self.buffers.note_input(self.input.len());
            // A request that takes more memory than clients may have is not run.
            self.report();
            self.check_closed()?;
            let mut input = std::mem::take(&mut self.input);
            let consumed = self.run_requests(&mut input, &config, false)?;
            input.drain(..consumed);
            self.input = input;
            self.give_back_announced(false);
        }
        self.check_query_buffer(&config)
    }

    /// Parses and executes batch after batch until the input is used up or a request has to wait. Returns the bytes consumed. If it
    /// `may_park`, a few complete requests that were all there is are left to [`Connection::run_parked`].
    fn run_requests(&mut self, buffer: &mut [u8], config: &Config, may_park: bool) -> Result<usize, Gone> {
        let worker = Rc::clone(&self.worker);
        let mut parsed = worker.gather.parsed.borrow_mut();
        let mut consumed = 0;
        while consumed < buffer.len() && self.stage.is_reading() {
            if self.must_hold_back() {
                self.stage.hold_back();
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
                if is_all
                    && may_park
                    && requests.len() <= SHORT_LEN_MAX
                    && parsed.prepared[requests.start].key.is_some()
                    && let Some(ticket) = worker.gather.park(buffer.len(), &requests)
                {
                    self.stage.park(ticket);
                    return Ok(buffer.len());
                }
                if requests.len() > 1 {
                    parsed.look_ahead(&worker.shared.keyspace, rest, requests.clone());
                }
                result = self.run_batch(rest, &parsed, requests, config);
            }
            parsed.forget(mark);
            result?;
            if self.stage.is_closing() {
                // Nor is what follows it refused.
                return Ok(buffer.len());
            }
            match outcome {
                Ok(0) => break,
                Ok(len) => consumed += len,
                Err(error) => {
                    self.refuse_input(&String::from_utf8_lossy(&error.message()));
                    return Ok(buffer.len());
                }
            }
            self.relieve()?;
        }
        self.share.count_batch();
        Ok(consumed)
    }

    /// Runs the requests that are parked, if there are any.
    pub(super) fn run_parked(&mut self) -> Result<(), Gone> {
        let Some(ticket) = self.stage.take_parked() else { return Ok(()) };
        let worker = Rc::clone(&self.worker);
        let config = worker.config();
        let result = self.check_closed().and_then(|()| {
            let mut parsed = worker.gather.parsed.borrow_mut();
            let buffer = &worker.gather.buffer.borrow()[ticket.bytes()];
            parsed.look_ahead(&worker.shared.keyspace, buffer, ticket.requests());
            self.run_batch(buffer, &parsed, ticket.requests(), &config)
        });
        worker.gather.release(ticket);
        self.share.count_batch();
        result
    }

    /// Executes a batch. Replies that grow are sent in between, and looked at by the limits: a batch may ask for many large values.
    fn run_batch(&mut self, buffer: &[u8], parsed: &Parsed, mut requests: Range<usize>, config: &Config) -> Result<(), Gone> {
        let worker = Rc::clone(&self.worker);
        loop {
            self.limit_reply(config);
            let reply_from = self.output.reply.len();
            let enough = reply_from.saturating_add(FLUSH_LEN);
            let now = worker.wall_clock.at(self.now);
            let connection = (&mut self.caller, &mut self.session);
            let mut executor = BatchExecutor::new(worker.turn(), config, connection, &mut self.output.reply, now, buffer.len());
            let progress = pipeline::execute(&mut executor, buffer, parsed, requests.clone(), enough);
            let executed = executor.end();
            drop(executor);
            self.share.count_run(self.now, executed.ended);
            self.now = executed.ended;
            self.note_executed(executed, reply_from);
            self.check_closed()?;
            if self.stage.is_closing() {
                // What follows a request that ends the connection is not run.
                return Ok(());
            }
            match progress {
                Progress::Done => return Ok(()),
                Progress::Postponed(at) => {
                    self.stage.postpone(OwnedRequest::copies(buffer, &parsed.batch, at..requests.end));
                    return Ok(());
                }
                Progress::Stopped(at) => requests.start = at,
            }
            self.flush()?;
            self.report();
            self.check_closed()?;
            if self.must_hold_back() {
                self.stage.postpone(OwnedRequest::copies(buffer, &parsed.batch, requests));
                return Ok(());
            }
        }
    }

    /// Answers what is no request. Nothing more is read.
    fn refuse_input(&mut self, message: &str) {
        tracing::debug!("Protocol error ({message}) from client {}", self.caller.client.addr);
        let text = format!("ERR {message}");
        self.worker.shared.errors.count(&text);
        self.output.reply.error(text);
        self.session.close_after_reply(&self.caller.client);
        self.stage.close();
    }
}
