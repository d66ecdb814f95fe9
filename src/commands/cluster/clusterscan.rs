//! CLUSTERSCAN: the keys of a whole cluster, some per call. The cursor carries a hash tag of the slot it stands in, so that a client
//! sends each call to the node that has that slot, without knowing more than it does for a key.
//!
//! ```text
//! cursor   0                                  the beginning, and the end
//!          <fingerprint>-{<tag>}-<position>   goes on in the tag's slot
//! ```
//! The fingerprint tells nodes apart: a position of another node's, which has arranged the slot otherwise, counts as the slot's start.
//! 0 is nobody's. Differs from Valkey's in how many keys a call returns, since slots are walked one by one.

use super::own_keys::with_slot;
use crate::base::number::parse_u64;
use crate::base::slot::{self, SLOTS};
use crate::engine::context::{Args, CmdResult, Context};
use crate::engine::error::CmdError;
use crate::engine::names::Names;
use crate::engine::scan_options::{ScanOptions, Target};
use crate::engine::spec::{ARG, Arg, ArgKind, CommandSpec, DOCS, Docs, KeySpec, Locks, Run, SPEC, acl, flag, key_flag};
use crate::keyspace::Keyspace;
use crate::keyspace::entry::EntryRef;

pub(crate) static CLUSTERSCAN: CommandSpec = CommandSpec {
    name: "clusterscan",
    arity: -2,
    flags: flag::READONLY | flag::TOUCHES_ARBITRARY_KEYS,
    acl: acl::KEYSPACE | acl::READ | acl::SLOW,
    keys: &[KeySpec::one(1, key_flag::NOT_KEY)],
    args: &[
        Arg { name: "cursor", ..ARG },
        Arg { name: "match-pattern", kind: ArgKind::Pattern, token: "MATCH", optional: true, ..ARG },
        Arg { name: "count", kind: ArgKind::Integer, token: "COUNT", optional: true, ..ARG },
        Arg { name: "type", token: "TYPE", optional: true, ..ARG },
        Arg { name: "slot", kind: ArgKind::Integer, token: "SLOT", optional: true, ..ARG },
    ],
    locks: Locks::Each,
    run: Run::Data(exec),
    docs: Docs {
        summary: "Iterates over the keys of the cluster",
        complexity: "O(N) where N is the number of elements returned.",
        since: "9.1.0",
        group: "cluster",
        tips: &["nondeterministic_output", "request_policy:special", "response_policy:special"],
        ..DOCS
    },
    ..SPEC
};

/// Where a scan stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Position {
    slot: u16,
    within: u64,
}

/// This node's fingerprint: what its arrangement of keys follows from.
fn fingerprint(keyspace: &Keyspace) -> String {
    format!("{:08x}", (keyspace.hasher().hash(b"clusterscan").0 as u32).max(1))
}

fn parse(cursor: &[u8], fingerprint: &str) -> Result<Position, CmdError> {
    let invalid = || CmdError::coded("ERR Invalid cursor");
    let mut parts = cursor.splitn(3, |byte| *byte == b'-');
    let (Some(made_by), Some(tag), Some(within)) = (parts.next(), parts.next(), parts.next()) else { return Err(invalid()) };
    let within = parse_u64(within).ok_or_else(invalid)?;
    Ok(Position { slot: slot::key_slot(tag), within: if made_by == fingerprint.as_bytes() { within } else { 0 } })
}

fn start_of(slot: u16) -> String {
    format!("0-{{{}}}-0", slot::tag_of(slot))
}

fn exec(context: &mut Context<'_>, args: &Args<'_>) -> CmdResult {
    let cluster = context.cluster()?;
    let options = ScanOptions::parse(&args[2..], Target::ClusterKeys)?;
    let in_match = options.pattern.and_then(slot::pattern_slot);
    // Keys of one slot never match a pattern of another.
    let is_void = options.slot.zip(in_match).is_some_and(|(slot, other)| slot != other);
    let mut names = Names::default();
    let next = if args[1] == b"0" {
        (!is_void).then(|| start_of(options.slot.or(in_match).unwrap_or(0)))
    } else {
        let made_here = fingerprint(context.keys.keyspace());
        let position = parse(args[1], &made_here)?;
        if options.slot.is_some_and(|slot| slot != position.slot) {
            return Err(CmdError::err("Cursor slot mismatch with SLOT argument"));
        }
        match in_match {
            Some(slot) if slot != position.slot => (!is_void && slot > position.slot).then(|| start_of(slot)),
            _ => {
                let topology = cluster.topology.load();
                let is_bound = options.slot.or(in_match).is_some();
                let owner = topology.slots().owner(position.slot);
                let follows = |slot: &u16| !is_bound && topology.slots().owner(*slot) == owner;
                let last = (position.slot + 1..SLOTS).take_while(follows).last().unwrap_or(position.slot);
                match walk(context, position, last, &options, &mut names)? {
                    Some(Position { slot, within }) => Some(format!("{made_here}-{{{}}}-{within}", slot::tag_of(slot))),
                    None => (!is_bound && last + 1 < SLOTS).then(|| start_of(last + 1)),
                }
            }
        }
    };
    context.reply.array(2);
    context.reply.bulk(next.as_deref().unwrap_or("0").as_bytes());
    names.reply(context.reply);
    Ok(())
}

/// Walks from `position` to the end of slot `last`, until about COUNT keys were looked at. Returns where to go on, if anywhere.
fn walk(
    context: &mut Context<'_>,
    mut position: Position,
    last: u16,
    options: &ScanOptions<'_>,
    names: &mut Names,
) -> Result<Option<Position>, CmdError> {
    let mut looked_at = 0;
    let mut pace = context.haste().pace();
    loop {
        let most = options.count - looked_at;
        let fits = |entry: EntryRef<'_>| {
            looked_at += 1;
            options.type_name.is_none_or(|name| entry.kind().name() == name) && options.matches(entry.key())
        };
        let found = |entry: EntryRef<'_>| names.push(entry.key());
        position.within = context.keys.scan(position.within, Some(position.slot), most, fits, found, &mut pace)?;
        if position.within == 0 {
            // Straight to the next slot with keys: most have none, and a call for each would be a round trip for each.
            let is_used = |slot: &u16| with_slot(context, *slot, |keys| keys.is_some_and(|keys| !keys.table.is_empty()));
            let Some(slot) = (position.slot + 1..=last).find(is_used) else { return Ok(None) };
            position.slot = slot;
        }
        if looked_at >= options.count {
            return Ok(Some(position));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors() {
        let at = |slot, within| Ok(Position { slot, within });
        let invalid = Err(CmdError::coded("ERR Invalid cursor"));
        for (cursor, position) in [
            ("0-{06S}-0", at(0, 0)),
            ("0000abcd-{06S}-77", at(0, 77)),
            ("0000abce-{06S}-77", at(0, 0)),
            ("0-foo-5", at(12182, 0)),
            ("0-{0}", invalid.clone()),
            ("0-", invalid.clone()),
            ("invalid", invalid.clone()),
            ("abc-def-ghi", invalid),
        ] {
            assert_eq!(parse(cursor.as_bytes(), "0000abcd"), position, "{cursor}");
        }
        assert_eq!(parse(start_of(9000).as_bytes(), "0000abcd"), at(9000, 0));
    }
}
