//! Reading lists.

use super::access::Access;
use super::source::Source;
use super::{Corrupt, EMPTY, listpack, text, ziplist};
use crate::datatypes::items::{self, Item};
use crate::datatypes::list_node as node;
use crate::keyspace::value::list::{End, List};

/// A node that is one text as it is.
const PLAIN: u64 = 1;
/// A node that is a listpack.
const PACKED: u64 = 2;
/// Longest node that stays one; what a longer one holds is put into nodes as the options want them.
const NODE_LEN_MAX: usize = 64 * 1024;

/// Text after text.
pub(super) fn texts(source: &mut impl Source, access: &Access<'_>) -> Result<List, Corrupt> {
    let limit = access.limits.list;
    let mut list = List::large();
    let mut element = Vec::new();
    for _ in 0..source.count()? {
        text::read(source, &mut element)?;
        list.push(End::Right, &element, limit);
    }
    list.compact(limit);
    Ok(list)
}

/// All in one ziplist. Valkey leaves it a quicklist, however short it is.
pub(super) fn ziplist(bytes: &[u8], access: &Access<'_>) -> Result<List, Corrupt> {
    let mut list = List::large();
    ziplist::read(bytes, |item| {
        push(&mut list, item, access);
        Ok(())
    })?;
    if list.is_empty() { Err(EMPTY) } else { Ok(list) }
}

fn push(list: &mut List, item: Item<'_>, access: &Access<'_>) {
    item.with_text(|text| list.push(End::Right, text, access.limits.list));
}

/// Node after node. `says_form`: each says whether it is a text or a listpack; else each is a ziplist.
pub(super) fn nodes(source: &mut impl Source, access: &Access<'_>, room: &mut Vec<u8>, says_form: bool) -> Result<List, Corrupt> {
    let mut list = List::large();
    for _ in 0..source.count()? {
        let form = if says_form { source.length()? } else { PACKED };
        text::with(source, room, |bytes| add_node(&mut list, bytes, form, access, says_form))??;
    }
    if list.is_empty() {
        return Err(EMPTY);
    }
    list.compact(access.limits.list);
    Ok(list)
}

fn add_node(list: &mut List, bytes: &[u8], form: u64, access: &Access<'_>, says_form: bool) -> Result<(), Corrupt> {
    if bytes.is_empty() || !matches!(form, PLAIN | PACKED) {
        return Err(Corrupt("a list's node is wrong"));
    }
    if form == PLAIN {
        list.push_node(node::of(bytes));
        return Ok(());
    }
    let keeps_node = bytes.len() <= NODE_LEN_MAX;
    let mut new = node::with_room(if keeps_node { bytes.len() } else { 0 });
    let visit = |item: Item<'_>| {
        if keeps_node {
            item.with_text(|text| node::push(&mut new, text));
        } else {
            push(list, item, access);
        }
        Ok(())
    };
    if says_form {
        listpack::read(bytes, visit)?
    } else {
        ziplist::read(bytes, visit)?
    };
    if node::count(&new) > 0 {
        items::fit(&mut new);
        list.push_node(new);
    }
    Ok(())
}
