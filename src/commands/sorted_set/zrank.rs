//! ZRANK and ZREVRANK: how many members come before one.

use super::access;
use crate::engine::context::{Args, CmdResult, Context, is_word};
use crate::engine::error::CmdError;
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, KeySpec, Locks, Run, SPEC, acl, flag, key_flag};

pub(crate) static ZRANK: CommandSpec = CommandSpec {
    name: "zrank",
    arity: -3,
    flags: flag::READONLY | flag::FAST | flag::CONSTANT_TIME,
    acl: acl::FAST | acl::READ | acl::SORTEDSET,
    keys: &[KeySpec::one(1, key_flag::RO | key_flag::ACCESS)],
    args: &[
        Arg { name: "key", kind: ArgKind::Key(0), ..ARG },
        Arg { name: "member", ..ARG },
        Arg { name: "withscore", kind: ArgKind::PureToken, token: "WITHSCORE", optional: true, ..ARG },
    ],
    element_at: 2,
    locks: Locks::Keys,
    run: Run::Data(|context, args| exec(context, args, false)),
    docs: Docs {
        summary: "Returns the rank of a member, by ascending score",
        complexity: "O(log(N))",
        since: "2.0.0",
        group: "sorted-set",
        history: &[("7.2.0", "`WITHSCORE`.")],
        ..DOCS
    },
    ..SPEC
};

pub(crate) static ZREVRANK: CommandSpec = CommandSpec {
    name: "zrevrank",
    arity: -3,
    flags: flag::READONLY | flag::FAST | flag::CONSTANT_TIME,
    acl: acl::FAST | acl::READ | acl::SORTEDSET,
    keys: &[KeySpec::one(1, key_flag::RO | key_flag::ACCESS)],
    args: &[
        Arg { name: "key", kind: ArgKind::Key(0), ..ARG },
        Arg { name: "member", ..ARG },
        Arg { name: "withscore", kind: ArgKind::PureToken, token: "WITHSCORE", optional: true, ..ARG },
    ],
    element_at: 2,
    locks: Locks::Keys,
    run: Run::Data(|context, args| exec(context, args, true)),
    docs: Docs {
        summary: "Returns the rank of a member, by descending score",
        complexity: "O(log(N))",
        since: "2.0.0",
        group: "sorted-set",
        history: &[("7.2.0", "`WITHSCORE`.")],
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, args: &Args<'_>, is_reverse: bool) -> CmdResult {
    let with_score = match args[3..] {
        [] => false,
        [word] if is_word(word, "withscore") => true,
        [_] => return Err(CmdError::Syntax),
        _ => return Err(CmdError::arity(context.command_name())),
    };
    let hasher = context.keys.keyspace().hasher();
    let zset = access::read(&mut context.keys, args.key(0)?)?;
    let found = zset
        .and_then(|zset| zset.rank(args[2], hasher).map(|(rank, score)| (if is_reverse { zset.len() - 1 - rank } else { rank }, score)));
    match found {
        Some((rank, score)) if with_score => {
            context.reply.array(2);
            context.reply.integer(rank as i64);
            context.reply.double(score);
        }
        Some((rank, _)) => context.reply.integer(rank as i64),
        None if with_score => context.reply.null_array(),
        None => context.reply.null(),
    }
    Ok(())
}
