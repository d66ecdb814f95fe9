//! HRANDFIELD: fields at random, once each or (a negative count) with repetitions.

use crate::base::rng::Rng;
use crate::datatypes::items::Item;
use crate::engine::context::{Args, CmdResult, Context, integer, is_word};
use crate::engine::error::CmdError;
use crate::engine::reply_item::reply_item;
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, KeySpec, Locks, Run, SPEC, acl, flag, key_flag};
use crate::keyspace::collection;
use crate::keyspace::value::hash::Hash;
use crate::keyspace::value::hash::HashView;
use larder_proto::resp::ReplyBuf;

pub(crate) static HRANDFIELD: CommandSpec = CommandSpec {
    name: "hrandfield",
    arity: -2,
    flags: flag::READONLY,
    acl: acl::HASH | acl::READ | acl::SLOW,
    keys: &[KeySpec::one(1, key_flag::RO | key_flag::ACCESS)],
    args: &[
        Arg { name: "key", kind: ArgKind::Key(0), ..ARG },
        Arg {
            name: "options",
            kind: ArgKind::Block(&[
                Arg { name: "count", kind: ArgKind::Integer, ..ARG },
                Arg { name: "withvalues", kind: ArgKind::PureToken, token: "WITHVALUES", optional: true, ..ARG },
            ]),
            optional: true,
            ..ARG
        },
    ],
    locks: Locks::Keys,
    run: Run::Data(exec),
    docs: Docs {
        summary: "Returns fields of a hash at random",
        complexity: "O(N) where N is the number of fields returned",
        since: "6.2.0",
        group: "hash",
        tips: &["nondeterministic_output"],
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let Some(count) = args.get(2) else {
        let mut rng = Rng::new(context.keys.rng().next_u64());
        match context.keys.read(args.key(0)?).map(collection::of::<Hash>).transpose()? {
            None => context.reply.null(),
            Some(hash) => reply_item(context.reply, hash.random(&mut rng).0),
        }
        return Ok(());
    };
    let count = match integer(count)? {
        i64::MIN => {
            return Err(CmdError::coded("ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807"));
        }
        count => count,
    };
    let values = match args[3..] {
        [] => false,
        [word] if is_word(word, "WITHVALUES") => {
            if count.unsigned_abs() > i64::MAX as u64 / 2 {
                return Err(CmdError::OutOfRange);
            }
            true
        }
        _ => return Err(CmdError::Syntax),
    };
    let mut rng = Rng::new(context.keys.rng().next_u64());
    let hash = context.keys.read(args.key(0)?).map(collection::of::<Hash>).transpose()?;
    match hash {
        None => context.reply.array(0),
        Some(_) if count == 0 => context.reply.array(0),
        Some(hash) if count < 0 => repeated(context.reply, hash, count.unsigned_abs(), values, &mut rng),
        Some(hash) => distinct(context.reply, hash, count as usize, values, &mut rng),
    }
    Ok(())
}

fn header(reply: &mut ReplyBuf, fields: usize, values: bool) {
    reply.array(if values && !reply.is_resp3() { fields.saturating_mul(2) } else { fields });
}

fn reply_field(reply: &mut ReplyBuf, field: Item<'_>, value: Item<'_>, values: bool) {
    if values && reply.is_resp3() {
        reply.array(2);
    }
    reply_item(reply, field);
    if values {
        reply_item(reply, value);
    }
}

fn repeated(reply: &mut ReplyBuf, hash: HashView<'_>, count: u64, values: bool, rng: &mut Rng) {
    header(reply, count as usize, values);
    for _ in 0..count {
        let (field, value) = hash.random(rng);
        reply_field(reply, field, value, values);
        if reply.overflow_len().is_some() {
            // The client is closed for it.
            return;
        }
    }
}

/// Each field with the same probability: one pass, in which every field is taken as often as those that are still wanted have a share
/// in those that are left (Knuth, algorithm S).
fn distinct(reply: &mut ReplyBuf, hash: HashView<'_>, count: usize, values: bool, rng: &mut Rng) {
    let mut left = hash.len();
    let mut wanted = count.min(left);
    header(reply, wanted, values);
    hash.for_each(|field, value| {
        if wanted > 0 && rng.below(left as u64) < wanted as u64 {
            reply_field(reply, field, value, values);
            wanted -= 1;
        }
        left -= 1;
    });
}
