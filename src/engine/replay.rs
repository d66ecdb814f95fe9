//! Applying a write log: requests that a node wrote down of its own changes are run without a connection.
//!
//! Invariants:
//! * What its writer had is there: nothing ends by itself meanwhile, be its time over or not, since the log says when something ended.
//! * What stands between MULTI and EXEC is run when EXEC has come, or not at all.

use std::sync::Arc;

use larder_proto::resp::ReplyBuf;

use super::context::{Args, Context, is_word};
use super::error::CmdError;
use super::scope::{self, NotRun};
use super::shared::Shared;
use super::spec::flag;
use super::table::{Lookup, Row};
use crate::base::clock::Now;
use crate::base::words::PackedWords;
use crate::clients::{Caller, Client};
use crate::config::Config;
use crate::metrics::WorkerMetrics;

/// Why a request of a log is not one that can be applied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotApplied {
    /// There is no such command, or it is no request to data.
    #[error("unknown command '{0}'")]
    Unknown(String),
    /// The command refused it.
    #[error("{0}")]
    Refused(String),
    /// EXEC without MULTI, or MULTI inside of one.
    #[error("{0} in the wrong place")]
    Misplaced(&'static str),
}

/// One reader of a log.
pub struct Replay {
    shared: Arc<Shared>,
    caller: Caller,
    reply: ReplyBuf,
    /// What came since MULTI.
    queued: Option<Vec<PackedWords>>,
}

impl Replay {
    /// A reader that begins in database 0.
    pub fn new(shared: &Arc<Shared>) -> Replay {
        let client = Client::new(shared.clients.next_id(), String::new(), String::new(), 0, 0, 0);
        let caller = Caller { applies_log: true, ..Caller::new(client, true) };
        Replay { shared: Arc::clone(shared), caller, reply: ReplyBuf::default(), queued: None }
    }

    /// True if EXEC is still to come.
    pub fn is_in_transaction(&self) -> bool {
        self.queued.is_some()
    }

    /// Applies one request, which has at least one word.
    ///
    /// # Errors
    /// If it does not belong into a log. It changed nothing then; of a transaction, what stands before it was applied.
    pub fn apply(&mut self, config: &Config, metrics: &WorkerMetrics, words: &[&[u8]]) -> Result<(), NotApplied> {
        match words[0] {
            word if is_word(word, "MULTI") => match self.queued.replace(Vec::new()) {
                None => Ok(()),
                Some(_) => Err(NotApplied::Misplaced("MULTI")),
            },
            word if is_word(word, "EXEC") => {
                let queued = self.queued.take().ok_or(NotApplied::Misplaced("EXEC"))?;
                queued.iter().try_for_each(|words| self.run(config, metrics, &words.words()))
            }
            _ => match &mut self.queued {
                Some(queued) => {
                    queued.push(PackedWords::new(words.iter().copied()));
                    Ok(())
                }
                None => self.run(config, metrics, words),
            },
        }
    }

    fn run(&mut self, config: &Config, metrics: &WorkerMetrics, words: &[&[u8]]) -> Result<(), NotApplied> {
        // What a log says beside changes comes as PING, which changes nothing wherever it is read.
        if is_word(words[0], "PING") {
            return Ok(());
        }
        let unknown = || NotApplied::Unknown(String::from_utf8_lossy(words[0]).into_owned());
        let refused = |error: &CmdError| NotApplied::Refused(String::from_utf8_lossy(error.line()).into_owned());
        let shared = Arc::clone(&self.shared);
        self.reply.truncate(0);
        let mut context = Context::new((&shared, metrics), config, &mut self.caller, &mut self.reply, Now::read(), usize::MAX);
        if let [word, number] = words
            && is_word(word, "SELECT")
        {
            let db = context.database(number).map_err(|error| refused(&error))?;
            context.caller.select(db);
            return Ok(());
        }
        let row = match find(&shared, words) {
            Found::Row(row) => row,
            Found::Container(row) => return Err(NotApplied::Refused(unknown_subcommand(row, words))),
            Found::Nothing => return Err(unknown()),
        };
        if !row.takes(words.len()) || !row.subcommands.is_empty() {
            return Err(refused(&CmdError::arity(&row.full_name)));
        }
        // What changes no data has no place in a log, and does no harm: other servers wrote such.
        if !row.spec.has(flag::WRITE) && !row.spec.has(flag::MAY_REPLICATE) {
            return Ok(());
        }
        let keys = row.resolve(&shared.keyspace, words);
        loop {
            match scope::run_offloaded(&mut context, shared.gate.now(), row, &Args::new(words, &keys)) {
                Ok((result, _)) => return result.map_err(|error| refused(&error)),
                Err(NotRun::GateChanged) => {}
                Err(_) => return Err(unknown()),
            }
        }
    }
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

/// The command of a request, by the name that it has everywhere: whatever this node calls it, and whatever it calls by that name.
fn find<'s>(shared: &'s Shared, words: &[&[u8]]) -> Found<'s> {
    let by_own_name = shared.table.by_own_name(words);
    match shared.table.lookup(words[0], words.get(1).copied()) {
        Lookup::Found(row) if shared.table.renamed(row).is_none() => Found::Row(row),
        Lookup::Found(row) => Found::Row(by_own_name.unwrap_or(row)),
        Lookup::UnknownSubcommand(row) => by_own_name.map_or(Found::Container(row), Found::Row),
        Lookup::Unknown => by_own_name.map_or(Found::Nothing, Found::Row),
    }
}

fn unknown_subcommand(row: &Row, words: &[&[u8]]) -> String {
    let name = words.get(1).map(|word| String::from_utf8_lossy(word)).unwrap_or_default();
    format!("unknown subcommand '{name}'. Try {} HELP.", row.spec.name.to_ascii_uppercase())
}
