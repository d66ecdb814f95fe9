//! ZSCAN: the members of a sorted set, some per call. The cursor names places in the index of its members, so that one that is there from
//! the first to the last call is returned at least once, whatever becomes of its score meanwhile.

use larder_proto::resp::format_double;

use super::access;
use crate::base::float::format_17_digits;
use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::names::Names;
use crate::engine::scan_options::{self, ScanOptions, Target};
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, KeySpec, Locks, Run, SPEC, acl, flag, key_flag};
use crate::keyspace::value::zset::ZsetView;

/// Places looked at per element that was asked for.
const STEPS_PER_ELEMENT: usize = 10;

pub(crate) static ZSCAN: CommandSpec = CommandSpec {
    name: "zscan",
    arity: -3,
    flags: flag::READONLY,
    acl: acl::READ | acl::SLOW | acl::SORTEDSET,
    keys: &[KeySpec::one(1, key_flag::RO | key_flag::ACCESS)],
    args: &[
        Arg { name: "key", kind: ArgKind::Key(0), ..ARG },
        Arg { name: "cursor", kind: ArgKind::Integer, ..ARG },
        Arg { name: "pattern", kind: ArgKind::Pattern, token: "MATCH", optional: true, ..ARG },
        Arg { name: "count", kind: ArgKind::Integer, token: "COUNT", optional: true, ..ARG },
        Arg { name: "noscores", kind: ArgKind::PureToken, token: "NOSCORES", optional: true, ..ARG },
    ],
    locks: Locks::Keys,
    run: Run::Data(exec),
    docs: Docs {
        summary: "Iterates over the members of a sorted set and their scores",
        complexity: "O(1) for every call. O(N) for a complete iteration.",
        since: "2.8.0",
        group: "sorted-set",
        history: &[("8.0.0", "`NOSCORES`.")],
        tips: &["nondeterministic_output"],
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let mut cursor = scan_options::cursor(args[2])?;
    let haste = context.haste();
    let hasher = context.keys.keyspace().hasher();
    let mut found = Names::default();
    match access::read(&mut context.keys, args.key(0)?)? {
        None => cursor = 0,
        Some(zset) => {
            let options = ScanOptions::parse(&args[3..], Target::SortedSet)?;
            haste.check_elements(options.count.min(zset.len()))?;
            let mut seen = 0;
            for _ in 0..options.count.saturating_mul(STEPS_PER_ELEMENT) {
                cursor = zset.scan(cursor, hasher, |element| {
                    seen += 1;
                    element.member().with_text(|member| {
                        if options.matches(member) {
                            found.push(member);
                            // Valkey prints what it holds as text, and with 17 digits what it does not.
                            match zset {
                                _ if options.names_only => {}
                                ZsetView::Small(_) => found.push(&format_double(element.score)),
                                ZsetView::Large(_) => found.push(format_17_digits(element.score).as_bytes()),
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
