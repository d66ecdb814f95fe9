//! RANDOMKEY: a key chosen at random, never one whose time has come. Each has nearly the same probability:
//! [`Table::random`](crate::keyspace::table::Table::random) says how nearly.

use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::spec::{CommandSpec, DOCS, Docs, Locks, Run, SPEC, acl, flag};
use crate::keyspace::key::Key;

pub(crate) static RANDOMKEY: CommandSpec = CommandSpec {
    name: "randomkey",
    arity: 1,
    flags: flag::READONLY | flag::TOUCHES_ARBITRARY_KEYS,
    acl: acl::KEYSPACE | acl::READ | acl::SLOW,
    locks: Locks::Each,
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
    let db = context.keys.db;
    let stripes = context.keys.keyspace().stripes() as u32;
    let mut sizes: Vec<u64> = (0..stripes).map(|number| context.keys.with_stripe(number, |keys| keys.stripe_size(number, db))).collect();
    let mut tries = 0;
    loop {
        let total: u64 = sizes.iter().sum();
        if total == 0 {
            return None;
        }
        let mut left = context.keys.rng().below(total);
        let number = sizes.iter().position(|size| {
            let is_here = left < *size;
            left = left.saturating_sub(*size);
            is_here
        })?;
        let (chosen, size) = context.keys.with_stripe(number as u32, |keys| {
            let chosen = keys.random_key(number as u32, db).map(|(key, expired)| {
                let resolved = keys.resolve(&key).filter(|_| expired);
                let reclaimed = resolved.is_some_and(|resolved| keys.reclaim(Key::new(&key, &resolved)));
                (key, expired, reclaimed)
            });
            (chosen, keys.stripe_size(number as u32, db))
        });
        sizes[number] = size;
        match chosen {
            Some((key, false, _)) => return Some(key),
            Some((key, true, false)) if tries >= TRIES_MAX => return Some(key),
            Some((_, true, false)) => tries += 1,
            Some((_, true, true)) | None => {}
        }
    }
}
