//! Start-up: from the command line, the configuration file and standard input to a [`Config`].
//!
//! Later settings win: the file first, then standard input, then the options of the command line. The first thing that
//! cannot be accepted ends the start, with one message that names the place, the option and what may stand there.

use std::collections::BTreeSet;
use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::custom::os_text;
use super::fields::Config;
use super::include;
use super::line::{quote, split_args};
use super::row::{Row, Status};
use super::rows;
use super::value::RenamedCommand;

/// Files that include each other deeper than this are taken for a loop.
const INCLUDE_DEPTH_MAX: usize = 16;

/// Options of earlier versions of Valkey and Redis: accepted with one argument, and ignored.
const OBSOLETE: [&str; 7] = [
    "list-max-ziplist-entries",
    "list-max-ziplist-value",
    "lua-replicate-commands",
    "io-threads-do-reads",
    "dynamic-hz",
    "events-per-io-thread",
    "sanitize-dump-payload",
];

/// Whether the option is one of earlier versions, accepted and ignored.
pub(super) fn is_obsolete(name: &str) -> bool {
    OBSOLETE.iter().any(|obsolete| obsolete.eq_ignore_ascii_case(name))
}

/// Why the configuration could not be taken. Its text is the whole message for the operator.
#[derive(Debug)]
pub enum ConfigError {
    /// A line was refused.
    Line {
        /// Where: a file's path, `standard input` or `command line`.
        source: String,
        /// Line number there, from 1.
        number: usize,
        /// The line; the value of a secret is not shown.
        text: String,
        /// Valkey's words for what is wrong.
        reason: String,
        /// One sentence: which option, and what may stand there.
        advice: String,
    },
    /// The options are each valid, but not together or not on this machine.
    Whole {
        /// What is wrong.
        reason: String,
    },
    /// A file could not be read.
    Open {
        /// Its path.
        path: String,
        /// The system's reason.
        reason: String,
    },
}

impl fmt::Display for ConfigError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The first lines have the shape that scripts around Valkey look for; the last is for people.
        let banner = concat!("\n*** FATAL CONFIG FILE ERROR (Version ", env!("CARGO_PKG_VERSION"), ") ***\n");
        match self {
            Self::Line { source, number, text, reason, advice } => write!(
                out,
                "{banner}Reading the configuration file, at line {number}\n>>> '{text}'\n{reason}\n\
                 {source}, line {number}: {advice}"
            ),
            Self::Whole { reason } => write!(out, "{banner}{reason}"),
            Self::Open { path, reason } => {
                write!(out, "Fatal error, can't open config file '{path}': {reason}")
            }
        }
    }
}

impl std::error::Error for ConfigError {}

/// What start-up produced.
pub(super) struct Loaded {
    pub(super) config: Config,
    /// Absolute path of the configuration file, if there is one.
    pub(super) file: Option<PathBuf>,
    pub(super) warnings: Vec<String>,
}

/// Reads everything the arguments (without the program's name) ask for.
pub(super) fn load(args: &[String], stdin: &mut dyn Read) -> Result<Loaded, ConfigError> {
    let command_line = CommandLine::read(args);
    let mut loader = Loader::default();
    let start_dir = PathBuf::from(&loader.config.dir);
    let file = command_line.file.map(|file| start_dir.join(file));
    if let Some(file) = &file {
        loader.read_file(file, 0)?;
    }
    if command_line.reads_stdin {
        let mut text = Vec::new();
        stdin.read_to_end(&mut text).map_err(|error| ConfigError::Open { path: "standard input".to_owned(), reason: os_text(error) })?;
        loader.read_text(&text, "standard input", 0)?;
    }
    loader.read_text(command_line.options.as_bytes(), "command line", 0)?;
    loader.finish(file)
}

/// The command line, taken apart: `[file] [-] [--name value...]... [-]`.
struct CommandLine<'args> {
    file: Option<&'args str>,
    reads_stdin: bool,
    /// The options as lines of a configuration file.
    options: String,
}

impl<'args> CommandLine<'args> {
    fn read(args: &'args [String]) -> Self {
        let file = args.first().filter(|first| !first.starts_with('-')).map(String::as_str);
        let mut line = Self { file, reads_stdin: false, options: String::new() };
        // After the name of an option one argument is its value even if it starts with `--`.
        let mut may_start_option = true;
        for (index, arg) in args.iter().enumerate().skip(usize::from(file.is_some())) {
            let next = args.get(index + 1);
            if arg == "-" && (index == 0 || next.is_none()) {
                line.reads_stdin = true;
                continue;
            }
            match arg.strip_prefix("--").filter(|_| may_start_option) {
                Some(option) => may_start_option = line.push_option(option, next),
                None => {
                    line.options.push_str(&quote(arg.as_bytes()));
                    line.options.push(' ');
                    may_start_option = true;
                }
            }
        }
        line
    }

    /// Starts a line. Returns whether the next argument may start another.
    fn push_option(&mut self, option: &str, next: Option<&String>) -> bool {
        if !self.options.is_empty() {
            self.options.push('\n');
        }
        self.options.push_str(option);
        self.options.push(' ');
        let holds_its_value = split_args(option.as_bytes()).is_none_or(|words| words.len() != 1);
        if holds_its_value {
            return true;
        }
        // `--save` with nothing behind it stands for `--save ""`: scripts that build a command line from an empty
        // list write it so.
        let is_save = option.eq_ignore_ascii_case("save");
        let is_last = next.is_none_or(|next| next.starts_with("--"));
        if is_save && is_last {
            self.options.push_str("\"\"");
            return true;
        }
        let is_sentinel = option.eq_ignore_ascii_case("sentinel");
        is_sentinel && is_last
    }
}

/// Takes lines over, one after the other.
#[derive(Default)]
struct Loader {
    config: Config,
    /// Options that occurred so far, by their names.
    seen: BTreeSet<&'static str>,
    warnings: Vec<String>,
}

/// Why one line was refused: Valkey's words and, if they need more, advice.
struct Refused {
    reason: String,
    advice: String,
}

fn refuse(reason: &str, advice: impl Into<String>) -> LineError {
    LineError::Refused(Refused { reason: reason.to_owned(), advice: advice.into() })
}

enum LineError {
    Refused(Refused),
    /// An included file was at fault, and the error is complete.
    Included(ConfigError),
}

impl Loader {
    fn read_file(&mut self, path: &Path, depth: usize) -> Result<(), ConfigError> {
        let text = std::fs::read(path).map_err(|error| ConfigError::Open { path: path.display().to_string(), reason: os_text(error) })?;
        self.read_text(&text, &path.display().to_string(), depth)
    }

    fn read_text(&mut self, text: &[u8], source: &str, depth: usize) -> Result<(), ConfigError> {
        for (index, line) in text.split(|&byte| byte == b'\n').enumerate() {
            let line = line.trim_ascii();
            if line.is_empty() || line.starts_with(b"#") {
                continue;
            }
            self.read_line(line, source, depth).map_err(|error| match error {
                LineError::Included(error) => error,
                LineError::Refused(refused) => ConfigError::Line {
                    source: source.to_owned(),
                    number: index + 1,
                    text: shown(line),
                    reason: refused.reason,
                    advice: refused.advice,
                },
            })?;
        }
        Ok(())
    }

    fn read_line(&mut self, line: &[u8], source: &str, depth: usize) -> Result<(), LineError> {
        let args = split_args(line).ok_or_else(|| refuse("Unbalanced quotes in configuration line", "a quote is not closed"))?;
        let args: Result<Vec<String>, _> = args.into_iter().map(String::from_utf8).collect();
        let args = args.map_err(|_| refuse("argument must be UTF-8 text", "the line is not valid UTF-8"))?;
        let Some((name, args)) = args.split_first() else {
            return Ok(());
        };
        match rows::find(name) {
            Some(row) => self.set_row(row, args),
            None => self.run_directive(&name.to_ascii_lowercase(), args, source, depth),
        }
    }

    fn set_row(&mut self, row: &'static Row, args: &[String]) -> Result<(), LineError> {
        let refused = |reason: String| {
            let advice = if row.is_sensitive {
                format!("option '{}' takes {}", row.name, row.allowed())
            } else {
                let given = args.join(" ");
                let name = row.name;
                format!("option '{name}' cannot be '{given}': {reason}. It takes {}", row.allowed())
            };
            LineError::Refused(Refused { reason, advice })
        };
        let is_repeated = !self.seen.insert(row.name);
        if !row.is_multi_arg {
            if args.len() != 1 {
                return Err(refused("wrong number of arguments".to_owned()));
            }
            return row.set(&mut self.config, args, is_repeated).map_err(refused);
        }
        // One argument that holds several, as `--save "900 1"` does.
        let inner = match args {
            [only] if !only.is_empty() => split_args(only.as_bytes()),
            _ => None,
        };
        let inner: Option<Vec<String>> =
            inner.map(|inner| inner.into_iter().map(|arg| String::from_utf8_lossy(&arg).into_owned()).collect());
        row.set(&mut self.config, inner.as_deref().unwrap_or(args), is_repeated).map_err(refused)
    }

    fn run_directive(&mut self, name: &str, args: &[String], source: &str, depth: usize) -> Result<(), LineError> {
        match (name, args) {
            ("include", [pattern]) => self.include(pattern, depth),
            ("rename-command", [command, new_name]) => {
                let renamed = RenamedCommand { command: command.clone(), new_name: new_name.clone() };
                self.config.rename_command.push(renamed);
                Ok(())
            }
            ("user", [_, ..]) => Err(refuse(
                "users other than the default one are not supported yet",
                "this version has no access control lists; requirepass protects the default user",
            )),
            ("loadmodule", [_, ..]) => Err(refuse("modules cannot be loaded", "Larder loads no modules: remove the line")),
            ("sentinel", [_, ..]) => Err(refuse(
                "sentinel directive while not in sentinel mode",
                "Larder fails over by itself and needs no sentinel: remove the line",
            )),
            (name, [_]) if is_obsolete(name) => {
                self.warnings.push(format!("{source}: option '{name}' belongs to earlier versions of Valkey and is ignored"));
                Ok(())
            }
            (name, _) => {
                let advice = match rows::nearest(name) {
                    Some(near) => format!("there is no option '{name}'; did you mean '{near}'?"),
                    None => format!("there is no option '{name}' with {} argument(s)", args.len()),
                };
                Err(refuse("Bad directive or wrong number of arguments", advice))
            }
        }
    }

    fn include(&mut self, pattern: &str, depth: usize) -> Result<(), LineError> {
        if depth >= INCLUDE_DEPTH_MAX {
            return Err(refuse(
                "Too many nested include directives",
                format!("files include each other more than {INCLUDE_DEPTH_MAX} deep"),
            ));
        }
        // Relative to the directory that `dir` has chosen so far, as if the process had already gone there.
        for path in include::expand(Path::new(&self.config.dir), pattern) {
            self.read_file(&path, depth + 1).map_err(LineError::Included)?;
        }
        Ok(())
    }

    fn finish(mut self, file: Option<PathBuf>) -> Result<Loaded, ConfigError> {
        let config = &self.config;
        if !config.logfile.is_empty() {
            let path = Path::new(&config.dir).join(&config.logfile);
            let opened = std::fs::OpenOptions::new().append(true).create(true).open(&path);
            opened.map_err(|error| ConfigError::Whole { reason: format!("Can't open the log file: {}", os_text(error)) })?;
        }
        if config.cluster_autopilot && !config.cluster_enabled {
            return Err(ConfigError::Whole { reason: "cluster-autopilot yes needs cluster-enabled yes".to_owned() });
        }
        for row in self.seen.iter().filter_map(|name| rows::find(name)) {
            if let Status::NoEffect(reason) = row.status
                && !row.is_default(config)
            {
                self.warnings.push(format!("option '{}' has no effect: {reason}", row.name));
            }
        }
        Ok(Loaded { config: self.config, file, warnings: self.warnings })
    }
}

/// The line as the error message shows it: without the value of a secret.
fn shown(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line);
    let name = text.split_ascii_whitespace().next().unwrap_or("");
    if rows::find(name).is_some_and(|row| row.is_sensitive) {
        return format!("{name} (hidden)");
    }
    text.into_owned()
}
