//! Both servers, and what is done to them: step by step the same, with the replies compared.

use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, ensure};
use larder_proto::resp::Value;

use super::catalog::Command;
use super::compare::{self, LOOKS, READERS, Rule};
use super::generate::{CONNECTIONS, Request};
use super::servers::{Connection, Server, encode};

/// Databases that a server has.
pub(crate) const DATABASES: u8 = 16;
/// Which connection asks what the comparison itself wants to know.
const ASKING: usize = CONNECTIONS;
/// Time in which short expiries pass on both servers.
const WAIT: Duration = Duration::from_millis(super::values::SHORT_MS_MAX + 20);
/// A key that goes before this is taken away: it might go between the two servers' executions of a later request.
const NEAR_MS: i64 = 90_000;
/// Most bytes of a reply that are shown.
const SHOWN_MAX: usize = 400;

/// Something done to both servers.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// A request of a connection. Those up to the next one that ends a pipeline are sent at once.
    Request { connection: usize, request: Request, ends_pipeline: bool },
    /// Waits until short expiries have passed.
    Wait,
    /// Asks for a key's type.
    Look(u8, &'static str),
    /// Takes a key away.
    Forget(u8, Vec<u8>),
    /// Lets a key go that has expired.
    Touch(u8, Vec<u8>),
    /// Compares everything that is stored.
    Whole,
}

/// Two replies that are not the same.
#[derive(Debug, Clone)]
pub(crate) struct Difference {
    /// The number of the request in its pipeline.
    pub(crate) at: usize,
    pub(crate) what: String,
    pub(crate) ours: String,
    pub(crate) theirs: String,
}

/// What became of a command, by the reference.
pub(crate) struct Outcome {
    pub(crate) command: usize,
    pub(crate) keys: Vec<&'static str>,
    pub(crate) is_on_existing: bool,
    pub(crate) is_success: bool,
}

/// Connections to a server, which is emptied and told this.
fn begin(server: &Server, configuration: &[String]) -> anyhow::Result<Vec<Connection>> {
    let mut clients = Vec::new();
    for number in 0..=CONNECTIONS {
        let mut connection = server.connect()?;
        if number == 1 {
            connection.call(&["HELLO", "3"])?;
        }
        clients.push(connection);
    }
    for request in [["CONFIG", "RESETSTAT"].as_slice(), &["FUNCTION", "FLUSH"], &["SCRIPT", "FLUSH"], &["FLUSHALL"]] {
        clients[ASKING].call(request)?;
    }
    if !configuration.is_empty() {
        let reply = clients[ASKING].call(configuration)?;
        ensure!(reply == Value::Simple("OK".into()), "{}: {reply:?}", configuration.join(" "));
    }
    Ok(clients)
}

/// Larder and the reference.
pub(crate) struct Pair {
    servers: [Server; 2],
    clients: [Vec<Connection>; 2],
    commands: Rc<[Command]>,
    /// What each connection's transaction has queued.
    queued: [Vec<Outcome>; CONNECTIONS],
    /// A CONFIG SET for both, if any.
    configuration: Vec<String>,
}

impl Pair {
    /// Larder first.
    pub(crate) fn new(servers: [Server; 2], commands: Rc<[Command]>) -> Pair {
        Pair { servers, clients: [Vec::new(), Vec::new()], commands, queued: Default::default(), configuration: Vec::new() }
    }

    /// What both are told at the next [`Pair::reset`] and those that follow.
    pub(crate) fn configure(&mut self, request: Vec<String>) {
        self.configuration = request;
    }

    /// See [`Pair::configure`].
    pub(crate) fn configuration(&self) -> &[String] {
        &self.configuration
    }

    /// Empty servers and new connections; a server that ended, or does not answer any more, is started again.
    pub(crate) fn reset(&mut self) -> anyhow::Result<()> {
        for (server, clients) in self.servers.iter_mut().zip(&mut self.clients) {
            clients.clear();
            *clients = match begin(server, &self.configuration) {
                Ok(begun) if server.is_running() => begun,
                _ => {
                    server.restart()?;
                    begin(server, &self.configuration)?
                }
            };
        }
        self.queued = Default::default();
        Ok(())
    }

    /// True if the reference answers nobody any more. A client that it keeps waiting is another matter.
    pub(crate) fn is_reference_stuck(&self) -> bool {
        let [_, reference] = &self.servers;
        reference.connect().and_then(|mut client| client.call(&["PING"])).is_err()
    }

    /// Sends requests of a connection to both at once and compares the replies. With the outcomes, up to the first difference.
    pub(crate) fn pipeline(&mut self, connection: usize, requests: &[&Request]) -> Result<Vec<Outcome>, Difference> {
        let mut bytes = Vec::new();
        for request in requests {
            encode(&request.words, &mut bytes);
        }
        for clients in &mut self.clients {
            // One that does not read will not reply either, which is told below.
            let _ = clients[connection].send(&bytes);
        }
        let mut outcomes = Vec::new();
        for (at, request) in requests.iter().enumerate() {
            let [ours, theirs] = self.clients.each_mut().map(|clients| clients[connection].receive());
            let different = |ours: &anyhow::Result<Value>, theirs: &anyhow::Result<Value>| Difference {
                at,
                what: format!("reply to {}", show(&request.words)),
                ours: show_reply(ours),
                theirs: show_reply(theirs),
            };
            match (&ours, &theirs) {
                (Ok(our), Ok(their)) if self.agree(connection, request, our, their) => {
                    self.follow(connection, request, their, &mut outcomes);
                }
                _ => return Err(different(&ours, &theirs)),
            }
        }
        Ok(outcomes)
    }

    fn agree(&self, connection: usize, request: &Request, ours: &Value, theirs: &Value) -> bool {
        if ours == theirs {
            return true;
        }
        let queued = &self.queued[connection];
        match (ours, theirs) {
            (Value::Array(ours), Value::Array(theirs)) if is_exec(request) && [ours.len(), theirs.len()] == [queued.len(); 2] => {
                let pairs = ours.iter().zip(theirs).zip(queued);
                pairs.into_iter().all(|((ours, theirs), queued)| compare::agree_on(&self.commands[queued.command], ours, theirs))
            }
            // Words that were moved may have made it another command, whose replies are the same: so does the error that says so.
            _ => compare::agree_on(&self.commands[request.command], ours, theirs),
        }
    }

    /// Notes what a request did, or will have done at its EXEC.
    fn follow(&mut self, connection: usize, request: &Request, reply: &Value, outcomes: &mut Vec<Outcome>) {
        let queued = &mut self.queued[connection];
        let outcome = |is_success| Outcome {
            command: request.command,
            keys: request.keys.clone(),
            is_on_existing: request.is_on_existing,
            is_success,
        };
        if matches!(reply, Value::Simple(text) if text.as_ref() == b"QUEUED") {
            return queued.push(outcome(true));
        }
        let is_success = reply.as_error().is_none();
        if let (true, Value::Array(replies)) = (is_exec(request), reply) {
            for (mut queued, reply) in queued.drain(..).zip(replies) {
                queued.is_success = reply.as_error().is_none();
                outcomes.push(queued);
            }
        }
        let ends = ["exec", "discard", "reset", "multi"].iter().any(|word| request.words[0].eq_ignore_ascii_case(word.as_bytes()));
        if ends && is_success {
            queued.clear();
        }
        outcomes.push(outcome(is_success));
    }

    /// Asks both the same in a database.
    fn ask(&mut self, database: u8, words: &[&[u8]]) -> [anyhow::Result<Value>; 2] {
        let mut bytes = Vec::new();
        encode(&[b"SELECT", database.to_string().as_bytes()], &mut bytes);
        encode(words, &mut bytes);
        self.clients.each_mut().map(|clients| {
            let client = &mut clients[ASKING];
            client.send(&bytes).and_then(|()| client.receive()).and_then(|_| client.receive())
        })
    }

    /// Asks both the same and compares.
    fn ask_and_compare(&mut self, database: u8, words: &[&[u8]], rule: Rule) -> Result<Value, Difference> {
        let [ours, theirs] = self.ask(database, words);
        match (ours, theirs) {
            (Ok(ours), Ok(theirs)) if compare::agree(rule, &ours, &theirs) => Ok(theirs),
            (ours, theirs) => Err(Difference {
                at: 0,
                what: format!("reply to {} in database {database}", show(words)),
                ours: show_reply(&ours),
                theirs: show_reply(&theirs),
            }),
        }
    }

    /// A key's type, which both must say alike.
    pub(crate) fn look(&mut self, database: u8, name: &'static str) -> Result<String, Difference> {
        let reply = self.ask_and_compare(database, &[b"TYPE", name.as_bytes()], Rule::Same)?;
        Ok(String::from_utf8_lossy(reply.as_bytes().unwrap_or_default()).into_owned())
    }

    /// True if a key will go soon on either server.
    pub(crate) fn is_near_expiry(&mut self, database: u8, name: &[u8]) -> bool {
        let left = self.ask(database, &[b"PTTL", name]);
        left.iter().any(|reply| matches!(reply, Ok(Value::Integer(left_ms)) if (0..NEAR_MS).contains(left_ms)))
            // Gone on one of them already.
            || matches!(&left, [Ok(ours), Ok(theirs)] if (*ours == Value::Integer(-2)) != (*theirs == Value::Integer(-2)))
    }

    /// Takes a key away.
    pub(crate) fn forget(&mut self, database: u8, name: &[u8]) {
        let _ = self.ask(database, &[b"DEL", name]);
    }

    /// Compares both keyspaces: keys, types, encodings, expiries, values.
    pub(crate) fn whole(&mut self) -> Result<(), Difference> {
        for database in 0..DATABASES {
            let keys = self.ask_and_compare(database, &[b"KEYS", b"*"], Rule::Unordered)?;
            self.ask_and_compare(database, &[b"SCAN", b"0", b"COUNT", b"1000000"], Rule::Unordered)?;
            for key in keys.as_items().unwrap_or_default().iter().filter_map(Value::as_bytes) {
                let key_type = self.ask_and_compare(database, &[b"TYPE", key], Rule::Same)?;
                let key_type = key_type.as_bytes().unwrap_or_default();
                for (words, rule) in LOOKS {
                    self.ask_and_compare(database, &with_key(words, key), *rule)?;
                }
                if let Some((_, words, is_ordered)) = READERS.iter().find(|(name, ..)| name.as_bytes() == key_type) {
                    let rule = if *is_ordered { Rule::Same } else { Rule::Unordered };
                    self.ask_and_compare(database, &with_key(words, key), rule)?;
                }
            }
        }
        Ok(())
    }

    /// Does steps again from the beginning, one request at a time or in pipelines. The first that differs, with its number.
    pub(crate) fn replay(&mut self, steps: &[Step], in_pipelines: bool) -> anyhow::Result<Option<(usize, Difference)>> {
        self.reset().context("for a replay")?;
        let mut from = 0;
        while from < steps.len() {
            let until = if in_pipelines { pipeline_end(steps, from) } else { from + 1 };
            if let Err(difference) = self.execute(&steps[from..until]) {
                return Ok(Some((from + difference.at, difference)));
            }
            from = until;
        }
        Ok(None)
    }

    /// Does one step, or a pipeline of requests.
    fn execute(&mut self, steps: &[Step]) -> Result<(), Difference> {
        match &steps[0] {
            Step::Request { connection, .. } => {
                let requests: Vec<&Request> =
                    steps.iter().filter_map(|step| if let Step::Request { request, .. } = step { Some(request) } else { None }).collect();
                self.pipeline(*connection, &requests).map(drop)
            }
            Step::Wait => {
                wait();
                Ok(())
            }
            Step::Look(database, name) => self.look(*database, name).map(drop),
            Step::Forget(database, name) => {
                self.forget(*database, name);
                Ok(())
            }
            Step::Touch(database, name) => {
                self.is_near_expiry(*database, name);
                Ok(())
            }
            Step::Whole => self.whole(),
        }
    }
}

/// Lets short expiries pass.
pub(crate) fn wait() {
    std::thread::sleep(WAIT);
}

/// Where the pipeline that begins at a step ends.
fn pipeline_end(steps: &[Step], from: usize) -> usize {
    let Step::Request { connection: first, .. } = &steps[from] else { return from + 1 };
    let mut at = from;
    while let Some(Step::Request { connection, ends_pipeline, .. }) = steps.get(at) {
        if connection != first {
            break;
        }
        at += 1;
        if *ends_pipeline {
            break;
        }
    }
    at
}

fn is_exec(request: &Request) -> bool {
    request.words[0].eq_ignore_ascii_case(b"exec")
}

fn with_key<'a>(words: &[&'a str], key: &'a [u8]) -> Vec<&'a [u8]> {
    words.iter().map(|word| if *word == "{}" { key } else { word.as_bytes() }).collect()
}

/// A request for people. Long words are cut.
pub(crate) fn show(words: &[impl AsRef<[u8]>]) -> String {
    const WORD_MAX: usize = 80;
    let show_word = |word: &[u8]| match word.len() {
        0 => "\"\"".to_owned(),
        len if len > WORD_MAX => format!("{}...({len} bytes)", word[..WORD_MAX].escape_ascii()),
        _ => word.escape_ascii().to_string().replace(' ', "\\x20"),
    };
    words.iter().map(|word| show_word(word.as_ref())).collect::<Vec<_>>().join(" ")
}

fn show_reply(reply: &anyhow::Result<Value>) -> String {
    let text = match reply {
        Ok(value) => format!("{value:?}"),
        Err(error) => format!("{error:#}"),
    };
    let end = text.char_indices().nth(SHOWN_MAX).map_or(text.len(), |(at, _)| at);
    format!("{}{}", &text[..end], if end < text.len() { "..." } else { "" })
}

impl Step {
    /// For people.
    pub(crate) fn show(&self) -> String {
        match self {
            Step::Request { connection, request, .. } => format!("{connection}> {}", show(&request.words)),
            Step::Wait => format!("(wait {} ms)", WAIT.as_millis()),
            Step::Look(database, name) => format!("(in database {database}) TYPE {name}"),
            Step::Forget(database, name) => format!("(in database {database}) DEL {}", show(&[name])),
            Step::Touch(database, name) => format!("(in database {database}) PTTL {}", show(&[name])),
            Step::Whole => "(compare everything)".to_owned(),
        }
    }
}
