//! HSCAN: the fields of a hash, some per call. A field that is there from the first to the last call is returned at least once.
//!
//! A small hash comes in one call. Of a large one each call goes through whole buckets, so that it may return a few more than COUNT says.

use super::fields;
use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::item_reply::bulk_item;
use crate::engine::scan_options::{self, ScanOptions, Target};
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, KeySpec, Locks, Run, SPEC, acl, flag, key_flag};

pub(crate) static HSCAN: CommandSpec = CommandSpec {
    name: "hscan",
    arity: -3,
    flags: flag::READONLY,
    acl: acl::HASH | acl::READ | acl::SLOW,
    keys: &[KeySpec::one(1, key_flag::RO | key_flag::ACCESS)],
    args: &[
        Arg { name: "key", kind: ArgKind::Key(0), ..ARG },
        Arg { name: "cursor", kind: ArgKind::Integer, ..ARG },
        Arg { name: "pattern", kind: ArgKind::Pattern, token: "MATCH", optional: true, ..ARG },
        Arg { name: "count", kind: ArgKind::Integer, token: "COUNT", optional: true, ..ARG },
        Arg { name: "novalues", kind: ArgKind::PureToken, token: "NOVALUES", optional: true, ..ARG },
    ],
    locks: Locks::Keys,
    run: Run::Data(exec),
    docs: Docs {
        summary: "Iterates over the fields of a hash",
        complexity: "O(1) per call, O(N) for all of a hash of N fields.",
        since: "2.8.0",
        group: "hash",
        tips: &["nondeterministic_output"],
        ..DOCS
    },
    ..SPEC
};

/// Calls of the table's scan per element that COUNT asks for, at most: a table may be sparse.
const STEPS_PER_ELEMENT: usize = 10;

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let mut cursor = scan_options::cursor(args[2])?;
    let haste = context.haste();
    let liveness = context.keys.liveness();
    let hash = fields::view(&mut context.keys, args.key(0)?)?;
    let reply = &mut *context.reply;
    let Some(hash) = hash else {
        scan_options::reply_empty(reply);
        return Ok(());
    };
    let options = ScanOptions::parse(&args[3..], Target::Hash)?;
    haste.check_elements(options.count.min(hash.len()))?;
    let mut found = Vec::new();
    let mut seen = 0;
    for _ in 0..options.count.saturating_mul(STEPS_PER_ELEMENT) {
        cursor = hash.scan(cursor, liveness, |field, value| {
            seen += 1;
            if field.with_text(|text| options.matches(text)) {
                found.push((field, value));
            }
        });
        if cursor == 0 || seen >= options.count {
            break;
        }
    }
    reply.array(2);
    reply.bulk(cursor.to_string().as_bytes());
    reply.array(if options.names_only { found.len() } else { found.len() * 2 });
    for (field, value) in found {
        bulk_item(reply, field);
        if !options.names_only {
            bulk_item(reply, value);
        }
    }
    Ok(())
}
