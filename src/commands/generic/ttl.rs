//! TTL, PTTL, EXPIRETIME and PEXPIRETIME: when a key expires, in seconds (rounded) or milliseconds, from now or as unix time; -1 if it never
//! does, -2 if it is not there.

use super::time_units::{Base, Unit};
use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, KeySpec, Locks, Run, SPEC, acl, flag, key_flag};

const BASE: CommandSpec = CommandSpec {
    arity: 2,
    flags: flag::READONLY | flag::FAST | flag::CONSTANT_TIME,
    acl: acl::FAST | acl::KEYSPACE | acl::READ,
    keys: &[KeySpec::one(1, key_flag::RO | key_flag::ACCESS)],
    args: &[Arg { name: "key", kind: ArgKind::Key(0), ..ARG }],
    locks: Locks::Keys,
    docs: Docs { complexity: "O(1)", group: "generic", ..DOCS },
    ..SPEC
};

/// Of those that count from now: their answer differs from moment to moment.
const FROM_NOW_DOCS: Docs =
    Docs { history: &[("2.8.0", "-2 for a key that does not exist.")], tips: &["nondeterministic_output"], ..BASE.docs };

pub(crate) static TTL: CommandSpec = CommandSpec {
    name: "ttl",
    run: Run::Data(|context, args| exec(context, args, Base::Now, Unit::Seconds)),
    docs: Docs { summary: "Returns in how many seconds a key expires", since: "1.0.0", ..FROM_NOW_DOCS },
    ..BASE
};

pub(crate) static PTTL: CommandSpec = CommandSpec {
    name: "pttl",
    run: Run::Data(|context, args| exec(context, args, Base::Now, Unit::Milliseconds)),
    docs: Docs { summary: "Returns in how many milliseconds a key expires", since: "2.6.0", ..FROM_NOW_DOCS },
    ..BASE
};

pub(crate) static EXPIRETIME: CommandSpec = CommandSpec {
    name: "expiretime",
    run: Run::Data(|context, args| exec(context, args, Base::Epoch, Unit::Seconds)),
    docs: Docs { summary: "Returns the unix time in seconds at which a key expires", since: "7.0.0", ..BASE.docs },
    ..BASE
};

pub(crate) static PEXPIRETIME: CommandSpec = CommandSpec {
    name: "pexpiretime",
    run: Run::Data(|context, args| exec(context, args, Base::Epoch, Unit::Milliseconds)),
    docs: Docs { summary: "Returns the unix time in milliseconds at which a key expires", since: "7.0.0", ..BASE.docs },
    ..BASE
};

fn exec(context: &mut Context<'_>, args: &Args<'_>, base: Base, unit: Unit) -> CmdResult {
    let base_ms = if base == Base::Now { context.now_ms } else { 0 };
    let number = match context.keys.look_up(args.key(0)?).map(|entry| entry.expiry_ms()) {
        None => -2,
        Some(None) => -1,
        Some(Some(at_ms)) => {
            let ms = (at_ms - base_ms).max(0);
            if unit == Unit::Seconds { ms / 1000 + i64::from(ms % 1000 >= 500) } else { ms }
        }
    };
    context.reply.integer(number);
    Ok(())
}
