//! BITFIELD reads, writes and adds to integers of any width at any bit of a string. BITFIELD_RO has no writes, so that replicas may serve it.
//!
//! Differences from Valkey: `#` offsets that overflow are refused rather than wrapped around; a number far below a signed type's range
//! saturates at its minimum, not its maximum; a key that a failing operation made or grew counts as changed.

use larder_proto::resp::ReplyBuf;
use smallvec::SmallVec;

use super::arguments::field_offset;
use crate::base::number::parse_i64;
use crate::config::Config;
use crate::datatypes::bitmap::{FieldType, Overflow};
use crate::engine::context::{Args, CmdResult, Context, integer, is_word};
use crate::engine::error::CmdError;
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, KeySpec, KeysAndFlags, Locks, Run, SPEC, acl, flag, key_flag};
use crate::keyspace::effect::class;
use crate::keyspace::entry::EntryRef;
use crate::keyspace::key::Key;
use crate::keyspace::key_mut::KeyMut;
use crate::keyspace::string_value;
use crate::keyspace::value::string::StringRef;

pub(crate) static BITFIELD: CommandSpec = CommandSpec {
    name: "bitfield",
    arity: -2,
    flags: flag::WRITE | flag::DENYOOM,
    acl: acl::BITMAP | acl::SLOW | acl::WRITE,
    keys: &[KeySpec {
        notes: "This command allows both access and modification of the key",
        ..KeySpec::one(1, key_flag::RW | key_flag::UPDATE | key_flag::ACCESS | key_flag::VARIABLE_FLAGS)
    }],
    args: &[
        Arg { name: "key", kind: ArgKind::Key(0), ..ARG },
        Arg {
            name: "operation",
            kind: ArgKind::OneOf(&[
                Arg {
                    name: "get-block",
                    kind: ArgKind::Block(&[Arg { name: "encoding", ..ARG }, Arg { name: "offset", kind: ArgKind::Integer, ..ARG }]),
                    token: "GET",
                    ..ARG
                },
                Arg {
                    name: "write",
                    kind: ArgKind::Block(&[
                        Arg {
                            name: "overflow-block",
                            kind: ArgKind::OneOf(&[
                                Arg { name: "wrap", kind: ArgKind::PureToken, token: "WRAP", ..ARG },
                                Arg { name: "sat", kind: ArgKind::PureToken, token: "SAT", ..ARG },
                                Arg { name: "fail", kind: ArgKind::PureToken, token: "FAIL", ..ARG },
                            ]),
                            token: "OVERFLOW",
                            optional: true,
                            ..ARG
                        },
                        Arg {
                            name: "write-operation",
                            kind: ArgKind::OneOf(&[
                                Arg {
                                    name: "set-block",
                                    kind: ArgKind::Block(&[
                                        Arg { name: "encoding", ..ARG },
                                        Arg { name: "offset", kind: ArgKind::Integer, ..ARG },
                                        Arg { name: "value", kind: ArgKind::Integer, ..ARG },
                                    ]),
                                    token: "SET",
                                    ..ARG
                                },
                                Arg {
                                    name: "incrby-block",
                                    kind: ArgKind::Block(&[
                                        Arg { name: "encoding", ..ARG },
                                        Arg { name: "offset", kind: ArgKind::Integer, ..ARG },
                                        Arg { name: "increment", kind: ArgKind::Integer, ..ARG },
                                    ]),
                                    token: "INCRBY",
                                    ..ARG
                                },
                            ]),
                            ..ARG
                        },
                    ]),
                    ..ARG
                },
            ]),
            optional: true,
            multiple: true,
            ..ARG
        },
    ],
    locks: Locks::Keys,
    run: Run::Data(|context, args| exec(context, args, Access::ReadWrite)),
    keys_by_hand: Some(keys_by_hand),
    docs: Docs {
        summary: "Reads and changes integers of any width within the string under a key",
        complexity: "O(1) for each subcommand specified",
        since: "3.2.0",
        group: "bitmap",
        ..DOCS
    },
    ..SPEC
};

pub(crate) static BITFIELD_RO: CommandSpec = CommandSpec {
    name: "bitfield_ro",
    arity: -2,
    flags: flag::READONLY | flag::FAST,
    acl: acl::BITMAP | acl::FAST | acl::READ,
    keys: &[KeySpec::one(1, key_flag::RO | key_flag::ACCESS)],
    args: &[
        Arg { name: "key", kind: ArgKind::Key(0), ..ARG },
        Arg {
            name: "get-block",
            kind: ArgKind::Block(&[Arg { name: "encoding", ..ARG }, Arg { name: "offset", kind: ArgKind::Integer, ..ARG }]),
            token: "GET",
            optional: true,
            multiple: true,
            multiple_token: true,
            ..ARG
        },
    ],
    locks: Locks::Keys,
    run: Run::Data(|context, args| exec(context, args, Access::ReadOnly)),
    docs: Docs {
        summary: "Reads integers of any width within the string under a key",
        complexity: "O(1) for each subcommand specified",
        since: "6.0.0",
        group: "bitmap",
        ..DOCS
    },
    ..SPEC
};

/// It writes unless all its operations are GET.
fn keys_by_hand(args: &[&[u8]]) -> KeysAndFlags {
    let mut at = 2;
    let mut writes = false;
    while at < args.len() && !writes {
        let left = args.len() - at - 1;
        match args[at] {
            word if is_word(word, "GET") && left >= 2 => at += 3,
            word if is_word(word, "OVERFLOW") && left >= 1 => at += 2,
            // SET, INCRBY, or an error, for which the stricter reading is the safe one.
            _ => writes = true,
        }
    }
    let flags = if writes { key_flag::RW | key_flag::UPDATE | key_flag::ACCESS } else { key_flag::RO | key_flag::ACCESS };
    smallvec::smallvec![(1, flags)]
}

/// Which operations are allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Access {
    ReadWrite,
    ReadOnly,
}

#[derive(Debug, Clone, Copy)]
enum Action {
    Get,
    Set(i64),
    Add(i64),
}

#[derive(Debug, Clone, Copy)]
struct Operation {
    field: FieldType,
    offset: u64,
    action: Action,
    overflow: Overflow,
}

type Operations = SmallVec<[Operation; 4]>;

fn parse(config: &Config, args: &[&[u8]]) -> Result<Operations, CmdError> {
    let mut operations = Operations::new();
    let mut overflow = Overflow::Wrap;
    let mut rest = args;
    while let [word, after @ ..] = rest {
        let is = |name| is_word(word, name);
        rest = match after {
            [name, after @ ..] if is("overflow") => {
                overflow = parse_overflow(name)?;
                after
            }
            [field, offset, after @ ..] if is("get") => {
                let (field, offset) = parse_place(config, field, offset)?;
                operations.push(Operation { field, offset, action: Action::Get, overflow });
                after
            }
            [field, offset, number, after @ ..] if is("set") || is("incrby") => {
                let (field, offset) = parse_place(config, field, offset)?;
                let number = integer(number)?;
                let action = if is("set") { Action::Set(number) } else { Action::Add(number) };
                operations.push(Operation { field, offset, action, overflow });
                after
            }
            _ => return Err(CmdError::Syntax),
        };
    }
    Ok(operations)
}

fn parse_overflow(name: &[u8]) -> Result<Overflow, CmdError> {
    let names = [("wrap", Overflow::Wrap), ("sat", Overflow::Saturate), ("fail", Overflow::Fail)];
    let found = names.iter().find(|(word, _)| is_word(name, word));
    found.map(|(_, overflow)| *overflow).ok_or(CmdError::coded("ERR Invalid OVERFLOW type specified"))
}

fn parse_place(config: &Config, field: &[u8], offset: &[u8]) -> Result<(FieldType, u64), CmdError> {
    let field = match field {
        [sign @ (b'i' | b'u'), bits @ ..] => parse_i64(bits).and_then(|bits| FieldType::new(*sign == b'i', bits)),
        _ => None,
    };
    const BAD_TYPE: CmdError =
        CmdError::coded("ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.");
    let field = field.ok_or(BAD_TYPE)?;
    Ok((field, field_offset(config, offset, field.bits())?))
}

/// Runs the operations that follow the key and replies an array of their results.
fn exec(context: &mut Context<'_>, args: &Args<'_>, access: Access) -> CmdResult {
    let operations = parse(context.config, &args[2..])?;
    let writes = operations.iter().filter(|operation| !matches!(operation.action, Action::Get));
    let Some(last_bit) = writes.map(|operation| operation.offset + operation.field.bits() - 1).max() else {
        return read(context, args.key(0)?, &operations);
    };
    if access == Access::ReadOnly {
        return Err(CmdError::coded("ERR BITFIELD_RO only supports the GET subcommand"));
    }
    write(context, args.key(0)?, &operations, (last_bit >> 3) as usize + 1)
}

/// Runs operations that only read. The key may be missing.
fn read(context: &mut Context<'_>, key: Key<'_>, operations: &[Operation]) -> CmdResult {
    let reply = &mut *context.reply;
    let mut answer = |string: StringRef<'_>| {
        reply.array(operations.len());
        for operation in operations {
            reply.integer(operation.get(string));
        }
    };
    match context.keys.read(key) {
        None => answer(StringRef::Bytes(b"")),
        Some(entry) => string_value::with_string(string_value::of(entry)?, answer),
    }
    Ok(())
}

/// Runs operations of which some write, on a string of at least `len` bytes.
fn write(context: &mut Context<'_>, key: Key<'_>, operations: &[Operation], len: usize) -> CmdResult {
    let mut key = context.keys.open(key);
    let grows = key.string()?.is_none_or(|value| string_value::len(value) < len);
    let reply = &mut *context.reply;
    reply.array(operations.len());
    key.grow(len);
    let changes = operations.iter().filter(|operation| operation.run(&mut key, reply, grows)).count();
    if changes > 0 {
        key.change_event(class::STRING, "setbit");
        key.count_changes(changes as u64 - 1);
    } else if grows {
        key.count_changes(1);
    } else {
        // All that would have written overflowed.
        key.mark_unchanged();
    }
    Ok(())
}

impl Operation {
    /// Runs one operation and replies its result. True if it wrote another number than was there, or any into a string that has
    /// just grown.
    fn run(&self, key: &mut KeyMut<'_, '_, '_>, reply: &mut ReplyBuf, grown: bool) -> bool {
        let value = key.entry().map(EntryRef::value).expect("the string was grown to the last bit that is written");
        let old = string_value::with_string(value, |string| self.get(string));
        let wanted = match self.action {
            Action::Get => {
                reply.integer(old);
                return false;
            }
            // A negative number for an unsigned field counts as its unsigned twin, which is too large.
            Action::Set(number) if !self.field.is_signed() => i128::from(number as u64),
            Action::Set(number) => i128::from(number),
            Action::Add(delta) => i128::from(old) + i128::from(delta),
        };
        let Some(new) = self.field.fit(wanted, self.overflow) else {
            reply.null();
            return false;
        };
        reply.integer(if let Action::Set(_) = self.action { old } else { new });
        if old != new {
            let last_bit = self.offset + self.field.bits() - 1;
            let at = (self.offset >> 3) as usize;
            key.edit_range(at, (last_bit >> 3) as usize + 1 - at, |bytes| self.field.set(bytes, self.offset & 7, new));
        }
        grown || old != new
    }

    /// The number in the field as it is. What lies behind the string is zero.
    fn get(&self, string: StringRef<'_>) -> i64 {
        let mut window = [0; FieldType::SPAN];
        let len = string.copy_to((self.offset >> 3) as usize, &mut window);
        self.field.get(&window[..len], self.offset & 7)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_written_unless_all_is_get() {
        let (reads, writes) = (key_flag::RO | key_flag::ACCESS, key_flag::RW | key_flag::UPDATE | key_flag::ACCESS);
        for (request, flags) in
            [("bitfield k get u8 0 overflow sat get u8 1", reads), ("bitfield k get u8 0 set u8 0 1", writes), ("bitfield k what", writes)]
        {
            let args: Vec<&[u8]> = request.split(' ').map(str::as_bytes).collect();
            assert_eq!(keys_by_hand(&args).as_slice(), [(1, flags)], "{request}");
        }
    }
}
