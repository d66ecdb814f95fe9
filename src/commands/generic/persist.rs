//! PERSIST: takes the expiry from a key. 0 if there was none.

use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, KeySpec, Locks, Run, SPEC, acl, flag, key_flag};
use crate::keyspace::effect::class;

pub(crate) static PERSIST: CommandSpec = CommandSpec {
    name: "persist",
    arity: 2,
    flags: flag::WRITE | flag::FAST | flag::CONSTANT_TIME,
    acl: acl::FAST | acl::KEYSPACE | acl::WRITE,
    keys: &[KeySpec::one(1, key_flag::RW | key_flag::UPDATE)],
    args: &[Arg { name: "key", kind: ArgKind::Key(0), ..ARG }],
    locks: Locks::Keys,
    run: Run::Data(exec),
    docs: Docs { summary: "Lets a key live forever", complexity: "O(1)", since: "2.2.0", group: "generic", ..DOCS },
    ..SPEC
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let mut key = context.keys.open(args.key(0)?);
    let persisted = key.exists() && key.expiry_ms().is_some();
    if persisted {
        key.set_expiry_ms(None);
        key.change_event(class::GENERIC, "persist");
    }
    context.reply.integer(i64::from(persisted));
    Ok(())
}
