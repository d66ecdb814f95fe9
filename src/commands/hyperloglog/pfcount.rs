//! PFCOUNT: estimates how many different elements were added to a HyperLogLog, or to any of several. That of one is kept in it.

use super::value;
use crate::datatypes::hyperloglog::{self as hll, HEADER_LEN, Histogram, Union};
use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::error::CmdError;
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, Effort, KeySpec, Locks, Place, Run, SPEC, acl, flag, key_flag};
use crate::keyspace::entry::Encoding;
use crate::keyspace::key::Key;

pub(crate) static PFCOUNT: CommandSpec = CommandSpec {
    name: "pfcount",
    arity: -2,
    flags: flag::READONLY | flag::MAY_REPLICATE,
    acl: acl::HYPERLOGLOG | acl::READ | acl::SLOW,
    keys: &[KeySpec {
        notes: "RW because it may change the internal representation of the key, and propagate to replicas",
        ..KeySpec::range(1, -1, 1, key_flag::RW | key_flag::ACCESS)
    }],
    args: &[Arg { name: "key", kind: ArgKind::Key(0), multiple: true, ..ARG }],
    locks: Locks::Keys,
    place: Place::Offload(Effort::Sum),
    run: Run::Data(exec),
    docs: Docs {
        summary: "Estimates how many different elements were added to any of several HyperLogLogs",
        complexity: "O(1) for one key, O(N) for N keys, each of which takes much longer.",
        since: "2.8.9",
        group: "hyperloglog",
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let cardinality = if args.len() == 2 { count_one(context, args.key(0)?)? } else { count_union(context, args)? };
    context.reply.integer(cardinality as i64);
    Ok(())
}

fn count_one(context: &mut Context<'_>, name: Key<'_>) -> Result<u64, CmdError> {
    let Some(entry) = context.keys.read(name) else { return Ok(0) };
    if let Some(cardinality) = hll::cached(&value::of(entry)?)
        && entry.encoding() == Encoding::Raw
    {
        return Ok(cardinality);
    }
    let mut key = context.keys.open(name);
    let Some(bytes) = value::of_key(&mut key)? else { return Ok(0) };
    if let Some(cardinality) = hll::cached(&bytes) {
        return Ok(cardinality);
    }
    let cardinality = hll::count(&bytes).map_err(value::corrupt)?;
    drop(bytes);
    key.edit_range(0, HEADER_LEN, |header| hll::set_cached(header, cardinality));
    key.count_changes(1);
    Ok(cardinality)
}

fn count_union(context: &mut Context<'_>, args: &Args<'_>) -> Result<u64, CmdError> {
    let mut union = Union::new(context.shared.debug.is_wide());
    for name in args.keys() {
        let Some(entry) = context.keys.read(name) else { continue };
        union.add(&value::of(entry)?).map_err(value::corrupt)?;
    }
    Ok(hll::estimate(&Histogram::of_dense(&union.into_dense())))
}
