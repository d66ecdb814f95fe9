//! Keys that hold numbers, as a single thread sees them: registers and counters at once, and transactions over several of them.

use super::checker::Model;

/// Keys of a history.
pub(crate) const KEYS: usize = 4;

/// What is done with one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    Set(i64),
    Get,
    GetSet(i64),
    SetNx(i64),
    Del,
    Incr,
    IncrBy(i64),
}

/// What is answered to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    Ok,
    Number(i64),
    Value(Option<i64>),
}

impl Action {
    /// The words of its request.
    pub(crate) fn words(self, key: &str) -> Vec<String> {
        let key = key.to_owned();
        match self {
            Action::Set(value) => vec!["SET".into(), key, value.to_string()],
            Action::Get => vec!["GET".into(), key],
            Action::GetSet(value) => vec!["GETSET".into(), key, value.to_string()],
            Action::SetNx(value) => vec!["SETNX".into(), key, value.to_string()],
            Action::Del => vec!["DEL".into(), key],
            Action::Incr => vec!["INCR".into(), key],
            Action::IncrBy(by) => vec!["INCRBY".into(), key, by.to_string()],
        }
    }

    /// What it leaves in a key, and answers.
    fn apply(self, value: Option<i64>) -> (Option<i64>, Answer) {
        let sum = |by| value.unwrap_or(0) + by;
        match self {
            Action::Set(new) => (Some(new), Answer::Ok),
            Action::Get => (value, Answer::Value(value)),
            Action::GetSet(new) => (Some(new), Answer::Value(value)),
            Action::SetNx(new) => (value.or(Some(new)), Answer::Number(i64::from(value.is_none()))),
            Action::Del => (None, Answer::Number(i64::from(value.is_some()))),
            Action::Incr => (Some(sum(1)), Answer::Number(sum(1))),
            Action::IncrBy(by) => (Some(sum(by)), Answer::Number(sum(by))),
        }
    }
}

/// Keys by their number. A call is what happens at one moment: one action, or all of a transaction.
#[derive(Debug)]
pub(crate) struct Keys;

impl Model for Keys {
    type State = [Option<i64>; KEYS];
    type Call = Vec<(usize, Action)>;
    type Reply = Vec<Answer>;

    fn start(&self) -> Self::State {
        [None; KEYS]
    }

    fn step(&self, state: &Self::State, call: &Self::Call, reply: Option<&Self::Reply>) -> Option<Self::State> {
        let mut state = *state;
        for (position, (key, action)) in call.iter().enumerate() {
            let (value, answer) = action.apply(state[*key]);
            if reply.is_some_and(|reply| reply.get(position) != Some(&answer)) {
                return None;
            }
            state[*key] = value;
        }
        Some(state)
    }

    fn parts(&self, call: &Self::Call) -> Vec<usize> {
        call.iter().map(|(key, _)| *key).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::checker::{Operation, Verdict, check};
    use super::*;
    use Action::{Del, Get, Incr, Set, SetNx};

    /// Whether a history is possible, of calls with their replies, and from when to when.
    fn is_possible(history: &[(&[(usize, Action)], &[Answer], u64, u64)]) -> bool {
        let operation = |(client, &(call, reply, called, returned)): (usize, &(&[_], &[_], _, _))| Operation {
            client,
            call: call.to_vec(),
            reply: Some(reply.to_vec()),
            called,
            returned,
        };
        let verdict = check(&Keys, &history.iter().enumerate().map(operation).collect::<Vec<_>>());
        assert_ne!(verdict, Verdict::Unknown);
        verdict == Verdict::Linearizable
    }

    const NOTHING: Answer = Answer::Value(None);
    const ONE: Answer = Answer::Number(1);
    const TWO: Answer = Answer::Number(2);

    #[test]
    fn a_stale_read_is_found() {
        let get = |value, called| ([(0, Get)], [Answer::Value(value)], called);
        let (write, reply) = ([(0, Set(7))], [Answer::Ok]);
        for (value, called, is_good) in [(Some(7), 20, true), (None, 20, false), (None, 5, true), (Some(8), 5, false)] {
            let (read, seen, called) = get(value, called);
            assert_eq!(is_possible(&[(&write, &reply, 1, 10), (&read, &seen, called, called + 1)]), is_good, "{value:?} at {called}");
        }
    }

    #[test]
    fn a_lost_update_is_found() {
        let incr = [(0, Incr)];
        assert!(is_possible(&[(&incr, &[ONE], 1, 10), (&incr, &[TWO], 2, 9)]));
        assert!(!is_possible(&[(&incr, &[ONE], 1, 10), (&incr, &[ONE], 2, 9)]));
        assert!(!is_possible(&[(&incr, &[TWO], 1, 2), (&incr, &[ONE], 3, 4)]), "against the order in time");
        let once = [(0, SetNx(5))];
        assert!(!is_possible(&[(&once, &[ONE], 1, 10), (&once, &[ONE], 2, 9)]), "two found nothing there");
        assert!(is_possible(&[(&once, &[ONE], 1, 10), (&[(0, Del)], &[ONE], 2, 9), (&once, &[ONE], 2, 9)]));
    }

    #[test]
    fn a_torn_transaction_is_found() {
        let (write, done) = ([(0, Set(1)), (1, Set(1))], [Answer::Ok, Answer::Ok]);
        let read = [(0, Get), (1, Get)];
        let (new, torn) = (Answer::Value(Some(1)), [Answer::Value(Some(1)), NOTHING]);
        for (seen, is_good) in [([new, new], true), ([NOTHING, NOTHING], true), (torn, false)] {
            assert_eq!(is_possible(&[(&write, &done, 1, 10), (&read, &seen, 2, 9)]), is_good, "{seen:?}");
        }
        // The same by two readers, of which each looks at one key.
        let (first, second) = ([(0, Get)], [(1, Get)]);
        assert!(!is_possible(&[(&write, &done, 1, 10), (&first, &[new], 2, 3), (&second, &[NOTHING], 4, 5)]));
        assert!(is_possible(&[(&write, &done, 1, 10), (&second, &[NOTHING], 2, 3), (&first, &[new], 4, 5)]));
    }
}
