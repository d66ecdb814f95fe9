//! The log: tracing events as lines of Valkey's format, to standard output or a file.
//!
//! ```text
//! 1234:M 21 Nov 2026 04:12:06.123 * Ready to accept connections tcp
//! ```
//! The letter is `M` for a primary, `S` for a replica. Marks: `.` debug, `-` verbose, `*` notice, `#` warning; tracing's levels trace, debug, info and warn (or error). A file is opened
//! for each line and appended to, so that it can be moved away (log rotation) or shared with another writer at any time.

use std::fmt::{self, Write as _};
use std::io::Write as _;
use std::sync::{Arc, OnceLock, Weak};

use arc_swap::ArcSwap;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

use crate::base::clock;
use crate::config::{Config, LogFormat, LogLevel, LogTimestampFormat};
use crate::engine::shared::Shared;

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

/// Which role the node has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Primary,
    Replica,
}

impl Role {
    fn of(is_replica: bool) -> Role {
        if is_replica { Role::Replica } else { Role::Primary }
    }

    /// The letter, and the word.
    fn names(self) -> (char, &'static str) {
        match self {
            Role::Primary => ('M', "primary"),
            Role::Replica => ('S', "replica"),
        }
    }
}

/// Changes the log's settings while it is in use.
#[derive(Debug, Clone)]
pub struct LogControl {
    settings: Arc<ArcSwap<Settings>>,
    /// Who knows the role, once there is a node: which its log does not keep alive.
    node: Arc<OnceLock<Weak<Shared>>>,
}

impl LogControl {
    /// Takes over the options that concern the log.
    pub fn apply(&self, config: &Config) {
        self.settings.store(Arc::new(Settings::of(config)));
    }

    /// From now on lines say which role this node has. Before that they say what the options make it.
    pub fn tell_role_of(&self, shared: &Arc<Shared>) {
        // A second node in the same process (tests) writes to the first one's log.
        let _ = self.node.set(Arc::downgrade(shared));
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
    let at_first = Role::of(!config.replicaof.is_empty());
    let control = LogControl { settings: Arc::new(ArcSwap::from_pointee(settings)), node: Arc::default() };
    let layer = Lines { control: control.clone(), at_first };
    // A second node in the same process (tests) keeps the first one's log.
    let _ = tracing::subscriber::set_global_default(tracing_subscriber::registry().with(layer));
    Ok(control)
}

fn append(path: &str, line: &[u8]) -> std::io::Result<()> {
    std::fs::OpenOptions::new().create(true).append(true).open(path)?.write_all(line)
}

struct Lines {
    control: LogControl,
    /// The role while nobody knows it.
    at_first: Role,
}

impl Lines {
    fn role(&self) -> Role {
        let node = self.control.node.get().and_then(Weak::upgrade);
        node.map_or(self.at_first, |shared| Role::of(shared.replication.is_replica()))
    }
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
        wanted(metadata, &self.control.settings.load())
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let settings = self.control.settings.load();
        let mut message = Message::default();
        event.record(&mut message);
        let line = line(&settings, self.role(), event.metadata().level(), &message.text);
        // There is nobody left to tell when the log itself cannot be written.
        let _ = if settings.file.is_empty() {
            std::io::stdout().lock().write_all(line.as_bytes())
        } else {
            append(&settings.file, line.as_bytes())
        };
    }
}

fn line(settings: &Settings, role: Role, level: &Level, message: &str) -> String {
    line_at(settings, role, level, message, clock::unix_us())
}

/// The line of a moment. Chrono's own clock ends the process where the machine's stands before 1970; ours says 1970 then.
fn line_at(settings: &Settings, role: Role, level: &Level, message: &str, unix_us: u64) -> String {
    let moment = i64::try_from(unix_us).ok().and_then(chrono::DateTime::from_timestamp_micros);
    let now = moment.unwrap_or(chrono::DateTime::UNIX_EPOCH).with_timezone(&chrono::Local);
    let time = match settings.timestamp {
        LogTimestampFormat::Legacy => now.format("%d %b %Y %H:%M:%S%.3f").to_string(),
        LogTimestampFormat::Iso8601 => now.format("%Y-%m-%dT%H:%M:%S%.3f%:z").to_string(),
        LogTimestampFormat::Milliseconds => now.timestamp_millis().to_string(),
    };
    let (_, mark, word) = of_level(level);
    let (pid, (letter, role)) = (std::process::id(), role.names());
    match settings.format {
        LogFormat::Legacy => format!("{pid}:{letter} {time} {mark} {message}\n"),
        LogFormat::Logfmt => {
            format!("pid={pid} role={role} timestamp=\"{time}\" level={word} message=\"{}\"\n", message.replace(['"', '\n', '\r'], "'"))
        }
        LogFormat::Json => {
            let text = serde_json::Value::from(message);
            format!("{{\"pid\":{pid},\"role\":\"{role}\",\"timestamp\":\"{time}\",\"level\":\"{word}\",\"message\":{text}}}\n")
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
        let text = line(&settings(LogFormat::Legacy, LogTimestampFormat::Legacy), Role::Primary, &Level::INFO, "hello");
        assert!(text.starts_with(&format!("{pid}:M ")) && text.ends_with(" * hello\n"), "{text}");
        // The clock's answer where the machine's stands before 1970, and one of far in the future.
        for (unix_us, expected) in [(0, " timestamp=\"0\" "), (u64::MAX, " timestamp=\"0\" "), (1_500, " timestamp=\"1\" ")] {
            let text = line_at(&settings(LogFormat::Logfmt, LogTimestampFormat::Milliseconds), Role::Primary, &Level::WARN, "", unix_us);
            assert!(text.contains(expected), "{text}");
        }
        let text = line(&settings(LogFormat::Logfmt, LogTimestampFormat::Milliseconds), Role::Replica, &Level::WARN, "a \"b\"");
        assert!(text.contains(" role=replica ") && text.contains("level=warning message=\"a 'b'\"\n"), "{text}");
        let text = line(&settings(LogFormat::Json, LogTimestampFormat::Iso8601), Role::Replica, &Level::DEBUG, "a \"b\"");
        assert!(text.contains("\"role\":\"replica\",") && text.ends_with("\"level\":\"info\",\"message\":\"a \\\"b\\\"\"}\n"), "{text}");
    }
}
