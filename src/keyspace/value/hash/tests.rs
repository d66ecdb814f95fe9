//! Hashes, compared with a map that is changed in the same way.

use std::collections::{BTreeMap, HashSet};

use proptest::prelude::*;

use super::*;
use crate::base::rng::Rng;

#[derive(Debug, Clone)]
enum Step {
    Set(u16, usize, FieldExpiry),
    Remove(u16),
    Expire(u16, Option<i64>),
    Wait(i64),
    Sweep(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let expiry = prop_oneof![3 => Just(FieldExpiry::Clear), 2 => Just(FieldExpiry::Keep), 1 => (1..200i64).prop_map(FieldExpiry::At)];
    let len = prop_oneof![8 => 0..40usize, 1 => 480..540usize];
    prop_oneof![
        8 => (0..300u16, len, expiry).prop_map(|(field, len, expiry)| Step::Set(field, len, expiry)),
        3 => (0..300u16).prop_map(Step::Remove),
        2 => (0..300u16, prop::option::of(1..200i64)).prop_map(|(field, after)| Step::Expire(field, after)),
        1 => (0..20i64).prop_map(Step::Wait),
        1 => (1..5usize).prop_map(Step::Sweep),
    ]
}

fn name(field: u16) -> Vec<u8> {
    if field.is_multiple_of(2) { field.to_string().into_bytes() } else { format!("field:{field}").into_bytes() }
}

type Fields = BTreeMap<Vec<u8>, (Vec<u8>, Option<i64>)>;

fn content(hash: &Hash) -> Fields {
    let mut fields = Fields::new();
    hash.view().for_each_with_expiry(|field, value, expiry_ms| {
        assert!(fields.insert(field.to_vec(), (value.to_vec(), expiry_ms)).is_none(), "each once");
    });
    fields
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn it_is_what_a_map_would_be(entries in prop_oneof![Just(0u64), Just(8), Just(512)], steps in prop::collection::vec(step(), 1..500)) {
        let hasher = KeyHasher::new(7);
        let limits = SmallLimits { entries, value_len: 64 };
        let (mut hash, mut model, mut now) = (Hash::new(), Fields::new(), 1000i64);
        for step in steps {
            let access = FieldAccess { hasher: &hasher, liveness: Liveness::at(now) };
            let ended = |entry: Option<&(Vec<u8>, Option<i64>)>| entry.is_some_and(|(_, at)| at.is_some_and(|at| at < now));
            match step {
                Step::Set(field, len, expiry) => {
                    let (field, value) = (name(field), vec![b'v'; len]);
                    let expiry = if let FieldExpiry::At(after) = expiry { FieldExpiry::At(now + after) } else { expiry };
                    let old = model.get(&field);
                    let expected = match old {
                        None => FieldWas::Absent,
                        Some(_) if ended(old) => FieldWas::Expired,
                        Some(_) => FieldWas::Present,
                    };
                    let new_ms = match expiry {
                        FieldExpiry::At(at) => Some(at),
                        FieldExpiry::Keep if expected == FieldWas::Present => old.and_then(|(_, at)| *at),
                        _ => None,
                    };
                    prop_assert_eq!(hash.set(&field, &value, expiry, limits, access), expected);
                    model.insert(field, (value, new_ms));
                }
                Step::Remove(field) => {
                    let field = name(field);
                    let is_there = model.contains_key(&field) && !ended(model.get(&field));
                    prop_assert_eq!(hash.remove(&field, access), is_there);
                    if is_there {
                        model.remove(&field);
                    }
                }
                Step::Expire(field, after) => {
                    let field = name(field);
                    let is_there = model.contains_key(&field) && !ended(model.get(&field));
                    let at = after.map(|after| now + after);
                    let change = hash.set_expiry(&field, at, false, access, |_| true);
                    prop_assert_eq!(change, if is_there { ExpiryChange::Done } else { ExpiryChange::NoField });
                    if is_there {
                        model.entry(field).and_modify(|entry| entry.1 = at);
                    }
                }
                Step::Wait(ms) => now += ms,
                Step::Sweep(buckets) => {
                    // However few buckets a step looks at, in the end all that has ended is gone, and nothing else.
                    for _ in 0..10_000 {
                        if hash.sweep(buckets, access, |_| ()).is_done {
                            break;
                        }
                    }
                    model.retain(|_, (_, at)| at.is_none_or(|at| at >= now));
                    prop_assert!(!hash.is_due(access.liveness));
                }
            }
            prop_assert_eq!(hash.view().len(), model.len());
            prop_assert_eq!(hash.has_expiring(), model.values().any(|(_, at)| at.is_some()));
        }
        prop_assert_eq!(content(&hash), model.clone());
        let access = FieldAccess { hasher: &hasher, liveness: Liveness::at(now) };
        for field in 0..300 {
            let expected = model.get(&name(field)).filter(|(_, at)| at.is_none_or(|at| at >= now));
            prop_assert_eq!(hash.view().get(&name(field), access).map(|value| value.to_vec()), expected.map(|(value, _)| value.clone()));
        }
        let (mut cursor, mut seen) = (0, HashSet::new());
        loop {
            cursor = hash.view().scan(cursor, access.liveness, |field, _| { seen.insert(field.to_vec()); });
            if cursor == 0 { break }
        }
        let alive = model.values().filter(|(_, at)| at.is_none_or(|at| at >= now)).count();
        prop_assert_eq!(seen.len(), alive);
        let chosen = hash.view().random(&mut Rng::new(3), access.liveness);
        prop_assert!(chosen.is_some() || alive * 20 < model.len().max(1));
        prop_assert_eq!(content(&hash.clone()), model);
    }
}

#[test]
fn a_hash_is_small_as_long_as_the_limits_say() {
    let hasher = KeyHasher::new(7);
    let access = FieldAccess { hasher: &hasher, liveness: Liveness::at(1000) };
    let limits = SmallLimits { entries: 3, value_len: 4 };
    // Fields with values, and whether they make it large.
    let cases: &[(&[(&str, &str)], bool)] = &[
        (&[("a", "1"), ("b", "2"), ("c", "3"), ("a", "4")], false),
        (&[("a", "1"), ("b", "2"), ("c", "3"), ("d", "4")], true),
        (&[("abcd", "1234")], false),
        (&[("abcde", "1")], true),
        (&[("a", "12345")], true),
    ];
    for (pairs, is_large) in cases {
        let mut hash = Hash::new();
        for (field, value) in *pairs {
            hash.set(field.as_bytes(), value.as_bytes(), FieldExpiry::Clear, limits, access);
        }
        assert_eq!(hash.encoding() == Encoding::Hashtable, *is_large, "{pairs:?}");
    }
    let mut hash = Hash::new();
    hash.expect(4, limits, access);
    assert_eq!(hash.encoding(), Encoding::Hashtable);
}
