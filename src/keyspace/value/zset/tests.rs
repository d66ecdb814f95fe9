//! Sorted sets compared with a naive model.

use std::collections::{BTreeMap, HashMap, HashSet};

use proptest::prelude::*;

use super::*;
use crate::base::rng::Rng;

const NO_LIMITS: Limits = Limits { members: 0, member_len: 0 };
const LIMITS: Limits = Limits { members: 40, member_len: 64 };

#[derive(Debug, Clone)]
enum Step {
    Set(u16, f64),
    Move(u16, f64),
    Remove(u16),
    RemoveRanks(u16, u16),
    Fill(u16, u16, bool),
    AddNew(u16, u16, i8, u8),
    ScanAcross(u8),
}

fn score() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => (0..6i32).prop_map(f64::from),
        6 => -1e6..1e6f64,
        1 => Just(f64::INFINITY),
        1 => Just(f64::NEG_INFINITY),
        1 => Just(1e300),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        20 => (0..3000u16, score()).prop_map(|(member, score)| Step::Set(member, score)),
        8 => (0..3000u16, -3.0..3.0).prop_map(|(member, by)| Step::Move(member, by)),
        8 => (0..3000u16).prop_map(Step::Remove),
        1 => (any::<u16>(), 0..600u16).prop_map(|(start, len)| Step::RemoveRanks(start, len)),
        2 => (0..3000u16, 0..500u16, any::<bool>()).prop_map(|(first, count, ascending)| Step::Fill(first, count, ascending)),
        1 => (0..30u8).prop_map(Step::ScanAcross),
        2 => (0..6000u16, 1..400u16, -1..2i8, 0..4u8).prop_map(|(first, count, order, far)| Step::AddNew(first, count, order, far)),
    ]
}

/// A member's name: of several kinds and lengths, or all of one length.
fn name(number: u16, kind: u8) -> Vec<u8> {
    match (kind, number % 7) {
        (0, _) => format!("member:{number:09}").into_bytes(),
        (_, 0) => number.to_string().into_bytes(),
        (_, 1) => format!("{number}").repeat(20).into_bytes(),
        (_, 2) if number.is_multiple_of(50) => format!("long{number}:").repeat(150).into_bytes(),
        (_, 3) => number.to_be_bytes().to_vec(),
        _ => format!("m{number}").into_bytes(),
    }
}

struct Pair {
    zset: Zset,
    limits: Limits,
    hasher: KeyHasher,
    scores: HashMap<Vec<u8>, f64>,
}

impl Pair {
    fn set(&mut self, member: &[u8], score: f64) {
        self.zset.set(member, score, &self.limits, &self.hasher);
        self.scores.insert(member.to_vec(), score);
    }

    /// Adds those that are not there, at once: up (1), down (-1) or mixed; near or beyond what is there.
    fn add_new(&mut self, first: u16, count: u16, order: i8, far: u8, kind: u8) {
        let score = |number: u16| f64::from(number / 3) * if far > 1 { 1e4 } else { 1.0 } * f64::from(order);
        let mut new: Vec<(f64, Vec<u8>)> = (first..first + count).map(|number| (score(number), name(number, kind))).collect();
        new.retain(|(_, member)| !self.scores.contains_key(member));
        match order {
            0 => {}
            1 => new.sort_by(|one, other| one.partial_cmp(other).expect("no score is NaN")),
            _ => new.sort_by(|one, other| other.partial_cmp(one).expect("no score is NaN")),
        }
        for part in new.chunks(BATCH_LEN) {
            let made = |(score, member): &(f64, Vec<u8>)| NewMember::new(member, *score, &self.hasher);
            let batch: Vec<NewMember> = part.iter().map(made).collect();
            assert!(self.zset.add_new(&batch, &self.hasher));
            assert!(!self.zset.add_new(&batch[batch.len() - 1..], &self.hasher), "it is there");
            self.scores.extend(part.iter().map(|(score, member)| (member.clone(), *score)));
        }
    }

    fn ordered(&self) -> Vec<(f64, Vec<u8>)> {
        let mut all: Vec<(f64, Vec<u8>)> = self.scores.iter().map(|(member, score)| (*score, member.clone())).collect();
        all.sort_by(|one, other| one.partial_cmp(other).expect("no score is NaN"));
        all
    }

    fn check(&self) {
        let model = self.ordered();
        let view = self.zset.view();
        let own = |elements: Elements<'_>| elements.map(|element| (element.score, element.member().to_vec())).collect::<Vec<_>>();
        assert_eq!(own(view.iter()), model);
        if let Zset::Large(tree) = &self.zset {
            tree.check(&self.hasher);
        }
        let mut backwards = own(view.range(0..view.len(), true));
        backwards.reverse();
        assert_eq!(backwards, model);
        let middle = model.len() / 3;
        assert_eq!(own(view.range(middle..model.len(), false)), model[middle..]);
        for (rank, (score, member)) in model.iter().enumerate().step_by(7) {
            assert_eq!(view.rank(member, &self.hasher), Some((rank, *score)));
            assert_eq!(view.score(member, &self.hasher), Some(*score));
            assert_eq!(view.count_by_score(|other| other < *score), model.partition_point(|(other, _)| other < score));
            assert_eq!(view.count_by_score(|other| other <= *score), model.partition_point(|(other, _)| other <= score));
        }
        assert_eq!(view.score(b"nobody", &self.hasher), None);
        let mut seen = HashSet::new();
        let mut cursor = 0;
        loop {
            cursor = view.scan(cursor, &self.hasher, |element| {
                assert_eq!(self.scores.get(&element.member().to_vec()), Some(&element.score));
                assert!(seen.insert(element.member().to_vec()), "nothing changes meanwhile, so each comes once");
            });
            if cursor == 0 {
                break;
            }
        }
        assert_eq!(seen.len(), model.len());
    }
}

fn run(steps: Vec<Step>, kind: u8, limits: Limits) {
    let mut pair = Pair { zset: Zset::new(), limits, hasher: KeyHasher::new(7), scores: HashMap::new() };
    for (number, step) in steps.into_iter().enumerate() {
        match step {
            Step::Set(member, score) => pair.set(&name(member, kind), score),
            Step::Move(member, by) => {
                let member = name(member, kind);
                if let Some(score) = pair.scores.get(&member).copied() {
                    pair.set(&member, score + by);
                }
            }
            Step::Remove(member) => {
                let member = name(member, kind);
                assert_eq!(pair.zset.remove(&member, &pair.hasher), pair.scores.remove(&member));
            }
            Step::RemoveRanks(start, len) => {
                let all = pair.ordered();
                let start = start as usize % (all.len() + 1);
                let end = all.len().min(start + len as usize);
                pair.zset.remove_ranks(start..end, &pair.hasher);
                all[start..end].iter().for_each(|(_, member)| assert!(pair.scores.remove(member).is_some()));
            }
            Step::Fill(first, count, ascending) => {
                for at in 0..count {
                    let score = if ascending { f64::from(at) } else { -f64::from(at) };
                    pair.set(&name(first + at, kind), score);
                }
            }
            Step::AddNew(first, count, order, far) => pair.add_new(first, count, order, far, kind),
            Step::ScanAcross(changes) => {
                let there: HashSet<Vec<u8>> = pair.scores.keys().cloned().collect();
                let mut seen = HashSet::new();
                let (mut cursor, mut change) = (0, 0);
                loop {
                    cursor = pair.zset.view().scan(cursor, &pair.hasher, |element| {
                        seen.insert(element.member().to_vec());
                    });
                    if cursor == 0 {
                        break;
                    }
                    // Members that come meanwhile, and others whose scores change.
                    if change < u16::from(changes) * 20 {
                        pair.set(&name(3000 + change, kind), f64::from(change));
                        if let Some(member) = there.iter().nth(change as usize % there.len()) {
                            pair.set(member, f64::from(change));
                        }
                        change += 1;
                    }
                }
                assert!(there.iter().all(|member| seen.contains(member)));
            }
        }
        if number.is_multiple_of(40) {
            pair.check();
        }
    }
    pair.check();
    let copy = Pair { zset: pair.zset.clone(), limits: pair.limits, hasher: pair.hasher.clone(), scores: pair.scores.clone() };
    pair.zset.remove_ranks(0..pair.scores.len(), &pair.hasher);
    assert!(pair.zset.is_empty());
    copy.check();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]
    #[test]
    fn a_large_one_is_what_the_model_is(steps in prop::collection::vec(step(), 1..150), kind in 0..2u8) {
        run(steps, kind, NO_LIMITS);
    }

    #[test]
    fn a_small_one_grows_into_a_large_one(steps in prop::collection::vec(step(), 1..30)) {
        run(steps, 1, LIMITS);
    }
}

#[test]
fn a_member_that_comes_twice_at_once_is_refused() {
    let hasher = KeyHasher::new(3);
    let mut zset = Zset::new();
    let new = |number: u32, score: f64| NewMember::new(format!("m{number}").as_bytes(), score, &hasher);
    let batch: Vec<NewMember> = (0..10).map(|number| new(number, f64::from(number))).chain([new(3, 20.0)]).collect();
    assert!(!zset.add_new(&batch, &hasher));
    assert!(zset.add_new(&batch[..10], &hasher) && !zset.add_new(&batch[10..], &hasher));
    assert_eq!(zset.view().len(), 10);
}

#[test]
fn members_of_equal_score_are_found_by_their_bytes() {
    let hasher = KeyHasher::new(3);
    for limits in [NO_LIMITS, Limits { members: 10_000, member_len: 100 }] {
        let mut zset = Zset::new();
        let names: BTreeMap<Vec<u8>, ()> =
            (0..2000u32).map(|number| (format!("{:x}", number.wrapping_mul(2_654_435_761)).into_bytes(), ())).collect();
        names.keys().rev().for_each(|name| zset.set(name, 0.0, &limits, &hasher));
        let sorted: Vec<&Vec<u8>> = names.keys().collect();
        for bound in ["", "1", "7f", "a", "zz", "4000"] {
            let bound = bound.as_bytes();
            assert_eq!(zset.view().count_by_member(|member| member < bound), sorted.partition_point(|name| name[..] < *bound));
        }
        zset.compact(&Limits { members: 2000, member_len: 8 });
        assert!(matches!(zset, Zset::Small(_)));
        assert_eq!(zset.view().iter().count(), 2000);
    }
}

#[test]
fn a_large_one_knows_what_it_takes() {
    let hasher = KeyHasher::new(5);
    let mut rng = Rng::new(11);
    let mut zset = Zset::new();
    for number in 0..50_000 {
        let score = rng.next_u64() as f64 / 1e4;
        zset.set(format!("member:{number:09}").as_bytes(), score, &NO_LIMITS, &hasher);
    }
    let bytes = zset.bytes() as f64 / 50_000.0;
    assert!(bytes < 42.0, "{bytes} bytes per element");
    for number in 0..25_000 {
        zset.remove(format!("member:{number:09}").as_bytes(), &hasher);
        let score = rng.next_u64() as f64 / 1e4;
        zset.set(format!("other::{number:09}").as_bytes(), score, &NO_LIMITS, &hasher);
    }
    let bytes = zset.bytes() as f64 / 50_000.0;
    assert!(bytes < 44.0, "{bytes} bytes per element after half were replaced");
    let before = zset.bytes();
    zset.remove_ranks(1000..50_000, &hasher);
    assert!(zset.bytes() < before / 10, "{} of {before} bytes for a fiftieth of the elements", zset.bytes());
}
