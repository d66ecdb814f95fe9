//! SWAPDB: exchanges two databases; their clients stay where they are and see the other data at once.

use crate::engine::context::{Args, CmdResult, Context, integer_in};
use crate::engine::error::CmdError;
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, Locks, Run, SPEC, acl, flag};

pub(crate) static SWAPDB: CommandSpec = CommandSpec {
    name: "swapdb",
    arity: 3,
    flags: flag::WRITE | flag::FAST,
    acl: acl::DANGEROUS | acl::FAST | acl::KEYSPACE | acl::WRITE,
    args: &[Arg { name: "index1", kind: ArgKind::Integer, ..ARG }, Arg { name: "index2", kind: ArgKind::Integer, ..ARG }],
    locks: Locks::All,
    run: Run::Data(exec),
    docs: Docs {
        summary: "Exchanges two databases",
        complexity: "O(N) where N is the count of clients watching or blocking on keys from both databases.",
        since: "4.0.0",
        group: "server",
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    if context.keys.keyspace().by_slot() {
        return Err(CmdError::coded("ERR SWAPDB is not allowed in cluster mode"));
    }
    let index = |arg, otherwise| integer_in(arg, i64::from(i32::MIN)..=i64::from(i32::MAX), otherwise);
    let one = index(args[1], "invalid first DB index")?;
    let other = index(args[2], "invalid second DB index")?;
    let databases = context.keys.keyspace().databases() as i64;
    if !(0..databases).contains(&one) || !(0..databases).contains(&other) {
        return Err(CmdError::DbIndex);
    }
    context.keys.swap_databases(one as u32, other as u32);
    context.reply.ok();
    Ok(())
}
