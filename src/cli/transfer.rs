//! `--rdb` and `--replica`: what a server sends to a replica.
//!
//! The payload comes either with its length or, straight from memory, followed by a mark of forty random bytes.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use bytes::{Buf, BytesMut};
use larder_proto::resp::Value;

use super::connection::{Connection, ConnectionError, describe};
use super::output::Format;
use super::session::Session;
use super::stop::{Stop, complain, fail};

/// Length of the mark after a payload of unknown length.
const MARK_LEN: usize = 40;
/// Longest line before a payload; an error may be long.
const LINE_LEN_MAX: usize = 4096;

/// Silence after which the replica says that it is still there.
const ACK_INTERVAL: Duration = Duration::from_secs(1);

/// How the end of a payload is recognised.
enum End {
    /// After this number of bytes.
    Len(u64),
    /// By these bytes.
    Mark(Vec<u8>),
}

/// Copies the data set, or its functions, into a file.
pub(super) fn rdb(session: &mut Session, file: &Path, functions_only: bool) -> Result<(), Stop> {
    let connection = session.connected()?;
    replconf(connection, "capa", "eof")?;
    replconf(connection, "rdb-only", "1")?;
    if functions_only && !replconf(connection, "rdb-filter-only", "functions")? {
        return Err(fail("Failed requesting functions only RDB from server, aborting"));
    }
    let end = sync(connection)?;
    let name = file.display();
    match &end {
        End::Len(len) => complain(format_args!("SYNC sent to primary, writing {len} bytes to '{name}'")),
        End::Mark(_) => {
            complain(format_args!("SYNC sent to primary, writing bytes of bulk transfer until EOF marker to '{name}'"));
        }
    }
    let write_error = |error: io::Error| fail(format_args!("Error writing data to file: {}", describe(&error)));
    if file == Path::new("-") {
        let mut out = io::stdout();
        copy(connection, &end, &mut out)?;
        out.flush()?;
    } else {
        let mut out = OpenOptions::new()
            .create(true)
            .write(true)
            .truncate(true)
            .open(file)
            .map_err(|error| fail(format_args!("Error opening '{name}': {}", describe(&error))))?;
        copy(connection, &end, &mut out)?;
        out.sync_all().map_err(write_error)?;
    }
    Ok(())
}

/// Follows a server as a replica would, and prints the commands that it gets.
pub(super) fn replica(session: &mut Session) -> Result<(), Stop> {
    let connection = session.connected()?;
    replconf(connection, "capa", "eof")?;
    // No keys are wanted; a server that does not know this sends them all.
    replconf(connection, "rdb-filter-only", "")?;
    let end = sync(connection)?;
    match &end {
        End::Len(len) => complain(format_args!("Full resync with primary, discarding {len} bytes of bulk transfer...")),
        End::Mark(_) => {
            complain("Full resync with primary, discarding bytes of bulk transfer until EOF marker...");
        }
    }
    copy(connection, &end, &mut io::sink())?;
    complain("Full resync done. Logging commands from primary.");
    session.formatter.format = Format::Csv;
    loop {
        let Some(connection) = &mut session.connection else { return Err(lost(ConnectionError::Closed)) };
        match connection.receive_within(ACK_INTERVAL).map_err(lost)? {
            Some(command) => session.print(&command, false)?,
            // A server that sent the payload from memory sends nothing more before an acknowledgement, which it
            // ignores until its child process has ended; and a silent replica is cut off. There is no reply.
            None => connection.send(&["REPLCONF", "ACK", "0"]).map_err(lost)?,
        }
    }
}

fn lost(error: ConnectionError) -> Stop {
    fail(format_args!("Error: {error}"))
}

/// Tells the server something about this replica. False: it does not know it, which is no harm.
fn replconf(connection: &mut Connection, name: &str, value: &str) -> Result<bool, Stop> {
    complain(format_args!("sending REPLCONF {name} {value}"));
    match connection.call(&["REPLCONF", name, value]).map_err(lost)? {
        Value::Error(text) => {
            complain(format_args!("REPLCONF {name} error: {}", String::from_utf8_lossy(&text)));
            Ok(false)
        }
        _ => Ok(true),
    }
}

/// Sends SYNC and reads the line before the payload.
fn sync(connection: &mut Connection) -> Result<End, Stop> {
    connection.send_raw(b"SYNC\r\n").map_err(lost)?;
    let mut line = Vec::new();
    loop {
        let input = connection.raw().map_err(|_| fail("Error reading bulk length while SYNCing"))?;
        let newline = input.iter().position(|byte| *byte == b'\n');
        line.extend_from_slice(&input[..newline.unwrap_or(input.len())]);
        input.advance(newline.map_or(input.len(), |at| at + 1));
        while line.last() == Some(&b'\r') {
            line.pop();
        }
        // Empty lines keep the connection alive while the server prepares the data.
        if newline.is_some() && !line.is_empty() {
            return payload_end(&line);
        }
        if line.len() > LINE_LEN_MAX {
            return Err(fail("Error reading bulk length while SYNCing"));
        }
    }
}

fn payload_end(line: &[u8]) -> Result<End, Stop> {
    if line.starts_with(b"-") {
        return Err(fail(format_args!("SYNC with primary failed: {}", String::from_utf8_lossy(line))));
    }
    if let Some(mark) = line.strip_prefix(b"$EOF:").filter(|mark| mark.len() == MARK_LEN) {
        return Ok(End::Mark(mark.to_vec()));
    }
    let len = line.strip_prefix(b"$").and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
    len.map(End::Len).ok_or_else(|| fail("Error reading bulk length while SYNCing"))
}

/// Copies the payload.
fn copy(connection: &mut Connection, end: &End, out: &mut dyn Write) -> Result<(), Stop> {
    let mut copied = 0;
    loop {
        let left = match end {
            End::Len(len) => *len - copied,
            End::Mark(_) => u64::MAX,
        };
        if left == 0 {
            complain("Transfer finished with success.");
            return Ok(());
        }
        let input = connection.raw().map_err(|_| fail("I/O Error reading RDB payload from socket"))?;
        let (len, ended) = match end {
            End::Len(_) => (input.len().min(usize::try_from(left).unwrap_or(usize::MAX)), false),
            End::Mark(mark) => before_mark(input, mark),
        };
        if len == 0 && !ended {
            // The bytes may be the beginning of the mark: they cannot be judged before more have arrived.
            connection.read_more().map_err(|_| fail("I/O Error reading RDB payload from socket"))?;
            continue;
        }
        out.write_all(&input[..len]).map_err(|error| fail(format_args!("Error writing data to file: {}", describe(&error))))?;
        input.advance(len);
        copied += len as u64;
        if ended {
            input.advance(MARK_LEN);
            complain(format_args!("Transfer finished with success after {copied} bytes"));
            return Ok(());
        }
    }
}

/// How many of the bytes certainly stand before the mark, and whether the mark follows them.
fn before_mark(input: &BytesMut, mark: &[u8]) -> (usize, bool) {
    match memchr::memmem::find(input, mark) {
        Some(at) => (at, true),
        None => (input.len().saturating_sub(mark.len() - 1), false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_before_a_payload() {
        let mark = "0123456789".repeat(4);
        assert!(matches!(payload_end(b"$12"), Ok(End::Len(12))));
        assert!(matches!(payload_end(format!("$EOF:{mark}").as_bytes()), Ok(End::Mark(m)) if m == mark.as_bytes()));
        for refused in ["-ERR no", "$EOF:short", "$x", "+OK", ""] {
            assert!(payload_end(refused.as_bytes()).is_err(), "{refused}");
        }
    }

    #[test]
    fn the_mark_is_found_wherever_it_is_cut() {
        let mark = "0123456789abcdefghijABCDEFGHIJ!#$%&/()=?";
        let whole = format!("payload 0123456789{mark}rest");
        for cut in 0..=whole.len() {
            let mut input = BytesMut::from(&whole.as_bytes()[..cut]);
            let (len, ended) = before_mark(&input, mark.as_bytes());
            let mut out = input.split_to(len).to_vec();
            if !ended {
                input.extend_from_slice(&whole.as_bytes()[cut..]);
                let (len, ended) = before_mark(&input, mark.as_bytes());
                assert!(ended);
                out.extend_from_slice(&input[..len]);
            }
            assert_eq!(out, b"payload 0123456789", "cut at {cut}");
        }
    }
}
