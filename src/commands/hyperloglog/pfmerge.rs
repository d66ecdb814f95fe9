//! PFMERGE: stores the union of several HyperLogLogs, the one that is there included.

use std::borrow::Cow;

use super::value;
use crate::datatypes::hyperloglog::{self as hll, HEADER_LEN, Mark, Union};
use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, Effort, KeySpec, Locks, Place, Run, SPEC, acl, flag, key_flag};
use crate::keyspace::effect::class;

pub(crate) static PFMERGE: CommandSpec = CommandSpec {
    name: "pfmerge",
    arity: -2,
    flags: flag::WRITE | flag::DENYOOM,
    acl: acl::HYPERLOGLOG | acl::SLOW | acl::WRITE,
    keys: &[KeySpec::one(1, key_flag::RW | key_flag::ACCESS | key_flag::INSERT), KeySpec::range(2, -1, 1, key_flag::RO | key_flag::ACCESS)],
    args: &[
        Arg { name: "destkey", kind: ArgKind::Key(0), ..ARG },
        Arg { name: "sourcekey", kind: ArgKind::Key(1), optional: true, multiple: true, ..ARG },
    ],
    locks: Locks::Keys,
    place: Place::Offload(Effort::Sum),
    run: Run::Data(exec),
    docs: Docs {
        summary: "Stores the union of several HyperLogLogs",
        complexity: "O(N) for N HyperLogLogs, each of which takes long.",
        since: "2.8.9",
        group: "hyperloglog",
        ..DOCS
    },
    ..SPEC
};

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let mut union = Union::new(context.shared.debug.is_wide());
    let mut is_dense = false;
    for name in args.keys() {
        let Some(entry) = context.keys.read(name) else { continue };
        let bytes = value::of(entry)?;
        is_dense |= !hll::is_sparse(&bytes);
        union.add(&bytes).map_err(value::corrupt)?;
    }
    let mut key = context.keys.open(args.key(0)?);
    let mut bytes = value::of_key(&mut key)?.map_or_else(hll::empty, Cow::into_owned);
    if is_dense {
        if hll::is_sparse(&bytes) {
            bytes = hll::to_dense(&bytes).map_err(value::corrupt)?;
        }
        bytes[HEADER_LEN..].copy_from_slice(&union.into_dense());
    } else {
        let registers = union.into_registers();
        let raised = registers.iter().enumerate().filter(|(_, count)| **count > 0);
        for (index, &count) in raised {
            hll::raise(&mut bytes, Mark { index, count }, context.config.hll_sparse_max_bytes).map_err(value::corrupt)?;
        }
    }
    hll::outdate(&mut bytes);
    value::put(&mut key, bytes);
    key.change_event(class::STRING, "pfadd");
    drop(key);
    context.reply.ok();
    Ok(())
}
