//! Reading the requests of a part of the append only file, one after the other.
//!
//! Lines that begin with `#` are remarks (`#TS:` of `aof-timestamp-enabled`), and passed over between two requests. They are bytes of the file
//! and not of the write log: who derives the one place from the other subtracts [`Requests::remarks_len`].
//!
//! Invariant: memory is set aside for bytes that were read, never for a length that is only announced.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use smallvec::SmallVec;

use crate::base::limits::{BATCH_REQUESTS_MAX, STRING_LEN_MAX};
use crate::base::number::parse_i64;
use crate::persist::files::File;

/// Bytes read at once.
const READ_LEN: usize = 1024 * 1024;
/// Longest line of a request: a length, with room for what others may write.
const LINE_LEN_MAX: usize = 128;
/// Longest remark, as in Valkey.
const REMARK_LEN_MAX: usize = 1024;
/// What a remark that tells the time begins with: the unix time in seconds follows.
const TIME: &[u8] = b"#TS:";

/// Words of a request.
pub type Words<'a> = SmallVec<[&'a [u8]; 8]>;

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
    /// A request of so many bytes, whose words were added to the list.
    Request(usize),
    /// A remark of so many bytes.
    Remark(usize),
    /// The beginning of something.
    Part,
}

/// A request that was found.
#[derive(Debug, Clone)]
struct Ahead {
    len: usize,
    /// Which of all words are its own.
    words: Range<usize>,
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
    /// Requests that were found together, and where their words lie in the buffer.
    ahead: Vec<Ahead>,
    words: Vec<Range<usize>>,
    /// How many of them were handed out.
    given: usize,
    /// Where the last one begins.
    begun_at: u64,
    remarks_len: u64,
    /// A remark that tells a later time is the end, unix seconds.
    until_s: i64,
    /// Where such a remark was found.
    stopped_at: Option<u64>,
    has_ended: bool,
}

/// The remark that tells this time.
pub fn time_remark(unix_s: i64) -> Vec<u8> {
    [TIME, unix_s.to_string().as_bytes(), b"\r\n"].concat()
}

impl Requests {
    /// The requests of a file from this place on.
    pub fn new(file: Arc<dyn File>, from: u64) -> Requests {
        Requests {
            file,
            read_at: from,
            buffer: Vec::new(),
            taken: 0,
            ahead: Vec::new(),
            words: Vec::new(),
            given: 0,
            begun_at: from,
            remarks_len: 0,
            until_s: i64::MAX,
            stopped_at: None,
            has_ended: false,
        }
    }

    /// Where the request begins that comes next, or the remarks before it.
    pub fn at(&self) -> u64 {
        self.read_at - (self.buffer.len() - self.taken) as u64
    }

    /// Where the last request begins.
    pub fn begun_at(&self) -> u64 {
        self.begun_at
    }

    /// Bytes of the remarks that were passed over.
    pub fn remarks_len(&self) -> u64 {
        self.remarks_len
    }

    /// Takes a remark that tells a later time than this, unix seconds, for the end.
    pub fn stop_behind(&mut self, until_s: i64) {
        self.until_s = until_s;
    }

    /// Where the remark begins that was taken for the end.
    pub fn stopped_at(&self) -> Option<u64> {
        self.stopped_at
    }

    /// The words of the next request; `None` at the end.
    ///
    /// # Errors
    /// See [`Requests::advance`].
    pub fn next_words(&mut self) -> Result<Option<Words<'_>>, NoRequest> {
        Ok(if self.advance()? { Some(self.words()) } else { None })
    }

    /// The words of the last request.
    pub fn words(&self) -> Words<'_> {
        let last = self.ahead.get(self.given.wrapping_sub(1));
        last.map_or(&[][..], |last| &self.words[last.words.clone()]).iter().map(|range| &self.buffer[range.clone()]).collect()
    }

    /// Which of those that were found together the last request is.
    pub fn number(&self) -> usize {
        self.given.saturating_sub(1)
    }

    /// The requests that were found together with the last one: where their words lie in [`Requests::buffer`].
    pub fn together(&self) -> impl Iterator<Item = &[Range<usize>]> {
        self.ahead.iter().map(|request| &self.words[request.words.clone()])
    }

    /// What was read last.
    pub fn buffer(&self) -> &[u8] {
        &self.buffer
    }

    /// Goes on to the next request. False at the end.
    ///
    /// # Errors
    /// If there is none, though the file goes on. Then [`Requests::at`] is where it should be.
    pub fn advance(&mut self) -> Result<bool, NoRequest> {
        loop {
            if let Some(next) = self.ahead.get(self.given) {
                self.begun_at = self.at();
                self.taken += next.len;
                self.given += 1;
                return Ok(true);
            }
            if self.taken < self.buffer.len() {
                match self.look()? {
                    Found::Remark(len) => {
                        if time_of(&self.buffer[self.taken..self.taken + len]).is_some_and(|time_s| time_s > self.until_s) {
                            self.stopped_at = Some(self.at());
                            return Ok(false);
                        }
                        self.taken += len;
                        self.remarks_len += len as u64;
                        continue;
                    }
                    Found::Request(_) => continue,
                    Found::Part => {}
                }
            }
            if self.has_ended {
                return if self.taken == self.buffer.len() { Ok(false) } else { Err(NoRequest::CutOff) };
            }
            self.read_more()?;
        }
    }

    /// Finds the requests that come next in the buffer, as many as are looked at together, or says what else comes next. What is behind them
    /// and no request is looked at when they were handed out.
    fn look(&mut self) -> Result<Found, NoRequest> {
        self.ahead.clear();
        self.words.clear();
        (self.given, self.begun_at) = (0, self.at());
        let mut at = self.taken;
        while at < self.buffer.len() && self.ahead.len() < BATCH_REQUESTS_MAX {
            let first = self.words.len();
            match find(&self.buffer, at, &mut self.words) {
                Ok(Found::Request(len)) => {
                    self.ahead.push(Ahead { len, words: first..self.words.len() });
                    at += len;
                }
                other if self.ahead.is_empty() => return other.map_err(NoRequest::Malformed),
                _ => break,
            }
        }
        Ok(Found::Request(at - self.taken))
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

/// The time that a remark tells, if it does.
fn time_of(remark: &[u8]) -> Option<i64> {
    parse_i64(remark.strip_prefix(TIME)?.trim_ascii_end())
}

/// The line at the beginning of `bytes`, without its end, and its length with it. `None` if its end is not there yet.
fn line(bytes: &[u8]) -> Result<Option<(&[u8], usize)>, &'static str> {
    line_up_to(bytes, LINE_LEN_MAX)
}

fn line_up_to(bytes: &[u8], len_max: usize) -> Result<Option<(&[u8], usize)>, &'static str> {
    let searched = &bytes[..bytes.len().min(len_max)];
    match memchr::memchr(b'\n', searched) {
        Some(end) => Ok(Some((searched[..end].strip_suffix(b"\r").unwrap_or(&searched[..end]), end + 1))),
        None if bytes.len() >= len_max => Err("a line is too long"),
        None => Ok(None),
    }
}

/// The number on a line that begins with `kind`.
fn number(line: &[u8], kind: u8, most: i64) -> Result<usize, &'static str> {
    let digits = line.strip_prefix(&[kind]).ok_or(if kind == b'*' { "a request should begin here" } else { "a word should begin here" })?;
    let number = parse_i64(digits).filter(|number| (0..=most).contains(number)).ok_or("a length is no number")?;
    Ok(number as usize)
}

/// What lies at this place. Words are added only of a request.
fn find(bytes: &[u8], start: usize, words: &mut Vec<Range<usize>>) -> Result<Found, &'static str> {
    let had = words.len();
    let found = find_words(bytes, start, words);
    if !matches!(found, Ok(Found::Request(_))) {
        words.truncate(had);
    }
    found
}

fn find_words(bytes: &[u8], start: usize, words: &mut Vec<Range<usize>>) -> Result<Found, &'static str> {
    if bytes[start] == b'#' {
        let found = line_up_to(&bytes[start..], REMARK_LEN_MAX)?;
        return Ok(found.map_or(Found::Part, |(_, len)| Found::Remark(len)));
    }
    let Some((header, len)) = line(&bytes[start..])? else { return Ok(Found::Part) };
    let mut at = start + len;
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
    Ok(Found::Request(at - start))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::persist::files::faulty::FaultyFiles;
    use crate::persist::files::{self, Files as _};

    fn found(text: &str) -> Result<(Found, Vec<String>), &'static str> {
        let mut words = Vec::new();
        let found = find(text.as_bytes(), 0, &mut words)?;
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
        assert!(found(&format!("#{}", "x".repeat(2000))).is_err(), "a remark has a longest length, too");
    }

    #[test]
    fn remarks_are_counted_and_their_times_known() -> Result<(), NoRequest> {
        let request = "*1\r\n$4\r\nPING\r\n";
        let text = format!("#TS:17\r\n#other\n{request}#TS:18\r\n{request}{request}#TS:x\r\n");
        let file = FaultyFiles::default().create(Path::new("part"))?;
        files::write_all_at(&*file, text.as_bytes(), 0)?;
        let mut requests = Requests::new(Arc::clone(&file), 0);
        let len = request.len() as u64;
        for (begun_at, remarks_len) in [(15, 15), (len + 23, 23), (2 * len + 23, 23)] {
            assert!(requests.advance()?);
            assert_eq!(requests.words()[..], [b"PING"]);
            assert_eq!((requests.begun_at(), requests.remarks_len()), (begun_at, remarks_len));
        }
        assert!(!requests.advance()?);
        assert_eq!((requests.at(), requests.remarks_len()), (text.len() as u64, 30));
        assert_eq!((time_remark(17), requests.stopped_at()), (b"#TS:17\r\n".to_vec(), None));
        for (until_s, stopped_at) in [(16, Some(0)), (17, Some(len + 15)), (18, None)] {
            let mut requests = Requests::new(Arc::clone(&file), 0);
            requests.stop_behind(until_s);
            while requests.advance()? {}
            assert_eq!(requests.stopped_at(), stopped_at, "{until_s}");
        }
        Ok(())
    }
}
