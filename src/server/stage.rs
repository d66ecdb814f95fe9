//! In which state a connection is: what of it waits, and what takes it on.
//!
//! | stage | what waits | what its task listens to | what takes it on |
//! |---|---|---|---|
//! | `Reading` | nothing | input, room in the socket if there is something to send, its outbox's waker | [`Stage::park`], [`Stage::hold_back`], [`Stage::postpone`] |
//! | `Parked` | requests in the worker's [`super::gather`] | the same; the round runs what is parked meanwhile | [`Stage::take_parked`], by the round or by its own task, whoever is first |
//! | `HeldBack` | requests in its input, not parsed | nothing: it goes on with its next turn. While its output is full: room in the socket, the waker | [`Stage::resume`] |
//! | `Postponed` | copies of requests, in order, then its input | what the first of them waits for (a stripe, a place, the end of a pause); meanwhile as `Reading`, and what comes in is kept | [`Stage::resume`], once all have run |
//! | `Closing` | nothing: what comes behind is not run | room in the socket, the waker | [`Stage::end`], once all output is sent |
//! | `Over` | nothing | nothing: its task ends | |
//!
//! The outbox's waker wakes it for messages, for what others ask of it (to close, to tidy up), and when held output may leave.
//!
//! Before each turn a connection that has used up its share of the worker lets others run, whatever its stage ([`super::share`]).
//!
//! Invariants:
//! * A connection changes its stage by the methods of [`Stage`] alone.
//! * Requests run in order: only in `Reading` something is parsed and run that came in.

use std::collections::VecDeque;

use super::gather::Ticket;
use super::owned_request::OwnedRequest;

/// See the module's page.
#[derive(Debug, Default)]
pub(super) enum Stage {
    #[default]
    Reading,
    Parked(Ticket),
    HeldBack,
    Postponed(Postponed),
    Closing,
    Over,
}

/// Requests that were postponed.
#[derive(Debug)]
pub(super) struct Postponed {
    requests: VecDeque<OwnedRequest>,
    /// Bytes and number of the words of the one that is being run, or waits for keys.
    taken_len: (usize, usize),
}

impl Stage {
    /// True if what comes in may run at once.
    #[inline]
    pub(super) fn is_reading(&self) -> bool {
        matches!(self, Stage::Reading)
    }

    #[inline]
    pub(super) fn is_parked(&self) -> bool {
        matches!(self, Stage::Parked(_))
    }

    /// True if it has requests that it goes on with by itself.
    #[inline]
    pub(super) fn has_requests(&self) -> bool {
        matches!(self, Stage::HeldBack | Stage::Postponed(_))
    }

    #[inline]
    pub(super) fn is_closing(&self) -> bool {
        matches!(self, Stage::Closing)
    }

    #[inline]
    pub(super) fn is_over(&self) -> bool {
        matches!(self, Stage::Over)
    }

    /// Requests let other connections read theirs first.
    #[inline]
    pub(super) fn park(&mut self, ticket: Ticket) {
        debug_assert!(self.is_reading());
        *self = Stage::Parked(ticket);
    }

    /// What is parked is to be run now.
    #[inline]
    pub(super) fn take_parked(&mut self) -> Option<Ticket> {
        match std::mem::take(self) {
            Stage::Parked(ticket) => Some(ticket),
            other => {
                *self = other;
                None
            }
        }
    }

    /// Requests wait in the input for the next turn, or for some of the output to be sent.
    pub(super) fn hold_back(&mut self) {
        debug_assert!(self.is_reading());
        *self = Stage::HeldBack;
    }

    /// Requests have to wait, or run asynchronously.
    pub(super) fn postpone(&mut self, requests: impl Iterator<Item = OwnedRequest>) {
        debug_assert!(self.is_reading());
        let requests: VecDeque<_> = requests.collect();
        if !requests.is_empty() {
            *self = Stage::Postponed(Postponed { requests, taken_len: (0, 0) });
        }
    }

    /// The next request that was postponed.
    pub(super) fn next_postponed(&mut self) -> Option<OwnedRequest> {
        let Stage::Postponed(postponed) = self else { return None };
        let request = postponed.requests.pop_front();
        postponed.taken_len = request.as_ref().map_or((0, 0), OwnedRequest::len);
        request
    }

    /// It has to wait again. A connection that closes meanwhile forgets it.
    pub(super) fn postpone_again(&mut self, request: OwnedRequest) {
        if let Stage::Postponed(postponed) = self {
            postponed.taken_len = (0, 0);
            postponed.requests.push_front(request);
        }
    }

    /// Bytes and number of the words of the requests that were postponed.
    pub(super) fn postponed_len(&self) -> (usize, usize) {
        let Stage::Postponed(postponed) = self else { return (0, 0) };
        let lens = postponed.requests.iter().map(OwnedRequest::len);
        lens.fold(postponed.taken_len, |sum, len| (sum.0 + len.0, sum.1 + len.1))
    }

    /// Goes on with the input, unless requests before it still wait.
    pub(super) fn resume(&mut self) {
        match self {
            Stage::HeldBack => *self = Stage::Reading,
            Stage::Postponed(postponed) if postponed.requests.is_empty() => *self = Stage::Reading,
            _ => {}
        }
    }

    /// It ends once its output is sent.
    pub(super) fn close(&mut self) {
        debug_assert!(!self.is_parked(), "what is parked runs first");
        if !self.is_over() {
            *self = Stage::Closing;
        }
    }

    /// It ends now.
    pub(super) fn end(&mut self) {
        *self = Stage::Over;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn requests(count: usize) -> impl Iterator<Item = OwnedRequest> {
        (0..count).map(|number| OwnedRequest::of(&[number.to_string().as_bytes()]))
    }

    #[test]
    fn postponed_requests_keep_their_order_and_the_input_waits_behind_them() {
        let mut stage = Stage::default();
        stage.postpone(requests(0));
        assert!(stage.is_reading(), "there is nothing to wait for");
        stage.postpone(requests(3));
        assert_eq!((stage.has_requests(), stage.postponed_len()), (true, (3, 3)));
        let first = stage.next_postponed().expect("the first");
        assert_eq!(stage.postponed_len(), (3, 3), "it is kept while it runs");
        stage.postpone_again(first);
        for expected in [b"0", b"1", b"2"] {
            stage.resume();
            assert!(!stage.is_reading(), "requests before the input still wait");
            assert_eq!(stage.next_postponed().expect("one more").words()[..], [&expected[..]]);
        }
        assert!(stage.next_postponed().is_none());
        assert_eq!(stage.postponed_len(), (0, 0));
        stage.resume();
        assert!(stage.is_reading());
    }

    #[test]
    fn a_connection_that_closes_forgets_what_waits() {
        let mut stage = Stage::default();
        stage.postpone(requests(2));
        let running = stage.next_postponed().expect("one");
        stage.close();
        stage.postpone_again(running);
        stage.resume();
        assert!(stage.is_closing() && stage.next_postponed().is_none() && !stage.has_requests());
        stage.end();
        stage.close();
        assert!(stage.is_over());
    }
}
