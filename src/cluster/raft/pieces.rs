//! A snapshot that comes in pieces, put together before Raft sees it. Pure.
//!
//! Raft's own way of putting it together would install it before it could be kept ([`super::state_machine::keep_incoming`]).

use larder_proto::bus::codec::VALUE_LEN_MAX;

/// Longest piece, in bytes: so that it goes in one message and holds up no other for long.
pub(super) const PIECE_LEN: u64 = 1024 * 1024;

const _: () = assert!(PIECE_LEN * 3 / 2 < larder_proto::bus::FRAME_LEN_MAX as u64);

/// What came of the snapshot that is on its way.
#[derive(Debug, Default)]
pub(super) struct Pieces {
    snapshot: String,
    data: Vec<u8>,
}

/// What comes of a piece.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// More are to come.
    Part,
    /// It was the last one.
    Whole(Vec<u8>),
    /// It does not follow what came: the sender has to begin anew.
    OutOfTurn,
}

impl Pieces {
    /// Takes the piece that begins at `offset`.
    pub(super) fn take(&mut self, snapshot: &str, offset: u64, piece: &[u8], is_last: bool) -> Taken {
        if offset == 0 {
            *self = Pieces { snapshot: snapshot.to_owned(), data: Vec::new() };
        }
        let is_next = self.snapshot == snapshot && self.data.len() as u64 == offset;
        // No map is longer: see `Topology::to_bytes`.
        if !is_next || self.data.len() + piece.len() > VALUE_LEN_MAX {
            *self = Pieces::default();
            return Taken::OutOfTurn;
        }
        self.data.extend_from_slice(piece);
        if is_last { Taken::Whole(std::mem::take(self).data) } else { Taken::Part }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_put_together() {
        let mut pieces = Pieces::default();
        let whole = |text: &str| Taken::Whole(text.as_bytes().to_vec());
        for (snapshot, offset, piece, is_last, taken) in [
            ("a", 0, "one", true, whole("one")),
            ("a", 3, "two", true, Taken::OutOfTurn),
            ("a", 0, "one", false, Taken::Part),
            ("a", 3, "two", false, Taken::Part),
            ("a", 6, "", true, whole("onetwo")),
            ("a", 0, "one", false, Taken::Part),
            ("b", 3, "two", true, Taken::OutOfTurn),
            ("a", 3, "two", true, Taken::OutOfTurn),
            ("a", 0, "one", false, Taken::Part),
            ("a", 0, "one", false, Taken::Part),
            ("a", 2, "two", true, Taken::OutOfTurn),
            ("a", 0, "one", false, Taken::Part),
            ("b", 0, "two", true, whole("two")),
        ] {
            assert_eq!(pieces.take(snapshot, offset, piece.as_bytes(), is_last), taken, "{snapshot} {offset} {piece}");
        }
    }

    #[test]
    fn no_snapshot_is_endless() {
        let mut pieces = Pieces::default();
        let piece = vec![7; VALUE_LEN_MAX / 2];
        for (n, taken) in [Taken::Part, Taken::Part, Taken::OutOfTurn].into_iter().enumerate() {
            assert_eq!(pieces.take("a", (piece.len() * n) as u64, &piece, false), taken);
        }
        assert_eq!(pieces.data.capacity(), 0);
    }
}
