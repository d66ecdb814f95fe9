//! What the string commands share: a string as a reply, and the length a string may have.

use std::ops::Range;

use larder_proto::resp::ReplyBuf;

use crate::config::Config;
use crate::engine::context::Context;
use crate::engine::error::CmdError;
use crate::keyspace::entry::ValueRef;
use crate::keyspace::key::Key;
use crate::keyspace::string_value;
use crate::keyspace::value::string::StringRef;

/// Replies a string.
#[inline]
pub(super) fn reply(reply: &mut ReplyBuf, config: &Config, value: ValueRef<'_>) {
    match value {
        ValueRef::Bytes(bytes) => reply.bulk(bytes),
        ValueRef::Int(number) => reply.bulk_int(number),
        ValueRef::Chunks(chunks) => reply_part(reply, config, chunks.view(), 0..chunks.len()),
    }
}

/// Replies a part of a string, which lies within it. Of a long one the reply only refers to the chunks, unless the options want it copied.
pub(super) fn reply_part(reply: &mut ReplyBuf, config: &Config, string: StringRef<'_>, part: Range<usize>) {
    match string {
        StringRef::Bytes(bytes) => reply.bulk(&bytes[part]),
        StringRef::Chunks(_) if config.avoids_copy(string.len()) => reply.bulk_shared(part.len(), string.pieces(part)),
        StringRef::Chunks(_) => {
            let pieces: Vec<&[u8]> = string.pieces(part).map(|piece| piece.bytes).collect();
            reply.bulk_parts(&pieces);
        }
    }
}

/// Replies the string under a key, or null: all of GET, and the first half of its kin. False if the key is not there.
#[inline]
pub(super) fn reply_of(context: &mut Context<'_>, key: Key<'_>) -> Result<bool, CmdError> {
    match context.keys.read(key) {
        None => {
            context.reply.null();
            Ok(false)
        }
        Some(entry) => {
            reply(context.reply, context.config, string_value::of(entry)?);
            Ok(true)
        }
    }
}

/// Refuses a string of `len` and `more` bytes if it exceeds `proto-max-bulk-len`.
#[inline]
pub(super) fn check_len(config: &Config, len: u64, more: usize) -> Result<(), CmdError> {
    match len.checked_add(more as u64) {
        Some(total) if total <= config.proto_max_bulk_len => Ok(()),
        _ => Err(CmdError::StringTooLong),
    }
}
