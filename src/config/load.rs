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
use super::users::UserLine;
use super::value::RenamedCommand;
use crate::base::version::LARDER as VERSION;

/// Where a line comes from that was made of arguments.
const COMMAND_LINE: &str = "command line";

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
        let banner = format!("\n*** FATAL CONFIG FILE ERROR (Version {VERSION}) ***\n");
        match self {
            Self::Line { source, text, reason, advice, .. } if source == COMMAND_LINE => {
                write!(out, "\n*** FATAL COMMAND LINE ERROR (Version {VERSION}) ***\n>>> '{text}'\n{reason}\n{source}: {advice}")
            }
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

impl ConfigError {
    /// A `rename-command` line that the table of commands refused, with Valkey's words for what is wrong.
    pub fn rename(renamed: &RenamedCommand, reason: &str) -> ConfigError {
        let RenamedCommand { command, new_name, source, line } = renamed;
        ConfigError::Line {
            source: source.clone(),
            number: *line,
            text: format!("rename-command {} {}", quote(command.as_bytes()), quote(new_name.as_bytes())),
            reason: reason.to_owned(),
            advice: format!(
                "option 'rename-command' takes the name of a command and a name that is free, or \"\" to remove the command; not '{command}' '{new_name}'"
            ),
        }
    }
}

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
    loader.read_text(command_line.options.as_bytes(), COMMAND_LINE, 0)?;
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
    /// The last line about the default user, its source and its number.
    default_user: Option<(UserLine, String, usize)>,
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
            self.read_line(line, source, index + 1, depth).map_err(|error| match error {
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

    fn read_line(&mut self, line: &[u8], source: &str, number: usize, depth: usize) -> Result<(), LineError> {
        let args = split_args(line).ok_or_else(|| refuse("Unbalanced quotes in configuration line", "a quote is not closed"))?;
        let args: Result<Vec<String>, _> = args.into_iter().map(String::from_utf8).collect();
        let args = args.map_err(|_| refuse("argument must be UTF-8 text", "the line is not valid UTF-8"))?;
        let Some((name, args)) = args.split_first() else {
            return Ok(());
        };
        match rows::find(name) {
            Some(row) => self.set_row(row, args),
            None => self.run_directive(name, args, (source, number), depth),
        }
    }

    fn set_row(&mut self, row: &'static Row, args: &[String]) -> Result<(), LineError> {
        let refused = |reason: String| {
            let advice = advice(row, args, &reason);
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

    fn run_directive(&mut self, name: &str, args: &[String], (source, line): (&str, usize), depth: usize) -> Result<(), LineError> {
        match (name.to_ascii_lowercase().as_str(), args) {
            ("include", [pattern]) => self.include(pattern, depth),
            ("rename-command", [command, new_name]) => {
                let renamed = RenamedCommand { command: command.clone(), new_name: new_name.clone(), source: source.to_owned(), line };
                self.config.rename_command.push(renamed);
                Ok(())
            }
            ("user", [user, rules @ ..]) => match UserLine::read(user, rules) {
                Ok(user) => {
                    self.default_user = Some((user, source.to_owned(), line));
                    Ok(())
                }
                Err(reason) => Err(refuse(
                    "users other than the default one are not supported yet",
                    format!("{reason}; this version has no access control lists, requirepass protects the default user"),
                )),
            },
            ("loadmodule", [_, ..]) => Err(refuse("modules cannot be loaded", "Larder loads no modules: remove the line")),
            ("sentinel", [_, ..]) => Err(refuse(
                "sentinel directive while not in sentinel mode",
                "Larder fails over by itself and needs no sentinel: remove the line",
            )),
            (name, [_]) if is_obsolete(name) => {
                self.warnings.push(format!("{source}: option '{name}' belongs to earlier versions of Valkey and is ignored"));
                Ok(())
            }
            _ => {
                let (dashes, others) = if source == COMMAND_LINE { ("--", &["version", "help"][..]) } else { ("", &[][..]) };
                // What stood there with one dash is shown with one.
                let given = if name.starts_with('-') { "" } else { dashes };
                let advice = match rows::nearest(name, others) {
                    Some(near) => format!("there is no option '{given}{name}'; did you mean '{dashes}{near}'?"),
                    None => format!("there is no option '{given}{name}' with {} argument(s)", args.len()),
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
        if let Some((user, source, number)) = &self.default_user {
            user.check_password(config).map_err(|reason| ConfigError::Line {
                source: source.clone(),
                number: *number,
                text: "user default (hidden)".to_owned(),
                reason: "users other than the default one are not supported yet".to_owned(),
                advice: format!("the line of the default user does not hold here: {reason}"),
            })?;
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

/// The sentence for the operator about a value that was refused.
fn advice(row: &Row, args: &[String], reason: &str) -> String {
    let name = row.name;
    let allowed = row.allowed();
    if row.is_sensitive {
        return format!("option '{name}' takes {allowed}");
    }
    let given = args.join(" ");
    let is_about_type = reason.starts_with("argument") || reason.starts_with("wrong number");
    match row.status {
        // Most of what the option could take is what this version refuses.
        Status::Later(_) => format!("option '{name}' cannot be '{given}': {reason}"),
        _ if is_about_type => format!("option '{name}' cannot be '{given}': it takes {allowed}"),
        _ => format!("option '{name}' cannot be '{given}': {reason}; it takes {allowed}"),
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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::{Config, ConfigStore};
    use super::CommandLine;
    use crate::config::rows;

    fn args(args: &[&str]) -> Vec<String> {
        args.iter().map(|arg| (*arg).to_owned()).collect()
    }

    fn start(given: &[&str], stdin: &str) -> Result<(ConfigStore, Vec<String>), String> {
        ConfigStore::from_args(&args(given), &mut stdin.as_bytes()).map_err(|error| error.to_string())
    }

    /// The configuration from these arguments, which must be valid and cause no warning.
    fn config(given: &[&str]) -> Config {
        let (store, warnings) = start(given, "").unwrap_or_else(|error| panic!("{given:?}: {error}"));
        assert_eq!(warnings, Vec::<String>::new());
        Config::clone(&store.load())
    }

    fn write(dir: &Path, name: &str, text: &str) -> String {
        let path = dir.join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    #[test]
    fn the_command_line_becomes_lines() {
        let cases: &[(&[&str], &str)] = &[
            (&["--port", "6380"], "port \"6380\" "),
            (&["--port 6380"], "port 6380 "),
            (&["--port", "6380", "--save", "900", "1"], "port \"6380\" \nsave \"900\" \"1\" "),
            (&["--save", "--port", "1"], "save \"\"\nport \"1\" "),
            (&["--port", "1", "--save"], "port \"1\" \nsave \"\""),
            (&["--save", ""], "save \"\" "),
            (&["--port", "--loglevel", "verbose"], "port \"--loglevel\" \"verbose\" "),
            (&["--port", "--bla", "--loglevel", "verbose"], "port \"--bla\" \nloglevel \"verbose\" "),
            (&["--loglevel"], "loglevel "),
            (&["--sentinel", "--port", "1"], "sentinel \nport \"1\" "),
            (&["-", "--port", "1"], "port \"1\" "),
            (&["--port", "1", "-"], "port \"1\" "),
            (&["file.conf", "--port", "1"], "port \"1\" "),
            (&[], ""),
        ];
        for (given, expected) in cases {
            assert_eq!(CommandLine::read(&args(given)).options, *expected, "{given:?}");
        }
        for (given, file, reads_stdin) in [
            (&["file.conf"][..], Some("file.conf"), false),
            (&["file.conf", "-"], Some("file.conf"), true),
            (&["-", "--port", "1"], None, true),
            (&["--port", "1", "-"], None, true),
        ] {
            let given = args(given);
            let line = CommandLine::read(&given);
            assert_eq!((line.file, line.reads_stdin), (file, reads_stdin), "{given:?}");
        }
    }

    #[test]
    fn later_places_win() {
        let dir = tempfile::tempdir().unwrap();
        let file = write(dir.path(), "a.conf", "port 1\ntimeout 1\nhz 1\n");
        let (store, _) = start(&[&file, "--hz", "3", "-"], "timeout 2\nhz 2\n").unwrap();
        let config = store.load();
        assert_eq!((config.port, config.timeout, config.hz), (1, 2, 3));
        assert_eq!(store.file(), Some(Path::new(&file)));
    }

    #[test]
    fn lines_may_hold_comments_quotes_and_case() {
        let dir = tempfile::tempdir().unwrap();
        let text = "# comment\n\n  PORT 7000  \r\nrequirepass \"a b\\x41\"\nlogfile ''\nbind 127.0.0.1 -::1\n\
                    client-output-buffer-limit normal 1mb 0 0\nclient-output-buffer-limit pubsub 2mb 0 0\n\
                    rename-command FLUSHALL \"\"\nrename-command get fetch\nslave-priority 5\n\
                    cluster-seed a:1 b\ncluster-seed [::1]:2\nappendonly no\nsave \"\"\n# caf\u{e9}\n";
        let file = write(dir.path(), "a.conf", text);
        let (store, _) = start(&[&file], "").unwrap();
        let config = store.load();
        assert_eq!((config.port, config.requirepass.as_str()), (7000, "a bA"));
        assert_eq!(config.bind, ["127.0.0.1", "-::1"]);
        assert_eq!(config.client_output_buffer_limit.normal.hard_bytes, 1 << 20);
        assert_eq!(config.client_output_buffer_limit.pubsub.hard_bytes, 2 << 20);
        assert_eq!(config.cluster_seed, ["a:1", "b", "[::1]:2"]);
        let renamed: Vec<_> = config.rename_command.iter().map(|renamed| (renamed.command.as_str(), renamed.new_name.as_str())).collect();
        assert_eq!(renamed, [("FLUSHALL", ""), ("get", "fetch")]);
    }

    #[test]
    fn several_arguments_may_come_as_one() {
        assert_eq!(config(&["--bind", "127.0.0.1 ::1"]).bind, ["127.0.0.1", "::1"]);
        let flags = config(&["--shutdown-on-sigint", "nosave force"]).shutdown_on_sigint;
        assert!(flags.contains(super::super::ShutdownFlags::FORCE));
        assert_eq!(config(&["--bind", ""]).bind, Vec::<String>::new());
    }

    /// Each is what Valkey's tests look for, joined by what must lie between.
    #[test]
    fn errors_show_the_line_and_valkeys_words() {
        let cases: &[(&[&str], &[&str])] = &[
            (&["--invalid"], &[">>> 'invalid'", "Bad directive or wrong number of arguments"]),
            (&["--port"], &["'port'", "wrong number of arguments"]),
            (&["--port", "6380", "--loglevel"], &["'loglevel'", "wrong number of arguments"]),
            (&["--port", "6379", "6380"], &["'port \"6379\" \"6380\"'", "wrong number of arguments"]),
            (&["--port", "--loglevel", "verbose"], &["'port \"--loglevel\" \"verbose\"'", "wrong number of arguments"]),
            (&["--port", "--bla", "--loglevel", "verbose"], &["'port \"--bla\"'", "argument couldn't be parsed into an integer"]),
            (
                &["--logfile", "--my--log--file", "--loglevel", "--bla"],
                &["'loglevel \"--bla\"'", "argument(s) must be one of the following"],
            ),
            (&["--shutdown-on-sigint"], &["'shutdown-on-sigint'", "argument(s) must be one of the following"]),
            (
                &["--shutdown-on-sigint", "now force", "--shutdown-on-sigterm"],
                &["'shutdown-on-sigterm'", "argument(s) must be one of the following"],
            ),
            (&["--replicaof", "127.0.0.1", "abc"], &["'replicaof \"127.0.0.1\" \"abc\"'", "Invalid primary port"]),
            (&["--replicaof", "--127.0.0.1", "abc"], &["'replicaof \"--127.0.0.1\" \"abc\"'", "Invalid primary port"]),
            (&["--replicaof", "--127.0.0.1", "--abc"], &["'replicaof \"--127.0.0.1\"'", "wrong number of arguments"]),
            (&["--logfile", "/nonexistent/dir/log"], &["Can't open the log file: No such file or directory"]),
            (&["--cluster-autopilot", "yes"], &["cluster-autopilot yes needs cluster-enabled yes"]),
            (&["/nonexistent/larder.conf"], &["Fatal error, can't open config file '/nonexistent/larder.conf': No such file"]),
            (&["--user", "alice", "on"], &["users other than the default one are not supported yet"]),
            (&["--loadmodule", "/x.so"], &["modules cannot be loaded"]),
            (&["--sentinel", "monitor", "x"], &["sentinel directive while not in sentinel mode"]),
            (&["--max-memory", "1gb"], &["Bad directive", "there is no option '--max-memory'; did you mean '--maxmemory'?"]),
            (&["--prot", "1"], &[">>> 'prot \"1\"'", "command line: there is no option '--prot'; did you mean '--port'?"]),
            (&["-port", "1"], &["there is no option '-port'; did you mean '--port'?"]),
            (&["--versio"], &["there is no option '--versio'; did you mean '--version'?"]),
            (&["-V"], &["there is no option '-V' with 0 argument(s)"]),
            (&["-x"], &["there is no option '-x' with 0 argument(s)"]),
            (
                &["--maxmemory", "lots"],
                &[
                    "argument must be a memory value",
                    "command line: option 'maxmemory' cannot be 'lots'",
                    "it takes bytes, with an optional unit such as mb",
                ],
            ),
            (&["--keyspace-stripes", "100"], &["argument must be a power of two"]),
            (&["--cluster-seed", "host:0"], &["'host:0' is not host or host:port"]),
        ];
        for (given, expected) in cases {
            let error = start(given, "").map(|_| ()).unwrap_err();
            let is_about_a_line = error.contains(">>> '");
            assert_eq!(error.starts_with("\n*** FATAL COMMAND LINE ERROR (Version "), is_about_a_line, "{error}");
            assert!(!is_about_a_line || !error.to_lowercase().contains("config"), "no file is to blame: {error}");
            let mut rest = error.as_str();
            for part in *expected {
                let at = rest.find(part).unwrap_or_else(|| panic!("{given:?}: no {part:?} in {error}"));
                rest = &rest[at + part.len()..];
            }
        }
    }

    #[test]
    fn an_error_in_a_file_names_file_line_option_and_values() {
        let dir = tempfile::tempdir().unwrap();
        let file = write(dir.path(), "a.conf", "# first\nport 6380\nmaxmemory-policy lru\n");
        let error = start(&[&file], "").map(|_| ()).unwrap_err();
        let words = "volatile-lru, volatile-lfu, volatile-random, volatile-ttl, allkeys-lru, allkeys-lfu, allkeys-random, noeviction";
        let version = env!("CARGO_PKG_VERSION");
        assert_eq!(
            error,
            format!(
                "\n*** FATAL CONFIG FILE ERROR (Version {version}) ***\nReading the configuration file, at line 3\n\
                 >>> 'maxmemory-policy lru'\nargument(s) must be one of the following: {words}\n\
                 {file}, line 3: option 'maxmemory-policy' cannot be 'lru': it takes one of {words}"
            )
        );
        let file = write(dir.path(), "b.conf", "requirepass \"oops\nport 1\n");
        let error = start(&[&file], "").map(|_| ()).unwrap_err();
        assert!(error.contains("Unbalanced quotes in configuration line") && !error.contains("oops"), "{error}");
    }

    #[test]
    fn files_include_files() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("conf.d")).unwrap();
        write(dir.path(), "conf.d/1.conf", "port 1\nhz 11\n");
        write(dir.path(), "conf.d/2.conf", "port 2\n");
        let path = dir.path().display();
        let file = write(dir.path(), "a.conf", &format!("hz 10\ndir {path}\ninclude conf.d/*.conf\ninclude {path}/none*\ntimeout 3\n"));
        let (store, _) = start(&[&file], "").unwrap();
        let config = store.load();
        assert_eq!((config.port, config.hz, config.timeout), (2, 11, 3));
        assert_eq!(Path::new(&config.dir), std::fs::canonicalize(dir.path()).unwrap());

        write(dir.path(), "conf.d/2.conf", "port x\n");
        let error = start(&[&file], "").map(|_| ()).unwrap_err();
        assert!(error.contains("conf.d/2.conf, line 1: option 'port' cannot be 'x'"), "{error}");

        let looping = write(dir.path(), "loop.conf", &format!("include {path}/loop.conf\n"));
        let error = start(&[&looping], "").map(|_| ()).unwrap_err();
        assert!(error.contains("Too many nested include directives"), "{error}");

        let missing = write(dir.path(), "missing.conf", &format!("include {path}/nowhere.conf\n"));
        let error = start(&[&missing], "").map(|_| ()).unwrap_err();
        assert!(error.starts_with("Fatal error, can't open config file"), "{error}");
    }

    #[test]
    fn what_has_no_effect_is_named_once() {
        let given = [
            "--activerehashing",
            "no",
            "--activerehashing",
            "no",
            "--dynamic-hz",
            "yes",
            "--repl-timeout",
            "60",
            "--cluster-announce-human-nodename",
            "larder-1",
        ];
        let (_, warnings) = start(&given, "").unwrap();
        assert_eq!(
            warnings,
            [
                "command line: option 'dynamic-hz' belongs to earlier versions of Valkey and is ignored",
                "option 'activerehashing' has no effect: hash tables grow in small steps and never need rehashing in the background",
                "option 'cluster-announce-human-nodename' has no effect: the log names nodes by their ids",
            ]
        );
    }

    /// What Valkey's CONFIG REWRITE writes, with and without a password, and what its users set.
    #[test]
    fn the_line_of_the_default_user_is_accepted() {
        let dir = tempfile::tempdir().unwrap();
        let line = "user default on nopass sanitize-payload ~* &* +@all\n";
        let file = write(dir.path(), "a.conf", line);
        let (store, warnings) = start(&[&file], "").unwrap();
        assert_eq!(warnings, Vec::<String>::new());
        // It follows a password that is set later, so that the file can be loaded again.
        store.update(|config| config.requirepass = "test".to_owned());
        store.rewrite().unwrap();
        let hash = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.starts_with(&format!("user default on #{hash} ~* &* +@all\n")) && !text.contains("sanitize"), "{text}");
        let (store, _) = start(&[&file], "").unwrap();
        assert_eq!(store.load().requirepass, "test");
        let error = start(&["-"], &format!("{line}requirepass secret\n")).map(|_| ()).unwrap_err();
        assert!(error.contains("standard input, line 1: ") && error.contains("requirepass sets a password"), "{error}");
    }

    /// What Valkey's test suite starts its servers with.
    #[test]
    fn the_configuration_of_valkeys_tests_is_accepted() {
        let text = "always-show-logo yes\nnotify-keyspace-events KEA\ndaemonize no\npidfile /var/run/valkey.pid\n\
            port 6379\ntimeout 0\nbind 127.0.0.1\nloglevel verbose\nlogfile ''\ndatabases 16\n\
            latency-monitor-threshold 1\nrepl-diskless-sync-delay 0\nsave ''\nrdbcompression yes\n\
            dbfilename dump.rdb\ndir ./\nslave-serve-stale-data yes\nappendonly no\nappendfsync everysec\n\
            no-appendfsync-on-rewrite no\nactiverehashing yes\nenable-protected-configs yes\n\
            enable-debug-command yes\nenable-module-command yes\npropagation-error-behavior panic\n\
            shutdown-on-sigterm force\nenable-debug-assert yes\nhide-user-data-from-log no\n\
            io-threads 2\nio-threads-always-active yes\nmin-io-threads-avoid-copy-reply 2\n\
            unixsocket /tmp/socket\nkey-load-delay 0\nrdb-key-save-delay 0\nhash-seed aabbccddeeffgghh\n\
            cluster-enabled yes\nhash-max-listpack-entries 20\nhash-max-ziplist-entries 21\n";
        let (store, _) = start(&["-"], text).unwrap();
        assert_eq!(store.load().hash_max_listpack_entries, 21);
    }

    /// Every option that the shipped file shows with its default reads back as that default.
    #[test]
    fn the_shipped_defaults_are_the_defaults() {
        let conf = super::super::generate_conf();
        let lines = conf.lines().filter_map(|line| line.strip_prefix("# "));
        let is_default = |line: &&str| {
            let name = line.split(' ').next().unwrap_or("");
            rows::find(name).is_some_and(|row| row.name == name && row.example.is_none())
        };
        // Sentences may start with an option's name too, but they end with a full stop.
        let lines: Vec<&str> = lines.filter(is_default).filter(|line| !line.ends_with('.')).collect();
        assert!(lines.len() > 190, "{}", lines.len());
        let (store, warnings) = start(&["-"], &lines.join("\n")).unwrap();
        assert_eq!(warnings, Vec::<String>::new());
        assert_eq!(store.get(&[b"*"]), ConfigStore::new(Config::default(), None).get(&[b"*"]));
    }

    proptest::proptest! {
        /// Whatever stands in a file gives a configuration or a message, and never ends the process by a panic.
        #[test]
        fn no_text_makes_start_up_panic(name in 0..rows::all().count(), value in "[ -~\\PC]{0,24}", rest in "(?s).{0,40}") {
            let name = rows::all().nth(name).unwrap().name;
            // Directories of the machine are none of this test's business.
            if name != "logfile" && name != "dir" {
                let _ = start(&["-"], &format!("{name} {value}\n"));
            }
            if !rest.contains("include") && !rest.contains("logfile") {
                let _ = start(&["-"], &rest);
            }
        }
    }
}
