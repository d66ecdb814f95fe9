//! Where a snapshot goes.

use std::io;

pub use crate::keyspace::handover::Header;
pub use crate::keyspace::value::chunk::Tag;
pub use crate::keyspace::value::pieces::Piece;

/// Takes a snapshot, piece by piece. The pieces of several keys may come mixed; each names its key by the header's tag.
///
/// A string's parts and a list's elements come in order; members and fields in any order. Keys and fields whose time has come are there, with
/// their expiries.
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
