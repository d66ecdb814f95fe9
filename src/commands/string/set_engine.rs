//! One way to store a string, for SET, SETEX, PSETEX, SETNX and GETSET. Its last step ([`put`]) is also that of MSET, MSETNX and MSETEX.

use super::options::{Condition, Options};
use super::value;
use crate::engine::context::{CmdResult, Context};
use crate::keyspace::effect::{Cause, class};
use crate::keyspace::key::Key;
use crate::keyspace::key_mut::{Expiry, KeyMut};
use crate::keyspace::records::NumberWord;
use crate::keyspace::{WrongType, string_value};

/// What a command answers for "stored" and "not stored".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// `OK` or null.
    Status,
    /// 1 or 0.
    Number,
}

/// Stores `text` under `key`, as the options say. With GET the old value is the reply, whether stored or not.
///
/// A time to live that is over already deletes the key, as if it had been stored and expired at once.
pub(super) fn set(context: &mut Context<'_>, key: Key<'_>, text: &[u8], options: &Options<'_>, answer: Answer) -> CmdResult {
    store(context, key, text, options, answer)
}

/// [`set`] without options, which is most of them: for the compiler to leave out what they would ask for.
pub(super) fn set_plain(context: &mut Context<'_>, key: Key<'_>, text: &[u8]) -> CmdResult {
    store(context, key, text, &Options::default(), Answer::Status)
}

#[inline(always)]
fn store(context: &mut Context<'_>, key: Key<'_>, text: &[u8], options: &Options<'_>, answer: Answer) -> CmdResult {
    let expiry = options.lifetime.expiry(context)?;
    let is_past = matches!(expiry, Expiry::At(when_ms) if context.is_past(when_ms));
    if options.get {
        value::reply_of(context, key)?;
    }
    let name = key;
    let mut key = context.keys.open(name);
    let stores = holds(&options.condition, &mut key)?;
    if stores && is_past {
        let is_deleted = key.delete_as(class::EXPIRED, "expired", Cause::Expired);
        drop(key);
        if is_deleted {
            context.keys.log_ended(name);
        }
    } else if stores {
        put(&mut key, text, expiry);
        drop(key);
        log(context, name, text, options, expiry);
    }
    match (answer, stores) {
        _ if options.get => {}
        (Answer::Status, true) => context.reply.ok(),
        (Answer::Status, false) => context.reply.null(),
        (Answer::Number, _) => context.reply.integer(i64::from(stores)),
    }
    Ok(())
}

/// Adds the record of a value that was stored, where that is another than the command as it came: the time at which it ends does not depend
/// on when the record is read, and nobody reads a reply.
#[inline(always)]
fn log(context: &mut Context<'_>, key: Key<'_>, text: &[u8], options: &Options<'_>, expiry: Expiry) {
    if !context.keys.is_logging() {
        return;
    }
    match expiry {
        Expiry::At(when_ms) => context.keys.log(&[b"SET", key.name(), text, b"PXAT", NumberWord::new(when_ms).as_bytes()]),
        Expiry::Keep if options.get => context.keys.log(&[b"SET", key.name(), text, b"KEEPTTL"]),
        Expiry::Clear if options.get => context.keys.log(&[b"SET", key.name(), text]),
        Expiry::Keep | Expiry::Clear => {}
    }
}

/// Puts `text` under an open key, and tells of it.
#[inline(always)]
pub(super) fn put(key: &mut KeyMut<'_, '_, '_>, text: &[u8], expiry: Expiry) {
    key.set_text(text, expiry);
    key.change_event(class::STRING, "set");
    if let Expiry::At(_) = expiry {
        key.further_event(class::GENERIC, "expire");
    }
}

/// True if the condition lets the value be stored.
#[inline(always)]
fn holds(condition: &Condition<'_>, key: &mut KeyMut<'_, '_, '_>) -> Result<bool, WrongType> {
    Ok(match condition {
        Condition::Always => true,
        Condition::IfMissing => !key.exists(),
        Condition::IfPresent => key.exists(),
        Condition::IfEqual(expected) => {
            key.string()?.is_some_and(|value| string_value::with_string(value, |string| string.equals(expected)))
        }
    })
}
