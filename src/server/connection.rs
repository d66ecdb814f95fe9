//! One client's connection: what it consists of. Its task is [`super::task`]; how it runs requests, sends, waits and keeps its limits stands
//! in files of their own.
//!
//! Invariants:
//! * What was read is parsed in the worker's shared buffer where the connection has no unfinished input of its own, so that an
//!   idle connection holds no buffer; what is left of a request is kept in `input`, whose room the upkeep gives back later.
//! * Requests run in order: its [`Stage`] says whether any wait, and behind them nothing is parsed.
//! * Messages from others are appended between batches, never inside a reply.

use std::rc::Rc;
use std::sync::atomic::Ordering;

use larder_proto::resp::RequestParser;

use super::buffer_use::BufferUse;
use super::executor::Executed;
use super::output::{Holder, Output};
use super::share::Share;
use super::stage::Stage;
use super::stream::Stream;
use super::worker::Worker;
use crate::base::clock;
use crate::base::limits::{ANNOUNCED_LEN_MAX, ANNOUNCED_PART, READ_BUFFER_LEN};
use crate::clients::session::Close;
use crate::clients::{Caller, Session};
use crate::metrics::WorkerMetrics;

/// First size of a private input buffer: a client that sends a request in pieces is likely to do so again.
const INPUT_LEN_MIN: usize = 16 * 1024;
/// Most that is read at once of a large argument, in bytes.
const LARGE_READ_LEN_MAX: usize = 16 * READ_BUFFER_LEN;

/// See the module's page.
pub(super) struct Connection {
    pub(super) worker: Rc<Worker>,
    pub(super) stream: Stream,
    pub(super) caller: Caller,
    pub(super) session: Session,
    pub(super) stage: Stage,
    pub(super) share: Share,
    pub(super) parser: RequestParser,
    pub(super) input: Vec<u8>,
    /// Its part of [`Worker::announced_len`].
    pub(super) announced_len: usize,
    pub(super) output: Output,
    pub(super) buffers: BufferUse,
    /// When the round began, then when its last command so far ended.
    pub(super) now: clock::Ticks,
}

/// Why a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Gone;

impl Connection {
    pub(super) fn count_input(&self, len: usize) {
        let metrics = self.worker.metrics();
        WorkerMetrics::add(&metrics.net_input, len as u64);
        WorkerMetrics::add(&metrics.reads, 1);
        WorkerMetrics::add(&self.caller.client.figures.net_input, len as u64);
        self.touch();
    }

    /// Notes that the client was heard of, or was sent something.
    pub(super) fn touch(&self) {
        self.caller.client.last_interaction_ms.store(clock::monotonic_ms_at(self.now), Ordering::Relaxed);
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
        self.buffers.note_input(self.input.len());
    }

    /// Makes room in the private buffer for what is read next of a large argument. Returns how many bytes that is. What has arrived is doubled
    /// at most, so that memory counts what was sent, but for a little that all clients of the worker share.
    pub(super) fn make_room_for_argument(&mut self) -> usize {
        let have = self.input.len();
        let rest = self.parser.wanted_len().saturating_sub(have);
        let room = rest.min(have.clamp(INPUT_LEN_MIN, LARGE_READ_LEN_MAX));
        if self.input.capacity() - have < room {
            let announced = if have < LARGE_READ_LEN_MAX { self.set_aside(rest.min(LARGE_READ_LEN_MAX)) } else { 0 };
            self.input.reserve_exact(announced.max(rest.min(have.max(INPUT_LEN_MIN))));
        }
        room
    }

    /// Sets room aside for an argument that was announced, if the worker has that much left. Returns how much.
    fn set_aside(&mut self, room: usize) -> usize {
        let maxmemory = self.worker.config().maxmemory;
        let part = if maxmemory == 0 { ANNOUNCED_LEN_MAX as u64 } else { maxmemory / ANNOUNCED_PART };
        let others = self.worker.announced_len.get() - self.announced_len;
        self.announced_len = if others + room <= ANNOUNCED_LEN_MAX.min(part as usize) { room } else { 0 };
        self.worker.announced_len.set(others + self.announced_len);
        self.announced_len
    }

    /// Nothing is set aside any more once the argument that was announced is there.
    pub(super) fn give_back_announced(&mut self, is_over: bool) {
        if self.announced_len > 0 && (is_over || self.parser.wanted_len() <= self.input.len()) {
            let announced_len = std::mem::take(&mut self.announced_len);
            self.worker.announced_len.set(self.worker.announced_len.get() - announced_len);
        }
    }

    /// Notes what requests left behind whose replies begin at `reply_from`.
    #[inline]
    pub(super) fn note_executed(&mut self, executed: Executed, reply_from: usize) {
        self.buffers.note_executed(executed.is_simple);
        self.share.count_output(self.output.reply.len() - reply_from);
        self.share.yield_to_waiters(executed.yields_to_waiters);
        self.depend_on(executed.required_offset);
        if self.session.close != Close::No {
            self.stage.close();
        }
    }

    /// Notes that what was replied since the last call depends on `offset` of the write log.
    #[inline]
    pub(super) fn depend_on(&mut self, offset: u64) {
        if !self.output.mark_free_unless_held(offset) {
            self.worker.shared.need_durable(offset.max(self.output.postponed()));
            self.with_holder(|output, holder| output.depend_on(offset, holder));
        }
    }

    #[cold]
    pub(super) fn with_holder(&mut self, act: impl FnOnce(&mut Output, Holder<'_>)) {
        let client = &self.caller.client;
        let waker = client.outbox.waker();
        let shared = &self.worker.shared;
        let holder = Holder { durable: &shared.durable, end: shared.write_log.end(), client: client.id, waker: waker.as_ref() };
        act(&mut self.output, holder);
    }
}
