//! Slots as arguments, and proposing what a command made of them.

use crate::engine::context::Context;
use crate::engine::error::CmdError;
use crate::engine::slot_argument::parse_slot;
use crate::engine::spec::{ARG, Arg, ArgKind};
use crate::topology::{Command, Reply, SlotRange};

/// Single slots.
pub(super) const SLOTS: Arg = Arg { name: "slot", kind: ArgKind::Integer, multiple: true, ..ARG };

/// Ranges of slots.
pub(super) const RANGES: Arg = Arg {
    name: "range",
    kind: ArgKind::Block(&[
        Arg { name: "start-slot", kind: ArgKind::Integer, ..ARG },
        Arg { name: "end-slot", kind: ArgKind::Integer, ..ARG },
    ]),
    multiple: true,
    ..ARG
};

/// Reads [`SLOTS`].
pub(super) fn parse_slots(args: &[&[u8]]) -> Result<Vec<SlotRange>, CmdError> {
    args.iter().map(|arg| parse_slot(arg).map(SlotRange::one)).collect()
}

/// Reads [`RANGES`]: pairs of a first and a last slot.
pub(super) fn parse_ranges(context: &Context<'_>, args: &[&[u8]]) -> Result<Vec<SlotRange>, CmdError> {
    if args.len() % 2 == 1 {
        return Err(CmdError::arity(context.command_name()));
    }
    args.chunks_exact(2).map(parse_range).collect()
}

fn parse_range(pair: &[&[u8]]) -> Result<SlotRange, CmdError> {
    let (start, end) = (parse_slot(pair[0])?, parse_slot(pair[1])?);
    if start > end {
        return Err(CmdError::err(format!("start slot number {start} is greater than end slot number {end}")));
    }
    Ok(SlotRange { start, end })
}

/// Has the control plane change the map.
pub(super) async fn propose(context: &Context<'_>, command: Command) -> Result<Reply, CmdError> {
    let control = &context.cluster()?.control;
    control.propose(command).await.map_err(CmdError::err)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_and_ranges() {
        let one = |start, end| SlotRange { start, end };
        assert_eq!(parse_slots(&[b"0", b"16383"]), Ok(vec![one(0, 0), one(16383, 16383)]));
        assert_eq!(parse_range(&[b"1", b"5"]), Ok(one(1, 5)));
        assert_eq!(parse_range(&[b"7", b"7"]), Ok(one(7, 7)));
        assert_eq!(parse_range(&[b"5", b"1"]), Err(CmdError::err("start slot number 5 is greater than end slot number 1")));
    }
}
