//! SETNX: a string, unless the key is there.

use super::options::{Condition, Options};
use super::set_engine::{self, Answer};
use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, KeySpec, Locks, Run, SPEC, acl, flag, key_flag};

pub(crate) static SETNX: CommandSpec = CommandSpec {
    name: "setnx",
    arity: 3,
    flags: flag::WRITE | flag::DENYOOM | flag::FAST | flag::CONSTANT_TIME,
    acl: acl::FAST | acl::STRING | acl::WRITE,
    keys: &[KeySpec::one(1, key_flag::OW | key_flag::INSERT)],
    args: &[Arg { name: "key", kind: ArgKind::Key(0), ..ARG }, Arg { name: "value", ..ARG }],
    locks: Locks::Keys,
    run: Run::Data(exec),
    docs: Docs { summary: "Sets a key to a string unless the key exists", complexity: "O(1)", since: "1.0.0", group: "string", ..DOCS },
    ..SPEC
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let options = Options { condition: Condition::IfMissing, ..Options::default() };
    set_engine::set(context, args.key(0)?, args[2], &options, Answer::Number)
}
