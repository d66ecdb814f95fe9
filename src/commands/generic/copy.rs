//! COPY: puts a copy of a key, its expiry included, under another name or into another database.

use super::target_database;
use crate::engine::context::{Args, CmdResult, Context, is_word};
use crate::engine::error::CmdError;
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, Effort, KeySpec, Locks, Place, Run, SPEC, acl, flag, key_flag};
use crate::keyspace::effect::class;
use crate::keyspace::expire_fields;

pub(crate) static COPY: CommandSpec = CommandSpec {
    name: "copy",
    arity: -3,
    flags: flag::WRITE | flag::DENYOOM,
    acl: acl::KEYSPACE | acl::SLOW | acl::WRITE,
    keys: &[KeySpec::one(1, key_flag::RO | key_flag::ACCESS), KeySpec::one(2, key_flag::OW | key_flag::UPDATE)],
    args: &[
        Arg { name: "source", kind: ArgKind::Key(0), ..ARG },
        Arg { name: "destination", kind: ArgKind::Key(1), ..ARG },
        Arg { name: "destination-db", kind: ArgKind::Integer, token: "DB", optional: true, ..ARG },
        Arg { name: "replace", kind: ArgKind::PureToken, token: "REPLACE", optional: true, ..ARG },
    ],
    locks: Locks::Keys,
    place: Place::Offload(Effort::Sum),
    run: Run::Data(exec),
    docs: Docs {
        summary: "Copies a key",
        complexity: "O(N) worst case for collections, where N is the number of nested items. O(1) for string values.",
        since: "6.2.0",
        group: "generic",
        ..DOCS
    },
    ..SPEC
};

struct Options {
    target_db: u32,
    replace: bool,
}

fn parse(context: &Context<'_>, args: &Args<'_>) -> Result<Options, CmdError> {
    let mut options = Options { target_db: context.keys.db, replace: false };
    let mut at = 3;
    while at < args.len() {
        if is_word(args[at], "REPLACE") {
            options.replace = true;
        } else if is_word(args[at], "DB") && at + 1 < args.len() {
            options.target_db = context.database(args[at + 1])?;
            at += 1;
        } else {
            return Err(CmdError::Syntax);
        }
        at += 1;
    }
    Ok(options)
}

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let options = parse(context, args)?;
    let (source, target) = (args.key(0)?, args.key(1)?);
    if options.target_db == context.keys.db && source.name() == target.name() {
        return Err(target_database::SAME_OBJECT);
    }
    let clock = context.keys.clock().fresh();
    let fields = context.keys.field_access();
    let copied = context.keys.read(source).map(|entry| expire_fields::duplicate(entry, target.name(), clock, fields));
    let mut ended = Vec::new();
    let is_copied = context.keys.in_db(options.target_db, |keys| {
        let Some((copy, without)) = copied else { return false };
        ended = without;
        let mut key = keys.open(target);
        if key.exists() && !options.replace {
            return false;
        }
        key.put(copy);
        key.change_event(class::GENERIC, "copy_to");
        true
    });
    if is_copied && !ended.is_empty() {
        // Who reads the log does not know which fields had ended then.
        context.keys.log(args.words());
        context.keys.in_db(options.target_db, |keys| {
            let head = [&b"HDEL"[..], target.name()];
            keys.log_all(2 + ended.len(), head.into_iter().chain(ended.iter().map(Vec::as_slice)));
        });
    }
    context.reply.integer(i64::from(is_copied));
    Ok(())
}
