//! The link to this node's primary: a thread that connects, takes a full copy if it must, and follows the stream.
//!
//! Invariants:
//! * What was applied, and no more, is in this node's log, byte for byte as it came: so the end of the log is what the primary is asked to go
//!   on from, whatever ended the link.
//! * A link that nobody wants any more changes nothing: its number is compared under the locks under which it would.

use std::cell::OnceCell;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use larder_proto::resp::{Batch, Limits, RequestParser};
use smallvec::SmallVec;

use super::copy::{Copy, seconds_since};
use super::handshake::{self, Answer};
use super::wire::{LinkError, Wire};
use crate::base::clock::{self, Now};
use crate::base::limits::BATCH_REQUESTS_MAX;
use crate::clients::{Client, bit};
use crate::config::Config;
use crate::engine::context::is_word;
use crate::engine::loading::Loading;
use crate::engine::lookahead::Parsed;
use crate::engine::replay::{Came, NotApplied, Replay};
use crate::engine::replication_core::{Event, Link};
use crate::engine::shared::Shared;
use crate::engine::{failover, rewriting, roles};

/// Before the link is tried again: twice as long each time it fails, up to so long.
const BACK_OFF_MS: u64 = 100;
const BACK_OFF_MS_MAX: u64 = 2000;
/// Between two looks meanwhile whether it is still wanted.
const LOOK: Duration = Duration::from_millis(20);
/// The primary is told how far this node is, so often.
const ACK_MS: u64 = 1000;

/// Starts the link of this number. Its thread ends when another one is wanted, or none.
pub(super) fn start(shared: &Arc<Shared>, number: u64) -> std::io::Result<()> {
    let shared = Arc::clone(shared);
    std::thread::Builder::new().name("replica-link".to_owned()).spawn(move || {
        Follower { shared: &shared, number }.run();
        crate::base::alloc::flush_thread();
    })?;
    Ok(())
}

/// Who follows a primary by the link of this number.
#[derive(Debug, Clone, Copy)]
struct Follower<'s> {
    shared: &'s Arc<Shared>,
    number: u64,
}

impl Follower<'_> {
    fn is_wanted(&self) -> bool {
        self.shared.debug.sleep_if_told();
        self.shared.replication.follows_by(self.number) && !self.shared.stop.is_requested()
    }

    fn run(&self) {
        let mut failures = 0;
        while self.is_wanted() {
            let client = OnceCell::new();
            // CLIENT KILL ends this connection, and not the link.
            let is_wanted = || self.is_wanted() && !client.get().is_some_and(|client: &Arc<Client>| client.must_close());
            let Err(error) = self.follow(&is_wanted, &client, &mut failures);
            client.get().into_iter().for_each(|client| self.shared.clients.end(client));
            self.tell(Link::Connect);
            if !self.is_wanted() {
                return;
            }
            tracing::warn!("{}", if matches!(error, LinkError::Over) { LinkError::Closed } else { error });
            let pause_ms = (BACK_OFF_MS << failures.min(10)).min(BACK_OFF_MS_MAX);
            failures += 1;
            let until_ms = clock::monotonic_ms() + pause_ms;
            while clock::monotonic_ms() < until_ms && self.is_wanted() {
                std::thread::sleep(LOOK);
            }
        }
    }

    /// Notes how far the link is.
    fn tell(&self, link: Link) {
        let event = Event::Linked { number: self.number, link, now_ms: clock::monotonic_ms() };
        roles::perform(self.shared, self.shared.replication.step(event));
        roles::note_link(self.shared);
    }

    /// Connects and follows, until something goes wrong.
    fn follow(
        &self,
        is_wanted: &dyn Fn() -> bool,
        client: &OnceCell<Arc<Client>>,
        failures: &mut u32,
    ) -> Result<std::convert::Infallible, LinkError> {
        let shared = self.shared;
        // At the start the node's own file may still be loaded.
        while shared.saving.is_loading() {
            std::thread::sleep(LOOK);
            if !is_wanted() {
                return Err(LinkError::Over);
            }
        }
        let config = shared.config.load();
        let Some((host, port)) = shared.replication.primary() else { return Err(LinkError::Over) };
        self.tell(Link::Connecting);
        tracing::info!("Connecting to PRIMARY {host}:{port}");
        let timeout_ms = u64::from(config.repl_timeout) * 1000;
        let mut wire = Wire::connect(&host, port, timeout_ms, is_wanted)?;
        let shown = client.get_or_init(|| wire.client(shared.clients.next_id()));
        shown.set(bit::PRIMARY, true);
        shared.clients.add(Arc::clone(shown));
        tracing::info!("PRIMARY <-> REPLICA sync started");
        self.tell(Link::Handshake);
        handshake::introduce(&mut wire, &config)?;
        let wish = shared.replication.wish(shared.write_log.end());
        let hands_over = shared.replication.look().failover.is_some();
        let answer = handshake::ask(&mut wire, wish, hands_over);
        match &answer {
            Ok(_) if hands_over => failover::end(shared),
            // Others are tried again, until somebody gives it up.
            Err(LinkError::Refused(..)) if hands_over => failover::abort(shared, "Failover target rejected psync request"),
            _ => {}
        }
        match answer? {
            Answer::Continue(id) => {
                tracing::info!("Successful partial resynchronization with primary.");
                let event = Event::Continued { number: self.number, id, end: shared.write_log.end() };
                roles::perform(shared, shared.replication.step(event));
                roles::name_history(shared);
                roles::note_link(shared);
            }
            Answer::Full(id, at) => {
                tracing::info!("Full resync from primary: {id}:{at}");
                self.copy(&mut wire, id, at)?;
            }
        }
        let began_at = shared.write_log.end();
        let Err(error) = self.stream(&mut wire, &config);
        // A primary that is asked well and then sends what cannot be applied is asked ever more seldom.
        if shared.write_log.end() > began_at {
            *failures = 0;
        }
        Err(error)
    }

    /// Puts a full copy in the place of what is here.
    fn copy(&self, wire: &mut Wire<'_>, id: String, at: u64) -> Result<(), LinkError> {
        let (shared, number) = (self.shared, self.number);
        self.tell(Link::Sync);
        let started_ms = clock::monotonic_ms();
        let copy = Copy::receive(shared, wire, |total, came| shared.replication.note_transfer(number, total, came))?;
        let loading = Loading::begin(shared);
        // Commands that run have ended once all stripes were held; and nobody ends the link from then on, since that is a command.
        if !roles::begin_copy(shared, number) {
            return Err(LinkError::Over);
        }
        rewriting::give_way_to_copy(shared);
        let db = copy.load(&loading, wire)?;
        roles::end_copy(shared, Event::Copied { number, id, at }, at, db);
        drop(loading);
        tracing::info!("PRIMARY <-> REPLICA sync: Finished with success in {:.3} seconds", seconds_since(started_ms));
        Ok(())
    }

    /// Applies requests, which came as these bytes, and forgets them. Returns where the log ended when they asked how far it is, if they did.
    fn apply(&self, replay: &mut Replay, config: &Config, parsed: &mut Parsed, came: &[u8]) -> Result<Option<u64>, LinkError> {
        let shared = self.shared;
        parsed.prepare(shared, came, Some(replay.db()));
        parsed.look_ahead(&shared.keyspace, came, 0..parsed.batch.requests.len());
        let (mut rest, mut asked, now) = (came, None, Now::read());
        for (number, request) in parsed.batch.requests.iter().enumerate() {
            let is_last = number + 1 == parsed.batch.requests.len();
            let (bytes, others) = rest.split_at(if is_last { rest.len() } else { request.wire_len as usize });
            rest = others;
            let words: SmallVec<[&[u8]; 8]> = parsed.batch.args_of(request).iter().map(|word| word.of(came)).collect();
            match replay.follow(config, shared.workers.link(), Came { words: &words, prepared: parsed.prepared.get(number), bytes, now }) {
                Ok(()) => {}
                Err(NotApplied::Ended) => return Err(LinkError::Over),
                // As Valkey: what follows is applied.
                Err(error) => tracing::error!("== CRITICAL == This replica could not apply what its primary has written: {error}"),
            }
            if matches!(words[..], [name, what, ..] if is_word(name, "REPLCONF") && is_word(what, "GETACK")) {
                asked = Some(shared.write_log.end());
            }
        }
        parsed.clear();
        Ok(asked)
    }

    /// Applies what the primary writes.
    fn stream(&self, wire: &mut Wire<'_>, config: &Config) -> Result<std::convert::Infallible, LinkError> {
        let shared = self.shared;
        let mut replay = Replay::following(shared, self.number);
        let (mut parser, mut parsed) = (RequestParser::default(), Parsed::default());
        // What the primary was told is on the disk here, and what it has asked about.
        let (mut acked_ms, mut flushed, mut asked) = (None, 0, 0);
        loop {
            // At first at once: a primary that has sent a copy sends what follows when it hears that the copy is there.
            let mut must_ack = acked_ms.is_none_or(|acked_ms| clock::monotonic_ms() - acked_ms >= ACK_MS);
            let mut taken = 0;
            loop {
                // Out of the stream's count: the primary says so that all is well.
                taken += wire.input[taken..].iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
                let rest = &mut wire.input[taken..];
                if rest.is_empty() {
                    break;
                }
                if rest[0] != b'*' {
                    return Err(LinkError::Garbage("its stream holds something that is no request"));
                }
                let len = parse(&mut parser, rest, &mut parsed.batch)?;
                if parsed.batch.requests.is_empty() {
                    break;
                }
                if let Some(end) = self.apply(&mut replay, config, &mut parsed, &rest[..len])? {
                    (must_ack, asked) = (true, end);
                }
                taken += len;
            }
            wire.input.drain(..taken);
            if wire.input.len() as u64 > config.client_query_buffer_limit || replay.queued_len() as u64 > config.client_query_buffer_limit {
                return Err(LinkError::Garbage("a request or transaction is longer than client-query-buffer-limit"));
            }
            shared.need_durable(shared.write_log.end());
            let flushed_now = if shared.aof.is_doubtful() { 0 } else { shared.aof.flushed.now() };
            // Who has asked waits for the disk as well.
            must_ack |= shared.aof.is_on() && asked > flushed && flushed_now > flushed;
            if must_ack {
                acked_ms = Some(clock::monotonic_ms());
                flushed = flushed_now;
                let (end, flushed) = (shared.write_log.end(), flushed.min(shared.write_log.end()).to_string());
                let end = end.to_string();
                let words: [&[u8]; 5] = [b"REPLCONF", b"ACK", end.as_bytes(), b"FACK", flushed.as_bytes()];
                wire.send(if shared.aof.is_on() { &words } else { &words[..3] })?;
            }
            let read = wire.read()?;
            if read > 0 {
                shared.replication.net_input.fetch_add(read as u64, Ordering::Relaxed);
                shared.replication.heard_ms.store(clock::monotonic_ms(), Ordering::Relaxed);
            }
        }
    }
}

/// Parses requests from the beginning of `input`, up to a batch, and returns their length: that of each of them in order, unless there is one.
fn parse(parser: &mut RequestParser, input: &mut [u8], batch: &mut Batch) -> Result<usize, LinkError> {
    let limits = Limits { max_bulk_len: u64::MAX, ..Limits::default() };
    let sum = |batch: &Batch| batch.requests.iter().map(|request| request.wire_len as usize).sum::<usize>();
    match parser.parse(input, &limits, batch, BATCH_REQUESTS_MAX) {
        Ok(len) if sum(batch) == len => return Ok(len),
        // Something between them, or behind them, is no request: each is looked at by itself, and those before it are applied.
        _ => {
            batch.clear();
            parser.reset();
        }
    }
    parser.parse(input, &limits, batch, 1).map_err(|_| LinkError::Garbage("its stream holds a broken request"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_between_requests_is_no_part_of_them() {
        let ping = "*1\r\n$4\r\nPING\r\n";
        for (gap, count, len) in [("", 3, 3 * ping.len()), ("\n", 1, ping.len()), ("\r\n\r\n", 1, ping.len())] {
            let mut input = [ping, ping, ping].join(gap).into_bytes();
            let (mut parser, mut batch) = (RequestParser::default(), Batch::default());
            let found = parse(&mut parser, &mut input, &mut batch).expect("they are requests");
            assert_eq!((batch.requests.len(), found), (count, len), "{gap:?}");
        }
        let (mut parser, mut batch) = (RequestParser::default(), Batch::default());
        let mut input = [ping.as_bytes(), b"*1\r\n$4\r\nPI"].concat();
        assert_eq!(parse(&mut parser, &mut input, &mut batch).ok(), Some(ping.len()));
        assert_eq!((batch.requests.len(), parser.in_progress()), (1, true));
        let (mut parser, mut batch) = (RequestParser::default(), Batch::default());
        let mut input = [ping.as_bytes(), b"*x\r\n"].concat();
        assert_eq!(parse(&mut parser, &mut input, &mut batch).ok(), Some(ping.len()), "what comes before is sound");
        assert!(parse(&mut parser, &mut input[ping.len()..], &mut batch).is_err());
    }
}
