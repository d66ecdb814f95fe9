//! The end of a connection.

use std::os::fd::AsFd as _;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::connection::Connection;
use super::output::Output;
use super::stream::Stream;
use crate::base::clock::{self, Now};
use crate::base::limits::{LAZYFREE_CLIENT_LEN_MIN, REPLICAS_MAX};
use crate::clients::session::ReplicaWish;
use crate::clients::{bit, cost};
use crate::commands::{connection, pubsub};
use crate::config::os_text;
use crate::engine::context::Context;
use crate::engine::replication_state::Joining;

/// How long a client that goes on sending is listened to when the node ends. Most clients hang up when they see the end of the replies.
const LINGER_MS_MAX: u64 = 2000;
/// A client that has been silent for so long then will not send anything more before it sees the end.
const LINGER_SILENCE: Duration = Duration::from_millis(20);

impl Connection {
    /// Tells the peer that nothing more comes, and throws away what it still sends, until it hangs up or falls silent: a socket that
    /// closes with unread input resets the connection, and replies that are still on their way are lost.
    pub(super) async fn linger(&mut self) {
        let worker = Rc::clone(&self.worker);
        self.stream.end_output();
        let until_ms = clock::monotonic_ms() + LINGER_MS_MAX;
        while clock::monotonic_ms() < until_ms {
            let into = &worker.gather;
            let read = std::future::poll_fn(|cx| self.stream.poll_read(cx, &mut into.buffer.borrow_mut()[into.free()]));
            if !matches!(worker.shared.timers.timeout(LINGER_SILENCE, read).await, Some(Ok(len)) if len > 0) {
                break;
            }
        }
    }

    /// Takes the client out of everything it is part of.
    pub(super) fn end(mut self) {
        let (worker, client) = (Rc::clone(&self.worker), Arc::clone(&self.caller.client));
        self.with_holder(Output::forget);
        self.give_back_announced(true);
        self.leave();
        // Nobody sees it any more once its peer knows that it is over.
        worker.shared.clients.remove(client.id);
        worker.clients.borrow_mut().remove(&client.id);
        worker.connections.fetch_sub(1, Ordering::Relaxed);
        let remains = (std::mem::take(&mut self.output), std::mem::take(&mut self.input), self.session.multi.take());
        drop(self);
        let shared = Arc::clone(&worker.shared);
        let is_large = cost::memory(&client).total() > LAZYFREE_CLIENT_LEN_MIN;
        if is_large {
            // As memory that is about to be free, lest others are asked to close for it.
            shared.clients.kill(&client);
        }
        let free = move || {
            drop(remains);
            client.outbox.take();
            // Its memory is free before it stops counting as memory that is about to be free, lest keys go for it.
            shared.clients.end(&client);
        };
        if is_large {
            worker.shared.keyspace.lazyfree.free_other(Box::new(free));
        } else {
            free();
        }
    }

    /// True if nothing keeps it from going on as a replica's connection.
    pub(super) fn may_join(&self) -> bool {
        self.output.is_empty() && !self.caller.client.must_close() && !self.worker.shared.stop.is_requested()
    }

    /// Hands its socket to who serves replicas, and ends. A client of the same number takes its place: this one's task is over.
    pub(super) fn join_replicas(self, wish: ReplicaWish) {
        let (shared, before) = (Arc::clone(&self.worker.shared), Arc::clone(&self.caller.client));
        let socket = self.stream.as_fd().try_clone_to_owned();
        let is_unix = matches!(self.stream, Stream::Unix(_));
        self.end();
        let socket = match socket {
            Ok(socket) => socket,
            Err(error) => return tracing::warn!("Can't serve a replica: {}", os_text(error)),
        };
        let client = before.successor();
        client.set(bit::REPLICA, true);
        shared.clients.add(Arc::clone(&client));
        if let Err(joining) = shared.replication.join(Joining { socket, is_unix, client, wish }) {
            tracing::warn!("Replica {} is not served: there are {REPLICAS_MAX} already", joining.client.addr);
            shared.clients.end(&joining.client);
        }
    }

    /// Ends the subscriptions to shard channels whose slots have left this node.
    pub(super) fn leave_lost_channels(&mut self) {
        if self.session.subscriptions.shard_channels.is_empty() {
            return;
        }
        let config = self.worker.config();
        let worker = self.worker.turn();
        let mut context = Context::new(worker, &config, &mut self.caller, &mut self.output.reply, Now::read(), usize::MAX);
        pubsub::leave_lost_channels(&mut context, &mut self.session);
    }

    /// Undoes what its commands left behind: transaction, watches, subscriptions, MONITOR.
    fn leave(&mut self) {
        let config = self.worker.config();
        let worker = self.worker.turn();
        let mut context = Context::new(worker, &config, &mut self.caller, &mut self.output.reply, Now::read(), usize::MAX);
        connection::cleanup(&mut context, &mut self.session);
    }
}
