//! EXPIRE, PEXPIRE, EXPIREAT and PEXPIREAT: set when a key expires, in seconds or milliseconds, from now or as unix time. A point that has
//! passed deletes the key at once.

use super::time_units::{Base, Unit};
use crate::engine::context::{Args, CmdResult, Context, integer};
use crate::engine::error::CmdError;
use crate::engine::expire_conditions::{CONDITION_ARG, Conditions};
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, KeySpec, Locks, Log, Run, SPEC, acl, flag, key_flag};
use crate::keyspace::effect::{Cause, class};
use crate::keyspace::records::NumberWord;

const KEY: Arg = Arg { name: "key", kind: ArgKind::Key(0), ..ARG };

const CONDITION: Arg = Arg { since: "7.0.0", ..CONDITION_ARG };

const BASE: CommandSpec = CommandSpec {
    arity: -3,
    flags: flag::WRITE | flag::FAST | flag::CONSTANT_TIME,
    acl: acl::FAST | acl::KEYSPACE | acl::WRITE,
    keys: &[KeySpec::one(1, key_flag::RW | key_flag::UPDATE)],
    locks: Locks::Keys,
    docs: Docs { complexity: "O(1)", group: "generic", history: &[("7.0.0", "`NX`, `XX`, `GT` and `LT`.")], ..DOCS },
    ..SPEC
};

pub(crate) static EXPIRE: CommandSpec = CommandSpec {
    name: "expire",
    args: &[KEY, Arg { name: "seconds", kind: ArgKind::Integer, ..ARG }, CONDITION],
    log: Log::Rewritten,
    run: Run::Data(|context, args| exec(context, args, "expire", Base::Now, Unit::Seconds)),
    docs: Docs { summary: "Sets after how many seconds a key expires", since: "1.0.0", ..BASE.docs },
    ..BASE
};

pub(crate) static EXPIREAT: CommandSpec = CommandSpec {
    name: "expireat",
    args: &[KEY, Arg { name: "unix-time-seconds", kind: ArgKind::UnixTime, ..ARG }, CONDITION],
    log: Log::Rewritten,
    run: Run::Data(|context, args| exec(context, args, "expireat", Base::Epoch, Unit::Seconds)),
    docs: Docs { summary: "Sets the unix time in seconds at which a key expires", since: "1.2.0", ..BASE.docs },
    ..BASE
};

pub(crate) static PEXPIRE: CommandSpec = CommandSpec {
    name: "pexpire",
    args: &[KEY, Arg { name: "milliseconds", kind: ArgKind::Integer, ..ARG }, CONDITION],
    log: Log::Rewritten,
    run: Run::Data(|context, args| exec(context, args, "pexpire", Base::Now, Unit::Milliseconds)),
    docs: Docs { summary: "Sets after how many milliseconds a key expires", since: "2.6.0", ..BASE.docs },
    ..BASE
};

pub(crate) static PEXPIREAT: CommandSpec = CommandSpec {
    name: "pexpireat",
    args: &[KEY, Arg { name: "unix-time-milliseconds", kind: ArgKind::UnixTime, ..ARG }, CONDITION],
    log: Log::Rewritten,
    run: Run::Data(|context, args| exec(context, args, "pexpireat", Base::Epoch, Unit::Milliseconds)),
    docs: Docs { summary: "Sets the unix time in milliseconds at which a key expires", since: "2.6.0", ..BASE.docs },
    ..BASE
};

/// The point in time that `number` means, in unix milliseconds; one before 1970 becomes 0, which has passed as well.
fn point_ms(number: i64, unit: Unit, base_ms: i64) -> Option<i64> {
    let number_ms = if unit == Unit::Seconds { number.checked_mul(1000)? } else { number };
    if number_ms > i64::MAX - base_ms {
        return None;
    }
    Some((number_ms + base_ms).max(0))
}

fn exec(context: &mut Context<'_>, args: &Args<'_>, name: &str, base: Base, unit: Unit) -> CmdResult {
    let conditions = Conditions::parse(&args[3..])?;
    let base_ms = if base == Base::Now { context.now_ms } else { 0 };
    let at_ms = point_ms(integer(args[2])?, unit, base_ms).ok_or_else(|| CmdError::invalid_expire(name))?;
    let is_past = context.is_past(at_ms);
    let mut key = context.keys.open(args.key(0)?);
    let applies = key.exists() && conditions.allow(key.expiry_ms(), at_ms);
    if applies && is_past {
        key.delete_as(class::EXPIRED, "expired", Cause::Expired);
        drop(key);
        context.keys.log_ended(args.key(0)?);
    } else if applies {
        key.set_expiry_ms(Some(at_ms));
        key.change_event(class::GENERIC, "expire");
        drop(key);
        if context.keys.is_logging() {
            let at = NumberWord::new(at_ms);
            let head = [&b"PEXPIREAT"[..], args[1], at.as_bytes()];
            context.keys.log_all(args.len(), head.into_iter().chain(args[3..].iter().copied()));
        }
    }
    context.reply.integer(i64::from(applies));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_in_time_that_do_not_fit_are_refused() {
        let now = 1_700_000_000_000;
        assert_eq!(point_ms(10, Unit::Seconds, now), Some(now + 10_000));
        assert_eq!(point_ms(-10, Unit::Milliseconds, 0), Some(0));
        assert_eq!(point_ms(i64::MAX / 1000 + 1, Unit::Seconds, 0), None);
        assert_eq!(point_ms(i64::MIN / 1000 - 1, Unit::Seconds, 0), None);
        assert_eq!(point_ms(i64::MAX - now, Unit::Milliseconds, now), Some(i64::MAX));
        assert_eq!(point_ms(i64::MAX - now + 1, Unit::Milliseconds, now), None);
        assert_eq!(point_ms(i64::MIN, Unit::Milliseconds, now), Some(0));
    }
}
