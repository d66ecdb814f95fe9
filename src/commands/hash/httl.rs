//! HTTL, HPTTL, HEXPIRETIME and HPEXPIRETIME: when fields expire, in seconds or milliseconds, from now or as unix time. -1 is said of a field
//! that does not expire, -2 of one that is not there.

use super::fields;
use crate::engine::context::{Args, CmdResult, Context, is_word};
use crate::engine::error::CmdError;
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, KeySpec, Locks, Run, SPEC, acl, flag, key_flag};

/// What the four have in common.
const READER: CommandSpec = CommandSpec {
    arity: -5,
    flags: flag::READONLY | flag::FAST,
    acl: acl::FAST | acl::HASH | acl::READ,
    keys: &[KeySpec::one(1, key_flag::RO | key_flag::ACCESS)],
    args: &[Arg { name: "key", kind: ArgKind::Key(0), ..ARG }, fields::FIELDS],
    locks: Locks::Keys,
    docs: Docs { complexity: "O(N) where N is the number of fields.", since: "9.0.0", group: "hash", ..DOCS },
    ..SPEC
};

pub(crate) static HEXPIRETIME: CommandSpec = CommandSpec {
    name: "hexpiretime",
    run: Run::Data(|context, args| exec(context, args, false, true)),
    docs: Docs { summary: "Returns the unix time in seconds at which fields of a hash expire", ..READER.docs },
    ..READER
};

pub(crate) static HPEXPIRETIME: CommandSpec = CommandSpec {
    name: "hpexpiretime",
    run: Run::Data(|context, args| exec(context, args, false, false)),
    docs: Docs { summary: "Returns the unix time in milliseconds at which fields of a hash expire", ..READER.docs },
    ..READER
};

pub(crate) static HPTTL: CommandSpec = CommandSpec {
    name: "hpttl",
    run: Run::Data(|context, args| exec(context, args, true, false)),
    docs: Docs { summary: "Returns after how many milliseconds fields of a hash expire", ..READER.docs },
    ..READER
};

pub(crate) static HTTL: CommandSpec = CommandSpec {
    name: "httl",
    run: Run::Data(|context, args| exec(context, args, true, true)),
    docs: Docs { summary: "Returns after how many seconds fields of a hash expire", ..READER.docs },
    ..READER
};

fn exec(context: &mut Context<'_>, args: &Args<'_>, is_relative: bool, in_seconds: bool) -> CmdResult {
    if !is_word(args[2], "FIELDS") {
        return Err(CmdError::Syntax);
    }
    let names = fields::numbered(&args[3..], 1, || CmdError::Syntax)?;
    let access = context.keys.field_access();
    let base_ms = if is_relative { context.now_ms } else { 0 };
    let hash = fields::view(&mut context.keys, args.key(0)?)?;
    context.reply.array(names.len());
    for field in names {
        context.reply.integer(match hash.and_then(|hash| hash.find(field, access)) {
            None => -2,
            Some((_, None)) => -1,
            Some((_, Some(at_ms))) => {
                let left_ms = at_ms.saturating_sub(base_ms).max(0);
                if in_seconds { ((left_ms as u64 + 500) / 1000) as i64 } else { left_ms }
            }
        });
    }
    Ok(())
}
