//! Both servers, and what is done to them: step by step the same, with the replies compared.

use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use larder::base::clock;
use larder_proto::resp::Value;

use super::catalog::Command;
use super::compare::{self, CLOCKS_APART_MS, LOOKS, READERS, Rule, SAME_TIMES};
use super::contents::Content;
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
/// How much earlier than asked for a wait may end, since both ends are rounded to milliseconds.
const EARLY_MS_MAX: u64 = 2;
/// And how much later: as long as a busy machine may keep a process from going on, and shorter than one unit of time taken for another.
const LATE_MS_MAX: u64 = 20_000;
/// How long a process may take to end after its connections have.
const END_MS_MAX: u64 = 2000;
/// Most bytes of a reply that are shown.
const SHOWN_MAX: usize = 400;

/// Something done to both servers.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// A request of a connection. Those up to the next one that ends a pipeline are sent at once.
    Request { connection: usize, request: Request, ends_pipeline: bool },
    /// Waits until short expiries have passed.
    Wait,
    /// Asks for a key's type, encoding and expiry.
    Look(u8, &'static str),
    /// Compares what a key holds, which is of this type.
    Read(u8, &'static str, String),
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

/// What [`Pair::look`] finds.
pub(crate) struct Seen {
    pub(crate) key_type: String,
    /// What PEXPIRETIME says, if both servers say the same.
    pub(crate) expiry_ms: Option<i64>,
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
    /// A difference was that Larder did not answer: it may be started again.
    is_lost: bool,
    /// How far apart the servers may have executed a request since the last [`Pair::reset`]: on a machine that stands still, as long as the longest
    /// exchange took.
    apart_ms: u64,
}

impl Pair {
    /// Larder first.
    pub(crate) fn new(servers: [Server; 2], commands: Rc<[Command]>) -> Pair {
        Pair {
            servers,
            clients: [Vec::new(), Vec::new()],
            commands,
            queued: Default::default(),
            configuration: Vec::new(),
            is_lost: false,
            apart_ms: CLOCKS_APART_MS,
        }
    }

    /// What both are told at the next [`Pair::reset`] and those that follow.
    pub(crate) fn configure(&mut self, request: Vec<String>) {
        self.configuration = request;
    }

    /// See [`Pair::configure`].
    pub(crate) fn configuration(&self) -> &[String] {
        &self.configuration
    }

    /// Empty servers and new connections. The reference is started again if it ended, or does not answer any more; Larder only if that was
    /// told as a difference: whatever else ends it ends the run.
    pub(crate) fn reset(&mut self) -> anyhow::Result<()> {
        let may_restart = [std::mem::take(&mut self.is_lost), true];
        for ((server, clients), may_restart) in self.servers.iter_mut().zip(&mut self.clients).zip(may_restart) {
            clients.clear();
            *clients = match begin(server, &self.configuration) {
                Ok(begun) if server.is_running() => begun,
                _ if may_restart => {
                    server.restart()?;
                    begin(server, &self.configuration)?
                }
                begun => bail!("Larder ended unasked: {:?}; {:?}", begun.err(), server.wait_for_end(END_MS_MAX)),
            };
        }
        self.queued = Default::default();
        self.apart_ms = CLOCKS_APART_MS;
        Ok(())
    }

    /// That there was no answer. `at` is the last request that may have been the reason: replies leave together, so that none of a pipeline has
    /// come when its last request ends the server.
    fn lost(&mut self, at: usize, what: String, [ours, theirs]: &[anyhow::Result<Value>; 2]) -> Difference {
        let mut told = show_reply(ours);
        if ours.is_err() {
            self.is_lost = true;
            if let Some(status) = self.servers[0].wait_for_end(END_MS_MAX) {
                told += &format!("; the process ended: {status}");
            }
        }
        Difference { at, what, ours: told, theirs: show_reply(theirs) }
    }

    /// True if a reply of Larder is missing.
    pub(crate) fn is_lost(&self) -> bool {
        self.is_lost
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
        // Larder may have begun before the other has been sent anything.
        let sent_ms = clock::monotonic_ms();
        for clients in &mut self.clients {
            // One that does not read will not reply either, which is told below.
            let _ = clients[connection].send(&bytes);
        }
        let mut waited_ms = 0;
        let mut outcomes = Vec::new();
        for (at, request) in requests.iter().enumerate() {
            let mut took_ms = None;
            let replies = self.clients.each_mut().map(|clients| {
                let reply = clients[connection].receive();
                // Larder comes first: whether the other has replied meanwhile is not known.
                took_ms.get_or_insert_with(|| clock::monotonic_ms() - sent_ms);
                reply
            });
            self.saw_exchange(sent_ms + waited_ms + request.waits_ms.unwrap_or_default());
            if replies.iter().any(Result::is_err) {
                return Err(self.lost(requests.len() - 1, format!("reply to {}", show(&request.words)), &replies));
            }
            let [ours, theirs] = replies;
            if let (Some(waits_ms), Some(took_ms), Ok(Value::Null)) = (request.waits_ms, took_ms, &ours) {
                waited_ms += waits_ms;
                if !(waited_ms.saturating_sub(EARLY_MS_MAX)..=waited_ms + LATE_MS_MAX).contains(&took_ms) {
                    let what = format!("time that {} took", show(&request.words));
                    return Err(Difference { at, what, ours: format!("{took_ms} ms"), theirs: format!("about {waited_ms} ms") });
                }
            }
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
                pairs
                    .into_iter()
                    .all(|((ours, theirs), queued)| compare::agree_on(&self.commands[queued.command], self.apart_ms, ours, theirs))
            }
            // Words that were moved may have made it another command, whose replies are the same: so does the error that says so.
            _ => compare::agree_on(&self.commands[request.command], self.apart_ms, ours, theirs),
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

    /// Asks both the same requests in a database. The replies of both to each.
    fn ask_all(&mut self, database: u8, requests: &[&[&[u8]]]) -> Result<Vec<[Value; 2]>, Difference> {
        let mut bytes = Vec::new();
        encode(&[b"SELECT", database.to_string().as_bytes()], &mut bytes);
        requests.iter().for_each(|words| encode(words, &mut bytes));
        let sent_ms = clock::monotonic_ms();
        for clients in &mut self.clients {
            let _ = clients[ASKING].send(&bytes);
        }
        let mut replies = Vec::new();
        for words in std::iter::once(&[b"SELECT" as &[u8]] as &[&[u8]]).chain(requests.iter().copied()) {
            match self.clients.each_mut().map(|clients| clients[ASKING].receive()) {
                [Ok(ours), Ok(theirs)] => replies.push([ours, theirs]),
                lost => return Err(self.lost(0, format!("reply to {} in database {database}", show(words)), &lost)),
            }
        }
        self.saw_exchange(sent_ms);
        Ok(replies.split_off(1))
    }

    /// Notes how far apart the servers may be by what was sent then and is answered now.
    fn saw_exchange(&mut self, sent_ms: u64) {
        let took_ms = clock::monotonic_ms().saturating_sub(sent_ms).min(LATE_MS_MAX);
        self.apart_ms = self.apart_ms.max(CLOCKS_APART_MS + took_ms);
    }

    /// The reference's reply, if the other is the same by a rule.
    fn compare_replies(&self, database: u8, words: &[&[u8]], rule: Rule, [ours, theirs]: [Value; 2]) -> Result<Value, Difference> {
        if compare::agree(rule, self.apart_ms, &ours, &theirs) {
            return Ok(theirs);
        }
        let what = format!("reply to {} in database {database}", show(words));
        Err(Difference { at: 0, what, ours: show_reply(&Ok(ours)), theirs: show_reply(&Ok(theirs)) })
    }

    /// Asks both the same in a database.
    fn ask(&mut self, database: u8, words: &[&[u8]]) -> Result<[Value; 2], Difference> {
        Ok(self.ask_all(database, &[words])?.swap_remove(0))
    }

    /// Asks both the same and compares.
    fn ask_and_compare(&mut self, database: u8, words: &[&[u8]], rule: Rule) -> Result<Value, Difference> {
        let replies = self.ask(database, words)?;
        self.compare_replies(database, words, rule, replies)
    }

    /// A key's type, encoding and expiry, which both must say alike.
    pub(crate) fn look(&mut self, database: u8, name: &'static str) -> Result<Seen, Difference> {
        let key = name.as_bytes();
        let requests: Vec<Vec<&[u8]>> = LOOKS.iter().map(|(words, _)| with_key(words, key)).collect();
        let replies = self.ask_all(database, &requests.iter().map(Vec::as_slice).collect::<Vec<_>>())?;
        let mut seen = Seen { key_type: String::new(), expiry_ms: None };
        for (((words, rule), request), replies) in LOOKS.iter().zip(&requests).zip(replies) {
            let [ours, theirs] = replies;
            let is_same = ours == theirs;
            match (words[0], self.compare_replies(database, request, *rule, [ours, theirs])?) {
                ("TYPE", reply) => seen.key_type = String::from_utf8_lossy(reply.as_bytes().unwrap_or_default()).into_owned(),
                ("PEXPIRETIME", Value::Integer(expiry_ms)) if is_same => seen.expiry_ms = Some(expiry_ms),
                _ => {}
            }
        }
        Ok(seen)
    }

    /// What a key of a type holds, which must be the same on both. `None` if it is of a type without a reader.
    pub(crate) fn read(&mut self, database: u8, key: &[u8], key_type: &str) -> Result<Option<Content>, Difference> {
        let Some((_, words, is_ordered)) = READERS.iter().find(|(name, ..)| *name == key_type) else { return Ok(None) };
        let rule = if *is_ordered { Rule::Same } else { Rule::Unordered };
        let reply = self.ask_and_compare(database, &with_key(words, key), rule)?;
        for (words, rule) in compare::looks_at(key_type) {
            self.ask_and_compare(database, &with_key(words, key), *rule)?;
        }
        Ok(Some(Content::of(key_type, &reply)))
    }

    /// True if a key will go soon on either server.
    pub(crate) fn is_near_expiry(&mut self, database: u8, name: &[u8]) -> Result<bool, Difference> {
        let left = self.ask(database, &[b"PTTL", name])?;
        Ok(left.iter().any(|reply| matches!(reply, Value::Integer(left_ms) if (0..NEAR_MS).contains(left_ms)))
            // Gone on one of them already.
            || (left[0] == Value::Integer(-2)) != (left[1] == Value::Integer(-2)))
    }

    /// Takes a key away.
    pub(crate) fn forget(&mut self, database: u8, name: &[u8]) -> Result<(), Difference> {
        self.ask(database, &[b"DEL", name]).map(drop)
    }

    /// Compares both keyspaces: keys, types, encodings, expiries, values. Then all connections must be there yet, and all keys go.
    pub(crate) fn whole(&mut self) -> Result<(), Difference> {
        for database in 0..DATABASES {
            let keys = self.ask_and_compare(database, &[b"KEYS", b"*"], Rule::Unordered)?;
            self.ask_and_compare(database, &[b"SCAN", b"0", b"COUNT", b"1000000"], Rule::Unordered)?;
            for key in keys.as_items().unwrap_or_default().iter().filter_map(Value::as_bytes) {
                let key_type = self.ask_and_compare(database, &[b"TYPE", key], Rule::Same)?;
                let key_type = String::from_utf8_lossy(key_type.as_bytes().unwrap_or_default()).into_owned();
                for (words, rule) in LOOKS {
                    self.ask_and_compare(database, &with_key(words, key), *rule)?;
                }
                self.read(database, key, &key_type)?;
                self.times(database, key, &key_type)?;
            }
        }
        let mut ping = Vec::new();
        encode(&["PING"], &mut ping);
        for connection in 0..=CONNECTIONS {
            let replies =
                self.clients.each_mut().map(|clients| clients[connection].send(&ping).and_then(|()| clients[connection].receive()));
            if replies.iter().any(Result::is_err) {
                return Err(self.lost(0, format!("reply to a PING of connection {connection}"), &replies));
            }
        }
        self.ask_and_compare(0, &[b"FLUSHALL"], Rule::Same).map(drop)
    }

    /// That each server tells the same time in seconds and in milliseconds, of a key and of each field of a hash. Times of two servers are near
    /// each other only: so a wrong rounding would not be seen by comparing them.
    fn times(&mut self, database: u8, key: &[u8], key_type: &str) -> Result<(), Difference> {
        let mut names: Vec<Vec<u8>> = Vec::new();
        if key_type == "hash" {
            let fields = self.ask(database, &[b"HKEYS", key])?;
            names = fields[1].as_items().unwrap_or_default().iter().filter_map(Value::as_bytes).map(<[u8]>::to_vec).collect();
        }
        for (seconds, milliseconds, is_of_field) in SAME_TIMES {
            if *is_of_field && names.is_empty() {
                continue;
            }
            let request = |command: &'static str| {
                let mut words = vec![command.as_bytes().to_vec(), key.to_vec()];
                if *is_of_field {
                    words.extend([b"FIELDS".to_vec(), names.len().to_string().into()]);
                    words.extend(names.iter().cloned());
                }
                words
            };
            // Time passes between the requests.
            let requests = [milliseconds, seconds, milliseconds].map(|command| request(command));
            let words = requests.each_ref().map(|words| words.iter().map(Vec::as_slice).collect::<Vec<_>>());
            let replies = self.ask_all(database, &words.each_ref().map(Vec::as_slice))?;
            for side in 0..2 {
                if !compare::is_rounded(&replies[0][side], &replies[1][side], &replies[2][side]) {
                    let told = format!("{:?}", replies.iter().map(|replies| &replies[side]).collect::<Vec<_>>());
                    let what = format!("{milliseconds}, {seconds}, {milliseconds} of {} in database {database}", show(&[key]));
                    let wanted = "the seconds that the milliseconds are nearest to".to_owned();
                    let (ours, theirs) = if side == 0 { (told, wanted) } else { (wanted, told) };
                    return Err(Difference { at: 0, what, ours, theirs });
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
            Step::Read(database, name, key_type) => self.read(*database, name.as_bytes(), key_type).map(drop),
            Step::Forget(database, name) => self.forget(*database, name),
            Step::Touch(database, name) => self.is_near_expiry(*database, name).map(drop),
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
            Step::Look(database, name) => format!("(in database {database}) TYPE {}, and the like", show(&[name])),
            Step::Read(database, name, key_type) => format!("(in database {database}) read {}, a {key_type}", show(&[name])),
            Step::Forget(database, name) => format!("(in database {database}) DEL {}", show(&[name])),
            Step::Touch(database, name) => format!("(in database {database}) PTTL {}", show(&[name])),
            Step::Whole => "(compare everything)".to_owned(),
        }
    }
}
