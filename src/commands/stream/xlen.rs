//! XLEN: number of the entries of a stream.

use super::access;
use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, KeySpec, Locks, Run, SPEC, acl, flag, key_flag};

pub(crate) static XLEN: CommandSpec = CommandSpec {
    name: "xlen",
    arity: 2,
    flags: flag::READONLY | flag::FAST | flag::CONSTANT_TIME,
    acl: acl::FAST | acl::READ | acl::STREAM,
    keys: &[KeySpec::one(1, key_flag::RO)],
    args: &[Arg { name: "key", kind: ArgKind::Key(0), ..ARG }],
    locks: Locks::Keys,
    run: Run::Data(exec),
    docs: Docs { summary: "Returns the number of the entries of a stream", complexity: "O(1)", since: "5.0.0", group: "stream", ..DOCS },
    ..SPEC
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let len = access::read(&mut context.keys, args.key(0)?)?.map_or(0, |stream| stream.figures().len);
    context.reply.integer(len as i64);
    Ok(())
}
