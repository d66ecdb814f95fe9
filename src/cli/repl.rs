//! The interactive session: a prompt on a terminal, or lines from a pipe.

use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use larder_proto::resp::split_args;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::{DefaultHistory, History};
use rustyline::validate::Validator;
use rustyline::{Config, Context, Editor, Helper};

use super::docs::Docs;
use super::options::stdout_is_terminal;
use super::output::Format;
use super::session::{Connected, Session};
use super::settings::Address;
use super::stop::{Stop, complain, fail};
use crate::base::clock;

/// Commands that take longer say so.
const SLOW_COMMAND_MS: u64 = 500;
/// Lines that the history file keeps.
const HISTORY_LEN: usize = 1000;
/// What Ctrl-C sends while the terminal does not turn it into a signal.
const CTRL_C: u8 = 3;

/// Where lines come from.
enum Lines {
    Terminal(Box<Terminal>),
    Pipe(BufReader<File>),
}

struct Terminal {
    editor: Editor<Assistant, DefaultHistory>,
    history: Option<PathBuf>,
    hints: Arc<AtomicBool>,
    /// A key that was pressed while messages were shown: the beginning of the next line.
    pressed: Option<u8>,
}

/// Completion and hints while typing.
struct Assistant {
    docs: Docs,
    hints: Arc<AtomicBool>,
    /// Whether the history is being searched: the prompt on the screen is not that of the line.
    searches: AtomicBool,
}

impl Helper for Assistant {}
impl Validator for Assistant {}

impl Highlighter for Assistant {
    fn highlight_prompt<'b, 's: 'b, 'p: 'b>(&'s self, prompt: &'p str, default: bool) -> std::borrow::Cow<'b, str> {
        self.searches.store(!default, Ordering::Relaxed);
        prompt.into()
    }

    fn highlight_hint<'h>(&self, hint: &'h str) -> std::borrow::Cow<'h, str> {
        format!("\x1b[90m{hint}\x1b[0m").into()
    }
}

impl Completer for Assistant {
    type Candidate = String;

    fn complete(&self, line: &str, pos: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<String>)> {
        Ok((0, self.docs.completions(&line[..pos])))
    }
}

/// Grammar to look at, not to insert.
struct ShownHint(String);

impl rustyline::hint::Hint for ShownHint {
    fn display(&self) -> &str {
        &self.0
    }

    fn completion(&self) -> Option<&str> {
        None
    }
}

impl Hinter for Assistant {
    type Hint = ShownHint;

    fn hint(&self, line: &str, pos: usize, _: &Context<'_>) -> Option<ShownHint> {
        if !self.hints.load(Ordering::Relaxed) || pos < line.len() {
            return None;
        }
        let hint = self.docs.hint(line)?;
        let blank = if line.ends_with(|c: char| c.is_ascii_whitespace()) { "" } else { " " };
        Some(ShownHint(format!("{blank}{hint}")))
    }
}

/// What a line asks for besides commands of the server.
enum Next {
    /// Look for messages, if subscribed, before the next line.
    Watch,
    /// The next line.
    Line,
    Leave,
}

/// Reads and runs commands until the end of the input, `quit` or `exit`.
pub(super) fn run(session: &mut Session) -> Result<(), Stop> {
    session.connect(false);
    let mut lines = if io::stdin().is_terminal() {
        Lines::Terminal(Box::new(Terminal::new(session)?))
    } else {
        let stdin = io::stdin().as_fd().try_clone_to_owned()?;
        Lines::Pipe(BufReader::new(File::from(stdin)))
    };
    session.interactive = true;
    while let Some(line) = lines.next(session)? {
        match run_line(session, &mut lines, &line)? {
            Next::Leave => return Ok(()),
            Next::Watch if session.is_subscribed() || session.is_monitoring() => watch(session, &mut lines)?,
            Next::Watch | Next::Line => {}
        }
    }
    Ok(())
}

impl Lines {
    /// The next line without its end; none at the end of the input.
    fn next(&mut self, session: &mut Session) -> Result<Option<Vec<u8>>, Stop> {
        match self {
            Lines::Pipe(input) => {
                let mut line = Vec::new();
                let len = input.read_until(b'\n', &mut line)?;
                while line.last().is_some_and(|byte| matches!(byte, b'\n' | b'\r')) {
                    line.pop();
                }
                Ok((len > 0).then_some(line))
            }
            Lines::Terminal(terminal) => loop {
                let pressed = terminal.pressed.take().filter(|key| matches!(key, b' '..=b'~'));
                let start = pressed.map(|key| char::from(key).to_string()).unwrap_or_default();
                match terminal.editor.readline_with_initial(&session.prompt(), (&start, "")) {
                    Ok(line) => return Ok(Some(line.into_bytes())),
                    // The key ends the search and nothing else, as in every shell.
                    Err(ReadlineError::Interrupted) if terminal.ends_search() => {}
                    // Leaving the subscribed mode takes a new connection; elsewhere these keys leave the program.
                    Err(ReadlineError::Interrupted | ReadlineError::Eof) if session.is_subscribed() => {
                        session.connect(false);
                    }
                    Err(ReadlineError::Interrupted | ReadlineError::Eof) => return Ok(None),
                    Err(ReadlineError::Io(error)) => return Err(error.into()),
                    Err(error) => return Err(fail(format_args!("Error: {error}"))),
                }
            },
        }
    }

    /// Whether a line can be read without waiting for the descriptor.
    fn has_buffered(&self) -> bool {
        matches!(self, Lines::Pipe(input) if !input.buffer().is_empty())
    }
}

impl Terminal {
    fn new(session: &mut Session) -> Result<Self, Stop> {
        let io_error = |error: ReadlineError| fail(format_args!("Error: {error}"));
        let config = Config::builder().max_history_size(HISTORY_LEN).map_err(io_error)?.auto_add_history(false).build();
        let mut editor = Editor::with_config(config).map_err(io_error)?;
        let hints = Arc::new(AtomicBool::new(true));
        editor.set_helper(Some(Assistant { docs: Docs::load(session)?, hints: Arc::clone(&hints), searches: AtomicBool::new(false) }));
        let history = dot_file(&["LARDERCLI_HISTFILE", "VALKEYCLI_HISTFILE", "REDISCLI_HISTFILE"], ".lardercli_history");
        if let Some(path) = &history {
            // There is none the first time.
            let _ = editor.load_history(path);
        }
        let terminal = Terminal { editor, history, hints, pressed: None };
        if let Some(path) = dot_file(&["LARDERCLI_RCFILE", "VALKEYCLI_RCFILE", "REDISCLI_RCFILE"], ".larderclirc") {
            terminal.load_preferences(&path)?;
        }
        Ok(terminal)
    }

    /// Whether the line that was just interrupted was a search in the history.
    fn ends_search(&self) -> bool {
        self.editor.helper().is_some_and(|assistant| assistant.searches.swap(false, Ordering::Relaxed))
    }

    fn load_preferences(&self, path: &Path) -> Result<(), Stop> {
        let Ok(text) = std::fs::read(path) else { return Ok(()) };
        for line in text.split(|byte| *byte == b'\n') {
            if let Some(words) = split_args(line).filter(|words| !words.is_empty()) {
                set_preference(&words, Some(&self.hints), false, ".larderclirc: ")?;
            }
        }
        Ok(())
    }

    /// Remembers a line; secrets only until the end of the session.
    fn remember(&mut self, line: &[u8], words: &[Vec<u8>]) {
        let line = String::from_utf8_lossy(line);
        let _ = self.editor.add_history_entry(line.as_ref());
        let Some(path) = &self.history else { return };
        if !is_sensitive(words) {
            // The file is rewritten without the secrets that the session remembers.
            let mut kept = DefaultHistory::new();
            let _ = kept.set_max_len(HISTORY_LEN);
            for entry in self.editor.history().iter() {
                let words = split_args(entry.as_bytes()).unwrap_or_default();
                if !is_sensitive(&words) {
                    let _ = kept.add(entry);
                }
            }
            if let Err(error) = kept.save(path) {
                complain(format_args!("Could not write the history file: {error}"));
                self.history = None;
            }
        }
    }
}

/// The path of a file of preferences or history. `/dev/null` stands for none.
fn dot_file(variables: &[&str], name: &str) -> Option<PathBuf> {
    let set = |variable: &str| std::env::var_os(variable).filter(|path| !path.is_empty());
    match variables.iter().find_map(|variable| set(variable)) {
        Some(path) => (path != "/dev/null").then(|| path.into()),
        None => Some(Path::new(&set("HOME")?).join(name)),
    }
}

fn run_line(session: &mut Session, lines: &mut Lines, line: &[u8]) -> Result<Next, Stop> {
    let mut out = io::stdout();
    let Some(mut words) = split_args(line) else {
        writeln!(out, "Invalid argument(s)")?;
        return Ok(Next::Line);
    };
    if words.is_empty() {
        return Ok(Next::Line);
    }
    if let Lines::Terminal(terminal) = lines {
        terminal.remember(line, &words);
    }
    let mut repeat = 1;
    if let (2.., Some(times)) = (words.len(), number(&words[0])) {
        if times <= 0 {
            writeln!(out, "Invalid larder-cli repeat command option value.")?;
            return Ok(Next::Line);
        }
        repeat = times;
        words.remove(0);
    }
    let first = words[0].to_ascii_lowercase();
    match (&first[..], words.len()) {
        (b"quit" | b"exit", _) => return Ok(Next::Leave),
        ([b':', ..], _) => {
            let hints = match lines {
                Lines::Terminal(terminal) => Some(&*terminal.hints),
                Lines::Pipe(_) => None,
            };
            set_preference(&words, hints, session.is_subscribed(), "")?;
            return Ok(Next::Line);
        }
        (b"help" | b"?", _) => match lines {
            Lines::Terminal(terminal) => {
                if let Some(assistant) = terminal.editor.helper() {
                    assistant.docs.print_help(&words[1..])?;
                }
            }
            Lines::Pipe(_) => Docs::load(session)?.print_help(&words[1..])?,
        },
        (b"connect", 3) => {
            let Some(port) = number(&words[2]).and_then(|port| u16::try_from(port).ok()) else {
                writeln!(out, "Invalid server port.")?;
                return Ok(Next::Line);
            };
            session.settings.address = Address::Tcp(String::from_utf8_lossy(&words[1]).into_owned(), port);
            session.connect(false);
        }
        (b"clear", 1) => {
            write!(out, "\x1b[H\x1b[2J")?;
            out.flush()?;
        }
        _ => {
            let started_ms = clock::monotonic_ms();
            session.run(&words, repeat)?;
            let elapsed_ms = clock::monotonic_ms() - started_ms;
            if elapsed_ms >= SLOW_COMMAND_MS && session.formatter.format == Format::Standard {
                writeln!(out, "({:.2}s)", elapsed_ms as f64 / 1000.0)?;
            }
        }
    }
    Ok(Next::Watch)
}

fn number(word: &[u8]) -> Option<i64> {
    std::str::from_utf8(word).ok()?.parse().ok()
}

/// Obeys `:set hints` and `:get pubsub`.
fn set_preference(words: &[Vec<u8>], hints: Option<&AtomicBool>, subscribed: bool, source: &str) -> Result<(), Stop> {
    let lower: Vec<Vec<u8>> = words.iter().map(|word| word.to_ascii_lowercase()).collect();
    let shown = |index: usize| String::from_utf8_lossy(&words[index]).into_owned();
    let mut out = io::stdout();
    match (&lower[0][..], lower.get(1).map(|word| &word[..])) {
        (b":set", Some(word @ (b"hints" | b"nohints"))) => {
            if let Some(hints) = hints {
                hints.store(word == b"hints", Ordering::Relaxed);
            }
        }
        (b":set", Some(_)) => writeln!(out, "{source}unknown larder-cli preference '{}'", shown(1))?,
        (b":get", Some(b"pubsub")) => writeln!(out, "{}", u8::from(subscribed))?,
        (b":get", Some(_)) => writeln!(out, "{source}unknown larder-cli get option '{}'", shown(1))?,
        _ => writeln!(out, "{source}unknown larder-cli internal command '{}'", shown(0))?,
    }
    Ok(())
}

/// A terminal that hands over every key at once. Undone when dropped.
struct RawKeys(Option<Termios>);

impl RawKeys {
    fn new() -> Self {
        let stdin = io::stdin();
        let Ok(before) = tcgetattr(&stdin) else { return RawKeys(None) };
        let mut raw = before.clone();
        raw.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG);
        if tcsetattr(&stdin, OptionalActions::Now, &raw).is_err() {
            return RawKeys(None);
        }
        RawKeys(Some(before))
    }

    /// The key that was pressed.
    fn read(&self) -> Option<u8> {
        self.0.as_ref()?;
        let mut key = [0];
        let read = rustix::io::read(io::stdin(), &mut key).ok()?;
        (read == 1).then_some(key[0])
    }
}

impl Drop for RawKeys {
    fn drop(&mut self) {
        if let Some(before) = &self.0 {
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, before);
        }
    }
}

/// Prints messages until there is something to read from the standard input. Ctrl-C opens a new connection.
fn watch(session: &mut Session, lines: &mut Lines) -> Result<(), Stop> {
    let mut out = io::stdout();
    let show_info = session.formatter.format != Format::Raw && stdout_is_terminal();
    let colored = std::env::var("TERM").is_ok_and(|term| term.contains("xterm"));
    let (bright, plain) = if colored { ("\x1b[1;90m", "\x1b[0m") } else { ("", "") };
    let keys = RawKeys::new();
    while session.is_subscribed() || session.is_monitoring() {
        if let Err(error) = session.print_messages(false)? {
            return Err(fail(format_args!("Error: {error}")));
        }
        if !session.is_subscribed() && !session.is_monitoring() {
            break;
        }
        if show_info {
            let info = "Reading messages... (press Ctrl-C to quit or any key to type command)\r";
            write!(out, "{bright}{info}{plain}")?;
            out.flush()?;
        }
        let (message, input) = if lines.has_buffered() { (false, true) } else { wait(session)? };
        if show_info {
            write!(out, "\x1b[K")?;
            out.flush()?;
        }
        let key = if input { keys.read() } else { None };
        if key == Some(CTRL_C) || (input && session.is_monitoring() && key.is_some()) {
            // There is no other way to end MONITOR.
            writeln!(out, "Closing current connection. Ready to reconnect to Larder server... ")?;
            if session.connect(false) == Connected::No {
                return Err(Stop::Exit(1));
            }
            return Ok(());
        }
        if message {
            if let Err(error) = session.print_messages(true)? {
                return Err(fail(format_args!("Error: {error}")));
            }
        } else if input {
            if let Lines::Terminal(terminal) = lines {
                terminal.pressed = key;
            }
            return Ok(());
        }
    }
    Ok(())
}

/// Waits until the server or the standard input has something: whether each has.
fn wait(session: &Session) -> Result<(bool, bool), Stop> {
    let Some(connection) = &session.connection else { return Ok((false, true)) };
    let stdin = io::stdin();
    let mut fds = [PollFd::from_borrowed_fd(connection.as_fd(), PollFlags::IN), PollFd::new(&stdin, PollFlags::IN)];
    loop {
        match poll(&mut fds, None) {
            Ok(_) => return Ok((!fds[0].revents().is_empty(), !fds[1].revents().is_empty())),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(io::Error::from(error).into()),
        }
    }
}

/// Whether a command holds secrets that do not belong into a file.
fn is_sensitive(words: &[Vec<u8>]) -> bool {
    let lower: Vec<Vec<u8>> = words.iter().map(|word| word.to_ascii_lowercase()).collect();
    let word = |index: usize| lower.get(index).map_or(&b""[..], |word| &word[..]);
    const SECRET_OPTIONS: [&[u8]; 7] =
        [b"masterauth", b"masteruser", b"primaryuser", b"primaryauth", b"tls-key-file-pass", b"tls-client-key-file-pass", b"requirepass"];
    match (word(0), word(1)) {
        (b"auth", _) | (b"acl", b"deluser" | b"setuser" | b"getuser") => true,
        (b"config", b"set") => lower[2..].iter().step_by(2).any(|name| SECRET_OPTIONS.contains(&&name[..]) || name == b"cluster-secret"),
        (b"hello", _) => lower.iter().skip(2).any(|word| word == b"auth"),
        (b"migrate", _) => {
            let options = lower.iter().skip(6).take_while(|word| *word != b"keys");
            options.into_iter().any(|word| word == b"auth" || word == b"auth2")
        }
        (b"sentinel", b"config") => matches!(word(3), b"sentinel-pass" | b"sentinel-user"),
        (b"sentinel", b"set") => matches!(word(3), b"auth-pass" | b"auth-user"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets() {
        let sensitive = |line: &str| is_sensitive(&split_args(line.as_bytes()).expect("it is balanced"));
        for line in [
            "AUTH x",
            "acl setuser u on >p",
            "config set maxmemory 1 requirepass x",
            "hello 3 auth u p",
            "hello 3 setname n auth u p",
            "migrate h 1 k 0 10 copy auth p",
            "sentinel set m auth-pass p",
        ] {
            assert!(sensitive(line), "{line}");
        }
        for line in [
            "get auth",
            "config set maxmemory requirepass",
            "config get requirepass",
            "hello 3",
            "acl list",
            "migrate h 1 k 0 10 keys auth",
            "",
        ] {
            assert!(!sensitive(line), "{line}");
        }
    }
}
