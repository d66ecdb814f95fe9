//! PUBSUB: who listens to what.

use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::error::CmdError;
use crate::engine::help;
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

pub(crate) static PUBSUB_CHANNELS: CommandSpec = CommandSpec {
    name: "channels",
    arity: -2,
    flags: flag::PUBSUB | flag::LOADING | flag::STALE,
    acl: acl::PUBSUB | acl::SLOW,
    args: &[Arg { name: "pattern", kind: ArgKind::Pattern, optional: true, ..ARG }],
    run: Run::Data(channels),
    docs: Docs {
        summary: "Lists channels with listeners",
        complexity: "O(N) where N is the number of active channels, and assuming constant time pattern matching (relatively short channels and patterns)",
        since: "2.8.0",
        group: "pubsub",
        ..DOCS
    },
    ..SPEC
};

pub(crate) static PUBSUB_HELP: CommandSpec = CommandSpec {
    name: "help",
    arity: 2,
    flags: flag::LOADING | flag::STALE,
    acl: acl::SLOW,
    run: Run::Data(print_help),
    docs: Docs { summary: "Explains the subcommands", complexity: "O(1)", since: "6.2.0", group: "pubsub", ..DOCS },
    ..SPEC
};

pub(crate) static PUBSUB_NUMPAT: CommandSpec = CommandSpec {
    name: "numpat",
    arity: 2,
    flags: flag::PUBSUB | flag::LOADING | flag::STALE,
    acl: acl::PUBSUB | acl::SLOW,
    run: Run::Data(numpat),
    docs: Docs { summary: "Counts the patterns listened to", complexity: "O(1)", since: "2.8.0", group: "pubsub", ..DOCS },
    ..SPEC
};

pub(crate) static PUBSUB_NUMSUB: CommandSpec = CommandSpec {
    name: "numsub",
    arity: -2,
    flags: flag::PUBSUB | flag::LOADING | flag::STALE,
    acl: acl::PUBSUB | acl::SLOW,
    args: &[Arg { name: "channel", optional: true, multiple: true, ..ARG }],
    run: Run::Data(numsub),
    docs: Docs {
        summary: "Counts the listeners of channels",
        complexity: "O(N) for the NUMSUB subcommand, where N is the number of requested channels",
        since: "2.8.0",
        group: "pubsub",
        ..DOCS
    },
    ..SPEC
};

pub(crate) static PUBSUB_SHARDCHANNELS: CommandSpec = CommandSpec {
    name: "shardchannels",
    arity: -2,
    flags: flag::PUBSUB | flag::LOADING | flag::STALE,
    acl: acl::PUBSUB | acl::SLOW,
    args: &[Arg { name: "pattern", kind: ArgKind::Pattern, optional: true, ..ARG }],
    run: Run::Data(shardchannels),
    docs: Docs {
        summary: "Lists shard channels with listeners",
        complexity: "O(N) where N is the number of active shard channels, and assuming constant time pattern matching (relatively short shard channels).",
        since: "7.0.0",
        group: "pubsub",
        ..DOCS
    },
    ..SPEC
};

pub(crate) static PUBSUB_SHARDNUMSUB: CommandSpec = CommandSpec {
    name: "shardnumsub",
    arity: -2,
    flags: flag::PUBSUB | flag::LOADING | flag::STALE,
    acl: acl::PUBSUB | acl::SLOW,
    args: &[Arg { name: "shardchannel", optional: true, multiple: true, ..ARG }],
    run: Run::Data(shardnumsub),
    docs: Docs {
        summary: "Counts the listeners of shard channels",
        complexity: "O(N) for the SHARDNUMSUB subcommand, where N is the number of requested shard channels",
        since: "7.0.0",
        group: "pubsub",
        ..DOCS
    },
    ..SPEC
};

fn list(context: &mut Context<'_>, args: &Args<'_>, shard: bool) -> CmdResult {
    if args.len() > 3 {
        return Err(CmdError::subcommand_syntax(args));
    }
    let names = context.shared.pubsub.channels(args.get(2).copied(), shard);
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

fn channels(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    list(context, args, false)
}

fn shardchannels(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    list(context, args, true)
}

fn numsub(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    count(context, args, false)
}

fn shardnumsub(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    count(context, args, true)
}

fn numpat(context: &mut Context<'_>, _: &Args<'_>) -> CmdResult {
    context.reply.integer(context.shared.pubsub.pattern_count() as i64);
    Ok(())
}

fn print_help(context: &mut Context<'_>, _: &Args<'_>) -> CmdResult {
    help::help(
        context,
        "pubsub",
        &[
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
        ],
    )
}
