//! A file as the source of what is read, with the checksum of what was.

use std::io::{self, Read};
use std::sync::Arc;

use super::Corrupt;
use super::source::{ENDS_EARLY, Source};
use crate::base::crc64;
use crate::persist::files::{File, Reader};

/// Read with one call.
const BLOCK_LEN: usize = 256 * 1024;

/// Told how many bytes more were read.
type OnRead<'a> = &'a mut dyn FnMut(u64);

/// See the module's page.
pub struct FileSource<'a> {
    file: &'a Arc<dyn File>,
    reader: Reader,
    /// The file's length, as it was at the beginning.
    len: u64,
    on_read: OnRead<'a>,
    buffer: Vec<u8>,
    /// What of the buffer was given.
    at: usize,
    /// What of the buffer is in the checksum.
    summed: usize,
    /// Bytes before the buffer.
    before: u64,
    crc: Option<u64>,
    /// Why nothing more could be read, if that is not the file's end.
    pub error: Option<io::Error>,
}

impl<'a> FileSource<'a> {
    /// A file from its beginning. `on_read` is told how many bytes more were read.
    pub fn new(file: &'a Arc<dyn File>, has_checksum: bool, on_read: OnRead<'a>) -> Self {
        FileSource { crc: has_checksum.then_some(0), ..FileSource::at(file, 0, on_read) }
    }

    /// A file from this place on, without a checksum.
    pub fn at(file: &'a Arc<dyn File>, offset: u64, on_read: OnRead<'a>) -> Self {
        let reader = Reader::new(Arc::clone(file), offset);
        // Without a length nothing is set aside before it is read.
        let len = file.len().unwrap_or(0);
        FileSource { file, reader, len, on_read, buffer: Vec::new(), at: 0, summed: 0, before: offset, crc: None, error: None }
    }

    /// The file.
    pub fn file(&self) -> &'a Arc<dyn File> {
        self.file
    }

    /// Where it is in the file.
    pub fn offset(&self) -> u64 {
        self.before + self.at as u64
    }

    /// The checksum of all that was given, if it is computed.
    pub fn checksum(&mut self) -> Option<u64> {
        let summed = std::mem::replace(&mut self.summed, self.at);
        self.crc = self.crc.map(|crc| crc64::more(crc, &self.buffer[summed..self.at]));
        self.crc
    }

    /// What is there of the bytes that follow: at least `len_min` of them, if the file has so many.
    pub fn peek(&mut self, len_min: usize) -> &[u8] {
        while self.buffer.len() - self.at < len_min && self.read_more() {}
        &self.buffer[self.at..]
    }

    /// Goes on behind bytes that [`FileSource::peek`] has shown.
    pub fn advance(&mut self, len: usize) {
        self.at += len;
        assert!(self.at <= self.buffer.len(), "they were shown");
    }

    /// Reads another block. False if there is none.
    fn read_more(&mut self) -> bool {
        self.checksum();
        self.before += self.at as u64;
        self.buffer.drain(..self.at);
        (self.at, self.summed) = (0, 0);
        let len = self.buffer.len();
        self.buffer.resize(len + BLOCK_LEN, 0);
        let read = loop {
            match self.reader.read(&mut self.buffer[len..]) {
                Ok(read) => break read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.error = Some(error);
                    break 0;
                }
            }
        };
        self.buffer.truncate(len + read);
        (self.on_read)(read as u64);
        read > 0
    }
}

impl Source for FileSource<'_> {
    fn append(&mut self, len: u64, out: &mut Vec<u8>) -> Result<(), Corrupt> {
        let mut left = len;
        loop {
            let there = &self.buffer[self.at..];
            let now = &there[..usize::try_from(left).map_or(there.len(), |left| there.len().min(left))];
            out.extend_from_slice(now);
            self.at += now.len();
            left -= now.len() as u64;
            if left == 0 {
                return Ok(());
            }
            if !self.read_more() {
                return Err(ENDS_EARLY);
            }
        }
    }

    fn with_bytes<R>(&mut self, len: u64, room: &mut Vec<u8>, with: impl FnOnce(&[u8]) -> R) -> Result<R, Corrupt> {
        if len > BLOCK_LEN as u64 {
            // The block that is at hand does not grow with what a length announces.
            room.clear();
            self.append(len, room)?;
            return Ok(with(room));
        }
        let len = len as usize;
        let bytes = self.peek(len).get(..len).ok_or(ENDS_EARLY)?;
        let result = with(bytes);
        self.advance(len);
        Ok(result)
    }

    fn skip(&mut self, len: u64) -> Result<(), Corrupt> {
        let mut left = len;
        loop {
            let there = self.buffer.len() - self.at;
            let now = usize::try_from(left).map_or(there, |left| there.min(left));
            self.at += now;
            left -= now as u64;
            if left == 0 {
                return Ok(());
            }
            if !self.read_more() {
                return Err(ENDS_EARLY);
            }
        }
    }

    fn len_max(&self) -> u64 {
        self.len.saturating_sub(self.offset())
    }

    #[inline]
    fn fill(&mut self, out: &mut [u8]) -> Result<(), Corrupt> {
        if self.buffer.len() - self.at < out.len() && self.peek(out.len()).len() < out.len() {
            return Err(ENDS_EARLY);
        }
        out.copy_from_slice(&self.buffer[self.at..self.at + out.len()]);
        self.at += out.len();
        Ok(())
    }
}
