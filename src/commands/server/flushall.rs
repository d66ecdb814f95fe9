//! FLUSHALL and FLUSHDB: empty every database, or the selected one.

use std::ops::Range;

use crate::engine::context::{Args, CmdResult, Context, is_word};
use crate::engine::error::CmdError;
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, Locks, Run, SPEC, acl, flag};

const BASE: CommandSpec = CommandSpec {
    arity: -1,
    flags: flag::WRITE,
    acl: acl::DANGEROUS | acl::KEYSPACE | acl::SLOW | acl::WRITE,
    args: &[Arg {
        name: "flush-type",
        kind: ArgKind::OneOf(&[
            Arg { name: "async", kind: ArgKind::PureToken, token: "ASYNC", since: "4.0.0", ..ARG },
            Arg { name: "sync", kind: ArgKind::PureToken, token: "SYNC", since: "6.2.0", ..ARG },
        ]),
        optional: true,
        ..ARG
    }],
    locks: Locks::All,
    docs: Docs {
        since: "1.0.0",
        group: "server",
        history: &[("4.0.0", "`ASYNC`."), ("6.2.0", "`SYNC`.")],
        tips: &["request_policy:all_shards", "response_policy:all_succeeded"],
        ..DOCS
    },
    ..SPEC
};

pub(crate) static FLUSHALL: CommandSpec = CommandSpec {
    name: "flushall",
    flags: flag::WRITE | flag::ALL_DBS,
    run: Run::Data(all),
    docs: Docs { summary: "Empties every database", complexity: "O(N) where N is the total number of keys in all databases", ..BASE.docs },
    ..BASE
};

pub(crate) static FLUSHDB: CommandSpec = CommandSpec {
    name: "flushdb",
    run: Run::Data(selected),
    docs: Docs {
        summary: "Empties the selected database",
        complexity: "O(N) where N is the number of keys in the selected database",
        ..BASE.docs
    },
    ..BASE
};

fn all(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let databases = 0..context.keys.keyspace().databases() as u32;
    flush(context, args, databases)?;
    // What is being saved is what was there before. What is on disk must not come back: it is saved anew, in a moment and not before the reply,
    // as Valkey does, since nobody waits for a disk here.
    let saving = &context.shared.saving;
    saving.cancel();
    if !context.config.save.is_empty() {
        saving.schedule();
    }
    Ok(())
}

fn selected(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let db = context.keys.db;
    flush(context, args, db..db + 1)
}

/// What the tables held is freed once the locks are released, here or by the background thread.
fn flush(context: &mut Context<'_>, args: &Args<'_>, databases: Range<u32>) -> CmdResult {
    let in_background = match args.get(1) {
        None => context.config.lazyfree_lazy_user_flush,
        Some(word) if args.len() == 2 && is_word(word, "SYNC") => false,
        Some(word) if args.len() == 2 && is_word(word, "ASYNC") => true,
        Some(_) => return Err(CmdError::Syntax),
    };
    context.keys.flush(databases, in_background);
    context.reply.ok();
    Ok(())
}
