//! `--scan`, `--bigkeys` and `--memkeys`: going through all keys with SCAN.

use std::io::{self, IsTerminal, Write};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use larder_proto::resp::Value;

use super::connection::{Connection, ConnectionError};
use super::output::{Format, quoted};
use super::session::Session;
use super::stop::{Stop, complain, fail};

/// Rounds of SCAN between two pauses of `--bigkeys`.
const ROUNDS_PER_PAUSE: u64 = 100;
/// Keys between two signs of progress.
const KEYS_PER_REPORT: u64 = 1_000_000;

/// What makes a key big.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Measure {
    /// Its number of elements or bytes.
    Elements,
    /// Its memory, with the number of elements to sample.
    Memory(Option<u64>),
}

/// A type of values, the command that tells a value's size, and what it counts.
struct Kind {
    name: String,
    size_command: Option<&'static str>,
    unit: &'static str,
    biggest: u64,
    biggest_key: Vec<u8>,
    count: u64,
    total: u64,
}

impl Kind {
    fn new(name: &str, size_command: Option<&'static str>, unit: &'static str) -> Self {
        Kind { name: name.to_owned(), size_command, unit, biggest: 0, biggest_key: Vec::new(), count: 0, total: 0 }
    }

    fn known() -> Vec<Kind> {
        [
            ("string", "STRLEN", "bytes"),
            ("list", "LLEN", "items"),
            ("set", "SCARD", "members"),
            ("hash", "HLEN", "fields"),
            ("zset", "ZCARD", "members"),
            ("stream", "XLEN", "entries"),
        ]
        .map(|(name, command, unit)| Kind::new(name, Some(command), unit))
        .into()
    }
}

/// Lists all keys.
pub(super) fn scan(session: &mut Session) -> Result<(), Stop> {
    session.connected()?;
    let mut cursor = Some(b"0".to_vec());
    while let Some(from) = cursor {
        let (next, keys) = scan_round(session, &from)?;
        let mut out = Vec::new();
        for key in keys {
            match session.formatter.format {
                Format::Standard => out.extend(quoted(&key)),
                _ => out.extend(key),
            }
            out.push(b'\n');
        }
        io::stdout().write_all(&out)?;
        std::thread::sleep(session.settings.interval);
        cursor = next;
    }
    Ok(())
}

/// What one SCAN returned: the next cursor unless it was the last round, and the keys.
type Round = (Option<Vec<u8>>, Vec<Vec<u8>>);

fn scan_round(session: &mut Session, cursor: &[u8]) -> Result<Round, Stop> {
    let settings = &session.settings;
    let mut request = vec![b"SCAN".to_vec(), cursor.to_vec()];
    if let Some(pattern) = &settings.pattern {
        request.extend([b"MATCH".to_vec(), pattern.clone()]);
    }
    request.extend([b"COUNT".to_vec(), settings.count.to_string().into()]);
    if let Some(key_type) = &settings.key_type {
        request.extend([b"TYPE".to_vec(), key_type.clone()]);
    }
    match connection(session)?.call(&request).map_err(lost)? {
        Value::Error(text) => Err(fail(format_args!("SCAN error: {}", String::from_utf8_lossy(&text)))),
        Value::Array(parts) => match &parts[..] {
            [cursor, Value::Array(keys)] => {
                let cursor = cursor.as_bytes().unwrap_or(b"0").to_vec();
                let keys = keys.iter().filter_map(|key| key.as_bytes().map(<[u8]>::to_vec)).collect();
                Ok(((cursor != b"0").then_some(cursor), keys))
            }
            _ => Err(fail("Invalid element count from SCAN!")),
        },
        _ => Err(fail("Non ARRAY response from SCAN!")),
    }
}

fn connection(session: &mut Session) -> Result<&mut Connection, Stop> {
    session.connection.as_mut().ok_or_else(|| fail("\nI/O error"))
}

fn lost(error: ConnectionError) -> Stop {
    fail(format_args!("Error: {error}"))
}

/// Finds the biggest key of each type.
pub(super) fn biggest(session: &mut Session, measure: Measure) -> Result<(), Stop> {
    session.connected()?;
    let total_keys = match connection(session)?.call(&["DBSIZE"]).map_err(lost)? {
        Value::Integer(keys) => keys as u64,
        Value::Error(text) => return Err(fail(format_args!("Couldn't determine DBSIZE: {}", String::from_utf8_lossy(&text)))),
        _ => return Err(fail("Couldn't determine DBSIZE!")),
    };
    let mut survey = Survey::new(measure, total_keys);
    writeln!(io::stdout(), "\n# Looking at all keys for the biggest ones and for average sizes per type.")?;
    writeln!(io::stdout(), "# -i 0.1 rests for 0.1 s after each 100 SCAN commands (not usually needed).\n")?;
    // A replica of a cluster answers only then; other servers refuse, which does not matter.
    connection(session)?.call(&["READONLY"]).map_err(lost)?;

    let mut cursor = Some(b"0".to_vec());
    let mut rounds = 0;
    while let Some(from) = cursor {
        let (next, keys) = scan_round(session, &from)?;
        survey.look_at(connection(session)?, &keys)?;
        rounds += 1;
        if rounds % ROUNDS_PER_PAUSE == 0 {
            std::thread::sleep(session.settings.interval);
        }
        cursor = next;
    }
    survey.progress.finish_and_clear();
    io::stdout().write_all(survey.summary().as_bytes())?;
    Ok(())
}

/// What has been found so far.
struct Survey {
    measure: Measure,
    kinds: Vec<Kind>,
    total_keys: u64,
    sampled: u64,
    name_bytes: u64,
    progress: ProgressBar,
}

impl Survey {
    fn new(measure: Measure, total_keys: u64) -> Self {
        let target = match io::stderr().is_terminal() {
            true => ProgressDrawTarget::stderr_with_hz(4),
            false => ProgressDrawTarget::hidden(),
        };
        let style = ProgressStyle::with_template("{bar:40} {pos}/{len} keys, {eta} left").unwrap_or_else(|_| ProgressStyle::default_bar());
        let progress = ProgressBar::with_draw_target(Some(total_keys), target).with_style(style);
        Survey { measure, kinds: Kind::known(), total_keys, sampled: 0, name_bytes: 0, progress }
    }

    /// Asks for types and sizes of some keys.
    fn look_at(&mut self, connection: &mut Connection, keys: &[Vec<u8>]) -> Result<(), Stop> {
        let percent = 100.0 * self.sampled as f64 / self.total_keys.max(1) as f64;
        let typed = self.types(connection, keys)?;
        let requests: Vec<_> = typed.iter().filter_map(|(key, kind)| self.size_request(key, *kind)).collect();
        let mut sizes = connection.call_all(&requests).map_err(lost)?.into_iter();
        for (key, kind) in typed {
            let has_size = self.size_request(key, kind).is_some();
            let size = match has_size.then(|| sizes.next()).flatten() {
                None => 0,
                Some(Value::Integer(size)) => size as u64,
                // The key may have gone or changed its type since.
                Some(_) => {
                    complain(format_args!("Warning:  size of '{}' failed (may have changed type)", String::from_utf8_lossy(key)));
                    0
                }
            };
            self.add(key, kind, size, percent)?;
        }
        self.progress.set_position(self.sampled);
        Ok(())
    }

    /// The keys that still exist with the index of their kind.
    fn types<'a>(&mut self, connection: &mut Connection, keys: &'a [Vec<u8>]) -> Result<Vec<(&'a [u8], usize)>, Stop> {
        let requests: Vec<_> = keys.iter().map(|key| [&b"TYPE"[..], key]).collect();
        let replies = connection.call_all(&requests).map_err(lost)?;
        let mut typed = Vec::new();
        for (key, reply) in keys.iter().zip(replies) {
            let name = match &reply {
                Value::Error(text) => {
                    return Err(fail(format_args!("TYPE returned an error: {}", String::from_utf8_lossy(text))));
                }
                other => String::from_utf8_lossy(other.as_bytes().unwrap_or(b"none")).into_owned(),
            };
            if name == "none" {
                continue;
            }
            let kind = match self.kinds.iter().position(|kind| kind.name == name) {
                Some(kind) => kind,
                None => {
                    self.kinds.push(Kind::new(&name, None, "?"));
                    self.kinds.len() - 1
                }
            };
            typed.push((&key[..], kind));
        }
        Ok(typed)
    }

    fn size_request(&self, key: &[u8], kind: usize) -> Option<Vec<Vec<u8>>> {
        match self.measure {
            Measure::Elements => self.kinds[kind].size_command.map(|command| vec![command.as_bytes().to_vec(), key.to_vec()]),
            Measure::Memory(samples) => {
                let mut request = vec![b"MEMORY".to_vec(), b"USAGE".to_vec(), key.to_vec()];
                if let Some(samples) = samples {
                    request.extend([b"SAMPLES".to_vec(), samples.to_string().into()]);
                }
                Some(request)
            }
        }
    }

    fn unit(&self, kind: &Kind) -> &'static str {
        match self.measure {
            Measure::Elements => kind.unit,
            Measure::Memory(_) => "bytes",
        }
    }

    fn add(&mut self, key: &[u8], kind: usize, size: u64, percent: f64) -> Result<(), Stop> {
        self.sampled += 1;
        self.name_bytes += key.len() as u64;
        let found = &mut self.kinds[kind];
        found.total += size;
        found.count += 1;
        let is_biggest = size > found.biggest;
        if is_biggest {
            found.biggest = size;
            found.biggest_key = quoted(key);
        }
        let kind = &self.kinds[kind];
        let mut news = Vec::new();
        if is_biggest {
            let unit = self.unit(kind);
            write!(news, "[{percent:05.2}%] Biggest {:<6} found so far '", kind.name)?;
            news.extend_from_slice(&kind.biggest_key);
            writeln!(news, "' with {size} {unit}")?;
        }
        if self.sampled.is_multiple_of(KEYS_PER_REPORT) {
            writeln!(news, "[{percent:05.2}%] Sampled {} keys so far", self.sampled)?;
        }
        if !news.is_empty() {
            self.progress.suspend(|| io::stdout().write_all(&news))?;
        }
        Ok(())
    }

    fn summary(&self) -> String {
        let average = |total: u64, count: u64| if count == 0 { 0.0 } else { total as f64 / count as f64 };
        let mut out = format!(
            "\n-------- Summary --------\n\nSampled {} keys in the keyspace!\nTotal key length in bytes is {} (avg len {:.2})\n\n",
            self.sampled,
            self.name_bytes,
            average(self.name_bytes, self.sampled)
        );
        for kind in self.kinds.iter().filter(|kind| !kind.biggest_key.is_empty()) {
            let key = String::from_utf8_lossy(&kind.biggest_key);
            out += &format!("Biggest {:>6} found '{key}' has {} {}\n", kind.name, kind.biggest, self.unit(kind));
        }
        out.push('\n');
        for kind in &self.kinds {
            out += &format!(
                "{} {}s with {} {} ({:05.2}% of keys, avg size {:.2})\n",
                kind.count,
                kind.name,
                kind.total,
                self.unit(kind),
                100.0 * average(kind.count, self.sampled),
                average(kind.total, kind.count)
            );
        }
        out
    }
}
