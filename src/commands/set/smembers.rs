//! SMEMBERS: all members. Those of a table come in no particular order.

use super::members;
use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::item_reply::bulk_item;
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, Effort, KeySpec, Locks, Place, Run, SPEC, acl, flag, key_flag};

pub(crate) static SMEMBERS: CommandSpec = CommandSpec {
    name: "smembers",
    arity: 2,
    flags: flag::READONLY,
    acl: acl::READ | acl::SET | acl::SLOW,
    keys: &[KeySpec::one(1, key_flag::RO | key_flag::ACCESS)],
    args: &[Arg { name: "key", kind: ArgKind::Key(0), ..ARG }],
    locks: Locks::Keys,
    place: Place::Offload(Effort::Sum),
    run: Run::Data(exec),
    docs: Docs {
        summary: "Returns all members of a set",
        complexity: "O(N) where N is the size of the set.",
        since: "1.0.0",
        group: "set",
        tips: &["nondeterministic_output_order"],
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let set = members::view(&mut context.keys, args.key(0)?)?;
    let reply = &mut *context.reply;
    reply.set(set.map_or(0, |set| set.len()));
    if let Some(set) = set {
        set.for_each(|member| bulk_item(reply, member));
    }
    Ok(())
}
