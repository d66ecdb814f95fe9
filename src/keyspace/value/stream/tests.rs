//! Streams against a naive model: all entries in a map, all groups beside it.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use proptest::prelude::*;

use super::group::{Group, Pending};
use super::*;

type Pairs = Vec<Vec<u8>>;

#[derive(Debug, Clone)]
enum Step {
    Append(u64, u64, Pairs),
    Delete(Vec<u64>),
    Trim(Trim),
    Deliver(u8, u8),
    Acknowledge(u64),
    Claim(u8, u64),
    DeleteConsumer(u8),
}

fn text() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        (-200..70_000_i64).prop_map(|number| number.to_string().into_bytes()),
        prop::collection::vec(any::<u8>(), 0..8),
        (60..70usize).prop_map(|len| vec![b'x'; len]),
        Just(vec![b'y'; 5000]),
    ]
}

fn pairs() -> impl Strategy<Value = Pairs> {
    prop_oneof![
        6 => text().prop_map(|value| vec![b"name".to_vec(), value]),
        2 => (text(), text()).prop_map(|(field, value)| vec![field, value]),
        2 => (text(), text()).prop_map(|(first, second)| vec![b"a".to_vec(), first, b"b".to_vec(), second]),
    ]
}

fn trim() -> impl Strategy<Value = Trim> {
    let threshold = prop_oneof![(0..40u64).prop_map(Threshold::Len), (0..60u64).prop_map(|ms| Threshold::Id(StreamId::new(ms, 1)))];
    (threshold, any::<bool>(), 0..20u64).prop_map(|(threshold, is_approximate, limit)| Trim {
        threshold,
        is_approximate,
        limit: if is_approximate { limit } else { 0 },
    })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0..3u64, 0..3u64, pairs()).prop_map(|(ms, seq, pairs)| Step::Append(ms, seq, pairs)),
        2 => prop::collection::vec(0..200u64, 1..4).prop_map(Step::Delete),
        1 => trim().prop_map(Step::Trim),
        3 => (0..3u8, 1..5u8).prop_map(|(consumer, count)| Step::Deliver(consumer, count)),
        2 => (0..200u64).prop_map(Step::Acknowledge),
        1 => (0..3u8, 0..200u64).prop_map(|(consumer, at)| Step::Claim(consumer, at)),
        1 => (0..3u8).prop_map(Step::DeleteConsumer),
    ]
}

fn read(entry: &Entry<'_>) -> (StreamId, Pairs) {
    let mut pairs = Pairs::new();
    entry.for_each(|field, value| pairs.extend([field.to_vec(), value.to_vec()]));
    (entry.id, pairs)
}

fn walk(stream: &Stream, start: StreamId, end: StreamId) -> Vec<(StreamId, Pairs)> {
    let mut entries = Vec::new();
    stream.entries().walk(start, end, |entry| {
        entries.push(read(&entry));
        ControlFlow::Continue(())
    });
    let mut backwards = Vec::new();
    stream.entries().walk_back(start, end, |entry| {
        backwards.push(read(&entry));
        ControlFlow::Continue(())
    });
    backwards.reverse();
    assert_eq!(entries, backwards);
    entries
}

fn check(stream: &Stream, model: &BTreeMap<StreamId, Pairs>, pending: &BTreeMap<StreamId, u8>) {
    let figures = stream.figures();
    assert!(stream.is_consistent());
    assert_eq!(figures.len as usize, model.len());
    assert_eq!(figures.first_id, model.keys().next().copied().unwrap_or_default());
    assert_eq!(stream.entries().last_id(), model.keys().next_back().copied());
    let all: Vec<_> = model.iter().map(|(id, pairs)| (*id, pairs.clone())).collect();
    assert_eq!(walk(stream, StreamId::MIN, StreamId::MAX), all);
    if let (Some(start), Some(end)) = (all.get(all.len() / 4), all.get(all.len() * 3 / 4)) {
        let part: Vec<_> = model.range(start.0..=end.0).map(|(id, pairs)| (*id, pairs.clone())).collect();
        assert_eq!(walk(stream, start.0, end.0), part);
        assert_eq!(stream.entries().get(start.0).map(|entry| read(&entry)), Some(start.clone()));
    }
    let group = stream.group(b"group").expect("it was added");
    let read: Vec<_> = group.pending().iter().map(|(id, one)| (id, group.consumer(one.consumer).name[0])).collect();
    assert_eq!(read, pending.iter().map(|(id, consumer)| (*id, *consumer)).collect::<Vec<_>>());
    for consumer in group.consumers() {
        let own: Vec<_> = pending.iter().filter(|(_, owner)| **owner == consumer.name[0]).map(|(id, _)| *id).collect();
        assert_eq!(consumer.pending_from(StreamId::MIN).collect::<Vec<_>>(), own);
        assert_eq!(consumer.pending_len(), own.len());
    }
}

/// The stream as its parts, put together again.
fn rebuilt(stream: &Stream) -> Stream {
    let mut copy = Stream::from_parts(stream.figures());
    for (id, node) in stream.nodes() {
        let mut names = Pairs::new();
        node.names(|name| names.push(name.to_vec()));
        let mut new = Node::new(names.iter().map(Vec::as_slice));
        let mut at = node.begin();
        while at < node.end() {
            let entry = node.entry(id, at);
            let (_, pairs) = read(&entry);
            new.push(id, entry.id, &pairs.iter().map(Vec::as_slice).collect::<Vec<_>>(), entry.is_deleted);
            at = entry.next;
        }
        assert_eq!((new.listpack_len(), new.live(), new.deleted()), (node.listpack_len(), node.live(), node.deleted()));
        assert!(copy.add_node(id, new) && !copy.add_node(id, Node::new([])));
    }
    for group in stream.groups() {
        let mut new = Group::new(group.name(), group.last_id, group.entries_read);
        for consumer in group.consumers() {
            new.add_consumer(&consumer.name, consumer.seen_ms);
        }
        for (id, one) in group.pending().iter() {
            let consumer = new.find_consumer(&group.consumer(one.consumer).name).expect("it was added");
            new.assign(id, Pending { consumer, ..*one });
        }
        assert!(copy.add_group(new));
    }
    copy
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(80))]
    #[test]
    fn a_stream_is_what_a_map_would_be(
        steps in prop::collection::vec(step(), 1..150),
        bytes in prop_oneof![Just(0usize), Just(1), Just(300), Just(4096)],
        entries in prop_oneof![Just(0u64), Just(1), Just(5), Just(100)],
    ) {
        let limits = NodeLimits { bytes, entries };
        let (mut stream, mut model, mut pending) = (Stream::default(), BTreeMap::new(), BTreeMap::new());
        stream.add_group(Group::new(b"group", StreamId::MIN, Some(0)));
        let nth = |model: &BTreeMap<StreamId, Pairs>, at: u64| model.keys().nth(at as usize % model.len().max(1)).copied();
        for step in steps {
            match step {
                Step::Append(ms, seq, pairs) => {
                    let last = stream.figures().last_id;
                    let id = if ms == 0 { StreamId::new(last.ms, last.seq + seq + 1) } else { StreamId::new(last.ms + ms, seq) };
                    prop_assert_eq!(stream.figures().next_id(NewId::Given(id)), Ok(id));
                    prop_assert_eq!(stream.figures().next_id(NewId::Given(last)), Err(AppendError::NotGreater));
                    stream.append(id, &pairs.iter().map(Vec::as_slice).collect::<Vec<_>>(), limits);
                    model.insert(id, pairs);
                }
                Step::Delete(at) => {
                    let ids: Vec<_> = at.iter().filter_map(|at| nth(&model, *at)).collect();
                    let expected = ids.iter().filter(|id| model.remove(id).is_some()).count();
                    prop_assert_eq!(stream.delete(&ids), expected as u64);
                }
                Step::Trim(trim) => {
                    let before = model.len();
                    let trimmed = stream.trim_to(trim, drop) as usize;
                    prop_assert!(trim.limit == 0 || trimmed <= trim.limit as usize);
                    (0..trimmed).for_each(|_| _ = model.pop_first());
                    match trim.threshold {
                        Threshold::Len(len) if !trim.is_approximate => prop_assert_eq!(model.len(), before.min(len as usize)),
                        Threshold::Len(len) => prop_assert!(trimmed == 0 || model.len() >= len as usize),
                        Threshold::Id(id) if !trim.is_approximate => prop_assert!(model.keys().all(|other| *other >= id)),
                        Threshold::Id(_) => {}
                    }
                }
                Step::Deliver(name, count) => {
                    let name = b'a' + name;
                    let (entries, figures, group) = stream.split(b"group").expect("it was added");
                    let (consumer, _) = group.add_consumer(&[name], 5);
                    let mut left = count;
                    let first = group.last_id.next().expect("there are greater ones");
                    entries.walk(first, StreamId::MAX, |entry| {
                        group.advance(entry.id, figures);
                        group.deliver(entry.id, consumer, 7);
                        pending.insert(entry.id, name);
                        left -= 1;
                        if left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
                    });
                }
                Step::Acknowledge(at) => {
                    if let Some(id) = nth(&model, at) {
                        let group = stream.group_mut(b"group").expect("it was added");
                        prop_assert_eq!(group.acknowledge(id), pending.remove(&id).is_some());
                    }
                }
                Step::Claim(name, at) => {
                    if let Some(id) = nth(&model, at) {
                        let group = stream.group_mut(b"group").expect("it was added");
                        let (consumer, _) = group.add_consumer(&[b'a' + name], 5);
                        group.assign(id, Pending { delivered_ms: 9, deliveries: 2, consumer });
                        pending.insert(id, b'a' + name);
                    }
                }
                Step::DeleteConsumer(name) => {
                    let name = b'a' + name;
                    let group = stream.group_mut(b"group").expect("it was added");
                    let removed = group.remove_consumer(&[name]).map_or(0, |consumer| consumer.pending_len());
                    let before = pending.len();
                    pending.retain(|_, owner| *owner != name);
                    prop_assert_eq!(removed, before - pending.len());
                }
            }
            check(&stream, &model, &pending);
        }
        check(&stream.clone(), &model, &pending);
        let copy = rebuilt(&stream);
        check(&copy, &model, &pending);
        prop_assert_eq!(copy.figures(), stream.figures());
        prop_assert!(copy.bytes() <= stream.bytes() + 4096 && stream.effort() > stream.nodes_len());
    }
}

#[test]
fn what_was_read_and_what_is_left_can_be_told_as_long_as_nothing_is_missing() {
    let limits = NodeLimits { bytes: 4096, entries: 100 };
    let mut stream = Stream::default();
    for ms in 1..=5 {
        stream.append(StreamId::new(ms, 0), &[b"f", b"v"], limits);
    }
    let id = |ms| StreamId::new(ms, 0);
    let lag = |stream: &Stream, last, read| stream.figures().lag(id(last), read);
    assert_eq!(
        (lag(&stream, 0, None), lag(&stream, 1, None), lag(&stream, 3, None), lag(&stream, 5, None)),
        (Some(5), Some(4), None, Some(0))
    );
    assert_eq!(lag(&stream, 3, Some(3)), Some(2));
    stream.delete(&[id(4)]);
    assert_eq!((lag(&stream, 3, Some(3)), lag(&stream, 0, Some(0)), lag(&stream, 5, None)), (None, None, Some(0)));
    stream.trim_to(Trim { threshold: Threshold::Id(id(5)), is_approximate: false, limit: 0 }, drop);
    assert_eq!((lag(&stream, 3, Some(3)), lag(&stream, 4, Some(3))), (None, Some(1)));
    stream.delete(&[id(5)]);
    assert_eq!(stream.figures().entries_up_to(id(2)), Some(5));
    assert_eq!((stream.figures().len, stream.figures().first_id), (0, StreamId::MIN));
}
