//! Counts what crosses the bus, under the names that CLUSTER INFO has for the kinds of messages.

use std::sync::atomic::{AtomicU64, Ordering};

use larder_proto::bus::{Frame, RaftCall, Request, Response};

use crate::topology::BusCounters;

/// Kinds of messages that have a name in CLUSTER INFO, in its order.
const KINDS: [&str; 6] = ["ping", "pong", "meet", "auth-req", "auth-ack", "update"];

const PING: usize = 0;
const PONG: usize = 1;
const MEET: usize = 2;
const AUTH_REQUEST: usize = 3;
const AUTH_ACK: usize = 4;
const UPDATE: usize = 5;

/// Messages and bytes since the start.
#[derive(Debug, Default)]
pub(super) struct Traffic {
    sent: [AtomicU64; KINDS.len()],
    received: [AtomicU64; KINDS.len()],
    bytes_sent: AtomicU64,
    bytes_received: AtomicU64,
}

/// The opening exchange has no kind: it belongs to the connection.
fn kind(frame: &Frame) -> Option<usize> {
    Some(match frame {
        Frame::Request { request, .. } => match request {
            Request::Introduce(_) | Request::Heartbeat(_) | Request::ReadIndex { .. } | Request::Withdraw { .. } => PING,
            Request::Promise(_) | Request::Join(_) | Request::Adopt { .. } => MEET,
            Request::Raft { call: RaftCall::Vote, .. } => AUTH_REQUEST,
            Request::Raft { .. } | Request::Forward { .. } => UPDATE,
            Request::Unknown => return None,
        },
        Frame::Response { response, .. } => match response {
            Response::Raft { call: RaftCall::Vote, .. } => AUTH_ACK,
            _ => PONG,
        },
    })
}

impl Traffic {
    pub(super) fn count_sent(&self, frame: &Frame, len: usize) {
        if let Some(kind) = kind(frame) {
            self.sent[kind].fetch_add(1, Ordering::Relaxed);
        }
        self.count_sent_bytes(len);
    }

    pub(super) fn count_sent_bytes(&self, len: usize) {
        self.bytes_sent.fetch_add(len as u64, Ordering::Relaxed);
    }

    pub(super) fn count_received(&self, frame: &Frame) {
        if let Some(kind) = kind(frame) {
            self.received[kind].fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn count_received_bytes(&self, len: usize) {
        self.bytes_received.fetch_add(len as u64, Ordering::Relaxed);
    }

    /// As CLUSTER INFO tells it.
    pub(super) fn counters(&self) -> BusCounters {
        let named = |counts: &[AtomicU64; KINDS.len()]| {
            let counts = KINDS.iter().zip(counts).map(|(name, count)| (*name, count.load(Ordering::Relaxed)));
            counts.filter(|(_, count)| *count > 0).collect()
        };
        BusCounters {
            sent: named(&self.sent),
            received: named(&self.received),
            bytes_sent: self.bytes_sent.load(Ordering::Relaxed),
            bytes_received: self.bytes_received.load(Ordering::Relaxed),
        }
    }
}
