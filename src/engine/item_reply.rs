//! Items of collections as replies.

use larder_proto::resp::ReplyBuf;

use crate::datatypes::items::{self, Item};

/// Replies an item as a string.
#[inline]
pub fn bulk_item(reply: &mut ReplyBuf, item: Item<'_>) {
    match item {
        Item::Text(text) => reply.bulk(text),
        Item::Int(number) => reply.bulk_int(number),
        other => other.with_text(|text| reply.bulk(text)),
    }
}

/// Replies an item, as [`items`] holds it, as a string.
#[inline]
pub fn bulk_form(reply: &mut ReplyBuf, form: &[u8]) {
    match items::short_text(form) {
        Some(text) => reply.bulk(text),
        None => bulk_item(reply, items::read(form)),
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
