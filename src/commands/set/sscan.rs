//! SSCAN: the members of a set, some per call. A member that is there from the first to the last call is returned at least once.
//!
//! A set that is no table comes in one call. Of a table each call goes through whole buckets, so that it may return a few more than COUNT says.

use super::members;
use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::item_reply::bulk_item;
use crate::engine::scan_options::{self, ScanOptions, Target};
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, KeySpec, Locks, Run, SPEC, acl, flag, key_flag};

pub(crate) static SSCAN: CommandSpec = CommandSpec {
    name: "sscan",
    arity: -3,
    flags: flag::READONLY,
    acl: acl::READ | acl::SET | acl::SLOW,
    keys: &[KeySpec::one(1, key_flag::RO | key_flag::ACCESS)],
    args: &[
        Arg { name: "key", kind: ArgKind::Key(0), ..ARG },
        Arg { name: "cursor", kind: ArgKind::Integer, ..ARG },
        Arg { name: "pattern", kind: ArgKind::Pattern, token: "MATCH", optional: true, ..ARG },
        Arg { name: "count", kind: ArgKind::Integer, token: "COUNT", optional: true, ..ARG },
    ],
    locks: Locks::Keys,
    run: Run::Data(exec),
    docs: Docs {
        summary: "Iterates over the members of a set",
        complexity: "O(1) per call, O(N) for all of a set of N members.",
        since: "2.8.0",
        group: "set",
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
    let set = members::view(&mut context.keys, args.key(0)?)?;
    let reply = &mut *context.reply;
    let Some(set) = set else {
        scan_options::reply_empty(reply);
        return Ok(());
    };
    let options = ScanOptions::parse(&args[3..], Target::Set)?;
    haste.check_elements(options.count.min(set.len()))?;
    let mut found = Vec::new();
    let mut seen = 0;
    for _ in 0..options.count.saturating_mul(STEPS_PER_ELEMENT) {
        cursor = set.scan(cursor, |member| {
            seen += 1;
            if member.with_text(|text| options.matches(text)) {
                found.push(member);
            }
        });
        if cursor == 0 || seen >= options.count {
            break;
        }
    }
    reply.array(2);
    reply.bulk(cursor.to_string().as_bytes());
    reply.array(found.len());
    found.into_iter().for_each(|member| bulk_item(reply, member));
    Ok(())
}
