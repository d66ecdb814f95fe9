//! RANDOMKEY: a key chosen at random, never one whose time has come. Each has nearly the same probability:
//! [`random_key`](crate::keyspace::random_key) says how stripes are chosen, [`Table::random`](crate::keyspace::table::Table::random) how nearly.

use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::spec::{CommandSpec, DOCS, Docs, Locks, Run, SPEC, acl, flag};
use crate::keyspace::random_key::RandomKey;

pub(crate) static RANDOMKEY: CommandSpec = CommandSpec {
    name: "randomkey",
    arity: 1,
    flags: flag::READONLY | flag::TOUCHES_ARBITRARY_KEYS,
    acl: acl::KEYSPACE | acl::READ | acl::SLOW,
    locks: Locks::Few,
    run: Run::Data(exec),
    docs: Docs {
        summary: "Returns the name of a key chosen at random",
        complexity: "O(1)",
        since: "1.0.0",
        group: "generic",
        tips: &["request_policy:all_shards", "response_policy:special", "nondeterministic_output"],
        ..DOCS
    },
    ..SPEC
};

/// With expired keys that may not be deleted (CLIENT PAUSE), tries before one of them is returned after all, as Valkey does.
const TRIES_MAX: usize = 100;

fn exec(context: &mut Context<'_>, _: &Args<'_>) -> CmdResult {
    match choose(context) {
        Some(key) => context.reply.bulk(&key),
        None => context.reply.null(),
    }
    Ok(())
}

fn choose(context: &mut Context<'_>) -> Option<Vec<u8>> {
    let mut tries = 0;
    loop {
        match context.keys.random_key()? {
            RandomKey::Alive(key) => return Some(key),
            RandomKey::Expired(key) if tries >= TRIES_MAX => return Some(key),
            RandomKey::Expired(_) => tries += 1,
            RandomKey::Reclaimed => {}
        }
    }
}
