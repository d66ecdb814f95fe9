//! HSETNX: gives a field a value unless it has one.

use super::fields;
use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, KeySpec, Locks, Run, SPEC, acl, flag, key_flag};
use crate::keyspace::effect::class;
use crate::keyspace::value::hash::{FieldExpiry, FieldWas, Hash};

pub(crate) static HSETNX: CommandSpec = CommandSpec {
    name: "hsetnx",
    arity: 4,
    flags: flag::WRITE | flag::DENYOOM | flag::FAST | flag::CONSTANT_TIME,
    acl: acl::FAST | acl::HASH | acl::WRITE,
    keys: &[KeySpec::one(1, key_flag::RW | key_flag::INSERT)],
    args: &[Arg { name: "key", kind: ArgKind::Key(0), ..ARG }, Arg { name: "field", ..ARG }, Arg { name: "value", ..ARG }],
    element_at: 2,
    locks: Locks::Keys,
    run: Run::Data(exec),
    docs: Docs { summary: "Sets a field of a hash unless it is there", complexity: "O(1)", since: "2.0.0", group: "hash", ..DOCS },
    ..SPEC
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let (limits, access) = (fields::limits(context.config), context.keys.field_access());
    let mut key = context.keys.open(args.key(0)?);
    if key.collection::<Hash>()?.is_some_and(|hash| hash.get(args[2], access).is_some()) {
        context.reply.integer(0);
        return Ok(());
    }
    let was = key.change(|hash: &mut Hash| {
        hash.expect(1, limits, access);
        hash.set(args[2], args[3], FieldExpiry::Clear, limits, access)
    })?;
    if was == FieldWas::Expired {
        key.further_event(class::HASH, "hexpired");
    }
    key.change_event(class::HASH, "hset");
    drop(key);
    if was == FieldWas::Expired {
        context.keys.count_expired_fields(args.key(0)?, 1);
        // Who reads the log does not know that it had ended.
        fields::log_value(&mut context.keys, args.key(0)?, (args[2], args[3]), None);
    }
    context.reply.integer(1);
    Ok(())
}
