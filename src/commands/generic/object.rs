//! OBJECT: how keys are kept. Looking does not count as a use of the key.

use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::error::CmdError;
use crate::engine::help::{HELP_DOCS, HELP_SPEC, help};
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, KeySpec, Locks, Run, SPEC, acl, flag, key_flag};
use crate::keyspace::entry::EntryRef;

pub(crate) static OBJECT: CommandSpec = CommandSpec {
    name: "object",
    arity: -2,
    acl: acl::SLOW,
    run: Run::Container,
    subcommands: &[&OBJECT_ENCODING, &OBJECT_FREQ, &OBJECT_HELP, &OBJECT_IDLETIME, &OBJECT_REFCOUNT],
    docs: Docs { summary: "Looks at how keys are kept", complexity: "Depends on subcommand.", since: "2.2.3", group: "generic", ..DOCS },
    ..SPEC
};

const BASE: CommandSpec = CommandSpec {
    arity: 3,
    flags: flag::READONLY | flag::CONSTANT_TIME,
    acl: acl::KEYSPACE | acl::READ | acl::SLOW,
    keys: &[KeySpec::one(2, key_flag::RO)],
    args: &[Arg { name: "key", kind: ArgKind::Key(0), ..ARG }],
    locks: Locks::Keys,
    docs: Docs { complexity: "O(1)", group: "generic", tips: &["nondeterministic_output"], ..DOCS },
    ..SPEC
};

static OBJECT_ENCODING: CommandSpec = CommandSpec {
    name: "encoding",
    run: Run::Data(encoding),
    docs: Docs { summary: "Names the internal representation of a key's value", since: "2.2.3", ..BASE.docs },
    ..BASE
};

static OBJECT_FREQ: CommandSpec = CommandSpec {
    name: "freq",
    run: Run::Data(frequency),
    docs: Docs { summary: "Returns the logarithmic counter of the uses of a key", since: "4.0.0", ..BASE.docs },
    ..BASE
};

static OBJECT_IDLETIME: CommandSpec = CommandSpec {
    name: "idletime",
    run: Run::Data(idle_time),
    docs: Docs { summary: "Returns the seconds since a key was last used", since: "2.2.3", ..BASE.docs },
    ..BASE
};

static OBJECT_REFCOUNT: CommandSpec = CommandSpec {
    name: "refcount",
    run: Run::Data(reference_count),
    docs: Docs { summary: "Returns how many references to a key's value there are", since: "2.2.3", ..BASE.docs },
    ..BASE
};

static OBJECT_HELP: CommandSpec = CommandSpec {
    acl: acl::KEYSPACE | acl::SLOW,
    run: Run::Data(|context, _| help(context, "object", HELP)),
    docs: Docs { summary: "Describes the subcommands", since: "6.2.0", group: "generic", ..HELP_DOCS },
    ..HELP_SPEC
};

const HELP: &[&str] = &[
    "ENCODING <key>",
    "    Name the internal representation of the value of <key>.",
    "FREQ <key>",
    "    Return how often <key> was used of late, on a logarithmic scale.",
    "IDLETIME <key>",
    "    Return the seconds since <key> was last used, give or take one.",
    "REFCOUNT <key>",
    "    Return the number of references to the value of <key>.",
];

fn encoding(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    match context.keys.inspect(args.key(0)?).map(EntryRef::encoding) {
        Some(encoding) => context.reply.bulk(encoding.name().as_bytes()),
        None => context.reply.null(),
    }
    Ok(())
}

fn frequency(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let clock = context.keys.clock();
    match context.keys.inspect(args.key(0)?).map(EntryRef::access_clock) {
        Some(_) if !clock.lfu => return Err(CmdError::coded(NOT_LFU)),
        Some(access) => context.reply.integer(i64::from(clock.frequency(access))),
        None => context.reply.null(),
    }
    Ok(())
}

fn idle_time(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let clock = context.keys.clock();
    match context.keys.inspect(args.key(0)?).map(EntryRef::access_clock) {
        Some(_) if clock.lfu => return Err(CmdError::coded(IS_LFU)),
        Some(access) => context.reply.integer(i64::from(clock.idle_seconds(access))),
        None => context.reply.null(),
    }
    Ok(())
}

/// Always 1: no two keys share a value here.
fn reference_count(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    match context.keys.inspect(args.key(0)?) {
        Some(_) => context.reply.integer(1),
        None => context.reply.null(),
    }
    Ok(())
}

const NOT_LFU: &str = "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust.";
const IS_LFU: &str = "ERR An LFU maxmemory policy is selected, idle time not tracked. Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust.";
