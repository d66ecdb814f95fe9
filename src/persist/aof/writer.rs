//! The end of the append only file: what the write log gets is written there.
//!
//! Whoever needs something to be written writes it, and with it everything that others have appended until then: a worker, before it sends
//! the replies of all clients whose requests it has run. So a turn of many clients costs one write, and what a worker has waited for is
//! written by itself; a thread of its own would have to be woken for it and wake others in turn. Flushing to the disk waits for the disk,
//! and so has a thread: with `appendfsync always` replies are held until that has caught up, and no worker waits ([`DurableOffset`]).
//!
//! The system may keep who writes to a file waiting for as long as it flushes that. So while it does, no worker writes: with `always` it is written
//! behind the flush, which those replies wait for anyway; with `everysec` by a second thread, while the replies are held. Valkey sends them
//! unwritten, for up to two seconds, and then keeps everybody waiting.
//!
//! Invariants:
//! * What the file holds is the log's bytes from the offset at which it was begun on, without a gap. A part of a write that failed is cut off
//!   again before anything else is written.
//! * A part is on the disk before the next one is written to.
//! * [`DurableOffset`] advances to an offset once everything before it is as durable as `appendfsync` wants it: on the disk (`always`), or
//!   given to the system (`everysec`, `no`), which is where it is if this process ends.
//! * A write that fails with `everysec` or `no` holds up no reply, as in Valkey: those that were on their way leave, later writes are
//!   refused until the disk has room again (`MISCONF`), and what was not written stays in the log until then. An error of a flush is not over
//!   with the next write, but with the next flush.
//! * What a flush has failed for once is never told to be on the disk: the system may have dropped it. A rewrite makes it anew.
//! * A part's header is right before anything is written behind it, and on the disk if what is written belongs to a history that got another
//!   name: nobody takes it for something of the history before.
//! * Remarks on the time (`aof-timestamp-enabled`) stand between records. They are bytes of the file and not of the log, and tell when what
//!   follows was written.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;

use super::hand_over::HandOver;
use super::part::{Current, Naming, Part, split_off};
use super::requests::time_remark;
use crate::base::clock;
use crate::base::durable_offset::DurableOffset;
use crate::base::limits::LOG_WAITING_LEN_MAX;
use crate::config::{AppendFsync, os_text};
use crate::persist::files::File;
use crate::persist::write_log::{LogReader, WriteLog};

/// Between two flushes with `everysec`.
const FLUSH_PERIOD: Duration = Duration::from_secs(1);
/// A write that waited so long for a flush counts as delayed, as in Valkey.
const DELAYED_MS: u64 = 2000;

/// Figures for INFO, and for who decides about a rewrite.
#[derive(Debug, Default)]
pub struct Figures {
    /// Bytes of the parts before the current one.
    pub earlier_len: AtomicU64,
    /// Bytes of the current one.
    pub current_len: AtomicU64,
    /// Bytes of all parts after the last rewrite, or at the start.
    pub base_len: AtomicU64,
    /// Writes that waited long for a flush.
    pub delayed_flushes: AtomicU64,
    /// The system's number of the error of the last write; 0 if it went well.
    write_error: AtomicU32,
    /// The same of the last flush.
    flush_error: AtomicU32,
}

/// See the module's page.
#[derive(Debug)]
pub struct Writer {
    log: Arc<WriteLog>,
    durable: Arc<DurableOffset>,
    current: Mutex<Option<Current>>,
    /// Taken with `current` held, or by itself.
    next: Mutex<Option<Part>>,
    /// What headers do not say yet: what is said last is about all that was written before as well.
    naming: Mutex<Option<Naming>>,
    has_naming: AtomicBool,
    is_on: AtomicBool,
    policy: AtomicU8,
    /// Everything before it was given to the system.
    written: AtomicU64,
    /// How far everything is on the disk, whatever `appendfsync` wants.
    pub flushed: DurableOffset,
    /// Everything before it was given to the system before the last flush, whether or not that went well.
    tried: AtomicU64,
    /// Flushes that failed; and as many of them as a rewrite has made good.
    failures: AtomicU64,
    mended: AtomicU64,
    /// The next write goes on in another part.
    has_next: AtomicBool,
    flushes: HandOver,
    writes: HandOver,
    /// There is a thread for the writes that workers leave to others.
    has_writer: AtomicBool,
    /// A flush goes on.
    is_flushing: AtomicBool,
    /// `no-appendfsync-on-rewrite`, and how many others write much to the disk.
    spares_disk: AtomicBool,
    disk_users: AtomicU32,
    /// `aof-timestamp-enabled`.
    notes_time: AtomicBool,
    /// DEBUG AOF-FLUSH-SLEEP: microseconds to wait before each write.
    pub delay_us: AtomicU32,
    /// What INFO tells.
    pub figures: Figures,
}

/// Somebody writes much to the disk, until this is dropped.
#[derive(Debug)]
pub struct DiskUse<'w>(&'w Writer);

impl Drop for DiskUse<'_> {
    fn drop(&mut self) {
        self.0.disk_users.fetch_sub(1, Ordering::AcqRel);
        self.0.flushes.wish();
    }
}

impl Writer {
    /// A writer without a file.
    pub fn new(log: Arc<WriteLog>, durable: Arc<DurableOffset>) -> Writer {
        Writer {
            log,
            durable,
            current: Mutex::new(None),
            next: Mutex::new(None),
            naming: Mutex::new(None),
            has_naming: AtomicBool::new(false),
            is_on: AtomicBool::new(false),
            policy: AtomicU8::new(AppendFsync::EverySecond as u8),
            written: AtomicU64::new(0),
            flushed: DurableOffset::default(),
            tried: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            mended: AtomicU64::new(0),
            has_next: AtomicBool::new(false),
            flushes: HandOver::default(),
            writes: HandOver::default(),
            has_writer: AtomicBool::new(false),
            is_flushing: AtomicBool::new(false),
            spares_disk: AtomicBool::new(false),
            disk_users: AtomicU32::new(0),
            notes_time: AtomicBool::new(false),
            delay_us: AtomicU32::new(0),
            figures: Figures::default(),
        }
    }

    /// True if changes are written to a file.
    pub fn is_on(&self) -> bool {
        self.is_on.load(Ordering::Relaxed)
    }

    /// The error with which the last write or flush failed; `None` if they went well.
    pub fn error(&self) -> Option<io::Error> {
        let numbers = [&self.figures.write_error, &self.figures.flush_error];
        let number = numbers.iter().map(|number| number.load(Ordering::Relaxed)).find(|number| *number != 0)?;
        Some(io::Error::from_raw_os_error(number as i32))
    }

    /// True if the last write or flush failed.
    #[inline]
    pub fn has_failed(&self) -> bool {
        (self.figures.write_error.load(Ordering::Relaxed) | self.figures.flush_error.load(Ordering::Relaxed)) != 0
    }

    /// True if so much of the log waits to be written that nothing should be added to it.
    #[inline]
    pub fn is_behind(&self) -> bool {
        self.waiting_bytes() > LOG_WAITING_LEN_MAX
    }

    /// True if everything before this offset is on the disk for certain, where there is a file.
    pub fn has_flushed(&self, offset: u64) -> bool {
        self.is_on() && !self.is_doubtful() && self.flushed.now() >= offset
    }

    /// True while the file is flushed to the disk.
    pub fn is_flushing(&self) -> bool {
        self.is_flushing.load(Ordering::Relaxed)
    }

    /// Flushes that failed so far.
    pub fn failures(&self) -> u64 {
        self.failures.load(Ordering::Acquire)
    }

    /// True if a flush has failed, and so something of the file may never reach the disk.
    pub fn is_doubtful(&self) -> bool {
        self.failures() > self.mended.load(Ordering::Acquire)
    }

    /// What so many flushes have failed for is on the disk in other files now.
    pub fn mend(&self, failures: u64) {
        self.mended.fetch_max(failures, Ordering::AcqRel);
        self.flushes.wish();
    }

    /// Says that somebody writes much to the disk: `no-appendfsync-on-rewrite` then has nothing flushed.
    pub fn use_disk(&self) -> DiskUse<'_> {
        self.disk_users.fetch_add(1, Ordering::AcqRel);
        DiskUse(self)
    }

    fn spares_disk(&self) -> bool {
        self.spares_disk.load(Ordering::Relaxed) && self.disk_users.load(Ordering::Acquire) > 0
    }

    /// Bytes of the log that were not given to the system yet.
    pub fn waiting_bytes(&self) -> u64 {
        if self.is_on() { self.log.end().saturating_sub(self.written.load(Ordering::Acquire)) } else { 0 }
    }

    /// Takes what the options say: `appendfsync`, `no-appendfsync-on-rewrite`, `aof-timestamp-enabled`.
    pub fn set_options(&self, policy: AppendFsync, spares_disk: bool, notes_time: bool) {
        self.policy.store(policy as u8, Ordering::Relaxed);
        self.spares_disk.store(spares_disk, Ordering::Relaxed);
        self.notes_time.store(notes_time, Ordering::Relaxed);
        self.flushes.wish();
    }

    fn policy(&self) -> u8 {
        self.policy.load(Ordering::Relaxed)
    }

    fn is_always(&self) -> bool {
        self.policy() == AppendFsync::Always as u8
    }

    /// Everything that `reader`, whose place is at `from`, gets from now on goes to the end of `part`. There is no file yet. It is of use
    /// only with what comes before it: unless that is there, `is_whole`, nothing counts as being on the disk before [`Writer::mend`].
    pub fn begin(&self, part: Part, reader: LogReader, from: u64, is_whole: bool) {
        let mut current = self.current.lock();
        assert!(current.is_none(), "another file would have a gap");
        // A rewrite that was cancelled as the file before ended may have left its part behind.
        self.forget_next();
        self.figures.current_len.store(part.len, Ordering::Relaxed);
        *current = Some(Current::new(part, reader));
        self.written.store(from, Ordering::Release);
        self.tried.store(from, Ordering::Release);
        // What lies before is in other files, or in none: nobody is told to wait for it.
        self.durable.advance(from);
        // Whatever was wrong with the file before.
        self.mended.store(self.failures(), Ordering::Release);
        if is_whole {
            self.flushed.advance(from);
        } else {
            self.failures.fetch_add(1, Ordering::AcqRel);
        }
        self.forget_errors();
        self.is_on.store(true, Ordering::Release);
    }

    fn forget_errors(&self) {
        for error in [&self.figures.write_error, &self.figures.flush_error] {
            error.store(0, Ordering::Relaxed);
        }
    }

    /// What is changed from now on goes to the end of `part`, what came until now to the one before. Called under all stripe locks, behind
    /// [`Writer::settle`]: nothing is appended to the log meanwhile, and nothing is written here. Returns the offset at which the part begins.
    pub fn go_on_in(&self, mut part: Part) -> u64 {
        let from = self.log.forget_database();
        part.header.offset = from;
        let before = self.next.lock().replace(part);
        assert!(before.is_none(), "one rewrite at a time");
        self.has_next.store(true, Ordering::Release);
        from
    }

    fn forget_next(&self) {
        *self.next.lock() = None;
        self.has_next.store(false, Ordering::Release);
    }

    /// The part to be gone on in, if what was read reaches it.
    fn take_next(&self, end: u64) -> Option<Part> {
        self.next.lock().take_if(|next| next.header.offset <= end)
    }

    /// The history is called so from now on, and what is written of it from now on comes from a primary (`is_copy`), or not. Nothing is written
    /// here: the header says it before anything else is written.
    pub fn name(&self, history: &str, is_copy: bool) {
        if self.is_on() {
            let mut naming = self.naming.lock();
            let is_copy = is_copy || naming.as_ref().is_some_and(|before| before.is_copy);
            *naming = Some(Naming { history: history.to_owned(), is_copy });
            self.has_naming.store(true, Ordering::Release);
        }
    }

    /// Has the headers say what they do not say yet.
    fn write_name(&self, current: &mut Current) -> io::Result<()> {
        if !self.has_naming.load(Ordering::Acquire) {
            return Ok(());
        }
        let naming = self.naming.lock().clone();
        let Some(naming) = naming else { return Ok(()) };
        self.next.lock().iter_mut().for_each(|next| naming.apply(&mut next.header));
        naming.apply(&mut current.part.header);
        current.part.write_header()?;
        // What follows may be there after a power cut only if this is.
        self.sync(&*current.part.file)?;
        let mut left = self.naming.lock();
        if left.as_ref() == Some(&naming) {
            *left = None;
            self.has_naming.store(false, Ordering::Release);
        }
        Ok(())
    }

    /// Has the part that was begun last begin with its header, on the disk.
    ///
    /// # Errors
    /// The system's; or if nothing is written to any more, and so nobody has seen to it.
    pub fn write_header(&self) -> io::Result<()> {
        let mut current = self.current.lock();
        let Some(written) = &mut *current else { return Err(io::ErrorKind::NotFound.into()) };
        self.write_name(written)?;
        let mut next = self.next.lock();
        let part = next.as_mut().unwrap_or(&mut written.part);
        part.write_header()?;
        let file = Arc::clone(&part.file);
        // Others go on writing meanwhile.
        drop((next, current));
        file.sync()
    }

    /// Writes what is left and ends: nothing is written from now on, and nobody waits for it.
    ///
    /// # Errors
    /// The system's, if the rest could not be written. It has ended all the same.
    pub fn end(&self) -> io::Result<()> {
        let mut current = self.current.lock();
        self.is_on.store(false, Ordering::Release);
        let Some(mut last) = current.take() else { return Ok(()) };
        let result = self.write_rest(&mut last).and_then(|()| last.part.file.sync());
        // Nothing depends on the file any longer: who switches it off since its disk is full may write again.
        self.forget_errors();
        self.log.end_reader(&last.reader);
        self.forget_next();
        *self.naming.lock() = None;
        self.has_naming.store(false, Ordering::Release);
        drop(current);
        self.durable.advance(self.log.end());
        // Whoever waits for the disk is told that there is no file: see `has_flushed`.
        self.flushed.advance(self.log.end());
        result
    }

    /// Sees to it that everything before `offset` is written, or on its way to the disk.
    #[inline]
    pub fn need(&self, offset: u64) {
        if self.written.load(Ordering::Acquire) < offset {
            self.write_or_hand_over(offset);
        }
    }

    /// Leaves it to others while the system may keep who writes waiting.
    #[inline(never)]
    fn write_or_hand_over(&self, offset: u64) {
        // Who goes on in another part flushes the one before.
        let is_flushing = self.is_flushing() || self.has_next.load(Ordering::Acquire);
        if self.is_always() {
            if is_flushing {
                return self.flushes.wish();
            }
        } else if self.has_writer.load(Ordering::Acquire) && (is_flushing || self.writes.is_busy()) {
            return self.writes.wish();
        }
        self.write(offset);
    }

    fn write(&self, offset: u64) {
        let mut current = self.current.lock();
        // Who had the lock before may have written it. To go on in another part takes no more of the log.
        if self.written.load(Ordering::Acquire) >= offset && !self.has_next.load(Ordering::Acquire) {
            return;
        }
        let Some(file) = &mut *current else {
            // There is no file: nobody waits for one.
            self.durable.advance(self.log.end());
            return;
        };
        let result = self.write_rest(file);
        drop(current);
        let is_always = self.is_always();
        if is_always && result.is_err() {
            // Replies that depend on it are held, and what they tell of cannot be taken back.
            give_up("Can't recover from AOF write error when the AOF fsync policy is 'always'. Exiting...");
        }
        if is_always && !self.spares_disk() {
            self.flushes.wish();
        } else {
            // After an error as well: see the module's page.
            let end = if result.is_ok() { self.written.load(Ordering::Acquire) } else { self.log.end() };
            self.durable.advance(end);
        }
    }

    /// Writes what is left, and begins the part that is to be gone on in, if there is one: another one may be named then.
    ///
    /// # Errors
    /// The system's, if the part before could not be written to its end.
    pub fn settle(&self) -> io::Result<()> {
        self.write(self.log.end());
        match *self.next.lock() {
            None => Ok(()),
            Some(_) => Err(self.error().unwrap_or_else(|| io::Error::from_raw_os_error(libc::EIO))),
        }
    }

    /// Writes what workers leave to others, until [`Writer::stop`]: the work of a thread of its own.
    pub fn write_forever(&self) {
        self.has_writer.store(true, Ordering::Release);
        while self.writes.wait(None) {
            let started_ms = clock::monotonic_ms();
            self.write(self.log.end());
            let took_ms = clock::monotonic_ms() - started_ms;
            if took_ms >= DELAYED_MS {
                self.figures.delayed_flushes.fetch_add(1, Ordering::Relaxed);
                tracing::info!(
                    "Asynchronous AOF fsync is taking too long (disk is busy?). Replies to writes had to wait for {took_ms} ms."
                );
            }
        }
        self.has_writer.store(false, Ordering::Release);
    }

    /// Writes everything that the log has beyond what was written.
    fn write_rest(&self, current: &mut Current) -> io::Result<()> {
        let mut pieces = std::mem::take(&mut current.pieces);
        let end = self.log.read(&current.reader, &mut pieces);
        // Asked after the end is known: what is appended behind the border is not among it, or the border is there.
        let mut result = self.write_name(current);
        if result.is_ok()
            && let Some(next) = self.take_next(end)
        {
            let from = next.header.offset;
            let before = split_off(&mut pieces, from - self.written.load(Ordering::Acquire));
            // On the disk before anything of the next part is: else that could be there after a power cut, and what lies before it not.
            result = self.write_to(current, before, from).and_then(|()| self.sync(&*current.part.file));
            if result.is_ok() {
                self.figures.earlier_len.fetch_add(current.part.len, Ordering::Relaxed);
                current.part = next;
                current.time_s = 0;
                self.has_next.store(false, Ordering::Release);
            } else {
                *self.next.lock() = Some(next);
            }
        }
        let result = result.and_then(|()| self.write_to(current, pieces, end));
        self.note_write(result.as_ref().err());
        result
    }

    /// Writes what lies before `end` and behind what was written.
    fn write_to(&self, current: &mut Current, pieces: Vec<Bytes>, end: u64) -> io::Result<()> {
        let delay_us = self.delay_us.load(Ordering::Relaxed);
        if delay_us > 0 && !pieces.is_empty() {
            std::thread::sleep(Duration::from_micros(delay_us.into()));
        }
        let now_s = if self.notes_time.load(Ordering::Relaxed) { clock::unix_ms() / 1000 } else { 0 };
        current.pieces = pieces;
        if now_s > current.time_s && !current.pieces.is_empty() {
            current.pieces.insert(0, time_remark(now_s).into());
        }
        let result = current.write_pieces();
        current.pieces.clear();
        if result.is_ok() {
            current.time_s = current.time_s.max(now_s);
            self.log.release(&current.reader, end);
            self.written.store(end, Ordering::Release);
            self.figures.current_len.store(current.part.len, Ordering::Relaxed);
        }
        result
    }

    /// Notes how a write went.
    fn note_write(&self, error: Option<&io::Error>) {
        note(
            &self.figures.write_error,
            error,
            "Error writing to the AOF file",
            "AOF write error looks solved. The server can write again.",
        );
    }

    /// Notes how a flush went.
    fn note_flush(&self, error: Option<&io::Error>) {
        note(&self.figures.flush_error, error, "Fail to fsync the AOF file", "AOF fsync error looks solved. The server can write again.");
    }

    /// Flushes to the disk, as often as `appendfsync` wants it, until [`Writer::stop`]: the work of a thread of its own.
    pub fn flush_forever(&self) {
        while self.flushes.wait(Some(FLUSH_PERIOD)) {
            self.write_and_flush();
        }
    }

    /// Writes everything, also what nobody waits for, as what expiry took away, and flushes it, if it should be.
    pub fn write_and_flush(&self) {
        self.write(self.log.end());
        self.flush();
    }

    /// Flushes a part. What that fails for may never reach the disk.
    fn sync(&self, file: &dyn File) -> io::Result<()> {
        self.is_flushing.store(true, Ordering::Release);
        let result = file.sync();
        self.is_flushing.store(false, Ordering::Release);
        if result.is_err() {
            self.failures.fetch_add(1, Ordering::AcqRel);
        }
        result
    }

    /// Flushes what was written, if it should be.
    fn flush(&self) {
        let Some(file) = self.current.lock().as_ref().map(|current| Arc::clone(&current.part.file)) else { return };
        let written = self.written.load(Ordering::Acquire);
        if self.policy() == AppendFsync::No as u8 {
            return;
        }
        if self.spares_disk() {
            // Who waits for the disk does not have to, for so long.
            self.durable.advance(written);
            return;
        }
        if self.tried.load(Ordering::Acquire) >= written && !self.has_failed() {
            if !self.is_doubtful() && self.flushed.now() < written {
                self.flushed.advance(written);
            }
            return;
        }
        let result = self.sync(&*file);
        self.tried.fetch_max(written, Ordering::AcqRel);
        match &result {
            Ok(()) => {
                if !self.is_doubtful() {
                    self.flushed.advance(written);
                }
                if self.is_always() {
                    self.durable.advance(written);
                }
            }
            Err(error) if self.is_always() => {
                // Who was promised that it is on the disk must not see it before, and nobody can tell now what is there.
                let reason = os_text(error);
                give_up(&format!("Can't persist AOF for fsync error when the AOF fsync policy is 'always': {reason}. Exiting..."));
            }
            Err(_) => {}
        }
        self.note_flush(result.as_ref().err());
    }

    /// Ends [`Writer::flush_forever`] and [`Writer::write_forever`].
    pub fn stop(&self) {
        self.flushes.end();
        self.writes.end();
    }
}

/// Ends the process: what was promised to be on the disk may not be there. A test that breaks its disk is told as of a panic, and goes on.
fn give_up(why: &str) -> ! {
    tracing::error!("{why}");
    if cfg!(test) {
        std::panic::resume_unwind(Box::new(why.to_owned()));
    }
    std::process::exit(1)
}

/// Notes the number of an error, or 0, and has the log tell when it begins and when it is over.
fn note(figure: &AtomicU32, error: Option<&io::Error>, begun: &str, over: &str) {
    let number = error.map_or(0, |error| error.raw_os_error().unwrap_or(libc::EIO).unsigned_abs());
    let before = figure.swap(number, Ordering::Relaxed);
    match error {
        Some(error) if before == 0 => tracing::warn!("{begun}: {}", os_text(error)),
        None if before != 0 => tracing::info!("{over}"),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use parking_lot::Condvar;

    use super::*;
    use crate::persist::aof::header::PartHeader;
    use crate::persist::files::Files as _;
    use crate::persist::files::faulty::{Fault, FaultyFiles, Operation};
    use crate::persist::write_log::{Addition, Body};

    fn header() -> PartHeader {
        PartHeader { history: "a".repeat(40), epoch: 0, offset: 0, database: 0, is_copy: false }
    }

    /// A part without a header.
    fn bare(file: Arc<dyn File>) -> Part {
        Part { file, len: 0, header: header(), header_is_due: false }
    }

    /// A writer with a file, which nobody flushes by himself.
    struct Fixture {
        log: Arc<WriteLog>,
        durable: Arc<DurableOffset>,
        files: FaultyFiles,
        writer: Writer,
    }

    impl Fixture {
        fn new(policy: AppendFsync) -> Fixture {
            let files = FaultyFiles::default();
            let file = files.create(Path::new("first")).expect("there is room");
            let fixture = Fixture::with_file(file, policy);
            Fixture { files, ..fixture }
        }

        fn with_file(file: Arc<dyn File>, policy: AppendFsync) -> Fixture {
            let (log, durable) = (Arc::<WriteLog>::default(), Arc::<DurableOffset>::default());
            let writer = Writer::new(Arc::clone(&log), Arc::clone(&durable));
            writer.set_options(policy, false, false);
            let (reader, from) = log.read_from_end(false);
            writer.begin(bare(file), reader, from, true);
            Fixture { log, durable, files: FaultyFiles::default(), writer }
        }

        /// Appends something. Returns the offset behind it.
        fn append(&self, bytes: &[u8]) -> u64 {
            self.log.append(Addition { body: Body::Short(bytes), databases: (0, 0), is_transaction: false }, |_| ())
        }

        fn content(&self) -> Vec<u8> {
            let content = self.files.content("first").expect("it was created");
            content.strip_prefix(b"*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n".as_slice()).map_or_else(|| content.clone(), <[u8]>::to_vec)
        }
    }

    fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
        let deadline_ms = clock::monotonic_ms() + 60_000;
        while !is_so() {
            assert!(clock::monotonic_ms() < deadline_ms, "{what}");
            std::thread::yield_now();
        }
    }

    #[test]
    fn a_file_that_is_over_is_closed_by_whatever_policy() {
        for policy in [AppendFsync::Always, AppendFsync::EverySecond, AppendFsync::No] {
            let fixture = Fixture::new(policy);
            let (writer, first) = (&fixture.writer, fixture.files.open(Path::new("first")).expect("it is there"));
            writer.go_on_in(bare(fixture.files.create(Path::new("second")).expect("there is room")));
            fixture.append(b"x");
            std::thread::scope(|scope| {
                scope.spawn(|| writer.flush_forever());
                wait_until("it is closed", || !writer.has_next.load(Ordering::Acquire) && writer.waiting_bytes() == 0);
                writer.stop();
            });
            drop(first);
            assert!(fixture.files.content("second").is_some_and(|content| content.ends_with(b"x")), "{policy:?}");
        }
    }

    #[test]
    fn a_part_may_follow_another_one_to_which_nothing_was_written() -> io::Result<()> {
        let fixture = Fixture::new(AppendFsync::EverySecond);
        let writer = &fixture.writer;
        writer.need(fixture.append(b"first"));
        for name in ["second", "third"] {
            writer.go_on_in(bare(fixture.files.create(Path::new(name))?));
            writer.settle()?;
        }
        fixture.append(b"third");
        fixture.files.set_room(2);
        writer.go_on_in(bare(fixture.files.create(Path::new("fourth"))?));
        assert!(writer.settle().is_err(), "it cannot be begun before the one before has ended");
        fixture.files.set_room(1000);
        writer.settle()?;
        writer.need(fixture.append(b"fourth"));
        assert!(fixture.files.content("second").is_some_and(|content| content.is_empty()));
        assert!(fixture.files.content("third").is_some_and(|content| content.ends_with(b"third")));
        assert!(fixture.files.content("fourth").is_some_and(|content| content.ends_with(b"fourth")));
        Ok(())
    }

    #[test]
    fn a_full_disk_loses_nothing_and_is_over_by_itself() {
        let fixture = Fixture::new(AppendFsync::EverySecond);
        let writer = &fixture.writer;
        writer.need(fixture.append(b"before"));
        fixture.files.set_room(3);
        let offset = fixture.append(b"while it is full");
        writer.need(offset);
        assert!(writer.has_failed() && writer.error().is_some_and(|error| error.raw_os_error() == Some(libc::ENOSPC)));
        assert_eq!(fixture.durable.now(), offset, "replies that were on their way leave, as in Valkey");
        assert_eq!(fixture.content(), b"before", "no half of a record stays");
        assert_eq!(writer.waiting_bytes(), 16);
        fixture.append(b"; expired");
        writer.need(fixture.log.end());
        assert!(writer.has_failed());
        fixture.files.set_room(1000);
        writer.need(fixture.log.end());
        assert!(!writer.has_failed() && writer.waiting_bytes() == 0);
        assert_eq!(fixture.content(), b"beforewhile it is full; expired");
        assert_eq!(fixture.log.kept_bytes(), 0, "what is written is no longer in memory");
        fixture.files.set_room(0);
        writer.need(fixture.append(b"; again"));
        assert!(writer.has_failed() && writer.end().is_err());
        assert!(!writer.has_failed(), "where there is no file nobody waits for room");
    }

    #[test]
    fn a_flush_that_failed_is_remembered_until_one_does_not_and_its_data_until_a_rewrite() {
        let fixture = Fixture::new(AppendFsync::EverySecond);
        let writer = &fixture.writer;
        let first = fixture.append(b"first");
        writer.need(first);
        writer.flush();
        assert!(writer.has_flushed(first));
        fixture.files.set_fault(|operation, _| (operation == Operation::Sync).then_some(Fault::Error(libc::EIO)));
        let second = fixture.append(b"second");
        writer.need(second);
        writer.flush();
        assert!(writer.has_failed() && writer.is_doubtful() && !writer.has_flushed(first));
        writer.need(fixture.append(b"third"));
        assert!(writer.has_failed(), "a write that succeeds says nothing about the disk");
        fixture.files.set_fault(|_, _| None);
        writer.flush();
        assert!(!writer.has_failed(), "it works again");
        assert!(!writer.has_flushed(second), "but what failed once may be lost");
        writer.mend(writer.failures());
        writer.flush();
        assert!(writer.has_flushed(fixture.log.end()));
    }

    #[test]
    fn remarks_on_the_time_stand_between_records_and_are_no_part_of_the_log() {
        let fixture = Fixture::new(AppendFsync::EverySecond);
        let writer = &fixture.writer;
        writer.set_options(AppendFsync::EverySecond, false, true);
        let before_s = clock::unix_ms() / 1000;
        for text in [b"one", b"two"] {
            writer.need(fixture.append(text));
        }
        let content = fixture.files.content("first").expect("it was created");
        let remark = time_remark(before_s);
        assert!(content.starts_with(b"#TS:") && content.ends_with(b"two"), "{content:?}");
        // Another second may have begun in between.
        let remarks = content.len() as u64 - fixture.log.end();
        assert!(remarks == remark.len() as u64 || remarks == 2 * remark.len() as u64, "{content:?}");
        assert_eq!(writer.figures.current_len.load(Ordering::Relaxed), content.len() as u64);
    }

    #[test]
    fn a_header_says_what_the_history_is_called_before_anything_of_it_is_written() -> io::Result<()> {
        let fixture = Fixture::new(AppendFsync::EverySecond);
        let writer = &fixture.writer;
        let named = |history: &str, offset, is_copy| PartHeader { history: history.repeat(40), offset, is_copy, ..header() };
        let starts =
            |name: &str, header: PartHeader| fixture.files.content(name).is_some_and(|content| content.starts_with(&header.record()));
        let part = |name: &str| Ok::<_, io::Error>(Part::new(fixture.files.create(Path::new(name))?, header()));
        writer.go_on_in(part("second")?);
        writer.settle()?;
        assert!(starts("second", named("a", 0, false)), "it is written when it is gone on in");
        let before = fixture.append(b"of the first name");
        writer.name(&"b".repeat(40), false);
        writer.name(&"c".repeat(40), true);
        // It cannot be said yet: so nothing is written.
        fixture.files.set_fault(|operation, _| (operation == Operation::Sync).then_some(Fault::Error(libc::EIO)));
        writer.need(before);
        assert!(writer.has_failed() && writer.waiting_bytes() > 0);
        fixture.files.set_fault(|_, _| None);
        writer.need(before);
        assert!(starts("second", named("c", 0, true)) && writer.waiting_bytes() == 0);
        // A part that is to follow says it as well, and then where it begins.
        writer.go_on_in(part("third")?);
        writer.name(&"d".repeat(40), false);
        writer.write_header()?;
        assert!(starts("third", named("d", before, false)) && starts("second", named("d", 0, true)));
        writer.need(fixture.append(b"of the last name"));
        assert!(starts("third", named("d", before, false)));
        assert!(fixture.files.content("third").is_some_and(|content| content.ends_with(b"of the last name")));
        writer.end()?;
        assert!(writer.write_header().is_err(), "nobody writes to it any more");
        Ok(())
    }

    #[test]
    fn nothing_is_flushed_while_others_need_the_disk_if_the_options_say_so() {
        let fixture = Fixture::new(AppendFsync::Always);
        let writer = &fixture.writer;
        writer.set_options(AppendFsync::Always, true, false);
        let offset = fixture.append(b"x");
        {
            let _use = writer.use_disk();
            writer.need(offset);
            writer.flush();
            assert_eq!((fixture.durable.now(), writer.has_flushed(offset)), (offset, false));
        }
        let next = fixture.append(b"y");
        writer.need(next);
        assert_eq!(fixture.durable.now(), offset, "now it waits for the disk again");
        writer.flush();
        assert_eq!((fixture.durable.now(), writer.has_flushed(next)), (next, true));
    }

    /// A file whose flush lasts until it is told to end, and which keeps who writes to it waiting meanwhile.
    #[derive(Debug, Default)]
    struct SlowFile {
        /// A flush goes on; it may end.
        state: Mutex<(bool, bool)>,
        changed: Condvar,
        written: Mutex<Vec<u8>>,
    }

    impl SlowFile {
        fn end_flush(&self) {
            self.state.lock().1 = true;
            self.changed.notify_all();
        }
    }

    impl File for SlowFile {
        fn read_at(&self, _: &mut [u8], _: u64) -> io::Result<usize> {
            Ok(0)
        }

        fn write_at(&self, bytes: &[u8], _: u64) -> io::Result<usize> {
            let mut state = self.state.lock();
            while state.0 {
                self.changed.wait(&mut state);
            }
            self.written.lock().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn len(&self) -> io::Result<u64> {
            Ok(self.written.lock().len() as u64)
        }

        fn set_len(&self, _: u64) -> io::Result<()> {
            Ok(())
        }

        fn sync(&self) -> io::Result<()> {
            let mut state = self.state.lock();
            state.0 = true;
            while !state.1 {
                self.changed.wait(&mut state);
            }
            state.0 = false;
            self.changed.notify_all();
            Ok(())
        }
    }

    #[test]
    fn no_worker_writes_behind_a_flush_and_no_reply_leaves_unwritten() {
        for policy in [AppendFsync::EverySecond, AppendFsync::Always] {
            let file = Arc::new(SlowFile::default());
            let fixture = Fixture::with_file(Arc::clone(&file) as Arc<dyn File>, policy);
            let writer = &fixture.writer;
            std::thread::scope(|scope| {
                scope.spawn(|| writer.flush_forever());
                scope.spawn(|| writer.write_forever());
                wait_until("there is a thread", || writer.has_writer.load(Ordering::Acquire));
                writer.need(fixture.append(b"one"));
                wait_until("it is being flushed", || file.state.lock().0);
                let offset = fixture.append(b"two");
                // Returns, though writing would wait.
                writer.need(offset);
                writer.need(fixture.append(b"three"));
                assert!(file.state.lock().0 && fixture.durable.now() < offset, "{policy:?}: nothing is acknowledged");
                assert!(file.written.lock().ends_with(b"one"));
                file.end_flush();
                wait_until("it is written and told", || fixture.durable.now() == fixture.log.end());
                assert!(file.written.lock().ends_with(b"onetwothree"), "{policy:?}");
                writer.stop();
            });
        }
    }
}
