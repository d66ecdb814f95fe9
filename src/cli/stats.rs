//! `--stat` and `--latency`: watching a server.

use std::io::{self, Write};
use std::time::Duration;

use larder_proto::resp::Value;

use super::output::Format;
use super::session::Session;
use super::stop::{Stop, fail};
use crate::base::clock;

/// Pause between two PINGs.
const LATENCY_PAUSE: Duration = Duration::from_millis(10);
/// Length of one line of `--latency-history`.
const HISTORY_INTERVAL: Duration = Duration::from_secs(15);
/// How long `--latency` measures when its output is no terminal.
const SINGLE_INTERVAL: Duration = Duration::from_secs(1);
/// Lines of `--stat` between two headings.
const STAT_LINES_PER_HEADING: u64 = 20;

/// Round-trip times in milliseconds.
#[derive(Default)]
struct Latency {
    min_ms: u64,
    max_ms: u64,
    total_ms: u64,
    count: u64,
}

impl Latency {
    fn add(&mut self, sample_ms: u64) {
        self.min_ms = if self.count == 0 { sample_ms } else { self.min_ms.min(sample_ms) };
        self.max_ms = self.max_ms.max(sample_ms);
        self.total_ms += sample_ms;
        self.count += 1;
    }

    fn text(&self, format: Format) -> String {
        let Latency { min_ms: min, max_ms: max, count, .. } = *self;
        let avg = self.total_ms as f64 / count as f64;
        match format {
            Format::Standard => format!("min: {min}, max: {max}, avg: {avg:.2} ({count} samples)"),
            Format::Csv => format!("{min},{max},{avg:.2},{count}\n"),
            Format::Raw => format!("{min} {max} {avg:.2} {count}\n"),
            Format::Json | Format::QuotedJson => {
                format!("{{\"min\": {min}, \"max\": {max}, \"avg\": {avg:.2}, \"count\": {count}}}\n")
            }
        }
    }
}

/// Measures PING, for ever on a terminal, otherwise for one interval.
pub(super) fn latency(session: &mut Session, history: bool) -> Result<(), Stop> {
    let interval = session.settings.interval;
    let or = |default| if interval.is_zero() { default } else { interval };
    let (history_interval, single_interval) = (or(HISTORY_INTERVAL), or(SINGLE_INTERVAL));
    let format = session.formatter.format;
    session.connected()?;
    let mut latency = Latency::default();
    let mut started_ms = clock::monotonic_ms();
    let mut out = io::stdout();
    loop {
        let sent_us = clock::monotonic_us();
        session.call_persistently(&["PING"])?;
        latency.add((clock::monotonic_us() - sent_us) / 1000);
        let elapsed = Duration::from_millis(clock::monotonic_ms() - started_ms);
        if format == Format::Standard {
            write!(out, "\x1b[0G\x1b[2K{}", latency.text(format))?;
        } else if history {
            write!(out, "{}", latency.text(format))?;
        } else if elapsed > single_interval {
            write!(out, "{}", latency.text(format))?;
            return Ok(());
        }
        if history && elapsed > history_interval {
            writeln!(out, " -- {:.2} seconds range", elapsed.as_secs_f64())?;
            started_ms = clock::monotonic_ms();
            latency = Latency::default();
        }
        out.flush()?;
        std::thread::sleep(LATENCY_PAUSE);
    }
}

/// Prints a line of INFO's numbers each second, or each `-i`, for ever.
pub(super) fn stat(session: &mut Session) -> Result<(), Stop> {
    let interval = match session.settings.interval {
        Duration::ZERO => Duration::from_secs(1),
        interval => interval,
    };
    session.connected()?;
    let mut requests_before = None;
    let mut out = io::stdout();
    for line in 0u64.. {
        let reply = session.call_persistently(&["INFO"])?;
        let info = match &reply {
            Value::Error(text) => return Err(fail(format_args!("ERROR: {}", String::from_utf8_lossy(text)))),
            reply => String::from_utf8_lossy(reply.as_bytes().unwrap_or_default()).into_owned(),
        };
        if line % STAT_LINES_PER_HEADING == 0 {
            writeln!(out, "------- data ------ --------------------- load -------------------- - child -")?;
            writeln!(out, "keys       mem      clients blocked requests            connections          ")?;
        }
        writeln!(out, "{}", stat_line(&info, &mut requests_before))?;
        out.flush()?;
        std::thread::sleep(interval);
    }
    Ok(())
}

fn stat_line(info: &str, requests_before: &mut Option<i64>) -> String {
    let field = |name| info_number(info, name).unwrap_or(0);
    let keys: i64 = info.lines().filter_map(keys_of_line).sum();
    let requests = field("total_commands_processed");
    let grown = requests - requests_before.replace(requests).unwrap_or(requests);
    let busy = [("SAVE", "rdb_bgsave_in_progress"), ("AOF", "aof_rewrite_in_progress"), ("LOAD", "loading")];
    let busy: Vec<_> = busy.iter().filter(|(_, name)| field(name) != 0).map(|(word, _)| *word).collect();
    format!(
        "{keys:<11}{:<8} {:<8}{:<8}{:<19} {:<12}{}",
        human_bytes(field("used_memory")),
        field("connected_clients"),
        field("blocked_clients"),
        format!("{requests} (+{grown})"),
        field("total_connections_received"),
        busy.join("+"),
    )
}

/// The number of keys that a line like `db0:keys=3,expires=0` tells.
fn keys_of_line(line: &str) -> Option<i64> {
    let (db, rest) = line.split_once(":keys=")?;
    db.strip_prefix("db")?.parse::<u32>().ok()?;
    rest.split(',').next()?.parse().ok()
}

/// The value of a field of INFO.
pub(super) fn info_number(info: &str, name: &str) -> Option<i64> {
    info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')?.trim_end().parse().ok())
}

fn human_bytes(bytes: i64) -> String {
    let units = [("K", 10), ("M", 20), ("G", 30), ("T", 40)];
    match units.iter().rev().find(|(_, shift)| bytes.unsigned_abs() >= 1 << shift) {
        Some((unit, shift)) => format!("{:.2}{unit}", bytes as f64 / (1u64 << shift) as f64),
        None => format!("{bytes}B"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_numbers() {
        let info = "# Memory\r\nused_memory:1048576\r\nused_memory_rss:9\r\nconnected_clients:2\r\nblocked_clients:1\r\n\
                    total_commands_processed:100\r\ntotal_connections_received:7\r\nrdb_bgsave_in_progress:1\r\n\
                    aof_rewrite_in_progress:1\r\nloading:0\r\ndb0:keys=3,expires=0\r\ndb12:keys=4,expires=0\r\n";
        let mut before = None;
        let first = stat_line(info, &mut before);
        assert_eq!(first, "7          1.00M    2       1       100 (+0)            7           SAVE+AOF");
        let second = stat_line(&info.replace(":100", ":150"), &mut before);
        assert!(second.contains("150 (+50)"), "{second}");
    }

    #[test]
    fn bytes_for_people() {
        for (bytes, text) in [(0, "0B"), (1023, "1023B"), (1536, "1.50K"), (1 << 30, "1.00G")] {
            assert_eq!(human_bytes(bytes), text);
        }
    }

    #[test]
    fn latencies() {
        let mut latency = Latency::default();
        [3, 1, 2].into_iter().for_each(|sample| latency.add(sample));
        assert_eq!(latency.text(Format::Raw), "1 3 2.00 3\n");
        assert_eq!(latency.text(Format::Csv), "1,3,2.00,3\n");
        assert_eq!(latency.text(Format::Standard), "min: 1, max: 3, avg: 2.00 (3 samples)");
    }
}
