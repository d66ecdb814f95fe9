//! Tells whether a history of concurrent operations is linearizable: whether each may be thought to have happened at one moment between
//! its call and its return, so that a single thread which did them in that order would have got the same replies.
//!
//! The search is Wing and Gong's with Lowe's memory of what was tried (Lowe, "Testing for linearizability", 2017), as in Porcupine. It
//! knows nothing of Larder: what is checked says a [`Model`].

use std::collections::{BTreeMap, HashSet};
use std::hash::Hash;

/// An object as a single thread sees it.
pub(crate) trait Model {
    /// What it holds.
    type State: Clone + Eq + Hash;
    /// What it is asked.
    type Call;
    /// What it answers.
    type Reply;

    /// What it holds at the beginning.
    fn start(&self) -> Self::State;

    /// What it holds after `call`; `None` if it would not have answered `reply` in this state. Without a reply nobody knows the answer, and
    /// any would do.
    fn step(&self, state: &Self::State, call: &Self::Call, reply: Option<&Self::Reply>) -> Option<Self::State>;

    /// The parts of the object that `call` touches. What touches nothing in common is checked by itself.
    fn parts(&self, call: &Self::Call) -> Vec<usize>;
}

/// One operation of a history. Times only need an order. Those of one client come in the history as it asked for them, and happened in that
/// order, also where it asked for several at once: their times overlap then, and say nothing of it.
#[derive(Debug, Clone)]
pub(crate) struct Operation<C, R> {
    /// Who asked.
    pub(crate) client: usize,
    pub(crate) call: C,
    /// `None`: its client never learnt whether it happened. Then it may have happened at any time since, or not at all.
    pub(crate) reply: Option<R>,
    pub(crate) called: u64,
    pub(crate) returned: u64,
}

/// What the checker says. Operations are named by their index in the history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    Linearizable,
    /// There is no such order. These operations were in one, the longest that was found, and these others could not follow.
    Broken {
        order: Vec<usize>,
        left: Vec<usize>,
    },
    /// The search took more steps than it may.
    Unknown,
}

/// Steps of a search: some seconds. A history of few clients takes about one for each operation.
const STEPS_MAX: usize = 20_000_000;

/// Checks a history, each group of parts that operations connect by itself.
pub(crate) fn check<M: Model>(model: &M, history: &[Operation<M::Call, M::Reply>]) -> Verdict {
    let mut verdict = Verdict::Linearizable;
    for group in groups(model, history) {
        match Search::new(model, history, &group).run(STEPS_MAX) {
            Verdict::Linearizable => {}
            broken @ Verdict::Broken { .. } => return broken,
            Verdict::Unknown => verdict = Verdict::Unknown,
        }
    }
    verdict
}

/// The operations of each group of parts that are touched together by some operation, or by some that a client asked for at once: their order
/// binds parts together, as a client that sees the later one before the earlier one shows.
fn groups<M: Model>(model: &M, history: &[Operation<M::Call, M::Reply>]) -> Vec<Vec<usize>> {
    /// The part that stands for all that `part` is connected with.
    fn head(parents: &BTreeMap<usize, usize>, mut part: usize) -> usize {
        while let Some(parent) = parents.get(&part) {
            part = *parent;
        }
        part
    }
    let mut parents = BTreeMap::new();
    let touched: Vec<Vec<usize>> = history.iter().map(|operation| model.parts(&operation.call)).collect();
    let mut join = |one: usize, other: usize| {
        let (one, other) = (head(&parents, one), head(&parents, other));
        if one != other {
            parents.insert(one, other);
        }
    };
    let mut last_of_clients: BTreeMap<usize, usize> = BTreeMap::new();
    for (index, parts) in touched.iter().enumerate() {
        let Some(first) = parts.first() else { continue };
        parts.iter().for_each(|part| join(*first, *part));
        if let Some(last) = last_of_clients.insert(history[index].client, index)
            && (history[last].reply.is_none() || history[index].called < history[last].returned)
        {
            join(*first, touched[last][0]);
        }
    }
    let mut groups: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (index, parts) in touched.iter().enumerate() {
        if let Some(part) = parts.first() {
            groups.entry(head(&parents, *part)).or_default().push(index);
        }
    }
    groups.into_values().collect()
}

/// A call or a return, in the order of their times.
#[derive(Debug, Clone, Copy)]
struct Event {
    /// The operation, by its place in the group.
    operation: usize,
    is_return: bool,
}

/// Which operations of a group are in the order.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Chosen(Vec<u64>);

impl Chosen {
    fn has(&self, operation: usize) -> bool {
        self.0[operation / 64] >> (operation % 64) & 1 == 1
    }

    fn set(&mut self, operation: usize, yes: bool) {
        let bit = 1 << (operation % 64);
        self.0[operation / 64] = if yes { self.0[operation / 64] | bit } else { self.0[operation / 64] & !bit };
    }
}

/// No event: the end of the list.
const END: usize = usize::MAX;

struct Search<'h, M: Model> {
    model: &'h M,
    history: &'h [Operation<M::Call, M::Reply>],
    group: &'h [usize],
    /// The events that are left are a list: each knows the next and the one before. Event 0 is before all of them.
    events: Vec<Event>,
    next: Vec<usize>,
    before: Vec<usize>,
    /// The event of each operation's return; [`END`] without.
    returns: Vec<usize>,
    /// The operation of its client before each; [`END`] without.
    follows: Vec<usize>,
    /// Operations with a reply that are not in the order yet.
    missing: usize,
}

impl<'h, M: Model> Search<'h, M> {
    fn new(model: &'h M, history: &'h [Operation<M::Call, M::Reply>], group: &'h [usize]) -> Self {
        let mut times = Vec::new();
        for (operation, index) in group.iter().enumerate() {
            let Operation { called, returned, reply, .. } = &history[*index];
            times.push((*called, Event { operation, is_return: false }));
            if reply.is_some() {
                times.push((*returned, Event { operation, is_return: true }));
            }
        }
        // At the same time a call comes before a return: then both operations may come first.
        times.sort_by_key(|(time, event)| (*time, event.is_return));
        let nobody = Event { operation: END, is_return: false };
        let events: Vec<Event> = std::iter::once(nobody).chain(times.into_iter().map(|(_, event)| event)).collect();
        let mut returns = vec![END; group.len()];
        for (at, event) in events.iter().enumerate().filter(|(_, event)| event.is_return) {
            returns[event.operation] = at;
        }
        let mut last_of_clients = BTreeMap::new();
        let follows = |(operation, index): (usize, &usize)| last_of_clients.insert(history[*index].client, operation).unwrap_or(END);
        let follows = group.iter().enumerate().map(follows).collect();
        let last = events.len() - 1;
        let next = (0..events.len()).map(|at| if at == last { END } else { at + 1 }).collect();
        let before = (0..events.len()).map(|at| at.saturating_sub(1)).collect();
        let missing = returns.iter().filter(|at| **at != END).count();
        Search { model, history, group, events, next, before, returns, follows, missing }
    }

    fn take_out(&mut self, at: usize) {
        if at != END {
            let (before, next) = (self.before[at], self.next[at]);
            self.next[before] = next;
            if next != END {
                self.before[next] = before;
            }
        }
    }

    /// Undoes the last [`Self::take_out`] that was not undone.
    fn put_back(&mut self, at: usize) {
        if at != END {
            let (before, next) = (self.before[at], self.next[at]);
            self.next[before] = at;
            if next != END {
                self.before[next] = at;
            }
        }
    }

    fn run(mut self, steps_max: usize) -> Verdict {
        let mut state = self.model.start();
        let mut chosen = Chosen(vec![0; self.group.len().div_ceil(64)]);
        let mut tried: HashSet<(Chosen, M::State), foldhash::fast::FixedState> = HashSet::default();
        // The events of the operations in the order, each with the state before it.
        let mut order: Vec<(usize, M::State)> = Vec::new();
        let mut longest: Vec<usize> = Vec::new();
        let mut at = self.next[0];
        for _ in 0..steps_max {
            if self.missing == 0 {
                return Verdict::Linearizable;
            }
            let is_call = at != END && !self.events[at].is_return;
            if is_call {
                let operation = self.events[at].operation;
                let Operation { call, reply, .. } = &self.history[self.group[operation]];
                let is_its_turn = self.follows[operation] == END || chosen.has(self.follows[operation]);
                let after = self.model.step(&state, call, reply.as_ref()).filter(|_| is_its_turn);
                chosen.set(operation, true);
                match after.filter(|after| tried.insert((chosen.clone(), after.clone()))) {
                    Some(after) => {
                        order.push((at, std::mem::replace(&mut state, after)));
                        self.take_out(at);
                        self.take_out(self.returns[operation]);
                        self.missing -= usize::from(reply.is_some());
                        at = self.next[0];
                    }
                    None => {
                        chosen.set(operation, false);
                        at = self.next[at];
                    }
                }
                continue;
            }
            // Somebody's return is reached whose operation could not come before it: one of those in the order came too early.
            if order.len() >= longest.len() {
                longest = order.iter().map(|(at, _)| self.group[self.events[*at].operation]).collect();
            }
            let Some((last, earlier)) = order.pop() else {
                let left = self.group.iter().copied().filter(|index| !longest.contains(index)).collect();
                return Verdict::Broken { order: longest, left };
            };
            let operation = self.events[last].operation;
            self.put_back(self.returns[operation]);
            self.put_back(last);
            self.missing += usize::from(self.returns[operation] != END);
            chosen.set(operation, false);
            state = earlier;
            at = self.next[last];
        }
        Verdict::Unknown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Registers: a call is a part and what is written there, or nothing to read it.
    struct Registers;

    impl Model for Registers {
        type State = BTreeMap<usize, u32>;
        type Call = (usize, Option<u32>);
        type Reply = u32;

        fn start(&self) -> Self::State {
            BTreeMap::new()
        }

        fn step(&self, state: &Self::State, &(part, write): &Self::Call, reply: Option<&u32>) -> Option<Self::State> {
            let mut state = state.clone();
            let seen = state.get(&part).copied().unwrap_or(0);
            if let Some(value) = write {
                state.insert(part, value);
            }
            reply.is_none_or(|reply| write.is_some() || *reply == seen).then_some(state)
        }

        fn parts(&self, call: &Self::Call) -> Vec<usize> {
            vec![call.0]
        }
    }

    /// An operation: part, what is written (or nothing), what was read, from when to when.
    fn of(part: usize, write: Option<u32>, reply: Option<u32>, called: u64, returned: u64) -> Operation<(usize, Option<u32>), u32> {
        Operation { client: 0, call: (part, write), reply, called, returned }
    }

    /// The verdict on operations of clients of their own.
    fn verdict(history: &[Operation<(usize, Option<u32>), u32>]) -> Verdict {
        let own = |(client, operation): (usize, &Operation<_, _>)| Operation { client, ..operation.clone() };
        check(&Registers, &history.iter().enumerate().map(own).collect::<Vec<_>>())
    }

    #[test]
    fn what_overlaps_may_come_in_any_order() {
        assert_eq!(verdict(&[]), Verdict::Linearizable);
        for seen in [0, 1] {
            assert_eq!(verdict(&[of(0, Some(1), Some(0), 0, 10), of(0, None, Some(seen), 5, 6)]), Verdict::Linearizable, "{seen}");
        }
        assert_eq!(verdict(&[of(0, Some(1), Some(0), 0, 5), of(0, None, Some(0), 5, 6)]), Verdict::Linearizable, "at the same time");
    }

    #[test]
    fn what_came_before_is_seen() {
        let stale = [of(0, Some(1), Some(0), 0, 5), of(0, None, Some(0), 6, 7)];
        assert_eq!(verdict(&stale), Verdict::Broken { order: vec![0], left: vec![1] });
        // Another part tells nothing of it.
        assert_eq!(verdict(&[of(0, Some(1), Some(0), 0, 5), of(1, None, Some(0), 6, 7)]), Verdict::Linearizable);
        // Two readers that see two writes in different orders.
        let crossed = [of(0, Some(1), Some(0), 0, 100), of(0, None, Some(1), 1, 2), of(0, None, Some(0), 3, 4), of(0, None, Some(1), 5, 6)];
        assert!(matches!(verdict(&crossed), Verdict::Broken { .. }));
    }

    #[test]
    fn what_a_client_asked_for_at_once_happened_in_that_order() {
        // A client that reads its own write, both asked for at once.
        for (seen, is_good) in [(1, true), (0, false)] {
            let history = [of(0, Some(1), Some(0), 0, 10), of(0, None, Some(seen), 0, 10)];
            assert_eq!(check(&Registers, &history) == Verdict::Linearizable, is_good, "{seen}");
            assert_eq!(verdict(&history), Verdict::Linearizable, "two clients may come in any order");
        }
        // One that writes two parts, and another that sees the later write and not yet the earlier one.
        let reads =
            |first, second| [of(1, None, Some(first), 2, 3), of(0, None, Some(second), 4, 5)].map(|read| Operation { client: 1, ..read });
        for (first, second, is_good) in [(0, 0, true), (0, 1, true), (1, 1, true), (1, 0, false)] {
            let writes = [of(0, Some(1), Some(0), 0, 10), of(1, Some(1), Some(0), 0, 10)];
            let history = [writes.as_slice(), &reads(first, second)].concat();
            assert_eq!(check(&Registers, &history) == Verdict::Linearizable, is_good, "{first} {second}");
        }
    }

    #[test]
    fn what_nobody_heard_of_may_have_happened_or_not() {
        let unheard = of(0, Some(1), None, 5, 0);
        for (seen, called) in [(0, 10), (1, 10), (0, 1)] {
            let history = [unheard.clone(), of(0, None, Some(seen), called, called + 1)];
            assert_eq!(verdict(&history), Verdict::Linearizable, "{seen} {called}");
        }
        let too_early = [unheard.clone(), of(0, None, Some(1), 1, 2)];
        assert!(matches!(verdict(&too_early), Verdict::Broken { .. }), "not before it was asked for");
        let taken_back = [unheard, of(0, None, Some(1), 10, 11), of(0, None, Some(0), 12, 13)];
        assert!(matches!(verdict(&taken_back), Verdict::Broken { .. }));
    }

    #[test]
    fn a_search_ends() {
        // Writes that all overlap, and a reader that saw none of them: every order of them would be tried without the memory.
        let mut history: Vec<_> = (1..=16).map(|value| of(0, Some(value), Some(0), 0, 100)).collect();
        history.push(of(0, None, Some(77), 0, 100));
        history.iter_mut().enumerate().for_each(|(client, operation)| operation.client = client);
        assert!(matches!(verdict(&history), Verdict::Broken { .. }));
        let group: Vec<usize> = (0..history.len()).collect();
        assert_eq!(Search::new(&Registers, &history, &group).run(1000), Verdict::Unknown);
    }
}
