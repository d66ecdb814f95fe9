//! The command line, and the settings that follow from it and from the environment.
//!
//! Option names and meanings are those of `valkey-cli` and `redis-cli`, so that scripts can exchange one for the other.
//! Where two options contradict each other the last one counts.

use std::ffi::OsString;
use std::io::{IsTerminal, Read, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;
use std::time::Duration;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{ArgAction, Parser};

use super::manager::ManagerOptions;
use super::output::Format;
use super::settings::{Address, AofWish, Family, FromStdin, Look, MigrateWish, Mode, Protocol, Settings};
use super::stop::{Stop, fail};
use super::uri;

/// Seconds that `--pipe` waits for a reply after everything was sent.
const PIPE_TIMEOUT_SECONDS: u64 = 30;
/// Keys per SCAN.
const SCAN_COUNT: u64 = 10;

/// Command-line client of Larder and of every server that speaks the Redis protocol.
///
/// Without a command an interactive session starts; type "help" there. `rdb check|info|export FILE` looks at a snapshot's file without any
/// server: whether it loads, what is in it, or all of it, a line of JSON for each key. `aof check [--fix] [--yes]
/// [--truncate-to-timestamp SECONDS] FILE` looks at an append only file, by its manifest or a part of it: whether it loads, and where not; what
/// cannot be loaded, or was written later, can be cut off its end. `migrate-from redis://[user:password@]host:port [--replace] [--cut-over]` has
/// the server take over the data of a running Redis or Valkey, step by step.
#[derive(Parser, Debug)]
#[command(
    name = "larder-cli",
    override_usage = "larder-cli [OPTIONS] [cmd [arg [arg ...]]]",
    disable_help_flag = true,
    disable_version_flag = true,
    args_override_self = true
)]
struct Options {
    /// Server host name.
    #[arg(short = 'h', value_name = "hostname", default_value = "127.0.0.1")]
    host: String,
    /// Server port.
    #[arg(short = 'p', value_name = "port", default_value_t = 6379)]
    port: u16,
    /// Server socket; takes the place of host name and port.
    #[arg(short = 's', value_name = "socket")]
    socket: Option<PathBuf>,
    /// Seconds to wait for a connection; 0 leaves it to the system.
    #[arg(short = 't', value_name = "timeout", default_value_t = 0.0)]
    timeout: f64,
    /// Password. Safer: the environment variable VALKEYCLI_AUTH or REDISCLI_AUTH.
    #[arg(short = 'a', long = "pass", value_name = "password")]
    password: Option<OsString>,
    /// Take the password from this environment variable.
    #[arg(long, value_name = "variable")]
    pass_from_env: Option<String>,
    /// Ask for the password on the terminal.
    #[arg(long)]
    askpass: bool,
    /// User name for AUTH; needs a password.
    #[arg(long, value_name = "username")]
    user: Option<OsString>,
    /// Server as valkey://user:password@host:port/dbnum (or redis://).
    #[arg(short = 'u', value_name = "uri")]
    uri: Option<String>,
    /// Run the command this often; a negative number means for ever.
    #[arg(short = 'r', value_name = "repeat", default_value_t = 1, allow_negative_numbers = true)]
    repeat: i64,
    /// Seconds between two runs; also between two rounds of --scan and --stat, and of 100 rounds of --bigkeys.
    #[arg(short = 'i', value_name = "interval", default_value_t = 0.0)]
    interval: f64,
    /// Database number.
    #[arg(short = 'n', value_name = "db", default_value_t = 0)]
    db: u32,
    /// Speak RESP2.
    #[arg(short = '2')]
    resp2: bool,
    /// Speak RESP3.
    #[arg(short = '3')]
    resp3: bool,
    /// Read the last argument of the command from the standard input.
    #[arg(short = 'x')]
    stdin_last: bool,
    /// Read the argument that is written as `<tag>` from the standard input.
    #[arg(short = 'X', value_name = "tag")]
    stdin_tag: Option<OsString>,
    /// Delimiter between elements in raw output.
    #[arg(short = 'd', value_name = "delimiter", default_value = "\n", hide_default_value = true)]
    element_delimiter: OsString,
    /// Delimiter after each reply in raw output.
    #[arg(short = 'D', value_name = "delimiter", default_value = "\n", hide_default_value = true)]
    reply_delimiter: OsString,
    /// Cluster mode: follow MOVED and ASK.
    #[arg(short = 'c')]
    cluster: bool,
    /// Exit with an error when the command fails.
    #[arg(short = 'e')]
    exit_on_error: bool,
    /// Prefer IPv4.
    #[arg(short = '4', conflicts_with = "ipv6")]
    ipv4: bool,
    /// Prefer IPv6.
    #[arg(short = '6')]
    ipv6: bool,
    /// Raw output, which is the default when the output is no terminal.
    #[arg(long, overrides_with_all = ["no_raw", "csv", "json", "quoted_json"])]
    raw: bool,
    /// Formatted output even when the output is no terminal.
    #[arg(long, overrides_with_all = ["raw", "csv", "json", "quoted_json"])]
    no_raw: bool,
    /// Output as comma-separated values.
    #[arg(long, overrides_with_all = ["raw", "no_raw", "json", "quoted_json"])]
    csv: bool,
    /// Output as JSON (asks for RESP3 unless -2 is given).
    #[arg(long, overrides_with_all = ["raw", "no_raw", "csv", "quoted_json"])]
    json: bool,
    /// As --json, with all text in ASCII.
    #[arg(long, overrides_with_all = ["raw", "no_raw", "csv", "json"])]
    quoted_json: bool,
    /// Take arguments as quoted strings.
    #[arg(long)]
    quoted_input: bool,
    /// Whether to print RESP3 pushes: y or n. Without it they are printed on a terminal.
    #[arg(long, value_name = "yn")]
    show_pushes: Option<String>,
    /// Print memory, clients, requests ... of the server again and again.
    #[arg(long)]
    stat: bool,
    /// Measure the round-trip time of PING.
    #[arg(long)]
    latency: bool,
    /// As --latency, one line each 15 seconds (or -i).
    #[arg(long)]
    latency_history: bool,
    /// Show the commands that a replica gets.
    #[arg(long, alias = "slave")]
    replica: bool,
    /// Copy all data as an RDB file; "-" writes it to the standard output.
    #[arg(long, value_name = "filename", conflicts_with = "functions_rdb")]
    rdb: Option<PathBuf>,
    /// As --rdb, but only the functions.
    #[arg(long, value_name = "filename")]
    functions_rdb: Option<PathBuf>,
    /// Send raw protocol from the standard input.
    #[arg(long)]
    pipe: bool,
    /// In --pipe mode: seconds to wait for replies after everything was sent; 0 waits for ever.
    #[arg(long, value_name = "n", default_value_t = PIPE_TIMEOUT_SECONDS)]
    pipe_timeout: u64,
    /// Look for keys with many elements.
    #[arg(long)]
    bigkeys: bool,
    /// Look for keys that take much memory.
    #[arg(long)]
    memkeys: bool,
    /// As --memkeys, with this number of elements sampled per key.
    #[arg(long, value_name = "n")]
    memkeys_samples: Option<u64>,
    /// List keys with SCAN.
    #[arg(long)]
    scan: bool,
    /// Which keys --scan, --bigkeys and --memkeys look at.
    #[arg(long, value_name = "pattern")]
    pattern: Option<OsString>,
    /// As --pattern, as a quoted string.
    #[arg(long, value_name = "pattern", overrides_with = "pattern")]
    quoted_pattern: Option<OsString>,
    /// COUNT of --scan, --bigkeys and --memkeys.
    #[arg(long, value_name = "count", default_value_t = SCAN_COUNT)]
    count: u64,
    /// Only keys of this type, for --scan.
    #[arg(long = "type", value_name = "type")]
    key_type: Option<OsString>,
    /// Send the Lua script in this file with EVAL: key names, a comma, arguments.
    #[arg(long, value_name = "file")]
    eval: Option<PathBuf>,
    #[command(flatten)]
    manager: ManagerOptions,
    /// No warning about a password on the command line.
    #[arg(long)]
    no_auth_warning: bool,
    /// Print this help.
    #[arg(long, action = ArgAction::Help)]
    help: Option<bool>,
    /// Print the version.
    #[arg(short = 'v', long)]
    version: bool,
    /// The command and its arguments.
    #[arg(trailing_var_arg = true, hide = true)]
    command: Vec<OsString>,
}

/// Whether the output is a terminal. The variable FAKETTY says so for tests.
pub(super) fn stdout_is_terminal() -> bool {
    std::io::stdout().is_terminal() || std::env::var_os("FAKETTY").is_some()
}

/// Reads the command line and the environment. Help and version are printed here.
pub(super) fn parse(args: impl Iterator<Item = OsString>) -> Result<Settings, Stop> {
    let args: Vec<OsString> = args.collect();
    if args.len() == 2 && args[1] == "-h" {
        return parse([args[0].clone(), "--help".into()].into_iter());
    }
    let options = Options::try_parse_from(args).map_err(|error| refusal(&error))?;
    if options.version {
        writeln!(std::io::stdout(), "larder-cli {}", env!("CARGO_PKG_VERSION"))?;
        return Err(Stop::Exit(0));
    }
    settle(options)
}

/// Turns a refusal of the option parser into the words that users of such clients know.
fn refusal(error: &clap::Error) -> Stop {
    if error.kind() == ErrorKind::DisplayHelp {
        return match write!(std::io::stdout(), "{}", error.render()) {
            Ok(()) => Stop::Exit(0),
            Err(error) => error.into(),
        };
    }
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => text.clone(),
        Some(ContextValue::Strings(texts)) => texts.first().cloned().unwrap_or_default(),
        _ => String::new(),
    };
    let option = text(ContextKind::InvalidArg);
    let option = option.split(' ').next().unwrap_or_default();
    match (error.kind(), option) {
        (ErrorKind::ArgumentConflict, "-4" | "-6") => fail("Options -4 and -6 are mutually exclusive."),
        (ErrorKind::ArgumentConflict, "--rdb" | "--functions-rdb") => fail("Option --functions-rdb and --rdb are mutually exclusive."),
        (ErrorKind::ValueValidation, "-p") => fail("Invalid server port."),
        (ErrorKind::ValueValidation, "-t") => fail("Invalid connection timeout for -t."),
        _ => fail(format!("Unrecognized option or bad number of args for: '{option}'")),
    }
}

/// Combines options, URI and environment.
fn settle(options: Options) -> Result<Settings, Stop> {
    check_conflicts(&options)?;
    let bytes = |text: OsString| text.into_vec();
    let terminal = stdout_is_terminal();
    let mut settings = Settings {
        mode: mode(&options)?,
        address: match options.socket.clone() {
            Some(path) => Address::Unix(path),
            None => Address::Tcp(options.host.clone(), options.port),
        },
        family: match (options.ipv4, options.ipv6) {
            (true, _) => Family::V4,
            (_, true) => Family::V6,
            _ => Family::Any,
        },
        timeout: duration(options.timeout).ok_or_else(|| fail("Invalid connection timeout for -t."))?,
        user: options.user.map(bytes),
        password: options.password.map(bytes),
        db: options.db,
        protocol: match (options.resp2, options.resp3) {
            (true, _) => Protocol::Default,
            (_, true) => Protocol::Resp3,
            _ if options.json || options.quoted_json => Protocol::WishResp3,
            _ => Protocol::Default,
        },
        cluster: options.cluster,
        format: match () {
            () if options.json => Format::Json,
            () if options.quoted_json => Format::QuotedJson,
            () if options.csv => Format::Csv,
            () if options.raw => Format::Raw,
            () if options.no_raw || terminal => Format::Standard,
            () => Format::Raw,
        },
        element_delimiter: options.element_delimiter.into_vec(),
        reply_delimiter: options.reply_delimiter.into_vec(),
        show_pushes: show_pushes(options.show_pushes.as_deref())?.unwrap_or(terminal),
        exit_on_error: options.exit_on_error,
        repeat: options.repeat,
        interval: duration(options.interval).flatten().unwrap_or_default(),
        from_stdin: match options.stdin_tag {
            Some(tag) => FromStdin::Tag(tag.into_vec()),
            None if options.stdin_last => FromStdin::Last,
            None => FromStdin::No,
        },
        pattern: match options.quoted_pattern {
            Some(quoted) => Some(unquote(quoted.as_bytes()).ok_or_else(|| fail("Invalid quoted string specified for --quoted-pattern."))?),
            None => options.pattern.map(bytes),
        },
        count: options.count,
        key_type: options.key_type.map(bytes),
    };
    if let Some(text) = &options.uri {
        uri::apply(text, &mut settings)?;
    }
    if settings.password.is_some() && !options.no_auth_warning {
        let warning = "Warning: Using a password with '-a' or '-u' option on the command line interface may not be safe.";
        writeln!(std::io::stderr(), "{warning}")?;
    }
    if options.askpass {
        settings.password = Some(ask_password()?);
    } else if settings.password.is_none() {
        settings.password = password_from_environment(options.pass_from_env.as_deref())?;
    }
    Ok(settings)
}

fn check_conflicts(options: &Options) -> Result<(), Stop> {
    for (conflict, names) in [
        (options.socket.is_some() && options.cluster, "-c and -s"),
        (options.resp2 && options.resp3, "-2 and -3"),
        (options.stdin_last && options.stdin_tag.is_some(), "-x and -X"),
    ] {
        if conflict {
            return Err(fail(format!("Options {names} are mutually exclusive.")));
        }
    }
    Ok(())
}

fn mode(options: &Options) -> Result<Mode, Stop> {
    let command: Vec<Vec<u8>> = options.command.iter().map(|arg| arg.as_bytes().to_vec()).collect();
    if let Some(wish) = options.manager.wish() {
        return Ok(Mode::Manager(wish));
    }
    Ok(match () {
        () if options.latency || options.latency_history => Mode::Latency { history: options.latency_history },
        () if options.pipe => Mode::Pipe((options.pipe_timeout > 0).then(|| Duration::from_secs(options.pipe_timeout))),
        () if options.replica => Mode::Replica,
        () if options.rdb.is_some() || options.functions_rdb.is_some() => Mode::Rdb {
            file: options.rdb.clone().or_else(|| options.functions_rdb.clone()).unwrap_or_default(),
            functions_only: options.functions_rdb.is_some(),
        },
        () if options.bigkeys => Mode::BigKeys,
        () if options.memkeys || options.memkeys_samples.is_some() => Mode::MemKeys(options.memkeys_samples.filter(|&samples| samples > 0)),
        () if options.stat => Mode::Stat,
        () if options.scan => Mode::Scan,
        () => match &options.eval {
            Some(file) => Mode::Eval(file.clone(), command),
            None if command.is_empty() => Mode::Repl,
            None if options.quoted_input => {
                let unquoted = command.iter().map(|arg| unquote(arg)).collect::<Option<_>>();
                Mode::Command(unquoted.ok_or_else(|| {
                    // On the standard output, as scripts know it.
                    match writeln!(std::io::stdout(), "Invalid quoted string") {
                        Ok(()) => Stop::Exit(1),
                        Err(error) => error.into(),
                    }
                })?)
            }
            None => own_mode(&command).unwrap_or(Mode::Command(command)),
        },
    })
}

/// `rdb check|info|export FILE`, `aof check|fix ... FILE` and `migrate-from URI`, which are no server's commands.
fn own_mode(command: &[Vec<u8>]) -> Option<Mode> {
    let path = |word: &[u8]| PathBuf::from(OsString::from_vec(word.to_vec()));
    let words: Vec<&[u8]> = command.iter().map(Vec::as_slice).collect();
    match words[..] {
        [b"rdb", look, file] => Some(Mode::Snapshot(Look::of(look)?, path(file))),
        [b"aof", ref rest @ ..] => AofWish::of(rest, path).map(Mode::AppendOnly),
        [b"migrate-from", ref rest @ ..] => MigrateWish::of(rest).map(Mode::Migrate),
        _ => None,
    }
}

/// A number of seconds; no duration stands for none. `None`: it is not one.
fn duration(seconds: f64) -> Option<Option<Duration>> {
    let duration = Duration::try_from_secs_f64(seconds).ok()?;
    Some((!duration.is_zero()).then_some(duration))
}

fn show_pushes(value: Option<&str>) -> Result<Option<bool>, Stop> {
    match value.map(|value| (value, value.chars().next().map(|c| c.to_ascii_lowercase()))) {
        None => Ok(None),
        Some((_, Some('y'))) => Ok(Some(true)),
        Some((_, Some('n'))) => Ok(Some(false)),
        Some((value, _)) => {
            writeln!(std::io::stderr(), "Unknown --show-pushes value '{value}' (valid: '[y]es', '[n]o')")?;
            Ok(None)
        }
    }
}

/// One quoted string, unquoted.
fn unquote(text: &[u8]) -> Option<Vec<u8>> {
    let mut words = larder_proto::resp::split_args(text)?;
    match words.len() {
        1 => words.pop(),
        _ => None,
    }
}

fn password_from_environment(variable: Option<&str>) -> Result<Option<Vec<u8>>, Stop> {
    if let Some(variable) = variable {
        let password =
            std::env::var_os(variable).ok_or_else(|| fail(format!("--pass-from-env: the environment has no variable '{variable}'.")))?;
        return Ok(Some(password.into_vec()));
    }
    Ok(["VALKEYCLI_AUTH", "REDISCLI_AUTH"].iter().find_map(std::env::var_os).map(OsStringExt::into_vec))
}

/// Reads a line from the terminal without showing it.
fn ask_password() -> Result<Vec<u8>, Stop> {
    use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
    let stdin = std::io::stdin();
    write!(std::io::stderr(), "Please input password: ")?;
    let shown = tcgetattr(&stdin).ok();
    if let Some(shown) = &shown {
        let mut hidden = shown.clone();
        hidden.local_modes.remove(LocalModes::ECHO);
        tcsetattr(&stdin, OptionalActions::Now, &hidden).map_err(std::io::Error::from)?;
    }
    let mut line = String::new();
    let read = stdin.read_line(&mut line);
    if let Some(shown) = &shown {
        tcsetattr(&stdin, OptionalActions::Now, shown).map_err(std::io::Error::from)?;
        writeln!(std::io::stderr())?;
    }
    read?;
    Ok(line.trim_end_matches(['\r', '\n']).into())
}

/// Puts what the standard input holds where the options say.
pub(super) fn fill_from_stdin(command: &mut Vec<Vec<u8>>, from_stdin: &FromStdin) -> Result<(), Stop> {
    let read = || {
        let mut text = Vec::new();
        std::io::stdin().read_to_end(&mut text)?;
        Ok::<_, Stop>(text)
    };
    match from_stdin {
        FromStdin::No => {}
        FromStdin::Last => command.push(read()?),
        FromStdin::Tag(tag) => match command.iter_mut().find(|arg| *arg == tag) {
            Some(arg) => *arg = read()?,
            None => return Err(fail("Using -X option but stdin tag not match.")),
        },
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Settings, Stop> {
        let args = std::iter::once("larder-cli").chain(line.split_whitespace());
        parse(args.map(OsString::from))
    }

    fn settings(line: &str) -> Settings {
        parsed(line).unwrap_or_else(|_| panic!("{line} is a command line"))
    }

    fn command(words: &[&str]) -> Mode {
        Mode::Command(words.iter().map(|word| word.as_bytes().to_vec()).collect())
    }

    #[test]
    fn options_end_where_the_command_begins() {
        assert_eq!(settings("").mode, Mode::Repl);
        assert_eq!(settings("-n 3 get -n 5 --raw").mode, command(&["get", "-n", "5", "--raw"]));
        assert_eq!(settings("-n 3 get k").db, 3);
        assert_eq!(settings("-r -1 ping").repeat, -1);
        assert_eq!(settings("-p 1 -p 2 ping").address, Address::Tcp("127.0.0.1".into(), 2));
        assert_eq!(settings("--quoted-input echo \"\\x41\"").mode, command(&["echo", "A"]));
        assert!(parsed("--quoted-input echo \"a").is_err());
        for refused in ["--foo", "-p", "-p 70000 ping", "-X", "-x -X t", "-2 -3", "-4 -6", "-c -s /x", "--rdb a --functions-rdb b"] {
            assert!(matches!(parsed(refused), Err(Stop::Exit(1))), "{refused}");
        }
    }

    #[test]
    fn formats_and_protocols() {
        for (line, format, protocol) in [
            ("--raw", Format::Raw, Protocol::Default),
            ("--no-raw", Format::Standard, Protocol::Default),
            ("--raw --no-raw", Format::Standard, Protocol::Default),
            ("--json --csv", Format::Csv, Protocol::Default),
            ("--json", Format::Json, Protocol::WishResp3),
            ("--json -2", Format::Json, Protocol::Default),
            ("-3 --quoted-json", Format::QuotedJson, Protocol::Resp3),
        ] {
            let settings = settings(line);
            assert_eq!((settings.format, settings.protocol), (format, protocol), "{line}");
        }
    }

    #[test]
    fn modes() {
        for (line, mode) in [
            ("--scan", Mode::Scan),
            ("--bigkeys", Mode::BigKeys),
            ("--memkeys", Mode::MemKeys(None)),
            ("--memkeys-samples 5", Mode::MemKeys(Some(5))),
            ("--pipe", Mode::Pipe(Some(Duration::from_secs(PIPE_TIMEOUT_SECONDS)))),
            ("--pipe --pipe-timeout 0", Mode::Pipe(None)),
            ("--latency-history", Mode::Latency { history: true }),
            ("--stat", Mode::Stat),
            ("--replica", Mode::Replica),
            ("--rdb f", Mode::Rdb { file: "f".into(), functions_only: false }),
            ("--functions-rdb f", Mode::Rdb { file: "f".into(), functions_only: true }),
            ("rdb check f", Mode::Snapshot(Look::Check, "f".into())),
            ("aof check f", Mode::AppendOnly(AofWish { file: "f".into(), ..Default::default() })),
            ("aof fix f", Mode::AppendOnly(AofWish { fixes: true, file: "f".into(), ..Default::default() })),
            (
                "aof check --fix --yes --truncate-to-timestamp 17 f",
                Mode::AppendOnly(AofWish { fixes: true, is_sure: true, until_s: Some(17), file: "f".into() }),
            ),
            ("migrate-from redis://h --cut-over", Mode::Migrate(MigrateWish { uri: "redis://h".into(), cuts_over: true, replaces: false })),
            ("migrate-from", Mode::Command(vec![b"migrate-from".to_vec()])),
            ("aof check --else f", Mode::Command(["aof", "check", "--else", "f"].map(|word| word.as_bytes().to_vec()).to_vec())),
            ("--eval f k , a", Mode::Eval("f".into(), vec![b"k".into(), b",".into(), b"a".into()])),
        ] {
            assert_eq!(settings(line).mode, mode, "{line}");
        }
        assert_eq!(settings("--scan --quoted-pattern \"*\\x32\"").pattern, Some(b"*2".to_vec()));
    }
}
