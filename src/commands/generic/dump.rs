//! DUMP: a key's value as RESTORE takes it, of this server or of another one ([`crate::persist::dump`]).

use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, Effort, KeySpec, Locks, Place, Run, SPEC, acl, flag, key_flag};
use crate::keyspace::string_value;
use crate::keyspace::value::Type;
use crate::persist::dump;
use crate::persist::rdb::style::Style;

pub(crate) static DUMP: CommandSpec = CommandSpec {
    name: "dump",
    arity: 2,
    flags: flag::READONLY,
    acl: acl::KEYSPACE | acl::READ | acl::SLOW,
    keys: &[KeySpec::one(1, key_flag::RO | key_flag::ACCESS)],
    args: &[Arg { name: "key", kind: ArgKind::Key(0), ..ARG }],
    locks: Locks::Keys,
    place: Place::Offload(Effort::Sum),
    run: Run::Data(exec),
    docs: Docs {
        summary: "Returns a key's value as RESTORE takes it",
        complexity: "O(N) with the size of the value.",
        since: "2.6.0",
        group: "generic",
        tips: &["nondeterministic_output"],
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let style = Style::of_payload(context.config);
    let Some(entry) = context.keys.read(args.key(0)?) else {
        context.reply.null();
        return Ok(());
    };
    let payload = if entry.kind() == Type::String && entry.is_boxed() {
        let string = string_value::snapshot(string_value::of(entry)?);
        context.keys.unlock_early();
        dump::of_string(string.view(), style)
    } else {
        dump::of_entry(entry, style)
    };
    context.reply.bulk(&payload);
    Ok(())
}
