//! Applying a write log: requests that a node wrote down of its own changes are run without a connection. They come from a file, or from the
//! primary that this node follows.
//!
//! Invariants:
//! * What its writer had is there: nothing ends by itself meanwhile, be its time over or not, since the log says when something ended.
//! * What stands between MULTI and EXEC is run when EXEC has come, as one, or not at all: where a client could not have queued one of it
//!   (EXECABORT), or DISCARD comes instead, none of it is.
//! * What comes from a primary enters this node's log as it came, in the moment in which it is applied.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use larder_proto::resp::ReplyBuf;
use smallvec::SmallVec;

use super::context::{Context, is_word};
use super::error::CmdError;
use super::lookahead::Prepared;
use super::scope::{self, Logged, NotRun};
use super::shared::Shared;
use super::spec::flag;
use super::table::{Lookup, ResolvedKeys, Row};
use crate::base::clock::Now;
use crate::base::number::parse_i64;
use crate::base::words::PackedWords;
use crate::clients::{Caller, Client};
use crate::config::Config;
use crate::metrics::WorkerMetrics;

/// Before it is looked at again whether data is still being loaded.
const LOADING_PAUSE: Duration = Duration::from_millis(10);

/// Why a request of a log is not one that can be applied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotApplied {
    /// There is no such command, or it is no request to data.
    #[error("unknown command '{0}'")]
    Unknown(String),
    /// It is no request of its command.
    #[error("{0}")]
    Malformed(String),
    /// The command refused it.
    #[error("{0}")]
    Refused(String),
    /// EXEC or DISCARD without MULTI, or MULTI inside of one.
    #[error("{0} in the wrong place")]
    Misplaced(&'static str),
    /// The node does not follow that primary any more.
    #[error("its writer is not followed any more")]
    Ended,
}

impl NotApplied {
    /// True if a client could not have queued it: then nothing of its transaction is run.
    fn ends_transaction(&self) -> bool {
        matches!(self, NotApplied::Unknown(_) | NotApplied::Malformed(_))
    }
}

/// What came since MULTI.
#[derive(Debug, Default)]
struct Queue {
    requests: Vec<PackedWords>,
    /// None of it will be run.
    is_broken: bool,
}

/// A request of a log.
#[derive(Debug, Clone, Copy)]
pub struct Came<'a> {
    /// Its words, at least one.
    pub words: &'a [&'a [u8]],
    /// What is known of it.
    pub prepared: Option<&'a Prepared>,
    /// The bytes as which a primary sent it; none of a file's.
    pub bytes: &'a [u8],
    /// A reading of the clocks since it came.
    pub now: Now,
}

/// One reader of a log.
pub struct Replay {
    shared: Arc<Shared>,
    caller: Caller,
    reply: ReplyBuf,
    /// What came since MULTI.
    queued: Option<Queue>,
    /// The number of the link that the log comes by; `None` if it is read from a file.
    link: Option<u64>,
    /// It was written by a primary, or is: what cannot be applied is no reason not to apply the rest.
    tolerates: bool,
    /// The beginning of a record, as it came by the link.
    record: Vec<u8>,
}

impl Replay {
    /// A reader of a file, which begins in database 0.
    pub fn new(shared: &Arc<Shared>) -> Replay {
        let client = Client::new(shared.clients.next_id(), String::new(), String::new(), 0, 0, 0);
        let caller = Caller { applies_log: true, ..Caller::new(client, true) };
        Replay {
            shared: Arc::clone(shared),
            caller,
            reply: ReplyBuf::default(),
            queued: None,
            link: None,
            tolerates: false,
            record: Vec::new(),
        }
    }

    /// A reader of what comes by the link of this number, which goes on in the database in which the last one ended.
    pub fn following(shared: &Arc<Shared>, link: u64) -> Replay {
        let mut replay = Replay { link: Some(link), tolerates: true, ..Replay::new(shared) };
        replay.caller.select(shared.replication.stream_db.load(Ordering::Relaxed));
        replay
    }

    /// The database that the log is about.
    pub fn db(&self) -> u32 {
        self.caller.db
    }

    /// True if EXEC is still to come.
    pub fn is_in_transaction(&self) -> bool {
        self.queued.is_some()
    }

    /// Bytes of a record that has not ended.
    pub fn queued_len(&self) -> usize {
        self.record.len()
    }

    /// Goes on in this database, if there is such a one: who has written the log may have had more.
    pub fn select(&mut self, db: u32) {
        if (db as usize) < self.shared.keyspace.databases() {
            self.caller.select(db);
        }
    }

    /// Applies one request of a file, which has at least one word. `is_copy` if it was written by a primary that the file's writer followed.
    ///
    /// # Errors
    /// If it does not belong into a log. It changed nothing then; of a copy the rest of its record did what it did when it came.
    pub fn apply(&mut self, config: &Config, metrics: &WorkerMetrics, came: Came<'_>, is_copy: bool) -> Result<(), NotApplied> {
        self.tolerates = is_copy;
        self.follow(config, metrics, came)
    }

    /// Applies one request of a primary.
    ///
    /// # Errors
    /// If it does not belong into a log, as in Valkey: then what follows is applied all the same, and so is what else its transaction holds, unless a
    /// client could not have queued it. Or because nobody follows the primary any more: then nothing is.
    pub fn follow(&mut self, config: &Config, metrics: &WorkerMetrics, came: Came<'_>) -> Result<(), NotApplied> {
        let Came { words, prepared, bytes, now } = came;
        match words[0] {
            word if is_word(word, "MULTI") => {
                self.record.extend_from_slice(bytes);
                if let Some(queue) = &mut self.queued {
                    *queue = Queue { requests: Vec::new(), is_broken: true };
                    return Err(NotApplied::Misplaced("MULTI"));
                }
                self.queued = Some(Queue::default());
                Ok(())
            }
            word if is_word(word, "EXEC") => self.end_transaction(config, metrics, &came, true),
            word if is_word(word, "DISCARD") => self.end_transaction(config, metrics, &came, false),
            _ => match &mut self.queued {
                Some(queue) => {
                    if !queue.is_broken {
                        queue.requests.push(PackedWords::new(words.iter().copied()));
                    }
                    self.record.extend_from_slice(bytes);
                    Ok(())
                }
                None => self.run(config, metrics, now, &[(words, prepared)], bytes),
            },
        }
    }

    /// A transaction ends: by EXEC, or else by DISCARD.
    fn end_transaction(&mut self, config: &Config, metrics: &WorkerMetrics, came: &Came<'_>, is_exec: bool) -> Result<(), NotApplied> {
        let has_begun = self.queued.is_some();
        let queue = self.queued.take().filter(|queue| is_exec && !queue.is_broken).unwrap_or_default();
        let mut record = std::mem::take(&mut self.record);
        record.extend_from_slice(came.bytes);
        let words: Vec<_> = queue.requests.iter().map(PackedWords::words).collect();
        let requests: Vec<(&[&[u8]], Option<&Prepared>)> = words.iter().map(|words| (&words[..], None)).collect();
        // Its bytes enter the log whatever it does.
        self.run(config, metrics, came.now, &requests, &record)?;
        if has_begun { Ok(()) } else { Err(NotApplied::Misplaced(if is_exec { "EXEC" } else { "DISCARD" })) }
    }

    /// Runs the requests of one record, which came as these bytes.
    fn run(
        &mut self,
        config: &Config,
        metrics: &WorkerMetrics,
        now: Now,
        requests: &[(&[&[u8]], Option<&Prepared>)],
        bytes: &[u8],
    ) -> Result<(), NotApplied> {
        let shared = Arc::clone(&self.shared);
        let mut db = self.caller.db;
        let (mut commands, mut problem) = (SmallVec::<[Logged<'_>; 1]>::new(), None);
        for (words, prepared) in requests {
            match find_request(&shared, words, *prepared, &mut db) {
                Ok(found) => commands.extend(found),
                Err(found) if !self.tolerates => return Err(found),
                Err(found) => problem = problem.or(Some(found)),
            }
        }
        if problem.as_ref().is_some_and(NotApplied::ends_transaction) {
            commands.clear();
            db = self.caller.db;
        }
        let is_copied = self.link.is_some();
        if commands.is_empty() && !is_copied {
            self.caller.select(db);
            return problem.map_or(Ok(()), Err);
        }
        self.reply.truncate(0);
        let mut context = Context::new((&shared, metrics), config, &mut self.caller, &mut self.reply, now, usize::MAX);
        let mut has_ended = false;
        loop {
            // The number first: what changes in between is then looked at again.
            let generation = shared.gate.now();
            if self.link.is_some_and(|link| !shared.replication.is_fed_by(link)) {
                return Err(NotApplied::Ended);
            }
            if is_copied && shared.saving.is_loading() {
                // DEBUG RELOAD and LOADAOF: what is changed meanwhile would be lost.
                std::thread::sleep(LOADING_PAUSE);
                continue;
            }
            let end = |context: &mut Context<'_>| {
                if is_copied {
                    let changes = context.keys.changes();
                    has_ended = !copy(&shared, db, bytes, |waker| changes.wake_later(waker));
                }
            };
            match scope::run_record(&mut context, generation, &commands, end) {
                Ok(result) => {
                    context.caller.select(db);
                    let refused = result.err().map(|error| refused(&error));
                    return if has_ended { Err(NotApplied::Ended) } else { problem.or(refused).map_or(Ok(()), Err) };
                }
                Err(NotRun::GateChanged) => {}
                Err(other) => unreachable!("{other:?} is for who could wait elsewhere"),
            }
        }
    }
}

/// Has a record enter this node's log, behind which the stream is in database `db`. False if the node follows nobody any more.
fn copy(shared: &Shared, db: u32, record: &[u8], wake: impl FnMut(std::task::Waker)) -> bool {
    let is_copied = shared.write_log.append_verbatim(record, wake);
    if is_copied {
        shared.replication.stream_db.store(db, Ordering::Relaxed);
    }
    is_copied
}

fn refused(error: &CmdError) -> NotApplied {
    NotApplied::Refused(line_of(error))
}

fn line_of(error: &CmdError) -> String {
    String::from_utf8_lossy(error.line()).into_owned()
}

/// The command of a request; none if it is only about the log itself. `db` is the database that is selected.
fn find_request<'a>(
    shared: &'a Shared,
    words: &'a [&'a [u8]],
    prepared: Option<&Prepared>,
    db: &mut u32,
) -> Result<Option<Logged<'a>>, NotApplied> {
    // What a log says beside changes comes as PING, and as what a primary asks its replicas: it changes nothing wherever it is read.
    if is_word(words[0], "PING") || is_word(words[0], "REPLCONF") {
        return Ok(None);
    }
    if let [word, number] = words
        && is_word(word, "SELECT")
    {
        let found = parse_i64(number).and_then(|number| u32::try_from(number).ok());
        *db = found.filter(|db| (*db as usize) < shared.keyspace.databases()).ok_or_else(|| refused(&CmdError::DbIndex))?;
        return Ok(None);
    }
    let lookup = match prepared {
        Some(prepared) => prepared.lookup(&shared.table),
        None => shared.table.lookup(words[0], words.get(1).copied()),
    };
    let row = match find(shared, lookup, words) {
        Found::Row(row) => row,
        Found::Container(row) => return Err(NotApplied::Malformed(unknown_subcommand(row, words))),
        Found::Nothing => return Err(NotApplied::Unknown(String::from_utf8_lossy(words[0]).into_owned())),
    };
    if !row.takes(words.len()) || !row.subcommands.is_empty() {
        return Err(NotApplied::Malformed(line_of(&CmdError::arity(&row.full_name))));
    }
    // What changes no data has no place in a log, and does no harm: other servers wrote such.
    if !row.spec.has(flag::WRITE) && !row.spec.has(flag::MAY_REPLICATE) {
        return Ok(None);
    }
    let keys = match prepared.and_then(|prepared| prepared.key_for(row)) {
        Some(key) => ResolvedKeys::from_slice(&[key]),
        None => row.resolve(&shared.keyspace, words),
    };
    Ok(Some(Logged { row, words, keys, db: *db }))
}

impl std::fmt::Debug for Replay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Replay").field("db", &self.caller.db).finish_non_exhaustive()
    }
}

/// What a request names.
enum Found<'s> {
    Row(&'s Row),
    /// This one, which has no such subcommand.
    Container(&'s Row),
    Nothing,
}

/// The command of a request, by the name that it has everywhere: whatever this node calls it (`lookup`), and whatever it calls by that name.
fn find<'s>(shared: &'s Shared, lookup: Lookup<'s>, words: &[&[u8]]) -> Found<'s> {
    // It asks all commands: only where the name alone does not tell.
    let by_own_name = || shared.table.by_own_name(words);
    match lookup {
        Lookup::Found(row) if shared.table.renamed(row).is_none() => Found::Row(row),
        Lookup::Found(row) => Found::Row(by_own_name().unwrap_or(row)),
        Lookup::UnknownSubcommand(row) => by_own_name().map_or(Found::Container(row), Found::Row),
        Lookup::Unknown => by_own_name().map_or(Found::Nothing, Found::Row),
    }
}

fn unknown_subcommand(row: &Row, words: &[&[u8]]) -> String {
    let name = words.get(1).map(|word| String::from_utf8_lossy(word)).unwrap_or_default();
    format!("unknown subcommand '{name}'. Try {} HELP.", row.spec.name.to_ascii_uppercase())
}
