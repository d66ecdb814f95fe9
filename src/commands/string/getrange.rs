//! GETRANGE, and SUBSTR, its old name: a part of a string. Negative positions count from the end; what lies outside is left out.

use std::ops::Range;

use super::value;
use crate::engine::context::{Args, CmdResult, Context, integer};
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, KeySpec, Locks, Run, SPEC, acl, flag, key_flag};
use crate::keyspace::string_value;

const BASE: CommandSpec = CommandSpec {
    arity: 4,
    flags: flag::READONLY,
    acl: acl::READ | acl::SLOW | acl::STRING,
    keys: &[KeySpec::one(1, key_flag::RO | key_flag::ACCESS)],
    args: &[
        Arg { name: "key", kind: ArgKind::Key(0), ..ARG },
        Arg { name: "start", kind: ArgKind::Integer, ..ARG },
        Arg { name: "end", kind: ArgKind::Integer, ..ARG },
    ],
    locks: Locks::Keys,
    run: Run::Data(exec),
    docs: Docs { complexity: "O(N) where N is the length of the returned part", group: "string", ..DOCS },
    ..SPEC
};

pub(crate) static GETRANGE: CommandSpec = CommandSpec {
    name: "getrange",
    docs: Docs { summary: "Returns a part of the string under a key", since: "2.4.0", ..BASE.docs },
    ..BASE
};

pub(crate) static SUBSTR: CommandSpec = CommandSpec {
    name: "substr",
    docs: Docs { summary: "Returns a part of the string under a key (old name of GETRANGE)", since: "1.0.0", ..BASE.docs },
    ..BASE
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let (start, end) = (integer(args[2])?, integer(args[3])?);
    match context.keys.read(args.key(0)?) {
        None => context.reply.bulk(b""),
        Some(entry) => {
            let reply = &mut *context.reply;
            string_value::with_string(string_value::of(entry)?, |string| {
                value::reply_part(reply, context.config, string, part(start, end, string.len()))
            });
        }
    }
    Ok(())
}

/// The positions from `start` to `end`, both included, within a string of `len`.
fn part(start: i64, end: i64, len: usize) -> Range<usize> {
    let len = len as i64;
    let from_front = |position: i64| if position < 0 { (position + len).max(0) } else { position };
    let is_backwards = start < 0 && end < 0 && start > end;
    let (start, end) = (from_front(start), from_front(end).min(len - 1));
    if is_backwards || start > end { 0..0 } else { start as usize..end as usize + 1 }
}

#[cfg(test)]
mod tests {
    use super::part;

    #[test]
    fn positions_are_clamped_to_the_string() {
        let cases = [
            (0, -1, 5, 0..5),
            (1, 3, 5, 1..4),
            (-3, -1, 5, 2..5),
            (-100, 100, 5, 0..5),
            (3, 1, 5, 0..0),
            (-1, -3, 5, 0..0),
            (5, 9, 5, 0..0),
            (0, 0, 0, 0..0),
            (-1, 0, 0, 0..0),
            (0, -100, 5, 0..1),
            (-100, -90, 5, 0..1),
            (i64::MIN, i64::MAX, 5, 0..5),
        ];
        for (start, end, len, expected) in cases {
            assert_eq!(part(start, end, len), expected, "{start} {end} of {len}");
        }
    }
}
