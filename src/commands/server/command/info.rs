//! COMMAND INFO: arity, flags, keys, categories and subcommands of commands.

use larder_proto::resp::ReplyBuf;

use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::spec::{ARG, Arg, BeginSearch, CommandSpec, DOCS, Docs, FindKeys, KeySpec, Run, SPEC, acl, flag, key_flag};
use crate::engine::table::{Row, Table};

pub(crate) static COMMAND_INFO: CommandSpec = CommandSpec {
    name: "info",
    arity: -2,
    flags: flag::LOADING | flag::STALE | flag::SENTINEL,
    acl: acl::CONNECTION | acl::SLOW,
    args: &[Arg { name: "command-name", optional: true, multiple: true, ..ARG }],
    run: Run::Data(exec),
    docs: Docs {
        summary: "Describes commands",
        complexity: "O(N) where N is the number of commands to look up",
        since: "2.8.13",
        group: "server",
        history: &[("7.0.0", "Without names, all commands.")],
        tips: &["nondeterministic_output_order"],
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    if args.len() == 2 {
        all(context);
        return Ok(());
    }
    let table = &context.shared.table;
    context.reply.array(args.len() - 2);
    for name in &args[2..] {
        match table.by_full_name(name) {
            Some(row) => describe(context.reply, table, row),
            None => context.reply.null(),
        }
    }
    Ok(())
}

/// Describes all commands.
pub(super) fn all(context: &mut Context<'_>) {
    let table = &context.shared.table;
    context.reply.array(table.top_level().count());
    for row in table.top_level() {
        describe(context.reply, table, row);
    }
}

fn describe(reply: &mut ReplyBuf, table: &Table, row: &Row) {
    let spec = row.spec;
    let legacy = LegacyRange::of(spec.keys);
    let movable = if legacy.is_movable { flag::MOVABLEKEYS } else { 0 };
    reply.array(10);
    reply.bulk(row.full_name.as_bytes());
    reply.integer(i64::from(spec.arity));
    names(reply, spec.flags | movable, flag::NAMES);
    reply.integer(legacy.first);
    reply.integer(legacy.last);
    reply.integer(legacy.step);
    categories(reply, spec.acl);
    reply.set(spec.docs.tips.len());
    spec.docs.tips.iter().for_each(|tip| reply.bulk(tip.as_bytes()));
    reply.set(spec.keys.len());
    spec.keys.iter().for_each(|keys| key_spec(reply, keys));
    reply.array(row.subcommands.len());
    for sub in &row.subcommands {
        describe(reply, table, table.row(*sub));
    }
}

/// The names of the bits that are set, as a set of status lines.
pub(super) fn names(reply: &mut ReplyBuf, bits: u32, all: &[(u32, &str)]) {
    let set = || all.iter().filter(|(bit, _)| bits & bit != 0);
    reply.set(set().count());
    set().for_each(|(_, name)| reply.simple(name));
}

fn categories(reply: &mut ReplyBuf, bits: u32) {
    let set = || acl::NAMES.iter().filter(|(bit, _)| bits & bit != 0);
    reply.set(set().count());
    set().for_each(|(_, name)| reply.simple(&format!("@{name}")));
}

fn key_spec(reply: &mut ReplyBuf, keys: &KeySpec) {
    reply.map(3 + usize::from(!keys.notes.is_empty()));
    if !keys.notes.is_empty() {
        reply.bulk(b"notes");
        reply.bulk(keys.notes.as_bytes());
    }
    reply.bulk(b"flags");
    names(reply, keys.flags, key_flag::NAMES);
    reply.bulk(b"begin_search");
    match keys.begin {
        BeginSearch::Index(at) => step(reply, "index", &[("index", Field::Number(at as i64))]),
        BeginSearch::Keyword(word, from) => {
            step(reply, "keyword", &[("keyword", Field::Text(word)), ("startfrom", Field::Number(i64::from(from)))]);
        }
        BeginSearch::Unknown => step(reply, "unknown", &[]),
    }
    reply.bulk(b"find_keys");
    match keys.find {
        FindKeys::Range { last, step: by, limit } => {
            let fields = [("lastkey", i64::from(last)), ("keystep", by as i64), ("limit", limit as i64)];
            step(reply, "range", &fields.map(|(name, number)| (name, Field::Number(number))));
        }
        FindKeys::Count { number_at, first, step: by } => {
            let fields = [("keynumidx", number_at as i64), ("firstkey", first as i64), ("keystep", by as i64)];
            step(reply, "keynum", &fields.map(|(name, number)| (name, Field::Number(number))));
        }
        FindKeys::Unknown => step(reply, "unknown", &[]),
    }
}

#[derive(Clone, Copy)]
enum Field {
    Number(i64),
    Text(&'static str),
}

fn step(reply: &mut ReplyBuf, kind: &str, fields: &[(&str, Field)]) {
    reply.map(2);
    reply.bulk(b"type");
    reply.bulk(kind.as_bytes());
    reply.bulk(b"spec");
    reply.map(fields.len());
    for (name, field) in fields {
        reply.bulk(name.as_bytes());
        match field {
            Field::Number(number) => reply.integer(*number),
            Field::Text(text) => reply.bulk(text.as_bytes()),
        }
    }
}

/// Where keys stand as old clients understand it: from `first` to `last`, every `step`th.
#[derive(Debug, Default, PartialEq, Eq)]
struct LegacyRange {
    first: i64,
    last: i64,
    step: i64,
    /// That is not the whole truth.
    is_movable: bool,
}

impl LegacyRange {
    fn of(specs: &[KeySpec]) -> LegacyRange {
        let incomplete = |keys: &KeySpec| keys.flags & key_flag::INCOMPLETE != 0;
        if let [keys @ KeySpec { begin: BeginSearch::Index(first), find: FindKeys::Range { last, step, .. }, .. }] = specs {
            let first = *first as i64;
            let last = i64::from(*last);
            return LegacyRange {
                first,
                last: if last >= 0 { first + last } else { last },
                step: *step as i64,
                is_movable: incomplete(keys),
            };
        }
        let mut range: Option<(i64, i64)> = None;
        let mut is_movable = false;
        for keys in specs {
            let (BeginSearch::Index(at), FindKeys::Range { last, step: 1, .. }) = (keys.begin, keys.find) else {
                is_movable = true;
                continue;
            };
            let at = at as i64;
            if range.is_some_and(|(_, last)| last != at - 1) {
                is_movable = true;
                continue;
            }
            is_movable |= incomplete(keys);
            let last = if last >= 0 { i64::from(last) + at } else { i64::from(last) };
            // A negative last one reaches the end and so beyond every other.
            let further = |old: i64| if old < 0 || (last >= 0 && old > last) { old } else { last };
            range = Some(range.map_or((at, last), |(first, old)| (first.min(at), further(old))));
        }
        match range {
            Some((first, last)) => LegacyRange { first, last, step: 1, is_movable },
            None => LegacyRange { is_movable: !specs.is_empty(), ..LegacyRange::default() },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(begin: BeginSearch, find: FindKeys, flags: u32) -> KeySpec {
        KeySpec { flags, begin, find, notes: "" }
    }

    fn range(at: usize, last: i32, step: usize) -> KeySpec {
        keys(BeginSearch::Index(at), FindKeys::Range { last, step, limit: 0 }, 0)
    }

    #[test]
    fn old_ranges() {
        let count = keys(BeginSearch::Index(2), FindKeys::Count { number_at: 0, first: 1, step: 1 }, 0);
        let cases: &[(&[KeySpec], (i64, i64, i64, bool))] = &[
            (&[], (0, 0, 0, false)),
            (&[range(1, 0, 1)], (1, 1, 1, false)),
            (&[range(1, -1, 2)], (1, -1, 2, false)),
            (&[range(1, 0, 1), range(2, 0, 1)], (1, 2, 1, false)),
            (&[range(1, 0, 1), count], (1, 1, 1, true)),
            (&[count], (0, 0, 0, true)),
            (&[range(2, 0, 1), range(3, -1, 1)], (2, -1, 1, false)),
        ];
        for (specs, (first, last, step, is_movable)) in cases {
            let expected = LegacyRange { first: *first, last: *last, step: *step, is_movable: *is_movable };
            assert_eq!(LegacyRange::of(specs), expected, "{specs:?}");
        }
    }
}
