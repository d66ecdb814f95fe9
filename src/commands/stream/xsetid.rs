//! XSETID: sets what a stream knows of its entries, for those who build one from elsewhere.

use super::access::strict_id;
use crate::engine::context::{Args, CmdResult, Context, integer, is_word};
use crate::engine::error::CmdError;
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, KeySpec, Locks, Run, SPEC, acl, flag, key_flag};
use crate::keyspace::effect::{Reach, class};
use crate::keyspace::value::stream::{Stream, StreamId};

pub(crate) static XSETID: CommandSpec = CommandSpec {
    name: "xsetid",
    arity: -3,
    flags: flag::WRITE | flag::DENYOOM | flag::FAST,
    acl: acl::FAST | acl::STREAM | acl::WRITE,
    keys: &[KeySpec::one(1, key_flag::RW | key_flag::UPDATE)],
    args: &[
        Arg { name: "key", kind: ArgKind::Key(0), ..ARG },
        Arg { name: "last-id", ..ARG },
        Arg { name: "entries-added", kind: ArgKind::Integer, token: "ENTRIESADDED", optional: true, since: "7.0.0", ..ARG },
        Arg { name: "max-deleted-id", token: "MAXDELETEDID", optional: true, since: "7.0.0", ..ARG },
    ],
    locks: Locks::Keys,
    run: Run::Data(exec),
    docs: Docs {
        summary: "Sets the last ID of a stream and what else it counts",
        complexity: "O(1)",
        since: "5.0.0",
        group: "stream",
        history: &[("7.0.0", "`ENTRIESADDED` and `MAXDELETEDID`.")],
        ..DOCS
    },
    ..SPEC
};

struct Wanted {
    last_id: StreamId,
    entries_added: Option<u64>,
    max_deleted_id: Option<StreamId>,
}

fn parse(args: &Args<'_>) -> Result<Wanted, CmdError> {
    let mut wanted = Wanted { last_id: strict_id(args[2], 0)?, entries_added: None, max_deleted_id: None };
    let mut rest = &args[3..];
    while let [word, more @ ..] = rest {
        let [value, more @ ..] = more else { return Err(CmdError::Syntax) };
        if is_word(word, "ENTRIESADDED") {
            let added = u64::try_from(integer(value)?).map_err(|_| CmdError::coded("ERR entries_added must be positive"))?;
            wanted.entries_added = Some(added);
        } else if is_word(word, "MAXDELETEDID") {
            let id = strict_id(value, 0)?;
            if wanted.last_id < id {
                return Err(CmdError::coded("ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id"));
            }
            wanted.max_deleted_id = Some(id);
        } else {
            return Err(CmdError::Syntax);
        }
        rest = more;
    }
    wanted.max_deleted_id = wanted.max_deleted_id.filter(|id| *id != StreamId::MIN);
    Ok(wanted)
}

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let Wanted { last_id, entries_added, max_deleted_id } = parse(args)?;
    let mut key = context.keys.open(args.key(0)?);
    let stream = key.collection::<Stream>()?.ok_or(CmdError::NoSuchKey)?;
    let figures = stream.figures();
    if last_id < figures.max_deleted_id {
        return Err(CmdError::coded("ERR The ID specified in XSETID is smaller than current max_deleted_entry_id"));
    }
    if stream.entries().last_id().is_some_and(|last| last_id < last) {
        return Err(CmdError::coded("ERR The ID specified in XSETID is smaller than the target stream top item"));
    }
    if figures.len > 0 && entries_added.is_some_and(|added| added < figures.len) {
        return Err(CmdError::coded("ERR The entries_added specified in XSETID is smaller than the target stream length"));
    }
    key.change(|stream: &mut Stream| stream.set_figures(last_id, entries_added, max_deleted_id))?;
    key.set_reach(Reach::Nobody);
    key.change_event(class::STREAM, "xsetid");
    context.reply.ok();
    Ok(())
}
