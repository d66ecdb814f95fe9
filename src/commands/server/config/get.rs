//! CONFIG GET: options by name or pattern, with their values.

use crate::base::limits::PATTERN_LEN_MAX;
use crate::engine::context::{Args, CmdResult, Context, check_pattern};
use crate::engine::spec::{ARG, Arg, CommandSpec, DOCS, Docs, Run, SPEC, acl, flag};

pub(crate) static CONFIG_GET: CommandSpec = CommandSpec {
    name: "get",
    arity: -3,
    flags: flag::ADMIN | flag::NOSCRIPT | flag::LOADING | flag::STALE,
    acl: acl::ADMIN | acl::DANGEROUS | acl::SLOW,
    args: &[Arg { name: "parameter", multiple: true, ..ARG }],
    run: Run::Data(exec),
    docs: Docs {
        summary: "Returns the values of options, by name or pattern",
        complexity: "O(N) when N is the number of configuration parameters provided",
        since: "2.0.0",
        group: "server",
        history: &[("7.0.0", "Several patterns.")],
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    args[2..].iter().try_for_each(|pattern| check_pattern(pattern, PATTERN_LEN_MAX).map(|_| ()))?;
    let pairs = context.shared.config.get(&args[2..]);
    context.reply.map(pairs.len());
    for (name, value) in pairs {
        context.reply.bulk(name.as_bytes());
        context.reply.bulk(value.as_bytes());
    }
    Ok(())
}
