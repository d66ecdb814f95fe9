//! Clients that do random things to a few keys at once, and what they saw.

use std::sync::Barrier;

use larder::base::clock;
use larder::base::rng::Rng;
use larder_proto::resp::Value;

use super::checker::Operation;
use super::keys::{Action, Answer, KEYS};
use crate::support::Connection;

/// What was seen of keys.
pub(crate) type History = Vec<Operation<Vec<(usize, Action)>, Vec<Answer>>>;

/// Requests that a client makes in a history.
const REQUESTS: usize = 12;
/// Most requests that it sends at once.
const PIPELINE: u64 = 3;

/// What a client asks at once.
enum Request {
    /// One command.
    Command(usize, Action),
    /// MULTI, these commands, EXEC.
    Transaction(Vec<(usize, Action)>),
}

/// One client of a history.
pub(crate) struct Client<'c> {
    connection: &'c mut Connection,
    number: usize,
    /// What the names of the keys begin with.
    prefix: String,
    rng: Rng,
    /// Values that no other client writes.
    next_value: i64,
    seen: History,
}

/// The answer to `action`.
fn answer(action: Action, value: &Value) -> Answer {
    match (action, value) {
        (Action::Set(_), Value::Simple(text)) if text == "OK" => Answer::Ok,
        (Action::Get | Action::GetSet(_), Value::Null) => Answer::Value(None),
        (Action::Get | Action::GetSet(_), Value::Bulk(text)) => {
            Answer::Value(Some(std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()).expect("keys hold numbers")))
        }
        (Action::SetNx(_) | Action::Del | Action::Incr | Action::IncrBy(_), Value::Integer(number)) => Answer::Number(*number),
        other => panic!("{other:?}"),
    }
}

impl<'c> Client<'c> {
    pub(crate) fn new(connection: &'c mut Connection, number: usize, prefix: &str, seed: u64) -> Client<'c> {
        let rng = Rng::new(seed.wrapping_mul(31).wrapping_add(number as u64));
        Client { connection, number, prefix: prefix.to_owned(), rng, next_value: 1000 * (number as i64 + 1), seen: Vec::new() }
    }

    /// Does its part of a history once all others are there.
    pub(crate) fn run(mut self, start: &Barrier) -> History {
        start.wait();
        let mut left = REQUESTS;
        while left > 0 {
            if self.rng.below(8) == 0 {
                self.guarded();
                left -= 1;
            } else {
                let count = left.min(1 + self.rng.below(PIPELINE) as usize);
                self.ask(count);
                left -= count;
            }
        }
        self.seen
    }

    fn key(&self, number: usize) -> String {
        format!("{}:{number}", self.prefix)
    }

    /// A key. The first is chosen more often, so that many meet there.
    fn any_key(&mut self) -> usize {
        if self.rng.below(3) == 0 { 0 } else { self.rng.below(KEYS as u64) as usize }
    }

    fn any_action(&mut self) -> Action {
        self.next_value += 1;
        match self.rng.below(11) {
            0 | 1 => Action::Set(self.next_value),
            2..=4 => Action::Get,
            5 => Action::GetSet(self.next_value),
            6 => Action::SetNx(self.next_value),
            7 => Action::Del,
            8 | 9 => Action::Incr,
            _ => Action::IncrBy(10),
        }
    }

    fn any_actions(&mut self) -> Vec<(usize, Action)> {
        let count = 2 + self.rng.below(3);
        (0..count).map(|_| (self.any_key(), self.any_action())).collect()
    }

    /// Sends some requests at once and waits for their replies.
    fn ask(&mut self, count: usize) {
        let mut requests = Vec::new();
        let mut words: Vec<Vec<String>> = Vec::new();
        for _ in 0..count {
            if self.rng.below(4) == 0 {
                let actions = self.any_actions();
                words.push(vec!["MULTI".into()]);
                words.extend(actions.iter().map(|(key, action)| action.words(&self.key(*key))));
                words.push(vec!["EXEC".into()]);
                requests.push(Request::Transaction(actions));
            } else {
                let (key, action) = (self.any_key(), self.any_action());
                words.push(action.words(&self.key(key)));
                requests.push(Request::Command(key, action));
            }
        }
        let called = clock::ticks();
        self.connection.send_all(words.into_iter());
        for request in requests {
            match request {
                Request::Command(key, action) => {
                    let value = self.connection.receive();
                    self.saw(vec![(key, action)], vec![answer(action, &value)], called);
                }
                Request::Transaction(actions) => {
                    let answers = self.receive_transaction(&actions).expect("it watches nothing");
                    self.saw(actions, answers, called);
                }
            }
        }
    }

    /// The answers of a transaction whose requests were sent; `None` if a watched key had changed.
    fn receive_transaction(&mut self, actions: &[(usize, Action)]) -> Option<Vec<Answer>> {
        assert_eq!(self.connection.receive(), Value::Simple("OK".into()));
        for _ in actions {
            assert_eq!(self.connection.receive(), Value::Simple("QUEUED".into()));
        }
        match self.connection.receive() {
            Value::Null => None,
            Value::Array(values) => {
                assert_eq!(values.len(), actions.len());
                Some(actions.iter().zip(&values).map(|((_, action), value)| answer(*action, value)).collect())
            }
            other => panic!("{other:?}"),
        }
    }

    /// Reads a key that it watches, and then writes it. If it may, nothing has changed since it began to watch: so the read happened at the
    /// same moment as what it wrote.
    fn guarded(&mut self) {
        let watched = self.any_key();
        let key = self.key(watched);
        let called = clock::ticks();
        assert_eq!(self.connection.call(&["WATCH", &key]), Value::Simple("OK".into()));
        let read = answer(Action::Get, &self.connection.call(&["GET", &key]));
        let Answer::Value(value) = read else { unreachable!("{read:?} of a GET") };
        let actions = vec![(watched, Action::Set(value.unwrap_or(0) + 1)), (self.any_key(), Action::Get)];
        let transaction = actions.iter().map(|(key, action)| action.words(&self.key(*key)));
        let words: Vec<_> = std::iter::once(vec!["MULTI".to_owned()]).chain(transaction).chain([vec!["EXEC".to_owned()]]).collect();
        self.connection.send_all(words.into_iter());
        let (mut call, mut reply) = (vec![(watched, Action::Get)], vec![read]);
        if let Some(answers) = self.receive_transaction(&actions) {
            call.extend(actions);
            reply.extend(answers);
        }
        self.saw(call, reply, called);
    }

    fn saw(&mut self, call: Vec<(usize, Action)>, reply: Vec<Answer>, called: u64) {
        self.seen.push(Operation { client: self.number, call, reply: Some(reply), called, returned: clock::ticks() });
    }
}
