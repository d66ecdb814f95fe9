//! What the commands on sorted sets share: how one is read, its limits, and its elements as a reply.

use larder_proto::resp::ReplyBuf;

use crate::config::Config;
use crate::engine::error::CmdError;
use crate::engine::item_reply::bulk_form;
use crate::keyspace::access::KeyAccess;
use crate::keyspace::collection;
use crate::keyspace::key::Key;
use crate::keyspace::key_mut::KeyMut;
use crate::keyspace::value::zset::{Element, Limits, Zset, ZsetView};

/// The sorted set under a key, `None` if there is none.
#[inline]
pub(crate) fn read<'k>(keys: &'k mut KeyAccess<'_>, key: Key<'_>) -> Result<Option<ZsetView<'k>>, CmdError> {
    Ok(keys.read(key).map(collection::of::<Zset>).transpose()?)
}

/// Up to which size a sorted set stays in one piece.
#[inline]
pub(crate) fn limits(config: &Config) -> Limits {
    Limits {
        members: usize::try_from(config.zset_max_listpack_entries).unwrap_or(usize::MAX),
        member_len: usize::try_from(config.zset_max_listpack_value).unwrap_or(usize::MAX),
    }
}

/// Makes a sorted set the value of a key, which has no expiry then; an empty one deletes the key. Returns its length.
pub(crate) fn store(key: &mut KeyMut<'_, '_, '_>, zset: Zset, class: u32, event: &'static str) -> usize {
    let len = collection::Collection::view(&zset).len();
    if len == 0 {
        key.delete();
        return 0;
    }
    key.put_collection(zset);
    if key.expiry_ms().is_some() {
        key.set_expiry_ms(None);
    }
    key.change_event(class, event);
    len
}

/// Announces `count` elements.
#[inline]
pub(super) fn reply_header(reply: &mut ReplyBuf, count: usize, with_scores: bool) {
    reply.array(if with_scores && !reply.is_resp3() { count * 2 } else { count });
}

/// Replies an element: RESP3 knows pairs.
#[inline]
pub(super) fn reply_element(reply: &mut ReplyBuf, element: Element<'_>, with_scores: bool) {
    if with_scores && reply.is_resp3() {
        reply.array(2);
    }
    bulk_form(reply, element.form);
    if with_scores {
        reply.double(element.score);
    }
}
