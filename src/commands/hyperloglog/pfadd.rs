//! PFADD: adds elements to a HyperLogLog, which is made if it is not there. Replies whether that changed it.
//!
//! Where a corrupt one cannot take an element, Valkey has added those before it; here nothing has happened.

use super::value;
use crate::datatypes::hyperloglog::{self as hll, DENSE_LEN, HEADER_LEN, Mark, sparse};
use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::error::CmdError;
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, KeySpec, Locks, Run, SPEC, acl, flag, key_flag};
use crate::keyspace::effect::class;
use crate::keyspace::key_mut::KeyMut;

pub(crate) static PFADD: CommandSpec = CommandSpec {
    name: "pfadd",
    arity: -2,
    flags: flag::WRITE | flag::DENYOOM | flag::FAST | flag::CONSTANT_TIME,
    acl: acl::FAST | acl::HYPERLOGLOG | acl::WRITE,
    keys: &[KeySpec::one(1, key_flag::RW | key_flag::INSERT)],
    args: &[Arg { name: "key", kind: ArgKind::Key(0), ..ARG }, Arg { name: "element", optional: true, multiple: true, ..ARG }],
    locks: Locks::Keys,
    run: Run::Data(exec),
    docs: Docs {
        summary: "Adds elements to a HyperLogLog, which is made if it is not there",
        complexity: "O(1) for each element.",
        since: "2.8.9",
        group: "hyperloglog",
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let len_max = context.config.hll_sparse_max_bytes;
    let mut key = context.keys.open(args.key(0)?);
    let elements = &args[2..];
    let changes = match value::of_key(&mut key)? {
        None => {
            let mut bytes = hll::empty();
            let raised = raise_all(&mut bytes, elements, len_max)?;
            hll::outdate(&mut bytes);
            value::put(&mut key, bytes);
            raised + 1
        }
        Some(bytes) => {
            if hll::is_sparse(&bytes) {
                let changed = add_to_sparse(&bytes, elements, len_max)?;
                drop(bytes);
                changed.map_or(0, |(bytes, raised)| {
                    value::put(&mut key, bytes);
                    raised
                })
            } else {
                let changes = elements.iter().any(|element| {
                    let mark = Mark::of(element);
                    mark.count > hll::register(&bytes[HEADER_LEN..], mark.index)
                });
                drop(bytes);
                if changes { add_to_dense(&mut key, elements) } else { 0 }
            }
        }
    };
    if changes > 0 {
        key.change_event(class::STRING, "pfadd");
        key.count_changes(changes - 1);
    }
    drop(key);
    context.reply.integer(i64::from(changes > 0));
    Ok(())
}

/// Adds elements. Returns how often that changed something.
fn raise_all(bytes: &mut Vec<u8>, elements: &[&[u8]], len_max: u64) -> Result<u64, CmdError> {
    let mut raised = 0;
    for element in elements {
        raised += u64::from(hll::raise(bytes, Mark::of(element), len_max).map_err(value::corrupt)?);
    }
    Ok(raised)
}

/// Adds elements to a copy, which is made once there is a change.
fn add_to_sparse(bytes: &[u8], elements: &[&[u8]], len_max: u64) -> Result<Option<(Vec<u8>, u64)>, CmdError> {
    for (number, element) in elements.iter().enumerate() {
        let mark = Mark::of(element);
        let place = sparse::locate(&bytes[HEADER_LEN..], mark.index).ok_or(hll::Corrupt).map_err(value::corrupt)?;
        if place.is_raised_by(mark.count) {
            if !value::is_whole(bytes) {
                return Err(value::corrupt(hll::Corrupt));
            }
            let mut copy = Vec::with_capacity(bytes.len() + 16);
            copy.extend_from_slice(bytes);
            hll::raise_sparse(&mut copy, place, mark, len_max).map_err(value::corrupt)?;
            let raised = raise_all(&mut copy, &elements[number + 1..], len_max)?;
            hll::outdate(&mut copy);
            return Ok(Some((copy, raised + 1)));
        }
    }
    Ok(None)
}

/// Adds elements to a dense one where it lies.
fn add_to_dense(key: &mut KeyMut<'_, '_, '_>, elements: &[&[u8]]) -> u64 {
    key.edit_range(0, DENSE_LEN, |bytes| {
        hll::outdate(bytes);
        elements.iter().map(|element| u64::from(hll::raise_dense(bytes, Mark::of(element)))).sum()
    })
}
