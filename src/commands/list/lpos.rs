//! LPOS: the positions of elements that are equal to a given text.

use super::ends::COMPARED_STEPS;
use crate::datatypes::items;
use crate::engine::context::{Args, CmdResult, Context, integer, integer_in, is_word};
use crate::engine::error::CmdError;
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, KeySpec, Locks, Run, SPEC, acl, flag, key_flag};
use crate::keyspace::collection;
use crate::keyspace::value::list::List;

pub(crate) static LPOS: CommandSpec = CommandSpec {
    name: "lpos",
    arity: -3,
    flags: flag::READONLY,
    acl: acl::LIST | acl::READ | acl::SLOW,
    keys: &[KeySpec::one(1, key_flag::RO | key_flag::ACCESS)],
    args: &[
        Arg { name: "key", kind: ArgKind::Key(0), ..ARG },
        Arg { name: "element", ..ARG },
        Arg { name: "rank", kind: ArgKind::Integer, token: "RANK", optional: true, ..ARG },
        Arg { name: "num-matches", kind: ArgKind::Integer, token: "COUNT", optional: true, ..ARG },
        Arg { name: "len", kind: ArgKind::Integer, token: "MAXLEN", optional: true, ..ARG },
    ],
    locks: Locks::Keys,
    run: Run::Data(exec),
    docs: Docs {
        summary: "Finds elements that are equal to a text",
        complexity: "O(N) where N is the number of elements compared",
        since: "6.0.6",
        group: "list",
        ..DOCS
    },
    ..SPEC
};

/// What is looked for.
struct Search {
    /// Matches passed over before the first that counts; from the back if `backwards`.
    skip: u64,
    backwards: bool,
    /// Most matches; `None`: one, replied by itself.
    count: Option<usize>,
    /// Most comparisons.
    compared_max: usize,
}

fn parse(args: &Args<'_>) -> Result<Search, CmdError> {
    let mut search = Search { skip: 0, backwards: false, count: None, compared_max: usize::MAX };
    for pair in args[3..].chunks(2) {
        let [name, value] = *pair else { return Err(CmdError::Syntax) };
        match name {
            name if is_word(name, "RANK") => {
                let rank = match integer(value)? {
                    i64::MIN => {
                        return Err(CmdError::coded(
                            "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807",
                        ));
                    }
                    0 => {
                        return Err(CmdError::coded(
                            "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use negative to start \
                             from the end of the list",
                        ));
                    }
                    rank => rank,
                };
                search.skip = rank.unsigned_abs() - 1;
                search.backwards = rank < 0;
            }
            name if is_word(name, "COUNT") => {
                let most = integer_in(value, 0..=i64::MAX, "COUNT can't be negative")? as usize;
                search.count = Some(if most == 0 { usize::MAX } else { most });
            }
            name if is_word(name, "MAXLEN") => {
                let most = integer_in(value, 0..=i64::MAX, "MAXLEN can't be negative")? as usize;
                search.compared_max = if most == 0 { usize::MAX } else { most };
            }
            _ => return Err(CmdError::Syntax),
        }
    }
    Ok(search)
}

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let mut search = parse(args)?;
    let mut found = Vec::new();
    let haste = context.haste();
    if let Some(entry) = context.keys.read(args.key(0)?) {
        let list = collection::of::<List>(entry)?;
        haste.check(list.len().min(search.compared_max) * COMPARED_STEPS)?;
        let form = items::packed(args[2]);
        let (len, most) = (list.len(), search.count.unwrap_or(1));
        let mut compared = 0;
        let visit = |bytes: &[u8], _: items::Item<'_>| {
            if bytes.starts_with(&form) {
                match search.skip.checked_sub(1) {
                    Some(left) => search.skip = left,
                    None => found.push(if search.backwards { len - 1 - compared } else { compared }),
                }
            }
            compared += 1;
            compared < search.compared_max && found.len() < most
        };
        if search.backwards { list.walk_left(len - 1, visit) } else { list.walk_right(0, visit) }
    }
    match (search.count, found.first()) {
        (Some(_), _) => {
            context.reply.array(found.len());
            found.iter().for_each(|index| context.reply.integer(*index as i64));
        }
        (None, Some(index)) => context.reply.integer(*index as i64),
        (None, None) => context.reply.null(),
    }
    Ok(())
}
