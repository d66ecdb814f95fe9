//! The thread that serves replicas, and what none of them does for itself.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::Duration;

use super::actions::perform;
use super::feed::Feed;
use super::group::Waiting;
use super::{link, snapshot};
use crate::base::{clock, rng};
use crate::config::Config;
use crate::engine::failover;
use crate::engine::replication_core::{Event, Options};
use crate::engine::shared::Shared;

/// Between two looks at the clock.
const TICK: Duration = Duration::from_millis(100);
/// The backlog may be longer than it should by this part of it, before somebody is woken to cut it: that is seldom, then.
const SLACK_PART: u64 = 8;
/// And by at least so many bytes.
const SLACK_LEN_MIN: u64 = 64 * 1024;

/// Starts the thread. It ends with the process.
///
/// # Errors
/// The system's.
pub fn start(shared: &Arc<Shared>) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let shared = Arc::clone(shared);
    // Not by the thread: it may begin to run after the first replica has come.
    shared.replication.is_served.store(true, Ordering::Relaxed);
    std::thread::Builder::new().name("replication".to_owned()).spawn(move || {
        tokio::task::LocalSet::new().block_on(&runtime, run(&shared));
    })?;
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "its thread's runtime has timers")]
async fn run(shared: &Arc<Shared>) {
    let (mut followed, waiting) = (None, Rc::<RefCell<Waiting>>::default());
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = shared.replication.wake.notified() => {}
            () = backlog_is_long(shared) => {}
            _ = ticks.tick() => {}
        }
        shared.debug.sleep_if_told();
        for joining in shared.replication.take_joining() {
            Feed::start(shared, &waiting, joining);
        }
        snapshot::take_due(shared, &waiting);
        tick(shared);
        failover::look(shared);
        let number = shared.replication.look().following.as_ref().map(|following| following.number);
        if std::mem::replace(&mut followed, number) != number
            && let Some(number) = number
            && let Err(error) = link::start(shared, number)
        {
            tracing::warn!("Can't follow the primary: {error}");
            // It is tried again with the next tick.
            followed = None;
        }
    }
}

/// Waits until the backlog is longer than it should be by so much that it is worth to be cut.
async fn backlog_is_long(shared: &Shared) {
    let len = shared.config.load().repl_backlog_size;
    let len = len + (len / SLACK_PART).max(SLACK_LEN_MIN);
    poll_fn(|cx| {
        let is_short = shared.replication.with_backlog(|reader| shared.write_log.wake_behind(reader, len, cx.waker().clone()));
        if is_short == Some(false) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

fn options(config: &Config) -> Options {
    let milliseconds = |seconds: u64| seconds.saturating_mul(1000);
    Options {
        timeout_ms: milliseconds(config.repl_timeout.into()),
        ping_ms: milliseconds(config.repl_ping_replica_period.into()),
        backlog_len: config.repl_backlog_size,
        backlog_ttl_ms: milliseconds(config.repl_backlog_ttl),
    }
}

/// Takes note of the time.
fn tick(shared: &Shared) {
    let config = shared.config.load();
    let (now_ms, end) = (clock::monotonic_ms(), shared.write_log.end());
    let event = Event::Tick { now_ms, end, options: options(&config), new_history: rng::random_hex(20) };
    for action in shared.replication.step(event) {
        perform(shared, &config, &action);
    }
    shared.replication.count_good(&config);
    if shared.replication.set_write_delay() {
        shared.gate.advance();
    }
}
