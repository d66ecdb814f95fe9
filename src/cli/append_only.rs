//! `aof check [--fix] [--yes] [--truncate-to-timestamp SECONDS] FILE`: looks at an append only file on disk, without a server, as
//! valkey-check-aof does and in its words. FILE is a manifest, whose parts are all looked at, or a single file.
//!
//! Nothing is lost by a repair: what is cut off is kept in a file beside the other one. And nothing is cut off under a server that writes.

use std::io::{self, BufRead, Write};
use std::path::Path;
use std::sync::Arc;

use super::connection::describe;
use super::settings::AofWish;
use super::snapshot;
use super::stop::{Stop, fail};
use crate::persist::aof::folder;
use crate::persist::aof::manifest::Manifest;
use crate::persist::aof::requests::{NoRequest, Requests};
use crate::persist::files::{self, Disk, File, Files};

/// How a file was found, or left.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Valid,
    Empty,
    Cut,
    CutAtTime,
}

/// What was found in a file.
#[derive(Debug, Default)]
struct Found {
    /// Bytes up to the end of the last whole request or transaction.
    len: u64,
    /// The line behind them, from 1.
    line: u64,
    /// What is wrong there, and where.
    problem: Option<(u64, String)>,
    /// Where something later than wanted begins.
    later_at: Option<u64>,
}

struct Checker<'a> {
    wish: &'a AofWish,
    dir: &'a Path,
    out: &'a mut dyn Write,
}

/// Looks at a file.
pub(super) fn run(wish: &AofWish) -> Result<(), Stop> {
    let mut out = io::stdout().lock();
    let dir = files::dir_of(&wish.file);
    let _lock = if wish.fixes || wish.until_s.is_some() { lock(&wish.file)? } else { None };
    let text = first_bytes(&wish.file)?;
    let mut checker = Checker { wish, dir, out: &mut out };
    if is_manifest(&text) { checker.parts() } else { checker.single() }
}

/// Keeps servers away from the files, if they may be used by any.
fn lock(path: &Path) -> Result<Option<Arc<dyn File>>, Stop> {
    let lock = folder::lock_path(path);
    if !lock.exists() {
        return Ok(None);
    }
    let cannot = |error: io::Error| {
        let reason = if error.kind() == io::ErrorKind::WouldBlock { "a server writes to these files".to_owned() } else { describe(&error) };
        fail(format_args!("Cannot lock {}: {reason}, aborting...", lock.display()))
    };
    Disk.lock(&lock).map(Some).map_err(cannot)
}

/// As much of a file as tells what it is.
fn first_bytes(path: &Path) -> Result<Vec<u8>, Stop> {
    const LEN: usize = 64 * 1024;
    let read = || {
        let mut bytes = Vec::new();
        io::Read::read_to_end(&mut io::Read::take(files::Reader::new(Disk.open(path)?, 0), LEN as u64), &mut bytes)?;
        Ok(bytes)
    };
    read().map_err(|error: io::Error| fail(format_args!("Cannot open file {}: {}", path.display(), describe(&error))))
}

/// True if the first line that is no remark begins as one of a manifest does.
fn is_manifest(text: &[u8]) -> bool {
    let mut lines = text.split(|byte| *byte == b'\n');
    lines.find(|line| !line.starts_with(b"#")).is_some_and(|line| line.starts_with(b"file"))
}

impl Checker<'_> {
    fn single(&mut self) -> Result<(), Stop> {
        writeln!(self.out, "Start checking Old-Style AOF")?;
        let name = self.wish.file.display().to_string();
        let path = self.wish.file.clone();
        self.file("AOF", &name, &path, true)
    }

    fn parts(&mut self) -> Result<(), Stop> {
        writeln!(self.out, "Start checking Multi Part AOF")?;
        let path = &self.wish.file;
        let text = std::fs::read(path).map_err(|error| fail(format_args!("Cannot open file {}: {}", path.display(), describe(&error))))?;
        let manifest = Manifest::parse(&text).map_err(|error| fail(format_args!("{}: {error}", path.display())))?;
        let count = manifest.parts().count();
        for (number, part) in manifest.parts().enumerate() {
            let (is_base, is_last) = (number == 0 && manifest.base.is_some(), number + 1 == count);
            let path = self.dir.join(&part.name);
            if is_base {
                let format = if open(&part.name, &path).is_ok_and(|file| files::is_snapshot(&*file)) { "RDB" } else { "RESP" };
                writeln!(self.out, "Start to check BASE AOF ({format} format).")?;
            } else if number == usize::from(manifest.base.is_some()) {
                writeln!(self.out, "Start to check INCR files.")?;
            }
            self.file(if is_base { "BASE AOF" } else { "INCR AOF" }, &part.name, &path, is_last)?;
        }
        writeln!(self.out, "All AOF files and manifest are valid")?;
        Ok(())
    }

    /// Looks at one file, and says how it is.
    fn file(&mut self, what: &str, name: &str, path: &Path, is_last: bool) -> Result<(), Stop> {
        match self.check(name, path, is_last)? {
            State::Valid => writeln!(self.out, "{what} {name} is valid")?,
            State::Empty => writeln!(self.out, "{what} {name} is empty")?,
            State::Cut => writeln!(self.out, "Successfully truncated AOF {name}")?,
            State::CutAtTime => {
                writeln!(self.out, "Successfully truncated AOF {name} to timestamp {}", self.wish.until_s.unwrap_or_default())?;
            }
        }
        Ok(())
    }

    fn check(&mut self, name: &str, path: &Path, is_last: bool) -> Result<State, Stop> {
        let file = open(name, path)?;
        let size = file.len()?;
        if size == 0 {
            return Ok(State::Empty);
        }
        let mut from = 0;
        if files::is_snapshot(&*file) {
            from = snapshot::check_beginning(&file)
                .map_err(|error| fail(format_args!("{}: {error}\nRDB preamble of AOF file is not sane, aborting.", path.display())))?;
            writeln!(self.out, "RDB preamble is OK, proceeding with AOF tail...")?;
        }
        let found = self.read(name, file, from)?;
        if let Some(at) = found.later_at {
            let until_s = self.wish.until_s.unwrap_or_default();
            if at == 0 {
                return Err(fail(format_args!("AOF {name} has nothing before timestamp {until_s}, aborting...")));
            }
            if !is_last {
                return Err(fail(format_args!(
                    "Failed to truncate AOF {name} to timestamp {until_s} to offset {at} because it is not the last file.\n\
                     If you insist, please delete all files after this file according to the manifest file and delete the corresponding \
                     records in manifest file manually. Then re-run larder-cli aof check."
                )));
            }
            self.cut(name, path, at)?;
            return Ok(State::CutAtTime);
        }
        if let Some((at, problem)) = &found.problem {
            writeln!(self.out, "0x{at:16x}: {problem}")?;
        }
        let diff = size - found.len;
        if let (0, Some(until_s)) = (diff, self.wish.until_s) {
            writeln!(self.out, "Truncate nothing in AOF {name} to timestamp {until_s}")?;
            return Ok(State::Valid);
        }
        let Found { len, line, .. } = found;
        writeln!(self.out, "AOF analyzed: filename={name}, size={size}, ok_up_to={len}, ok_up_to_line={line}, diff={diff}")?;
        match (diff, self.wish.fixes, is_last) {
            (0, ..) => return Ok(State::Valid),
            (_, false, _) => return Err(fail(format_args!("AOF {name} is not valid. Use the --fix option to try fixing it."))),
            (_, true, false) => return Err(fail(format_args!("Failed to truncate AOF {name} because it is not the last file"))),
            (_, true, true) => {}
        }
        writeln!(self.out, "This will shrink the AOF {name} from {size} bytes, with {diff} bytes, to {len} bytes")?;
        if !self.wish.is_sure {
            write!(self.out, "Continue? [y/N]: ")?;
            self.out.flush()?;
            let mut answer = String::new();
            io::stdin().lock().read_line(&mut answer)?;
            if !answer.starts_with(['y', 'Y']) {
                return Err(fail("Aborting..."));
            }
        }
        self.cut(name, path, len)?;
        Ok(State::Cut)
    }

    /// Reads the requests of a file from this place on.
    fn read(&mut self, name: &str, file: Arc<dyn File>, from: u64) -> Result<Found, Stop> {
        let mut requests = Requests::new(file, from);
        if let Some(until_s) = self.wish.until_s {
            requests.stop_behind(until_s);
        }
        let mut found = Found { len: from, line: 1, ..Found::default() };
        let (mut in_transaction, mut lines) = (false, 1);
        loop {
            match requests.advance() {
                Ok(true) => {}
                Ok(false) => {
                    found.later_at = requests.stopped_at();
                    if in_transaction {
                        found.problem = Some((requests.at(), "Reached EOF before reading EXEC for MULTI".to_owned()));
                    } else {
                        (found.len, found.line) = (requests.at(), lines);
                    }
                    return Ok(found);
                }
                Err(NoRequest::Io(error)) => {
                    return Err(fail(format_args!("Failed to read from AOF {name}, aborting...: {}", describe(&error))));
                }
                Err(error) => {
                    found.problem = Some((requests.at(), error.to_string()));
                    if matches!(error, NoRequest::Malformed(_)) {
                        writeln!(self.out, "AOF {name} format error")?;
                    }
                    return Ok(found);
                }
            }
            let words = requests.words();
            lines += 1 + 2 * words.len() as u64;
            let (begins, ends) = (words[0].eq_ignore_ascii_case(b"multi"), words[0].eq_ignore_ascii_case(b"exec"));
            if begins && in_transaction || ends && !in_transaction {
                let word = if begins { "MULTI" } else { "EXEC" };
                found.problem = Some((requests.begun_at(), format!("Unexpected {word} in AOF {name}")));
                return Ok(found);
            }
            in_transaction = (in_transaction || begins) && !ends;
            if !in_transaction {
                (found.len, found.line) = (requests.at(), lines);
            }
        }
    }

    fn cut(&mut self, name: &str, path: &Path, len: u64) -> Result<(), Stop> {
        let kept =
            folder::cut(&Disk, path, len).map_err(|error| fail(format_args!("Failed to truncate AOF {name}: {}", describe(&error))))?;
        writeln!(self.out, "What was cut off is kept in {}", kept.display())?;
        Ok(())
    }
}

fn open(name: &str, path: &Path) -> Result<Arc<dyn File>, Stop> {
    Disk.open(path).map_err(|error| fail(format_args!("Cannot open file {name}: {}, aborting...", describe(&error))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_told_apart_by_their_beginning() {
        assert!(is_manifest(b"# remark\nfile a seq 1 type b\n") && is_manifest(b"file x"));
        assert!(!is_manifest(b"*3\r\n$3\r\nSET\r\n") && !is_manifest(b"REDIS0011") && !is_manifest(b""));
    }
}
