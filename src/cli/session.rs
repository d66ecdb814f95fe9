//! One session with a server: what a command does to the connection, to the prompt and to the output.

use std::io::{self, Write};
use std::time::Duration;

use larder_proto::resp::Value;

use super::connection::{Connection, ConnectionError};
use super::output::Formatter;
use super::settings::{Address, Protocol, Settings};
use super::stop::{Stop, complain, fail};

/// Most redirections that one command follows, so that two nodes that point to each other do not keep it for ever.
const REDIRECTIONS_MAX: u32 = 16;

/// What becomes of pushes that arrive while a reply is awaited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pushes {
    Print,
    Drop,
    /// They are replies: while subscribed, confirmations come as pushes.
    Replies,
}

/// How far connecting got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Connected {
    /// Not at all.
    No,
    /// There is a connection, but the server refused the password, the database or the protocol version. Commands are
    /// still sent, as users of such clients expect: a password that the server does not ask for is no obstacle.
    Unprepared,
    Ready,
}

/// A session. The connection may be lost and found again in between.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) settings: Settings,
    pub(super) connection: Option<Connection>,
    pub(super) formatter: Formatter,
    /// Whether commands come from a prompt: then a lost connection does not end the program.
    pub(super) interactive: bool,
    pub(super) in_transaction: bool,
    /// Channels and patterns, and sharded channels, that the connection is subscribed to.
    subscriptions: (i64, i64),
    db: u32,
    db_before_transaction: u32,
    pushes: Pushes,
    monitoring: bool,
    shutting_down: bool,
    asking: bool,
    redirected: bool,
}

impl Session {
    /// A session that is not connected.
    pub(super) fn new(settings: Settings) -> Self {
        let formatter = Formatter {
            format: settings.format,
            element_delimiter: settings.element_delimiter.clone(),
            reply_delimiter: settings.reply_delimiter.clone(),
        };
        Session {
            settings,
            connection: None,
            formatter,
            interactive: false,
            in_transaction: false,
            subscriptions: (0, 0),
            db: 0,
            db_before_transaction: 0,
            pushes: Pushes::Drop,
            monitoring: false,
            shutting_down: false,
            asking: false,
            redirected: false,
        }
    }

    /// Whether the connection is subscribed to anything.
    pub(super) fn is_subscribed(&self) -> bool {
        self.subscriptions != (0, 0)
    }

    /// Whether MONITOR runs.
    pub(super) fn is_monitoring(&self) -> bool {
        self.monitoring
    }

    /// The text before the cursor.
    pub(super) fn prompt(&self) -> String {
        if self.connection.is_none() {
            return "not connected> ".to_owned();
        }
        let mut prompt = self.server_name();
        if self.db != 0 {
            prompt += &format!("[{}]", self.db);
        }
        if self.in_transaction {
            prompt += "(TX)";
        }
        if self.is_subscribed() {
            prompt += "(subscribed mode)";
        }
        prompt + "> "
    }

    fn server_name(&self) -> String {
        match &self.settings.address {
            Address::Tcp(host, port) if host.contains(':') => format!("[{host}]:{port}"),
            Address::Tcp(host, port) => format!("{host}:{port}"),
            Address::Unix(path) => format!("larder {}", path.display()),
        }
    }

    /// Opens a new connection and prepares it: password, database, protocol version. Reasons for failure are printed,
    /// if `quiet` only those that the server gave.
    pub(super) fn connect(&mut self, quiet: bool) -> Connected {
        self.connection = None;
        self.in_transaction = false;
        self.subscriptions = (0, 0);
        self.monitoring = false;
        self.db = 0;
        self.pushes = if self.settings.show_pushes { Pushes::Print } else { Pushes::Drop };
        match Connection::open(&self.settings.address, self.settings.family, self.settings.timeout) {
            Ok(connection) => self.connection = Some(connection),
            Err(reason) => {
                if !quiet {
                    let server = match &self.settings.address {
                        Address::Tcp(host, port) => format!("{host}:{port}"),
                        Address::Unix(path) => path.display().to_string(),
                    };
                    complain(format_args!("Could not connect to Larder at {server}: {reason}"));
                }
                return Connected::No;
            }
        }
        let prepared = self.authenticate() && self.select() && self.choose_protocol();
        match (&self.connection, prepared) {
            (None, _) => Connected::No,
            (_, false) => Connected::Unprepared,
            (_, true) => Connected::Ready,
        }
    }

    /// The connection, or the end: for the modes that need one from the start.
    pub(super) fn connected(&mut self) -> Result<&mut Connection, Stop> {
        if self.connect(false) != Connected::Ready {
            return Err(Stop::Exit(1));
        }
        self.connection.as_mut().ok_or(Stop::Exit(1))
    }

    fn authenticate(&mut self) -> bool {
        let Some(password) = self.settings.password.clone() else { return true };
        let mut request = vec![b"AUTH".to_vec()];
        request.extend(self.settings.user.clone());
        request.push(password);
        self.prepare(&request, "AUTH failed")
    }

    /// Selects the database of the settings if another one is selected.
    fn select(&mut self) -> bool {
        let db = self.settings.db;
        if db == self.db {
            return true;
        }
        let selected = self.prepare(&[b"SELECT".to_vec(), db.to_string().into()], &format!("SELECT {db} failed"));
        if selected {
            self.db = db;
        }
        selected
    }

    fn choose_protocol(&mut self) -> bool {
        match self.settings.protocol {
            Protocol::Default => true,
            Protocol::WishResp3 => {
                self.prepare(&[b"HELLO".to_vec(), b"3".to_vec()], "HELLO 3 failed");
                self.connection.is_some()
            }
            Protocol::Resp3 => self.prepare(&[b"HELLO".to_vec(), b"3".to_vec()], "HELLO 3 failed"),
        }
    }

    /// Runs a command that prepares the connection. False: it failed, and the reason has been printed.
    fn prepare(&mut self, request: &[Vec<u8>], failure: &str) -> bool {
        let Some(connection) = &mut self.connection else { return false };
        match connection.call(request) {
            Ok(Value::Error(text)) => {
                complain(format_args!("{failure}: {}", String::from_utf8_lossy(&text)));
                false
            }
            Ok(_) => true,
            Err(error) => {
                complain(format_args!("\n{}", error.of_preparation()));
                self.connection = None;
                false
            }
        }
    }

    /// Runs a command `repeat` times (for ever if negative) and prints the replies. False: it could not be run; the
    /// reason has been printed.
    pub(super) fn run(&mut self, command: &[Vec<u8>], repeat: i64) -> Result<bool, Stop> {
        for _ in 0..REDIRECTIONS_MAX {
            if (self.connection.is_none() || self.redirected) && self.connect(false) == Connected::No {
                self.redirected = false;
                return Ok(false);
            }
            self.redirected = false;
            if std::mem::take(&mut self.asking) && !self.prepare(&[b"ASKING".to_vec()], "ASKING failed") {
                return Ok(false);
            }
            if let Err(error) = self.repeat(command, repeat)? {
                complain(format_args!("Error: {error}"));
                self.connection = None;
                return Ok(false);
            }
            if !self.redirected {
                return Ok(true);
            }
        }
        complain("Error: too many redirections");
        self.redirected = false;
        Ok(false)
    }

    fn repeat(&mut self, command: &[Vec<u8>], repeat: i64) -> Result<Result<(), ConnectionError>, Stop> {
        let is = |index: usize, word: &str| command.get(index).is_some_and(|arg| arg.eq_ignore_ascii_case(word.as_bytes()));
        let verbatim = !self.in_transaction && is_for_people(command);
        let confirmations = is_subscription(&command[0]).then_some(command.len().max(2) - 1);
        self.shutting_down |= is(0, "shutdown");
        self.monitoring |= is(0, "monitor");
        if is(0, "sync") || is(0, "psync") {
            complain("Error: a replication stream cannot be shown.");
            return Ok(Ok(()));
        }
        let mut left = repeat;
        while left != 0 && !self.redirected {
            left -= i64::from(left > 0);
            let Some(connection) = &mut self.connection else { return Ok(Ok(())) };
            if let Err(error) = connection.send(command) {
                return self.lost(error).map(Err);
            }
            if self.monitoring {
                return self.monitor(verbatim);
            }
            if confirmations.is_some() {
                self.pushes = Pushes::Replies;
            }
            if let Err(error) = self.replies(command, verbatim, confirmations.unwrap_or(0))? {
                return Ok(Err(error));
            }
            if !self.settings.interval.is_zero() {
                std::thread::sleep(self.settings.interval);
            }
        }
        Ok(Ok(()))
    }

    /// Prints what MONITOR sends. From a prompt it returns after the first line; the prompt then waits for more.
    fn monitor(&mut self, verbatim: bool) -> Result<Result<(), ConnectionError>, Stop> {
        loop {
            match self.next_reply()? {
                Err(error) => return Ok(Err(error)),
                Ok(reply) => {
                    self.print(&reply, verbatim)?;
                    self.monitoring = !matches!(reply, Value::Error(_));
                }
            }
            if !self.monitoring || self.interactive {
                return Ok(Ok(()));
            }
        }
    }

    /// Reads and prints the reply of one command, and the pubsub messages and confirmations around it.
    fn replies(&mut self, command: &[Vec<u8>], verbatim: bool, mut confirmations: usize) -> Result<Result<(), ConnectionError>, Stop> {
        loop {
            let reply = match self.next_reply()? {
                Ok(reply) => reply,
                Err(_) if self.shutting_down => {
                    self.connection = None;
                    return Ok(Ok(()));
                }
                Err(error) => return Ok(Err(error)),
            };
            self.take_reply(&reply, verbatim)?;
            if self.is_subscribed() || confirmations > 0 {
                if let Some(kind) = self.pubsub_kind(&reply) {
                    self.count_subscriptions(&reply);
                    if confirmations == 0 || !kind.eq_ignore_ascii_case(&command[0]) {
                        continue;
                    }
                    confirmations -= 1;
                    if confirmations > 0 {
                        continue;
                    }
                } else if matches!(reply, Value::Push(_)) {
                    continue;
                }
            }
            self.after(command, &reply);
            return Ok(Ok(()));
        }
    }

    /// What a command's reply means for the session.
    fn after(&mut self, command: &[Vec<u8>], reply: &Value) {
        let failed = matches!(reply, Value::Error(_));
        let name = command[0].to_ascii_lowercase();
        match (&name[..], command.len()) {
            (b"select", 2) if !failed => {
                if let Some(db) = std::str::from_utf8(&command[1]).ok().and_then(|text| text.parse().ok()) {
                    self.settings.db = db;
                    self.db = db;
                }
            }
            (b"auth", 2 | 3) => {
                self.select();
            }
            (b"multi", 1) if !failed => {
                self.in_transaction = true;
                self.db_before_transaction = self.db;
            }
            (b"exec", 1) if self.in_transaction => {
                if failed || *reply == Value::Null {
                    self.back_to_db();
                }
                self.in_transaction = false;
            }
            (b"discard", 1) if !failed => {
                self.back_to_db();
                self.in_transaction = false;
            }
            (b"reset", 1) if !failed => {
                self.in_transaction = false;
                self.db = 0;
                self.settings.db = 0;
                self.subscriptions = (0, 0);
                self.restore_pushes();
            }
            _ if is_subscription(&name) && !self.is_subscribed() => self.restore_pushes(),
            _ => {}
        }
    }

    fn back_to_db(&mut self) {
        self.db = self.db_before_transaction;
        self.settings.db = self.db;
    }

    fn restore_pushes(&mut self) {
        if self.settings.show_pushes {
            self.pushes = Pushes::Print;
        }
    }

    /// Waits for a reply. Pushes are printed or dropped on the way, unless they are replies.
    fn next_reply(&mut self) -> Result<Result<Value, ConnectionError>, Stop> {
        loop {
            let Some(connection) = &mut self.connection else { return Ok(Err(ConnectionError::Closed)) };
            match connection.receive() {
                Ok(push @ Value::Push(_)) if self.pushes != Pushes::Replies => {
                    if self.pushes == Pushes::Print {
                        self.print_push(&push)?;
                    }
                }
                Ok(reply) => return Ok(Ok(reply)),
                Err(error) => return self.lost(error).map(Err),
            }
        }
    }

    /// Outside a prompt a lost connection is the end.
    fn lost(&self, error: ConnectionError) -> Result<ConnectionError, Stop> {
        if self.shutting_down || (self.interactive && error.is_disconnect()) {
            return Ok(error);
        }
        Err(fail(format_args!("Error: {error}")))
    }

    /// Prints a reply, or notes the redirection that it is.
    fn take_reply(&mut self, reply: &Value, verbatim: bool) -> Result<(), Stop> {
        if let Value::Error(text) = reply {
            if self.settings.cluster && (text.starts_with(b"MOVED ") || text.starts_with(b"ASK ")) && self.redirect(text)? {
                return Ok(());
            }
            if !self.interactive && self.settings.exit_on_error {
                return Err(fail(String::from_utf8_lossy(text)));
            }
        }
        self.print(reply, verbatim)
    }

    /// Follows `MOVED slot host:port` or `ASK slot host:port`. False: it is malformed.
    fn redirect(&mut self, text: &[u8]) -> Result<bool, Stop> {
        let text = String::from_utf8_lossy(text);
        let mut words = text.split(' ');
        let (Some(kind), Some(slot), Some(target)) = (words.next(), words.next(), words.next()) else { return Ok(false) };
        let Some((host, port)) = target.rsplit_once(':') else { return Ok(false) };
        let Ok(port) = port.parse() else { return Ok(false) };
        if let Address::Tcp(current, current_port) = &mut self.settings.address {
            // An empty host means the one that answered.
            if !host.is_empty() {
                *current = host.to_owned();
            }
            *current_port = port;
            if self.interactive {
                writeln!(io::stdout(), "-> Redirected to slot [{slot}] located at {current}:{port}")?;
            }
        }
        self.redirected = true;
        self.asking = kind == "ASK";
        Ok(true)
    }

    /// Prints a reply.
    pub(super) fn print(&self, reply: &Value, verbatim: bool) -> Result<(), Stop> {
        let mut out = io::stdout().lock();
        out.write_all(&self.formatter.reply(reply, verbatim))?;
        out.flush()?;
        Ok(())
    }

    fn print_push(&self, push: &Value) -> Result<(), Stop> {
        if let (super::output::Format::Standard, Value::Push(items)) = (self.formatter.format, push)
            && let [kind, Value::Array(keys)] = &items[..]
            && kind.as_bytes() == Some(b"invalidate")
        {
            let keys: Vec<_> =
                keys.iter().map(|key| format!("'{}'", String::from_utf8_lossy(key.as_bytes().unwrap_or_default()))).collect();
            writeln!(io::stdout(), "-> invalidate: {}", keys.join(", "))?;
            return Ok(());
        }
        self.print(push, false)
    }

    /// Prints the messages that have arrived, and waits for the first if `wait`.
    pub(super) fn print_messages(&mut self, wait: bool) -> Result<Result<(), ConnectionError>, Stop> {
        let mut wait = wait;
        loop {
            let Some(connection) = &mut self.connection else { return Ok(Err(ConnectionError::Closed)) };
            let next = if wait { connection.receive().map(Some) } else { connection.buffered() };
            match next {
                Ok(Some(message)) => {
                    self.print(&message, false)?;
                    if self.pubsub_kind(&message).is_some() {
                        self.count_subscriptions(&message);
                    }
                }
                Ok(None) => return Ok(Ok(())),
                Err(error) => return Ok(Err(error)),
            }
            wait = false;
        }
    }

    /// The first word of a pubsub message or confirmation.
    fn pubsub_kind<'a>(&self, reply: &'a Value) -> Option<&'a [u8]> {
        let resp3 = self.connection.as_ref().is_some_and(Connection::is_resp3);
        let items = match reply {
            Value::Push(items) => items,
            Value::Array(items) if !resp3 || self.pushes == Pushes::Replies => items,
            _ => return None,
        };
        let kind = items.first()?.as_bytes()?;
        (items.len() >= 3 && (kind.ends_with(b"message") || kind.ends_with(b"subscribe"))).then_some(kind)
    }

    /// Takes the number of subscriptions from a confirmation.
    fn count_subscriptions(&mut self, confirmation: &Value) {
        let Some([kind, _, Value::Integer(count), ..]) = confirmation.as_items() else { return };
        match kind.as_bytes() {
            Some(b"subscribe" | b"psubscribe" | b"unsubscribe" | b"punsubscribe") => self.subscriptions.0 = *count,
            Some(b"ssubscribe" | b"sunsubscribe") => self.subscriptions.1 = *count,
            _ => {}
        }
    }

    /// Sends a request that the client itself needs, again and again until a connection takes it.
    pub(super) fn call_persistently(&mut self, request: &[&str]) -> Result<Value, Stop> {
        let mut tries = 0;
        loop {
            let result = match &mut self.connection {
                Some(connection) => connection.call(request),
                None => Err(ConnectionError::Closed),
            };
            match result {
                Ok(reply) => {
                    if tries > 0 {
                        write!(io::stdout(), "\r\x1b[0K")?;
                    }
                    return Ok(reply);
                }
                Err(error) if !error.is_disconnect() => return Err(fail(format_args!("Error: {error}"))),
                Err(_) => {
                    tries += 1;
                    let mut out = io::stdout();
                    write!(out, "\r\x1b[0KReconnecting... {tries}\r")?;
                    out.flush()?;
                    if self.connect(true) == Connected::No {
                        std::thread::sleep(Duration::from_secs(1));
                    }
                }
            }
        }
    }
}

/// Whether a command changes subscriptions.
fn is_subscription(name: &[u8]) -> bool {
    let name = name.to_ascii_lowercase();
    let rest = name.strip_prefix(b"p").or_else(|| name.strip_prefix(b"s").filter(|rest| rest.starts_with(b"s")));
    let kind = rest.unwrap_or(&name);
    kind == b"subscribe" || kind == b"unsubscribe" || name == b"sunsubscribe"
}

/// Whether a command answers with a text for people, which is printed without quotes.
fn is_for_people(command: &[Vec<u8>]) -> bool {
    let lower: Vec<Vec<u8>> = command.iter().take(2).map(|arg| arg.to_ascii_lowercase()).collect();
    let second = lower.get(1).map_or(&b""[..], |arg| &arg[..]);
    matches!(
        (&lower[0][..], second, command.len()),
        (b"info" | b"lolwut", _, _)
            | (b"debug", b"htstats" | b"htstats-key" | b"client-eviction", _)
            | (b"memory", b"malloc-stats" | b"doctor", _)
            | (b"cluster", b"nodes" | b"info", 2)
            | (b"client", b"list" | b"info", _)
            | (b"latency", b"graph", 3)
            | (b"latency", b"doctor", 2)
            | (b"proxy", b"info", _)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_by_their_replies() {
        for name in ["subscribe", "PSUBSCRIBE", "ssubscribe", "unsubscribe", "punsubscribe", "sunsubscribe"] {
            assert!(is_subscription(name.as_bytes()), "{name}");
        }
        for name in ["pubsub", "publish", "s", "subscribed", "get"] {
            assert!(!is_subscription(name.as_bytes()), "{name}");
        }
        let words = |line: &str| line.split(' ').map(|word| word.as_bytes().to_vec()).collect::<Vec<_>>();
        for line in ["info", "INFO server", "cluster nodes", "client list type normal", "latency graph x"] {
            assert!(is_for_people(&words(line)), "{line}");
        }
        for line in ["get info", "cluster nodes x", "client id", "latency graph"] {
            assert!(!is_for_people(&words(line)), "{line}");
        }
    }
}
