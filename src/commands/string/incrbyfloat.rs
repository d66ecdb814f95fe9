//! INCRBYFLOAT: adds to a number with a fraction.
//!
//! Calculates and prints as Valkey does on x86-64 (see [`crate::base::float`]).

use crate::base::float::LongDouble;
use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::error::CmdError;
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, KeySpec, Locks, Log, Run, SPEC, acl, flag, key_flag};
use crate::keyspace::effect::class;
use crate::keyspace::entry::ValueRef;
use crate::keyspace::key_mut::Expiry;
use crate::keyspace::string_value;

pub(crate) static INCRBYFLOAT: CommandSpec = CommandSpec {
    name: "incrbyfloat",
    arity: 3,
    flags: flag::WRITE | flag::DENYOOM | flag::FAST | flag::CONSTANT_TIME,
    acl: acl::FAST | acl::STRING | acl::WRITE,
    keys: &[KeySpec::one(1, key_flag::RW | key_flag::ACCESS | key_flag::UPDATE)],
    args: &[Arg { name: "key", kind: ArgKind::Key(0), ..ARG }, Arg { name: "increment", kind: ArgKind::Double, ..ARG }],
    locks: Locks::Keys,
    log: Log::Rewritten,
    run: Run::Data(exec),
    docs: Docs {
        summary: "Adds to the floating-point number under a key, which counts as 0 if missing",
        complexity: "O(1)",
        since: "2.6.0",
        group: "string",
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let mut key = context.keys.open(args.key(0)?);
    let old = match key.string()? {
        None => LongDouble::from(0),
        Some(ValueRef::Int(number)) => LongDouble::from(number),
        Some(ValueRef::Bytes(bytes)) => LongDouble::parse(bytes).ok_or(CmdError::NotFloat)?,
        // Nothing that long is a number.
        Some(ValueRef::Chunks(_)) => return Err(CmdError::NotFloat),
    };
    let delta = LongDouble::parse(args[2]).ok_or(CmdError::NotFloat)?;
    let Some(new) = old.checked_add(delta) else {
        return Err(CmdError::coded("ERR increment would produce NaN or Infinity"));
    };
    let text = new.to_text();
    let expires = key.expiry_ms().is_some();
    key.set(string_value::encode_text(args[1], text.as_bytes(), expires), Expiry::Keep);
    key.change_event(class::STRING, "incrbyfloat");
    drop(key);
    // As a text: elsewhere the sum might be printed in another way.
    context.keys.log(&[b"SET", args[1], text.as_bytes(), b"KEEPTTL"]);
    context.reply.bulk(text.as_bytes());
    Ok(())
}
