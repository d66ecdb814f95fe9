//! GEOADD: adds positions to a sorted set, as the numbers that are their scores.

use super::arguments::position;
use crate::commands::sorted_set::zadd::{Options, add};
use crate::engine::context::{Args, CmdResult, Context, is_word};
use crate::engine::error::CmdError;
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, KeySpec, Locks, Run, SPEC, acl, flag, key_flag};

pub(crate) static GEOADD: CommandSpec = CommandSpec {
    name: "geoadd",
    arity: -5,
    flags: flag::WRITE | flag::DENYOOM,
    acl: acl::GEO | acl::SLOW | acl::WRITE,
    keys: &[KeySpec::one(1, key_flag::RW | key_flag::UPDATE)],
    args: &[
        Arg { name: "key", kind: ArgKind::Key(0), ..ARG },
        Arg {
            name: "condition",
            kind: ArgKind::OneOf(&[
                Arg { name: "nx", kind: ArgKind::PureToken, token: "NX", ..ARG },
                Arg { name: "xx", kind: ArgKind::PureToken, token: "XX", ..ARG },
            ]),
            optional: true,
            since: "6.2.0",
            ..ARG
        },
        Arg { name: "change", kind: ArgKind::PureToken, token: "CH", optional: true, since: "6.2.0", ..ARG },
        Arg {
            name: "data",
            kind: ArgKind::Block(&[
                Arg { name: "longitude", kind: ArgKind::Double, ..ARG },
                Arg { name: "latitude", kind: ArgKind::Double, ..ARG },
                Arg { name: "member", ..ARG },
            ]),
            multiple: true,
            ..ARG
        },
    ],
    locks: Locks::Keys,
    run: Run::Data(exec),
    docs: Docs {
        summary: "Adds members with their positions to a sorted set",
        complexity: "O(log(N)) for each member",
        since: "3.2.0",
        group: "geo",
        history: &[("6.2.0", "`CH`, `NX` and `XX`.")],
        ..DOCS
    },
    ..SPEC
};

fn parse<'a>(args: &Args<'a>) -> Result<(Options, Vec<(f64, &'a [u8])>), CmdError> {
    let mut options = Options::default();
    let mut rest = &args[2..];
    while let [word, tail @ ..] = rest {
        match () {
            () if is_word(word, "nx") => options.only_new = true,
            () if is_word(word, "xx") => options.only_there = true,
            () if is_word(word, "ch") => options.counts_changes = true,
            () => break,
        }
        rest = tail;
    }
    if !rest.len().is_multiple_of(3) || rest.is_empty() || options.only_new && options.only_there {
        return Err(CmdError::Syntax);
    }
    let pair = |triple: &[&'a [u8]]| Ok((position(triple[0], triple[1])?.encode() as f64, triple[2]));
    let pairs = rest.chunks_exact(3).map(pair).collect::<Result<_, CmdError>>()?;
    Ok((options, pairs))
}

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let (options, pairs) = parse(args)?;
    let outcome = add(context, args.key(0)?, &options, &pairs)?;
    context.reply.integer(outcome.count(&options));
    Ok(())
}
