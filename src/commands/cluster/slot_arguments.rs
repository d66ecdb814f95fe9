//! Slots as arguments, and proposing what a command made of them.

use crate::base::slot::SLOTS;
use crate::engine::context::{Context, integer_in};
use crate::engine::error::CmdError;
use crate::topology::{Command, Reply, SlotRange};

/// A slot.
pub(in crate::commands) fn parse_slot(arg: &[u8]) -> Result<u16, CmdError> {
    let slot = integer_in(arg, 0..=i64::from(SLOTS) - 1, "Invalid or out of range slot")?;
    Ok(slot as u16)
}

/// Single slots.
pub(super) fn parse_slots(args: &[&[u8]]) -> Result<Vec<SlotRange>, CmdError> {
    args.iter().map(|arg| parse_slot(arg).map(SlotRange::one)).collect()
}

/// Pairs of a first and a last slot; the number of arguments is even.
pub(super) fn parse_ranges(args: &[&[u8]]) -> Result<Vec<SlotRange>, CmdError> {
    let ranges = args.chunks_exact(2).map(|pair| {
        let (start, end) = (parse_slot(pair[0])?, parse_slot(pair[1])?);
        if start > end {
            return Err(CmdError::err(format!("start slot number {start} is greater than end slot number {end}")));
        }
        Ok(SlotRange { start, end })
    });
    ranges.collect()
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
        assert_eq!(parse_ranges(&[b"1", b"5", b"7", b"7"]), Ok(vec![one(1, 5), one(7, 7)]));
        for wrong in [&b"16384"[..], b"-1", b"x", b"", b"1.0"] {
            assert_eq!(parse_slot(wrong), Err(CmdError::err("Invalid or out of range slot")), "{wrong:?}");
        }
        assert_eq!(parse_ranges(&[b"5", b"1"]), Err(CmdError::err("start slot number 5 is greater than end slot number 1")));
    }
}
