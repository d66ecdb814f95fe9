//! What the list commands share: ends, positions, taking elements out and moving them.

use std::ops::Range;

use crate::datatypes::items::Item;
use crate::engine::context::{Args, CmdResult, Context, is_word};
use crate::engine::error::CmdError;
use crate::engine::item_reply::bulk_item;
use crate::keyspace::effect::class;
use crate::keyspace::key::Key;
use crate::keyspace::records::NumberWord;
use crate::keyspace::value::list::{End, List, ListView, NodeLimit};

/// Steps that comparing one element of a list with a text takes: most differ in their first bytes.
pub(super) const COMPARED_STEPS: usize = 32;

/// How large a node may become.
pub(super) fn node_limit(context: &Context<'_>) -> NodeLimit {
    NodeLimit(i64::from(context.config.list_max_listpack_size))
}

/// `LEFT` or `RIGHT`.
pub(super) fn end_of(word: &[u8]) -> Result<End, CmdError> {
    match word {
        word if is_word(word, "LEFT") => Ok(End::Left),
        word if is_word(word, "RIGHT") => Ok(End::Right),
        _ => Err(CmdError::Syntax),
    }
}

/// The index of an element, counted from the back if it is negative; `None` if there is no such one.
pub(super) fn from_front(index: i64, len: usize) -> Option<usize> {
    let index = if index < 0 { index.checked_add(len as i64)? } else { index };
    usize::try_from(index).ok().filter(|index| *index < len)
}

/// The elements from `start` to `end`, both included and counted from the back if negative, of so many.
pub(super) fn part(start: i64, end: i64, len: usize) -> Range<usize> {
    let len = len as i64;
    let absolute = |index: i64| if index < 0 { index.saturating_add(len) } else { index };
    let (start, end) = (absolute(start).max(0), absolute(end).min(len - 1));
    if start > end || start >= len { 0..0 } else { start as usize..end as usize + 1 }
}

/// The command that takes from an end of a list what is there now.
fn pop_command(end: End) -> &'static [u8] {
    if end == End::Left { b"LPOP" } else { b"RPOP" }
}

fn popped(end: End) -> &'static str {
    if end == End::Left { "lpop" } else { "rpop" }
}

/// Takes up to `count` elements from an end of a list that is there and replies them, as an array or the only one by itself.
pub(super) fn pop(context: &mut Context<'_>, key: Key<'_>, end: End, count: usize, as_array: bool) -> CmdResult {
    let (limit, haste) = (node_limit(context), context.haste());
    let reply = &mut *context.reply;
    let mut key = context.keys.open(key);
    let len = key.collection::<List>()?.map_or(0, ListView::len);
    haste.check_elements(count.min(len))?;
    let count = key.change(|list: &mut List| {
        let len = list.len();
        let count = count.min(len);
        if as_array {
            reply.array(count);
        }
        let mut left = count;
        let visit = |_: &[u8], item: Item<'_>| {
            bulk_item(reply, item);
            left -= 1;
            left > 0
        };
        match end {
            End::Left => {
                list.view().walk_right(0, visit);
                list.remove(0..count, limit);
            }
            End::Right => {
                list.view().walk_left(len - 1, visit);
                list.remove(len - count..len, limit);
            }
        }
        count
    })?;
    key.change_event(class::LIST, popped(end));
    key.count_changes(count as u64 - 1);
    Ok(())
}

/// Takes elements from the first list that has some and replies its name and them. False, and no reply, if none has.
pub(super) fn pop_first(context: &mut Context<'_>, args: &Args<'_>, end: End, count: usize) -> Result<bool, CmdError> {
    for key in args.keys() {
        let is_there = context.keys.open(key).collection::<List>()?.is_some();
        if is_there {
            context.reply.array(2);
            context.reply.bulk(key.name());
            pop(context, key, end, count, true)?;
            context.keys.log(&[pop_command(end), key.name(), NumberWord::new(i64::try_from(count).unwrap_or(i64::MAX)).as_bytes()]);
            return Ok(true);
        }
    }
    Ok(false)
}

/// Takes one element from the first list that has some and replies its name and the element. False, and no reply, if none has.
pub(super) fn pop_one_of_first(context: &mut Context<'_>, args: &Args<'_>, end: End) -> Result<bool, CmdError> {
    for key in args.keys() {
        let is_there = context.keys.open(key).collection::<List>()?.is_some();
        if is_there {
            context.reply.array(2);
            context.reply.bulk(key.name());
            pop(context, key, end, 1, false)?;
            context.keys.log(&[pop_command(end), key.name()]);
            return Ok(true);
        }
    }
    Ok(false)
}

/// Moves an element from the list under the first key to that under the second, and replies it. False, and no reply, if there is none.
///
/// As in Valkey the events of the list that gets it come before those of the one that loses it.
pub(super) fn move_element(context: &mut Context<'_>, args: &Args<'_>, from: End, to: End) -> Result<bool, CmdError> {
    let limit = node_limit(context);
    let (source, destination) = (args.key(0)?, args.key(1)?);
    let element = |list: ListView<'_>| list.get(if from == End::Left { 0 } else { list.len() - 1 }).to_vec();
    let Some(text) = context.keys.open(source).collection::<List>()?.map(element) else {
        return Ok(false);
    };
    let pushed = if to == End::Left { "lpush" } else { "rpush" };
    let take = |list: &mut List| {
        let index = if from == End::Left { 0 } else { list.len() - 1 };
        list.remove(index..index + 1, limit);
    };
    let put = |list: &mut List| {
        list.grow_for(&[&text], limit);
        list.push(to, &text, limit);
    };
    if source.name() == destination.name() {
        let mut key = context.keys.open(source);
        key.change(|list: &mut List| list.rotate(from, to, &text, limit))?;
        key.further_event(class::LIST, pushed);
        key.change_event(class::LIST, popped(from));
    } else {
        let mut key = context.keys.open(destination);
        key.change(put)?;
        key.further_event(class::LIST, pushed);
        drop(key);
        let mut key = context.keys.open(source);
        key.change(take)?;
        key.change_event(class::LIST, popped(from));
    }
    context.reply.bulk(&text);
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_counted_from_either_end() {
        let cases = [
            (0, -1, 5, 0..5),
            (1, 3, 5, 1..4),
            (-3, -1, 5, 2..5),
            (-100, 100, 5, 0..5),
            (3, 1, 5, 0..0),
            (5, 9, 5, 0..0),
            (i64::MIN, i64::MAX, 5, 0..5),
            (i64::MIN, i64::MIN, 5, 0..0),
        ];
        for (start, end, len, expected) in cases {
            assert_eq!(part(start, end, len), expected, "{start} {end}");
        }
        for (index, len, expected) in [(0, 1, Some(0)), (1, 1, None), (-1, 3, Some(2)), (-4, 3, None), (i64::MIN, 3, None), (0, 0, None)] {
            assert_eq!(from_front(index, len), expected, "{index} of {len}");
        }
    }
}
