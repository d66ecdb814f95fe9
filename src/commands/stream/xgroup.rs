//! XGROUP: makes, moves and deletes groups of consumers and their consumers.

use super::access;
use crate::base::limits::LAZYFREE_EFFORT_MIN;
use crate::engine::context::{Args, CmdResult, Context, integer, is_word};
use crate::engine::error::{CmdError, as_shown};
use crate::engine::help::{HELP_DOCS, HELP_SPEC, help};
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, KeySpec, Locks, Run, SPEC, acl, flag, key_flag};
use crate::keyspace::effect::{Reach, class};
use crate::keyspace::key_mut::KeyMut;
use crate::keyspace::value::stream::group::Group;
use crate::keyspace::value::stream::{Stream, StreamId};

pub(crate) static XGROUP: CommandSpec = CommandSpec {
    name: "xgroup",
    arity: -2,
    acl: acl::SLOW,
    run: Run::Container,
    subcommands: &[&CREATE, &CREATECONSUMER, &DELCONSUMER, &DESTROY, &HELP, &SETID],
    docs: Docs { summary: "Changes groups of consumers", complexity: "Depends on subcommand.", since: "5.0.0", group: "stream", ..DOCS },
    ..SPEC
};

const BASE: CommandSpec = CommandSpec {
    flags: flag::WRITE,
    acl: acl::SLOW | acl::STREAM | acl::WRITE,
    locks: Locks::Keys,
    docs: Docs { complexity: "O(1)", since: "5.0.0", group: "stream", ..DOCS },
    ..SPEC
};

const KEY: Arg = Arg { name: "key", kind: ArgKind::Key(0), ..ARG };
const GROUP: Arg = Arg { name: "group", ..ARG };
const CONSUMER: Arg = Arg { name: "consumer", ..ARG };
const ID: Arg = Arg {
    name: "id-selector",
    kind: ArgKind::OneOf(&[Arg { name: "id", ..ARG }, Arg { name: "new-id", kind: ArgKind::PureToken, token: "$", ..ARG }]),
    ..ARG
};
const ENTRIES_READ: Arg =
    Arg { name: "entriesread", kind: ArgKind::Integer, token: "ENTRIESREAD", optional: true, display: "entries-read", ..ARG };

static CREATE: CommandSpec = CommandSpec {
    name: "create",
    arity: -5,
    flags: flag::WRITE | flag::DENYOOM,
    keys: &[KeySpec::one(2, key_flag::RW | key_flag::INSERT)],
    args: &[KEY, GROUP, ID, Arg { name: "mkstream", kind: ArgKind::PureToken, token: "MKSTREAM", optional: true, ..ARG }, ENTRIES_READ],
    run: Run::Data(create),
    docs: Docs { summary: "Makes a group", history: &[("7.0.0", "`ENTRIESREAD`.")], ..BASE.docs },
    ..BASE
};

static SETID: CommandSpec = CommandSpec {
    name: "setid",
    arity: -5,
    keys: &[KeySpec::one(2, key_flag::RW | key_flag::UPDATE)],
    args: &[KEY, GROUP, ID, ENTRIES_READ],
    run: Run::Data(set_id),
    docs: Docs { summary: "Sets the last ID that was delivered to a group", history: &[("7.0.0", "`ENTRIESREAD`.")], ..BASE.docs },
    ..BASE
};

static DESTROY: CommandSpec = CommandSpec {
    name: "destroy",
    arity: 4,
    keys: &[KeySpec::one(2, key_flag::RW | key_flag::DELETE)],
    args: &[KEY, GROUP],
    run: Run::Data(destroy),
    docs: Docs { summary: "Deletes a group", ..BASE.docs },
    ..BASE
};

static CREATECONSUMER: CommandSpec = CommandSpec {
    name: "createconsumer",
    arity: 5,
    flags: flag::WRITE | flag::DENYOOM,
    keys: &[KeySpec::one(2, key_flag::RW | key_flag::INSERT)],
    args: &[KEY, GROUP, CONSUMER],
    run: Run::Data(create_consumer),
    docs: Docs { summary: "Makes a consumer in a group", since: "6.2.0", ..BASE.docs },
    ..BASE
};

static DELCONSUMER: CommandSpec = CommandSpec {
    name: "delconsumer",
    arity: 5,
    keys: &[KeySpec::one(2, key_flag::RW | key_flag::DELETE)],
    args: &[KEY, GROUP, CONSUMER],
    run: Run::Data(delete_consumer),
    docs: Docs {
        summary: "Deletes a consumer of a group with all that is pending with it",
        complexity: "O(N) where N is the number of entries that are pending with it",
        ..BASE.docs
    },
    ..BASE
};

static HELP: CommandSpec = CommandSpec {
    acl: acl::SLOW | acl::STREAM,
    run: Run::Data(|context, _| help(context, "xgroup", HELP_LINES)),
    docs: Docs { summary: "Describes the subcommands", since: "5.0.0", group: "stream", ..HELP_DOCS },
    ..HELP_SPEC
};

const HELP_LINES: &[&str] = &[
    "CREATE <key> <groupname> <id|$> [MKSTREAM] [ENTRIESREAD <entries-read>]",
    "    Make a group that is given what follows <id>, or $, the last entry.",
    "CREATECONSUMER <key> <groupname> <consumer>",
    "    Make a consumer in a group.",
    "DELCONSUMER <key> <groupname> <consumer>",
    "    Delete a consumer with all that is pending with it.",
    "DESTROY <key> <groupname>",
    "    Delete a group.",
    "SETID <key> <groupname> <id|$> [ENTRIESREAD <entries-read>]",
    "    Have a group go on behind <id>.",
];

const NO_KEY: CmdError = CmdError::coded(
    "ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the MKSTREAM option to create an empty stream automatically.",
);

/// Options of CREATE and SETID.
#[derive(Default)]
struct Options {
    makes_stream: bool,
    entries_read: Option<u64>,
}

fn parse(args: &Args<'_>, is_create: bool) -> Result<Options, CmdError> {
    let mut options = Options::default();
    let mut rest = &args[5..];
    loop {
        rest = match rest {
            [] => return Ok(options),
            [word, more @ ..] if is_create && is_word(word, "MKSTREAM") => {
                options.makes_stream = true;
                more
            }
            [word, value, more @ ..] if is_word(word, "ENTRIESREAD") => {
                options.entries_read = match integer(value)? {
                    -1 => None,
                    ..-1 => return Err(CmdError::coded("ERR value for ENTRIESREAD must be positive or -1")),
                    read => Some(read as u64),
                };
                more
            }
            _ => return Err(CmdError::subcommand_syntax(args)),
        }
    }
}

/// The stream of a subcommand that needs one.
fn existing<'m>(key: &'m mut KeyMut<'_, '_, '_>) -> Result<&'m Stream, CmdError> {
    key.collection::<Stream>()?.ok_or(NO_KEY)
}

/// The group of a subcommand that needs one.
fn existing_group(key: &mut KeyMut<'_, '_, '_>, args: &Args<'_>) -> Result<(), CmdError> {
    match existing(key)?.group(args[3]) {
        Some(_) => Ok(()),
        None => Err(access::no_group(args[2], args[3])),
    }
}

fn create(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let options = parse(args, true)?;
    let mut key = context.keys.open(args.key(0)?);
    let stream = key.collection::<Stream>()?;
    let (has_stream, last_id) = (stream.is_some(), stream.map_or(StreamId::MIN, |stream| stream.figures().last_id));
    if !has_stream && !options.makes_stream {
        return Err(NO_KEY);
    }
    if args.len() > 8 {
        return Err(CmdError::subcommand_syntax(args));
    }
    let id = if as_shown(args[4]) == b"$" { last_id } else { access::strict_id(args[4], 0)? };
    let group = Group::new(args[3], id, options.entries_read);
    let is_added = key.change_if(|stream: &mut Stream| {
        let is_added = stream.add_group(group);
        (is_added, is_added)
    })?;
    if !is_added {
        return Err(CmdError::coded("BUSYGROUP Consumer Group name already exists"));
    }
    if has_stream {
        key.set_reach(Reach::Nobody);
    }
    key.change_event(class::STREAM, "xgroup-create");
    drop(key);
    log_with_id(context, args, id);
    context.reply.ok();
    Ok(())
}

/// Adds the record of a group that goes on behind `id`, if that was not named.
fn log_with_id(context: &mut Context<'_>, args: &Args<'_>, id: StreamId) {
    if as_shown(args[4]) == b"$" {
        let id = id.text();
        let words = args[..4].iter().copied().chain([id.as_bytes()]).chain(args[5..].iter().copied());
        context.keys.log_all(args.len(), words);
    }
}

fn set_id(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let options = parse(args, false)?;
    let mut key = context.keys.open(args.key(0)?);
    existing_group(&mut key, args)?;
    if !matches!(args.len(), 5 | 7) {
        return Err(CmdError::subcommand_syntax(args));
    }
    let id = if as_shown(args[4]) == b"$" { existing(&mut key)?.figures().last_id } else { access::id(args[4], 0)? };
    key.change(|stream: &mut Stream| {
        if let Some(group) = stream.group_mut(args[3]) {
            group.last_id = id;
            group.entries_read = options.entries_read;
        }
    })?;
    key.set_reach(Reach::Nobody);
    key.change_event(class::STREAM, "xgroup-setid");
    drop(key);
    log_with_id(context, args, id);
    context.reply.ok();
    Ok(())
}

fn destroy(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let mut key = context.keys.open(args.key(0)?);
    existing(&mut key)?;
    let removed = key.change_if(|stream: &mut Stream| {
        let removed = stream.remove_group(args[3]);
        let is_removed = removed.is_some();
        (removed, is_removed)
    })?;
    context.reply.integer(i64::from(removed.is_some()));
    if let Some(group) = removed {
        // Who waits for entries of the group is told that it has gone.
        key.set_reach(Reach::Waiting);
        key.change_event(class::STREAM, "xgroup-destroy");
        if group.effort() > LAZYFREE_EFFORT_MIN {
            key.free_later(group);
        }
    }
    Ok(())
}

fn create_consumer(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let now_ms = context.now_ms;
    let mut key = context.keys.open(args.key(0)?);
    existing_group(&mut key, args)?;
    let is_new = key.change_if(|stream: &mut Stream| {
        let is_new = stream.group_mut(args[3]).is_some_and(|group| group.add_consumer(args[4], now_ms).1);
        (is_new, is_new)
    })?;
    if is_new {
        key.set_reach(Reach::Nobody);
        key.change_event(class::STREAM, "xgroup-createconsumer");
    }
    context.reply.integer(i64::from(is_new));
    Ok(())
}

fn delete_consumer(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let mut key = context.keys.open(args.key(0)?);
    existing_group(&mut key, args)?;
    let removed = key.change_if(|stream: &mut Stream| {
        let removed = stream.group_mut(args[3]).and_then(|group| group.remove_consumer(args[4]));
        let is_removed = removed.is_some();
        (removed, is_removed)
    })?;
    if removed.is_some() {
        key.set_reach(Reach::Nobody);
        key.change_event(class::STREAM, "xgroup-delconsumer");
    }
    context.reply.integer(removed.map_or(0, |consumer| consumer.pending_len() as i64));
    Ok(())
}
