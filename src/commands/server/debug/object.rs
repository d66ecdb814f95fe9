//! DEBUG OBJECT, SDSLEN, LISTPACK and QUICKLIST: how one value lies in memory.

use crate::engine::context::{Args, CmdResult, Context, is_word};
use crate::engine::error::CmdError;
use crate::keyspace::clock24::AccessClock;
use crate::keyspace::entry::{Encoding, EntryRef, Type, ValueRef};
use crate::keyspace::string_value;

/// Looks at a key of the client's database, though its time may have come. `None` if it is not there.
pub(super) fn with_entry<R>(context: &mut Context<'_>, key: &[u8], look: impl FnOnce(EntryRef<'_>, AccessClock) -> R) -> Option<R> {
    let place = context.keys.keyspace().place(key);
    let table = context.keys.keyspace().table_number(context.keys.db, place);
    let clock = context.keys.clock();
    context.keys.with_stripe(place.stripe, |keys| keys.stripe(place.stripe).find(table, place.hash, key).map(|entry| look(entry, clock)))
}

pub(super) fn object(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let is_fast = args.get(3).is_some_and(|word| is_word(word, "fast"));
    let text = with_entry(context, args[2], |entry, clock| {
        let address = std::ptr::from_ref(entry.key()).cast::<u8>();
        let mut text = format!("Value at:{address:p} refcount:1 encoding:{}", entry.encoding().name());
        if !is_fast {
            text.push_str(&format!(" serializedlength:{}", serialized_len(entry)));
        }
        let access = entry.access_clock() & 0x00ff_ffff;
        if clock.lfu {
            text.push_str(&format!(" lfu_freq:{} lfu_access_time_minutes:{}", clock.frequency(entry.access_clock()), access >> 8));
        } else {
            text.push_str(&format!(" lru:{access} lru_seconds_idle:{}", clock.idle_seconds(entry.access_clock())));
        }
        text
    });
    context.reply.simple(&text.ok_or(CmdError::NoSuchKey)?);
    Ok(())
}

/// Bytes of a string in a dump, without compression. Of a collection, about what a reader of all of it looks at.
fn serialized_len(entry: EntryRef<'_>) -> usize {
    if !entry.is(Type::String) {
        // About: what it takes in memory.
        return entry.block_len() + entry.boxed_len();
    }
    let length_prefix = |len: usize| match len {
        0..64 => 1,
        64..16384 => 2,
        16384..=0xffff_ffff => 5,
        _ => 9,
    };
    if !entry.is(Type::String) {
        return entry.scan_len();
    }
    match entry.value() {
        ValueRef::Int(-128..=127) => 2,
        ValueRef::Int(-32768..=32767) => 3,
        ValueRef::Int(-2_147_483_648..=2_147_483_647) => 5,
        value => {
            let len = string_value::len(value);
            length_prefix(len) + len
        }
    }
}

pub(super) fn lengths(context: &mut Context<'_>, key: &[u8]) -> CmdResult {
    let text = with_entry(context, key, |entry, _| {
        if entry.kind() != Type::String || matches!(entry.value(), ValueRef::Int(_)) {
            return Err(CmdError::err("Not an sds encoded string."));
        }
        let len = string_value::len(entry.value());
        let outside = entry.boxed_len();
        Ok(format!(
            "key_sds_len:{} key_sds_avail:0 obj_alloc:{} val_sds_len:{len} val_sds_avail:{} val_alloc:{outside}",
            entry.key().len(),
            entry.block_len(),
            outside.saturating_sub(len),
        ))
    });
    context.reply.simple(&text.ok_or(CmdError::NoSuchKey)??);
    Ok(())
}

/// The structure of a value in blocks is not printed; the encoding is checked as Valkey does.
pub(super) fn structure(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let wanted = String::from_utf8_lossy(args[1]).to_ascii_lowercase();
    let encoding = with_entry(context, args[2], |entry, _| entry.encoding()).ok_or(CmdError::NoSuchKey)?;
    if encoding.name() != wanted {
        return Err(CmdError::err(format!("Not a {wanted} encoded object.")));
    }
    debug_assert!(!matches!(encoding, Encoding::Raw | Encoding::Int | Encoding::Embstr));
    Err(CmdError::err("the structure of a value cannot be printed"))
}
