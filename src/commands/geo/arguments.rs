//! What the commands on positions share: positions, units and distances as arguments and replies.

use larder_proto::resp::ReplyBuf;

use crate::base::float::{LongDouble, parse_f64};
use crate::datatypes::geo::Position;
use crate::engine::context::is_word;
use crate::engine::error::CmdError;

/// Reads a longitude and a latitude.
pub(super) fn position(longitude: &[u8], latitude: &[u8]) -> Result<Position, CmdError> {
    let number = |arg| parse_f64(arg).ok_or(CmdError::NotFloat);
    let position = Position { longitude: number(longitude)?, latitude: number(latitude)? };
    if !position.is_on_map() {
        let Position { longitude, latitude } = position;
        return Err(CmdError::err(format!("invalid longitude,latitude pair {longitude:.6},{latitude:.6}")));
    }
    Ok(position)
}

/// Metres per unit.
pub(super) fn unit_m(arg: &[u8]) -> Result<f64, CmdError> {
    let units = [("m", 1.0), ("km", 1000.0), ("ft", 0.3048), ("mi", 1609.34)];
    let unit = units.iter().find(|(name, _)| is_word(arg, name));
    unit.map(|(_, metres)| *metres).ok_or(CmdError::coded("ERR unsupported unit provided. please use M, KM, FT, MI"))
}

/// Reads a number of units, not negative.
pub(super) fn length(arg: &[u8], not_numeric: &'static str) -> Result<f64, CmdError> {
    parse_f64(arg).ok_or_else(|| CmdError::coded(not_numeric))
}

/// Replies a distance, with four digits behind the point.
pub(super) fn reply_distance(reply: &mut ReplyBuf, distance: f64) {
    let scaled = (distance * 10_000.0).round_ties_even() as i64;
    let (sign, digits) = (if scaled < 0 { "-" } else { "" }, scaled.unsigned_abs());
    reply.bulk(format!("{sign}{}.{:04}", digits / 10_000, digits % 10_000).as_bytes());
}

/// Replies a position.
pub(super) fn reply_position(reply: &mut ReplyBuf, position: Position) {
    reply.array(2);
    for number in [position.longitude, position.latitude] {
        let text = LongDouble::from(number).to_text();
        if reply.is_resp3() {
            reply.raw(format!(",{text}\r\n").as_bytes());
        } else {
            reply.bulk(text.as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_have_four_digits() {
        for (distance, text) in
            [(0.0, "0.0000"), (166_274.151_56, "166274.1516"), (0.00004, "0.0000"), (0.775, "0.7750"), (12.0, "12.0000")]
        {
            let mut reply = ReplyBuf::default();
            reply_distance(&mut reply, distance);
            assert_eq!(&reply.buf[..], format!("${}\r\n{text}\r\n", text.len()).as_bytes());
        }
    }

    #[test]
    fn positions_off_the_map_are_refused() {
        assert_eq!(
            position(b"200", b"-inf").map(|_| ()).expect_err("beyond").text(),
            "ERR invalid longitude,latitude pair 200.000000,-inf"
        );
        assert!(position(b"180", b"85.05112878").is_ok() && position(b"x", b"0").is_err());
    }
}
