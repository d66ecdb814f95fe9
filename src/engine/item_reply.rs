//! Items of collections as replies.

use larder_proto::resp::ReplyBuf;

use crate::datatypes::items::Item;

/// Replies an item as a string.
#[inline]
pub fn bulk_item(reply: &mut ReplyBuf, item: Item<'_>) {
    match item {
        Item::Text(text) => reply.bulk(text),
        Item::Int(number) => reply.bulk_int(number),
        other => other.with_text(|text| reply.bulk(text)),
    }
}

/// Replies an item as a string, or null.
#[inline]
pub fn item_or_null(reply: &mut ReplyBuf, item: Option<Item<'_>>) {
    match item {
        Some(item) => bulk_item(reply, item),
        None => reply.null(),
    }
}
