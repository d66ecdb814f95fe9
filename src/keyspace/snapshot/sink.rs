//! Where a snapshot goes.

use std::io;

use crate::keyspace::entry::{EntryRef, Type};
pub use crate::keyspace::handover::{Header, header};
use crate::keyspace::string_value;
pub use crate::keyspace::value::chunk::Tag;
use crate::keyspace::value::pieces;
pub use crate::keyspace::value::pieces::Piece;

/// Takes a snapshot, piece by piece. The pieces of several keys may come mixed; each names its key by the header's tag.
///
/// A string's parts and a list's nodes come in order, a small sorted set's members by their scores; other members and fields in any order.
/// Keys and fields whose time has come are there, with their expiries.
pub trait Sink {
    /// A key. Its pieces follow.
    ///
    /// # Errors
    /// The sink's: the snapshot is then given up. So it is for the others.
    fn key(&mut self, header: &Header<'_>) -> io::Result<()>;

    /// A piece of a value.
    ///
    /// # Errors
    /// As [`Sink::key`].
    fn piece(&mut self, tag: Tag, piece: Piece<'_>) -> io::Result<()>;

    /// The value is complete.
    ///
    /// # Errors
    /// As [`Sink::key`].
    fn end(&mut self, tag: Tag) -> io::Result<()>;
}

/// Visits all of an entry's value.
pub fn for_each_piece(entry: EntryRef<'_>, visit: impl FnMut(Piece<'_>)) {
    match entry.boxed() {
        Some(value) => pieces::of_value(value, visit),
        None if entry.is(Type::String) => string_value::with_string(entry.value(), |string| pieces::of_string(string, visit)),
        None => pieces::of_inline(entry.inline(), entry.kind(), entry.encoding(), visit),
    }
}
