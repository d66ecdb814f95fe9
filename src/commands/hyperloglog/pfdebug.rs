//! PFDEBUG: looks into a HyperLogLog. GETREG and TODENSE make it dense; SIMD says whether registers are merged several at a time.

use std::io::Write;
use std::sync::atomic::Ordering;

use super::value;
use crate::datatypes::hyperloglog::{self as hll, HEADER_LEN, REGISTERS, sparse};
use crate::engine::context::{Args, CmdResult, Context, is_word};
use crate::engine::error::CmdError;
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, KeySpec, Locks, Run, SPEC, acl, flag, key_flag};

pub(crate) static PFDEBUG: CommandSpec = CommandSpec {
    name: "pfdebug",
    arity: 3,
    flags: flag::WRITE | flag::DENYOOM | flag::ADMIN,
    acl: acl::ADMIN | acl::DANGEROUS | acl::HYPERLOGLOG | acl::SLOW | acl::WRITE,
    keys: &[KeySpec::one(2, key_flag::RW | key_flag::ACCESS)],
    args: &[Arg { name: "subcommand", ..ARG }, Arg { name: "key", kind: ArgKind::Key(0), ..ARG }],
    locks: Locks::Keys,
    run: Run::Data(exec),
    docs: Docs { summary: "Looks into a HyperLogLog", complexity: "N/A", since: "2.8.9", group: "hyperloglog", flags: &["syscmd"], ..DOCS },
    ..SPEC
};

const NO_KEY: CmdError = CmdError::coded("ERR The specified key does not exist");

/// What is to be seen of one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Registers,
    /// It becomes a dense one.
    Dense,
    Operations,
    Encoding,
}

const SUBCOMMANDS: [(&str, Wanted); 4] =
    [("getreg", Wanted::Registers), ("todense", Wanted::Dense), ("decode", Wanted::Operations), ("encoding", Wanted::Encoding)];

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let subcommand = args[1];
    if is_word(subcommand, "simd") {
        return simd(context, args[2]);
    }
    let mut key = context.keys.open(args.key(0)?);
    // Valkey looks whether there is one, which is raw from then on, before it reads the subcommand.
    let bytes = value::of_key(&mut key)?.ok_or(NO_KEY)?;
    let Some((_, wanted)) = SUBCOMMANDS.iter().find(|(name, _)| is_word(subcommand, name)) else {
        return Err(CmdError::naming("Unknown PFDEBUG subcommand '{}'", subcommand));
    };
    let is_sparse = hll::is_sparse(&bytes);
    match wanted {
        Wanted::Encoding => context.reply.simple(if is_sparse { "sparse" } else { "dense" }),
        // Valkey tells them all, of a string of half a gigabyte two gigabytes.
        Wanted::Operations if is_sparse && !value::is_whole(&bytes) => return Err(value::corrupt(hll::Corrupt)),
        Wanted::Operations if is_sparse => context.reply.bulk(&decode(&bytes[HEADER_LEN..])),
        Wanted::Operations => return Err(CmdError::coded("ERR HLL encoding is not sparse")),
        Wanted::Registers | Wanted::Dense => {
            let dense = if is_sparse { hll::to_dense(&bytes).map_err(value::corrupt)? } else { bytes.into_owned() };
            if *wanted == Wanted::Registers {
                context.reply.array(REGISTERS);
                hll::registers_of(&dense).for_each(|register| context.reply.integer(i64::from(register)));
            } else {
                context.reply.integer(i64::from(is_sparse));
            }
            if is_sparse {
                value::put(&mut key, dense);
                key.count_changes(1);
            }
        }
    }
    Ok(())
}

fn decode(content: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    for operation in sparse::operations(content) {
        let written = match operation {
            operation if operation.is_long() => write!(text, "Z:{} ", operation.span),
            operation if operation.value == 0 => write!(text, "z:{} ", operation.span),
            operation => write!(text, "v:{},{} ", operation.value, operation.span),
        };
        written.expect("a vector takes everything");
    }
    text.pop();
    text
}

fn simd(context: &mut Context<'_>, switch: &[u8]) -> CmdResult {
    let is_on = if is_word(switch, "on") {
        true
    } else if is_word(switch, "off") {
        false
    } else {
        return Err(CmdError::coded("ERR Argument must be ON or OFF"));
    };
    context.shared.debug.wide_registers.store(is_on, Ordering::Relaxed);
    context.reply.simple(if is_on { "enabled" } else { "disabled" });
    Ok(())
}
