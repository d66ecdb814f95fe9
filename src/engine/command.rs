//! What a command is, and what its function gets. These types name each other: a specification names its function, the function's
//! context the node, the node the table of commands, the table the specifications. So they stand in one file; what they can do stands in
//! files above it ([`super::context`], [`super::table`], [`super::shared`]), what they consist of in files below.
//!
//! Invariants: an execution function never waits, reads no clock and sees no socket; it replies through [`Context::reply`] and, on
//! error, returns it (whatever it replied before is then taken back).

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, AtomicUsize};
use std::sync::{Arc, OnceLock};

use larder_proto::resp::ReplyBuf;
use parking_lot::Mutex;
use tokio::sync::{Notify, Semaphore};

use super::all_workers::Settle;
use super::cluster_access::ClusterAccess;
use super::error::CmdError;
use super::grammar::{Arg, DOCS, Docs, KeySpec, KeysAndFlags, flag};
use super::keys::KeyShape;
use super::log_thresholds::LogThresholds;
use super::node_state::{ConfigHook, DebugSwitches, Identity, Pause, Stop};
use super::replication_state::Replication;
use super::rewrite_state::Rewriting;
use super::save_state::Saving;
use crate::base::durable_offset::DurableOffset;
use crate::base::generation::Generation;
use crate::base::limits::ELEMENT_STEPS;
use crate::base::number::parse_i64;
use crate::base::timers::Timers;
use crate::clients::{Caller, Client, Registry, Session};
use crate::config::{Config, ConfigStore};
use crate::keyspace::Keyspace;
use crate::keyspace::access::KeyAccess;
use crate::keyspace::blocked::Wait;
use crate::keyspace::key::ResolvedKey;
use crate::metrics::{Counters, ErrorStats, NodeMetrics, WorkerMetrics, WorkerSet};
use crate::persist::aof::writer::Writer as AofWriter;
use crate::persist::write_log::WriteLog;
use crate::pubsub::PubSub;

/// Success means that the reply was written.
pub type CmdResult = Result<(), CmdError>;

/// What a command that waits runs as.
pub type AsyncResult<'c> = Pin<Box<dyn Future<Output = CmdResult> + 'c>>;

/// All arguments of a request, the command's name first, and which of them are keys.
#[derive(Debug, Clone, Copy)]
pub struct Args<'a> {
    pub(super) words: &'a [&'a [u8]],
    pub(super) keys: &'a [ResolvedKey],
}

/// What surrounds an execution.
pub struct Context<'c> {
    /// What the whole node shares.
    pub shared: &'c Arc<Shared>,
    /// The options, as they were when the batch began.
    pub config: &'c Config,
    /// Keys.
    pub keys: KeyAccess<'c>,
    /// Who runs it.
    pub caller: &'c mut Caller,
    /// The reply.
    pub reply: &'c mut ReplyBuf,
    /// Now, unix milliseconds; the same for the whole command (and for all commands of a transaction).
    pub now_ms: i64,
    /// Number of the command: its row in [`Shared::table`].
    pub command: u16,
    /// Who wants to hear of it.
    pub thresholds: LogThresholds,
    /// Where the worker that runs it counts.
    pub metrics: &'c WorkerMetrics,
    /// A command held stripes for long that others wait for: the next one of this client comes after theirs.
    pub yields_to_waiters: bool,
    /// It runs on a worker, for a connection that can have it run elsewhere.
    pub may_leave: bool,
}

/// A command that visits all keys, a few at a time; the worker serves other clients in between.
pub trait Sweep {
    /// The stripe to be visited next; `None` at the end.
    fn stripe(&self) -> Option<u32>;
    /// Visits a few keys of that stripe, which is locked.
    fn visit(&mut self, keys: &mut KeyAccess<'_>);
    /// Writes the reply once all keys were visited.
    fn finish(self: Box<Self>, context: &mut Context<'_>) -> CmdResult;
}

/// Begins a sweep: parses the arguments and says what to do with each stripe.
pub type StartSweep = fn(&mut Context<'_>, &Args<'_>) -> Result<Box<dyn Sweep>, CmdError>;

/// A command's execution, where it runs at once.
pub type Execute = fn(&mut Context<'_>, &Args<'_>) -> CmdResult;

/// Execution of a command that may have to wait for its keys: it replied, or found nothing, has changed nothing, and says what it waits for.
pub type Attempt = fn(&mut Context<'_>, &Args<'_>) -> Result<Option<Wait>, CmdError>;

/// How the time of a heavy command grows with the lengths of its keys' values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effort {
    /// With their sum.
    Sum,
    /// With their product.
    Product,
    /// With the smallest of them, as often as there are keys: the others are only asked.
    Smallest,
    /// With the number that is this argument: so many elements are asked for.
    Argument(usize),
    /// With their sum, so many times.
    Times(u64),
    /// With the length of this argument.
    Length(usize),
}

impl Effort {
    /// The steps that values of these lengths take.
    pub fn steps(self, words: &[&[u8]], lengths: impl Iterator<Item = usize>) -> u64 {
        let lengths = lengths.map(|len| len as u64);
        match self {
            Effort::Sum => lengths.fold(0, u64::saturating_add),
            Effort::Product => lengths.fold(1, u64::saturating_mul),
            Effort::Smallest => {
                let (least, keys) = lengths.fold((u64::MAX, 0u64), |(least, keys), len| (least.min(len), keys + 1));
                if keys == 0 { 0 } else { least.saturating_mul(keys) }
            }
            Effort::Times(times) => lengths.fold(0, u64::saturating_add).saturating_mul(times),
            Effort::Length(at) => words.get(at).map_or(0, |word| word.len() as u64),
            Effort::Argument(at) => {
                let asked = words.get(at).and_then(|word| parse_i64(word)).unwrap_or(0);
                let all = if asked > 0 { lengths.fold(0, u64::saturating_add) } else { u64::MAX };
                asked.unsigned_abs().saturating_mul(ELEMENT_STEPS as u64).min(all)
            }
        }
    }
}

/// Execution of a command that works on its connection.
pub type ExecuteInSession = fn(&mut Context<'_>, &mut Session, &Args<'_>) -> CmdResult;

/// Execution of a command that waits.
pub type ExecuteAsync = for<'c> fn(&'c mut Context<'_>, &'c mut Session, &'c Args<'_>) -> AsyncResult<'c>;

/// The stripes that a command holds while it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Locks {
    /// None.
    None,
    /// Those of its keys.
    Keys,
    /// One at a time and briefly, taken by itself ([`crate::keyspace::access::KeyAccess::with_stripe`]). Inside EXEC all are held.
    Each,
    /// The same of a few that it chooses itself, passing over those that somebody holds for long.
    Few,
    /// All.
    All,
    /// Those of all that a transaction queued, and of the watched keys.
    Queued,
}

/// Where a command runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// On its connection's worker, at once.
    Worker,
    /// On its worker while the values of its keys are small; else on a thread that serves nobody else.
    Offload(Effort),
    /// On its worker, which serves others meanwhile: it waits, or yields between its steps.
    Async,
}

/// A command's function, by what it may touch.
#[derive(Clone, Copy)]
pub enum Run {
    /// Works on data or on the node: whoever asks, a connection, a script or a log.
    Data(Execute),
    /// Works on its connection.
    Session(ExecuteInSession),
    /// Visits stripe by stripe.
    Sweep(StartSweep),
    /// Waits: for the control plane, a disk, other workers. The other function, if there is one, runs inside EXEC, where nothing waits.
    Async(ExecuteAsync, Option<ExecuteInSession>),
    /// Waits for its keys where they have nothing for it. Inside EXEC it does not.
    Blocking(Attempt),
    /// Only its subcommands run.
    Container,
}

impl std::fmt::Debug for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Run::Data(_) => "Data",
            Run::Session(_) => "Session",
            Run::Sweep(_) => "Sweep",
            Run::Async(..) => "Async",
            Run::Blocking(_) => "Blocking",
            Run::Container => "Container",
        })
    }
}

/// What a command becomes in the write log if it changed something; if not, it becomes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Log {
    /// It as it came, unless its function adds records of its own ([`crate::keyspace::access::KeyAccess::log`]): whoever runs it again on
    /// the same data changes the same.
    Verbatim,
    /// The records that its function adds, and nothing else: as it came it would not change the same later (it chooses at random, by the
    /// time, or waits), or Valkey's log has another request for it (GETDEL becomes DEL) or does not know it: a Valkey reads the log.
    Rewritten,
    /// Nothing: it changes nothing.
    Never,
}

/// A command or subcommand.
#[derive(Debug)]
pub struct CommandSpec {
    /// Lower case; a subcommand's own name.
    pub name: &'static str,
    /// Number of arguments including the name (and, for a subcommand, its container's); negative: at least so many.
    pub arity: i32,
    /// Bits of [`flag`].
    pub flags: u32,
    /// Bits of [`super::grammar::acl`].
    pub acl: u32,
    /// Where its keys stand.
    pub keys: &'static [KeySpec],
    /// Its grammar.
    pub args: &'static [Arg],
    /// Which argument is an element of the collection under its only key, which it looks up there; 0: none. The element is asked for ahead.
    pub element_at: u8,
    /// Which argument is the score by which a sorted set will place that element; 0: none.
    pub score_at: u8,
    /// What it holds while it runs.
    pub locks: Locks,
    /// Where it runs.
    pub place: Place,
    /// What it becomes in the write log.
    pub log: Log,
    /// Its function. Only the command scope (`engine/scope.rs`) calls it.
    pub run: Run,
    /// Finds its keys with what it does with each, where its key specs cannot say it. As leniently as Valkey: for COMMAND GETKEYS. Where
    /// the specs find other keys than the command does, though they are said to be complete, or a spec is
    /// [`super::grammar::FindKeys::Unknown`], it finds those that are locked, too.
    pub keys_by_hand: Option<fn(&[&[u8]]) -> KeysAndFlags>,
    /// Says of the arguments whether the command reads keys that nobody can name beforehand: then it holds all stripes.
    pub reads_any_key: Option<fn(&[&[u8]]) -> bool>,
    /// Says of an argument, by its position, whether logs and MONITOR must not show it.
    pub is_secret: Option<fn(&[&[u8]], usize) -> bool>,
    /// Its subcommands.
    pub subcommands: &'static [&'static CommandSpec],
    /// Its documentation.
    pub docs: Docs,
}

/// A command without flags, keys, arguments and subcommands: the base of struct updates in the specs.
pub const SPEC: CommandSpec = CommandSpec {
    name: "",
    arity: 0,
    flags: 0,
    acl: 0,
    keys: &[],
    args: &[],
    element_at: 0,
    score_at: 0,
    locks: Locks::None,
    place: Place::Worker,
    // Most commands that write do the same again; others change nothing, so that this is never looked at.
    log: Log::Verbatim,
    run: Run::Container,
    keys_by_hand: None,
    reads_any_key: None,
    is_secret: None,
    subcommands: &[],
    docs: DOCS,
};

impl CommandSpec {
    /// True if it changes data.
    #[inline]
    pub fn is_write(&self) -> bool {
        self.flags & flag::WRITE != 0
    }

    /// True if all bits of `flags` are set.
    #[inline]
    pub fn has(&self, flags: u32) -> bool {
        self.flags & flags == flags
    }
}

/// Rows fit a number of 16 bits with room to spare.
pub(super) const ROWS_MAX: usize = 1024;
/// Bins of the table: sparse, so that the first look nearly always settles it.
pub(super) const BINS: usize = ROWS_MAX * 4;

/// A command or subcommand in the table.
#[derive(Debug)]
pub struct Row {
    /// Number of this row.
    pub number: u16,
    /// What it is.
    pub spec: &'static CommandSpec,
    /// Name as statistics print it: `get`, `client|list`.
    pub full_name: String,
    /// Name under which requests call it, in lower case: its own unless it was renamed; empty if it cannot be called.
    pub called: String,
    /// Row of the container, for a subcommand.
    pub parent: Option<u16>,
    /// Rows of the subcommands.
    pub subcommands: Vec<u16>,
    /// Where its keys stand, prepared.
    pub shape: KeyShape,
    /// Its function, if it does nothing but work on the one key at 1: then little has to be checked.
    pub(super) single_key: Option<Execute>,
    /// Fewest arguments, the name included.
    pub(super) args_min: usize,
    /// How many more there may be.
    pub(super) args_more: usize,
}

/// All commands, found by their names: see [`super::table`].
#[derive(Debug)]
pub struct Table {
    pub(super) rows: Vec<Row>,
    /// Open addressing.
    pub(super) bins: Box<[Bin; BINS]>,
    /// Top-level rows that can be called under some name.
    pub(super) callable: Vec<u16>,
    /// Full names of commands that are known and not there yet, sorted.
    pub(super) to_come: &'static [&'static str],
}

/// Up to 16 bytes of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) low: u64,
    pub(super) high: u64,
}

/// A bin of the table; `FREE` instead of a row's number if nothing is there.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bin {
    pub(super) word: Word,
    /// Bytes of the whole name.
    pub(super) len: u32,
    pub(super) row: u16,
}

/// What all workers of a node share.
pub struct Shared {
    /// The cluster, in cluster mode.
    pub cluster: Option<ClusterAccess>,
    /// Options.
    pub config: ConfigStore,
    /// Commands.
    pub table: Table,
    /// Keys.
    pub keyspace: Keyspace,
    /// Clients.
    pub clients: Registry,
    /// Channels.
    pub pubsub: Arc<PubSub>,
    /// All changes, while somebody reads it.
    pub write_log: Arc<WriteLog>,
    /// Clients in MONITOR.
    pub monitors: Mutex<Vec<Arc<Client>>>,
    /// Their number, read before each command.
    pub monitor_count: AtomicUsize,
    /// Figures per worker.
    pub workers: WorkerSet,
    /// Counters of rare events.
    pub counters: Counters,
    /// Errors replied outside any worker's commands: to what is no request.
    pub errors: ErrorStats,
    /// Who we are.
    pub identity: Identity,
    /// What is saved to disk, and loaded from it.
    pub saving: Saving,
    /// CLIENT PAUSE.
    pub pause: Pause,
    /// How we end.
    pub stop: Stop,
    /// Lets a command see what all workers have done.
    pub settle: Settle,
    /// Wakes the task that goes on evicting where a command ran out of time.
    pub evict_more: Notify,
    /// Set by the node once it serves.
    pub on_config: OnceLock<ConfigHook>,
    /// Clients waiting in a pause or blocking command.
    pub blocked_clients: AtomicU64,
    /// What is measured of the node as a whole.
    pub metrics: NodeMetrics,
    /// What DEBUG switches.
    pub debug: DebugSwitches,
    /// Replicas, and the history that they follow.
    pub replication: Replication,
    /// Places for commands that run on threads of their own.
    pub offload_places: Semaphore,
    /// How what runs on a worker sleeps.
    pub timers: Timers,
    /// How far the write log is durable: replies and messages wait for it.
    pub durable: Arc<DurableOffset>,
    /// Writes the log to the append only file.
    pub aof: AofWriter,
    /// Its parts, and how they are made anew.
    pub rewriting: Rewriting,
    /// Advances after every change of what [`super::gate::Gate`] relies on under a lock: routes, roles, pauses.
    pub gate: Arc<Generation>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("identity", &self.identity).finish_non_exhaustive()
    }
}
