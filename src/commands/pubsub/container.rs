//! PUBSUB: who listens to what.

use crate::base::limits::PATTERN_LEN_MAX;
use crate::engine::context::{Args, CmdResult, Context, check_pattern};
use crate::engine::error::CmdError;
use crate::engine::help::{HELP_DOCS, HELP_SPEC, help};
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, Run, SPEC, acl, flag};

pub(crate) static PUBSUB: CommandSpec = CommandSpec {
    name: "pubsub",
    arity: -2,
    acl: acl::SLOW,
    run: Run::Container,
    subcommands: &[&PUBSUB_CHANNELS, &PUBSUB_HELP, &PUBSUB_NUMPAT, &PUBSUB_NUMSUB, &PUBSUB_SHARDCHANNELS, &PUBSUB_SHARDNUMSUB],
    docs: Docs {
        summary: "Looks at channels and their listeners",
        complexity: "Depends on subcommand.",
        since: "2.8.0",
        group: "pubsub",
        ..DOCS
    },
    ..SPEC
};

const BASE: CommandSpec = CommandSpec {
    flags: flag::PUBSUB | flag::LOADING | flag::STALE,
    acl: acl::PUBSUB | acl::SLOW,
    docs: Docs { group: "pubsub", ..DOCS },
    ..SPEC
};

static PUBSUB_CHANNELS: CommandSpec = CommandSpec {
    name: "channels",
    arity: -2,
    args: &[Arg { name: "pattern", kind: ArgKind::Pattern, optional: true, ..ARG }],
    run: Run::Data(|context, args| list(context, args, false)),
    docs: Docs {
        summary: "Lists channels with listeners",
        complexity: "O(N) where N is the number of active channels, and assuming constant time pattern matching (relatively short channels and patterns)",
        since: "2.8.0",
        ..BASE.docs
    },
    ..BASE
};

static PUBSUB_NUMPAT: CommandSpec = CommandSpec {
    name: "numpat",
    arity: 2,
    run: Run::Data(numpat),
    docs: Docs { summary: "Counts the patterns listened to", complexity: "O(1)", since: "2.8.0", ..BASE.docs },
    ..BASE
};

static PUBSUB_NUMSUB: CommandSpec = CommandSpec {
    name: "numsub",
    arity: -2,
    args: &[Arg { name: "channel", optional: true, multiple: true, ..ARG }],
    run: Run::Data(|context, args| count(context, args, false)),
    docs: Docs {
        summary: "Counts the listeners of channels",
        complexity: "O(N) for the NUMSUB subcommand, where N is the number of requested channels",
        since: "2.8.0",
        ..BASE.docs
    },
    ..BASE
};

static PUBSUB_SHARDCHANNELS: CommandSpec = CommandSpec {
    name: "shardchannels",
    arity: -2,
    args: &[Arg { name: "pattern", kind: ArgKind::Pattern, optional: true, ..ARG }],
    run: Run::Data(|context, args| list(context, args, true)),
    docs: Docs {
        summary: "Lists shard channels with listeners",
        complexity: "O(N) where N is the number of active shard channels, and assuming constant time pattern matching (relatively short shard channels).",
        since: "7.0.0",
        ..BASE.docs
    },
    ..BASE
};

static PUBSUB_SHARDNUMSUB: CommandSpec = CommandSpec {
    name: "shardnumsub",
    arity: -2,
    args: &[Arg { name: "shardchannel", optional: true, multiple: true, ..ARG }],
    run: Run::Data(|context, args| count(context, args, true)),
    docs: Docs {
        summary: "Counts the listeners of shard channels",
        complexity: "O(N) for the SHARDNUMSUB subcommand, where N is the number of requested shard channels",
        since: "7.0.0",
        ..BASE.docs
    },
    ..BASE
};

static PUBSUB_HELP: CommandSpec = CommandSpec {
    run: Run::Data(|context, _| help(context, "pubsub", HELP)),
    docs: Docs { summary: "Explains the subcommands", since: "6.2.0", group: "pubsub", ..HELP_DOCS },
    ..HELP_SPEC
};

const HELP: &[&str] = &[
    "CHANNELS [<pattern>]",
    "    Channels with listeners, of those that match <pattern> (default: all).",
    "NUMPAT",
    "    Number of patterns listened to.",
    "NUMSUB [<channel> ...]",
    "    Number of listeners of each channel, those by pattern left out.",
    "SHARDCHANNELS [<pattern>]",
    "    Shard channels with listeners, of those that match <pattern> (default: all).",
    "SHARDNUMSUB [<shardchannel> ...]",
    "    Number of listeners of each shard channel.",
];

fn list(context: &mut Context<'_>, args: &Args<'_>, shard: bool) -> CmdResult {
    if args.len() > 3 {
        return Err(CmdError::subcommand_syntax(args));
    }
    let pattern = args.get(2).map(|pattern| check_pattern(pattern, PATTERN_LEN_MAX)).transpose()?;
    let names = context.shared.pubsub.channels(pattern, shard);
    context.reply.array(names.len());
    names.iter().for_each(|name| context.reply.bulk(name));
    Ok(())
}

fn count(context: &mut Context<'_>, args: &Args<'_>, shard: bool) -> CmdResult {
    context.reply.array((args.len() - 2) * 2);
    for channel in &args[2..] {
        context.reply.bulk(channel);
        context.reply.integer(context.shared.pubsub.listeners(channel, shard) as i64);
    }
    Ok(())
}

fn numpat(context: &mut Context<'_>, _: &Args<'_>) -> CmdResult {
    context.reply.integer(context.shared.pubsub.pattern_count() as i64);
    Ok(())
}
