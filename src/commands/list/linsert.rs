//! LINSERT: an element in front of or behind the first one that is equal to a given text.

use super::ends::{COMPARED_STEPS, node_limit};
use crate::datatypes::items;
use crate::engine::context::{Args, CmdResult, Context, is_word};
use crate::engine::error::CmdError;
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, KeySpec, Locks, Run, SPEC, acl, flag, key_flag};
use crate::keyspace::effect::class;
use crate::keyspace::value::list::{End, List};

pub(crate) static LINSERT: CommandSpec = CommandSpec {
    name: "linsert",
    arity: 5,
    flags: flag::WRITE | flag::DENYOOM,
    acl: acl::LIST | acl::SLOW | acl::WRITE,
    keys: &[KeySpec::one(1, key_flag::RW | key_flag::INSERT)],
    args: &[
        Arg { name: "key", kind: ArgKind::Key(0), ..ARG },
        Arg {
            name: "where",
            kind: ArgKind::OneOf(&[
                Arg { name: "before", kind: ArgKind::PureToken, token: "BEFORE", ..ARG },
                Arg { name: "after", kind: ArgKind::PureToken, token: "AFTER", ..ARG },
            ]),
            ..ARG
        },
        Arg { name: "pivot", ..ARG },
        Arg { name: "element", ..ARG },
    ],
    locks: Locks::Keys,
    run: Run::Data(exec),
    docs: Docs {
        summary: "Puts an element next to another one of a list",
        complexity: "O(N) where N is the number of elements in front of the other one",
        since: "2.2.0",
        group: "list",
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let side = match args[2] {
        word if is_word(word, "AFTER") => End::Right,
        word if is_word(word, "BEFORE") => End::Left,
        _ => return Err(CmdError::Syntax),
    };
    let limit = node_limit(context);
    let haste = context.haste();
    let mut key = context.keys.open(args.key(0)?);
    let Some(list) = key.collection::<List>()? else {
        context.reply.integer(0);
        return Ok(());
    };
    haste.check(list.len() * COMPARED_STEPS)?;
    let pivot = items::packed(args[3]);
    let len = key.change(|list: &mut List| {
        // As in Valkey, the list makes room before it is known whether the pivot is there.
        list.grow_for(&args[4..5], limit);
        let (mut index, mut found) = (0, false);
        list.view().walk_right(0, |form, _| {
            found = form.starts_with(&pivot);
            index += usize::from(!found);
            !found
        });
        found.then(|| {
            list.insert(index, side, args[4], limit);
            list.len()
        })
    })?;
    match len {
        Some(len) => {
            key.change_event(class::LIST, "linsert");
            context.reply.integer(len as i64);
        }
        None => {
            key.mark_unchanged();
            context.reply.integer(-1);
        }
    }
    Ok(())
}
