//! The log: tracing events as lines of Valkey's format, to standard output or a file.
//!
//! ```text
//! 1234:M 21 Nov 2026 04:12:06.123 * Ready to accept connections tcp
//! ```
//! Marks: `.` debug, `-` verbose, `*` notice, `#` warning; tracing's levels trace, debug, info and warn (or error). A file is opened
//! for each line and appended to, so that it can be moved away (log rotation) or shared with another writer at any time.

use std::fmt::{self, Write as _};
use std::io::Write as _;
use std::sync::Arc;

use arc_swap::ArcSwap;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

use crate::base::clock;
use crate::config::{Config, LogFormat, LogLevel, LogTimestampFormat};

/// What of the configuration the log needs; replaced on CONFIG SET.
#[derive(Debug, Clone)]
struct Settings {
    level: LogLevel,
    format: LogFormat,
    timestamp: LogTimestampFormat,
    file: String,
}

impl Settings {
    fn of(config: &Config) -> Self {
        Settings { level: config.loglevel, format: config.log_format, timestamp: config.log_timestamp_format, file: config.logfile.clone() }
    }
}

/// Changes the log's settings while it is in use.
#[derive(Debug, Clone)]
pub struct LogControl(Arc<ArcSwap<Settings>>);

impl LogControl {
    /// Takes over the options that concern the log.
    pub fn apply(&self, config: &Config) {
        self.0.store(Arc::new(Settings::of(config)));
    }
}

/// Opens the log for the whole process.
///
/// # Errors
/// When the log file cannot be opened for appending.
pub fn open(config: &Config) -> std::io::Result<LogControl> {
    let settings = Settings::of(config);
    if !settings.file.is_empty() {
        append(&settings.file, b"")?;
    }
    let control = LogControl(Arc::new(ArcSwap::from_pointee(settings)));
    let layer = Lines { settings: Arc::clone(&control.0) };
    // A second node in the same process (tests) keeps the first one's log.
    let _ = tracing::subscriber::set_global_default(tracing_subscriber::registry().with(layer));
    Ok(control)
}

fn append(path: &str, line: &[u8]) -> std::io::Result<()> {
    std::fs::OpenOptions::new().create(true).append(true).open(path)?.write_all(line)
}

struct Lines {
    settings: Arc<ArcSwap<Settings>>,
}

fn rank(level: LogLevel) -> u8 {
    match level {
        LogLevel::Debug => 0,
        LogLevel::Verbose => 1,
        LogLevel::Notice => 2,
        LogLevel::Warning => 3,
        LogLevel::Nothing => 4,
    }
}

/// Rank, mark and word of an event's level.
fn of_level(level: &Level) -> (u8, char, &'static str) {
    match *level {
        Level::TRACE => (0, '.', "debug"),
        Level::DEBUG => (1, '-', "info"),
        Level::INFO => (2, '*', "notice"),
        Level::WARN | Level::ERROR => (3, '#', "warning"),
    }
}

/// Our own events by the configured level; those of libraries only when something is wrong. openraft warns of what is no more than
/// life in a cluster (a node is away, a vote came late), so it is heard at the lowest level only; what ends it is told by us.
fn wanted(metadata: &Metadata<'_>, settings: &Settings) -> bool {
    let (level, ..) = of_level(metadata.level());
    let own = metadata.target().starts_with("larder");
    let is_wanted = own || (level >= 3 && (rank(settings.level) == 0 || !metadata.target().starts_with("openraft")));
    level >= rank(settings.level) && is_wanted
}

impl<S: Subscriber> Layer<S> for Lines {
    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        wanted(metadata, &self.settings.load())
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let settings = self.settings.load();
        let mut message = Message::default();
        event.record(&mut message);
        let line = line(&settings, event.metadata().level(), &message.text);
        // There is nobody left to tell when the log itself cannot be written.
        let _ = if settings.file.is_empty() {
            std::io::stdout().lock().write_all(line.as_bytes())
        } else {
            append(&settings.file, line.as_bytes())
        };
    }
}

fn line(settings: &Settings, level: &Level, message: &str) -> String {
    line_at(settings, level, message, clock::unix_us())
}

/// The line of a moment. Chrono's own clock ends the process where the machine's stands before 1970; ours says 1970 then.
fn line_at(settings: &Settings, level: &Level, message: &str, unix_us: u64) -> String {
    let moment = i64::try_from(unix_us).ok().and_then(chrono::DateTime::from_timestamp_micros);
    let now = moment.unwrap_or(chrono::DateTime::UNIX_EPOCH).with_timezone(&chrono::Local);
    let time = match settings.timestamp {
        LogTimestampFormat::Legacy => now.format("%d %b %Y %H:%M:%S%.3f").to_string(),
        LogTimestampFormat::Iso8601 => now.format("%Y-%m-%dT%H:%M:%S%.3f%:z").to_string(),
        LogTimestampFormat::Milliseconds => now.timestamp_millis().to_string(),
    };
    let (_, mark, word) = of_level(level);
    let pid = std::process::id();
    match settings.format {
        LogFormat::Legacy => format!("{pid}:M {time} {mark} {message}\n"),
        LogFormat::Logfmt => {
            format!("pid={pid} role=primary timestamp=\"{time}\" level={word} message=\"{}\"\n", message.replace(['"', '\n', '\r'], "'"))
        }
        LogFormat::Json => {
            let text = serde_json::Value::from(message);
            format!("{{\"pid\":{pid},\"role\":\"primary\",\"timestamp\":\"{time}\",\"level\":\"{word}\",\"message\":{text}}}\n")
        }
    }
}

#[derive(Default)]
struct Message {
    text: String,
}

impl Visit for Message {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let _ = if field.name() == "message" { write!(self.text, "{value:?}") } else { write!(self.text, " {}={value:?}", field.name()) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_have_the_formats_of_the_option() {
        let settings = |format, timestamp| Settings { level: LogLevel::Notice, format, timestamp, file: String::new() };
        let pid = std::process::id();
        let text = line(&settings(LogFormat::Legacy, LogTimestampFormat::Legacy), &Level::INFO, "hello");
        assert!(text.starts_with(&format!("{pid}:M ")) && text.ends_with(" * hello\n"), "{text}");
        // The clock's answer where the machine's stands before 1970, and one of far in the future.
        for (unix_us, expected) in [(0, " timestamp=\"0\" "), (u64::MAX, " timestamp=\"0\" "), (1_500, " timestamp=\"1\" ")] {
            let text = line_at(&settings(LogFormat::Logfmt, LogTimestampFormat::Milliseconds), &Level::WARN, "", unix_us);
            assert!(text.contains(expected), "{text}");
        }
        let text = line(&settings(LogFormat::Logfmt, LogTimestampFormat::Milliseconds), &Level::WARN, "a \"b\"");
        assert!(text.contains("level=warning message=\"a 'b'\"\n"), "{text}");
        let text = line(&settings(LogFormat::Json, LogTimestampFormat::Iso8601), &Level::DEBUG, "a \"b\"");
        assert!(text.ends_with("\"level\":\"info\",\"message\":\"a \\\"b\\\"\"}\n"), "{text}");
    }
}
