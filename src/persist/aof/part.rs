//! A part of the append only file that is written to: its header, and what is put behind it.

use std::io;
use std::sync::Arc;

use bytes::Bytes;

use super::header::{HEADER_LEN, PartHeader};
use crate::base::limits::LOG_WRITE_LEN;
use crate::persist::files::{File, write_all_at};
use crate::persist::write_log::LogReader;

/// A part that is to be written to.
#[derive(Debug)]
pub struct Part {
    /// It.
    pub file: Arc<dyn File>,
    /// Bytes of it that are there, the header's included.
    pub len: u64,
    /// How it begins.
    pub header: PartHeader,
    /// It begins with another one yet, of the same length.
    pub header_is_due: bool,
}

impl Part {
    /// One that is there, and has nothing but a header: this one takes its place.
    pub fn new(file: Arc<dyn File>, header: PartHeader) -> Part {
        Part { file, len: HEADER_LEN as u64, header, header_is_due: true }
    }

    /// Has it begin with its header. That is on the disk with the next flush.
    ///
    /// # Errors
    /// The system's.
    pub fn write_header(&mut self) -> io::Result<()> {
        write_all_at(&*self.file, &self.header.record(), 0)?;
        self.header_is_due = false;
        Ok(())
    }
}

/// What a history is called from now on, and whether what is written of it now comes from a primary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Naming {
    pub(super) history: String,
    pub(super) is_copy: bool,
}

impl Naming {
    /// Has a header say so.
    pub(super) fn apply(&self, header: &mut PartHeader) {
        header.history.clone_from(&self.history);
        header.is_copy |= self.is_copy;
    }
}

/// The part that is written now.
#[derive(Debug)]
pub(super) struct Current {
    pub(super) part: Part,
    pub(super) reader: LogReader,
    /// The last time that a remark in it tells, unix seconds.
    pub(super) time_s: i64,
    /// Parts of log that are put together to be written at once.
    buffer: Vec<u8>,
    pub(super) pieces: Vec<Bytes>,
}

impl Current {
    /// One to which nothing was written yet.
    pub(super) fn new(part: Part, reader: LogReader) -> Current {
        Current { part, reader, time_s: 0, buffer: Vec::new(), pieces: Vec::new() }
    }

    /// Puts its pieces to the end of its file: all of them, or the file is as long as before.
    pub(super) fn write_pieces(&mut self) -> io::Result<()> {
        if self.part.header_is_due {
            self.part.write_header()?;
        }
        let mut pieces = self.pieces.iter().peekable();
        let mut at = self.part.len;
        while let Some(piece) = pieces.next() {
            let mut bytes = &piece[..];
            if pieces.peek().is_some_and(|next| piece.len() + next.len() <= LOG_WRITE_LEN) {
                self.buffer.clear();
                self.buffer.extend_from_slice(piece);
                while let Some(next) = pieces.next_if(|next| self.buffer.len() + next.len() <= LOG_WRITE_LEN) {
                    self.buffer.extend_from_slice(next);
                }
                bytes = &self.buffer;
            }
            if let Err(error) = write_all_at(&*self.part.file, bytes, at) {
                // Whoever reads the file finds no half of a record; if this fails as well, the next write overwrites it.
                let _ = self.part.file.set_len(self.part.len);
                return Err(error);
            }
            at += bytes.len() as u64;
        }
        self.part.len = at;
        Ok(())
    }
}

/// Takes the first `len` bytes out of `pieces`.
pub(super) fn split_off(pieces: &mut Vec<Bytes>, mut len: u64) -> Vec<Bytes> {
    let mut first = Vec::new();
    let mut rest = std::mem::take(pieces).into_iter();
    for mut piece in rest.by_ref() {
        if piece.len() as u64 > len {
            first.push(piece.split_to(len as usize));
            pieces.push(piece);
            break;
        }
        len -= piece.len() as u64;
        first.push(piece);
    }
    pieces.extend(rest);
    first
}
