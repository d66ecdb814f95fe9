//! What a connection sends, in order: replies, and messages of others.
//!
//! ```text
//! first in, first out:  | queue: offered, not taken | queue: held, span by span | reply: not offered yet |
//!                       |<------------- sendable -->|                           |
//! ```
//!
//! Invariants:
//! * Everything leaves in the order in which it was added.
//! * What depends on an offset of the write log is held until that offset is durable, and what comes after it waits behind it. Everything
//!   before it is sendable and leaves at once.
//! * While something is held, `reply` is empty between two batches: each is moved behind what waits when it is told on what it depends
//!   ([`Output::depend_on`]).
//! * While something is held, its client is registered with [`DurableOffset`] for the first of it, so that nobody has to look.

use std::collections::VecDeque;
use std::io::IoSlice;
use std::sync::atomic::Ordering;
use std::task::Waker;

use bytes::BytesMut;
use larder_proto::resp::ReplyBuf;

use super::backlog::Backlog;
use crate::base::alloc;
use crate::base::durable_offset::DurableOffset;
use crate::base::limits::{HELD_LEN_MAX, OUTPUT_PAUSE_LEN, TURN_OUTPUT_LEN_MAX};
use crate::clients::client::Figures;

/// A reply buffer larger than this is given back once it is empty.
const REPLY_KEPT_LEN: usize = 16 * 1024;

/// See the module's page.
#[derive(Debug)]
pub(super) struct Output {
    /// Where replies are written to.
    pub(super) reply: ReplyBuf,
    /// So many of its first bytes depend on nothing.
    free_len: usize,
    /// The others, up to `postponed_len`, depend on this offset of the write log, and nobody has looked yet whether that is durable; 0: there
    /// are none.
    postponed: u64,
    /// So long was `reply` then.
    postponed_len: usize,
    queue: Backlog,
    /// Apart, since most connections never hold anything.
    held: Option<Box<HeldTail>>,
}

/// The end of the queue.
#[derive(Debug, Default)]
struct HeldTail {
    /// What depends on the same offset, with ascending offsets.
    spans: VecDeque<Span>,
    len: usize,
    /// The offset at which the connection is woken, 0: none; and how often the log had begun anew when that was settled.
    woken_at: (u64, u64),
}

#[derive(Debug, Clone, Copy)]
struct Span {
    offset: u64,
    len: usize,
}

/// Where output goes. Each call says how much was taken: 0 if nothing is now.
pub(super) trait Sink {
    type Error;
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Self::Error>;
    fn write_parts(&mut self, parts: &[IoSlice<'_>]) -> Result<usize, Self::Error>;
}

/// Who is woken when held output may leave.
#[derive(Debug, Clone, Copy)]
pub(super) struct Holder<'o> {
    pub(super) durable: &'o DurableOffset,
    /// Where the write log ends. What depends on an offset beyond it depends on a log whose place another one has taken, so on nothing.
    pub(super) end: u64,
    /// The client's number.
    pub(super) client: u64,
    /// What wakes its task.
    pub(super) waker: Option<&'o Waker>,
}

impl Holder<'_> {
    fn is_reached(&self, offset: u64) -> bool {
        offset <= self.durable.now() || offset > self.end && self.durable.restarts() > 0
    }
}

impl Default for Output {
    fn default() -> Self {
        Output { reply: ReplyBuf::in_segments(), free_len: 0, postponed: 0, postponed_len: 0, queue: Backlog::default(), held: None }
    }
}

impl Output {
    /// Bytes that wait, held ones included.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.reply.len() + self.queue.len()
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// True if the socket may be offered something.
    #[inline]
    pub(super) fn has_sendable(&self) -> bool {
        match &self.held {
            None => !self.is_empty(),
            Some(held) => self.queue.len() > held.len,
        }
    }

    /// True if something waits for the write log.
    #[inline]
    pub(super) fn is_holding(&self) -> bool {
        self.held.is_some()
    }

    /// True if requests have to wait until some of it has left.
    #[inline]
    pub(super) fn is_full(&self) -> bool {
        self.len() > OUTPUT_PAUSE_LEN || self.held.as_ref().is_some_and(|held| held.len > HELD_LEN_MAX)
    }

    /// Bytes that were offered to the socket or are held.
    #[inline]
    pub(super) fn queued_len(&self) -> usize {
        self.queue.len()
    }

    /// Makes what was added to `reply` since the last call sendable as it is, if it depends on no `offset` (0) and nothing before it waits.
    /// If it depends on one, that is looked at when it is to be sent ([`Output::settle`]): until then, what came with it may be made durable
    /// together with it. False if [`Output::depend_on`] has to look at once.
    #[inline]
    pub(super) fn mark_free_unless_held(&mut self, offset: u64) -> bool {
        if self.held.is_some() || self.postponed > 0 {
            return false;
        }
        if offset > 0 {
            (self.postponed, self.postponed_len) = (offset, self.reply.len());
        } else {
            self.free_len = self.reply.len();
        }
        true
    }

    /// The offset that was not looked at yet; 0: none.
    #[inline]
    pub(super) fn postponed(&self) -> u64 {
        self.postponed
    }

    /// Looks at it.
    pub(super) fn settle(&mut self, holder: Holder<'_>) {
        self.depend_on(0, holder);
    }

    /// Notes that what was added to `reply` since the last call depends on `offset`.
    #[cold]
    pub(super) fn depend_on(&mut self, offset: u64, holder: Holder<'_>) {
        // What depended on a log that is gone is not to hold up what is added now.
        self.release(holder);
        let mut postponed = std::mem::take(&mut self.postponed);
        if postponed > 0 && self.held.is_none() && holder.is_reached(postponed) {
            self.free_len = self.postponed_len;
            postponed = 0;
        }
        if postponed == 0 && self.held.is_none() && holder.is_reached(offset) {
            self.free_len = self.reply.len();
            return;
        }
        let first = if postponed > 0 { self.postponed_len - self.free_len } else { 0 };
        let rest = self.reply.len() - self.free_len - first;
        self.queue_reply(0);
        for span in [Span { offset: postponed, len: first }, Span { offset, len: rest }] {
            if span.len > 0 {
                self.held.get_or_insert_default().push(span);
            }
        }
        self.release(holder);
    }

    /// Makes sendable what depends on nothing any more. The connection is woken when there is more.
    pub(super) fn release(&mut self, holder: Holder<'_>) {
        let Some(held) = &mut self.held else { return };
        loop {
            held.release(holder);
            let Some(first) = held.spans.front() else {
                // No other span was ever registered for than the first: this one was reached.
                self.held = None;
                return;
            };
            let Some(waker) = holder.waker else { return };
            let woken_at = (first.offset, holder.durable.restarts());
            if held.woken_at == woken_at {
                return;
            }
            if holder.durable.wake_at(first.offset, holder.client, waker.clone()) {
                held.woken_at = woken_at;
                return;
            }
        }
    }

    /// The connection ends: nobody wakes it any more.
    pub(super) fn forget(&mut self, holder: Holder<'_>) {
        if let Some(held) = self.held.take() {
            holder.durable.forget(held.woken_at.0, holder.client);
        }
    }

    /// Offers what is sendable to `sink` until that takes nothing, nothing is left, or a turn's share was taken. True in the last case: a
    /// client that reads as fast as it can otherwise keeps its worker for as long as a reply is.
    #[inline]
    pub(super) fn send<S: Sink>(&mut self, sink: &mut S) -> Result<bool, S::Error> {
        if self.queue.is_empty()
            && let Some(bytes) = self.reply.contiguous()
        {
            let sent = sink.write(bytes)?;
            if sent == self.reply.len() {
                self.reply.buf.clear();
                self.free_len = 0;
                return Ok(false);
            }
            self.queue_reply(sent);
        } else {
            let len = self.reply.len();
            self.queue_reply(0);
            if let Some(held) = &mut self.held
                && len > 0
            {
                held.push(Span { offset: 0, len });
            }
        }
        let mut share = TURN_OUTPUT_LEN_MAX;
        loop {
            let sendable = self.queue.len() - self.held.as_ref().map_or(0, |held| held.len);
            if sendable == 0 || share == 0 {
                return Ok(sendable > 0);
            }
            let sent = sink.write_parts(&self.queue.slices(sendable.min(share)))?;
            if sent == 0 {
                return Ok(false);
            }
            self.queue.advance(sent);
            share -= sent;
        }
    }

    fn queue_reply(&mut self, sent: usize) {
        self.queue.take_over(&mut self.reply, sent);
        self.free_len = 0;
    }

    /// Gives back room for replies beyond what is kept between two of them.
    #[inline]
    pub(super) fn give_back_room(&mut self) {
        if self.reply.buf.capacity() > REPLY_KEPT_LEN {
            self.give_back_all_room();
        }
    }

    /// Gives back all room for replies. None may be in it.
    pub(super) fn give_back_all_room(&mut self) {
        debug_assert!(self.reply.is_empty(), "all was sent or queued");
        self.reply.buf = BytesMut::new();
    }

    /// Tells others how much waits.
    pub(super) fn publish(&self, figures: &Figures) {
        figures.output.store(self.reply.len() as u64, Ordering::Relaxed);
        figures.output_shared.store(self.reply.shared_len() as u64, Ordering::Relaxed);
        figures.output_capacity.store(alloc::block_len(self.reply.capacity()) as u64, Ordering::Relaxed);
        self.queue.publish(figures);
    }
}

impl HeldTail {
    /// Adds a span behind all others. It cannot leave before them, so that one which depends on less becomes a part of the last.
    fn push(&mut self, span: Span) {
        self.len += span.len;
        match self.spans.back_mut() {
            Some(last) if last.offset >= span.offset => last.len += span.len,
            _ => self.spans.push_back(span),
        }
    }

    fn release(&mut self, holder: Holder<'_>) {
        while let Some(first) = self.spans.front()
            && holder.is_reached(first.offset)
        {
            self.len -= first.len;
            self.spans.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicUsize;
    use std::task::Wake;

    use proptest::prelude::*;

    use super::*;

    /// A socket with room for so many bytes, and what it took.
    struct Socket {
        room: usize,
        taken: Vec<u8>,
    }

    impl Sink for Socket {
        type Error = std::convert::Infallible;

        fn write(&mut self, bytes: &[u8]) -> Result<usize, Self::Error> {
            let now = self.room.min(bytes.len());
            self.room -= now;
            self.taken.extend_from_slice(&bytes[..now]);
            Ok(now)
        }

        fn write_parts(&mut self, parts: &[IoSlice<'_>]) -> Result<usize, Self::Error> {
            self.write(&parts.iter().flat_map(|part| part.to_vec()).collect::<Vec<u8>>())
        }
    }

    #[derive(Default)]
    struct Wakes(AtomicUsize);

    impl Wake for Wakes {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::AcqRel);
        }
    }

    /// An output, and what it should do: the length and offset of each batch. Every byte tells its place.
    #[derive(Default)]
    struct Model {
        output: Output,
        durable: DurableOffset,
        /// The log's end.
        end: u64,
        wakes: Arc<Wakes>,
        batches: Vec<(usize, u64)>,
        added: usize,
        /// So many bytes were sent.
        sent: usize,
    }

    #[derive(Debug, Clone)]
    enum Step {
        /// A batch that replies so many bytes, and the offset that it depends on.
        Batch(usize, u64),
        Advance(u64),
        /// The socket takes so many bytes.
        Send(usize),
    }

    impl Model {
        fn with<R>(&mut self, act: impl FnOnce(&mut Output, Holder<'_>) -> R) -> R {
            let waker = Waker::from(Arc::clone(&self.wakes));
            act(&mut self.output, Holder { durable: &self.durable, end: self.end, client: 1, waker: Some(&waker) })
        }

        /// So many bytes may have left by now.
        fn may_leave(&self) -> usize {
            self.batches.iter().take_while(|(_, offset)| *offset <= self.durable.now()).map(|(len, _)| len).sum()
        }

        fn bytes(from: usize, to: usize) -> Vec<u8> {
            (from..to).map(|place| (place % 251) as u8).collect()
        }

        fn run(&mut self, step: &Step) {
            match *step {
                Step::Batch(len, offset) => {
                    // A batch in two parts, of which the first is not looked at before the second is there.
                    let first = len / 3;
                    self.output.reply.raw(&Model::bytes(self.added, self.added + first));
                    for end in [first, len] {
                        if end > first {
                            self.output.reply.raw(&Model::bytes(self.added + first, self.added + len));
                        }
                        if !self.output.mark_free_unless_held(offset) {
                            self.with(|output, holder| output.depend_on(offset, holder));
                        }
                    }
                    if self.output.postponed() > 0 {
                        self.with(Output::settle);
                    }
                    self.added += len;
                    // What has no bytes holds nothing up.
                    self.batches.extend((len > 0).then_some((len, offset)));
                }
                Step::Advance(to) => {
                    let (before, wakes) = (self.may_leave(), self.wakes.0.load(Ordering::Acquire));
                    self.durable.advance(to);
                    let is_woken = self.wakes.0.load(Ordering::Acquire) > wakes;
                    assert_eq!(is_woken, self.may_leave() > before, "woken if and only if something may leave");
                    self.with(Output::release);
                }
                Step::Send(room) => {
                    let mut socket = Socket { room, taken: Vec::new() };
                    let is_cut_short = self.output.send(&mut socket);
                    assert_eq!(is_cut_short, Ok(false), "no step is as long as a turn's share");
                    let Socket { room, taken } = socket;
                    assert!(taken == Model::bytes(self.sent, self.sent + taken.len()), "in order");
                    self.sent += taken.len();
                    assert!(self.sent <= self.may_leave(), "nothing leaves that is held");
                    assert!(room == 0 || self.sent == self.may_leave(), "what is sendable leaves at once");
                }
            }
            let left = self.added - self.sent;
            assert_eq!((self.output.len(), self.output.is_empty()), (left, left == 0));
            assert_eq!(self.output.has_sendable(), self.may_leave() > self.sent, "{step:?}");
            assert_eq!(self.output.is_holding(), self.may_leave() < self.added);
        }
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            (0..3000usize, prop_oneof![Just(0u64), 0..40u64]).prop_map(|(len, offset)| Step::Batch(len, offset)),
            (60_000..80_000usize, 0..40u64).prop_map(|(len, offset)| Step::Batch(len, offset)),
            (0..40u64).prop_map(Step::Advance),
            prop_oneof![0..5000usize, Just(usize::MAX)].prop_map(Step::Send),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(100))]
        #[test]
        fn held_output_leaves_in_order_when_its_offset_is_durable(steps in proptest::collection::vec(step(), 1..30)) {
            let mut model = Model::default();
            steps.iter().for_each(|step| model.run(step));
            model.run(&Step::Advance(100));
            model.run(&Step::Send(usize::MAX));
            prop_assert!(model.output.is_empty());
        }
    }

    #[test]
    fn what_depends_on_a_log_that_is_gone_leaves() {
        let mut model = Model::default();
        model.run(&Step::Batch(10, 50));
        model.run(&Step::Batch(10, 90));
        assert!(!model.output.has_sendable());
        // Another log is shorter, and as far as the first already when the task runs.
        model.durable.restart_at(20);
        model.end = 60;
        model.with(Output::release);
        assert!(!model.output.has_sendable(), "this may be a place of the new one");
        let wakes = model.wakes.0.load(Ordering::Acquire);
        model.durable.advance(60);
        assert_eq!(model.wakes.0.load(Ordering::Acquire), wakes + 1);
        model.with(Output::release);
        assert!(!model.output.is_holding() && model.output.has_sendable(), "and this is none");
        model.output.reply.raw(b"more");
        model.with(|output, holder| output.depend_on(55, holder));
        assert!(!model.output.is_holding());
    }

    #[test]
    fn much_held_output_stops_requests_and_the_end_takes_the_wish_to_be_woken_back() {
        let mut model = Model::default();
        model.run(&Step::Batch(HELD_LEN_MAX, 5));
        assert!(!model.output.is_full());
        model.run(&Step::Batch(1, 0));
        assert!(model.output.is_full());
        model.run(&Step::Batch(1, 6));
        model.run(&Step::Advance(5));
        assert!(!model.output.is_full());
        model.with(Output::forget);
        model.durable.advance(7);
        assert_eq!(model.wakes.0.load(Ordering::Acquire), 1, "for offset 5 alone");
    }
}
