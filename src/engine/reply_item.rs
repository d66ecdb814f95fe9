//! An element of a collection as a reply.

use larder_proto::resp::ReplyBuf;

use crate::datatypes::items::Item;

/// Replies an element of a collection as a bulk string.
#[inline]
pub fn reply_item(reply: &mut ReplyBuf, item: Item<'_>) {
    match item {
        Item::Text(text) => reply.bulk(text),
        Item::Int(number) => reply.bulk_int(number),
        other => other.with_text(|text| reply.bulk(text)),
    }
}
