//! BITOP: AND, OR, XOR or NOT of whole strings, stored as a string. A missing key is an empty string; an empty result deletes the
//! destination.
//!
//! The result is built part after part from what the sources were at one moment: one string of the longest source's length, so bounded by
//! what `proto-max-bulk-len` allowed for it.

use crate::datatypes::bitmap::{self, Combine};
use crate::engine::context::is_word;
use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::error::CmdError;
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, Effort, KeySpec, Locks, Place, Run, SPEC, acl, flag, key_flag};
use crate::keyspace::effect::class;
use crate::keyspace::key_mut::Expiry;
use crate::keyspace::string_value;
use crate::keyspace::value::string::{LongString, StringSnapshot};

pub(crate) static BITOP: CommandSpec = CommandSpec {
    name: "bitop",
    arity: -4,
    flags: flag::WRITE | flag::DENYOOM,
    acl: acl::BITMAP | acl::SLOW | acl::WRITE,
    keys: &[KeySpec::one(2, key_flag::OW | key_flag::UPDATE), KeySpec::range(3, -1, 1, key_flag::RO | key_flag::ACCESS)],
    args: &[
        Arg {
            name: "operation",
            kind: ArgKind::OneOf(&[
                Arg { name: "and", kind: ArgKind::PureToken, token: "AND", ..ARG },
                Arg { name: "or", kind: ArgKind::PureToken, token: "OR", ..ARG },
                Arg { name: "xor", kind: ArgKind::PureToken, token: "XOR", ..ARG },
                Arg { name: "not", kind: ArgKind::PureToken, token: "NOT", ..ARG },
            ]),
            ..ARG
        },
        Arg { name: "destkey", kind: ArgKind::Key(0), ..ARG },
        Arg { name: "key", kind: ArgKind::Key(1), multiple: true, ..ARG },
    ],
    locks: Locks::Keys,
    place: Place::Offload(Effort::Sum),
    run: Run::Data(exec),
    docs: Docs {
        summary: "Combines strings bit by bit and stores the result",
        complexity: "O(N)",
        since: "2.6.0",
        group: "bitmap",
        ..DOCS
    },
    ..SPEC
};

/// NOT is the one that `Combine` does not know, because it has one operand.
fn operation(word: &[u8]) -> Result<Option<Combine>, CmdError> {
    let names = [("and", Some(Combine::And)), ("or", Some(Combine::Or)), ("xor", Some(Combine::Xor)), ("not", None)];
    names.iter().find(|(name, _)| is_word(word, name)).map(|(_, operation)| *operation).ok_or(CmdError::Syntax)
}

/// The result, part after part.
fn combine(operation: Option<Combine>, sources: &[StringSnapshot]) -> LongString {
    let (first, others) = sources.split_first().expect("the arity asks for a source");
    let len = sources.iter().map(|source| source.view().len()).max().unwrap_or_default();
    LongString::build(len, |range, sum| {
        sum.extend_from_slice(&first.view().part(range.clone()));
        sum.resize(range.len(), 0);
        match operation {
            Some(operation) => others.iter().for_each(|other| bitmap::combine(operation, sum, &other.view().part(range.clone()))),
            None => bitmap::invert(sum),
        }
    })
}

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let operation = operation(args[1])?;
    if operation.is_none() && args.len() != 4 {
        return Err(CmdError::coded("ERR BITOP NOT must be called with a single source key."));
    }
    let mut sources = Vec::with_capacity(args.len() - 3);
    for source in args.keys().skip(1) {
        let value = context.keys.read(source).map(string_value::of).transpose()?;
        sources.push(value.map(string_value::snapshot).unwrap_or_default());
    }
    let result = combine(operation, &sources);
    let len = result.view().len();
    let mut key = context.keys.open(args.key(0)?);
    if len == 0 {
        key.delete();
    } else {
        key.set_raw(result, Expiry::Clear);
        key.change_event(class::STRING, "set");
    }
    context.reply.integer(len as i64);
    Ok(())
}
