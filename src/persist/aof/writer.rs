//! The end of the append only file: what the write log gets is written there.
//!
//! Whoever needs something to be written writes it, and with it everything that others have appended until then: a worker, before it sends
//! the replies of all clients whose requests it has run. So a turn of many clients costs one write, and what a worker has waited for is
//! written by itself; a thread of its own would have to be woken for it and wake others in turn. Flushing to the disk waits for the disk,
//! and so has a thread: with `appendfsync always` replies are held until that has caught up, and no worker waits ([`DurableOffset`]).
//!
//! Invariants:
//! * What the file holds is the log's bytes from the offset at which it was begun on, without a gap. A part of a write that failed is cut off
//!   again before anything else is written.
//! * [`DurableOffset`] advances to an offset once everything before it is as durable as `appendfsync` wants it: on the disk (`always`), or
//!   given to the system (`everysec`, `no`), which is where it is if this process ends.
//! * A write that fails with `everysec` or `no` holds up no reply, as in Valkey: those that were on their way leave, later writes are
//!   refused until the disk has room again (`MISCONF`), and what was not written stays in the log until then.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use parking_lot::{Condvar, Mutex};

use crate::base::durable_offset::DurableOffset;
use crate::base::limits::LOG_WRITE_LEN;
use crate::config::AppendFsync;
use crate::persist::files::{File, write_all_at};
use crate::persist::write_log::{LogReader, WriteLog};

/// Between two flushes with `everysec`.
const FLUSH_PERIOD: Duration = Duration::from_secs(1);

/// The part that is written now.
#[derive(Debug)]
struct Current {
    file: Arc<dyn File>,
    reader: LogReader,
    /// Bytes of the file that were written as a whole.
    len: u64,
    /// Parts of log that are put together to be written at once.
    buffer: Vec<u8>,
    pieces: Vec<Bytes>,
}

/// The part that follows the current one.
#[derive(Debug)]
struct Next {
    file: Arc<dyn File>,
    len: u64,
    /// It has what comes from this offset on.
    from: u64,
}

/// Figures for INFO, and for who decides about a rewrite.
#[derive(Debug, Default)]
pub struct Figures {
    /// Bytes of the parts before the current one.
    pub earlier_len: AtomicU64,
    /// Bytes of the current one.
    pub current_len: AtomicU64,
    /// Bytes of all parts after the last rewrite, or at the start.
    pub base_len: AtomicU64,
    /// Writes that waited for the disk.
    pub delayed_flushes: AtomicU64,
    /// The system's number of the error of the last write or flush; 0 if it went well.
    pub error: AtomicU64,
}

#[derive(Debug, Default)]
struct FlushState {
    /// The thread is to look.
    is_wanted: bool,
    must_end: bool,
    /// Parts that were written to the end and are not on the disk yet.
    earlier: Vec<Arc<dyn File>>,
}

/// See the module's page.
#[derive(Debug)]
pub struct Writer {
    log: Arc<WriteLog>,
    durable: Arc<DurableOffset>,
    current: Mutex<Option<Current>>,
    /// Taken with `current` held, or by itself.
    next: Mutex<Option<Next>>,
    is_on: AtomicBool,
    policy: AtomicU8,
    /// Everything before it was given to the system.
    written: AtomicU64,
    /// Everything before it is on the disk.
    flushed: AtomicU64,
    flushing: Mutex<FlushState>,
    wake: Condvar,
    /// What INFO tells.
    pub figures: Figures,
}

impl Writer {
    /// A writer without a file.
    pub fn new(log: Arc<WriteLog>, durable: Arc<DurableOffset>) -> Writer {
        Writer {
            log,
            durable,
            current: Mutex::new(None),
            next: Mutex::new(None),
            is_on: AtomicBool::new(false),
            policy: AtomicU8::new(AppendFsync::EverySecond as u8),
            written: AtomicU64::new(0),
            flushed: AtomicU64::new(0),
            flushing: Mutex::default(),
            wake: Condvar::new(),
            figures: Figures::default(),
        }
    }

    /// True if changes are written to a file.
    pub fn is_on(&self) -> bool {
        self.is_on.load(Ordering::Relaxed)
    }

    /// The error with which the last write or flush failed; `None` if it went well.
    #[inline]
    pub fn error(&self) -> Option<io::Error> {
        match self.figures.error.load(Ordering::Relaxed) {
            0 => None,
            number => Some(io::Error::from_raw_os_error(number as i32)),
        }
    }

    /// True if the last write or flush failed.
    #[inline]
    pub fn has_failed(&self) -> bool {
        self.figures.error.load(Ordering::Relaxed) != 0
    }

    /// Bytes of the log that were not given to the system yet.
    pub fn waiting_bytes(&self) -> u64 {
        if self.is_on() { self.log.end().saturating_sub(self.written.load(Ordering::Acquire)) } else { 0 }
    }

    /// Sets `appendfsync`.
    pub fn set_policy(&self, policy: AppendFsync) {
        self.policy.store(policy as u8, Ordering::Relaxed);
        self.ask_for_flush();
    }

    fn policy(&self) -> u8 {
        self.policy.load(Ordering::Relaxed)
    }

    fn is_always(&self) -> bool {
        self.policy() == AppendFsync::Always as u8
    }

    /// Everything that `reader`, whose place is at `from`, gets from now on goes to the end of `file`. There is no file yet.
    pub fn begin(&self, file: Arc<dyn File>, len: u64, reader: LogReader, from: u64) {
        let mut current = self.current.lock();
        assert!(current.is_none(), "another file would have a gap");
        *current = Some(Current { file, reader, len, buffer: Vec::new(), pieces: Vec::new() });
        self.figures.current_len.store(len, Ordering::Relaxed);
        self.written.store(from, Ordering::Release);
        self.flushed.store(from, Ordering::Release);
        self.is_on.store(true, Ordering::Release);
    }

    /// What is changed from now on goes to the end of `file`, what came until now to the one before. Called under all stripe locks: nothing is
    /// appended to the log meanwhile, and nothing is written here. Returns the offset at which the file begins.
    pub fn go_on_in(&self, file: Arc<dyn File>, len: u64) -> u64 {
        let from = self.log.forget_database();
        let before = self.next.lock().replace(Next { file, len, from });
        assert!(before.is_none(), "one rewrite at a time");
        from
    }

    /// The file to be gone on in, if what was read reaches it.
    fn take_next(&self, end: u64) -> Option<Next> {
        self.next.lock().take_if(|next| next.from <= end)
    }

    /// Writes what is left and ends: nothing is written from now on, and nobody waits for it.
    ///
    /// # Errors
    /// The system's, if the rest could not be written. It has ended all the same.
    pub fn end(&self) -> io::Result<()> {
        let mut current = self.current.lock();
        self.is_on.store(false, Ordering::Release);
        let Some(mut last) = current.take() else { return Ok(()) };
        let earlier = std::mem::take(&mut self.flushing.lock().earlier);
        let result = self.write_rest(&mut last).and_then(|()| earlier.iter().chain([&last.file]).try_for_each(|file| file.sync()));
        self.log.end_reader(&last.reader);
        *self.next.lock() = None;
        drop(current);
        self.durable.advance(self.log.end());
        result
    }

    /// Sees to it that everything before `offset` is written, or on its way to the disk.
    #[inline]
    pub fn need(&self, offset: u64) {
        if self.written.load(Ordering::Acquire) < offset {
            self.write(offset);
        }
    }

    #[inline(never)]
    fn write(&self, offset: u64) {
        let mut current = self.current.lock();
        // Who had the lock before may have written it.
        if self.written.load(Ordering::Acquire) >= offset {
            return;
        }
        let Some(file) = &mut *current else {
            // There is no file: nobody waits for one.
            self.durable.advance(self.log.end());
            return;
        };
        let result = self.write_rest(file);
        drop(current);
        if self.is_always() {
            if result.is_err() {
                // Replies that depend on it are held, and what they tell of cannot be taken back.
                tracing::error!("Can't recover from AOF write error when the AOF fsync policy is 'always'. Exiting...");
                std::process::exit(1);
            }
            self.ask_for_flush();
        } else {
            // After an error as well: see the module's page.
            let end = if result.is_ok() { self.written.load(Ordering::Acquire) } else { self.log.end() };
            self.durable.advance(end);
        }
    }

    /// Writes everything that the log has beyond what was written.
    fn write_rest(&self, current: &mut Current) -> io::Result<()> {
        let mut pieces = std::mem::take(&mut current.pieces);
        let end = self.log.read(&current.reader, &mut pieces);
        // Asked after the end is known: what is appended behind the border is not among it, or the border is there.
        let mut result = Ok(());
        if let Some(next) = self.take_next(end) {
            let before = split_off(&mut pieces, next.from - self.written.load(Ordering::Acquire));
            result = self.write_to(current, before, next.from);
            if result.is_ok() {
                self.figures.earlier_len.fetch_add(current.len, Ordering::Relaxed);
                let before = std::mem::replace(&mut current.file, next.file);
                current.len = next.len;
                self.flushing.lock().earlier.push(before);
            } else {
                *self.next.lock() = Some(next);
            }
        }
        let result = result.and_then(|()| self.write_to(current, pieces, end));
        self.note(result.as_ref().err());
        result
    }

    /// Writes what lies before `end` and behind what was written.
    fn write_to(&self, current: &mut Current, pieces: Vec<Bytes>, end: u64) -> io::Result<()> {
        current.pieces = pieces;
        let result = current.write_pieces();
        current.pieces.clear();
        if result.is_ok() {
            self.log.release(&current.reader, end);
            self.written.store(end, Ordering::Release);
            self.figures.current_len.store(current.len, Ordering::Relaxed);
        }
        result
    }

    /// Notes how a write or a flush went.
    fn note(&self, error: Option<&io::Error>) {
        let number = error.map_or(0, |error| error.raw_os_error().unwrap_or(libc::EIO) as u64);
        let before = self.figures.error.swap(number, Ordering::Relaxed);
        match error {
            Some(error) if before == 0 => tracing::warn!("Error writing to the AOF file: {error}"),
            None if before != 0 => tracing::info!("AOF write error looks solved. The server can write again."),
            _ => {}
        }
    }

    fn ask_for_flush(&self) {
        self.flushing.lock().is_wanted = true;
        self.wake.notify_one();
    }

    /// Flushes to the disk, as often as `appendfsync` wants it, until [`Writer::stop_flushing`]: the work of a thread of its own.
    pub fn flush_forever(&self) {
        while self.wait_for_work() {
            // What nobody waits for, as what expiry took away, is written now.
            self.need(self.log.end());
            let Some(file) = self.current.lock().as_ref().map(|current| Arc::clone(&current.file)) else { continue };
            let written = self.written.load(Ordering::Acquire);
            let is_never = self.policy() == AppendFsync::No as u8;
            if !is_never && self.flushed.load(Ordering::Acquire) >= written {
                continue;
            }
            let earlier = std::mem::take(&mut self.flushing.lock().earlier);
            if is_never {
                // Nobody flushes them: they are closed all the same.
                continue;
            }
            match earlier.iter().try_for_each(|file| file.sync()).and_then(|()| file.sync()) {
                Ok(()) => {
                    self.flushed.fetch_max(written, Ordering::AcqRel);
                    if self.is_always() {
                        self.durable.advance(written);
                    }
                }
                Err(error) if self.is_always() => {
                    // Who was promised that it is on the disk must not see it before, and nobody can tell now what is there.
                    tracing::error!("Can't persist AOF for fsync error when the AOF fsync policy is 'always': {error}. Exiting...");
                    std::process::exit(1);
                }
                Err(error) => self.note(Some(&error)),
            }
        }
    }

    /// Ends [`Writer::flush_forever`].
    pub fn stop_flushing(&self) {
        self.flushing.lock().must_end = true;
        self.wake.notify_one();
    }

    /// Sleeps for a second, or until there is something to flush at once. False if there never will be.
    fn wait_for_work(&self) -> bool {
        let mut state = self.flushing.lock();
        if !state.is_wanted && !state.must_end {
            self.wake.wait_for(&mut state, FLUSH_PERIOD);
        }
        state.is_wanted = false;
        !state.must_end
    }
}

/// Takes the first `len` bytes out of `pieces`.
fn split_off(pieces: &mut Vec<Bytes>, mut len: u64) -> Vec<Bytes> {
    let mut first = Vec::new();
    let mut rest = std::mem::take(pieces).into_iter();
    for mut piece in rest.by_ref() {
        if piece.len() as u64 > len {
            first.push(piece.split_to(len as usize));
            pieces.push(piece);
            break;
        }
        len -= piece.len() as u64;
        first.push(piece);
    }
    pieces.extend(rest);
    first
}

impl Current {
    fn write_pieces(&mut self) -> io::Result<()> {
        let mut pieces = self.pieces.iter().peekable();
        let mut at = self.len;
        while let Some(piece) = pieces.next() {
            let mut bytes = &piece[..];
            if pieces.peek().is_some_and(|next| piece.len() + next.len() <= LOG_WRITE_LEN) {
                self.buffer.clear();
                self.buffer.extend_from_slice(piece);
                while let Some(next) = pieces.next_if(|next| self.buffer.len() + next.len() <= LOG_WRITE_LEN) {
                    self.buffer.extend_from_slice(next);
                }
                bytes = &self.buffer;
            }
            if let Err(error) = write_all_at(&*self.file, bytes, at) {
                // Whoever reads the file finds no half of a record; if this fails as well, the next write overwrites it.
                let _ = self.file.set_len(self.len);
                return Err(error);
            }
            at += bytes.len() as u64;
        }
        self.len = at;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::base::clock;
    use crate::persist::files::Files as _;
    use crate::persist::files::faulty::FaultyFiles;
    use crate::persist::write_log::{Addition, Body};

    #[test]
    fn a_file_that_is_over_is_closed_by_whatever_policy() {
        for policy in [AppendFsync::Always, AppendFsync::EverySecond, AppendFsync::No] {
            let (log, files) = (Arc::<WriteLog>::default(), FaultyFiles::default());
            let writer = Writer::new(Arc::clone(&log), Arc::default());
            let create = |name: &str| files.create(Path::new(name)).expect("there is room");
            let first = create("first");
            writer.set_policy(policy);
            let (reader, from) = log.read_from_end(true);
            writer.begin(Arc::clone(&first), 0, reader, from);
            writer.go_on_in(create("second"), 0);
            log.append(Addition { body: Body::Short(b"x"), databases: (0, 0), is_transaction: false }, |_| ());
            std::thread::scope(|scope| {
                scope.spawn(|| writer.flush_forever());
                let deadline_ms = clock::monotonic_ms() + 60_000;
                while Arc::strong_count(&first) > 1 && clock::monotonic_ms() < deadline_ms {
                    std::thread::yield_now();
                }
                writer.stop_flushing();
            });
            assert_eq!(Arc::strong_count(&first), 1, "{policy:?}");
            assert!(files.content("second").is_some_and(|content| content.ends_with(b"x")), "{policy:?}");
        }
    }
}
