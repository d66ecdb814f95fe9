//! HINCRBY: adds to the integer that is the value of a field.

use super::fields;
use crate::datatypes::items::Item;
use crate::engine::context::{Args, CmdResult, Context, integer};
use crate::engine::error::CmdError;
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, KeySpec, Locks, Run, SPEC, acl, flag, key_flag};
use crate::keyspace::effect::class;
use crate::keyspace::value::hash::{FieldExpiry, FieldWas, Hash, HashView};

pub(crate) static HINCRBY: CommandSpec = CommandSpec {
    name: "hincrby",
    arity: 4,
    flags: flag::WRITE | flag::DENYOOM | flag::FAST | flag::CONSTANT_TIME,
    acl: acl::FAST | acl::HASH | acl::WRITE,
    keys: &[KeySpec::one(1, key_flag::RW | key_flag::ACCESS | key_flag::UPDATE)],
    args: &[
        Arg { name: "key", kind: ArgKind::Key(0), ..ARG },
        Arg { name: "field", ..ARG },
        Arg { name: "increment", kind: ArgKind::Integer, ..ARG },
    ],
    element_at: 2,
    locks: Locks::Keys,
    run: Run::Data(exec),
    docs: Docs {
        summary: "Adds to the integer in a field, which counts as 0 if missing",
        complexity: "O(1)",
        since: "2.0.0",
        group: "hash",
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let delta = integer(args[3])?;
    let (limits, access) = (fields::limits(context.config), context.keys.field_access());
    let mut key = context.keys.open(args.key(0)?);
    let hash = key.collection::<Hash>()?;
    let may_end = hash.is_some_and(HashView::has_expiring);
    let found = hash.and_then(|hash| hash.find(args[2], access));
    let expiry_ms = found.and_then(|(_, expiry_ms)| expiry_ms);
    let old = match found.map(|(value, _)| value) {
        None => 0,
        Some(Item::Int(number)) => number,
        Some(_) => return Err(CmdError::coded("ERR hash value is not an integer")),
    };
    let new = old.checked_add(delta).ok_or(CmdError::coded("ERR increment or decrement would overflow"))?;
    let mut digits = itoa::Buffer::new();
    let text = digits.format(new).as_bytes();
    let was = key.change(|hash: &mut Hash| hash.set(args[2], text, FieldExpiry::Keep, limits, access))?;
    if was == FieldWas::Expired {
        key.further_event(class::HASH, "hexpired");
    }
    key.change_event(class::HASH, "hincrby");
    drop(key);
    if was == FieldWas::Expired {
        context.keys.count_expired_fields(args.key(0)?, 1);
    }
    if may_end {
        // Who reads the log does not know whether the field had ended then.
        fields::log_value(&mut context.keys, args.key(0)?, (args[2], text), expiry_ms);
    }
    context.reply.integer(new);
    Ok(())
}
