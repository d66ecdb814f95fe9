//! XADD: appends an entry to a stream, and trims the stream if that is asked for.

use super::access::node_limits;
use super::trimming::{self, TRIM_ARGS};
use crate::base::limits::LAZYFREE_EFFORT_MIN;
use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::error::CmdError;
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, KeySpec, Locks, Run, SPEC, acl, flag, key_flag};
use crate::keyspace::effect::class;
use crate::keyspace::key_mut::KeyMut;
use crate::keyspace::value::stream::{AppendError, Figures, NODE_LEN_MAX, NewId, Node, Stream, StreamId};

pub(crate) static XADD: CommandSpec = CommandSpec {
    name: "xadd",
    arity: -5,
    flags: flag::WRITE | flag::DENYOOM | flag::FAST | flag::CONSTANT_TIME,
    acl: acl::FAST | acl::STREAM | acl::WRITE,
    keys: &[KeySpec {
        notes: "UPDATE instead of INSERT because of the optional trimming feature",
        ..KeySpec::one(1, key_flag::RW | key_flag::UPDATE)
    }],
    args: &[
        Arg { name: "key", kind: ArgKind::Key(0), ..ARG },
        Arg { name: "nomkstream", kind: ArgKind::PureToken, token: "NOMKSTREAM", optional: true, since: "6.2.0", ..ARG },
        Arg { name: "trim", kind: ArgKind::Block(TRIM_ARGS), optional: true, ..ARG },
        Arg {
            name: "id-selector",
            kind: ArgKind::OneOf(&[Arg { name: "auto-id", kind: ArgKind::PureToken, token: "*", ..ARG }, Arg { name: "id", ..ARG }]),
            ..ARG
        },
        Arg { name: "data", kind: ArgKind::Block(&[Arg { name: "field", ..ARG }, Arg { name: "value", ..ARG }]), multiple: true, ..ARG },
    ],
    locks: Locks::Keys,
    run: Run::Data(exec),
    docs: Docs {
        summary: "Appends an entry to a stream, which is made if it is not there",
        complexity: "O(1), and O(N) for trimming where N is the number of entries that go",
        since: "5.0.0",
        group: "stream",
        history: &[("6.2.0", "`NOMKSTREAM`, `MINID` and `LIMIT`."), ("7.0.0", "IDs of which only the milliseconds are given.")],
        tips: &["nondeterministic_output"],
        ..DOCS
    },
    ..SPEC
};

/// Frees the nodes that trimming took out: many of them once the locks are released.
pub(super) fn free_nodes(key: &mut KeyMut<'_, '_, '_>, nodes: Vec<Node>) {
    if nodes.len() > LAZYFREE_EFFORT_MIN {
        key.free_later(Box::new(nodes));
    }
}

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let options = trimming::parse(args, true, context.config)?;
    let pairs = args.get(options.id_at + 1..).unwrap_or(&[]);
    if pairs.is_empty() || pairs.len() % 2 != 0 {
        return Err(CmdError::arity("xadd"));
    }
    if options.id == NewId::Given(StreamId::MIN) {
        return Err(CmdError::coded("ERR The ID specified in XADD must be greater than 0-0"));
    }
    let wanted = if options.id == NewId::Clock(0) { NewId::Clock(context.now_ms as u64) } else { options.id };
    let is_logging = context.keys.is_logging();
    let mut key = context.keys.open(args.key(0)?);
    let figures = match key.collection::<Stream>()? {
        None if options.no_mkstream => {
            context.reply.null();
            return Ok(());
        }
        None => Figures::default(),
        Some(stream) => stream.figures(),
    };
    let id = figures.next_id(wanted).map_err(|error| match error {
        AppendError::Exhausted => CmdError::coded("ERR The stream has exhausted the last possible ID, unable to add more items"),
        AppendError::NotGreater => CmdError::coded("ERR The ID specified in XADD is equal or smaller than the target stream top item"),
    })?;
    if pairs.iter().map(|text| text.len()).sum::<usize>() > NODE_LEN_MAX {
        return Err(CmdError::coded("ERR Elements are too large to be stored"));
    }
    let limits = node_limits(context.config);
    let (trimmed, freed) = key.change(|stream: &mut Stream| {
        stream.append(id, pairs, limits);
        let mut freed = Vec::new();
        let trimmed = options.trim.map_or(0, |trim| stream.trim_to(trim, |node| freed.push(node)));
        (trimmed, freed)
    })?;
    key.change_event(class::STREAM, "xadd");
    if trimmed > 0 {
        key.further_event(class::STREAM, "xtrim");
        free_nodes(&mut key, freed);
    }
    if is_logging {
        let approximate = options.trim.filter(|trim| trim.is_approximate);
        let figures = key.collection::<Stream>()?.map(Stream::figures).unwrap_or_default();
        drop(key);
        if approximate.is_some() || !matches!(wanted, NewId::Given(_)) {
            log(context, args, options.id_at, id, approximate.map(|trim| trimming::exact(trim, figures)));
        }
    } else {
        drop(key);
    }
    context.reply.bulk(id.text().as_bytes());
    Ok(())
}

/// Adds the record of an entry that got this ID. A trimming that was not `exact` becomes one that is.
fn log(context: &mut Context<'_>, args: &Args<'_>, id_at: usize, id: StreamId, exact: Option<(&'static [u8], Vec<u8>)>) {
    let id = id.text();
    let mut words: Vec<&[u8]> = vec![b"XADD", args[1]];
    match &exact {
        Some((strategy, threshold)) => words.extend([*strategy, b"=", threshold]),
        None => words.extend(&args[2..id_at]),
    }
    words.push(id.as_bytes());
    words.extend(&args[id_at + 1..]);
    context.keys.log(&words);
}
