//! ZMPOP: takes members with the lowest or highest scores out of the first of several sorted sets that has any.

use super::pop::{self, End, pop};
use crate::engine::context::{Args, CmdResult, Context, integer_in, is_word};
use crate::engine::error::CmdError;
use crate::engine::spec::{
    ARG, Arg, ArgKind, BeginSearch, CommandSpec, DOCS, Docs, FindKeys, KeySpec, Locks, Log, Run, SPEC, acl, flag, key_flag,
};
use crate::keyspace::records::NumberWord;
use crate::keyspace::value::zset::Zset;

pub(crate) static ZMPOP: CommandSpec = CommandSpec {
    name: "zmpop",
    arity: -4,
    flags: flag::WRITE | flag::MOVABLEKEYS,
    acl: acl::SLOW | acl::SORTEDSET | acl::WRITE,
    keys: &[KeySpec {
        flags: key_flag::RW | key_flag::ACCESS | key_flag::DELETE,
        begin: BeginSearch::Index(1),
        find: FindKeys::Count { number_at: 0, first: 1, step: 1 },
        notes: "",
    }],
    args: &[
        Arg { name: "numkeys", kind: ArgKind::Integer, ..ARG },
        Arg { name: "key", kind: ArgKind::Key(0), multiple: true, ..ARG },
        Arg {
            name: "where",
            kind: ArgKind::OneOf(&[
                Arg { name: "min", kind: ArgKind::PureToken, token: "MIN", ..ARG },
                Arg { name: "max", kind: ArgKind::PureToken, token: "MAX", ..ARG },
            ]),
            ..ARG
        },
        Arg { name: "count", kind: ArgKind::Integer, token: "COUNT", optional: true, ..ARG },
    ],
    locks: Locks::Keys,
    log: Log::Rewritten,
    run: Run::Data(exec),
    docs: Docs {
        summary: "Takes members with the lowest or highest scores out of the first sorted set that has any",
        complexity: "O(K) + O(M*log(N))",
        since: "7.0.0",
        group: "sorted-set",
        ..DOCS
    },
    ..SPEC
};

/// What is taken.
pub(super) struct Request {
    end: End,
    count: usize,
}

/// Parses from the number of keys on, which is the first word: for BZMPOP, too.
pub(super) fn parse(words: &[&[u8]]) -> Result<Request, CmdError> {
    let keys = integer_in(words[0], 1..=i64::MAX, "numkeys should be greater than 0")?;
    let at = usize::try_from(keys).ok().and_then(|keys| keys.checked_add(1)).filter(|at| *at < words.len()).ok_or(CmdError::Syntax)?;
    let end = match words[at] {
        word if is_word(word, "min") => End::Min,
        word if is_word(word, "max") => End::Max,
        _ => return Err(CmdError::Syntax),
    };
    let count = match words[at + 1..] {
        [] => 1,
        [word, count, ..] if is_word(word, "count") => integer_in(count, 1..=i64::MAX, "count should be greater than 0")?,
        _ => return Err(CmdError::Syntax),
    };
    if words.len() > at + 3 {
        return Err(CmdError::Syntax);
    }
    Ok(Request { end, count: count as usize })
}

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let request = parse(&args[1..])?;
    if !pop_first(context, args, &request)? {
        context.reply.null_array();
    }
    Ok(())
}

/// Takes members from the first sorted set that has any and replies its name and them. False, and no reply, if none has.
pub(super) fn pop_first(context: &mut Context<'_>, args: &Args<'_>, request: &Request) -> Result<bool, CmdError> {
    let hasher = context.keys.keyspace().hasher();
    for key in args.keys() {
        let mut opened = context.keys.open(key);
        if opened.collection::<Zset>()?.is_none() {
            continue;
        }
        pop(
            &mut opened,
            request.end,
            request.count,
            hasher,
            context.reply,
            |reply, count| {
                reply.array(2);
                reply.bulk(key.name());
                reply.array(count);
            },
            |reply, element| {
                reply.array(2);
                element.member().with_text(|member| reply.bulk(member));
                reply.double(element.score);
            },
        )?;
        drop(opened);
        let count = NumberWord::new(i64::try_from(request.count).unwrap_or(i64::MAX));
        context.keys.log(&[pop::command(request.end), key.name(), count.as_bytes()]);
        return Ok(true);
    }
    Ok(false)
}
