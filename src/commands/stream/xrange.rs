//! XRANGE and XREVRANGE: the entries between two IDs, forwards and backwards.

use super::{access, reply};
use crate::engine::context::{Args, CmdResult, Context, integer, is_word};
use crate::engine::error::CmdError;
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, KeySpec, Locks, Run, SPEC, acl, flag, key_flag};

const BASE: CommandSpec = CommandSpec {
    arity: -4,
    flags: flag::READONLY,
    acl: acl::READ | acl::SLOW | acl::STREAM,
    keys: &[KeySpec::one(1, key_flag::RO | key_flag::ACCESS)],
    locks: Locks::Keys,
    docs: Docs {
        complexity: "O(log(N)+M) where N is the number of entries in the stream and M the number of those returned",
        since: "5.0.0",
        group: "stream",
        history: &[("6.2.0", "Bounds that are excluded.")],
        ..DOCS
    },
    ..SPEC
};

pub(crate) static XRANGE: CommandSpec = CommandSpec {
    name: "xrange",
    args: &[
        Arg { name: "key", kind: ArgKind::Key(0), ..ARG },
        Arg { name: "start", ..ARG },
        Arg { name: "end", ..ARG },
        Arg { name: "count", kind: ArgKind::Integer, token: "COUNT", optional: true, ..ARG },
    ],
    run: Run::Data(|context, args| exec(context, args, false)),
    docs: Docs { summary: "Returns the entries of a stream between two IDs", ..BASE.docs },
    ..BASE
};

pub(crate) static XREVRANGE: CommandSpec = CommandSpec {
    name: "xrevrange",
    args: &[
        Arg { name: "key", kind: ArgKind::Key(0), ..ARG },
        Arg { name: "end", ..ARG },
        Arg { name: "start", ..ARG },
        Arg { name: "count", kind: ArgKind::Integer, token: "COUNT", optional: true, ..ARG },
    ],
    run: Run::Data(|context, args| exec(context, args, true)),
    docs: Docs { summary: "Returns the entries of a stream between two IDs, the last one first", ..BASE.docs },
    ..BASE
};

fn exec(context: &mut Context<'_>, args: &Args<'_>, is_reverse: bool) -> CmdResult {
    let (start, end) = if is_reverse { (args[3], args[2]) } else { (args[2], args[3]) };
    let bounds = (access::range_start(start)?, access::range_end(end)?);
    let mut count = None;
    let mut rest = &args[4..];
    while let [word, more @ ..] = rest {
        let [number, more @ ..] = more else { return Err(CmdError::Syntax) };
        if !is_word(word, "COUNT") {
            return Err(CmdError::Syntax);
        }
        count = Some(integer(number)?.max(0) as u64);
        rest = more;
    }
    let haste = context.haste();
    let Some(stream) = access::read(&mut context.keys, args.key(0)?)? else {
        context.reply.empty_array();
        return Ok(());
    };
    haste.check_elements(stream.entries().count_up_to(bounds, count.unwrap_or(u64::MAX)))?;
    match count {
        Some(0) => context.reply.null_array(),
        count => reply::range(context.reply, stream.entries(), bounds, count.unwrap_or(0), is_reverse),
    }
    Ok(())
}
