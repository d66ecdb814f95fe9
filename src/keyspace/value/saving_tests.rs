//! Large collections that are saved in parts while they are changed: what the snapshot has is what a naive model of the collection was when
//! the snapshot began.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use proptest::prelude::*;

use super::chunk::{Chunk, Tag, Taker};
use super::collection::Collection;
use super::hash::{FieldAccess, FieldExpiry, Hash, SmallLimits};
use super::list::{End, List, NodeLimit};
use super::pieces::{self, Owned};
use super::set::{Member, Set, SetLimits};
use super::string::LongString;
use super::zset::{Limits, Zset};
use super::{Value, Variant};
use crate::keyspace::hash::KeyHasher;
use crate::keyspace::liveness::Liveness;

/// Keeps what it is given.
#[derive(Debug, Default)]
pub(super) struct Kept {
    chunks: Mutex<Vec<Chunk>>,
    has_ended: AtomicBool,
    has_lost: AtomicBool,
}

impl Kept {
    /// True if the value went away before all of it was given.
    pub(super) fn has_lost(&self) -> bool {
        self.has_lost.load(Ordering::Relaxed)
    }

    /// What was given so far.
    pub(super) fn take_all(&self) -> Vec<Chunk> {
        std::mem::take(&mut *self.chunks.lock())
    }
}

impl Taker for Kept {
    fn is_over(&self) -> bool {
        false
    }

    fn take(&self, _: Tag, chunk: Chunk) {
        self.chunks.lock().push(chunk);
    }

    fn end(&self, _: Tag) {
        self.has_ended.store(true, Ordering::Relaxed);
    }

    fn lose(&self, _: Tag) {
        self.has_lost.store(true, Ordering::Relaxed);
    }
}

/// What happens to a collection and its snapshot.
#[derive(Debug, Clone)]
pub(super) enum Step<C> {
    Change(C),
    /// The snapshot begins, unless it did.
    Begin,
    /// Its walk goes on by so many parts.
    Walk(usize),
}

pub(super) fn steps<C: std::fmt::Debug + Clone + 'static>(
    change: impl Strategy<Value = C> + 'static,
) -> impl Strategy<Value = Vec<Step<C>>> {
    let step = prop_oneof![
        100 => change.prop_map(Step::Change),
        1 => Just(Step::Begin),
        10 => (1..4usize).prop_map(Step::Walk),
    ];
    prop::collection::vec(step, 1..900)
}

/// Runs all steps, with what the model was when the snapshot began, and compares.
fn run<C: Variant, S>(
    mut collection: C,
    steps: Vec<Step<S>>,
    mut change: impl FnMut(&mut C, S),
    mut model: impl FnMut() -> Vec<Owned>,
    is_ordered: bool,
) -> Result<(), TestCaseError> {
    let kept = Arc::new(Kept::default());
    let mut expected = None;
    let mut value = None;
    for step in steps {
        match step {
            Step::Change(step) => {
                let Some(value) = &mut value else {
                    change(&mut collection, step);
                    continue;
                };
                change(C::of_mut(value).expect("its type stays"), step);
            }
            Step::Begin if expected.is_none() => {
                let mut boxed = std::mem::replace(&mut collection, C::new()).into_value();
                if let Some(chunked) = boxed.chunked_mut() {
                    chunked.begin_saving(Arc::clone(&kept) as Arc<dyn Taker>, 7);
                    expected = Some(model());
                }
                value = Some(boxed);
                if expected.is_none() {
                    // Too small to be saved in parts.
                    let boxed = value.as_mut().and_then(C::of_mut).expect("its type stays");
                    collection = std::mem::replace(boxed, C::new());
                    value = None;
                }
            }
            Step::Walk(parts) => walk(value.as_mut(), parts, &kept),
            Step::Begin => {}
        }
    }
    let Some(expected) = expected else { return Ok(()) };
    walk(value.as_mut(), usize::MAX, &kept);
    drop(value);
    prop_assert!(!kept.has_lost());
    let mut chunks = kept.take_all();
    let number = |chunk: &Chunk| if let Chunk::Node(number, _) = chunk { *number } else { 0 };
    chunks.sort_by_key(number);
    let mut found = Vec::new();
    chunks.into_iter().for_each(|chunk| pieces::of_chunk(chunk, |piece| pieces::own(piece, &mut found)));
    if !is_ordered {
        found.sort();
    }
    prop_assert!(found == expected, "{} elements, not {}", found.len(), expected.len());
    Ok(())
}

pub(super) fn walk(value: Option<&mut Value>, parts: usize, kept: &Arc<Kept>) {
    let Some(chunked) = value.and_then(Value::chunked_mut) else { return };
    for _ in 0..parts {
        if chunked.saving().is_none() || !chunked.save_next(&mut |chunk| kept.chunks.lock().push(chunk)) {
            break;
        }
    }
}

#[derive(Debug, Clone)]
enum Change {
    Set(u32, usize, i32),
    Remove(u32),
    RemoveFrom(prop::sample::Index, usize),
    Clear,
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        300 => (0..800u32, prop_oneof![8 => 0..40usize, 1 => 500..530usize], 0..40i32).prop_map(|(key, len, score)| Change::Set(key, len, score)),
        200 => (0..800u32).prop_map(Change::Remove),
        3 => (any::<prop::sample::Index>(), 0..300usize).prop_map(|(from, len)| Change::RemoveFrom(from, len)),
        1 => Just(Change::Clear),
    ]
}

const SMALL: SmallLimits = SmallLimits { entries: 4, value_len: 64 };

/// Runs with a model that is shared by the closure that changes it and the one that looks at it.
fn with_model<M: Default, R>(run: impl FnOnce(&std::cell::RefCell<M>) -> R) -> R {
    run(&std::cell::RefCell::default())
}

/// What the tables hold from the start, so that they consist of several parts.
const AT_START: u32 = 400;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn a_hash_is_saved_as_it_was(steps in steps(change())) {
        let hasher = KeyHasher::new(7);
        let access = FieldAccess { hasher: &hasher, liveness: Liveness::EVERYTHING };
        with_model(|model: &std::cell::RefCell<BTreeMap<Vec<u8>, (Vec<u8>, Option<i64>)>>| {
            let change = |hash: &mut Hash, step: Change| {
                let mut model = model.borrow_mut();
                match step {
                    Change::Set(key, len, expiry) => {
                        let (key, value) = (format!("field:{key}").into_bytes(), vec![b'v'; len]);
                        let expiry_ms = (expiry < 10).then_some(1000 + i64::from(expiry));
                        hash.set(&key, &value, expiry_ms.map_or(FieldExpiry::Clear, FieldExpiry::At), SMALL, access);
                        model.insert(key, (value, expiry_ms));
                    }
                    Change::Remove(key) => {
                        let key = format!("field:{key}").into_bytes();
                        hash.remove(&key, access);
                        model.remove(&key);
                    }
                    Change::RemoveFrom(from, len) => {
                        let from = from.index(model.len() + 1);
                        let gone: Vec<_> = model.keys().skip(from).take(len).cloned().collect();
                        gone.iter().for_each(|key| { hash.remove(key, access); model.remove(key); });
                    }
                    Change::Clear => {
                        // As far as a table does by itself: a key goes with its last element.
                        let gone: Vec<_> = model.keys().skip(1).cloned().collect();
                        gone.iter().for_each(|key| { hash.remove(key, access); model.remove(key); });
                    }
                }
            };
            let mut hash = Hash::new();
            (0..AT_START).for_each(|key| change(&mut hash, Change::Set(key, 8, key as i32)));
            let look = || model.borrow().iter().map(|(key, (value, expiry_ms))| (key.clone(), value.clone(), *expiry_ms)).collect();
            run(hash, steps, change, look, false)
        })?;
    }

    #[test]
    fn a_set_is_saved_as_it_was(steps in steps(change())) {
        let hasher = KeyHasher::new(7);
        let limits = SetLimits { integers: 4, small: SMALL };
        with_model(|model: &std::cell::RefCell<HashMap<Vec<u8>, ()>>| {
            let change = |set: &mut Set, step: Change| {
                let mut model = model.borrow_mut();
                let name = |key: u32| format!("{key:0len$}", len = if key.is_multiple_of(9) { 600 } else { 16 }).into_bytes();
                match step {
                    Change::Set(key, ..) => {
                        set.add(&Member::of(&name(key)), limits, &hasher);
                        model.insert(name(key), ());
                    }
                    Change::Remove(key) => {
                        set.remove(&Member::of(&name(key)), &hasher);
                        model.remove(&name(key));
                    }
                    Change::RemoveFrom(_, len) => {
                        let gone: Vec<_> = model.keys().take(len).cloned().collect();
                        gone.iter().for_each(|member| { set.remove(&Member::of(member), &hasher); model.remove(member); });
                    }
                    Change::Clear => {
                        let gone: Vec<_> = model.keys().skip(1).cloned().collect();
                        gone.iter().for_each(|member| { set.remove(&Member::of(member), &hasher); model.remove(member); });
                    }
                }
            };
            let mut set = Set::large();
            (0..AT_START).for_each(|key| change(&mut set, Change::Set(key, 0, 0)));
            let look = || {
                let mut all: Vec<Owned> = model.borrow().keys().map(|member| (member.clone(), Vec::new(), None)).collect();
                all.sort();
                all
            };
            run(set, steps, change, look, false)
        })?;
    }

    #[test]
    fn a_sorted_set_is_saved_as_it_was(steps in steps(change())) {
        let hasher = KeyHasher::new(7);
        let limits = Limits { members: 4, member_len: 64 };
        with_model(|model: &std::cell::RefCell<BTreeMap<Vec<u8>, f64>>| {
            let change = |zset: &mut Zset, step: Change| {
                let mut model = model.borrow_mut();
                let name = |key: u32| format!("{key:0len$}", len = if key.is_multiple_of(50) { 600 } else { 16 }).into_bytes();
                match step {
                    Change::Set(key, _, score) => {
                        zset.set(&name(key), f64::from(score), &limits, &hasher);
                        model.insert(name(key), f64::from(score));
                    }
                    Change::Remove(key) => {
                        prop_assert_eq!(zset.remove(&name(key), &hasher), model.remove(&name(key)));
                    }
                    Change::RemoveFrom(from, len) => {
                        let mut order: Vec<_> = model.iter().map(|(member, score)| (*score, member.clone())).collect();
                        order.sort_by(|one, other| one.partial_cmp(other).expect("no score is NaN"));
                        let from = from.index(order.len() + 1);
                        let end = (from + len).min(order.len());
                        zset.remove_ranks(from..end, &hasher);
                        order[from..end].iter().for_each(|(_, member)| _ = model.remove(member));
                    }
                    Change::Clear => {
                        zset.remove_ranks(0..model.len(), &hasher);
                        model.clear();
                    }
                }
                Ok(())
            };
            let mut zset = Zset::new();
            for key in 0..AT_START {
                change(&mut zset, Change::Set(key, 0, key as i32 / 4))?;
            }
            let look = || {
                let scored = |(member, score): (&Vec<u8>, &f64)| (member.clone(), score.to_le_bytes().to_vec(), None);
                model.borrow().iter().map(scored).collect()
            };
            run(zset, steps, |zset, step| change(zset, step).expect("the model agrees"), look, false)
        })?;
    }

    #[test]
    fn a_list_is_saved_as_it_was(steps in steps(list_change())) {
        let limit = NodeLimit(8);
        with_model(|model: &std::cell::RefCell<Vec<Vec<u8>>>| {
            let change = |list: &mut List, step: ListChange| {
                let mut model = model.borrow_mut();
                let text = |number: u8| number.to_string().into_bytes();
                match step {
                    ListChange::Push(is_left, number) => {
                        list.grow_for(&[&text(number)], limit);
                        list.push(if is_left { End::Left } else { End::Right }, &text(number), limit);
                        let at = if is_left { 0 } else { model.len() };
                        model.insert(at, text(number));
                    }
                    ListChange::Insert(pivot, number) if !model.is_empty() => {
                        let pivot = pivot.index(model.len());
                        let side = if number % 2 == 0 { End::Left } else { End::Right };
                        list.grow_for(&[&text(number)], limit);
                        list.insert(pivot, side, &text(number), limit);
                        model.insert(pivot + usize::from(side == End::Right), text(number));
                    }
                    ListChange::Set(index, number) if !model.is_empty() => {
                        let index = index.index(model.len());
                        list.set(index, &text(number), limit);
                        model[index] = text(number);
                    }
                    ListChange::Remove(index, len) if model.len() > 1 => {
                        let start = index.index(model.len() - 1) + 1;
                        let end = (start + len).min(model.len());
                        list.remove(start..end, limit);
                        model.drain(start..end);
                    }
                    ListChange::RemoveEqual(number) => {
                        list.remove_equal(End::Left, usize::MAX, &text(number), limit);
                        model.retain(|other| *other != text(number));
                    }
                    ListChange::Insert(..) | ListChange::Set(..) | ListChange::Remove(..) => {}
                }
            };
            let mut list = List::new();
            (0..AT_START).for_each(|number| change(&mut list, ListChange::Push(false, number as u8)));
            let look = || model.borrow().iter().map(|text| (text.clone(), Vec::new(), None)).collect();
            run(list, steps, change, look, true)
        })?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn a_string_is_saved_as_it_was(
        len in 600_000..1_100_000usize,
        steps in prop::collection::vec(prop_oneof![
            10 => (0..1_100_000usize, prop_oneof![6 => 0..20usize, 1 => 0..20_000usize, 1 => 200_000..600_000usize]).prop_map(|(at, len)| TextStep::Write(at, len)),
            2 => (0..100_000usize).prop_map(TextStep::Append),
            4 => (0..1_100_000usize, 0..20usize).prop_map(|(at, len)| TextStep::Edit(at, len)),
            3 => Just(TextStep::Walk),
        ], 0..60),
    ) {
        let model: Vec<u8> = (0..len).map(|at| (at % 251) as u8).collect();
        let kept = Arc::new(Kept::default());
        let mut value = Value::String(LongString::from(&model[..]));
        value.chunked_mut().expect("it lies in chunks").begin_saving(Arc::clone(&kept) as Arc<dyn Taker>, 7);
        for step in steps {
            let Value::String(string) = &mut value else { unreachable!("it is one") };
            match step {
                TextStep::Write(at, len) => {
                    string.grow(at + len);
                    string.write(at, &vec![b'x'; len]);
                }
                TextStep::Append(len) => string.append(&vec![b'y'; len]),
                TextStep::Edit(at, len) => {
                    string.grow(at + len);
                    string.edit(at, len, |part| part.fill(b'z'));
                }
                TextStep::Walk => walk(Some(&mut value), 1, &kept),
            }
        }
        walk(Some(&mut value), usize::MAX, &kept);
        drop(value);
        prop_assert!(!kept.has_lost());
        let mut found = Vec::new();
        kept.take_all().into_iter().for_each(|chunk| pieces::of_chunk(chunk, |piece| pieces::own(piece, &mut found)));
        let text = found.into_iter().map(|(part, ..)| part).collect::<Vec<_>>().concat();
        prop_assert!(text == model);
    }
}

#[derive(Debug, Clone)]
enum TextStep {
    Write(usize, usize),
    Append(usize),
    Edit(usize, usize),
    Walk,
}

#[derive(Debug, Clone)]
enum ListChange {
    Push(bool, u8),
    Insert(prop::sample::Index, u8),
    Set(prop::sample::Index, u8),
    Remove(prop::sample::Index, usize),
    RemoveEqual(u8),
}

fn list_change() -> impl Strategy<Value = ListChange> {
    let index = any::<prop::sample::Index>;
    prop_oneof![
        60 => (any::<bool>(), any::<u8>()).prop_map(|(is_left, number)| ListChange::Push(is_left, number)),
        20 => (index(), any::<u8>()).prop_map(|(index, number)| ListChange::Insert(index, number)),
        20 => (index(), any::<u8>()).prop_map(|(index, number)| ListChange::Set(index, number)),
        60 => (index(), 0..3usize).prop_map(|(index, len)| ListChange::Remove(index, len)),
        1 => (index(), 0..500usize).prop_map(|(index, len)| ListChange::Remove(index, len)),
        4 => any::<u8>().prop_map(ListChange::RemoveEqual),
    ]
}
