//! HINCRBYFLOAT: adds to the number with a fraction that is the value of a field.
//!
//! Calculates and prints as Valkey does on x86-64 (see [`crate::base::float`]).

use super::fields;
use crate::base::float::LongDouble;
use crate::datatypes::items::Item;
use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::error::CmdError;
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, KeySpec, Locks, Log, Run, SPEC, acl, flag, key_flag};
use crate::keyspace::effect::class;
use crate::keyspace::value::hash::{FieldExpiry, FieldWas, Hash};

pub(crate) static HINCRBYFLOAT: CommandSpec = CommandSpec {
    name: "hincrbyfloat",
    arity: 4,
    flags: flag::WRITE | flag::DENYOOM | flag::FAST | flag::CONSTANT_TIME,
    acl: acl::FAST | acl::HASH | acl::WRITE,
    keys: &[KeySpec::one(1, key_flag::RW | key_flag::ACCESS | key_flag::UPDATE)],
    args: &[
        Arg { name: "key", kind: ArgKind::Key(0), ..ARG },
        Arg { name: "field", ..ARG },
        Arg { name: "increment", kind: ArgKind::Double, ..ARG },
    ],
    element_at: 2,
    locks: Locks::Keys,
    log: Log::Rewritten,
    run: Run::Data(exec),
    docs: Docs {
        summary: "Adds to the floating-point number in a field, which counts as 0 if missing",
        complexity: "O(1)",
        since: "2.6.0",
        group: "hash",
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let delta = LongDouble::parse(args[3]).ok_or(CmdError::NotFloat)?;
    if !delta.is_finite() {
        return Err(CmdError::coded("ERR value is NaN or Infinity"));
    }
    let (limits, access) = (fields::limits(context.config), context.keys.field_access());
    let mut key = context.keys.open(args.key(0)?);
    let found = key.collection::<Hash>()?.and_then(|hash| hash.find(args[2], access));
    let expiry_ms = found.and_then(|(_, expiry_ms)| expiry_ms);
    let old = match found.map(|(value, _)| value) {
        None => LongDouble::from(0),
        Some(Item::Int(number)) => LongDouble::from(number),
        Some(text) => text.with_text(LongDouble::parse).ok_or(CmdError::coded("ERR hash value is not a float"))?,
    };
    let new = old.checked_add(delta).ok_or(CmdError::coded("ERR increment would produce NaN or Infinity"))?;
    let text = new.to_text();
    let was = key.change(|hash: &mut Hash| hash.set(args[2], text.as_bytes(), FieldExpiry::Keep, limits, access))?;
    if was == FieldWas::Expired {
        key.further_event(class::HASH, "hexpired");
    }
    key.change_event(class::HASH, "hincrbyfloat");
    drop(key);
    if was == FieldWas::Expired {
        context.keys.count_expired_fields(args.key(0)?, 1);
    }
    fields::log_value(&mut context.keys, args.key(0)?, (args[2], text.as_bytes()), expiry_ms);
    context.reply.bulk(text.as_bytes());
    Ok(())
}
