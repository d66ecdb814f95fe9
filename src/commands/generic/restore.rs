//! RESTORE: makes a key of what DUMP returned, here or on another server. RESTORE-ASKING does so in a slot that is being imported.
//!
//! A payload is checked in full, whatever `sanitize-dump-payload` says: it may come from anybody.

use std::sync::atomic::Ordering;

use crate::config::RdbVersionCheck;
use crate::engine::context::{Args, CmdResult, Context, integer, is_word};
use crate::engine::error::CmdError;
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, Effort, KeySpec, Locks, Place, Run, SPEC, acl, flag, key_flag};
use crate::keyspace::clock24::AccessClock;
use crate::keyspace::effect::class;
use crate::keyspace::records::{self, NumberWord};
use crate::keyspace::value::hash::FieldAccess;
use crate::persist::dump::{self, Checks, Refused};
use crate::persist::rdb::load::{Access, Limits};

const BASE: CommandSpec = CommandSpec {
    arity: -4,
    flags: flag::WRITE | flag::DENYOOM,
    acl: acl::DANGEROUS | acl::KEYSPACE | acl::SLOW | acl::WRITE,
    keys: &[KeySpec::one(1, key_flag::OW | key_flag::UPDATE)],
    args: &[
        Arg { name: "key", kind: ArgKind::Key(0), ..ARG },
        Arg { name: "ttl", kind: ArgKind::Integer, ..ARG },
        Arg { name: "serialized-value", ..ARG },
        Arg { name: "replace", kind: ArgKind::PureToken, token: "REPLACE", optional: true, since: "3.0.0", ..ARG },
        Arg { name: "absttl", kind: ArgKind::PureToken, token: "ABSTTL", optional: true, since: "5.0.0", ..ARG },
        Arg { name: "seconds", kind: ArgKind::Integer, token: "IDLETIME", optional: true, since: "5.0.0", ..ARG },
        Arg { name: "frequency", kind: ArgKind::Integer, token: "FREQ", optional: true, since: "5.0.0", ..ARG },
    ],
    locks: Locks::Keys,
    place: Place::Offload(Effort::Length(PAYLOAD_AT)),
    run: Run::Data(exec),
    ..SPEC
};

const RESTORE_DOCS: Docs = Docs {
    complexity: "O(N) with the size of the value; for sorted sets O(N*log(N)).",
    history: &[("3.0.0", "`REPLACE`."), ("5.0.0", "`ABSTTL`."), ("5.0.0", "`IDLETIME` and `FREQ`.")],
    ..DOCS
};

pub(crate) static RESTORE: CommandSpec = CommandSpec {
    name: "restore",
    docs: Docs { summary: "Makes a key of what DUMP returned", since: "2.6.0", group: "generic", ..RESTORE_DOCS },
    ..BASE
};

pub(crate) static RESTORE_ASKING: CommandSpec = CommandSpec {
    name: "restore-asking",
    flags: flag::WRITE | flag::DENYOOM | flag::ASKING,
    docs: Docs {
        summary: "Makes a key of what DUMP returned in a slot that is being imported",
        since: "3.0.0",
        group: "server",
        flags: &["syscmd"],
        ..RESTORE_DOCS
    },
    ..BASE
};

const PAYLOAD_AT: usize = 3;

/// How the key says when it was used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Used {
    Now,
    Ago(u64),
    Often(u8),
}

struct Options {
    replaces: bool,
    is_absolute: bool,
    used: Used,
}

fn parse(args: &Args<'_>) -> Result<Options, CmdError> {
    let mut options = Options { replaces: false, is_absolute: false, used: Used::Now };
    let mut words = args[4..].iter();
    while let Some(word) = words.next() {
        if is_word(word, "REPLACE") {
            options.replaces = true;
        } else if is_word(word, "ABSTTL") {
            options.is_absolute = true;
        } else if is_word(word, "IDLETIME") && !matches!(options.used, Used::Often(_)) {
            let seconds = integer(words.next().ok_or(CmdError::Syntax)?)?;
            let seconds = u64::try_from(seconds).map_err(|_| CmdError::coded("ERR Invalid IDLETIME value, must be >= 0"))?;
            options.used = Used::Ago(seconds);
        } else if is_word(word, "FREQ") && !matches!(options.used, Used::Ago(_)) {
            let counter = integer(words.next().ok_or(CmdError::Syntax)?)?;
            let counter = u8::try_from(counter).map_err(|_| CmdError::coded("ERR Invalid FREQ value, must be >= 0 and <= 255"))?;
            options.used = Used::Often(counter);
        } else {
            return Err(CmdError::Syntax);
        }
    }
    Ok(options)
}

fn refused(reason: Refused) -> CmdError {
    match reason {
        Refused::Footer => CmdError::coded("ERR DUMP payload version or checksum are wrong"),
        Refused::ForeignType(kind) => CmdError::err(format!("Unsupported foreign data type: {kind}")),
        Refused::Value(reason) => {
            // What strangers can repeat is told only to who wants to know everything.
            tracing::debug!("RESTORE refuses a payload: {}", reason.0);
            CmdError::coded("ERR Bad data format")
        }
    }
}

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let options = parse(args)?;
    let name = args.key(0)?;
    if !options.replaces && context.keys.open(name).exists() {
        return Err(CmdError::coded("BUSYKEY Target key name already exists."));
    }
    let ttl = integer(args[2])?;
    if ttl < 0 {
        return Err(CmdError::coded("ERR Invalid TTL value, must be >= 0"));
    }
    let fields = FieldAccess { hasher: context.keys.keyspace().hasher(), liveness: context.keys.liveness() };
    let access = Access { fields, limits: Limits::of(context.config) };
    let checks = Checks {
        version: context.config.rdb_version_check == RdbVersionCheck::Strict,
        checksum: !context.shared.debug.skip_checksum.load(Ordering::Relaxed),
    };
    let object = dump::read(args[PAYLOAD_AT], &access, checks).map_err(refused)?;
    let expiry_ms = match ttl {
        0 => None,
        // What is too far away wraps around, and so is in the past, as in Valkey.
        ttl => Some(if options.is_absolute { ttl } else { ttl.wrapping_add(context.now_ms) }),
    };
    let is_past = expiry_ms.is_some_and(|expiry_ms| context.is_past(expiry_ms));
    let clock = access_clock(context.keys.clock(), options.used);
    let mut key = context.keys.open(name);
    if is_past {
        let is_deleted = key.delete();
        drop(key);
        if is_deleted {
            let in_background = context.config.lazyfree_lazy_server_del;
            context.keys.log(&[records::deletion(in_background), name.name()]);
        }
    } else {
        key.put(object.into_entry(name.name(), expiry_ms, clock));
        key.change_event(class::GENERIC, "restore");
        drop(key);
        if let Some(expiry_ms) = expiry_ms.filter(|_| !options.is_absolute) {
            log(context, args, expiry_ms);
        }
    }
    context.reply.ok();
    Ok(())
}

/// Adds the record of a key that ends at `expiry_ms`.
fn log(context: &mut Context<'_>, args: &Args<'_>, expiry_ms: i64) {
    let at = NumberWord::new(expiry_ms);
    let head = [args[0], args[1], at.as_bytes()];
    context.keys.log_all(args.len() + 1, head.into_iter().chain(args[3..].iter().copied()).chain([&b"ABSTTL"[..]]));
}

fn access_clock(clock: AccessClock, used: Used) -> u32 {
    match used {
        Used::Now => clock.fresh(),
        Used::Ago(seconds) => clock.idle(seconds),
        Used::Often(counter) => clock.used_often(counter),
    }
}
