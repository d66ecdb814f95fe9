//! XTRIM: takes entries away from the beginning of a stream.

use super::trimming::{self, TRIM_ARGS};
use super::xadd::free_nodes;
use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::error::CmdError;
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, KeySpec, Locks, Run, SPEC, acl, flag, key_flag};
use crate::keyspace::effect::class;
use crate::keyspace::value::stream::Stream;

pub(crate) static XTRIM: CommandSpec = CommandSpec {
    name: "xtrim",
    arity: -4,
    flags: flag::WRITE,
    acl: acl::SLOW | acl::STREAM | acl::WRITE,
    keys: &[KeySpec::one(1, key_flag::RW | key_flag::DELETE)],
    args: &[Arg { name: "key", kind: ArgKind::Key(0), ..ARG }, Arg { name: "trim", kind: ArgKind::Block(TRIM_ARGS), ..ARG }],
    locks: Locks::Keys,
    run: Run::Data(exec),
    docs: Docs {
        summary: "Takes entries away from the beginning of a stream",
        complexity: "O(N) where N is the number of entries that go; most of them go a hundred at a time",
        since: "5.0.0",
        group: "stream",
        history: &[("6.2.0", "`MINID` and `LIMIT`.")],
        tips: &["nondeterministic_output"],
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let trim = trimming::parse(args, false, context.config)?.trim.ok_or(CmdError::Syntax)?;
    let mut key = context.keys.open(args.key(0)?);
    if key.collection::<Stream>()?.is_none() {
        context.reply.integer(0);
        return Ok(());
    }
    let mut freed = Vec::new();
    let trimmed = key.change_if(|stream: &mut Stream| {
        let trimmed = stream.trim_to(trim, |node| freed.push(node));
        (trimmed, trimmed > 0)
    })?;
    if trimmed > 0 {
        key.change_event(class::STREAM, "xtrim");
        key.count_changes(trimmed - 1);
        free_nodes(&mut key, freed);
        if trim.is_approximate
            && let Some(figures) = key.collection::<Stream>()?.map(Stream::figures)
        {
            drop(key);
            let (strategy, threshold) = trimming::exact(trim, figures);
            context.keys.log(&[b"XTRIM", args[1], strategy, b"=", &threshold]);
        }
    }
    context.reply.integer(trimmed as i64);
    Ok(())
}
