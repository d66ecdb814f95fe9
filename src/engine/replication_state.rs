//! What all of a node know of its replicas: who they are, what they have, who waits for them to have it. What follows from what happens
//! [`super::replication_core`] decides.
//!
//! Invariants:
//! * The lock is taken with stripes held or without, and no stripe is taken under it: under all stripes a snapshot begins, and the log with it.
//! * Who waits for replicas looks once more when it is entered: what they said in between is not missed.

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::Notify;

use super::replication_core::{Action, Event, Figures, History, Replica, State, WRITE_PERIOD_MS};
use crate::base::limits::REPLICAS_MAX;
use crate::base::{clock, rng};
use crate::clients::Client;
use crate::clients::session::ReplicaWish;
use crate::config::Config;
use crate::keyspace::access::KeyAccess;
use crate::keyspace::blocked::{Holders, Outcome, Waiter, Written};
use crate::persist::rdb::place::Place;
use crate::persist::write_log::{LogReader, WriteLog};

/// A connection that has become a replica's: no worker serves it any more.
#[derive(Debug)]
pub struct Joining {
    /// Its socket.
    pub socket: OwnedFd,
    /// It is no TCP socket.
    pub is_unix: bool,
    /// The client, as others see it.
    pub client: Arc<Client>,
    /// What it wants.
    pub wish: ReplicaWish,
}

/// What asks replicas how far they are.
const GETACK: &[u8] = b"*3\r\n$8\r\nREPLCONF\r\n$6\r\nGETACK\r\n$1\r\n*\r\n";

/// Who reads the write log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogUser {
    /// The append only file.
    Aof = 1,
    /// Replicas, and the backlog for those to come.
    Replicas = 2,
}

/// See the module's page.
#[derive(Debug)]
pub struct Replication {
    state: Mutex<State>,
    /// What keeps the backlog in the log.
    backlog: Mutex<Option<LogReader>>,
    joining: Mutex<Vec<Joining>>,
    /// Somebody joins, or something else is to be done.
    pub wake: Notify,
    /// Tells who serves replicas that their connections are to end.
    pub dropped: Notify,
    /// Tells who serves replicas that somebody waits for what they have.
    pub hurry: Notify,
    /// Those who wait for replicas, with what they wait for.
    waiting: Mutex<Vec<(Written, Arc<Waiter>)>>,
    /// Replicas, to be looked at without the lock.
    count: AtomicUsize,
    /// Replicas that are current, as `min-replicas-max-lag` has it, likewise.
    good: AtomicUsize,
    /// Bits of [`LogUser`]. Changed under all stripes.
    log_users: AtomicU64,
    /// See [`State::write_delay_ms`].
    write_delay_ms: AtomicU64,
    /// Where the log ended when replicas were last asked how far they are.
    asked_at: AtomicU64,
    /// The thread that serves replicas runs.
    pub is_served: AtomicBool,
    /// The node follows another one.
    is_replica: AtomicBool,
    /// And has all that the other has, or soon will.
    pub link_is_up: AtomicBool,
    /// The number of who had begun to wait last when the node became a replica.
    pub role_border: AtomicU64,
    /// The database that the stream of the primary was about last.
    pub stream_db: AtomicU32,
    /// When the primary was last heard of, monotonic milliseconds.
    pub heard_ms: AtomicU64,
    /// Bytes that went to replicas.
    pub net_output: AtomicU64,
    /// Bytes that came from the primary.
    pub net_input: AtomicU64,
}

impl Default for Replication {
    fn default() -> Self {
        Replication {
            state: Mutex::new(State::new(History::new(rng::random_hex(20)))),
            backlog: Mutex::new(None),
            joining: Mutex::default(),
            wake: Notify::new(),
            dropped: Notify::new(),
            hurry: Notify::new(),
            waiting: Mutex::default(),
            count: AtomicUsize::new(0),
            good: AtomicUsize::new(0),
            log_users: AtomicU64::new(0),
            write_delay_ms: AtomicU64::new(0),
            asked_at: AtomicU64::new(u64::MAX),
            is_served: AtomicBool::new(false),
            is_replica: AtomicBool::new(false),
            link_is_up: AtomicBool::new(false),
            role_border: AtomicU64::new(0),
            stream_db: AtomicU32::new(0),
            heard_ms: AtomicU64::new(0),
            net_output: AtomicU64::new(0),
            net_input: AtomicU64::new(0),
        }
    }
}

impl Replication {
    /// Where the data stands in the history that others may have, for a file that has what is there now: under all stripes. `None` if nobody has it.
    /// A node that leads names the database anew in what follows.
    pub fn place(&self, log: &WriteLog) -> Option<Place> {
        let history = self.look().told()?.id.clone();
        let database = if self.is_replica() { self.stream_db.load(Ordering::Relaxed) } else { 0 };
        Some(Place { history, offset: log.forget_database(), database })
    }

    /// What is known, to be looked at.
    pub fn look(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    /// Takes what happened, and says what is to be done.
    pub fn step(&self, event: Event<'_>) -> Vec<Action> {
        let mut state = self.state.lock();
        let actions = state.step(event);
        self.count.store(state.replicas.len(), Ordering::Relaxed);
        actions
    }

    /// The name of the history.
    pub fn history_id(&self) -> String {
        self.look().history.id.clone()
    }

    /// Begins a new history.
    pub fn change_history(&self) {
        self.look().history = History::new(rng::random_hex(20));
    }

    /// Replicas that there are.
    #[inline]
    pub fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// Counts the replicas that are current.
    pub fn count_good(&self, config: &Config) {
        let good = self.look().good_replicas(clock::monotonic_ms(), u64::from(config.min_replicas_max_lag) * 1000);
        self.good.store(good, Ordering::Relaxed);
    }

    /// Notes how much a replica has not taken of the log, of what is on the disk, and how near it is to being given up. Returns as
    /// [`Replication::set_write_delay`].
    pub fn note_aside(&self, replica: u64, aside: u64, fill: u64) -> bool {
        if let Some(known) = self.look().replicas.get_mut(&replica) {
            (known.aside, known.fill) = (aside, fill);
        }
        self.set_write_delay()
    }

    /// Decides how long writes wait for replicas that are far behind. True if they begin or cease to.
    pub fn set_write_delay(&self) -> bool {
        let delay_ms = self.look().write_delay_ms();
        let before_ms = self.write_delay_ms.swap(delay_ms, Ordering::Relaxed);
        (delay_ms == 0) != (before_ms == 0)
    }

    /// How long writes wait in each [`WRITE_PERIOD_MS`].
    #[inline]
    pub fn write_delay_ms(&self) -> u64 {
        self.write_delay_ms.load(Ordering::Relaxed)
    }

    /// Until when a write waits for replicas that are far behind, monotonic milliseconds; 0: it does not.
    #[inline]
    pub fn write_waits_until_ms(&self) -> u64 {
        let delay_ms = self.write_delay_ms();
        if delay_ms == 0 {
            return 0;
        }
        let now_ms = clock::monotonic_ms();
        let until_ms = now_ms - now_ms % WRITE_PERIOD_MS + delay_ms;
        if now_ms < until_ms { until_ms } else { 0 }
    }

    /// Replicas that are current.
    pub fn good(&self) -> usize {
        self.good.load(Ordering::Relaxed)
    }

    /// Has every change become a record of the log from now on, for this reader of it, or not for this one any more. All stripes are held.
    pub fn set_logging(&self, keys: &mut KeyAccess<'_>, user: LogUser, yes: bool) {
        let users = if yes {
            self.log_users.fetch_or(user as u64, Ordering::Relaxed) | user as u64
        } else {
            self.log_users.fetch_and(!(user as u64), Ordering::Relaxed) & !(user as u64)
        };
        keys.set_logging(users != 0 && !self.is_replica());
    }

    /// Has the node be a replica, or a primary. All stripes are held.
    pub fn set_role(&self, keys: &mut KeyAccess<'_>, is_replica: bool) {
        self.is_replica.store(is_replica, Ordering::Relaxed);
        keys.set_logging(self.log_users.load(Ordering::Relaxed) != 0 && !is_replica);
    }

    /// True if the node follows another one.
    #[inline]
    pub fn is_replica(&self) -> bool {
        self.is_replica.load(Ordering::Relaxed)
    }

    /// True if the node follows its primary by the link of this number.
    pub fn follows_by(&self, number: u64) -> bool {
        self.look().following.as_ref().is_some_and(|following| following.number == number)
    }

    /// As [`Replication::follows_by`], and the data here is what the primary's stream goes on from.
    pub fn is_fed_by(&self, number: u64) -> bool {
        self.look().following.as_ref().is_some_and(|following| following.number == number && !following.has_part)
    }

    /// True if a part of a primary's data is here, and nothing else: a full copy that did not come to its end.
    pub fn has_partial_copy(&self) -> bool {
        self.look().following.as_ref().is_some_and(|following| following.has_part)
    }

    /// The primary's host and port.
    pub fn primary(&self) -> Option<(String, u16)> {
        self.look().following.as_ref().map(|following| (following.host.clone(), following.port))
    }

    /// What the primary is asked for, where the log ends at `end`.
    pub fn wish(&self, end: u64) -> Option<(String, u64)> {
        self.look().wish(end).map(|(id, next)| (id.to_owned(), next))
    }

    /// Notes how much of a full copy has come by the link of this number.
    pub fn note_transfer(&self, number: u64, total: Option<u64>, came: u64) {
        if let Some(following) = self.look().following.as_mut().filter(|following| following.number == number) {
            following.transfer = (total, came);
        }
        self.heard_ms.store(clock::monotonic_ms(), Ordering::Relaxed);
    }

    /// Sets what INFO counts to zero.
    pub fn reset_stats(&self) {
        self.look().figures = Figures::default();
        [&self.net_input, &self.net_output].iter().for_each(|figure| figure.store(0, Ordering::Relaxed));
    }

    /// The numbers of all replicas.
    pub fn numbers(&self) -> Vec<u64> {
        self.look().replicas.keys().copied().collect()
    }

    /// Keeps the backlog by this reader, unless one does already: then it is given back.
    pub fn keep_backlog(&self, reader: LogReader) -> Option<LogReader> {
        let mut backlog = self.backlog.lock();
        if backlog.is_some() { Some(reader) } else { backlog.replace(reader) }
    }

    /// Calls `act` with what keeps the backlog.
    pub fn with_backlog<R>(&self, act: impl FnOnce(&LogReader) -> R) -> Option<R> {
        self.backlog.lock().as_ref().map(act)
    }

    /// Takes out what keeps the backlog.
    pub fn take_backlog(&self) -> Option<LogReader> {
        self.backlog.lock().take()
    }

    /// Hands over a connection. It is given back if nobody serves replicas, or there are as many as may be.
    ///
    /// # Errors
    /// The connection, to be closed.
    pub fn join(&self, joining: Joining) -> Result<(), Joining> {
        let mut waiting = self.joining.lock();
        if !self.is_served.load(Ordering::Relaxed) || self.count() + waiting.len() >= REPLICAS_MAX {
            return Err(joining);
        }
        waiting.push(joining);
        drop(waiting);
        self.wake.notify_one();
        Ok(())
    }

    /// Takes the connections that were handed over.
    pub fn take_joining(&self) -> Vec<Joining> {
        std::mem::take(&mut self.joining.lock())
    }

    /// Replicas that have everything up to `offset`.
    pub fn replicas_at(&self, offset: u64) -> usize {
        if self.count() == 0 { 0 } else { self.look().replicas_at(offset) }
    }

    /// Replicas on whose disks everything up to `offset` is.
    pub fn disks_at(&self, offset: u64) -> usize {
        if self.count() == 0 { 0 } else { self.look().disks_at(offset) }
    }

    /// Asks replicas how far they are, unless they have been asked since the log had this end.
    pub fn ask(&self, log: &WriteLog) {
        if self.count() > 0 && self.asked_at.load(Ordering::Relaxed) != log.end() {
            // They are asked for the end, which is behind what anybody has written.
            let end = log.append_aside(GETACK, |waker| waker.wake());
            self.asked_at.store(end, Ordering::Relaxed);
            self.hurry.notify_waiters();
        }
    }

    /// True if as many replicas have it as are waited for.
    fn is_reached(&self, written: Written) -> bool {
        match written.holders {
            Holders::Replicas(count) => self.replicas_at(written.offset) >= count,
            Holders::Disks { others, .. } => self.disks_at(written.offset) >= others,
        }
    }

    /// Enters one that waits for replicas to have something, if it waits for any.
    pub fn enter(&self, written: Written, waiter: Arc<Waiter>) {
        if matches!(written.holders, Holders::Disks { others: 0, .. }) {
            return;
        }
        let mut waiting = self.waiting.lock();
        // Those who have gone leave their places when the next one comes: it is never longer than what clients wait.
        waiting.retain(|(_, waiter)| waiter.is_waiting());
        waiting.push((written, Arc::clone(&waiter)));
        drop(waiting);
        // What replicas said in between nobody else tells it.
        if self.is_reached(written) {
            waiter.end(Outcome::Retry);
        }
    }

    /// Has those look again for whom enough replicas have what they wait for.
    pub fn wake_waiters(&self) {
        let mut waiting = self.waiting.lock();
        waiting.retain(|(written, waiter)| {
            let is_reached = self.is_reached(*written);
            if is_reached {
                waiter.end(Outcome::Retry);
            }
            !is_reached && waiter.is_waiting()
        });
    }

    /// What is known of each replica, by its number.
    pub fn replicas(&self) -> Vec<Replica> {
        self.look().replicas.values().cloned().collect()
    }
}
