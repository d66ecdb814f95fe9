//! What a connection sends: replies, messages of others, and the limits of what may wait for the client to read it.
//!
//! Invariants:
//! * Replies are sent in order: what the socket did not take, then what comes after it.
//! * Pending output is bounded: by the client's limit, and without one requests wait while it is longer than [`OUTPUT_PAUSE_LEN`].
//!   Nothing is sent of what exceeds the limit.

use std::io;
use std::sync::atomic::Ordering;

use bytes::BytesMut;

use super::connection::{Connection, Gone};
use super::stream::Stream;
use crate::base::limits::{OUTPUT_PAUSE_LEN, TURN_OUTPUT_LEN_MAX};
use crate::config::Config;
use crate::metrics::WorkerMetrics;

/// A reply buffer larger than this is given back once it is empty.
const REPLY_KEPT_LEN: usize = 16 * 1024;
/// Replies are offered to the socket before they grow beyond this, a little less than a power of two, and what it does not take is set
/// aside: a buffer that grows on and on is copied again and again, is there twice meanwhile, and ends half empty.
pub(super) const FLUSH_LEN: usize = 120 * 1024;

impl Connection {
    /// Requests have to wait until the client has read some of its replies.
    pub(super) fn is_output_full(&self) -> bool {
        self.output_len() > OUTPUT_PAUSE_LEN
    }

    /// True if something waits to be sent.
    #[inline]
    pub(super) fn has_output(&self) -> bool {
        self.output_len() > 0
    }

    /// How much waits to be sent, messages of others excluded, in bytes.
    #[inline]
    pub(super) fn output_len(&self) -> usize {
        self.reply.len() + self.backlog.len()
    }

    /// Requests have to wait: for the client, for the turn of the worker's other connections, or for those who wait for a stripe.
    pub(super) fn must_hold_back(&self) -> bool {
        self.is_output_full() || self.produced > TURN_OUTPUT_LEN_MAX || self.gives_way
    }

    /// Bounds what the next commands may reply, however much a single one of them asks for.
    pub(super) fn limit_reply(&mut self, config: &Config) {
        let len_max = self.output_len_max(config).saturating_sub(self.backlog.len());
        self.reply.set_len_max(len_max);
    }

    /// Appends what others put into the outbox.
    pub(super) fn take_messages(&mut self) {
        if !self.caller.client.outbox.is_empty() {
            self.limit_reply(&self.worker.config());
            self.caller.client.outbox.take().iter().for_each(|message| self.reply.raw(message));
        }
    }

    /// Enforces the output limit, then sends as much as the socket takes now.
    pub(super) fn flush(&mut self) -> Result<(), Gone> {
        if !self.has_output() && self.reply.overflow_len().is_none() {
            return Ok(());
        }
        self.check_output_limit()?;
        self.upkeep.note_reply(self.output_len());
        if self.backlog.is_empty() && self.reply.contiguous().is_some() {
            let sent = self.write(|stream, connection| stream.try_write(&connection.reply.buf))?;
            if sent == self.reply.len() {
                self.reply.buf.clear();
            } else {
                self.backlog.take_over(&mut self.reply, sent);
            }
        } else {
            self.backlog.take_over(&mut self.reply, 0);
        }
        while !self.backlog.is_empty() {
            match self.write(|stream, connection| stream.try_write_vectored(&connection.backlog.slices()))? {
                0 => break,
                sent => self.backlog.advance(sent),
            }
        }
        if self.reply.buf.capacity() > REPLY_KEPT_LEN && self.worker.shared.debug.reply_resizing.load(Ordering::Relaxed) {
            self.reply.buf = BytesMut::new();
        }
        Ok(())
    }

    /// Sends replies that have become long before there are more, and has the limits look at what the socket did not take.
    pub(super) fn relieve(&mut self) -> Result<(), Gone> {
        if self.reply.len() <= FLUSH_LEN {
            return Ok(());
        }
        self.flush()?;
        self.report();
        self.check_closed()
    }

    /// Writes once. Returns how much the socket took: 0 if it takes nothing now.
    fn write(&self, write: impl Fn(&Stream, &Self) -> io::Result<usize>) -> Result<usize, Gone> {
        loop {
            match write(&self.stream, self) {
                Ok(sent) => {
                    let metrics = self.metrics();
                    WorkerMetrics::add(&metrics.net_output, sent as u64);
                    WorkerMetrics::add(&metrics.writes, 1);
                    WorkerMetrics::add(&self.caller.client.figures.net_output, sent as u64);
                    return Ok(sent);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(0),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return Err(Gone),
            }
        }
    }
}
