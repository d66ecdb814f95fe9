//! What a connection remembers of its buffers: how much of them was used of late, and what others were last told.

use crate::clients::client::{REPLY_ROOM_LEN_MAX, REPLY_ROOM_LEN_MIN};

/// What a connection remembers of its buffers.
#[derive(Debug)]
pub(super) struct BufferUse {
    /// Largest reply buffer that counts as kept between replies, in bytes.
    pub(super) reply_room: usize,
    /// Most of it that was used since `peak_since_ms`.
    pub(super) reply_peak: usize,
    peak_since_ms: u64,
    /// Longest input since the last look.
    pub(super) input_peak: usize,
    /// When the output first exceeded the soft limit, monotonic milliseconds.
    pub(super) soft_limit_since_ms: Option<u64>,
    /// What was last reported, if nothing waited.
    reported: Option<AtRest>,
    /// Nothing but commands on one key has run since then.
    is_simple: bool,
}

/// The buffers of a connection of which nothing waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct AtRest {
    reply_capacity: usize,
    reply_room: usize,
    reply_peak: usize,
    input_peak: usize,
}

impl BufferUse {
    /// The room for replies starts large, and shrinks at the first look if the first replies are short.
    pub(super) fn new() -> Self {
        let reply_room = REPLY_ROOM_LEN_MAX as usize;
        BufferUse {
            reply_room,
            reply_peak: reply_room,
            peak_since_ms: 0,
            input_peak: 0,
            soft_limit_since_ms: None,
            reported: None,
            is_simple: true,
        }
    }

    pub(super) fn note_input(&mut self, len: usize) {
        self.input_peak = self.input_peak.max(len);
    }

    /// Notes that commands have run, and whether all were commands on one key without checks.
    #[inline]
    pub(super) fn note_executed(&mut self, is_simple: bool) {
        self.is_simple &= is_simple;
    }

    #[inline]
    pub(super) fn note_reply(&mut self, len: usize) {
        self.reply_peak = self.reply_peak.max(len.min(self.reply_room));
    }

    /// Notes that figures are about to be published; `reply_capacity` is that of the reply buffer of a connection of which nothing waits.
    /// True if others know the figures already.
    #[inline]
    pub(super) fn note_report(&mut self, reply_capacity: Option<usize>) -> bool {
        let BufferUse { reply_room, reply_peak, input_peak, .. } = *self;
        let at_rest = reply_capacity.map(|reply_capacity| AtRest { reply_capacity, reply_room, reply_peak, input_peak });
        let is_simple = std::mem::replace(&mut self.is_simple, true);
        let is_known = is_simple && at_rest.is_some() && at_rest == self.reported;
        self.reported = at_rest;
        is_known
    }

    /// Halves or doubles the room for replies as its use of late suggests, then forgets that use if it was long ago. A negative
    /// `reset_ms` never forgets.
    pub(super) fn resize_reply_room(&mut self, pending: usize, reset_ms: i64, now_ms: u64) {
        let (least, most) = (REPLY_ROOM_LEN_MIN as usize, REPLY_ROOM_LEN_MAX as usize);
        let room = self.reply_room;
        if room / 2 >= least && self.reply_peak < room / 2 {
            self.reply_room = (self.reply_peak + 1).max(least);
        } else if room < most && self.reply_peak == room {
            self.reply_room = (room * 2).min(most);
        }
        if u64::try_from(reset_ms).is_ok_and(|reset_ms| now_ms - self.peak_since_ms >= reset_ms) {
            self.reply_peak = pending.min(self.reply_room);
            self.peak_since_ms = now_ms;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_room_for_replies_follows_their_size() {
        // (room, peak) before; time to forget; (room, peak) after, with 10 bytes pending and 1000 ms since the last time.
        let cases = [
            ((16_384, 16_384), 5000, (16_384, 16_384)),
            ((16_384, 16_384), 100, (16_384, 10)),
            ((16_384, 10), 5000, (1024, 10)),
            ((16_384, 5000), 5000, (5001, 5000)),
            ((2047, 10), 5000, (2047, 10)),
            ((1024, 1024), -1, (2048, 1024)),
            ((12_000, 12_000), -1, (16_384, 12_000)),
        ];
        for ((room, peak), reset_ms, (room_after, peak_after)) in cases {
            let mut buffers = BufferUse { reply_room: room, reply_peak: peak, ..BufferUse::new() };
            buffers.resize_reply_room(10, reset_ms, 1000);
            assert_eq!((buffers.reply_room, buffers.reply_peak), (room_after, peak_after), "{room} {peak} {reset_ms}");
        }
    }
}
