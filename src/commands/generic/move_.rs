//! MOVE: puts a key into another database, unless that has the key already.

use super::target_database;
use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, KeySpec, Locks, Run, SPEC, acl, flag, key_flag};

pub(crate) static MOVE: CommandSpec = CommandSpec {
    name: "move",
    arity: 3,
    flags: flag::WRITE | flag::FAST | flag::CONSTANT_TIME,
    acl: acl::FAST | acl::KEYSPACE | acl::WRITE,
    keys: &[KeySpec::one(1, key_flag::RW | key_flag::ACCESS | key_flag::UPDATE)],
    args: &[Arg { name: "key", kind: ArgKind::Key(0), ..ARG }, Arg { name: "db", kind: ArgKind::Integer, ..ARG }],
    locks: Locks::Keys,
    run: Run::Data(exec),
    docs: Docs { summary: "Moves a key to another database", complexity: "O(1)", since: "1.0.0", group: "generic", ..DOCS },
    ..SPEC
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let target = context.database(args[2])?;
    let source = context.keys.db;
    if target == source {
        return Err(target_database::SAME_OBJECT);
    }
    let (key, keys) = (args.key(0)?, &mut context.keys);
    let movable = keys.open(key).exists() && !keys.in_db(target, |keys| keys.open(key).exists());
    if movable {
        keys.move_to(key, target);
    }
    context.reply.integer(i64::from(movable));
    Ok(())
}
