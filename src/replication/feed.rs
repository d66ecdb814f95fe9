//! One replica: it is sent its snapshot, then the log, and says how far it is.
//!
//! ```text
//! PSYNC ---> partly ---------------------------------------> +CONTINUE id, log from there
//!       \--> wholly --> snapshot begins: +FULLRESYNC id at
//!                       $EOF:mark, snapshot, mark; ACK ----> log from `at`
//!                       $length, snapshot ----------------->
//! ```

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use larder_proto::resp::{Batch, Limits, RequestParser};
use tokio::sync::oneshot;

use super::actions::perform;
use super::aside::{self, Aside, is_behind};
use super::group::{Begun, Group, Member, Waiting};
use super::pipe::{Part, Pipe};
use super::snapshot;
use super::socket::Socket;
use crate::base::limits::REPLICA_READ_LEN;
use crate::base::number::parse_i64;
use crate::base::{clock, rng};
use crate::clients::Client;
use crate::clients::session::ReplicaWish;
use crate::engine::client_line;
use crate::engine::context::is_word;
use crate::engine::replication_core::{Action, Event, Replica, Stage};
use crate::engine::replication_state::Joining;
use crate::engine::roles;
use crate::engine::shared::Shared;
use crate::keyspace::access::{KeyAccess, Moment};
use crate::metrics::Counters;
use crate::persist::rdb::style::Style;
use crate::persist::write_log::LogReader;

/// Between two looks at what others ask, at the clock and at the limits.
const LOOK: Duration = Duration::from_millis(100);
/// What a replica says is short: more that is no request is nothing that a replica says.
const INPUT_LEN_MAX: usize = 64 * 1024;
/// Parts that are written by one system call.
const PARTS_MAX: usize = 64;
/// What is written right after something was sent waits for so long for more: a replica is not woken for each batch of a client.
const GATHER: Duration = Duration::from_millis(1);
/// Sent to who waits for its snapshot, so often: it sees that all is well.
const ALIVE_MS: u64 = 1000;

/// Why a connection ends.
#[derive(Debug)]
enum End {
    /// The other side, or somebody here, has ended it.
    Closed,
    /// The system's error.
    Io(io::Error),
    /// There is no snapshot: the log says why.
    Snapshot,
    /// It does not read what it is sent.
    Slow,
    /// It does not take its snapshot.
    Stuck,
    /// It says what no replica says.
    Garbage,
}

impl From<io::Error> for End {
    fn from(error: io::Error) -> End {
        End::Io(error)
    }
}

/// What it is sent.
#[derive(Debug)]
enum Source {
    /// Its snapshot, once that has begun.
    Begin(oneshot::Receiver<Begun>),
    /// Its snapshot.
    Snapshot,
    /// Nothing, until it says that it has its snapshot.
    Nothing,
    /// What is on its way, and then nothing: it has all that it wanted.
    End,
    /// The log.
    Log,
}

/// What is on its way to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sent {
    /// A part of the log, which is kept there until it is sent.
    Log,
    /// A part of the log that lay aside.
    Aside,
    /// Something else.
    Other,
}

/// A snapshot that is taken for it, and maybe for others.
#[derive(Debug)]
struct Taking {
    pipe: Arc<Pipe>,
    /// Tells whether it went well.
    ended: Option<oneshot::Receiver<bool>>,
    /// Those whom it serves.
    group: Arc<Group>,
}

/// See the module's page.
#[derive(Debug)]
pub(super) struct Feed {
    shared: Arc<Shared>,
    waiting: Rc<RefCell<Waiting>>,
    client: Arc<Client>,
    socket: Socket,
    wish: ReplicaWish,
    source: Source,
    taking: Option<Taking>,
    /// The end of the snapshot, if it finds that by a mark.
    mark: Option<String>,
    reader: Option<LogReader>,
    /// What was sent of the log.
    sent: u64,
    /// What it has not taken of the log, and is not in memory.
    aside: Aside,
    /// What is to be sent.
    out: VecDeque<Bytes>,
    out_is: Sent,
    /// Until when what is written is let gather, monotonic microseconds.
    gathers_until_us: u64,
    /// The length of its snapshot was announced.
    has_announced: bool,
    input: Vec<u8>,
    parser: RequestParser,
    /// When it last took something, or nothing was there for it.
    progress_ms: u64,
    alive_ms: u64,
    soft_limit_since_ms: Option<u64>,
}

impl Feed {
    /// Serves a replica that joins. `waiting` are those who wait for snapshots.
    pub(super) fn start(shared: &Arc<Shared>, waiting: &Rc<RefCell<Waiting>>, joining: Joining) {
        let Joining { socket, is_unix, client, wish } = joining;
        let socket = match Socket::adopt(socket, is_unix) {
            Ok(socket) => socket,
            Err(error) => {
                tracing::warn!("Can't serve a replica: {error}");
                return shared.clients.end(&client);
            }
        };
        let now_ms = clock::monotonic_ms();
        let path = snapshot::temporary_path(shared, client.id).with_extension("log");
        let feed = Feed {
            aside: Aside::new(Arc::clone(&shared.saving.files), path),
            shared: Arc::clone(shared),
            waiting: Rc::clone(waiting),
            client,
            socket,
            wish,
            source: Source::Nothing,
            taking: None,
            mark: None,
            reader: None,
            sent: 0,
            out: VecDeque::new(),
            out_is: Sent::Other,
            gathers_until_us: 0,
            has_announced: false,
            input: Vec::new(),
            parser: RequestParser::default(),
            progress_ms: now_ms,
            alive_ms: now_ms,
            soft_limit_since_ms: None,
        };
        tokio::task::spawn_local(feed.run());
    }

    async fn run(mut self) {
        let end = match self.begin() {
            Ok(()) => self.serve().await,
            Err(end) => end,
        };
        let (name, shared) = (&self.client.addr, &self.shared);
        match end {
            End::Closed => tracing::info!("Connection with replica {name} lost."),
            End::Io(error) => tracing::warn!("Connection with replica {name} lost: {error}"),
            End::Snapshot => tracing::warn!("SYNC failed. Replica {name} gets no snapshot"),
            End::Slow => {
                Counters::one(&shared.counters.output_buffer_closed);
                let line = client_line::for_log(shared, &self.client);
                tracing::warn!("Client {line} scheduled to be closed ASAP for overcoming of output buffer limits.");
            }
            End::Stuck => tracing::warn!("Disconnecting timedout replica (full sync): {name}"),
            End::Garbage => tracing::warn!("Replica {name} says what no replica says: connection closed"),
        }
        if let Some(taking) = &self.taking {
            taking.group.leave(self.client.id);
        }
        if let Source::Begin(begun) = &mut self.source {
            // A snapshot that begins from now on ends by itself. One that has begun just now has a place in the log, which would be kept for ever.
            begun.close();
            self.reader = begun.try_recv().ok().map(|begun| begun.reader);
        }
        // Not known any more before it is gone from the log: who cuts that does not look for it.
        shared.replication.step(Event::Gone { replica: self.client.id, now_ms: clock::monotonic_ms() });
        self.reader.iter().for_each(|reader| shared.write_log.end_reader(reader));
        shared.replication.count_good(&shared.config.load());
        shared.clients.end(&self.client);
    }

    /// Decides what it gets.
    fn begin(&mut self) -> Result<(), End> {
        let (shared, about) = (Arc::clone(&self.shared), &self.wish.about);
        self.socket.set_delay(shared.config.load().repl_disable_tcp_nodelay);
        let ip = if about.ip.is_empty() { host_of(&self.client.addr) } else { about.ip.clone() };
        let about = Replica {
            ip,
            port: about.port,
            stage: Stage::Waiting,
            acked: 0,
            flushed: 0,
            acked_ms: clock::monotonic_ms(),
            acks: self.wish.place.is_some(),
            aside: 0,
            fill: 0,
        };
        tracing::info!("Replica {} asks for synchronization", self.client.addr);
        if self.wish.promotes {
            self.promote()?;
        }
        let wish = self.wish.place.as_ref().map(|(id, next)| (&id[..], *next));
        let event = Event::Asks { replica: self.client.id, about, wish, end: shared.write_log.end() };
        for action in shared.replication.step(event) {
            match action {
                Action::Continue { from, .. } => self.go_on(from)?,
                Action::FullSync { .. } => self.wait_for_snapshot(),
                Action::Refuse { .. } => return Err(End::Closed),
                other => perform(&shared, &shared.config.load(), &other),
            }
        }
        Ok(())
    }

    /// Has the node lead, if the one that asks for it is its primary still.
    fn promote(&self) -> Result<(), End> {
        let (shared, place) = (&self.shared, self.wish.place.as_ref());
        let mut keys = KeyAccess::new(&shared.keyspace, 0, &Moment::new(&shared.keyspace, clock::unix_ms()), 0);
        let is_promoted = keys.with_all(|keys| {
            let id = shared.replication.history_id();
            let is_asked = shared.replication.is_replica() && place.is_some_and(|(asked, _)| asked.eq_ignore_ascii_case(id.as_bytes()));
            if is_asked {
                roles::lead(shared, keys);
            }
            is_asked
        });
        if !is_promoted {
            return Err(End::Closed);
        }
        tracing::info!("PRIMARY MODE enabled (failover request from '{}')", self.client.addr);
        shared.config.update(|config| config.replicaof.clear());
        Ok(())
    }

    fn go_on(&mut self, from: u64) -> Result<(), End> {
        let shared = &self.shared;
        self.reader = shared.write_log.read_from(from);
        if self.reader.is_none() {
            return Err(End::Io(io::Error::other("the log does not reach back that far")));
        }
        self.sent = from;
        let id = if self.wish.about.renames { format!(" {}", shared.replication.history_id()) } else { String::new() };
        self.out.push_back(format!("+CONTINUE{id}\r\n").into());
        let len = shared.write_log.end() - from;
        let (name, next) = (&self.client.addr, from + 1);
        tracing::info!(
            "Partial resynchronization request from {name} accepted. Sending {len} bytes of backlog starting from offset {next}."
        );
        self.source = Source::Log;
        Ok(())
    }

    fn wait_for_snapshot(&mut self) {
        let (shared, config, replica) = (&self.shared, self.shared.config.load(), self.client.id);
        let pipe = Arc::new(Pipe::new(Arc::clone(&shared.saving.files), snapshot::temporary_path(shared, replica)));
        let ((begun, on_begin), (ended, on_end)) = (oneshot::channel(), oneshot::channel());
        let member = Member {
            replica,
            pipe: Arc::clone(&pipe),
            begun: Some(begun),
            ended,
            asked_ms: clock::monotonic_ms(),
            // As in Valkey, which takes it by way of a file then.
            is_urgent: !config.repl_diskless_sync || !self.wish.about.finds_mark,
        };
        let group = self.waiting.borrow_mut().join(Style::of_replica(&config, self.wish.about.version), member);
        snapshot::take_due(shared, &self.waiting);
        self.taking = Some(Taking { pipe, ended: Some(on_end), group });
        self.source = Source::Begin(on_begin);
    }

    /// Serves it until its connection ends. Says why that is.
    #[expect(clippy::disallowed_methods, reason = "its thread's runtime has timers")]
    async fn serve(&mut self) -> End {
        let mut looks = tokio::time::interval(LOOK);
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            if let Err(end) = self.fill() {
                return end;
            }
            let (is_reading, is_writing, gathers) = (self.input.len() < INPUT_LEN_MAX, !self.out.is_empty(), self.gathers());
            // While the log is waited for, that is seen anyway.
            let watches = self.aside.is_open() && (is_writing || !matches!(self.source, Source::Log));
            let result = tokio::select! {
                ready = self.socket.readable(), if is_reading => ready.map_err(End::Io).and_then(|()| self.read()),
                ready = self.socket.writable(), if is_writing => ready.map_err(End::Io).and_then(|()| self.write()),
                () = gather(&self.shared), if !is_writing && gathers => {
                    self.gathers_until_us = 0;
                    Ok(())
                }
                result = wait(&mut self.source, self.taking.as_mut(), self.reader.as_ref(), &self.shared), if !is_writing && !gathers => {
                    result.and_then(|begun| self.note_begun(begun))
                }
                () = self.shared.replication.dropped.notified() => self.look(),
                () = is_behind(self.reader.as_ref(), &self.shared), if watches => self.look(),
                _ = looks.tick() => self.look(),
            };
            if let Err(end) = result {
                return end;
            }
        }
    }

    /// True while the log is let grow before more of it is sent.
    fn gathers(&self) -> bool {
        // The log may have begun anew at a lower offset: then this connection is about to end.
        let is_long = || self.shared.write_log.end().saturating_sub(self.sent) >= REPLICA_READ_LEN as u64;
        clock::monotonic_us() < self.gathers_until_us && !is_long()
    }

    /// Takes what is to be sent next, unless something is on its way.
    fn fill(&mut self) -> Result<(), End> {
        if !self.out.is_empty() {
            return Ok(());
        }
        self.out_is = Sent::Other;
        match &self.source {
            Source::Begin(_) | Source::Nothing => {}
            Source::End => return Err(End::Closed),
            Source::Snapshot => self.fill_from_snapshot()?,
            Source::Log => {
                if let Some(bytes) = self.aside.next()? {
                    self.out.push_back(bytes);
                    self.out_is = Sent::Aside;
                } else if let Some(reader) = self.reader.as_ref().filter(|_| !self.gathers()) {
                    let mut pieces = Vec::new();
                    self.shared.write_log.read_some(reader, REPLICA_READ_LEN, &mut pieces);
                    // Looked at behind it: what is written once its connection is to end may be of another history.
                    if self.client.must_close() {
                        return Err(End::Closed);
                    }
                    self.out.extend(pieces);
                    self.out_is = Sent::Log;
                }
            }
        }
        Ok(())
    }

    fn fill_from_snapshot(&mut self) -> Result<(), End> {
        let Some(taking) = &self.taking else { return Ok(()) };
        if self.mark.is_none() && !self.has_announced {
            // Its length comes first, once all is there.
            if let Some(len) = taking.pipe.len() {
                self.out.push_back(format!("${len}\r\n").into());
                self.has_announced = true;
            }
            return Ok(());
        }
        match taking.pipe.take()? {
            Part::Bytes(bytes) => self.out.push_back(bytes),
            Part::Wait => {}
            Part::End => self.end_snapshot(),
        }
        Ok(())
    }

    fn end_snapshot(&mut self) {
        if let Some(mark) = &self.mark {
            self.out.push_back(mark.clone().into());
        }
        (self.source, self.taking) = (Source::Nothing, None);
        tracing::info!("Synchronization with replica {} succeeded", self.client.addr);
        if self.wish.about.only_snapshot {
            self.source = Source::End;
            return;
        }
        let event = Event::Sent { replica: self.client.id, has_mark: self.mark.is_some(), now_ms: clock::monotonic_ms() };
        self.step(event);
    }

    /// Tells what happened, and does what follows.
    fn step(&mut self, event: Event<'_>) {
        let shared = Arc::clone(&self.shared);
        for action in shared.replication.step(event) {
            match action {
                Action::Stream { .. } => self.source = Source::Log,
                other => perform(&shared, &shared.config.load(), &other),
            }
        }
    }

    /// Notes that its snapshot has begun.
    fn note_begun(&mut self, begun: Option<Begun>) -> Result<(), End> {
        let Some(Begun { reader, at }) = begun else { return Ok(()) };
        let id = self.shared.replication.history_id();
        (self.reader, self.sent, self.source) = (Some(reader), at, Source::Snapshot);
        if self.wish.about.only_snapshot {
            self.reader.take().iter().for_each(|reader| self.shared.write_log.end_reader(reader));
        }
        if self.wish.place.is_some() {
            self.out.push_back(format!("+FULLRESYNC {id} {at}\r\n").into());
        }
        if self.wish.about.finds_mark {
            let mark = rng::random_hex(20);
            self.out.push_back(format!("$EOF:{mark}\r\n").into());
            self.mark = Some(mark);
        }
        Ok(())
    }

    fn write(&mut self) -> Result<(), End> {
        let parts: Vec<io::IoSlice<'_>> = self.out.iter().take(PARTS_MAX).map(|bytes| io::IoSlice::new(bytes)).collect();
        let written = match self.socket.try_write_vectored(&parts) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            written => written?,
        };
        self.progress_ms = clock::monotonic_ms();
        self.client.figures.net_output.fetch_add(written as u64, Ordering::Relaxed);
        self.shared.replication.net_output.fetch_add(written as u64, Ordering::Relaxed);
        let mut left = written;
        while let Some(first) = self.out.front_mut() {
            if first.len() > left {
                _ = first.split_to(left);
                break;
            }
            left -= first.len();
            self.out.pop_front();
        }
        if self.out_is != Sent::Other {
            self.sent += written as u64;
        }
        if let (Sent::Log, Some(reader)) = (self.out_is, &self.reader) {
            self.gathers_until_us = clock::monotonic_us() + GATHER.as_micros() as u64;
            self.shared.write_log.release(reader, self.sent);
        }
        Ok(())
    }

    fn read(&mut self) -> Result<(), End> {
        let mut buffer = [0; 4096];
        let len = match self.socket.try_read(&mut buffer) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            len => len?,
        };
        if len == 0 {
            return Err(End::Closed);
        }
        self.client.figures.net_input.fetch_add(len as u64, Ordering::Relaxed);
        self.client.last_interaction_ms.store(clock::monotonic_ms(), Ordering::Relaxed);
        self.input.extend_from_slice(&buffer[..len]);
        // Empty lines, which are no request, say that it is busy with its snapshot.
        self.step(Event::Heard { replica: self.client.id, now_ms: clock::monotonic_ms() });
        let (mut batch, mut input) = (Batch::default(), std::mem::take(&mut self.input));
        let consumed = self.parser.parse(&mut input, &Limits::default(), &mut batch, usize::MAX).map_err(|_| End::Garbage)?;
        for request in &batch.requests {
            let words: Vec<&[u8]> = batch.args_of(request).iter().map(|word| word.of(&input)).collect();
            self.listen(&words);
        }
        input.drain(..consumed);
        self.input = input;
        if self.input.len() >= INPUT_LEN_MAX { Err(End::Garbage) } else { Ok(()) }
    }

    /// Takes note of what it says. Other requests than this one change nothing, and get no answer where the log is expected.
    fn listen(&mut self, words: &[&[u8]]) {
        // It has no more than it was sent, whatever it says.
        let offset_of = |word: &[u8]| parse_i64(word).and_then(|offset| u64::try_from(offset).ok()).map(|offset| offset.min(self.sent));
        if let [name, ack, offset, more @ ..] = words
            && is_word(name, "REPLCONF")
            && is_word(ack, "ACK")
            && let Some(offset) = offset_of(offset)
        {
            let flushed = more.chunks_exact(2).find(|pair| is_word(pair[0], "FACK")).and_then(|pair| offset_of(pair[1]));
            self.step(Event::Acked { replica: self.client.id, offset, flushed, now_ms: clock::monotonic_ms() });
        }
    }

    /// Looks at what others ask, at the clock and at the limits.
    fn look(&mut self) -> Result<(), End> {
        if self.client.must_close() {
            return Err(End::Closed);
        }
        let (now_ms, config) = (clock::monotonic_ms(), self.shared.config.load());
        let waits_for_snapshot = match self.source {
            Source::Begin(_) => true,
            Source::Snapshot => self.mark.is_none() && !self.has_announced,
            Source::Nothing | Source::End | Source::Log => false,
        };
        if self.out.is_empty() {
            self.progress_ms = now_ms;
            if waits_for_snapshot && now_ms - self.alive_ms >= ALIVE_MS {
                self.alive_ms = now_ms;
                self.out.push_back(Bytes::from_static(b"\n"));
            }
        }
        if now_ms - self.progress_ms > u64::from(config.repl_timeout) * 1000 {
            return Err(End::Stuck);
        }
        let Some(reader) = &self.reader else { return Ok(()) };
        let log = &self.shared.write_log;
        if config.repl_aside_size > 0 && self.aside.is_due(log.pending(reader), config.repl_backlog_size) {
            if self.out_is == Sent::Log {
                // It is kept from what was sent on, and so goes aside with the rest.
                self.out.clear();
            }
            self.aside.take(log, reader, || !self.client.must_close());
        }
        let (file_len, pending) = (self.aside.file_len(), log.pending(reader));
        if file_len > config.repl_aside_size {
            return Err(End::Slow);
        }
        let limit = config.client_output_buffer_limit.replica;
        // What the backlog keeps anyway costs nothing.
        let hard = limit.hard_bytes.max(config.repl_backlog_size);
        let soft = limit.soft_bytes.max(config.repl_backlog_size);
        let fill = aside::fill(file_len, pending, &config);
        if self.shared.replication.note_aside(self.client.id, file_len, fill) {
            self.shared.gate.advance();
        }
        if limit.soft_bytes == 0 || pending < soft {
            self.soft_limit_since_ms = None;
        } else if now_ms - *self.soft_limit_since_ms.get_or_insert(now_ms) > limit.soft_seconds * 1000 {
            return Err(End::Slow);
        }
        if limit.hard_bytes > 0 && pending >= hard { Err(End::Slow) } else { Ok(()) }
    }
}

/// Waits until more may have come, or somebody waits for what replicas have.
#[expect(clippy::disallowed_methods, reason = "its thread's runtime has timers")]
async fn gather(shared: &Shared) {
    tokio::select! {
        () = tokio::time::sleep(GATHER) => {}
        () = shared.replication.hurry.notified() => {}
    }
}

/// Waits until there is something to be sent. Returns a snapshot that has begun.
async fn wait(source: &mut Source, taking: Option<&mut Taking>, reader: Option<&LogReader>, shared: &Shared) -> Result<Option<Begun>, End> {
    match (source, taking) {
        (Source::Begin(begun), _) => begun.await.map(Some).map_err(|_| End::Snapshot),
        (Source::Snapshot, Some(taking)) => {
            let Some(ended) = &mut taking.ended else {
                taking.pipe.wait().await;
                return Ok(None);
            };
            tokio::select! {
                () = taking.pipe.wait() => Ok(None),
                result = ended => {
                    taking.ended = None;
                    if result == Ok(true) { Ok(None) } else { Err(End::Snapshot) }
                }
            }
        }
        (Source::Log, _) => {
            poll_fn(|cx| {
                let waits = reader.is_some_and(|reader| shared.write_log.wake_at_more(reader, cx.waker().clone()));
                if waits { Poll::Pending } else { Poll::Ready(()) }
            })
            .await;
            Ok(None)
        }
        _ => std::future::pending().await,
    }
}

/// An address without its port.
fn host_of(addr: &str) -> String {
    let host = addr.rsplit_once(':').map_or(addr, |(host, _)| host);
    host.trim_start_matches('[').trim_end_matches(']').to_owned()
}
