//! ZRANDMEMBER: members chosen at random.

use std::collections::BTreeSet;

use super::access;
use crate::engine::context::{Args, CmdResult, Context, integer, is_word};
use crate::engine::error::CmdError;
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, KeySpec, Locks, Run, SPEC, acl, flag, key_flag};

pub(crate) static ZRANDMEMBER: CommandSpec = CommandSpec {
    name: "zrandmember",
    arity: -2,
    flags: flag::READONLY,
    acl: acl::READ | acl::SLOW | acl::SORTEDSET,
    keys: &[KeySpec::one(1, key_flag::RO | key_flag::ACCESS)],
    args: &[
        Arg { name: "key", kind: ArgKind::Key(0), ..ARG },
        Arg {
            name: "options",
            kind: ArgKind::Block(&[
                Arg { name: "count", kind: ArgKind::Integer, ..ARG },
                Arg { name: "withscores", kind: ArgKind::PureToken, token: "WITHSCORES", optional: true, ..ARG },
            ]),
            optional: true,
            ..ARG
        },
    ],
    locks: Locks::Keys,
    run: Run::Data(exec),
    docs: Docs {
        summary: "Returns members chosen at random",
        complexity: "O(N), with the number of members returned",
        since: "6.2.0",
        group: "sorted-set",
        tips: &["nondeterministic_output"],
        ..DOCS
    },
    ..SPEC
};

/// If more than one in so many is asked for, all are looked at.
const DENSE: usize = 3;

struct Request {
    count: Option<i64>,
    with_scores: bool,
}

fn parse(args: &Args<'_>) -> Result<Request, CmdError> {
    let Some(count) = args.get(2) else { return Ok(Request { count: None, with_scores: false }) };
    let count = integer(count)?;
    if count == i64::MIN {
        let range = format!("value is out of range, value must between {} and {}", -i64::MAX, i64::MAX);
        return Err(CmdError::err(range));
    }
    let with_scores = match args[3..] {
        [] => false,
        [word] if is_word(word, "withscores") => true,
        _ => return Err(CmdError::Syntax),
    };
    if with_scores && count.unsigned_abs() > i64::MAX as u64 / 2 {
        return Err(CmdError::OutOfRange);
    }
    Ok(Request { count: Some(count), with_scores })
}

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let request = parse(args)?;
    let mut rng = context.keys.rng().clone();
    context.keys.rng().next_u64();
    let zset = access::read(&mut context.keys, args.key(0)?)?;
    let reply = &mut *context.reply;
    let Some(count) = request.count else {
        match zset.and_then(|zset| zset.random(&mut rng)) {
            Some(element) => access::reply_element(reply, element, false),
            None => reply.null(),
        }
        return Ok(());
    };
    let Some(zset) = zset.filter(|_| count != 0) else {
        reply.empty_array();
        return Ok(());
    };
    let with_scores = request.with_scores;
    if count < 0 {
        access::reply_header(reply, count.unsigned_abs() as usize, with_scores);
        for _ in 0..count.unsigned_abs() {
            let Some(element) = zset.random(&mut rng) else { break };
            access::reply_element(reply, element, with_scores);
            // Who asks for more than can be sent is disconnected.
            if reply.overflow_len().is_some() {
                break;
            }
        }
        return Ok(());
    }
    let count = (count as usize).min(zset.len());
    access::reply_header(reply, count, with_scores);
    if count == zset.len() {
        // All of them, in the order in which Valkey lists them.
        zset.range(0..count, true).for_each(|element| access::reply_element(reply, element, with_scores));
        return Ok(());
    }
    if count > zset.len() / DENSE {
        let (mut wanted, mut left) = (count as u64, zset.len() as u64);
        for element in zset.iter() {
            if rng.below(left) < wanted {
                access::reply_element(reply, element, with_scores);
                wanted -= 1;
            }
            left -= 1;
        }
        return Ok(());
    }
    let mut ranks = BTreeSet::new();
    while ranks.len() < count {
        ranks.insert(rng.below(zset.len() as u64) as usize);
    }
    for rank in ranks {
        zset.range(rank..rank + 1, false).for_each(|element| access::reply_element(reply, element, with_scores));
    }
    Ok(())
}
