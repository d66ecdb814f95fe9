//! XREAD: the entries of several streams behind given IDs.

use super::read_arguments::{self, Reading};
use super::{access, reply};
use crate::base::words::PackedWords;
use crate::engine::context::{Args, Context};
use crate::engine::error::{CmdError, as_shown};
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, Locks, Run, SPEC, acl, flag};
use crate::keyspace::blocked::Wait;
use crate::keyspace::value::stream::StreamId;

pub(crate) static XREAD: CommandSpec = CommandSpec {
    name: "xread",
    arity: -4,
    flags: flag::BLOCKING | flag::READONLY,
    acl: acl::BLOCKING | acl::READ | acl::SLOW | acl::STREAM,
    keys: &[read_arguments::keys(1)],
    keys_by_hand: Some(read_arguments::keys_by_hand),
    args: &[
        Arg { name: "count", kind: ArgKind::Integer, token: "COUNT", optional: true, ..ARG },
        Arg { name: "milliseconds", kind: ArgKind::Integer, token: "BLOCK", optional: true, ..ARG },
        Arg {
            name: "streams",
            kind: ArgKind::Block(&[
                Arg { name: "key", kind: ArgKind::Key(0), multiple: true, ..ARG },
                Arg { name: "id", multiple: true, ..ARG },
            ]),
            token: "STREAMS",
            ..ARG
        },
    ],
    locks: Locks::Keys,
    run: Run::Blocking(exec),
    docs: Docs { summary: "Returns the entries of streams behind given IDs, or waits for some", since: "5.0.0", group: "stream", ..DOCS },
    ..SPEC
};

/// Behind which ID a stream is read.
fn start(context: &mut Context<'_>, args: &Args<'_>, number: usize, id: &[u8]) -> Result<StreamId, CmdError> {
    let stream = access::read(&mut context.keys, args.key(number)?)?;
    match as_shown(id) {
        b"$" => Ok(stream.map_or(StreamId::MIN, |stream| stream.figures().last_id)),
        // The last one is to be read, too.
        b"+" => match stream.map(|stream| stream.figures()).filter(|figures| figures.len > 0) {
            None => Ok(StreamId::MIN),
            Some(figures) => figures.last_id.previous().ok_or(CmdError::coded("ERR the stream last element ID is 0-0")),
        },
        b">" => {
            Err(CmdError::coded("ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> option."))
        }
        _ => access::strict_id(id, 0),
    }
}

/// The request with the IDs that `$` stands for now: what is added from now on is waited for.
fn fixed(args: &Args<'_>, reading: &Reading<'_>, starts: &[StreamId]) -> Option<PackedWords> {
    reading.ids.iter().any(|id| as_shown(id) == b"$").then(|| {
        let starts: Vec<_> = starts.iter().map(|start| start.text()).collect();
        let (before, ids) = args.split_at(args.len() - starts.len());
        let ids = ids.iter().zip(&starts).map(|(id, start)| if as_shown(id) == b"$" { start.as_bytes() } else { id });
        PackedWords::new(before.iter().copied().chain(ids))
    })
}

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> Result<Option<Wait>, CmdError> {
    let reading = Reading::parse(args, false)?;
    let mut starts = smallvec::SmallVec::<[StreamId; 8]>::new();
    for (number, id) in reading.ids.iter().enumerate() {
        starts.push(start(context, args, number, id)?);
    }
    let mut answer = reply::Streams::new(starts.len());
    for (number, start) in starts.iter().enumerate() {
        let key = args.key(number)?;
        let Some(stream) = access::read(&mut context.keys, key)? else { continue };
        let last = if stream.figures().last_id > *start { stream.entries().last_id() } else { None };
        if last.is_none_or(|last| last <= *start) {
            continue;
        }
        answer.begin(context.reply, key.name());
        let bounds = (start.next().unwrap_or_default(), StreamId::MAX);
        reply::range(context.reply, stream.entries(), bounds, reading.count, false);
    }
    if answer.end(context.reply) {
        return Ok(None);
    }
    let words = fixed(args, &reading, &starts);
    Ok(reading.wait(context, words))
}
