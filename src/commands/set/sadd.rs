//! SADD: adds members to a set.

use super::members;
use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, KeySpec, Locks, Run, SPEC, acl, flag, key_flag};
use crate::keyspace::effect::class;
use crate::keyspace::value::collection::Collection;
use crate::keyspace::value::set::{Member, Set};

pub(crate) static SADD: CommandSpec = CommandSpec {
    name: "sadd",
    arity: -3,
    flags: flag::WRITE | flag::DENYOOM | flag::FAST | flag::CONSTANT_TIME,
    acl: acl::FAST | acl::SET | acl::WRITE,
    keys: &[KeySpec::one(1, key_flag::RW | key_flag::INSERT)],
    args: &[Arg { name: "key", kind: ArgKind::Key(0), ..ARG }, Arg { name: "member", multiple: true, ..ARG }],
    element_at: 2,
    locks: Locks::Keys,
    run: Run::Data(exec),
    docs: Docs {
        summary: "Adds members to a set, which is made if it is not there",
        complexity: "O(N) where N is the number of members.",
        since: "1.0.0",
        group: "set",
        history: &[("2.4.0", "Several members at once.")],
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let (limits, hasher) = (members::limits(context.config), context.keys.keyspace().hasher());
    let first = Member::of(args[2]);
    let mut key = context.keys.open(args.key(0)?);
    let added = key.change_if(|set: &mut Set| {
        let before = set.encoding();
        if set.is_empty() {
            *set = Set::for_members(&first, args.len() - 2, limits);
        } else {
            set.expect(args.len() - 2, limits, hasher);
        }
        let mut added = u64::from(set.add(&first, limits, hasher));
        for member in &args[3..] {
            added += u64::from(set.add(&Member::of(member), limits, hasher));
        }
        (added, added > 0 || set.encoding() != before)
    })?;
    if added > 0 {
        key.change_event(class::SET, "sadd");
        key.count_changes(added - 1);
    } else {
        // Perhaps it has another form now, but that is nobody's business.
        key.mark_unchanged();
    }
    context.reply.integer(added as i64);
    Ok(())
}
