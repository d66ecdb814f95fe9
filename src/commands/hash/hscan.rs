//! HSCAN: fields with their values, a few at a time. A field that is there from the first to the last call is returned at least once.

use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::names::Names;
use crate::engine::scan_options::{self, ScanOptions, Target};
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, KeySpec, Locks, Run, SPEC, acl, flag, key_flag};
use crate::keyspace::collection;
use crate::keyspace::value::hash::Hash;

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
        summary: "Iterates over the fields of a hash and their values",
        complexity: "O(1) for every call. O(N) for a complete iteration.",
        since: "2.8.0",
        group: "hash",
        tips: &["nondeterministic_output"],
        ..DOCS
    },
    ..SPEC
};

/// Steps of the scan per element that is asked for, at most.
const STEPS_PER_ELEMENT: usize = 10;

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let mut cursor = scan_options::cursor(args[2])?;
    let mut found = Names::default();
    match context.keys.read(args.key(0)?).map(collection::of::<Hash>).transpose()? {
        None => cursor = 0,
        Some(hash) => {
            let options = ScanOptions::parse(&args[3..], Target::Hash)?;
            let mut seen = 0;
            for _ in 0..options.count.saturating_mul(STEPS_PER_ELEMENT) {
                cursor = hash.scan(cursor, |field, value| {
                    seen += 1;
                    field.with_text(|field| {
                        if options.matches(field) {
                            found.push(field);
                            if !options.names_only {
                                value.with_text(|value| found.push(value));
                            }
                        }
                    });
                });
                if cursor == 0 || seen >= options.count {
                    break;
                }
            }
        }
    }
    context.reply.array(2);
    context.reply.bulk(cursor.to_string().as_bytes());
    found.reply(context.reply);
    Ok(())
}
