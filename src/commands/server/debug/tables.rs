//! DEBUG HTSTATS and HTSTATS-KEY: how full the hash tables are.

use crate::engine::context::{Args, CmdResult, Context, is_word};
use crate::engine::error::CmdError;

/// The tables of one database. They grow bucket by bucket, so there is never a second one to rehash into.
pub(super) fn database(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let db = crate::base::number::parse_i64(args[2]).ok_or(CmdError::NotInteger)?;
    let keyspace = context.keys.keyspace();
    let Some(db) = u32::try_from(db).ok().filter(|db| (*db as usize) < keyspace.databases()) else {
        return Err(CmdError::err("Out of range database"));
    };
    let is_full = args.get(3).is_some_and(|word| is_word(word, "full"));
    let (mut buckets, mut keys, mut expiring) = (0, 0, 0);
    for number in 0..keyspace.stripes() as u32 {
        context.keys.with_stripe(number, |access| {
            let stripe = access.stripe(number);
            for table in keyspace.tables_of(db).filter_map(|table| stripe.table(table)) {
                buckets += table.table.buckets();
                keys += table.table.len();
                expiring += table.expiring;
            }
        });
    }
    let mut text = format!("[Dictionary HT]\n{}[Expires HT]\n", one("main hash table", buckets, keys));
    if is_full {
        text.push_str(&format!("Keys with an expiry: {expiring}; they lie in the same table.\n"));
    }
    context.reply.verbatim("txt", text.as_bytes());
    Ok(())
}

fn one(name: &str, buckets: usize, keys: usize) -> String {
    // As in Valkey, which lists the tables that hold something.
    if keys == 0 {
        return String::new();
    }
    format!("Hash table 0 stats ({name}):\n table size: {buckets}\n number of entries: {keys}\n")
}

/// A value's own hash table.
pub(super) fn key(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    super::object::with_entry(context, args[2], |_, _| ()).ok_or(CmdError::NoSuchKey)?;
    Err(CmdError::err("The value stored at the specified key is not represented using an hash table"))
}
