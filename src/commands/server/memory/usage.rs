//! MEMORY USAGE: bytes that a key takes, its value and its place in the table included.

use crate::engine::context::{Args, CmdResult, Context, integer, is_word};
use crate::engine::error::CmdError;
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, KeySpec, Locks, Run, SPEC, acl, flag, key_flag};

pub(crate) static MEMORY_USAGE: CommandSpec = CommandSpec {
    name: "usage",
    arity: -3,
    flags: flag::READONLY,
    acl: acl::READ | acl::SLOW,
    keys: &[KeySpec::one(2, key_flag::RO)],
    args: &[
        Arg { name: "key", kind: ArgKind::Key(0), ..ARG },
        Arg { name: "count", kind: ArgKind::Integer, token: "SAMPLES", optional: true, ..ARG },
    ],
    locks: Locks::Keys,
    run: Run::Data(exec),
    docs: Docs {
        summary: "Estimates the memory that a key takes",
        complexity: "O(N) where N is the number of samples.",
        since: "4.0.0",
        group: "server",
        ..DOCS
    },
    ..SPEC
};

/// What a key takes in its table beside its entry, on average.
const TABLE_BYTES: usize = 10;

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let mut rest = &args[3..];
    while let [word, samples, more @ ..] = rest
        && is_word(word, "SAMPLES")
    {
        if integer(samples)? < 0 {
            return Err(CmdError::Syntax);
        }
        rest = more;
    }
    if !rest.is_empty() {
        return Err(CmdError::Syntax);
    }
    match context.keys.peek(args.key(0)?) {
        Some(entry) => context.reply.integer((entry.block_len() + entry.boxed_len() + TABLE_BYTES) as i64),
        None => context.reply.null(),
    }
    Ok(())
}
