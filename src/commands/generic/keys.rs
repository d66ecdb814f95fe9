//! KEYS: all names that match a pattern, in no particular order. Visits stripe after stripe, so that other clients are served
//! meanwhile: what is added or deleted during the visit may or may not be listed (Valkey, which stops everything else, lists one moment).

use crate::base::glob::Glob;
use crate::base::limits::PATTERN_LEN_MAX;
use crate::base::slot;
use crate::engine::context::{Args, CmdResult, Context, Haste, Sweep, check_pattern};
use crate::engine::error::CmdError;
use crate::engine::names::Names;
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, Locks, Place, Run, SPEC, acl, flag};
use crate::keyspace::access::KeyAccess;
use crate::keyspace::entry::EntryRef;
use crate::keyspace::scan::Walk;

pub(crate) static KEYS: CommandSpec = CommandSpec {
    name: "keys",
    arity: 2,
    flags: flag::READONLY,
    acl: acl::DANGEROUS | acl::KEYSPACE | acl::READ | acl::SLOW,
    args: &[Arg { name: "pattern", kind: ArgKind::Pattern, ..ARG }],
    locks: Locks::Each,
    place: Place::Async,
    run: Run::Sweep(start),
    docs: Docs {
        summary: "Lists the keys whose names match a pattern",
        complexity: "O(N) with N being the number of keys in the database, under the assumption that the key names in the database and the given pattern have limited length.",
        since: "1.0.0",
        group: "generic",
        tips: &["request_policy:all_shards", "nondeterministic_output_order"],
        ..DOCS
    },
    ..SPEC
};

struct KeysSweep {
    /// `None`: every key.
    pattern: Option<Glob>,
    walk: Walk,
    names: Names,
}

fn start(context: &mut Context<'_>, args: &Args<'_>) -> Result<Box<dyn Sweep>, CmdError> {
    let keyspace = context.keys.keyspace();
    let is_all = args[1] == b"*";
    // In cluster mode a pattern with a hash tag fits the keys of one slot only.
    let slot = (keyspace.by_slot() && !is_all).then(|| slot::pattern_slot(args[1])).flatten();
    let pattern = if is_all { None } else { Some(Glob::new(check_pattern(args[1], PATTERN_LEN_MAX)?)) };
    Ok(Box::new(KeysSweep { pattern, walk: Walk::over_all(keyspace, slot), names: Names::default() }))
}

impl Sweep for KeysSweep {
    fn stripe(&self) -> Option<u32> {
        self.walk.stripe()
    }

    fn visit(&mut self, keys: &mut KeyAccess<'_>) {
        let (pattern, names) = (&self.pattern, &mut self.names);
        let mut fits = |entry: EntryRef<'_>| pattern.as_ref().is_none_or(|pattern| pattern.matches(entry.key()));
        keys.walk_on(&mut self.walk, &mut fits, &mut |entry| names.push(entry.key()), &mut Haste::none().pace());
    }

    fn finish(mut self: Box<Self>, context: &mut Context<'_>) -> CmdResult {
        if self.walk.may_repeat() {
            self.names.dedup();
        }
        self.names.reply(context.reply);
        Ok(())
    }
}
