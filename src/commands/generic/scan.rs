//! SCAN: the keys of a database, some per call. The cursor names a table (a stripe's, or in cluster mode a slot's) and a place in it,
//! so that a key that is there from the first to the last call is returned at least once; see [`crate::keyspace::scan`].

use crate::base::slot;
use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::names::Names;
use crate::engine::scan_options::{self, ScanOptions, Target};
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, Locks, Run, SPEC, acl, flag};

pub(crate) static SCAN: CommandSpec = CommandSpec {
    name: "scan",
    arity: -2,
    flags: flag::READONLY | flag::TOUCHES_ARBITRARY_KEYS,
    acl: acl::KEYSPACE | acl::READ | acl::SLOW,
    args: &[
        Arg { name: "cursor", kind: ArgKind::Integer, ..ARG },
        Arg { name: "pattern", kind: ArgKind::Pattern, token: "MATCH", optional: true, ..ARG },
        Arg { name: "count", kind: ArgKind::Integer, token: "COUNT", optional: true, ..ARG },
        Arg { name: "type", token: "TYPE", optional: true, since: "6.0.0", ..ARG },
    ],
    locks: Locks::Each,
    run: Run::Data(exec),
    docs: Docs {
        summary: "Iterates over the keys of the database",
        complexity: "O(1) for every call. O(N) for a complete iteration, including enough command calls for the cursor to return back to 0. N is the number of elements inside the collection.",
        since: "2.8.0",
        group: "generic",
        history: &[("6.0.0", "`TYPE`.")],
        tips: &["nondeterministic_output", "request_policy:special", "response_policy:special"],
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let cursor = scan_options::cursor(args[1])?;
    let options = ScanOptions::parse(&args[2..], Target::Keys)?;
    let keyspace = context.keys.keyspace();
    let slot = options.pattern.filter(|_| keyspace.by_slot()).and_then(slot::pattern_slot);
    let mut names = Names::default();
    let mut pace = context.haste().pace();
    let next = context.keys.scan(
        cursor,
        slot,
        options.count,
        |entry| options.type_name.is_none_or(|name| entry.kind().name() == name) && options.matches(entry.key()),
        |entry| names.push(entry.key()),
        &mut pace,
    )?;
    context.reply.array(2);
    context.reply.bulk(next.to_string().as_bytes());
    names.reply(context.reply);
    Ok(())
}
