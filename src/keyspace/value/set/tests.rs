//! Sets, compared with a set of the standard library that is changed in the same way.

use std::collections::HashSet;

use proptest::prelude::*;

use super::*;
use crate::base::rng::Rng;
use crate::keyspace::hash::KeyHasher;
use crate::keyspace::value::hash::SmallLimits;

fn text() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        5 => (0..200i64).prop_map(|number| number.to_string().into_bytes()),
        1 => any::<i64>().prop_map(|number| number.to_string().into_bytes()),
        2 => (0..200i64).prop_map(|number| format!("m{number}").into_bytes()),
        1 => prop::collection::vec(any::<u8>(), 60..70),
        1 => prop::collection::vec(Just(b'x'), 505..520),
    ]
}

fn members(set: &Set) -> HashSet<Vec<u8>> {
    let mut members = HashSet::new();
    set.view().for_each(|member| assert!(members.insert(member.to_vec()), "each once"));
    members
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn it_is_what_a_set_would_be(
        limits in prop_oneof![Just((0, 0)), Just((5, 5)), Just((512, 128)), Just((5, 128))],
        only_integers in any::<bool>(),
        steps in prop::collection::vec((prop::bool::weighted(0.7), text()), 1..400),
    ) {
        let hasher = KeyHasher::new(7);
        let limits = SetLimits { integers: limits.0, small: SmallLimits { entries: limits.1, value_len: 64 } };
        let (mut set, mut model) = (Set::new(), HashSet::new());
        for (adds, text) in steps {
            let member = Member::of(&text);
            if only_integers && !matches!(member.item(), crate::datatypes::items::Item::Int(_)) {
                continue;
            }
            if adds {
                prop_assert_eq!(set.add(&member, limits, &hasher), model.insert(text.clone()));
            } else {
                prop_assert_eq!(set.remove(&member, &hasher), model.remove(&text));
            }
            prop_assert_eq!(set.view().contains(&member, &hasher), model.contains(&text));
            prop_assert_eq!(set.view().len(), model.len());
        }
        prop_assert_eq!(members(&set), model.clone());
        let (mut cursor, mut seen) = (0, HashSet::new());
        loop {
            cursor = set.view().scan(cursor, |member| { seen.insert(member.to_vec()); });
            if cursor == 0 { break }
        }
        prop_assert_eq!(&seen, &model);
        let chosen = set.view().random(&mut Rng::new(5)).map(|member| member.to_vec());
        prop_assert_eq!(chosen.is_some(), !model.is_empty());
        prop_assert!(chosen.is_none_or(|chosen| model.contains(&chosen)));
        if !set.view().is_large() {
            let kept: HashSet<Vec<u8>> = model.iter().filter(|member| member.len() % 2 == 0).cloned().collect();
            set.retain(|member| member.text_len() % 2 == 0);
            prop_assert_eq!(members(&set), kept);
        }
    }
}

#[test]
fn forms_follow_the_limits() {
    let hasher = KeyHasher::new(7);
    let limits = SetLimits { integers: 4, small: SmallLimits { entries: 3, value_len: 4 } };
    let cases: &[(&[&str], Encoding)] = &[
        (&["1", "2", "3", "4"], Encoding::Intset),
        (&["1", "2", "3", "4", "5"], Encoding::Hashtable),
        (&["1", "a"], Encoding::Listpack),
        (&["10000", "a"], Encoding::Hashtable),
        (&["1", "2", "3", "a"], Encoding::Hashtable),
        (&["a", "b", "1"], Encoding::Listpack),
        (&["a", "b", "c", "d"], Encoding::Hashtable),
        (&["abcde"], Encoding::Hashtable),
    ];
    for (texts, encoding) in cases {
        let mut set = Set::for_members(&Member::of(texts[0].as_bytes()), 1, limits);
        texts.iter().for_each(|text| assert!(set.add(&Member::of(text.as_bytes()), limits, &hasher)));
        assert_eq!(set.encoding(), *encoding, "{texts:?}");
    }
}
