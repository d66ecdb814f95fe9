//! Taking the first or last members out: what ZPOPMIN, ZPOPMAX and ZMPOP share.

use larder_proto::resp::ReplyBuf;

use crate::keyspace::WrongType;
use crate::keyspace::collection::Collection;
use crate::keyspace::effect::class;
use crate::keyspace::hash::KeyHasher;
use crate::keyspace::key_mut::KeyMut;
use crate::keyspace::value::zset::{Element, Zset};

/// Which end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// Lowest scores first.
    Min,
    /// Highest scores first.
    Max,
}

/// The command that takes from this end what is there now.
pub(super) fn command(end: End) -> &'static [u8] {
    if end == End::Min { b"ZPOPMIN" } else { b"ZPOPMAX" }
}

/// Takes up to `count` elements, at least one, out of the sorted set under a key that is there. `header` gets their number, then `each` gets each.
pub(super) fn pop(
    key: &mut KeyMut<'_, '_, '_>,
    end: End,
    count: usize,
    hasher: &KeyHasher,
    reply: &mut ReplyBuf,
    header: impl FnOnce(&mut ReplyBuf, usize),
    each: impl Fn(&mut ReplyBuf, Element<'_>),
) -> Result<(), WrongType> {
    let popped = key.change(|zset: &mut Zset| {
        let view = zset.view();
        let count = count.min(view.len());
        let ranks = if end == End::Min { 0..count } else { view.len() - count..view.len() };
        header(reply, count);
        view.range(ranks.clone(), end == End::Max).for_each(|element| each(reply, element));
        zset.remove_ranks(ranks, hasher);
        count
    })?;
    key.change_event(class::ZSET, if end == End::Min { "zpopmin" } else { "zpopmax" });
    key.count_changes(popped as u64 - 1);
    Ok(())
}
