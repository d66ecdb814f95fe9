//! GETEX: the value of a string, and a new expiry for it.
//!
//! A point in time that has passed deletes the key. Without options it is GET.

use super::options::{Grammar, Lifetime, Options};
use super::value;
use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, KeySpec, Locks, Log, Run, SPEC, acl, flag, key_flag};
use crate::keyspace::effect::{Cause, class};
use crate::keyspace::records::NumberWord;

pub(crate) static GETEX: CommandSpec = CommandSpec {
    name: "getex",
    arity: -2,
    flags: flag::WRITE | flag::FAST | flag::CONSTANT_TIME,
    acl: acl::FAST | acl::STRING | acl::WRITE,
    keys: &[KeySpec {
        notes: "RW and UPDATE because it changes the TTL",
        ..KeySpec::one(1, key_flag::RW | key_flag::ACCESS | key_flag::UPDATE)
    }],
    args: &[
        Arg { name: "key", kind: ArgKind::Key(0), ..ARG },
        Arg {
            name: "expiration",
            kind: ArgKind::OneOf(&[
                Arg { name: "seconds", kind: ArgKind::Integer, token: "EX", ..ARG },
                Arg { name: "milliseconds", kind: ArgKind::Integer, token: "PX", ..ARG },
                Arg { name: "unix-time-seconds", kind: ArgKind::UnixTime, token: "EXAT", ..ARG },
                Arg { name: "unix-time-milliseconds", kind: ArgKind::UnixTime, token: "PXAT", ..ARG },
                Arg { name: "persist", kind: ArgKind::PureToken, token: "PERSIST", ..ARG },
            ]),
            optional: true,
            ..ARG
        },
    ],
    locks: Locks::Keys,
    log: Log::Rewritten,
    run: Run::Data(exec),
    docs: Docs {
        summary: "Returns the string under a key and sets or removes its expiry",
        complexity: "O(1)",
        since: "6.2.0",
        group: "string",
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let mut options = Options::default();
    options.parse(&args[2..], Grammar::GetEx)?;
    let lifetime = options.lifetime;
    let expiry = match lifetime {
        Lifetime::Until(expiration) => Some((expiration.at_ms(context)?, expiration.is_absolute())),
        _ => None,
    };
    if !value::reply_of(context, args.key(0)?)? {
        return Ok(());
    }
    let is_past = matches!(expiry, Some((when_ms, true)) if context.is_past(when_ms));
    match expiry {
        Some(_) if is_past => {
            let is_deleted = context.keys.open(args.key(0)?).delete_as(class::EXPIRED, "expired", Cause::Expired);
            if is_deleted {
                context.keys.log_ended(args.key(0)?);
            }
        }
        Some((when_ms, _)) => {
            let mut key = context.keys.open(args.key(0)?);
            key.set_expiry_ms(Some(when_ms));
            key.change_event(class::GENERIC, "expire");
            drop(key);
            context.keys.log(&[b"PEXPIREAT", args.key(0)?.name(), NumberWord::new(when_ms).as_bytes()]);
        }
        None if lifetime == Lifetime::Persist => {
            let mut key = context.keys.open(args.key(0)?);
            if key.expiry_ms().is_some() {
                key.set_expiry_ms(None);
                key.change_event(class::GENERIC, "persist");
                drop(key);
                context.keys.log(&[b"PERSIST", args.key(0)?.name()]);
            }
        }
        None => {}
    }
    Ok(())
}
