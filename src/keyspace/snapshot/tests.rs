//! Snapshots under all that changes a keyspace: what they deliver is what was there when they began, and nothing remembers them afterwards.

use std::collections::{BTreeMap, HashMap};

use proptest::prelude::*;

use super::sink::{Header, Piece};
use super::*;
use crate::keyspace::effect::{Cause, class};
use crate::keyspace::entry::{EntryRef, Type};
use crate::keyspace::key::{Key, ResolvedKey};
use crate::keyspace::key_mut::Expiry;
use crate::keyspace::string_value;
use crate::keyspace::testing::{change, with_key};
use crate::keyspace::value::hash::{FieldExpiry, Hash, SmallLimits};
use crate::keyspace::value::list::{End, List, NodeLimit};
use crate::keyspace::value::pieces;
use crate::keyspace::value::set::{Member, Set, SetLimits};
use crate::keyspace::value::stream::group::Group;
use crate::keyspace::value::stream::saving_tests::{self as stream_tests, Change};
use crate::keyspace::value::stream::{Stream, StreamId, Threshold, Trim};
use crate::keyspace::value::zset::{Limits, Zset};

type Pieces = Vec<pieces::Owned>;

/// A key's expiry and value.
#[derive(Debug, Clone, PartialEq)]
struct Content {
    expiry_ms: Option<i64>,
    kind: u8,
    pieces: Pieces,
}

type Data = BTreeMap<(u32, Vec<u8>), Content>;

fn note(pieces: &mut Pieces, piece: Piece<'_>) {
    match piece {
        // A string's parts are one text.
        Piece::Part(part) => match pieces.last_mut() {
            Some((text, ..)) => text.extend_from_slice(part),
            None => pieces.push((part.to_vec(), Vec::new(), None)),
        },
        other => pieces::own(other, pieces),
    }
}

/// In the order that means something.
fn settle(kind: Type, pieces: &mut Pieces) {
    match kind {
        Type::List => {}
        Type::Stream => pieces.sort_by_key(|piece| piece.0.starts_with(b"pending").then(|| piece.clone())),
        _ => pieces.sort(),
    }
}

/// All that is in a keyspace.
fn dump(keyspace: &Keyspace) -> Data {
    let mut data = Data::new();
    for number in 0..keyspace.stripes() as u32 {
        for (table, keys) in keyspace.lock(number).tables() {
            keys.table.for_each(|entry: EntryRef<'_>| {
                let mut all = Vec::new();
                sink::for_each_piece(entry, |piece| note(&mut all, piece));
                settle(entry.kind(), &mut all);
                let content = Content { expiry_ms: entry.expiry_ms(), kind: entry.kind() as u8, pieces: all };
                assert!(data.insert((keyspace.db_of(table), entry.key().to_vec()), content).is_none());
            });
        }
    }
    data
}

/// Keeps what it is given.
#[derive(Debug, Default)]
struct Kept {
    open: HashMap<Tag, ((u32, Vec<u8>), Type, usize, Content)>,
    data: Data,
}

impl Sink for Kept {
    fn key(&mut self, header: &Header<'_>) -> io::Result<()> {
        let content = Content { expiry_ms: header.expiry_ms, kind: header.kind as u8, pieces: Vec::new() };
        let opened = ((header.db, header.key.to_vec()), header.kind, header.len, content);
        assert!(self.open.insert(header.tag, opened).is_none());
        Ok(())
    }

    fn piece(&mut self, tag: Tag, piece: Piece<'_>) -> io::Result<()> {
        note(&mut self.open.get_mut(&tag).expect("its key came").3.pieces, piece);
        Ok(())
    }

    fn end(&mut self, tag: Tag) -> io::Result<()> {
        let (key, kind, len, mut content) = self.open.remove(&tag).expect("its key came");
        let found = match kind {
            Type::String => content.pieces.first().map_or(0, |(text, ..)| text.len()),
            Type::Stream => content.pieces.iter().filter(|(text, ..)| text.starts_with(b"entry") && text.ends_with(b"false")).count(),
            _ => content.pieces.len(),
        };
        assert_eq!(found, len);
        settle(kind, &mut content.pieces);
        assert!(self.data.insert(key, content).is_none(), "each key comes once");
        Ok(())
    }
}

const NOW_MS: i64 = 1000;
const KINDS: [&str; 6] = ["string", "hash", "set", "zset", "list", "stream"];
const DATABASES: usize = 3;

#[derive(Debug, Clone)]
enum Step {
    Text(u8, usize),
    /// Many keys, so that tables grow and shrink.
    Many(u16, u16, bool),
    Append(u8, usize),
    Write(u8, usize, usize),
    Expire(u8, Option<i64>),
    Delete(u8),
    Evict(u8),
    Rename(u8, u8),
    Move(u8, u32),
    Fields(u8, u16, u16, bool),
    Members(u8, u16, u16, bool),
    Scores(u8, u16, u16, i16),
    Push(u8, bool, u16),
    Pop(u8, u16),
    Replace(u8, u16),
    /// Entries, and what a group is given of them.
    Entries(u8, u16, u16),
    Trim(u8, u16),
    Acknowledge(u8, u16),
    DestroyGroup(u8),
    Flush(u32, bool),
    Swap(u32, u32),
    Database(u32),
    /// Of the snapshot.
    Walk(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let key = || 0..24u8;
    let len = || prop_oneof![6 => 0..40usize, 1 => 3990..4010usize, 1 => 16_300..16_500usize, 1 => 300_000..300_010usize, 1 => 600_000..600_010usize];
    let count = || prop_oneof![4 => 1..4u16, 1 => 100..400u16];
    prop_oneof![
        6 => (key(), len()).prop_map(|(key, len)| Step::Text(key, len)),
        4 => (0..2000u16, 1..1000u16, any::<bool>()).prop_map(|(first, count, adds)| Step::Many(first, count, adds)),
        4 => (key(), 0..50usize).prop_map(|(key, len)| Step::Append(key, len)),
        8 => (key(), 0..590_000usize, 0..9000usize).prop_map(|(key, at, len)| Step::Write(key, at, len)),
        3 => (key(), prop::option::of(900..1100i64)).prop_map(|(key, expiry_ms)| Step::Expire(key, expiry_ms)),
        4 => key().prop_map(Step::Delete),
        1 => key().prop_map(Step::Evict),
        4 => (key(), key()).prop_map(|(from, to)| Step::Rename(from, to)),
        3 => (key(), 0..DATABASES as u32).prop_map(|(key, db)| Step::Move(key, db)),
        10 => (key(), 0..400u16, count(), any::<bool>()).prop_map(|(key, first, count, adds)| Step::Fields(key, first, count, adds)),
        10 => (key(), 0..400u16, count(), any::<bool>()).prop_map(|(key, first, count, adds)| Step::Members(key, first, count, adds)),
        10 => (key(), 0..400u16, count(), any::<i16>()).prop_map(|(key, first, count, score)| Step::Scores(key, first, count, score)),
        8 => (key(), any::<bool>(), count()).prop_map(|(key, is_left, count)| Step::Push(key, is_left, count)),
        4 => (key(), count()).prop_map(|(key, count)| Step::Pop(key, count)),
        4 => (key(), any::<u16>()).prop_map(|(key, at)| Step::Replace(key, at)),
        10 => (key(), count(), 0..30u16).prop_map(|(key, count, delivered)| Step::Entries(key, count, delivered)),
        4 => (key(), 0..400u16).prop_map(|(key, len)| Step::Trim(key, len)),
        8 => (key(), 0..400u16).prop_map(|(key, seq)| Step::Acknowledge(key, seq)),
        1 => key().prop_map(Step::DestroyGroup),
        1 => (0..DATABASES as u32, any::<bool>()).prop_map(|(db, is_all)| Step::Flush(db, is_all)),
        1 => (0..DATABASES as u32, 0..DATABASES as u32).prop_map(|(one, other)| Step::Swap(one, other)),
        4 => (0..DATABASES as u32).prop_map(Step::Database),
        12 => (1..4usize).prop_map(Step::Walk),
    ]
}

/// A key's type is its number's, so that most steps fit; a few keys are of any type.
fn name(key: u8, kind: &str) -> String {
    if key < 3 { format!("any:{key}") } else { format!("{kind}:{}", key % 6) }
}

fn with_all(keyspace: &Keyspace, db: u32, run: impl FnOnce(&mut KeyAccess<'_>)) {
    let mut keys = KeyAccess::new(keyspace, db, &Moment::new(keyspace, NOW_MS), 1);
    keys.lock_all();
    run(&mut keys);
    keys.unlock();
}

fn change_stream(keyspace: &Keyspace, db: u32, number: u8, edit: impl FnOnce(&mut Stream)) {
    change(keyspace, db, &name(number, "stream"), NOW_MS, |key| _ = key.change(edit));
}

const SMALL: SmallLimits = SmallLimits { entries: 8, value_len: 64 };

fn apply(keyspace: &Keyspace, db: &mut u32, step: &Step) {
    let hasher = keyspace.hasher();
    let resolved = |name: &str| ResolvedKey { place: keyspace.place(name.as_bytes()), ..ResolvedKey::default() };
    match *step {
        Step::Text(key, len) => change(keyspace, *db, &name(key, "string"), NOW_MS, |key| key.set_text(&vec![b'x'; len], Expiry::Keep)),
        Step::Many(first, count, adds) => (first..first + count).for_each(|number| {
            change(keyspace, *db, &format!("many:{number}"), NOW_MS, |key| match adds {
                true => key.set_text(format!("{first}").as_bytes(), Expiry::Clear),
                false => _ = key.delete(),
            });
        }),
        Step::Append(key, len) => change(keyspace, *db, &name(key, "string"), NOW_MS, |key| {
            if key.string().is_ok() {
                key.append(&vec![b'y'; len]);
            }
        }),
        Step::Write(key, at, len) => change(keyspace, *db, &name(key, "string"), NOW_MS, |key| {
            if key.string().is_ok_and(|string| string.is_some_and(|string| string_value::len(string) >= at + len)) {
                key.write_range(at, &vec![b'z'; len]);
            }
        }),
        Step::Expire(key, expiry_ms) => {
            for kind in ["string", "hash", "zset", "stream"] {
                change(keyspace, *db, &name(key, kind), NOW_MS, |key| {
                    if key.exists() {
                        key.set_expiry_ms(expiry_ms);
                    }
                });
            }
        }
        Step::Delete(key) => {
            for kind in KINDS {
                change(keyspace, *db, &name(key, kind), NOW_MS, |opened| _ = opened.delete_for_user(key % 2 == 0));
            }
        }
        Step::Evict(key) => with_key(keyspace, *db, &name(key, "hash"), NOW_MS, |keys, key| {
            if let Some(position) = keys.locate(key) {
                keys.delete_unasked(key.place(), position, key.name(), Cause::Evicted, (class::EVICTED, "evicted"));
            }
        }),
        Step::Rename(from, to) => {
            for kind in KINDS {
                let (from, to) = (name(from, kind), name(to, kind));
                let (source, target) = (resolved(&from), resolved(&to));
                let mut keys = KeyAccess::new(keyspace, *db, &Moment::new(keyspace, NOW_MS), 1);
                keys.lock_keys(&[source, target]);
                let (source, target) = (Key::new(from.as_bytes(), &source), Key::new(to.as_bytes(), &target));
                if from != to && keys.peek(source).is_some() {
                    keys.rename(source, target);
                }
                keys.unlock();
            }
        }
        Step::Move(key, target) => {
            for kind in KINDS {
                with_key(keyspace, *db, &name(key, kind), NOW_MS, |keys, key| {
                    if *db != target && keys.peek(key).is_some() && keys.in_db(target, |keys| keys.peek(key).is_none()) {
                        keys.move_to(key, target);
                    }
                });
            }
        }
        Step::Fields(key, first, count, adds) => with_key(keyspace, *db, &name(key, "hash"), NOW_MS, |keys, key| {
            let access = keys.field_access();
            let mut key = keys.open(key);
            let _ = key.change(|hash: &mut Hash| {
                for number in first..first + count {
                    let field = format!("field:{number}").into_bytes();
                    if adds {
                        let expiry = if number % 7 == 0 { FieldExpiry::At(NOW_MS + i64::from(number) - 200) } else { FieldExpiry::Clear };
                        hash.set(&field, format!("{first}").as_bytes(), expiry, SMALL, access);
                    } else {
                        hash.remove(&field, access);
                    }
                }
            });
            key.count_changes(1);
        }),
        Step::Members(key, first, count, adds) => change(keyspace, *db, &name(key, "set"), NOW_MS, |key| {
            let _ = key.change(|set: &mut Set| {
                for number in first..first + count {
                    let member = Member::of(format!("member:{number}").as_bytes());
                    if adds {
                        set.add(&member, SetLimits { integers: 8, small: SMALL }, hasher);
                    } else {
                        set.remove(&member, hasher);
                    }
                }
            });
        }),
        Step::Scores(key, first, count, score) => change(keyspace, *db, &name(key, "zset"), NOW_MS, |key| {
            let limits = Limits { members: 8, member_len: 64 };
            let _ = key.change(|zset: &mut Zset| {
                for number in first..first + count {
                    let member = format!("member:{number}").into_bytes();
                    if score % 3 == 0 {
                        zset.remove(&member, hasher);
                    } else {
                        zset.set(&member, f64::from(score) + f64::from(number % 5), &limits, hasher);
                    }
                }
            });
        }),
        Step::Push(key, is_left, count) => change(keyspace, *db, &name(key, "list"), NOW_MS, |key| {
            let _ = key.change(|list: &mut List| {
                for number in 0..count {
                    let text = format!("element:{number}").into_bytes();
                    list.grow_for(&[&text], LIMIT);
                    list.push(if is_left { End::Left } else { End::Right }, &text, LIMIT);
                }
            });
        }),
        Step::Pop(key, count) => change(keyspace, *db, &name(key, "list"), NOW_MS, |opened| {
            let _ = opened.change(|list: &mut List| {
                let taken = list.len().min(usize::from(count));
                let start = if key % 2 == 0 { 0 } else { list.len() - taken };
                list.remove(start..start + taken, LIMIT);
            });
        }),
        Step::Replace(key, at) => change(keyspace, *db, &name(key, "list"), NOW_MS, |key| {
            let _ = key.change(|list: &mut List| {
                if let Some(at) = usize::from(at).checked_rem(list.len()) {
                    list.set(at, format!("new:{at}").as_bytes(), LIMIT);
                }
            });
        }),
        Step::Entries(key, count, delivered) => change_stream(keyspace, *db, key, |stream| {
            (0..count).for_each(|text| stream_tests::append(stream, text as u8));
            stream.add_group(Group::new(&[0], StreamId::MIN, None));
            stream_tests::apply(stream, Change::Deliver(0, key % 3, usize::from(delivered) + 1));
        }),
        Step::Trim(key, len) => change_stream(keyspace, *db, key, |stream| {
            stream.trim_to(Trim { threshold: Threshold::Len(u64::from(len)), is_approximate: false, limit: 0 }, drop);
        }),
        Step::Acknowledge(key, seq) => change_stream(keyspace, *db, key, |stream| {
            stream.group_mut(&[0]).map(|group| group.acknowledge(StreamId::new(0, u64::from(seq))));
            stream.delete(&[StreamId::new(0, u64::from(seq) + 1)]);
        }),
        Step::DestroyGroup(key) => change_stream(keyspace, *db, key, |stream| drop(stream.remove_group(&[0]))),
        Step::Flush(db, is_all) => {
            let databases = if is_all { 0..DATABASES as u32 } else { db..db + 1 };
            with_all(keyspace, 0, |keys| keys.flush(databases, is_all));
        }
        Step::Swap(one, other) => with_all(keyspace, 0, |keys| keys.swap_databases(one, other)),
        Step::Database(number) => *db = number,
        Step::Walk(_) => {}
    }
}

const LIMIT: NodeLimit = NodeLimit(16);

/// True if some table or value still knows of a snapshot.
fn is_remembered(keyspace: &Keyspace) -> bool {
    (0..keyspace.stripes() as u32).any(|number| {
        keyspace.lock(number).tables().any(|(_, keys)| {
            let mut is_saved = keys.table.is_walked();
            keys.table.for_each(|entry| is_saved |= entry.is_being_saved());
            is_saved
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn a_snapshot_is_what_was_there(
        by_slot in any::<bool>(),
        before in prop::collection::vec(step(), 0..150),
        during in prop::collection::vec(step(), 0..150),
        is_aborted in prop::bool::weighted(0.2),
    ) {
        let keyspace = Keyspace::new(16, DATABASES, by_slot, 7);
        let mut db = 0;
        before.iter().for_each(|step| apply(&keyspace, &mut db, step));
        let expected = dump(&keyspace);
        let mut snapshot = Snapshot::begin(&keyspace).expect("there is no other");
        prop_assert!(matches!(Snapshot::begin(&keyspace), Err(Failure::Busy)));
        let mut kept = Kept::default();
        let mut is_done = false;
        for step in &during {
            apply(&keyspace, &mut db, step);
            if let Step::Walk(steps) = step {
                for _ in 0..*steps {
                    is_done = is_done || snapshot.step(&mut kept, Budget { us: u64::MAX, parts: 2 }).expect("it goes on") == Progress::Done;
                }
            }
        }
        if is_aborted {
            snapshot.abort();
            prop_assert!(!is_remembered(&keyspace));
            // The next one knows nothing of it.
            let expected = dump(&keyspace);
            let mut snapshot = Snapshot::begin(&keyspace).expect("there is no other");
            let mut kept = Kept::default();
            while snapshot.step(&mut kept, USUAL_BUDGET).expect("it goes on") == Progress::Going {}
            prop_assert!(kept.data == expected);
            return Ok(());
        }
        while !is_done {
            is_done = snapshot.step(&mut kept, Budget { us: u64::MAX, parts: 2 }).expect("it goes on") == Progress::Done;
        }
        prop_assert!(kept.open.is_empty());
        let missing: Vec<_> = expected.keys().filter(|key| !kept.data.contains_key(*key)).collect();
        prop_assert!(missing.is_empty(), "{:?}", missing);
        for (key, content) in &kept.data {
            let there = expected.get(key);
            prop_assert!(there == Some(content), "{:?}: {:?} {} {:?}", key, content.expiry_ms, content.pieces.len(),
                there.map(|there| (there.expiry_ms, there.pieces.len())));
        }
        prop_assert!(!is_remembered(&keyspace));
        drop(snapshot);
        prop_assert!(Snapshot::begin(&keyspace).is_ok());
    }
}

#[test]
fn a_snapshot_that_cannot_keep_up_ends() {
    let keyspace = Keyspace::new(16, 1, false, 7);
    let put = |len: usize| {
        (0..1000).for_each(|number| {
            change(&keyspace, 0, &format!("key:{number}"), NOW_MS, |key| key.set_text(&vec![b'x'; len], Expiry::Keep));
        })
    };
    put(1000);
    let mut snapshot = Snapshot::begin_with(&keyspace, 500_000, |_| ()).expect("there is no other").0;
    assert!(!keyspace.snapshot_is_behind());
    put(10);
    let mut kept = Kept::default();
    let failure = loop {
        match snapshot.step(&mut kept, USUAL_BUDGET) {
            Ok(Progress::Going) => {}
            other => break other,
        }
    };
    assert!(matches!(failure, Err(Failure::Fault(Fault::Overrun))), "{failure:?}");
    drop(snapshot);
    assert!(!is_remembered(&keyspace));
}

#[test]
fn writers_wait_for_a_snapshot_that_is_behind_until_it_is_not() {
    let keyspace = Keyspace::new(16, 1, false, 7);
    let put = |number: usize, len: usize| {
        change(&keyspace, 0, &format!("key:{number}"), NOW_MS, |key| key.set_text(&vec![b'x'; len], Expiry::Keep));
    };
    (0..1000).for_each(|number| put(number, 1000));
    let mut snapshot = Snapshot::begin_with(&keyspace, 500_000, |_| ()).expect("there is no other").0;
    let (mut kept, mut waits) = (Kept::default(), 0);
    let mut numbers = 0..1000;
    loop {
        // As gates do: who writes asks first.
        if keyspace.snapshot_is_behind() {
            waits += 1;
        } else if let Some(number) = numbers.next() {
            put(number, 10);
            continue;
        }
        if snapshot.step(&mut kept, USUAL_BUDGET).expect("writers waited") == Progress::Done {
            break;
        }
    }
    assert!(waits >= 3, "{waits}");
    assert!(snapshot.figures().queued_bytes_max <= 260_000, "{:?}", snapshot.figures());
    assert_eq!(kept.data.len(), 1000);
    assert!(!keyspace.snapshot_is_behind());
}

#[test]
fn writers_do_not_wait_for_ever_for_a_sink_that_takes_nothing() {
    let keyspace = Keyspace::new(16, 1, false, 7);
    let put = |len| change(&keyspace, 0, "key", NOW_MS, |key| key.set_text(&vec![b'x'; len], Expiry::Keep));
    put(1000);
    let mut snapshot = Snapshot::begin_with(&keyspace, 1000, |_| ()).expect("there is no other").0;
    put(10);
    let deadline_ms = clock::monotonic_ms() + 60_000;
    while keyspace.snapshot_is_behind() {
        assert!(clock::monotonic_ms() < deadline_ms, "writers may go on");
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    assert!(matches!(snapshot.step(&mut Kept::default(), USUAL_BUDGET), Err(Failure::Fault(Fault::Overrun))));
}

/// It was given up, and its sink, which may wait for a disk, has not noticed yet.
#[test]
fn what_is_emptied_after_a_snapshot_was_given_up_is_not_freed_under_the_locks() {
    let keyspace = Keyspace::new(16, 1, false, 7);
    let put = |name: &str, len: usize| change(&keyspace, 0, name, NOW_MS, |key| key.set_text(&vec![b'x'; len], Expiry::Keep));
    put("large", 6 << 20);
    put("small", 10);
    let snapshot = Snapshot::begin_with(&keyspace, 1, |_| ()).expect("there is no other").0;
    put("small", 20);
    assert_eq!(snapshot.queue.fault(), Some(Fault::Overrun));
    // That the large value is not freed here it asserts itself.
    with_all(&keyspace, 0, |keys| keys.flush(0..1, true));
    assert_eq!(keyspace.db_size(0), (0, 0));
    drop(snapshot);
    assert!(!is_remembered(&keyspace));
    assert!(Snapshot::begin(&keyspace).is_ok());
}

/// A sink that fails after some pieces.
struct Full(usize);

impl Sink for Full {
    fn key(&mut self, _: &Header<'_>) -> io::Result<()> {
        Ok(())
    }

    fn piece(&mut self, _: Tag, _: Piece<'_>) -> io::Result<()> {
        self.0 = self.0.checked_sub(1).ok_or(io::ErrorKind::StorageFull)?;
        Ok(())
    }

    fn end(&mut self, _: Tag) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_sink_that_fails_ends_it() {
    let keyspace = Keyspace::new(16, 1, false, 7);
    (0..100).for_each(|number| apply(&keyspace, &mut 0, &Step::Scores(number, 0, 400, 1)));
    let mut snapshot = Snapshot::begin(&keyspace).expect("there is no other");
    let mut sink = Full(1000);
    let failure = loop {
        match snapshot.step(&mut sink, USUAL_BUDGET) {
            Ok(progress) => assert_eq!(progress, Progress::Going),
            Err(failure) => break failure,
        }
    };
    assert!(failure.to_string().starts_with("the snapshot could not be written"), "{failure}");
    drop(snapshot);
    assert!(!is_remembered(&keyspace));
    assert!(Snapshot::begin(&keyspace).is_ok());
}
