//! DEBUG: what tests and engineers need to look inside the server or to disturb it. One command without subcommands of its own in
//! the table, as in Valkey; `enable-debug-command` guards it.
//!
//! Its keys are not in its key specs, so it locks the stripes it needs itself. Switches that would only bend mechanisms that this
//! server does not have are refused rather than accepted without effect.

mod allocation;
mod crash;
mod dataset;
mod digest;
mod eviction;
mod object;
mod protocol;
mod reload;
mod snapshot;
mod switches;
mod tables;

use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::base::clock;
use crate::base::number::parse_i64;
use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::error::CmdError;
use crate::engine::help::help;
use crate::engine::roles;
use crate::engine::spec::{CommandSpec, DOCS, Docs, Locks, Run, SPEC, acl, flag};

pub(crate) static DEBUG: CommandSpec = CommandSpec {
    name: "debug",
    arity: -2,
    flags: flag::ADMIN | flag::NOSCRIPT | flag::LOADING | flag::STALE | flag::DEBUG,
    acl: acl::ADMIN | acl::DANGEROUS | acl::SLOW,
    locks: Locks::Each,
    run: Run::Data(exec),
    docs: Docs {
        summary: "Looks inside the server, or disturbs it, for tests",
        complexity: "Depends on subcommand.",
        since: "1.0.0",
        group: "server",
        flags: &["syscmd"],
        ..DOCS
    },
    ..SPEC
};

/// Longest DEBUG SLEEP: a node that sleeps longer is taken for dead anyway.
const SLEEP_SECONDS_MAX: f64 = 3600.0;

/// How much longer the other workers sleep, so that they find the stripes free when they wake up.
const SLEEP_ENDS_BEFORE_US: u64 = 500;

const HELP: &[&str] = &[
    "AOF-FLUSH-SLEEP <microseconds>",
    "    Wait so long before each write to the append only file.",
    "ASSERT",
    "    End the process by a failed assertion.",
    "CHANGE-REPL-ID",
    "    Take new replication ids.",
    "CLIENT-ENFORCE-REPLY-LIST <0|1>",
    "    Count each reply as a whole block of output (1).",
    "CLIENT-EVICTION",
    "    Count clients by the memory they take (maxmemory-clients).",
    "CONFIG-REWRITE-FORCE-ALL",
    "    As CONFIG REWRITE, with every option, even those at their defaults.",
    "DIGEST",
    "    Print 160 bits that depend on all data and nothing else.",
    "DIGEST-VALUE <key> [<key> ...]",
    "    The same for the values of these keys.",
    "ERROR <text>",
    "    Answer with this error.",
    "HTSTATS <db> [full]",
    "    Show how full a database's hash tables are.",
    "HTSTATS-KEY <key> [full]",
    "    The same for the hash table of one value.",
    "LOADAOF",
    "    Write what is left of the append only file, remove all data, and load the file.",
    "LOG <message>",
    "    Write a line to the log.",
    "OBJECT <key> [fast]",
    "    Show how a value lies in memory; `fast` leaves out what takes time.",
    "OOM",
    "    Ask for more memory than there is.",
    "PANIC",
    "    End the process by a panic.",
    "PAUSE-CRON <0|1>",
    "    Stop (1) or resume periodic work on clients.",
    "POPULATE <count> [<prefix>] [<size>]",
    "    Create <count> strings named <prefix>:<n>; the prefix is `key` if not given.",
    "PROTOCOL <type>",
    "    Answer with an example of a type: string, integer, double, bignum, null, array, set, map,",
    "    attrib, push, verbatim, true or false.",
    "RELOAD [MERGE] [NOFLUSH] [NOSAVE]",
    "    Save all data, remove it, and load it again. MERGE: keys that are there get the file's value.",
    "    NOFLUSH: do not remove what is there. NOSAVE: load the file as it is.",
    "REPLYBUFFER PEAK-RESET-TIME <NEVER|RESET|ms>",
    "    Set after how long a client's output peak is forgotten.",
    "REPLYBUFFER RESIZING <0|1>",
    "    Stop (0) or resume giving back room that a client's output no longer needs.",
    "SDSLEN <key>",
    "    Show the lengths of a key and its string.",
    "SEGFAULT",
    "    End the process by a memory fault.",
    "SET-ACTIVE-EXPIRE <0|1>",
    "    Stop (0) or resume looking for expired keys that nobody asks for.",
    "SET-SKIP-CHECKSUM-VALIDATION <0|1>",
    "    Let RESTORE take payloads with a wrong checksum (1) or refuse them.",
    "SLEEP <seconds>",
    "    Hold all data for that long; fractions are allowed.",
    "SNAPSHOT [CHECK|COUNT]",
    "    Take a snapshot while others go on, and print its DIGEST and what it cost. CHECK: also what DIGEST",
    "    says when it begins. COUNT: how much it is, without the digest.",
    "STRINGMATCH-TEST",
    "    Run random patterns against random texts.",
    "STRUCTSIZE",
    "    Show the sizes of internal structures.",
];

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let name = String::from_utf8_lossy(args[1]).to_ascii_lowercase();
    match (name.as_str(), args.len()) {
        ("help", 2) => help(context, "debug", HELP),
        ("sleep", 3) => sleep(context, args[2]),
        ("log", 3) => {
            tracing::warn!("DEBUG LOG: {}", String::from_utf8_lossy(args[2]));
            done(context)
        }
        ("error", 3) => {
            context.metrics.errors.count(args[2]);
            context.reply.error(args[2]);
            Ok(())
        }
        ("protocol", 3) => protocol::exec(context, args[2]),
        ("object", 3 | 4) => object::object(context, args),
        ("sdslen", 3) => object::lengths(context, args[2]),
        ("listpack" | "quicklist", 3 | 4) => object::structure(context, args),
        ("digest", 2) => digest::dataset(context),
        ("snapshot", 2 | 3) => snapshot::exec(context, args),
        ("digest-value", _) => digest::values(context, args),
        ("populate", 3..=5) => dataset::populate(context, args),
        ("stringmatch-test", _) => dataset::match_length(context, args),
        ("htstats", 3 | 4) => tables::database(context, args),
        ("htstats-key", 3 | 4) => tables::key(context, args),
        ("structsize", 2) => allocation::struct_sizes(context),
        ("mallctl" | "mallctl-str", _) => Err(CmdError::err("the memory allocator has no such interface")),
        ("client-eviction", 2) => eviction::exec(context),
        ("set-active-expire" | "pause-cron" | "dict-resizing" | "replybuffer" | "client-enforce-reply-list", _)
        | ("set-skip-checksum-validation", 3) => switches::exec(context, &name, args),
        ("hashtable-can-abort-shrink" | "set-disable-deny-scripts", 3) => {
            Err(CmdError::err("this server has no mechanism that this would switch"))
        }
        ("quicklist-packed-threshold", 3) => Err(CmdError::err("the size from which a list's element lies alone cannot be changed")),
        ("config-rewrite-force-all", 2) => rewrite_all(context),
        ("change-repl-id", 2) => {
            tracing::info!("Changing replication IDs after receiving DEBUG change-repl-id");
            context.shared.replication.change_history();
            roles::name_history(context.shared);
            done(context)
        }
        ("aof-flush-sleep", 3) => {
            let microseconds = parse_i64(args[2]).and_then(|number| u32::try_from(number).ok());
            let microseconds = microseconds.ok_or(CmdError::coded("ERR value is out of range"))?;
            context.shared.aof.delay_us.store(microseconds, Ordering::Relaxed);
            done(context)
        }
        ("reload", _) => reload::exec(context, args),
        ("loadaof", 2) => reload::append_only_file(context),
        ("restart" | "crash-and-recover", _) => Err(CmdError::err("failed to restart the server. Check server logs.")),
        ("segfault" | "panic" | "assert" | "oom", 2) => crash::exec(&name),
        _ => Err(CmdError::subcommand_syntax(args)),
    }
}

fn done(context: &mut Context<'_>) -> CmdResult {
    context.reply.ok();
    Ok(())
}

/// Stops the whole node: the other workers stand still before their next round of work, and whoever works on data meanwhile waits
/// for the stripes, which are all held.
fn sleep(context: &mut Context<'_>, seconds: &[u8]) -> CmdResult {
    let seconds: f64 = std::str::from_utf8(seconds).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0.0);
    let seconds = if seconds.is_finite() { seconds.clamp(0.0, SLEEP_SECONDS_MAX) } else { 0.0 };
    let asleep_until_us = &context.shared.debug.asleep_until_us;
    let duration = Duration::from_secs_f64(seconds);
    context.keys.with_all(|_| {
        asleep_until_us.store(clock::monotonic_us() + duration.as_micros() as u64 + SLEEP_ENDS_BEFORE_US, Ordering::Relaxed);
        std::thread::sleep(duration);
    });
    asleep_until_us.store(0, Ordering::Relaxed);
    done(context)
}

fn rewrite_all(context: &mut Context<'_>) -> CmdResult {
    context.shared.config.rewrite_all().map_err(|reason| CmdError::err(format!("CONFIG-REWRITE-FORCE-ALL failed: {reason}")))?;
    done(context)
}
