//! Files of snapshots that are taken while everything changes, on disks that fail: what was saved comes back, or nobody finds a new file.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use proptest::prelude::*;

use super::file::{FileWriter, Settings, Used};
use super::file_source::FileSource;
use super::into_keyspace::{self, IntoKeyspace, Progress, Queue};
use super::load::Limits;
use super::load_file::{self, Checks, LoadError, Problem};
use super::style::Style;
use super::version;
use crate::config::Config;
use crate::keyspace::Keyspace;
use crate::keyspace::clock24::AccessClock;
use crate::keyspace::entry::EntryRef;
use crate::keyspace::key_mut::Expiry;
use crate::keyspace::snapshot::sink::for_each_piece;
use crate::keyspace::snapshot::{Budget, Failure, Snapshot};
use crate::keyspace::testing::change;
use crate::keyspace::value::hash::{FieldAccess, FieldExpiry, Hash, SmallLimits};
use crate::keyspace::value::list::{End, List, NodeLimit};
use crate::keyspace::value::pieces;
use crate::keyspace::value::set::{Member, Set, SetLimits};
use crate::keyspace::value::zset::{self, Zset};
use crate::keyspace::{liveness::Liveness, value::pieces::Piece};
use crate::persist::files::faulty::{Fault, FaultyFiles, Operation};
use crate::persist::files::{self, Files};

const NOW_MS: i64 = 1_000_000;
const SMALL: SmallLimits = SmallLimits { entries: 8, value_len: 64 };
const FILE: &str = "dump.rdb";
const TEMPORARY: &str = "temp.rdb";

fn keyspace() -> Keyspace {
    Keyspace::new(16, 3, false, 1)
}

/// All that is in a keyspace: by database and name, the expiry and the value's pieces, in an order of their own.
type Data = BTreeMap<(u32, Vec<u8>), (Option<i64>, Vec<pieces::Owned>)>;

fn data(keyspace: &Keyspace) -> Data {
    let mut data = Data::new();
    for number in 0..keyspace.stripes() as u32 {
        for (table, keys) in keyspace.lock(number).tables() {
            keys.table.for_each(|entry: EntryRef<'_>| {
                let mut all: Vec<pieces::Owned> = Vec::new();
                for_each_piece(entry, |piece| match (piece, all.last_mut()) {
                    (Piece::Part(part), Some((text, ..))) => text.extend_from_slice(part),
                    (piece, _) => pieces::own(piece, &mut all),
                });
                if entry.kind() != crate::keyspace::entry::Type::List {
                    all.sort();
                }
                data.insert((keyspace.db_of(table), entry.key().to_vec()), (entry.expiry_ms(), all));
            });
        }
    }
    data
}

/// Changes something: which key, and how.
#[derive(Debug, Clone, Copy)]
struct Step {
    db: u32,
    key: u8,
    first: u16,
    count: u16,
    adds: bool,
}

fn step() -> impl Strategy<Value = Step> {
    (0..3_u32, 0..30_u8, 0..500_u16, 1..200_u16, prop::bool::weighted(0.8)).prop_map(|(db, key, first, count, adds)| Step {
        db,
        key,
        first,
        count,
        adds,
    })
}

fn apply(keyspace: &Keyspace, step: Step) {
    let Step { db, key, first, count, adds } = step;
    let hasher = keyspace.hasher();
    let fields = FieldAccess { hasher, liveness: Liveness::at(NOW_MS) };
    let sets = SetLimits { integers: 16, small: SMALL };
    let zsets = zset::Limits { members: 8, member_len: 64 };
    change(keyspace, db, &format!("key:{key}"), NOW_MS, |opened| {
        if !adds && first % 3 == 0 {
            opened.delete();
            return;
        }
        if opened.exists() && first % 7 == 0 {
            opened.set_expiry_ms(Some(NOW_MS + i64::from(first)));
        }
        let numbers = first..first + count;
        match key % 6 {
            0 => opened.set_text(&vec![b'a' + key; usize::from(first) * 50], Expiry::Keep),
            1 => {
                _ = opened.change(|hash: &mut Hash| {
                    for number in numbers {
                        let expiry = if number % 50 == 0 { FieldExpiry::At(NOW_MS * 2) } else { FieldExpiry::Clear };
                        hash.set(format!("field:{number}").as_bytes(), &count.to_le_bytes(), expiry, SMALL, fields);
                    }
                })
            }
            2 => {
                _ = opened.change(|set: &mut Set| {
                    for number in numbers {
                        set.add(&Member::of(format!("member:{number}").as_bytes()), sets, hasher);
                    }
                })
            }
            3 => {
                _ = opened.change(|set: &mut Set| {
                    for number in numbers {
                        set.add(&Member::of(number.to_string().as_bytes()), sets, hasher);
                    }
                })
            }
            4 => {
                _ = opened.change(|zset: &mut Zset| {
                    for number in numbers {
                        zset.update(format!("member:{number}").as_bytes(), &zsets, hasher, |_| Ok::<_, ()>(Some(f64::from(count) / 3.0)))
                            .ok();
                    }
                })
            }
            _ => {
                _ = opened.change(|list: &mut List| {
                    for number in numbers {
                        list.push(if adds { End::Right } else { End::Left }, &vec![b'x'; usize::from(number)], NodeLimit(-1));
                    }
                })
            }
        }
    });
}

fn settings(style: Style) -> Settings {
    Settings {
        style,
        has_checksum: true,
        syncs_on_the_way: true,
        used: Used::Idle,
        clock: AccessClock::at(NOW_MS, false, 10, 1),
        aux: vec![("larder-ver", "1".to_owned()), ("ctime", "1".to_owned())],
        key_delay_us: 0,
        aside_len_max: 10_000,
        keys_written: Arc::default(),
        is_cancelled: Arc::default(),
    }
}

/// Saves a keyspace that is changed meanwhile.
fn save(keyspace: &Keyspace, files: &FaultyFiles, changes: &[Step], style: Style) -> Result<(), Failure> {
    let files: Arc<dyn Files> = Arc::new(files.clone());
    let mut file = FileWriter::create(&files, Path::new(TEMPORARY), settings(style))?;
    let mut snapshot = Snapshot::begin(keyspace)?;
    let mut changes = changes.iter();
    while snapshot.step(&mut file, Budget { us: 1_000_000, parts: 2 })? == crate::keyspace::snapshot::Progress::Going {
        changes.next().into_iter().for_each(|step| apply(keyspace, *step));
    }
    drop(snapshot);
    file.finish()?;
    files::replace(&*files, Path::new(TEMPORARY), Path::new(FILE))?;
    Ok(())
}

fn load(files: &FaultyFiles) -> Result<Keyspace, LoadError> {
    let loaded = keyspace();
    let progress = Progress::default();
    let clock = AccessClock::at(NOW_MS, false, 10, 1);
    let settings = into_keyspace::Settings {
        limits: Limits::of(&Config::default()),
        clock,
        now_ms: NOW_MS,
        replaces: false,
        keeps_ended: false,
        hides_names: false,
        key_delay_us: 0,
    };
    let file = files.open(Path::new(FILE)).map_err(|error| LoadError { offset: 0, problem: Problem::Io(error) })?;
    let mut on_read = |_| ();
    let mut source = FileSource::new(&file, true, &mut on_read);
    let queue = Queue::default();
    let mut receiver = IntoKeyspace::new(&loaded, settings, &progress, None, &queue);
    let checks = Checks { version: true, checksum: true, databases: 3 };
    let read = std::thread::scope(|scope| {
        let helper = receiver.helper();
        let queue = &queue;
        scope.spawn(move || helper.run(queue));
        let read = load_file::read(&mut source, &mut receiver, checks);
        receiver.finish();
        read
    });
    receiver.conclude().map_or(read, Err)?;
    Ok(loaded)
}

fn filled() -> Keyspace {
    let keyspace = keyspace();
    for key in 0..30 {
        apply(&keyspace, Step { db: u32::from(key % 3), key, first: 1, count: u16::from(key) * 20 + 1, adds: true });
    }
    keyspace
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn what_was_there_when_it_began_comes_back(
        before in prop::collection::vec(step(), 0..40),
        during in prop::collection::vec(step(), 0..400),
        compresses: bool,
    ) {
        let (keyspace, files) = (filled(), FaultyFiles::default());
        before.iter().for_each(|step| apply(&keyspace, *step));
        let expected = data(&keyspace);
        let style = Style { compresses, ..Style::of_file(&Config::default()) };
        prop_assert!(save(&keyspace, &files, &during, style).is_ok());
        let loaded = load(&files);
        prop_assert_eq!(loaded.as_ref().map(data).map_err(ToString::to_string), Ok(expected));
        prop_assert!(files.content("temp.rdb-aside").is_none() && files.content(TEMPORARY).is_none());
    }

    #[test]
    fn after_a_power_cut_there_is_the_old_file_or_the_new_one(during in prop::collection::vec(step(), 0..40), at in 0..400usize, seed: u64) {
        let (keyspace, files) = (filled(), FaultyFiles::default());
        let style = Style::of_file(&Config::default());
        prop_assert!(save(&keyspace, &files, &[], style).is_ok());
        let old = data(&keyspace);
        during.iter().for_each(|step| apply(&keyspace, *step));
        let new = data(&keyspace);
        // Power goes at one of the operations: from then on none is done.
        let mut left = at;
        files.set_fault(move |_, _| {
            left = left.saturating_sub(1);
            (left == 0).then_some(Fault::Error(libc::EIO))
        });
        let saved = save(&keyspace, &files, &[], style);
        let found = load(&files.after_power_cut(seed));
        let found = found.as_ref().map(data).map_err(ToString::to_string);
        prop_assert!(found == Ok(new) || saved.is_err() && found == Ok(old), "{:?}", found.err());
    }
}

#[test]
fn every_error_of_the_disk_ends_a_save_and_leaves_the_old_file() {
    let (keyspace, files) = (filled(), FaultyFiles::default());
    let style = Style::of_file(&Config::default());
    save(&keyspace, &files, &[], style).expect("no fault was planned");
    let old = files.content(FILE);
    apply(&keyspace, Step { db: 0, key: 0, first: 3, count: 1, adds: true });
    let mut failed = 0;
    for at in 0.. {
        let mut left = at;
        files.set_fault(move |operation, _| {
            if matches!(operation, Operation::Read | Operation::Remove | Operation::SyncDir) {
                return None;
            }
            left -= 1;
            (left == -1).then_some(Fault::Error(libc::ENOSPC))
        });
        match save(&keyspace, &files, &[], style) {
            Ok(()) => break,
            Err(Failure::Sink(error)) => assert_eq!(error.raw_os_error(), Some(libc::ENOSPC)),
            Err(other) => panic!("{other}"),
        }
        assert_eq!(files.content(FILE), old);
        files.mend();
        failed += 1;
    }
    assert!(failed > 5, "{failed}");
    assert_ne!(files.content(FILE), old);
}

#[test]
fn a_file_with_a_byte_changed_is_refused() {
    let (keyspace, files) = (keyspace(), FaultyFiles::default());
    for key in 0..12 {
        apply(&keyspace, Step { db: u32::from(key % 2), key, first: 1, count: u16::from(key / 6) * 20 + 3, adds: true });
    }
    save(&keyspace, &files, &[], Style::of_file(&Config::default())).expect("no fault was planned");
    let good = files.content(FILE).expect("it was saved");
    for at in 0..good.len() {
        for change in [1, 0x80, 0xff] {
            let mut bad = good.clone();
            bad[at] ^= change;
            files.put(FILE, &bad);
            let error = load(&files).map(drop).expect_err("its checksum is another");
            assert!(error.offset <= good.len() as u64, "{error}");
        }
        files.put(FILE, &good[..at]);
        assert!(load(&files).is_err(), "cut at {at}");
    }
    // What follows the end is nobody's, as in Valkey.
    files.put(FILE, &[&good[..], b"more"].concat());
    assert!(load(&files).is_ok());
}

#[test]
fn a_version_holds_what_it_knows() {
    let keyspace = filled();
    let auto = Style::of_file(&Config::default());
    // Newest content, newest forms, whether it can be written, how the file begins.
    let cases = [
        (version::MAX, version::LISTPACKS, true, "VALKEY080"),
        (version::MAX, version::SET_LISTPACKS, true, "VALKEY080"),
        (version::REDIS_FIELD_EXPIRY, version::SET_LISTPACKS, true, "REDIS0012"),
        (version::SET_LISTPACKS, version::SET_LISTPACKS, false, ""),
        (version::LISTPACKS, version::LISTPACKS, false, ""),
    ];
    // Of these fields some have expiries.
    apply(&keyspace, Step { db: 0, key: 1, first: 50, count: 100, adds: true });
    let expected = data(&keyspace);
    for (content_max, forms_max, is_saved, magic) in cases {
        let files = FaultyFiles::default();
        let style = Style { content_max, forms_max, ..auto };
        match save(&keyspace, &files, &[], style) {
            Ok(()) => {
                assert!(is_saved && files.content(FILE).is_some_and(|bytes| bytes.starts_with(magic.as_bytes())));
                assert_eq!(load(&files).map(|loaded| data(&loaded)).map_err(|error| error.to_string()), Ok(expected.clone()));
            }
            Err(error) => assert!(!is_saved && error.to_string().contains("expiries of fields cannot be written"), "{error}"),
        }
    }
    let files = FaultyFiles::default();
    let plain = self::keyspace();
    apply(&plain, Step { db: 0, key: 2, first: 1, count: 3, adds: true });
    save(&plain, &files, &[], auto).expect("no fault was planned");
    assert!(files.content(FILE).is_some_and(|bytes| bytes.starts_with(b"REDIS0010")));
}

/// A file of these records, without a checksum.
fn records(records: &[&[u8]]) -> Vec<u8> {
    [b"REDIS0011", &records.concat()[..], &[0xff], &[0; 8]].concat()
}

fn loads(file: &[u8]) -> Result<usize, (u64, String)> {
    let files = FaultyFiles::default();
    files.put(FILE, file);
    let loaded = load(&files).map_err(|error| (error.offset, error.problem.to_string()))?;
    Ok(data(&loaded).len())
}

#[test]
fn a_key_that_comes_twice_is_told_with_its_place() {
    let key = |number: u16| [&[0, 2][..], &number.to_be_bytes(), b"\x01v"].concat();
    let keys: Vec<Vec<u8>> = (0..500).map(key).collect();
    let all: Vec<&[u8]> = keys.iter().map(|key| &key[..]).collect();
    assert_eq!(loads(&records(&all)), Ok(500));
    // Its value lies behind a header of nine bytes, keys of six each, and its type and name.
    for at in [1, 77, 500] {
        let twice = [&all[..at], &all[..1], &all[at..]].concat();
        assert_eq!(loads(&records(&twice)), Err((9 + 6 * at as u64 + 4, "RDB has duplicated key in DB 0".to_owned())));
    }
}

#[test]
fn what_a_file_announces_sets_no_more_aside_than_it_has_room_for() {
    let announced = |keys: u64| [&[0xfb, 0x81][..], &keys.to_be_bytes(), &[0]].concat();
    let key = &b"\0\x01k\x01v"[..];
    for keys in [0, 1, 1000, u64::MAX] {
        assert_eq!(loads(&records(&[&announced(keys), key])), Ok(1));
    }
    // A sorted set that says to have very many members, and ends.
    let zset = [&[5, 1, b'z', 0x81][..], &u64::MAX.to_be_bytes(), b"\x01m", &1.0_f64.to_le_bytes()].concat();
    assert!(loads(&records(&[&zset])).is_err());
}

/// The record of a sorted set that is too long to be collected, in descending order, as Valkey writes it.
fn long_zset(members: impl ExactSizeIterator<Item = u32>) -> Vec<u8> {
    let mut record = [&[5, 4][..], b"long", &[0x80], &(members.len() as u32).to_be_bytes()].concat();
    for number in members {
        record.push(20);
        record.extend_from_slice(format!("{number:020}").as_bytes());
        record.extend_from_slice(&f64::from(number).to_le_bytes());
    }
    record
}

#[test]
fn a_long_value_is_read_from_its_place() {
    let key = &b"\0\x01k\x01v"[..];
    let long = long_zset((0..50_000).rev());
    let good = records(&[key, &long, b"\0\x01l\x01v"]);
    assert!(good.len() > 1024 * 1024);
    assert_eq!(loads(&good), Ok(3));
    // A member that is there already, members that are missing, and a file that ends in the middle.
    let twice = long_zset((0..50_000).rev().chain(40_000..40_001).collect::<Vec<_>>().into_iter());
    assert_eq!(loads(&records(&[key, &twice])).map_err(|(_, why)| why), Err("a member comes twice".to_owned()));
    let end = 9 + key.len() + long.len();
    // It ends within the last score.
    assert_eq!(loads(&good[..end - 5]), Err((end as u64 - 8, "it ends early".to_owned())));
    let another = records(&[key, &long, &long]);
    assert_eq!(loads(&another).map_err(|(_, why)| why), Err("RDB has duplicated key in DB 0".to_owned()));
}
