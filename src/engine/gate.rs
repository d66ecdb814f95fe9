//! The gate: what may run, decided in one place.
//!
//! A batch compiles a [`Gate`] from its session and the node. A command on one key of a session in no special state passes with a
//! comparison ([`Gate::admits`]); everything else is asked for each reason of [`REFUSALS_ANYWHERE`] and [`REFUSALS`], in Valkey's order ([`Gate::check`]).
//! What is asked for may change before the command has its stripes. So the command scope compares the node's generation again under
//! the lock ([`Gate::still_holds`]), and a command that finds another one is asked anew.
//!
//! Invariants:
//! * A feature that may refuse a command adds a row to [`REFUSALS`] and, if it concerns commands on one key, a condition to
//!   [`Gate::compile`]; it never adds a test to one of the ways in which commands run. If it rests on the node and the command's flags alone, the
//!   row is one of [`NODE_REFUSALS`]: those are asked for clients that wait for keys as well, before others serve them ([`admits_waiter`]).
//! * Who changes the route of a slot, the role of the node or a pause makes `Shared::gate` advance afterwards.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use arc_swap::Guard;

use super::context::{Args, Context};
use super::error::{CmdError, NAME_SHOWN_LEN_MAX, as_shown};
use super::shared::Shared;
use super::spec::{Run, flag};
use super::table::{Lookup, Row};
use super::{memory_limit, route, transaction};
use crate::base::repeated::and_before;
use crate::base::{alloc, clock};
use crate::clients::Session;
use crate::clients::session::{Close, Multi, ReplyMode};
use crate::config::{Config, os_text};
use crate::topology::Topology;

/// Why a request may not run: what is answered after `-`. It may name what the client sent, and so hold any byte.
pub type Refusal = Vec<u8>;

/// A write that has to wait for the disk is asked for again after so long.
const LOOK_AGAIN_MS: u64 = 20;
/// As [`LOOK_AGAIN_MS`], for a snapshot that has to be written first: it takes what a write hands over in microseconds.
const SNAPSHOT_LOOK_AGAIN_MS: u64 = 1;
/// About how much of an unknown command's arguments its error shows, in bytes.
const ARGS_SHOWN_LEN_MAX: usize = 128;

/// What a request may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It may run.
    Run,
    /// It waits in the transaction's queue.
    Queue,
    /// It gets no answer: its client is being closed.
    Nothing,
    /// It waits until this time, monotonic milliseconds, or until the pause changes.
    Wait(u64),
}

/// See the module's page.
#[derive(Debug)]
pub struct Gate {
    /// The node's generation when it was looked at.
    generation: u64,
    /// Neither session nor node ask for a check of commands on one key, but for memory and the route.
    admits_single_keys: bool,
    /// Unless they have one of these flags: on a replica writes are asked for, and reads of who goes to the primary for them.
    asked_flags: u32,
    /// The map of the cluster, in cluster mode.
    topology: Option<Guard<Arc<Topology>>>,
}

/// A request, as the reasons for a refusal see it.
struct Asked<'a, 'c> {
    context: &'a Context<'c>,
    session: &'a Session,
    topology: Option<&'a Topology>,
    row: &'a Row,
    args: &'a Args<'a>,
    /// It is EXEC of an open transaction.
    is_exec: bool,
    /// Its flags, and those of what it would run.
    flags: u32,
}

/// A reason for a refusal: its name, and the question.
type Reason = (&'static str, fn(&Asked<'_, '_>) -> Result<(), Refusal>);

/// What stands against a request on whichever node, in Valkey's order. What is not known at all is refused before ([`Gate::refuse_unknown`]).
static REFUSALS_ANYWHERE: &[Reason] = &[
    ("authentication", authentication),
    ("arity", arity),
    ("protected", protected),
    ("not in a transaction", not_in_transaction),
    ("route", routed_elsewhere),
];

/// All further reasons. Who goes to the primary ([`route::goes_to_primary`]) is not asked for these.
static REFUSALS: &[Reason] = &[
    ("memory", memory),
    ("disk", |asked| disk(asked.context.shared, asked.context.config, asked.flags)),
    ("replicas", |asked| replicas(asked.context.shared, asked.context.config, asked.flags)),
    ("read only", |asked| read_only(asked.context.shared, asked.context.config, asked.flags)),
    ("subscriber", subscriber),
    ("stale", stale),
    ("loading", loading),
    ("monitor", monitor),
];

/// Those of them that rest on the node and the command's flags.
static NODE_REFUSALS: &[fn(&Shared, &Config, u32) -> Result<(), Refusal>] = &[disk, replicas, read_only];

/// True if the command of a client that waits for keys, with these flags, may be run for it by who has changed them: what stands against it by
/// now is the node's, since a client that waits is as it was. Else its own connection asks at the gate. Nothing is held.
pub(super) fn admits_waiter(shared: &Shared, flags: u32, now_ms: i64) -> bool {
    let config = shared.config.load();
    let has_room = flags & flag::DENYOOM == 0 || memory_limit::make_room(shared, &config, now_ms).is_ok();
    let is_refused = || NODE_REFUSALS.iter().any(|refuse| refuse(shared, &config, flags).is_err());
    has_room && !is_refused() && !shared.saving.is_loading() && until_ms(shared, flags) == 0
}

/// Until when a command with these flags waits, monotonic milliseconds; 0: it does not.
fn until_ms(shared: &Shared, flags: u32) -> u64 {
    let is_write = flags & (flag::WRITE | flag::MAY_REPLICATE) != 0;
    let until_ms = shared.pause.until_ms(is_write);
    if until_ms > 0 || !is_write {
        return until_ms;
    }
    // The disk, or who takes a snapshot, cannot keep up: what is written now would only take memory.
    if shared.aof.is_behind() {
        return clock::monotonic_ms() + LOOK_AGAIN_MS;
    }
    if shared.keyspace.snapshot_is_behind() {
        return clock::monotonic_ms() + SNAPSHOT_LOOK_AGAIN_MS;
    }
    shared.replication.write_waits_until_ms()
}

impl Gate {
    /// A gate for what `session` sends.
    #[inline(always)]
    pub fn new(context: &Context<'_>, session: &Session) -> Gate {
        let generation = context.shared.gate.now();
        let topology = context.shared.cluster.as_ref().map(|cluster| cluster.topology.load());
        let mut gate = Gate { generation, admits_single_keys: false, asked_flags: 0, topology };
        gate.compile(context, session);
        gate
    }

    /// Looks at the session and the node: at the start, and after each command that may have changed one of them.
    #[inline]
    pub fn compile(&mut self, context: &Context<'_>, session: &Session) {
        if !self.still_holds(context.shared) {
            self.look(context.shared);
        }
        self.admits_single_keys = session.multi.is_none()
            && session.subscriptions.is_empty()
            && session.reply_mode == ReplyMode::On
            && session.close == Close::No
            && !session.monitor
            && !must_authenticate(context)
            && context.config.min_replicas_to_write == 0
            && !context.shared.saving.is_loading()
            && !context.shared.saving.forbids_writes(context.config)
            && !context.shared.aof.has_failed()
            // Where writes wait now and then, each asks.
            && context.shared.replication.write_delay_ms() == 0
            && until_ms(context.shared, flag::WRITE) == 0
            && !is_stale(context);
        self.asked_flags = match context.shared.replication.is_replica() {
            false => 0,
            true if route::goes_to_primary(context.shared, &context.caller.client, flag::READONLY) => flag::WRITE | flag::READONLY,
            true => flag::WRITE,
        };
    }

    /// Takes the node as it is now.
    fn look(&mut self, shared: &Shared) {
        // The number first: what changes in between is then looked at again.
        self.generation = shared.gate.now();
        self.topology = shared.cluster.as_ref().map(|cluster| cluster.topology.load());
    }

    /// True if a command on one key may run without further questions.
    #[inline]
    pub fn admits(&self, context: &Context<'_>, row: &Row, args: &Args<'_>) -> bool {
        self.admits_single_keys
            && row.spec.flags & self.asked_flags == 0
            && row.is_single_key()
            && row.takes(args.len())
            && !memory_limit::is_needed(context.shared, context.config)
            && self
                .topology
                .as_ref()
                .is_none_or(|topology| route::serves(context, topology, &args.resolved()[0], row.spec.has(flag::WRITE)))
    }

    /// True if what the answer rests on has not changed since. Asked under the lock.
    #[inline]
    pub fn still_holds(&self, shared: &Shared) -> bool {
        self.generation == shared.gate.now()
    }

    /// The generation of the node that the answers rest on.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Asks for every reason not to run a command.
    ///
    /// # Errors
    /// The text of the refusal.
    pub fn check(&mut self, context: &Context<'_>, session: &Session, row: &Row, args: &Args<'_>) -> Result<Verdict, Refusal> {
        self.look(context.shared);
        context.shared.thaw_if_over();
        let is_exec = row.is_exec() && session.multi.is_some();
        // One that has failed runs nothing, whatever it holds.
        let runs = |multi: &&Multi| is_exec && !multi.failed && !session.watch_flag.is_set();
        let queued = session.multi.as_ref().filter(runs).map_or(0, |multi| multi.flags);
        let flags = row.spec.flags | queued;
        let asked = Asked { context, session, topology: self.topology.as_ref().map(|topology| &***topology), row, args, is_exec, flags };
        for (_, refuse) in REFUSALS_ANYWHERE {
            refuse(&asked)?;
        }
        if route::goes_to_primary(context.shared, &context.caller.client, flags) {
            return match route::to_primary(context.shared) {
                Some(text) => Err(text.into_bytes()),
                None => Ok(Verdict::Wait(until_ms(context.shared, flag::WRITE).max(clock::monotonic_ms() + LOOK_AGAIN_MS))),
            };
        }
        for (_, refuse) in REFUSALS {
            refuse(&asked)?;
        }
        // Room may have been made by ending this very client.
        if context.config.maxmemory > 0 && context.caller.client.must_close() {
            return Ok(Verdict::Nothing);
        }
        // A client in MONITOR is something of a replica, as in Valkey: a pause does not hold it.
        if !session.monitor {
            let until_ms = until_ms(context.shared, flags);
            if until_ms > 0 {
                return Ok(Verdict::Wait(until_ms));
            }
        }
        if session.multi.is_some() && !row.spec.has(flag::NOT_QUEUED) {
            return Ok(Verdict::Queue);
        }
        Ok(Verdict::Run)
    }

    /// What is answered to a request whose command is not known.
    ///
    /// # Errors
    /// The text of the refusal, always but for [`Verdict::Nothing`].
    #[cold]
    pub fn refuse_unknown(context: &Context<'_>, found: Lookup<'_>, words: &[&[u8]]) -> Result<Verdict, Refusal> {
        if must_authenticate(context) {
            return Err(NOAUTH.into());
        }
        let table = &context.shared.table;
        if let Lookup::UnknownSubcommand(container) = found {
            let full_name = format!("{}|{}", container.spec.name, lower_case(words[1]));
            if table.is_to_come(&full_name) {
                return Err(not_there_yet(&full_name));
            }
            let help = format!("'. Try {} HELP.", container.spec.name.to_ascii_uppercase());
            return Err([b"ERR unknown subcommand '", shown(words[1], NAME_SHOWN_LEN_MAX), help.as_bytes()].concat());
        }
        if words[0].eq_ignore_ascii_case(b"host:") || words[0].eq_ignore_ascii_case(b"post") {
            // A web page tricked a browser into sending HTTP here: nothing after it may be taken for commands.
            let addr = &context.caller.client.addr;
            if let Some(before) = context.shared.metrics.attacks.happened(clock::monotonic_ms()) {
                let before = and_before(before);
                tracing::warn!(
                    "Possible SECURITY ATTACK detected. It looks like somebody is sending POST or Host: commands to Larder. This is likely due to an attacker attempting to use Cross Protocol Scripting to compromise your Larder instance. Connection from {addr} aborted.{before}"
                );
            }
            context.caller.client.close_asap();
            return Ok(Verdict::Nothing);
        }
        let name = lower_case(words[0]);
        if table.is_to_come(&name) {
            return Err(not_there_yet(&name));
        }
        let mut beginning = Vec::new();
        for word in words.iter().skip(1) {
            if beginning.len() >= ARGS_SHOWN_LEN_MAX {
                break;
            }
            let most = ARGS_SHOWN_LEN_MAX - beginning.len();
            beginning.extend_from_slice(&[b"'", shown(word, most), b"' "].concat());
        }
        let name = shown(words[0], NAME_SHOWN_LEN_MAX);
        Err([b"ERR unknown command '", name, b"', with args beginning with: ", &beginning].concat())
    }
}

/// Answers a request that may not run. Within a transaction it makes EXEC fail; a refused EXEC aborts it.
#[cold]
pub fn refuse(context: &mut Context<'_>, session: &mut Session, row: Option<&Row>, text: &[u8]) {
    if let Some(row) = row {
        context.metrics.commands[row.number as usize].reject();
    }
    if let Some(multi) = &mut session.multi {
        multi.failed = true;
    }
    let mut text = std::borrow::Cow::Borrowed(text);
    if row.is_some_and(Row::is_exec) {
        transaction::discard(context, session);
        if !route::is_redirection(&text) {
            let reason = text.strip_prefix(b"ERR ").unwrap_or(&text);
            text = [b"EXECABORT Transaction discarded because of: ", reason].concat().into();
        }
    }
    context.metrics.errors.count(&text);
    context.reply.error(text);
}

/// Long names are no command's.
fn lower_case(word: &[u8]) -> String {
    String::from_utf8_lossy(&word[..word.len().min(NAME_SHOWN_LEN_MAX)]).to_ascii_lowercase()
}

/// Clients that look for what a server can do look at the error's beginning.
fn not_there_yet(full_name: &str) -> Refusal {
    format!("ERR unknown command '{}': this version does not have it yet", full_name.replace('|', " ")).into()
}

const NOAUTH: &str = "NOAUTH Authentication required.";

/// What an error shows of an argument.
fn shown(arg: &[u8], most: usize) -> &[u8] {
    as_shown(&arg[..arg.len().min(most)])
}

/// True if the client has to prove who it is first. A password that was removed since it connected is no longer asked for.
#[inline]
fn must_authenticate(context: &Context<'_>) -> bool {
    !context.caller.authenticated && !context.config.requirepass.is_empty()
}

fn authentication(asked: &Asked<'_, '_>) -> Result<(), Refusal> {
    if must_authenticate(asked.context) && !asked.row.spec.has(flag::NO_AUTH) { Err(NOAUTH.into()) } else { Ok(()) }
}

fn arity(asked: &Asked<'_, '_>) -> Result<(), Refusal> {
    if asked.row.takes(asked.args.len()) && !matches!(asked.row.spec.run, Run::Container) {
        return Ok(());
    }
    Err(CmdError::arity(&asked.row.full_name).line().to_vec())
}

/// DEBUG and MODULE are for those whom an option allows them.
fn protected(asked: &Asked<'_, '_>) -> Result<(), Refusal> {
    let config = asked.context.config;
    let (name, option, allowed) = match asked.row.spec.flags {
        flags if flags & flag::DEBUG != 0 => ("DEBUG", "enable-debug-command", config.enable_debug_command),
        flags if flags & flag::MODULE != 0 => ("MODULE", "enable-module-command", config.enable_module_command),
        _ => return Ok(()),
    };
    if allowed.allows(asked.context.caller.client.is_local()) {
        return Ok(());
    }
    Err(format!(
        "ERR {name} command not allowed. If the {option} option is set to \"local\", you can run it from a local connection, otherwise you need to set this option in the configuration file, and then restart the server."
    )
    .into())
}

fn not_in_transaction(asked: &Asked<'_, '_>) -> Result<(), Refusal> {
    if asked.session.multi.is_none() || !asked.row.spec.has(flag::NO_MULTI) {
        return Ok(());
    }
    Err(format!("ERR Command '{}' not allowed inside a transaction", asked.row.full_name).into())
}

/// EXEC is asked for what is queued.
fn routed_elsewhere(asked: &Asked<'_, '_>) -> Result<(), Refusal> {
    let (Some(cluster), Some(topology)) = (&asked.context.shared.cluster, asked.topology) else { return Ok(()) };
    let shared = asked.context.shared;
    let queued = asked.session.multi.iter().filter(|_| asked.is_exec).flat_map(|multi| &multi.queue);
    let queued = queued.flat_map(|queued| {
        let row = shared.table.row(queued.command);
        transaction::keys_of(&shared.keyspace, row, queued, &queued.words.words())
    });
    let keys = asked.args.resolved().iter().copied().chain(queued);
    route::check(asked.context, cluster, topology, asked.flags, keys).map_err(String::into_bytes)
}

/// Evicts clients and keys where memory is above its limit. What may use more memory is refused if that did not help.
fn memory(asked: &Asked<'_, '_>) -> Result<(), Refusal> {
    let context = asked.context;
    if context.config.maxmemory == 0 {
        return Ok(());
    }
    // What this client's own replies of the batch take so far counts, too.
    if memory_limit::is_needed(context.shared, context.config) {
        let figures = &context.caller.client.figures;
        figures.output.store(context.reply.len() as u64, Ordering::Relaxed);
        figures.output_shared.store(context.reply.shared_len() as u64, Ordering::Relaxed);
        figures.output_capacity.store(alloc::block_len(context.reply.capacity()) as u64, Ordering::Relaxed);
        context.shared.clients.report(&context.caller.client);
    }
    if memory_limit::make_room(context.shared, context.config, context.now_ms).is_ok() || asked.flags & flag::DENYOOM == 0 {
        return Ok(());
    }
    Err("OOM command not allowed when used memory > 'maxmemory'.".into())
}

/// Refuses writes while they could not be saved; and PING, so that who looks whether all is well sees that it is not.
fn disk(shared: &Shared, config: &Config, flags: u32) -> Result<(), Refusal> {
    if flags & (flag::WRITE | flag::TELLS_HEALTH) == 0 {
        return Ok(());
    }
    if !shared.saving.forbids_writes(config) {
        return match shared.aof.error() {
            None => Ok(()),
            Some(error) => Err(format!("MISCONF Errors writing to the AOF file: {}", os_text(error)).into()),
        };
    }
    let name = server_name(config);
    Err(format!("MISCONF {name} is configured to save RDB snapshots, but it's currently unable to persist to disk. Commands that may modify the data set are disabled, because this instance is configured to report errors during writes if RDB snapshotting fails (stop-writes-on-bgsave-error option). Please check the {name} logs for details about the RDB error.").into())
}

/// Refuses what may see data while it is being loaded.
fn loading(asked: &Asked<'_, '_>) -> Result<(), Refusal> {
    let shared = asked.context.shared;
    if !shared.saving.is_loading() {
        return Ok(());
    }
    let mut queued = asked.session.multi.iter().filter(|_| asked.is_exec).flat_map(|multi| &multi.queue);
    if asked.row.spec.has(flag::LOADING) && queued.all(|queued| shared.table.row(queued.command).spec.has(flag::LOADING)) {
        return Ok(());
    }
    Err(loading_text(asked.context.config).into())
}

/// The error of what has to wait until the data is loaded.
pub fn loading_text(config: &Config) -> String {
    format!("LOADING {} is loading the dataset in memory", server_name(config))
}

/// What errors call the server.
fn server_name(config: &Config) -> &'static str {
    if config.extended_redis_compatibility { "Redis" } else { "Valkey" }
}

/// Refuses writes while fewer replicas follow than the options ask for.
fn replicas(shared: &Shared, config: &Config, flags: u32) -> Result<(), Refusal> {
    if shared.replication.is_replica() {
        return Ok(());
    }
    let asks_for_replicas = flags & flag::WRITE != 0 && config.min_replicas_max_lag > 0 && config.min_replicas_to_write > 0;
    if asks_for_replicas && shared.replication.good() < config.min_replicas_to_write as usize {
        return Err("NOREPLICAS Not enough good replicas to write.".into());
    }
    Ok(())
}

/// What a replica holds its primary decides.
fn read_only(shared: &Shared, config: &Config, flags: u32) -> Result<(), Refusal> {
    if flags & flag::WRITE != 0 && config.replica_read_only && shared.replication.is_replica() {
        return Err("READONLY You can't write against a read only replica.".into());
    }
    Ok(())
}

/// True if the node follows a primary that it has lost, and is not to show what it had.
#[inline]
fn is_stale(context: &Context<'_>) -> bool {
    let replication = &context.shared.replication;
    !context.config.replica_serve_stale_data && replication.is_replica() && !replication.link_is_up.load(Ordering::Relaxed)
}

fn stale(asked: &Asked<'_, '_>) -> Result<(), Refusal> {
    if !is_stale(asked.context) {
        return Ok(());
    }
    let table = &asked.context.shared.table;
    let mut queued = asked.session.multi.iter().filter(|_| asked.is_exec).flat_map(|multi| &multi.queue);
    if asked.row.spec.has(flag::STALE) && queued.all(|queued| table.row(queued.command).spec.has(flag::STALE)) {
        return Ok(());
    }
    Err("MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.".into())
}

fn subscriber(asked: &Asked<'_, '_>) -> Result<(), Refusal> {
    if asked.session.subscriptions.is_empty() || asked.context.reply.is_resp3() || asked.row.spec.has(flag::IN_SUBSCRIBER) {
        return Ok(());
    }
    Err(format!(
        "ERR Can't execute '{}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context",
        asked.row.full_name
    )
    .into())
}

/// A client in MONITOR may not touch data.
fn monitor(asked: &Asked<'_, '_>) -> Result<(), Refusal> {
    if asked.session.monitor && asked.row.spec.flags & (flag::WRITE | flag::MAY_REPLICATE | flag::READONLY) != 0 {
        return Err("ERR Replica can't interact with the keyspace".into());
    }
    Ok(())
}
