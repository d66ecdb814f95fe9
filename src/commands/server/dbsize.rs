//! DBSIZE: the number of keys in the database, those included whose time has come but that nobody has met yet.

use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::spec::{CommandSpec, DOCS, Docs, Locks, Run, SPEC, acl, flag};

pub(crate) static DBSIZE: CommandSpec = CommandSpec {
    name: "dbsize",
    arity: 1,
    flags: flag::READONLY | flag::FAST,
    acl: acl::FAST | acl::KEYSPACE | acl::READ,
    locks: Locks::Each,
    run: Run::Data(exec),
    docs: Docs {
        summary: "Counts the keys of the database",
        complexity: "O(1) in the number of keys",
        since: "1.0.0",
        group: "server",
        tips: &["request_policy:all_shards", "response_policy:agg_sum"],
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, _: &Args<'_>) -> CmdResult {
    let db = context.keys.db;
    let mut size = 0;
    for number in 0..context.keys.keyspace().stripes() as u32 {
        size += context.keys.with_stripe(number, |keys| keys.stripe_size(number, db));
    }
    context.reply.integer(size as i64);
    Ok(())
}
