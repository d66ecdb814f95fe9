//! The gateway to the data against a model: what is there, who is told, and on which offset of a log a reply depends.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;

use proptest::prelude::*;

use super::Keyspace;
use super::access::{KeyAccess, Moment};
use super::changes::{ChangeSink, Changes};
use super::effect::class;
use super::key::{Key, ResolvedKey};
use super::key_mut::Expiry;
use super::records::Records;
use super::testing::{Steady, Told, change, put, with_key};
use crate::base::slot;

#[derive(Debug, Clone)]
enum Op {
    Set { db: u32, key: u8, expires: Option<i64> },
    Expire { db: u32, key: u8, at: Option<i64> },
    Delete { db: u32, key: u8 },
    Read { db: u32, key: u8 },
    Rename { db: u32, from: u8, to: u8 },
    Move { key: u8 },
    Swap,
    Flush { db: u32 },
    Later { ms: i64 },
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let (db, key) = (0..2u32, 0..5u8);
    let op = prop_oneof![
        4 => (db.clone(), key.clone(), prop::option::of(1..60i64)).prop_map(|(db, key, expires)| Op::Set { db, key, expires }),
        2 => (db.clone(), key.clone(), prop::option::of(1..60i64)).prop_map(|(db, key, at)| Op::Expire { db, key, at }),
        2 => (db.clone(), key.clone()).prop_map(|(db, key)| Op::Delete { db, key }),
        3 => (db.clone(), key.clone()).prop_map(|(db, key)| Op::Read { db, key }),
        2 => (db.clone(), key.clone(), key.clone()).prop_map(|(db, from, to)| Op::Rename { db, from, to }),
        2 => key.prop_map(|key| Op::Move { key }),
        1 => Just(Op::Swap),
        1 => db.prop_map(|db| Op::Flush { db }),
        3 => (1..30i64).prop_map(|ms| Op::Later { ms }),
    ];
    prop::collection::vec(op, 0..150)
}

/// What is there: by database and key, the number of the write that made it, and its expiry.
type Model = BTreeMap<(u32, u8), (usize, Option<i64>)>;

fn name(key: u8) -> String {
    format!("key:{key}")
}

fn with_all<R>(keyspace: &Keyspace, now_ms: i64, run: impl FnOnce(&mut KeyAccess<'_>) -> R) -> R {
    let mut keys = KeyAccess::new(keyspace, 0, &Moment::new(keyspace, now_ms), 1);
    keys.with_all(run)
}

/// Gives one key the name or the database of another.
fn relocate(keyspace: &Keyspace, now_ms: i64, db: u32, from: u8, run: impl FnOnce(&mut KeyAccess<'_>, Key<'_>, u8)) {
    let (source, place) = (name(from), keyspace.place(name(from).as_bytes()));
    with_all(keyspace, now_ms, |keys| {
        let resolved = ResolvedKey { place, ..ResolvedKey::default() };
        keys.in_db(db, |keys| run(keys, Key::new(source.as_bytes(), &resolved), from));
    });
}

fn run(keyspace: &Keyspace, model: &mut Model, op: Op, number: usize, now: &mut i64) {
    let now_ms = *now;
    match op {
        Op::Set { db, key, expires } => {
            let at = expires.map(|ms| now_ms + ms);
            let expiry = at.map_or(Expiry::Clear, Expiry::At);
            change(keyspace, db, &name(key), now_ms, |entry| entry.set_text(number.to_string().as_bytes(), expiry));
            model.insert((db, key), (number, at));
        }
        Op::Expire { db, key, at } => {
            let at = at.map(|ms| now_ms + ms);
            with_key(keyspace, db, &name(key), now_ms, |keys, handle| {
                let mut entry = keys.open(handle);
                if entry.exists() {
                    entry.set_expiry_ms(at);
                    entry.count_changes(1);
                }
            });
            if let Some(entry) = model.get_mut(&(db, key)) {
                entry.1 = at;
            }
        }
        Op::Delete { db, key } => {
            let deleted = with_key(keyspace, db, &name(key), now_ms, |keys, handle| keys.open(handle).delete());
            assert_eq!(deleted, model.remove(&(db, key)).is_some());
        }
        Op::Read { db, key } => {
            let found = with_key(keyspace, db, &name(key), now_ms, |keys, handle| keys.read(handle).map(super::string_value::to_vec));
            let expected = model.get(&(db, key)).map(|(number, _)| number.to_string().into_bytes());
            assert_eq!(found, expected);
        }
        Op::Rename { db, from, to } if from != to && model.contains_key(&(db, from)) => {
            let (target, place) = (name(to), keyspace.place(name(to).as_bytes()));
            relocate(keyspace, now_ms, db, from, |keys, source, _| {
                let resolved = ResolvedKey { place, ..ResolvedKey::default() };
                keys.rename(source, Key::new(target.as_bytes(), &resolved));
            });
            let moved = model.remove(&(db, from)).expect("looked at above");
            model.insert((db, to), moved);
        }
        Op::Move { key } if model.contains_key(&(0, key)) && !model.contains_key(&(1, key)) => {
            // An expired key of the target goes first, as MOVE's own look at it has it.
            with_key(keyspace, 1, &name(key), now_ms, |keys, handle| drop(keys.open(handle)));
            relocate(keyspace, now_ms, 0, key, |keys, source, _| keys.move_to(source, 1));
            let moved = model.remove(&(0, key)).expect("looked at above");
            model.insert((1, key), moved);
        }
        Op::Rename { .. } | Op::Move { .. } => {}
        Op::Swap => {
            with_all(keyspace, now_ms, |keys| keys.swap_databases(0, 1));
            *model = std::mem::take(model).into_iter().map(|((db, key), entry)| ((1 - db, key), entry)).collect();
        }
        Op::Flush { db } => {
            with_all(keyspace, now_ms, |keys| keys.flush(db..db + 1, false));
            model.retain(|(of, _), _| *of != db);
        }
        Op::Later { ms } => {
            *now += ms;
            model.retain(|_, (_, at)| at.is_none_or(|at| at >= *now));
        }
    }
}

proptest! {
    #[test]
    fn behaves_as_a_map_with_expiry(ops in ops(), by_slot: bool) {
        let keyspace = Keyspace::new(16, 2, by_slot, 7);
        let (mut model, mut now) = (Model::new(), 1000);
        for (number, op) in ops.into_iter().enumerate() {
            run(&keyspace, &mut model, op, number, &mut now);
        }
        // What has expired goes when somebody looks; then the counts agree.
        for db in 0..2 {
            for key in 0..5 {
                let is_there = with_key(&keyspace, db, &name(key), now, |keys, handle| keys.peek(handle).is_some());
                prop_assert_eq!(is_there, model.contains_key(&(db, key)));
            }
            let of_db = || model.iter().filter(|((of, _), _)| *of == db);
            prop_assert_eq!(keyspace.db_size(db), (of_db().count(), of_db().filter(|(_, (_, at))| at.is_some()).count()));
        }
    }
}

#[test]
fn a_slot_has_a_table_of_its_own() {
    for stripes in [16, 256] {
        let keyspace = Keyspace::new(stripes, 2, true, 7);
        let mut taken = BTreeSet::new();
        for number in 0..slot::SLOTS {
            let (stripe, table) = keyspace.slot_table(number);
            assert!((table as usize) < keyspace.tables_per_db() && (stripe as usize) < stripes);
            assert!(taken.insert((stripe, table)), "slot {number} shares its table");
        }
        for key in 0..1000u32 {
            let key = format!("key:{key}");
            let (place, number) = (keyspace.place(key.as_bytes()), slot::key_slot(key.as_bytes()));
            assert_eq!((place.stripe, place.table), keyspace.slot_table(number), "{key}");
            assert_eq!(keyspace.slot_of(place), number);
        }
    }
}

#[test]
#[should_panic(expected = "told nobody")]
fn a_change_of_which_nobody_is_told_is_a_bug() {
    let keyspace = Keyspace::new(16, 1, false, 7);
    with_key(&keyspace, 0, "k", 1000, |keys, key| keys.open(key).set_text(b"v", Expiry::Clear));
}

/// Every way in which a key changes tells of it.
#[test]
fn every_change_is_told_in_its_order() {
    let keyspace = Keyspace::new(16, 2, false, 7);
    keyspace.settings.notify.store(u32::MAX, Ordering::Relaxed);
    let told = Told::by(&keyspace);
    put(&keyspace, 0, "a", Expiry::At(2000), 1000);
    with_key(&keyspace, 0, "a", 1500, |keys, key| keys.open(key).change_event(class::STRING, "one"));
    assert_eq!(told.take(), ["new a", "one a"]);
    let (source, target) = ("a", "b");
    with_all(&keyspace, 1500, |keys| {
        let [from, to] = [source, target].map(|name| ResolvedKey { place: keyspace.place(name.as_bytes()), ..ResolvedKey::default() });
        keys.rename(Key::new(source.as_bytes(), &from), Key::new(target.as_bytes(), &to));
        keys.move_to(Key::new(target.as_bytes(), &to), 1);
    });
    assert_eq!(told.take(), ["new b", "rename_from a", "rename_to b", "new b", "move_from b", "move_to b"]);
    with_key(&keyspace, 1, "b", 3000, |keys, key| assert!(keys.read(key).is_none()));
    assert_eq!(told.take(), ["expired b", "keymiss b"]);
}

/// A reply depends on what was written, and on the last write of every stripe that was read.
#[test]
fn a_reply_depends_on_the_offsets_of_what_it_saw() {
    let keyspace = Keyspace::new(16, 1, false, 7);
    let told = Told::and_logged_by(&keyspace);
    let depends_on = |name: &str, writes: bool| {
        let mut keys = KeyAccess::new(&keyspace, 0, &Moment::new(&keyspace, 1000), 1);
        let resolved = ResolvedKey { place: keyspace.place(name.as_bytes()), ..ResolvedKey::default() };
        keys.lock_keys(&[resolved]);
        let key = Key::new(name.as_bytes(), &resolved);
        if writes {
            keys.open(key).change_event(class::STRING, "written");
            keys.end_of_command(&[b"WRITE", name.as_bytes()], true);
        } else {
            keys.read(key);
        }
        keys.unlock();
        keys.required_offset
    };
    let elsewhere = (0..).map(|n| format!("other:{n}")).find(|name| {
        let stripe = |name: &str| keyspace.place(name.as_bytes()).stripe;
        stripe(name) != stripe("k")
    });
    let elsewhere = elsewhere.expect("there are several stripes");
    assert_eq!(depends_on("k", false), 0, "nothing was written yet");
    assert_eq!(depends_on("k", true), 10);
    assert_eq!(depends_on(&elsewhere, true), 20);
    assert_eq!(depends_on("k", false), 10, "what was written elsewhere is no concern of it");
    assert_eq!(depends_on(&elsewhere, false), 20);
    assert_eq!(with_all(&keyspace, 1000, |_| ()), ());
    assert!(told.take().is_empty(), "nobody asked for notifications");
}

/// Asserts that the stripes are held while it is told.
#[derive(Debug)]
struct UnderLock(std::sync::Weak<Keyspace>);

impl ChangeSink for UnderLock {
    fn commit(&self, _: u32, _: &mut Records, changes: &mut Changes) -> u64 {
        let keyspace = self.0.upgrade().expect("it is there");
        for event in &changes.events {
            let place = keyspace.place(&event.key);
            assert!(keyspace.try_lock(place.stripe).is_none(), "{event:?}");
        }
        changes.events.clear();
        0
    }
}

#[test]
fn changes_are_committed_before_any_stripe_is_released() {
    let keyspace = std::sync::Arc::new(Keyspace::new(16, 2, false, 7));
    keyspace.settings.notify.store(u32::MAX, Ordering::Relaxed);
    keyspace.tell(Box::new(UnderLock(std::sync::Arc::downgrade(&keyspace))));
    for number in 0..50 {
        put(&keyspace, 0, &format!("key:{number}"), Expiry::At(2000), 1000);
    }
    let mut sweep = super::expire::Sweep::new(2);
    while keyspace.stats().expired < 25 {
        let mut cycle = sweep.begin(super::expire::Effort::new(10, 10));
        while sweep.step(&mut cycle, &keyspace, 5000) {}
        sweep.end(cycle, &keyspace, false);
    }
    let mut keys = KeyAccess::new(&keyspace, 0, &Moment::new(&keyspace, 5000), 1);
    assert_eq!(keys.scan(0, None, 1000, |_| true, |_| (), &mut Steady::at_leisure()), Ok(0));
    drop(keys);
    assert_eq!(keyspace.stats().expired, 50);
}
