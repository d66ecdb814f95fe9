//! SORT and SORT_RO: the elements of a list, set or sorted set in an order that may lie under other keys, or those other keys' values.
//!
//! Which other keys those are only the elements tell, so a request that names them by patterns holds all stripes. Any other one gives its
//! stripe back before it sorts.
//!
//! A sorted set stays as it is: Valkey makes a small one large when it sorts it, and leaves it so, which OBJECT ENCODING shows.

use larder_proto::resp::ReplyBuf;

use super::sort_elements::{Elements, Order, source};
use super::sort_pattern::{Pattern, is_constant};
use crate::base::slot;
use crate::engine::context::{Args, CmdResult, Context, integer, is_word};
use crate::engine::error::CmdError;
use crate::engine::spec::{
    ARG, Arg, ArgKind, BeginSearch, CommandSpec, DOCS, Docs, Effort, FindKeys, KeySpec, KeysAndFlags, Locks, Place, Run, SPEC, acl, flag,
    key_flag,
};
use crate::keyspace::effect::class;
use crate::keyspace::key::Key;
use crate::keyspace::value::list::{End, List, NodeLimit};

const SOURCE: KeySpec = KeySpec::one(1, key_flag::RO | key_flag::ACCESS);

const PATTERNS: KeySpec = KeySpec {
    flags: key_flag::RO | key_flag::ACCESS,
    begin: BeginSearch::Unknown,
    find: FindKeys::Unknown,
    notes: "For the optional BY/GET keyword. It is marked 'unknown' because the key names derive from the content of the key we sort",
};

const TARGET: KeySpec = KeySpec {
    flags: key_flag::OW | key_flag::UPDATE,
    begin: BeginSearch::Unknown,
    find: FindKeys::Unknown,
    notes: "For the optional STORE keyword. It is marked 'unknown' because the keyword can appear anywhere in the argument array",
};

const KEY: Arg = Arg { name: "key", kind: ArgKind::Key(0), ..ARG };
const BY: Arg = Arg { name: "by-pattern", kind: ArgKind::KeyPattern(1), token: "BY", optional: true, display: "pattern", ..ARG };
const LIMIT: Arg = Arg {
    name: "limit",
    kind: ArgKind::Block(&[Arg { name: "offset", kind: ArgKind::Integer, ..ARG }, Arg { name: "count", kind: ArgKind::Integer, ..ARG }]),
    token: "LIMIT",
    optional: true,
    ..ARG
};
const GET: Arg = Arg {
    name: "get-pattern",
    kind: ArgKind::KeyPattern(1),
    token: "GET",
    optional: true,
    multiple: true,
    multiple_token: true,
    display: "pattern",
    ..ARG
};
const DIRECTION: Arg = Arg {
    name: "order",
    kind: ArgKind::OneOf(&[
        Arg { name: "asc", kind: ArgKind::PureToken, token: "ASC", ..ARG },
        Arg { name: "desc", kind: ArgKind::PureToken, token: "DESC", ..ARG },
    ]),
    optional: true,
    ..ARG
};
const ALPHA: Arg = Arg { name: "sorting", kind: ArgKind::PureToken, token: "ALPHA", optional: true, ..ARG };

/// Elements of a list in one record of the log.
const LOGGED_ELEMENTS: usize = 1024;

/// What an element costs in steps of a command that looks at each once.
const STEPS: u64 = 16;

const BASE: CommandSpec = CommandSpec {
    arity: -2,
    locks: Locks::Keys,
    place: Place::Offload(Effort::Times(STEPS)),
    keys_by_hand: Some(keys_of),
    reads_any_key: Some(reads_any_key),
    ..SPEC
};

const SORT_DOCS: Docs =
    Docs { complexity: "O(N+M*log(M)) for N elements of which M are returned; without sorting O(N).", group: "generic", ..DOCS };

pub(crate) static SORT: CommandSpec = CommandSpec {
    name: "sort",
    flags: flag::WRITE | flag::DENYOOM | flag::MOVABLEKEYS,
    acl: acl::DANGEROUS | acl::LIST | acl::SET | acl::SLOW | acl::SORTEDSET | acl::WRITE,
    keys: &[SOURCE, PATTERNS, TARGET],
    args: &[
        KEY,
        BY,
        LIMIT,
        GET,
        DIRECTION,
        ALPHA,
        Arg { name: "destination", kind: ArgKind::Key(2), token: "STORE", optional: true, ..ARG },
    ],
    run: Run::Data(|context, args| exec(context, args, true)),
    docs: Docs { summary: "Sorts the elements of a list, set or sorted set, and replies or stores them", since: "1.0.0", ..SORT_DOCS },
    ..BASE
};

pub(crate) static SORT_RO: CommandSpec = CommandSpec {
    name: "sort_ro",
    flags: flag::READONLY | flag::MOVABLEKEYS,
    acl: acl::DANGEROUS | acl::LIST | acl::READ | acl::SET | acl::SLOW | acl::SORTEDSET,
    keys: &[SOURCE, PATTERNS],
    args: &[KEY, BY, LIMIT, GET, DIRECTION, ALPHA],
    keys_by_hand: Some(|_| KeysAndFlags::from_slice(&[(1, SOURCE.flags)])),
    run: Run::Data(|context, args| exec(context, args, false)),
    docs: Docs { summary: "Sorts the elements of a list, set or sorted set, and replies them", since: "7.0.0", ..SORT_DOCS },
    ..BASE
};

/// Goes through the options with what follows each; words that are none are passed over.
fn options<'w>(words: &'w [&'w [u8]]) -> impl Iterator<Item = (&'w [u8], usize)> {
    let mut at = 2;
    std::iter::from_fn(move || {
        let word = *words.get(at)?;
        let option = at;
        let followers = [("limit", 2), ("get", 1), ("by", 1)].into_iter().find(|(name, _)| is_word(word, name));
        at += 1 + followers.map_or(0, |(_, followers)| followers);
        Some((word, option))
    })
}

/// The key that is sorted, and the one that STORE names last.
fn keys_of(words: &[&[u8]]) -> KeysAndFlags {
    let stores = |(word, at): &(&[u8], usize)| is_word(word, "store") && at + 1 < words.len();
    let target = options(words).filter(stores).last().map(|(_, at)| (at + 1, TARGET.flags));
    std::iter::once((1, SOURCE.flags)).chain(target).collect()
}

/// True if a pattern names other keys.
fn reads_any_key(words: &[&[u8]]) -> bool {
    options(words)
        .any(|(word, at)| (is_word(word, "by") || is_word(word, "get")) && words.get(at + 1).is_some_and(|pattern| !is_constant(pattern)))
}

/// What is asked for.
struct Query<'a> {
    order: Order<'a>,
    /// Elements to leave out, and how many to take then; a negative number is all.
    limit: (i64, i64),
    get: Vec<&'a [u8]>,
    stores: bool,
}

/// In cluster mode the keys that a pattern names must all be known to lie where the sorted one does.
fn check_slot(context: &Context<'_>, key: Key<'_>, pattern: &[u8], refusal: &'static str) -> CmdResult {
    let is_elsewhere = context.shared.cluster.is_some() && slot::pattern_slot(pattern) != Some(slot::key_slot(key.name()));
    if is_elsewhere { Err(CmdError::coded(refusal)) } else { Ok(()) }
}

const BY_DENIED: &str = "ERR BY option of SORT denied in Cluster mode when keys formed by the pattern may be in different slots.";
const GET_DENIED: &str = "ERR GET option of SORT denied in Cluster mode when keys formed by the pattern may be in different slots.";

impl<'a> Query<'a> {
    fn parse(context: &Context<'_>, args: &Args<'a>, may_store: bool) -> Result<Self, CmdError> {
        let key = args.key(0)?;
        let order = Order { by: None, is_unsorted: false, is_alphabetic: false, is_descending: false };
        let mut query = Query { order, limit: (0, -1), get: Vec::new(), stores: false };
        let mut words = args[2..].iter().copied();
        while let Some(word) = words.next() {
            let follow = words.len();
            if is_word(word, "ASC") {
                query.order.is_descending = false;
            } else if is_word(word, "DESC") {
                query.order.is_descending = true;
            } else if is_word(word, "ALPHA") {
                query.order.is_alphabetic = true;
            } else if is_word(word, "LIMIT") && follow >= 2 {
                let mut number = || words.next().ok_or(CmdError::Syntax).and_then(integer);
                query.limit = (number()?, number()?);
            } else if may_store && is_word(word, "STORE") && follow >= 1 {
                words.next();
                query.stores = true;
            } else if is_word(word, "BY") && follow >= 1 {
                let pattern = words.next().ok_or(CmdError::Syntax)?;
                query.order.by = Some(pattern);
                if is_constant(pattern) {
                    query.order.is_unsorted = true;
                } else {
                    check_slot(context, key, pattern, BY_DENIED)?;
                }
            } else if is_word(word, "GET") && follow >= 1 {
                let pattern = words.next().ok_or(CmdError::Syntax)?;
                if pattern != b"#" {
                    check_slot(context, key, pattern, GET_DENIED)?;
                }
                query.get.push(pattern);
            } else {
                return Err(CmdError::Syntax);
            }
        }
        Ok(query)
    }

    /// The part of so many elements that is asked for.
    fn part(&self, len: usize) -> std::ops::Range<usize> {
        let (skipped, count) = self.limit;
        let within = |number: i64| usize::try_from(number.max(0)).unwrap_or(usize::MAX).min(len);
        let start = within(skipped);
        let end = if count < 0 { len } else { start.saturating_add(within(count)).min(len) };
        start..end
    }
}

fn exec(context: &mut Context<'_>, args: &Args<'_>, may_store: bool) -> CmdResult {
    let mut query = Query::parse(context, args, may_store)?;
    let source = source(&mut context.keys, args.key(0)?)?;
    if query.order.is_unsorted && source.is_set && query.stores {
        // A set has no order, and what is stored should not depend on chance.
        query.order = Order { by: None, is_unsorted: false, is_alphabetic: true, ..query.order };
    }
    let mut elements: Elements = source.elements;
    if query.order.by.is_none() && query.get.iter().all(|pattern| is_constant(pattern)) && !query.stores {
        context.keys.unlock_early();
    }
    let part = query.part(elements.len());
    if query.order.is_unsorted {
        if query.order.is_descending && !source.is_set {
            elements.reverse();
        }
    } else {
        elements.sort(&mut context.keys, &query.order)?;
    }
    let patterns: Vec<Pattern<'_>> = query.get.iter().map(|pattern| Pattern::parse(pattern)).collect();
    if query.stores {
        let reads_fields = |pattern: &Pattern<'_>| matches!(pattern, Pattern::Key { field: Some(_), .. });
        let by = query.order.by.map(Pattern::parse);
        return store(context, args, &elements, part, &patterns, by.iter().chain(&patterns).any(reads_fields));
    }
    context.reply.array(part.len() * patterns.len().max(1));
    for index in part {
        let element = elements.get(index);
        if patterns.is_empty() {
            context.reply.bulk(element);
        }
        for pattern in &patterns {
            let reply: &mut ReplyBuf = context.reply;
            pattern.look_up(&mut context.keys, element, |value| match value {
                Some(value) => reply.bulk(value),
                None => reply.null(),
            });
        }
    }
    Ok(())
}

fn store(
    context: &mut Context<'_>,
    args: &Args<'_>,
    elements: &Elements,
    part: std::ops::Range<usize>,
    patterns: &[Pattern<'_>],
    reads_fields: bool,
) -> CmdResult {
    let limit = NodeLimit(context.config.list_max_listpack_size.into());
    let mut list = List::large();
    for index in part {
        let element = elements.get(index);
        if patterns.is_empty() {
            list.push(End::Right, element, limit);
        }
        for pattern in patterns {
            pattern.look_up(&mut context.keys, element, |value| list.push(End::Right, value.unwrap_or_default(), limit));
        }
    }
    list.compact(limit);
    let len = list.len();
    // Who reads the log does not know which fields of hashes had ended then.
    let elements = if reads_fields && context.keys.is_logging() { texts(&list) } else { Vec::new() };
    let mut key = context.keys.open(args.key(1)?);
    if len == 0 {
        key.delete();
    } else {
        key.replace_collection(list);
        key.change_event(class::LIST, "sortstore");
        key.count_changes(len as u64 - 1);
    }
    drop(key);
    if !elements.is_empty() {
        log(context, args.key(1)?, &elements);
    }
    context.reply.integer(len as i64);
    Ok(())
}

fn texts(list: &List) -> Vec<Vec<u8>> {
    let mut texts = Vec::new();
    list.view().walk_right(0, |_, item| {
        texts.push(item.to_vec());
        true
    });
    texts
}

/// Adds records by which a key becomes the list of these elements.
fn log(context: &mut Context<'_>, key: Key<'_>, elements: &[Vec<u8>]) {
    context.keys.log(&[b"DEL", key.name()]);
    for part in elements.chunks(LOGGED_ELEMENTS) {
        let head = [&b"RPUSH"[..], key.name()];
        context.keys.log_all(2 + part.len(), head.into_iter().chain(part.iter().map(Vec::as_slice)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_found_wherever_they_stand() {
        let cases: [(&str, &[usize], bool); 7] = [
            ("sort k", &[1], false),
            ("sort k STORE t", &[1, 3], false),
            ("sort k store a ASC store b", &[1, 6], false),
            ("sort k by store get store store t", &[1, 7], false),
            ("sort k limit 0 store t", &[1], false),
            ("sort k by w_* get #", &[1], true),
            ("sort k by nosort get # get o_*->f", &[1], true),
        ];
        for (request, expected, reads_others) in cases {
            let words: Vec<&[u8]> = request.split(' ').map(str::as_bytes).collect();
            let keys: Vec<usize> = keys_of(&words).into_iter().map(|(at, _)| at).collect();
            assert_eq!(keys, expected, "{request}");
            assert_eq!(reads_any_key(&words), reads_others, "{request}");
        }
    }
}
