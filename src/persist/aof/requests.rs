//! Reading the requests of a part of the append only file, one after the other.
//!
//! Lines that begin with `#` are remarks (`#TS:` of `aof-timestamp-enabled`), and passed over between two requests.
//!
//! Invariant: memory is set aside for bytes that were read, never for a length that is only announced.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use crate::base::limits::STRING_LEN_MAX;
use crate::base::number::parse_i64;
use crate::persist::files::File;

/// Bytes read at once.
const READ_LEN: usize = 1024 * 1024;
/// Longest line of a request: a length, with room for what others may write.
const LINE_LEN_MAX: usize = 128;

/// Why there is no next request.
#[derive(Debug, thiserror::Error)]
pub enum NoRequest {
    /// The file ends inside of one.
    #[error("unexpected end of file")]
    CutOff,
    /// What is there is none.
    #[error("{0}")]
    Malformed(&'static str),
    /// The system could not read.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// What lies at the beginning of some bytes.
#[derive(Debug, PartialEq, Eq)]
enum Found {
    /// A request of so many bytes, whose words are in the list.
    Request(usize),
    /// A remark of so many bytes.
    Remark(usize),
    /// The beginning of something.
    Part,
}

/// See the module's page.
#[derive(Debug)]
pub struct Requests {
    file: Arc<dyn File>,
    /// Where the next bytes are read.
    read_at: u64,
    buffer: Vec<u8>,
    /// What comes before it in the buffer was handed out.
    taken: usize,
    words: Vec<Range<usize>>,
    has_ended: bool,
}

impl Requests {
    /// The requests of a file from this place on.
    pub fn new(file: Arc<dyn File>, from: u64) -> Requests {
        Requests { file, read_at: from, buffer: Vec::new(), taken: 0, words: Vec::new(), has_ended: false }
    }

    /// Where the request begins that comes next.
    pub fn at(&self) -> u64 {
        self.read_at - (self.buffer.len() - self.taken) as u64
    }

    /// The words of the next request; `None` at the end.
    ///
    /// # Errors
    /// If there is none, though the file goes on. Then [`Requests::at`] is where it should be.
    pub fn next_words(&mut self) -> Result<Option<Vec<&[u8]>>, NoRequest> {
        loop {
            let rest = &self.buffer[self.taken..];
            if !rest.is_empty() {
                match find(rest, &mut self.words).map_err(NoRequest::Malformed)? {
                    Found::Remark(len) => {
                        self.taken += len;
                        continue;
                    }
                    Found::Request(len) => {
                        let start = self.taken;
                        self.taken += len;
                        let word = |range: &Range<usize>| &self.buffer[start + range.start..start + range.end];
                        return Ok(Some(self.words.iter().map(word).collect()));
                    }
                    Found::Part => {}
                }
            }
            if self.has_ended {
                return if self.taken == self.buffer.len() { Ok(None) } else { Err(NoRequest::CutOff) };
            }
            self.read_more()?;
        }
    }

    fn read_more(&mut self) -> io::Result<()> {
        self.buffer.drain(..self.taken);
        self.taken = 0;
        let had = self.buffer.len();
        self.buffer.resize(had + READ_LEN, 0);
        let read = loop {
            match self.file.read_at(&mut self.buffer[had..], self.read_at) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read,
            }
        };
        self.buffer.truncate(had + *read.as_ref().unwrap_or(&0));
        let read = read?;
        self.read_at += read as u64;
        self.has_ended = read == 0;
        Ok(())
    }
}

/// The line at the beginning of `bytes`, without its end, and its length with it. `None` if its end is not there yet.
fn line(bytes: &[u8]) -> Result<Option<(&[u8], usize)>, &'static str> {
    let searched = &bytes[..bytes.len().min(LINE_LEN_MAX)];
    match memchr::memchr(b'\n', searched) {
        Some(end) => Ok(Some((searched[..end].strip_suffix(b"\r").unwrap_or(&searched[..end]), end + 1))),
        None if bytes.len() >= LINE_LEN_MAX => Err("a line is too long"),
        None => Ok(None),
    }
}

/// The number on a line that begins with `kind`.
fn number(line: &[u8], kind: u8, most: i64) -> Result<usize, &'static str> {
    let digits = line.strip_prefix(&[kind]).ok_or(if kind == b'*' { "a request should begin here" } else { "a word should begin here" })?;
    let number = parse_i64(digits).filter(|number| (0..=most).contains(number)).ok_or("a length is no number")?;
    Ok(number as usize)
}

fn find(bytes: &[u8], words: &mut Vec<Range<usize>>) -> Result<Found, &'static str> {
    words.clear();
    if bytes[0] == b'#' {
        return Ok(memchr::memchr(b'\n', bytes).map_or(Found::Part, |end| Found::Remark(end + 1)));
    }
    let Some((header, mut at)) = line(bytes)? else { return Ok(Found::Part) };
    let count = number(header, b'*', i64::from(i32::MAX))?;
    if count == 0 {
        return Err("a request without words");
    }
    for _ in 0..count {
        let Some((header, len)) = line(&bytes[at..])? else { return Ok(Found::Part) };
        let word_len = number(header, b'$', STRING_LEN_MAX as i64)?;
        at += len;
        let end = at + word_len;
        match bytes.get(end..end + 2) {
            Some(b"\r\n") => {}
            Some(_) => return Err("a word is longer than it says"),
            None => return Ok(Found::Part),
        }
        words.push(at..end);
        at = end + 2;
    }
    Ok(Found::Request(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Result<(Found, Vec<String>), &'static str> {
        let mut words = Vec::new();
        let found = find(text.as_bytes(), &mut words)?;
        Ok((found, words.into_iter().map(|range| text[range].to_owned()).collect()))
    }

    #[test]
    fn a_request_is_found_or_is_cut_off_or_is_none() {
        let request = "*2\r\n$4\r\nPING\r\n$0\r\n\r\n";
        assert_eq!(found(&format!("{request}*1")), Ok((Found::Request(request.len()), vec!["PING".into(), String::new()])));
        for len in 1..request.len() {
            assert_eq!(found(&request[..len]).map(|(found, _)| found), Ok(Found::Part), "{len}");
        }
        assert_eq!(found("#TS:1\r\n*1").map(|(found, _)| found), Ok(Found::Remark(7)));
        for malformed in
            ["*0\r\n", "*-1\r\n", "*x\r\n", "+OK\r\n", "*1\r\n+OK\r\n", "*1\r\n$1\r\nab\r\n", "*1\r\n$99999999999\r\n", "\0\0\n"]
        {
            assert!(found(malformed).is_err(), "{malformed:?}");
        }
        assert!(found(&"*1".repeat(100)).is_err());
    }
}
