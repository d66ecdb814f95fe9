//! Sends a connection's output, and bounds it.
//!
//! Invariant: pending output is bounded: by the client's limit, and without one requests wait while it is longer than
//! [`crate::base::limits::OUTPUT_PAUSE_LEN`]. Nothing is sent of what exceeds the limit.

use std::io;
use std::sync::atomic::Ordering;

use super::connection::{Connection, Gone};
use super::output::{Output, Sink};
use super::stream::Stream;
use crate::base::limits::REPLY_LEN_MAX;
use crate::clients::Client;
use crate::config::Config;
use crate::metrics::WorkerMetrics;

/// Replies are offered to the socket before they grow beyond this, a little less than a power of two, and what it does not take is set
/// aside ([`crate::performance`], *Output in blocks*).
pub(super) const FLUSH_LEN: usize = 120 * 1024;

impl Connection {
    /// Bounds what the next commands may reply, however much a single one of them asks for.
    pub(super) fn limit_reply(&mut self, config: &Config) {
        let len_max = self.output_len_max(config).min(REPLY_LEN_MAX).saturating_sub(self.output.queued_len());
        self.output.reply.set_len_max(len_max);
    }

    /// Has that made durable which the output depends on, and takes note of how far the write log is.
    #[inline]
    pub(super) fn release(&mut self) {
        if self.output.postponed() > 0 {
            self.worker.shared.need_durable(self.output.postponed());
            self.with_holder(Output::settle);
        }
        if self.output.is_holding() {
            self.with_holder(Output::release);
        }
    }

    /// Appends what others put into the outbox.
    pub(super) fn take_messages(&mut self) {
        if self.caller.client.outbox.is_empty() {
            return;
        }
        self.depend_on(0);
        self.limit_reply(&self.worker.config());
        for message in self.caller.client.outbox.take() {
            self.output.reply.raw(&message.bytes);
            self.depend_on(message.offset);
        }
    }

    /// Enforces the output limit, then sends as much as may leave and the socket takes now.
    pub(super) fn flush(&mut self) -> Result<(), Gone> {
        self.release();
        if self.output.is_empty() && self.output.reply.overflow_len().is_none() {
            return Ok(());
        }
        self.check_output_limit()?;
        self.buffers.note_reply(self.output.len());
        let mut socket = Socket { stream: &self.stream, metrics: self.worker.metrics(), client: &self.caller.client };
        if self.output.send(&mut socket)? {
            self.share.use_up();
        }
        self.note_drained();
        if self.worker.shared.debug.reply_resizing.load(Ordering::Relaxed) {
            self.output.give_back_room();
        }
        Ok(())
    }

    /// Sends replies that have become long before there are more, and has the limits look at what the socket did not take.
    pub(super) fn relieve(&mut self) -> Result<(), Gone> {
        if self.output.reply.len() <= FLUSH_LEN {
            return Ok(());
        }
        self.flush()?;
        self.report();
        self.check_closed()
    }
}

/// A client's socket, and where what it takes is counted.
struct Socket<'c> {
    stream: &'c Stream,
    metrics: &'c WorkerMetrics,
    client: &'c Client,
}

impl Socket<'_> {
    /// Writes once. Returns how much the socket took: 0 if it takes nothing now.
    #[inline]
    fn write_by(&self, write: impl Fn(&Stream) -> io::Result<usize>) -> Result<usize, Gone> {
        loop {
            match write(self.stream) {
                Ok(sent) => {
                    WorkerMetrics::add(&self.metrics.net_output, sent as u64);
                    WorkerMetrics::add(&self.metrics.writes, 1);
                    WorkerMetrics::add(&self.client.figures.net_output, sent as u64);
                    return Ok(sent);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(0),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return Err(Gone),
            }
        }
    }
}

impl Sink for Socket<'_> {
    type Error = Gone;

    #[inline]
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Gone> {
        self.write_by(|stream| stream.try_write(bytes))
    }

    fn write_parts(&mut self, parts: &[io::IoSlice<'_>]) -> Result<usize, Gone> {
        self.write_by(|stream| stream.try_write_vectored(parts))
    }
}
