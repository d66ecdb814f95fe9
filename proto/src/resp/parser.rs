//! Incremental parser of requests: arrays of bulk strings, and inline commands.
//!
//! Invariants:
//! * An argument is a range of the caller's buffer; nothing is copied or allocated per request.
//! * However the input is cut into reads, the same requests come out (lines near `max_inline_len` excepted, since
//!   that bound is on what has arrived without a line end, as in Valkey).
//! * Work is linear in the input: what was parsed of a partial request is kept in the parser.
//! * Positions fit `u32`: a request that would end beyond 4 GB is refused with "invalid bulk length".

use super::inline::{EscapeAtEnd, split_in_place};
use super::request::{ArgRange, Batch, Limits, ProtocolError, Request};

/// Most arguments of a request before authentication.
const UNAUTHENTICATED_ARGS_MAX: i64 = 10;
/// Longest argument before authentication, in bytes.
const UNAUTHENTICATED_BULK_LEN_MAX: u64 = 16384;
/// Entries the parser may keep allocated between requests.
const PARTIAL_CAPACITY_KEPT: usize = 256;

const _: () = assert!(usize::BITS >= 64, "a position and a length of 32 bits each add up without overflow");

/// A connection's progress in a request that has not arrived completely.
#[derive(Default, Debug)]
pub struct RequestParser {
    partial: Partial,
    /// Arguments of the partial request, relative to its start.
    args: Vec<ArgRange>,
    /// Bytes of those arguments.
    args_len: usize,
}

#[derive(Default, Debug, Clone, Copy)]
enum Partial {
    /// Between two requests.
    #[default]
    None,
    /// An inline command whose first `scanned` bytes hold no line end.
    Inline { scanned: usize },
    /// An array.
    Multibulk(Progress),
}

/// Where an array stands.
#[derive(Debug, Clone, Copy)]
struct Progress {
    /// The next byte to read, relative to the start of the request.
    pos: usize,
    /// Arguments still to come, the current one included. 0: not even the array's header is complete.
    remaining: i64,
    /// Length of the argument at `pos` if its header was read.
    bulk_len: Option<usize>,
}

/// What a step of the parser came to.
enum Step {
    /// A request (or something to skip) ends at this position.
    Complete(usize),
    /// The input ends before the request does.
    NeedMore,
}

impl RequestParser {
    /// Appends up to `max_requests` complete requests found in `buf` to `batch` and returns how many bytes of `buf`
    /// they (and skipped empty requests) take.
    ///
    /// `buf` must start at the first byte not yet consumed. A partial request at its end is remembered, so that the
    /// next call, with the same bytes and more, does not parse it again; between the two calls `buf` may move in
    /// memory but the bytes must not change. Quoted arguments of inline commands are unescaped in place.
    ///
    /// While `limits.authenticated` is false at most one request is parsed per call.
    ///
    /// # Errors
    /// A protocol error is returned after the complete requests before it were added to `batch`: execute those, then
    /// write the error and close.
    pub fn parse(&mut self, buf: &mut [u8], limits: &Limits, batch: &mut Batch, max_requests: usize) -> Result<usize, ProtocolError> {
        let reach = buf.len().min(u32::MAX as usize);
        let buf = &mut buf[..reach];
        let most = if limits.authenticated { max_requests } else { max_requests.min(1) };
        let full = batch.requests.len().saturating_add(most);
        let mut consumed = 0;
        if most > 0 && !matches!(self.partial, Partial::None) {
            match self.resume(buf, limits, batch)? {
                Step::Complete(end) => consumed = end,
                Step::NeedMore => return Ok(0),
            }
        }
        while consumed < buf.len() && batch.requests.len() < full {
            if limits.authenticated
                && let Some(end) = plain_request(buf, consumed, limits, batch)
            {
                consumed = end;
                continue;
            }
            let step = if buf[consumed] == b'*' {
                self.start_multibulk(buf, consumed, limits, batch)?
            } else {
                self.inline(buf, consumed, consumed, limits, batch)?
            };
            match step {
                Step::Complete(end) => consumed = end,
                Step::NeedMore => break,
            }
        }
        Ok(consumed)
    }

    /// How many bytes the unconsumed input must have before the argument being read is complete, 0 if not known.
    /// Lets the caller size its buffer once for a large argument.
    pub fn wanted_len(&self) -> usize {
        match self.partial {
            Partial::Multibulk(Progress { pos, bulk_len: Some(len), .. }) => pos + len + 2,
            _ => 0,
        }
    }

    /// Forgets the partial request.
    pub fn reset(&mut self) {
        self.partial = Partial::None;
        self.args.clear();
        self.args_len = 0;
        if self.args.capacity() > PARTIAL_CAPACITY_KEPT {
            self.args.shrink_to(PARTIAL_CAPACITY_KEPT);
        }
    }

    /// Whether a part of a request has arrived.
    pub fn in_progress(&self) -> bool {
        !matches!(self.partial, Partial::None)
    }

    /// Arguments of the partial request that have not arrived, 0 if there is none.
    pub fn multibulk_remaining(&self) -> i64 {
        match self.partial {
            Partial::Multibulk(Progress { remaining, .. }) => remaining,
            _ => 0,
        }
    }

    /// Arguments of the partial request that have arrived.
    pub fn args_arrived(&self) -> usize {
        self.args.len()
    }

    /// Bytes of those arguments.
    pub fn args_len(&self) -> usize {
        self.args_len
    }

    /// Bytes of the partial request that need not be looked at again: headers and complete arguments.
    pub fn parsed_len(&self) -> usize {
        match self.partial {
            Partial::Multibulk(Progress { pos, .. }) => pos,
            _ => 0,
        }
    }

    /// Continues the partial request, which starts at the first byte of `buf`.
    #[cold]
    fn resume(&mut self, buf: &mut [u8], limits: &Limits, batch: &mut Batch) -> Result<Step, ProtocolError> {
        let mut progress = match self.partial {
            Partial::None => return Ok(Step::Complete(0)),
            Partial::Inline { scanned } => {
                self.partial = Partial::None;
                return self.inline(buf, 0, scanned, limits, batch);
            }
            Partial::Multibulk(Progress { remaining: 0, .. }) => {
                self.partial = Partial::None;
                return self.start_multibulk(buf, 0, limits, batch);
            }
            Partial::Multibulk(progress) => progress,
        };
        if buf.len() < self.wanted_len() {
            return Ok(Step::NeedMore);
        }
        let before = self.args.len();
        if !read_args(buf, 0, &mut progress, limits, &mut self.args)? {
            self.partial = Partial::Multibulk(progress);
            self.args_len += total_len(&self.args[before..]);
            return Ok(Step::NeedMore);
        }
        let first_arg = batch.args.len();
        batch.args.extend_from_slice(&self.args);
        batch.requests.push(request(first_arg, self.args.len(), progress.pos));
        self.reset();
        Ok(Step::Complete(progress.pos))
    }

    /// Reads an array whose `*` is at `start`.
    fn start_multibulk(&mut self, buf: &[u8], start: usize, limits: &Limits, batch: &mut Batch) -> Result<Step, ProtocolError> {
        let Some((count, pos)) = multibulk_header(buf, start, limits)? else {
            self.partial = Partial::Multibulk(Progress { pos: 0, remaining: 0, bulk_len: None });
            return Ok(Step::NeedMore);
        };
        if count > limits.max_multibulk_len {
            return Err(ProtocolError::InvalidMultibulkLength);
        }
        if count > UNAUTHENTICATED_ARGS_MAX && !limits.authenticated {
            return Err(ProtocolError::UnauthenticatedMultibulkLength);
        }
        if count <= 0 {
            return Ok(Step::Complete(pos));
        }
        let first_arg = batch.args.len();
        let mut progress = Progress { pos, remaining: count, bulk_len: None };
        match read_args(buf, start, &mut progress, limits, &mut batch.args) {
            Ok(true) => {
                let argc = batch.args.len() - first_arg;
                batch.requests.push(request(first_arg, argc, progress.pos - start));
                Ok(Step::Complete(progress.pos))
            }
            Ok(false) => {
                self.suspend(start, first_arg, progress, batch);
                Ok(Step::NeedMore)
            }
            Err(error) => {
                batch.args.truncate(first_arg);
                Err(error)
            }
        }
    }

    /// Moves what was read of a partial request out of the batch.
    #[cold]
    fn suspend(&mut self, start: usize, first_arg: usize, progress: Progress, batch: &mut Batch) {
        let base = start as u32;
        self.args.clear();
        self.args.extend(batch.args.drain(first_arg..).map(|arg| ArgRange { start: arg.start - base, end: arg.end - base }));
        self.args_len = total_len(&self.args);
        self.partial = Partial::Multibulk(Progress { pos: progress.pos - start, ..progress });
    }

    /// Reads an inline command at `start`; no line end stands before `scanned` bytes of it.
    #[cold]
    fn inline(
        &mut self,
        buf: &mut [u8],
        start: usize,
        scanned_to: usize,
        limits: &Limits,
        batch: &mut Batch,
    ) -> Result<Step, ProtocolError> {
        // A zero byte hides the line end behind it, as it does from Valkey's string search: binary rubbish is then
        // answered with "too big inline request" and not with one unknown command per line.
        let newline = match memchr::memchr2(b'\n', 0, &buf[scanned_to..]) {
            Some(at) if buf[scanned_to + at] == b'\n' => scanned_to + at,
            found => {
                if buf.len() - start > limits.max_inline_len {
                    return Err(ProtocolError::TooBigInline);
                }
                let scanned_to = found.map_or(buf.len(), |at| scanned_to + at);
                self.partial = Partial::Inline { scanned: scanned_to - start };
                return Ok(Step::NeedMore);
            }
        };
        let end = if newline > start && buf[newline - 1] == b'\r' { newline - 1 } else { newline };
        let first_arg = batch.args.len();
        if split_in_place(buf, start, end, EscapeAtEnd::Literal, &mut batch.args).is_err() {
            batch.args.truncate(first_arg);
            return Err(ProtocolError::UnbalancedQuotes);
        }
        let argc = batch.args.len() - first_arg;
        if argc > 0 {
            batch.requests.push(request(first_arg, argc, newline + 1 - start));
        }
        Ok(Step::Complete(newline + 1))
    }
}

/// Bytes of these arguments.
fn total_len(args: &[ArgRange]) -> usize {
    args.iter().map(|arg| (arg.end - arg.start) as usize).sum()
}

/// A request's record. All three fit: positions in the buffer are below 4 GB and each argument takes bytes there.
fn request(first_arg: usize, argc: usize, wire_len: usize) -> Request {
    Request { first_arg: first_arg as u32, argc: argc as u32, wire_len: wire_len as u32 }
}

/// Reads arguments from `progress.pos` on, until all have been read (true) or the input ends (false).
/// `start` is the position of the request in `buf`; all positions are absolute.
fn read_args(buf: &[u8], start: usize, progress: &mut Progress, limits: &Limits, args: &mut Vec<ArgRange>) -> Result<bool, ProtocolError> {
    let Progress { mut pos, mut remaining, mut bulk_len } = *progress;
    while remaining > 0 {
        let len = match bulk_len {
            Some(len) => len,
            None => {
                let Some((len, next)) = bulk_header(buf, pos, limits)? else { break };
                pos = next;
                len
            }
        };
        let end = pos + len;
        let Some(tail) = buf.get(end..end + 2) else {
            // The bound is on the request, not on its place in the buffer: the caller drops consumed bytes.
            if end - start + 2 > u32::MAX as usize {
                return Err(ProtocolError::InvalidBulkLength);
            }
            bulk_len = Some(len);
            break;
        };
        if tail != b"\r\n" {
            return Err(ProtocolError::InvalidCrlf);
        }
        args.push(ArgRange { start: pos as u32, end: end as u32 });
        pos = end + 2;
        bulk_len = None;
        remaining -= 1;
    }
    *progress = Progress { pos, remaining, bulk_len };
    Ok(remaining == 0)
}

/// Reads a complete request whose arguments all have fewer than 1000 bytes, as nearly all have: without state, without a search for
/// line ends. Returns its end. `None`: something is unusual or missing; nothing was added, and the general way judges it.
#[inline]
fn plain_request(buf: &[u8], start: usize, limits: &Limits, batch: &mut Batch) -> Option<usize> {
    let (count, mut pos) = short_header(buf, start, b'*')?;
    let first_arg = batch.args.len();
    if count == 0 || i64::from(count) > limits.max_multibulk_len || !plain_args(buf, count, &mut pos, limits, &mut batch.args) {
        batch.args.truncate(first_arg);
        return None;
    }
    batch.requests.push(request(first_arg, count as usize, pos - start));
    Some(pos)
}

/// The arguments of a plain request. False: see [`plain_request`]; some may have been added.
#[inline]
fn plain_args(buf: &[u8], count: u32, pos: &mut usize, limits: &Limits, args: &mut Vec<ArgRange>) -> bool {
    let mut at = *pos;
    for _ in 0..count {
        let Some((len, from)) = short_header(buf, at, b'$') else { return false };
        let end = from + len as usize;
        if u64::from(len) > limits.max_bulk_len || buf.get(end..end + 2) != Some(b"\r\n") {
            return false;
        }
        args.push(ArgRange { start: from as u32, end: end as u32 });
        at = end + 2;
    }
    *pos = at;
    true
}

/// Reads `prefix`, a number of one to three digits without sign or leading zeros, and CR LF, all from one load of eight bytes: so
/// look the headers of nearly all requests. `None`: anything else, which is for the slow path to judge.
#[inline(always)]
fn short_header(buf: &[u8], at: usize, prefix: u8) -> Option<(u32, usize)> {
    const LINE_END: u64 = u16::from_le_bytes(*b"\r\n") as u64;
    let word = u64::from_le_bytes(*buf.get(at..)?.first_chunk::<8>()?);
    let prefix = u64::from(prefix);
    let digit = |place: u32| ((word >> (8 * place)) as u8).wrapping_sub(b'0');
    let (first, second, third) = (digit(1), digit(2), digit(3));
    if word & 0xffff_00ff == prefix | (LINE_END << 16) {
        return (first < 10).then_some((u32::from(first), at + 4));
    }
    // From two digits on a leading zero is none.
    if first.wrapping_sub(1) >= 9 {
        return None;
    }
    if word & 0x00ff_ff00_00ff == prefix | (LINE_END << 24) {
        return (second < 10).then_some((u32::from(first) * 10 + u32::from(second), at + 5));
    }
    if word & 0xffff_0000_00ff == prefix | (LINE_END << 32) {
        return (second < 10 && third < 10).then_some((u32::from(first) * 100 + u32::from(second) * 10 + u32::from(third), at + 6));
    }
    None
}

/// Reads the header of the array at `at`: the count, and the position after the header.
fn multibulk_header(buf: &[u8], at: usize, limits: &Limits) -> Result<Option<(i64, usize)>, ProtocolError> {
    let Some(cr) = header_end(buf, at, limits, ProtocolError::TooBigMultibulkCount)? else {
        return Ok(None);
    };
    if buf[cr + 1] != b'\n' {
        return Err(ProtocolError::InvalidCrlf);
    }
    match strict_i64(&buf[at + 1..cr]) {
        Some(count) => Ok(Some((count, cr + 2))),
        None => Err(ProtocolError::InvalidMultibulkLength),
    }
}

/// Reads the header of the argument at `at`: its length, and the position after the header.
fn bulk_header(buf: &[u8], at: usize, limits: &Limits) -> Result<Option<(usize, usize)>, ProtocolError> {
    let Some(cr) = header_end(buf, at, limits, ProtocolError::TooBigBulkCount)? else {
        return Ok(None);
    };
    if buf[at] != b'$' {
        return Err(ProtocolError::ExpectedDollar(buf[at]));
    }
    if buf[cr + 1] != b'\n' {
        return Err(ProtocolError::InvalidCrlf);
    }
    let len = strict_i64(&buf[at + 1..cr])
        .and_then(|len| u64::try_from(len).ok())
        .filter(|&len| len <= limits.max_bulk_len)
        .ok_or(ProtocolError::InvalidBulkLength)?;
    if len > UNAUTHENTICATED_BULK_LEN_MAX && !limits.authenticated {
        return Err(ProtocolError::UnauthenticatedBulkLength);
    }
    // Longer ones never fit a request, and sums of positions with shorter ones never overflow.
    let len = u32::try_from(len).map_err(|_| ProtocolError::InvalidBulkLength)?;
    Ok(Some((len as usize, cr + 2)))
}

/// Finds the CR of a header that starts at `at`, with at least one byte after it. `None`: not arrived yet.
fn header_end(buf: &[u8], at: usize, limits: &Limits, too_big: ProtocolError) -> Result<Option<usize>, ProtocolError> {
    match memchr::memchr(b'\r', &buf[at..]) {
        Some(len) if at + len + 1 < buf.len() => Ok(Some(at + len)),
        Some(_) => Ok(None),
        None if buf.len() - at > limits.max_inline_len => Err(too_big),
        None => Ok(None),
    }
}

/// A number as Valkey accepts it in headers: an optional minus, no plus, no leading zeros, no blanks.
fn strict_i64(text: &[u8]) -> Option<i64> {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    let canonical = match digits {
        [] => false,
        [b'0'] => digits.len() == text.len(),
        [first, ..] => *first != b'0' && digits.iter().all(u8::is_ascii_digit),
    };
    if !canonical {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Requests as words, bytes consumed, and the error.
    type Outcome = (Vec<Vec<Vec<u8>>>, usize, Option<ProtocolError>);

    /// Feeds `input` in pieces that end at the positions `cuts`, dropping consumed bytes in between as a server does.
    fn feed(input: &[u8], cuts: &[usize], limits: &Limits, max_requests: usize) -> Outcome {
        let mut parser = RequestParser::default();
        let mut batch = Batch::default();
        let (mut requests, mut total) = (Vec::new(), 0);
        let mut buf: Vec<u8> = Vec::new();
        let mut fed = 0;
        for &cut in cuts.iter().chain([&input.len()]) {
            buf.extend_from_slice(&input[fed..cut]);
            fed = cut;
            loop {
                batch.clear();
                let parsed = parser.parse(&mut buf, limits, &mut batch, max_requests);
                for request in &batch.requests {
                    let args = batch.args_of(request);
                    requests.push(args.iter().map(|arg| arg.of(&buf).to_vec()).collect());
                }
                match parsed {
                    Ok(consumed) => {
                        let wire: usize = batch.requests.iter().map(|r| r.wire_len as usize).sum();
                        assert!(wire <= consumed, "requests take no more than what is consumed");
                        buf.drain(..consumed);
                        total += consumed;
                        assert!(!parser.in_progress() || batch.requests.len() <= max_requests);
                        if batch.requests.is_empty() {
                            break;
                        }
                    }
                    Err(error) => return (requests, total, Some(error)),
                }
            }
        }
        (requests, total, None)
    }

    fn words(requests: &[&[&str]]) -> Vec<Vec<Vec<u8>>> {
        requests.iter().map(|r| r.iter().map(|w| w.as_bytes().to_vec()).collect()).collect()
    }

    /// Whole, cut at each position, byte by byte, and one request per call: always the same.
    fn check_with(input: &str, limits: &Limits, requests: &[&[&str]], error: Option<&str>) {
        let input = input.as_bytes();
        let every: Vec<usize> = (1..input.len()).collect();
        let mut cuts: Vec<Vec<usize>> = every.iter().map(|&cut| vec![cut]).collect();
        cuts.extend([vec![], every]);
        for cuts in &cuts {
            for max_requests in [1, 2, usize::MAX] {
                let (got, _, got_error) = feed(input, cuts, limits, max_requests);
                let got_error = got_error.map(|e| String::from_utf8_lossy(&e.message()).into_owned());
                let context = format!("{:?} cut at {cuts:?}", String::from_utf8_lossy(input));
                assert_eq!(got, words(requests), "{context}");
                assert_eq!(got_error.as_deref(), error, "{context}");
            }
        }
    }

    fn check(input: &str, requests: &[&[&str]], error: Option<&str>) {
        check_with(input, &Limits::default(), requests, error);
    }

    #[test]
    fn requests() {
        check("", &[], None);
        check("*1\r\n$4\r\nPING\r\n", &[&["PING"]], None);
        check("*2\r\n$3\r\nGET\r\n$0\r\n\r\n", &[&["GET", ""]], None);
        check("*2\r\n$3\r\nGET\r\n$4\r\n\r\n\r\n\r\n", &[&["GET", "\r\n\r\n"]], None);
        check("*1\r\n$4\r\nPING\r\n*1\r\n$4\r\nQUIT\r\n*1\r\n", &[&["PING"], &["QUIT"]], None);
        check("*1\r\n$16\r\n0123456789abcdef\r\nPING\r\n", &[&["0123456789abcdef"], &["PING"]], None);
        check("PING\r\nECHO a\n*1\r\n$1\r\nx\r\n", &[&["PING"], &["ECHO", "a"], &["x"]], None);
        check("\r\n\n   \r\n*0\r\n*-10\r\nPING\r\n", &[&["PING"]], None);
        check(
            "set \"a b\" 'c'\"\\x41\"\r\n*1\r\n$1\r\ny\r\n set q \"\\\"\"\n",
            &[&["set", "a b", "cA"], &["y"], &["set", "q", "\""]],
            None,
        );
    }

    #[test]
    fn errors_come_after_the_requests_before_them() {
        let cases = [
            ("*3000000000\r\n", "invalid multibulk length"),
            ("*99999999999999999999\r\n", "invalid multibulk length"),
            ("*x\r\n", "invalid multibulk length"),
            ("*\r\n", "invalid multibulk length"),
            ("*01\r\n", "invalid multibulk length"),
            ("*-0\r\n", "invalid multibulk length"),
            ("*+1\r\n", "invalid multibulk length"),
            ("*3x\n$3\r\nSET\r\n", "invalid multibulk length"),
            ("*3\rx$3\r\nSET\r\n", "invalid CRLF in request"),
            ("*1\r\nfoo\r\n", "expected '$', got 'f'"),
            ("*1\r\n\r\n", "expected '$', got ' '"),
            ("*1\r\n$-10\r\n", "invalid bulk length"),
            ("*1\r\n$2000000000\r\n", "invalid bulk length"),
            ("*1\r\n$blabla\r\n", "invalid bulk length"),
            ("*1\r\n$\r\n", "invalid bulk length"),
            ("*1\r\n$00\r\n", "invalid bulk length"),
            ("*1\r\n$3x\nSET\r\n", "invalid bulk length"),
            ("*1\r\n$3\rxSET\r\n", "invalid CRLF in request"),
            ("*1\r\n$3\r\nSETx\n", "invalid CRLF in request"),
            ("*1\r\n$3\r\nSET\rx", "invalid CRLF in request"),
            ("set foo 'b'a'r\r\n", "unbalanced quotes in request"),
            ("set foo \"b\r\n", "unbalanced quotes in request"),
        ];
        let big = format!("*1\r\n${}", "1".repeat(64 * 1024));
        for (input, error) in cases {
            let error = format!("Protocol error: {error}");
            check(input, &[], Some(&error));
            check(&format!("PING\r\n*1\r\n$1\r\nx\r\n{input}"), &[&["PING"], &["x"]], Some(&error));
        }
        let limits = Limits::default();
        for (input, error) in [
            (big.as_str(), ProtocolError::TooBigBulkCount),
            (&big.replace("*1\r\n$", "*1"), ProtocolError::TooBigMultibulkCount),
            (&big.replace("*1\r\n$", "1"), ProtocolError::TooBigInline),
            (&format!("\0\n{big}"), ProtocolError::TooBigInline),
        ] {
            for cuts in [&[][..], &[3], &[3, 1000, 60000]] {
                assert_eq!(feed(input.as_bytes(), cuts, &limits, 10), (vec![], 0, Some(error)));
            }
        }
    }

    #[test]
    fn a_line_end_saves_a_long_line() {
        let line = format!("echo {}\r\n", "x".repeat(100_000));
        let (requests, consumed, error) = feed(line.as_bytes(), &[], &Limits::default(), 1);
        assert_eq!((requests.len(), consumed, error), (1, line.len(), None));
    }

    #[test]
    fn limits() {
        let limits = Limits { authenticated: false, ..Limits::default() };
        let auth = "*2\r\n$4\r\nAUTH\r\n$1\r\nx\r\n";
        let unauthenticated = |what| Some(format!("Protocol error: unauthenticated {what} length"));
        check_with(auth, &limits, &[&["AUTH", "x"]], None);
        check_with("AUTH x\r\n", &limits, &[&["AUTH", "x"]], None);
        check_with("*10\r\n$1\r\n", &limits, &[], None);
        check_with("*11\r\n", &limits, &[], unauthenticated("multibulk").as_deref());
        check_with("*1\r\n$16384\r\n", &limits, &[], None);
        check_with("*1\r\n$16385\r\n", &limits, &[], unauthenticated("bulk").as_deref());

        let tight = Limits { max_bulk_len: 4, max_multibulk_len: 2, ..Limits::default() };
        check_with("*2\r\n$4\r\nECHO\r\n$1\r\nx\r\n", &tight, &[&["ECHO", "x"]], None);
        check_with("*3\r\n", &tight, &[], Some("Protocol error: invalid multibulk length"));
        check_with("*1\r\n$5\r\n", &tight, &[], Some("Protocol error: invalid bulk length"));

        let boundless = Limits { max_bulk_len: u64::MAX, ..Limits::default() };
        check_with("*1\r\n$4294967200\r\n", &boundless, &[], None);
        check_with("*1\r\n$4294967296\r\n", &boundless, &[], Some("Protocol error: invalid bulk length"));
        check_with("*1\r\n$9223372036854775807\r\n", &boundless, &[], Some("Protocol error: invalid bulk length"));
    }

    #[test]
    fn one_request_per_call_before_authentication() {
        let limits = Limits { authenticated: false, ..Limits::default() };
        let mut input = b"PING\r\n*1\r\n$4\r\nPING\r\n*11\r\n".to_vec();
        let mut batch = Batch::default();
        let mut parser = RequestParser::default();
        assert_eq!(parser.parse(&mut input, &limits, &mut batch, 100), Ok(6));
        assert_eq!(parser.parse(&mut input[6..], &limits, &mut batch, 100), Ok(14));
        let error = parser.parse(&mut input[20..], &limits, &mut batch, 100);
        assert_eq!(error, Err(ProtocolError::UnauthenticatedMultibulkLength));
        assert_eq!(batch.requests.len(), 2);
    }

    #[test]
    fn progress_is_visible() {
        let limits = Limits::default();
        let mut parser = RequestParser::default();
        let mut batch = Batch::default();
        let mut input = b"PING\r\n*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1000000\r\nabc".to_vec();
        assert_eq!(parser.parse(&mut input, &limits, &mut batch, 8), Ok(6));
        assert!(parser.in_progress());
        assert_eq!((parser.multibulk_remaining(), parser.args_arrived()), (1, 2));
        assert_eq!(parser.wanted_len(), input.len() - 6 - 3 + 1_000_000 + 2);
        parser.reset();
        assert_eq!((parser.in_progress(), parser.wanted_len(), parser.multibulk_remaining()), (false, 0, 0));
    }

    #[test]
    fn a_cleared_batch_gives_memory_back() {
        let mut batch = Batch::default();
        batch.args.resize(1_000_000, ArgRange { start: 0, end: 0 });
        batch.clear();
        assert!(batch.args.is_empty() && batch.args.capacity() < 10_000);
    }
}
