//! What a connection does for itself beside requests: publishes its figures, keeps its limits, gives back room.
//!
//! Invariants: only a connection's own task changes its buffers; the worker's timer ([`super::cron`]) reads the published figures and
//! asks for [`Connection::tidy`] where they say that there is something to do.

use std::sync::atomic::Ordering;

use super::connection::{Connection, Gone};
use crate::base::{alloc, clock};
use crate::clients::client::{OutputMemory, ask};
use crate::clients::{ClientClass, bit};
use crate::config::{Config, OutputBufferLimit};
use crate::engine::client_line;
use crate::metrics::Counters;

/// Less free room than this in an input buffer is not worth giving back.
const INPUT_FREE_LEN_MIN: usize = 4 * 1024;
/// An input buffer up to this size is left alone while it is used.
const INPUT_KEPT_LEN: usize = 32 * 1024;
/// After more seconds than these without a word from the client, its buffers are given back.
pub(super) const IDLE_SECONDS: u64 = 2;
/// Output that a client may have pending before it proves who it is, in bytes.
const UNAUTHENTICATED_OUTPUT_LEN_MAX: u64 = 1024;

impl Connection {
    /// Publishes the figures that others read. A connection that grew, or saw the options change, makes sure that clients together
    /// stay within `maxmemory-clients`.
    pub(super) fn report(&mut self) {
        let client = &self.caller.client;
        let figures = &client.figures;
        let store = |figure: &std::sync::atomic::AtomicU64, value: usize| figure.store(value as u64, Ordering::Relaxed);
        figures.commands.store(self.caller.commands, Ordering::Relaxed);
        // Most rounds of most clients change nothing else: `crate::performance`, *Figures that are known*. Those to whom others send are told
        // new limits here.
        let is_at_rest = self.input.capacity() == 0 && self.parser.args_len() == 0 && !self.stage.has_requests() && self.output.is_empty();
        let is_sent_to = client.has(bit::PUBSUB) || client.has(bit::MONITOR);
        if self.buffers.note_report(is_at_rest.then(|| self.output.reply.buf.capacity())) && !is_sent_to {
            if self.worker.config_changed() {
                self.worker.evict_clients();
            }
            return;
        }
        let parsed = self.parser.parsed_len().min(self.input.len());
        store(&figures.query_buffer, self.input.len() - parsed);
        store(&figures.query_buffer_free, alloc::block_len(self.input.capacity()).max(self.input.len()) - self.input.len());
        store(&figures.query_buffer_peak, self.buffers.input_peak);
        let (postponed_len, postponed_words) = self.stage.postponed_len();
        store(&figures.arguments, self.parser.args_len() + postponed_len);
        store(&figures.argument_words, self.parser.args_arrived() + postponed_words);
        self.output.publish(figures);
        store(&figures.output_peak, self.output.len().max(self.buffers.reply_peak));
        store(&figures.reply_room, self.buffers.reply_room);
        store(&figures.reply_peak, self.buffers.reply_peak);
        let has_grown = self.worker.shared.clients.report(client);
        if is_sent_to {
            client.outbox.set_limit(self.output_limit(&self.worker.config()).hard_bytes);
        }
        if has_grown || self.worker.config_changed() {
            self.worker.evict_clients();
        }
    }

    fn output_limit(&self, config: &Config) -> OutputBufferLimit {
        match self.caller.client.class() {
            // It is something of a replica: it is sent what others do, whether it reads or not.
            _ if self.session.monitor => config.client_output_buffer_limit.replica,
            ClientClass::Normal => config.client_output_buffer_limit.normal,
            ClientClass::PubSub => config.client_output_buffer_limit.pubsub,
            // Others serve it.
            ClientClass::Replica | ClientClass::Primary => config.client_output_buffer_limit.replica,
        }
    }

    /// Replies that grow beyond this exceed the hard limit for sure, in bytes.
    #[inline]
    pub(super) fn output_len_max(&self, config: &Config) -> usize {
        match self.output_limit(config).hard_bytes {
            0 => usize::MAX,
            hard => usize::try_from(hard).unwrap_or(usize::MAX).saturating_add(self.buffers.reply_room),
        }
    }

    /// Ends a connection whose pending output exceeds its limit. Called before anything is sent, so that a reply which alone is too
    /// long is not sent at all.
    #[inline]
    pub(super) fn check_output_limit(&mut self) -> Result<(), Gone> {
        let is_small = self.output.len() <= self.buffers.reply_room && self.output.reply.overflow_len().is_none();
        if is_small && self.caller.ever_authenticated && self.buffers.soft_limit_since_ms.is_none() {
            return Ok(());
        }
        if self.exceeds_output_limit() { Err(self.close_for_output()) } else { Ok(()) }
    }

    #[cold]
    fn exceeds_output_limit(&mut self) -> bool {
        if self.output.reply.overflow_len().is_some() {
            return true;
        }
        let config = self.worker.config();
        let pending = self.output.len() as u64;
        if !self.caller.ever_authenticated && !config.requirepass.is_empty() {
            let enforced = self.worker.shared.debug.reply_blocks.load(Ordering::Relaxed);
            let room = if enforced { 0 } else { self.buffers.reply_room as u64 };
            if OutputMemory::of(pending, room).bytes > UNAUTHENTICATED_OUTPUT_LEN_MAX {
                return true;
            }
        }
        let bytes = OutputMemory::of(pending, self.buffers.reply_room as u64).bytes;
        let limit = self.output_limit(&config);
        if limit.soft_bytes == 0 || bytes < limit.soft_bytes {
            self.buffers.soft_limit_since_ms = None;
        } else {
            let now_ms = clock::monotonic_ms();
            let since_ms = *self.buffers.soft_limit_since_ms.get_or_insert(now_ms);
            if now_ms - since_ms > limit.soft_seconds * 1000 {
                return true;
            }
        }
        limit.hard_bytes > 0 && bytes >= limit.hard_bytes
    }

    /// Ends the time that counts towards the soft limit, once the client has read what exceeded it.
    #[inline]
    pub(super) fn note_drained(&mut self) {
        if self.buffers.soft_limit_since_ms.is_some() {
            let bytes = OutputMemory::of(self.output.len() as u64, self.buffers.reply_room as u64).bytes;
            if bytes < self.output_limit(&self.worker.config()).soft_bytes {
                self.buffers.soft_limit_since_ms = None;
            }
        }
    }

    /// Ends a connection that was asked to close, be it because others have sent it more than it may have pending.
    #[inline]
    pub(super) fn check_closed(&self) -> Result<(), Gone> {
        let client = &self.caller.client;
        if !client.must_close() {
            return Ok(());
        }
        Err(if client.outbox.is_over_limit() { self.close_for_output() } else { Gone })
    }

    #[cold]
    fn close_for_output(&self) -> Gone {
        let (shared, client) = (&self.worker.shared, &self.caller.client);
        // Counted before it is gone, and gone before others see how much it takes, lest it cost them their connection.
        Counters::one(&shared.counters.output_buffer_closed);
        shared.clients.remove(client.id);
        self.output.publish(&client.figures);
        if let Some(len) = self.output.reply.overflow_len() {
            client.figures.output.store(len as u64, Ordering::Relaxed);
        }
        tracing::warn!("Client {} closed for overcoming of output buffer limits.", client_line::for_log(shared, client));
        Gone
    }

    /// Ends a connection that piles up more input than it may.
    pub(super) fn check_query_buffer(&mut self, config: &Config) -> Result<(), Gone> {
        let len = self.input.len() as u64 + self.session.multi.as_ref().map_or(0, |multi| multi.bytes);
        if len <= config.client_query_buffer_limit {
            return Ok(());
        }
        self.report();
        let line = client_line::for_log(&self.worker.shared, &self.caller.client);
        tracing::warn!("Closing client that reached max query buffer length ({len} bytes): {line}");
        Counters::one(&self.worker.shared.counters.query_buffer_closed);
        Err(Gone)
    }

    /// Gives back room that is no longer needed. What is pending is looked at by the flush that follows.
    pub(super) fn tidy(&mut self) {
        let client = &self.caller.client;
        client.answered(ask::TIDY);
        let now_ms = clock::monotonic_ms();
        let is_idle = now_ms.saturating_sub(client.last_interaction_ms.load(Ordering::Relaxed)) / 1000 > IDLE_SECONDS;
        self.tidy_input(is_idle);
        let debug = &self.worker.shared.debug;
        if debug.reply_resizing.load(Ordering::Relaxed) {
            let before = self.buffers.reply_room;
            self.buffers.resize_reply_room(self.output.len(), debug.reply_peak_reset_ms.load(Ordering::Relaxed), now_ms);
            let counters = &self.worker.shared.counters;
            match self.buffers.reply_room.cmp(&before) {
                std::cmp::Ordering::Less => Counters::one(&counters.reply_buffer_shrinks),
                std::cmp::Ordering::Greater => Counters::one(&counters.reply_buffer_expands),
                std::cmp::Ordering::Equal => {}
            }
        }
        if is_idle && self.output.reply.is_empty() {
            self.output.give_back_all_room();
        }
    }

    fn tidy_input(&mut self, is_idle: bool) {
        let (len, capacity) = (self.input.len(), self.input.capacity());
        let peak = self.buffers.input_peak.max(self.parser.wanted_len());
        if capacity - len > INPUT_FREE_LEN_MIN {
            if is_idle {
                self.input.shrink_to_fit();
            } else if capacity > INPUT_KEPT_LEN && capacity / 2 > peak {
                self.input.shrink_to(peak.max(INPUT_KEPT_LEN / 2));
            }
        }
        self.buffers.input_peak = len.max(self.parser.wanted_len());
    }
}
