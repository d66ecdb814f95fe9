//! Parts of what all workers of a node share that know nothing of commands: who the node is, what pauses it, how it ends.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU8, AtomicU64, Ordering};

use parking_lot::Mutex;
use tokio::sync::{Notify, oneshot};

use crate::base::clock;
use crate::config::{Config, Refusal, ShutdownFlags};

/// Who this process is.
#[derive(Debug)]
pub struct Identity {
    /// 40 hexadecimal digits, new with each start.
    pub run_id: String,
    /// Absolute path of the program.
    pub executable: String,
    /// When it started, unix milliseconds.
    pub started_ms: i64,
    /// Process id.
    pub pid: u32,
}

/// CLIENT PAUSE.
///
/// One pause at a time: a further one prolongs it and may extend it from writes to everything, but never shortens or eases it.
#[derive(Debug, Default)]
pub struct Pause {
    /// Monotonic milliseconds, so that a change of the system's clock neither prolongs nor repeats it; 0: none.
    until_ms: AtomicU64,
    all: AtomicBool,
    /// Why writes wait whatever clients ask for, as bits of [`crate::keyspace::freeze`].
    held: AtomicU8,
    /// Wakes those who wait when the pause is over early or changed.
    pub changed: Notify,
}

impl Pause {
    /// Until when a command waits, monotonic milliseconds: 0 if it may run.
    #[inline]
    pub fn until_ms(&self, is_write: bool) -> u64 {
        // The clock is read only where somebody paused.
        if self.until_ms.load(Ordering::Relaxed) != 0 {
            return self.until_ms_at(is_write, clock::monotonic_ms()).max(self.until_released_ms(is_write));
        }
        self.until_released_ms(is_write)
    }

    #[inline]
    fn until_released_ms(&self, is_write: bool) -> u64 {
        if is_write && self.held.load(Ordering::Relaxed) != 0 { u64::MAX } else { 0 }
    }

    /// Holds back writes for this reason, or no longer. Called by [`super::shared::Shared::hold_writes`].
    pub(super) fn hold(&self, reason: u8, yes: bool) {
        if yes {
            self.held.fetch_or(reason, Ordering::Relaxed);
        } else {
            self.held.fetch_and(!reason, Ordering::Relaxed);
        }
        self.changed.notify_waiters();
    }

    /// True if writes are held back for this reason.
    pub fn is_held_for(&self, reason: u8) -> bool {
        self.held.load(Ordering::Relaxed) & reason != 0
    }

    fn until_ms_at(&self, is_write: bool, now_ms: u64) -> u64 {
        let until_ms = self.until_ms.load(Ordering::Relaxed);
        if until_ms > now_ms && (is_write || self.all.load(Ordering::Relaxed)) { until_ms } else { 0 }
    }

    /// Holds back writes, or all commands, for a time.
    pub fn begin(&self, timeout_ms: u64, all: bool) {
        let now_ms = clock::monotonic_ms();
        let is_running = self.until_ms_at(true, now_ms) > 0;
        self.all.store(all || (is_running && self.all.load(Ordering::Relaxed)), Ordering::Relaxed);
        self.until_ms.fetch_max(now_ms.saturating_add(timeout_ms).max(1), Ordering::Relaxed);
        self.changed.notify_waiters();
    }

    /// Ends the pause.
    pub fn end(&self) {
        self.until_ms.store(0, Ordering::Relaxed);
        self.all.store(false, Ordering::Relaxed);
        self.changed.notify_waiters();
    }

    /// True if there was a pause whose time is over; from then on there is none.
    pub fn ends_by_itself(&self) -> bool {
        let until_ms = self.until_ms.load(Ordering::Relaxed);
        let is_over = until_ms != 0 && until_ms <= clock::monotonic_ms();
        is_over && self.until_ms.compare_exchange(until_ms, 0, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    /// What waits, as INFO names it, and for how many more milliseconds.
    pub fn state(&self) -> (&'static str, u64) {
        match self.until_ms.load(Ordering::Relaxed).saturating_sub(clock::monotonic_ms()) {
            0 if self.held.load(Ordering::Relaxed) != 0 => ("write", 0),
            0 => ("none", 0),
            left if self.all.load(Ordering::Relaxed) => ("all", left),
            left => ("write", left),
        }
    }
}

/// How long a client's output peak is remembered, in milliseconds, unless DEBUG REPLYBUFFER says otherwise.
pub const REPLY_PEAK_RESET_MS: i64 = 5000;

/// What DEBUG switches.
#[derive(Debug)]
pub struct DebugSwitches {
    /// PAUSE-CRON: periodic work on clients stands still.
    pub pause_cron: AtomicBool,
    /// REPLYBUFFER RESIZING: room that a client's output no longer needs is given back.
    pub reply_resizing: AtomicBool,
    /// REPLYBUFFER PEAK-RESET-TIME: after so many milliseconds an output peak is forgotten; negative: never.
    pub reply_peak_reset_ms: AtomicI64,
    /// CLIENT-ENFORCE-REPLY-LIST: replies count as blocks of output, even if the buffer that is kept can hold them.
    pub reply_blocks: AtomicBool,
    /// SLEEP: until when the whole node stands still, monotonic microseconds.
    pub asleep_until_us: AtomicU64,
    /// SET-SKIP-CHECKSUM-VALIDATION: RESTORE takes payloads with a wrong checksum.
    pub skip_checksum: AtomicBool,
    /// PFDEBUG SIMD: registers of HyperLogLogs are merged several at a time.
    pub wide_registers: AtomicBool,
}

impl DebugSwitches {
    /// True if registers of HyperLogLogs are merged several at a time.
    pub fn is_wide(&self) -> bool {
        self.wide_registers.load(Ordering::Relaxed)
    }

    /// Stands still with the rest of the node while DEBUG SLEEP says so.
    #[inline]
    pub fn sleep_if_told(&self) {
        if self.asleep_until_us.load(Ordering::Relaxed) != 0 {
            self.sleep();
        }
    }

    #[cold]
    fn sleep(&self) {
        let left_us = self.asleep_until_us.load(Ordering::Relaxed).saturating_sub(clock::monotonic_us());
        std::thread::sleep(std::time::Duration::from_micros(left_us));
    }
}

impl Default for DebugSwitches {
    fn default() -> Self {
        DebugSwitches {
            pause_cron: AtomicBool::new(false),
            reply_resizing: AtomicBool::new(true),
            reply_peak_reset_ms: AtomicI64::new(REPLY_PEAK_RESET_MS),
            reply_blocks: AtomicBool::new(false),
            asleep_until_us: AtomicU64::new(0),
            skip_checksum: AtomicBool::new(false),
            wide_registers: AtomicBool::new(true),
        }
    }
}

/// What has to follow a change of options outside the commands, and may refuse it: listeners, the log.
pub type ConfigHook = Box<dyn Fn(&Config, &Config) -> Result<(), Refusal> + Send + Sync>;

/// SHUTDOWN and signals: how the node ends. At most one wish per client is noted: who has one waits for its answer.
#[derive(Debug, Default)]
pub struct Stop {
    /// True once the node is ending.
    pub requested: AtomicBool,
    /// Wakes the main thread.
    pub notify: Notify,
    wishes: Mutex<VecDeque<EndWish>>,
    /// Until when it waits for replicas, monotonic milliseconds; 0: it does not.
    waits_until_ms: AtomicU64,
}

/// A client that wants the node to end.
#[derive(Debug)]
pub struct EndWish {
    /// How.
    pub flags: ShutdownFlags,
    /// Who, for the log.
    pub client: String,
    /// Told that the node does not end. If it does, the client hears nothing.
    pub refused: oneshot::Sender<()>,
}

impl EndWish {
    /// Tells the client that the node does not end. One that has gone meanwhile need not hear it.
    pub fn refuse(self) {
        let _ = self.refused.send(());
    }
}

impl Stop {
    /// Asks the node to end: no new connections, what was received is answered, then it exits.
    pub fn request(&self) {
        self.requested.store(true, Ordering::Release);
        self.notify.notify_one();
    }

    /// Asks the main thread to end the node, once it has saved what is to be saved. What is returned says that it does not end after all.
    pub fn ask(&self, flags: ShutdownFlags, client: String) -> oneshot::Receiver<()> {
        let (refused, answer) = oneshot::channel();
        self.wishes.lock().push_back(EndWish { flags, client, refused });
        self.notify.notify_one();
        answer
    }

    /// Begins to wait for replicas, until this time.
    pub fn begin_to_wait(&self, until_ms: u64) {
        self.waits_until_ms.store(until_ms.max(1), Ordering::Relaxed);
    }

    /// Ends the wait for replicas, by itself or by [`Stop::abort`]. False if there was none any more.
    pub fn end_wait(&self) -> bool {
        self.waits_until_ms.swap(0, Ordering::Relaxed) != 0
    }

    /// Has a node that waits for its replicas go on. False if it does not wait.
    pub fn abort(&self) -> bool {
        let aborts = self.end_wait();
        if aborts {
            tracing::info!("Shutdown manually aborted.");
        }
        aborts
    }

    /// How long it will still wait for replicas, in milliseconds. None if it does not.
    pub fn waits_for_ms(&self) -> Option<u64> {
        let until_ms = self.waits_until_ms.load(Ordering::Relaxed);
        (until_ms != 0).then(|| until_ms.saturating_sub(clock::monotonic_ms()))
    }

    /// Takes what a client asked for, the first one first.
    pub fn take_wish(&self) -> Option<EndWish> {
        self.wishes.lock().pop_front()
    }

    /// True once the node is ending.
    #[inline]
    pub fn is_requested(&self) -> bool {
        self.requested.load(Ordering::Acquire)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_is_prolonged_and_extended_but_never_eased() {
        let pause = Pause::default();
        assert_eq!((pause.until_ms(true), pause.state().0, pause.ends_by_itself()), (0, "none", false));
        pause.begin(1_000_000, false);
        let until_ms = pause.until_ms(true);
        assert!(until_ms > 0 && pause.until_ms(false) == 0);
        pause.begin(1, true);
        assert_eq!((pause.until_ms(true), pause.until_ms(false), pause.state().0), (until_ms, until_ms, "all"));
        pause.begin(u64::MAX, false);
        assert_eq!(pause.until_ms(false), u64::MAX, "neither its time nor what it holds back gets less");
        pause.end();
        assert_eq!((pause.until_ms(true), pause.state().0), (0, "none"));
    }

    #[test]
    fn a_pause_ends_by_itself_once() {
        // In the clock's first millisecond a pause of none lasts until its end: 0 means that there is none.
        while clock::monotonic_ms() == 0 {
            std::thread::yield_now();
        }
        let pause = Pause::default();
        pause.begin(0, true);
        assert_eq!(pause.until_ms(true), 0);
        assert!(pause.ends_by_itself() && !pause.ends_by_itself());
    }
}
